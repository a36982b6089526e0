mod account;
mod costs;
mod heartbeats;
mod plan;
mod prices;
mod public;
mod spending;
pub(crate) mod state;
mod utilization;
mod wanted;

use catalog::ports::{Source, SourceError, Stop, Store, Told};
use catalog::{Batch, Dataset};
use clap::Args;
use console::{Exit, Failure, Kind, Printer, Report};
use domain::Timestamp;

use crate::summary::{self, Line};
use crate::{Ports, lake_failure};
use spending::Spending;
use state::State;
use wanted::Wanted;
pub(crate) use wanted::{PAID, datasets, known};

/// Ask AWS how things are, and keep the answer in the lake.
///
/// An account's datasets (region_access, zone, instance_type, offering, instance, volume, address, spot_request,
/// capacity, quota, spot_price) are asked for with the credentials that the aws CLI would use, in every region that the
/// account can use; interruption, price, savings_plan and spot_feed are public files and need none. The price lists are
/// some hundred MB a region: without --region those of your own region (`region` in mycelium.toml, AWS_REGION) are taken.
///
/// Each dataset becomes visible at once or not at all. A region that cannot be seen is a gap with its reason, in the
/// lake and in every answer that touches it; the others land. What has not changed since the last time adds no rows.
/// Throttled calls are made again, up to 10 times each with growing pauses. The exit code is 0 when anything was seen,
/// and 1 when nothing was or an account could not be asked.
///
/// A line of the summary stands for a scope: a region, or an account and region. rows_read are those that AWS told,
/// rows_kept those of them that are new in the lake, bytes what they take there, and seconds how long the dataset took,
/// whose regions are asked side by side. A line without a scope sums up a dataset. Where one file holds new rows of
/// several scopes, its bytes are in that line alone.
///
/// spawnd writes into a tag of its instance how busy it was (each quarter of an hour): a look at instance keeps that as
/// rows of utilization from spawnd, free of charge, each heartbeat once.
///
/// Some datasets are asked for only when they are named. Two cost money, and the sum is said first: charge (what each
/// day cost, $0.01 for each request of Cost Explorer; ask the account that pays; days that AWS calls estimated are
/// asked for again) and utilization (CPU and network of the instances that run, hour by hour, $0.01 for a thousand
/// metrics of CloudWatch). Above $1 together somebody must agree. Two are answers to a request, and kept with it:
/// placement_score (how likely a spot request would succeed) and capacity_block (blocks for sale). price --type asks
/// for single types instead of a region's list, with an account and free of charge. Nothing else costs money.
#[derive(Debug, Args, Default)]
pub struct SnapshotArgs {
    /// Datasets; without any all that are free and no answer to a request
    #[arg(value_name = "DATASET")]
    pub datasets: Vec<String>,
    /// Regions, joined by commas, or all
    #[arg(long, value_delimiter = ',')]
    pub region: Vec<String>,
    /// Profiles of ~/.aws/config, joined by commas; without this the default credentials
    #[arg(long, value_name = "PROFILE", value_delimiter = ',')]
    pub account: Vec<String>,
    /// For spot_price, charge and utilization: from when, such as 2026-11-01 or 30d (AWS keeps 90, 395 and 455 days).
    /// Without this from where the last snapshot ended, and the first time 7, 31 and 14 days
    #[arg(long, value_name = "INSTANT|DAYS")]
    pub since: Option<String>,
    /// For price: the list that held then, back to 2018-05, instead of the current one
    #[arg(long, value_name = "INSTANT")]
    pub as_of: Option<String>,
    /// For charge: by what costs are told apart, at most two of service, region, instance-type, account, record-type,
    /// usage-type, operation, zone and tag:KEY (service and region without this). A day's costs are kept as they
    /// were told apart last
    #[arg(long, value_name = "WHAT", value_delimiter = ',')]
    pub by: Vec<String>,
    /// For charge: requests of each account at most, $0.01 each (without this 100 of all accounts together)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub requests: Option<u32>,
    /// For price, placement_score and capacity_block: instance types, joined by commas
    #[arg(long = "type", visible_alias = "types", value_name = "TYPE", value_delimiter = ',')]
    pub types: Vec<String>,
    /// For placement_score and capacity_block: instances that are wanted (1 without this)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=2_000_000_000))]
    pub capacity: Option<u32>,
    /// For placement_score: all of them in one zone
    #[arg(long)]
    pub single_zone: bool,
    /// For capacity_block: how long it is wanted, hours (24 without this; AWS sells whole days)
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=8784))]
    pub hours: Option<u32>,
    /// Agree to what costs more than $1
    #[arg(long)]
    pub yes: bool,
    /// Say what would be asked and what it would cost, and ask for nothing that costs money
    #[arg(long)]
    pub dry_run: bool,
}

/// What a snapshot works with.
struct Work<'a> {
    source: &'a dyn Source,
    store: &'a dyn Store,
    stop: &'a Stop,
    clock: &'a dyn Fn() -> Timestamp,
    state: State,
    spending: Spending<'a>,
    lines: Vec<Line>,
}

pub(crate) fn run_snapshot(
    args: &SnapshotArgs,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let wanted = wanted::understand(args, now)?;
    let source = (ports.source)().map_err(source_failure)?;
    let shown = ports.store.look().map_err(lake_failure)?;
    let mut work = Work {
        source: &*source,
        store: ports.store,
        stop: ports.stop,
        clock: ports.clock,
        state: State::new(shown.map(|shown| shown.log).unwrap_or_default()),
        spending: Spending::new(args.yes, ports.agree),
        lines: Vec::new(),
    };
    if args.dry_run {
        return plan::plan(&wanted, &work, ports, printer);
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
    if failures.is_empty() && !work.lines.is_empty() && work.lines.iter().all(Line::failed) {
        let told = work.lines[0].told.as_ref();
        let why = told.and_then(|told| told.gaps.first()).map_or("AWS gave no reason", String::as_str);
        failures.push(Failure::broken(format!("nothing could be seen: {why}")));
    }
    finish(failures, printer)
}

/// A part that failed does not keep the others from being tried, unless nothing can be written or somebody stops.
fn keep_going(done: Result<(), Failure>, failures: &mut Vec<Failure>) -> Result<(), Failure> {
    match done {
        Err(failure) if matches!(failure.kind, Kind::Interrupted | Kind::Data | Kind::Usage) => Err(failure),
        Err(failure) => {
            failures.push(failure);
            Ok(())
        }
        Ok(()) => Ok(()),
    }
}

/// What failed as a whole is said at the end: the first by the exit code, the others before it.
fn finish(failures: Vec<Failure>, printer: &mut Printer) -> Result<Exit, Failure> {
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
            "sign in as for the aws CLI (aws configure, aws sso login), name a profile with --account, or ask for \
             public data alone: collector snapshot price",
        ),
        SourceError::Interrupted => Failure::new(Kind::Interrupted, text),
        SourceError::Sink(_) | SourceError::Failed(_) => Failure::broken(text),
    }
}

impl Work<'_> {
    /// Makes a run of one dataset visible: the rows that are new, and what was told. Says what that brought.
    fn land(
        &mut self,
        dataset: &'static Dataset,
        name: &str,
        batches: Vec<Batch>,
        told: Vec<Told>,
        started: Timestamp,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let batches = batches.into_iter().map(|batch| (dataset, batch)).collect();
        self.land_all(dataset, name, batches, told, started, printer)
    }

    /// The same where a look at a dataset also found rows of others.
    fn land_all(
        &mut self,
        dataset: &'static Dataset,
        name: &str,
        batches: Vec<(&'static Dataset, Batch)>,
        told: Vec<Told>,
        started: Timestamp,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let run_id = format!("snapshot-{}-{name}", dataset.name.replace('_', "-"));
        let begun = self.store.begin(&run_id).map_err(lake_failure)?;
        let mut run = begun.ok_or_else(|| {
            Failure::broken(format!("a run named {run_id} is visible already")).hint("try again in a second")
        })?;
        for (dataset, batch) in &batches {
            run.add(dataset, batch).map_err(lake_failure)?;
        }
        drop(batches);
        for told in &told {
            run.tell(told.clone()).map_err(lake_failure)?;
        }
        let committed = run.commit((self.clock)()).map_err(lake_failure)?;
        let seconds = (self.clock)().duration_since(started).as_secs_f64();
        for told in &told {
            self.state.learn(told.logged(&run_id));
        }
        let (own, beside): (Vec<Told>, Vec<Told>) =
            told.into_iter().partition(|told| told.dataset == dataset);
        for told in [own, beside] {
            let Some(name) = told.first().map(|told| told.dataset.name) else { continue };
            let brought = committed.of(name);
            let lines = summary::lines(name, told, &brought, Some(committed.manifest), seconds);
            printer.note(&summary::sentence(name, &lines, &brought, committed.manifest));
            self.lines.extend(lines);
        }
        Ok(())
    }

    /// A name for a run that begins now.
    fn stamp(&self, started: Timestamp) -> String {
        format!("{}", started.as_microsecond())
    }
}
