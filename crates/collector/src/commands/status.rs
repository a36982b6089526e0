use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::{HEARTBEATS, LakeContent, RunLogRow};
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report, describe_age};
use domain::Timestamp;

use crate::{Ports, lake_failure, quarantine, verification};

/// Show the contents of the lake: the age, size and gaps of each dataset.
///
/// Without --all, each line is a dataset: `oldest` is the age of the scope that was observed
/// longest ago, and `gaps` counts the gaps in the newest report of each scope. The exit code is 3
/// when the lake is empty.
#[derive(Debug, Args)]
pub struct CollectorStatusArgs {
    /// Datasets to show [default: all]
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// Show one line per scope (region, or account and region)
    #[arg(long)]
    pub all: bool,
    /// List the quarantined on-demand prices with the reasons; answers leave these prices out
    #[arg(long, conflicts_with_all = ["all", "datasets"])]
    pub held: bool,
    /// Release quarantined prices by the ids that --held lists, or all
    #[arg(long, value_name = "ID", value_delimiter = ',', conflicts_with_all = ["all", "held", "datasets"])]
    pub accept: Vec<String>,
    /// Read every file of the lake and compare it with its digest; lists the damaged files
    #[arg(long, conflicts_with_all = ["all", "held", "accept", "datasets"])]
    pub verify: bool,
    /// With --accept: show the prices and release none
    #[arg(long, requires = "accept")]
    pub dry_run: bool,
    /// Columns to print, separated by commas, in this order; help lists them
    #[arg(long, value_name = "COLUMNS", value_delimiter = ',', conflicts_with = "accept")]
    pub columns: Vec<String>,
}

/// Columns of the table of datasets without --columns.
const DATASET_COLUMNS: &[&str] =
    &["dataset", "scopes", "newest", "oldest", "failed", "gaps", "rows", "bytes"];

/// Columns of the table of scopes without --columns.
const SCOPE_COLUMNS: &[&str] = &["dataset", "scope", "outcome", "age", "rows", "source", "gaps"];

/// Public lists that are unchanged for longer than this are reported: AWS changes each within
/// weeks.
const STILL: &str = "30d";

pub(crate) fn run_status(
    args: &CollectorStatusArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    for name in &args.datasets {
        if catalog::dataset(name).is_none() {
            let known = catalog::DATASETS.iter().map(|dataset| dataset.name);
            let near = console::suggest_closest(name, known);
            return Err(Failure::usage(format!("there is no dataset \"{name}\"{near}"))
                .hint("list them with truffle schema"));
        }
    }
    printer.columns(args.columns.clone());
    if printer.lists_columns() {
        printer.report(&described_report(args, ports, now)?, ports.encode)?;
        return Ok(Exit::Done);
    }
    if args.verify {
        let verified = verification::verify(ports, printer)?;
        return Ok(verified.unwrap_or_else(|| no_lake(&args.datasets, ports, printer)));
    }
    let root = ports.store.root();
    let Some(shown) = ports.store.read_content().map_err(lake_failure)? else {
        return Ok(no_lake(&args.datasets, ports, printer));
    };
    printer.note(&format!("lake: {}, manifest {}", root.display(), shown.manifest));
    if args.held {
        return quarantine::list(ports, printer, now);
    }
    if !args.accept.is_empty() {
        return quarantine::accept(&args.accept, args.dry_run, ports, printer, now);
    }
    let newest = newest_reports(&shown.log, &args.datasets);
    if newest.is_empty() {
        let names = if args.datasets.is_empty() { "every dataset".into() } else { args.datasets.join(", ") };
        printer.note(&format!("not collected yet: {names}; {}", snapshot_command(&args.datasets, ports)));
        return Ok(Exit::NothingMatched);
    }
    printer.report(&report(args.all, &newest, &shown, now), ports.encode)?;
    let gaps: usize = newest.iter().map(|told| told.gaps.len()).sum();
    if gaps > 0 && !args.all {
        printer.note(&format!("{gaps} gaps: list them with collector status --all"));
    }
    unchanged_lists(&shown.log, &newest).iter().for_each(|line| printer.note(line));
    if newest.iter().any(|told| told.dataset == "price") {
        quarantine::print_count(ports, printer, now);
    }
    Ok(Exit::Done)
}

/// Notes that there is no lake, with the command that creates one.
pub(crate) fn no_lake(datasets: &[String], ports: &Ports<'_>, printer: &mut Printer) -> Exit {
    printer.note(&format!(
        "not collected yet: there is no lake at {}; create one with {}",
        ports.store.root().display(),
        snapshot_command(datasets, ports)
    ));
    Exit::NothingMatched
}

/// Returns the command that collects these datasets in the default region.
fn snapshot_command(datasets: &[String], ports: &Ports<'_>) -> String {
    let mut words = vec!["collector snapshot"];
    words.extend(datasets.iter().map(String::as_str));
    format!("{} --region {}", words.join(" "), ports.settings.region.value)
}

fn report(all: bool, newest: &[&RunLogRow], shown: &LakeContent, now: Timestamp) -> Report {
    match all {
        true => Report::plain(scopes(newest, now)).default_columns(SCOPE_COLUMNS),
        false => Report::plain(datasets(newest, shown, now)).default_columns(DATASET_COLUMNS),
    }
}

/// Returns a report with the columns of the answer, for `--columns help`.
fn described_report(
    args: &CollectorStatusArgs,
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<Report, Failure> {
    let empty = LakeContent { manifest: 0, log: Vec::new(), held: Vec::new() };
    if args.verify {
        return Ok(verification::report(&[]));
    }
    if args.held { quarantine::report(ports, now) } else { Ok(report(args.all, &[], &empty, now)) }
}

/// Returns the newest report of each scope. Failed reports count too, so that an unreadable scope
/// is visible. spawnd's heartbeats count separately from the reports of AWS.
fn newest_reports<'a>(log: &'a [RunLogRow], wanted: &[String]) -> Vec<&'a RunLogRow> {
    let mut newest: BTreeMap<(&str, &str, bool), &RunLogRow> = BTreeMap::new();
    for told in log.iter().filter(|told| wanted.is_empty() || wanted.contains(&told.dataset)) {
        let whose = (told.dataset.as_str(), told.scope.as_str(), told.source == HEARTBEATS);
        let known = newest.entry(whose).or_insert(told);
        if (known.observed_at, &known.run_id) < (told.observed_at, &told.run_id) {
            *known = told;
        }
    }
    newest.into_values().collect()
}

/// Returns a line for each public list that was polled repeatedly and did not change for longer
/// than `STILL`.
fn unchanged_lists(log: &[RunLogRow], newest: &[&RunLogRow]) -> Vec<String> {
    let public =
        |told: &&&RunLogRow| matches!(told.dataset.as_str(), "price" | "savings_plan" | "interruption");
    let line = |told: &&RunLogRow| {
        let version = told.version.as_ref()?;
        let same = |other: &&RunLogRow| {
            (&other.dataset, &other.scope, &other.source) == (&told.dataset, &told.scope, &told.source)
                && other.version.as_ref() == Some(version)
        };
        let first = log.iter().filter(same).map(|other| other.observed_at).min()?;
        let long = domain::subtract_span(told.observed_at, STILL).is_some_and(|long_ago| first < long_ago);
        long.then(|| {
            let day = |instant: Timestamp| instant.strftime("%Y-%m-%d").to_string();
            let (since, seen) = (day(first), day(told.observed_at));
            format!("{} {}: the list of {since} was unchanged on {seen}", told.dataset, told.scope)
        })
    };
    newest.iter().filter(public).filter_map(line).collect()
}

fn scopes(newest: &[&RunLogRow], now: Timestamp) -> Page {
    let fields = vec![
        Field::new("dataset", ValueType::Text),
        Field::new("scope", ValueType::Text),
        Field::new("outcome", ValueType::Text),
        Field::new("observed_at", ValueType::Timestamp),
        Field::new("age", ValueType::Text),
        Field::new("rows", ValueType::Int),
        Field::new("source", ValueType::Text),
        Field::new("gaps", ValueType::List(Box::new(ValueType::Text))),
    ];
    let row = |told: &&RunLogRow| {
        vec![
            told.dataset.as_str().into(),
            told.scope.as_str().into(),
            told.outcome.as_str().into(),
            told.observed_at.into(),
            describe_age(told.observed_at, now).into(),
            Value::Int(told.rows as i64),
            told.source.as_str().into(),
            told.gaps.clone().into(),
        ]
    };
    Page { fields, rows: newest.iter().map(row).collect() }
}

fn datasets(newest: &[&RunLogRow], shown: &LakeContent, now: Timestamp) -> Page {
    let fields = vec![
        Field::new("dataset", ValueType::Text),
        Field::new("scopes", ValueType::Int),
        Field::new("newest", ValueType::Text),
        Field::new("oldest", ValueType::Text),
        Field::new("failed", ValueType::Int),
        Field::new("gaps", ValueType::Int),
        Field::new("files", ValueType::Int),
        Field::new("rows", ValueType::Int),
        Field::new("bytes", ValueType::Int),
    ];
    let mut grouped: BTreeMap<&str, Vec<&RunLogRow>> = BTreeMap::new();
    for told in newest {
        grouped.entry(&told.dataset).or_default().push(told);
    }
    let row = |(dataset, told): (&&str, &Vec<&RunLogRow>)| {
        let instants = || told.iter().map(|told| told.observed_at);
        let said = |instant: Option<Timestamp>| -> Value {
            instant.map(|instant| describe_age(instant, now)).into()
        };
        let held =
            shown.held.iter().find(|(held, _)| held == *dataset).map(|(_, size)| *size).unwrap_or_default();
        let count = |number: usize| Value::Int(number as i64);
        vec![
            (*dataset).into(),
            count(told.iter().map(|told| &told.scope).collect::<BTreeSet<_>>().len()),
            said(instants().max()),
            said(instants().min()),
            count(told.iter().filter(|told| told.outcome == "failed").count()),
            count(told.iter().map(|told| told.gaps.len()).sum()),
            Value::Int(held.files as i64),
            Value::Int(held.rows as i64),
            Value::Int(held.bytes as i64),
        ]
    };
    Page { fields, rows: grouped.iter().map(row).collect() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_a_list_that_is_unchanged_for_long() {
        let told = |day: &str, version: &str| RunLogRow {
            run_id: day.into(),
            dataset: "price".into(),
            scope: "us-east-1".into(),
            source: "AWS price list".into(),
            version: Some(version.into()),
            observed_at: domain::parse_instant(day).unwrap(),
            outcome: "complete".into(),
            rows: 1,
            gaps: vec![],
        };
        let check = |log: &[RunLogRow], expected: &[&str]| {
            let newest = newest_reports(log, &[]);
            assert_eq!(unchanged_lists(log, &newest), expected);
        };
        let (old, later) = (told("2026-06-01", "1"), told("2026-08-01", "1"));
        check(&[old.clone(), told("2026-06-20", "1")], &[]);
        check(&[old.clone(), told("2026-08-01", "2")], &[]);
        check(&[later, old], &["price us-east-1: the list of 2026-06-01 was unchanged on 2026-08-01"]);
    }
}
