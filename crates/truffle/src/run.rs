use std::io::{self, Write};
use std::mem::ManuallyDrop;
use std::path::Path;

use catalog::ports::{Ask, AskError, Encode};
use catalog::{Field, Page, Value, ValueType};
use console::{Exit, Failure, OutputFormat, Printer, Report, Screen, SettingOrigin, Settings};
use domain::Timestamp;

use crate::commands::{
    bookmark, compare, export, query, regions, saved, schema, search, show, status, zones,
};
use crate::output_file::OutputFile;
use crate::user_files::{self, SavedSearch, UserFile};
use crate::{Command, Ports, TruffleArgs};

/// The environment of a run, supplied by the executable. The warehouse opens only when a command
/// needs it.
pub struct TruffleContext<'a> {
    /// Opens the warehouse.
    pub open: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// Properties of stdout and stderr.
    pub screen: Screen,
    /// The version to print.
    pub version: &'a str,
    /// Prints the completion script of a shell.
    pub completions: &'a dyn Fn(crate::CompletionShell, &mut dyn Write) -> io::Result<()>,
}

/// Runs truffle. The answer goes to standard output or to the file of `--out`, notes go to standard
/// error. A failure is returned, not printed.
pub fn run(args: &TruffleArgs, doors: &TruffleContext<'_>, now: Timestamp) -> Result<Exit, Failure> {
    refuse_flags_without_effect(args)?;
    let Some(path) = &args.common.out else {
        return answer(args, doors, Box::new(io::stdout()), doors.screen, now);
    };
    // The file is replaced only by a complete answer; a failure leaves the old file.
    let (target, file) = OutputFile::open(path)?;
    let exit = answer(args, doors, file, doors.screen.to_file(), now)?;
    target.publish()?;
    Ok(exit)
}

/// Refuses flags without effect, before anything runs.
fn refuse_flags_without_effect(args: &TruffleArgs) -> Result<(), Failure> {
    let common = &args.common;
    let script = matches!(args.command, Command::Completions { .. });
    let silent = match &args.command {
        Command::Save(_) => true,
        Command::Saved(saved) => saved.remove.is_some(),
        _ => false,
    };
    let export = matches!(args.command, Command::Export(_));
    // A list of columns must not change anything.
    let changes = match &args.command {
        Command::Bookmark(bookmark) => !bookmark.types.is_empty() || !bookmark.remove.is_empty(),
        _ => export,
    };
    // `query` and `export` check this themselves, because it depends on their statement.
    let timeless_command = match &args.command {
        Command::Query(query) => query.list,
        Command::Saved(saved) => saved.name.is_none(),
        Command::Schema(_) | Command::Bookmark(_) | Command::Version => true,
        _ => silent || script,
    };
    if common.as_of.is_some() && timeless_command {
        return Err(as_of_without_effect());
    }
    let unused = [
        ("--out", common.out.is_some() && (silent || export)),
        ("--output", common.flags.output.is_some() && (silent || export || script)),
        ("--columns", !common.columns.is_empty() && (silent || script)),
        ("--verbose", common.verbose && !has_footer(&args.command)),
        ("--columns help", common.columns == ["help"] && changes),
        ("--quiet", common.flags.quiet && matches!(&args.command, Command::Search(search) if search.explain)),
    ];
    match unused.iter().find(|(_, unused)| *unused) {
        None => Ok(()),
        Some((flag, _)) => Err(flag_without_effect(flag)),
    }
}

/// Whether the answer of a command ends with the age of its data, which `--verbose` lengthens.
fn has_footer(command: &Command) -> bool {
    match command {
        Command::Query(query) => !query.list,
        Command::Saved(saved) => saved.name.is_some(),
        Command::Save(_) | Command::Schema(_) | Command::Bookmark(_) => false,
        Command::Completions { .. } | Command::Version => false,
        _ => true,
    }
}

/// Returns the failure for a flag without effect.
pub(crate) fn flag_without_effect(flag: &str) -> Failure {
    Failure::usage(format!("{flag} has no effect here"))
}

/// Returns the failure for `--as-of` without a named question.
pub(crate) fn as_of_without_effect() -> Failure {
    Failure::usage("--as-of has no effect here: it applies only to truffle's own questions")
        .hint("filter a table that ends in _history by valid_from and valid_until")
}

fn answer(
    args: &TruffleArgs,
    doors: &TruffleContext<'_>,
    out: Box<dyn Write>,
    screen: Screen,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let mut printer = Printer::new(format(args, doors.settings), screen, out, Box::new(io::stderr()));
    printer.columns(args.common.columns.clone());
    printer.relative_to(now);
    printer.set_verbose(args.common.verbose);
    let done = dispatch(args, doors, &mut printer, now)?;
    printer.flush()?;
    Ok(if printer.lists_columns() { Exit::Done } else { done })
}

/// Returns the requested format; for `--out` without `-o`, the format of the file extension.
fn format(args: &TruffleArgs, settings: &Settings) -> OutputFormat {
    let ending =
        args.common.out.as_ref().and_then(|path| path.extension()).and_then(|ending| ending.to_str());
    match (args.common.flags.output.is_some(), ending) {
        (false, Some(ending)) => OutputFormat::of_ending(ending).unwrap_or(settings.output.value),
        _ => settings.output.value,
    }
}

fn dispatch(
    args: &TruffleArgs,
    doors: &TruffleContext<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    match &args.command {
        Command::Version => return version(doors, !args.common.columns.is_empty(), printer),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            (doors.completions)(*shell, &mut script).map_err(|e| Failure::broken(e.to_string()))?;
            printer.text(&String::from_utf8_lossy(&script))?;
            return Ok(Exit::Done);
        }
        _ => {}
    }
    let as_of = match &args.common.as_of {
        None => now,
        Some(text) => domain::parse_until(text).ok_or_else(|| {
            Failure::usage(format!(
                "--as-of \"{text}\" is neither a day (2025-03-02) nor an instant (2025-03-02T12:00:00Z)"
            ))
            .hint("truffle query data/runs lists the instants of the data")
        })?,
    };
    let unasked = |error| crate::failure(error, &doors.settings.lake.value);
    let mut ask = (doors.open)().map_err(unasked)?;
    if matches!(&args.command, Command::Export(export) if export.redact) {
        ask.redact(&user_files::redaction_key(&doors.settings.config)?).map_err(unasked)?;
    }
    // The process exits after the answer, and the kernel frees DuckDB's memory faster than DuckDB
    // does.
    let ask = ManuallyDrop::new(ask);
    let ports = Ports::new(ask.as_ref(), doors.encode, doors.settings, as_of);
    let lake = &doors.settings.lake;
    if lake.origin != SettingOrigin::Default && ports.ask.place().lake.is_none() {
        let path = lake.value.display();
        printer.note(&format!(
            "there is no lake at {path} ({}): answers come from the seed data only",
            lake.origin
        ));
    }
    let (ports, common) = (&ports, &args.common);
    match &args.command {
        Command::Search(args) => search::run_search(args, ports, printer, now),
        Command::Compare(args) => compare::run_compare(args, ports, printer, now),
        Command::Show(args) => show::run_show(args, ports, printer, now),
        Command::Regions(args) => regions::run_regions(args, ports, printer, now),
        Command::Zones(args) => zones::run_zones(args, ports, printer, now),
        Command::Query(args) => query::run_query(args, common, ports, printer, now),
        Command::Schema(args) => schema::run_schema(args, ports, printer),
        Command::Export(args) => export::run_export(args, common, ports, printer, now),
        Command::Save(args) => saved::run_save(args, ports, printer),
        Command::Saved(args) => saved::run_saved(args, ports, printer, now),
        Command::Bookmark(args) => bookmark::run_bookmark(args, ports, printer, now),
        Command::Status(args) => status::run_status(args, ports, printer, now),
        Command::Completions { .. } | Command::Version => unreachable!("answered above"),
    }
}

fn version(doors: &TruffleContext<'_>, columns: bool, printer: &mut Printer) -> Result<Exit, Failure> {
    let fields = ["program", "version"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let page = Page { fields, rows: vec![vec!["mycelium".into(), doors.version.into()]] };
    if printer.format() == OutputFormat::Table && !columns {
        printer.text(&format!("mycelium {}\n", doors.version))?;
        return Ok(Exit::Done);
    }
    printer.report(&Report::plain(page), doors.encode)?;
    Ok(Exit::Done)
}

/// Returns the names of all instance types in the warehouse, for completions.
pub fn type_names(ask: &dyn Ask, now: Timestamp) -> Vec<String> {
    names(ask, "instance/facts", now)
}

/// Returns the names of all regions in the warehouse, for completions.
pub fn region_names(ask: &dyn Ask, now: Timestamp) -> Vec<String> {
    names(ask, "region/list", now)
}

/// Returns the first column of a question's answer. A failure returns no names, because a
/// completion has no place for an error.
fn names(ask: &dyn Ask, name: &str, now: Timestamp) -> Vec<String> {
    let question = catalog::question(name).expect("the question is in the catalog");
    let page = question.bind(&[], now).ok().and_then(|values| ask.ask(question, &values).ok());
    let text = |row: &Vec<Value>| match row.first() {
        Some(Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    page.map(|page| page.rows.iter().filter_map(text).collect()).unwrap_or_default()
}

/// Returns the names of the saved searches, for completions.
pub fn saved_names(config: &Path) -> Vec<String> {
    let all = UserFile::searches(config).read::<SavedSearch>();
    all.map(|all| all.into_keys().collect()).unwrap_or_default()
}

/// Returns the names of the columns of search, for completions.
pub fn column_names() -> Vec<String> {
    crate::columns::COLUMNS.iter().map(|column| column.name.to_string()).collect()
}
