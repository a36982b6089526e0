#![allow(clippy::disallowed_methods, reason = "a plan may be written to a file")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::{Known, Timestamp, parse_span};
use durable::SHARED;
use fleet::instance::{InstanceView, ReapAction};
use fleet::ports::{CallerAccount, InstanceSelector, Instances};
use fleet::reap::{KeepReason, KeptInstance, ReapPlan, ReapScope, ReapTarget, plan, recheck};

use crate::instance_traces::remove_traces;
use crate::owner::owners;
use crate::ports::cloud_failure;
use crate::regions::{self, RegionScan};
use crate::remains::{Remains, query_remains, report_remains};
use crate::{Ports, names_cache};

/// Show which of your instances are overdue, and end them with --yes.
///
/// An instance is overdue 13 minutes after its deadline plus its grace period: by then spawnd and
/// the dead-man timer have failed. It is stopped or terminated, as chosen at launch; a hibernation
/// becomes a stop. A spot request that could launch another instance is cancelled first. Instances
/// of other owners, protected ones, copies, and those with unreadable tags are left alone, and the
/// plan gives the reason. After an end, the disks, addresses and images that remain are listed with
/// their monthly cost.
///
/// A stopped instance is overdue at its cap alone, but its disks cost money. With --stopped 30d, an
/// instance that has been stopped for 30 days is terminated, and its disks are deleted.
///
/// Without --yes nothing is changed. With --yes each instance is checked again first, and left
/// alone if it no longer matches the plan. Exit code 0 when the plan was shown, or carried out and
/// read back; 3 when every region was queried and nothing at all is overdue; 6 when overdue
/// instances, or some that could not be judged, were left alone, so a person must act; 1 when an
/// instance could not be ended or a region could not be queried. The other instances are ended
/// nevertheless.
#[derive(Debug, Args)]
pub struct ReapArgs {
    /// End the instances of the plan
    #[arg(long)]
    pub yes: bool,
    /// Write the plan to this file; with --yes, read it from there
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Regions to check [default: all that the account can use]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
    /// Owners of the instances, by their tag [default: the setting owner, and you]
    #[arg(long, value_name = "ARN", value_delimiter = ',')]
    pub owner: Vec<String>,
    /// Also terminate instances that have been stopped for this long: 30d
    #[arg(long, value_name = "SPAN")]
    pub stopped: Option<String>,
}

/// The number of reads of an instance's state after its end, and the pause between them.
const READINGS: u32 = 10;
const PAUSE: Duration = Duration::from_secs(3);

pub(crate) fn run_reap(args: &ReapArgs, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    let from_file = match &args.plan {
        Some(file) if args.yes => Some(read(file, args)?),
        _ => None,
    };
    let caller = ports.account.caller().map_err(cloud_failure)?;
    printer.relative_to(caller.now);
    let (shown, gaps) = match from_file {
        Some(shown) if shown.asks.account != caller.account => {
            let (theirs, ours) = (&shown.asks.account, &caller.account);
            return Err(Failure::new(
                FailureKind::Data,
                format!("the plan is of account {theirs}, but the credentials are of account {ours}"),
            ));
        }
        Some(shown) => (shown, None),
        None => {
            let (shown, found) = make(args, ports, &caller, printer)?;
            (shown, Some(found))
        }
    };
    let gap = gaps.map_or(Ok(()), |found| found.fail_on_gap());
    if !args.yes {
        return show(&shown, gap.is_ok(), args.plan.as_deref(), ports, printer)
            .and_then(|exit| gap.map(|()| exit));
    }
    if shown.ends.is_empty() {
        let exit = report_kept(&shown, gap.is_ok(), printer);
        return gap.map(|()| exit);
    }
    for end in &shown.ends {
        printer.note(&format!("{} {} in {}: {}", end.how.verb(), end.id, end.region, overdue_reason(end)));
    }
    let done = act(&shown, ports.instances, caller.now, ports.wait);
    update_traces(&done, &caller, ports, printer);
    printer.report(&Report::plain(done_page(&done)), ports.encode)?;
    for ended in done.iter().filter(|done| done.outcome == ReapOutcome::Ended) {
        report_remains(&ended.end.region, &ended.end.id, &ended.remains, printer);
    }
    let kept = report_kept(&shown, gap.is_ok(), printer);
    let failed = |done: &&ReapResult| matches!(done.outcome, ReapOutcome::Failed(_) | ReapOutcome::Asked);
    match done.iter().filter(failed).count() {
        0 if kept == Exit::PersonNeeded || done.iter().any(|done| done.leaves_overdue) => {
            gap.map(|()| Exit::PersonNeeded)
        }
        0 => gap.map(|()| Exit::Done),
        more => Err(Failure::broken(format!("{more} of {} could not be ended", done.len()))
            .hint("spawn reap lists the instances that are still overdue")),
    }
}

fn make(
    args: &ReapArgs,
    ports: &Ports<'_>,
    caller: &CallerAccount,
    printer: &mut Printer,
) -> Result<(ReapPlan, RegionScan), Failure> {
    let usable = ports.account.regions().map_err(cloud_failure)?;
    let chosen = regions::choose_regions(&args.region, caller, &usable)?;
    let own = || owners(ports.settings, caller);
    let owners = if args.owner.is_empty() { own() } else { args.owner.clone() };
    let stopped_for = args.stopped.as_deref().map(parse_span).transpose();
    let stopped_for = stopped_for
        .map_err(|error| Failure::usage(format!("--stopped: {error}")).hint("spawn reap --stopped 30d"))?;
    let asks = ReapScope { account: caller.account.clone(), owners, stopped_for };
    let progress = printer.progress("querying all regions");
    let mut found = regions::query_regions(ports.instances, &chosen, InstanceSelector::All, caller.now);
    request_protection(ports.instances, &mut found.seen, &asks, found.at);
    drop(progress);
    found.print_gaps(printer);
    Ok((plan(&found.seen, &asks, found.at), found))
}

/// Requests the protection of the instances that would otherwise be ended.
fn request_protection(cloud: &dyn Instances, seen: &mut [InstanceView], asks: &ReapScope, now: Timestamp) {
    let plan = plan(seen, asks, now);
    for (region, id) in plan.unread_protections() {
        let answer = cloud.read_protection(region, id);
        let known = answer.map_or_else(|error| Known::Unseen(error.to_string()), Known::Is);
        if let Some(seen) = seen.iter_mut().find(|seen| seen.region == region && seen.id == id) {
            seen.protected = known;
        }
    }
}

/// The result for one instance.
#[derive(Debug)]
struct ReapResult {
    end: ReapTarget,
    outcome: ReapOutcome,
    /// The instance, as it was read last.
    seen: Option<InstanceView>,
    /// Whether it was left alone although it is overdue.
    leaves_overdue: bool,
    /// The resources that stay after its end.
    remains: Remains,
}

impl ReapResult {
    fn new(end: ReapTarget, outcome: ReapOutcome) -> ReapResult {
        ReapResult { end, outcome, seen: None, leaves_overdue: false, remains: Ok(Vec::new()) }
    }
}

#[derive(Debug, PartialEq)]
enum ReapOutcome {
    /// AWS accepted the call. The effect was not read back yet.
    Asked,
    /// Its state shows that it is ending or has ended.
    Ended,
    /// It was left alone, with the reason.
    Left(String),
    /// It should have ended, but did not, or its state is unknown. With the reason.
    Failed(String),
}

/// Ends the instances that still match the plan, one by one. A failure does not stop the others.
fn act(shown: &ReapPlan, cloud: &dyn Instances, now: Timestamp, wait: &dyn Fn(Duration)) -> Vec<ReapResult> {
    let (mut found, blind) = query_ends(cloud, &shown.ends, now);
    request_protection(cloud, &mut found.seen, &shown.asks, found.at);
    let (holds, dropped) = recheck(shown, &found.seen, found.at);
    let mut done: Vec<ReapResult> =
        dropped.into_iter().map(|(end, why)| leave_alone(end, why, &blind)).collect();
    for end in holds {
        let seen = found.seen.iter().find(|seen| seen.region == end.region && seen.id == end.id);
        let keeps_disks = end.how == ReapAction::Stop;
        let remains = seen.map_or(Ok(Vec::new()), |seen| query_remains(cloud, seen, keeps_disks));
        let cancelled =
            end.cancel.as_ref().map_or(Ok(()), |request| cloud.cancel_spot_request(&end.region, request));
        let outcome = match cancelled.and_then(|()| cloud.end_instance(&end.region, &end.id, end.how)) {
            Ok(()) => ReapOutcome::Asked,
            Err(error) => ReapOutcome::Failed(error.to_string()),
        };
        done.push(ReapResult { remains, ..ReapResult::new(end, outcome) });
    }
    read_back(&mut done, cloud, now, wait);
    done.sort_by(|a, b| (&a.end.region, &a.end.id).cmp(&(&b.end.region, &b.end.id)));
    done
}

/// Requests the instances of a plan in their regions. Returns them, and the regions that could not
/// be queried with the reason.
fn query_ends(
    cloud: &dyn Instances,
    ends: &[ReapTarget],
    now: Timestamp,
) -> (RegionScan, BTreeMap<String, String>) {
    let mut regions: Vec<String> = ends.iter().map(|end| end.region.clone()).collect();
    regions.sort();
    regions.dedup();
    let ids: Vec<String> = ends.iter().map(|end| end.id.clone()).collect();
    let found = regions::query_regions(cloud, &regions, InstanceSelector::Ids(&ids), now);
    let blind = found.gaps.iter().cloned().collect();
    (found, blind)
}

fn leave_alone(end: ReapTarget, why: Option<KeepReason>, blind: &BTreeMap<String, String>) -> ReapResult {
    let leaves_overdue = why.as_ref().is_some_and(KeepReason::leaves_overdue);
    let outcome = match (why, blind.get(&end.region)) {
        (_, Some(gap)) => ReapOutcome::Failed(format!("not looked at again: {gap}")),
        (Some(why), None) => ReapOutcome::Left(why.sentence()),
        (None, None) => ReapOutcome::Left("no longer as it was shown".to_string()),
    };
    ReapResult { leaves_overdue, ..ReapResult::new(end, outcome) }
}

/// Names the instances that are overdue, or may be, and stay. Returns the exit code if nothing else
/// was done. `complete` means that every region was queried.
fn report_kept(shown: &ReapPlan, complete: bool, printer: &mut Printer) -> Exit {
    let kept: Vec<&KeptInstance> = shown.left.iter().filter(|left| left.needs_person()).collect();
    for left in &kept {
        let overdue = match left.overdue_since {
            Some(since) => format!("is overdue since {since:.0} and was left alone"),
            None => "could not be judged and was left alone".to_string(),
        };
        printer.note(&format!("{} in {} {overdue}: {}", left.id, left.region, left.why.sentence()));
    }
    match kept.len() {
        0 if !shown.ends.is_empty() => {}
        0 if complete => printer.note("nothing is overdue"),
        0 => printer.note("nothing is overdue in the regions that could be queried"),
        1 => printer.note("1 instance was left alone; a person must look at it"),
        more => printer.note(&format!("{more} instances were left alone; a person must look at them")),
    }
    if kept.is_empty() { Exit::NothingMatched } else { Exit::PersonNeeded }
}

/// Updates the traces on this machine of the instances that ended.
fn update_traces(done: &[ReapResult], caller: &CallerAccount, ports: &Ports<'_>, printer: &mut Printer) {
    for done in done.iter().filter(|done| done.outcome == ReapOutcome::Ended) {
        match (&done.seen, done.end.how) {
            (Some(seen), ReapAction::Terminate) => remove_traces(seen, caller, caller.now, ports, printer),
            (Some(seen), ReapAction::Stop) => {
                names_cache::update(seen, &caller.account, caller.now, ports);
            }
            (None, _) => {}
        }
    }
}

/// Reads each ended instance back until its state shows it, for half a minute. After a failed call
/// the state is read once, because the call may have worked and only its answer was lost.
fn read_back(done: &mut [ReapResult], cloud: &dyn Instances, now: Timestamp, wait: &dyn Fn(Duration)) {
    for reading in 0..READINGS {
        let open = |done: &ReapResult| match done.outcome {
            ReapOutcome::Asked => true,
            ReapOutcome::Failed(_) => reading == 0,
            ReapOutcome::Ended | ReapOutcome::Left(_) => false,
        };
        let ends: Vec<ReapTarget> =
            done.iter().filter(|done| open(done)).map(|done| done.end.clone()).collect();
        if ends.is_empty() {
            return;
        }
        if reading > 0 {
            wait(PAUSE);
        }
        let (found, _) = query_ends(cloud, &ends, now);
        for done in done.iter_mut().filter(|done| open(done)) {
            let seen =
                found.seen.iter().find(|seen| seen.region == done.end.region && seen.id == done.end.id);
            let Some(seen) = seen else { continue };
            if done.end.how.shown_by(seen.state) {
                done.outcome = ReapOutcome::Ended;
            }
            done.seen = Some(seen.clone());
        }
    }
}

fn show(
    shown: &ReapPlan,
    complete: bool,
    file: Option<&Path>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let foreign = shown.left.iter().filter(|left| left.why == KeepReason::NotManaged).count();
    if foreign > 0 {
        printer.note(&format!("{foreign} more were not launched by spawn"));
    }
    if shown.ends.len() + shown.left.len() > foreign {
        printer.report(&Report::plain(plan_page(shown)), ports.encode)?;
    }
    let kept = report_kept(shown, complete, printer);
    if shown.ends.is_empty() {
        return Ok(kept);
    }
    let with = match file {
        Some(file) => {
            write(file, shown)?;
            format!("--yes --plan {}", file.display())
        }
        None => "--yes".to_string(),
    };
    printer.note(&format!("nothing was done; spawn reap {with} ends {}", shown.ends.len()));
    Ok(if kept == Exit::PersonNeeded { kept } else { Exit::Done })
}

fn fields(names: &[(&str, ValueType)]) -> Vec<Field> {
    names.iter().map(|(name, ty)| Field::new(*name, ty.clone())).collect()
}

fn plan_page(plan: &ReapPlan) -> Page {
    let fields = fields(&[
        ("region", ValueType::Text),
        ("instance_id", ValueType::Text),
        ("action", ValueType::Text),
        ("overdue_since", ValueType::Timestamp),
        ("why", ValueType::Text),
    ]);
    let row = |region: &str, id: &str, action: &str, since: Value, why: String| {
        vec![region.into(), id.into(), action.into(), since, why.into()]
    };
    let ends = plan.ends.iter().map(|end| {
        row(&end.region, &end.id, end.how.verb(), end.overdue_since.into(), format!("{} is over", end.bound))
    });
    let left = plan.left.iter().filter(|left| left.why != KeepReason::NotManaged);
    let left =
        left.map(|left| row(&left.region, &left.id, "leave", left.overdue_since.into(), left.why.sentence()));
    Page { fields, rows: ends.chain(left).collect() }
}

fn overdue_reason(end: &ReapTarget) -> String {
    format!("{} is over, overdue since {:.0}", end.bound, end.overdue_since)
}

fn done_page(done: &[ReapResult]) -> Page {
    let fields = fields(&[
        ("region", ValueType::Text),
        ("instance_id", ValueType::Text),
        ("action", ValueType::Text),
        ("outcome", ValueType::Text),
        ("state", ValueType::Text),
        ("why", ValueType::Text),
    ]);
    let row = |done: &ReapResult| {
        let (outcome, why) = match &done.outcome {
            ReapOutcome::Ended => ("ended", overdue_reason(&done.end)),
            ReapOutcome::Left(why) => ("left", why.clone()),
            ReapOutcome::Asked => ("failed", "AWS accepted it, and its state does not show it".to_string()),
            ReapOutcome::Failed(why) => ("failed", why.clone()),
        };
        vec![
            done.end.region.as_str().into(),
            done.end.id.as_str().into(),
            done.end.how.verb().into(),
            outcome.into(),
            done.seen.as_ref().map(|seen| seen.state.word()).into(),
            why.into(),
        ]
    };
    Page { fields, rows: done.iter().map(row).collect() }
}

/// Limit of a file with a plan, in MiB.
const LARGEST_PLAN: usize = 16;

fn read(file: &Path, args: &ReapArgs) -> Result<ReapPlan, Failure> {
    if !args.owner.is_empty() || !args.region.is_empty() {
        return Err(Failure::usage(
            "--owner and --region cannot be combined with --yes --plan: the plan has its own",
        )
        .hint("leave out --owner and --region, or write another plan without --yes"));
    }
    if args.stopped.is_some() {
        return Err(Failure::usage("--stopped cannot be combined with --yes --plan: the plan has its own")
            .hint("leave out --stopped, or write another plan without --yes"));
    }
    let bad = |why: String| {
        Failure::new(FailureKind::Data, format!("{} is not a plan: {why}", file.display()))
            .hint(format!("spawn reap --plan {} writes one", file.display()))
    };
    let text = fs::File::open(file).and_then(|file| domain::read_text(file, LARGEST_PLAN));
    let text = text.map_err(|error| {
        Failure::new(FailureKind::Data, format!("--plan {} cannot be read: {error}", file.display()))
            .hint("spawn reap --plan plan.json writes a plan")
    })?;
    serde_json::from_str(&text).map_err(|error| bad(error.to_string()))
}

/// Writes a plan atomically. A plan that it replaces passes on its mode.
fn write(file: &Path, plan: &ReapPlan) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(plan).expect("a plan is plain JSON");
    durable::replace(file, format!("{text}\n").as_bytes(), SHARED)
        .map_err(|error| Failure::broken(format!("{} cannot be written: {error}", file.display())))
}
