//! The saved state: a parsed state survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| spawnd::fuzz_entry::state_file(bytes));
