//! Snapshots of the files that AWS publishes.

use std::io::{BufReader, Read};

use catalog::ports::{Gap, PublicFile, ScopeOutcome, ScopeReport, SourceError, describe_clock_skew};
use catalog::{CollectionSource, Dataset, PublicSource, RowBatch};
use console::{Failure, FailureKind, Printer};
use domain::Timestamp;
use feeds::{Completeness, FeedContext, FeedKind, FeedReport, RegionFile};

use super::access::{SourceAccess, source_failure};
use crate::snapshot::known_reports::KnownReports;
use crate::snapshot::plan::SnapshotPlan;
use crate::snapshot::record::{FetchedRun, SnapshotRecorder};

const PRICES: &str = "https://pricing.us-east-1.amazonaws.com";
const PRICES_OF_CHINA: &str = "https://pricing.cn-north-1.amazonaws.com.cn";

/// Limit of an index's size, bytes. Real ones have some hundred KB.
const LARGEST_INDEX: u64 = 32 << 20;

/// A dataset that AWS publishes.
#[derive(Clone, Copy)]
struct PublicDataset {
    dataset: &'static Dataset,
    source: PublicSource,
    kind: FeedKind,
}

impl PublicDataset {
    fn of(dataset: &'static Dataset) -> Result<PublicDataset, Failure> {
        let kind = match dataset.name {
            "price" => Some(FeedKind::PriceList),
            "savings_plan" => Some(FeedKind::SavingsPlans),
            "interruption" => Some(FeedKind::SpotAdvisor),
            "spot_feed" => Some(FeedKind::SpotFeed),
            _ => None,
        };
        let (CollectionSource::PublicFile(source), Some(kind)) = (dataset.origin.source, kind) else {
            return Err(Failure::broken(format!("{} has no known file format", dataset.name)));
        };
        Ok(PublicDataset { dataset, source, kind })
    }
}

/// Returns the address of public files, for people.
pub(crate) fn address(source: PublicSource) -> String {
    match source {
        PublicSource::File { url, .. } => url.into(),
        PublicSource::Lists { root, offer, .. } => format!("{PRICES}/{root}/v1.0/aws/{offer}/"),
    }
}

/// Returns the regions whose lists are fetched; empty means every published one.
pub(crate) fn regions(plan: &SnapshotPlan, source: PublicSource, own_region: &str) -> Vec<String> {
    match (&plan.regions, source, plan.all_regions) {
        (_, PublicSource::File { .. }, _) | (None, _, true) => Vec::new(),
        (Some(regions), ..) => regions.clone(),
        (None, _, false) => vec![own_region.to_string()],
    }
}

/// Collects a dataset that AWS publishes.
pub(crate) fn collect(
    access: &SourceAccess<'_>,
    plan: &SnapshotPlan,
    dataset: &'static Dataset,
    own_region: &str,
    recorder: &mut SnapshotRecorder<'_>,
    printer: &mut Printer,
) -> Result<(), Failure> {
    let of = PublicDataset::of(dataset)?;
    match of.source {
        PublicSource::File { url, .. } => {
            let fetched = fetch_single_file(access, &recorder.known, of, url, printer)?;
            recorder.record(fetched, printer)
        }
        PublicSource::Lists { root, offer, .. } => {
            let regions = regions(plan, of.source, own_region);
            let lists = PublishedLists { of, folder: (root, offer), as_of: plan.as_of };
            lists.collect(access, &regions, recorder, printer)
        }
    }
}

/// Lists by region, of now or of an earlier time.
struct PublishedLists {
    of: PublicDataset,
    /// The first folder and the folder of the lists.
    folder: (&'static str, &'static str),
    as_of: Option<Timestamp>,
}

impl PublishedLists {
    /// Collects lists by region. The index names the current publication, and only a new one is
    /// fetched.
    fn collect(
        &self,
        access: &SourceAccess<'_>,
        regions: &[String],
        recorder: &mut SnapshotRecorder<'_>,
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let of_china = |region: &String| region.starts_with("cn-");
        for (host, china) in [(PRICES, false), (PRICES_OF_CHINA, true)] {
            let wanted: Vec<&String> = regions.iter().filter(|region| of_china(region) == china).collect();
            // China has its own host, and `--region all` means AWS's main list.
            if wanted.is_empty() && (china || !regions.is_empty()) {
                continue;
            }
            let PublishedIndex { files, seen, since } = self.fetch_index(access, host, china)?;
            let mut missing = wanted.clone();
            for file in &files {
                if !regions.is_empty() && !wanted.contains(&&file.region) {
                    continue;
                }
                missing.retain(|region| **region != file.region);
                if access.stop.is_requested() {
                    return Err(source_failure(SourceError::Interrupted));
                }
                let list = PublishedList { host, file, since };
                let fetched = match self.fetch_list(access, &recorder.known, list, &seen, printer) {
                    Err(failure) if failure.kind == FailureKind::Broken => {
                        self.failed_run(access, &file.region, failure.message, &seen)
                    }
                    done => done?,
                };
                recorder.record(fetched, printer)?;
            }
            for region in missing {
                let why = format!("AWS publishes no {} for {region}", self.of.dataset.name);
                recorder.record(self.failed_run(access, region, why, &seen), printer)?;
            }
        }
        Ok(())
    }

    /// Returns a run without rows, for a region whose list could not be read. The other regions are
    /// still tried.
    fn failed_run(
        &self,
        access: &SourceAccess<'_>,
        region: &str,
        why: String,
        seen: &ServerClock,
    ) -> FetchedRun {
        let told = ScopeReport {
            dataset: self.of.dataset,
            scope: region.into(),
            source: self.of.source.label().into(),
            version: None,
            observed_from: seen.at,
            observed_at: seen.at,
            outcome: ScopeOutcome::Failed,
            rows: 0,
            gaps: [vec![why.into()], seen.gaps()].concat(),
        };
        FetchedRun::new(self.of.dataset, Some(region), Vec::new(), vec![told], access.now())
    }

    fn fetch_index(
        &self,
        access: &SourceAccess<'_>,
        host: &str,
        china: bool,
    ) -> Result<PublishedIndex, Failure> {
        let partition = if china { "cn" } else { "aws" };
        let (root, offer) = self.folder;
        let base = format!("{host}/{root}/v1.0/{partition}/{offer}");
        let (version, since) = match self.as_of {
            None => ("current".to_string(), None),
            Some(at) => {
                let url = format!("{base}/index.json");
                let found = feeds::version_at(&fetch_small(access, &url)?.0, at)
                    .map_err(|e| bad_file(&url, &e.to_string()))?;
                let found = found.ok_or_else(|| {
                    Failure::broken(format!("AWS publishes no price list that was in force at {at}"))
                        .hint("the lists go back to 2018-05-01")
                })?;
                (found.version, Some(found.since))
            }
        };
        let url = format!("{base}/{version}/region_index.json");
        let (text, seen) = fetch_small(access, &url)?;
        let files = feeds::parse_region_index(&text).map_err(|e| bad_file(&url, &e.to_string()))?;
        Ok(PublishedIndex { files, seen, since })
    }

    /// Fetches one region's list, the current one or a past one.
    fn fetch_list(
        &self,
        access: &SourceAccess<'_>,
        known: &KnownReports,
        list: PublishedList<'_>,
        seen: &ServerClock,
        printer: &Printer,
    ) -> Result<FetchedRun, Failure> {
        let started = access.now();
        let PublicDataset { dataset, source, kind } = self.of;
        let PublishedList { host, file, since } = list;
        let known = match since {
            // A list that was fetched while it was current counts from its publication only.
            Some(since) => known
                .published(dataset.name, &file.region, source.label(), &file.version)
                .filter(|known| known.observed_at <= since),
            None => known.in_force(dataset.name, &file.region, source.label()),
        };
        if let Some(known) = known.filter(|known| known.version.as_ref() == Some(&file.version)) {
            // A list of the past is no evidence of present prices.
            let observed_at = if since.is_some() { known.observed_at } else { seen.at };
            let told = ScopeReport {
                dataset,
                scope: file.region.clone(),
                source: source.label().into(),
                version: Some(file.version.clone()),
                observed_from: observed_at,
                observed_at,
                outcome: ScopeOutcome::Unchanged,
                rows: known.rows,
                gaps: seen.gaps(),
            };
            return Ok(FetchedRun::new(dataset, Some(&file.region), Vec::new(), vec![told], started));
        }
        let url = format!("{host}{}", file.csv);
        let progress = printer.progress(&format!("{} of {}", dataset.name, file.region));
        let read = fetch_and_parse(access, kind, &url, None, (source.label(), since))?;
        drop(progress);
        let FetchedFile { content: Some((batches, spoken)), seen, .. } = read else {
            return Err(bad_file(&url, "the server sent nothing"));
        };
        let told = spoken.into_iter().map(|spoken| {
            // The file belongs to the region. Its rows of another region are not that region's
            // complete list.
            let complete = spoken.complete && spoken.scope == file.region;
            scope_report(self.of, spoken, complete, &seen)
        });
        let told: Vec<ScopeReport> = told.collect();
        if !told.iter().any(|told| told.scope == file.region) {
            return Err(bad_file(&url, &format!("it has no rows of {}", file.region)));
        }
        Ok(FetchedRun::new(dataset, Some(&file.region), batches, told, started))
    }
}

/// The lists of one publication.
struct PublishedIndex {
    files: Vec<RegionFile>,
    seen: ServerClock,
    /// Start of the publication's period, for one of the past.
    since: Option<Timestamp>,
}

/// One region's list.
#[derive(Clone, Copy)]
struct PublishedList<'a> {
    host: &'static str,
    file: &'a RegionFile,
    /// Start of its period, for one of the past.
    since: Option<Timestamp>,
}

/// The time of a server's answer, by AWS's clock if the answer states it, and the seconds by which
/// this machine's clock is ahead of it.
#[derive(Clone, Copy)]
struct ServerClock {
    at: Timestamp,
    ahead: i64,
}

impl ServerClock {
    fn of(fetched: &PublicFile, access: &SourceAccess<'_>) -> ServerClock {
        let here = access.now();
        let at = fetched.date.unwrap_or(here);
        ServerClock { at, ahead: here.as_second() - at.as_second() }
    }

    fn gaps(&self) -> Vec<Gap> {
        describe_clock_skew(self.ahead).into_iter().collect()
    }
}

fn fetch_small(access: &SourceAccess<'_>, url: &str) -> Result<(Vec<u8>, ServerClock), Failure> {
    let fetched = access.source.fetch(url, None).map_err(source_failure)?;
    let seen = ServerClock::of(&fetched, access);
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

fn scope_report(of: PublicDataset, spoken: FeedReport, complete: bool, seen: &ServerClock) -> ScopeReport {
    let gaps = spoken.gaps.into_iter().map(Gap::from);
    ScopeReport {
        dataset: of.dataset,
        scope: spoken.scope,
        source: of.source.label().into(),
        version: spoken.version,
        observed_from: spoken.observed_from,
        observed_at: spoken.observed_at,
        outcome: if complete { ScopeOutcome::Complete } else { ScopeOutcome::Partial },
        rows: spoken.rows,
        gaps: gaps.chain(seen.gaps()).collect(),
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

/// Fetches and parses a file, unless the server still has the state with the ETag `known`. A list
/// of the past has the start of its period beside the name of its source.
fn fetch_and_parse(
    access: &SourceAccess<'_>,
    kind: FeedKind,
    url: &str,
    known: Option<&str>,
    (source, in_force): (&str, Option<Timestamp>),
) -> Result<FetchedFile, Failure> {
    let fetched = access.source.fetch(url, known).map_err(source_failure)?;
    let seen = ServerClock::of(&fetched, access);
    let Some(body) = fetched.body else { return Ok(FetchedFile { content: None, seen, etag: fetched.etag }) };
    // A transfer that breaks off is an error, so a file that was fetched is complete.
    let context = FeedContext {
        source,
        modified: fetched.modified,
        now: seen.at,
        whole: Completeness::Yes,
        in_force,
        account: None,
    };
    let mut batches = Vec::new();
    let mut reader = BufReader::with_capacity(1 << 20, body);
    let spoken = feeds::read(kind, &mut reader, &context, &mut |batch| {
        if access.stop.is_requested() {
            return Err("interrupted".into());
        }
        batches.push(batch);
        Ok(())
    });
    let spoken = spoken.map_err(|error| match access.stop.is_requested() {
        true => Failure::new(FailureKind::Interrupted, "interrupted"),
        false => bad_file(url, &error.to_string()),
    })?;
    Ok(FetchedFile { content: Some((batches, spoken)), seen, etag: fetched.etag })
}

/// Fetches a dataset that is one file for all regions. AWS keeps no earlier versions of it.
fn fetch_single_file(
    access: &SourceAccess<'_>,
    reports: &KnownReports,
    of: PublicDataset,
    url: &str,
    printer: &Printer,
) -> Result<FetchedRun, Failure> {
    let PublicDataset { dataset, source, kind } = of;
    let source = source.label();
    let started = access.now();
    let known: Vec<(String, u64, String)> = {
        let ours = reports.scopes(dataset.name).into_iter().filter(|told| told.source == source);
        ours.filter_map(|told| Some((told.scope.clone(), told.rows, told.version.clone()?))).collect()
    };
    let etag = known.first().map(|(_, _, etag)| etag.clone());
    let progress = printer.progress(source);
    let read = fetch_and_parse(access, kind, url, etag.as_deref(), (source, None))?;
    drop(progress);
    let FetchedFile { content, seen, etag } = read;
    let (batches, told) = match content {
        Some((batches, spoken)) => {
            let told = spoken.into_iter().map(|spoken| {
                let complete = spoken.complete;
                ScopeReport { version: etag.clone(), ..scope_report(of, spoken, complete, &seen) }
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
    Ok(FetchedRun::new(dataset, None, batches, told, started))
}
