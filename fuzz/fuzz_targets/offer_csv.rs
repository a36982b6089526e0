//! Price lists as CSV.
//! Start it with its seed:
//! `cargo fuzz run offer_csv corpus/offer_csv seeds/offer_csv`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::PriceList, bytes));
