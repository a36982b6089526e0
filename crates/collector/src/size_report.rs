//! The report of `compact`, `prune`, `forget` and `drop`: one line per dataset, with its size
//! before and after.

use catalog::ports::{DatasetResize, DatasetSize, MaintenanceReport};
use catalog::{Field, Page, Value, ValueType};
use console::{Exit, Failure, Printer, Report};

use crate::Ports;
use crate::commands::status::no_lake;

/// Returns the exit code of a command that has no lake to change, after a note; none if there is a
/// lake, even a damaged one.
pub(crate) fn exit_without_lake(ports: &Ports<'_>, printer: &mut Printer) -> Option<Exit> {
    matches!(ports.store.read_content(), Ok(None)).then(|| no_lake(&[], ports, printer))
}

pub(crate) fn report(
    tidied: &MaintenanceReport,
    dry_run: bool,
    nothing: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    printer.report(&Report::plain(page(&tidied.datasets)), ports.encode)?;
    match tidied.manifest {
        Some(manifest) => printer.note(&format!("visible in manifest {manifest}")),
        None if dry_run && has_changes(tidied) => printer.note("dry run: nothing was written"),
        None => printer.note(nothing),
    }
    if tidied.pinned > 0 {
        printer.note("a reader still uses an earlier state: the next command that writes deletes its files");
    }
    Ok(Exit::Done)
}

/// Returns whether the lake changed, or would change.
pub(crate) fn has_changes(tidied: &MaintenanceReport) -> bool {
    tidied.datasets.iter().any(|resized| resized.after != resized.before)
}

fn page(datasets: &[DatasetResize]) -> Page {
    let mut fields = vec![Field::new("dataset", ValueType::Text)];
    for when in ["before", "after"] {
        fields.extend(
            ["files", "rows", "bytes"].map(|what| Field::new(format!("{what}_{when}"), ValueType::Int)),
        );
    }
    let figures = |size: DatasetSize| [size.files, size.rows, size.bytes].map(|n| Value::Int(n as i64));
    let row = |resized: &DatasetResize| {
        let name: Value = resized.dataset.as_str().into();
        let (before, after) = (figures(resized.before), figures(resized.after));
        std::iter::once(name).chain(before).chain(after).collect()
    };
    Page { fields, rows: datasets.iter().map(row).collect() }
}
