//! The two price tables as they are, unpacked and not yet believed.

use std::collections::BTreeMap;
use std::io::Write;

use anyhow::{Context, Result};
use domain::Decimal;
use serde_json::Value as Json;

/// Region and instance type, as the source names them.
pub(crate) type Cell = (String, String);

/// A price per hour and its currency.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Quote {
    /// Amount per hour. libcloud has zeros, which are no prices.
    pub(crate) amount: Decimal,
    /// ISO 4217 code.
    pub(crate) currency: String,
}

/// A source's Linux on-demand prices.
pub(crate) type Listing = BTreeMap<Cell, Quote>;

/// Bahrain goes by this name in sparecores-data 0.1.0. No partition has such a region, and wherever both
/// sources price a type there, its value is libcloud's for me-south-1 or what Dedicated adds below it.
const BAHRAIN_MISNAMED: (&str, &str) = ("me-central-2", "me-south-1");

/// The SQLite file of sparecores-data.
pub(crate) fn sparecores(database: &[u8]) -> Result<Listing> {
    let mut file = tempfile::NamedTempFile::new()?;
    file.write_all(database)?;
    let connection = rusqlite::Connection::open(file.path())?;
    let mut statement = connection.prepare(
        "SELECT datacenter_id, server_id, price, currency FROM server_price
         WHERE vendor_id = 'aws' AND operating_system = 'Linux' AND allocation = 'ONDEMAND' AND duration = 'HOUR'",
    )?;
    let mut rows = statement.query([])?;
    let mut listing = Listing::new();
    while let Some(row) = rows.next()? {
        let region: String = row.get(0)?;
        let region = if region == BAHRAIN_MISNAMED.0 { BAHRAIN_MISNAMED.1.to_string() } else { region };
        let quote = Quote { amount: decimal(row.get(2)?)?, currency: row.get(3)? };
        listing.insert((region, row.get(1)?), quote);
    }
    Ok(listing)
}

/// `libcloud/data/pricing.json`. Its keys without a dot are host families, not types.
pub(crate) fn libcloud(pricing: &Json) -> Result<Listing> {
    let table = pricing["compute"]["ec2_linux"].as_object().context("no compute.ec2_linux")?;
    let mut listing = Listing::new();
    for (instance_type, regions) in table.iter().filter(|(name, _)| name.contains('.')) {
        for (region, price) in regions.as_object().context("no regions under a type")? {
            let amount = decimal(price.as_f64().context("a price that is no number")?)?;
            let quote = Quote { amount, currency: "USD".into() };
            listing.insert((region.clone(), instance_type.clone()), quote);
        }
    }
    Ok(listing)
}

/// Both sources hold doubles; the shortest decimal that reads back as the double is what was written down.
fn decimal(number: f64) -> Result<Decimal> {
    number.to_string().parse().with_context(|| format!("{number} as a price"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn doubles_become_what_was_written_down() {
        let check = |number: f64, text: &str| assert_eq!(decimal(number).unwrap().to_string(), text);
        check(0.1, "0.1");
        check(0.0052, "0.0052");
        check(407.68, "407.68");
        check(0.000001, "0.000001");
        check(0.0, "0");
    }

    #[test]
    fn libcloud_hosts_are_left_out() {
        let json = serde_json::json!({"compute": {"ec2_linux": {
            "m5": {"us-east-1": 5.069}, "m5.large": {"us-east-1": 0.096, "eu-west-1": 0.0}}}});
        let listing = libcloud(&json).unwrap();
        let cells: Vec<&str> = listing.keys().map(|(region, _)| region.as_str()).collect();
        assert_eq!(cells, ["eu-west-1", "us-east-1"]);
        assert_eq!(listing.values().last().unwrap().amount.to_string(), "0.096");
    }
}
