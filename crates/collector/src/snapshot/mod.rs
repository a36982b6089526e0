pub(crate) mod args;
pub(crate) mod dataset_table;
mod dry_run;
mod fetch;
pub(crate) mod known_reports;
pub(crate) mod plan;
mod record;
mod spending;

use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::Timestamp;

use self::args::SnapshotArgs;
use self::fetch::access::{SourceAccess, source_failure};
use self::fetch::{account, public_files};
use self::known_reports::KnownReports;
use self::plan::plan_snapshot;
use self::record::SnapshotRecorder;
use self::spending::SpendingLimit;
use crate::summary::{self, SummaryLine};
use crate::{Ports, lake_failure};

pub(crate) fn run_snapshot(
    args: &SnapshotArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let plan = plan_snapshot(args, now)?;
    let source = (ports.source)().map_err(source_failure)?;
    let access = SourceAccess { source: &*source, stop: ports.stop, clock: ports.clock };
    let own_region = ports.settings.region.value.to_string();
    let shown = ports.store.read_content().map_err(lake_failure)?;
    if args.dry_run {
        return dry_run::print_plan(&access, &plan, &own_region, ports.encode, printer);
    }
    let known = KnownReports::new(shown.map(|shown| shown.log).unwrap_or_default());
    let mut recorder = SnapshotRecorder::new(ports.store, ports.clock, known);
    let mut spending = SpendingLimit::new(args.yes, ports.agree);
    let mut failures = Vec::new();
    for dataset in &plan.public {
        let done = public_files::collect(&access, &plan, dataset, &own_region, &mut recorder, printer);
        keep_going(done, &mut failures)?;
    }
    for profile in plan.profiles.iter().filter(|_| !plan.of_accounts.is_empty()) {
        let profile = profile.as_deref();
        let done =
            account::collect(&access, &plan, profile, &own_region, &mut spending, &mut recorder, printer);
        keep_going(done, &mut failures)?;
    }
    let lines = &recorder.lines;
    if failures.is_empty() || !lines.is_empty() {
        let table = (!args.verbose).then(|| summary::overview(lines));
        let report = Report { table, ..Report::plain(summary::page(lines)) };
        printer.report(&report, ports.encode)?;
    }
    if failures.is_empty() && !lines.is_empty() && lines.iter().all(SummaryLine::failed) {
        let told = lines[0].told.as_ref();
        let why = told.and_then(|told| told.gaps.first()).map(|gap| gap.why.as_str());
        failures
            .push(Failure::broken(format!("nothing could be read: {}", why.unwrap_or("AWS gave no reason"))));
    }
    report_failures(failures, printer)
}

/// Collects a failure, so that the other datasets are still tried. Returns it at once when the run
/// was interrupted, or when the lake or the arguments cannot be used.
fn keep_going(done: Result<(), Failure>, failures: &mut Vec<Failure>) -> Result<(), Failure> {
    match done {
        Err(failure)
            if matches!(failure.kind, FailureKind::Interrupted | FailureKind::Data | FailureKind::Usage) =>
        {
            Err(failure)
        }
        Err(failure) => {
            failures.push(failure);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// Prints all failures but the first, and returns the first, which sets the exit code.
fn report_failures(failures: Vec<Failure>, printer: &mut Printer) -> Result<Exit, Failure> {
    let mut failures = failures.into_iter();
    let Some(first) = failures.next() else { return Ok(Exit::Done) };
    printer.flush()?;
    for other in failures {
        printer.failure(&other);
    }
    Err(first)
}
