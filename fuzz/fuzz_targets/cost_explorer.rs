//! Responses of GetCostAndUsage.
//! Start it with its seed:
//! `cargo fuzz run cost_explorer corpus/cost_explorer seeds/cost_explorer`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::CostExplorer, bytes));
