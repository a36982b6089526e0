//! Ranges: any text is parsed or rejected, and a parsed range survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use truffle::range::{RangeBound, MemorySize, ValueRange, MemoryRatio};

fn check<T: RangeBound + std::fmt::Debug>(text: &str) {
    if let Ok(range) = text.parse::<ValueRange<T>>() {
        assert_eq!(range.to_string().parse(), Ok(range));
    }
}

fuzz_target!(|text: &str| {
    check::<i64>(text);
    check::<f64>(text);
    check::<MemorySize>(text);
    check::<MemoryRatio>(text);
});
