//! The prices of `truffle recommend runs`.

use std::collections::BTreeMap;

use catalog::rows::OnDemandPriceRow;
use console::Failure;

use crate::CommandPorts;
use crate::region_scope::rows;

/// The on-demand prices of one region in its currency.
pub(super) struct RegionPrices {
    /// ISO 4217 code.
    pub(super) currency: Option<String>,
    /// Price per hour of each type.
    pub(super) by_type: BTreeMap<String, f64>,
    /// The operating system and the region in words.
    pub(super) scope: String,
}

impl RegionPrices {
    pub(super) fn load(region: &str, os: &str, ports: &CommandPorts<'_>) -> Result<RegionPrices, Failure> {
        let found: Vec<OnDemandPriceRow> =
            rows(ports.answer("price/current", &[("regions", region), ("os", os)])?)?;
        // Prices in two currencies are never compared: the region's own counts, else the first.
        let own = domain::currency_of(region).map(String::from);
        let currency = own.or_else(|| found.iter().map(|row| row.currency.clone()).min());
        let is_own = |row: &&OnDemandPriceRow| Some(&row.currency) == currency.as_ref();
        let price = |row: &OnDemandPriceRow| {
            Some((row.instance_type.clone(), f64::try_from(row.price_per_hour).ok()?))
        };
        let by_type = found.iter().filter(is_own).filter_map(price).collect();
        Ok(RegionPrices { currency, by_type, scope: format!("{os} in {region}") })
    }

    /// Returns why a type has no price.
    pub(super) fn reason(&self, instance_type: &str) -> Option<String> {
        let is_known = self.by_type.contains_key(instance_type);
        (!is_known).then(|| format!("no on-demand price of {instance_type} for {}", self.scope))
    }
}
