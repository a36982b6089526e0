//! The kind of a file: named on the command line, or detected from its beginning.

use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::ports::BillLayout;
use clap::ValueEnum;
use console::{Failure, FailureKind, suggest_closest};

use super::text_files::{self, unreadable};
use crate::Ports;

/// Kinds of files that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ImportKind {
    /// AWS price list of EC2, one region or all, CSV or JSON: on-demand and reserved prices
    PriceList,
    /// AWS Savings Plans rates, CSV or JSON
    SavingsPlans,
    /// spot-advisor-data.json: interruption rates and savings
    SpotAdvisor,
    /// Output of `aws ec2 describe-spot-price-history`, JSON
    SpotPriceApi,
    /// Parquet, CSV or TSV with the columns observed_at, instance_type, region, az_id and spot_usd
    SpotHistory,
    /// CSV with the columns instance_type, metric, value and optionally config, measured_at and
    /// source
    Benchmark,
    /// CSV of own discounts with the columns discount_id and percent, or price_per_hour and
    /// currency, and optionally account_id, service, region, family, os, purchase, starts_on and
    /// ends_on
    Discount,
    /// AWS Cost and Usage Report, legacy or 2.0, CSV or Parquet, all parts together
    Cur,
    /// Charges in FOCUS 1.0 to 1.2, CSV or Parquet, all parts of an export together
    Focus,
    /// Output of `aws ce get-cost-and-usage --granularity DAILY`, JSON
    CostExplorer,
    /// File written by `collector bundle` on another machine
    Bundle,
}

/// The reader of a file: `feeds` row by row, or the lake column by column.
pub(super) enum ImportReader {
    Feed(feeds::FeedKind),
    /// Spot history in Parquet.
    History,
    Bill(BillLayout),
    Bundle,
}

impl ImportKind {
    /// Returns the reader of such a file.
    pub(super) fn reader(self, parquet: bool) -> ImportReader {
        match self {
            ImportKind::PriceList => ImportReader::Feed(feeds::FeedKind::PriceList),
            ImportKind::SavingsPlans => ImportReader::Feed(feeds::FeedKind::SavingsPlans),
            ImportKind::SpotAdvisor => ImportReader::Feed(feeds::FeedKind::SpotAdvisor),
            ImportKind::SpotPriceApi => ImportReader::Feed(feeds::FeedKind::SpotPriceApi),
            ImportKind::SpotHistory if parquet => ImportReader::History,
            ImportKind::SpotHistory => ImportReader::Feed(feeds::FeedKind::SpotHistory),
            ImportKind::Benchmark => ImportReader::Feed(feeds::FeedKind::Benchmark),
            ImportKind::Discount => ImportReader::Feed(feeds::FeedKind::Discount),
            ImportKind::Cur => ImportReader::Bill(BillLayout::Cur),
            ImportKind::Focus => ImportReader::Bill(BillLayout::Focus),
            ImportKind::CostExplorer => ImportReader::Feed(feeds::FeedKind::CostExplorer),
            ImportKind::Bundle => ImportReader::Bundle,
        }
    }

    /// Returns whether such a file states when it was made.
    pub(super) fn is_dated(self) -> bool {
        use ImportKind::{CostExplorer, Cur, Discount, Focus, SpotAdvisor};
        !matches!(self, SpotAdvisor | Cur | Discount | Focus | CostExplorer)
    }

    /// Returns whether `--partial` or `--whole` may qualify such a file.
    pub(super) fn may_be_partial(self) -> bool {
        use ImportKind::{Cur, Focus, PriceList, SavingsPlans};
        matches!(self, Cur | Focus | PriceList | SavingsPlans)
    }

    /// Returns the name on the command line.
    pub(super) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }

    pub(super) fn of_word(word: &str) -> Option<ImportKind> {
        ImportKind::value_variants().iter().copied().find(|kind| kind.word() == word)
    }
}

/// Splits the arguments into the kind, if one is named, and the files, all of which exist.
pub(super) fn split_arguments(words: &[PathBuf]) -> Result<(Option<ImportKind>, &[PathBuf]), Failure> {
    let first = words.first().and_then(|word| word.to_str());
    let kind = first.and_then(ImportKind::of_word);
    let paths = if kind.is_some() { &words[1..] } else { words };
    if paths.is_empty() {
        let word = first.unwrap_or_default();
        return Err(Failure::usage("no file was given").hint(format!("collector import {word} FILE")));
    }
    if let Some(missing) = paths.iter().find(|path| !path.exists()) {
        let plain = missing.components().count() == 1 && missing.extension().is_none();
        let unsaid = kind.is_none() && words.len() > 1 && *missing == words[0] && plain;
        return Err(if unsaid { no_kind(&missing.to_string_lossy()) } else { no_file(missing) });
    }
    if let Some(folder) = paths.iter().find(|path| path.is_dir()) {
        let shown = folder.display();
        return Err(Failure::usage(format!("{shown} is a folder; expected files"))
            .hint(format!("collector import {shown}/*")));
    }
    if let Some(device) = paths.iter().find(|path| !path.is_file()) {
        let shown = device.display();
        return Err(Failure::usage(format!("{shown} is a device or a pipe; expected files"))
            .hint(format!("cat {shown} > FILE, then collector import FILE")));
    }
    Ok((kind, paths))
}

fn no_file(path: &Path) -> Failure {
    Failure::usage(format!("there is no file {}", path.display()))
        .hint("check the path with ls, or see collector import --help")
}

fn no_kind(word: &str) -> Failure {
    let words: Vec<String> = ImportKind::value_variants().iter().map(|kind| kind.word()).collect();
    let near = suggest_closest(word, words.iter().map(String::as_str));
    Failure::usage(format!("\"{word}\" is neither a file nor a kind of file{near}"))
        .hint(format!("the kinds are {}; omit KIND to detect it", words.join(", ")))
}

/// Detects the kind of the files. It is an error if they differ.
pub(super) fn detect_kind(paths: &[PathBuf], ports: &Ports<'_>) -> Result<ImportKind, Failure> {
    let mut found: Option<(ImportKind, &PathBuf)> = None;
    for path in paths {
        let kind = detect_file_kind(path, ports)?;
        match found {
            Some((other, at)) if other != kind => {
                return Err(Failure::usage(format!(
                    "{} is {} and {} is {}: one import takes files of one kind",
                    at.display(),
                    other.word(),
                    path.display(),
                    kind.word()
                ))
                .hint("import them one after the other"));
            }
            _ => found = Some((kind, path)),
        }
    }
    found.map(|(kind, _)| kind).ok_or_else(|| Failure::usage("no file was given"))
}

fn detect_file_kind(path: &Path, ports: &Ports<'_>) -> Result<ImportKind, Failure> {
    let kind = match () {
        () if text_files::is_parquet(path)? => detect_by_columns(path, ports),
        () if text_files::is_bundle(path)? => Some(ImportKind::Bundle),
        () => detect_by_head(path)?,
    };
    kind.ok_or_else(|| {
        let shown = path.display();
        Failure::new(FailureKind::Data, format!("{shown}: its kind cannot be detected"))
            .hint(format!("collector import KIND {shown} (for the kinds see collector import --help)"))
    })
}

fn detect_by_columns(path: &Path, ports: &Ports<'_>) -> Option<ImportKind> {
    let is = |layout| ports.store.probe_bill(layout, path, &text_files::open).is_ok();
    if is(BillLayout::Focus) {
        Some(ImportKind::Focus)
    } else if is(BillLayout::Cur) {
        Some(ImportKind::Cur)
    } else {
        ports.store.probe_spot_history(path).is_ok().then_some(ImportKind::SpotHistory)
    }
}

fn detect_by_head(path: &Path) -> Result<Option<ImportKind>, Failure> {
    let reader = text_files::open(path).map_err(|e| unreadable(path, &e))?;
    let mut head = Vec::new();
    // Errors of decompression are ignored here; the import itself reports them.
    let _ = reader.take(feeds::HEAD as u64).read_to_end(&mut head);
    Ok(feeds::detect_kind(&head).and_then(ImportKind::of_word))
}
