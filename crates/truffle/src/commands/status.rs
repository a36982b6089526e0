use std::path::Path;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report, describe_age};
use domain::Timestamp;

use crate::CommandPorts;
use crate::anomaly_marks::AnomalyMark;
use crate::budget_entry::BudgetEntry;
use crate::offer::DatasetSource;
use crate::plan_file::PlanFile;
use crate::region_scope;
use crate::user_files::UserFile;

/// Show the location of the data, its age and gaps, and the settings in effect.
#[derive(Debug, Args)]
pub struct TruffleStatusArgs {}

/// Runs `truffle status`.
pub fn run_status(
    _args: &TruffleStatusArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let sources = region_scope::sources(ports, "all")?;
    about(ports, printer);
    printer.report(&Report::plain(report(&sources, now)), ports.encode)?;
    note_gaps(&sources, printer);
    Ok(Exit::Done)
}

/// Gaps that are listed without `--verbose`.
const LISTED_GAPS: usize = 10;

/// Lists the gaps, with `--verbose` all of them.
fn note_gaps(sources: &[DatasetSource], printer: &mut Printer) {
    let gaps: Vec<String> = sources
        .iter()
        .flat_map(|source| source.gaps.iter().map(move |gap| format!("gap in {}: {gap}", source.dataset)))
        .collect();
    let shown = if printer.is_verbose() { gaps.len() } else { gaps.len().min(LISTED_GAPS) };
    gaps[..shown].iter().for_each(|gap| printer.note(gap));
    if shown < gaps.len() {
        printer.note(&format!("{} more gaps: --verbose lists all", gaps.len() - shown));
    }
}

fn about(ports: &CommandPorts<'_>, printer: &mut Printer) {
    let place = ports.ask.place();
    let settings = ports.settings;
    match &place.lake {
        Some(lake) => printer.note(&format!("lake: {}, manifest {}", lake.display(), place.manifest)),
        None => printer.note(&format!(
            "lake: none at {} ({}); answers come from the seed data only",
            settings.lake.value.display(),
            settings.lake.origin
        )),
    }
    match &place.warehouse {
        Some(path) => printer.note(&format!("warehouse: {}", path.display())),
        None => printer.note("warehouse: in memory, because no folder could be written"),
    }
    printer.note(&format!(
        "settings: region {} ({}), output {} ({}), color {} ({}), files in {}",
        settings.region.value,
        settings.region.origin,
        settings.output.value,
        settings.output.origin,
        settings.color.value.name(),
        settings.color.origin,
        settings.config.display()
    ));
    let budgets = UserFile::budgets(&settings.config, None);
    let count = budgets.read::<BudgetEntry>().map(|entries| entries.len());
    note_file(budgets.path(), count, printer);
    let marks = UserFile::anomaly_marks(&settings.config, None);
    let count = marks.read::<Vec<AnomalyMark>>().map(|entries| entries.len());
    note_file(marks.path(), count, printer);
    let plans = PlanFile::of(&settings.config, None);
    let count = plans.read(&settings.dimensions).map(|plans| plans.len());
    note_file(plans.path(), count, printer);
}

/// Notes a file of the user with the number of its entries, or why it cannot be read.
fn note_file(path: &Path, count: Result<usize, Failure>, printer: &mut Printer) {
    let path = path.display();
    printer.note(&match count {
        Ok(0) => format!("{path}: no entries"),
        Ok(1) => format!("{path}: 1 entry"),
        Ok(count) => format!("{path}: {count} entries"),
        Err(failure) => failure.message,
    });
}

fn report(sources: &[DatasetSource], now: Timestamp) -> Page {
    let fields = vec![
        Field::new("dataset", ValueType::Text),
        Field::new("source", ValueType::Text),
        Field::new("observed_at", ValueType::Timestamp),
        Field::new("age", ValueType::Text),
        Field::new("rows", ValueType::Int),
        Field::new("scopes", ValueType::Int),
        Field::new("gaps", ValueType::Int),
    ];
    let row = |source: &DatasetSource| {
        vec![
            source.dataset.as_str().into(),
            source.source.as_str().into(),
            source.observed_at.into(),
            describe_age(source.observed_at, now).into(),
            Value::Int(source.row_count),
            Value::Int(source.scopes as i64),
            Value::Int(source.gaps.len() as i64),
        ]
    };
    Page { fields, rows: sources.iter().map(row).collect() }
}
