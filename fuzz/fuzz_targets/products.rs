//! Products as returned by GetProducts.
//! Start it with its seed:
//! `cargo fuzz run products corpus/products seeds/products`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::Products, bytes));
