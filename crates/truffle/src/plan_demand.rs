//! The hourly on-demand usage of the bills, as a Savings Plan would cover it.

use std::collections::BTreeMap;

use analysis::{CommitmentDemand, Day, PlanUsage};
use catalog::rows::{PlanHoursRow, PlanUsageRow};
use console::{Failure, FailureKind};
use domain::Decimal;

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::cost_days::{day_of, day_text};
use crate::daily_costs::BillHistory;
use crate::region_scope::rows;
use crate::savings_plan::PlanTerms;

/// The usage that one commitment could cover.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PlanScope {
    pub(crate) payer: String,
    pub(crate) currency: String,
    /// The region of an instance plan.
    pub(crate) region: Option<String>,
    /// The family of an instance plan.
    pub(crate) family: Option<String>,
}

/// Hourly usage of one scope, from the first hour of `first` on.
pub(crate) struct PlanDemand {
    pub(crate) scope: PlanScope,
    pub(crate) first: Day,
    pub(crate) demand: CommitmentDemand,
    /// The part of the on-demand cost with charge periods longer than an hour, in percent.
    pub(crate) spread_percent: f64,
}

/// The usage of the bills under a plan.
pub(crate) struct PlanDemands {
    pub(crate) scopes: Vec<PlanDemand>,
    /// On-demand usage without a rate of the plan, the highest cost first.
    pub(crate) left_out: Vec<PlanUsageRow>,
}

impl PlanDemands {
    /// Loads the usage through the last day of the history. Each payer begins at the first day
    /// after which its statements cover all days.
    ///
    /// Errors: there is no such usage; no rate of the plan fits it.
    pub(crate) fn load(
        history: &BillHistory,
        terms: &PlanTerms,
        ports: &CommandPorts<'_>,
    ) -> Result<PlanDemands, Failure> {
        let (since, until) = (day_text(history.first), day_text(history.through));
        let [plan, years, payment] = terms.params();
        let params = [plan, years, payment, ("since", since.as_str()), ("until", until.as_str())];
        let [hours, usage] =
            ports.answer_all([("commitment/hours", &params[..]), ("commitment/usage", &params[..])]);
        let usage: Vec<PlanUsageRow> = rows(usage?)?;
        check_usage(&usage, history, terms, ports)?;
        let mut of_scope: BTreeMap<PlanScope, Vec<PlanHoursRow>> = BTreeMap::new();
        for row in rows::<PlanHoursRow>(hours?)? {
            let scope = PlanScope {
                payer: row.payer.clone(),
                currency: row.billing_currency.clone(),
                region: row.region_id.clone(),
                family: row.family.clone(),
            };
            of_scope.entry(scope).or_default().push(row);
        }
        let scopes =
            of_scope.into_iter().filter_map(|(scope, rows)| PlanDemand::of(scope, &rows, history)).collect();
        let left_out = usage.into_iter().filter(|row| row.plan_price.is_none() || row.quantity.is_none());
        Ok(PlanDemands { scopes, left_out: left_out.collect() })
    }
}

/// Refuses bills without usage that a plan covers, and a lake without fitting rates.
fn check_usage(
    usage: &[PlanUsageRow],
    history: &BillHistory,
    terms: &PlanTerms,
    ports: &CommandPorts<'_>,
) -> Result<(), Failure> {
    let Some(first) = usage.first() else {
        let (since, until) = (day_text(history.first), day_text(history.through));
        let problem = format!("no on-demand usage that a Savings Plan covers from {since} to {until}");
        return Err(Failure::new(FailureKind::NoMatch, problem)
            .hint("truffle cost --by type lists the usage types of the bills"));
    };
    if usage.iter().any(|row| row.plan_price.is_some() && row.quantity.is_some()) {
        return Ok(());
    }
    let regions: std::collections::BTreeSet<&str> =
        usage.iter().filter_map(|row| row.region_id.as_deref()).collect();
    let regions = match regions.is_empty() {
        true => ports.settings.region.value.to_string(),
        false => regions.into_iter().collect::<Vec<_>>().join(","),
    };
    let hint = collect_command("savings_plan", &regions);
    match first.known_rates {
        0 => Err(Failure::new(FailureKind::Data, format!("not collected yet: rates of a {}", terms.words()))
            .hint(hint)),
        _ => Err(Failure::new(
            FailureKind::NoMatch,
            format!(
                "no rate of a {} fits the on-demand usage: {}",
                terms.words(),
                usage_words(&usage.iter().collect::<Vec<_>>())
            ),
        )
        .hint(hint)),
    }
}

/// Returns up to three lines of usage in words.
pub(crate) fn usage_words(usage: &[&PlanUsageRow]) -> String {
    let words = |row: &&PlanUsageRow| {
        let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".into());
        format!("{} {} {}", text(&row.usage_type), text(&row.operation), text(&row.region_id))
    };
    let mut named: Vec<String> = usage.iter().take(3).map(words).collect();
    if usage.len() > named.len() {
        named.push(format!("{} more", usage.len() - named.len()));
    }
    named.join(", ")
}

impl PlanDemand {
    /// Sorts the usage of a scope; `None` if no statement covers the payer's last day.
    fn of(scope: PlanScope, rows: &[PlanHoursRow], history: &BillHistory) -> Option<PlanDemand> {
        let end = history.through + 1;
        let mut first = end;
        while history.coverage.covers_payer(&scope.payer, first - 1) {
            first = first - 1;
        }
        let hours = usize::try_from((end - first) * 24).ok().filter(|hours| *hours > 0)?;
        let mut usage = Vec::with_capacity(rows.len());
        let (mut cost, mut spread) = (0.0, 0.0);
        for row in rows {
            let (on_demand, plan) = (number(row.cost.0), number(row.plan_price) * number(row.quantity.0));
            let start = (day_of(row.starts_at) - first) as i64 * 24 + row.starts_at.as_second() / 3600 % 24;
            cost += on_demand;
            if row.hours > 1 {
                spread += on_demand;
            }
            let share = 1.0 / row.hours as f64;
            for hour in (start..start + row.hours).filter_map(|hour| usize::try_from(hour).ok()) {
                usage.push(PlanUsage { hour, on_demand_cost: on_demand * share, plan_cost: plan * share });
            }
        }
        let spread_percent = if cost > 0.0 { 100.0 * spread / cost } else { 0.0 };
        Some(PlanDemand { scope, first, demand: CommitmentDemand::new(hours, usage), spread_percent })
    }

    /// Number of days.
    pub(crate) fn days(&self) -> usize {
        self.demand.hours() / 24
    }
}

/// Money and quantities enter the analysis as doubles.
fn number(exact: Decimal) -> f64 {
    f64::try_from(exact).unwrap_or(0.0)
}
