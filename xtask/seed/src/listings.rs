//! The two price tables, unpacked but not yet judged.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use domain::Decimal;
use serde_json::Value as Json;

/// Region and instance type, with the names of the source.
pub(crate) type PriceCell = (String, String);

/// A price per hour and its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PriceQuote {
    /// Amount per hour. libcloud contains zeros, which are not prices.
    pub(crate) amount: Decimal,
    /// ISO 4217 code.
    pub(crate) currency: String,
}

/// A source's Linux on-demand prices.
pub(crate) type PriceListing = BTreeMap<PriceCell, PriceQuote>;

/// sparecores-data 0.1.0 names Bahrain `me-central-2`, which is in no partition. Wherever both
/// sources price a type there, its value equals libcloud's for me-south-1, or is lower by the
/// Dedicated surcharge.
const BAHRAIN_MISNAMED: (&str, &str) = ("me-central-2", "me-south-1");

/// Reads the SQLite file of sparecores-data.
pub(crate) fn sparecores(database: &[u8]) -> Result<PriceListing> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(database)?;
    let connection = rusqlite::Connection::open(file.path())?;
    let mut statement = connection.prepare(
        "SELECT datacenter_id, server_id, price, currency FROM server_price
         WHERE vendor_id = 'aws' AND operating_system = 'Linux' AND allocation = 'ONDEMAND' AND duration = 'HOUR'",
    )?;
    let mut rows = statement.query([])?;
    let mut listing = PriceListing::new();
    while let Some(row) = rows.next()? {
        let region: String = row.get(0)?;
        let region = if region == BAHRAIN_MISNAMED.0 { BAHRAIN_MISNAMED.1.to_string() } else { region };
        let quote = PriceQuote { amount: decimal(row.get(2)?)?, currency: row.get(3)? };
        listing.insert((region, row.get(1)?), quote);
    }
    Ok(listing)
}

/// Reads `libcloud/data/pricing.json`. Its keys without a dot are host families, not types.
pub(crate) fn libcloud(pricing: &Json) -> Result<PriceListing> {
    let table = pricing["compute"]["ec2_linux"].as_object().context("no compute.ec2_linux")?;
    let mut listing = PriceListing::new();
    for (instance_type, regions) in table.iter().filter(|(name, _)| name.contains('.')) {
        for (region, price) in regions.as_object().context("no regions under a type")? {
            let amount = decimal(price.as_f64().context("a price that is no number")?)?;
            let quote = PriceQuote { amount, currency: "USD".into() };
            listing.insert((region.clone(), instance_type.clone()), quote);
        }
    }
    Ok(listing)
}

/// Converts a source's double to the shortest decimal that reads back as the same double: this is
/// the decimal that the source started from.
fn decimal(number: f64) -> Result<Decimal> {
    number.to_string().parse().with_context(|| format!("{number} as a price"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_become_their_shortest_decimal() {
        let check = |number: f64, text: &str| assert_eq!(decimal(number).unwrap().to_string(), text);
        check(0.1, "0.1");
        check(0.0052, "0.0052");
        check(407.68, "407.68");
        check(0.000001, "0.000001");
        check(0.0, "0");
    }

    #[test]
    fn leaves_out_host_families_of_libcloud() {
        let json = serde_json::json!({"compute": {"ec2_linux": {
            "m5": {"us-east-1": 5.069}, "m5.large": {"us-east-1": 0.096, "eu-west-1": 0.0}}}});
        let listing = libcloud(&json).unwrap();
        let cells: Vec<&str> = listing.keys().map(|(region, _)| region.as_str()).collect();
        assert_eq!(cells, ["eu-west-1", "us-east-1"]);
        assert_eq!(listing.values().last().unwrap().amount.to_string(), "0.096");
    }
}
