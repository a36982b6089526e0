//! The notes below an answer about costs: the newest complete day, the age of the bills, the gaps.

use catalog::rows::NewestUsageRow;
use console::{Failure, Printer};
use domain::Timestamp;

use crate::CommandPorts;
use crate::cost_days::{day_text, month_text};
use crate::daily_costs::BillHistory;
use crate::footer::{AnswerFacts, note_facts_footer};
use crate::region_scope::rows;

/// Prints the newest complete day, then the footer of an answer that reads bills.
pub(crate) fn note_cost_footer(
    history: &BillHistory,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    printer.note(&completeness(history));
    for (payer, last, accounts) in history.coverage.ended_beside_linked() {
        let accounts = accounts.join(", ");
        printer.note(&format!("after {} the bills of {payer} are those of {accounts} alone", day_text(last)));
    }
    note_bills_footer(&month_text(history.newest_month), ports, printer, now)
}

/// Prints the age of the newest usage in the bills of a month, and the gaps.
pub(crate) fn note_bills_footer(
    month: &str,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    note_priced_footer(month, &["charge"], ports, printer, now)
}

/// Prints the footer, as [`note_bills_footer`] does, of an answer that reads these datasets.
pub(crate) fn note_priced_footer(
    month: &str,
    datasets: &[&str],
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    let page = ports.answer("cost/newest-usage", &[("month", month)])?;
    let bills = rows::<NewestUsageRow>(page)?.pop();
    let facts = AnswerFacts { bills, lines_without_effective_cost: 0 };
    let runs = ports.answer("data/runs", &[("scopes", "all")])?;
    note_facts_footer(runs, &facts, ports, printer, datasets, "all", now)
}

/// Returns the sentence on the newest complete day.
pub(crate) fn completeness(history: &BillHistory) -> String {
    let complete = history.complete_through;
    match history.coverage.last_day().map(|newest| newest - complete) {
        Some(days) if days > 0 => {
            let days = if days == 1 { "day".to_string() } else { format!("{days} days") };
            format!("costs are complete through {}; the newest {days} may lack charges", day_text(complete))
        }
        _ => format!("costs are complete through {}", day_text(complete)),
    }
}
