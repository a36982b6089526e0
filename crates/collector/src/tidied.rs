//! What `compact`, `prune` and `forget` say: a line a dataset, before and after.

use catalog::ports::{Resized, Size, Tidied};
use catalog::{Field, Page, Type, Value};
use console::{Exit, Failure, Printer, Report};

use crate::Ports;

pub(crate) fn report(
    tidied: &Tidied,
    dry_run: bool,
    nothing: &str,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    printer.report(&Report::plain(page(&tidied.datasets)), ports.encode)?;
    let changes = tidied.datasets.iter().any(|resized| resized.after != Some(resized.before));
    match tidied.manifest {
        Some(manifest) => printer.note(&format!("manifest {manifest} shows it")),
        None if dry_run && changes => {
            printer.note(
                "dry run: nothing was written; what has no figures would change by as much as is found",
            );
        }
        None => printer.note(nothing),
    }
    if tidied.pinned > 0 {
        printer.note("somebody still reads an earlier state: its files go with the next command that writes");
    }
    Ok(Exit::Done)
}

fn page(datasets: &[Resized]) -> Page {
    let mut fields = vec![Field::new("dataset", Type::Text)];
    for when in ["before", "after"] {
        fields.extend(["files", "rows", "bytes"].map(|what| Field::new(format!("{what}_{when}"), Type::Int)));
    }
    let figures = |size: Option<Size>| {
        let figures = size.map(|size| [size.files, size.rows, size.bytes]);
        [0, 1, 2].map(|at| figures.map_or(Value::Null, |figures| Value::Int(figures[at] as i64)))
    };
    let row = |resized: &Resized| {
        let name: Value = resized.dataset.as_str().into();
        let (before, after) = (figures(Some(resized.before)), figures(resized.after));
        std::iter::once(name).chain(before).chain(after).collect()
    };
    Page { fields, rows: datasets.iter().map(row).collect() }
}
