use crate::column_privacy::ColumnPrivacy;
use crate::origin::{CollectionSource, DatasetCost, DatasetOrigin};
use crate::{Field, ValueType};

/// How the rows of a dataset replace older rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetKind {
    /// A run lists everything in its scope. The newest complete run of a scope wins, and rows that
    /// it no longer lists are gone. A partial run only adds rows. The warehouse stores the rows in
    /// a table, each with the time span (`valid_from`, `valid_until`) during which it was the
    /// newest.
    Snapshot,
    /// A row is an observation at one instant, valid until the next one. Large; read from Parquet.
    Changes,
    /// A row is an event. All rows stay valid.
    Log,
    /// A run lists everything in its scope, as in a snapshot, and the newest complete run wins.
    /// Large; read from Parquet, where each row carries its scope.
    Statement,
}

/// The part of a dataset that one run covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatasetScope {
    /// The whole dataset, under the scope name `*`.
    All,
    /// One region. The scope name is the region code, which rows carry in `region`.
    Region,
    /// One account in all regions. The scope name is the account, which rows carry in `account_id`.
    Account,
    /// One account in one region. The scope name is `account/region`; rows carry both in
    /// `account_id` and `region`.
    AccountRegion,
    /// The answer to one request of an account. It does not apply to any other request. The scope
    /// name is `<account>/<region>/<the request>`, which rows carry in `request`.
    Request,
    /// The charges of one account for one period. The scope name is `<account>/<period>`, which
    /// rows carry in `bill`. A period is a month (`2026-11`) or a day (`2026-11-03`). The account
    /// is `*` if the source does not name it. A month replaces its days, whichever was collected
    /// first. In the run log, the report of linked accounts has the scope name
    /// `<account>/<linked account>+…/<period>`.
    Bill,
}

/// A dataset: the rows stored under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Singular, in snake_case; also the name of its folder and its table.
    pub name: &'static str,
    /// Its content, one sentence.
    pub doc: &'static str,
    /// The layout version, `v=1` in the path. Columns are only ever added to a layout.
    pub version: u32,
    /// How rows replace older rows.
    pub kind: DatasetKind,
    /// The part of the dataset that one run covers.
    pub scope: DatasetScope,
    /// How its rows are obtained.
    pub origin: DatasetOrigin,
    /// The columns that identify a row within one run.
    pub key: &'static [&'static str],
    /// The columns, in file order. Every file has one more, `run_id`, as its last column.
    pub columns: &'static [DatasetColumn],
}

impl Dataset {
    /// Whether one of the columns is private. Bundles contain no row of such a dataset.
    pub fn is_private(&self) -> bool {
        self.columns.iter().any(|column| column.privacy.is_private())
    }

    /// Returns the columns that a redacted export changes: those that are not public.
    pub fn redacted_columns(&self) -> impl Iterator<Item = &'static DatasetColumn> + use<> {
        self.columns.iter().filter(|column| column.privacy != ColumnPrivacy::Public)
    }

    /// Returns the columns with the number of an account that the row belongs to.
    pub fn account_columns(&self) -> impl Iterator<Item = &'static str> + use<> {
        self.columns
            .iter()
            .filter(|column| column.privacy == ColumnPrivacy::Account)
            .map(|column| column.name)
    }

    /// Whether a run covers an account. See [`Dataset::is_private`] for the content of the rows.
    pub fn is_of_accounts(&self) -> bool {
        !matches!(self.scope, DatasetScope::All | DatasetScope::Region)
    }

    /// Whether `collector snapshot` accepts the dataset.
    pub fn is_collectable(&self) -> bool {
        self.origin.source != CollectionSource::Import
    }

    /// Whether a snapshot collects the dataset only by name: it costs money or answers a request.
    pub fn is_named_only(&self) -> bool {
        self.origin.source == CollectionSource::Request || self.origin.cost != DatasetCost::Free
    }
}

/// A column of a dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DatasetColumn {
    /// The name, in snake_case.
    pub name: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// Whether it can identify people, machines or accounts.
    pub privacy: ColumnPrivacy,
    /// The meaning, with its unit.
    pub doc: &'static str,
}

/// The type of a stored column. Every Parquet engine supports all of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// True or false.
    Bool,
    /// A whole number.
    Int,
    /// A double.
    Float,
    /// DECIMAL(18,10), an hourly or unit price.
    Price,
    /// DECIMAL(38,18): a charge, or its quantity or unit price.
    Charge,
    /// UTF-8 text.
    Text,
    /// A UTC instant to the microsecond.
    Timestamp,
    /// A list of texts.
    Texts,
    /// A list of whole numbers.
    Ints,
}

impl ColumnType {
    /// Returns the corresponding neutral type.
    pub fn ty(self) -> ValueType {
        match self {
            ColumnType::Bool => ValueType::Bool,
            ColumnType::Int => ValueType::Int,
            ColumnType::Float => ValueType::Float,
            ColumnType::Price => ValueType::Decimal(18, 10),
            ColumnType::Charge => ValueType::Decimal(38, 18),
            ColumnType::Text => ValueType::Text,
            ColumnType::Timestamp => ValueType::Timestamp,
            ColumnType::Texts => ValueType::List(Box::new(ValueType::Text)),
            ColumnType::Ints => ValueType::List(Box::new(ValueType::Int)),
        }
    }
}

impl Dataset {
    /// Returns all columns of a file, `run_id` last.
    pub fn fields(&self) -> Vec<Field> {
        let run = DatasetColumn {
            name: "run_id",
            ty: ColumnType::Text,
            privacy: ColumnPrivacy::Private,
            doc: "the collection_run that added the row",
        };
        self.columns
            .iter()
            .chain((self.name != "collection_run").then_some(&run))
            .map(|c| Field { name: c.name.into(), ty: c.ty.ty(), doc: c.doc.into() })
            .collect()
    }
}
