use std::collections::BTreeMap;
use std::path::PathBuf;

use catalog::{Field, Page, Value, ValueType};
use clap::{Args, Subcommand};
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView, suggest_closest};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::bill_histories::BillHistories;
use crate::budget_check::{BudgetReport, BudgetState, CheckedBudget, CrossedThreshold, check_budgets};
use crate::budget_entry::{BudgetEntry, BudgetPeriod};
use crate::cost_days::day_text;
use crate::cost_footer::note_bills_footer;
use crate::cost_text::{amount_cell, percent, percent_cell};
use crate::daily_costs::{CostMetric, read_through};
use crate::user_files::{UserFile, check_name};

/// Set, list, check and remove budgets.
///
/// Budgets are in budgets.toml beside the settings file, or in the file of --file, which can be
/// reviewed and kept with code. Comments in the file are lost at a change by this command.
#[derive(Debug, Args)]
pub struct BudgetArgs {
    /// File of the budgets [default: budgets.toml beside the settings file]
    #[arg(long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    /// The action.
    #[command(subcommand)]
    pub action: BudgetAction,
}

/// The actions of `truffle budget`.
#[derive(Debug, Subcommand)]
pub enum BudgetAction {
    /// Set a budget, or replace the one of this name
    Set(BudgetSetArgs),
    /// List the budgets
    List,
    /// Check the budgets: exit code 6 if a threshold is crossed, 4 if a budget cannot be seen
    Check(BudgetCheckArgs),
    /// Remove budgets
    Remove(BudgetRemoveArgs),
}

/// Arguments of `truffle budget set`.
#[derive(Debug, Args)]
#[command(group = clap::ArgGroup::new("size").args(["amount", "percent_of_last"]).required(true))]
pub struct BudgetSetArgs {
    /// Name of letters, digits, - and _
    pub name: String,
    /// Amount of each period
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub amount: Option<Decimal>,
    /// Amount in percent of the cost of the period before
    #[arg(long, value_name = "PERCENT")]
    pub percent_of_last: Option<f64>,
    /// Currency [default: the only one of the matching charges]
    #[arg(long, value_name = "CODE")]
    pub currency: Option<String>,
    /// Period
    #[arg(long, value_enum, default_value_t)]
    pub period: BudgetPeriod,
    /// Charges that count, such as service="Amazon S3" or tag:Team=core; may be repeated
    #[arg(long, value_name = "DIMENSION=VALUE")]
    pub filter: Vec<String>,
    /// Thresholds of the actual cost, in percent of the amount, separated by commas
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [80.0, 100.0])]
    pub actual: Vec<f64>,
    /// Thresholds of the forecast cost, in percent of the amount, separated by commas
    #[arg(long, value_name = "PERCENT", value_delimiter = ',', default_values_t = [100.0])]
    pub forecast: Vec<f64>,
    /// Cost to add up
    #[arg(long, value_name = "COST", value_enum, default_value_t)]
    pub metric: CostMetric,
    /// Print the budget without setting it
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `truffle budget check`.
#[derive(Debug, Args)]
pub struct BudgetCheckArgs {
    /// Budgets to check [default: all]
    pub names: Vec<String>,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
}

/// Arguments of `truffle budget remove`.
#[derive(Debug, Args)]
pub struct BudgetRemoveArgs {
    /// Budgets to remove
    #[arg(required = true)]
    pub names: Vec<String>,
    /// Print the change without making it
    #[arg(long)]
    pub dry_run: bool,
}

type BudgetMap = BTreeMap<String, BudgetEntry>;

/// Runs `truffle budget`.
pub fn run_budget(
    args: &BudgetArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let file = UserFile::budgets(&ports.settings.config, args.file.as_deref());
    match &args.action {
        BudgetAction::Set(set) => run_set(set, &file, ports, printer),
        BudgetAction::List => list(&file.read()?, &file, ports, printer),
        BudgetAction::Check(check) => run_check(check, &file, ports, printer, now),
        BudgetAction::Remove(remove) => run_remove(remove, &file, ports, printer),
    }
}

fn run_set(
    args: &BudgetSetArgs,
    file: &UserFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    check_name(&args.name).map_err(|failure| failure.hint("truffle budget set team-a --amount 1000"))?;
    let entry = BudgetEntry {
        filter: args.filter.clone(),
        period: args.period,
        metric: args.metric,
        amount: args.amount,
        percent_of_last: args.percent_of_last,
        currency: args.currency.clone(),
        actual_percent: args.actual.clone(),
        forecast_percent: args.forecast.clone(),
    };
    entry.check(&args.name, &ports.settings.dimensions)?;
    let name = &args.name;
    if args.dry_run {
        printer.note(&format!("would set budget {name} (dry run: nothing was changed)"));
        let new = BudgetMap::from([(name.clone(), entry)]);
        printer.report(&Report::plain(page(&new)), ports.encode)?;
        return Ok(Exit::Done);
    }
    let kept: BudgetMap = file.change(|all| {
        all.insert(name.clone(), entry.clone());
        Ok(())
    })?;
    if kept.get(name) != Some(&entry) {
        return Err(Failure::broken(format!("{name} was not set: the file has another entry")));
    }
    printer.note(&format!("set budget {name}; truffle budget check {name} checks it"));
    list(&kept, file, ports, printer)
}

fn list(
    kept: &BudgetMap,
    file: &UserFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    if kept.is_empty() {
        let path = file.path().display();
        printer.note(&format!("no budgets in {path}; truffle budget set all --amount 1000 adds one"));
    }
    printer.report(&Report::plain(page(kept)).default_columns(LIST_COLUMNS), ports.encode)?;
    Ok(Exit::Done)
}

fn run_remove(
    args: &BudgetRemoveArgs,
    file: &UserFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let names = args.names.join(", ");
    let kept: BudgetMap = file.read()?;
    check_known(&args.names, &kept)?;
    if args.dry_run {
        printer.note(&format!("would remove {names} (dry run: nothing was changed)"));
        return list(&kept, file, ports, printer);
    }
    let left: BudgetMap = file.change(|all| {
        // Checked again under the lock: another process may have removed a budget since.
        check_known(&args.names, all)?;
        all.retain(|name, _| !args.names.contains(name));
        Ok(())
    })?;
    if let Some(name) = args.names.iter().find(|name| left.contains_key(*name)) {
        return Err(Failure::broken(format!("{name} was not removed: it is still in the file")));
    }
    printer.note(&format!("removed {names}; {} left", left.len()));
    list(&left, file, ports, printer)
}

fn check_known(names: &[String], kept: &BudgetMap) -> Result<(), Failure> {
    match names.iter().find(|name| !kept.contains_key(*name)) {
        None => Ok(()),
        Some(name) => {
            let near = suggest_closest(name, kept.keys().map(String::as_str));
            Err(Failure::usage(format!("there is no budget {name}{near}"))
                .hint("truffle budget list lists the budgets"))
        }
    }
}

fn run_check(
    args: &BudgetCheckArgs,
    file: &UserFile,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let mut kept: BudgetMap = file.read()?;
    check_known(&args.names, &kept)?;
    if !args.names.is_empty() {
        kept.retain(|name, _| args.names.contains(name));
    }
    if kept.is_empty() {
        return list(&kept, file, ports, printer);
    }
    let budgets = CheckedBudget::read_all(kept, &ports.settings.dimensions)?;
    let reports = check_budgets(budgets, &mut BillHistories::new(through, ports))?;
    printer.report(&check_report(&reports), ports.encode)?;
    note_bills_footer("latest", ports, printer, now)?;
    let of_state = |state: BudgetState| -> Vec<&BudgetReport> {
        reports.iter().filter(|report| report.state == state).collect()
    };
    let unseen = of_state(BudgetState::Unseen);
    for report in &unseen {
        let reason = report.reason.as_deref().unwrap_or_default();
        printer.note(&format!("budget {} could not be seen: {reason}", report.budget.name));
    }
    if !of_state(BudgetState::Crossed).is_empty() {
        printer.note("truffle trends explains the change of the costs; truffle forecast shows the rest");
        return Ok(Exit::PersonNeeded);
    }
    match unseen.first() {
        None => Ok(Exit::Done),
        Some(first) => {
            printer.flush()?;
            let reason = first.reason.as_deref().unwrap_or_default();
            let message = match unseen.len() {
                1 => format!("budget {} could not be seen: {reason}", first.budget.name),
                several => format!("{several} budgets could not be seen"),
            };
            Err(Failure::new(FailureKind::Data, message).hint("truffle status lists the bills and their age"))
        }
    }
}

const LIST_COLUMNS: &[&str] = &[
    "name",
    "filter",
    "period",
    "amount",
    "percent_of_last",
    "currency",
    "actual_percent",
    "forecast_percent",
];

fn page(kept: &BudgetMap) -> Page {
    let list = |ty: ValueType| ValueType::List(Box::new(ty));
    let fields = vec![
        Field::new("name", ValueType::Text),
        Field::new("filter", list(ValueType::Text)),
        Field::new("period", ValueType::Text),
        Field::new("amount", ValueType::Decimal(38, 18)),
        Field::new("percent_of_last", ValueType::Float),
        Field::new("currency", ValueType::Text),
        Field::new("actual_percent", list(ValueType::Float)),
        Field::new("forecast_percent", list(ValueType::Float)),
        Field::new("metric", ValueType::Text),
    ];
    let row = |(name, budget): (&String, &BudgetEntry)| {
        vec![
            name.as_str().into(),
            budget.filter.clone().into(),
            budget.period.name().into(),
            budget.amount.into(),
            budget.percent_of_last.into(),
            budget.currency.clone().into(),
            budget.actual_percent.clone().into(),
            budget.forecast_percent.clone().into(),
            budget.metric.name().into(),
        ]
    };
    Page { fields, rows: kept.iter().map(row).collect() }
}

/// Returns the words for a crossed threshold, such as `actual 80 %`.
fn threshold_text(threshold: &CrossedThreshold) -> String {
    let of = if threshold.of_forecast { "forecast" } else { "actual" };
    format!("{of} {} %", threshold.percent)
}

/// Returns the report of a check: a row for each budget.
pub(crate) fn check_report(reports: &[BudgetReport]) -> Report {
    let text = |name: &str| Field::new(name, ValueType::Text);
    let texts = |name: &str| Field::new(name, ValueType::List(Box::new(ValueType::Text)));
    let amount = |name: &str| Field::new(name, ValueType::Decimal(38, 18));
    let date = |name: &str| Field::new(name, ValueType::Date);
    let float = |name: &str| Field::new(name, ValueType::Float);
    let fields = vec![
        text("name"),
        text("state"),
        text("period"),
        date("period_start"),
        date("period_end"),
        texts("filter"),
        text("metric"),
        text("billing_currency"),
        amount("budget_cost"),
        amount("actual_cost"),
        float("actual_percent"),
        amount("forecast_cost"),
        float("forecast_percent"),
        texts("crossed"),
        text("reason"),
        date("complete_through"),
    ];
    let page = Page { fields, rows: reports.iter().map(check_row).collect() };
    let header = |name: &str, align| TableColumn::named(name, align);
    let columns = vec![
        header("name", Align::Left),
        header("state", Align::Left),
        header("period_start", Align::Right),
        header("budget_cost", Align::Right).header("Budget"),
        header("actual_cost", Align::Right).header("Actual"),
        header("forecast_cost", Align::Right).header("Forecast"),
        header("billing_currency", Align::Left).header("Currency"),
        header("crossed", Align::Left),
    ];
    let cells = |report: &BudgetReport| {
        let with_share = |cost: Option<Decimal>| match percent(cost, report.amount) {
            Some(share) => format!("{} ({} %)", amount_cell(cost), percent_cell(Some(share))),
            None => amount_cell(cost),
        };
        let crossed: Vec<String> = report.crossed.iter().map(threshold_text).collect();
        vec![
            report.budget.name.clone(),
            report.state.word().into(),
            report.period.map_or("-".into(), |(first, _)| day_text(first)),
            amount_cell(report.amount),
            with_share(report.actual),
            with_share(report.forecast),
            report.currency.clone().unwrap_or("-".into()),
            if crossed.is_empty() { "-".into() } else { crossed.join(", ") },
        ]
    };
    let marked = reports.iter().enumerate().filter(|(_, one)| one.state != BudgetState::Within);
    let marked = marked.map(|(at, _)| at).collect();
    let table = TableView { columns, rows: reports.iter().map(cells).collect(), marked };
    Report { page, table: Some(table), ..Report::default() }
}

fn check_row(report: &BudgetReport) -> Vec<Value> {
    let date = |day: Option<analysis::Day>| day.map_or(Value::Null, |day| Value::Date(day.0));
    let entry = &report.budget.entry;
    vec![
        report.budget.name.as_str().into(),
        report.state.word().into(),
        entry.period.name().into(),
        date(report.period.map(|(first, _)| first)),
        date(report.period.map(|(_, end)| end - 1)),
        entry.filter.clone().into(),
        entry.metric.name().into(),
        report.currency.clone().into(),
        report.amount.into(),
        report.actual.into(),
        percent(report.actual, report.amount).into(),
        report.forecast.into(),
        percent(report.forecast, report.amount).into(),
        report.crossed.iter().map(threshold_text).collect::<Vec<_>>().into(),
        report.reason.clone().into(),
        date(report.complete_through),
    ]
}
