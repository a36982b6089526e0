//! Parsers of foreign formats: bytes in, rows and gaps out.
//!
//! The crate parses files that AWS and others publish: price lists, Savings Plans rates, the spot
//! advisor, spot prices, costs and benchmarks, and a customer's discounts. It opens no file, makes
//! no request and reads no clock: the bytes, the file's name and the instants are arguments. A file
//! that is cut short is an error, never a shorter result. Rows that are left out on purpose are
//! counted as gaps.

mod advisor;
mod benchmark;
mod completeness;
mod cost_explorer;
mod csv_table;
mod delivery;
mod discount;
mod foreign_format;
mod index;
mod json_reader;
mod kind_detection;
mod offer;
mod offer_csv;
mod offer_json;
mod plain_text;
mod price_list;
mod product;
mod rows;
mod savings;
mod savings_json;
mod savings_rows;
mod spot;
mod spot_feed;
mod spot_text;

use std::io::BufRead;

use catalog::RowBatch;
use domain::Timestamp;

pub use completeness::Completeness;
pub use delivery::{BillManifest, DeliveryPath, DeliveryRole, is_month, parse_key, read_manifest};
pub use foreign_format::{ForeignFormat, detect_foreign_format};
pub use index::{PastPublication, RegionFile, parse_region_index, version_at};
pub use kind_detection::{HEAD, detect_kind};
pub use plain_text::{is_compressed, plain_text};

/// The kind of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FeedKind {
    /// The EC2 price list, CSV or JSON.
    PriceList,
    /// Products of the EC2 price list as GetProducts returns them, one after another.
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
    /// Benchmark results, CSV.
    Benchmark,
    /// A customer's own discounts, CSV.
    Discount,
    /// Answers of GetCostAndUsage as the aws CLI prints them.
    CostExplorer,
}

impl FeedKind {
    /// Returns the dataset that such a file fills.
    pub fn dataset(self) -> &'static str {
        match self {
            FeedKind::PriceList | FeedKind::Products => "price",
            FeedKind::SavingsPlans => "savings_plan",
            FeedKind::SpotAdvisor => "interruption",
            FeedKind::SpotFeed => "spot_feed",
            FeedKind::SpotPriceApi | FeedKind::SpotHistory => "spot_price",
            FeedKind::Benchmark => "benchmark",
            FeedKind::Discount => "discount",
            FeedKind::CostExplorer => "charge",
        }
    }
}

/// Facts about a file that are not in its bytes.
#[derive(Debug, Clone, Copy)]
pub struct FeedContext<'a> {
    /// The file's name, which is stored with its rows.
    pub source: &'a str,
    /// Time of the last change, if known. It stands in for the time of files that do not state
    /// their own.
    pub modified: Option<Timestamp>,
    /// The present time.
    pub now: Timestamp,
    /// How complete the file is, as far as is known. Used for price lists and Savings Plans.
    pub whole: Completeness,
    /// Start of the period of a price list of the past, as the publisher's index states it. The
    /// list counts from then on, where it was published later.
    pub in_force: Option<Timestamp>,
    /// Account id of an answer of Cost Explorer, which does not state it.
    pub account: Option<&'a str>,
}

/// A file's report on one scope.
#[derive(Debug, Clone, PartialEq)]
pub struct FeedReport {
    /// A region code, or `*`.
    pub scope: String,
    /// The earliest instant of its rows.
    pub observed_from: Timestamp,
    /// The latest instant of its rows, or the file's own time.
    pub observed_at: Timestamp,
    /// Number of rows passed to the sink.
    pub rows: u64,
    /// Whether the rows are everything that there is of the scope at that instant.
    pub complete: bool,
    /// Rows that were left out and other gaps, one lowercase fragment each.
    pub gaps: Vec<String>,
    /// Version of the publication, as its publisher names it.
    pub version: Option<String>,
}

/// The reason why a file cannot be parsed. Each text is a lowercase fragment.
#[derive(Debug, thiserror::Error)]
pub enum FeedError {
    /// Its content is not valid, or it is cut short.
    #[error("{0}")]
    Bad(String),
    /// Its bytes cannot be read.
    #[error("{0}")]
    Io(#[from] std::io::Error),
    /// The sink returned an error.
    #[error("{0}")]
    Sink(String),
}

pub(crate) fn bad(text: impl Into<String>) -> FeedError {
    FeedError::Bad(text.into())
}

/// Receives rows of the file's dataset, without `run_id`. An error stops the parser with that text.
pub type BatchSink<'a> = &'a mut dyn FnMut(RowBatch) -> Result<(), String>;

/// Parses a file and passes its rows to `sink`, in batches of at most 50,000 and in no order.
/// Returns a report on each scope of the file.
pub fn read(
    kind: FeedKind,
    reader: &mut dyn BufRead,
    context: &FeedContext<'_>,
    sink: BatchSink<'_>,
) -> Result<Vec<FeedReport>, FeedError> {
    match kind {
        FeedKind::PriceList => offer::read(reader, context, sink),
        FeedKind::Products => offer_json::read_products(reader, context, sink),
        FeedKind::SavingsPlans => savings::read(reader, context, sink),
        FeedKind::SpotAdvisor => advisor::read(reader, context, sink),
        FeedKind::SpotFeed => spot_feed::read(reader, context, sink),
        FeedKind::SpotPriceApi => spot::read(reader, context, sink),
        FeedKind::SpotHistory => spot_text::read(reader, context, sink),
        FeedKind::Benchmark => benchmark::read(reader, context, sink),
        FeedKind::Discount => discount::read(reader, context, sink),
        FeedKind::CostExplorer => cost_explorer::read(reader, context, sink),
    }
}

#[cfg(test)]
mod tests;
