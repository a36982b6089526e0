//! `plans.toml`: costs that are known in advance.

use std::io;
use std::path::{Path, PathBuf};

use analysis::{Day, PlannedCost};
use console::{CostDimensions, Failure};
use domain::Decimal;
use serde::Deserialize;

use crate::cost_filter::CostFilter;
use crate::daily_costs::{day_text, read_day};

/// The largest file of plans, in bytes.
const LARGEST: u64 = 1 << 20;

/// A cost that is known in advance.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct CostPlan {
    /// The costs that it changes.
    pub(crate) filter: CostFilter,
    /// The filter, as it is written.
    pub(crate) filter_text: Vec<String>,
    /// The currency; `None` for the only one of the bills.
    pub(crate) currency: Option<String>,
    /// Its days and the cost of each.
    pub(crate) planned: PlannedCost,
}

/// The file, as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanFileText {
    #[serde(default, rename = "plan")]
    plans: Vec<PlanText>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct PlanText {
    #[serde(default)]
    filter: Vec<String>,
    starts_on: toml::Value,
    ends_on: Option<toml::Value>,
    cost_per_day: toml::Value,
    currency: Option<String>,
}

/// Returns the path of the plans in the folder of the settings.
pub(crate) fn path(config: &Path) -> PathBuf {
    config.join("plans.toml")
}

/// Reads the plans; none without a file.
///
/// Errors: a usage failure if the file is not one of plans, with the number of the plan.
pub(crate) fn read(path: &Path, defined: &CostDimensions) -> Result<Vec<CostPlan>, Failure> {
    let text = match durable::read_text(path, LARGEST) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(Failure::broken(format!("{} cannot be read: {error}", path.display()))),
    };
    parse(&text, defined)
        .map_err(|failure| Failure { message: format!("{}: {}", path.display(), failure.message), ..failure })
}

fn parse(text: &str, defined: &CostDimensions) -> Result<Vec<CostPlan>, Failure> {
    let file: PlanFileText = toml::from_str(text).map_err(|error| {
        Failure::usage(error.message().to_string())
            .hint("a plan is [[plan]] with filter, starts_on, ends_on and cost_per_day")
    })?;
    let numbered = file.plans.into_iter().enumerate();
    numbered.map(|(at, plan)| parse_plan(plan, &format!("plan {}", at + 1), defined)).collect()
}

fn parse_plan(text: PlanText, name: &str, defined: &CostDimensions) -> Result<CostPlan, Failure> {
    let day = |field: &str, value: &toml::Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), String::from);
        read_day(&text).ok_or_else(|| {
            Failure::usage(format!("{name}: {field} {text} is not a day"))
                .hint("write a day such as 2026-11-23")
        })
    };
    let first = day("starts_on", &text.starts_on)?;
    let last = text.ends_on.as_ref().map(|value| day("ends_on", value)).transpose()?;
    if let Some(last) = last.filter(|last| *last < first) {
        return Err(Failure::usage(format!("{name}: ends_on {} is before starts_on", day_text(last)))
            .hint("leave ends_on out for a plan without an end"));
    }
    let cost = match &text.cost_per_day {
        toml::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    let cost_per_day: Decimal = cost.parse().map_err(|_| {
        Failure::usage(format!("{name}: cost_per_day {cost} is not an amount"))
            .hint("write a number such as 12.5, negative for a cost that ends")
    })?;
    let cost_per_day = f64::try_from(cost_per_day).map_err(|error| Failure::broken(error.to_string()))?;
    Ok(CostPlan {
        filter: CostFilter::read(&format!("{name}: filter"), &text.filter, defined)?,
        filter_text: text.filter,
        currency: text.currency,
        planned: PlannedCost { first, last, cost_per_day },
    })
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
        super::parse(text, &CostDimensions::default())
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
    }
}
