use catalog::{Field, Page, Type, Value};
use clap::Args;
use console::{Exit, Failure, Printer, Report, age};
use domain::Timestamp;

use crate::Ports;
use crate::offer::Source;
use crate::place;

/// Show the location of the data, its age and gaps, and the settings in effect.
#[derive(Debug, Args)]
pub struct StatusArgs {}

/// Runs `truffle status`.
pub fn run_status(
    _args: &StatusArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let sources = place::sources(ports, "all")?;
    about(ports, printer);
    printer.report(&Report::plain(report(&sources, now)), ports.encode)?;
    let gaps: usize = sources.iter().map(|source| source.gaps.len()).sum();
    if gaps > 0 {
        printer.note(&format!("data gaps: {gaps}; truffle query data/runs lists them"));
    }
    Ok(Exit::Done)
}

fn about(ports: &Ports<'_>, printer: &mut Printer) {
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
}

fn report(sources: &[Source], now: Timestamp) -> Page {
    let fields = vec![
        Field::new("dataset", Type::Text),
        Field::new("source", Type::Text),
        Field::new("observed_at", Type::Timestamp),
        Field::new("age", Type::Text),
        Field::new("rows", Type::Int),
        Field::new("scopes", Type::Int),
        Field::new("gaps", Type::Int),
    ];
    let row = |source: &Source| {
        vec![
            source.dataset.as_str().into(),
            source.source.as_str().into(),
            source.observed_at.into(),
            age(source.observed_at, now).into(),
            Value::Int(source.row_count),
            Value::Int(source.scopes as i64),
            Value::Int(source.gaps.len() as i64),
        ]
    };
    Page { fields, rows: sources.iter().map(row).collect() }
}
