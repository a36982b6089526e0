//! Offer files as JSON, read as they come: half a gigabyte holds a map of products, then maps of terms. Only
//! what is kept of each product is held.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, Visitor};

use crate::offer::{Attributes, Lease, Prices, Product, Publication, Rate, Verdict, judge};
use crate::{BatchSink, Context, FeedError, Spoken, Whole, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    let reading = Reading {
        prices: RefCell::new(Prices::new(context.source, sink)),
        products: RefCell::default(),
        publication: RefCell::new(None),
        stopped: RefCell::new(None),
    };
    let mut json = serde_json::Deserializer::from_reader(reader);
    let read = (&mut json).deserialize_map(&reading).and_then(|()| json.end());
    if let Some(error) = reading.stopped.take() {
        return Err(error);
    }
    read.map_err(|error| match error.classify() {
        serde_json::error::Category::Io => FeedError::Io(error.into()),
        serde_json::error::Category::Eof => bad("it is cut short"),
        _ => bad(format!("it is not an offer file as it should be: {error}")),
    })?;
    let publication = reading.publication.take().ok_or_else(|| bad("it has no publication date"))?;
    let whole = match context.whole {
        Whole::Unsaid { .. } => Whole::Unsaid { sealed: true },
        said => said,
    };
    reading.prices.into_inner().finish(whole, &publication)
}

/// What is known while the file is read.
struct Reading<'a> {
    prices: RefCell<Prices<'a>>,
    products: RefCell<HashMap<String, Product>>,
    publication: RefCell<Option<Publication>>,
    /// Why the reading was given up, where that is no matter of JSON.
    stopped: RefCell<Option<FeedError>>,
}

impl Reading<'_> {
    fn stop<E: Error>(&self, error: FeedError) -> E {
        let text = error.to_string();
        self.stopped.replace(Some(error));
        E::custom(text)
    }

    fn publish<E: Error>(&self, offer: &str, date: &str, version: &str) -> Result<(), E> {
        if offer != "AmazonEC2" {
            let text = format!("it is an offer file of \"{offer}\"; expected AmazonEC2");
            return Err(self.stop(bad(text)));
        }
        let publication = Publication::new(date, version).map_err(|e| self.stop(e))?;
        self.publication.replace(Some(publication));
        Ok(())
    }

    fn product(&self, sku: String, product: &RawProduct) -> Result<(), FeedError> {
        let attributes = product.attributes();
        match judge(attributes) {
            Verdict::Other => {}
            Verdict::LeftOut(why) if attributes.region.is_empty() => {
                return Err(bad(format!("the product {sku} has {why}")));
            }
            Verdict::LeftOut(why) => self.prices.borrow_mut().leave_out(attributes.region, why)?,
            Verdict::Kept(kept) => {
                self.products.borrow_mut().insert(sku, kept);
            }
        }
        Ok(())
    }

    fn term(&self, kind: &str, sku: &str, term: &RawTerm) -> Result<(), FeedError> {
        let products = self.products.borrow();
        let publication = self.publication.borrow();
        let (Some(product), Some(publication)) = (products.get(sku), publication.as_ref()) else {
            return Ok(());
        };
        let mut leases: HashMap<&str, (Lease, Rate<'_>)> = HashMap::new();
        for dimension in term.price_dimensions.values() {
            for (currency, amount) in &dimension.price_per_unit {
                let rate = Rate {
                    sku,
                    term: kind,
                    lease: &term.attributes.lease,
                    payment: &term.attributes.payment,
                    class: &term.attributes.class,
                    effective: &term.effective_date,
                    unit: &dimension.unit,
                    amount,
                    currency,
                };
                leases.entry(currency).or_insert((Lease::default(), rate)).0.add(&rate)?;
            }
        }
        for (lease, rate) in leases.into_values() {
            let mut prices = self.prices.borrow_mut();
            if kind == "Reserved" && !lease.is_whole(rate.payment) {
                prices.leave_out(&product.region, "a lease with one half of its price")?;
                continue;
            }
            prices.put(product, &rate, lease, publication)?;
        }
        Ok(())
    }
}

#[derive(Deserialize)]
struct RawProduct {
    #[serde(rename = "productFamily", default)]
    family: String,
    attributes: RawAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase", default)]
#[derive(Default)]
struct RawAttributes {
    instance_type: String,
    region_code: String,
    operating_system: String,
    tenancy: String,
    license_model: String,
    pre_installed_sw: String,
    capacitystatus: String,
    marketoption: String,
}

impl RawProduct {
    fn attributes(&self) -> Attributes<'_> {
        Attributes {
            family: &self.family,
            instance_type: &self.attributes.instance_type,
            region: &self.attributes.region_code,
            os: &self.attributes.operating_system,
            tenancy: &self.attributes.tenancy,
            licence: &self.attributes.license_model,
            software: &self.attributes.pre_installed_sw,
            capacity: &self.attributes.capacitystatus,
            market: &self.attributes.marketoption,
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawTerm {
    effective_date: String,
    price_dimensions: HashMap<String, RawDimension>,
    #[serde(rename = "termAttributes", default)]
    attributes: RawTermAttributes,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDimension {
    unit: String,
    price_per_unit: HashMap<String, String>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawTermAttributes {
    #[serde(rename = "LeaseContractLength")]
    lease: String,
    #[serde(rename = "PurchaseOption")]
    payment: String,
    #[serde(rename = "OfferingClass")]
    class: String,
}

/// The file itself.
impl<'de> Visitor<'de> for &Reading<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an offer file: an object with products and terms")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let (mut offer, mut date, mut version) = (String::new(), String::new(), String::new());
        let (mut products, mut terms) = (false, false);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "offerCode" => offer = map.next_value()?,
                "publicationDate" => date = map.next_value()?,
                "version" => version = map.next_value()?,
                "products" => {
                    self.publish(&offer, &date, &version)?;
                    map.next_value_seed(Products(self))?;
                    products = true;
                }
                "terms" if !products => {
                    return Err(self.stop(bad("its terms come before its products")));
                }
                "terms" => {
                    map.next_value_seed(Terms(self))?;
                    terms = true;
                }
                _ => drop(map.next_value::<IgnoredAny>()?),
            }
        }
        if products && terms {
            return Ok(());
        }
        Err(self.stop(bad("it is not an offer file: it has no products or no terms")))
    }
}

/// `products`: by SKU.
struct Products<'r, 'a>(&'r Reading<'a>);
/// `terms`: by kind.
struct Terms<'r, 'a>(&'r Reading<'a>);
/// The terms of one kind: by SKU, then by code.
struct TermsOf<'r, 'a>(&'r Reading<'a>, String);

macro_rules! map_seed {
    ($seed:ident) => {
        impl<'de> DeserializeSeed<'de> for $seed<'_, '_> {
            type Value = ();
            fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
                deserializer.deserialize_map(self)
            }
        }
    };
}

map_seed!(Products);
map_seed!(Terms);
map_seed!(TermsOf);

impl<'de> Visitor<'de> for Products<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("products by SKU")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some((sku, product)) = map.next_entry::<String, RawProduct>()? {
            self.0.product(sku, &product).map_err(|e| self.0.stop(e))?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for Terms<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("terms by kind")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(kind) = map.next_key::<String>()? {
            map.next_value_seed(TermsOf(self.0, kind))?;
        }
        Ok(())
    }
}

impl<'de> Visitor<'de> for TermsOf<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("terms by SKU")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        while let Some(sku) = map.next_key::<String>()? {
            if !self.0.products.borrow().contains_key(&sku) {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            for term in map.next_value::<HashMap<String, RawTerm>>()?.into_values() {
                self.0.term(&self.1, &sku, &term).map_err(|e| self.0.stop(e))?;
            }
        }
        Ok(())
    }
}
