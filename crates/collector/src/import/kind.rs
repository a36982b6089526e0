//! What a file holds, as it was said or as its beginning tells.

use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use catalog::ports::BillLayout;
use clap::ValueEnum;
use console::{Failure, Kind, did_you_mean};

use super::bills;
use crate::Ports;

/// Kinds of files that can be imported.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FileKind {
    /// AWS's price list of EC2, a region or all of them, CSV or JSON: on-demand and reserved prices
    PriceList,
    /// AWS's Savings Plans rates, CSV or JSON
    SavingsPlans,
    /// spot-advisor-data.json: interruptions and savings
    SpotAdvisor,
    /// What `aws ec2 describe-spot-price-history` prints, JSON
    SpotPriceApi,
    /// Parquet, CSV or TSV with the columns observed_at, instance_type, region, az_id and spot_usd
    SpotHistory,
    /// CSV with the columns instance_type, metric, value and, if known, config, measured_at and source
    Benchmark,
    /// AWS's Cost and Usage Report, legacy or 2.0, CSV or Parquet, all parts of it together
    Cur,
    /// Charges in FOCUS 1.0 to 1.2, CSV or Parquet, all parts of an export together
    Focus,
    /// What `aws ce get-cost-and-usage --granularity DAILY` prints, JSON
    CostExplorer,
    /// What `collector bundle` wrote on another machine
    Bundle,
}

/// Who reads a file: row by row, or the lake, column by column.
pub(super) enum Reader {
    Feed(feeds::FileKind),
    /// Spot history in Parquet.
    History,
    Bill(BillLayout),
    Bundle,
}

impl FileKind {
    /// Who reads such a file.
    pub(super) fn reader(self, parquet: bool) -> Reader {
        match self {
            FileKind::PriceList => Reader::Feed(feeds::FileKind::PriceList),
            FileKind::SavingsPlans => Reader::Feed(feeds::FileKind::SavingsPlans),
            FileKind::SpotAdvisor => Reader::Feed(feeds::FileKind::SpotAdvisor),
            FileKind::SpotPriceApi => Reader::Feed(feeds::FileKind::SpotPriceApi),
            FileKind::SpotHistory if parquet => Reader::History,
            FileKind::SpotHistory => Reader::Feed(feeds::FileKind::SpotHistory),
            FileKind::Benchmark => Reader::Feed(feeds::FileKind::Benchmark),
            FileKind::Cur => Reader::Bill(BillLayout::Cur),
            FileKind::Focus => Reader::Bill(BillLayout::Focus),
            FileKind::CostExplorer => Reader::Feed(feeds::FileKind::CostExplorer),
            FileKind::Bundle => Reader::Bundle,
        }
    }

    /// Whether such a file says itself when it was made.
    pub(super) fn is_dated(self) -> bool {
        use FileKind::{CostExplorer, Cur, Focus, SpotAdvisor};
        !matches!(self, SpotAdvisor | Cur | Focus | CostExplorer)
    }

    /// Whether somebody may say how much of what there is such a file holds.
    pub(super) fn may_be_partial(self) -> bool {
        use FileKind::{Cur, Focus, PriceList, SavingsPlans};
        matches!(self, Cur | Focus | PriceList | SavingsPlans)
    }

    /// The word that is typed.
    pub(super) fn word(self) -> String {
        self.to_possible_value().map(|value| value.get_name().to_string()).unwrap_or_default()
    }

    pub(super) fn of_word(word: &str) -> Option<FileKind> {
        FileKind::value_variants().iter().copied().find(|kind| kind.word() == word)
    }
}

/// Words of a command line that were told apart: the kind, if it was said, and the files, which are all there.
pub(super) fn told_apart(words: &[PathBuf]) -> Result<(Option<FileKind>, &[PathBuf]), Failure> {
    let first = words.first().and_then(|word| word.to_str());
    let kind = first.and_then(FileKind::of_word);
    let paths = if kind.is_some() { &words[1..] } else { words };
    if paths.is_empty() {
        let word = first.unwrap_or_default();
        return Err(Failure::usage("no file was named").hint(format!("collector import {word} FILE")));
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
    Ok((kind, paths))
}

fn no_file(path: &Path) -> Failure {
    Failure::usage(format!("there is no file {}", path.display()))
        .hint("look for it with ls, or see collector import --help")
}

fn no_kind(word: &str) -> Failure {
    let words: Vec<String> = FileKind::value_variants().iter().map(|kind| kind.word()).collect();
    let near = did_you_mean(word, words.iter().map(String::as_str));
    Failure::usage(format!("\"{word}\" is neither a file nor a kind of files{near}"))
        .hint(format!("the kinds are {}; without one, the files' beginning tells", words.join(", ")))
}

/// The kind that all of the files have.
pub(super) fn recognised(paths: &[PathBuf], ports: &Ports<'_>) -> Result<FileKind, Failure> {
    let mut found: Option<(FileKind, &PathBuf)> = None;
    for path in paths {
        let kind = recognise(path, ports)?;
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
    found.map(|(kind, _)| kind).ok_or_else(|| Failure::usage("no file was named"))
}

fn recognise(path: &Path, ports: &Ports<'_>) -> Result<FileKind, Failure> {
    let kind = match () {
        () if is_parquet(path)? => by_columns(path, ports),
        () if begins(path, BUNDLE)? => Some(FileKind::Bundle),
        () => by_beginning(path)?,
    };
    kind.ok_or_else(|| {
        let shown = path.display();
        Failure::new(Kind::Data, format!("{shown}: what it holds cannot be told by how it begins"))
            .hint(format!("say it: collector import KIND {shown}; collector import --help lists the kinds"))
    })
}

pub(super) fn is_parquet(path: &Path) -> Result<bool, Failure> {
    begins(path, b"PAR1")
}

/// The name of a bundle's first entry, with which the archive begins.
const BUNDLE: &[u8] = b"mycelium-bundle.json";

fn begins(path: &Path, mark: &[u8]) -> Result<bool, Failure> {
    let mut start = Vec::new();
    let file = File::open(path).map_err(|e| unreadable(path, &e))?;
    file.take(mark.len() as u64).read_to_end(&mut start).map_err(|e| unreadable(path, &e))?;
    Ok(start == mark)
}

fn by_columns(path: &Path, ports: &Ports<'_>) -> Option<FileKind> {
    let is = |layout| ports.store.probe_bill(layout, path, &bills::open).is_ok();
    if is(BillLayout::Focus) {
        Some(FileKind::Focus)
    } else if is(BillLayout::Cur) {
        Some(FileKind::Cur)
    } else {
        ports.store.probe_spot_history(path).is_ok().then_some(FileKind::SpotHistory)
    }
}

fn by_beginning(path: &Path) -> Result<Option<FileKind>, Failure> {
    let reader = bills::open(path).map_err(|e| unreadable(path, &e))?;
    let mut head = Vec::new();
    // What cannot be unpacked is told by who reads it whole.
    let _ = reader.take(feeds::HEAD as u64).read_to_end(&mut head);
    Ok(feeds::recognise(&head).and_then(FileKind::of_word))
}

pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Failure {
    Failure::broken(format!("{} cannot be read: {error}", path.display()))
}
