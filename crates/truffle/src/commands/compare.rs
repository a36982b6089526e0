use catalog::{Page, TypeFacts, Value};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::Timestamp;

use crate::CommandPorts;
use crate::columns::{self, COLUMNS, OfferColumn, price_cell};
use crate::filter::OfferCandidate;
use crate::footer::note_runs_footer;
use crate::offer::RegionOffer;
use crate::region_scope::{self, RegionScopeArgs};

/// Compare instance types side by side, in one or several regions.
///
/// Rows with different values are marked. Prices are also shown per vCPU, per GiB and per GPU.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// Instance types to compare
    #[arg(required = true, value_name = "TYPE")]
    pub types: Vec<String>,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
}

/// Runs `truffle compare`.
pub fn run_compare(
    args: &CompareArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let regions = args.place.regions(&[], ports.settings.region.value.as_str())?;
    let [facts, zones, prices, runs] = args.place.ask(ports, &regions);
    let facts = region_scope::read_facts(facts?, ports)?;
    let types =
        args.types.iter().map(|name| region_scope::fact(name, &facts)).collect::<Result<Vec<_>, _>>()?;
    let offers = args.place.offers([zones, prices], ports, &regions, printer)?;
    let sides = sides(&types, &offers);
    for facts in types.iter().filter(|t| !sides.iter().any(|c| same(c, t) && c.offer.is_some())) {
        printer.note(&region_scope::not_offered(&facts.instance_type, &regions));
    }
    let page = columns::page(&sides);
    let table = table(&sides, &page, now);
    printer.report(&Report { page, table: Some(table), ..Report::default() }, ports.encode)?;
    args.place.note(&offers, false, ports, printer);
    note_runs_footer(runs?, ports, printer, &["instance_type", "offering", "price"], &regions, now)?;
    Ok(Exit::Done)
}

fn same(candidate: &OfferCandidate, facts: &TypeFacts) -> bool {
    candidate.facts.instance_type == facts.instance_type
}

/// Returns a candidate for each type and region. A type that none of the regions offers gets one
/// candidate without an offer.
fn sides<'a>(types: &[&'a TypeFacts], offers: &'a [RegionOffer]) -> Vec<OfferCandidate<'a>> {
    let of = |facts: &&'a TypeFacts| -> Vec<OfferCandidate<'a>> {
        let offered: Vec<_> = offers
            .iter()
            .filter(|offer| offer.instance_type == facts.instance_type)
            .map(|offer| OfferCandidate { facts, offer: Some(offer) })
            .collect();
        if offered.is_empty() { vec![OfferCandidate { facts, offer: None }] } else { offered }
    };
    types.iter().flat_map(of).collect()
}

/// Builds the table: one row per fact, one column per candidate. A fact without a value for any
/// candidate has no row.
fn table(sides: &[OfferCandidate], page: &Page, now: Timestamp) -> TableView {
    let several = sides.iter().any(|c| region(c) != region(&sides[0]));
    let heading = |c: &OfferCandidate| match several {
        true => format!("{} {}", c.facts.instance_type, region(c)),
        false => c.facts.instance_type.clone(),
    };
    let mut columns = vec![TableColumn::only_in_tables("", Align::Left)];
    columns.extend(sides.iter().map(|c| TableColumn::only_in_tables(heading(c), Align::Right)));
    let mut view = TableView { columns, ..TableView::default() };
    for (at, column) in COLUMNS.iter().enumerate().filter(|(_, column)| has_table_row(column)) {
        let values: Vec<&Value> = page.rows.iter().map(|row| &row[at]).collect();
        let blank = |(side, value): (&OfferCandidate, &&Value)| has_no_value(column, side, value);
        if sides.iter().zip(&values).all(blank) {
            continue;
        }
        if values.iter().any(|value| *value != values[0]) {
            view.marked.push(view.rows.len());
        }
        let cells = sides.iter().zip(values).map(|(side, value)| cell(column, side, value, now));
        view.rows.push([column.line(&Value::Null).0].into_iter().chain(cells).collect());
    }
    view
}

fn region<'a>(candidate: &OfferCandidate<'a>) -> &'a str {
    candidate.offer.map_or("not offered", |offer| offer.region.as_str())
}

/// Whether the table has a row for this column. The headings contain the type and the region
/// already, and a price cell contains its month.
fn has_table_row(column: &OfferColumn) -> bool {
    !matches!(
        column.name,
        "instance_type"
            | "region"
            | "instance_family"
            | "logical_gpus"
            | "price_currency"
            | "price_observed_at"
    )
}

/// Whether the value is null, zero, false or empty. An unknown price is a value, unless the type
/// has nothing to divide it by.
fn has_no_value(column: &OfferColumn, side: &OfferCandidate, value: &Value) -> bool {
    match value {
        Value::Null if column.is_price() => is_per_gpu_without_gpus(column, side),
        Value::Null | Value::Int(0) | Value::Bool(false) => true,
        Value::Text(text) => text.is_empty(),
        Value::List(items) => items.is_empty(),
        _ => false,
    }
}

fn is_per_gpu_without_gpus(column: &OfferColumn, side: &OfferCandidate) -> bool {
    column.name == "price_per_gpu" && side.facts.gpus == 0
}

fn cell(column: &OfferColumn, side: &OfferCandidate, value: &Value, now: Timestamp) -> String {
    match value {
        Value::Decimal(amount) if column.is_price() => price_cell(Some(*amount), side, now),
        Value::Null if is_per_gpu_without_gpus(column, side) => "-".into(),
        Value::Null if column.is_price() => "unknown".into(),
        Value::List(items) if column.name == "availability_zones" => items.len().to_string(),
        other => column.line(other).1,
    }
}
