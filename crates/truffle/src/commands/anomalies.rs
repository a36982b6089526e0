use std::path::PathBuf;

use analysis::CostDriver;
use catalog::{Field, Page, Value, ValueType};
use clap::{Args, Subcommand};
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView, suggest_closest};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::anomaly_marks::{KnownMarks, MarkAnswer, MarkMap};
use crate::anomaly_search::{AnomalyChoice, AnomalySearch, FoundAnomaly, LeafName, check_length};
use crate::cost_days::day_text;
use crate::cost_dimension::CostDimension;
use crate::cost_footer::note_cost_footer;
use crate::cost_text::{amount_cell, change_percent, currency_header, percent_cell};
use crate::daily_costs::{
    BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_through, unused_commitments,
};
use crate::usage::flag_without_effect;
use crate::user_files::UserFile;

/// List days and weeks with unusual costs, with their impact and the usage types behind it.
///
/// Usage is expected from the days before: the level of the last week × the weekday's usual part. A
/// spike has at most three days. The fourth day of one sign makes it a step: from then on the new
/// level is expected. The total is searched, or each value of --by, and each leaf: a usage type in
/// a region of an account. So a rise and an equal fall do not cancel each other.
///
/// A leaf that is among the drivers of a listed anomaly has no row of its own. The first use of an
/// account, service or region is always listed. The percentage is empty where nothing was expected.
#[derive(Debug, Args)]
pub struct AnomaliesArgs {
    /// Dimension: account, service, region, type, resource, owner, tag:KEY, or a name of
    /// [dimensions] in the settings [default: the total]
    #[arg(long, value_name = "DIMENSION", global = true)]
    pub by: Option<String>,
    /// Least impact in the currency of the costs, above or below the expected cost [default: 10]
    #[arg(long, value_name = "AMOUNT", allow_negative_numbers = true)]
    pub min_impact: Option<Decimal>,
    /// False alerts in a year that are accepted in each series; fewer miss more anomalies
    #[arg(long, value_name = "ALERTS", default_value_t = 1.0, global = true)]
    pub per_year: f64,
    /// Days before the last one in which an anomaly must have ended [default: 90]
    #[arg(long, value_name = "DAYS")]
    pub days: Option<u16>,
    /// List also anomalies that marks have quieted
    #[arg(long)]
    pub known: bool,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY", global = true)]
    pub through: Option<String>,
    /// Marks to use instead of anomaly-marks.toml beside the settings file
    #[arg(long, value_name = "FILE", global = true)]
    pub file: Option<PathBuf>,
    /// The action.
    #[command(subcommand)]
    pub action: Option<AnomalyAction>,
}

/// The actions of `truffle anomalies`.
#[derive(Debug, Subcommand)]
pub enum AnomalyAction {
    /// Mark an anomaly: yes it was one, no it was none, or it was planned. No and planned quiet all
    /// anomalies of the same kind that come mostly from the same leaf
    Mark(AnomalyMarkArgs),
}

/// Arguments of `truffle anomalies mark`.
#[derive(Debug, Args)]
pub struct AnomalyMarkArgs {
    /// Id of the anomaly
    pub id: String,
    /// Answer
    #[arg(value_enum)]
    pub answer: MarkAnswer,
    /// Print the mark without making it
    #[arg(long)]
    pub dry_run: bool,
}

/// Runs `truffle anomalies`.
pub fn run_anomalies(
    args: &AnomaliesArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    check_flags(args)?;
    let read = |text: &String| CostDimension::read("--by", text, &ports.settings.dimensions);
    let by = args.by.as_ref().map(read).transpose()?;
    let dimensions: Vec<CostDimension> = by.iter().cloned().collect();
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let query = DailyCostsQuery {
        metric: CostMetric::Billed,
        months: CostMonths::All,
        dimensions: &dimensions,
        through,
    };
    let history = BillHistory::load(&query, ports)?;
    history.check_dimensions(&dimensions)?;
    check_length(&history)?;
    let unused = unused_commitments(ports)?;
    let search = AnomalySearch::new(&history, &unused, by.as_ref(), args.per_year);
    let file = UserFile::anomaly_marks(&ports.settings.config, args.file.as_deref());
    match &args.action {
        Some(AnomalyAction::Mark(mark)) => {
            let choice = AnomalyChoice { by: by.as_ref(), min_impact: Decimal::ZERO, since: history.first };
            let found = search.find_everywhere(&choice);
            run_mark(mark, &found, &file, printer, now)
        }
        None => {
            let since = history.through - i32::from(args.days.unwrap_or(AnomalyChoice::DAYS));
            let min_impact = args.min_impact.unwrap_or(AnomalyChoice::LEAST_IMPACT);
            let choice = AnomalyChoice { by: by.as_ref(), min_impact, since };
            let marks = KnownMarks::read(&file, ports.as_of)?;
            list(&search.find(&choice, &marks), args.known, ports, printer)?;
            note_cost_footer(&history, ports, printer, now)?;
            Ok(Exit::Done)
        }
    }
}

fn check_flags(args: &AnomaliesArgs) -> Result<(), Failure> {
    if !(args.per_year > 0.0 && args.per_year <= 366.0) {
        return Err(Failure::usage(format!("--per-year {} is not above 0 and at most 366", args.per_year))
            .hint("--per-year 1 accepts one false alert in a year"));
    }
    if let Some(amount) = args.min_impact.filter(|amount| *amount < Decimal::ZERO) {
        return Err(Failure::usage(format!("--min-impact {amount} is below 0"))
            .hint("--min-impact 0 lists all; impacts below the expected cost count by their amount"));
    }
    let of_lists = [
        ("--min-impact", args.min_impact.is_some()),
        ("--days", args.days.is_some()),
        ("--known", args.known),
    ];
    match of_lists.iter().find(|(_, given)| *given && args.action.is_some()) {
        Some((flag, _)) => Err(flag_without_effect(flag)),
        None => Ok(()),
    }
}

fn list(
    found: &[FoundAnomaly],
    with_known: bool,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let shown: Vec<&FoundAnomaly> = found.iter().filter(|one| with_known || one.known_as.is_none()).collect();
    printer.report(&report(&shown), ports.encode)?;
    let quiet = found.len() - shown.len();
    if let Some(first) = shown.first() {
        printer.note(&format!("truffle anomalies mark {} yes|no|planned records a judgement", first.id));
    } else {
        printer.note("no anomalies; --min-impact 0 and --per-year 12 list smaller and less certain ones");
    }
    match quiet {
        0 => {}
        1 => printer.note("1 known anomaly is left out; --known lists it"),
        more => printer.note(&format!("{more} known anomalies are left out; --known lists them")),
    }
    Ok(())
}

fn run_mark(
    args: &AnomalyMarkArgs,
    found: &[FoundAnomaly],
    file: &UserFile,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let Some(anomaly) = found.iter().find(|one| one.id == args.id) else {
        let near = suggest_closest(&args.id, found.iter().map(|one| one.id.as_str()));
        return Err(Failure::new(FailureKind::NoMatch, format!("there is no anomaly {:?}{near}", args.id))
            .hint("truffle anomalies -o csv lists the ids; repeat its --by and --per-year"));
    };
    let mark = anomaly.mark(args.answer, now.to_string());
    let text = format!("{} ({}) as {}", anomaly.id, describe(anomaly), args.answer.name());
    if args.dry_run {
        printer.note(&format!("would mark {text} (dry run: nothing was changed)"));
        return Ok(Exit::Done);
    }
    let kept: MarkMap = file.change(|all: &mut MarkMap| {
        all.entry(anomaly.id.clone()).or_default().push(mark.clone());
        Ok(())
    })?;
    if kept.get(&anomaly.id).and_then(|marks| marks.last()) != Some(&mark) {
        return Err(Failure::broken(format!("{} was not marked: the file has another mark", anomaly.id)));
    }
    printer.note(&format!("marked {text} in {}", file.path().display()));
    Ok(Exit::Done)
}

fn describe(anomaly: &FoundAnomaly) -> String {
    let value = anomaly.value.as_ref().map(|value| format!(" {value:?}")).unwrap_or_default();
    format!("{} of {}{value} on {}", anomaly.kind.name(), anomaly.dimension, day_text(anomaly.started_on))
}

/// Returns the report of these anomalies.
pub(crate) fn report(found: &[&FoundAnomaly]) -> Report {
    let text = |name: &str| Field::new(name, ValueType::Text);
    let date = |name: &str| Field::new(name, ValueType::Date);
    let amount = |name: &str| Field::new(name, ValueType::Decimal(38, 18));
    let float = |name: &str| Field::new(name, ValueType::Float);
    let fields = vec![
        text("anomaly_id"),
        text("dimension"),
        text("value"),
        text("billing_currency"),
        text("kind"),
        date("started_on"),
        date("ended_on"),
        date("detected_on"),
        amount("expected_cost"),
        amount("actual_cost"),
        amount("impact_cost"),
        float("impact_percent"),
        float("score"),
        text("known_as"),
        text("feedback"),
        Field::new("drivers", ValueType::List(Box::new(ValueType::Json))),
    ];
    let rows = found.iter().map(|one| values(one)).collect();
    Report { page: Page { fields, rows }, table: Some(table(found)), ..Report::default() }
}

fn percent(one: &FoundAnomaly) -> Option<f64> {
    change_percent(Some(one.impact()), Some(one.expected))
}

fn values(one: &FoundAnomaly) -> Vec<Value> {
    let drivers = one.drivers.iter().map(|driver| Value::Struct(driver_entries(driver))).collect();
    vec![
        one.id.as_str().into(),
        one.dimension.as_str().into(),
        one.value.clone().into(),
        one.currency.as_str().into(),
        one.kind.name().into(),
        Value::Date(one.started_on.0),
        one.ended_on.map_or(Value::Null, |day| Value::Date(day.0)),
        Value::Date(one.detected_on.0),
        one.expected.into(),
        one.actual.into(),
        one.impact().into(),
        percent(one).into(),
        one.score.into(),
        one.known_as.clone().into(),
        one.feedback.map(|answer| answer.name().to_string()).into(),
        Value::List(drivers),
    ]
}

/// Returns the names and values of a driver; all names are null for the sum of the others.
fn driver_entries(driver: &CostDriver<LeafName>) -> Vec<(String, Value)> {
    let leaf = driver.leaf.as_ref();
    let name = |part: &dyn Fn(&LeafName) -> Option<String>| Value::from(leaf.and_then(part));
    let entries = [
        ("sub_account_id", name(&|leaf| leaf.account.clone())),
        ("service_name", name(&|leaf| leaf.service.clone())),
        ("region_id", name(&|leaf| leaf.region.clone())),
        ("usage_type", name(&|leaf| leaf.usage_type.clone())),
        ("part", name(&|leaf| leaf.part.clone())),
        ("contribution_cost", driver.contribution.to_decimal().into()),
        ("share_percent", driver.share_percent.into()),
    ];
    entries.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

/// Returns the table for people.
fn table(found: &[&FoundAnomaly]) -> TableView {
    let first = found.first().map(|one| one.currency.as_str()).unwrap_or_default();
    let is_alone = !found.is_empty() && found.iter().all(|one| one.currency == first);
    let column = |name: &str, align: Align| {
        let column = TableColumn::named(name, align);
        match align == Align::Right && is_alone && name != "impact_percent" {
            true => {
                let header = currency_header(&column.header, first);
                column.header(header)
            }
            false => column,
        }
    };
    let mut columns = vec![
        column("anomaly_id", Align::Left),
        column("value", Align::Left),
        column("kind", Align::Left),
        column("started_on", Align::Left),
        column("expected_cost", Align::Right),
        column("impact_cost", Align::Right),
        column("impact_percent", Align::Right),
    ];
    columns.push(match is_alone {
        true => TableColumn::only_in_tables("First driver", Align::Left),
        false => column("billing_currency", Align::Left),
    });
    let cells = |one: &&FoundAnomaly| {
        let driver = one.drivers.first().and_then(|driver| driver.leaf.as_ref());
        vec![
            one.id.clone(),
            one.value
                .clone()
                .unwrap_or_else(|| if one.dimension == "total" { "(total)" } else { "(none)" }.into()),
            one.kind.name().to_string(),
            day_text(one.started_on),
            amount_cell(Some(one.expected)),
            amount_cell(Some(one.impact())),
            percent_cell(percent(one)),
            if is_alone { driver.map_or("-".into(), short_name) } else { one.currency.clone() },
        ]
    };
    TableView { columns, rows: found.iter().map(cells).collect(), marked: Vec::new() }
}

/// Returns the service and the usage type of a leaf.
fn short_name(leaf: &LeafName) -> String {
    let parts = [&leaf.service, &leaf.usage_type, &leaf.part];
    parts.into_iter().flatten().map(String::as_str).collect::<Vec<&str>>().join(" ")
}

#[cfg(test)]
#[path = "anomalies_tests.rs"]
mod tests;
