//! Descriptions shared by all crates: the datasets with their columns, the named questions with
//! their parameters, the manifest that makes a run visible, and the ports that the wrapper crates
//! implement.
//!
//! This crate holds descriptions and neutral values only. It does not store, read or print a value:
//! no Parquet, no DuckDB, no file, no clock.

mod batch;
mod column_privacy;
mod dataset;
mod datasets;
mod json;
mod known_values;
mod manifest;
mod origin;
mod param_kind;
pub mod ports;
mod purchase_rows;
mod question;
mod questions;
mod tag_key;
pub mod testing;
mod type_facts;
mod value;

pub use batch::{ColumnValues, NULL_TEXT, RowBatch, TextColumn};
pub use column_privacy::ColumnPrivacy;
pub use dataset::{ColumnType, Dataset, DatasetColumn, DatasetKind, DatasetScope};
pub use datasets::{
    DATASETS, built_in_dataset, collectable_datasets, computed_column_doc, dataset, is_same_text,
};
pub use json::{day_text, float_text, json_text};
pub use known_values::{REGION, UNSTATED_SOURCE};
pub use manifest::{DataFile, FORMAT, Manifest, OTHER_EXTRA, OTHER_TAGS, PARTITIONS};
pub use origin::{CollectionSource, DatasetCost, DatasetOrigin, PublicSource, SnapshotOption, SourceHistory};
pub use param_kind::ParamKind;
pub use question::{
    CalendarDate, ChargeAmount, ChargeQuantity, ParamError, Question, QuestionParam, QuestionRow, RowError,
    column,
};
pub use questions::{QUESTIONS, VIEWS, question, rows};
pub use tag_key::{
    UNREADABLE_TAGS, bare_tag_key, extra_column, extra_of_column, is_alike_tag_key, plain_tag_key,
    tag_column, tag_of_column,
};
pub use type_facts::TypeFacts;
pub use value::{Field, Page, Value, ValueType};
