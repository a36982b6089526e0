use std::collections::{BTreeMap, BTreeSet};

use catalog::rows::SpotPriceRow;
use catalog::{Page, QuestionRow, json_text};
use domain::{Decimal, Timestamp};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Facts about AWS: plain data from the caller, because this crate reads neither a lake nor a
/// warehouse.
#[derive(Debug, Clone, Default)]
pub struct AwsFacts {
    /// Regions by code.
    pub regions: BTreeMap<String, RegionFact>,
    /// Zone ids of each region, sorted.
    pub zones: BTreeMap<String, Vec<String>>,
    /// Instance types by name.
    pub types: BTreeMap<String, TypeFact>,
    /// Zone ids that offer a type: region -> type -> zone ids.
    pub offerings: BTreeMap<String, BTreeMap<String, BTreeSet<String>>>,
    /// On-demand prices, USD per hour, Linux, shared tenancy: region -> type -> price.
    pub prices: BTreeMap<String, BTreeMap<String, Decimal>>,
    /// Observed spot prices, USD per hour, by time. A Linux series without any gets invented
    /// prices, which are fractions of the on-demand price.
    pub spot: BTreeMap<SpotSeries, Vec<(Timestamp, Decimal)>>,
}

/// A region.
#[derive(Debug, Clone, Deserialize)]
pub struct RegionFact {
    /// Region code, such as `us-east-1`.
    pub region: String,
    /// `aws`, `aws-cn`, …
    pub partition: String,
    /// The name that AWS displays.
    pub name: String,
}

/// Regions of the partition `aws` that every account can use ("AWS Regions", Account Management).
/// Regions added after March 2019 need an opt-in.
const ALWAYS: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

impl RegionFact {
    /// Returns whether accounts must opt into the region before they can use it.
    pub(crate) fn needs_opt_in(&self) -> bool {
        self.partition == "aws" && !ALWAYS.contains(&self.region.as_str())
    }
}

/// The key of a spot price series.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SpotSeries {
    /// The zone id.
    pub az_id: String,
    /// The instance type.
    pub instance_type: String,
    /// `linux`, `windows`, `rhel` or `suse`.
    pub product: String,
}

/// An instance type: columns of the dataset `instance_type`, under the same names. The sandbox does
/// not need the columns that are missing here.
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

/// Rows that do not fit their dataset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("rows of {dataset}: {why}")]
pub struct FactError {
    /// The dataset.
    pub dataset: &'static str,
    /// The reason.
    pub why: String,
}

impl AwsFacts {
    /// Adds rows of the dataset `region` (region, partition, name).
    pub fn add_regions(&mut self, page: &Page) -> Result<(), FactError> {
        for row in rows::<RegionFact>(page, "region")? {
            self.regions.insert(row.region.clone(), row);
        }
        Ok(())
    }

    /// Adds rows of the dataset `instance_type`.
    pub fn add_types(&mut self, page: &Page) -> Result<(), FactError> {
        for row in rows::<TypeFact>(page, "instance_type")? {
            self.types.insert(row.instance_type.clone(), row);
        }
        Ok(())
    }

    /// Adds rows of the dataset `offering` (instance_type, region, az_id), and the zones that they
    /// name.
    pub fn add_offerings(&mut self, page: &Page) -> Result<(), FactError> {
        #[derive(Deserialize)]
        struct FactOfferingRow {
            instance_type: String,
            region: String,
            az_id: Option<String>,
        }
        for row in rows::<FactOfferingRow>(page, "offering")? {
            if let Some(zone) = row.az_id {
                self.offer(&row.region, &zone, &row.instance_type);
            }
        }
        Ok(())
    }

    /// Adds a type to a zone. Local zones (`usw2-lax1-az1`) are left out.
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

    /// Adds rows of the dataset `price`: only Linux, on demand, shared tenancy, no software, USD.
    pub fn add_prices(&mut self, page: &Page) -> Result<(), FactError> {
        #[derive(Deserialize)]
        struct FactPriceRow {
            instance_type: String,
            region: String,
            os: String,
            tenancy: String,
            software: Option<String>,
            term: String,
            currency: String,
            price_per_hour: serde_json::Number,
        }
        for row in rows::<FactPriceRow>(page, "price")? {
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

    /// Adds rows of the question `spot/observed`: only those in USD.
    pub fn add_spot_prices(&mut self, page: Page) -> Result<(), FactError> {
        for row in page.rows {
            let failed =
                |error: catalog::RowError| FactError { dataset: "spot_price", why: error.to_string() };
            let row = SpotPriceRow::read(row).map_err(failed)?;
            // EC2's price history has no row for the end of a price.
            if let (Some(price), Some("USD")) = (row.price_per_hour, row.currency.as_deref()) {
                let SpotPriceRow { instance_type, az_id, product, observed_at, .. } = row;
                let series = SpotSeries { az_id, instance_type, product };
                self.spot.entry(series).or_default().push((observed_at, price));
            }
        }
        for observed in self.spot.values_mut() {
            observed.sort();
        }
        Ok(())
    }

    /// Returns the on-demand price, USD per hour.
    pub(crate) fn price(&self, region: &str, instance_type: &str) -> Option<Decimal> {
        self.prices.get(region)?.get(instance_type).copied()
    }

    /// Returns whether the zone offers the type.
    pub(crate) fn offered(&self, region: &str, zone: &str, instance_type: &str) -> bool {
        let zones = self.offerings.get(region).and_then(|types| types.get(instance_type));
        zones.is_some_and(|zones| zones.contains(zone))
    }

    /// Returns the built-in table: a few types in four regions, for trials and tests without a
    /// lake.
    pub fn small() -> AwsFacts {
        let mut facts = AwsFacts::default();
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
