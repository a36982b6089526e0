use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::Path;

use catalog::ports::{Ask, AskError, Encode};
use catalog::{Field, Page, Row, Type, TypeFacts};
use console::{Exit, Failure, Format, Printer, Report, Screen, Settings};
use domain::Timestamp;

use crate::commands::{
    bookmark, compare, export, query, regions, saved, schema, search, show, status, zones,
};
use crate::shelf::{SavedSearch, Shelf, beside};
use crate::{Command, Ports, TruffleArgs};

/// What truffle is handed from outside: doors that it opens only when a command needs them.
pub struct Doors<'a> {
    /// Opens the warehouse.
    pub open: &'a dyn Fn() -> Result<Box<dyn Ask>, AskError>,
    /// Writer of Parquet and Arrow.
    pub encode: &'a dyn Encode,
    /// The settings of this run.
    pub settings: &'a Settings,
    /// What is behind stdout and stderr.
    pub screen: Screen,
    /// The version to print.
    pub version: &'a str,
    /// Prints the completion script of a shell.
    pub completions: &'a dyn Fn(crate::Shell, &mut dyn Write) -> io::Result<()>,
}

/// Runs truffle. Everything that a person reads goes through the returned printer's sinks.
pub fn run(args: &TruffleArgs, doors: &Doors<'_>, now: Timestamp) -> Result<Exit, Failure> {
    refuse_idle(args)?;
    let Some(path) = &args.common.out else {
        return answer(args, doors, Box::new(io::stdout()), doors.screen, now);
    };
    // The file appears when it is whole: an answer that fails leaves what was there.
    let passing = beside(path, "tmp");
    let unwritten = |e: io::Error| Failure::usage(format!("{} cannot be written: {e}", path.display()));
    let file = File::create(&passing).map_err(unwritten)?;
    let done = answer(args, doors, Box::new(BufWriter::new(file)), doors.screen.to_file(), now);
    let done = done.and_then(|exit| fs::rename(&passing, path).map(|()| exit).map_err(unwritten));
    if done.is_err() {
        // Of no use to anybody; that it cannot be removed changes nothing.
        let _ = fs::remove_file(&passing);
    }
    done
}

/// A flag that would do nothing is a mistake, and is said before anything runs.
fn refuse_idle(args: &TruffleArgs) -> Result<(), Failure> {
    let common = &args.common;
    let silent = matches!(args.command, Command::Save(_) | Command::Completions { .. });
    let export = matches!(args.command, Command::Export(_));
    let timeless = match &args.command {
        Command::Query(query) => !query.asks_by_name(),
        Command::Schema(_) | Command::Bookmark(_) | Command::Version => true,
        _ => silent || export,
    };
    let idle = [
        ("--as-of", common.as_of.is_some() && timeless),
        ("--out", common.out.is_some() && (silent || export)),
        ("--output", common.output.is_some() && (silent || export)),
        ("--columns", !common.columns.is_empty() && silent),
    ];
    match idle.iter().find(|(_, idle)| *idle) {
        None => Ok(()),
        Some(("--as-of", _)) => {
            Err(Failure::usage("--as-of has no meaning here: it is for truffle's own questions")
                .hint("the tables whose names end in _history have valid_from and valid_until"))
        }
        Some((flag, _)) => Err(Failure::usage(format!("{flag} has no meaning here"))),
    }
}

fn answer(
    args: &TruffleArgs,
    doors: &Doors<'_>,
    out: Box<dyn Write>,
    screen: Screen,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let mut printer = Printer::new(doors.settings.output.value, screen, out, Box::new(io::stderr()));
    printer.columns(args.common.columns.clone());
    let done = dispatch(args, doors, &mut printer, now)?;
    printer.flush()?;
    Ok(done)
}

fn dispatch(
    args: &TruffleArgs,
    doors: &Doors<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    match &args.command {
        Command::Version => return version(doors, printer),
        Command::Completions { shell } => {
            let mut script = Vec::new();
            let written =
                (doors.completions)(*shell, &mut script).and_then(|()| io::stdout().write_all(&script));
            return written.map(|()| Exit::Done).map_err(|e| Failure::broken(e.to_string()));
        }
        _ => {}
    }
    let as_of = match &args.common.as_of {
        None => now,
        Some(text) => domain::parse_instant(text).ok_or_else(|| {
            Failure::usage(format!(
                "\"{text}\" is not a day such as 2025-03-02 or an instant such as 2025-03-02T12:00:00Z"
            ))
            .hint("truffle query data/runs lists the instants there is data of")
        })?,
    };
    let ask = (doors.open)().map_err(|error| crate::failure(error, &doors.settings.lake.value))?;
    let ports = Ports { ask: ask.as_ref(), encode: doors.encode, settings: doors.settings, as_of };
    let ports = &ports;
    match &args.command {
        Command::Search(args) => search::run_search(args, ports, printer, now),
        Command::Compare(args) => compare::run_compare(args, ports, printer, now),
        Command::Show(args) => show::run_show(args, ports, printer, now),
        Command::Regions(args) => regions::run_regions(args, ports, printer, now),
        Command::Zones(args) => zones::run_zones(args, ports, printer, now),
        Command::Query(args) => query::run_query(args, ports, printer),
        Command::Schema(args) => schema::run_schema(args, ports, printer),
        Command::Export(args) => export::run_export(args, ports, printer),
        Command::Save(args) => saved::run_save(args, ports, printer),
        Command::Saved(args) => saved::run_saved(args, ports, printer, now),
        Command::Bookmark(args) => bookmark::run_bookmark(args, ports, printer, now),
        Command::Status(args) => status::run_status(args, ports, printer, now),
        Command::Completions { .. } | Command::Version => unreachable!("answered above"),
    }
}

fn version(doors: &Doors<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let fields = ["program", "version"].map(|name| Field::new(name, Type::Text)).to_vec();
    let page = Page { fields, rows: vec![vec!["mycelium".into(), doors.version.into()]] };
    if printer.format() == Format::Table {
        return writeln!(io::stdout(), "mycelium {}", doors.version)
            .map(|()| Exit::Done)
            .map_err(|e| Failure::broken(e.to_string()));
    }
    printer.report(&Report::plain(page), doors.encode)?;
    Ok(Exit::Done)
}

/// Names for completions: every instance type and every region that the warehouse knows.
pub fn known_names(ask: &dyn Ask, now: Timestamp) -> (Vec<String>, Vec<String>) {
    let answer = |name: &str| {
        let question = catalog::question(name).expect("programs ask questions that are there");
        let values = question.bind(&[], now).ok()?;
        ask.ask(question, &values).ok()
    };
    let types = answer("instance/facts").and_then(|page| TypeFacts::read_all(&page).ok()).unwrap_or_default();
    let regions = answer("region/list").map(|page| page.rows).unwrap_or_default();
    let region = |row: &Vec<catalog::Value>| match row.first() {
        Some(catalog::Value::Text(text)) => Some(text.clone()),
        _ => None,
    };
    (types.into_iter().map(|t| t.instance_type).collect(), regions.iter().filter_map(region).collect())
}

/// Names of the saved searches, for completions.
pub fn saved_names(config: &Path) -> Vec<String> {
    let all = Shelf::searches(config).read::<SavedSearch>();
    all.map(|all| all.into_keys().collect()).unwrap_or_default()
}

/// Names of the columns that search prints, for completions.
pub fn column_names() -> Vec<String> {
    crate::offered::COLUMNS.iter().map(|column| column.name.to_string()).collect()
}
