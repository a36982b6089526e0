//! The fuzz targets of the readers of untrusted text. They must not panic on any bytes.

use console::SettingsFile;

use crate::settings::{SettingsLayer, read_document};

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
