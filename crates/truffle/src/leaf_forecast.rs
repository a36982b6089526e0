//! Forecasts of groups of leaves, with the costs that are known in advance.

use std::collections::BTreeMap;

use analysis::{
    ChargeKind, CostForecast, CostLeaf, DailyCosts, ForecastSettings, GroupForecast, LeafGroup, LeafPart,
    PlannedCost,
};

use crate::daily_costs::BillHistory;
use crate::leaf_key::LeafKey;

/// A leaf with less than this part of its currency's cost in the newest days is forecast together
/// with other small ones of its service.
const SMALL_SHARE: f64 = 0.01;

/// The newest days, which decide whether a leaf is small.
const RECENT_DAYS: i32 = 28;

/// The forecast of all leaves of a history.
pub(crate) struct HistoryForecast {
    currencies: Vec<CurrencyForecast>,
}

/// The forecast of the leaves in one currency.
struct CurrencyForecast {
    currency: String,
    forecast: CostForecast,
    /// The parts of each leaf that was forecast.
    members: Vec<Vec<LeafMember>>,
}

/// A leaf of the history, or a planned cost.
struct LeafMember {
    key: LeafKey,
    costs: DailyCosts,
}

/// A leaf that is forecast: its kind, parts and plans.
type ForecastLeaf = (ChargeKind, Vec<LeafMember>, Vec<PlannedCost>);

impl HistoryForecast {
    /// Forecasts the leaves of all payers with current bills for this number of months, with these
    /// planned costs as further leaves.
    pub(crate) fn new(
        history: &BillHistory,
        planned: &[(LeafKey, PlannedCost)],
        months: usize,
        levels: &[f64],
    ) -> HistoryForecast {
        let settings = ForecastSettings { through: history.through, months, levels: levels.to_vec() };
        let mut by_currency: BTreeMap<&str, Vec<LeafMember>> = BTreeMap::new();
        for leaf in history.leaves.iter().filter(|leaf| history.is_current(&leaf.key)) {
            let member = LeafMember { key: leaf.key.clone(), costs: history.series(leaf) };
            by_currency.entry(&leaf.key.currency).or_default().push(member);
        }
        let forecast = |(currency, members): (&str, Vec<LeafMember>)| {
            let mut leaves = forecast_leaves(members);
            let of_currency = planned.iter().filter(|(key, _)| key.currency == currency);
            leaves.extend(of_currency.map(|(key, plan)| {
                let member = LeafMember { key: key.clone(), costs: history.zero_series() };
                (ChargeKind::Usage, vec![member], vec![*plan])
            }));
            let cost_leaves: Vec<CostLeaf> = leaves
                .iter()
                .map(|(kind, members, plans)| CostLeaf {
                    kind: *kind,
                    costs: add_up(members.iter().map(|member| &member.costs)),
                    plans: plans.clone(),
                })
                .collect();
            CurrencyForecast {
                currency: currency.to_string(),
                forecast: CostForecast::new(&cost_leaves, &settings),
                members: leaves.into_iter().map(|(_, members, _)| members).collect(),
            }
        };
        HistoryForecast { currencies: by_currency.into_iter().map(forecast).collect() }
    }

    /// Returns the forecast of each group of leaves in each currency.
    pub(crate) fn groups<K: Ord + Clone>(
        &self,
        group_of: impl Fn(&LeafKey) -> K,
    ) -> BTreeMap<(String, K), GroupForecast> {
        self.currencies.iter().flat_map(|one| one.groups(&group_of)).collect()
    }
}

impl CurrencyForecast {
    fn groups<K: Ord + Clone>(&self, group_of: &impl Fn(&LeafKey) -> K) -> Vec<((String, K), GroupForecast)> {
        let mut groups: BTreeMap<K, LeafGroup> = BTreeMap::new();
        for (leaf, members) in self.members.iter().enumerate() {
            let mut parts: BTreeMap<K, Vec<&DailyCosts>> = BTreeMap::new();
            for member in members {
                parts.entry(group_of(&member.key)).or_default().push(&member.costs);
            }
            let is_whole = parts.len() == 1;
            for (group, costs) in parts {
                let costs = (!is_whole).then(|| add_up(costs.into_iter()));
                let group = groups.entry(group).or_insert_with(|| LeafGroup { parts: Vec::new() });
                group.parts.push(LeafPart { leaf, costs });
            }
        }
        let (names, groups): (Vec<K>, Vec<LeafGroup>) = groups.into_iter().unzip();
        let forecasts = self.forecast.groups(&groups);
        names.into_iter().map(|name| (self.currency.clone(), name)).zip(forecasts).collect()
    }
}

/// Joins the members to leaves: those that differ in their resource or tag alone, and the small
/// ones of a service.
fn forecast_leaves(members: Vec<LeafMember>) -> Vec<ForecastLeaf> {
    let mut leaves: BTreeMap<LeafKey, Vec<LeafMember>> = BTreeMap::new();
    for member in members {
        let key = LeafKey { resource: None, tag: None, ..member.key.clone() };
        leaves.entry(key).or_default().push(member);
    }
    let sizes: Vec<f64> = leaves.values().map(|members| recent_size(members)).collect();
    let whole: f64 = sizes.iter().sum();
    let mut joined: BTreeMap<LeafKey, Vec<LeafMember>> = BTreeMap::new();
    for ((key, members), size) in leaves.into_iter().zip(sizes) {
        let key = match size < whole * SMALL_SHARE {
            // No leaf of the bills has this account.
            true => LeafKey { account: Some("(small)".into()), region: None, usage_type: None, ..key },
            false => key,
        };
        joined.entry(key).or_default().extend(members);
    }
    joined.into_iter().map(|(key, members)| (kind(&key), members, Vec::new())).collect()
}

fn recent_size(members: &[LeafMember]) -> f64 {
    let recent = |costs: &DailyCosts| -> f64 {
        (1..=RECENT_DAYS).filter_map(|ago| costs.on(costs.end() - ago)).map(f64::abs).sum()
    };
    members.iter().map(|member| recent(&member.costs)).sum()
}

/// Returns how the charges of a leaf recur, by FOCUS category and frequency.
fn kind(key: &LeafKey) -> ChargeKind {
    match (key.category.as_deref(), key.frequency.as_deref()) {
        (Some("Usage"), _) => ChargeKind::Usage,
        (Some("Purchase"), Some("One-Time")) | (Some("Adjustment"), _) => ChargeKind::Once,
        (Some("Purchase"), _) => ChargeKind::Recurring,
        (Some("Tax"), _) => ChargeKind::Tax,
        (Some("Credit"), _) => ChargeKind::Credit,
        _ => ChargeKind::Uncategorised,
    }
}

/// Adds series of the same days. A day is unknown if it is unknown in one of them.
pub(crate) fn add_up<'a>(mut series: impl Iterator<Item = &'a DailyCosts>) -> DailyCosts {
    let mut sum =
        series.next().cloned().unwrap_or(DailyCosts { first: analysis::Day(0), values: Vec::new() });
    for costs in series {
        for (sum, value) in sum.values.iter_mut().zip(&costs.values) {
            *sum = sum.zip(*value).map(|(sum, value)| sum + value);
        }
    }
    sum
}
