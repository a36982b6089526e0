//! Price lists as JSON.
//! Start it with its seed:
//! `cargo fuzz run offer_json corpus/offer_json seeds/offer_json`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::PriceList, bytes));
