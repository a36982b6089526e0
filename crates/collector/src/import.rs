use std::path::PathBuf;

use catalog::ports::{Imported, StoreError};
use catalog::{Field, Page, Type, Value};
use clap::{Args, ValueEnum};
use console::{Exit, Failure, Kind, Printer, Report};
use domain::Timestamp;

use crate::Ports;

/// Import files into the lake. They become visible all at once, or not at all.
///
/// spot-history reads Parquet with the columns observed_at, instance_type, region, az_id and spot_usd;
/// every observation is kept. The same files a second time add nothing.
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// What the files hold
    #[arg(value_enum)]
    pub kind: FileKind,
    /// Files to import, together
    #[arg(required = true)]
    pub paths: Vec<PathBuf>,
    /// Read and count, and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// Kinds of files that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FileKind {
    /// Spot price history, Parquet.
    SpotHistory,
}

pub(crate) fn run_import(
    args: &ImportArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let progress = printer.progress("importing");
    let imported = match args.kind {
        FileKind::SpotHistory => ports.store.import_spot_history(&args.paths, now, args.dry_run),
    };
    drop(progress);
    let imported = imported.map_err(failure)?;
    printer.report(&Report::plain(page(&imported)), ports.encode)?;
    match imported.manifest {
        None if args.dry_run => printer.note("dry run: nothing was written"),
        Some(_) if imported.kept == 0 => printer.note("these files were imported before; nothing was added"),
        _ => {}
    }
    Ok(Exit::Done)
}

fn page(imported: &Imported) -> Page {
    let fields = vec![
        Field::new("dataset", Type::Text),
        Field::new("rows_read", Type::Int),
        Field::new("rows_kept", Type::Int),
        Field::new("bytes", Type::Int),
        Field::new("manifest", Type::Int),
        Field::new("gaps", Type::List(Box::new(Type::Text))),
    ];
    let row = vec![
        imported.dataset.into(),
        Value::Int(imported.read as i64),
        Value::Int(imported.kept as i64),
        Value::Int(imported.bytes as i64),
        imported.manifest.map(|number| number as i64).into(),
        imported.gaps.clone().into(),
    ];
    Page { fields, rows: vec![row] }
}

fn failure(error: StoreError) -> Failure {
    let text = error.to_string();
    match error {
        StoreError::Locked(_) => Failure::broken(text).hint("wait for the other collector, or stop it"),
        StoreError::Newer { .. } => {
            Failure::new(Kind::Data, text).hint("upgrade mycelium, or name another lake with --lake")
        }
        StoreError::Foreign(_) => Failure::new(Kind::Data, text).hint("name an empty folder with --lake"),
        StoreError::BadFile(_) => {
            Failure::new(Kind::Data, text).hint("collector import --help says what is expected")
        }
        StoreError::Io(_) => Failure::broken(text),
    }
}
