use std::collections::BTreeMap;
use std::path::PathBuf;

use analysis::{Day, GroupForecast, MonthForecast};
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::budget_check::MonthlyBudgets;
use crate::cost_days::{day_text, month_text};
use crate::cost_dimension::CostDimension;
use crate::cost_footer::note_cost_footer;
use crate::cost_text::{amount_cell, currency_header, percent_cell};
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_through};
use crate::leaf_forecast::HistoryForecast;
use crate::plan_costs::known_costs;

/// The longest horizon, in months.
const LONGEST: usize = 36;

/// Forecast the cost of the current month and of later ones.
///
/// The total of a month is the actual cost through the newest complete day, the scheduled fees, tax
/// and credits, and the forecast of the remaining usage. Beside it are the interval, and the error
/// of the same method at the same day of past months, which it had not seen. Accounts, services,
/// regions and usage types are forecast apart and added up: every grouping has the same total.
///
/// Plans of plans.toml and the ends of instances of spawn change the forecast and are listed.
#[derive(Debug, Args)]
pub struct ForecastArgs {
    /// Dimension: account, service, region, type, resource, category, owner, tag:KEY, or a name of
    /// [dimensions] in the settings [default: the total]
    #[arg(long, value_name = "DIMENSION")]
    pub by: Option<String>,
    /// Number of months, the current one included, such as 18m
    #[arg(long, value_name = "MONTHS", default_value = "1m", value_parser = read_horizon)]
    pub horizon: usize,
    /// Levels of the intervals in percent, from 51 to 99, separated by commas
    #[arg(
        long,
        value_name = "PERCENT",
        value_delimiter = ',',
        default_values_t = [80, 95],
        value_parser = clap::value_parser!(u8).range(51..=99)
    )]
    pub level: Vec<u8>,
    /// Print each day instead of each month
    #[arg(long)]
    pub daily: bool,
    /// Cost to add up
    #[arg(long, value_name = "COST", value_enum, default_value_t)]
    pub metric: CostMetric,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
    /// Plans to use instead of plans.toml beside the settings file
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,
}

fn read_horizon(text: &str) -> Result<usize, String> {
    let months = text.strip_suffix('m').unwrap_or(text).parse().ok();
    months
        .filter(|months| (1..=LONGEST).contains(months))
        .ok_or_else(|| format!("\"{text}\" is not a number of months from 1m to {LONGEST}m"))
}

/// Runs `truffle forecast`.
pub fn run_forecast(
    args: &ForecastArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let read = |text: &String| CostDimension::read("--by", text, &ports.settings.dimensions);
    let dimension = args.by.as_ref().map(read).transpose()?;
    let dimensions: Vec<CostDimension> = dimension.iter().cloned().collect();
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let query =
        DailyCostsQuery { metric: args.metric, months: CostMonths::All, dimensions: &dimensions, through };
    let history = BillHistory::load(&query, ports)?;
    history.check_dimensions(&dimensions)?;
    let known = known_costs(&history, args.metric, args.file.as_deref(), ports)?;
    let levels: Vec<f64> = args.level.iter().map(|level| f64::from(*level) / 100.0).collect();
    let forecast = HistoryForecast::new(&history, &known.planned, args.horizon, &levels);
    let answer = ForecastAnswer {
        metric: args.metric,
        levels: &args.level,
        dimension: dimension.as_ref(),
        history: &history,
    };
    let groups = answer.groups(&forecast);
    let report = match args.daily {
        true => answer.days(&groups),
        false => answer.months(&groups, &MonthlyBudgets::read(args.metric, ports)?),
    };
    printer.report(&report, ports.encode)?;
    let has_error = |group: &GroupForecast| group.months.first().is_some_and(|month| month.error.is_some());
    if !args.daily && !groups.values().any(has_error) {
        printer.note("no error and no interval are known: the bills have too few past months");
    }
    known.notes.iter().for_each(|note| printer.note(note));
    if !args.daily {
        printer.note("-o json shows the schedule, the method and all intervals; --daily each day");
    }
    note_cost_footer(&history, ports, printer, now)?;
    Ok(Exit::Done)
}

/// The forecast of each group, by currency and value of the dimension.
pub(crate) type ForecastGroups = BTreeMap<(String, Option<String>), GroupForecast>;

/// The parts of an answer.
pub(crate) struct ForecastAnswer<'a> {
    pub(crate) metric: CostMetric,
    /// Levels of the intervals in percent.
    pub(crate) levels: &'a [u8],
    pub(crate) dimension: Option<&'a CostDimension>,
    pub(crate) history: &'a BillHistory,
}

impl ForecastAnswer<'_> {
    /// Returns the groups of a forecast.
    pub(crate) fn groups(&self, forecast: &HistoryForecast) -> ForecastGroups {
        forecast.groups(|key| self.dimension.and_then(|dimension| dimension.value(key)).map(String::from))
    }

    /// Returns the sum of a group's days; `None` if a charge does not state its cost.
    pub(crate) fn sum(&self, currency: &str, value: Option<&str>, first: Day, end: Day) -> Option<Decimal> {
        let is_in = |leaf: &&crate::leaf_key::LeafCosts| {
            let found = self.dimension.and_then(|dimension| dimension.value(&leaf.key));
            leaf.key.currency == currency && found == value
        };
        self.history.leaves.iter().filter(is_in).map(|leaf| leaf.sum(first, end)).sum()
    }

    fn text(&self, value: Option<&str>) -> [Value; 3] {
        let dimension = self.dimension.map(|dimension| dimension.column().to_string());
        [self.metric.name().into(), dimension.into(), value.map(String::from).into()]
    }

    /// Returns a row for each month and group.
    pub(crate) fn months(&self, groups: &ForecastGroups, budgets: &MonthlyBudgets) -> Report {
        let bounds =
            self.levels.iter().flat_map(|level| [format!("lower_{level}"), format!("upper_{level}")]);
        let amounts = ["actual_cost", "scheduled_cost", "forecast_cost", "total_cost"].map(String::from);
        let amounts: Vec<String> = amounts.into_iter().chain(bounds).collect();
        let amounts = amounts.iter().map(String::as_str).chain(["previous_month_cost", "budget_cost"]);
        let text = |name: &str| Field::new(name, ValueType::Text);
        let float = |name: &str| Field::new(name, ValueType::Float);
        let mut fields = vec![Field::new("billing_period_start", ValueType::Date)];
        fields.extend(["metric", "dimension", "value", "billing_currency"].map(text));
        fields.extend(amounts.map(|name| Field::new(name, ValueType::Decimal(38, 18))));
        fields.push(text("method"));
        fields.extend(["error_percent", "error_percent_p90"].map(float));
        fields.push(Field::new("error_origins", ValueType::Int));
        fields.push(float("plain_error_percent"));
        fields.push(Field::new("complete_through", ValueType::Date));
        let mut rows = Vec::new();
        for ((currency, value), group) in groups {
            let mut previous = None;
            for (at, month) in group.months.iter().enumerate() {
                let total = self.total(currency, value.as_deref(), month, at);
                let before = (month.first - 1).month_start();
                let before = if at == 0 {
                    self.known(currency, value.as_deref(), before, month.first)
                } else {
                    previous
                };
                previous = total.map(|(_, total)| total);
                let mut row = vec![Value::Date(month.first.0)];
                row.extend(self.text(value.as_deref()));
                row.push(currency.as_str().into());
                row.push(total.map(|(actual, _)| actual).into());
                row.extend([month.scheduled.into(), month.remainder.into()]);
                row.push(total.map(|(_, total)| total).into());
                row.extend(self.bounds(month));
                row.push(before.into());
                row.push(budgets.amount(self.dimension, value.as_deref(), currency).into());
                row.push(month.method.as_str().into());
                row.push(month.error.map(|error| error.percent).into());
                row.push(month.error.map(|error| error.percent_p90).into());
                row.push(month.error.map(|error| error.origins as i64).into());
                row.push(month.error.map(|error| error.plain_percent).into());
                row.push(Value::Date(self.history.through.0));
                rows.push(row);
            }
        }
        let total_at = fields.iter().position(|field| field.name == "total_cost").unwrap_or_default();
        sort_by_total(&mut rows, total_at);
        let page = Page { fields, rows };
        let table = self.table(&page);
        Report { page, table: Some(table), ..Report::default() }
    }

    /// Returns the actual cost of a month, and its total.
    fn total(
        &self,
        currency: &str,
        value: Option<&str>,
        month: &MonthForecast,
        at: usize,
    ) -> Option<(Decimal, Decimal)> {
        let actual = match at {
            0 => self.sum(currency, value, month.first, self.history.through + 1)?,
            _ => Decimal::ZERO,
        };
        Some((actual, actual + month.scheduled + month.remainder))
    }

    fn known(&self, currency: &str, value: Option<&str>, first: Day, end: Day) -> Option<Decimal> {
        match self.history.coverage.uncovered_day(first, end) {
            Some(_) => None,
            None => self.sum(currency, value, first, end),
        }
    }

    fn bounds(&self, month: &MonthForecast) -> Vec<Value> {
        let levels = 0..self.levels.len();
        let of_level = |at: usize| match month.intervals.get(at) {
            Some(interval) => [Value::from(interval.lower), Value::from(interval.upper)],
            None => [Value::Null, Value::Null],
        };
        levels.flat_map(of_level).collect()
    }

    fn table(&self, page: &Page) -> TableView {
        let last = self.levels.last().copied().unwrap_or(95);
        let (lower, upper) = (format!("lower_{last}"), format!("upper_{last}"));
        let value = if self.dimension.is_some() { "value" } else { "billing_currency" };
        let names = [
            "billing_period_start",
            value,
            "actual_cost",
            "total_cost",
            &lower,
            &upper,
            "previous_month_cost",
            "error_percent",
        ];
        let mut view = table_of(page, &names, self.dimension);
        let months = page.rows.iter().map(|row| match row[0] {
            Value::Date(day) => month_text(Day(day)),
            _ => String::new(),
        });
        if let Some(column) = view.columns.first_mut() {
            *column = column.clone().header("Month");
        }
        view.rows.iter_mut().zip(months).for_each(|(cells, month)| cells[0] = month);
        view
    }

    /// Returns a row for each day of the months: its actual cost, or its forecast.
    fn days(&self, groups: &ForecastGroups) -> Report {
        let text = |name: &str| Field::new(name, ValueType::Text);
        let mut fields = vec![Field::new("day", ValueType::Date)];
        fields.extend(["metric", "dimension", "value", "billing_currency"].map(text));
        let amounts = ["actual_cost", "scheduled_cost", "forecast_cost", "total_cost"];
        fields.extend(amounts.map(|name| Field::new(name, ValueType::Decimal(38, 18))));
        fields.push(Field::new("complete_through", ValueType::Date));
        let mut rows = Vec::new();
        for ((currency, value), group) in groups {
            for forecast in &group.days {
                let day = forecast.day;
                let is_known = day <= self.history.through;
                let actual = match is_known {
                    true => self.known(currency, value.as_deref(), day, day + 1),
                    false => None,
                };
                let rest = forecast.scheduled + forecast.remainder;
                let mut row = vec![Value::Date(day.0)];
                row.extend(self.text(value.as_deref()));
                row.extend([currency.as_str().into(), actual.into()]);
                row.extend([forecast.scheduled.into(), forecast.remainder.into()]);
                row.push((actual.unwrap_or_default() + rest).into());
                row.push(Value::Date(self.history.through.0));
                rows.push(row);
            }
        }
        let page = Page { fields, rows };
        let value = if self.dimension.is_some() { "value" } else { "billing_currency" };
        let names = ["day", value, "actual_cost", "scheduled_cost", "forecast_cost", "total_cost"];
        let table = table_of(&page, &names, self.dimension);
        Report { page, table: Some(table), ..Report::default() }
    }
}

/// Sorts the rows by currency, then the groups by their first month's total, the highest first.
fn sort_by_total(rows: &mut [Vec<Value>], total_at: usize) {
    let text = |value: &Value| if let Value::Text(text) = value { text.clone() } else { String::new() };
    let mut totals: BTreeMap<(String, String), Decimal> = BTreeMap::new();
    for row in rows.iter() {
        let total = if let Value::Decimal(total) = row[total_at] { total } else { Decimal::MIN };
        totals.entry((text(&row[4]), text(&row[3]))).or_insert(total);
    }
    rows.sort_by_cached_key(|row| {
        let (currency, value) = (text(&row[4]), text(&row[3]));
        let total = totals.get(&(currency.clone(), value.clone())).copied().unwrap_or_default();
        let date = if let Value::Date(day) = row[0] { day } else { 0 };
        (currency, std::cmp::Reverse(total), value, date)
    });
}

/// Returns a table of these columns, with amounts of two decimals.
fn table_of(page: &Page, names: &[&str], dimension: Option<&CostDimension>) -> TableView {
    let currencies: std::collections::BTreeSet<String> = page
        .rows
        .iter()
        .filter_map(|row| if let Value::Text(code) = &row[4] { Some(code.clone()) } else { None })
        .collect();
    let mut chosen: Vec<usize> = names.iter().filter_map(|name| page.position(name)).collect();
    if currencies.len() > 1 && !names.contains(&"billing_currency") {
        chosen.insert(2, 4);
    }
    let column = |at: &usize| {
        let field = &page.fields[*at];
        let align = if field.ty == ValueType::Text { Align::Left } else { Align::Right };
        let column = TableColumn::named(&field.name, align);
        match (field.name.as_str(), dimension, currencies.first()) {
            ("value", Some(dimension), _) => column.header(console::column_header(dimension.column())),
            (_, _, Some(currency)) if currencies.len() == 1 && field.ty == ValueType::Decimal(38, 18) => {
                let header = currency_header(&column.header, currency);
                column.header(header)
            }
            _ => column,
        }
    };
    let cell = |value: &Value| match value {
        Value::Decimal(amount) => amount_cell(Some(*amount)),
        Value::Float(percent) => percent_cell(Some(*percent)),
        Value::Date(day) => day_text(Day(*day)),
        Value::Text(text) => text.clone(),
        _ => "-".into(),
    };
    let missing = dimension.map_or("-", CostDimension::missing);
    let row_cells = |row: &Vec<Value>| {
        let of_column = |at: &usize| match (&row[*at], page.fields[*at].name.as_str()) {
            (Value::Null, "value") => missing.to_string(),
            (value, _) => cell(value),
        };
        chosen.iter().map(of_column).collect()
    };
    TableView {
        columns: chosen.iter().map(column).collect(),
        rows: page.rows.iter().map(row_cells).collect(),
        marked: Vec::new(),
    }
}
