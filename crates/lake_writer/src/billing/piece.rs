//! A piece of a billing file, with its columns under plain names. The caller takes the columns that
//! it maps; the remaining ones become JSON.

use domain::parse_exact;
use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, PlSmallStr, Series, StringChunked, StringChunkedBuilder,
    TimeUnit,
};

/// A file's column: its own name, and that name in snake case.
#[derive(Debug, Clone)]
pub(crate) struct BillHeading {
    pub(crate) name: String,
    pub(crate) key: String,
}

impl BillHeading {
    /// Converts a name to snake case. `lineItem/UnblendedCost` becomes `line_item_unblended_cost`,
    /// the spelling of CUR's Parquet files and of CUR 2.0. `BilledCost` becomes `billed_cost`.
    pub(crate) fn new(name: &str) -> BillHeading {
        let mut key = String::with_capacity(name.len() + 8);
        for c in name.chars() {
            match c {
                'A'..='Z' => {
                    if !key.is_empty() && !key.ends_with('_') {
                        key.push('_');
                    }
                    key.push(c.to_ascii_lowercase());
                }
                '/' | ' ' | '-' | ':' => key.push('_'),
                other => key.push(other),
            }
        }
        BillHeading { name: name.into(), key }
    }
}

/// Some rows of a file, with marks on the columns that were taken.
pub(crate) struct BillPiece<'a> {
    headings: &'a [BillHeading],
    frame: &'a DataFrame,
    /// The number of its first row in the file, counted from 1.
    first: usize,
    taken: Vec<bool>,
}

impl<'a> BillPiece<'a> {
    pub(crate) fn new(headings: &'a [BillHeading], frame: &'a DataFrame, first: usize) -> BillPiece<'a> {
        BillPiece { headings, frame, first, taken: vec![false; headings.len()] }
    }

    pub(crate) fn height(&self) -> usize {
        self.frame.height()
    }

    /// The row's number in the file, for messages.
    pub(crate) fn row(&self, at: usize) -> String {
        format!("row {}", self.first + at)
    }

    /// Returns a column's texts without taking the column. Empty ones are null.
    pub(crate) fn peek_text(&self, key: &str) -> Result<Option<StringChunked>, String> {
        self.place(key).map(|at| self.texts(at)).transpose()
    }

    /// Takes the first of these columns that exists and returns its texts. Empty ones are null.
    pub(crate) fn text(&mut self, keys: &[&str]) -> Result<Option<StringChunked>, String> {
        let Some(at) = keys.iter().find_map(|key| self.place(key)) else { return Ok(None) };
        self.taken[at] = true;
        self.texts(at).map(Some)
    }

    /// Takes amounts, in units of 10^-18. An amount that does not fit DECIMAL(38,18) is refused.
    pub(crate) fn money(&mut self, key: &str) -> Result<Option<Vec<Option<i128>>>, String> {
        let Some(at) = self.place(key) else { return Ok(None) };
        self.taken[at] = true;
        self.amounts(at).map(Some)
    }

    /// Returns amounts without taking the column.
    pub(crate) fn peek_money(&self, key: &str) -> Result<Option<Vec<Option<i128>>>, String> {
        self.place(key).map(|at| self.amounts(at)).transpose()
    }

    /// Takes instants, in microseconds since 1970.
    pub(crate) fn instants(&mut self, key: &str) -> Result<Option<Vec<Option<i64>>>, String> {
        let Some(at) = self.place(key) else { return Ok(None) };
        self.taken[at] = true;
        let column = self.series(at);
        let micros = |scale: fn(i64) -> i64| -> Result<Vec<Option<i64>>, String> {
            let numbers = column.cast(&DataType::Int64).map_err(|e| e.to_string())?;
            Ok(numbers.i64().map_err(|e| e.to_string())?.iter().map(|n| n.map(scale)).collect())
        };
        match column.dtype() {
            DataType::Datetime(TimeUnit::Microseconds, _) => micros(|n| n).map(Some),
            DataType::Datetime(TimeUnit::Milliseconds, _) => micros(|n| n * 1000).map(Some),
            DataType::Datetime(TimeUnit::Nanoseconds, _) => micros(|n| n.div_euclid(1000)).map(Some),
            DataType::Date => micros(|n| n * 86_400_000_000).map(Some),
            DataType::String => self.parsed_instants(at).map(Some),
            other => {
                Err(format!("its column {} is of type {other}; expected a time", self.headings[at].name))
            }
        }
    }

    fn parsed_instants(&self, at: usize) -> Result<Vec<Option<i64>>, String> {
        let texts = self.texts(at)?;
        // Most rows repeat the text of the row before.
        let mut last: (&str, Option<i64>) = ("", None);
        let mut found = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                found.push(None);
                continue;
            };
            if text != last.0 {
                let instant = domain::parse_instant(text).ok_or_else(|| {
                    format!(
                        "{}: {} is \"{text}\", which is not a time",
                        self.row(row),
                        self.headings[at].name
                    )
                })?;
                last = (text, Some(instant.as_microsecond()));
            }
            found.push(last.1);
        }
        Ok(found)
    }

    /// Returns the columns that were not taken, as a JSON object of texts by the file's own names.
    /// Null where all are empty.
    pub(crate) fn rest(&self) -> Result<Column, String> {
        let left = (0..self.headings.len()).filter(|at| !self.taken[*at]);
        self.object("extra", left.map(|at| (at, self.headings[at].name.as_str())).collect())
    }

    /// Takes the columns whose names begin with one of the prefixes. Returns a JSON object of their
    /// texts, by the rest of each name.
    pub(crate) fn prefixed(
        &mut self,
        name: &'static str,
        prefixes: &[&str],
    ) -> Result<Option<Column>, String> {
        let headings = self.headings;
        let entry = |(at, heading): (usize, &'a BillHeading)| {
            let rest = prefixes.iter().find_map(|prefix| heading.name.strip_prefix(prefix))?;
            (!self.taken[at]).then_some((at, rest))
        };
        let found: Vec<(usize, &str)> = headings.iter().enumerate().filter_map(entry).collect();
        if found.is_empty() {
            return Ok(None);
        }
        found.iter().for_each(|(at, _)| self.taken[*at] = true);
        self.object(name, found).map(Some)
    }

    fn object(&self, name: &'static str, columns: Vec<(usize, &str)>) -> Result<Column, String> {
        let mut cells = Vec::with_capacity(columns.len());
        for (at, name) in columns {
            cells.push((format!("{}:", json(name)), self.texts(at)?));
        }
        let mut objects = StringChunkedBuilder::new(PlSmallStr::from_static(name), self.height());
        let mut object = String::new();
        for row in 0..self.height() {
            object.clear();
            for (name, texts) in &cells {
                let Some(text) = texts.get(row) else { continue };
                object.push(if object.is_empty() { '{' } else { ',' });
                object.push_str(name);
                push_json(&mut object, text);
            }
            if object.is_empty() {
                objects.append_null();
            } else {
                object.push('}');
                objects.append_value(&object);
            }
        }
        Ok(objects.finish().into_column())
    }

    fn place(&self, key: &str) -> Option<usize> {
        self.headings.iter().position(|heading| heading.key == key)
    }

    fn series(&self, at: usize) -> &Series {
        self.frame.columns()[at].as_materialized_series()
    }

    /// Returns a column as texts. Empty texts are null. A map becomes a JSON object of texts.
    fn texts(&self, at: usize) -> Result<StringChunked, String> {
        let column = self.series(at);
        if matches!(column.dtype(), DataType::List(of) if matches!(**of, DataType::Struct(_))) {
            return maps(column).map_err(|e| format!("its column {}: {e}", self.headings[at].name));
        }
        if *column.dtype() == DataType::Float64 {
            // The shortest text that parses to the same number, which is the number as written.
            let numbers = column.f64().map_err(|e| e.to_string())?;
            return Ok(numbers.iter().map(|number| number.map(|number| number.to_string())).collect());
        }
        let nested = |e| format!("its column {} is neither plain nor a map: {e}", self.headings[at].name);
        let texts = column.cast(&DataType::String).map_err(nested)?;
        let texts = texts.str().map_err(|e| e.to_string())?;
        if texts.iter().flatten().all(|text| !text.is_empty()) {
            return Ok(texts.clone());
        }
        Ok(texts.iter().map(|text| text.filter(|text| !text.is_empty())).collect())
    }

    fn amounts(&self, at: usize) -> Result<Vec<Option<i128>>, String> {
        let column = self.series(at);
        if *column.dtype() == DataType::Float32 {
            return Err(format!(
                "its column {} is of single precision, which cannot represent money exactly",
                self.headings[at].name
            ));
        }
        let texts = self.texts(at)?;
        let mut found = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let amount = text.map(|text| {
                parse_exact(text, 38, 18).ok_or_else(|| {
                    let name = &self.headings[at].name;
                    format!("{}: {name} is \"{text}\", which does not fit DECIMAL(38,18)", self.row(row))
                })
            });
            found.push(amount.transpose()?);
        }
        Ok(found)
    }
}

/// Converts maps, which are lists of key and value, to JSON objects of texts.
fn maps(column: &Series) -> Result<StringChunked, String> {
    let failed = |e: polars::prelude::PolarsError| e.to_string();
    let mut objects = Vec::with_capacity(column.len());
    for entries in column.list().map_err(failed)?.amortized_iter() {
        let Some(entries) = entries else {
            objects.push(None);
            continue;
        };
        let parts = entries.as_ref().struct_().map_err(failed)?.fields_as_series();
        let [keys, values] = parts.as_slice() else {
            return Err("it is not a map of key and value".into());
        };
        let texts = |part: &Series| part.cast(&DataType::String).map_err(failed);
        let (keys, values) = (texts(keys)?, texts(values)?);
        let (keys, values) = (keys.str().map_err(failed)?, values.str().map_err(failed)?);
        let mut object = String::new();
        for (key, value) in keys.iter().zip(values.iter()) {
            let (Some(key), Some(value)) = (key, value) else { continue };
            object.push(if object.is_empty() { '{' } else { ',' });
            push_json(&mut object, key);
            object.push(':');
            push_json(&mut object, value);
        }
        objects.push((!object.is_empty()).then(|| object + "}"));
    }
    Ok(objects.into_iter().collect())
}

fn json(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    push_json(&mut out, text);
    out
}

/// Appends a text as a JSON string.
fn push_json(out: &mut String, text: &str) {
    out.push('"');
    if text.bytes().all(|byte| byte >= 0x20 && byte != b'"' && byte != b'\\') {
        out.push_str(text);
    } else {
        let quoted = serde_json::to_string(text).expect("a text is JSON");
        out.push_str(&quoted[1..quoted.len() - 1]);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_names_as_cur_2_does() {
        let check = |name: &str, key: &str| assert_eq!(BillHeading::new(name).key, key);
        check("lineItem/UnblendedCost", "line_item_unblended_cost");
        check("product/ProductName", "product_product_name");
        check("product/sku", "product_sku");
        check("reservation/ReservationARN", "reservation_reservation_a_r_n");
        check("savingsPlan/SavingsPlanARN", "savings_plan_savings_plan_a_r_n");
        check("line_item_usage_amount", "line_item_usage_amount");
        check("BilledCost", "billed_cost");
        check("x_UsageType", "x_usage_type");
    }
}
