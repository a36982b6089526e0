//! The kernel's tables: no line panics.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawnd::fuzz_entry::kernel_table(text));
