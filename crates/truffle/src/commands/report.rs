use std::path::PathBuf;

use analysis::{Day, GroupForecast};
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::anomaly_marks::KnownMarks;
use crate::anomaly_search::{AnomalyChoice, AnomalySearch, FoundAnomaly, check_length};
use crate::bill_histories::BillHistories;
use crate::budget_check::{CheckedBudget, MonthlyBudgets, check_budgets};
use crate::budget_entry::BudgetEntry;
use crate::commands::forecast::ForecastAnswer;
use crate::commands::{anomalies, budget, calendar, trends};
use crate::cost_days::day_text;
use crate::cost_dimension::CostDimension;
use crate::cost_filter::CostFilter;
use crate::cost_footer::{completeness, note_cost_footer};
use crate::daily_costs::{BillHistory, CostMetric, read_through, unused_commitments};
use crate::forecast_svg::{BandPoint, draw_band};
use crate::html_page::{HtmlSection, html_page};
use crate::leaf_forecast::HistoryForecast;
use crate::output_file::write_file;
use crate::plan_costs::{KnownCosts, known_costs};
use crate::user_files::UserFile;

/// Levels of the intervals of the forecast, in percent. The last one is drawn.
const LEVELS: [u8; 2] = [80, 95];

/// Months of the calendar.
const MONTHS: usize = 3;

/// Rows of the largest changes.
const MOVERS: usize = 15;

/// Write the forecast, the largest changes, anomalies, budgets and the calendar as one page.
///
/// The page is one file without scripts and addresses, and loads nothing. Below each drawing is a
/// table. The answer lists the sections with the number of their rows.
#[derive(Debug, Args)]
pub struct ReportArgs {
    /// File of the page
    #[arg(long, value_name = "FILE")]
    pub html: PathBuf,
    /// Cost to add up; anomalies are always those of billed_cost
    #[arg(long, value_name = "COST", value_enum, default_value_t)]
    pub metric: CostMetric,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
}

/// Runs `truffle report`.
pub fn run_report(
    args: &ReportArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let mut histories = BillHistories::new(through, ports);
    let history = &*histories.by_leaf(args.metric)?;
    let known = known_costs(history, args.metric, None, ports)?;
    let sections = [
        forecast_section(args.metric, history, &known, ports)?,
        movers_section(args.metric, history, ports)?,
        anomalies_section(&*histories.by_leaf(CostMetric::Billed)?, ports)?,
        budgets_section(&mut histories)?,
        calendar_section(args.metric, history, through)?,
    ];
    let title = format!("Costs through {}", day_text(history.through));
    write_file(&args.html, &html_page(&title, &sections))?;
    printer.report(&Report::plain(summary(&sections)), ports.encode)?;
    printer.note(&format!("written to {}", args.html.display()));
    note_cost_footer(history, ports, printer, now)?;
    Ok(Exit::Done)
}

fn summary(sections: &[HtmlSection]) -> Page {
    let fields = vec![Field::new("section", ValueType::Text), Field::new("rows", ValueType::Int)];
    let row = |section: &HtmlSection| -> Vec<Value> {
        vec![section.title.as_str().into(), (section.table.rows.len() as i64).into()]
    };
    Page { fields, rows: sections.iter().map(row).collect() }
}

/// The total of each currency with its band, and a table by service.
fn forecast_section(
    metric: CostMetric,
    history: &BillHistory,
    known: &KnownCosts,
    ports: &CommandPorts<'_>,
) -> Result<HtmlSection, Failure> {
    let levels = LEVELS.map(|level| f64::from(level) / 100.0);
    let forecast = HistoryForecast::new(history, &known.planned, 1, &levels);
    let total = ForecastAnswer { metric, levels: &LEVELS, dimension: None, history };
    let groups = total.groups(&forecast);
    let band = |((currency, _), group): (&(String, Option<String>), &GroupForecast)| {
        draw_band(currency, &band_points(&total, currency, group)).map_err(Failure::broken)
    };
    let drawings = groups.iter().map(band).collect::<Result<_, Failure>>()?;
    let service = CostDimension::Service;
    let by_service = ForecastAnswer { dimension: Some(&service), ..total };
    let budgets = MonthlyBudgets::read(metric, ports)?;
    let totals = total.months(&groups, &budgets).table.unwrap_or_default();
    let report = by_service.months(&by_service.groups(&forecast), &budgets);
    let mut notes: Vec<String> = totals.rows.iter().map(|row| row_sentence(&totals, row)).collect();
    notes.push(completeness(history));
    notes.extend(known.notes.iter().cloned());
    Ok(HtmlSection { title: "Forecast".into(), drawings, table: report.table.unwrap_or_default(), notes })
}

/// Returns a row as one sentence, such as `Month 2026-11; Actual cost (USD) 12.00`.
fn row_sentence(table: &TableView, row: &[String]) -> String {
    let named = table.columns.iter().zip(row).map(|(column, cell)| format!("{} {cell}", column.header));
    named.collect::<Vec<_>>().join("; ")
}

/// Returns the sums of the first month's days. The interval widens with the part of the forecast
/// that has passed.
fn band_points(answer: &ForecastAnswer<'_>, currency: &str, group: &GroupForecast) -> Vec<BandPoint> {
    let Some(month) = group.months.first() else { return Vec::new() };
    let number = |amount: Decimal| f64::try_from(amount).unwrap_or_default();
    let bounds = month.intervals.last().map(|interval| (number(interval.lower), number(interval.upper)));
    let rest = number(month.scheduled + month.remainder);
    let through = answer.history.through;
    let (mut sum, mut passed) = (0.0, 0.0);
    let total = number(answer.sum(currency, None, month.first, through + 1).unwrap_or_default()) + rest;
    let of_month = group.days.iter().filter(|one| one.day < month.first.next_month());
    let point = |one: &analysis::DayForecast| {
        let actual = match one.day <= through {
            true => number(answer.sum(currency, None, one.day, one.day + 1).unwrap_or_default()),
            false => 0.0,
        };
        let forecast = number(one.scheduled + one.remainder);
        sum += actual + forecast;
        passed += forecast;
        let share = if rest == 0.0 { 1.0 } else { passed / rest };
        let within =
            |(lower, upper): (f64, f64)| (sum + share * (lower - total), sum + share * (upper - total));
        BandPoint {
            day: one.day,
            sum,
            bounds: bounds.filter(|_| one.day >= through).map(within),
            is_forecast: one.day > through,
        }
    };
    of_month.map(point).collect()
}

fn movers_section(
    metric: CostMetric,
    history: &BillHistory,
    ports: &CommandPorts<'_>,
) -> Result<HtmlSection, Failure> {
    let title = "Largest changes".to_string();
    match trends::month_movers(history, metric, MOVERS, ports) {
        Ok((report, notes)) => Ok(HtmlSection {
            title,
            table: report.table.unwrap_or_default(),
            notes,
            ..HtmlSection::default()
        }),
        Err(failure) => without_data(title, failure),
    }
}

fn anomalies_section(history: &BillHistory, ports: &CommandPorts<'_>) -> Result<HtmlSection, Failure> {
    let title = "Anomalies".to_string();
    if let Err(failure) = check_length(history) {
        return without_data(title, failure);
    }
    let marks = KnownMarks::read(&UserFile::anomaly_marks(&ports.settings.config, None), ports.as_of)?;
    let unused = unused_commitments(ports)?;
    let search = AnomalySearch::new(history, &unused, None, 1.0);
    let found = search.find(&AnomalyChoice::usual(history, None), &marks);
    let shown: Vec<&FoundAnomaly> = found.iter().filter(|one| one.known_as.is_none()).collect();
    let notes = if shown.is_empty() { vec!["no anomalies".to_string()] } else { Vec::new() };
    let table = anomalies::report(&shown).table.unwrap_or_default();
    Ok(HtmlSection { title, table, notes, ..HtmlSection::default() })
}

fn budgets_section(histories: &mut BillHistories<'_>) -> Result<HtmlSection, Failure> {
    let title = "Budgets".to_string();
    let settings = histories.ports.settings;
    let entries = UserFile::budgets(&settings.config, None).read::<BudgetEntry>()?;
    let budgets = CheckedBudget::read_all(entries, &settings.dimensions)?;
    let reports = check_budgets(budgets, histories)?;
    let unseen = reports.iter().filter_map(|report| {
        let reason = report.reason.as_ref()?;
        Some(format!("budget {} could not be seen: {reason}", report.budget.name))
    });
    let mut notes: Vec<String> = unseen.collect();
    if reports.is_empty() {
        notes.push("no budgets".into());
    }
    let table = budget::check_report(&reports).table.unwrap_or_default();
    Ok(HtmlSection { title, table, notes, ..HtmlSection::default() })
}

fn calendar_section(
    metric: CostMetric,
    history: &BillHistory,
    through: Option<Day>,
) -> Result<HtmlSection, Failure> {
    let days = calendar::calendar_days(history, &CostFilter::default(), MONTHS, through);
    let drawings = calendar::drawings(&format!("{} of each day", metric.name()), &days)?;
    let table = calendar::table(&days);
    Ok(HtmlSection { title: "Calendar".into(), drawings, table, notes: Vec::new() })
}

/// Returns a section that says why there is no data. Any other failure ends the command.
fn without_data(title: String, failure: Failure) -> Result<HtmlSection, Failure> {
    match failure.kind {
        FailureKind::Data | FailureKind::NoMatch => {
            Ok(HtmlSection { title, notes: vec![failure.message], ..HtmlSection::default() })
        }
        _ => Err(failure),
    }
}
