//! The spot advisor.
//! Start it with its seed:
//! `cargo fuzz run advisor corpus/advisor seeds/advisor`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SpotAdvisor, bytes));
