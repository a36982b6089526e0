//! Files of the login manager and of Jupyter.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| spawnd::fuzz_entry::session_file(bytes));
