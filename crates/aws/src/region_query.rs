//! Collects one dataset from all regions concurrently. Each region succeeds or fails by itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use aws_config::SdkConfig;
use catalog::ports::{
    Gap, HEARTBEATS, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRequest, SnapshotRowSink, SourceError,
    StopFlag, describe_clock_skew,
};
use catalog::{DatasetKind, DatasetScope, RowBatch, built_in_dataset};
use domain::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::clients::{REGIONS_AT_ONCE, ServerDate};
use crate::datasets;
use crate::region_context::{MetricAllowance, RegionContext};
use crate::row_sink::{DatasetRows, RowPage, RowSink, SecondaryRows};
use crate::stopping::STOP_CHECK;
use crate::values::source_of;

/// The result of one region.
struct RegionResult {
    number: usize,
    rows: u64,
    date: Option<Timestamp>,
    gaps: Vec<Gap>,
    whole: bool,
    secondary: SecondaryRows,
}

/// Runs a query in all its regions, and returns the report of each scope.
pub(crate) async fn run(
    config: &SdkConfig,
    look: &SnapshotQuery<'_>,
    clock: fn() -> Timestamp,
    stop: &StopFlag,
    sink: SnapshotRowSink<'_>,
) -> Result<Vec<ScopeReport>, SourceError> {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Semaphore::new(REGIONS_AT_ONCE));
    let (out, mut pages) = mpsc::channel::<RowPage>(REGIONS_AT_ONCE * 2);
    for (number, context) in contexts(config, look, clock).into_iter().enumerate() {
        let (sink, gate) = (RowSink::new(number, out.clone()), gate.clone());
        let dataset = look.dataset.name;
        tasks.spawn(async move {
            let _turn = gate.acquire().await;
            read_region(dataset, number, &context, sink).await
        });
    }
    drop(out);
    let mut gathered = RowCollector::new(look, sink);
    loop {
        if stop.is_requested() {
            return Err(SourceError::Interrupted);
        }
        // All pages come before the results: `None` means that every task has dropped its sender.
        match tokio::time::timeout(STOP_CHECK, pages.recv()).await {
            Err(_) => {}
            Ok(Some(piece)) => gathered.take(piece).map_err(SourceError::Sink)?,
            Ok(None) => break,
        }
    }
    let mut ended: Vec<RegionResult> = Vec::new();
    while let Some(end) = tasks.join_next().await {
        ended.push(end.map_err(|e| SourceError::Failed(format!("a task failed: {e}")))?);
    }
    ended.sort_by_key(|end| end.number);
    let kept = gathered.finish().map_err(SourceError::Sink)?;
    Ok(scope_reports(look, ended, kept, clock))
}

/// Returns the query's parameters in each region.
fn contexts(config: &SdkConfig, look: &SnapshotQuery<'_>, clock: fn() -> Timestamp) -> Vec<RegionContext> {
    let most = match look.asked {
        SnapshotRequest::Instances { most, .. } => most,
        SnapshotRequest::All | SnapshotRequest::Capacity(_) => 0,
    };
    let allowance = Arc::new(MetricAllowance::new(most));
    let context = |(number, region): (usize, &String)| {
        let since = look.since.get(number).copied().unwrap_or_else(clock);
        let (instances, until) = match look.asked {
            SnapshotRequest::Instances { ids, until, .. } => {
                (ids.get(number).cloned().unwrap_or_default(), until)
            }
            SnapshotRequest::All | SnapshotRequest::Capacity(_) => (Vec::new(), since),
        };
        RegionContext {
            config: config.clone(),
            dated: ServerDate::default(),
            region: region.clone(),
            account: look.account.account_id.clone(),
            since,
            until,
            instances,
            allowance: allowance.clone(),
        }
    };
    look.regions.iter().enumerate().map(context).collect()
}

async fn read_region(
    dataset: &str,
    number: usize,
    context: &RegionContext,
    mut sink: RowSink,
) -> RegionResult {
    let ended = match datasets::region_call(dataset) {
        Ok(call) => call(context, &mut sink).await,
        Err(gap) => Err(gap),
    };
    let whole = ended.is_ok();
    sink.gaps.extend(ended.err());
    RegionResult {
        number,
        rows: sink.rows,
        date: context.dated.first(),
        gaps: sink.gaps,
        whole,
        secondary: sink.secondary,
    }
}

/// Gives rows to the sink. Rows of a dataset with one scope for all regions are collected first.
/// They are written in the order of the regions, so that equal answers give equal rows.
struct RowCollector<'a, 'b> {
    look: &'a SnapshotQuery<'a>,
    sink: SnapshotRowSink<'b>,
    everywhere: BTreeMap<usize, DatasetRows>,
}

impl<'a, 'b> RowCollector<'a, 'b> {
    fn new(look: &'a SnapshotQuery<'a>, sink: SnapshotRowSink<'b>) -> RowCollector<'a, 'b> {
        RowCollector { look, sink, everywhere: BTreeMap::new() }
    }

    fn take(&mut self, (number, dataset, rows): RowPage) -> Result<(), String> {
        if dataset.scope == DatasetScope::All {
            self.everywhere.entry(number).or_default().extend(rows);
            return Ok(());
        }
        (self.sink)(dataset, &scope(self.look, number), RowBatch::of(dataset, rows)?)
    }

    /// Writes the collected rows, each key once. Returns their number.
    fn finish(self) -> Result<u64, String> {
        let key = self.look.dataset.columns.iter().position(|column| column.name == self.look.dataset.key[0]);
        let key = key.expect("a key is a column");
        let mut known = HashSet::new();
        let rows = self.everywhere.into_values().flatten();
        let rows: DatasetRows = rows.filter(|row| known.insert(format!("{:?}", row[key]))).collect();
        let kept = rows.len() as u64;
        if kept > 0 {
            (self.sink)(self.look.dataset, "*", RowBatch::of(self.look.dataset, rows)?)?;
        }
        Ok(kept)
    }
}

/// Returns the scope of a region. Bills and answers to requests are not queried here.
fn scope(look: &SnapshotQuery<'_>, number: usize) -> String {
    match look.dataset.scope {
        DatasetScope::All => "*".into(),
        DatasetScope::Region => look.regions[number].clone(),
        DatasetScope::Account => look.account.account_id.clone(),
        DatasetScope::AccountRegion | DatasetScope::Bill | DatasetScope::Request => {
            format!("{}/{}", look.account.account_id, look.regions[number])
        }
    }
}

/// Returns the report of each scope.
fn scope_reports(
    look: &SnapshotQuery<'_>,
    ended: Vec<RegionResult>,
    kept: u64,
    clock: fn() -> Timestamp,
) -> Vec<ScopeReport> {
    let source = source_of(look.dataset);
    let skew = describe_clock_skew(look.account.ahead);
    let one = |scope: String, ended: &[RegionResult], rows: u64| {
        let dates = ended.iter().filter_map(|end| end.date);
        let observed_at = dates.min().unwrap_or_else(clock);
        let whole = ended.iter().all(|end| end.whole && end.gaps.is_empty());
        let from = ended.iter().filter_map(|end| look.since.get(end.number)).min().copied();
        let name = |end: &RegionResult, gap: &Gap| match look.dataset.scope {
            DatasetScope::All => Gap { why: format!("{}: {gap}", look.regions[end.number]), ..gap.clone() },
            _ => gap.clone(),
        };
        let mut gaps: Vec<Gap> =
            ended.iter().flat_map(|end| end.gaps.iter().map(|gap| name(end, gap))).collect();
        let outcome = match (whole, rows) {
            // An account sees only a part of these: rows of other accounts and partitions stay.
            (true, _) if look.dataset.origin.is_always_partial => ScopeOutcome::Partial,
            (true, 0) => ScopeOutcome::Empty,
            (true, _) => ScopeOutcome::Complete,
            (false, 0) => ScopeOutcome::Failed,
            (false, _) => ScopeOutcome::Partial,
        };
        gaps.extend(skew.clone());
        ScopeReport {
            dataset: look.dataset,
            scope,
            source: source.clone(),
            version: None,
            observed_from: match look.dataset.kind {
                DatasetKind::Changes => from.map_or(observed_at, |from| from.min(observed_at)),
                DatasetKind::Snapshot | DatasetKind::Log | DatasetKind::Statement => observed_at,
            },
            observed_at,
            outcome,
            rows,
            gaps,
        }
    };
    match look.dataset.scope {
        DatasetScope::All => vec![one("*".into(), &ended, kept)],
        _ => {
            let alone =
                |end: &RegionResult| one(scope(look, end.number), std::slice::from_ref(end), end.rows);
            let with_secondary = |end: &RegionResult| {
                let told = alone(end);
                let secondary = (!end.secondary.is_empty()).then(|| heartbeat_report(&told, &end.secondary));
                [Some(told), secondary]
            };
            ended.iter().flat_map(with_secondary).flatten().collect()
        }
    }
}

/// Returns the report of the heartbeats found with instances. Instances that could not be listed
/// are a gap here too.
fn heartbeat_report(told: &ScopeReport, found: &SecondaryRows) -> ScopeReport {
    let listing = told.dataset.origin.actions[0];
    let unlisted = told.gaps.iter().filter(|gap| gap.is_of(listing));
    ScopeReport {
        dataset: built_in_dataset("utilization"),
        source: HEARTBEATS.into(),
        outcome: if found.rows > 0 { ScopeOutcome::Partial } else { ScopeOutcome::Failed },
        rows: found.rows,
        gaps: found.gaps.iter().chain(unlisted).cloned().collect(),
        ..told.clone()
    }
}
