use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use catalog::ports::{Encode, Query};
use catalog::{Field, Page, Value};
use clap::Args;
use console::{Exit, Failure, Format, Printer};

use crate::Ports;
use crate::commands::query::{Bounds, interruptible};
use crate::commands::schema::find;
use crate::shelf::beside;

/// Folders that a partitioned export may have.
const PARTITIONS: usize = 1024;

/// Rows that a partitioned export holds in memory before the largest part of them is written.
const HELD: usize = 1_000_000;

/// Write a table, or what a statement answers, to a file for Jupyter, Spark or a spreadsheet.
///
/// Parquet and Arrow keep the types; CSV and NDJSON are there too. The file appears when it is whole.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Table to write
    #[arg(required_unless_present = "query", conflicts_with = "query")]
    pub table: Option<String>,
    /// Write what this SELECT answers instead
    #[arg(long, value_name = "SQL")]
    pub query: Option<String>,
    /// File to write; with --partition-by a folder
    #[arg(long = "to", value_name = "PATH")]
    pub to: PathBuf,
    /// Format; when left out, the one that the file's name ends in
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write one folder per value of these columns, as Hive, Spark and DuckDB read them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', conflicts_with = "columns")]
    pub partition_by: Vec<String>,
    /// Replace what is there
    #[arg(long)]
    pub replace: bool,
    /// Say what would be written, and write nothing
    #[arg(long)]
    pub dry_run: bool,
    /// Rows at most; 0 is all
    #[arg(long, value_name = "ROWS", default_value_t = 0)]
    pub limit: u64,
    /// What the statement may use.
    #[command(flatten)]
    pub bounds: Bounds,
}

/// Runs `truffle export`.
pub fn run_export(args: &ExportArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let format = format(args)?;
    check_target(args)?;
    let query = args.bounds.query(&statement(args, ports)?, args.limit);
    if args.dry_run {
        let what = args.table.as_deref().unwrap_or("what the statement answers");
        printer.note(&format!(
            "would write {what} to {} as {format} (dry run: nothing was written)",
            args.to.display()
        ));
        return Ok(Exit::Done);
    }
    let passing = beside(&args.to, "tmp");
    let written = write(args, &query, format, &passing, ports, printer);
    let written = written.and_then(|rows| publish(&passing, &args.to).map(|()| rows));
    if written.is_err() {
        remove(&passing);
    }
    let rows = written?;
    let (files, bytes) = read_back(&args.to, format)?;
    let files = if files == 1 { "one file".to_string() } else { format!("{files} files") };
    let rows = if rows == 1 { "one row".to_string() } else { format!("{rows} rows") };
    printer.note(&format!("{rows}, {files}, {bytes} bytes in {}", args.to.display()));
    Ok(Exit::Done)
}

fn format(args: &ExportArgs) -> Result<Format, Failure> {
    let ending = args.to.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let format = match (args.format, ending) {
        (Some(format), _) => format,
        (None, "jsonl") => Format::Ndjson,
        (None, "feather") => Format::Arrow,
        (None, "") => Format::Parquet,
        (None, ending) => ending.parse().map_err(|_| {
            Failure::usage(format!("no format is known by the ending .{ending}"))
                .hint("name it with --format parquet, csv, ndjson or arrow")
        })?,
    };
    match format {
        Format::Parquet | Format::Arrow | Format::Csv | Format::Ndjson => Ok(format),
        other => Err(Failure::usage(format!(
            "an export cannot be {other}: parquet, csv, ndjson or arrow is expected"
        ))
        .hint("truffle query prints tables, json and yaml")),
    }
}

fn check_target(args: &ExportArgs) -> Result<(), Failure> {
    if args.to.exists() && !args.replace {
        return Err(Failure::usage(format!("{} is there already", args.to.display()))
            .hint("choose another name, or replace it with --replace"));
    }
    let folder = args.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display())).hint("make it first"));
    }
    Ok(())
}

fn statement(args: &ExportArgs, ports: &Ports<'_>) -> Result<String, Failure> {
    match (&args.table, &args.query) {
        (_, Some(sql)) => Ok(sql.clone()),
        (Some(name), None) => {
            let tables = ports.ask.tables().map_err(|e| crate::failure(e, &ports.settings.lake.value))?;
            // The name is one of ours from here on.
            Ok(format!("FROM {}", find(&tables, name)?.name))
        }
        (None, None) => unreachable!("clap asks for one of them"),
    }
}

fn write(
    args: &ExportArgs,
    query: &Query,
    format: Format,
    passing: &Path,
    ports: &Ports<'_>,
    printer: &Printer,
) -> Result<u64, Failure> {
    if args.partition_by.is_empty() {
        let file = File::create(passing).map_err(|e| unwritten(passing, e))?;
        let mut to_file = printer.to_file(format, Box::new(Synced::new(file)));
        let ended = crate::commands::query::stream(query, &interruptible()?, ports, &mut to_file)?;
        return Ok(ended.rows);
    }
    fs::create_dir(passing).map_err(|e| unwritten(passing, e))?;
    let mut partitions = Partitions {
        folder: passing.to_path_buf(),
        by: args.partition_by.clone(),
        format,
        printer,
        encode: ports.encode,
        held: BTreeMap::new(),
        files: BTreeMap::new(),
    };
    let mut failed = None;
    let ended = ports.ask.query(query, &interruptible()?, &mut |page| {
        partitions.add(page).map_err(|failure| {
            let text = failure.message.clone();
            failed = Some(failure);
            text
        })
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    let ended = ended.map_err(|error| crate::failure(error, &ports.settings.lake.value))?;
    partitions.write_all()?;
    Ok(ended.rows)
}

/// A file that is on the disk when it is flushed.
struct Synced(BufWriter<File>);

impl Synced {
    fn new(file: File) -> Synced {
        Synced(BufWriter::with_capacity(1 << 20, file))
    }
}

impl Write for Synced {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()?;
        self.0.get_ref().sync_all()
    }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

/// Rows by the values of the columns that part them.
struct Partitions<'a> {
    folder: PathBuf,
    by: Vec<String>,
    format: Format,
    printer: &'a Printer,
    encode: &'a dyn Encode,
    held: BTreeMap<PathBuf, Page>,
    files: BTreeMap<PathBuf, usize>,
}

impl Partitions<'_> {
    fn add(&mut self, page: Page) -> Result<(), Failure> {
        let keys: Vec<usize> = self.by.iter().map(|name| key(&page, name)).collect::<Result<_, _>>()?;
        if keys.len() >= page.fields.len() {
            return Err(Failure::usage("a partition needs at least one column that does not part"));
        }
        let kept: Vec<usize> = (0..page.fields.len()).filter(|at| !keys.contains(at)).collect();
        let fields: Vec<Field> = kept.iter().map(|at| page.fields[*at].clone()).collect();
        for row in page.rows {
            let path =
                keys.iter().zip(&self.by).map(|(at, name)| format!("{name}={}", hive(&row[*at]))).collect();
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

    fn write_all(&mut self) -> Result<(), Failure> {
        let paths: Vec<PathBuf> = self.held.keys().cloned().collect();
        paths.iter().try_for_each(|path| self.write(path))
    }

    fn write(&mut self, part: &Path) -> Result<(), Failure> {
        let Some(held) = self.held.get_mut(part).filter(|page| !page.rows.is_empty()) else { return Ok(()) };
        let page = Page { fields: held.fields.clone(), rows: std::mem::take(&mut held.rows) };
        let folder = self.folder.join(part);
        fs::create_dir_all(&folder).map_err(|e| unwritten(&folder, e))?;
        let number = self.files.entry(part.to_path_buf()).or_default();
        let path = folder.join(format!("part-{number}.{}", self.format));
        *number += 1;
        let file = File::create(&path).map_err(|e| unwritten(&path, e))?;
        let mut to_file = self.printer.to_file(self.format, Box::new(Synced::new(file)));
        let mut stream = to_file.stream(self.encode);
        stream.page(page)?;
        stream.finish().map(|_| ())
    }
}

fn key(page: &Page, name: &str) -> Result<usize, Failure> {
    page.position(name).ok_or_else(|| {
        let names: Vec<&str> = page.fields.iter().map(|f| f.name.as_str()).collect();
        Failure::usage(format!("there is no column \"{name}\" to part by"))
            .hint(format!("the columns are {}", names.join(", ")))
    })
}

/// A value as a folder's name, with Hive's escapes.
fn hive(value: &Value) -> String {
    let text = match value {
        Value::Null => return "__HIVE_DEFAULT_PARTITION__".into(),
        Value::Text(text) => text.clone(),
        other => catalog::json_text(other).trim_matches('"').to_string(),
    };
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-_. ".contains(&byte);
    text.bytes()
        .map(|byte| if plain(byte) { (byte as char).to_string() } else { format!("%{byte:02X}") })
        .collect()
}

fn publish(passing: &Path, target: &Path) -> Result<(), Failure> {
    let aside = beside(target, "old");
    let replaced = target.is_dir();
    if replaced {
        fs::rename(target, &aside).map_err(|e| unwritten(target, e))?;
    }
    if let Err(error) = fs::rename(passing, target) {
        if replaced {
            // What was there goes back to its place.
            let _ = fs::rename(&aside, target);
        }
        return Err(unwritten(target, error));
    }
    if replaced {
        remove(&aside);
    }
    Ok(())
}

/// Removes what nobody needs any more; where that fails, it is only in the way.
fn remove(path: &Path) {
    let _ = if path.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) };
}

/// Files and bytes that are there now; a Parquet or Arrow file must begin and end as one.
fn read_back(path: &Path, format: Format) -> Result<(usize, u64), Failure> {
    if path.is_dir() {
        let mut sum = (0, 0);
        for entry in fs::read_dir(path).map_err(|e| unwritten(path, e))? {
            let (files, bytes) = read_back(&entry.map_err(|e| unwritten(path, e))?.path(), format)?;
            sum = (sum.0 + files, sum.1 + bytes);
        }
        return Ok(sum);
    }
    let mut file = File::open(path).map_err(|e| unwritten(path, e))?;
    let bytes = file.metadata().map_err(|e| unwritten(path, e))?.len();
    let mark: &[u8] = match format {
        Format::Parquet => b"PAR1",
        Format::Arrow => b"ARROW1",
        _ => return Ok((1, bytes)),
    };
    let mut ends = [vec![0; mark.len()], vec![0; mark.len()]];
    let read = file
        .read_exact(&mut ends[0])
        .and_then(|()| file.seek(SeekFrom::End(-(mark.len() as i64))))
        .and_then(|_| file.read_exact(&mut ends[1]));
    match read {
        Ok(()) if ends.iter().all(|end| end == mark) => Ok((1, bytes)),
        _ => Err(Failure::broken(format!("{} is not whole although it was written", path.display()))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_as_folder_names() {
        let check = |value: Value, expected: &str| assert_eq!(hive(&value), expected);
        check("us-east-1".into(), "us-east-1");
        check("a/b=c".into(), "a%2Fb%3Dc");
        check("..".into(), "..");
        check(Value::Int(7), "7");
        check(Value::Null, "__HIVE_DEFAULT_PARTITION__");
        check(Value::Timestamp("2025-03-02T00:00:00Z".parse().unwrap()), "2025-03-02T00%3A00%3A00Z");
    }
}
