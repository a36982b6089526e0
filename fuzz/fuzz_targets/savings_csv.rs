//! Savings Plans rates as CSV.
//! Start it with its seed:
//! `cargo fuzz run savings_csv corpus/savings_csv seeds/savings_csv`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SavingsPlans, bytes));
