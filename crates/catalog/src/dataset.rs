use crate::{Field, Type};

/// How rows of a dataset replace each other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A run states everything there is in its scope: the newest complete run of a scope wins,
    /// including what it no longer lists; a partial run only adds. Held as tables in the warehouse,
    /// where each row gets the span of time (`valid_from`, `valid_until`) in which it was the newest.
    Snapshot,
    /// A row is what was seen at an instant and holds until the next one. Large; read from Parquet.
    Changes,
    /// A row is what happened; all rows stand.
    Log,
    /// A run states everything there is in its scope, as in a snapshot, and the newest complete one wins.
    /// Large; read from Parquet, in which the statement's scope stands in every row.
    Statement,
}

/// The part of the world that one run of a snapshot speaks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Everything at once, under the scope name `*`.
    All,
    /// One region; the scope name is the region code, and rows carry it in `region`.
    Region,
    /// One account in all regions; the scope name is the account, and rows carry it in `account_id`.
    Account,
    /// One account in one region; the scope name is `account/region`, and rows carry both in `account_id` and `region`.
    AccountRegion,
    /// The answer to one request of an account, which says nothing of what another would have been answered; the
    /// scope name is `<account>/<region>/<the request>`, and rows carry it in `request`.
    Request,
    /// What one account owes for one period; the scope name is `<account>/<period>`, and rows carry it in `bill`.
    /// A period is a month (`2026-11`) or a day (`2026-11-03`); the account is `*` where the source does not name
    /// it. A statement of a month stands for its days, whichever was made first.
    Bill,
}

/// A dataset: what is kept under one name.
#[derive(Debug, Clone, PartialEq)]
pub struct Dataset {
    /// Singular, snake_case; the name of its folder and of its table.
    pub name: &'static str,
    /// What it holds, one sentence.
    pub doc: &'static str,
    /// The layout's version: `v=1` in the path. A layout is only added to.
    pub version: u32,
    /// How rows replace each other.
    pub kind: Kind,
    /// What one run speaks for.
    pub scope: Scope,
    /// The columns that tell rows of one run apart.
    pub key: &'static [&'static str],
    /// The columns, in the order of the file, before `run_id` (which every file carries last).
    pub columns: &'static [Column],
}

impl Dataset {
    /// Whether its rows are about somebody's account; others are public.
    pub fn is_of_accounts(&self) -> bool {
        !matches!(self.scope, Scope::All | Scope::Region)
    }
}

/// A column of a dataset.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Column {
    /// snake_case.
    pub name: &'static str,
    /// Its type.
    pub ty: ColumnType,
    /// What it says, with its unit.
    pub doc: &'static str,
}

/// The types that a stored column may have: plain ones that every Parquet engine shares.
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
    /// DECIMAL(38,18), what is charged, or the quantity or unit price that it is for.
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
    /// The neutral type.
    pub fn ty(self) -> Type {
        match self {
            ColumnType::Bool => Type::Bool,
            ColumnType::Int => Type::Int,
            ColumnType::Float => Type::Float,
            ColumnType::Price => Type::Decimal(18, 10),
            ColumnType::Charge => Type::Decimal(38, 18),
            ColumnType::Text => Type::Text,
            ColumnType::Timestamp => Type::Timestamp,
            ColumnType::Texts => Type::List(Box::new(Type::Text)),
            ColumnType::Ints => Type::List(Box::new(Type::Int)),
        }
    }
}

impl Dataset {
    /// All columns of a file, `run_id` last.
    pub fn fields(&self) -> Vec<Field> {
        let run =
            Column { name: "run_id", ty: ColumnType::Text, doc: "the collection_run that brought the row" };
        self.columns
            .iter()
            .chain((self.name != "collection_run").then_some(&run))
            .map(|c| Field { name: c.name.into(), ty: c.ty.ty(), doc: c.doc.into() })
            .collect()
    }
}
