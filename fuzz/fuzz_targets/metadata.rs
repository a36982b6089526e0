//! Responses of the metadata service.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawnd::fuzz_entry::metadata(text));
