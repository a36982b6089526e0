//! `spot.json`, the spot price feed.
//! Start it with its seed:
//! `cargo fuzz run spot_feed corpus/spot_feed seeds/spot_feed`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::SpotFeed, bytes));
