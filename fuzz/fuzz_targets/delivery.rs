//! Manifests of bills in S3, and the keys beside them.
//! Start it with its seeds:
//! `cargo fuzz run delivery corpus/delivery seeds/delivery`.
#![no_main]

use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let named = feeds::read_manifest(bytes).map(|delivery| delivery.keys).unwrap_or_default();
    let typed = String::from_utf8_lossy(bytes).into_owned();
    for key in named.iter().chain([&typed]) {
        if let Some(place) = feeds::parse_key(key) {
            assert!(key.starts_with(place.folder) && place.folder.starts_with(place.export), "{key:?}: {place:?}");
            assert!(place.month.is_none_or(|month| feeds::is_month(&month)), "{key:?}");
        }
    }
});
