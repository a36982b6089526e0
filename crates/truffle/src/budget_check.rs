//! Checks budgets: the cost of the current period against the amount and its thresholds.

use std::collections::BTreeMap;
use std::rc::Rc;

use analysis::{Day, DayForecast};
use console::{CostDimensions, Failure, FailureKind};
use domain::Decimal;

use crate::CommandPorts;
use crate::bill_histories::{BillHistories, CostKey};
use crate::budget_entry::{BudgetEntry, BudgetPeriod};
use crate::cost_days::{day_of, day_text};
use crate::cost_dimension::CostDimension;
use crate::cost_filter::CostFilter;
use crate::daily_costs::{BillHistory, CostMetric};
use crate::leaf_forecast::HistoryForecast;
use crate::plan_costs::{KnownCosts, known_costs};
use crate::user_files::UserFile;

/// Days after the end of a period in which a check still judges it.
const LATE_DAYS: i32 = 7;

/// The state of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BudgetState {
    /// No threshold is crossed.
    Within,
    /// A threshold is crossed.
    Crossed,
    /// The cost or the amount is not known.
    Unseen,
}

impl BudgetState {
    /// Returns the word in answers.
    pub(crate) fn word(self) -> &'static str {
        match self {
            BudgetState::Within => "within",
            BudgetState::Crossed => "crossed",
            BudgetState::Unseen => "unseen",
        }
    }
}

/// A budget with its filter.
#[derive(Debug, Clone)]
pub(crate) struct CheckedBudget {
    pub(crate) name: String,
    pub(crate) entry: BudgetEntry,
    /// The filter, or why it cannot be read: the settings may lack a dimension.
    pub(crate) filter: Result<CostFilter, String>,
}

impl CheckedBudget {
    /// Checks the entries of a file.
    pub(crate) fn read_all(
        entries: BTreeMap<String, BudgetEntry>,
        defined: &CostDimensions,
    ) -> Result<Vec<CheckedBudget>, Failure> {
        let budget = |(name, entry): (String, BudgetEntry)| {
            entry.check_values(&name)?;
            let filter = CostFilter::read("filter", &entry.filter, defined);
            Ok(CheckedBudget { filter: filter.map_err(|failure| failure.message), name, entry })
        };
        entries.into_iter().map(budget).collect()
    }
}

/// A threshold that the cost has reached.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct CrossedThreshold {
    /// Whether the forecast crossed it, and not the actual cost.
    pub(crate) of_forecast: bool,
    /// The threshold in percent of the amount.
    pub(crate) percent: f64,
}

/// The result of checking one budget.
#[derive(Debug, Clone)]
pub(crate) struct BudgetReport {
    pub(crate) budget: CheckedBudget,
    pub(crate) state: BudgetState,
    /// The first day of the period, and the day after it; `None` without any bill.
    pub(crate) period: Option<(Day, Day)>,
    pub(crate) currency: Option<String>,
    pub(crate) amount: Option<Decimal>,
    pub(crate) actual: Option<Decimal>,
    pub(crate) forecast: Option<Decimal>,
    pub(crate) crossed: Vec<CrossedThreshold>,
    /// Why the budget could not be seen.
    pub(crate) reason: Option<String>,
    /// The last day that counts.
    pub(crate) complete_through: Option<Day>,
}

/// Daily costs and their forecast, as far as several budgets share them.
struct CheckedCosts {
    history: Rc<BillHistory>,
    known: KnownCosts,
    forecast: Option<HistoryForecast>,
}

/// Checks the budgets, each in the period of the newest complete day or of `--through`.
pub(crate) fn check_budgets(
    budgets: Vec<CheckedBudget>,
    histories: &mut BillHistories<'_>,
) -> Result<Vec<BudgetReport>, Failure> {
    let mut loaded: Vec<(CostKey, Result<CheckedCosts, Failure>)> = Vec::new();
    let mut reports = Vec::new();
    for budget in budgets {
        let filter = match &budget.filter {
            Ok(filter) => filter.clone(),
            Err(reason) => {
                let reason = reason.clone();
                reports.push(BudgetReport::unseen(budget, reason));
                continue;
            }
        };
        let mut dimensions = filter.dimensions();
        dimensions.retain(|one| matches!(one, CostDimension::Resource | CostDimension::Tag { .. }));
        let key = (budget.entry.metric, dimensions);
        if !loaded.iter().any(|(known, _)| *known == key) {
            let costs = CheckedCosts::load(&key, histories);
            // Without data, a budget is unseen. Any other failure concerns the whole command.
            if let Err(failure) = &costs
                && !matches!(failure.kind, FailureKind::Data | FailureKind::NoMatch | FailureKind::Usage)
            {
                return Err(failure.clone());
            }
            loaded.push((key.clone(), costs));
        }
        let costs = loaded.iter_mut().find(|(known, _)| *known == key).map(|(_, costs)| costs);
        reports.push(match costs {
            Some(Ok(costs)) => check_budget(budget, &filter, costs, histories),
            Some(Err(failure)) => BudgetReport::unseen(budget, failure.message.clone()),
            None => continue,
        });
    }
    Ok(reports)
}

impl BudgetReport {
    fn unseen(budget: CheckedBudget, reason: String) -> BudgetReport {
        BudgetReport {
            currency: budget.entry.currency.clone(),
            amount: budget.entry.amount,
            budget,
            state: BudgetState::Unseen,
            period: None,
            actual: None,
            forecast: None,
            crossed: Vec::new(),
            reason: Some(reason),
            complete_through: None,
        }
    }
}

fn check_budget(
    budget: CheckedBudget,
    filter: &CostFilter,
    costs: &mut CheckedCosts,
    histories: &BillHistories<'_>,
) -> BudgetReport {
    let history = &costs.history;
    let (first, end) = budget.entry.period.around(history.through);
    let mut report = BudgetReport {
        period: Some((first, end)),
        complete_through: Some(history.through),
        ..BudgetReport::unseen(budget, String::new())
    };
    let today = day_of(histories.ports.as_of);
    let seen = match histories.through.is_none() && today >= end + LATE_DAYS {
        true => Err(format!("the bills are complete only through {}", day_text(history.through))),
        false => find_costs(&report.budget, filter, history, (first, end)),
    };
    let (currency, actual, amount) = match seen {
        Ok(seen) => seen,
        Err(reason) => return BudgetReport { reason: Some(reason), ..report },
    };
    let wants_forecast = !report.budget.entry.forecast_percent.is_empty();
    let forecast = wants_forecast.then(|| actual + costs.rest_of_period(filter, &currency, end));
    let entry = &report.budget.entry;
    let crossed = |of_forecast: bool, cost: Decimal, percents: &[f64]| -> Vec<CrossedThreshold> {
        let reached = percents.iter().filter(|percent| is_reached(cost, amount, **percent));
        reached.map(|percent| CrossedThreshold { of_forecast, percent: *percent }).collect()
    };
    report.crossed = crossed(false, actual, &entry.actual_percent);
    if let Some(forecast) = forecast {
        report.crossed.extend(crossed(true, forecast, &entry.forecast_percent));
    }
    report.state = if report.crossed.is_empty() { BudgetState::Within } else { BudgetState::Crossed };
    BudgetReport {
        currency: Some(currency),
        amount: Some(amount),
        actual: Some(actual),
        forecast,
        reason: None,
        ..report
    }
}

/// Returns whether a cost has reached a percentage of the amount. Any cost exceeds an amount of 0.
fn is_reached(cost: Decimal, amount: Decimal, percent: f64) -> bool {
    let limit = Decimal::try_from(percent).unwrap_or(Decimal::MAX) / Decimal::ONE_HUNDRED * amount;
    if limit.is_zero() { cost > limit } else { cost >= limit }
}

/// Returns currency, actual cost and amount of a budget, or why one of them is not known.
fn find_costs(
    budget: &CheckedBudget,
    filter: &CostFilter,
    history: &BillHistory,
    (first, end): (Day, Day),
) -> Result<(String, Decimal, Decimal), String> {
    let matching = || history.leaves.iter().filter(|leaf| filter.matches(&leaf.key));
    let currency = match &budget.entry.currency {
        Some(currency) => currency.clone(),
        None => only_currency(matching().map(|leaf| leaf.key.currency.as_str()))?,
    };
    let counted = || matching().filter(|leaf| leaf.key.currency == currency);
    if counted().next().is_none() {
        return Err(format!("no charge in {currency} matches the filter"));
    }
    let sum = |first: Day, end: Day| -> Result<Decimal, String> {
        if let Some(day) = history.coverage.uncovered_day(first, end) {
            return Err(format!("no bill covers {}", day_text(day)));
        }
        let cost: Option<Decimal> = counted().map(|leaf| leaf.sum(first, end)).sum();
        cost.ok_or_else(|| "a charge does not state its effective cost".to_string())
    };
    let actual = sum(first, end.min(history.through + 1))?;
    let amount = match (budget.entry.amount, budget.entry.percent_of_last) {
        (Some(amount), _) => amount,
        (None, percent) => {
            let (last_first, _) = budget.entry.period.around(first - 1);
            let percent = percent.and_then(|percent| Decimal::try_from(percent).ok()).unwrap_or_default();
            sum(last_first, first).map_err(|why| format!("the last period is not known: {why}"))? * percent
                / Decimal::ONE_HUNDRED
        }
    };
    Ok((currency, actual, amount))
}

fn only_currency<'a>(currencies: impl Iterator<Item = &'a str>) -> Result<String, String> {
    let found: std::collections::BTreeSet<&str> = currencies.collect();
    match found.len() {
        0 => Err("no charge matches the filter".into()),
        1 => Ok(found.into_iter().collect()),
        _ => {
            let found: Vec<&str> = found.into_iter().collect();
            Err(format!("the charges have several currencies ({}): choose --currency", found.join(", ")))
        }
    }
}

impl CheckedCosts {
    fn load(key: &CostKey, histories: &mut BillHistories<'_>) -> Result<CheckedCosts, Failure> {
        let history = histories.get(key)?;
        let known = known_costs(&history, key.0, None, histories.ports)?;
        Ok(CheckedCosts { history, known, forecast: None })
    }

    /// Returns the forecast cost of the days after the last known one, until before `end`.
    fn rest_of_period(&mut self, filter: &CostFilter, currency: &str, end: Day) -> Decimal {
        let after = self.history.through + 1;
        if after >= end {
            return Decimal::ZERO;
        }
        let forecast = self.forecast.get_or_insert_with(|| {
            // The longest period is a year.
            let months = 13;
            HistoryForecast::new(&self.history, &self.known.planned, months, &[])
        });
        let groups = forecast.groups(|key| filter.matches(key));
        let days = groups.get(&(currency.to_string(), true)).map(|group| group.days.as_slice());
        let is_counted = |day: &&DayForecast| day.day < end;
        let costs =
            days.unwrap_or_default().iter().filter(is_counted).map(|day| day.scheduled + day.remainder);
        costs.sum()
    }
}

/// The budgets of a month with a fixed amount, for the column of a forecast.
pub(crate) struct MonthlyBudgets {
    budgets: Vec<CheckedBudget>,
}

impl MonthlyBudgets {
    /// Reads the budgets of the configuration folder.
    pub(crate) fn read(metric: CostMetric, ports: &CommandPorts<'_>) -> Result<MonthlyBudgets, Failure> {
        let entries = UserFile::budgets(&ports.settings.config, None).read()?;
        let mut budgets = CheckedBudget::read_all(entries, &ports.settings.dimensions)?;
        budgets.retain(|one| one.entry.period == BudgetPeriod::Month && one.entry.metric == metric);
        Ok(MonthlyBudgets { budgets })
    }

    /// Returns the amount of the first budget that is about this value of the dimension alone, or
    /// about all costs if there is no dimension.
    pub(crate) fn amount(
        &self,
        dimension: Option<&CostDimension>,
        value: Option<&str>,
        currency: &str,
    ) -> Option<Decimal> {
        let is_about = |budget: &&CheckedBudget| {
            let same = budget.filter.as_ref().is_ok_and(|filter| match (dimension, value) {
                (None, _) => filter.is_empty(),
                (Some(dimension), Some(value)) => filter.only_value(dimension) == Some(value),
                (Some(_), None) => false,
            });
            same && budget.entry.currency.as_deref().is_none_or(|code| code == currency)
        };
        self.budgets.iter().filter(is_about).find_map(|budget| budget.entry.amount)
    }
}
