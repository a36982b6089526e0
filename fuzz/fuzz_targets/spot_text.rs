//! Spot price history as CSV or TSV.
//! Start it with its seed:
//! `cargo fuzz run spot_text corpus/spot_text seeds/spot_text`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SpotHistory, bytes));
