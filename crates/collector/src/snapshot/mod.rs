mod account;
mod costs;
mod heartbeats;
pub(crate) mod known_reports;
mod plan;
mod prices;
mod public;
mod spending;
mod utilization;
mod wanted;

use catalog::ports::{ScopeReport, Source, SourceError, StopFlag, Store};
use catalog::{Dataset, RowBatch};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::Timestamp;

use crate::summary::{self, SummaryLine};
use crate::{Ports, lake_failure};
use known_reports::KnownReports;
use spending::SpendingLimit;
use wanted::SnapshotPlan;
pub(crate) use wanted::{PAID, collectable_datasets, parse_datasets};

/// Collect the present state of AWS into the lake.
///
/// An account's datasets (region_access, zone, instance_type, offering, instance, volume, address,
/// spot_request, capacity, quota, spot_price) are read with the credentials of the aws CLI, in
/// every region that the account can use. interruption, price, savings_plan and spot_feed are
/// public files and need no account. Price lists have some hundred MB per region, so without
/// --region only your own region is fetched (`region` in mycelium.toml, or AWS_REGION).
///
/// Each dataset becomes visible as a whole or not at all. A region that cannot be read becomes a
/// gap with its reason, in the lake and in every answer that depends on it; the other regions are
/// kept. Data that has not changed since the last snapshot adds no rows. Throttled calls are
/// retried up to 10 times with growing pauses. The exit code is 0 if anything was read, and 1 if
/// nothing was read or an account failed.
///
/// The summary has one line per scope (a region, or an account and region). rows_read counts the
/// rows returned by AWS, rows_kept those that are new in the lake, bytes their size in the lake,
/// and seconds the duration of the dataset, whose regions are read in parallel. A line without a
/// scope is the total of a dataset. If one file holds new rows of several scopes, only the total
/// shows its bytes.
///
/// spawnd writes the load of its instance into a tag every 15 minutes. A snapshot of instance keeps
/// each of these heartbeats once, as rows of utilization from spawnd, free of charge.
///
/// Some datasets are collected only by name. Two cost money, and the maximum cost is printed first:
/// charge (costs per day, $0.01 per request to Cost Explorer; use the paying account; days that AWS
/// calls estimated are requested again) and utilization (hourly CPU and network of running
/// instances, $0.01 per thousand CloudWatch metrics). More than $1 in total must be confirmed. Two
/// are answers to a request and are kept with it: placement_score (how likely a spot request would
/// succeed) and capacity_block (blocks for sale). price --type reads single types instead of a
/// region's list, with an account and free of charge. Nothing else costs money.
#[derive(Debug, Args, Default)]
pub struct SnapshotArgs {
    /// Datasets to collect [default: all that are free and need no extra flags]
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// Regions to collect, joined by commas, or all
    #[arg(long, value_delimiter = ',')]
    pub region: Vec<String>,
    /// Profiles of ~/.aws/config, joined by commas [default: the default credentials]
    #[arg(long, value_name = "PROFILE", value_delimiter = ',')]
    pub account: Vec<String>,
    /// For spot_price, charge and utilization: start of the history, such as 2026-11-01 or 30d (AWS
    /// keeps 90, 395 and 455 days) [default: the end of the last snapshot; the first time 7, 31 and
    /// 14 days ago]
    #[arg(long, value_name = "INSTANT|DAYS")]
    pub since: Option<String>,
    /// For price: the list in force at this time, back to 2018-05, instead of the current one
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// For charge: group costs by at most two of service, region, instance-type, account,
    /// record-type, usage-type, operation, zone and tag:KEY [default: service,region]. A day keeps
    /// the grouping of its last snapshot
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<String>,
    /// For charge: maximum requests per account, $0.01 each [default: 100 for all accounts
    /// together]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub requests: Option<u32>,
    /// For price, placement_score and capacity_block: instance types, joined by commas
    #[arg(long = "type", visible_alias = "types", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// For placement_score and capacity_block: number of instances [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000_000))]
    pub capacity: Option<u32>,
    /// For placement_score: all instances in one zone
    #[arg(long)]
    pub single_zone: bool,
    /// For capacity_block: duration, hours [default: 24] (AWS sells whole days)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub hours: Option<u32>,
    /// Accept a cost of more than $1 without confirmation
    #[arg(long)]
    pub yes: bool,
    /// Show the requests and their cost, and make none that costs money
    #[arg(long)]
    pub dry_run: bool,
}

/// The parts of a running snapshot.
struct SnapshotRun<'a> {
    source: &'a dyn Source,
    store: &'a dyn Store,
    stop: &'a StopFlag,
    clock: &'a dyn Fn() -> Timestamp,
    state: KnownReports,
    spending: SpendingLimit<'a>,
    lines: Vec<SummaryLine>,
}

pub(crate) fn run_snapshot(
    args: &SnapshotArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let wanted = wanted::plan_snapshot(args, now)?;
    let source = (ports.source)().map_err(source_failure)?;
    let shown = ports.store.read_content().map_err(lake_failure)?;
    let mut work = SnapshotRun {
        source: &*source,
        store: ports.store,
        stop: ports.stop,
        clock: ports.clock,
        state: KnownReports::new(shown.map(|shown| shown.log).unwrap_or_default()),
        spending: SpendingLimit::new(args.yes, ports.agree),
        lines: Vec::new(),
    };
    if args.dry_run {
        return plan::print_plan(&wanted, &work, ports, printer);
    }
    let mut failures = Vec::new();
    for dataset in &wanted.public {
        let done = public::snapshot(&mut work, &wanted, dataset, ports, printer);
        keep_going(done, &mut failures)?;
    }
    if !wanted.of_accounts.is_empty() {
        for profile in &wanted.profiles {
            let done = account::snapshot(&mut work, &wanted, profile.as_deref(), ports, printer);
            keep_going(done, &mut failures)?;
        }
    }
    if failures.is_empty() || !work.lines.is_empty() {
        printer.report(&Report::plain(summary::page(&work.lines)), ports.encode)?;
    }
    if failures.is_empty() && !work.lines.is_empty() && work.lines.iter().all(SummaryLine::failed) {
        let told = work.lines[0].told.as_ref();
        let why = told.and_then(|told| told.gaps.first()).map_or("AWS gave no reason", String::as_str);
        failures.push(Failure::broken(format!("nothing could be read: {why}")));
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

fn source_failure(error: SourceError) -> Failure {
    let text = error.to_string();
    match error {
        SourceError::Credentials(_) => Failure::broken(text).hint(
            "sign in as for the aws CLI (aws configure, aws sso login), name a profile with --account, or collect \
             only public data: collector snapshot price",
        ),
        SourceError::Interrupted => Failure::new(FailureKind::Interrupted, text),
        SourceError::Sink(_) | SourceError::Failed(_) => Failure::broken(text),
    }
}

impl SnapshotRun<'_> {
    /// Commits a run of one dataset: its new rows and its reports. Prints the result.
    fn commit(
        &mut self,
        dataset: &'static Dataset,
        name: &str,
        batches: Vec<RowBatch>,
        told: Vec<ScopeReport>,
        started: Timestamp,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let batches = batches.into_iter().map(|batch| (dataset, batch)).collect();
        self.commit_all(dataset, name, batches, told, started, printer)
    }

    /// Commits a run like `land`, with rows of other datasets that the same query found.
    fn commit_all(
        &mut self,
        dataset: &'static Dataset,
        name: &str,
        batches: Vec<(&'static Dataset, RowBatch)>,
        told: Vec<ScopeReport>,
        started: Timestamp,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let run_id = format!("snapshot-{}-{name}", dataset.name.replace('_', "-"));
        let begun = self.store.begin(&run_id).map_err(lake_failure)?;
        let mut run = begun.ok_or_else(|| {
            Failure::broken(format!("the lake already has a run named {run_id}"))
                .hint("try again in a second")
        })?;
        for (dataset, batch) in &batches {
            run.add(dataset, batch).map_err(lake_failure)?;
        }
        drop(batches);
        for told in &told {
            run.add_report(told.clone()).map_err(lake_failure)?;
        }
        let committed = run.commit((self.clock)()).map_err(lake_failure)?;
        let seconds = (self.clock)().duration_since(started).as_secs_f64();
        for told in &told {
            self.state.learn(told.to_log_row(&run_id));
        }
        let (own, beside): (Vec<ScopeReport>, Vec<ScopeReport>) =
            told.into_iter().partition(|told| told.dataset == dataset);
        for told in [own, beside] {
            let Some(name) = told.first().map(|told| told.dataset.name) else { continue };
            let brought = committed.of(name);
            let lines = summary::lines(name, told, &brought, Some(committed.manifest), seconds);
            printer.note(&summary::describe_run(name, &lines, &brought, committed.manifest));
            self.lines.extend(lines);
        }
        Ok(())
    }

    /// Returns a name for a run: its start in microseconds since 1970.
    fn stamp(&self, started: Timestamp) -> String {
        format!("{}", started.as_microsecond())
    }
}
