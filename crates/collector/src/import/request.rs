//! A checked import of local files.

use std::path::PathBuf;

use domain::Timestamp;

use super::kind::ImportKind;

/// A checked import of local files.
pub(super) struct ImportRequest<'a> {
    pub(super) kind: ImportKind,
    pub(super) paths: &'a [PathBuf],
    pub(super) observed_at: Option<Timestamp>,
    pub(super) whole: bool,
    pub(super) partial: bool,
    /// The accounts of a bill; `all` alone for all.
    pub(super) covers: &'a [String],
    pub(super) account: Option<&'a str>,
    pub(super) dry_run: bool,
}

impl ImportRequest<'_> {
    /// Returns the part of the run's name that stands beside the digest of the files. The same
    /// bytes with another time, completeness or account are another run.
    pub(super) fn name(&self) -> String {
        let mut name = self.kind.word();
        if let Some(at) = self.observed_at {
            name += &format!("-{}", at.as_microsecond());
        }
        for (said, word) in [(self.whole, "-whole"), (self.partial, "-partial")] {
            name += if said { word } else { "" };
        }
        if let Some(account) = self.account {
            name += &format!("-{account}");
        }
        name
    }
}
