//! Questions in words: any text is parsed or rejected, and a parsed question survives a round trip.
#![no_main]

use libfuzzer_sys::fuzz_target;
use truffle::words::{SearchVocabulary, read};

fuzz_target!(|text: String| {
    let vocabulary = SearchVocabulary::new(&[]);
    if let Ok(understood) = read(&[text], &vocabulary) {
        let again = read(&[understood.to_string()], &vocabulary);
        assert_eq!(again, Ok(understood));
    }
});
