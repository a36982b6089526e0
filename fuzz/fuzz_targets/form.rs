//! Forms: any bytes are parsed or rejected, and a parsed form survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use sandbox::QueryParams;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(params) = QueryParams::parse(bytes) {
        assert_eq!(QueryParams::parse(params.encode().as_bytes()), Ok(params));
    }
});
