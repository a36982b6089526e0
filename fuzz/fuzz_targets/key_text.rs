//! Public keys, and private key files.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawn::fuzz_entry::key_text(text));
