use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use catalog::Page;
use clap::Args;
use console::{Exit, Failure, Format, Printer};
use domain::Timestamp;

use crate::commands::query::{Asked, Bounds, answer, interruptible, note_read, pages, say_ended};
use crate::commands::schema::find;
use crate::partitions::{Partitions, stranger};
use crate::run::timeless;
use crate::shelf::{Synced, beside};
use crate::{Common, Ports};

/// Write a table, or what a statement answers, to a file for Jupyter, Spark or a spreadsheet.
///
/// Parquet and Arrow keep the types; CSV and NDJSON are there too. The file appears when it is whole.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Table to write
    #[arg(required_unless_present = "query", conflicts_with = "query")]
    pub table: Option<String>,
    /// Write what this SELECT, or this named question, answers instead
    #[arg(long, value_name = "SQL")]
    pub query: Option<String>,
    /// A parameter of a named question
    #[arg(long = "param", value_name = "NAME=VALUE", conflicts_with = "table")]
    pub params: Vec<String>,
    /// File to write; with --partition-by a folder
    #[arg(long = "to", value_name = "PATH")]
    pub to: PathBuf,
    /// Format; when left out, the one that the file's name ends in
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<Format>,
    /// Write one folder per value of these columns, as Hive, Spark and DuckDB read them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', conflicts_with = "columns")]
    pub partition_by: Vec<String>,
    /// Write stand-ins for what names people, machines and accounts (ids, names, tags, addresses): the same text has
    /// the same one in every export of yours
    #[arg(long)]
    pub redact: bool,
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
pub fn run_export(
    args: &ExportArgs,
    common: &Common,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let format = format(args)?;
    check_target(args)?;
    let asked = asked(args, common, ports)?;
    if args.dry_run {
        let what = args.table.as_deref().unwrap_or("what the statement answers");
        printer.note(&format!(
            "would write {what} to {} as {format} (dry run: nothing was written)",
            args.to.display()
        ));
        return Ok(Exit::Done);
    }
    let passing = beside(&args.to, "tmp");
    let written = write(args, &asked, format, &passing, ports, printer);
    let written = written.and_then(|rows| publish(&passing, args).map(|()| rows));
    if written.is_err() {
        remove(&passing);
    }
    let rows = written?;
    let (files, bytes) = read_back(&args.to, format)?;
    let files = if files == 1 { "one file".to_string() } else { format!("{files} files") };
    let rows = if rows == 1 { "one row".to_string() } else { format!("{rows} rows") };
    printer.note(&format!("{rows}, {files}, {bytes} bytes in {}", args.to.display()));
    note_read(asked.sql(), ports, printer, now)?;
    Ok(Exit::Done)
}

fn format(args: &ExportArgs) -> Result<Format, Failure> {
    let ending = args.to.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let format = match (args.format, ending) {
        (Some(format), _) => format,
        (None, "") => Format::Parquet,
        (None, ending) => Format::of_ending(ending).ok_or_else(|| {
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
    let to = args.to.display();
    if args.to.as_os_str() == "-" {
        return Err(Failure::usage("an export goes to a file, and - is none")
            .hint("truffle query -o csv prints to standard output"));
    }
    let parted = !args.partition_by.is_empty();
    match fs::metadata(&args.to) {
        Err(_) => {}
        Ok(there) if there.is_dir() && !parted => {
            return Err(Failure::usage(format!("{to} is a folder"))
                .hint("name a file in it, or write a folder of files with --partition-by"));
        }
        Ok(_) if !args.replace => {
            return Err(Failure::usage(format!("{to} is there already"))
                .hint("choose another name, or replace it with --replace"));
        }
        Ok(there) if there.is_dir() => check_folder(&args.to)?,
        Ok(there) if parted || !there.is_file() => {
            let expected = if parted { "a folder" } else { "a file" };
            return Err(Failure::usage(format!("{to} is there already and not {expected}"))
                .hint("choose another name"));
        }
        Ok(_) => {}
    }
    let folder = args.to.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        return Err(Failure::usage(format!("there is no folder {}", folder.display())).hint("make it first"));
    }
    Ok(())
}

/// A folder is replaced only when an export made all that is in it.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    match stranger(folder).map_err(|e| Failure::usage(format!("{} cannot be read: {e}", folder.display())))? {
        None => Ok(()),
        Some(other) => Err(Failure::usage(format!(
            "{} is not replaced: no export made {}",
            folder.display(),
            other.display()
        ))
        .hint("choose another name, or move what is there away")),
    }
}

fn asked(args: &ExportArgs, common: &Common, ports: &Ports<'_>) -> Result<Asked, Failure> {
    match (&args.table, &args.query) {
        (_, Some(text)) => Asked::read(text, &args.params, &args.bounds, common),
        (Some(_), None) if common.as_of.is_some() => Err(timeless()),
        (Some(name), None) => {
            let tables = ports.ask.tables().map_err(|e| crate::failure(e, &ports.settings.lake.value))?;
            // The name is one of ours from here on.
            Ok(Asked::Statement(format!("FROM {}", find(&tables, name)?.name)))
        }
        (None, None) => unreachable!("clap asks for one of them"),
    }
}

/// Writes the rows, and says how many they were.
fn write(
    args: &ExportArgs,
    asked: &Asked,
    format: Format,
    passing: &Path,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<u64, Failure> {
    if args.partition_by.is_empty() {
        let file = File::create(passing).map_err(|e| unwritten(passing, e))?;
        let mut to_file = printer.to_file(format, Box::new(Synced::new(file)));
        let mut stream = to_file.stream(ports.encode);
        let rows = pour(args, asked, ports, printer, &mut |page| stream.page(page))?;
        stream.finish()?;
        return Ok(rows);
    }
    let parts = printer.to_file(format, Box::new(io::sink()));
    let mut parts = Partitions::new(passing, &args.partition_by, format, &parts, ports.encode)?;
    let rows = pour(args, asked, ports, printer, &mut |page| parts.add(page))?;
    parts.finish()?;
    Ok(rows)
}

/// Hands the rows over, and says how many they were.
fn pour(
    args: &ExportArgs,
    asked: &Asked,
    ports: &Ports<'_>,
    printer: &mut Printer,
    sink: &mut dyn FnMut(Page) -> Result<(), Failure>,
) -> Result<u64, Failure> {
    let more = "--limit 0 writes all";
    match asked {
        Asked::Question(question) => {
            let page = answer(question, &args.params, args.limit, more, ports, printer)?;
            let rows = page.rows.len() as u64;
            sink(page).map(|()| rows)
        }
        Asked::Statement(sql) => {
            let ended = pages(&args.bounds.query(sql, args.limit), &interruptible()?, ports, sink)?;
            say_ended(&ended, more, printer);
            Ok(ended.rows)
        }
    }
}

fn unwritten(path: &Path, error: io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

fn publish(passing: &Path, args: &ExportArgs) -> Result<(), Failure> {
    // Writing takes a while: what is there now may be another thing.
    check_target(args)?;
    let target = &args.to;
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
