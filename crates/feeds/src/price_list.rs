//! The EC2 price list: the rules by which a product is the price of an instance hour, for CSV and
//! JSON.

use std::collections::{BTreeMap, HashMap};
use std::hash::{DefaultHasher, Hash, Hasher};

use domain::{Timestamp, partition_of, region_of_location};

use crate::completeness::{InstanceTypeCounter, ScopeShare};
use crate::product::{NO_PARTITION, instant, licence, os, payment, software};
use crate::rows::{FeedCell, FeedRows, price};
use crate::{BatchSink, Completeness, FeedError, FeedReport, bad};

/// Number of unknown locations that are named; the others are counted together.
const NAMED_LOCATIONS: usize = 16;

/// The name under which further unknown locations are counted.
const OTHER_LOCATIONS: &str = "others";

/// Attributes of a product, as the list spells them.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ProductAttributes<'a> {
    pub(crate) family: &'a str,
    pub(crate) instance_type: &'a str,
    /// The region's code. Lists from before about 2021 have only the location.
    pub(crate) region: &'a str,
    /// The region's name, such as `EU (Ireland)`.
    pub(crate) location: &'a str,
    pub(crate) os: &'a str,
    pub(crate) tenancy: &'a str,
    pub(crate) licence: &'a str,
    pub(crate) software: &'a str,
    pub(crate) capacity: &'a str,
    pub(crate) market: &'a str,
}

/// An instance hour that can be bought, as the dataset spells it.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(crate) struct PricedProduct {
    instance_type: String,
    partition: &'static str,
    pub(crate) region: String,
    os: &'static str,
    tenancy: &'static str,
    licence: &'static str,
    software: &'static str,
}

/// The treatment of a product.
#[derive(Debug, PartialEq)]
enum ProductTreatment<'a> {
    /// Its prices are kept.
    Kept(PricedProduct),
    /// It is no running instance: storage, unused capacity of a reservation, or an instance on a
    /// host.
    Other,
    /// It is an instance in this region, with an unknown attribute.
    LeftOut(&'a str, &'static str),
    /// It is an instance at a location of no known region.
    Unlocated,
}

/// Decides the treatment of a product. One type and system has several products, and only that of
/// `Used` capacity has the price of an instance. The list has used capacity of a reservation at 0,
/// and its unused capacity at the full price.
fn classify(product: ProductAttributes<'_>) -> ProductTreatment<'_> {
    if !matches!(product.family, "Compute Instance" | "Compute Instance (bare metal)")
        || !matches!(product.capacity, "Used" | "")
        || !matches!(product.market, "OnDemand" | "")
    {
        return ProductTreatment::Other;
    }
    let tenancy = match product.tenancy {
        "Shared" => "shared",
        "Dedicated" => "dedicated",
        // Instances on a host cost nothing; the host is a product of its own.
        "Host" => return ProductTreatment::Other,
        _ => "",
    };
    let region = match product.region {
        "" => region_of_location(product.location),
        code => Some(code),
    };
    let Some(region) = region else { return ProductTreatment::Unlocated };
    let left_out = |why| ProductTreatment::LeftOut(region, why);
    if tenancy.is_empty() {
        return left_out("an unknown tenancy");
    }
    let Some(partition) = partition_of(region) else { return left_out(NO_PARTITION) };
    if !product.instance_type.contains('.') {
        return left_out("no instance type");
    }
    let Some(os) = os(product.os) else { return left_out("an unknown operating system") };
    let Some(software) = software(product.software) else { return left_out("unknown software") };
    ProductTreatment::Kept(PricedProduct {
        instance_type: product.instance_type.into(),
        partition,
        region: region.into(),
        os,
        tenancy,
        licence: licence(product.licence, os),
        software,
    })
}

/// A term of a product with one of its rates, as the list spells them.
#[derive(Debug, Clone, Copy)]
pub(crate) struct TermRate<'a> {
    pub(crate) sku: &'a str,
    /// `OnDemand` or `Reserved`.
    pub(crate) term: &'a str,
    /// `1yr` or `3yr`; empty for on-demand.
    pub(crate) lease: &'a str,
    pub(crate) payment: &'a str,
    pub(crate) class: &'a str,
    pub(crate) effective: &'a str,
    /// `Hrs`, or `Quantity` for an upfront payment.
    pub(crate) unit: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) currency: &'a str,
}

/// The known parts of a lease's price.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct LeasePrice {
    pub(crate) hourly: Option<i128>,
    pub(crate) upfront: Option<i128>,
}

impl LeasePrice {
    /// Adds a rate: the hourly price or the upfront payment.
    pub(crate) fn add(&mut self, rate: &TermRate<'_>) -> Result<(), FeedError> {
        let amount = price(rate.amount).ok_or_else(|| {
            bad(format!("the price \"{}\" of {} does not fit DECIMAL(18,10)", rate.amount, rate.sku))
        })?;
        match rate.unit {
            "Quantity" => self.upfront = Some(amount),
            _ => self.hourly = Some(amount),
        }
        Ok(())
    }

    /// Returns whether all parts of the price are known for this payment option.
    pub(crate) fn is_whole(&self, payment: &str) -> bool {
        self.hourly.is_some() && (payment == "No Upfront" || self.upfront.is_some())
    }
}

/// The time and version of a publication.
#[derive(Debug, Clone)]
pub(crate) struct ListPublication {
    pub(crate) at: Timestamp,
    pub(crate) version: String,
}

impl ListPublication {
    pub(crate) fn new(date: &str, version: &str) -> Result<ListPublication, FeedError> {
        let at =
            instant(date).ok_or_else(|| bad(format!("its publication date \"{date}\" is not a time")))?;
        Ok(ListPublication { at, version: version.into() })
    }

    /// Returns the publication with the start of its period as its time, where that is earlier: AWS
    /// publishes a month's list weeks after the month began.
    pub(crate) fn in_force_since(self, start: Option<Timestamp>) -> ListPublication {
        ListPublication { at: start.map_or(self.at, |start| start.min(self.at)), ..self }
    }
}

/// Limit of the prices of a file.
const MOST_PRICES: usize = 14_000_000;

/// Limit of the products of a file, and of the leases that wait for their second rate.
const MOST_PRODUCTS: usize = 2_000_000;

/// Refuses a file with more products than can be remembered.
pub(crate) fn check_products(count: usize) -> Result<(), FeedError> {
    match count > MOST_PRODUCTS {
        true => Err(bad(format!(
            "it has more than {MOST_PRODUCTS} products, the limit of a file; import the list of one region"
        ))),
        false => Ok(()),
    }
}

/// Collects the rows of a price list.
pub(crate) struct PriceListRows<'a> {
    rows: FeedRows<'a>,
    types: InstanceTypeCounter,
    /// The price of each row, by the digest of its other columns.
    seen: HashMap<u64, i64>,
    /// Locations of no known region, with the number of their products.
    unlocated: BTreeMap<String, u64>,
    source: &'a str,
}

impl<'a> PriceListRows<'a> {
    pub(crate) fn new(source: &'a str, sink: BatchSink<'a>) -> PriceListRows<'a> {
        PriceListRows {
            rows: FeedRows::new("price", sink),
            types: InstanceTypeCounter::default(),
            seen: HashMap::new(),
            unlocated: BTreeMap::new(),
            source,
        }
    }

    /// Returns the product to price; `None` for one that is left out. `place` describes its place
    /// in the file for errors.
    pub(crate) fn product(
        &mut self,
        attributes: ProductAttributes<'_>,
        place: &dyn Fn() -> String,
    ) -> Result<Option<PricedProduct>, FeedError> {
        match classify(attributes) {
            ProductTreatment::Kept(product) => return Ok(Some(product)),
            ProductTreatment::Other => {}
            ProductTreatment::LeftOut(region, why) => self.rows.leave_out(region, why),
            ProductTreatment::Unlocated if attributes.location.is_empty() => {
                return Err(bad(format!("{} has no region", place())));
            }
            ProductTreatment::Unlocated => {
                let known = self.unlocated.len() < NAMED_LOCATIONS
                    || self.unlocated.contains_key(attributes.location);
                let name = if known { attributes.location } else { OTHER_LOCATIONS };
                *self.unlocated.entry(name.into()).or_default() += 1;
            }
        }
        Ok(None)
    }

    /// Counts a price that is left out on purpose.
    pub(crate) fn leave_out(&mut self, region: &str, why: &'static str) -> Result<(), FeedError> {
        self.rows.leave_out(region, why);
        Ok(())
    }

    /// Adds a row for a price. Left out instead: unknown terms, incomplete leases, and leases that
    /// cost nothing.
    pub(crate) fn put(
        &mut self,
        product: &PricedProduct,
        rate: &TermRate<'_>,
        lease: LeasePrice,
        publication: &ListPublication,
    ) -> Result<(), FeedError> {
        let region = product.region.as_str();
        let (term, years, payment, class) = match (rate.term, rate.lease) {
            ("OnDemand", _) => ("on-demand", None, None, None),
            ("Reserved", "1yr" | "1 yr") => ("reserved", Some(1), payment(rate.payment), Some(rate.class)),
            ("Reserved", "3yr" | "3 yr") => ("reserved", Some(3), payment(rate.payment), Some(rate.class)),
            _ => return self.leave_out(region, "an unknown term"),
        };
        if years.is_some() && payment.is_none() {
            return self.leave_out(region, "an unknown payment option");
        }
        if rate.unit != "Hrs" && years.is_none() {
            return self.leave_out(region, "a price that is not hourly");
        }
        let (Some(hourly), upfront) = (lease.hourly, lease.upfront) else {
            return self.leave_out(region, "a lease without an hourly price");
        };
        let spread = match (years, upfront) {
            (Some(years), Some(upfront)) => per_hour(upfront, years),
            _ => 0,
        };
        let figure = hourly + spread;
        // An on-demand price of 0 is kept: the warehouse quarantines it.
        if figure < 0 || figure == 0 && years.is_some() {
            return self.leave_out(region, "a price of 0 or below");
        }
        let class = class.map(|class| if class == "convertible" { "convertible" } else { "standard" });
        let mut key = DefaultHasher::new();
        (product, term, years, payment, class, rate.currency).hash(&mut key);
        if self.seen.len() == MOST_PRICES {
            return Err(bad(format!(
                "it has more than {MOST_PRICES} prices, the limit of a file; import the list of one region"
            )));
        }
        // Of two products with the same columns, the first one is kept.
        let figure =
            i64::try_from(figure).map_err(|_| bad(format!("the price of {} is too large", rate.sku)))?;
        match self.seen.insert(key.finish(), figure) {
            Some(other) if other == figure => return Ok(()),
            Some(other) => {
                self.seen.insert(key.finish(), other);
                return self.leave_out(region, "a second price of the same product");
            }
            None => {}
        }
        self.types.count(&product.instance_type);
        let row = [
            FeedCell::Text(product.partition),
            FeedCell::Text(&product.instance_type),
            FeedCell::Text(region),
            FeedCell::Text(product.os),
            FeedCell::Text(product.tenancy),
            FeedCell::Text(product.licence),
            FeedCell::Text(product.software),
            FeedCell::Text(term),
            years.map_or(FeedCell::Null, FeedCell::Int),
            payment.into(),
            class.into(),
            FeedCell::Exact(figure.into()),
            FeedCell::Text(rate.currency),
            FeedCell::At(publication.at),
            FeedCell::Text(self.source),
            FeedCell::Text("published"),
            years.map_or(FeedCell::Null, |_| FeedCell::Exact(upfront.unwrap_or(0))),
            instant(rate.effective).map_or(FeedCell::Null, FeedCell::At),
            FeedCell::Text(rate.sku),
        ];
        self.rows.push(region, publication.at, &row)
    }

    pub(crate) fn finish(
        self,
        whole: Completeness,
        publication: &ListPublication,
    ) -> Result<Vec<FeedReport>, FeedError> {
        let share = self.types.share(whole);
        self.reports(share, publication)
    }

    /// Finishes rows that answer a request for single products. They retire nothing.
    pub(crate) fn finish_picked(self, publication: &ListPublication) -> Result<Vec<FeedReport>, FeedError> {
        self.reports(ScopeShare::Asked, publication)
    }

    /// Returns the reports. A location of no known region may be another name of one of the
    /// regions, so none of them is complete then.
    fn reports(self, share: ScopeShare, publication: &ListPublication) -> Result<Vec<FeedReport>, FeedError> {
        let unlocated: Vec<String> = self
            .unlocated
            .iter()
            .map(|(name, count)| format!("{count} left out: the location \"{name}\" of no known region"))
            .collect();
        let mut reports = self.rows.finish(share, publication.at, Some(&publication.version))?;
        if let (true, Some(first)) = (reports.is_empty(), unlocated.first()) {
            return Err(bad(format!("it has no prices of a known region: {first}")));
        }
        for report in &mut reports {
            report.complete &= unlocated.is_empty();
            report.gaps.extend(unlocated.iter().cloned());
        }
        Ok(reports)
    }
}

/// Spreads an upfront payment over the hours of the lease (365 days per year), in units of 10⁻¹⁰,
/// rounded half to even.
fn per_hour(upfront: i128, years: i64) -> i128 {
    let hours = i128::from(years) * 365 * 24;
    let (whole, rest) = (upfront.div_euclid(hours), upfront.rem_euclid(hours));
    match (rest * 2).cmp(&hours) {
        std::cmp::Ordering::Less => whole,
        std::cmp::Ordering::Greater => whole + 1,
        std::cmp::Ordering::Equal => whole + whole.rem_euclid(2),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spreads_upfront_payments_over_the_lease() {
        assert_eq!(per_hour(8760 * 7, 1), 7);
        assert_eq!(per_hour(8760 * 7 + 4380, 1), 8);
        assert_eq!(per_hour(8760 * 6 + 4380, 1), 6);
        assert_eq!(per_hour(8760 * 6 + 4381, 1), 7);
        assert_eq!(per_hour(26_280, 3), 1);
    }

    #[test]
    fn only_used_capacity_has_the_price_of_an_instance() {
        let product = ProductAttributes {
            family: "Compute Instance",
            instance_type: "m5.large",
            region: "us-east-1",
            location: "US East (N. Virginia)",
            os: "Linux",
            tenancy: "Shared",
            licence: "No License required",
            software: "NA",
            capacity: "Used",
            market: "OnDemand",
        };
        let kept = |product| matches!(classify(product), ProductTreatment::Kept(_));
        assert!(kept(product));
        assert!(kept(ProductAttributes { family: "Compute Instance (bare metal)", ..product }));
        assert!(kept(ProductAttributes { software: "", market: "", ..product }));
        for capacity in ["UnusedCapacityReservation", "AllocatedCapacityReservation"] {
            assert_eq!(classify(ProductAttributes { capacity, ..product }), ProductTreatment::Other);
        }
        assert_eq!(classify(ProductAttributes { tenancy: "Host", ..product }), ProductTreatment::Other);
        assert_eq!(
            classify(ProductAttributes { market: "CapacityBlock", ..product }),
            ProductTreatment::Other
        );
        assert_eq!(classify(ProductAttributes { family: "Storage", ..product }), ProductTreatment::Other);
        assert_eq!(
            classify(ProductAttributes { os: "Plan 9", ..product }),
            ProductTreatment::LeftOut("us-east-1", "an unknown operating system")
        );
        assert_eq!(
            classify(ProductAttributes { region: "zz-east-1", ..product }),
            ProductTreatment::LeftOut("zz-east-1", NO_PARTITION)
        );
    }
}
