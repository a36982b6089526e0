//! Partitioned exports: folders `column=value` with files, in the layout of Hive, Spark and DuckDB.

#![allow(clippy::disallowed_methods, reason = "partitions are folders")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use catalog::ports::Encode;
use catalog::{Field, Page, Value};
use console::{Failure, OutputFormat, Printer};
use durable::{SHARED, TemporaryFile};

/// Maximum number of folders of a partitioned export.
const PARTITIONS: usize = 1024;

/// Maximum number of rows in memory; beyond it, the largest partition is written.
const HELD: usize = 1_000_000;

/// Writer of a partitioned export. It buffers rows by the values of the partition columns.
pub(crate) struct PartitionWriter<'a> {
    folder: PathBuf,
    by: &'a [String],
    format: OutputFormat,
    printer: &'a Printer,
    encode: &'a dyn Encode,
    held: BTreeMap<PathBuf, Page>,
    files: BTreeMap<PathBuf, usize>,
}

impl<'a> PartitionWriter<'a> {
    /// Returns a writer into an existing folder. `printer` selects the columns to write.
    pub(crate) fn new(
        folder: &Path,
        by: &'a [String],
        format: OutputFormat,
        printer: &'a Printer,
        encode: &'a dyn Encode,
    ) -> PartitionWriter<'a> {
        let (held, files) = (BTreeMap::new(), BTreeMap::new());
        PartitionWriter { folder: folder.to_path_buf(), by, format, printer, encode, held, files }
    }

    /// Adds rows, and writes partitions while too many rows are in memory.
    pub(crate) fn add(&mut self, page: Page) -> Result<(), Failure> {
        let keys: Vec<usize> = self.by.iter().map(|name| key(&page, name)).collect::<Result<_, _>>()?;
        if keys.len() >= page.fields.len() {
            return Err(Failure::usage("--partition-by leaves no column to write"));
        }
        let kept: Vec<usize> = (0..page.fields.len()).filter(|at| !keys.contains(at)).collect();
        let fields: Vec<Field> = kept.iter().map(|at| page.fields[*at].clone()).collect();
        for row in page.rows {
            let path = keys.iter().zip(self.by).map(|(at, name)| folder_name(name, &row[*at])).collect();
            let part =
                self.held.entry(path).or_insert_with(|| Page { fields: fields.clone(), rows: Vec::new() });
            part.rows.push(kept.iter().map(|at| row[*at].clone()).collect());
        }
        if self.held.len() > PARTITIONS {
            let by = self.by.join(", ");
            return Err(Failure::usage(format!("--partition-by {by} makes more than {PARTITIONS} folders"))
                .hint("choose a column with fewer values, such as --partition-by region"));
        }
        while self.held.values().map(|page| page.rows.len()).sum::<usize>() > HELD {
            let largest =
                self.held.iter().max_by_key(|(_, page)| page.rows.len()).map(|(path, _)| path.clone());
            self.write(&largest.expect("rows are in memory"))?;
        }
        Ok(())
    }

    /// Writes the rows that are still in memory.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let paths: Vec<PathBuf> = self.held.keys().cloned().collect();
        paths.iter().try_for_each(|path| self.write(path))
    }

    fn write(&mut self, part: &Path) -> Result<(), Failure> {
        let Some(held) = self.held.get_mut(part).filter(|page| !page.rows.is_empty()) else { return Ok(()) };
        let page = Page { fields: held.fields.clone(), rows: std::mem::take(&mut held.rows) };
        let folder = self.folder.join(part);
        fs::create_dir_all(&folder).map_err(|e| write_failure(&folder, e))?;
        let number = self.files.entry(part.to_path_buf()).or_default();
        let path = folder.join(format!("{PART}{number}.{}", self.format));
        *number += 1;
        let file = TemporaryFile::create(&path, SHARED).map_err(|e| write_failure(&path, e))?;
        let out = file.file().try_clone().map_err(|e| write_failure(&path, e))?;
        let mut to_file = self.printer.to_file(self.format, Box::new(BufWriter::with_capacity(1 << 20, out)));
        let mut stream = to_file.stream(self.encode);
        stream.page(page)?;
        stream.finish()?;
        file.commit().map_err(|e| write_failure(&path, e))
    }
}

/// Prefix of the file names.
const PART: &str = "part-";

/// Returns the first entry of a folder that a partitioned export does not write. A folder with such
/// an entry must not be replaced.
pub(crate) fn find_foreign_entry(folder: &Path) -> io::Result<Option<PathBuf>> {
    find_foreign_entry_in(folder, false)
}

fn find_foreign_entry_in(folder: &Path, below: bool) -> io::Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        let found = if kind.is_dir() && name.contains('=') {
            find_foreign_entry_in(&entry.path(), true)?
        } else {
            let ours = below && kind.is_file() && name.starts_with(PART);
            (!ours).then(|| entry.path())
        };
        if found.is_some() {
            return Ok(found);
        }
    }
    Ok(None)
}

fn write_failure(path: &Path, error: io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

fn key(page: &Page, name: &str) -> Result<usize, Failure> {
    page.position(name).ok_or_else(|| {
        let names: Vec<&str> = page.fields.iter().map(|f| f.name.as_str()).collect();
        Failure::usage(format!("--partition-by: unknown column \"{name}\""))
            .hint(format!("columns: {}", names.join(", ")))
    })
}

/// Formats a column and its value as a folder name.
fn folder_name(column: &str, value: &Value) -> String {
    let value = match value {
        Value::Null => "__HIVE_DEFAULT_PARTITION__".into(),
        Value::Text(text) => escaped(text),
        other => escaped(catalog::json_text(other).trim_matches('"')),
    };
    format!("{}={value}", escaped(column))
}

/// Escapes text as Hive does. No slash remains, so no path leaves the folder.
fn escaped(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folder_names_are_escaped() {
        let check = |column: &str, value: Value, expected: &str| {
            assert_eq!(folder_name(column, &value), expected);
        };
        check("region", "us-east-1".into(), "region=us-east-1");
        check("a", "a/b=c".into(), "a=a%2Fb%3Dc");
        check("a", "..".into(), "a=..");
        check("../../x", 7.into(), "..%2F..%2Fx=7");
        check("a=b", Value::Null, "a%3Db=__HIVE_DEFAULT_PARTITION__");
        check("at", Value::Timestamp("2025-03-02T00:00:00Z".parse().unwrap()), "at=2025-03-02T00%3A00%3A00Z");
    }

    #[test]
    fn finds_files_that_no_export_wrote() {
        let check = |paths: &[&str], expected: Option<&str>| {
            let folder = tempfile::tempdir().unwrap();
            for path in paths {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let found = find_foreign_entry(folder.path()).unwrap();
            assert_eq!(found, expected.map(|name| folder.path().join(name)), "{paths:?}");
        };
        check(&[], None);
        check(&["region=a/part-0.parquet", "region=b/os=c/part-1.csv"], None);
        check(&["region=a/part-0.parquet", "notes.txt"], Some("notes.txt"));
        check(&["part-0.parquet"], Some("part-0.parquet"));
        check(&["region=a/part-0.parquet", "region=a/thesis.tex"], Some("region=a/thesis.tex"));
        check(&["region=a/more/part-0.parquet"], Some("region=a/more"));
    }
}
