//! Forms: any bytes are parsed or rejected, and a parsed form survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::Params;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(params) = Params::parse(bytes) {
        assert_eq!(Params::parse(params.encode().as_bytes()), Ok(params));
    }
});
