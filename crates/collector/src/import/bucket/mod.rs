//! Import of bills from an S3 bucket: one month at a time, each as a whole.

pub(super) mod address;
mod bills_in_bucket;
mod delivery;
mod failure;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use catalog::ports::{
    BillFiles, BillLayout, BillOrigin, ImportReport, S3Bucket, S3Object, ScopeOutcome, ScopeReport,
    SourceError, StoreError,
};
use catalog::{Field, Page, Value, ValueType, dataset};
use console::{Exit, Failure, Printer, Report};
use domain::Timestamp;
use feeds::ForeignFormat;

use self::address::S3Address;
use self::bills_in_bucket::BucketBill;
use self::delivery::{BillDelivery, BillImportError, BucketReader};
use self::failure::bucket_failure;
use super::args::ImportArgs;
use super::bills;
use super::kind::{self, ImportKind};
use super::text_files;
use crate::snapshot::known_reports::KnownReports;
use crate::{Ports, lake_failure};

/// A checked import from S3.
pub(super) struct BucketImportRequest<'a> {
    address: S3Address,
    /// The layout that the command line names.
    layout: Option<BillLayout>,
    profile: Option<&'a str>,
    months: &'a [String],
    covers: &'a [String],
    dry_run: bool,
}

/// Parses arguments that contain an S3 address; returns `None` if they name only files.
pub(super) fn parse_request(args: &ImportArgs) -> Result<Option<BucketImportRequest<'_>>, Failure> {
    let words: Vec<&str> = args.paths.iter().filter_map(|word| word.to_str()).collect();
    let Some(at) = words.iter().position(|word| S3Address::of(word).is_some()) else { return Ok(None) };
    let layout = match words[..at] {
        [] => None,
        [word] => match ImportKind::of_word(word) {
            Some(ImportKind::Cur) => Some(BillLayout::Cur),
            Some(ImportKind::Focus) => Some(BillLayout::Focus),
            Some(kind) => {
                let why = format!("{} cannot be imported from S3; only cur and focus can", kind.word());
                return Err(Failure::usage(why).hint(format!("collector import cur {}", words[at])));
            }
            None => return Err(not_alone(words[at])),
        },
        _ => return Err(not_alone(words[at])),
    };
    if args.paths.len() > at + 1 {
        return Err(not_alone(words[at]));
    }
    if let Some((flag, _)) = file_flags(args).iter().find(|(_, said)| *said) {
        return Err(Failure::usage(format!("{flag} is for files and has no effect on {}", words[at])).hint(
            format!("remove {flag}: a delivery in S3 states its time, and each month is imported whole"),
        ));
    }
    if let Some(month) = args.month.iter().find(|month| !feeds::is_month(month)) {
        return Err(Failure::usage(format!(
            "--month \"{month}\" is not a month; expected one such as 2026-10"
        ))
        .hint(format!("collector import {} --month 2026-10", words[at])));
    }
    bills::check_covers(&args.covers)?;
    let address = S3Address::of(words[at]).expect("found above")?;
    Ok(Some(BucketImportRequest {
        address,
        layout,
        profile: args.account.as_deref(),
        months: &args.month,
        covers: &args.covers,
        dry_run: args.dry_run,
    }))
}

fn not_alone(word: &str) -> Failure {
    Failure::usage(format!("{word} must be the only path; only cur or focus may stand before it"))
        .hint(format!("collector import {word}"))
}

/// Returns the flags that describe files. Deliveries in a bucket state the same facts themselves.
fn file_flags(args: &ImportArgs) -> [(&'static str, bool); 4] {
    [
        ("--observed-at", args.observed_at.is_some()),
        ("--partial", args.partial),
        ("--whole", args.whole),
        ("--signer", args.signer.is_some()),
    ]
}

/// A line of the report: the outcome of one bill.
#[derive(Default)]
struct BucketBillLine {
    export: String,
    month: Option<String>,
    layout: Option<BillLayout>,
    outcome: &'static str,
    files: u64,
    /// Bytes fetched from the bucket, or to be fetched in a dry run.
    fetched: u64,
    imported: Option<ImportReport>,
    seconds: f64,
    gaps: Vec<String>,
}

const FAILED: &str = "failed";

/// A running import of bills from a bucket.
struct BucketImport<'a> {
    order: &'a BucketImportRequest<'a>,
    ports: &'a Ports<'a>,
    shelf: BucketReader<'a>,
    state: KnownReports,
    now: Timestamp,
}

pub(super) fn run_import(
    order: &BucketImportRequest<'_>,
    ports: &Ports<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let address = &order.address;
    let source = (ports.source)().map_err(bucket_failure)?;
    let bucket = S3Bucket { profile: order.profile, name: &address.bucket };
    let progress = printer.progress(&format!("listing {address}"));
    let objects: Vec<S3Object> =
        source.list(&bucket, &address.key_prefix(), ports.stop).map_err(bucket_failure)?;
    drop(progress);
    let found = bills_in_bucket::find_bills(address, &objects, order.months)?;
    found.notes.iter().for_each(|note| printer.note(note));
    let shown = ports.store.read_content().map_err(lake_failure)?;
    let listed = objects.iter().map(|object| (object.key.as_str(), object)).collect();
    let work = BucketImport {
        order,
        ports,
        shelf: BucketReader { source: &*source, bucket, address, stop: ports.stop, listed, now },
        state: KnownReports::new(shown.map(|shown| shown.log).unwrap_or_default()),
        now,
    };
    let mut lines = Vec::new();
    for (at, bill) in found.bills.iter().enumerate() {
        if ports.stop.is_requested() {
            return Err(bucket_failure(SourceError::Interrupted));
        }
        let started = (ports.clock)();
        let line = work.import_bill(bill, at, printer)?;
        let seconds = (ports.clock)().duration_since(started).as_secs_f64();
        lines.extend(line.map(|line| BucketBillLine { seconds, ..line }));
    }
    if lines.is_empty() {
        printer.note(&format!("there is no bill under {address}; expected the folder of a Cost and Usage Report or a data export"));
        return Ok(Exit::NothingMatched);
    }
    printer.report(&Report::plain(page(&lines)), ports.encode)?;
    if order.dry_run {
        printer.note("dry run: only manifests were read, and nothing was written");
    }
    match lines.iter().all(|line| line.outcome == FAILED) {
        true => Err(Failure::broken(format!("no bill could be imported: {}", lines[0].gaps.join("; ")))),
        false => Ok(Exit::Done),
    }
}

impl BucketImport<'_> {
    /// Imports one bill. Returns `None` if its layout is not the requested one.
    fn import_bill(
        &self,
        bill: &BucketBill,
        at: usize,
        printer: &mut Printer,
    ) -> Result<Option<BucketBillLine>, Failure> {
        let mut line = BucketBillLine {
            export: bill.export.clone(),
            month: bill.month.clone(),
            ..BucketBillLine::default()
        };
        let delivery = self.shelf.delivery(bill, self.order.layout);
        let done = delivery.and_then(|delivery| {
            self.fetch_and_import(bill, &delivery, &mut line, printer)
                .map_err(|missing| missing.with_account(&delivery.account))
        });
        match done {
            Ok(()) => {}
            Err(BillImportError::All(failure)) => return Err(failure),
            Err(BillImportError::Other(layout)) => {
                printer.note(&format!(
                    "{} has the layout {}: left out",
                    describe_bill(bill),
                    layout_name(layout)
                ));
                return Ok(None);
            }
            Err(BillImportError::Gap { why, account }) => {
                line.outcome = FAILED;
                if !self.order.dry_run {
                    self.record_gap(bill, &why, account, at)?;
                }
                line.gaps.push(why);
            }
        }
        Ok(Some(line))
    }

    fn fetch_and_import(
        &self,
        bill: &BucketBill,
        delivery: &BillDelivery,
        line: &mut BucketBillLine,
        printer: &mut Printer,
    ) -> Result<(), BillImportError> {
        let source = self.source(bill);
        let version = delivery.version();
        line.files = delivery.files.len() as u64;
        line.layout = self.order.layout.or(delivery.layout);
        if self.state.delivered("charge", &source, &version, delivery.made_at.min(self.now)).is_some() {
            line.outcome = ScopeOutcome::Unchanged.word();
            return Ok(());
        }
        if self.order.dry_run {
            line.outcome = "to fetch";
            line.fetched = delivery.bytes();
            return Ok(());
        }
        let scratch =
            self.ports.store.scratch().map_err(|error| BillImportError::All(lake_failure(error)))?;
        let folder: &Path = (*scratch).as_ref();
        let progress = printer.progress(&format!("fetching {}", describe_bill(bill)));
        let paths = self.shelf.fetch(delivery, folder, &progress)?;
        line.fetched = delivery.bytes();
        refuse_foreign_formats(&paths)?;
        let layout = match line.layout {
            Some(layout) => layout,
            None => detect_layout(&paths, self.ports)
                .map_err(|why| BillImportError::gap(strip_folder(&why, folder)))?,
        };
        line.layout = Some(layout);
        progress.set_message(format!("importing {}", describe_bill(bill)));
        let origin = BillOrigin { source: &source, version: &version };
        let imported = self.import(layout, &paths, delivery, origin, folder)?;
        drop(progress);
        line.outcome = ScopeOutcome::Complete.word();
        line.gaps.extend(imported.told.iter().flat_map(ScopeReport::gap_texts));
        let (files, bytes, kept) = (line.files, line.fetched, imported.brought.rows);
        printer.note(&format!(
            "{}: {files} files, {bytes} bytes fetched, {kept} rows kept",
            describe_bill(bill)
        ));
        imported.notes.iter().for_each(|note| printer.note(note));
        line.imported = Some(imported);
        Ok(())
    }

    fn import(
        &self,
        layout: BillLayout,
        paths: &[PathBuf],
        delivery: &BillDelivery,
        origin: BillOrigin<'_>,
        folder: &Path,
    ) -> Result<ImportReport, BillImportError> {
        let observed_at = delivery.made_at.min(self.now);
        let covers = bills::coverage(self.order.covers, delivery.account.as_deref());
        let stop = self.ports.stop;
        let open = |path: &Path| text_files::open_until(stop, path);
        let origin = Some(origin);
        let files = BillFiles { layout, paths, observed_at, whole: true, covers, open: &open, origin };
        self.ports.store.import_bills(&files, self.now, false).map_err(|error| match error {
            StoreError::BadFile(_) if stop.is_requested() => {
                BillImportError::All(bucket_failure(SourceError::Interrupted))
            }
            StoreError::BadFile(why) => BillImportError::gap(strip_folder(&why, folder)),
            StoreError::UnknownCoverage { why, accounts } => {
                BillImportError::gap(format!("{why}; --covers {accounts} or --covers all decides it"))
            }
            other => BillImportError::All(lake_failure(other)),
        })
    }

    /// Returns the bill's source, which the log keeps for people and for the next import.
    fn source(&self, bill: &BucketBill) -> String {
        format!("s3://{}/{}", self.order.address.bucket, bill.export)
    }

    /// Records in the lake that a bill could not be imported, for every account it may belong to.
    fn record_gap(
        &self,
        bill: &BucketBill,
        why: &str,
        account: Option<String>,
        at: usize,
    ) -> Result<(), Failure> {
        let Some(month) = &bill.month else { return Ok(()) };
        let source = self.source(bill);
        let known = self.state.scopes("charge").into_iter().filter(|told| told.source == source);
        let known = known.filter_map(|told| told.scope.rsplit_once('/').map(|(of, _)| of.to_string()));
        let accounts: BTreeSet<String> = account.map_or_else(|| known.collect(), |id| BTreeSet::from([id]));
        if accounts.is_empty() {
            return Ok(());
        }
        let run_id = format!("import-s3-{}-{at}", self.now.as_microsecond());
        let Some(mut run) = self.ports.store.begin(&run_id).map_err(lake_failure)? else { return Ok(()) };
        for account in accounts {
            let told = ScopeReport {
                dataset: dataset("charge").expect("a built-in dataset"),
                scope: format!("{account}/{month}"),
                source: source.clone(),
                version: None,
                observed_from: self.now,
                observed_at: self.now,
                outcome: ScopeOutcome::Failed,
                rows: 0,
                gaps: vec![why.into()],
            };
            run.add_report(told).map_err(lake_failure)?;
        }
        run.commit(self.now).map(|_| ()).map_err(lake_failure)
    }
}

/// Refuses files in a format that cannot be imported.
fn refuse_foreign_formats(paths: &[PathBuf]) -> Result<(), BillImportError> {
    for path in paths {
        let name = path.file_name().unwrap_or_default().display();
        match text_files::foreign_format(path) {
            Ok(None) => {}
            Ok(Some(ForeignFormat { name: found, cure })) => {
                let cure = cure.replace("FILE", &name.to_string());
                return Err(BillImportError::gap(format!("{name} is {found}; {cure}")));
            }
            Err(failure) => return Err(BillImportError::gap(failure.message)),
        }
    }
    Ok(())
}

/// Detects the layout of files whose manifest does not state it.
fn detect_layout(paths: &[PathBuf], ports: &Ports<'_>) -> Result<BillLayout, String> {
    let unsaid = |failure: Failure| format!("{}; name cur or focus before the address", failure.message);
    match kind::detect_kind(paths, ports).map_err(unsaid)? {
        ImportKind::Cur => Ok(BillLayout::Cur),
        ImportKind::Focus => Ok(BillLayout::Focus),
        other => Err(format!("its files are {}, not bills", other.word())),
    }
}

/// Removes the temporary folder from a message about fetched files.
fn strip_folder(why: &str, folder: &Path) -> String {
    why.replace(&format!("{}/", folder.display()), "")
}

fn describe_bill(bill: &BucketBill) -> String {
    let name = if bill.export.is_empty() { "the bill" } else { &bill.export };
    bill.month.as_ref().map_or(name.to_string(), |month| format!("{name} of {month}"))
}

fn layout_name(layout: BillLayout) -> &'static str {
    match layout {
        BillLayout::Cur => "cur",
        BillLayout::Focus => "focus",
    }
}

/// Converts an S3 error into a failure with a hint.
fn page(lines: &[BucketBillLine]) -> Page {
    let whole = |name: &str| Field::new(name, ValueType::Int);
    let text = |name: &str| Field::new(name, ValueType::Text);
    let fields = vec![
        text("dataset"),
        text("export"),
        text("month"),
        text("kind"),
        text("outcome"),
        whole("files"),
        whole("bytes_fetched"),
        whole("rows_read"),
        whole("rows_kept"),
        whole("bytes"),
        Field::new("seconds", ValueType::Float),
        whole("manifest"),
        Field::new("gaps", ValueType::List(Box::new(ValueType::Text))),
    ];
    let row = |line: &BucketBillLine| -> Vec<Value> {
        let imported = |figure: fn(&ImportReport) -> u64| -> Value {
            line.imported.as_ref().map(|imported| figure(imported) as i64).into()
        };
        vec![
            "charge".into(),
            line.export.as_str().into(),
            line.month.as_deref().into(),
            line.layout.map(layout_name).into(),
            line.outcome.into(),
            Value::Int(line.files as i64),
            Value::Int(line.fetched as i64),
            imported(ImportReport::read),
            imported(|imported| imported.brought.rows),
            imported(|imported| imported.brought.bytes),
            ((line.seconds * 10.0).round() / 10.0).into(),
            line.imported.as_ref().and_then(|imported| imported.manifest).map(|number| number as i64).into(),
            line.gaps.clone().into(),
        ]
    };
    Page { fields, rows: lines.iter().map(row).collect() }
}
