//! Lines that are sent to the socket.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawnd::fuzz_entry::question(text));
