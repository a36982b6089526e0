//! `plans.toml`: costs that are known in advance.

use std::collections::BTreeMap;
use std::path::Path;

use analysis::{Day, PlannedCost};
use console::{CostDimensions, Failure};
use domain::Decimal;
use serde::{Deserialize, Serialize};

use crate::budget_entry::is_currency;
use crate::cost_days::{day_text, read_day};
use crate::cost_filter::CostFilter;
use crate::user_files::UserFile;

/// The key of the plans in the file.
const KEY: &str = "plan";

/// A cost that is known in advance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CostPlan {
    /// Its name; `None` for one that was written by hand.
    pub(crate) name: Option<String>,
    /// The costs that it changes.
    pub(crate) filter: CostFilter,
    /// The filter, as it is written.
    pub(crate) filter_text: Vec<String>,
    /// The currency; `None` for the only one of the bills.
    pub(crate) currency: Option<String>,
    /// The exact cost of a day.
    pub(crate) cost_per_day: Decimal,
    /// Its days and the cost of each.
    pub(crate) planned: PlannedCost,
}

/// A plan, as it is written.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct PlanEntry {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) name: Option<String>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter: Vec<String>,
    /// A day, with or without quotes.
    pub(crate) starts_on: toml::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ends_on: Option<toml::Value>,
    /// An amount, as a number or in quotes.
    pub(crate) cost_per_day: toml::Value,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
}

/// The file of plans.
pub(crate) struct PlanFile {
    file: UserFile,
}

impl PlanFile {
    /// Returns the given file, or the one in the configuration folder.
    pub(crate) fn of(config: &Path, file: Option<&Path>) -> PlanFile {
        PlanFile { file: UserFile::plans(config, file) }
    }

    /// Returns the path.
    pub(crate) fn path(&self) -> &Path {
        self.file.path()
    }

    /// Reads and checks the plans, in the order of the file; none without a file.
    ///
    /// Errors: a usage failure if the file is not one of plans, with the name or number of the
    /// plan.
    pub(crate) fn read(&self, defined: &CostDimensions) -> Result<Vec<CostPlan>, Failure> {
        self.checked(self.file.read()?, defined)
    }

    /// Changes the plans under a lock and returns them, read back and checked.
    ///
    /// Errors: as [`PlanFile::read`], of the present file; the file cannot be written.
    pub(crate) fn change(
        &self,
        defined: &CostDimensions,
        change: impl FnOnce(&mut Vec<PlanEntry>) -> Result<(), Failure>,
    ) -> Result<Vec<CostPlan>, Failure> {
        let changed = self.file.change(|tables: &mut BTreeMap<String, Vec<PlanEntry>>| {
            self.checked(tables.clone(), defined)?;
            change(tables.entry(KEY.into()).or_default())
        })?;
        self.checked(changed, defined)
    }

    fn checked(
        &self,
        tables: BTreeMap<String, Vec<PlanEntry>>,
        defined: &CostDimensions,
    ) -> Result<Vec<CostPlan>, Failure> {
        plans_of(tables).and_then(|plans| check_all(plans, defined)).map_err(|failure| Failure {
            message: format!("{}: {}", self.path().display(), failure.message),
            ..failure
        })
    }
}

fn plans_of(mut tables: BTreeMap<String, Vec<PlanEntry>>) -> Result<Vec<PlanEntry>, Failure> {
    let plans = tables.remove(KEY).unwrap_or_default();
    match tables.keys().next() {
        None => Ok(plans),
        Some(other) => Err(Failure::usage(format!("it has [[{other}]], expected [[plan]]"))
            .hint("a plan is [[plan]] with filter, starts_on, ends_on and cost_per_day")),
    }
}

fn check_all(plans: Vec<PlanEntry>, defined: &CostDimensions) -> Result<Vec<CostPlan>, Failure> {
    let numbered = plans.iter().enumerate();
    let label = |at: usize, plan: &PlanEntry| plan.name.clone().unwrap_or_else(|| (at + 1).to_string());
    let checked: Vec<CostPlan> = numbered
        .map(|(at, plan)| plan.check(&format!("plan {}", label(at, plan)), defined))
        .collect::<Result<_, Failure>>()?;
    let mut names: Vec<&str> = checked.iter().filter_map(|plan| plan.name.as_deref()).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0] == pair[1]) {
        None => Ok(checked),
        Some(pair) => {
            Err(Failure::usage(format!("two plans have the name {}", pair[0])).hint("rename one of them"))
        }
    }
}

impl PlanEntry {
    /// Checks the values, for a new plan and for one from a file. `label` names it in errors.
    pub(crate) fn check(&self, label: &str, defined: &CostDimensions) -> Result<CostPlan, Failure> {
        let day = |field: &str, value: &toml::Value| {
            let text = value.as_str().map_or_else(|| value.to_string(), String::from);
            read_day(&text).ok_or_else(|| {
                Failure::usage(format!("{label}: {field} {text} is not a day"))
                    .hint("write a day such as 2026-11-23")
            })
        };
        let first = day("starts_on", &self.starts_on)?;
        let last = self.ends_on.as_ref().map(|value| day("ends_on", value)).transpose()?;
        if let Some(last) = last.filter(|last| *last < first) {
            return Err(Failure::usage(format!("{label}: ends_on {} is before starts_on", day_text(last)))
                .hint("leave ends_on out for a plan without an end"));
        }
        let cost = match &self.cost_per_day {
            toml::Value::String(text) => text.clone(),
            other => other.to_string(),
        };
        let exact: Decimal = cost.parse().map_err(|_| {
            Failure::usage(format!("{label}: cost_per_day {cost} is not an amount"))
                .hint("write a number such as 12.5, negative for a cost that ends")
        })?;
        if let Some(currency) = self.currency.as_ref().filter(|code| !is_currency(code)) {
            let problem = format!("{label}: {currency:?} is not a currency code such as USD");
            return Err(Failure::usage(problem).hint("leave the currency out if the bills have one"));
        }
        let cost_per_day = f64::try_from(exact).map_err(|error| Failure::broken(error.to_string()))?;
        Ok(CostPlan {
            name: self.name.clone(),
            filter: CostFilter::read(&format!("{label}: filter"), &self.filter, defined)?,
            filter_text: self.filter.clone(),
            currency: self.currency.clone(),
            cost_per_day: exact,
            planned: PlannedCost { first, last, cost_per_day },
        })
    }
}

impl CostPlan {
    /// Returns whether the plan changes a day from `first` on.
    pub(crate) fn is_effective(&self, first: Day) -> bool {
        self.planned.last.is_none_or(|last| last >= first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Vec<CostPlan>, Failure> {
        let tables = toml::from_str(text).map_err(|error| Failure::usage(error.message().to_string()))?;
        check_all(plans_of(tables)?, &CostDimensions::default())
    }

    #[test]
    fn reads_plans_with_days_and_amounts_in_both_forms() {
        let text = "[[plan]]\nfilter = [\"service=Amazon EC2\"]\nstarts_on = 2026-12-01\nends_on = \"2026-12-31\"\n\
                    cost_per_day = \"12.50\"\n\n[[plan]]\nstarts_on = \"2026-12-05\"\ncost_per_day = -3\n\
                    currency = \"EUR\"\n";
        let plans = parse(text).unwrap();
        let day = |text: &str| read_day(text).unwrap();
        let first =
            PlannedCost { first: day("2026-12-01"), last: Some(day("2026-12-31")), cost_per_day: 12.5 };
        assert_eq!((plans[0].planned, plans[0].filter_text.len()), (first, 1));
        let second = PlannedCost { first: day("2026-12-05"), last: None, cost_per_day: -3.0 };
        assert_eq!((plans[1].planned, plans[1].currency.as_deref()), (second, Some("EUR")));
        assert!(plans[1].filter.is_empty() && plans[1].is_effective(day("2027-01-01")));
        assert!(plans[0].is_effective(day("2026-12-31")) && !plans[0].is_effective(day("2027-01-01")));
        assert_eq!(parse("").unwrap(), []);
    }

    #[test]
    fn refuses_plans_that_are_none() {
        let check = |text: &str, expected: &str| {
            let message = parse(&format!("[[plan]]\n{text}")).unwrap_err().message;
            assert!(message.contains(expected), "{message}");
        };
        check("starts_on = 2026-02-29\ncost_per_day = 1", "");
        check("starts_on = \"2026-02-29\"\ncost_per_day = 1", "plan 1: starts_on 2026-02-29 is not a day");
        check("cost_per_day = 1", "missing field `starts_on`");
        check("starts_on = 2026-12-01\ncost_per_day = \"x\"", "plan 1: cost_per_day x is not an amount");
        check("starts_on = 2026-12-01\ncost_per_day = nan", "plan 1: cost_per_day nan is not an amount");
        check(
            "starts_on = 2026-12-02\nends_on = 2026-12-01\ncost_per_day = 1",
            "plan 1: ends_on 2026-12-01 is before starts_on",
        );
        check("starts_on = 2026-12-01\ncost_per_day = 1\ncolour = 1", "unknown field `colour`");
        check(
            "starts_on = 2026-12-01\ncost_per_day = 1\nfilter = [\"x\"]",
            "plan 1: filter \"x\" is not of the form DIMENSION=VALUE",
        );
        check(
            "name = \"a\"\nstarts_on = 2026-12-01\ncost_per_day = 1\ncurrency = \"usd\"",
            "plan a: \"usd\" is not a currency code such as USD",
        );
        check(
            "name = \"a\"\nstarts_on = 2026-12-01\ncost_per_day = 1\n[[plan]]\nname = \"a\"\n\
             starts_on = 2026-12-01\ncost_per_day = 1",
            "two plans have the name a",
        );
        let failure = parse("[[plans]]\nstarts_on = 2026-12-01\ncost_per_day = 1").unwrap_err();
        assert_eq!(failure.message, "it has [[plans]], expected [[plan]]");
    }
}
