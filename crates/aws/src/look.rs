//! Collects one dataset from all regions concurrently. Each region succeeds or fails by itself.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use aws_config::SdkConfig;
use catalog::ports::{Account, Asked, HEARTBEATS, Look, Outcome, SeenSink, SourceError, Stop, Told, skew};
use catalog::{Batch, Dataset, Kind, Scope, Value};
use domain::Timestamp;
use tokio::sync::{Semaphore, mpsc};
use tokio::task::JoinSet;

use crate::clients::{self, Dated};
use crate::utilization::{self, Allowance};
use crate::{fleet, heartbeat, instance_type, places, quota, spot, values};

/// Regions that are queried at once: enough to hide the latency, few enough for a small machine.
pub(crate) const AT_ONCE: usize = 8;

/// The interval at which a stop request is checked.
pub(crate) const GLANCE: Duration = Duration::from_millis(200);

pub(crate) type Rows = Vec<Vec<Value>>;

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
pub(crate) struct Seen<'a> {
    pub(crate) dataset: &'static Dataset,
    pub(crate) region: String,
    pub(crate) account: String,
    pub(crate) currency: &'static str,
    pub(crate) since: Timestamp,
    /// Parts that could not be read, although the task continued.
    pub(crate) gaps: Vec<String>,
    number: usize,
    rows: u64,
    beside: Beside,
    out: &'a mpsc::Sender<Piece>,
}

/// Rows in the channel: the index of their region, their dataset, and the rows.
type Piece = (usize, &'static Dataset, Rows);

/// Rows and gaps of a second dataset, found in the answers for the first.
#[derive(Default)]
struct Beside {
    rows: u64,
    gaps: Vec<String>,
}

impl Beside {
    fn is_empty(&self) -> bool {
        self.rows == 0 && self.gaps.is_empty()
    }
}

impl Seen<'_> {
    /// Returns a row of the dataset.
    pub(crate) fn row(&self, cell: impl Fn(&str) -> Value) -> Vec<Value> {
        values::row(self.dataset, cell)
    }

    /// Sends rows, and waits while the channel is full.
    pub(crate) async fn hand_over(&mut self, rows: Rows) -> Result<(), String> {
        self.rows += rows.len() as u64;
        self.send(self.dataset, rows).await
    }

    /// Sends rows of another dataset, and records its gaps.
    pub(crate) async fn hand_over_beside(
        &mut self,
        dataset: &'static Dataset,
        rows: Rows,
        gaps: Vec<String>,
    ) -> Result<(), String> {
        self.beside.rows += rows.len() as u64;
        self.beside.gaps.extend(gaps);
        if rows.is_empty() { Ok(()) } else { self.send(dataset, rows).await }
    }

    async fn send(&self, dataset: &'static Dataset, rows: Rows) -> Result<(), String> {
        self.out.send((self.number, dataset, rows)).await.map_err(|_| "the request was stopped".to_string())
    }
}

/// The result of one region.
struct Ended {
    number: usize,
    rows: u64,
    date: Option<Timestamp>,
    gaps: Vec<String>,
    whole: bool,
    beside: Beside,
}

pub(crate) async fn look(
    config: &SdkConfig,
    look: &Look<'_>,
    clock: fn() -> Timestamp,
    stop: &Stop,
    sink: SeenSink<'_>,
) -> Result<Vec<Told>, SourceError> {
    let mut tasks = JoinSet::new();
    let gate = Arc::new(Semaphore::new(AT_ONCE));
    let (out, mut pages) = mpsc::channel::<Piece>(AT_ONCE * 2);
    let allowance = Arc::new(Allowance::new(match look.asked {
        Asked::Instances { most, .. } => most,
        Asked::All | Asked::Capacity(_) => 0,
    }));
    for (number, region) in look.regions.iter().enumerate() {
        let since = look.since.get(number).copied().unwrap_or_else(clock);
        let (instances, until) = match look.asked {
            Asked::Instances { ids, until, .. } => (ids.get(number).cloned().unwrap_or_default(), until),
            Asked::All | Asked::Capacity(_) => (Vec::new(), since),
        };
        let task = Task {
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
    let mut gathered = Gathered::new(look, sink);
    let mut ended: Vec<Ended> = Vec::new();
    loop {
        if stop.asked() {
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
    Ok(told(look, ended, kept, clock))
}

struct Task {
    config: SdkConfig,
    dataset: &'static Dataset,
    region: String,
    since: Timestamp,
    number: usize,
    instances: Vec<String>,
    until: Timestamp,
    allowance: Arc<Allowance>,
}

impl Task {
    async fn run(self, account: Account, gate: Arc<Semaphore>, out: mpsc::Sender<Piece>) -> Ended {
        let _turn = gate.acquire().await;
        let dated = Dated::default();
        let client = clients::ec2(&self.config, Some(&self.region), &dated);
        let mut seen = Seen {
            dataset: self.dataset,
            region: self.region.clone(),
            account: account.account_id,
            currency: if account.partition == "aws-cn" { "CNY" } else { "USD" },
            since: self.since,
            gaps: Vec::new(),
            number: self.number,
            rows: 0,
            beside: Beside::default(),
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
        Ended { number, rows, date, gaps: seen.gaps, whole, beside: seen.beside }
    }
}

/// Gives rows to the sink. Rows of a dataset with one scope for all regions are collected first.
/// They are written in the order of the regions, so that equal answers give equal rows.
struct Gathered<'a, 'b> {
    look: &'a Look<'a>,
    sink: SeenSink<'b>,
    everywhere: BTreeMap<usize, Rows>,
}

impl<'a, 'b> Gathered<'a, 'b> {
    fn new(look: &'a Look<'a>, sink: SeenSink<'b>) -> Gathered<'a, 'b> {
        Gathered { look, sink, everywhere: BTreeMap::new() }
    }

    fn take(&mut self, (number, dataset, rows): Piece) -> Result<(), String> {
        if dataset.scope == Scope::All {
            self.everywhere.entry(number).or_default().extend(rows);
            return Ok(());
        }
        (self.sink)(dataset, &scope(self.look, number), Batch::of(dataset, rows)?)
    }

    /// Writes the collected rows, each key once. Returns their number.
    fn finish(self) -> Result<u64, String> {
        let key = self.look.dataset.columns.iter().position(|column| column.name == self.look.dataset.key[0]);
        let key = key.expect("a key is a column");
        let mut known = HashSet::new();
        let rows = self.everywhere.into_values().flatten();
        let rows: Rows = rows.filter(|row| known.insert(format!("{:?}", row[key]))).collect();
        let kept = rows.len() as u64;
        if kept > 0 {
            (self.sink)(self.look.dataset, "*", Batch::of(self.look.dataset, rows)?)?;
        }
        Ok(kept)
    }
}

fn scope(look: &Look<'_>, number: usize) -> String {
    match look.dataset.scope {
        Scope::All => "*".into(),
        Scope::Region => look.regions[number].clone(),
        Scope::Account => look.account.account_id.clone(),
        Scope::Bill | Scope::Request => unreachable!("bills and requests have other functions"),
        Scope::AccountRegion => format!("{}/{}", look.account.account_id, look.regions[number]),
    }
}

/// Returns the report of each scope.
fn told(look: &Look<'_>, ended: Vec<Ended>, kept: u64, clock: fn() -> Timestamp) -> Vec<Told> {
    let source = format!("AWS {}", actions(look.dataset).first().unwrap_or(&look.dataset.name));
    let skew = skew(look.account.ahead);
    let one = |scope: String, ended: &[Ended], rows: u64| {
        let dates = ended.iter().filter_map(|end| end.date);
        let observed_at = dates.min().unwrap_or_else(clock);
        let whole = ended.iter().all(|end| end.whole && end.gaps.is_empty());
        let from = ended.iter().filter_map(|end| look.since.get(end.number)).min().copied();
        let name = |end: &Ended, gap: &String| match look.dataset.scope {
            Scope::All => format!("{}: {gap}", look.regions[end.number]),
            _ => gap.clone(),
        };
        let mut gaps: Vec<String> =
            ended.iter().flat_map(|end| end.gaps.iter().map(|gap| name(end, gap))).collect();
        let outcome = match (whole, rows) {
            // An account sees only a part of these: rows of other accounts and partitions stay.
            (true, _) if ADDING.contains(&look.dataset.name) => Outcome::Partial,
            (true, 0) => Outcome::Empty,
            (true, _) => Outcome::Complete,
            (false, 0) => Outcome::Failed,
            (false, _) => Outcome::Partial,
        };
        gaps.extend(skew.clone());
        Told {
            dataset: look.dataset,
            scope,
            source: source.clone(),
            version: None,
            observed_from: match look.dataset.kind {
                Kind::Changes => from.map_or(observed_at, |from| from.min(observed_at)),
                Kind::Snapshot | Kind::Log | Kind::Statement => observed_at,
            },
            observed_at,
            outcome,
            rows,
            gaps,
        }
    };
    match look.dataset.scope {
        Scope::All => vec![one("*".into(), &ended, kept)],
        _ => {
            let alone = |end: &Ended| one(scope(look, end.number), std::slice::from_ref(end), end.rows);
            let with_beside = |end: &Ended| {
                let told = alone(end);
                let beside = (!end.beside.is_empty()).then(|| beside(&told, &end.beside));
                [Some(told), beside]
            };
            ended.iter().flat_map(with_beside).flatten().collect()
        }
    }
}

/// Returns the report of the heartbeats found with instances. Instances that could not be listed
/// are a gap here too.
fn beside(told: &Told, beside: &Beside) -> Told {
    let unlisted = told.gaps.iter().filter(|gap| gap.starts_with(actions(told.dataset)[0]));
    Told {
        dataset: heartbeat::utilization(),
        source: HEARTBEATS.into(),
        outcome: if beside.rows > 0 { Outcome::Partial } else { Outcome::Failed },
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
