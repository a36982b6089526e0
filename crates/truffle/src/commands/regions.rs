use catalog::rows::RegionRow;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::Timestamp;

use crate::CommandPorts;
use crate::columns::price_cell;
use crate::filter::OfferCandidate;
use crate::footer::{note_footer, note_runs_footer};
use crate::offer::RegionOffer;
use crate::region_scope::{self, RegionScopeArgs};

/// List the regions, or the regions that offer an instance type, with its price.
#[derive(Debug, Args)]
#[command(mut_arg("os", |os| os.requires("name")))]
pub struct RegionsArgs {
    /// Instance type [default: list every region]
    #[arg(value_name = "TYPE")]
    pub name: Option<String>,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
}

/// Runs `truffle regions`.
pub fn run_regions(
    args: &RegionsArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let asked = args.place.regions(&[], "all")?;
    let regions = region_scope::regions(ports)?;
    let Some(name) = &args.name else {
        region_scope::check_regions(
            &asked.split(',').filter(|name| *name != "all").collect::<Vec<_>>(),
            &regions,
        )?;
        let wanted = |row: &&RegionRow| asked == "all" || asked.split(',').any(|name| name == row.region);
        let rows: Vec<&RegionRow> = regions.iter().filter(wanted).collect();
        printer.report(&Report::plain(every(&rows)), ports.encode)?;
        note_footer(ports, printer, &["region", "offering", "price"], &asked, now)?;
        return Ok(if rows.is_empty() { Exit::NothingMatched } else { Exit::Done });
    };
    let [facts, zones_known, prices, runs] = args.place.ask(ports, &asked);
    let facts = region_scope::read_facts(facts?, ports)?;
    let facts = region_scope::fact(name, &facts)?;
    let offers = args.place.offers([zones_known, prices], ports, &asked, printer)?;
    let name = facts.instance_type.as_str();
    let offers: Vec<&RegionOffer> = offers.iter().filter(|offer| offer.instance_type == name).collect();
    let page = page(&offers, &regions);
    let cells = |offer: &&RegionOffer| {
        let price = price_cell(offer.price_per_hour, &OfferCandidate { facts, offer: Some(offer) }, now);
        vec![offer.region.clone(), name_of(&offer.region, &regions).unwrap_or_default(), zones(offer), price]
    };
    let columns = vec![
        TableColumn::named("region", Align::Left),
        TableColumn::named("name", Align::Left),
        TableColumn::only_in_tables("Zones", Align::Left),
        TableColumn::named("on_demand_price", Align::Left),
    ];
    let table = TableView { columns, rows: offers.iter().map(cells).collect(), marked: vec![] };
    printer.report(&Report { page, table: Some(table), ..Report::default() }, ports.encode)?;
    if offers.is_empty() {
        printer.note(&region_scope::not_offered(name, &asked));
    }
    note_runs_footer(runs?, ports, printer, &["offering", "price"], &asked, now)?;
    Ok(if offers.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

fn every(rows: &[&RegionRow]) -> Page {
    let fields = vec![
        Field::new("region", ValueType::Text),
        Field::new("name", ValueType::Text),
        Field::new("partition", ValueType::Text),
        Field::new("zones", ValueType::Int),
        Field::new("instance_types", ValueType::Int),
        Field::new("priced_types", ValueType::Int),
    ];
    let row = |row: &&RegionRow| -> Vec<Value> {
        vec![
            row.region.as_str().into(),
            row.name.clone().into(),
            row.partition.as_str().into(),
            row.zones.into(),
            row.instance_types.into(),
            row.priced_types.into(),
        ]
    };
    Page { fields, rows: rows.iter().map(row).collect() }
}

fn page(offers: &[&RegionOffer], regions: &[RegionRow]) -> Page {
    let fields = vec![
        Field::new("region", ValueType::Text),
        Field::new("name", ValueType::Text),
        Field::new("availability_zones", ValueType::List(Box::new(ValueType::Text))),
        Field::new("on_demand_price", ValueType::Decimal(18, 10)),
        Field::new("price_currency", ValueType::Text),
        Field::new("price_observed_at", ValueType::Timestamp),
    ];
    let row = |offer: &&RegionOffer| -> Vec<Value> {
        vec![
            offer.region.as_str().into(),
            name_of(&offer.region, regions).into(),
            offer.az_ids.clone().into(),
            offer.price_per_hour.into(),
            offer.currency.clone().into(),
            offer.price_observed_at.into(),
        ]
    };
    Page { fields, rows: offers.iter().map(row).collect() }
}

fn name_of(region: &str, regions: &[RegionRow]) -> Option<String> {
    regions.iter().find(|row| row.region == region).and_then(|row| row.name.clone())
}

fn zones(offer: &RegionOffer) -> String {
    if offer.az_ids.is_empty() { "unknown".into() } else { offer.az_ids.len().to_string() }
}
