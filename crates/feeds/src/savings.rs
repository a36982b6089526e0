//! Savings Plans rates. One file holds Compute plans (any family, any region) and EC2 Instance plans (one
//! family in one region) of the same SKUs: they are kept apart by the product family.

use std::io::BufRead;

use crate::offer_csv::Sheet;
use crate::product::{instant, operation, partition, payment};
use crate::rows::{Cell, Rows, price};
use crate::{BatchSink, Context, FeedError, Spoken, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    if reader.fill_buf()?.first() == Some(&b'{') {
        return Err(bad("it is JSON; expected the CSV file of the same list (index.csv)"));
    }
    let mut sheet = Sheet::open(reader, "AmazonComputeSavingsPlan")?;
    let publication = sheet.publication.clone();
    let [sku, rate, unit, effective, currency] =
        columns(&sheet, ["SKU", "DiscountedRate", "Unit", "EffectiveDate", "Currency"])?;
    let [used_sku, service, usage_type, used_operation, region, instance_type] = columns(
        &sheet,
        [
            "DiscountedSKU",
            "DiscountedServiceCode",
            "DiscountedUsageType",
            "DiscountedOperation",
            "DiscountedRegionCode",
            "DiscountedInstanceType",
        ],
    )?;
    let [paid, length, length_unit, family] = columns(
        &sheet,
        ["PurchaseOption", "LeaseContractLength", "LeaseContractLengthUnit", "Product Family"],
    )?;
    let mut rows = Rows::new("savings_plan", sink);
    while sheet.advance()? {
        let place = sheet.field(region)?;
        if place.is_empty() {
            return Err(bad(format!("line {}: a rate without a region", sheet.line())));
        }
        let plan = match sheet.field(family)? {
            "ComputeSavingsPlans" => "compute",
            "EC2InstanceSavingsPlans" => "instance",
            _ => {
                rows.leave_out(place, "a kind of plan that is not known");
                continue;
            }
        };
        let years = match (sheet.field(length)?, sheet.field(length_unit)?) {
            ("1", "year") => 1,
            ("3", "year") => 3,
            _ => {
                rows.leave_out(place, "a lease that is not of one or three years");
                continue;
            }
        };
        let Some(payment) = payment(sheet.field(paid)?) else {
            rows.leave_out(place, "a way of paying that is not known");
            continue;
        };
        let amount = sheet.field(rate)?;
        let figure = price(amount)
            .ok_or_else(|| bad(format!("line {}: the rate \"{amount}\" does not fit", sheet.line())))?;
        if figure <= 0 {
            rows.leave_out(place, "a rate of 0");
            continue;
        }
        let service = sheet.field(service)?;
        if service == "AmazonEC2" && sheet.field(unit)? != "Hrs" {
            rows.leave_out(place, "a rate that is not by the hour");
            continue;
        }
        let runs = if service == "AmazonEC2" { operation(sheet.field(used_operation)?) } else { None };
        let usage = sheet.field(usage_type)?;
        let row = [
            Cell::Text(partition(place)),
            Cell::Text(plan),
            filled(sheet.field(instance_type)?),
            Cell::Text(place),
            Cell::Text(service),
            runs.map(|(os, _, _)| os).into(),
            tenancy(usage).into(),
            runs.map(|(_, software, _)| software).into(),
            runs.map(|(_, _, licence)| licence).into(),
            Cell::Int(years),
            Cell::Text(payment),
            Cell::Price(figure),
            Cell::Text(sheet.field(currency)?),
            Cell::Text(usage),
            Cell::Text(sheet.field(used_operation)?),
            Cell::Text(sheet.field(used_sku)?),
            Cell::Text(sheet.field(sku)?),
            instant(sheet.field(effective)?).map_or(Cell::Null, Cell::At),
            Cell::At(publication.at),
            Cell::Text(context.source),
        ];
        rows.push(place, publication.at, &row)?;
    }
    rows.finish(true, publication.at, Some(&publication.version))
}

fn columns<const N: usize>(sheet: &Sheet<'_>, names: [&str; N]) -> Result<[usize; N], FeedError> {
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        *place = sheet.needed(name)?;
    }
    Ok(places)
}

fn filled(text: &str) -> Cell<'_> {
    if text.is_empty() { Cell::Null } else { Cell::Text(text) }
}

/// Tenancy by the usage type, which may carry a region's letters before it (`APE2-BoxUsage:r7g.large`).
/// What is paid for unused capacity of a reservation is no instance.
fn tenancy(usage_type: &str) -> Option<&'static str> {
    let kind = usage_type.split(':').next().unwrap_or_default();
    match kind.rsplit('-').next().unwrap_or_default() {
        "BoxUsage" => Some("shared"),
        "DedicatedUsage" => Some("dedicated"),
        "HostUsage" => Some("host"),
        _ => None,
    }
}
