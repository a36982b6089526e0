//! Builds rows of the dataset `charge`, column by column.

use std::collections::BTreeMap;

use catalog::{Dataset, dataset};
use polars::prelude::{
    Column, DataFrame, IntoColumn, IntoSeries, NamedFrom, PlSmallStr, Series, StringChunked, TimeUnit,
};

use crate::columns::data_type;

/// The columns set so far. The others are null.
pub(crate) struct ChargeColumns {
    height: usize,
    columns: BTreeMap<&'static str, Column>,
}

impl ChargeColumns {
    pub(crate) fn new(height: usize) -> ChargeColumns {
        ChargeColumns { height, columns: BTreeMap::new() }
    }

    fn set(&mut self, name: &'static str, mut column: Column) {
        column.rename(PlSmallStr::from_static(name));
        self.columns.insert(name, column);
    }

    pub(crate) fn text(&mut self, name: &'static str, texts: Option<StringChunked>) {
        if let Some(texts) = texts {
            self.set(name, texts.into_column());
        }
    }

    /// Sets the same text in every row.
    pub(crate) fn constant(&mut self, name: &'static str, text: &str) {
        let column = Column::new_scalar(PlSmallStr::EMPTY, PlSmallStr::from_str(text).into(), self.height);
        self.set(name, column);
    }

    /// Sets a text of this program for each row.
    pub(crate) fn words(&mut self, name: &'static str, words: Vec<Option<&str>>) {
        // Many columns are empty in a given bill.
        if words.iter().any(Option::is_some) {
            self.set(name, words.into_iter().collect::<StringChunked>().into_column());
        }
    }

    /// Sets amounts, in units of 10^-18.
    pub(crate) fn money(
        &mut self,
        name: &'static str,
        amounts: Option<Vec<Option<i128>>>,
    ) -> Result<(), String> {
        if let Some(amounts) = amounts {
            let series = Series::new(PlSmallStr::EMPTY, amounts);
            let exact = series.into_decimal(38, 18).map_err(|e| e.to_string())?;
            self.set(name, exact.into());
        }
        Ok(())
    }

    /// Sets instants, in microseconds since 1970.
    pub(crate) fn instants(&mut self, name: &'static str, micros: Option<Vec<Option<i64>>>) {
        if let Some(micros) = micros {
            let series = Series::new(PlSmallStr::EMPTY, micros).into_datetime(TimeUnit::Microseconds, None);
            self.set(name, series.into_series().into());
        }
    }

    /// Returns the columns of the dataset in their order, without `run_id`.
    pub(crate) fn finish(mut self) -> Result<DataFrame, String> {
        let null = |column: &catalog::Field| {
            Column::full_null(PlSmallStr::from_str(&column.name), self.height, &data_type(&column.ty))
        };
        let fields = charge().fields();
        let fields = fields.iter().filter(|field| field.name != "run_id");
        let columns = fields.map(|field| {
            let known = self.columns.remove(field.name.as_str());
            known.unwrap_or_else(|| null(field))
        });
        let columns = columns.collect();
        debug_assert!(self.columns.is_empty(), "columns unknown to the dataset: {:?}", self.columns.keys());
        DataFrame::new(self.height, columns).map_err(|e| e.to_string())
    }
}

/// The dataset `charge`.
pub(crate) fn charge() -> &'static Dataset {
    dataset("charge").expect("a dataset of ours")
}
