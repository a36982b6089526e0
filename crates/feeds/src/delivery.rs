//! The layouts in which AWS delivers bills into a bucket: the role of each object, and the contents
//! of manifests.
//!
//! The layout of the legacy Cost and Usage Report, by "Understanding your report versions",
//! docs.aws.amazon.com/cur/latest/userguide/understanding-report-versions.html:
//!
//! ```text
//! PREFIX/REPORT/20261001-20261101/REPORT-Manifest.json               names the current assembly
//! PREFIX/REPORT/20261001-20261101/ASSEMBLY/REPORT-Manifest.json      its copy for that assembly
//! PREFIX/REPORT/20261001-20261101/ASSEMBLY/REPORT-00001.csv.gz       if old reports are kept
//! PREFIX/REPORT/20261001-20261101/REPORT-00001.csv.gz                if reports are overwritten
//! PREFIX/REPORT/REPORT/year=2026/month=10/REPORT-00001.snappy.parquet
//! ```
//!
//! The layout of Data Exports such as CUR 2.0 and FOCUS, by "Understanding export delivery",
//! docs.aws.amazon.com/cur/latest/userguide/dataexports-export-delivery.html. FOCUS exports spell
//! the partition in lowercase:
//!
//! ```text
//! PREFIX/EXPORT/metadata/BILLING_PERIOD=2026-10/EXPORT-Manifest.json
//! PREFIX/EXPORT/data/BILLING_PERIOD=2026-10/EXPORT-00001.csv.gz            if overwritten
//! PREFIX/EXPORT/data/BILLING_PERIOD=2026-10/EXECUTION/EXPORT-00001.csv.gz  if refreshes add files
//! ```

use std::io::Read;

use catalog::ports::BillLayout;
use domain::without_mark;
use serde::Deserialize;

use crate::{FeedError, bad};

/// The role of an object in a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeliveryRole {
    /// Names the files of a delivery.
    Manifest,
    /// Contains charges.
    Data,
}

/// The parts of an object's key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliveryPath<'a> {
    /// The role of the object.
    pub role: DeliveryRole,
    /// The folder of the report or export: `PREFIX/REPORT`.
    pub export: &'a str,
    /// The billing month, such as `2026-10`, if the key states it.
    pub month: Option<String>,
    /// The folder of the object.
    pub folder: &'a str,
}

/// The contents of a manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BillManifest {
    /// The account of the bill, if the manifest states it.
    pub account: Option<String>,
    /// The layout of the files, by their columns.
    pub layout: Option<BillLayout>,
    /// The keys of the files, without the bucket: the manifest names the bucket of the first
    /// delivery, and the files may be copies in another one.
    pub keys: Vec<String>,
}

const MANIFEST: &str = "-Manifest.json";
const DATA: [&str; 5] = [".csv", ".csv.gz", ".csv.zip", ".csv.zst", ".parquet"];

/// The folder of a report for Athena with a Parquet file about its status, without charges.
const STATUS: &str = "cost_and_usage_data_status";

/// Parses the key of an object. Returns `None` if the object is not part of a bill.
pub fn parse_key(key: &str) -> Option<DeliveryPath<'_>> {
    let (folder, name) = key.rsplit_once('/').unwrap_or(("", key));
    let ends = |ending: &&str| name.len() > ending.len() && name.ends_with(*ending);
    let role = match () {
        () if ends(&MANIFEST) => DeliveryRole::Manifest,
        () if DATA.iter().any(ends) && !folder.split('/').any(|part| part == STATUS) => DeliveryRole::Data,
        () => return None,
    };
    let (export, month) = match period(folder) {
        Some((export, month)) => (export, Some(month)),
        None => (folder, None),
    };
    Some(DeliveryPath { role, export, month, folder })
}

/// Returns the folder above the innermost one that is named after a period, and the period's month.
fn period(folder: &str) -> Option<(&str, String)> {
    let mut end = folder.len();
    loop {
        let start = folder[..end].rfind('/').map_or(0, |at| at + 1);
        let (above, part) = (folder[..start].trim_end_matches('/'), &folder[start..end]);
        if let Some(month) = parse_partition(part) {
            return Some((without_last(above, &["data", "metadata"]), month));
        }
        if let Some(month) = parse_span(part) {
            return Some((above, month));
        }
        if let Some((root, month)) = year_and_month(above, part) {
            // The report's name occurs twice in the path.
            let (outer, name) = root.rsplit_once('/').unwrap_or(("", root));
            let twice = outer.rsplit('/').next() == Some(name);
            return Some((if twice { outer } else { root }, month));
        }
        end = start.checked_sub(1)?;
    }
}

/// Returns the folder without its last part, if that is one of `parts`.
fn without_last<'a>(folder: &'a str, parts: &[&str]) -> &'a str {
    let (outer, last) = folder.rsplit_once('/').unwrap_or(("", folder));
    if parts.contains(&last) { outer } else { folder }
}

/// Parses `BILLING_PERIOD=2026-10`.
fn parse_partition(part: &str) -> Option<String> {
    let (name, month) = part.split_once('=')?;
    (name.eq_ignore_ascii_case("billing_period") && is_month(month)).then(|| month.into())
}

/// Parses `20261001-20261101`.
fn parse_span(part: &str) -> Option<String> {
    let (from, until) = part.split_once('-')?;
    let day = |text: &str| text.len() == 8 && text.bytes().all(|byte| byte.is_ascii_digit());
    let month = (day(from) && day(until)).then(|| format!("{}-{}", &from[..4], &from[4..6]))?;
    is_month(&month).then_some(month)
}

/// Parses `year=2026` and a folder `month=10` or `month=1` in it.
fn year_and_month<'a>(above: &'a str, part: &str) -> Option<(&'a str, String)> {
    let month: u32 = part.strip_prefix("month=")?.parse().ok()?;
    let (root, year) = above.rsplit_once('/').unwrap_or(("", above));
    let month = format!("{}-{month:02}", year.strip_prefix("year=")?);
    is_month(&month).then_some((root, month))
}

/// Returns whether a text is a month, such as `2026-10`.
pub fn is_month(text: &str) -> bool {
    let Some((year, month)) = text.split_once('-') else { return false };
    let digits = |text: &str, count: usize| text.len() == count && text.bytes().all(|b| b.is_ascii_digit());
    digits(year, 4) && digits(month, 2) && ("01"..="12").contains(&month)
}

/// A manifest of either kind.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawBillManifest {
    account: Option<String>,
    export_arn: Option<String>,
    #[serde(default)]
    columns: Vec<RawBillColumn>,
    /// In a legacy report.
    report_keys: Option<Vec<String>>,
    /// In an export.
    data_files: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct RawBillColumn {
    category: Option<String>,
    name: String,
}

/// The largest accepted manifest, in MiB. Real ones have some hundred KB.
const LARGEST_MANIFEST_MIB: u64 = 32;

/// Reads and parses a manifest.
///
/// # Errors
/// [`FeedError::Io`] if it cannot be read; [`FeedError::Bad`] if it is larger than 32 MiB or not a
/// manifest.
pub fn read_manifest(reader: impl Read) -> Result<BillManifest, FeedError> {
    let limit = LARGEST_MANIFEST_MIB << 20;
    let mut bytes = Vec::new();
    if reader.take(limit + 1).read_to_end(&mut bytes)? as u64 > limit {
        return Err(bad(format!("it is larger than {LARGEST_MANIFEST_MIB} MiB, the limit of a manifest")));
    }
    parse_manifest(&bytes)
}

fn parse_manifest(bytes: &[u8]) -> Result<BillManifest, FeedError> {
    let manifest: RawBillManifest = serde_json::from_slice(without_mark(bytes))
        .map_err(|e| bad(format!("it is not the manifest of a report or an export: {e}")))?;
    let files = manifest.report_keys.or(manifest.data_files);
    let files = files.ok_or_else(|| bad("it names no files; expected reportKeys or dataFiles"))?;
    let account = manifest.account.or_else(|| account_of_arn(manifest.export_arn.as_deref()?));
    let account = account.filter(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_digit()));
    let keys = files.iter().map(|file| key_of(file).to_string()).collect();
    Ok(BillManifest { account, layout: layout(&manifest.columns), keys })
}

/// Returns the account in `arn:aws:bcm-data-exports:us-east-1:111122223333:export/…`.
fn account_of_arn(arn: &str) -> Option<String> {
    arn.split(':').nth(4).map(String::from)
}

/// Returns the key in `s3://bucket/key`. A legacy report names keys alone.
fn key_of(file: &str) -> &str {
    file.strip_prefix("s3://").map_or(file, |rest| rest.split_once('/').map_or("", |(_, key)| key))
}

fn layout(columns: &[RawBillColumn]) -> Option<BillLayout> {
    columns.iter().find_map(|column| {
        let words = format!("{}{}", column.category.as_deref().unwrap_or_default(), column.name);
        let letters: String = words.chars().filter(|c| *c != '_').map(|c| c.to_ascii_lowercase()).collect();
        match letters.as_str() {
            "billedcost" => Some(BillLayout::Focus),
            "lineitemunblendedcost" => Some(BillLayout::Cur),
            _ => None,
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parses_the_keys_of_objects() {
        let check = |key: &str, expected: &str| {
            let shown = parse_key(key).map(|place| {
                let role = if place.role == DeliveryRole::Manifest { "manifest" } else { "data" };
                format!("{role} of {} in {}", place.export, place.month.as_deref().unwrap_or("-"))
            });
            assert_eq!(shown.as_deref().unwrap_or("nothing"), expected, "{key}");
        };
        check("p/r/20261001-20261101/r-Manifest.json", "manifest of p/r in 2026-10");
        check("p/r/20261001-20261101/a-b-c/r-Manifest.json", "manifest of p/r in 2026-10");
        check("p/r/20261001-20261101/a-b-c/r-00001.csv.gz", "data of p/r in 2026-10");
        check("p/r/20261001-20261101/r-1.csv.zip", "data of p/r in 2026-10");
        check("p/r/r/year=2026/month=1/r-00001.snappy.parquet", "data of p/r in 2026-01");
        check("r/r/year=2026/month=12/r-00001.snappy.parquet", "data of r in 2026-12");
        check("lone/year=2026/month=12/r-00001.snappy.parquet", "data of lone in 2026-12");
        check("p/e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json", "manifest of p/e in 2026-10");
        check("p/e/metadata/billing_period=2026-10/x/e-Manifest.json", "manifest of p/e in 2026-10");
        check("p/e/data/BILLING_PERIOD=2026-10/e-00001.csv.gz", "data of p/e in 2026-10");
        check("e/data/BILLING_PERIOD=2026-10/run/e-00001.snappy.parquet", "data of e in 2026-10");
        check("/e/data/BILLING_PERIOD=2026-10/e-00001.csv", "data of /e in 2026-10");
        check("20261001-20261101/r-00001.csv", "data of  in 2026-10");
        // A month that does not exist is ignored.
        check("p/BILLING_PERIOD=2026-13/e.csv", "data of p/BILLING_PERIOD=2026-13 in -");
        check("p/20261301-20270101/e.csv", "data of p/20261301-20270101 in -");
        check("e.csv", "data of  in -");
        // Other objects in the same folders.
        check("p/r/20261001-20261101/r-RedshiftManifest.json", "nothing");
        check("p/r/20261001-20261101/r-create-table.sql", "nothing");
        check("p/r/r/cost_and_usage_data_status/cost_and_usage_data_status.parquet", "nothing");
        check("p/e/metadata/BILLING_PERIOD=2026-10/e-Metadata.json", "nothing");
        check(".csv", "nothing");
        check("", "nothing");
    }

    #[test]
    fn parses_both_kinds_of_manifests() {
        let check = |text: &str, account: Option<&str>, layout: Option<BillLayout>, keys: &[&str]| {
            let found = parse_manifest(text.as_bytes()).unwrap();
            assert_eq!((found.account.as_deref(), found.layout), (account, layout), "{text}");
            assert_eq!(found.keys, keys, "{text}");
        };
        check(
            r#"{"assemblyId": "a-b", "account": "111122223333", "charset": "UTF-8", "compression": "GZIP",
              "columns": [{"category": "identity", "name": "LineItemId"}, {"category": "lineItem", "name": "UnblendedCost"}],
              "contentType": "text/csv", "reportId": "9", "reportName": "r",
              "billingPeriod": {"start": "20261001T000000.000Z", "end": "20261101T000000.000Z"}, "bucket": "b",
              "reportKeys": ["p/r/20261001-20261101/a-b/r-00001.csv.gz", "p/r/20261001-20261101/a-b/r-00002.csv.gz"],
              "additionalArtifactKeys": []}"#,
            Some("111122223333"),
            Some(BillLayout::Cur),
            &["p/r/20261001-20261101/a-b/r-00001.csv.gz", "p/r/20261001-20261101/a-b/r-00002.csv.gz"],
        );
        check(
            r#"{"exportArn": "arn:aws:bcm-data-exports:us-east-1:111122223333:export/e-1", "executionId": "x",
              "columns": [{"name": "AvailabilityZone", "type": "string"}, {"name": "BilledCost", "type": "double"}],
              "dataFiles": ["s3://b/p/e/data/billing_period=2026-10/e-00001.snappy.parquet"]}"#,
            Some("111122223333"),
            Some(BillLayout::Focus),
            &["p/e/data/billing_period=2026-10/e-00001.snappy.parquet"],
        );
        check("\u{feff}{\"reportKeys\": [\"k\"]}", None, None, &["k"]);
        let cur2 = r#"{"columns": [{"name": "line_item_unblended_cost"}], "dataFiles": []}"#;
        check(cur2, None, Some(BillLayout::Cur), &[]);
        check(r#"{"dataFiles": ["s3://b"], "account": "mine"}"#, None, None, &[""]);
    }

    #[test]
    fn rejects_other_json_as_a_manifest() {
        for wrong in
            ["", "[]", "{}", r#"{"reportKeys": 3}"#, r#"{"dataFiles": [3]}"#, "{\"reportKeys\": [\"a\"]"]
        {
            assert!(parse_manifest(wrong.as_bytes()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_manifest_over_the_limit_is_too_large_and_not_cut() {
        let text = r#"{"dataFiles": []}"#;
        let padded = |size: u64| text.as_bytes().chain(std::io::repeat(b' ').take(size - text.len() as u64));
        let limit = 32 << 20;
        assert!(read_manifest(padded(limit)).is_ok_and(|manifest| manifest.keys.is_empty()));
        let error = read_manifest(padded(limit + 1)).unwrap_err();
        assert_eq!(error.to_string(), "it is larger than 32 MiB, the limit of a manifest");
    }

    proptest::proptest! {
        #[test]
        fn folders_are_prefixes_of_the_key(key in "(/|[ab=-]|2026|10|month=|year=|data/|billing_period=|20261001-20261101/|-Manifest.json|.csv){0,12}") {
            if let Some(place) = parse_key(&key) {
                assert!(key.starts_with(place.folder) && place.folder.starts_with(place.export), "{key}: {place:?}");
                assert!(place.month.as_deref().is_none_or(is_month), "{key}: {place:?}");
            }
        }
    }
}
