//! Savings Plans rates as JSON, read as they come: a list of plans, then a list of terms with their rates.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};

use crate::offer::Publication;
use crate::savings::{PlanRate, Plans};
use crate::whole::Whole;
use crate::{BatchSink, Context, FeedError, Spoken, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    let mut json = serde_json::Deserializer::from_reader(reader);
    let reading = Reading {
        sink: RefCell::new(Some(sink)),
        context,
        plans: RefCell::new(None),
        products: RefCell::default(),
        region: RefCell::default(),
        stopped: RefCell::new(None),
    };
    let read = (&mut json).deserialize_map(&reading).and_then(|()| json.end());
    if let Some(error) = reading.stopped.take() {
        return Err(error);
    }
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => FeedError::Io(error.into()),
        serde_json::error::Category::Eof => bad("it is cut short"),
        _ => bad(format!("it is not a Savings Plans file as it should be: {error}")),
    })?;
    let whole = match context.whole {
        Whole::Unsaid { .. } => Whole::Unsaid { sealed: true },
        said => said,
    };
    let plans = reading.plans.into_inner();
    plans.ok_or_else(|| bad("it is not a Savings Plans file: it has no terms"))?.finish(whole)
}

/// What is known while the file is read.
struct Reading<'a, 'c> {
    sink: RefCell<Option<BatchSink<'a>>>,
    context: &'c Context<'a>,
    plans: RefCell<Option<Plans<'a>>>,
    /// Family and payment by the plan's number.
    products: RefCell<HashMap<String, (String, String)>>,
    region: RefCell<String>,
    /// Why the reading was given up, where that is no matter of JSON.
    stopped: RefCell<Option<FeedError>>,
}

impl Reading<'_, '_> {
    fn stop<E: Error>(&self, error: FeedError) -> E {
        let text = error.to_string();
        self.stopped.replace(Some(error));
        E::custom(text)
    }

    fn put(&self, term: &Term, rate: &RawRate) -> Result<(), FeedError> {
        let products = self.products.borrow();
        let (family, payment) = products
            .get(&term.sku)
            .ok_or_else(|| bad(format!("the term of {} is of no plan that it lists", term.sku)))?;
        let region = self.region.borrow();
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
            region: or(&rate.discounted_region_code, &region),
            instance_type: or(&rate.discounted_instance_type, instance_type(rate)),
            unit: &rate.unit,
            amount: &rate.discounted_rate.price,
            currency: &rate.discounted_rate.currency,
        };
        let mut plans = self.plans.borrow_mut();
        let plans = plans.as_mut().expect("made before the terms are read");
        plans.put(&rate, &|| format!("the rate of {} under {}", rate.used_sku, rate.sku))
    }
}

fn or<'a>(text: &'a str, other: &'a str) -> &'a str {
    if text.is_empty() { other } else { text }
}

/// Older files name the instance type in the usage type alone.
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

/// The family stands beside the attributes, or among them.
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

/// A term, but for its rates.
#[derive(Default)]
struct Term {
    sku: String,
    effective: String,
    lease: Length,
}

/// The file itself.
impl<'de> Visitor<'de> for &Reading<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a Savings Plans file: an object with products and terms")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut date, mut version) = (String::new(), String::new());
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "publicationDate" => date = map.next_value()?,
                "version" => version = map.next_value()?,
                "regionCode" => *self.region.borrow_mut() = map.next_value()?,
                "products" => map.next_value_seed(Products(self))?,
                "terms" if self.products.borrow().is_empty() => {
                    return Err(self.stop(bad("its terms come before its plans, or it lists none")));
                }
                "terms" => {
                    let publication = Publication::new(&date, &version).map_err(|e| self.stop(e))?;
                    let Some(sink) = self.sink.take() else {
                        return Err(self.stop(bad("it has terms twice")));
                    };
                    self.plans.replace(Some(Plans::new(publication, self.context, sink)));
                    map.next_value_seed(Terms(self))?;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

macro_rules! seed {
    ($(#[$doc:meta])* $name:ident($($field:ty)?), $how:ident) => {
        $(#[$doc])*
        struct $name<'r, 'a, 'c>(&'r Reading<'a, 'c> $(, $field)?);

        impl<'de> DeserializeSeed<'de> for $name<'_, '_, '_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.$how(self)
            }
        }
    };
}

seed!(
    /// `products`: a list.
    Products(), deserialize_seq
);
seed!(
    /// `terms`: by kind.
    Terms(), deserialize_map
);
seed!(
    /// `savingsPlan`: a list of terms.
    PlanTerms(), deserialize_seq
);
seed!(
    /// A term.
    OneTerm(), deserialize_map
);
seed!(
    /// `rates`: a list.
    Rates(Term), deserialize_seq
);

impl<'de> Visitor<'de> for Products<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of plans")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(product) = list.next_element::<RawProduct>()? {
            let family = or(&product.product_family, &product.attributes.product_family).to_string();
            let plan = (family, product.attributes.purchase_option);
            self.0.products.borrow_mut().insert(product.sku, plan);
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Terms<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("terms by kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(kind) = map.next_key::<String>()? {
            match kind.as_str() {
                "savingsPlan" => map.next_value_seed(PlanTerms(self.0))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for PlanTerms<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of terms")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(OneTerm(self.0))?.is_some() {}
        Ok(())
    }
}

impl<'de> Visitor<'de> for OneTerm<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a term with its rates")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut term = Term::default();
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "sku" => term.sku = map.next_value()?,
                "effectiveDate" => term.effective = map.next_value()?,
                "leaseContractLength" => term.lease = map.next_value()?,
                "rates" if term.sku.is_empty() => {
                    return Err(self.0.stop(bad("the rates of a term come before its sku")));
                }
                "rates" => map.next_value_seed(Rates(self.0, std::mem::take(&mut term)))?,
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Rates<'_, '_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of rates")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while let Some(rate) = list.next_element::<RawRate>()? {
            self.0.put(&self.1, &rate).map_err(|e| self.0.stop(e))?;
        }
        Ok(())
    }
}
