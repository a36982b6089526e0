//! Own discounts.
//! Start it with its seed:
//! `cargo fuzz run discount corpus/discount seeds/discount`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::Discount, bytes));
