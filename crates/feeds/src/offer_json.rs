//! Offer files as JSON, parsed while they are read: half a gigabyte contains a map of products,
//! then maps of terms. Only the columns of the dataset stay in memory.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::io::BufRead;
use std::marker::PhantomData;

use domain::Timestamp;
use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, MapAccess, Visitor};

use crate::json_reader::JsonReader;
use crate::price_list::{
    LeasePrice, ListPublication, PriceListRows, PricedProduct, ProductAttributes, TermRate, check_products,
};
use crate::{BatchSink, Completeness, FeedContext, FeedError, FeedReport, bad};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut reading = OfferParser {
        prices: PriceListRows::new(context.source, sink),
        products: None,
        publication: None,
        in_force: context.in_force,
        about: OfferHeader::default(),
        terms: false,
    };
    let mut json = JsonReader::new(reader, "an offer file");
    json.object(&mut |json, key| reading.member(json, key))?;
    json.end()?;
    let (Some(publication), true) = (reading.publication, reading.terms) else {
        return Err(bad("it is not an offer file: it has no products or no terms"));
    };
    let whole = match context.whole {
        Completeness::Unsaid { .. } => Completeness::Unsaid { sealed: true },
        said => said,
    };
    reading.prices.finish(whole, &publication)
}

/// Parses products one after another, each with its own terms and publication.
pub(crate) fn read_products(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut json = JsonReader::new(reader, "the output of GetProducts");
    let mut prices = PriceListRows::new(context.source, sink);
    let mut newest: Option<ListPublication> = None;
    while json.has_more()? {
        let listed: RawListedProduct<'_> = json.read()?;
        let publication = ListPublication::new(&listed.publication_date, &listed.version)?;
        put_listed(&mut prices, &listed, &publication)?;
        if newest.as_ref().is_none_or(|known| known.at < publication.at) {
            newest = Some(publication);
        }
    }
    let newest = newest.ok_or_else(|| bad("it contains no product; expected the output of GetProducts"))?;
    prices.finish_picked(&newest)
}

fn put_listed(
    prices: &mut PriceListRows<'_>,
    listed: &RawListedProduct<'_>,
    publication: &ListPublication,
) -> Result<(), FeedError> {
    let sku = listed.product.sku.as_ref();
    let place = || format!("the product {sku}");
    let Some(product) = prices.product(listed.product.attributes(), &place)? else { return Ok(()) };
    for (JsonText(kind), terms) in &listed.terms.0 {
        for (_, term) in &terms.0 {
            put(prices, &product, publication, kind, sku, term)?;
        }
    }
    Ok(())
}

/// The file's facts about itself.
#[derive(Default)]
struct OfferHeader {
    offer: String,
    date: String,
    version: String,
}

/// State of the parser.
struct OfferParser<'a> {
    prices: PriceListRows<'a>,
    /// By SKU; `None` before the products were read.
    products: Option<HashMap<String, PricedProduct>>,
    publication: Option<ListPublication>,
    in_force: Option<Timestamp>,
    about: OfferHeader,
    terms: bool,
}

impl OfferParser<'_> {
    /// Reads a member of the top-level object.
    fn member(&mut self, json: &mut JsonReader<'_>, key: &str) -> Result<(), FeedError> {
        match key {
            "offerCode" => self.about.offer = json.read()?,
            "publicationDate" => self.about.date = json.read()?,
            "version" => self.about.version = json.read()?,
            "products" => {
                self.publish()?;
                self.products.get_or_insert_default();
                json.object(&mut |json, sku| self.product(sku, &json.read()?))?;
            }
            "terms" if self.products.is_none() => return Err(bad("its terms come before its products")),
            "terms" => {
                json.object(&mut |json, kind| json.object(&mut |json, sku| self.terms_of(json, kind, sku)))?;
                self.terms = true;
            }
            _ => json.skip()?,
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), FeedError> {
        let OfferHeader { offer, date, version } = &self.about;
        if offer != "AmazonEC2" {
            return Err(bad(format!("it is an offer file of \"{offer}\"; expected AmazonEC2")));
        }
        self.publication = Some(ListPublication::new(date, version)?.in_force_since(self.in_force));
        Ok(())
    }

    fn product(&mut self, sku: &str, product: &RawOfferProduct<'_>) -> Result<(), FeedError> {
        if let Some(kept) = self.prices.product(product.attributes(), &|| format!("the product {sku}"))? {
            let products = self.products.get_or_insert_default();
            products.insert(sku.into(), kept);
            check_products(products.len())?;
        }
        Ok(())
    }

    /// Reads the terms of a product.
    fn terms_of(&mut self, json: &mut JsonReader<'_>, kind: &str, sku: &str) -> Result<(), FeedError> {
        let product = self.products.as_ref().and_then(|products| products.get(sku));
        let (Some(product), Some(publication)) = (product, &self.publication) else { return json.skip() };
        for (_, term) in &json.read::<JsonEntries<IgnoredAny, RawOfferTerm<'_>>>()?.0 {
            put(&mut self.prices, product, publication, kind, sku, term)?;
        }
        Ok(())
    }
}

fn put(
    prices: &mut PriceListRows<'_>,
    product: &PricedProduct,
    publication: &ListPublication,
    kind: &str,
    sku: &str,
    term: &RawOfferTerm<'_>,
) -> Result<(), FeedError> {
    let mut leases: Vec<(LeasePrice, TermRate<'_>)> = Vec::new();
    for (_, dimension) in &term.price_dimensions.0 {
        for (JsonText(currency), JsonText(amount)) in &dimension.price_per_unit.0 {
            let rate = TermRate {
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
            match leases.iter_mut().find(|(_, other)| other.currency == rate.currency) {
                Some((lease, _)) => lease.add(&rate)?,
                None => {
                    let mut lease = LeasePrice::default();
                    lease.add(&rate)?;
                    leases.push((lease, rate));
                }
            }
        }
    }
    for (lease, rate) in leases {
        if kind == "Reserved" && !lease.is_whole(rate.payment) {
            prices.leave_out(&product.region, "a lease with an incomplete price")?;
            continue;
        }
        prices.put(product, &rate, lease, publication)?;
    }
    Ok(())
}

/// The entries of an object, in their order.
struct JsonEntries<K, V>(Vec<(K, V)>);

impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Deserialize<'de> for JsonEntries<K, V> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct JsonEntriesVisitor<K, V>(PhantomData<(K, V)>);
        impl<'de, K: Deserialize<'de>, V: Deserialize<'de>> Visitor<'de> for JsonEntriesVisitor<K, V> {
            type Value = JsonEntries<K, V>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = Vec::new();
                while let Some(entry) = map.next_entry()? {
                    entries.push(entry);
                }
                Ok(JsonEntries(entries))
            }
        }
        deserializer.deserialize_map(JsonEntriesVisitor(PhantomData))
    }
}

/// A text that is copied only if it contains escapes.
#[derive(Deserialize)]
struct JsonText<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
struct RawOfferProduct<'a> {
    #[serde(borrow, default)]
    sku: Cow<'a, str>,
    #[serde(rename = "productFamily", borrow, default)]
    family: Cow<'a, str>,
    #[serde(borrow)]
    attributes: RawOfferAttributes<'a>,
}

/// A product as GetProducts returns it, with its terms by kind and number.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawListedProduct<'a> {
    #[serde(borrow)]
    product: RawOfferProduct<'a>,
    #[serde(borrow)]
    terms: JsonEntries<JsonText<'a>, JsonEntries<IgnoredAny, RawOfferTerm<'a>>>,
    #[serde(borrow)]
    publication_date: Cow<'a, str>,
    #[serde(borrow)]
    version: Cow<'a, str>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "camelCase", default)]
struct RawOfferAttributes<'a> {
    #[serde(borrow)]
    instance_type: Cow<'a, str>,
    #[serde(borrow)]
    region_code: Cow<'a, str>,
    #[serde(borrow)]
    location: Cow<'a, str>,
    #[serde(borrow)]
    operating_system: Cow<'a, str>,
    #[serde(borrow)]
    tenancy: Cow<'a, str>,
    #[serde(borrow)]
    license_model: Cow<'a, str>,
    #[serde(borrow)]
    pre_installed_sw: Cow<'a, str>,
    #[serde(borrow)]
    capacitystatus: Cow<'a, str>,
    #[serde(borrow)]
    marketoption: Cow<'a, str>,
}

impl RawOfferProduct<'_> {
    fn attributes(&self) -> ProductAttributes<'_> {
        ProductAttributes {
            family: &self.family,
            instance_type: &self.attributes.instance_type,
            region: &self.attributes.region_code,
            location: &self.attributes.location,
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
struct RawOfferTerm<'a> {
    #[serde(borrow)]
    effective_date: Cow<'a, str>,
    #[serde(borrow)]
    price_dimensions: JsonEntries<IgnoredAny, RawPriceDimension<'a>>,
    #[serde(rename = "termAttributes", borrow, default)]
    attributes: RawTermAttributes<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawPriceDimension<'a> {
    #[serde(borrow)]
    unit: Cow<'a, str>,
    #[serde(borrow)]
    price_per_unit: JsonEntries<JsonText<'a>, JsonText<'a>>,
}

#[derive(Deserialize, Default)]
#[serde(default)]
struct RawTermAttributes<'a> {
    #[serde(rename = "LeaseContractLength", borrow)]
    lease: Cow<'a, str>,
    #[serde(rename = "PurchaseOption", borrow)]
    payment: Cow<'a, str>,
    #[serde(rename = "OfferingClass", borrow)]
    class: Cow<'a, str>,
}
