use serde::{Deserialize, Serialize};

/// The format of lakes that this version writes. A lake with a higher one is refused.
pub const FORMAT: u32 = 1;

/// One state of a lake: every visible file. A manifest is never edited; the next one replaces it. What could
/// not be seen is no part of it: `collection_run` says that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// The lake's format, [`FORMAT`] when written by this version. Read before anything else.
    pub format: u32,
    /// Counts up by one from commit to commit; the seed is 0.
    pub number: u64,
    /// The version of the tool that wrote it.
    pub tool_version: String,
    /// When it was written, RFC 3339 UTC.
    pub written_at: String,
    /// The visible files.
    pub files: Vec<DataFile>,
}

/// A visible Parquet file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DataFile {
    /// Its dataset.
    pub dataset: String,
    /// The version of the dataset's layout, as in [`crate::Dataset::version`].
    pub version: u32,
    /// Where it is, relative to the lake's root, `/` between folders.
    pub path: String,
    /// Rows in it.
    pub rows: u64,
    /// Bytes of it.
    pub bytes: u64,
    /// SHA-256 of its bytes, lowercase hex.
    pub sha256: String,
}

impl DataFile {
    /// The run that it is of, unless others were folded into it. A large run has several files: `run.parquet`,
    /// `run.2.parquet`; no run's id has a dot in it.
    pub fn run(&self) -> &str {
        let name = self.path.rsplit('/').next().unwrap_or_default();
        name.split('.').next().unwrap_or_default()
    }

    /// The family of instance types that the file holds, and no other: a folder of its path says it. None for
    /// files that hold whatever a run brought.
    pub fn family(&self) -> Option<&str> {
        self.path.split('/').find_map(|part| part.strip_prefix("family="))
    }
}
