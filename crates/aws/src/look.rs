//! Collects one dataset from all regions concurrently. Each region succeeds or fails by itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use catalog::ports::{
    HEARTBEATS, ProfileAccount, ScopeOutcome, ScopeReport, SnapshotQuery, SnapshotRequest, SnapshotRowSink,
    SourceError, StopFlag, describe_clock_skew,
};
use catalog::{Dataset, DatasetKind, DatasetScope, RowBatch, Value};
use domain::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::clients::{self, ServerDate};
use crate::utilization::{self, MetricAllowance};
use crate::{fleet, heartbeat, instance_type, places, quota, spot, values};

/// Regions that are queried at once: enough to hide the latency, few enough for a small machine.
pub(crate) const AT_ONCE: usize = 8;

/// The interval at which a stop request is checked.
pub(crate) const GLANCE: Duration = Duration::from_millis(200);

pub(crate) type DatasetRows = Vec<Vec<Value>>;

/// The datasets of this source, and the IAM actions that each needs.
const ACTIONS: &[(&str, &[&str])] = &[
    ("region_access", &["ec2:DescribeRegions"]),
    ("zone", &["ec2:DescribeAvailabilityZones"]),
    ("instance_type", &["ec2:DescribeInstanceTypes"]),
    ("offering", &["ec2:DescribeInstanceTypeOfferings"]),
    ("spot_price", &["ec2:DescribeSpotPriceHistory", "ec2:DescribeAvailabilityZones"]),
    ("instance", &["ec2:DescribeInstances", "ec2:DescribeAvailabilityZones"]),
    ("volume", &["ec2:DescribeVolumes", "ec2:DescribeAvailabilityZones"]),
    ("address", &["ec2:DescribeAddresses"]),
    ("spot_request", &["ec2:DescribeSpotInstanceRequests"]),
    ("capacity", &["ec2:DescribeCapacityReservations", "ec2:DescribeAvailabilityZones"]),
    ("quota", &["servicequotas:ListServiceQuotas"]),
    ("utilization", &["cloudwatch:GetMetricData", "ec2:DescribeInstances", "ec2:DescribeAvailabilityZones"]),
    ("placement_score", &["ec2:GetSpotPlacementScores"]),
    ("capacity_block", &["ec2:DescribeCapacityBlockOfferings", "ec2:DescribeAvailabilityZones"]),
    ("charge", &["ce:GetCostAndUsage"]),
    // The price lists are public. Only the prices of a single instance type need this action.
    ("price", &["pricing:GetProducts"]),
];

/// Datasets of which an account sees only a part. Its rows are added to those of other accounts and
/// of earlier runs.
const ADDING: [&str; 3] = ["zone", "instance_type", "utilization"];

pub(crate) fn actions(dataset: &Dataset) -> &'static [&'static str] {
    ACTIONS.iter().find(|(name, _)| *name == dataset.name).map_or(&[], |(_, actions)| actions)
}

/// The row sink of one region's task. It sends pages of rows to the one receiver.
pub(crate) struct RowSink<'a> {
    pub(crate) dataset: &'static Dataset,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) currency: &'static str,
    pub(crate) since: Timestamp,
    /// Parts that could not be read, although the task continued.
    pub(crate) gaps: Vec<String>,
    number: usize,
    rows: u64,
    beside: SecondaryRows,
    out: &'a mpsc::Sender<RowPage>,
}

/// Rows in the channel: the index of their region, their dataset, and the rows.
type RowPage = (usize, &'static Dataset, DatasetRows);

/// Rows and gaps of a second dataset, found in the answers for the first.
#[derive(Default)]
struct SecondaryRows {
    rows: u64,
    gaps: Vec<String>,
}

impl SecondaryRows {
    fn is_empty(&self) -> bool {
        self.rows == 0 && self.gaps.is_empty()
    }
}

impl RowSink<'_> {
    /// Returns a row of the dataset.
    pub(crate) fn row(&self, cell: impl Fn(&str) -> Value) -> Vec<Value> {
        values::row(self.dataset, cell)
    }

    /// Sends rows, and waits while the channel is full.
    pub(crate) async fn hand_over(&mut self, rows: DatasetRows) -> Result<(), String> {
        self.rows += rows.len() as u64;
        self.send(self.dataset, rows).await
    }

    /// Sends rows of another dataset, and records its gaps.
    pub(crate) async fn send_secondary(
        &mut self,
        dataset: &'static Dataset,
        rows: DatasetRows,
        gaps: Vec<String>,
    ) -> Result<(), String> {
        self.beside.rows += rows.len() as u64;
        self.beside.gaps.extend(gaps);
        if rows.is_empty() { Ok(()) } else { self.send(dataset, rows).await }
    }

    async fn send(&self, dataset: &'static Dataset, rows: DatasetRows) -> Result<(), String> {
        self.out.send((self.number, dataset, rows)).await.map_err(|_| "the request was stopped".to_string())
    }
}

/// The result of one region.
struct RegionResult {
    number: usize,
    rows: u64,
    date: Option<Timestamp>,
    gaps: Vec<String>,
    whole: bool,
    beside: SecondaryRows,
}

pub(crate) async fn look(
    config: &SdkConfig,
    look: &SnapshotQuery<'_>,
    clock: fn() -> Timestamp,
    stop: &StopFlag,
    sink: SnapshotRowSink<'_>,
) -> Result<Vec<ScopeReport>, SourceError> {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let (out, mut pages) = mpsc::channel::<RowPage>(AT_ONCE * 2);
    let allowance = Arc::new(MetricAllowance::new(match look.asked {
        SnapshotRequest::Instances { most, .. } => most,
        SnapshotRequest::All | SnapshotRequest::Capacity(_) => 0,
    }));
    for (number, region) in look.regions.iter().enumerate() {
        let since = look.since.get(number).copied().unwrap_or_else(clock);
        let (instances, until) = match look.asked {
            SnapshotRequest::Instances { ids, until, .. } => {
                (ids.get(number).cloned().unwrap_or_default(), until)
            }
            SnapshotRequest::All | SnapshotRequest::Capacity(_) => (Vec::new(), since),
        };
        let task = RegionTask {
            config: config.clone(),
            dataset: look.dataset,
            region: region.clone(),
            since,
            number,
            instances,
            until,
            allowance: allowance.clone(),
        };
        tasks.spawn(task.run(look.account.clone(), gate.clone(), out.clone()));
    }
    drop(out);
    let mut gathered = RowCollector::new(look, sink);
    let mut ended: Vec<RegionResult> = Vec::new();
    loop {
        if stop.is_requested() {
            return Err(SourceError::Interrupted);
        }
        // All pages come before the results: `None` means that every task has dropped its sender.
        match tokio::time::timeout(GLANCE, pages.recv()).await {
            Err(_) => {}
            Ok(Some(piece)) => gathered.take(piece).map_err(SourceError::Sink)?,
            Ok(None) => break,
        }
    }
    while let Some(end) = tasks.join_next().await {
        ended.push(end.map_err(|e| SourceError::Failed(format!("a task failed: {e}")))?);
    }
    ended.sort_by_key(|end| end.number);
    let kept = gathered.finish().map_err(SourceError::Sink)?;
    Ok(scope_reports(look, ended, kept, clock))
}

struct RegionTask {
    config: SdkConfig,
    dataset: &'static Dataset,
    region: String,
    since: Timestamp,
    number: usize,
    instances: Vec<String>,
    until: Timestamp,
    allowance: Arc<MetricAllowance>,
}

impl RegionTask {
    async fn run(
        self,
        account: ProfileAccount,
        gate: Arc<Semaphore>,
        out: mpsc::Sender<RowPage>,
    ) -> RegionResult {
        let _turn = gate.acquire().await;
        let dated = ServerDate::default();
        let client = clients::ec2(&self.config, Some(&self.region), &dated);
        let mut seen = RowSink {
            dataset: self.dataset,
            region: self.region.clone(),
            account: account.account_id,
            currency: if account.partition == "aws-cn" { "CNY" } else { "USD" },
            since: self.since,
            gaps: Vec::new(),
            number: self.number,
            rows: 0,
            beside: SecondaryRows::default(),
            out: &out,
        };
        let ended = match self.dataset.name {
            "region_access" => places::regions(&client, &mut seen).await,
            "zone" => places::zones(&client, &mut seen).await,
            "offering" => places::offerings(&client, &mut seen).await,
            "instance_type" => instance_type::instance_types(&client, &mut seen).await,
            "spot_price" => spot::prices(&client, &mut seen).await,
            "spot_request" => spot::requests(&client, &mut seen).await,
            "instance" => fleet::instances(&client, &mut seen).await,
            "volume" => fleet::volumes(&client, &mut seen).await,
            "address" => fleet::addresses(&client, &mut seen).await,
            "capacity" => fleet::reservations(&client, &mut seen).await,
            "quota" => quota::quotas(&clients::quotas(&self.config, &self.region, &dated), &mut seen).await,
            "utilization" => {
                let client = clients::cloudwatch(&self.config, &self.region, &dated);
                let (ids, until) = (&self.instances, self.until);
                utilization::utilization(&client, ids, until, &self.allowance, &mut seen).await
            }
            other => Err(format!("{other} is not a dataset of this source")),
        };
        let whole = ended.is_ok();
        seen.gaps.extend(ended.err());
        let (number, rows, date) = (self.number, seen.rows, dated.first());
        RegionResult { number, rows, date, gaps: seen.gaps, whole, beside: seen.beside }
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

fn scope(look: &SnapshotQuery<'_>, number: usize) -> String {
    match look.dataset.scope {
        DatasetScope::All => "*".into(),
        DatasetScope::Region => look.regions[number].clone(),
        DatasetScope::Account => look.account.account_id.clone(),
        DatasetScope::Bill | DatasetScope::Request => unreachable!("bills and requests have other functions"),
        DatasetScope::AccountRegion => format!("{}/{}", look.account.account_id, look.regions[number]),
    }
}

/// Returns the report of each scope.
fn scope_reports(
    look: &SnapshotQuery<'_>,
    ended: Vec<RegionResult>,
    kept: u64,
    clock: fn() -> Timestamp,
) -> Vec<ScopeReport> {
    let source = format!("AWS {}", actions(look.dataset).first().unwrap_or(&look.dataset.name));
    let skew = describe_clock_skew(look.account.ahead);
    let one = |scope: String, ended: &[RegionResult], rows: u64| {
        let dates = ended.iter().filter_map(|end| end.date);
        let observed_at = dates.min().unwrap_or_else(clock);
        let whole = ended.iter().all(|end| end.whole && end.gaps.is_empty());
        let from = ended.iter().filter_map(|end| look.since.get(end.number)).min().copied();
        let name = |end: &RegionResult, gap: &String| match look.dataset.scope {
            DatasetScope::All => format!("{}: {gap}", look.regions[end.number]),
            _ => gap.clone(),
        };
        let mut gaps: Vec<String> =
            ended.iter().flat_map(|end| end.gaps.iter().map(|gap| name(end, gap))).collect();
        let outcome = match (whole, rows) {
            // An account sees only a part of these: rows of other accounts and partitions stay.
            (true, _) if ADDING.contains(&look.dataset.name) => ScopeOutcome::Partial,
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
            let with_beside = |end: &RegionResult| {
                let told = alone(end);
                let beside = (!end.beside.is_empty()).then(|| heartbeat_report(&told, &end.beside));
                [Some(told), beside]
            };
            ended.iter().flat_map(with_beside).flatten().collect()
        }
    }
}

/// Returns the report of the heartbeats found with instances. Instances that could not be listed
/// are a gap here too.
fn heartbeat_report(told: &ScopeReport, beside: &SecondaryRows) -> ScopeReport {
    let unlisted = told.gaps.iter().filter(|gap| gap.starts_with(actions(told.dataset)[0]));
    ScopeReport {
        dataset: heartbeat::utilization(),
        source: HEARTBEATS.into(),
        outcome: if beside.rows > 0 { ScopeOutcome::Partial } else { ScopeOutcome::Failed },
        rows: beside.rows,
        gaps: beside.gaps.iter().chain(unlisted).cloned().collect(),
        ..told.clone()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dataset_of_the_source_is_in_the_catalog_with_its_actions() {
        for (name, actions) in ACTIONS {
            assert!(catalog::dataset(name).is_some() && !actions.is_empty(), "{name}");
        }
    }
}
