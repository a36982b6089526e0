use std::collections::HashSet;

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

impl Manifest {
    /// Checks that this is manifest `number`, that each file is listed once and in its place, and
    /// that the sums of all rows and bytes fit 63 bits. The error is a lowercase fragment.
    pub fn check(&self, number: u64) -> Result<(), String> {
        // The next commit adds one.
        if self.number != number || number >= i64::MAX as u64 {
            return Err(format!("the manifest {number} calls itself {}", self.number));
        }
        let mut paths = HashSet::new();
        let (mut rows, mut bytes) = (0_i64, 0_i64);
        for file in &self.files {
            file.check_path()?;
            if !paths.insert(file.path.as_str()) {
                return Err(format!("its manifest lists {} twice", file.path));
            }
            let absurd = || format!("its manifest has an absurd size for {}", file.path);
            rows = rows.checked_add_unsigned(file.rows).ok_or_else(absurd)?;
            bytes = bytes.checked_add_unsigned(file.bytes).ok_or_else(absurd)?;
        }
        Ok(())
    }
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

    /// Checks that the path is one that a lake gives to a file of this dataset:
    /// `lake/<dataset>/v=<version>/<name>.parquet`, or the same in a folder `family=<family>`,
    /// `month=<month>` or `sums=<month>`. So it never leads out of the lake, and has no character
    /// with a meaning in SQL or in a pattern. The error is a lowercase fragment.
    pub fn check_path(&self) -> Result<(), String> {
        let wrong = || format!("{:?} is not a path of a file of {:?}", self.path, self.dataset);
        let folder = format!("lake/{}/v={}/", self.dataset, self.version);
        let name = self.path.strip_prefix(&folder).and_then(|name| name.strip_suffix(".parquet"));
        let parts: Vec<&str> = name.ok_or_else(wrong)?.split('/').collect();
        let is_named = match parts[..] {
            [name] => is_plain_name(name),
            [folder, name] => {
                let value = PARTITIONS.iter().find_map(|key| folder.strip_prefix(key));
                value.is_some_and(is_plain_name) && is_plain_name(name)
            }
            _ => false,
        };
        if is_named && is_plain_name(&self.dataset) { Ok(()) } else { Err(wrong()) }
    }

    /// Returns the only family of instance types in the file, from the folder `family=…` of its
    /// path. `None` for files that are not limited to one family.
    pub fn family(&self) -> Option<&str> {
        self.path.split('/').find_map(|part| part.strip_prefix(PARTITIONS[0]))
    }

    /// Returns the only billing month in the file, such as `2026-11`, from the folder `month=…` of
    /// its path. Such a file also has a column for each frequent tag; see [`crate::tag_column`].
    /// `None` for files in the layout of version 0.1, which have the lines of all months of an
    /// import, and for files of daily sums.
    pub fn month(&self) -> Option<&str> {
        self.path.split('/').find_map(|part| part.strip_prefix(PARTITIONS[1]))
    }

    /// Returns whether the file has daily sums of the bill lines of another file, and no lines.
    pub fn is_daily_sums(&self) -> bool {
        self.month_of_sums().is_some()
    }

    /// Returns the billing month of daily sums, from the folder `sums=…` of the path.
    pub fn month_of_sums(&self) -> Option<&str> {
        self.path.split('/').find_map(|part| part.strip_prefix(PARTITIONS[2]))
    }

    /// Returns the number of the dataset's rows in the file: none in daily sums, which repeat those
    /// of another file.
    pub fn own_rows(&self) -> u64 {
        if self.is_daily_sums() { 0 } else { self.rows }
    }

    /// Returns the path of the daily sums of a file with the bill lines of one month. A month of
    /// few lines has no such file.
    pub fn daily_sums_path(&self) -> String {
        self.path.replacen(&format!("/{}", PARTITIONS[1]), &format!("/{}", PARTITIONS[2]), 1)
    }
}

/// The first parts of the names of folders whose files have one value of a key: a family of
/// instance types, the billing month of lines, and the billing month of daily sums.
pub const PARTITIONS: [&str; 3] = ["family=", "month=", "sums="];

/// The column with the tags of a line that have no column in its file: a JSON object of texts, or
/// null.
pub const OTHER_TAGS: &str = "other_tags";

/// The column with the entries of `extra` that have no column in their file: a JSON object of
/// texts, or null.
pub const OTHER_EXTRA: &str = "other_extra";

/// Returns whether a name has letters, digits, `-`, `_` and single dots, and begins with a letter
/// or a digit.
fn is_plain_name(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && !name.contains("..")
        && name.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(dataset: &str, path: &str) -> DataFile {
        DataFile {
            dataset: dataset.into(),
            version: 1,
            path: path.into(),
            rows: 1,
            bytes: 1,
            sha256: String::new(),
        }
    }

    #[test]
    fn a_path_stays_in_the_folder_of_its_dataset() {
        let check = |dataset: &str, path: &str, expected: bool| {
            assert_eq!(file(dataset, path).check_path().is_ok(), expected, "{path}");
        };
        check("price", "lake/price/v=1/price-20260101.2.parquet", true);
        check("price", "lake/price/v=1/a.without-7.parquet", true);
        check("spot_price", "lake/spot_price/v=1/family=u7in-16tb/compacted-3.parquet", true);
        check("charge", "lake/charge/v=1/month=2026-11/bill-5d41402a.parquet", true);
        check("charge", "lake/charge/v=1/sums=2026-11/bill-5d41402a.2.parquet", true);
        check("charge", "lake/charge/v=1/month=/bill-5d41402a.parquet", false);
        check("of_a_later_version", "lake/of_a_later_version/v=1/a.parquet", true);
        check("price", "lake/price/v=2/a.parquet", false);
        check("price", "lake/offering/v=1/a.parquet", false);
        check("price", "/lake/price/v=1/a.parquet", false);
        check("price", "../price/v=1/a.parquet", false);
        check("price", "lake/price/v=1/../../../a.parquet", false);
        check("price", "lake/price/v=1/..parquet", false);
        check("price", "lake/price/v=1/.a.parquet", false);
        check("price", "lake/price/v=1/*.parquet", false);
        check("price", "lake/price/v=1/it's.parquet", false);
        check("price", "lake/price/v=1/a\n.parquet", false);
        check("price", "lake/price/v=1/a/b.parquet", false);
        check("price", "lake/price/v=1/family=../b.parquet", false);
        check("price", "lake/price/v=1/family=/b.parquet", false);
        check("price", "lake/price/v=1/a.sh", false);
        check("..", "lake/../v=1/a.parquet", false);
        check("", "lake//v=1/a.parquet", false);
        check("x'; DROP", "lake/x'; DROP/v=1/a.parquet", false);
    }

    #[test]
    fn the_sums_of_a_month_stand_beside_its_lines() {
        let lines = file("charge", "lake/charge/v=4/month=2026-11/bill-1.2.parquet");
        let sums = file("charge", &lines.daily_sums_path());
        assert_eq!(sums.path, "lake/charge/v=4/sums=2026-11/bill-1.2.parquet");
        assert!(sums.is_daily_sums() && sums.month().is_none() && !lines.is_daily_sums());
        assert_eq!((sums.run(), sums.run()), (lines.run(), "bill-1"));
    }

    #[test]
    fn a_manifest_with_absurd_numbers_is_refused() {
        let check = |change: &dyn Fn(&mut Manifest), expected: &str| {
            let files = ["a", "b"].map(|name| file("price", &format!("lake/price/v=1/{name}.parquet")));
            let (tool_version, written_at) = (String::new(), String::new());
            let mut manifest =
                Manifest { format: 1, number: 7, tool_version, written_at, files: files.to_vec() };
            change(&mut manifest);
            let found = manifest.check(7).err().unwrap_or_default();
            assert!(found.contains(expected) && found.is_empty() == expected.is_empty(), "{found}");
        };
        check(&|_| (), "");
        check(&|manifest| manifest.number = 8, "the manifest 7 calls itself 8");
        check(&|manifest| manifest.files[0].rows = u64::MAX, "absurd size for lake/price/v=1/a.parquet");
        check(&|manifest| manifest.files[1].bytes = 1 << 63, "absurd size for lake/price/v=1/b.parquet");
        check(
            &|manifest| manifest.files.iter_mut().for_each(|file| file.rows = 1 << 62),
            "absurd size for lake/price/v=1/b.parquet",
        );
        check(&|manifest| manifest.files[1].path = manifest.files[0].path.clone(), "lists lake/price");
    }
}
