//! Savings Plans rates as JSON.
//! Start it with its seed:
//! `cargo fuzz run savings_json corpus/savings_json seeds/savings_json`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SavingsPlans, bytes));
