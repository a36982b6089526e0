use std::collections::{BTreeMap, BTreeSet};

use catalog::rows::SpotPrice;
use catalog::{Page, Row, json_text};
use domain::{Decimal, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// What the sandbox knows of AWS itself: plain data that the caller hands over, because this room reads
/// neither a lake nor a warehouse.
#[derive(Debug, Clone, Default)]
pub struct Facts {
    /// Regions, by code.
    pub regions: BTreeMap<String, RegionFact>,
    /// Zone ids of each region, in order.
    pub zones: BTreeMap<String, Vec<String>>,
    /// Instance types, by name.
    pub types: BTreeMap<String, TypeFact>,
    /// Which zone ids of a region offer a type: region, type, zone ids.
    pub offerings: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// On-demand prices of an hour, Linux, shared tenancy, USD: region, type.
    pub prices: BTreeMap<String, BTreeMap<String, Decimal>>,
    /// Observed spot prices; a series of Linux without any has made-up ones, parts of the on-demand price.
    pub spot: BTreeMap<SpotSeries, Vec<(Timestamp, Decimal)>>,
}

/// A region.
#[derive(Debug, Clone, Deserialize)]
pub struct RegionFact {
    /// Its code.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The name that AWS shows.
    pub name: String,
}

/// What has a spot price of its own; the prices are USD an hour, in the order of time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpotSeries {
    /// The zone id.
    pub az_id: String,
    /// The instance type.
    pub instance_type: String,
    /// `linux`, `windows`, `rhel` or `suse`.
    pub product: String,
}

/// An instance type: the columns of the dataset `instance_type`, under the same names. Columns that are
/// not named here are not needed.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default)]
#[expect(missing_docs, reason = "the dataset `instance_type` of catalog documents each of them")]
pub struct TypeFact {
    pub instance_type: String,
    pub current_generation: bool,
    pub vcpus: i64,
    pub cores: i64,
    pub threads_per_core: i64,
    pub valid_cores: Vec<i64>,
    pub memory_mib: i64,
    pub arch: String,
    pub architectures: Vec<String>,
    pub cpu_maker: String,
    pub clock_ghz: Option<f64>,
    pub processor_features: Vec<String>,
    pub bare_metal: bool,
    pub hypervisor: Option<String>,
    pub burstable: bool,
    pub free_tier: bool,
    pub auto_recovery: bool,
    pub dedicated_hosts: bool,
    pub hibernation: bool,
    pub usage_classes: Vec<String>,
    pub root_devices: Vec<String>,
    pub virtualization: Vec<String>,
    pub boot_modes: Vec<String>,
    pub placement_strategies: Vec<String>,
    pub nitro_enclaves: bool,
    pub nitro_tpm: bool,
    pub reboot_migration: bool,
    pub network_performance: String,
    pub network_baseline_gbps: Option<f64>,
    pub network_peak_gbps: Option<f64>,
    pub network_cards: i64,
    pub network_interfaces: i64,
    pub ipv4_per_interface: i64,
    pub ipv6_per_interface: i64,
    pub ipv6: bool,
    pub ena: String,
    pub ena_srd: bool,
    pub efa: bool,
    pub efa_interfaces: Option<i64>,
    pub encryption_in_transit: bool,
    pub bandwidth_weightings: Vec<String>,
    pub ebs_optimized: String,
    pub ebs_nvme: String,
    pub ebs_attachments: Option<i64>,
    pub ebs_baseline_mbps: Option<i64>,
    pub ebs_max_mbps: Option<i64>,
    pub ebs_baseline_iops: Option<i64>,
    pub ebs_max_iops: Option<i64>,
    pub ebs_baseline_mbytes: Option<f64>,
    pub ebs_max_mbytes: Option<f64>,
    pub storage_gb: i64,
    pub storage_disks: i64,
    pub storage_disk_gb: Option<i64>,
    pub storage_type: Option<String>,
    pub storage_nvme: Option<String>,
    pub storage_encryption: Option<String>,
    pub gpu_model: Option<String>,
    pub gpu_maker: Option<String>,
    pub gpu_count_reported: Option<i64>,
    pub gpu_logical_count: Option<i64>,
    pub gpu_partition_size: Option<f64>,
    pub gpu_memory_each_mib_reported: Option<i64>,
    pub gpu_memory_mib_reported: Option<i64>,
    pub inference_model: Option<String>,
    pub inference_maker: Option<String>,
    pub inference_accelerators: i64,
    pub inference_memory_mib: Option<i64>,
    pub neuron_model: Option<String>,
    pub neuron_devices: i64,
    pub neuron_cores: i64,
    pub neuron_memory_mib: Option<i64>,
    pub fpga_model: Option<String>,
    pub fpgas: i64,
    pub media_model: Option<String>,
    pub media_accelerators: i64,
}

/// Rows that are not what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rows of {dataset}: {why}")]
pub struct FactError {
    /// The dataset.
    pub dataset: &'static str,
    /// What is wrong.
    pub why: String,
}

impl Facts {
    /// Takes rows of the dataset `region` (region, partition, name).
    pub fn add_regions(&mut self, page: &Page) -> Result<(), FactError> {
        for row in rows::<RegionFact>(page, "region")? {
            self.regions.insert(row.region.clone(), row);
        }
        Ok(())
    }

    /// Takes rows of the dataset `instance_type`.
    pub fn add_types(&mut self, page: &Page) -> Result<(), FactError> {
        for row in rows::<TypeFact>(page, "instance_type")? {
            self.types.insert(row.instance_type.clone(), row);
        }
        Ok(())
    }

    /// Takes rows of the dataset `offering` (instance_type, region, az_id); the zones follow from them.
    pub fn add_offerings(&mut self, page: &Page) -> Result<(), FactError> {
        #[derive(Deserialize)]
        struct Offering {
            instance_type: String,
            region: String,
            az_id: Option<String>,
        }
        for row in rows::<Offering>(page, "offering")? {
            if let Some(zone) = row.az_id {
                self.offer(&row.region, &zone, &row.instance_type);
            }
        }
        Ok(())
    }

    /// One type in one zone; local zones (`usw2-lax1-az1`) are left out.
    pub fn offer(&mut self, region: &str, zone: &str, instance_type: &str) {
        if zone.matches('-').count() != 1 {
            return;
        }
        let zones = self.zones.entry(region.to_string()).or_default();
        if let Err(at) = zones.binary_search_by(|known| known.as_str().cmp(zone)) {
            zones.insert(at, zone.to_string());
        }
        let types = self.offerings.entry(region.to_string()).or_default();
        types.entry(instance_type.to_string()).or_default().insert(zone.to_string());
    }

    /// Takes rows of the dataset `price`; those of Linux on demand, shared, in USD are kept.
    pub fn add_prices(&mut self, page: &Page) -> Result<(), FactError> {
        #[derive(Deserialize)]
        struct Price {
            instance_type: String,
            region: String,
            os: String,
            tenancy: String,
            software: Option<String>,
            term: String,
            currency: String,
            price_per_hour: serde_json::Number,
        }
        for row in rows::<Price>(page, "price")? {
            let kept = row.os == "linux"
                && row.tenancy == "shared"
                && row.term == "on-demand"
                && row.currency == "USD"
                && row.software.as_deref().unwrap_or("none") == "none";
            if kept {
                let price = decimal(&row.price_per_hour, "price")?;
                self.prices.entry(row.region).or_default().insert(row.instance_type, price);
            }
        }
        Ok(())
    }

    /// Takes rows of the question `spot/observed`; those in USD are kept.
    pub fn add_spot_prices(&mut self, page: Page) -> Result<(), FactError> {
        for row in page.rows {
            let failed =
                |error: catalog::RowError| FactError { dataset: "spot_price", why: error.to_string() };
            let row = SpotPrice::read(row).map_err(failed)?;
            if row.currency == "USD" {
                let SpotPrice { instance_type, az_id, product, observed_at, price_per_hour, .. } = row;
                let series = SpotSeries { az_id, instance_type, product };
                self.spot.entry(series).or_default().push((observed_at, price_per_hour));
            }
        }
        for observed in self.spot.values_mut() {
            observed.sort();
        }
        Ok(())
    }

    /// The on-demand price of an hour, USD.
    pub(crate) fn price(&self, region: &str, instance_type: &str) -> Option<Decimal> {
        self.prices.get(region)?.get(instance_type).copied()
    }

    /// Whether the zone offers the type.
    pub(crate) fn offered(&self, region: &str, zone: &str, instance_type: &str) -> bool {
        let zones = self.offerings.get(region).and_then(|types| types.get(instance_type));
        zones.is_some_and(|zones| zones.contains(zone))
    }

    /// A few types in two regions, without any lake: for trying the sandbox out, and for tests.
    pub fn small() -> Facts {
        let mut facts = Facts::default();
        let table: Value = serde_json::from_str(include_str!("small.json")).expect("the small table is JSON");
        let list = |name: &str| table[name].as_array().cloned().unwrap_or_default();
        for row in list("regions") {
            let row: RegionFact = serde_json::from_value(row).expect("a region");
            facts.regions.insert(row.region.clone(), row);
        }
        for row in list("types") {
            let prices = row["usd"].clone();
            let row: TypeFact = serde_json::from_value(row).expect("a type");
            for (region, zones) in table["zones"].as_object().expect("zones") {
                for zone in zones.as_array().expect("zone ids").iter().filter_map(Value::as_str) {
                    facts.offer(region, zone, &row.instance_type);
                }
                let price = prices.as_str().expect("a price").parse().expect("a price");
                facts.prices.entry(region.clone()).or_default().insert(row.instance_type.clone(), price);
            }
            facts.types.insert(row.instance_type.clone(), row);
        }
        for hole in list("not_offered") {
            let text = |at: usize| hole[at].as_str().expect("region, zone, type");
            let types = facts.offerings.get_mut(text(0)).expect("a region");
            types.get_mut(text(2)).expect("a type").remove(text(1));
        }
        facts
    }
}

fn decimal(number: &serde_json::Number, dataset: &'static str) -> Result<Decimal, FactError> {
    number.to_string().parse().map_err(|_| FactError { dataset, why: format!("{number} is not a price") })
}

fn rows<T: for<'a> Deserialize<'a>>(page: &Page, dataset: &'static str) -> Result<Vec<T>, FactError> {
    let failed = |error: serde_json::Error| FactError { dataset, why: error.to_string() };
    let mut rows = Vec::with_capacity(page.rows.len());
    for values in &page.rows {
        let mut object = Map::new();
        for (field, value) in page.fields.iter().zip(values) {
            let value: Value = serde_json::from_str(&json_text(value)).map_err(failed)?;
            if !value.is_null() {
                object.insert(field.name.clone(), value);
            }
        }
        rows.push(serde_json::from_value(Value::Object(object)).map_err(failed)?);
    }
    Ok(rows)
}
