//! Queries of one dataset in several regions.

use std::collections::BTreeMap;

use catalog::ports::{Gap, HEARTBEATS, ProfileAccount, ScopeReport, SnapshotQuery, SnapshotRequest};
use catalog::{Dataset, DatasetScope, RowBatch};
use console::{Failure, Printer};
use domain::Timestamp;

use super::access::{SourceAccess, source_failure};
use super::heartbeats;
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::plan::SnapshotPlan;
use crate::snapshot::record::FetchedRun;

/// Fetches a dataset of an account in these regions.
pub(crate) fn fetch(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    plan: &SnapshotPlan,
    dataset: &'static Dataset,
    account: &ProfileAccount,
    regions: &[String],
    printer: &Printer,
) -> Result<FetchedRun, Failure> {
    let now = access.now();
    let begin = |region: &String| plan.since.unwrap_or_else(|| history_start(known, dataset, region, now));
    let since: Vec<Timestamp> = regions.iter().map(begin).collect();
    let asked = match dataset.scope {
        DatasetScope::Request => SnapshotRequest::Capacity(&plan.capacity),
        _ => SnapshotRequest::All,
    };
    let query = SnapshotQuery { dataset, account, regions, since: &since, asked };
    run_query(access, known, &query, QueryPreliminaries::default(), printer)
}

/// Findings from before a query.
#[derive(Default)]
pub(crate) struct QueryPreliminaries {
    /// Reports of scopes that are not queried.
    pub(crate) told: Vec<ScopeReport>,
    /// Gaps of scopes that are queried, by scope.
    pub(crate) gaps: BTreeMap<String, Vec<Gap>>,
}

/// Runs a query. Returns its reports, and the rows that are new.
pub(crate) fn run_query(
    access: &SourceAccess<'_>,
    known: &KnownReports,
    look: &SnapshotQuery<'_>,
    mut before: QueryPreliminaries,
    printer: &Printer,
) -> Result<FetchedRun, Failure> {
    let started = access.now();
    let dataset = look.dataset;
    let progress = printer.progress(&format!("{} in {} regions", dataset.name, look.regions.len()));
    let mut seen: BTreeMap<(&str, String), Vec<RowBatch>> = BTreeMap::new();
    let told = access.source.snapshot(look, access.stop, &mut |dataset, scope, batch| {
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
            let earlier = known.newest_of_source(told.dataset.name, &told.scope, HEARTBEATS).cloned();
            heartbeats::drop_known_heartbeats(told, &mut rows, earlier.as_ref());
        } else {
            known.drop_unchanged(told, &mut rows);
        }
        batches.extend(rows.into_iter().map(|batch| (told.dataset, batch)));
    }
    told.extend(before.told);
    let of = dataset.is_of_accounts().then_some(look.account.account_id.as_str());
    Ok(FetchedRun { batches, ..FetchedRun::new(dataset, of, Vec::new(), told, started) })
}

/// Returns the start of the history to request for a region: one hour before the end of the known
/// history, because AWS may list a change late.
fn history_start(known: &KnownReports, dataset: &Dataset, region: &str, now: Timestamp) -> Timestamp {
    let Some(history) = dataset.origin.history else { return now };
    let oldest = domain::subtract_span(now, &format!("{}d", history.kept_days)).unwrap_or(now);
    let known = known.known_until(dataset.name, region).and_then(|until| domain::subtract_span(until, "1h"));
    known
        .or(domain::subtract_span(now, &format!("{}d", history.first_days)))
        .unwrap_or(now)
        .clamp(oldest, now)
}
