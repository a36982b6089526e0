//! Budgets, as `budgets.toml` has them.

use analysis::Day;
use clap::ValueEnum;
use console::{CostDimensions, Failure};
use domain::Decimal;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::cost_filter::CostFilter;
use crate::daily_costs::CostMetric;

/// The period of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BudgetPeriod {
    /// A day in UTC.
    Day,
    /// A week from Monday.
    Week,
    /// A calendar month.
    #[default]
    Month,
    /// Three calendar months.
    Quarter,
    /// A calendar year.
    Year,
}

impl BudgetPeriod {
    /// Returns the name in the file.
    pub(crate) fn name(self) -> &'static str {
        match self {
            BudgetPeriod::Day => "day",
            BudgetPeriod::Week => "week",
            BudgetPeriod::Month => "month",
            BudgetPeriod::Quarter => "quarter",
            BudgetPeriod::Year => "year",
        }
    }

    /// Returns the first day of the period of a day, and the day after the period.
    pub(crate) fn around(self, day: Day) -> (Day, Day) {
        let (year, month, _) = day.date();
        match self {
            BudgetPeriod::Day => (day, day + 1),
            BudgetPeriod::Week => (day - day.weekday() as i32, day - day.weekday() as i32 + 7),
            BudgetPeriod::Month => (day.month_start(), day.next_month()),
            BudgetPeriod::Quarter => {
                let first = Day::of_date(year, (month - 1) / 3 * 3 + 1, 1);
                (first, first.next_month().next_month().next_month())
            }
            BudgetPeriod::Year => (Day::of_date(year, 1, 1), Day::of_date(year + 1, 1, 1)),
        }
    }
}

/// A budget: an amount for a period, and the thresholds in percent of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BudgetEntry {
    /// The costs that count, as `DIMENSION=VALUE`; all without.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) filter: Vec<String>,
    /// The period.
    #[serde(default)]
    pub(crate) period: BudgetPeriod,
    /// The sum of charges.
    #[serde(default)]
    pub(crate) metric: CostMetric,
    /// The amount.
    #[serde(
        default,
        deserialize_with = "read_amount",
        serialize_with = "write_amount",
        skip_serializing_if = "Option::is_none"
    )]
    pub(crate) amount: Option<Decimal>,
    /// The amount in percent of the last period's cost, instead of `amount`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) percent_of_last: Option<f64>,
    /// The currency; none for the only one of the bills.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) currency: Option<String>,
    /// Thresholds of the actual cost, in percent of the amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) actual_percent: Vec<f64>,
    /// Thresholds of the forecast cost, in percent of the amount.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(crate) forecast_percent: Vec<f64>,
}

/// Reads an amount, written as a number or in quotes.
fn read_amount<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Decimal>, D::Error> {
    let text = match toml::Value::deserialize(deserializer)? {
        toml::Value::String(text) => text,
        other => other.to_string(),
    };
    text.parse().map(Some).map_err(|_| serde::de::Error::custom(format!("{text} is not an amount")))
}

/// Writes an amount in quotes, because a number of TOML is not exact.
fn write_amount<S: Serializer>(amount: &Option<Decimal>, serializer: S) -> Result<S::Ok, S::Error> {
    amount.map(|amount| amount.to_string()).serialize(serializer)
}

impl BudgetEntry {
    /// Checks the values and the filter of a new budget.
    ///
    /// Errors: a usage failure that names the budget.
    pub(crate) fn check(&self, name: &str, defined: &CostDimensions) -> Result<CostFilter, Failure> {
        self.check_values(name)?;
        CostFilter::read(&format!("budget {name}: filter"), &self.filter, defined)
    }

    /// Checks the values of a budget without its filter, which depends on the settings.
    ///
    /// Errors: a usage failure that names the budget.
    pub(crate) fn check_values(&self, name: &str) -> Result<(), Failure> {
        let wrong = |problem: &str| {
            Err(Failure::usage(format!("budget {name}: {problem}"))
                .hint("truffle budget set NAME --amount 1000 --actual 80,100 --currency USD"))
        };
        match (self.amount, self.percent_of_last) {
            (Some(amount), None) if amount.is_sign_negative() && !amount.is_zero() => {
                return wrong(&format!("the amount {amount} is below 0"));
            }
            (None, Some(percent)) if !(percent > 0.0 && percent <= 100_000.0) => {
                return wrong(&format!("{percent} percent of the last period is not between 0 and 100000"));
            }
            (Some(_), None) | (None, Some(_)) => {}
            _ => return wrong("it needs an amount, or a percentage of the last period, and not both"),
        }
        let mut thresholds = self.actual_percent.iter().chain(&self.forecast_percent);
        if self.actual_percent.is_empty() && self.forecast_percent.is_empty() {
            return wrong("it has no threshold");
        }
        if let Some(percent) = thresholds.find(|percent| !(**percent > 0.0 && **percent <= 10_000.0)) {
            return wrong(&format!("a threshold of {percent} percent is not between 0 and 10000"));
        }
        if let Some(currency) = self.currency.as_ref().filter(|code| !is_currency(code)) {
            return wrong(&format!("{currency:?} is not a currency code such as USD"));
        }
        Ok(())
    }
}

/// Returns whether a text has the form of an ISO 4217 code.
pub(crate) fn is_currency(code: &str) -> bool {
    code.len() == 3 && code.bytes().all(|byte| byte.is_ascii_uppercase())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_period_is_that_of_the_calendar() {
        let check = |period: BudgetPeriod, first: (i32, u32, u32), end: (i32, u32, u32)| {
            let day = |(year, month, day)| Day::of_date(year, month, day);
            assert_eq!(period.around(Day::of_date(2028, 2, 29)), (day(first), day(end)), "{period:?}");
        };
        check(BudgetPeriod::Day, (2028, 2, 29), (2028, 3, 1));
        check(BudgetPeriod::Week, (2028, 2, 28), (2028, 3, 6));
        check(BudgetPeriod::Month, (2028, 2, 1), (2028, 3, 1));
        check(BudgetPeriod::Quarter, (2028, 1, 1), (2028, 4, 1));
        check(BudgetPeriod::Year, (2028, 1, 1), (2029, 1, 1));
    }

    fn read(text: &str) -> Result<BudgetEntry, String> {
        let entry: BudgetEntry = toml::from_str(text).map_err(|error| error.message().to_string())?;
        entry.check("a", &CostDimensions::default()).map_err(|failure| failure.message)?;
        Ok(entry)
    }

    #[test]
    fn reads_what_a_person_writes_and_writes_what_it_read() {
        let text = "filter = [\"service=S3\"]\namount = 1000\nactual_percent = [80.0, 100.0]\n";
        let entry = read(text).unwrap();
        assert_eq!((entry.period, entry.amount), (BudgetPeriod::Month, Some(Decimal::from(1000))));
        assert_eq!(read(&toml::to_string(&entry).unwrap()), Ok(entry));
        let percent =
            read("percent_of_last = 110\nperiod = \"quarter\"\nforecast_percent = [100]\n").unwrap();
        assert_eq!(read(&toml::to_string(&percent).unwrap()), Ok(percent));
        assert!(read("amount = 0\nactual_percent = [100]\n").is_ok());
    }

    #[test]
    fn refuses_budgets_that_could_never_be_checked() {
        let check = |text: &str, expected: &str| assert_eq!(read(text).unwrap_err(), expected, "{text}");
        let both = "budget a: it needs an amount, or a percentage of the last period, and not both";
        check("actual_percent = [100]", both);
        check("amount = 1\npercent_of_last = 1\nactual_percent = [100]", both);
        check("amount = -1\nactual_percent = [100]", "budget a: the amount -1 is below 0");
        check("amount = 1", "budget a: it has no threshold");
        check(
            "amount = 1\nactual_percent = [0]",
            "budget a: a threshold of 0 percent is not between 0 and 10000",
        );
        check("amount = nan\nactual_percent = [1]", "nan is not an amount");
        check(
            "amount = 1\nactual_percent = [1]\ncurrency = \"usd\"",
            "budget a: \"usd\" is not a currency code such as USD",
        );
        check(
            "amount = 1\nactual_percent = [1]\nfilter = [\"x\"]",
            "budget a: filter \"x\" is not of the form DIMENSION=VALUE",
        );
    }
}
