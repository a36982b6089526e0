//! The saved state: what is understood is saved and read back the same.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| spawnd::strangers::state_file(bytes));
