//! The EC2 price list: what of it is a price of an instance hour, whichever file it is in.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::BufRead;

use domain::Timestamp;

use crate::product::{instant, licence, os, partition, payment, software};
use crate::rows::{Cell, Rows, price};
use crate::whole::{Share, Types};
use crate::{BatchSink, Context, FeedError, Spoken, Whole, bad, offer_csv, offer_json};

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    let start = reader.fill_buf()?;
    match start.iter().find(|byte| !byte.is_ascii_whitespace()) {
        None => Err(bad("it is empty; expected an offer file of AmazonEC2, CSV or JSON")),
        Some(b'{') => offer_json::read(reader, context, sink),
        Some(_) => offer_csv::read(reader, context, sink),
    }
}

/// What a list says of a product, in its own words.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Attributes<'a> {
    pub(crate) family: &'a str,
    pub(crate) instance_type: &'a str,
    pub(crate) region: &'a str,
    pub(crate) os: &'a str,
    pub(crate) tenancy: &'a str,
    pub(crate) licence: &'a str,
    pub(crate) software: &'a str,
    pub(crate) capacity: &'a str,
    pub(crate) market: &'a str,
}

/// An instance hour that can be bought, in the words of the dataset.
#[derive(Debug, Clone, PartialEq, Hash)]
pub(crate) struct Product {
    instance_type: String,
    pub(crate) region: String,
    os: &'static str,
    tenancy: &'static str,
    licence: &'static str,
    software: &'static str,
}

/// What becomes of a product.
#[derive(Debug, PartialEq)]
pub(crate) enum Verdict {
    /// Its prices are kept.
    Kept(Product),
    /// It is no running instance: storage, a reservation's idle hours, a host's guests.
    Other,
    /// It is an instance, and is not understood.
    LeftOut(&'static str),
}

/// Judges a product. For one type and system there are several: only `Used` capacity is what an instance
/// costs (a reservation's used hours are listed at 0, its unused ones at the full price).
pub(crate) fn judge(product: Attributes<'_>) -> Verdict {
    if !matches!(product.family, "Compute Instance" | "Compute Instance (bare metal)")
        || !matches!(product.capacity, "Used" | "")
        || !matches!(product.market, "OnDemand" | "")
    {
        return Verdict::Other;
    }
    let tenancy = match product.tenancy {
        "Shared" => "shared",
        "Dedicated" => "dedicated",
        // Guests of a host cost nothing; the host is a product of its own.
        "Host" => return Verdict::Other,
        _ => return Verdict::LeftOut("a tenancy that is not known"),
    };
    if product.region.is_empty() {
        return Verdict::LeftOut("no region");
    }
    if !product.instance_type.contains('.') {
        return Verdict::LeftOut("no instance type");
    }
    let Some(os) = os(product.os) else { return Verdict::LeftOut("an operating system that is not known") };
    let Some(software) = software(product.software) else {
        return Verdict::LeftOut("software that is not known");
    };
    Verdict::Kept(Product {
        instance_type: product.instance_type.into(),
        region: product.region.into(),
        os,
        tenancy,
        licence: licence(product.licence, os),
        software,
    })
}

/// What is paid, and for what: a term of a product with one of its rates, in the list's own words.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate<'a> {
    pub(crate) sku: &'a str,
    /// `OnDemand` or `Reserved`.
    pub(crate) term: &'a str,
    /// `1yr` or `3yr`; empty on demand.
    pub(crate) lease: &'a str,
    pub(crate) payment: &'a str,
    pub(crate) class: &'a str,
    pub(crate) effective: &'a str,
    /// `Hrs`, or `Quantity` for what is paid at the start.
    pub(crate) unit: &'a str,
    pub(crate) amount: &'a str,
    pub(crate) currency: &'a str,
}

/// The part of a lease's price that is known so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Lease {
    pub(crate) hourly: Option<i128>,
    pub(crate) upfront: Option<i128>,
}

impl Lease {
    /// Adds a rate: what is paid by the hour, or at the start.
    pub(crate) fn add(&mut self, rate: &Rate<'_>) -> Result<(), FeedError> {
        let amount = price(rate.amount).ok_or_else(|| {
            bad(format!("the price \"{}\" of {} does not fit DECIMAL(18,10)", rate.amount, rate.sku))
        })?;
        match rate.unit {
            "Quantity" => self.upfront = Some(amount),
            _ => self.hourly = Some(amount),
        }
        Ok(())
    }

    /// Whether nothing more is to come for this way of paying.
    pub(crate) fn is_whole(&self, payment: &str) -> bool {
        self.hourly.is_some() && (payment == "No Upfront" || self.upfront.is_some())
    }
}

/// A publication: when it was made and how it is called.
#[derive(Debug, Clone)]
pub(crate) struct Publication {
    pub(crate) at: Timestamp,
    pub(crate) version: String,
}

impl Publication {
    pub(crate) fn new(date: &str, version: &str) -> Result<Publication, FeedError> {
        let at =
            instant(date).ok_or_else(|| bad(format!("its publication date \"{date}\" is not a time")))?;
        Ok(Publication { at, version: version.into() })
    }
}

/// The rows of a price list.
pub(crate) struct Prices<'a> {
    rows: Rows<'a>,
    types: Types,
    /// What was handed over: the price by the digest of what it is for.
    seen: HashMap<u64, i128>,
    source: &'a str,
}

impl<'a> Prices<'a> {
    pub(crate) fn new(source: &'a str, sink: BatchSink<'a>) -> Prices<'a> {
        Prices { rows: Rows::new("price", sink), types: Types::default(), seen: HashMap::new(), source }
    }

    /// Counts what was left out on purpose.
    pub(crate) fn leave_out(&mut self, region: &str, why: &'static str) -> Result<(), FeedError> {
        self.rows.leave_out(region, why);
        Ok(())
    }

    /// Adds the row of a price, if it is one.
    pub(crate) fn put(
        &mut self,
        product: &Product,
        rate: &Rate<'_>,
        lease: Lease,
        publication: &Publication,
    ) -> Result<(), FeedError> {
        let region = product.region.as_str();
        let (term, years, payment, class) = match (rate.term, rate.lease) {
            ("OnDemand", _) => ("on-demand", None, None, None),
            ("Reserved", "1yr" | "1 yr") => ("reserved", Some(1), payment(rate.payment), Some(rate.class)),
            ("Reserved", "3yr" | "3 yr") => ("reserved", Some(3), payment(rate.payment), Some(rate.class)),
            _ => return self.leave_out(region, "a term that is not known"),
        };
        if years.is_some() && payment.is_none() {
            return self.leave_out(region, "a way of paying that is not known");
        }
        if rate.unit != "Hrs" && years.is_none() {
            return self.leave_out(region, "a price that is not by the hour");
        }
        let (Some(hourly), upfront) = (lease.hourly, lease.upfront) else {
            return self.leave_out(region, "a lease without its price by the hour");
        };
        let spread = match (years, upfront) {
            (Some(years), Some(upfront)) => per_hour(upfront, years),
            _ => 0,
        };
        let figure = hourly + spread;
        // Nothing to pay for an hour on demand is handed over: it is the warehouse that holds such a price back.
        if figure < 0 || figure == 0 && years.is_some() {
            return self.leave_out(region, "a price of 0 or below");
        }
        let class = class.map(|class| if class == "convertible" { "convertible" } else { "standard" });
        let mut key = DefaultHasher::new();
        (product, term, years, payment, class, rate.currency).hash(&mut key);
        // Two products that differ in nothing that a person could ask for: whichever stands first is kept.
        match self.seen.insert(key.finish(), figure) {
            Some(other) if other == figure => return Ok(()),
            Some(other) => {
                self.seen.insert(key.finish(), other);
                return self.leave_out(region, "another product of the same kind has another price");
            }
            None => {}
        }
        self.types.see(&product.instance_type);
        let row = [
            Cell::Text(partition(region)),
            Cell::Text(&product.instance_type),
            Cell::Text(region),
            Cell::Text(product.os),
            Cell::Text(product.tenancy),
            Cell::Text(product.licence),
            Cell::Text(product.software),
            Cell::Text(term),
            years.map_or(Cell::Null, Cell::Int),
            payment.into(),
            class.into(),
            Cell::Exact(figure),
            Cell::Text(rate.currency),
            Cell::At(publication.at),
            Cell::Text(self.source),
            Cell::Text("published"),
            years.map_or(Cell::Null, |_| Cell::Exact(upfront.unwrap_or(0))),
            instant(rate.effective).map_or(Cell::Null, Cell::At),
            Cell::Text(rate.sku),
        ];
        self.rows.push(region, publication.at, &row)
    }

    pub(crate) fn finish(self, whole: Whole, publication: &Publication) -> Result<Vec<Spoken>, FeedError> {
        self.rows.finish(self.types.share(whole), publication.at, Some(&publication.version))
    }

    /// Of what was picked from the list: it is all that was asked for, and retires nothing.
    pub(crate) fn finish_picked(self, publication: &Publication) -> Result<Vec<Spoken>, FeedError> {
        self.rows.finish(Share::Asked, publication.at, Some(&publication.version))
    }
}

/// What is paid at the start, spread over the hours of the lease (365 days a year), to the nearest
/// ten-thousand-millionth; a half goes to the even one.
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
    fn what_is_paid_at_the_start_is_spread() {
        assert_eq!(per_hour(8760 * 7, 1), 7);
        assert_eq!(per_hour(8760 * 7 + 4380, 1), 8);
        assert_eq!(per_hour(8760 * 6 + 4380, 1), 6);
        assert_eq!(per_hour(8760 * 6 + 4381, 1), 7);
        assert_eq!(per_hour(26_280, 3), 1);
    }

    #[test]
    fn only_used_capacity_is_what_an_instance_costs() {
        let product = Attributes {
            family: "Compute Instance",
            instance_type: "m5.large",
            region: "us-east-1",
            os: "Linux",
            tenancy: "Shared",
            licence: "No License required",
            software: "NA",
            capacity: "Used",
            market: "OnDemand",
        };
        let kept = |product| matches!(judge(product), Verdict::Kept(_));
        assert!(kept(product));
        assert!(kept(Attributes { family: "Compute Instance (bare metal)", ..product }));
        assert!(kept(Attributes { software: "", market: "", ..product }));
        for capacity in ["UnusedCapacityReservation", "AllocatedCapacityReservation"] {
            assert_eq!(judge(Attributes { capacity, ..product }), Verdict::Other);
        }
        assert_eq!(judge(Attributes { tenancy: "Host", ..product }), Verdict::Other);
        assert_eq!(judge(Attributes { market: "CapacityBlock", ..product }), Verdict::Other);
        assert_eq!(judge(Attributes { family: "Storage", ..product }), Verdict::Other);
        assert_eq!(
            judge(Attributes { os: "Plan 9", ..product }),
            Verdict::LeftOut("an operating system that is not known")
        );
    }
}
