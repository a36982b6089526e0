//! The report of `compact`, `prune` and `forget`: one line per dataset, with its size before and
//! after.

use catalog::ports::{DatasetResize, DatasetSize, MaintenanceReport};
use catalog::{Field, Page, Value, ValueType};
use console::{Exit, Failure, Printer, Report};

use crate::Ports;

pub(crate) fn report(
    tidied: &MaintenanceReport,
    dry_run: bool,
    nothing: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    printer.report(&Report::plain(page(&tidied.datasets)), ports.encode)?;
    let changes = tidied.datasets.iter().any(|resized| resized.after != Some(resized.before));
    match tidied.manifest {
        Some(manifest) => printer.note(&format!("visible in manifest {manifest}")),
        None if dry_run && changes => {
            printer.note("dry run: nothing was written; empty cells are known only after a real run");
        }
        None => printer.note(nothing),
    }
    if tidied.pinned > 0 {
        printer.note("a reader still uses an earlier state: the next command that writes deletes its files");
    }
    Ok(Exit::Done)
}

fn page(datasets: &[DatasetResize]) -> Page {
    let mut fields = vec![Field::new("dataset", ValueType::Text)];
    for when in ["before", "after"] {
        fields.extend(
            ["files", "rows", "bytes"].map(|what| Field::new(format!("{what}_{when}"), ValueType::Int)),
        );
    }
    let figures = |size: Option<DatasetSize>| {
        let figures = size.map(|size| [size.files, size.rows, size.bytes]);
        [0, 1, 2].map(|at| figures.map_or(Value::Null, |figures| Value::Int(figures[at] as i64)))
    };
    let row = |resized: &DatasetResize| {
        let name: Value = resized.dataset.as_str().into();
        let (before, after) = (figures(Some(resized.before)), figures(resized.after));
        std::iter::once(name).chain(before).chain(after).collect()
    };
    Page { fields, rows: datasets.iter().map(row).collect() }
}
