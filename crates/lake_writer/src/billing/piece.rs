//! A piece of a billing file, with its columns under plain names. The caller takes the columns that
//! it maps; the remaining ones become columns of tags and of `extra`.

use std::cell::RefCell;
use std::collections::HashMap;

use catalog::{extra_column, tag_column};
use domain::{parse_exact, parse_rounded};
use polars::prelude::{
    Column, DataFrame, DataType, IntoColumn, PlSmallStr, Series, StringChunked, StringChunkedBuilder,
    TimeUnit,
};

use super::account_ids::{self, AccountId};
use super::findings::{CellFinding, excerpt};
use super::maps::{self, MapText};

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
    /// The line of each row in the file; empty if the file has no lines.
    lines: &'a [u64],
    taken: Vec<bool>,
    /// The first parts of the names of columns with the values of a tag.
    tag_prefixes: &'static [&'static str],
    /// The findings on cells, with their rows.
    findings: RefCell<Vec<(usize, CellFinding)>>,
    /// The maps that were read, by their column, so that each is read once.
    maps: RefCell<HashMap<usize, StringChunked>>,
}

impl<'a> BillPiece<'a> {
    pub(crate) fn new(
        headings: &'a [BillHeading],
        frame: &'a DataFrame,
        first: usize,
        lines: &'a [u64],
    ) -> BillPiece<'a> {
        let taken = vec![false; headings.len()];
        let (findings, maps) = (RefCell::default(), RefCell::default());
        BillPiece { headings, frame, first, lines, taken, tag_prefixes: &[], findings, maps }
    }

    /// Returns the findings so far, with their rows, and forgets them.
    pub(crate) fn take_findings(&self) -> Vec<(usize, CellFinding)> {
        self.findings.take()
    }

    pub(crate) fn height(&self) -> usize {
        self.frame.height()
    }

    /// The row's place in the file, for messages.
    pub(crate) fn row(&self, at: usize) -> String {
        match self.lines.get(at) {
            Some(line) => format!("line {line}"),
            None => format!("row {}", self.first + at),
        }
    }

    /// Returns whether the file has a column.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.place(key).is_some()
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

    /// Takes the first of these columns that exists and returns its maps as JSON objects of texts.
    /// Empty ones are null. An unreadable map is a finding, and its text is the only entry.
    pub(crate) fn map(&mut self, keys: &[&str]) -> Result<Option<StringChunked>, String> {
        let Some(at) = keys.iter().find_map(|key| self.place(key)) else { return Ok(None) };
        self.taken[at] = true;
        self.map_texts(at).map(Some)
    }

    /// Returns a column's maps without taking the column.
    pub(crate) fn peek_map(&self, key: &str) -> Result<Option<StringChunked>, String> {
        self.place(key).map(|at| self.map_texts(at)).transpose()
    }

    /// Takes the first of these columns that exists and returns its account ids with all of their
    /// digits. `is_aws` tells whether the id of a row may lack leading zeros.
    pub(crate) fn account_ids(
        &mut self,
        keys: &[&str],
        is_aws: &dyn Fn(usize) -> bool,
    ) -> Result<Option<StringChunked>, String> {
        let Some(at) = keys.iter().find_map(|key| self.place(key)) else { return Ok(None) };
        self.taken[at] = true;
        let is_number = self.series(at).dtype().is_numeric();
        let texts = self.texts(at)?;
        if texts.iter().flatten().all(account_ids::is_whole) {
            return Ok(Some(texts));
        }
        let id = |(row, text): (usize, Option<&str>)| {
            let text = text.filter(|text| !is_number || *text != "NaN")?;
            match AccountId::of(text, is_number) {
                _ if !is_aws(row) => Some(text.to_string()),
                AccountId::Known(id) => Some(id.into_owned()),
                AccountId::Rounded => {
                    self.note_unreadable(&self.headings[at].name, row, text);
                    Some(text.to_string())
                }
            }
        };
        Ok(Some(texts.iter().enumerate().map(id).collect()))
    }

    /// Takes amounts, in units of 10^-18. Digits beyond are rounded, which is a finding. An amount
    /// that is no number or does not fit DECIMAL(38,18) is refused.
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

    /// Takes columns whose names begin with one of the prefixes as columns of tags.
    pub(crate) fn take_tags(&mut self, prefixes: &'static [&'static str]) {
        self.tag_prefixes = prefixes;
    }

    /// Returns the columns that were not taken and are not empty, as texts in columns of tags and
    /// of `extra`.
    pub(crate) fn rest(&self) -> Result<Vec<Column>, String> {
        let mut columns: Vec<Column> = Vec::new();
        for at in (0..self.headings.len()).filter(|at| !self.taken[*at]) {
            let texts = self.texts(at)?;
            if texts.null_count() == texts.len() {
                continue;
            }
            let name = &self.headings[at].name;
            let key = self.tag_prefixes.iter().find_map(|prefix| name.strip_prefix(prefix));
            let name = key.map_or_else(|| extra_column(name), tag_column);
            // Of a repeated key the first value counts.
            match columns.iter_mut().find(|known| known.name().as_str() == name) {
                Some(known) => {
                    let first = known.str().map_err(|e| e.to_string())?;
                    let texts: StringChunked =
                        first.iter().zip(texts.iter()).map(|(first, next)| first.or(next)).collect();
                    *known = texts.with_name(known.name().clone()).into_column();
                }
                None => columns.push(texts.with_name(PlSmallStr::from_string(name)).into_column()),
            }
        }
        Ok(columns)
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
        if maps::is_nested(column.dtype()) {
            return maps::nested_texts(column).map_err(|why| self.misread(at, &why));
        }
        if *column.dtype() == DataType::Float64 {
            // The shortest text that parses to the same number, which is the number as written.
            let numbers = column.f64().map_err(|e| e.to_string())?;
            return Ok(numbers.iter().map(|number| number.map(|number| number.to_string())).collect());
        }
        let texts = column.cast(&DataType::String).map_err(|e| self.misread(at, &e.to_string()))?;
        if texts.null_count() > column.null_count() {
            return Err(self.misread(at, &format!("not every value of type {} is text", column.dtype())));
        }
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
                "its column {} is of single precision, which cannot represent money exactly; \
                 export it as double or decimal",
                self.headings[at].name
            ));
        }
        if *column.dtype() == DataType::Float64 {
            return self.amounts_of_doubles(at);
        }
        let texts = self.texts(at)?;
        let mut found = Vec::with_capacity(texts.len());
        for (row, text) in texts.iter().enumerate() {
            let amount = text.map(|text| match parse_exact(text, 38, 18) {
                Some(units) => Ok(units),
                None => self.rounded(at, row, text),
            });
            found.push(amount.transpose()?);
        }
        Ok(found)
    }

    /// Returns doubles as the numbers that were written: the shortest that parse to them.
    fn amounts_of_doubles(&self, at: usize) -> Result<Vec<Option<i128>>, String> {
        let numbers = self.series(at).f64().map_err(|e| e.to_string())?;
        let amount = |(row, number): (usize, Option<f64>)| {
            let exact = |number: f64| match units_of(number) {
                Some(units) => Ok(units),
                None => {
                    let text = number.to_string();
                    parse_exact(&text, 38, 18).map_or_else(|| self.rounded(at, row, &text), Ok)
                }
            };
            number.map(exact).transpose()
        };
        numbers.iter().enumerate().map(amount).collect()
    }

    /// Returns an amount that does not fit exactly.
    fn rounded(&self, at: usize, row: usize, text: &str) -> Result<i128, String> {
        if let Some(number) = parse_rounded(text, 38, 18) {
            let finding = CellFinding::Rounded { change: number.change };
            self.findings.borrow_mut().push((row, finding));
            return Ok(number.units);
        }
        let is_number = text.trim().parse::<f64>().is_ok_and(|number| !number.is_nan());
        let fault = if is_number { "does not fit DECIMAL(38,18)" } else { "is not a number" };
        let (place, name, shown) = (self.row(row), &self.headings[at].name, excerpt(text));
        Err(format!("{place}: {name} is {shown}, which {fault}; correct it, or export the bill again"))
    }

    /// Returns a column of maps as JSON objects of texts.
    fn map_texts(&self, at: usize) -> Result<StringChunked, String> {
        if let Some(known) = self.maps.borrow().get(&at) {
            return Ok(known.clone());
        }
        let found = self.read_maps(at)?;
        self.maps.borrow_mut().insert(at, found.clone());
        Ok(found)
    }

    fn read_maps(&self, at: usize) -> Result<StringChunked, String> {
        let texts = self.texts(at)?;
        if maps::is_nested(self.series(at).dtype()) {
            return Ok(texts);
        }
        // Most rows repeat a text.
        let mut known: HashMap<&str, MapText> = HashMap::new();
        let mut found = StringChunkedBuilder::new(PlSmallStr::EMPTY, texts.len());
        for (row, text) in texts.iter().enumerate() {
            let Some(text) = text else {
                found.append_null();
                continue;
            };
            match known.entry(text).or_insert_with(|| MapText::parse(text)) {
                MapText::Empty => found.append_null(),
                MapText::Object(object) => found.append_value(object),
                MapText::Unreadable => {
                    self.note_unreadable(&self.headings[at].name, row, text);
                    found.append_value(maps::unreadable_object(text));
                }
            }
        }
        Ok(found.finish())
    }

    /// Reports a cell that could not be read.
    pub(crate) fn note_unreadable(&self, column: &str, row: usize, value: &str) {
        let (column, place, value) = (column.to_string(), self.row(row), excerpt(value));
        let finding = CellFinding::Unreadable { column, place, value };
        self.findings.borrow_mut().push((row, finding));
    }

    fn misread(&self, at: usize, why: &str) -> String {
        format!("its column {} cannot be read: {why}", self.headings[at].name)
    }
}

/// Returns a double in units of 10^-18 if it was written with at most 15 digits, ten of them after
/// the point. A decimal of at most 15 digits has a double of its own, so it is the number that was
/// written. This avoids making and reading a text for nearly all amounts.
fn units_of(number: f64) -> Option<i128> {
    let ten_billionths = (number * 1e10).round();
    let is_written = ten_billionths.abs() < 1e15 && ten_billionths / 1e10 == number;
    is_written.then(|| ten_billionths as i128 * 100_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_double_as_its_shortest_text() {
        let mut seed: u64 = 88_172_645_463_325_252;
        for _ in 0..200_000 {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            let digits = (seed >> 8) % 10_u64.pow(1 + (seed % 17) as u32);
            let number =
                digits as f64 / 10_f64.powi((seed % 19) as i32) * if seed & 64 == 0 { 1.0 } else { -1.0 };
            if let Some(units) = units_of(number) {
                assert_eq!(Some(units), parse_exact(&number.to_string(), 38, 18), "{number}");
            }
        }
        assert_eq!(units_of(0.096), Some(96_000_000_000_000_000));
        assert_eq!(units_of(-0.0), Some(0));
        for other in [0.1 + 0.2, 1e-11, 1e15, f64::NAN, f64::INFINITY] {
            assert_eq!(units_of(other), None, "{other}");
        }
    }

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
