//! `collector status --verify`: compares every file of the lake with its digest.

use catalog::ports::{DamagedFile, VerificationReport};
use catalog::{Field, Page, ValueType};
use console::{Exit, Failure, FailureKind, Printer, Report, drop_damaged_files};

use crate::{Ports, lake_failure};

/// Prints the damaged files. It is a failure if there is one. Returns none when there is no lake.
pub(crate) fn verify(ports: &Ports<'_>, printer: &mut Printer) -> Result<Option<Exit>, Failure> {
    let progress = printer.progress("verifying");
    let verified = ports.store.verify();
    drop(progress);
    let Some(VerificationReport { files, bytes, damaged }) = verified.map_err(lake_failure)? else {
        return Ok(None);
    };
    printer.report(&report(&damaged), ports.encode)?;
    if damaged.is_empty() {
        printer.note(&format!("all {files} files ({bytes} bytes) match their digests"));
        return Ok(Some(Exit::Done));
    }
    printer.flush()?;
    let text = format!("{} of {files} files are damaged", damaged.len());
    Err(Failure::new(FailureKind::Data, text).hint(drop_damaged_files(&ports.store.root())))
}

/// Returns the table of damaged files.
pub(crate) fn report(damaged: &[DamagedFile]) -> Report {
    let fields = ["dataset", "run_id", "file", "reason"].map(|name| Field::new(name, ValueType::Text));
    let row = |damaged: &DamagedFile| {
        let DamagedFile { dataset, run_id, file, reason } = damaged.clone();
        vec![dataset.into(), run_id.into(), file.into(), reason.into()]
    };
    Report::plain(Page { fields: fields.to_vec(), rows: damaged.iter().map(row).collect() })
}
