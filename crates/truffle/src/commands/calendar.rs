use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use analysis::Day;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::calendar_svg::{self, CalendarCell};
use crate::cost_days::{day_text, month_text};
use crate::cost_dimension::CostDimension;
use crate::cost_filter::CostFilter;
use crate::cost_footer::note_cost_footer;
use crate::cost_text::amount_cell;
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_through};
use crate::output_file::write_file;

/// The most months of a calendar.
const MOST_MONTHS: u8 = 24;

/// The marks of the levels, from no cost to the highest.
const MARKS: [&str; 5] = ["", "░", "▒", "▓", "█"];

/// Show the cost of each day as a calendar.
///
/// In a table a line is a week. The marks ░ ▒ ▓ █ are quarters of the highest cost; ? is a day that
/// no bill covers, and ~ a day that may lack charges. The other formats have a row for each day.
#[derive(Debug, Args)]
pub struct CalendarArgs {
    /// Number of months, the newest one included
    #[arg(long, value_name = "MONTHS", default_value_t = 3,
        value_parser = clap::value_parser!(u8).range(1..=i64::from(MOST_MONTHS)))]
    pub months: u8,
    /// Charges that count, such as service="Amazon S3" or tag:Team=core; may be repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    pub filter: Vec<String>,
    /// Cost to add up
    #[arg(long, value_name = "COST", value_enum, default_value_t)]
    pub metric: CostMetric,
    /// Last day, such as 2026-11-20 [default: the newest day in the bills]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
    /// Also draw the calendar into this file
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Runs `truffle calendar`.
pub fn run_calendar(
    args: &CalendarArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let filter = CostFilter::read("--filter", &args.filter, &ports.settings.dimensions)?;
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let mut dimensions = filter.dimensions();
    dimensions.retain(|one| matches!(one, CostDimension::Resource | CostDimension::Tag { .. }));
    let query =
        DailyCostsQuery { metric: args.metric, months: CostMonths::All, dimensions: &dimensions, through };
    let history = BillHistory::load(&query, ports)?;
    history.check_dimensions(&filter.dimensions())?;
    let days = calendar_days(&history, &filter, usize::from(args.months), through);
    if days.is_empty() {
        printer.note(&format!("no match: no charge matches {}", args.filter.join(", ")));
    }
    let drawing = args.svg.as_ref().filter(|_| !days.is_empty());
    if let Some(path) = drawing {
        save_drawing(path, &title(args), &days)?;
    }
    printer.report(&report(&days), ports.encode)?;
    if let Some(path) = drawing {
        printer.note(&format!("drawn into {}", path.display()));
    }
    note_cost_footer(&history, ports, printer, now)?;
    Ok(if days.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// The state of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum DayState {
    /// All its charges are known.
    Complete,
    /// It may lack charges.
    Incomplete,
    /// No statement covers it, or a charge does not state its cost.
    Unknown,
}

impl DayState {
    fn word(self) -> &'static str {
        match self {
            DayState::Complete => "complete",
            DayState::Incomplete => "incomplete",
            DayState::Unknown => "unknown",
        }
    }
}

/// The cost of one day in one currency.
pub(crate) struct CalendarDay {
    currency: String,
    day: Day,
    cost: Option<Decimal>,
    state: DayState,
    level: Option<usize>,
}

/// Returns the days of the months by currency: from the first one to the last day in the bills.
pub(crate) fn calendar_days(
    history: &BillHistory,
    filter: &CostFilter,
    months: usize,
    through: Option<Day>,
) -> Vec<CalendarDay> {
    let last = through.or(history.coverage.last_day()).unwrap_or(history.through);
    let first = (1..months).fold(last.month_start(), |month, _| (month - 1).month_start());
    let mut sums: BTreeMap<&str, BTreeMap<Day, Option<Decimal>>> = BTreeMap::new();
    for leaf in history.leaves.iter().filter(|leaf| filter.matches(&leaf.key)) {
        let sums = sums.entry(&leaf.key.currency).or_default();
        for (day, cost) in leaf.days.iter().filter(|(day, _)| (first..=last).contains(day)) {
            let sum = sums.entry(*day).or_insert(Some(Decimal::ZERO));
            *sum = sum.zip(*cost).map(|(sum, cost)| sum + cost);
        }
    }
    let known: Vec<bool> = (first.0..=last.0)
        .map(|day| history.coverage.uncovered_day(Day(day), Day(day + 1)).is_none())
        .collect();
    let mut days = Vec::new();
    for (currency, sums) in sums {
        let highest = sums.values().flatten().max().copied().unwrap_or_default();
        for (at, is_covered) in known.iter().enumerate() {
            let day = first + at as i32;
            let cost = match sums.get(&day) {
                Some(cost) => *cost,
                None => is_covered.then_some(Decimal::ZERO),
            };
            let state = match (cost, day <= history.complete_through) {
                (None, _) => DayState::Unknown,
                (Some(_), _) if !is_covered => DayState::Incomplete,
                (Some(_), true) => DayState::Complete,
                (Some(_), false) => DayState::Incomplete,
            };
            let level = cost.map(|cost| level(cost, highest));
            days.push(CalendarDay { currency: currency.into(), day, cost, state, level });
        }
    }
    days
}

/// Returns the quarter of the highest cost, from 1 to 4; 0 without a cost.
fn level(cost: Decimal, highest: Decimal) -> usize {
    let quarters = [Decimal::ONE, Decimal::TWO, Decimal::from(3)];
    match cost > Decimal::ZERO {
        true => 1 + quarters.iter().filter(|quarter| cost * Decimal::from(4) > highest * **quarter).count(),
        false => 0,
    }
}

fn title(args: &CalendarArgs) -> String {
    let filter = if args.filter.is_empty() { "all costs".to_string() } else { args.filter.join(", ") };
    format!("{} of each day: {filter}", args.metric.name())
}

/// Draws the days into a file.
fn save_drawing(path: &Path, title: &str, days: &[CalendarDay]) -> Result<(), Failure> {
    let drawings = drawings(title, days)?;
    match drawings.as_slice() {
        [drawing] => write_file(path, drawing),
        several => {
            Err(Failure::usage(format!("--svg draws one currency, and the charges have {}", several.len()))
                .hint("truffle report --html FILE draws each currency; --filter limits the charges"))
        }
    }
}

/// Returns a drawing of the days in each currency.
pub(crate) fn drawings(title: &str, days: &[CalendarDay]) -> Result<Vec<String>, Failure> {
    let cell = |one: &CalendarDay| CalendarCell { day: one.day, cost: mark_text(one), level: one.level };
    let of_currency = |days: &[CalendarDay]| {
        let cells: Vec<CalendarCell> = days.iter().map(cell).collect();
        let currency = days.first().map_or("", |day| &day.currency);
        calendar_svg::draw(&format!("{title} ({currency})"), &cells).map_err(Failure::broken)
    };
    days.chunk_by(|one, next| one.currency == next.currency).map(of_currency).collect()
}

/// Returns the cost with the mark of a day that may lack charges.
fn mark_text(day: &CalendarDay) -> String {
    match day.state {
        DayState::Unknown => "?".into(),
        DayState::Incomplete => format!("~{}", amount_cell(day.cost)),
        DayState::Complete => amount_cell(day.cost),
    }
}

fn report(days: &[CalendarDay]) -> Report {
    let fields = vec![
        Field::new("day", ValueType::Date),
        Field::new("billing_currency", ValueType::Text),
        Field::new("cost", ValueType::Decimal(38, 18)),
        Field::new("state", ValueType::Text),
        Field::new("level", ValueType::Int),
    ];
    let row = |one: &CalendarDay| {
        vec![
            Value::Date(one.day.0),
            one.currency.as_str().into(),
            one.cost.into(),
            one.state.word().into(),
            one.level.map(|level| level as i64).into(),
        ]
    };
    let page = Page { fields, rows: days.iter().map(row).collect() };
    Report { page, table: Some(table(days)), ..Report::default() }
}

/// Returns a table with a line for each week of a month.
pub(crate) fn table(days: &[CalendarDay]) -> TableView {
    let only = |header: &str, align| TableColumn::only_in_tables(header, align);
    let mut columns = vec![only("Month", Align::Left)];
    let weekdays = ["Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"];
    columns.extend(weekdays.map(|name| only(name, Align::Right)));
    let currencies = days.chunk_by(|one, next| one.currency == next.currency).count();
    let mut rows = Vec::new();
    let is_same_week = |one: &CalendarDay, next: &CalendarDay| {
        one.currency == next.currency
            && one.day.month_start() == next.day.month_start()
            && next.day.weekday() > one.day.weekday()
    };
    let mut month = String::new();
    for week in days.chunk_by(is_same_week) {
        let Some(first) = week.first() else { continue };
        let name = match currencies {
            1 => month_text(first.day),
            _ => format!("{} {}", first.currency, month_text(first.day)),
        };
        let mut cells = vec![String::new(); 8];
        if name != month {
            cells[0] = name.clone();
            month = name;
        }
        for one in week {
            let mark = one.level.map_or("", |level| MARKS[level]);
            let number = &day_text(one.day)[8..];
            cells[one.day.weekday() + 1] = format!("{number} {mark} {}", mark_text(one)).replace("  ", " ");
        }
        rows.push(cells);
    }
    TableView { columns, rows, marked: Vec::new() }
}
