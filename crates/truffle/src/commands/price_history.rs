//! `truffle price --history`.

use catalog::rows::{PriceChangeRow, RegionOfferRow};
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::Timestamp;

use crate::CommandPorts;
use crate::answer_columns::{
    CellColumn, FLOAT, INT, MONEY, TEXT, TIME, ValueColumn, has_several, page_of, table_of,
};
use crate::columns::exact_money;
use crate::cost_text::{change_percent, percent_cell};
use crate::footer::note_footer;
use crate::missing_prices::{PricedRegions, find_missing_prices, nothing_to_show};
use crate::purchase_options::{ON_DEMAND, PriceScope, describe_purchase};
use crate::region_scope::rows;
use crate::type_names::ask_about_type;

/// The datasets of the footer.
const DATASETS: [&str; 2] = ["price", "savings_plan"];

/// The prices of one type over time, and its regions.
struct TypeChanges {
    instance_type: String,
    changes: Vec<PriceChangeRow>,
    regions: Vec<RegionOfferRow>,
}

impl TypeChanges {
    fn load(typed: &str, scope: &PriceScope<'_>, ports: &CommandPorts<'_>) -> Result<TypeChanges, Failure> {
        let ask = |name: &str| {
            let given = scope.given(name);
            let [changes, regions] =
                ports.answer_all([("price/changes", &given), ("offering/regions", &[("type", name)])]);
            Ok((rows::<PriceChangeRow>(changes?)?, rows::<RegionOfferRow>(regions?)?))
        };
        let is_known = |(changes, regions): &(Vec<PriceChangeRow>, Vec<RegionOfferRow>)| {
            !changes.is_empty() || regions.iter().any(|region| region.first_observed_at.is_some())
        };
        let (instance_type, (changes, regions)) = ask_about_type(typed, ports, ask, is_known)?;
        Ok(TypeChanges { instance_type, changes, regions })
    }

    fn priced_regions(&self) -> PricedRegions<'_> {
        let regions_of = |is_wanted: fn(&PriceChangeRow) -> bool| {
            self.changes.iter().filter(|one| is_wanted(one)).map(|one| one.region.as_str()).collect()
        };
        PricedRegions {
            instance_type: &self.instance_type,
            regions: &self.regions,
            priced: regions_of(|_| true),
            priced_on_demand: regions_of(|change| change.purchase == ON_DEMAND),
        }
    }
}

/// A row of the answer.
struct ChangeLine {
    instance_type: String,
    change: PriceChangeRow,
    os: String,
    tenancy: String,
}

/// Shows each price of each way to pay.
pub(super) fn show_history(
    typed: &[String],
    scope: &PriceScope<'_>,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let mut types: Vec<TypeChanges> = Vec::new();
    for name in typed {
        let found = TypeChanges::load(name, scope, ports)?;
        if types.iter().all(|other| other.instance_type != found.instance_type) {
            types.push(found);
        }
    }
    let priced: Vec<PricedRegions<'_>> = types.iter().map(TypeChanges::priced_regions).collect();
    let reasons = find_missing_prices(&priced, scope, ports)?;
    let line = |name: &str, change: &PriceChangeRow| ChangeLine {
        instance_type: name.to_string(),
        change: change.clone(),
        os: scope.os.to_string(),
        tenancy: scope.tenancy.to_string(),
    };
    let lines: Vec<ChangeLine> = types
        .iter()
        .flat_map(|found| found.changes.iter().map(|change| line(&found.instance_type, change)))
        .collect();
    if lines.is_empty() {
        return Err(nothing_to_show(reasons));
    }
    printer.report(&report(&lines), ports.encode)?;
    reasons.iter().for_each(|reason| printer.note(&format!("{}; {}", reason.text, reason.next)));
    note_footer(ports, printer, &DATASETS, scope.regions, now)?;
    Ok(Exit::Done)
}

const COLUMNS: &[ValueColumn<ChangeLine>] = &[
    ("instance_type", TEXT, |l| l.instance_type.as_str().into()),
    ("region", TEXT, |l| l.change.region.as_str().into()),
    ("os", TEXT, |l| l.os.as_str().into()),
    ("tenancy", TEXT, |l| l.tenancy.as_str().into()),
    ("purchase", TEXT, |l| l.change.purchase.as_str().into()),
    ("offering_class", TEXT, |l| l.change.offering_class.clone().into()),
    ("lease_years", INT, |l| l.change.lease_years.into()),
    ("payment", TEXT, |l| l.change.payment.clone().into()),
    ("old_price_per_hour", MONEY, |l| l.change.old_price_per_hour.into()),
    ("new_price_per_hour", MONEY, |l| l.change.new_price_per_hour.into()),
    ("change_percent", FLOAT, |l| percent(&l.change).into()),
    ("currency", TEXT, |l| l.change.currency.as_str().into()),
    ("first_observed_at", TIME, |l| l.change.first_observed_at.into()),
    ("last_observed_at", TIME, |l| l.change.last_observed_at.into()),
    ("source", TEXT, |l| l.change.source.as_str().into()),
];

/// Returns the change against the price before, percent.
fn percent(change: &PriceChangeRow) -> Option<f64> {
    let difference = change.new_price_per_hour - change.old_price_per_hour?;
    change_percent(Some(difference), change.old_price_per_hour)
}

fn report(lines: &[ChangeLine]) -> Report {
    Report { page: page_of(lines, COLUMNS), table: Some(table(lines)), ..Report::default() }
}

/// Returns the table for people. The type and the region have a column if there are several.
fn table(lines: &[ChangeLine]) -> TableView {
    let mut cells: Vec<CellColumn<ChangeLine>> = Vec::new();
    if has_several(lines, |line| &line.instance_type) {
        cells.push((TableColumn::named("instance_type", Align::Left), |line| line.instance_type.clone()));
    }
    if has_several(lines, |line| &line.change.region) {
        cells.push((TableColumn::named("region", Align::Left), |line| line.change.region.clone()));
    }
    cells.push((TableColumn::only_in_tables("Purchase", Align::Left), |line| {
        let change = &line.change;
        let term = change.lease_years.zip(change.payment.as_deref());
        describe_purchase(&change.purchase, change.offering_class.as_deref(), term)
    }));
    cells.push((TableColumn::named("old_price_per_hour", Align::Right), |line| {
        line.change.old_price_per_hour.map_or("-".into(), exact_money)
    }));
    cells.push((TableColumn::named("new_price_per_hour", Align::Right), |line| {
        format!("{} {}", line.change.currency, exact_money(line.change.new_price_per_hour))
    }));
    cells.push((TableColumn::named("change_percent", Align::Right), |line| {
        percent_cell(percent(&line.change))
    }));
    cells.push((TableColumn::named("first_observed_at", Align::Left), |line| {
        line.change.first_observed_at.strftime("%Y-%m-%d").to_string()
    }));
    cells.push((TableColumn::named("last_observed_at", Align::Left), |line| {
        line.change.last_observed_at.strftime("%Y-%m-%d").to_string()
    }));
    table_of(lines, cells)
}
