#![allow(clippy::disallowed_methods, reason = "an export is a file")]

use std::fs::{self, File};
use std::io::{self, BufWriter, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use catalog::Page;
use clap::Args;
use console::{Exit, Failure, OutputFormat, Printer, refuse_other_format};
use domain::Timestamp;
use durable::{SHARED, TemporaryFile, TemporaryFolder};

use crate::commands::schema::find;
use crate::empty_answer::refuse_uncollected;
use crate::partitions::{PartitionWriter, find_foreign_entry};
use crate::ports::failure;
use crate::question_params::QuestionCall;
use crate::statement::{
    QueryBounds, QueryRequest, answer, count_lines_without_effective_cost, note_data_age, note_limits, pages,
    read_rows, stop_on_interrupt,
};
use crate::statement_tables::tables_of;
use crate::usage::as_of_without_effect;
use crate::{CommandPorts, CommonArgs};

/// Export a table or a query result to a file for Jupyter, Spark or a spreadsheet.
///
/// Parquet and Arrow keep the column types; CSV and NDJSON are text. The file appears only when it
/// is complete.
#[derive(Debug, Args)]
pub struct ExportArgs {
    /// Table to export
    #[arg(required_unless_present = "query", conflicts_with = "query")]
    pub table: Option<String>,
    /// Export the result of a SELECT statement or a named question instead of a table
    #[arg(long, value_name = "SQL")]
    pub query: Option<String>,
    /// Parameter of a named question; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", conflicts_with = "table")]
    pub params: Vec<String>,
    /// File to write; a folder with --partition-by
    #[arg(long = "to", value_name = "PATH")]
    pub to: PathBuf,
    /// Output format [default: from the file extension; parquet without one]
    #[arg(long, value_name = "FORMAT")]
    pub format: Option<OutputFormat>,
    /// Write one folder per value of these columns, in the layout of Hive, Spark and DuckDB
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', conflicts_with = "columns")]
    pub partition_by: Vec<String>,
    /// Replace values that identify people, machines and accounts with pseudonyms
    ///
    /// Ids, names, tags and addresses are replaced. A value gets the same pseudonym in all your
    /// exports.
    #[arg(long)]
    pub redact: bool,
    /// Replace an existing file or folder
    #[arg(long)]
    pub replace: bool,
    /// Print the target without writing it
    #[arg(long)]
    pub dry_run: bool,
    /// Maximum number of rows; 0 means no limit
    #[arg(long, value_name = "ROWS", default_value_t = 0, allow_negative_numbers = true, value_parser = read_rows)]
    pub limit: u64,
    /// Limits of the statement.
    #[command(flatten)]
    pub bounds: QueryBounds,
}

/// Runs `truffle export`.
pub fn run_export(
    args: &ExportArgs,
    common: &CommonArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let format = format(args)?;
    if ports.settings.for_spreadsheet {
        refuse_other_format(format)?;
    }
    check_target(args)?;
    let asked = read_request(args, common, ports)?;
    if let Some(table) = &args.table {
        refuse_uncollected(table, ports)?;
    }
    if args.dry_run {
        let what = args.table.as_deref().unwrap_or("the query result");
        printer.note(&format!(
            "would write {what} to {} as {format} (dry run: nothing was written)",
            args.to.display()
        ));
        return Ok(Exit::Done);
    }
    let answer = write(args, &asked, format, ports, printer)?;
    let rows = answer.rows;
    let (files, bytes) = read_back(&args.to, format)?;
    let files = if files == 1 { "one file".to_string() } else { format!("{files} files") };
    let rows = if rows == 1 { "one row".to_string() } else { format!("{rows} rows") };
    printer.note(&format!("{rows}, {files}, {bytes} bytes in {}", args.to.display()));
    note_data_age(&asked, &answer.tables, answer.lines_without_effective_cost, ports, printer, now)?;
    Ok(Exit::Done)
}

fn format(args: &ExportArgs) -> Result<OutputFormat, Failure> {
    let ending = args.to.extension().and_then(|e| e.to_str()).unwrap_or_default();
    let format = match (args.format, ending) {
        (Some(format), _) => format,
        (None, "") => OutputFormat::Parquet,
        (None, ending) => OutputFormat::of_ending(ending).ok_or_else(|| {
            Failure::usage(format!("--to: unknown file extension \".{ending}\""))
                .hint("choose a format with --format parquet, csv, ndjson or arrow")
        })?,
    };
    match format {
        OutputFormat::Parquet | OutputFormat::Arrow | OutputFormat::Csv | OutputFormat::Ndjson => Ok(format),
        other => Err(Failure::usage(format!(
            "format {other} cannot be exported: expected parquet, csv, ndjson or arrow"
        ))
        .hint("truffle query prints tables, json and yaml")),
    }
}

fn check_target(args: &ExportArgs) -> Result<(), Failure> {
    let to = args.to.display();
    if args.to.as_os_str() == "-" {
        return Err(
            Failure::usage("--to \"-\" is not a file").hint("truffle query -o csv prints to standard output")
        );
    }
    let parted = !args.partition_by.is_empty();
    match fs::metadata(&args.to) {
        Err(_) => {}
        Ok(there) if there.is_dir() && !parted => {
            return Err(Failure::usage(format!("{to} is a folder"))
                .hint("choose a file in it, or write a partitioned folder with --partition-by"));
        }
        Ok(_) if !args.replace => {
            return Err(Failure::usage(format!("{to} already exists"))
                .hint("choose another name, or replace it with --replace"));
        }
        Ok(there) if there.is_dir() => check_folder(&args.to)?,
        Ok(there) if parted || !there.is_file() => {
            let expected = if parted { "a folder" } else { "a file" };
            return Err(Failure::usage(format!("{to} already exists and is not {expected}"))
                .hint("choose another name"));
        }
        Ok(_) => {}
    }
    let folder = folder_of(&args.to);
    if !folder.is_dir() {
        return Err(
            Failure::usage(format!("folder {} does not exist", folder.display())).hint("create it first")
        );
    }
    Ok(())
}

/// Refuses to replace a folder with files that no partitioned export wrote.
fn check_folder(folder: &Path) -> Result<(), Failure> {
    match find_foreign_entry(folder)
        .map_err(|e| Failure::usage(format!("{} cannot be read: {e}", folder.display())))?
    {
        None => Ok(()),
        Some(other) => Err(Failure::usage(format!(
            "{} is not replaced: {} was not written by an export",
            folder.display(),
            other.display()
        ))
        .hint("choose another name, or move the other files away")),
    }
}

fn read_request(
    args: &ExportArgs,
    common: &CommonArgs,
    ports: &CommandPorts<'_>,
) -> Result<QueryRequest, Failure> {
    match (&args.table, &args.query) {
        (_, Some(text)) => Ok(match QueryRequest::read(text, &args.params, &args.bounds, common)? {
            QueryRequest::Question(call) => {
                QueryRequest::Question(QuestionCall { redacted: args.redact, ..call })
            }
            statement => statement,
        }),
        (Some(_), None) if common.as_of.is_some() => Err(as_of_without_effect()),
        (Some(name), None) => {
            let tables = ports.ask.tables().map_err(|e| failure(e, &ports.settings.lake.value))?;
            // `find` returns the warehouse's own table name, which is safe in the statement.
            Ok(QueryRequest::Statement(format!("FROM {}", find(&tables, name)?.name)))
        }
        (None, None) => unreachable!("clap requires one of them"),
    }
}

/// The number of rows written, the tables that they come from, and the number of lines of bills
/// without an effective cost among them.
struct ExportSummary {
    rows: u64,
    tables: Vec<String>,
    lines_without_effective_cost: i64,
}

/// Writes the rows to a temporary file or folder, and moves it to its path when it is complete.
fn write(
    args: &ExportArgs,
    asked: &QueryRequest,
    format: OutputFormat,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<ExportSummary, Failure> {
    let failed = |e| write_failure(&args.to, e);
    if args.partition_by.is_empty() {
        let file = TemporaryFile::replacing(&args.to, SHARED).map_err(failed)?;
        let out = BufWriter::with_capacity(1 << 20, file.file().try_clone().map_err(failed)?);
        let mut to_file = printer.to_file(format, Box::new(out));
        let mut stream = to_file.stream(ports.encode);
        let summary = send_rows(args, asked, ports, printer, &mut |page| stream.page(page))?;
        stream.finish()?;
        // The target may have changed while the rows were written.
        check_target(args)?;
        return file.commit().map_err(failed).map(|()| summary);
    }
    let work = TemporaryFolder::create(&args.to).map_err(failed)?;
    let folder = work.path().join("new");
    fs::create_dir(&folder).map_err(failed)?;
    let parts = printer.to_file(format, Box::new(io::sink()));
    let mut parts = PartitionWriter::new(&folder, &args.partition_by, format, &parts, ports.encode);
    let summary = send_rows(args, asked, ports, printer, &mut |page| parts.add(page))?;
    parts.finish()?;
    check_target(args)?;
    publish_folder(&folder, work.path(), args).map(|()| summary)
}

/// Sends the rows to `sink` page by page.
fn send_rows(
    args: &ExportArgs,
    asked: &QueryRequest,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    sink: &mut dyn FnMut(Page) -> Result<(), Failure>,
) -> Result<ExportSummary, Failure> {
    let more = "--limit 0 writes all";
    match asked {
        QueryRequest::Question(call) => {
            let page = answer(call, args.limit, more, ports, printer)?;
            let rows = page.rows.len() as u64;
            let lines_without_effective_cost = count_lines_without_effective_cost(&page);
            sink(page)?;
            let tables = tables_of(call.question, ports)?;
            Ok(ExportSummary { rows, tables, lines_without_effective_cost })
        }
        QueryRequest::Statement(sql) => {
            let ended = pages(&args.bounds.query(sql, args.limit), &stop_on_interrupt()?, ports, sink)?;
            note_limits(&ended, more, printer);
            let (rows, tables) = (ended.rows, ended.tables);
            Ok(ExportSummary { rows, tables, lines_without_effective_cost: 0 })
        }
    }
}

fn write_failure(path: &Path, error: io::Error) -> Failure {
    Failure::broken(format!("{} cannot be written: {error}", path.display()))
}

/// Moves a complete folder to its path. A folder that it replaces is moved into `work` first, and
/// moved back if that fails.
fn publish_folder(folder: &Path, work: &Path, args: &ExportArgs) -> Result<(), Failure> {
    let target = &args.to;
    let failed = |e| write_failure(target, e);
    durable::sync_folder(folder).map_err(failed)?;
    let replaced = target.is_dir();
    let old = work.join("old");
    if replaced {
        let mode = fs::metadata(target).map_err(failed)?.permissions();
        fs::set_permissions(folder, mode).map_err(failed)?;
        fs::rename(target, &old).map_err(failed)?;
    }
    if let Err(error) = fs::rename(folder, target) {
        if replaced {
            // Restores the previous folder.
            let _ = fs::rename(&old, target);
        }
        return Err(failed(error));
    }
    durable::sync_folder(folder_of(target)).map_err(failed)
}

/// Returns the folder of a path; the current one for a bare name.
fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Returns the number of files and bytes at `path`. A Parquet or Arrow file must begin and end with
/// its magic bytes.
fn read_back(path: &Path, format: OutputFormat) -> Result<(usize, u64), Failure> {
    if path.is_dir() {
        let mut sum = (0, 0);
        for entry in fs::read_dir(path).map_err(|e| write_failure(path, e))? {
            let (files, bytes) = read_back(&entry.map_err(|e| write_failure(path, e))?.path(), format)?;
            sum = (sum.0 + files, sum.1 + bytes);
        }
        return Ok(sum);
    }
    let mut file = File::open(path).map_err(|e| write_failure(path, e))?;
    let bytes = file.metadata().map_err(|e| write_failure(path, e))?.len();
    let mark: &[u8] = match format {
        OutputFormat::Parquet => b"PAR1",
        OutputFormat::Arrow => b"ARROW1",
        _ => return Ok((1, bytes)),
    };
    let mut ends = [vec![0; mark.len()], vec![0; mark.len()]];
    let read = file
        .read_exact(&mut ends[0])
        .and_then(|()| file.seek(SeekFrom::End(-(mark.len() as i64))))
        .and_then(|_| file.read_exact(&mut ends[1]));
    match read {
        Ok(()) if ends.iter().all(|end| end == mark) => Ok((1, bytes)),
        _ => Err(Failure::broken(format!("{} is incomplete after writing", path.display()))),
    }
}
