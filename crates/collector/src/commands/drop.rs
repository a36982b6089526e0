use clap::Args;
use console::{Exit, Failure, Printer};
use domain::Timestamp;

use crate::lake_failure;
use crate::{Ports, size_report};

/// Take runs out of the lake, such as the import of a wrong file or of a wrong bundle.
///
/// A run is one import, or one dataset of a snapshot; `truffle query data/runs` lists their ids.
/// Its rows and its entries in the run log go, and answers use the data before it. The same files
/// can then be imported again, and the next snapshot collects the scope again. Reports that
/// nothing had changed since the run go too. An observed spot price is stored for the first run
/// that reported it, so later runs do not keep it.
///
/// The exit code is 3 when the lake has no such run or no damaged file.
#[derive(Debug, Args)]
pub struct DropArgs {
    /// Ids of the runs
    #[arg(value_name = "RUN", required_unless_present = "damaged")]
    pub runs: Vec<String>,
    /// Take out every file that is missing or differs from its digest, with its run's entries in
    /// the log; reads the whole lake
    #[arg(long, conflicts_with = "runs")]
    pub damaged: bool,
    /// Show the effect and write nothing
    #[arg(long)]
    pub dry_run: bool,
}

pub(crate) fn run_drop(
    args: &DropArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(exit) = size_report::exit_without_lake(ports, printer) {
        return Ok(exit);
    }
    if let Some(unknown) = unknown_run(&args.runs, ports) {
        printer.note(&format!("{unknown}; truffle query data/runs lists the runs"));
        return Ok(Exit::NothingMatched);
    }
    let progress = printer.progress("dropping");
    let done = match args.damaged {
        true => ports.store.drop_damaged(now, args.dry_run),
        false => ports.store.drop_runs(&args.runs, now, args.dry_run),
    };
    drop(progress);
    let done = done.map_err(lake_failure)?;
    let is_changed = size_report::has_changes(&done);
    let nothing = match args.damaged {
        true => "no file of the lake is damaged".into(),
        false => format!("the lake has no run {}", args.runs.join(", ")),
    };
    size_report::report(&done, args.dry_run, &nothing, ports, printer)?;
    Ok(if is_changed { Exit::Done } else { Exit::NothingMatched })
}

/// Describes the first run that the log does not list, so that a slip in one id does not hide
/// behind the others. A damaged log lists nothing, and then the ids are taken as they are.
fn unknown_run(runs: &[String], ports: &Ports<'_>) -> Option<String> {
    let log = ports.store.read_content().ok()??.log;
    let known = || log.iter().map(|row| row.run_id.as_str());
    let unknown = runs.iter().find(|run| !known().any(|id| id == run.as_str()))?;
    Some(format!("the lake has no run \"{unknown}\"{}", console::suggest_closest(unknown, known())))
}
