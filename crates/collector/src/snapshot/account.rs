//! Snapshots of the datasets that are read with an account's credentials.

use std::collections::BTreeMap;

use catalog::ports::{HEARTBEATS, ProfileAccount, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRequest};
use catalog::{Dataset, DatasetKind, DatasetScope, RowBatch};
use console::{Failure, Printer};
use domain::Timestamp;

use super::{PAID, SnapshotPlan, SnapshotRun, costs, heartbeats, prices, source_failure, utilization};
use crate::Ports;

/// Time for which AWS keeps spot prices.
const KEPT: &str = "90d";

/// Span of the first request for spot prices.
const FIRST: &str = "7d";

/// Returns the account of a profile.
pub(super) fn profile_account(
    work: &SnapshotRun<'_>,
    profile: Option<&str>,
) -> Result<ProfileAccount, Failure> {
    work.source.account(profile).map_err(|error| {
        let failure = source_failure(error);
        match profile {
            None => failure,
            Some(name) => Failure { message: format!("profile {name}: {}", failure.message), ..failure },
        }
    })
}

/// Returns the regions that are queried for a dataset.
pub(super) fn regions(
    wanted: &SnapshotPlan,
    dataset: &Dataset,
    account: &ProfileAccount,
    ports: &Ports<'_>,
) -> Vec<String> {
    match (&wanted.regions, dataset.name) {
        // An account's costs are one list for all regions.
        (_, "charge") => Vec::new(),
        // Any one region lists all of them.
        (_, "region_access") => account.enabled.first().cloned().into_iter().collect(),
        (Some(regions), _) => regions.clone(),
        (None, "price") if !wanted.all_regions => vec![ports.settings.region.value.to_string()],
        (None, _) => account.enabled.clone(),
    }
}

pub(super) fn snapshot(
    work: &mut SnapshotRun<'_>,
    wanted: &SnapshotPlan,
    profile: Option<&str>,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let account = profile_account(work, profile)?;
    for dataset in &wanted.of_accounts {
        let regions = regions(wanted, dataset, &account, ports);
        if PAID.contains(&dataset.name) && is_collected(work, dataset, &account) {
            printer.note(&format!(
                "{} of account {} was already collected in this run",
                dataset.name, account.account_id
            ));
            continue;
        }
        match dataset.name {
            "charge" => costs::snapshot(work, wanted, &account, printer)?,
            "utilization" => utilization::snapshot(work, wanted, &account, &regions, printer)?,
            "price" => prices::snapshot(work, wanted, &account, &regions, printer)?,
            _ => snapshot_dataset(work, wanted, dataset, &account, &regions, printer)?,
        }
    }
    let by_region = wanted.of_accounts.iter().any(|dataset| dataset.name != "charge");
    if by_region && wanted.regions.is_none() && !account.disabled.is_empty() {
        printer.note(&format!(
            "account {} has not opted into {}: no data of these regions",
            account.account_id,
            account.disabled.join(", ")
        ));
    }
    Ok(())
}

/// Returns whether this run already has a report of an account, so that two profiles of one account
/// do not pay twice.
fn is_collected(work: &SnapshotRun<'_>, dataset: &Dataset, account: &ProfileAccount) -> bool {
    let whose = |scope: &str| scope.split('/').next() == Some(account.account_id.as_str());
    let asked = |told: &ScopeReport| {
        told.dataset == dataset && told.source != HEARTBEATS && told.outcome != ScopeOutcome::Failed
    };
    work.lines.iter().filter_map(|line| line.told.as_ref()).any(|told| asked(told) && whose(&told.scope))
}

fn snapshot_dataset(
    work: &mut SnapshotRun<'_>,
    wanted: &SnapshotPlan,
    dataset: &'static Dataset,
    account: &ProfileAccount,
    regions: &[String],
    printer: &mut Printer,
) -> Result<(), Failure> {
    let now = (work.clock)();
    let begin = |region: &String| wanted.since.unwrap_or_else(|| history_start(work, dataset, region, now));
    let since: Vec<Timestamp> = regions.iter().map(begin).collect();
    let asked = match dataset.scope {
        DatasetScope::Request => SnapshotRequest::Capacity(&wanted.room),
        _ => SnapshotRequest::All,
    };
    run_query(
        work,
        &SnapshotQuery { dataset, account, regions, since: &since, asked },
        QueryPreliminaries::default(),
        printer,
    )
}

/// Findings from before a query.
#[derive(Default)]
pub(super) struct QueryPreliminaries {
    /// Reports of scopes that are not queried.
    pub(super) told: Vec<ScopeReport>,
    /// Gaps of scopes that are queried, by scope.
    pub(super) gaps: BTreeMap<String, Vec<String>>,
}

/// Runs a query and commits its result.
pub(super) fn run_query(
    work: &mut SnapshotRun<'_>,
    look: &SnapshotQuery<'_>,
    mut before: QueryPreliminaries,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let dataset = look.dataset;
    let progress = printer.progress(&format!("{} in {} regions", dataset.name, look.regions.len()));
    let mut seen: BTreeMap<(&str, String), Vec<RowBatch>> = BTreeMap::new();
    let told = work.source.snapshot(look, work.stop, &mut |dataset, scope, batch| {
        seen.entry((dataset.name, scope.to_string())).or_default().push(batch);
        Ok(())
    });
    drop(progress);
    let mut told: Vec<ScopeReport> = told.map_err(source_failure)?;
    let mut batches = Vec::new();
    // Every scope that has rows has a report.
    for told in &mut told {
        told.gaps.extend(before.gaps.remove(&told.scope).unwrap_or_default());
        let Some(mut rows) = seen.remove(&(told.dataset.name, told.scope.clone())) else { continue };
        if told.source == HEARTBEATS {
            let earlier = work.state.newest_of_source(told.dataset.name, &told.scope, HEARTBEATS).cloned();
            heartbeats::drop_known_heartbeats(told, &mut rows, earlier.as_ref());
        } else {
            work.state.drop_unchanged(told, &mut rows);
        }
        batches.extend(rows.into_iter().map(|batch| (told.dataset, batch)));
    }
    told.extend(before.told);
    let name = match dataset.scope {
        DatasetScope::Account | DatasetScope::AccountRegion | DatasetScope::Request => {
            format!("{}-{}", look.account.account_id, work.stamp(started))
        }
        DatasetScope::All | DatasetScope::Region | DatasetScope::Bill => work.stamp(started),
    };
    work.commit_all(dataset, &name, batches, told, started, printer)
}

/// Converts this machine's time into AWS's time, by which days and hours end.
pub(super) fn aws_time(account: &ProfileAccount, here: Timestamp) -> Timestamp {
    Timestamp::from_second(here.as_second() - account.ahead).unwrap_or(here)
}

/// Returns the start of the history to request for a region: one hour before the end of the known
/// history, because AWS may list a change late.
fn history_start(work: &SnapshotRun<'_>, dataset: &Dataset, region: &str, now: Timestamp) -> Timestamp {
    if dataset.kind != DatasetKind::Changes {
        return now;
    }
    let oldest = domain::subtract_span(now, KEPT).unwrap_or(now);
    let known =
        work.state.known_until(dataset.name, region).and_then(|until| domain::subtract_span(until, "1h"));
    known.or(domain::subtract_span(now, FIRST)).unwrap_or(now).clamp(oldest, now)
}
