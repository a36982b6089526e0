use std::path::PathBuf;

use analysis::Day;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::anomaly_marks::KnownMarks;
use crate::anomaly_search::{AnomalyChoice, AnomalySearch, FoundAnomaly, check_length};
use crate::bill_histories::BillHistories;
use crate::budget_check::{BudgetReport, BudgetState, CheckedBudget, CrossedThreshold, check_budgets};
use crate::budget_entry::BudgetEntry;
use crate::cost_days::day_text;
use crate::cost_footer::note_bills_footer;
use crate::cost_text::amount_cell;
use crate::daily_costs::{CostMetric, read_through, unused_commitments};
use crate::user_files::UserFile;

/// List the crossed thresholds of budgets, and the anomalies of 90 days, as alerts.
///
/// Anomalies are those of `truffle anomalies` with an impact of at least 10 in the currency of the
/// costs, without the marked and the quieted ones. An alert has the same id at every run, so that a
/// program delivers it once: `truffle alerts -o ndjson | collector notify --to FILE`. The exit code
/// is 3 without an alert, and 4 if a budget, or the anomalies, could not be seen.
#[derive(Debug, Args)]
pub struct AlertsArgs {
    /// File of the budgets [default: budgets.toml beside the settings file]
    #[arg(long, value_name = "FILE")]
    pub budgets: Option<PathBuf>,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
}

/// Runs `truffle alerts`.
pub fn run_alerts(
    args: &AlertsArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let file = UserFile::budgets(&ports.settings.config, args.budgets.as_deref());
    let entries = file.read::<BudgetEntry>()?;
    if entries.is_empty() {
        let path = file.path().display();
        printer.note(&format!("no budgets in {path}; truffle budget set all --amount 1000 adds one"));
    }
    let budgets = CheckedBudget::read_all(entries, &ports.settings.dimensions)?;
    let mut histories = BillHistories::new(through, ports);
    let reports = check_budgets(budgets, &mut histories)?;
    let mut alerts: Vec<CostAlert> = reports.iter().flat_map(CostAlert::of_budget).collect();
    // Without data the anomalies are unseen. Any other failure concerns the whole command.
    let unseen_anomalies = match anomaly_alerts(&mut histories) {
        Ok(found) => {
            alerts.extend(found);
            None
        }
        Err(failure) if matches!(failure.kind, FailureKind::Data | FailureKind::NoMatch) => Some(failure),
        Err(failure) => return Err(failure),
    };
    let page = Page { fields: CostAlert::fields(), rows: alerts.iter().map(CostAlert::row).collect() };
    printer.report(&Report::plain(page).default_columns(COLUMNS), ports.encode)?;
    if !alerts.is_empty() {
        printer.note("truffle alerts -o ndjson | collector notify --to FILE delivers them");
    }
    note_bills_footer("latest", ports, printer, now)?;
    let unseen: Vec<&BudgetReport> =
        reports.iter().filter(|report| report.state == BudgetState::Unseen).collect();
    for report in &unseen {
        let reason = report.reason.as_deref().unwrap_or_default();
        printer.note(&format!("budget {} could not be seen: {reason}", report.budget.name));
    }
    printer.flush()?;
    match (unseen.len(), unseen_anomalies, alerts.is_empty()) {
        (0, None, false) => Ok(Exit::Done),
        (0, None, true) => Ok(Exit::NothingMatched),
        (0, Some(failure), _) => Err(failure),
        (count, unseen_anomalies, _) => {
            unseen_anomalies.iter().for_each(|failure| printer.note(&failure.message));
            Err(Failure::new(FailureKind::Data, format!("budgets that could not be seen: {count}"))
                .hint("truffle status lists the bills and their age"))
        }
    }
}

/// Returns an alert for each anomaly of some impact without a mark.
///
/// Errors: there is no bill, or the bills are too short for a judgement.
fn anomaly_alerts(histories: &mut BillHistories<'_>) -> Result<Vec<CostAlert>, Failure> {
    let history = histories.by_leaf(CostMetric::Billed)?;
    check_length(&history)?;
    let ports = histories.ports;
    let marks = KnownMarks::read(&UserFile::anomaly_marks(&ports.settings.config, None), ports.as_of)?;
    let unused = unused_commitments(ports)?;
    let search = AnomalySearch::new(&history, &unused, None, 1.0);
    let found = search.find(&AnomalyChoice::usual(&history, None), &marks);
    let is_alert =
        |one: &&FoundAnomaly| one.feedback.is_none() && one.impact().abs() >= AnomalyChoice::LEAST_IMPACT;
    Ok(found.iter().filter(is_alert).map(CostAlert::of_anomaly).collect())
}

const COLUMNS: &[&str] = &["text", "kind", "value", "started_on", "amount", "limit", "currency"];

/// An alert about costs.
struct CostAlert {
    alert_id: String,
    kind: &'static str,
    text: String,
    dimension: String,
    value: Option<String>,
    started_on: Day,
    amount: Option<Decimal>,
    limit: Decimal,
    currency: String,
    detected_on: Day,
}

impl CostAlert {
    /// Returns an alert for each crossed threshold of a budget.
    fn of_budget(report: &BudgetReport) -> Vec<CostAlert> {
        let known =
            report.period.zip(report.amount).zip(report.currency.clone()).zip(report.complete_through);
        let Some(((((first, _), budget), currency), detected_on)) = known else { return Vec::new() };
        let alert = |threshold: &CrossedThreshold| {
            let name = &report.budget.name;
            let (of, kind, amount) = match threshold.of_forecast {
                true => ("forecast", "budget-forecast", report.forecast),
                false => ("actual", "budget-actual", report.actual),
            };
            let percent = threshold.percent;
            let share = Decimal::try_from(percent).unwrap_or_default() / Decimal::ONE_HUNDRED;
            CostAlert {
                alert_id: format!("budget/{name}/{}/{of}/{percent}/{currency}", day_text(first)),
                kind,
                text: format!(
                    "budget {name}: the {of} cost of the {} from {} is {} {currency}, which has reached \
                     {percent} % of {} {currency}",
                    report.budget.entry.period.name(),
                    day_text(first),
                    amount_cell(amount),
                    amount_cell(Some(budget)),
                ),
                dimension: "budget".into(),
                value: Some(name.clone()),
                started_on: first,
                amount,
                limit: share * budget,
                currency: currency.clone(),
                detected_on,
            }
        };
        report.crossed.iter().map(alert).collect()
    }

    fn of_anomaly(anomaly: &FoundAnomaly) -> CostAlert {
        // Names come from bills: quoted, they have no control characters.
        let value = anomaly.value.as_ref().map(|value| format!(" {value:?}")).unwrap_or_default();
        let first = anomaly.drivers.first().and_then(|driver| driver.leaf.as_ref());
        let driver = first.map(|leaf| format!(", mostly {:?}", leaf.text())).unwrap_or_default();
        let currency = &anomaly.currency;
        CostAlert {
            alert_id: anomaly.id.clone(),
            kind: "anomaly",
            text: format!(
                "{} of {}{value} from {}: {} {currency} instead of {} {currency}{driver}",
                anomaly.kind.name(),
                anomaly.dimension,
                day_text(anomaly.started_on),
                amount_cell(Some(anomaly.actual)),
                amount_cell(Some(anomaly.expected)),
            ),
            dimension: anomaly.dimension.clone(),
            value: anomaly.value.clone(),
            started_on: anomaly.started_on,
            amount: Some(anomaly.actual),
            limit: anomaly.expected,
            currency: currency.clone(),
            detected_on: anomaly.detected_on,
        }
    }

    fn fields() -> Vec<Field> {
        let text = |name: &str| Field::new(name, ValueType::Text);
        let amount = |name: &str| Field::new(name, ValueType::Decimal(38, 18));
        vec![
            text("alert_id"),
            text("kind"),
            text("text"),
            text("dimension"),
            text("value"),
            Field::new("started_on", ValueType::Date),
            amount("amount"),
            amount("limit"),
            text("currency"),
            Field::new("detected_on", ValueType::Date),
        ]
    }

    fn row(&self) -> Vec<Value> {
        vec![
            self.alert_id.as_str().into(),
            self.kind.into(),
            self.text.as_str().into(),
            self.dimension.as_str().into(),
            self.value.clone().into(),
            Value::Date(self.started_on.0),
            self.amount.into(),
            self.limit.into(),
            self.currency.as_str().into(),
            Value::Date(self.detected_on.0),
        ]
    }
}
