//! Products as returned by GetProducts.
//! Start it with its seed:
//! `cargo fuzz run products corpus/products seeds/products`.
#![no_main]

use feeds::FileKind;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| fuzz::feed(FileKind::Products, bytes));
