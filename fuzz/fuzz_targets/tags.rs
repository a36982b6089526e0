//! Tags: any text is parsed or rejected, and a parsed tag survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use domain::parse_span;
use lifecycle::tag::{ExpiryTag, HeartbeatTag, PredecessorTags, decode_cap, encode_cap};

fuzz_target!(|text: &str| {
    if let Ok(read) = ExpiryTag::decode(text) {
        let again = ExpiryTag::decode(&read.encode()).expect("an encoded tag is decoded");
        assert_eq!(again.encode(), read.encode());
    }
    if let Ok(cap) = decode_cap(text) {
        assert_eq!(decode_cap(&encode_cap(cap)).map(|cap| cap.as_second()), Ok(cap.as_second()));
    }
    if let Ok(read) = HeartbeatTag::decode(text) {
        assert_eq!(read.encode(), text);
        assert!(read.begins() < read.at && read.idle_since.is_none_or(|since| since <= read.at));
    }
    let _ = parse_span(text);
    let _ = PredecessorTags::read(|_| Some(text.to_string()));
});
