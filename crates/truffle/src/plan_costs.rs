//! Costs that are known in advance: the plans of `plans.toml`, and instances of spawn that end.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use analysis::PlannedCost;
use catalog::rows::KnownEndRow;
use console::Failure;

use crate::CommandPorts;
use crate::cost_days::{day_of, day_text};
use crate::cost_dimension::CostDimension;
use crate::daily_costs::{BillHistory, CostMetric};
use crate::leaf_key::LeafKey;
use crate::plan_file::{CostPlan, PlanFile};
use crate::region_scope::rows;

/// An instance's cost is the mean of this many days.
const MEAN_DAYS: i32 = 7;

/// The costs that are known in advance.
#[derive(Debug, Clone, Default)]
pub(crate) struct KnownCosts {
    /// The leaf of each cost, and its days.
    pub(crate) planned: Vec<(LeafKey, PlannedCost)>,
    /// One line about each plan or instance.
    pub(crate) notes: Vec<String>,
}

/// Returns the costs that are known in advance and change a day after the last known one.
///
/// Errors: the plans cannot be read; a plan has no currency and the bills have several.
pub(crate) fn known_costs(
    history: &BillHistory,
    metric: CostMetric,
    plans: Option<&Path>,
    ports: &CommandPorts<'_>,
) -> Result<KnownCosts, Failure> {
    let mut known = KnownCosts::default();
    let file = PlanFile::of(&ports.settings.config, plans);
    let plans = file.read(&ports.settings.dimensions)?;
    for plan in plans.iter().filter(|plan| plan.is_effective(history.through + 1)) {
        let currency = currency_of(plan, history, file.path())?;
        known.planned.push((plan.filter.leaf(&currency), plan.planned));
        known.notes.push(plan_note(plan, &currency) + unmatched_note(plan, history));
    }
    let (since, until) = (day_text(history.through - MEAN_DAYS + 1), day_text(history.through));
    let metric = ("metric", metric.name());
    let ends = ports.answer("cost/known-ends", &[metric, ("since", &since), ("until", &until)])?;
    let mut instances: BTreeMap<(String, String), (KnownEndRow, f64)> = BTreeMap::new();
    for end in rows::<KnownEndRow>(ends)? {
        let Some(cost) = end.cost_per_day else { continue };
        let planned = PlannedCost { first: day_of(end.expires_at) + 1, last: None, cost_per_day: -cost };
        known.planned.push((leaf_of(&end), planned));
        let key = (end.instance_id.clone(), end.billing_currency.clone());
        instances.entry(key).or_insert((end, 0.0)).1 += cost;
    }
    known.notes.extend(instances.values().map(|(end, cost)| end_note(end, *cost)));
    Ok(known)
}

fn currency_of(plan: &CostPlan, history: &BillHistory, path: &Path) -> Result<String, Failure> {
    let found: BTreeSet<&str> = history.leaves.iter().map(|leaf| leaf.key.currency.as_str()).collect();
    match (&plan.currency, found.len()) {
        (Some(currency), _) => Ok(currency.clone()),
        (None, 1) => Ok(found.into_iter().collect()),
        _ => Err(Failure::usage("a plan has no currency, and the bills have several").hint(format!(
            "add currency = \"CODE\" to it in {}; the bills have {}",
            path.display(),
            Vec::from_iter(found).join(", ")
        ))),
    }
}

fn leaf_of(end: &KnownEndRow) -> LeafKey {
    LeafKey {
        payer: end.payer.clone(),
        currency: end.billing_currency.clone(),
        account: end.sub_account_id.clone(),
        service: end.service_name.clone(),
        region: end.region_id.clone(),
        usage_type: end.usage_type.clone(),
        resource: end.resource_id.clone(),
        tag: None,
        category: end.charge_category.clone(),
        frequency: None,
    }
}

fn plan_note(plan: &CostPlan, currency: &str) -> String {
    let until = plan.planned.last.map_or(String::new(), |last| format!(" until {}", day_text(last)));
    let filter = match plan.filter.is_empty() {
        true => "all costs".to_string(),
        false => plan.filter_text.join(", "),
    };
    let cost = plan.planned.cost_per_day;
    let name = plan.name.as_ref().map_or(String::new(), |name| format!(" {name}"));
    format!("plan{name}: {filter}: {currency} {cost:+.2} a day from {}{until}", day_text(plan.planned.first))
}

/// Returns the end of the note on a plan that no charge matches. The charges of a history state
/// no resource and tag unless the answer is grouped by them.
fn unmatched_note(plan: &CostPlan, history: &BillHistory) -> &'static str {
    let is_of_leaf =
        |one: &CostDimension| !matches!(one, CostDimension::Resource | CostDimension::Tag { .. });
    let is_matched = history.leaves.iter().any(|leaf| plan.filter.matches(&leaf.key));
    match plan.filter.dimensions().iter().all(is_of_leaf) && !is_matched {
        true => "; no charge matches its filter yet",
        false => "",
    }
}

fn end_note(end: &KnownEndRow, cost: f64) -> String {
    let name = end.name.as_ref().map_or(String::new(), |name| format!(" ({name})"));
    format!(
        "known end: {}{name} ends on {}: {} {:+.2} a day",
        end.instance_id,
        day_text(day_of(end.expires_at)),
        end.billing_currency,
        -cost
    )
}
