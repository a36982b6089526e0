//! On-demand prices of listed instances, from the local warehouse.

use std::collections::{BTreeMap, BTreeSet};

use catalog::rows::OnDemandPriceRow;
use console::{Printer, describe_age};
use domain::{Timestamp, parse_spot_product};
use fleet::instance::InstanceView;

use crate::Ports;
use crate::prices::on_demand_prices;

/// The on-demand prices of some instances: by operating system, region and type.
#[derive(Debug, Default)]
pub(crate) struct OnDemandPrices(BTreeMap<(String, String, String), OnDemandPriceRow>);

impl OnDemandPrices {
    /// Reads the prices of these instances. A warehouse that cannot be read prices nothing, and the
    /// reason is printed.
    pub(crate) fn read(
        seen: &[&InstanceView],
        ports: &Ports<'_>,
        printer: &mut Printer,
        now: Timestamp,
    ) -> OnDemandPrices {
        OnDemandPrices::ask(seen, ports, now).unwrap_or_else(|why| {
            printer.note(&format!("costs are unknown, because the prices cannot be read: {why}"));
            OnDemandPrices::default()
        })
    }

    fn ask(seen: &[&InstanceView], ports: &Ports<'_>, now: Timestamp) -> Result<OnDemandPrices, String> {
        let systems: BTreeSet<&str> = seen.iter().filter_map(|seen| operating_system(seen)).collect();
        if systems.is_empty() {
            return Ok(OnDemandPrices::default());
        }
        let regions: BTreeSet<&str> = seen.iter().map(|seen| seen.region.as_str()).collect();
        let regions = regions.into_iter().collect::<Vec<_>>().join(",");
        let types: BTreeSet<&str> = seen.iter().map(|seen| seen.instance_type.as_str()).collect();
        let warehouse = (ports.warehouse)().map_err(|error| error.to_string())?;
        let mut prices = BTreeMap::new();
        for os in systems {
            let rows = on_demand_prices(&*warehouse, &regions, os, now)?;
            for row in rows.into_iter().filter(|row| types.contains(row.instance_type.as_str())) {
                prices.insert((os.to_string(), row.region.clone(), row.instance_type.clone()), row);
            }
        }
        Ok(OnDemandPrices(prices))
    }

    /// Returns the price of an instance; none for a spot instance, because its price changes.
    pub(crate) fn of(&self, seen: &InstanceView) -> Option<&OnDemandPriceRow> {
        let os = operating_system(seen)?.to_string();
        self.0.get(&(os, seen.region.clone(), seen.instance_type.clone()))
    }

    /// Returns the age of the oldest price, such as `3 weeks`; none without a price.
    pub(crate) fn age(&self, now: Timestamp) -> Option<String> {
        let oldest = self.0.values().map(|row| row.observed_at).min()?;
        Some(describe_age(oldest, now))
    }
}

/// Returns the operating system in the spelling of the price list; none for a spot instance and for
/// a platform without an own price.
fn operating_system(seen: &InstanceView) -> Option<&'static str> {
    if seen.spot.is_some() { None } else { parse_spot_product(seen.platform()) }
}
