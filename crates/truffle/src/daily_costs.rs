//! Daily costs by leaf, the days that the bills cover, and the newest complete day.

use std::collections::BTreeMap;

use analysis::{CostCoverage, DailyCosts, Day, DayArrival, arrival_delay};
use catalog::rows::{CostArrivalRow, CostStatementRow, DailyCostRow};
use clap::ValueEnum;
use console::{Failure, FailureKind};
use domain::{Decimal, Timestamp};
use serde::{Deserialize, Serialize};

use crate::CommandPorts;
use crate::account_coverage::{AccountCoverage, period_of};
use crate::collect_command::collect_command;
use crate::cost_days::{day_of, day_text, month_text, read_day, read_month};
use crate::cost_dimension::CostDimension;
use crate::leaf_key::{LeafCosts, LeafKey};
use crate::question_params::check_tag_keys;
use crate::region_scope::rows;

/// Replaced statements of this many days are compared with the present ones.
const ARRIVAL_DAYS: i32 = 100;

/// A sum of charges.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
pub enum CostMetric {
    /// The invoiced amount.
    #[default]
    #[value(name = "billed_cost")]
    #[serde(rename = "billed_cost")]
    Billed,
    /// The amount with fees spread over the usage that they cover.
    #[value(name = "effective_cost")]
    #[serde(rename = "effective_cost")]
    Effective,
}

impl CostMetric {
    /// Returns the name of the column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            CostMetric::Billed => "billed_cost",
            CostMetric::Effective => "effective_cost",
        }
    }
}

/// The billing months that are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CostMonths {
    /// All months.
    All,
    /// The newest month of any payer, and the one before it.
    Newest,
    /// The month with this first day, and the one before it.
    WithTheOneBefore(Day),
}

/// A request for daily costs.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DailyCostsQuery<'a> {
    /// The sum.
    pub(crate) metric: CostMetric,
    /// The billing months that are read.
    pub(crate) months: CostMonths,
    /// The dimensions beyond the leaf that are needed: resources, and at most one tag.
    pub(crate) dimensions: &'a [CostDimension],
    /// The last day that is used, or the newest complete one.
    pub(crate) through: Option<Day>,
}

/// The daily costs of all leaves, and the days on which they are known.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct BillHistory {
    /// The leaves with their costs, sorted by key.
    pub(crate) leaves: Vec<LeafCosts>,
    /// The covered days of the accounts.
    pub(crate) coverage: AccountCoverage,
    /// The first covered day.
    pub(crate) first: Day,
    /// The last day to use: that of `--through`, or the newest complete one.
    pub(crate) through: Day,
    /// The newest complete day of all accounts with bills of the newest month.
    pub(crate) complete_through: Day,
    /// The first day of the newest month with a statement.
    pub(crate) newest_month: Day,
}

impl BillHistory {
    /// Loads the daily costs.
    ///
    /// Errors: no bill was collected; a tag that no charge has; `--through` before the first day.
    pub(crate) fn load(
        query: &DailyCostsQuery<'_>,
        ports: &CommandPorts<'_>,
    ) -> Result<BillHistory, Failure> {
        let statements: Vec<CostStatementRow> = rows(ports.answer("cost/statements", &[])?)?;
        let newest_month = newest_month(&statements).map_or_else(|| Err(no_bill(ports)), Ok)?;
        let months = match query.months {
            CostMonths::All => None,
            CostMonths::Newest => Some(newest_month),
            CostMonths::WithTheOneBefore(month) => Some(month),
        };
        if let Some(month) = months {
            check_collected(month, &statements, ports)?;
        }
        let leaves = group(read_days(query, months, ports)?);
        let delay = learn_delay(&statements, ports)?;
        let coverage = AccountCoverage::of(&statements, &leaves, delay);
        let first = coverage.first_day().map_or_else(|| Err(no_charge()), Ok)?;
        let complete_through = coverage.complete_through(newest_month).unwrap_or(first - 1);
        let through = query.through.unwrap_or(complete_through).min(complete_through);
        if let Some(asked) = query.through.filter(|asked| *asked < first) {
            return Err(Failure::new(
                FailureKind::NoMatch,
                format!("--through {} is before the first day of the bills", day_text(asked)),
            )
            .hint(format!("choose {} or a later day", day_text(first))));
        }
        Ok(BillHistory { leaves, coverage, first, through, complete_through, newest_month })
    }

    /// Refuses a dimension that no charge of the bills states, except a tag.
    pub(crate) fn check_dimensions(&self, dimensions: &[CostDimension]) -> Result<(), Failure> {
        let is_stated = |dimension: &CostDimension| {
            matches!(dimension, CostDimension::Tag { .. })
                || self.leaves.iter().any(|leaf| dimension.value(&leaf.key).is_some())
        };
        match dimensions.iter().find(|dimension| !is_stated(dimension)) {
            Some(dimension) if !self.leaves.is_empty() => {
                let column = dimension.column();
                let hint = match dimension {
                    CostDimension::Resource => "a report of AWS states it if it includes resource ids",
                    _ => "a report of AWS states it; days from Cost Explorer state their --by alone",
                };
                Err(Failure::new(FailureKind::Data, format!("not collected: the bills state no {column}"))
                    .hint(hint))
            }
            _ => Ok(()),
        }
    }

    /// Returns whether the leaf's account has bills up to the month of the last day that is used.
    /// The costs of another account have ended, or its bills are no longer collected.
    pub(crate) fn is_current(&self, key: &LeafKey) -> bool {
        let last = self.coverage_of(key).and_then(|coverage| coverage.spans.last());
        last.is_some_and(|(_, end)| *end >= self.through.month_start())
    }

    fn coverage_of(&self, key: &LeafKey) -> Option<&CostCoverage> {
        self.coverage.of_account(&key.payer, key.account.as_deref())
    }

    /// Returns the costs of a leaf from the first covered day through [`BillHistory::through`]. A
    /// covered day without a charge is 0; another one is unknown, and so is a cost that a charge
    /// does not state.
    pub(crate) fn series(&self, leaf: &LeafCosts) -> DailyCosts {
        let mut values = vec![None; self.length()];
        for (first, end) in self.coverage_of(&leaf.key).into_iter().flat_map(|one| &one.spans) {
            for day in first.0..end.0 {
                if let Some(value) = self.at(&mut values, Day(day)) {
                    *value = Some(0.0);
                }
            }
        }
        for (day, cost) in &leaf.days {
            if let Some(value) = self.at(&mut values, *day) {
                *value = cost.and_then(|cost| f64::try_from(cost).ok());
            }
        }
        DailyCosts { first: self.first, values }
    }

    /// Returns a series without any cost, for a planned one.
    pub(crate) fn zero_series(&self) -> DailyCosts {
        DailyCosts { first: self.first, values: vec![Some(0.0); self.length()] }
    }

    fn length(&self) -> usize {
        usize::try_from(self.through - self.first + 1).unwrap_or(0)
    }

    fn at<'v>(&self, values: &'v mut [Option<f64>], day: Day) -> Option<&'v mut Option<f64>> {
        values.get_mut(usize::try_from(day - self.first).ok()?)
    }
}

/// Reads a day of the calendar, such as 2026-11-23, for a flag that limits the days. Refuses a day
/// after the instant of the answer.
pub(crate) fn read_through(text: Option<&str>, as_of: Timestamp) -> Result<Option<Day>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let day = read_day(text).ok_or_else(|| {
        Failure::usage(format!("--through \"{text}\" is not a day")).hint("write a day such as 2026-11-23")
    })?;
    match day > day_of(as_of) {
        true => Err(Failure::usage(format!("--through {text} is in the future"))
            .hint(format!("choose {} or an earlier day", day_text(day_of(as_of))))),
        false => Ok(Some(day)),
    }
}

/// Reads `--month`: the newest month without a text. Refuses a month after the instant of the
/// answer.
pub(crate) fn read_months(text: Option<&str>, as_of: Timestamp) -> Result<CostMonths, Failure> {
    let Some(text) = text else { return Ok(CostMonths::Newest) };
    let month = read_month(text).ok_or_else(|| {
        Failure::usage(format!("--month \"{text}\" is not a month")).hint("write a month such as 2026-11")
    })?;
    match month > day_of(as_of) {
        true => Err(Failure::usage(format!("--month {text} is in the future"))
            .hint(format!("choose {} or an earlier month", month_text(day_of(as_of))))),
        false => Ok(CostMonths::WithTheOneBefore(month)),
    }
}

fn newest_month(statements: &[CostStatementRow]) -> Option<Day> {
    let valid = statements.iter().filter(|one| one.is_valid);
    valid.filter_map(period_of).map(|(first, _)| first.month_start()).max()
}

/// Refuses a month without a valid statement.
fn check_collected(
    month: Day,
    statements: &[CostStatementRow],
    ports: &CommandPorts<'_>,
) -> Result<(), Failure> {
    let text = month_text(month);
    match statements.iter().any(|one| one.is_valid && one.period.starts_with(&text)) {
        true => Ok(()),
        false => Err(Failure::new(FailureKind::Data, format!("not collected yet: charges of {text}"))
            .hint(collect_hint(ports))),
    }
}

fn read_days(
    query: &DailyCostsQuery<'_>,
    month: Option<Day>,
    ports: &CommandPorts<'_>,
) -> Result<Vec<DailyCostRow>, Failure> {
    let months = match month {
        None => vec!["all".to_string()],
        Some(month) => vec![month_text(month - 1), month_text(month)],
    };
    let tag = query.dimensions.iter().find_map(|dimension| match dimension {
        CostDimension::Tag { name, keys } => Some((name, keys)),
        _ => None,
    });
    if let Some((name, keys)) = tag {
        check_tag_keys(name, keys, ports)?;
    }
    let by_resource = query.dimensions.contains(&CostDimension::Resource);
    let tag_keys = tag.map_or("none".to_string(), |(_, keys)| keys.join("\n"));
    let mut found = Vec::new();
    for month in &months {
        let metric = ("metric", query.metric.name());
        let page = match by_resource || tag.is_some() {
            false => ports.answer("cost/daily-leaves", &[metric, ("month", month)])?,
            true => {
                let leaf = "sub_account_id,service_name,region_id,usage_type";
                let by = if by_resource { format!("{leaf},resource_id") } else { leaf.to_string() };
                let through = ("through", "9000-01-01");
                ports.answer(
                    "cost/daily",
                    &[metric, ("month", month), ("by", &by), ("tag", &tag_keys), through],
                )?
            }
        };
        found.extend(rows::<DailyCostRow>(page)?);
    }
    Ok(found)
}

/// Returns the daily unused part of each commitment. Its id is the resource.
pub(crate) fn unused_commitments(ports: &CommandPorts<'_>) -> Result<Vec<LeafCosts>, Failure> {
    Ok(group(rows(ports.answer("cost/unused-commitments", &[])?)?))
}

/// Groups the rows by leaf.
fn group(rows: Vec<DailyCostRow>) -> Vec<LeafCosts> {
    let mut leaves: BTreeMap<LeafKey, Vec<(Day, Option<Decimal>)>> = BTreeMap::new();
    let mut last: Option<LeafCosts> = None;
    let mut keep = |leaf: LeafCosts| leaves.entry(leaf.key).or_default().extend(leaf.days);
    for row in rows {
        let (day, cost) = (Day(row.day.0), row.cost.map(|cost| cost.0));
        let key = LeafKey {
            payer: row.payer,
            currency: row.billing_currency,
            account: row.sub_account_id,
            service: row.service_name,
            region: row.region_id,
            usage_type: row.usage_type,
            resource: row.resource_id,
            tag: row.tag_value,
            category: row.charge_category,
            frequency: row.charge_frequency,
        };
        match &mut last {
            Some(leaf) if leaf.key == key => leaf.days.push((day, cost)),
            other => {
                if let Some(leaf) = other.replace(LeafCosts { key, days: vec![(day, cost)] }) {
                    keep(leaf);
                }
            }
        }
    }
    last.into_iter().for_each(keep);
    let in_order = |(key, mut days): (LeafKey, Vec<(Day, Option<Decimal>)>)| {
        days.sort_by_key(|(day, _)| *day);
        LeafCosts { key, days }
    };
    leaves.into_iter().map(in_order).collect()
}

/// Returns how many of the newest days may lack charges.
fn learn_delay(statements: &[CostStatementRow], ports: &CommandPorts<'_>) -> Result<i32, Failure> {
    let replaced_early = |one: &CostStatementRow| {
        !one.is_valid
            && period_of(one).is_some_and(|(first, end)| end - first > 1 && day_of(one.observed_at) < end)
    };
    if !statements.iter().any(replaced_early) {
        return Ok(arrival_delay(&[]));
    }
    let since = day_text(day_of(ports.as_of) - ARRIVAL_DAYS);
    let found: Vec<CostArrivalRow> = rows(ports.answer("cost/arrival", &[("since", &since)])?)?;
    let arrival = |row: CostArrivalRow| {
        Some(DayArrival {
            days_before: usize::try_from(row.days_before).ok()?,
            known: f64::try_from(row.known_cost.0).ok()?,
            present: f64::try_from(row.present_cost.0).ok()?,
        })
    };
    Ok(arrival_delay(&found.into_iter().filter_map(arrival).collect::<Vec<_>>()))
}

/// Returns the failure of an answer without any bill.
fn no_bill(ports: &CommandPorts<'_>) -> Failure {
    let later = ports.at_any_time().answer("cost/statements", &[]).and_then(rows::<CostStatementRow>);
    let first = later.ok().and_then(|later| later.first().map(|one| one.observed_at));
    match first {
        Some(first) => Failure::new(
            FailureKind::Data,
            format!("no bill was known by {}: the first one is of {first}", ports.as_of),
        )
        .hint(format!("choose --as-of {first}, or leave it out")),
        None => Failure::new(FailureKind::Data, "not collected yet: charges").hint(collect_hint(ports)),
    }
}

fn collect_hint(ports: &CommandPorts<'_>) -> String {
    let command = collect_command("charge", ports.settings.region.value.as_str());
    format!("collector import FILE imports a bill; {command} asks Cost Explorer")
}

fn no_charge() -> Failure {
    Failure::new(FailureKind::NoMatch, "the bills of these months have no charges")
        .hint("truffle query data/runs --param dataset=charge lists the bills")
}

#[cfg(test)]
#[path = "daily_costs_tests.rs"]
mod tests;
