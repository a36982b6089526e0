//! Offer files as CSV: five rows about the file, a header, and a row per rate. Columns change from
//! month to month, so they are found by name.

use std::collections::HashMap;
use std::io::BufRead;

use csv::{ByteRecord, ReaderBuilder};

use crate::csv_table::CsvTable;
use crate::price_list::{
    LeasePrice, ListPublication, PriceListRows, PricedProduct, ProductAttributes, TermRate, check_products,
};
use crate::{BatchSink, FeedContext, FeedError, FeedReport, bad};

/// A CSV file of the price list, positioned after its header.
pub(crate) struct OfferSheet<'a> {
    table: CsvTable<&'a mut dyn BufRead>,
    pub(crate) publication: ListPublication,
    header: ByteRecord,
}

impl<'a> OfferSheet<'a> {
    /// Reads the rows about the file and the header. `offer` is the expected beginning of the
    /// OfferCode.
    pub(crate) fn open(reader: &'a mut dyn BufRead, offer: &str) -> Result<OfferSheet<'a>, FeedError> {
        let mut table = CsvTable::new(ReaderBuilder::new().has_headers(false).flexible(true), reader);
        let mut about: HashMap<String, String> = HashMap::new();
        for _ in 0..5 {
            table.advance()?;
            about.insert(table.text(0)?.to_string(), table.text(1)?.to_string());
        }
        let found = about.get("OfferCode").map(String::as_str).unwrap_or_default();
        if !found.starts_with(offer) {
            let expected = format!("expected an offer file of {offer}");
            return Err(bad(match found {
                "" => format!("it does not begin like an offer file; {expected}"),
                found => format!("it is an offer file of {found}; {expected}"),
            }));
        }
        let said = |name: &str| about.get(name).map(String::as_str).unwrap_or_default();
        let publication = ListPublication::new(said("Publication Date"), said("Version"))?;
        if !table.advance()? {
            return Err(bad("it ends before its header"));
        }
        let header = table.row().clone();
        Ok(OfferSheet { table, publication, header })
    }

    /// Returns the position of an optional column.
    pub(crate) fn column(&self, name: &str) -> Option<usize> {
        self.header.iter().position(|column| column == name.as_bytes())
    }

    /// Returns the position of a required column.
    pub(crate) fn needed(&self, name: &str) -> Result<usize, FeedError> {
        self.column(name).ok_or_else(|| bad(format!("it has no column \"{name}\"")))
    }

    /// Reads the next row. Returns false after the last one.
    pub(crate) fn advance(&mut self) -> Result<bool, FeedError> {
        if !self.table.advance()? {
            return self.table.check_end().map(|()| false);
        }
        let (found, expected) = (self.table.row().len(), self.header.len());
        if found != expected {
            return Err(bad(format!(
                "line {} has {found} fields and its header has {expected}",
                self.line()
            )));
        }
        Ok(true)
    }

    /// Returns a field of the current row.
    pub(crate) fn field(&self, column: usize) -> Result<&str, FeedError> {
        self.table.text(column)
    }

    /// Returns the line number of the current row.
    pub(crate) fn line(&self) -> u64 {
        self.table.line()
    }
}

/// Positions of the columns.
struct OfferColumns {
    family: usize,
    instance_type: usize,
    region: Option<usize>,
    location: Option<usize>,
    os: usize,
    tenancy: usize,
    licence: usize,
    software: usize,
    capacity: Option<usize>,
    market: Option<usize>,
    sku: usize,
    code: usize,
    term: usize,
    lease: usize,
    payment: usize,
    class: usize,
    effective: usize,
    unit: usize,
    amount: usize,
    currency: usize,
}

impl OfferColumns {
    fn of(sheet: &OfferSheet<'_>) -> Result<OfferColumns, FeedError> {
        let (region, location) = (sheet.column("Region Code"), sheet.column("Location"));
        if region.is_none() && location.is_none() {
            return Err(bad("it has neither a column \"Region Code\" nor a column \"Location\""));
        }
        Ok(OfferColumns {
            region,
            location,
            family: sheet.needed("Product Family")?,
            instance_type: sheet.needed("Instance Type")?,
            os: sheet.needed("Operating System")?,
            tenancy: sheet.needed("Tenancy")?,
            licence: sheet.needed("License Model")?,
            software: sheet.needed("Pre Installed S/W")?,
            capacity: sheet.column("CapacityStatus"),
            market: sheet.column("MarketOption"),
            sku: sheet.needed("SKU")?,
            code: sheet.needed("OfferTermCode")?,
            term: sheet.needed("TermType")?,
            lease: sheet.needed("LeaseContractLength")?,
            payment: sheet.needed("PurchaseOption")?,
            class: sheet.needed("OfferingClass")?,
            effective: sheet.needed("EffectiveDate")?,
            unit: sheet.needed("Unit")?,
            amount: sheet.needed("PricePerUnit")?,
            currency: sheet.needed("Currency")?,
        })
    }

    fn product<'s>(&self, sheet: &'s OfferSheet<'_>) -> Result<ProductAttributes<'s>, FeedError> {
        let optional = |column: Option<usize>| column.map_or(Ok(""), |column| sheet.field(column));
        Ok(ProductAttributes {
            family: sheet.field(self.family)?,
            instance_type: sheet.field(self.instance_type)?,
            region: optional(self.region)?,
            location: optional(self.location)?,
            os: sheet.field(self.os)?,
            tenancy: sheet.field(self.tenancy)?,
            licence: sheet.field(self.licence)?,
            software: sheet.field(self.software)?,
            capacity: optional(self.capacity)?,
            market: optional(self.market)?,
        })
    }

    fn rate<'s>(&self, sheet: &'s OfferSheet<'_>) -> Result<TermRate<'s>, FeedError> {
        Ok(TermRate {
            sku: sheet.field(self.sku)?,
            term: sheet.field(self.term)?,
            lease: sheet.field(self.lease)?,
            payment: sheet.field(self.payment)?,
            class: sheet.field(self.class)?,
            effective: sheet.field(self.effective)?,
            unit: sheet.field(self.unit)?,
            amount: sheet.field(self.amount)?,
            currency: sheet.field(self.currency)?,
        })
    }
}

pub(crate) fn read(
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    let mut sheet = OfferSheet::open(reader, "AmazonEC2")?;
    let publication = sheet.publication.clone().in_force_since(context.in_force);
    let columns = OfferColumns::of(&sheet)?;
    let mut prices = PriceListRows::new(context.source, sink);
    // The two rates of a lease are separate rows, which need not be adjacent.
    let mut halves: HashMap<String, (PricedProduct, LeasePrice)> = HashMap::new();
    while sheet.advance()? {
        let place = || format!("the row of line {}", sheet.line());
        let Some(product) = prices.product(columns.product(&sheet)?, &place)? else { continue };
        let rate = columns.rate(&sheet)?;
        let key = format!("{}.{}.{}", rate.sku, sheet.field(columns.code)?, rate.currency);
        let (product, mut lease) = halves.remove(&key).unwrap_or((product, LeasePrice::default()));
        lease.add(&rate)?;
        if rate.term == "OnDemand" || lease.is_whole(rate.payment) {
            prices.put(&product, &rate, lease, &publication)?;
        } else {
            halves.insert(key, (product, lease));
            check_products(halves.len())?;
        }
    }
    for (product, _) in halves.values() {
        prices.leave_out(&product.region, "a lease with an incomplete price")?;
    }
    prices.finish(context.whole, &publication)
}
