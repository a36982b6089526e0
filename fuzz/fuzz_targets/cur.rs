//! Cost and Usage Reports as CSV.
//! Start it with its seeds:
//! `cargo fuzz run --features bills cur corpus/cur seeds/cur`.
#![no_main]

use catalog::ports::BillLayout;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &[u8]| lake_writer::fuzz_entry::bill(BillLayout::Cur, text));
