//! Savings Plans rates as JSON, parsed while they are read: a list of plans, then a list of terms
//! with their rates.

use std::collections::HashMap;
use std::io::BufRead;

use serde::Deserialize;

use crate::offer::Publication;
use crate::pull::Pull;
use crate::savings::{PlanRate, Plans};
use crate::whole::Whole;
use crate::{BatchSink, Context, FeedError, Spoken, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    let mut json = Pull::new(reader, "a Savings Plans file");
    let mut about = About::default();
    let mut waiting = Some(sink);
    let mut plans = None;
    json.object(&mut |json, key| {
        match key {
            "publicationDate" => about.date = json.read()?,
            "version" => about.version = json.read()?,
            "regionCode" => about.region = json.read()?,
            "products" => json.list(&mut |json| {
                let RawProduct { sku, product_family, attributes } = json.read()?;
                let family =
                    if product_family.is_empty() { attributes.product_family } else { product_family };
                about.products.insert(sku, (family, attributes.purchase_option));
                Ok(())
            })?,
            "terms" if about.products.is_empty() => {
                return Err(bad("its terms come before its plans, or it lists none"));
            }
            "terms" => {
                let publication = Publication::new(&about.date, &about.version)?;
                let sink = waiting.take().ok_or_else(|| bad("it has terms twice"))?;
                let rows = plans.insert(Plans::new(publication, context, sink));
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
        Whole::Unsaid { .. } => Whole::Unsaid { sealed: true },
        said => said,
    };
    plans.ok_or_else(|| bad("it is not a Savings Plans file: it has no terms"))?.finish(whole)
}

/// The members before the terms.
#[derive(Default)]
struct About {
    date: String,
    version: String,
    region: String,
    /// Family and payment by the SKU of the plan.
    products: HashMap<String, (String, String)>,
}

/// A term without its rates.
#[derive(Default)]
struct Term {
    sku: String,
    effective: String,
    lease: Length,
}

fn term(json: &mut Pull<'_>, about: &About, plans: &mut Plans<'_>) -> Result<(), FeedError> {
    let mut term = Term::default();
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

fn put(plans: &mut Plans<'_>, about: &About, term: &Term, rate: &RawRate) -> Result<(), FeedError> {
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
        region: or(&rate.discounted_region_code, &about.region),
        instance_type: or(&rate.discounted_instance_type, instance_type(rate)),
        unit: &rate.unit,
        amount: &rate.discounted_rate.price,
        currency: &rate.discounted_rate.currency,
    };
    plans.put(&rate, &|| format!("the rate of {} under {}", rate.used_sku, rate.sku))
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// Returns the instance type in the usage type, the only place in older files.
fn instance_type(rate: &RawRate) -> &str {
    let ec2 = rate.discounted_service_code == "AmazonEC2";
    let named = rate.discounted_usage_type.split_once(':').map(|(_, name)| name);
    named.filter(|name| ec2 && name.contains('.')).unwrap_or_default()
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawProduct {
    sku: String,
    #[serde(default)]
    product_family: String,
    attributes: RawAttributes,
}

/// The family is a sibling of the attributes or one of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawAttributes {
    #[serde(default)]
    purchase_option: String,
    #[serde(default)]
    product_family: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRate {
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
    discounted_rate: Money,
}

#[derive(Deserialize)]
struct Money {
    price: String,
    currency: String,
}

#[derive(Deserialize, Default)]
struct Length {
    duration: u64,
    unit: String,
}
