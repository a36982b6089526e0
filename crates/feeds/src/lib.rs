//! Foreign formats: bytes in, rows and complaints out.
//!
//! This room is for reading what AWS and others publish: price lists, Savings Plans rates, the spot advisor,
//! spot price answers, benchmarks. It will never open a file, ask the network or look at a clock: bytes, the
//! file's name and the instants come in as arguments. A file that is cut short is an error, never a short
//! answer; what is left out on purpose is counted as a gap.

mod advisor;
mod benchmark;
mod cost_explorer;
mod delivery;
mod ending;
mod index;
mod offer;
mod offer_csv;
mod offer_json;
mod plain;
mod product;
mod pull;
mod recognise;
mod rows;
mod savings;
mod savings_json;
mod spot;
mod spot_feed;
mod spot_text;
mod whole;

use std::io::BufRead;

use catalog::Batch;
use domain::Timestamp;

pub use delivery::{Delivery, Place, Role, delivery, is_month, place};
pub use index::{RegionFile, region_index, version_at};
pub use plain::{is_compressed, plain};
pub use recognise::{HEAD, recognise};
pub use whole::Whole;

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// The EC2 price list, CSV or JSON.
    PriceList,
    /// Products of the EC2 price list as GetProducts gives them, one after another.
    Products,
    /// A Savings Plans price list, CSV or JSON.
    SavingsPlans,
    /// `spot-advisor-data.json`.
    SpotAdvisor,
    /// `spot.json`: the spot prices of AWS's public page.
    SpotFeed,
    /// Answers of DescribeSpotPriceHistory as the aws CLI prints them.
    SpotPriceApi,
    /// Spot price history as CSV or TSV: with a header, or in the layout of the public archive.
    SpotHistory,
    /// Measured figures, CSV.
    Benchmark,
    /// Answers of GetCostAndUsage as the aws CLI prints them.
    CostExplorer,
}

impl FileKind {
    /// The dataset that such a file fills.
    pub fn dataset(self) -> &'static str {
        match self {
            FileKind::PriceList | FileKind::Products => "price",
            FileKind::SavingsPlans => "savings_plan",
            FileKind::SpotAdvisor => "interruption",
            FileKind::SpotFeed => "spot_feed",
            FileKind::SpotPriceApi | FileKind::SpotHistory => "spot_price",
            FileKind::Benchmark => "benchmark",
            FileKind::CostExplorer => "charge",
        }
    }
}

/// What is known beside the bytes.
#[derive(Debug, Clone, Copy)]
pub struct Context<'a> {
    /// The file's name, which is written beside its rows.
    pub source: &'a str,
    /// When the file was last changed, if that is known: the time of what does not say its own.
    pub modified: Option<Timestamp>,
    /// Now.
    pub now: Timestamp,
    /// How much of what there is the file holds, as far as that is known: for price lists and Savings Plans.
    pub whole: Whole,
    /// The account that an answer of Cost Explorer is about, which it does not say itself.
    pub account: Option<&'a str>,
}

/// What a file said of one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct Spoken {
    /// A region code, or `*`.
    pub scope: String,
    /// The earliest instant that its rows speak of.
    pub observed_from: Timestamp,
    /// The instant of which it is the newest statement.
    pub observed_at: Timestamp,
    /// Rows that were handed over.
    pub rows: u64,
    /// It says all there is to say of the scope at that instant.
    pub complete: bool,
    /// What was left out, a lowercase fragment each.
    pub gaps: Vec<String>,
    /// The publication's own name.
    pub version: Option<String>,
}

/// Why a file cannot be read. Each text is a lowercase fragment.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// It is not what it should be, or it is cut short.
    #[error("{0}")]
    Bad(String),
    /// Its bytes could not be had.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The rows could not be taken.
    #[error("{0}")]
    Sink(String),
}

pub(crate) fn bad(text: impl Into<String>) -> FeedError {
    FeedError::Bad(text.into())
}

/// Takes rows of the file's dataset, without `run_id`. An error ends the reading with that text.
pub type BatchSink<'a> = &'a mut dyn FnMut(Batch) -> Result<(), String>;

/// Reads a file. Rows are handed over in batches of at most 50,000, in no order; after the last one the
/// scopes that the file spoke of are returned.
pub fn read(
    kind: FileKind,
    reader: &mut dyn BufRead,
    context: &Context<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<Spoken>, FeedError> {
    match kind {
        FileKind::PriceList => offer::read(reader, context, sink),
        FileKind::Products => offer_json::read_products(reader, context, sink),
        FileKind::SavingsPlans => savings::read(reader, context, sink),
        FileKind::SpotAdvisor => advisor::read(reader, context, sink),
        FileKind::SpotFeed => spot_feed::read(reader, context, sink),
        FileKind::SpotPriceApi => spot::read(reader, context, sink),
        FileKind::SpotHistory => spot_text::read(reader, context, sink),
        FileKind::Benchmark => benchmark::read(reader, context, sink),
        FileKind::CostExplorer => cost_explorer::read(reader, context, sink),
    }
}

#[cfg(test)]
mod tests;
