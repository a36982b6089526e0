//! Snapshots of the files that AWS publishes.

use std::io::{BufReader, Read};

use catalog::ports::{PublicFile, ScopeOutcome, ScopeReport, SourceError, describe_clock_skew};
use catalog::{Dataset, RowBatch};
use console::{Failure, FailureKind, Printer};
use domain::Timestamp;
use feeds::{Completeness, FeedContext, FeedKind, FeedReport, RegionFile};

use super::{SnapshotPlan, SnapshotRun, source_failure};
use crate::Ports;

const PRICES: &str = "https://pricing.us-east-1.amazonaws.com";
const PRICES_OF_CHINA: &str = "https://pricing.cn-north-1.amazonaws.com.cn";
const FEED: &str = "https://website.spot.ec2.aws.a2z.com/spot.json";
const ADVISOR: &str = "https://spot-bid-advisor.s3.amazonaws.com/spot-advisor-data.json";

/// Limit of an index's size, bytes. Real ones have some hundred KB.
const LARGEST_INDEX: u64 = 32 << 20;

/// Returns the address of a dataset, for people.
pub(super) fn address(dataset: &Dataset) -> String {
    match dataset.name {
        "price" => format!("{PRICES}/offers/v1.0/aws/AmazonEC2/"),
        "savings_plan" => format!("{PRICES}/savingsPlan/v1.0/aws/AWSComputeSavingsPlan/"),
        "spot_feed" => FEED.into(),
        _ => ADVISOR.into(),
    }
}

/// Returns the regions whose lists are fetched; empty means every published one. The spot advisor
/// and the spot feed are one file for all regions.
pub(super) fn regions(wanted: &SnapshotPlan, dataset: &Dataset, ports: &Ports<'_>) -> Vec<String> {
    match (&wanted.regions, dataset.name, wanted.all_regions) {
        (_, "interruption" | "spot_feed", _) | (None, _, true) => Vec::new(),
        (Some(regions), _, _) => regions.clone(),
        (None, _, false) => vec![ports.settings.region.value.to_string()],
    }
}

pub(super) fn snapshot(
    work: &mut SnapshotRun<'_>,
    wanted: &SnapshotPlan,
    dataset: &'static Dataset,
    ports: &Ports<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    match dataset.name {
        "interruption" => fetch_single_file(work, dataset, FeedKind::SpotAdvisor, printer),
        "spot_feed" => fetch_single_file(work, dataset, FeedKind::SpotFeed, printer),
        _ => fetch_lists(work, wanted, dataset, &regions(wanted, dataset, ports), printer),
    }
}

/// Fetches lists by region. The index names the current publication, and only a new one is fetched.
fn fetch_lists(
    work: &mut SnapshotRun<'_>,
    wanted: &SnapshotPlan,
    dataset: &'static Dataset,
    regions: &[String],
    printer: &mut Printer,
) -> Result<(), Failure> {
    let of_china = |region: &String| region.starts_with("cn-");
    for (host, china) in [(PRICES, false), (PRICES_OF_CHINA, true)] {
        let wanted_here: Vec<&String> = regions.iter().filter(|region| of_china(region) == china).collect();
        // China has its own host, and `--region all` means AWS's main list.
        if wanted_here.is_empty() && (china || !regions.is_empty()) {
            continue;
        }
        let (index, seen) = fetch_index(work, dataset, host, china, wanted.as_of)?;
        let mut missing = wanted_here.clone();
        for file in &index {
            if !regions.is_empty() && !wanted_here.contains(&&file.region) {
                continue;
            }
            missing.retain(|region| **region != file.region);
            if work.stop.is_requested() {
                return Err(source_failure(SourceError::Interrupted));
            }
            let past = wanted.as_of.is_some();
            match fetch_list(work, dataset, host, (file, past), &seen, printer) {
                Err(failure) if failure.kind == FailureKind::Broken => {
                    record_failure(work, dataset, &file.region, failure.message, &seen, printer)?;
                }
                done => done?,
            }
        }
        for region in missing {
            let why = format!("AWS publishes no {} for {region}", dataset.name);
            record_failure(work, dataset, region, why, &seen, printer)?;
        }
    }
    Ok(())
}

/// Records that a region's list could not be read. The other regions are still tried.
fn record_failure(
    work: &mut SnapshotRun<'_>,
    dataset: &'static Dataset,
    region: &str,
    why: String,
    seen: &ServerClock,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let told = ScopeReport {
        dataset,
        scope: region.into(),
        source: source_of(dataset).into(),
        version: None,
        observed_from: seen.at,
        observed_at: seen.at,
        outcome: ScopeOutcome::Failed,
        rows: 0,
        gaps: [vec![why], seen.gaps()].concat(),
    };
    let name = format!("{region}-{}", work.stamp(started));
    work.commit(dataset, &name, Vec::new(), vec![told], started, printer)
}

fn fetch_index(
    work: &SnapshotRun<'_>,
    dataset: &Dataset,
    host: &str,
    china: bool,
    as_of: Option<Timestamp>,
) -> Result<(Vec<RegionFile>, ServerClock), Failure> {
    let partition = if china { "cn" } else { "aws" };
    let (root, offer) = match dataset.name {
        "price" => ("offers", "AmazonEC2"),
        _ => ("savingsPlan", "AWSComputeSavingsPlan"),
    };
    let base = format!("{host}/{root}/v1.0/{partition}/{offer}");
    let version = match as_of {
        None => "current".to_string(),
        Some(at) => {
            let url = format!("{base}/index.json");
            let found = feeds::version_at(&fetch_small(work, &url)?.0, at)
                .map_err(|e| bad_file(&url, &e.to_string()))?;
            found.ok_or_else(|| {
                Failure::broken(format!("AWS publishes no price list that was in force at {at}"))
                    .hint("the lists go back to 2018-05-01")
            })?
        }
    };
    let url = format!("{base}/{version}/region_index.json");
    let (text, seen) = fetch_small(work, &url)?;
    let files = feeds::parse_region_index(&text).map_err(|e| bad_file(&url, &e.to_string()))?;
    Ok((files, seen))
}

/// The time of a server's answer, by AWS's clock if the answer states it, and the seconds by which
/// this machine's clock is ahead of it.
#[derive(Clone, Copy)]
struct ServerClock {
    at: Timestamp,
    ahead: i64,
}

impl ServerClock {
    fn of(fetched: &PublicFile, work: &SnapshotRun<'_>) -> ServerClock {
        let here = (work.clock)();
        let at = fetched.date.unwrap_or(here);
        ServerClock { at, ahead: here.as_second() - at.as_second() }
    }

    fn gaps(&self) -> Vec<String> {
        describe_clock_skew(self.ahead).into_iter().collect()
    }
}

fn fetch_small(work: &SnapshotRun<'_>, url: &str) -> Result<(Vec<u8>, ServerClock), Failure> {
    let fetched = work.source.fetch(url, None).map_err(source_failure)?;
    let seen = ServerClock::of(&fetched, work);
    let mut bytes = Vec::new();
    if let Some(body) = fetched.body {
        let read = body.take(LARGEST_INDEX).read_to_end(&mut bytes);
        read.map_err(|e| Failure::broken(format!("{url} cannot be fetched: {e}")))?;
    }
    Ok((bytes, seen))
}

fn bad_file(url: &str, why: &str) -> Failure {
    Failure::broken(format!("{url}: {why}")).hint("try again later; none of it was kept")
}

/// Fetches one region's list, the current one or a past one.
fn fetch_list(
    work: &mut SnapshotRun<'_>,
    dataset: &'static Dataset,
    host: &str,
    (file, past): (&RegionFile, bool),
    seen: &ServerClock,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let source = source_of(dataset);
    let name = format!("{}-{}", file.region, work.stamp(started));
    let known = match past {
        true => work.state.published(dataset.name, &file.region, source, &file.version),
        false => work.state.in_force(dataset.name, &file.region, source),
    };
    if let Some(known) = known.filter(|known| known.version.as_ref() == Some(&file.version)) {
        // A list of the past is no evidence of present prices.
        let observed_at = if past { known.observed_at } else { seen.at };
        let told = ScopeReport {
            dataset,
            scope: file.region.clone(),
            source: source.into(),
            version: Some(file.version.clone()),
            observed_from: observed_at,
            observed_at,
            outcome: ScopeOutcome::Unchanged,
            rows: known.rows,
            gaps: seen.gaps(),
        };
        return work.commit(dataset, &name, Vec::new(), vec![told], started, printer);
    }
    let kind = if dataset.name == "price" { FeedKind::PriceList } else { FeedKind::SavingsPlans };
    let url = format!("{host}{}", file.csv);
    let progress = printer.progress(&format!("{} of {}", dataset.name, file.region));
    let read = fetch_and_parse(work, kind, &url, None, source)?;
    drop(progress);
    let FetchedFile { content: Some((batches, spoken)), seen, .. } = read else {
        return Err(bad_file(&url, "the server sent nothing"));
    };
    let told = spoken.into_iter().map(|spoken| {
        // The file belongs to the region. Its rows of another region are not that region's complete
        // list.
        let complete = spoken.complete && spoken.scope == file.region;
        scope_report(dataset, source, spoken, complete, &seen)
    });
    let told: Vec<ScopeReport> = told.collect();
    if !told.iter().any(|told| told.scope == file.region) {
        return Err(bad_file(&url, &format!("it has no rows of {}", file.region)));
    }
    work.commit(dataset, &name, batches, told, started, printer)
}

fn source_of(dataset: &Dataset) -> &'static str {
    match dataset.name {
        "price" => "AWS price list",
        "savings_plan" => "AWS Savings Plans list",
        "spot_feed" => "AWS spot feed",
        _ => "AWS spot advisor",
    }
}

fn scope_report(
    dataset: &'static Dataset,
    source: &str,
    spoken: FeedReport,
    complete: bool,
    seen: &ServerClock,
) -> ScopeReport {
    ScopeReport {
        dataset,
        scope: spoken.scope,
        source: source.into(),
        version: spoken.version,
        observed_from: spoken.observed_from,
        observed_at: spoken.observed_at,
        outcome: if complete { ScopeOutcome::Complete } else { ScopeOutcome::Partial },
        rows: spoken.rows,
        gaps: [spoken.gaps, seen.gaps()].concat(),
    }
}

/// The content of a file.
struct FetchedFile {
    /// Rows and reports; `None` if the server still has the known state.
    content: Option<(Vec<RowBatch>, Vec<FeedReport>)>,
    seen: ServerClock,
    /// The server's ETag of the file.
    etag: Option<String>,
}

/// Fetches and parses a file, unless the server still has the state with the ETag `known`.
fn fetch_and_parse(
    work: &SnapshotRun<'_>,
    kind: FeedKind,
    url: &str,
    known: Option<&str>,
    source: &str,
) -> Result<FetchedFile, Failure> {
    let fetched = work.source.fetch(url, known).map_err(source_failure)?;
    let seen = ServerClock::of(&fetched, work);
    let Some(body) = fetched.body else { return Ok(FetchedFile { content: None, seen, etag: fetched.etag }) };
    // A transfer that breaks off is an error, so a file that was fetched is complete.
    let context = FeedContext {
        source,
        modified: fetched.modified,
        now: seen.at,
        whole: Completeness::Yes,
        account: None,
    };
    let mut batches = Vec::new();
    let mut reader = BufReader::with_capacity(1 << 20, body);
    let spoken = feeds::read(kind, &mut reader, &context, &mut |batch| {
        if work.stop.is_requested() {
            return Err("interrupted".into());
        }
        batches.push(batch);
        Ok(())
    });
    let spoken = spoken.map_err(|error| match work.stop.is_requested() {
        true => Failure::new(FailureKind::Interrupted, "interrupted"),
        false => bad_file(url, &error.to_string()),
    })?;
    Ok(FetchedFile { content: Some((batches, spoken)), seen, etag: fetched.etag })
}

/// Fetches a dataset that is one file for all regions. AWS keeps no earlier versions of it.
fn fetch_single_file(
    work: &mut SnapshotRun<'_>,
    dataset: &'static Dataset,
    kind: FeedKind,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let started = (work.clock)();
    let source = source_of(dataset);
    let known: Vec<(String, u64, String)> = {
        let ours = work.state.scopes(dataset.name).into_iter().filter(|told| told.source == source);
        ours.filter_map(|told| Some((told.scope.clone(), told.rows, told.version.clone()?))).collect()
    };
    let etag = known.first().map(|(_, _, etag)| etag.clone());
    let progress = printer.progress(source);
    let read = fetch_and_parse(work, kind, &address(dataset), etag.as_deref(), source)?;
    drop(progress);
    let FetchedFile { content, seen, etag } = read;
    let (batches, told) = match content {
        Some((batches, spoken)) => {
            let told = spoken.into_iter().map(|spoken| {
                let complete = spoken.complete;
                ScopeReport {
                    version: etag.clone(),
                    ..scope_report(dataset, source, spoken, complete, &seen)
                }
            });
            (batches, told.collect())
        }
        None => {
            let told = known.into_iter().map(|(scope, rows, version)| ScopeReport {
                dataset,
                scope,
                source: source.into(),
                version: Some(version),
                observed_from: seen.at,
                observed_at: seen.at,
                outcome: ScopeOutcome::Unchanged,
                rows,
                gaps: seen.gaps(),
            });
            (Vec::new(), told.collect::<Vec<ScopeReport>>())
        }
    };
    let name = work.stamp(started);
    work.commit(dataset, &name, batches, told, started, printer)
}
