//! Regions, offerings and types from moto and botocore.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use serde_json::Value as Json;

use crate::instance;
use crate::wheels::PinnedWheel;

const TYPES: &str = "moto/ec2/resources/instance_types.json.gz";
const OFFERINGS: &str = "moto/ec2/resources/instance_type_offerings/";
const PARTITIONS: &str = "botocore/data/partitions.json";

/// A region of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SourceRegion {
    /// `aws`, `aws-cn`, …
    pub(crate) partition: String,
    /// The name that AWS displays.
    pub(crate) name: String,
}

/// Returns regions by code. The `aws-global` of a partition is an endpoint, not a region.
pub(crate) fn regions(botocore: &PinnedWheel) -> Result<BTreeMap<String, SourceRegion>> {
    let json = botocore.dated_json(PARTITIONS)?;
    let mut regions = BTreeMap::new();
    for partition in json["partitions"].as_array().context("no partitions")? {
        let id = partition["id"].as_str().context("a partition without id")?;
        for (code, region) in partition["regions"].as_object().context("a partition without regions")? {
            if !code.ends_with("-global") {
                let name = region["description"].as_str().context("a region without description")?;
                regions.insert(code.clone(), SourceRegion { partition: id.into(), name: name.into() });
            }
        }
    }
    Ok(regions)
}

/// Returns DescribeInstanceTypes records by type.
pub(crate) fn types(moto: &PinnedWheel) -> Result<BTreeMap<String, Json>> {
    let json = moto.dated_json(TYPES)?;
    let records = json.as_object().context("no records")?;
    records.values().map(|record| Ok((instance::name(record)?.to_string(), record.clone()))).collect()
}

/// A type in a zone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ZoneOffering {
    /// Instance type.
    pub(crate) instance_type: String,
    /// Region code.
    pub(crate) region: String,
    /// Zone id.
    pub(crate) az_id: String,
}

/// Returns offerings by zone id, sorted. Errors: moto's offerings by region list other types, so
/// one of the two is stale.
pub(crate) fn offerings(moto: &PinnedWheel) -> Result<Vec<ZoneOffering>> {
    let by_region: BTreeSet<(String, String)> =
        read_offerings(moto, "region")?.into_iter().map(|o| (o.region, o.instance_type)).collect();
    let mut offerings = read_offerings(moto, "availability-zone-id")?;
    offerings.sort();
    let by_zone: BTreeSet<(String, String)> =
        offerings.iter().map(|o| (o.region.clone(), o.instance_type.clone())).collect();
    ensure!(by_region == by_zone, "moto's offerings by region and by zone id differ");
    Ok(offerings)
}

fn read_offerings(moto: &PinnedWheel, kind: &str) -> Result<Vec<ZoneOffering>> {
    let folder = format!("{OFFERINGS}{kind}/");
    let mut offerings = Vec::new();
    for member in moto.members(&folder)? {
        let region = member[folder.len()..].trim_end_matches(".json.gz");
        let text = |row: &Json, key: &str| row[key].as_str().map(String::from).context("no text");
        for row in moto.dated_json(&member)?.as_array().with_context(|| format!("no list in {member}"))? {
            offerings.push(ZoneOffering {
                instance_type: text(row, "InstanceType")?,
                region: region.to_string(),
                az_id: text(row, "Location")?,
            });
        }
    }
    Ok(offerings)
}
