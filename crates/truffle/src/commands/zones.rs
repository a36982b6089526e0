use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;

use crate::CommandPorts;
use crate::footer::note_runs_footer;
use crate::offer::RegionOffer;
use crate::region_scope::{self, RegionScopeArgs};

/// List the zones that offer an instance type.
///
/// Zones are listed by id, which is the same in every account.
#[derive(Debug, Args)]
pub struct ZonesArgs {
    /// Instance type
    #[arg(value_name = "TYPE")]
    pub name: String,
    /// Regions, separated by commas [default: all]
    #[arg(long, value_name = "REGION", value_delimiter = ',')]
    pub region: Vec<String>,
}

/// Runs `truffle zones`.
pub fn run_zones(
    args: &ZonesArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let place = RegionScopeArgs { region: args.region.clone(), os: "linux".into() };
    let regions = place.regions(&[], "all")?;
    let [facts, zones, prices, runs] = place.ask(ports, &regions);
    let facts = region_scope::read_facts(facts?, ports)?;
    let name = region_scope::fact(&args.name, &facts)?.instance_type.as_str();
    let offers = place.offers([zones, prices], ports, &regions, printer)?;
    let offers: Vec<&RegionOffer> = offers.iter().filter(|offer| offer.instance_type == name).collect();
    let page = page(&offers);
    let found = !page.rows.is_empty();
    printer.report(&Report::plain(page), ports.encode)?;
    for offer in offers.iter().filter(|offer| offer.az_ids.is_empty()) {
        printer.note(&format!("offered in {}, zones unknown", offer.region));
    }
    if offers.is_empty() {
        printer.note(&region_scope::not_offered(name, &regions));
    }
    note_runs_footer(runs?, ports, printer, &["offering"], &regions, now)?;
    Ok(if found { Exit::Done } else { Exit::NothingMatched })
}

fn page(offers: &[&RegionOffer]) -> Page {
    let fields = ["instance_type", "region", "az_id"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let rows = |offer: &&RegionOffer| -> Vec<Vec<Value>> {
        let row = |zone: &String| {
            vec![offer.instance_type.as_str().into(), offer.region.as_str().into(), zone.as_str().into()]
        };
        offer.az_ids.iter().map(row).collect()
    };
    Page { fields, rows: offers.iter().flat_map(rows).collect() }
}
