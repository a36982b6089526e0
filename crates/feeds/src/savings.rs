//! Savings Plans rates. One file contains Compute plans (any family, any region) and EC2 Instance
//! plans (one family in one region) with the same SKUs. The product family distinguishes them.

use std::io::BufRead;

use crate::offer_csv::OfferSheet;
use crate::plain_text::first_byte;
use crate::savings_rows::{PlanRate, SavingsPlanRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, savings_json};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    match first_byte(reader)? {
        Some(b'{') => savings_json::read(reader, context, sink),
        _ => read_csv(reader, context, sink),
    }
}

fn read_csv(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut sheet = OfferSheet::open(reader, "AmazonComputeSavingsPlan")?;
    let publication = sheet.publication.clone();
    let [sku, amount, unit, effective, currency] =
        columns(&sheet, ["SKU", "DiscountedRate", "Unit", "EffectiveDate", "Currency"])?;
    let [used_sku, service, usage_type, operation, region, instance_type] = columns(
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
    let [payment, length, length_unit, family] = columns(
        &sheet,
        ["PurchaseOption", "LeaseContractLength", "LeaseContractLengthUnit", "Product Family"],
    )?;
    let mut plans = SavingsPlanRows::new(publication, context, sink);
    while sheet.advance()? {
        let rate = PlanRate {
            sku: sheet.field(sku)?,
            family: sheet.field(family)?,
            payment: sheet.field(payment)?,
            lease: (sheet.field(length)?, sheet.field(length_unit)?),
            effective: sheet.field(effective)?,
            used_sku: sheet.field(used_sku)?,
            service: sheet.field(service)?,
            usage_type: sheet.field(usage_type)?,
            operation: sheet.field(operation)?,
            region: sheet.field(region)?,
            instance_type: sheet.field(instance_type)?,
            unit: sheet.field(unit)?,
            amount: sheet.field(amount)?,
            currency: sheet.field(currency)?,
        };
        plans.put(&rate, &|| format!("line {}", sheet.line()))?;
    }
    plans.finish(context.whole)
}

fn columns<const N: usize>(sheet: &OfferSheet<'_>, names: [&str; N]) -> Result<[usize; N], FeedError> {
    let mut places = [0; N];
    for (place, name) in places.iter_mut().zip(names) {
        *place = sheet.needed(name)?;
    }
    Ok(places)
}
