//! The answer of `truffle spot --alternatives`.

use catalog::{Field, Page, TypeFacts, Value, ValueType};
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::Timestamp;

use crate::CommandPorts;
use crate::columns::money_cell;
use crate::cost_text::percent_cell;
use crate::footer::note_footer;
use crate::spot_alternatives::{SpotAlternative, SpotRegions};
use crate::spot_market::SpotScope;

/// Prints the alternatives of the types, at most `limit` of each type and region.
pub(crate) fn run_alternatives(
    types: &[&TypeFacts],
    facts: &[TypeFacts],
    limit: usize,
    scope: SpotScope<'_>,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let regions = SpotRegions::load(scope, ports)?;
    let mut shown = Vec::new();
    for own in types {
        let found = regions.alternatives(own, facts);
        let name = &own.instance_type;
        match found.is_empty() {
            true if !regions.has_band(name) => {
                printer.note(&format!("no match: no interruption rate of {name} in these regions"));
            }
            true => printer.note(&format!(
                "no match: no type of the size of {name} is interrupted less often, or as often at a lower price"
            )),
            false => shown.extend(first_of_each_region(found, limit, printer)),
        }
    }
    let datasets = ["instance_type", "offering", "spot_price", "interruption"];
    if !shown.is_empty() {
        printer.report(&report(&shown), ports.encode)?;
    }
    note_footer(ports, printer, &datasets, scope.regions, now)?;
    Ok(if shown.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Returns the first alternatives of each region, and notes the number of the others.
fn first_of_each_region(
    found: Vec<SpotAlternative>,
    limit: usize,
    printer: &mut Printer,
) -> Vec<SpotAlternative> {
    let most = if limit == 0 { found.len() } else { limit };
    let all = found.len();
    let by_region = found.chunk_by(|a, b| a.region == b.region);
    let shown: Vec<SpotAlternative> =
        by_region.flat_map(|of_region| of_region.iter().take(most).cloned()).collect();
    if shown.len() < all {
        let name = &shown[0].instance_type;
        printer.note(&format!("{} of {all} alternatives of {name} shown; --limit 0 shows all", shown.len()));
    }
    shown
}

fn fields() -> Vec<Field> {
    let price = || ValueType::Decimal(18, 10);
    let columns = [
        ("instance_type", ValueType::Text),
        ("region", ValueType::Text),
        ("own_band", ValueType::Int),
        ("own_band_label", ValueType::Text),
        ("own_price", price()),
        ("alternative_type", ValueType::Text),
        ("az_id", ValueType::Text),
        ("band", ValueType::Int),
        ("band_label", ValueType::Text),
        ("band_observed_at", ValueType::Timestamp),
        ("price_per_hour", price()),
        ("extra_price", price()),
        ("band_same_share", ValueType::Float),
        ("band_compared", ValueType::Int),
        ("currency", ValueType::Text),
    ];
    columns.into_iter().map(|(name, ty)| Field::new(name, ty)).collect()
}

impl SpotAlternative {
    fn values(&self) -> Vec<Value> {
        vec![
            self.instance_type.as_str().into(),
            self.region.as_str().into(),
            self.own_band.band.into(),
            self.own_band.band_label.clone().into(),
            self.own_price.as_ref().map(|zone| zone.price).into(),
            self.alternative_type.as_str().into(),
            self.price.as_ref().map(|zone| zone.az_id.clone()).into(),
            self.band.band.into(),
            self.band.band_label.clone().into(),
            self.band.observed_at.into(),
            self.price.as_ref().map(|zone| zone.price).into(),
            self.extra_price().into(),
            self.stay.as_ref().map(|stay| stay.same_share).into(),
            self.stay.as_ref().map(|stay| stay.compared).into(),
            self.price.as_ref().map(|zone| zone.currency.clone()).into(),
        ]
    }

    fn cells(&self) -> Vec<String> {
        let currency = self.price.as_ref().map(|zone| zone.currency.as_str());
        let money = |price: Option<_>| price.map_or("unknown".into(), |price| money_cell(price, currency));
        let label = |label: &Option<String>| label.clone().unwrap_or("unknown".into());
        vec![
            self.instance_type.clone(),
            self.region.clone(),
            label(&self.own_band.band_label),
            self.alternative_type.clone(),
            label(&self.band.band_label),
            money(self.price.as_ref().map(|zone| zone.price)),
            money(self.extra_price()),
            percent_cell(self.stay.as_ref().map(|stay| 100.0 * stay.same_share)),
        ]
    }
}

fn report(shown: &[SpotAlternative]) -> Report {
    let page = Page { fields: fields(), rows: shown.iter().map(SpotAlternative::values).collect() };
    let left = |name: &str, header: &str| TableColumn::named(name, Align::Left).header(header);
    let right = |name: &str, header: &str| TableColumn::named(name, Align::Right).header(header);
    let columns = vec![
        TableColumn::named("instance_type", Align::Left),
        TableColumn::named("region", Align::Left),
        left("own_band_label", "Interruptions"),
        left("alternative_type", "Alternative"),
        left("band_label", "Its interruptions"),
        TableColumn::named("price_per_hour", Align::Right),
        right("extra_price", "Extra price (/h)"),
        right("band_same_share", "Still so at that age (%)"),
    ];
    let rows = shown.iter().map(SpotAlternative::cells).collect();
    Report { page, table: Some(TableView { columns, rows, marked: Vec::new() }), ..Report::default() }
}
