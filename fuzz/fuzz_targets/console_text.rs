//! Console outputs of instances, which contain host keys.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| spawn::fuzz_entry::console_text(text));
