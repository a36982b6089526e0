//! On-demand prices that the warehouse holds back as absurd, and their acceptance.

use std::collections::BTreeSet;

use catalog::ports::{AskError, Outcome, Told};
use catalog::rows::HeldPrice;
use catalog::{Batch, Page, Row, Value};
use console::{Exit, Failure, Kind, Printer, Report};
use domain::Timestamp;

use crate::{Ports, lake_failure};

const LISTED: &str = "collector status --held lists them";

/// What is held back now.
pub(crate) fn held(ports: &Ports<'_>, now: Timestamp) -> Result<Page, Failure> {
    let question = catalog::question("price/held").expect("a question of ours");
    let answer = (ports.open)().and_then(|ask| ask.ask(question, &[("as_of".into(), now.into())]));
    answer.map_err(|error| {
        let kind = if matches!(error, AskError::Failed(_)) { Kind::Broken } else { Kind::Data };
        Failure::new(kind, error.to_string()).hint("truffle status says what can be read")
    })
}

fn rows(page: Page) -> Result<Vec<HeldPrice>, Failure> {
    let rows = page.rows.into_iter().map(HeldPrice::read).collect::<Result<_, _>>();
    rows.map_err(|error| Failure::broken(error.to_string()))
}

/// Says how much is held back, if anything is. What was done before stands, whether or not it can be told.
pub(crate) fn note(ports: &Ports<'_>, printer: &mut Printer, now: Timestamp) {
    match held(ports, now).map(|page| page.rows.len()) {
        Ok(0) => {}
        Ok(1) => printer.note(&format!("1 price is held back as absurd: {LISTED}")),
        Ok(count) => printer.note(&format!("{count} prices are held back as absurd: {LISTED}")),
        Err(failure) => printer.note(&format!("whether a price is held back is not known: {failure}")),
    }
}

/// Lists what is held back.
pub(crate) fn list(ports: &Ports<'_>, printer: &mut Printer, now: Timestamp) -> Result<Exit, Failure> {
    let page = held(ports, now)?;
    if page.rows.is_empty() {
        printer.note("no price is held back");
        return Ok(Exit::NothingMatched);
    }
    printer.report(&Report::plain(page), ports.encode)?;
    printer.note("collector status --accept ID releases one");
    Ok(Exit::Done)
}

/// Accepts prices by their ids, or `all` that are held now.
pub(crate) fn accept(
    ids: &[String],
    dry_run: bool,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let page = held(ports, now)?;
    let all = ids.iter().any(|id| id == "all");
    let (fields, held) = (page.fields.clone(), rows(page.clone())?);
    if let Some(id) = ids.iter().find(|id| !all && held.iter().all(|price| price.held_id != **id)) {
        let near = console::did_you_mean(id, held.iter().map(|price| price.held_id.as_str()));
        return Err(Failure::usage(format!("no price is held back under \"{id}\"{near}")).hint(LISTED));
    }
    let wanted = |price: &HeldPrice| all || ids.contains(&price.held_id);
    let chosen: Vec<&HeldPrice> = held.iter().filter(|price| wanted(price)).collect();
    if chosen.is_empty() {
        printer.note("no price is held back");
        return Ok(Exit::NothingMatched);
    }
    if !dry_run {
        write(&chosen, ports, now)?;
        let left = rows(self::held(ports, now)?)?;
        if let Some(price) = left.iter().find(|price| wanted(price)) {
            return Err(Failure::broken(format!("{} was accepted, and is held all the same", price.held_id)));
        }
    }
    let shown = page.rows.into_iter().zip(&held).filter(|(_, price)| wanted(price)).map(|(row, _)| row);
    printer.report(&Report::plain(Page { fields, rows: shown.collect() }), ports.encode)?;
    printer.note(match dry_run {
        true => "dry run: nothing was accepted",
        false => "accepted: answers give these prices from now on",
    });
    Ok(Exit::Done)
}

/// One run: an acceptance for each product, place and price.
fn write(chosen: &[&HeldPrice], ports: &Ports<'_>, now: Timestamp) -> Result<(), Failure> {
    let dataset = catalog::dataset("acceptance").expect("a dataset of ours");
    let run_id = format!("acceptance-{}", now.as_microsecond());
    let begun = ports.store.begin(&run_id).map_err(lake_failure)?;
    let mut run = begun.ok_or_else(|| {
        Failure::broken(format!("a run named {run_id} is visible already")).hint("try again in a second")
    })?;
    let mut ids = BTreeSet::new();
    let chosen = chosen.iter().filter(|price| ids.insert(&price.held_id));
    let rows: Vec<Vec<Value>> =
        chosen.map(|price| vec![price.held_id.as_str().into(), now.into(), words(price).into()]).collect();
    let told = Told {
        dataset,
        scope: "*".into(),
        source: "collector status --accept".into(),
        version: None,
        observed_from: now,
        observed_at: now,
        outcome: Outcome::Partial,
        rows: rows.len() as u64,
        gaps: Vec::new(),
    };
    let batch = Batch::of(dataset, rows).map_err(Failure::broken)?;
    run.add(dataset, &batch).and_then(|()| run.tell(told)).map_err(lake_failure)?;
    run.commit(now).map(|_| ()).map_err(lake_failure)
}

fn words(price: &HeldPrice) -> String {
    let HeldPrice { os, tenancy, instance_type, region, price_per_hour, currency, .. } = price;
    format!("{os} {tenancy} {instance_type} in {region} at {price_per_hour} {currency}")
}
