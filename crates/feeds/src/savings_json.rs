//! Savings Plans rates as JSON, parsed while they are read: a list of plans, then a list of terms
//! with their rates.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::completeness::Completeness;
use crate::json_reader::JsonReader;
use crate::price_list::{ListPublication, check_products};
use crate::savings_rows::{PlanRate, SavingsPlanRows};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut json = JsonReader::new(reader, "a Savings Plans file");
    let mut about = SavingsHeader::default();
    let mut waiting = Some(sink);
    let mut plans = None;
    json.object(&mut |json, key| {
        match key {
            "publicationDate" => about.date = json.read()?,
            "version" => about.version = json.read()?,
            "regionCode" => about.region = json.read()?,
            "products" => json.list(&mut |json| {
                let RawSavingsPlan { sku, product_family, attributes } = json.read()?;
                let family =
                    if product_family.is_empty() { attributes.product_family } else { product_family };
                about.products.insert(sku, (family, attributes.purchase_option));
                check_products(about.products.len())
            })?,
            "terms" if about.products.is_empty() => {
                return Err(bad("its terms come before its plans, or it lists none"));
            }
            "terms" => {
                let publication = ListPublication::new(&about.date, &about.version)?;
                let sink = waiting.take().ok_or_else(|| bad("it has terms twice"))?;
                let rows = plans.insert(SavingsPlanRows::new(publication, context, sink));
                json.object(&mut |json, kind| match kind {
                    "savingsPlan" => json.list(&mut |json| term(json, &about, rows)),
                    _ => json.skip(),
                })?;
            }
            _ => json.skip()?,
        }
        Ok(())
    })?;
    json.end()?;
    let whole = match context.whole {
        Completeness::Unsaid { .. } => Completeness::Unsaid { sealed: true },
        said => said,
    };
    plans.ok_or_else(|| bad("it is not a Savings Plans file: it has no terms"))?.finish(whole)
}

/// The members before the terms.
#[derive(Default)]
struct SavingsHeader {
    date: String,
    version: String,
    region: String,
    /// Family and payment by the SKU of the plan.
    products: HashMap<String, (String, String)>,
}

/// A term without its rates.
#[derive(Default)]
struct SavingsTerm {
    sku: String,
    effective: String,
    lease: RawLeaseLength,
}

fn term(
    json: &mut JsonReader<'_>,
    about: &SavingsHeader,
    plans: &mut SavingsPlanRows<'_>,
) -> Result<(), FeedError> {
    let mut term = SavingsTerm::default();
    json.object(&mut |json, key| {
        match key {
            "sku" => term.sku = json.read()?,
            "effectiveDate" => term.effective = json.read()?,
            "leaseContractLength" => term.lease = json.read()?,
            "rates" if term.sku.is_empty() => return Err(bad("the rates of a term come before its sku")),
            "rates" => json.list(&mut |json| put(plans, about, &term, &json.read()?))?,
            _ => json.skip()?,
        }
        Ok(())
    })
}

fn put(
    plans: &mut SavingsPlanRows<'_>,
    about: &SavingsHeader,
    term: &SavingsTerm,
    rate: &RawSavingsRate,
) -> Result<(), FeedError> {
    let (family, payment) = about
        .products
        .get(&term.sku)
        .ok_or_else(|| bad(format!("the term of {} belongs to no listed plan", term.sku)))?;
    let duration = term.lease.duration.to_string();
    let rate = PlanRate {
        sku: &term.sku,
        family,
        payment,
        lease: (&duration, &term.lease.unit),
        effective: &term.effective,
        used_sku: &rate.discounted_sku,
        service: &rate.discounted_service_code,
        usage_type: &rate.discounted_usage_type,
        operation: &rate.discounted_operation,
        region: or_if_empty(&rate.discounted_region_code, &about.region),
        instance_type: or_if_empty(&rate.discounted_instance_type, instance_type(rate)),
        unit: &rate.unit,
        amount: &rate.discounted_rate.price,
        currency: &rate.discounted_rate.currency,
    };
    plans.put(&rate, &|| format!("the rate of {} under {}", rate.used_sku, rate.sku))
}

fn or_if_empty<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// Returns the instance type in the usage type, the only place in older files.
fn instance_type(rate: &RawSavingsRate) -> &str {
    let ec2 = rate.discounted_service_code == "AmazonEC2";
    let named = rate.discounted_usage_type.split_once(':').map(|(_, name)| name);
    named.filter(|name| ec2 && name.contains('.')).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSavingsPlan {
    sku: String,
    #[serde(default)]
    product_family: String,
    attributes: RawSavingsAttributes,
}

/// The family is a sibling of the attributes or one of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSavingsAttributes {
    #[serde(default)]
    purchase_option: String,
    #[serde(default)]
    product_family: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawSavingsRate {
    discounted_sku: String,
    #[serde(default)]
    discounted_usage_type: String,
    #[serde(default)]
    discounted_operation: String,
    #[serde(default)]
    discounted_service_code: String,
    #[serde(default)]
    discounted_region_code: String,
    #[serde(default)]
    discounted_instance_type: String,
    unit: String,
    discounted_rate: RawSavingsAmount,
}

#[derive(Deserialize)]
struct RawSavingsAmount {
    price: String,
    currency: String,
}

#[derive(Deserialize, Default)]
struct RawLeaseLength {
    duration: u64,
    unit: String,
}
