//! utmp files, parsed in both layouts.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| spawnd::fuzz_entry::accounting(bytes));
