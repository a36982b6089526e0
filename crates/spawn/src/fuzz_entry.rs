//! The fuzz targets of the readers of untrusted text. They must not panic on any bytes.

use console::SettingsFile;

use crate::settings::{SettingsLayer, read_document};
use crate::ssh::{PublicKey, console_host_keys, read_private_key};

/// Reads a `.spawn.yaml`. Panics if a value without a line is kept, or if a guarded key survives
/// in an untrusted file.
pub fn spawn_yaml(text: &str) {
    let file = SettingsFile { path: ".spawn.yaml".into(), text: text.to_string() };
    let Ok(document) = read_document(&file) else { return };
    for layer in document.layers() {
        assert_eq!(layer.harmless().guarded().count(), 0);
        for (_, setting) in SettingsLayer::guarded(layer) {
            assert!(matches!(setting.origin, console::SettingOrigin::File(_, line) if line > 0));
        }
    }
}

/// Reads the host keys in a console output. Panics if a key does not survive a round trip, which
/// would let a line of the console into the file of known hosts.
pub fn console_text(text: &str) {
    for key in console_host_keys(text) {
        let line = key.line();
        assert!(!line.chars().any(char::is_control));
        assert_eq!(PublicKey::parse(&line), Some(key));
    }
}

/// Reads a line as a public key, and a file as a private one. Panics if a public key does not
/// survive a round trip.
pub fn key_text(text: &str) {
    let private = read_private_key(text).and_then(|facts| facts.public);
    for key in PublicKey::parse(text).into_iter().chain(private) {
        assert_eq!(PublicKey::parse(&key.line()), Some(key));
    }
}
