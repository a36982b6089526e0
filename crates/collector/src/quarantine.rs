//! Quarantined on-demand prices: listing and release.

use std::collections::BTreeSet;

use catalog::ports::{AskError, ScopeOutcome, ScopeReport};
use catalog::rows::QuarantinedPrice;
use catalog::{Page, QuestionRow, RowBatch, Value};
use console::{Exit, Failure, FailureKind, Printer, Report};
use domain::Timestamp;

use crate::{Ports, lake_failure};

const LISTED: &str = "list them with collector status --held";

/// Returns the prices that are quarantined at `now`.
pub(crate) fn quarantined(ports: &Ports<'_>, now: Timestamp) -> Result<Page, Failure> {
    let question = catalog::question("price/held").expect("a built-in question");
    let answer = (ports.warehouse)().and_then(|ask| ask.ask(question, &[("as_of".into(), now.into())]));
    answer.map_err(|error| {
        let kind = if matches!(error, AskError::Failed(_)) { FailureKind::Broken } else { FailureKind::Data };
        Failure::new(kind, error.to_string()).hint("see truffle status for the readable data")
    })
}

fn parse_prices(page: Page) -> Result<Vec<QuarantinedPrice>, Failure> {
    let rows = page.rows.into_iter().map(QuarantinedPrice::read).collect::<Result<_, _>>();
    rows.map_err(|error| Failure::broken(error.to_string()))
}

/// Prints the number of quarantined prices, if there are any. A failed query is printed too and
/// does not fail the command, whose main work is done.
pub(crate) fn print_count(ports: &Ports<'_>, printer: &mut Printer, now: Timestamp) {
    match quarantined(ports, now).map(|page| page.rows.len()) {
        Ok(0) => {}
        Ok(1) => printer.note(&format!("1 implausible price is quarantined: {LISTED}")),
        Ok(count) => printer.note(&format!("{count} implausible prices are quarantined: {LISTED}")),
        Err(failure) => printer.note(&format!("the quarantined prices cannot be counted: {failure}")),
    }
}

/// Columns of the table of quarantined prices without --columns.
const DEFAULT_COLUMNS: &[&str] =
    &["held_id", "instance_type", "region", "os", "price_per_hour", "currency", "median_price", "reason"];

/// Returns the report of the prices that are quarantined at `now`.
pub(crate) fn report(ports: &Ports<'_>, now: Timestamp) -> Result<Report, Failure> {
    Ok(Report::plain(quarantined(ports, now)?).default_columns(DEFAULT_COLUMNS))
}

/// Lists the quarantined prices.
pub(crate) fn list(ports: &Ports<'_>, printer: &mut Printer, now: Timestamp) -> Result<Exit, Failure> {
    let report = report(ports, now)?;
    if report.page.rows.is_empty() {
        printer.note("no match: no price is quarantined");
        return Ok(Exit::NothingMatched);
    }
    printer.report(&report, ports.encode)?;
    printer.note("release one with collector status --accept ID");
    Ok(Exit::Done)
}

/// Releases quarantined prices by their ids, or every one if an id is `all`.
pub(crate) fn accept(
    ids: &[String],
    dry_run: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let page = quarantined(ports, now)?;
    let all = ids.iter().any(|id| id == "all");
    let (fields, held) = (page.fields.clone(), parse_prices(page.clone())?);
    if let Some(id) = ids.iter().find(|id| !all && held.iter().all(|price| price.held_id != **id)) {
        let near = console::suggest_closest(id, held.iter().map(|price| price.held_id.as_str()));
        return Err(Failure::usage(format!("--accept \"{id}\" is not the id of a quarantined price{near}"))
            .hint(LISTED));
    }
    let wanted = |price: &QuarantinedPrice| all || ids.contains(&price.held_id);
    let chosen: Vec<&QuarantinedPrice> = held.iter().filter(|price| wanted(price)).collect();
    if chosen.is_empty() {
        printer.note("no match: no price is quarantined");
        return Ok(Exit::NothingMatched);
    }
    if !dry_run {
        commit_acceptances(&chosen, ports, now)?;
        let left = parse_prices(self::quarantined(ports, now)?)?;
        if let Some(price) = left.iter().find(|price| wanted(price)) {
            return Err(Failure::broken(format!("{} was accepted but is still quarantined", price.held_id)));
        }
    }
    let shown = page.rows.into_iter().zip(&held).filter(|(_, price)| wanted(price)).map(|(row, _)| row);
    let report = Report::plain(Page { fields, rows: shown.collect() }).default_columns(DEFAULT_COLUMNS);
    printer.report(&report, ports.encode)?;
    printer.note(match dry_run {
        true => "dry run: nothing was accepted",
        false => "accepted: answers include these prices from now on",
    });
    Ok(Exit::Done)
}

/// Commits a run with one acceptance per product, scope and price.
fn commit_acceptances(
    chosen: &[&QuarantinedPrice],
    ports: &Ports<'_>,
    now: Timestamp,
) -> Result<(), Failure> {
    let dataset = catalog::dataset("acceptance").expect("a built-in dataset");
    let run_id = format!("acceptance-{}", now.as_microsecond());
    let begun = ports.store.begin(&run_id).map_err(lake_failure)?;
    let mut run = begun.ok_or_else(|| {
        Failure::broken(format!("the lake already has a run named {run_id}")).hint("try again in a second")
    })?;
    let mut ids = BTreeSet::new();
    let chosen = chosen.iter().filter(|price| ids.insert(&price.held_id));
    let rows: Vec<Vec<Value>> =
        chosen.map(|price| vec![price.held_id.as_str().into(), now.into(), describe(price).into()]).collect();
    let told = ScopeReport {
        dataset,
        scope: "*".into(),
        source: "collector status --accept".into(),
        version: None,
        observed_from: now,
        observed_at: now,
        outcome: ScopeOutcome::Partial,
        rows: rows.len() as u64,
        gaps: Vec::new(),
    };
    let batch = RowBatch::of(dataset, rows).map_err(Failure::broken)?;
    run.add(dataset, &batch).and_then(|()| run.add_report(told)).map_err(lake_failure)?;
    run.commit(now).map(|_| ()).map_err(lake_failure)
}

fn describe(price: &QuarantinedPrice) -> String {
    let QuarantinedPrice { os, tenancy, instance_type, region, price_per_hour, currency, .. } = price;
    format!("{os} {tenancy} {instance_type} in {region} at {price_per_hour} {currency}")
}
