use catalog::{Field, Page, TypeFacts, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::Timestamp;

use crate::CommandPorts;
use crate::columns::{self, COLUMNS, price_cell};
use crate::filter::OfferCandidate;
use crate::footer::note_runs_footer;
use crate::region_scope::{self, RegionScopeArgs};

/// Show all facts of an instance type, and its zones and prices by region.
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// Instance type
    #[arg(value_name = "TYPE")]
    pub name: String,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
}

/// Runs `truffle show`.
pub fn run_show(
    args: &ShowArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let regions = args.place.regions(&[], "all")?;
    let [facts, zones, prices, runs] = args.place.ask(ports, &regions);
    let facts = region_scope::read_facts(facts?, ports)?;
    let facts = region_scope::fact(&args.name, &facts)?;
    let offers = args.place.offers([zones, prices], ports, &regions, printer)?;
    let offers: Vec<_> = offers.iter().filter(|offer| offer.instance_type == facts.instance_type).collect();
    let places: Vec<_> = offers.iter().map(|offer| OfferCandidate { facts, offer: Some(offer) }).collect();
    let table = Some(table(facts, &places, now));
    let report = Report { page: page(facts, &places), table, ..Report::default() };
    printer.report(&report, ports.encode)?;
    if places.is_empty() {
        printer.note(&region_scope::not_offered(&facts.instance_type, &regions));
    }
    note_runs_footer(runs?, ports, printer, &["instance_type", "offering", "price"], &regions, now)?;
    Ok(Exit::Done)
}

/// Returns the columns that do not depend on the region.
fn region_independent_columns() -> impl Iterator<Item = &'static columns::OfferColumn> {
    COLUMNS.iter().filter(|column| !column.depends_on_region())
}

/// Returns one row: the facts, and the offers by region as a list.
fn page(facts: &TypeFacts, places: &[OfferCandidate]) -> Page {
    let candidate = OfferCandidate { facts, offer: None };
    let mut fields: Vec<Field> = region_independent_columns().map(columns::OfferColumn::field).collect();
    let mut row: Vec<Value> = region_independent_columns().map(|column| column.value(&candidate)).collect();
    fields.push(Field::new("regions", ValueType::List(Box::new(ValueType::Json))));
    row.push(Value::List(places.iter().map(place_value).collect()));
    Page { fields, rows: vec![row] }
}

fn place_value(place: &OfferCandidate) -> Value {
    let columns = COLUMNS.iter().filter(|column| column.depends_on_region());
    Value::Struct(columns.map(|column| (column.name.to_string(), column.value(place))).collect())
}

fn table(facts: &TypeFacts, places: &[OfferCandidate], now: Timestamp) -> TableView {
    let candidate = OfferCandidate { facts, offer: None };
    let fact = |column: &columns::OfferColumn| {
        let (heading, value) = column.line(&column.value(&candidate));
        vec![heading, value]
    };
    let mut rows: Vec<Vec<String>> =
        region_independent_columns().filter(|column| column.name != "logical_gpus").map(fact).collect();
    rows.extend(places.iter().filter_map(|place| {
        let offer = place.offer?;
        let zones = match offer.az_ids.len() {
            0 => "zones unknown".to_string(),
            1 => "1 zone".into(),
            n => format!("{n} zones"),
        };
        let price = price_cell(offer.price_per_hour, place, now);
        Some(vec![format!("In {}", offer.region), format!("{price}, {zones}")])
    }));
    let columns = ["Fact", "Value"].map(|header| TableColumn::only_in_tables(header, Align::Left)).to_vec();
    TableView { columns, rows, marked: Vec::new() }
}
