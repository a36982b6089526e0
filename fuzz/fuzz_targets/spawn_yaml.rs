//! Settings of launches: any text is read or refused with a line.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawn::fuzz_entry::spawn_yaml(text));
