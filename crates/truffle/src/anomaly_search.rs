//! The search for anomalies in the total, in groups and in leaves.

use std::collections::BTreeMap;
use std::io::Read;

use analysis::{
    AnomalyKind, AnomalyRule, AnomalyWalk, CostAnomaly, CostDriver, DailyCosts, Day, ExactCost,
    find_anomalies, find_drivers,
};
use console::Failure;
use domain::Decimal;
use durable::DigestReader;

use crate::anomaly_marks::{AnomalyMark, KnownMarks, MarkAnswer};
use crate::cost_days::day_text;
use crate::cost_dimension::CostDimension;
use crate::daily_costs::BillHistory;
use crate::leaf_forecast::add_up;
use crate::leaf_key::LeafCosts;

/// Decimals of an expected cost. More would suggest a precision that it does not have.
const EXPECTED_DECIMALS: u32 = 6;

/// The name of the dimension of all costs.
const TOTAL: &str = "total";

/// The name of the dimension of leaves.
const LEAF: &str = "leaf";

/// The name of the dimension of commitments.
const COMMITMENT: &str = "commitment";

/// The dimensions with a first use that is always shown.
const FIRST_USES: [CostDimension; 3] =
    [CostDimension::Account, CostDimension::Service, CostDimension::Region];

/// A leaf that is searched: usage of a type in a region of an account, with one value of the tag or
/// resource, if the answer is grouped by it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct LeafName {
    currency: String,
    pub(crate) account: Option<String>,
    pub(crate) service: Option<String>,
    pub(crate) region: Option<String>,
    pub(crate) usage_type: Option<String>,
    pub(crate) part: Option<String>,
}

impl LeafName {
    /// Returns the known parts of the name, joined.
    pub(crate) fn text(&self) -> String {
        let parts = [&self.account, &self.service, &self.region, &self.usage_type, &self.part];
        parts.into_iter().flatten().map(String::as_str).collect::<Vec<&str>>().join(" / ")
    }
}

/// An anomaly of the answer.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct FoundAnomaly {
    /// Stable: the same anomaly has the same id in every later answer.
    pub(crate) id: String,
    pub(crate) currency: String,
    /// `total`, `leaf`, or the column of a dimension.
    pub(crate) dimension: String,
    pub(crate) value: Option<String>,
    pub(crate) kind: AnomalyKind,
    pub(crate) started_on: Day,
    pub(crate) ended_on: Option<Day>,
    pub(crate) detected_on: Day,
    pub(crate) expected: Decimal,
    pub(crate) actual: Decimal,
    pub(crate) score: f64,
    /// The marked anomaly of the same leaf and kind, because of which this one is quiet.
    pub(crate) known_as: Option<String>,
    pub(crate) feedback: Option<MarkAnswer>,
    pub(crate) drivers: Vec<CostDriver<LeafName>>,
}

impl FoundAnomaly {
    /// Returns the actual less the expected cost.
    pub(crate) fn impact(&self) -> Decimal {
        self.actual - self.expected
    }

    /// Returns a mark of this anomaly.
    pub(crate) fn mark(&self, answer: MarkAnswer, marked_at: String) -> AnomalyMark {
        AnomalyMark {
            answer,
            marked_at,
            currency: self.currency.clone(),
            dimension: self.dimension.clone(),
            value: self.value.clone(),
            kind: self.kind.name().into(),
            leaf: self.drivers.first().and_then(|driver| driver.leaf.as_ref()).map(LeafName::text),
        }
    }

    fn overlaps(&self, other: &FoundAnomaly, through: Day) -> bool {
        let end = |one: &FoundAnomaly| one.ended_on.unwrap_or(through);
        self.started_on <= end(other) && other.started_on <= end(self)
    }
}

/// The choice of anomalies.
#[derive(Debug, Clone, Copy)]
pub(crate) struct AnomalyChoice<'a> {
    /// The dimension of the groups; the total without one.
    pub(crate) by: Option<&'a CostDimension>,
    /// The least amount of the impact. The first use of an account, service or region is shown
    /// whatever it costs.
    pub(crate) min_impact: Decimal,
    /// The first day on which a shown anomaly may end.
    pub(crate) since: Day,
}

impl<'a> AnomalyChoice<'a> {
    /// The least impact of a listed anomaly, in the currency of the costs.
    pub(crate) const LEAST_IMPACT: Decimal = Decimal::TEN;

    /// The days before the last one in which a listed anomaly has ended.
    pub(crate) const DAYS: u16 = 90;

    /// Returns the choice without any flags.
    pub(crate) fn usual(history: &BillHistory, by: Option<&'a CostDimension>) -> AnomalyChoice<'a> {
        let since = history.through - i32::from(Self::DAYS);
        AnomalyChoice { by, min_impact: Self::LEAST_IMPACT, since }
    }
}

/// Usage by leaf, with the walk over each.
pub(crate) struct AnomalySearch<'a> {
    history: &'a BillHistory,
    per_year: f64,
    leaves: BTreeMap<LeafName, SearchedLeaf<'a>>,
    /// The unused parts of commitments, by the id of the commitment.
    commitments: BTreeMap<LeafName, SearchedLeaf<'a>>,
}

struct SearchedLeaf<'a> {
    charges: Vec<&'a LeafCosts>,
    costs: DailyCosts,
    walk: AnomalyWalk,
}

impl<'a> AnomalySearch<'a> {
    /// Walks over the usage of every leaf, and over the unused parts of commitments. `by` splits
    /// the leaves further if it is a tag or the resource.
    pub(crate) fn new(
        history: &'a BillHistory,
        unused: &'a [LeafCosts],
        by: Option<&CostDimension>,
        per_year: f64,
    ) -> Self {
        let part = by.filter(|by| matches!(by, CostDimension::Tag { .. } | CostDimension::Resource));
        let is_usage = |leaf: &&LeafCosts| leaf.key.category.as_deref().is_none_or(|it| it == "Usage");
        let usage = history.leaves.iter().filter(is_usage);
        let commitments = searched(history, unused.iter(), Some(&CostDimension::Resource), per_year);
        AnomalySearch { history, per_year, leaves: searched(history, usage, part, per_year), commitments }
    }

    /// Returns the chosen anomalies, the newest first, with those that the marks quiet.
    pub(crate) fn find(&self, choice: &AnomalyChoice<'_>, marks: &KnownMarks) -> Vec<FoundAnomaly> {
        let mut found = self.groups(choice.by, choice);
        for dimension in FIRST_USES {
            let is_first = |one: &FoundAnomaly| one.kind == AnomalyKind::New;
            let first_uses = self.groups(Some(&dimension), choice).into_iter().filter(is_first);
            let first_uses: Vec<FoundAnomaly> =
                first_uses.filter(|one| found.iter().all(|other| other.id != one.id)).collect();
            found.extend(first_uses);
        }
        let explained = |leaf: &FoundAnomaly, name: &LeafName| {
            found.iter().any(|group| {
                let is_driver = |driver: &CostDriver<LeafName>| driver.leaf.as_ref() == Some(name);
                group.overlaps(leaf, self.history.through) && group.drivers.iter().any(is_driver)
            })
        };
        let mut leaves = Vec::new();
        for (name, leaf) in &self.leaves {
            for anomaly in &leaf.walk.anomalies {
                let one = self.anomaly(LEAF, Some(name.text()), anomaly, &BTreeMap::from([(name, leaf)]));
                if self.is_chosen(&one, choice) && !explained(&one, name) {
                    leaves.push(one);
                }
            }
        }
        found.extend(leaves);
        found.extend(self.unused_commitments().into_iter().filter(|one| self.is_chosen(one, choice)));
        for one in &mut found {
            let known = marks.known_as(&one.id, &one.mark(MarkAnswer::No, String::new()));
            one.feedback = marks.answer(&one.id).or(known.map(|(_, answer)| answer));
            one.known_as = known.map(|(id, _)| id.to_string());
        }
        found.sort_by(|a, b| {
            let by_impact = b.impact().abs().cmp(&a.impact().abs());
            b.started_on.cmp(&a.started_on).then(by_impact).then_with(|| a.id.cmp(&b.id))
        });
        found
    }

    /// Returns the anomalies of all groups that have ids: the total, the dimension of the choice,
    /// accounts, services, regions, and every leaf.
    pub(crate) fn find_everywhere(&self, choice: &AnomalyChoice<'_>) -> Vec<FoundAnomaly> {
        let mut found = self.find(choice, &KnownMarks::default());
        for by in [None].into_iter().chain(FIRST_USES.iter().map(Some)) {
            found.extend(self.groups(by, choice));
        }
        let leaves = self.leaves.iter().flat_map(|(name, leaf)| {
            let members = BTreeMap::from([(name, leaf)]);
            leaf.walk
                .anomalies
                .iter()
                .map(move |it| self.anomaly(LEAF, Some(name.text()), it, &members))
                .collect::<Vec<_>>()
        });
        found.extend(leaves);
        found.extend(self.unused_commitments());
        found.sort_by(|a, b| a.id.cmp(&b.id));
        found.dedup_by(|a, b| a.id == b.id);
        found
    }

    fn is_chosen(&self, one: &FoundAnomaly, choice: &AnomalyChoice<'_>) -> bool {
        let is_first_use =
            one.kind == AnomalyKind::New && FIRST_USES.iter().any(|it| it.column() == one.dimension);
        let is_recent = one.ended_on.is_none_or(|ended| ended >= choice.since);
        is_recent && (is_first_use || one.impact().abs() >= choice.min_impact)
    }

    fn unused_commitments(&self) -> Vec<FoundAnomaly> {
        let of_commitment = |(name, leaf): (&LeafName, &SearchedLeaf<'a>)| {
            let rises = leaf.walk.anomalies.iter().filter_map(CostAnomaly::of_unused_commitment);
            let members = BTreeMap::from([(name, leaf)]);
            rises.map(|it| self.anomaly(COMMITMENT, name.part.clone(), &it, &members)).collect::<Vec<_>>()
        };
        self.commitments.iter().flat_map(of_commitment).collect()
    }

    /// Returns the chosen anomalies of the groups of a dimension, or of the totals.
    fn groups(&self, by: Option<&CostDimension>, choice: &AnomalyChoice<'_>) -> Vec<FoundAnomaly> {
        let dimension = by.map_or(TOTAL, CostDimension::column);
        let mut groups: BTreeMap<(&str, Option<&str>), BTreeMap<&LeafName, &SearchedLeaf<'a>>> =
            BTreeMap::new();
        for (name, leaf) in &self.leaves {
            let value = by.and_then(|by| by.value(&leaf.charges[0].key));
            groups.entry((&name.currency, value)).or_default().insert(name, leaf);
        }
        let mut found = Vec::new();
        for ((_, value), members) in groups {
            let costs = add_up(members.values().map(|leaf| &leaf.costs));
            let charges: Vec<&LeafCosts> = members.values().flat_map(|leaf| leaf.charges.clone()).collect();
            let walk = find_anomalies(&costs, &rule(self.per_year, &charges));
            let anomalies = walk.anomalies.iter();
            let anomalies =
                anomalies.map(|anomaly| self.anomaly(dimension, value.map(String::from), anomaly, &members));
            found.extend(anomalies.filter(|one| self.is_chosen(one, choice)));
        }
        found
    }

    fn anomaly(
        &self,
        dimension: &str,
        value: Option<String>,
        anomaly: &CostAnomaly,
        members: &BTreeMap<&LeafName, &SearchedLeaf<'a>>,
    ) -> FoundAnomaly {
        let currency = members.keys().next().map(|name| name.currency.clone()).unwrap_or_default();
        let (first, end) = (anomaly.started_on, anomaly.ended_on.unwrap_or(self.history.through) + 1);
        let expected = rounded(anomaly.expected_cost);
        let actual: Decimal = members.values().map(|leaf| leaf.actual(first, end)).sum();
        let contributions = members.iter().map(|(name, leaf)| {
            let amount = leaf.actual(first, end) - rounded(leaf.expected(first, end));
            ((*name).clone(), exact(amount))
        });
        FoundAnomaly {
            id: anomaly_id(&[
                currency.as_str(),
                dimension,
                value.as_deref().unwrap_or("\0"),
                &day_text(first),
            ]),
            currency,
            dimension: dimension.into(),
            value,
            kind: anomaly.kind,
            started_on: anomaly.started_on,
            ended_on: anomaly.ended_on,
            detected_on: anomaly.detected_on,
            expected,
            actual,
            score: anomaly.score,
            known_as: None,
            feedback: None,
            drivers: find_drivers(contributions.collect(), exact(actual - expected)),
        }
    }
}

/// Joins charges to leaves, and walks over each.
fn searched<'a>(
    history: &BillHistory,
    charges: impl Iterator<Item = &'a LeafCosts>,
    part: Option<&CostDimension>,
    per_year: f64,
) -> BTreeMap<LeafName, SearchedLeaf<'a>> {
    let mut leaves: BTreeMap<LeafName, Vec<&LeafCosts>> = BTreeMap::new();
    for leaf in charges {
        let name = LeafName {
            currency: leaf.key.currency.clone(),
            account: leaf.key.account.clone(),
            service: leaf.key.service.clone(),
            region: leaf.key.region.clone(),
            usage_type: leaf.key.usage_type.clone(),
            part: part.and_then(|by| by.value(&leaf.key)).map(String::from),
        };
        leaves.entry(name).or_default().push(leaf);
    }
    let walked = |(name, charges): (LeafName, Vec<&'a LeafCosts>)| {
        let series: Vec<DailyCosts> = charges.iter().map(|leaf| history.series(leaf)).collect();
        let costs = add_up(series.iter());
        let walk = find_anomalies(&costs, &rule(per_year, &charges));
        (name, SearchedLeaf { charges, costs, walk })
    };
    leaves.into_iter().map(walked).collect()
}

impl SearchedLeaf<'_> {
    /// Returns the exact known cost of the days.
    fn actual(&self, first: Day, end: Day) -> Decimal {
        let days = self.charges.iter().flat_map(|leaf| &leaf.days);
        days.filter(|(day, _)| (first..end).contains(day)).filter_map(|(_, cost)| *cost).sum()
    }

    /// Returns the expected cost of the days with a known cost.
    fn expected(&self, first: Day, end: Day) -> f64 {
        let expectation = |day: i32| {
            let at = usize::try_from(Day(day) - self.costs.first).ok()?;
            self.costs.on(Day(day))?;
            self.walk.expectations.get(at)?.map(|expected| expected.cost)
        };
        (first.0..end.0).filter_map(expectation).sum()
    }
}

fn rule(per_year: f64, charges: &[&LeafCosts]) -> AnomalyRule {
    // Without categories, fees are among the usage.
    AnomalyRule::with_alerts_per_year(per_year, charges.iter().any(|leaf| leaf.key.category.is_none()))
}

fn rounded(amount: f64) -> Decimal {
    Decimal::try_from(amount).unwrap_or_default().round_dp(EXPECTED_DECIMALS)
}

fn exact(amount: Decimal) -> ExactCost {
    // A charge has at most 18 decimals, and an expected cost 6.
    ExactCost::of_decimal(amount).unwrap_or_else(|| ExactCost::of_f64(f64::try_from(amount).unwrap_or(0.0)))
}

/// Returns 12 hexadecimal digits that stand for these texts.
fn anomaly_id(texts: &[&str]) -> String {
    let joined = texts.join("\n");
    let mut reader = DigestReader::new(joined.as_bytes());
    // A slice never fails to be read.
    let _ = reader.read_to_end(&mut Vec::new());
    domain::hex(&reader.finish().sha256[..6])
}

/// Refuses bills with too few days to judge any.
pub(crate) fn check_length(history: &BillHistory) -> Result<(), Failure> {
    let days = history.through - history.first + 1;
    if days > AnomalyRule::FEWEST_DAYS as i32 {
        return Ok(());
    }
    Err(Failure::new(
        console::FailureKind::Data,
        format!("anomalies need more than {} days of costs; the bills have {days}", AnomalyRule::FEWEST_DAYS),
    )
    .hint("collector import FILE imports the bills of earlier months"))
}

#[cfg(test)]
#[path = "anomaly_search_tests.rs"]
mod tests;
