//! Any bytes are read or refused as a form, and what was read is read the same again.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::Params;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(params) = Params::parse(bytes) {
        assert_eq!(Params::parse(params.encode().as_bytes()), Ok(params));
    }
});
