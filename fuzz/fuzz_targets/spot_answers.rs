//! Responses of DescribeSpotPriceHistory.
//! Start it with its seed:
//! `cargo fuzz run spot_answers corpus/spot_answers seeds/spot_answers`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SpotPriceApi, bytes));
