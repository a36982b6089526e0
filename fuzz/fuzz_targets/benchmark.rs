//! Benchmark results.
//! Start it with its seed:
//! `cargo fuzz run benchmark corpus/benchmark seeds/benchmark`.
#![no_main]

use feeds::FeedKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FeedKind::Benchmark, bytes));
