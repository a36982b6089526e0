//! Finds the bills under an address, and the current delivery of each.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::S3Object;
use console::Failure;
use feeds::{DeliveryPath, DeliveryRole};

use super::address::S3Address;

/// One month of a report or an export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BucketBill {
    /// The folder of the report or export.
    pub(super) export: String,
    /// The month, if the keys state it.
    pub(super) month: Option<String>,
    pub(super) files: BillSource,
}

/// The files of a bill.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum BillSource {
    /// The files that this manifest names.
    Named(S3Object),
    /// These files, because there is no manifest.
    These(Vec<S3Object>),
}

/// The bills under an address.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct BucketListing {
    pub(super) bills: Vec<BucketBill>,
    /// Notes for the user, one sentence each.
    pub(super) notes: Vec<String>,
}

type ExportMonth = (String, Option<String>);

/// Finds the bills of `months` under an address; empty means all months. If there are manifests,
/// the newest one of a month is its bill. Files without a manifest are then left out: they belong
/// to older deliveries, or to one that is not finished.
pub(super) fn find_bills(
    address: &S3Address,
    objects: &[S3Object],
    months: &[String],
) -> Result<BucketListing, Failure> {
    let placed = objects.iter().filter(|object| address.covers(&object.key));
    let placed = placed.filter_map(|object| Some((feeds::parse_key(&object.key)?, object)));
    let wanted = |place: &DeliveryPath<'_>| {
        months.is_empty() || place.month.as_ref().is_some_and(|month| months.contains(month))
    };
    let (manifests, data): (Vec<_>, Vec<_>) =
        placed.partition(|(place, _)| place.role == DeliveryRole::Manifest && place.month.is_some());
    let mut found = match manifests.is_empty() {
        true => bills_without_manifest(
            address,
            data.into_iter().filter(|(place, _)| place.role == DeliveryRole::Data),
            wanted,
        )?,
        false => bills_with_manifest(&manifests, &data, wanted),
    };
    for month in months {
        if found.bills.iter().all(|bill| bill.month.as_ref() != Some(month)) {
            found.notes.push(format!("there is no bill of {month} under {address}"));
        }
    }
    Ok(found)
}

fn name(place: &DeliveryPath<'_>) -> ExportMonth {
    (place.export.to_string(), place.month.clone())
}

/// Returns the newest manifest of each month.
fn bills_with_manifest(
    manifests: &[(DeliveryPath<'_>, &S3Object)],
    data: &[(DeliveryPath<'_>, &S3Object)],
    wanted: impl Fn(&DeliveryPath<'_>) -> bool,
) -> BucketListing {
    let mut newest: BTreeMap<ExportMonth, &S3Object> = BTreeMap::new();
    // Of two manifests written in the same second, the month's own is current; its key is shorter.
    let rank = |object: &S3Object| (object.modified, std::cmp::Reverse(object.key.len()));
    for (place, object) in manifests.iter().filter(|(place, _)| wanted(place)) {
        let known = newest.entry(name(place)).or_insert(object);
        if rank(known) < rank(object) {
            *known = object;
        }
    }
    let unnamed: BTreeSet<ExportMonth> = data
        .iter()
        .filter(|(place, _)| place.role == DeliveryRole::Data && place.month.is_some() && wanted(place))
        .map(|(place, _)| name(place))
        .filter(|name| !newest.contains_key(name))
        .collect();
    let note = |(export, month): ExportMonth| {
        let month = month.unwrap_or_default();
        format!("{export} has files of {month} without a manifest: they are left out")
    };
    let bill = |((export, month), manifest): (ExportMonth, &S3Object)| BucketBill {
        export,
        month,
        files: BillSource::Named(manifest.clone()),
    };
    BucketListing {
        bills: newest.into_iter().map(bill).collect(),
        notes: unnamed.into_iter().map(note).collect(),
    }
}

/// Returns the bills of files without a manifest. Two folders of the same month are an error: they
/// are two deliveries, and either could be the current one.
fn bills_without_manifest<'a>(
    address: &S3Address,
    data: impl Iterator<Item = (DeliveryPath<'a>, &'a S3Object)>,
    wanted: impl Fn(&DeliveryPath<'_>) -> bool,
) -> Result<BucketListing, Failure> {
    let mut folders: BTreeMap<&str, (ExportMonth, Vec<S3Object>)> = BTreeMap::new();
    for (place, object) in data.filter(|(place, _)| wanted(place)) {
        let folder = folders.entry(place.folder).or_insert_with(|| (name(&place), Vec::new()));
        folder.1.push(object.clone());
    }
    let mut names: BTreeMap<ExportMonth, &str> = BTreeMap::new();
    for (folder, (name, _)) in &folders {
        // All folders that state no month may hold the same month.
        let name = if name.1.is_none() { ExportMonth::default() } else { name.clone() };
        if let Some(other) = names.insert(name, folder) {
            let bucket = &address.bucket;
            return Err(Failure::usage(format!(
                "{address} has no manifest, and both {other} and {folder} may hold the same bill"
            ))
            .hint(format!(
                "name one of them, or the export's own folder: collector import s3://{bucket}/{folder}"
            )));
        }
    }
    let notes = match folders.is_empty() || address.is_object() {
        true => Vec::new(),
        false => vec![format!("there is no manifest under {address}: all of its files are imported")],
    };
    let bill = |((export, month), files)| BucketBill { export, month, files: BillSource::These(files) };
    Ok(BucketListing { bills: folders.into_values().map(bill).collect(), notes })
}

#[cfg(test)]
mod tests {
    use domain::Timestamp;

    use super::*;

    /// Returns objects with these keys, each one second newer than the one before it.
    fn objects(keys: &[&str]) -> Vec<S3Object> {
        let object = |(at, key): (usize, &&str)| S3Object {
            key: key.to_string(),
            bytes: 1,
            etag: format!("\"{at}\""),
            modified: Timestamp::from_second(at as i64).unwrap(),
        };
        keys.iter().enumerate().map(object).collect()
    }

    #[track_caller]
    fn check(word: &str, months: &[&str], keys: &[&str], expected: &str) {
        let address = S3Address::of(word).unwrap().unwrap();
        let months: Vec<String> = months.iter().map(ToString::to_string).collect();
        let shown = match find_bills(&address, &objects(keys), &months) {
            Err(failure) => failure.message,
            Ok(found) => {
                let bill = |bill: &BucketBill| {
                    let files: Vec<&str> = match &bill.files {
                        BillSource::Named(manifest) => vec![manifest.key.as_str()],
                        BillSource::These(files) => files.iter().map(|file| file.key.as_str()).collect(),
                    };
                    format!("{} {}: {}", bill.export, bill.month.as_deref().unwrap_or("-"), files.join(" "))
                };
                let lines = found.bills.iter().map(bill).chain(found.notes.iter().cloned());
                lines.collect::<Vec<_>>().join("\n")
            }
        };
        let expected: Vec<&str> = expected.lines().map(str::trim).collect();
        assert_eq!(shown, expected.join("\n"), "{word} {keys:?}");
    }

    #[test]
    fn the_newest_manifest_of_a_month_is_its_bill() {
        check(
            "s3://bbb/p",
            &[],
            &[
                "p/r/20261001-20261101/a1/r-00001.csv.gz",
                "p/r/20261001-20261101/a1/r-Manifest.json",
                "p/r/20261001-20261101/a2/r-00001.csv.gz",
                "p/r/20261001-20261101/a2/r-Manifest.json",
                "p/r/20261001-20261101/r-Manifest.json",
                "p/r/20261101-20261201/r-Manifest.json",
                "p2/r/20261001-20261101/r-Manifest.json",
            ],
            "p/r 2026-10: p/r/20261001-20261101/r-Manifest.json
            p/r 2026-11: p/r/20261101-20261201/r-Manifest.json",
        );
        check(
            "s3://bbb/e",
            &["2026-10", "2026-12"],
            &[
                "e/data/BILLING_PERIOD=2026-10/x1/e-00001.csv.gz",
                "e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json",
                "e/data/BILLING_PERIOD=2026-11/x1/e-00001.csv.gz",
                "e/metadata/BILLING_PERIOD=2026-11/e-Manifest.json",
            ],
            "e 2026-10: e/metadata/BILLING_PERIOD=2026-10/e-Manifest.json
            there is no bill of 2026-12 under s3://bbb/e",
        );
        check(
            "s3://bbb",
            &[],
            &[
                "r/20261001-20261101/r-Manifest.json",
                "r/r/year=2026/month=10/r-00001.snappy.parquet",
                "r/r/year=2026/month=11/r-00001.snappy.parquet",
                "r/r/year=2026/month=11/r-00002.snappy.parquet",
            ],
            "r 2026-10: r/20261001-20261101/r-Manifest.json
            r has files of 2026-11 without a manifest: they are left out",
        );
    }

    #[test]
    fn prefers_the_months_own_manifest_within_one_second() {
        let mut objects =
            objects(&["r/20261001-20261101/a/r-Manifest.json", "r/20261001-20261101/r-Manifest.json"]);
        for _ in 0..2 {
            objects.iter_mut().for_each(|object| object.modified = Timestamp::UNIX_EPOCH);
            objects.reverse();
            let address = S3Address::of("s3://bbb").unwrap().unwrap();
            let found = super::find_bills(&address, &objects, &[]).unwrap();
            let BillSource::Named(manifest) = &found.bills[0].files else { panic!("{found:?}") };
            assert_eq!(manifest.key, "r/20261001-20261101/r-Manifest.json");
        }
    }

    #[test]
    fn rejects_folders_without_a_manifest_that_may_hold_the_same_bill() {
        let said = "there is no manifest under s3://bbb/p: all of its files are imported";
        check(
            "s3://bbb/p",
            &[],
            &["p/a-00001.csv", "p/a-00002.csv"],
            &format!("p -: p/a-00001.csv p/a-00002.csv\n{said}"),
        );
        check(
            "s3://bbb/p",
            &[],
            &["p/BILLING_PERIOD=2026-10/a.csv", "p/BILLING_PERIOD=2026-11/a.csv"],
            &format!(
                "p 2026-10: p/BILLING_PERIOD=2026-10/a.csv\np 2026-11: p/BILLING_PERIOD=2026-11/a.csv\n{said}"
            ),
        );
        check(
            "s3://bbb/p",
            &[],
            &["p/20261001-20261101/a1/r.csv", "p/20261001-20261101/a2/r.csv"],
            "s3://bbb/p has no manifest, and both p/20261001-20261101/a1 and p/20261001-20261101/a2 may hold the same bill",
        );
        check(
            "s3://bbb/p",
            &[],
            &["p/x/r.csv", "p/y/r.csv"],
            "s3://bbb/p has no manifest, and both p/x and p/y may hold the same bill",
        );
        check("s3://bbb/p", &[], &["p/readme.txt"], "");
        check("s3://bbb/p/r.csv", &[], &["p/r.csv", "p/r.csv.gz"], "p -: p/r.csv");
    }
}
