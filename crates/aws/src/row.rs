//! Typed rows of datasets.

use catalog::{ColumnType, Dataset, Value};
use domain::{Decimal, Timestamp};

/// A row of a dataset. Its struct is declared by `dataset_row!`.
pub(crate) trait DatasetRow {
    /// The dataset.
    const DATASET: &'static Dataset;

    /// Returns the values in the order of the dataset's columns.
    fn into_values(self) -> Vec<Value>;
}

/// A Rust type that can be stored in a column.
pub(crate) trait RowCell: Into<Value> {
    /// The type of the column.
    const TYPE: ColumnType;
}

macro_rules! cells {
    ($($rust:ty => $column:ident,)*) => {
        $(impl RowCell for $rust {
            const TYPE: ColumnType = ColumnType::$column;
        })*
    };
}

cells! {
    bool => Bool,
    i64 => Int,
    f64 => Float,
    Decimal => Price,
    String => Text,
    Timestamp => Timestamp,
    Vec<String> => Texts,
    Vec<i64> => Ints,
}

impl<T: RowCell> RowCell for Option<T> {
    const TYPE: ColumnType = T::TYPE;
}

/// Compares the fields of a row with the columns of its dataset. It runs in constants, where a
/// failed assertion is a compile error.
pub(crate) const fn check_columns(dataset: &Dataset, fields: &[(&str, ColumnType)]) {
    assert!(dataset.columns.len() == fields.len(), "the row has more or fewer fields than its dataset");
    let mut at = 0;
    while at < fields.len() {
        let (name, ty) = fields[at];
        let column = &dataset.columns[at];
        assert!(catalog::is_same_text(column.name, name), "a field is not named like its column");
        assert!(column.ty as u8 == ty as u8, "a field does not have the type of its column");
        at += 1;
    }
}

/// Declares a row of a dataset: a struct with one field per column, in column order. A missing,
/// misspelt or mistyped column does not compile.
macro_rules! dataset_row {
    ($(#[$doc:meta])* $name:ident of $dataset:literal { $($field:ident: $ty:ty,)* }) => {
        $(#[$doc])*
        pub(crate) struct $name {
            $(pub(crate) $field: $ty,)*
        }

        impl $crate::row::DatasetRow for $name {
            const DATASET: &'static catalog::Dataset = catalog::built_in_dataset($dataset);

            fn into_values(self) -> Vec<catalog::Value> {
                vec![$(self.$field.into(),)*]
            }
        }

        const _: () = $crate::row::check_columns(
            <$name as $crate::row::DatasetRow>::DATASET,
            &[$((stringify!($field), <$ty as $crate::row::RowCell>::TYPE),)*],
        );
    };
}
pub(crate) use dataset_row;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    #[should_panic(expected = "a field is not named like its column")]
    fn rejects_a_misspelt_column() {
        let zone = catalog::built_in_dataset("zone");
        let fields = ["account_id", "region", "az", "zone_name"].map(|name| (name, ColumnType::Text));
        check_columns(zone, &fields);
    }

    #[test]
    #[should_panic(expected = "more or fewer fields")]
    fn rejects_a_missing_column() {
        check_columns(catalog::built_in_dataset("zone"), &[("account_id", ColumnType::Text)]);
    }
}
