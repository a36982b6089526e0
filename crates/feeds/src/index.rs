//! The indexes of the price lists: the file of each region, and the period of each publication.

use std::collections::BTreeMap;

use domain::{Timestamp, without_mark};
use serde::Deserialize;
use serde_json::Value as Json;

use crate::product::instant;
use crate::{FeedError, bad};

/// One region's file in one publication.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionFile {
    /// Code of a region, of a local zone's group, or of a Wavelength zone.
    pub region: String,
    /// The publication, as the file's own `Version` spells it.
    pub version: String,
    /// Path of its CSV on the server.
    pub csv: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawRegionEntry {
    region_code: String,
    /// In the EC2 list.
    current_version_url: Option<String>,
    /// In the Savings Plans list.
    version_url: Option<String>,
}

/// Parses a `region_index.json` of EC2 (an object of regions) or of Savings Plans (an array of
/// them). Returns the file of each region.
pub fn parse_region_index(bytes: &[u8]) -> Result<Vec<RegionFile>, FeedError> {
    let index: Json =
        serde_json::from_slice(without_mark(bytes)).map_err(|e| bad(format!("it is not JSON: {e}")))?;
    let entries: Vec<Json> = match &index["regions"] {
        Json::Object(regions) => regions.values().cloned().collect(),
        Json::Array(regions) => regions.clone(),
        _ => return Err(bad("it has no regions; expected a region_index.json of the price list")),
    };
    entries.into_iter().map(region_file).collect()
}

fn region_file(entry: Json) -> Result<RegionFile, FeedError> {
    let entry: RawRegionEntry =
        serde_json::from_value(entry).map_err(|e| bad(format!("a region cannot be parsed: {e}")))?;
    let url = entry.current_version_url.or(entry.version_url).unwrap_or_default();
    // /offers/v1.0/aws/AmazonEC2/20250912225308/us-east-1/index.json
    let parts: Vec<&str> = url.rsplitn(4, '/').collect();
    let [file, _, version, _] = parts[..] else {
        return Err(bad(format!("\"{url}\" is not the path of a list")));
    };
    if !file.starts_with("index.") || version.is_empty() || !version.bytes().all(|byte| byte.is_ascii_digit())
    {
        return Err(bad(format!("\"{url}\" is not the path of a list")));
    }
    let csv = format!("{}.csv", url.strip_suffix(".json").or(url.strip_suffix(".csv")).unwrap_or(&url));
    Ok(RegionFile { region: entry.region_code, version: version.into(), csv })
}

#[derive(Deserialize)]
struct RawVersionIndex {
    versions: BTreeMap<String, RawVersionSpan>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawVersionSpan {
    version_effective_begin_date: String,
    version_effective_end_date: String,
}

/// A publication of the past.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PastPublication {
    /// Its version, as its folder spells it.
    pub version: String,
    /// Start of the period in which it was in force. AWS may have published it later.
    pub since: Timestamp,
}

/// Parses the version index of a list. Returns the publication that was in force at `at`, or `None`
/// if the index does not go back that far.
pub fn version_at(bytes: &[u8], at: Timestamp) -> Result<Option<PastPublication>, FeedError> {
    let index: RawVersionIndex = serde_json::from_slice(without_mark(bytes))
        .map_err(|e| bad(format!("it is not the version index of a price list: {e}")))?;
    let mut found: Option<PastPublication> = None;
    for (version, span) in index.versions {
        let begin = instant(&span.version_effective_begin_date)
            .ok_or_else(|| bad(format!("version {version} states no start")))?;
        // An empty end means still in force.
        let ended = instant(&span.version_effective_end_date).is_some_and(|end| end <= at);
        if begin <= at && !ended && found.as_ref().is_none_or(|newest| newest.since < begin) {
            found = Some(PastPublication { version, since: begin });
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_both_kinds_of_region_index() {
        let check = |text: &str, expected: &[(&str, &str, &str)]| {
            let found = parse_region_index(text.as_bytes()).unwrap();
            let found: Vec<(&str, &str, &str)> =
                found.iter().map(|f| (f.region.as_str(), f.version.as_str(), f.csv.as_str())).collect();
            assert_eq!(found, expected);
        };
        check(
            r#"{"formatVersion": "v1.0", "regions": {"eu-west-1": {"regionCode": "eu-west-1",
              "currentVersionUrl": "/offers/v1.0/aws/AmazonEC2/20250912225308/eu-west-1/index.json"}}}"#,
            &[(
                "eu-west-1",
                "20250912225308",
                "/offers/v1.0/aws/AmazonEC2/20250912225308/eu-west-1/index.csv",
            )],
        );
        check(
            r#"{"regions": [{"regionCode": "us-west-2-lax-1",
              "versionUrl": "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/20250905/us-west-2-lax-1/index.json"}]}"#,
            &[(
                "us-west-2-lax-1",
                "20250905",
                "/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/20250905/us-west-2-lax-1/index.csv",
            )],
        );
    }

    #[test]
    fn rejects_other_json_as_an_index() {
        for wrong in [
            "",
            "[]",
            "{\"regions\": 3}",
            r#"{"regions": [{"regionCode": "x"}]}"#,
            r#"{"regions": [{"regionCode": "x", "versionUrl": "/a/current/x/index.json"}]}"#,
        ] {
            assert!(parse_region_index(wrong.as_bytes()).is_err(), "{wrong}");
        }
        assert!(version_at(b"{}", Timestamp::UNIX_EPOCH).is_err());
    }

    #[test]
    fn finds_the_list_in_force_at_an_instant() {
        let index = r#"{"versions": {
            "20180607": {"versionEffectiveBeginDate": "2018-05-01T00:00:00Z", "versionEffectiveEndDate": "2018-06-01T00:00:00Z"},
            "20180702": {"versionEffectiveBeginDate": "2018-06-01T00:00:00Z", "versionEffectiveEndDate": ""}}}"#;
        let check = |at: &str, expected: Option<&str>| {
            let at = domain::parse_instant(at).unwrap();
            let found = version_at(index.as_bytes(), at).unwrap();
            let found = found.map(|found| format!("{} since {}", found.version, found.since));
            assert_eq!(found.as_deref(), expected);
        };
        check("2018-04-30", None);
        check("2018-05-01", Some("20180607 since 2018-05-01T00:00:00Z"));
        check("2018-06-01", Some("20180702 since 2018-06-01T00:00:00Z"));
        check("2026-01-01", Some("20180702 since 2018-06-01T00:00:00Z"));
    }
}
