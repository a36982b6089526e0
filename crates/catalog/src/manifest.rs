use serde::{Deserialize, Serialize};

/// The lake format that this version writes. A lake with a higher format is refused.
pub const FORMAT: u32 = 1;

/// One state of a lake: the list of its visible files. A manifest is never edited; the next one
/// replaces it. Gaps in the data are recorded in `collection_run`, not here.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The lake's format, [`FORMAT`] if this version wrote it. Read before the other fields.
    pub format: u32,
    /// Increases by one with each commit; the seed is 0.
    pub number: u64,
    /// The version of the program that wrote it.
    pub tool_version: String,
    /// The time of the commit, RFC 3339 UTC.
    pub written_at: String,
    /// The visible files.
    pub files: Vec<DataFile>,
}

/// A visible Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// The dataset's name.
    pub dataset: String,
    /// The version of the dataset's layout, as in [`crate::Dataset::version`].
    pub version: u32,
    /// The path relative to the lake's root, with `/` between folders.
    pub path: String,
    /// Number of rows.
    pub rows: u64,
    /// Size in bytes.
    pub bytes: u64,
    /// SHA-256 of its bytes, lowercase hex.
    pub sha256: String,
}

impl DataFile {
    /// Returns the run that wrote the file; the result has no meaning for a compacted file. A large
    /// run has several files: `run.parquet`, `run.2.parquet`. A run id contains no dot.
    pub fn run(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    /// Returns the only family of instance types in the file, from the folder `family=…` of its
    /// path. `None` for files that are not limited to one family.
    pub fn family(&self) -> Option<&str> {
        self.path.split('/').find_map(|part| part.strip_prefix("family="))
    }
}
