//! Folders of `column=value` with the files in them, as Hive, Spark and DuckDB read them.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use catalog::ports::Encode;
use catalog::{Field, Page, Value};
use console::{Failure, Format, Printer};

use crate::shelf::Synced;

/// Folders that a partitioned export may have.
const PARTITIONS: usize = 1024;

/// Rows that a partitioned export holds in memory before the largest part of them is written.
const HELD: usize = 1_000_000;

/// Rows by the values of the columns that part them.
pub(crate) struct Partitions<'a> {
    folder: PathBuf,
    by: &'a [String],
    format: Format,
    printer: &'a Printer,
    encode: &'a dyn Encode,
    held: BTreeMap<PathBuf, Page>,
    files: BTreeMap<PathBuf, usize>,
}

impl<'a> Partitions<'a> {
    /// Parts below this new folder. The printer says which columns are kept.
    pub(crate) fn new(
        folder: &Path,
        by: &'a [String],
        format: Format,
        printer: &'a Printer,
        encode: &'a dyn Encode,
    ) -> Result<Partitions<'a>, Failure> {
        fs::create_dir(folder).map_err(|e| unwritten(folder, e))?;
        let (held, files) = (BTreeMap::new(), BTreeMap::new());
        Ok(Partitions { folder: folder.to_path_buf(), by, format, printer, encode, held, files })
    }

    /// Takes rows; writes parts of them where too many are held.
    pub(crate) fn add(&mut self, page: Page) -> Result<(), Failure> {
        let keys: Vec<usize> = self.by.iter().map(|name| key(&page, name)).collect::<Result<_, _>>()?;
        if keys.len() >= page.fields.len() {
            return Err(Failure::usage("a partition needs at least one column that does not part"));
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
            return Err(Failure::usage(format!(
                "the columns {by} have more than {PARTITIONS} values together"
            ))
            .hint("part by a column with fewer values, such as region"));
        }
        while self.held.values().map(|page| page.rows.len()).sum::<usize>() > HELD {
            let largest =
                self.held.iter().max_by_key(|(_, page)| page.rows.len()).map(|(path, _)| path.clone());
            self.write(&largest.expect("rows are held"))?;
        }
        Ok(())
    }

    /// Writes the rows that are still held.
    pub(crate) fn finish(mut self) -> Result<(), Failure> {
        let paths: Vec<PathBuf> = self.held.keys().cloned().collect();
        paths.iter().try_for_each(|path| self.write(path))
    }

    fn write(&mut self, part: &Path) -> Result<(), Failure> {
        let Some(held) = self.held.get_mut(part).filter(|page| !page.rows.is_empty()) else { return Ok(()) };
        let page = Page { fields: held.fields.clone(), rows: std::mem::take(&mut held.rows) };
        let folder = self.folder.join(part);
        fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, e))?;
        let number = self.files.entry(part.to_path_buf()).or_default();
        let path = folder.join(format!("{PART}{number}.{}", self.format));
        *number += 1;
        let file = File::create(&path).map_err(|e| unwritten(&path, e))?;
        let mut to_file = self.printer.to_file(self.format, Box::new(Synced::new(file)));
        let mut stream = to_file.stream(self.encode);
        stream.page(page)?;
        stream.finish().map(|_| ())
    }
}

/// What the files' names begin with.
const PART: &str = "part-";

/// The first entry of a folder that no partitioned export would have made: only such folders may be
/// replaced as a whole.
pub(crate) fn stranger(folder: &Path) -> io::Result<Option<PathBuf>> {
    foreign(folder, false)
}

fn foreign(folder: &Path, below: bool) -> io::Result<Option<PathBuf>> {
    let mut entries = fs::read_dir(folder)?.collect::<io::Result<Vec<_>>>()?;
    entries.sort_by_key(|entry| entry.file_name());
    for entry in entries {
        let (name, kind) = (entry.file_name(), entry.file_type()?);
        let name = name.to_string_lossy();
        let found = if kind.is_dir() && name.contains('=') {
            foreign(&entry.path(), true)?
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

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

fn key(page: &Page, name: &str) -> Result<usize, Failure> {
    page.position(name).ok_or_else(|| {
        let names: Vec<&str> = page.fields.iter().map(|f| f.name.as_str()).collect();
        Failure::usage(format!("there is no column \"{name}\" to part by"))
            .hint(format!("the columns are {}", names.join(", ")))
    })
}

/// A column and its value as a folder's name.
fn folder_name(column: &str, value: &Value) -> String {
    let value = match value {
        Value::Null => "__HIVE_DEFAULT_PARTITION__".into(),
        Value::Text(text) => escaped(text),
        other => escaped(catalog::json_text(other).trim_matches('"')),
    };
    format!("{}={value}", escaped(column))
}

/// Hive's escapes. No slash is left in a column's name or value, so nothing leaves the folder.
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
    fn columns_and_values_as_folder_names() {
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
    fn only_what_an_export_makes_is_known() {
        let check = |paths: &[&str], expected: Option<&str>| {
            let folder = tempfile::tempdir().unwrap();
            for path in paths {
                let path = folder.path().join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, "").unwrap();
            }
            let found = stranger(folder.path()).unwrap();
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
