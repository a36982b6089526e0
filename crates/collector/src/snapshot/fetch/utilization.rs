//! The load of running instances, from CloudWatch.

use std::collections::BTreeMap;

use catalog::ports::{METRICS, ProfileAccount, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRequest};
use catalog::{ColumnValues, Dataset, RowBatch, built_in_dataset};
use console::{Failure, Printer};
use domain::{Decimal, Timestamp};

use super::access::{SourceAccess, aws_time, source_failure};
use super::region_query::{QueryPreliminaries, run_query};
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::record::FetchedRun;
use crate::snapshot::spending::SpendingLimit;

const UTILIZATION: &Dataset = built_in_dataset("utilization");

const FLEET: &Dataset = built_in_dataset("instance");

/// Delay of CloudWatch's figures: this much of the known history is requested again.
const LATE: &str = "3h";

const HOUR: i64 = 3600;

/// An account's running instances by region, and the regions that could not be listed.
pub(crate) struct RunningInstances {
    regions: Vec<String>,
    ids: Vec<Vec<String>>,
    before: QueryPreliminaries,
}

impl RunningInstances {
    fn count(&self) -> u64 {
        self.ids.iter().map(|ids| ids.len() as u64).sum()
    }

    /// Returns the maximum number of metrics to request: those of each instance, twice, because an
    /// answer may have a second page.
    fn metrics(&self) -> u64 {
        self.count() * METRICS * 2
    }

    /// Returns the maximum cost, USD.
    pub(crate) fn maximum_cost(&self) -> Decimal {
        UTILIZATION.origin.cost.of(self.metrics()).normalize()
    }
}

/// Lists the running instances, which is free.
pub(crate) fn list_running(
    access: &SourceAccess<'_>,
    account: &ProfileAccount,
    regions: &[String],
) -> Result<RunningInstances, Failure> {
    let now = access.now();
    let since = vec![now; regions.len()];
    let fleet =
        SnapshotQuery { dataset: FLEET, account, regions, since: &since, asked: SnapshotRequest::All };
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let told = access.source.snapshot(&fleet, access.stop, &mut |dataset, scope, batch| {
        // A snapshot of the dataset `instance` keeps the heartbeats.
        if dataset.name == FLEET.name {
            found.entry(scope.to_string()).or_default().extend(ids(&batch));
        }
        Ok(())
    });
    let mut running =
        RunningInstances { regions: Vec::new(), ids: Vec::new(), before: QueryPreliminaries::default() };
    let told = told.map_err(source_failure)?.into_iter();
    for told in told.filter(|told| told.dataset.name == FLEET.name) {
        let mut ids = found.remove(&told.scope).unwrap_or_default();
        ids.sort_unstable();
        if told.outcome == ScopeOutcome::Failed {
            running.before.told.push(told);
        } else if let Some(region) = told.scope.rsplit('/').next() {
            running.regions.push(region.into());
            running.ids.push(ids);
            // Only instances that could not be listed matter here, not zones without an id.
            let unlisted = told.gaps.into_iter().filter(|gap| gap.is_of(FLEET.origin.actions[0]));
            running.before.gaps.insert(told.scope, unlisted.collect());
        }
    }
    Ok(running)
}

/// Returns the ids of the running instances in a batch.
fn ids(batch: &RowBatch) -> Vec<String> {
    let texts = |name: &str| match batch.column(name) {
        Some(ColumnValues::Text(words)) => (0..batch.len()).map(|row| words.get(row)).collect(),
        _ => Vec::new(),
    };
    let pairs = texts("instance_id").into_iter().zip(texts("state"));
    pairs.filter(|(_, state)| *state == Some("running")).filter_map(|(id, _)| Some(id?.to_string())).collect()
}

/// Fetches the load of the running instances, from `since` or from the end of the known history.
pub(crate) fn fetch(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    since: Option<Timestamp>,
    account: &ProfileAccount,
    regions: &[String],
    spending: &mut SpendingLimit<'_>,
    printer: &mut Printer,
) -> Result<FetchedRun, Failure> {
    let dataset = UTILIZATION;
    let running = list_running(access, account, regions)?;
    let what = format!("utilization of {} instances of {}", running.count(), account.account_id);
    spending.announce(&what, running.maximum_cost(), printer)?;
    let now = aws_time(account, access.now());
    let until = whole_hour(now);
    let first = dataset.origin.history.map(|history| format!("{}d", history.first_days));
    let first = first.and_then(|days| domain::subtract_span(now, &days));
    let begin = |region: &String| {
        let scope = format!("{}/{region}", account.account_id);
        let known =
            known.known_until(dataset.name, &scope).and_then(|until| domain::subtract_span(until, LATE));
        let since = since.or(known).or(first).unwrap_or(now);
        // At least one hour: AWS rejects a request for an empty span.
        whole_hour(since).min(domain::subtract_span(until, "1h").unwrap_or(until))
    };
    let since: Vec<Timestamp> = running.regions.iter().map(begin).collect();
    let asked = SnapshotRequest::Instances { ids: &running.ids, until, most: running.metrics() };
    let QueryPreliminaries { told, gaps } = running.before;
    let told = told.into_iter().map(|told| ScopeReport { dataset, ..told }).collect();
    let regions = &running.regions;
    let query = SnapshotQuery { dataset, account, regions, since: &since, asked };
    run_query(access, known, &query, QueryPreliminaries { told, gaps }, printer)
}

fn whole_hour(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second().div_euclid(HOUR) * HOUR).unwrap_or(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_every_metric() {
        let ids = vec![vec!["i-1".into(), "i-2".into()], vec![], vec!["i-3".into()]];
        let running = RunningInstances { regions: vec![], ids, before: QueryPreliminaries::default() };
        assert_eq!((running.metrics(), running.maximum_cost().to_string().as_str()), (36, "0.00036"));
    }

    #[test]
    fn rounds_down_to_a_whole_hour() {
        assert_eq!(whole_hour("2026-11-23T10:59:59Z".parse().unwrap()).to_string(), "2026-11-23T10:00:00Z");
    }
}
