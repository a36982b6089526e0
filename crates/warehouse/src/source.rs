//! The input of a warehouse.

use std::path::PathBuf;

use catalog::{DataFile, Manifest};
use serde::{Deserialize, Serialize};

/// A folder of Parquet files, and the manifest that lists the visible ones.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WarehouseSource {
    /// The folder.
    pub root: PathBuf,
    /// The manifest.
    pub manifest: Manifest,
}

impl WarehouseSource {
    /// Returns a file's path as DuckDB gets it.
    pub(crate) fn path(&self, file: &DataFile) -> String {
        self.root.join(&file.path).to_string_lossy().into_owned()
    }
}
