//! The rows of `truffle recommend runs`.

use std::cmp::Ordering;

use analysis::runtimes::{NextTry, RunConfiguration, RuntimeEstimate, RuntimeMethod, RuntimeRow};
use catalog::{Value, ValueType};
use console::{Align, Report, TableColumn, TableView};

use super::runs_prices::RegionPrices;
use crate::answer_columns::{CellColumn, FLOAT, INT, TEXT, ValueColumn, page_of, table_of};

/// A configuration, with its runtime and cost.
pub(super) struct RunLine {
    instance_type: String,
    count: u32,
    estimate: Option<RuntimeEstimate>,
    next: Option<NextTry>,
    price_per_hour: Option<f64>,
    currency: Option<String>,
    unknown: Option<String>,
}

impl RunLine {
    pub(super) fn of(row: &RuntimeRow, wanted: &RunConfiguration, prices: &RegionPrices) -> RunLine {
        let name = &wanted.instance_type;
        let no_run = row.estimate.is_none().then(|| format!("too few runs of {name}"));
        let reasons: Vec<String> = no_run.into_iter().chain(prices.reason(name)).collect();
        RunLine {
            instance_type: name.clone(),
            count: wanted.count,
            estimate: row.estimate.clone(),
            next: row.next,
            price_per_hour: wanted.price_per_hour,
            currency: wanted.price_per_hour.and(prices.currency.clone()),
            unknown: (!reasons.is_empty()).then(|| reasons.join("; ")),
        }
    }

    /// Orders by cost, then by runtime; unknown values come last.
    pub(super) fn compare(&self, other: &RunLine) -> Ordering {
        let key = |line: &RunLine| [line.cost(), line.seconds()].map(|one| one.unwrap_or(f64::INFINITY));
        let (a, b) = (key(self), key(other));
        let names = || (&self.instance_type, self.count).cmp(&(&other.instance_type, other.count));
        a[0].total_cmp(&b[0]).then(a[1].total_cmp(&b[1])).then_with(names)
    }

    /// The upper bound of the runtime, or the runtime if it has no bound.
    pub(super) fn latest_seconds(&self) -> Option<f64> {
        self.upper().or(self.seconds())
    }

    fn seconds(&self) -> Option<f64> {
        self.estimate.as_ref().map(|one| one.seconds)
    }

    fn lower(&self) -> Option<f64> {
        self.estimate.as_ref()?.bounds.map(|(lower, _)| lower)
    }

    fn upper(&self) -> Option<f64> {
        self.estimate.as_ref()?.bounds.map(|(_, upper)| upper)
    }

    fn cost(&self) -> Option<f64> {
        self.cost_of(self.seconds())
    }

    fn cost_of(&self, seconds: Option<f64>) -> Option<f64> {
        Some(seconds? / 3600.0 * self.price_per_hour? * f64::from(self.count))
    }

    fn method(&self) -> Option<&'static str> {
        self.estimate.as_ref().map(|one| match one.method {
            RuntimeMethod::Measured => "measured",
            RuntimeMethod::Curve => "curve",
            RuntimeMethod::Ratio => "ratio",
            RuntimeMethod::Inputs => "inputs",
        })
    }

    fn error_percent(&self) -> Option<f64> {
        self.estimate.as_ref()?.error.map(|share| 100.0 * share)
    }

    fn saving(&self) -> Option<f64> {
        self.next?.saving_per_run
    }
}

const BOOL: fn() -> ValueType = || ValueType::Bool;

const COLUMNS: &[ValueColumn<RunLine>] = &[
    ("instance_type", TEXT, |l| l.instance_type.as_str().into()),
    ("count", INT, |l| i64::from(l.count).into()),
    ("runtime_seconds", FLOAT, |l| l.seconds().into()),
    ("lower_90", FLOAT, |l| l.lower().into()),
    ("upper_90", FLOAT, |l| l.upper().into()),
    ("cost", FLOAT, |l| l.cost().into()),
    ("cost_lower_90", FLOAT, |l| l.cost_of(l.lower()).into()),
    ("cost_upper_90", FLOAT, |l| l.cost_of(l.upper()).into()),
    ("currency", TEXT, |l| l.currency.clone().into()),
    ("method", TEXT, |l| l.method().map(String::from).into()),
    ("extrapolated", BOOL, |l| l.estimate.as_ref().map_or(Value::Null, |one| one.is_extrapolated.into())),
    ("error_percent", FLOAT, |l| l.error_percent().into()),
    ("error_runs", INT, |l| l.estimate.as_ref().map(|one| one.error_runs as i64).into()),
    ("next", BOOL, |l| l.next.is_some().into()),
    ("saving_per_run", FLOAT, |l| l.saving().into()),
    ("try_cost", FLOAT, |l| l.next.and_then(|next| next.cost).into()),
    ("pays_after_runs", INT, |l| l.next.and_then(|next| next.pays_after()).map(|runs| runs as i64).into()),
    ("unknown", TEXT, |l| l.unknown.clone().into()),
];

/// Returns the report of the lines.
pub(super) fn report(lines: &[RunLine]) -> Report {
    Report { page: page_of(lines, COLUMNS), table: Some(table(lines)), ..Report::default() }
}

fn table(lines: &[RunLine]) -> TableView {
    let right = |header: &str| TableColumn::only_in_tables(header, Align::Right);
    let left = |header: &str| TableColumn::only_in_tables(header, Align::Left);
    let cells: Vec<CellColumn<RunLine>> = vec![
        (TableColumn::named("instance_type", Align::Left), |l| l.instance_type.clone()),
        (TableColumn::named("count", Align::Right), |l| l.count.to_string()),
        (right("Runtime (s)"), |l| l.seconds().map_or("unknown".into(), |one| format!("{one:.0}"))),
        (right("90 % (s)"), |l| match l.lower().zip(l.upper()) {
            Some((lower, upper)) => format!("{lower:.0} to {upper:.0}"),
            None => "-".into(),
        }),
        (right("Cost"), |l| match l.cost().zip(l.currency.as_deref()) {
            Some((cost, currency)) => format!("{cost:.4} {currency}"),
            None => "unknown".into(),
        }),
        (left("Method"), |l| {
            let is_marked = l.estimate.as_ref().is_some_and(|one| one.is_extrapolated);
            let mark = if is_marked { ", extrapolated" } else { "" };
            l.method().map_or("-".into(), |name| format!("{name}{mark}"))
        }),
        (right("Error (%)"), |l| l.error_percent().map_or("-".into(), |one| format!("{one:.1}"))),
        (left("Next"), |l| if l.next.is_some() { "try" } else { "" }.into()),
    ];
    table_of(lines, cells)
}
