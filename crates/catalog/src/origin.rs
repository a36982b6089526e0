//! The origin of a dataset's rows: the source, its cost and its history.

use domain::Decimal;

/// The source of a dataset's rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CollectionSource {
    /// A call to AWS with an account's credentials.
    Account,
    /// Files that AWS publishes. They need no account.
    PublicFile(PublicSource),
    /// The answer to one request for capacity, made with an account's credentials.
    Request,
    /// Files, the seed, or the collector itself. No snapshot collects the dataset.
    Import,
}

/// The place of public files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PublicSource {
    /// One file for all regions.
    File {
        /// The name of the source in reports.
        label: &'static str,
        /// The address.
        url: &'static str,
    },
    /// One list per region, on AWS's hosts of price lists.
    Lists {
        /// The name of the source in reports.
        label: &'static str,
        /// The first folder.
        root: &'static str,
        /// The folder of the lists.
        offer: &'static str,
    },
}

impl PublicSource {
    /// Returns the name of the source in reports.
    pub fn label(self) -> &'static str {
        match self {
            PublicSource::File { label, .. } | PublicSource::Lists { label, .. } => label,
        }
    }
}

/// The cost of collecting a dataset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetCost {
    /// AWS charges nothing.
    Free,
    /// AWS charges for each unit, so the dataset is collected only by name.
    PerUnit {
        /// The charge for one unit, USD.
        usd: Decimal,
        /// The price in words, such as `$0.01 per request`.
        doc: &'static str,
    },
}

impl DatasetCost {
    /// Returns the charge for a number of units, USD.
    pub fn of(self, units: u64) -> Decimal {
        match self {
            DatasetCost::Free => Decimal::ZERO,
            DatasetCost::PerUnit { usd, .. } => usd * Decimal::from(units),
        }
    }
}

/// The history that a source keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SourceHistory {
    /// Days for which the source keeps it.
    pub kept_days: i32,
    /// Days that the first snapshot collects, up to the present.
    pub first_days: i32,
}

/// An option of `collector snapshot` that applies to some datasets only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SnapshotOption {
    /// `--as-of`: the state of an earlier time.
    AsOf,
    /// `--by`: the grouping of costs.
    Grouping,
    /// `--requests`: the maximum number of requests.
    Requests,
    /// `--type`: instance types. An answer to a request needs it.
    Types,
    /// `--capacity`: the number of instances.
    Capacity,
    /// `--single-zone`: all instances in one zone.
    SingleZone,
    /// `--hours`: the duration.
    Hours,
}

/// How the rows of a dataset are obtained.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatasetOrigin {
    /// The source.
    pub source: CollectionSource,
    /// Position among the datasets of its kind in a snapshot: lower numbers are collected first.
    pub order: u16,
    /// The cost.
    pub cost: DatasetCost,
    /// The history of the source, if it keeps one.
    pub history: Option<SourceHistory>,
    /// The IAM actions that a snapshot needs, the main one first. Empty if it needs no account.
    pub actions: &'static [&'static str],
    /// Whether the source shows only a part of the dataset, so that rows of other accounts and of
    /// earlier runs stay valid.
    pub is_always_partial: bool,
    /// The options that apply to the dataset. `--since` applies if there is a history.
    pub options: &'static [SnapshotOption],
    /// The source in words, for the documentation.
    pub doc: &'static str,
    /// A command that shows the data, with a remark if needed, in Markdown.
    pub example: &'static str,
}

impl DatasetOrigin {
    /// The origin of a dataset that no snapshot collects.
    pub const IMPORT: DatasetOrigin = DatasetOrigin {
        source: CollectionSource::Import,
        order: 0,
        cost: DatasetCost::Free,
        history: None,
        actions: &[],
        is_always_partial: false,
        options: &[],
        doc: "",
        example: "",
    };

    /// Returns the origin of a free dataset that is read with an account.
    pub(crate) const fn of_account(order: u16, actions: &'static [&'static str]) -> DatasetOrigin {
        DatasetOrigin { source: CollectionSource::Account, order, actions, ..DatasetOrigin::IMPORT }
    }

    /// Returns the origin of a public file.
    pub(crate) const fn of_file(order: u16, file: PublicSource) -> DatasetOrigin {
        DatasetOrigin { source: CollectionSource::PublicFile(file), order, ..DatasetOrigin::IMPORT }
    }

    /// Returns the origin of answers to requests for capacity.
    pub(crate) const fn of_request(order: u16, actions: &'static [&'static str]) -> DatasetOrigin {
        DatasetOrigin { source: CollectionSource::Request, order, actions, ..DatasetOrigin::IMPORT }
    }
}
