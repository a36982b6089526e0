//! Imports spot price history from Parquet, column by column. It is the only import without rows.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use catalog::ports::StoreError;
use domain::{InstanceType, Region};
use polars::io::SerReader;
use polars::io::parquet::read::ParquetReader;
use polars::prelude::{
    AnyValue, BooleanChunked, ChunkCompareEq, Column, DataFrame, DataType, IntoColumn, PlSmallStr,
    PolarsResult, StringChunked, TimeUnit,
};

use crate::parquet_guard::guarded;
use crate::parquet_limits::{check_fields, check_footer};
use crate::price_file::read_group;

const COLUMNS: [&str; 5] = ["observed_at", "instance_type", "region", "az_id", "spot_usd"];

/// The largest number of rows read at once.
const SLICE: usize = 1_000_000;

/// Receives the rows of a file, one piece after the other.
pub(crate) type SpotFrameSink<'a> = &'a mut dyn FnMut(DataFrame) -> Result<(), StoreError>;

/// The summary of one region's rows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct SpotHistorySummary {
    /// The first instant, in microseconds since 1970.
    pub(crate) from: i64,
    /// The last instant, in microseconds since 1970.
    pub(crate) until: i64,
    /// The number of imported observations.
    pub(crate) rows: u64,
    /// Imported observations without a price: the price ended, or is not known.
    pub(crate) unpriced: u64,
    /// Rows that were left out because their product is not known. They are not in `rows`.
    pub(crate) left_out: u64,
    /// Rows that were left out because their region's currency is not known. They are not in
    /// `rows`.
    pub(crate) of_unknown_currency: u64,
}

impl SpotHistorySummary {
    /// Returns the region's gaps, each as a lowercase fragment.
    pub(crate) fn gaps(&self) -> Vec<String> {
        let unpriced =
            (self.unpriced > 0).then(|| format!("{} of {} prices are not known", self.unpriced, self.rows));
        let left_out =
            (self.left_out > 0).then(|| format!("{} left out: a product that is not known", self.left_out));
        let of_unknown_currency = (self.of_unknown_currency > 0)
            .then(|| format!("{} left out: a region whose currency is not known", self.of_unknown_currency));
        unpriced.into_iter().chain(left_out).chain(of_unknown_currency).collect()
    }
}

/// Reads the files in order and returns the summary of each region. `sink` gets every observation,
/// in the columns of `spot_price`. A repeat of the price before it is kept, because a later import
/// may add another price between the two.
pub(crate) fn read_all(
    paths: &[PathBuf],
    sink: SpotFrameSink<'_>,
) -> Result<BTreeMap<String, SpotHistorySummary>, StoreError> {
    let mut regions = BTreeMap::new();
    for path in paths {
        read(path, &mut |frame| {
            summarise(&frame, &mut regions).map_err(|e| bad(path, e))?;
            sink(complete_rows(&frame).map_err(|e| bad(path, e))?)
        })?;
    }
    if paths.is_empty() {
        return Err(StoreError::BadFile("no file was given".into()));
    }
    if regions.is_empty() {
        return Err(StoreError::BadFile("the files contain no rows".into()));
    }
    Ok(regions)
}

fn bad(path: &Path, error: impl std::fmt::Display) -> StoreError {
    StoreError::BadFile(format!("{} cannot be read as spot history: {error}", path.display()))
}

/// Checks that a file has the expected columns.
pub(crate) fn probe(path: &Path) -> Result<(), StoreError> {
    open(path).map(|_| ())
}

fn open(path: &Path) -> Result<ParquetReader<File>, StoreError> {
    let file = durable::open_regular(path).map_err(|e| bad(path, e))?;
    let mut reader = ParquetReader::new(file);
    let schema =
        guarded(|| reader.schema()).map_err(|_| bad(path, "it is not a Parquet file, or it is cut short"))?;
    if let Some(missing) = COLUMNS.iter().find(|name| !schema.contains(name)) {
        let expected = COLUMNS.join(", ");
        return Err(bad(path, format!("it has no column {missing}; expected {expected}")));
    }
    Ok(reader)
}

fn read(path: &Path, sink: SpotFrameSink<'_>) -> Result<(), StoreError> {
    let mut reader = open(path)?;
    let has_product = reader.schema().map_err(|e| bad(path, e))?.contains("product");
    let names: Vec<String> =
        COLUMNS.iter().copied().chain(has_product.then_some("product")).map(String::from).collect();
    let footer = guarded(|| reader.get_metadata().cloned()).map_err(|e| bad(path, e))?;
    check_footer(&footer).map_err(|why| bad(path, why))?;
    for (group, told) in footer.row_groups.iter().enumerate() {
        for from in (0..told.num_rows()).step_by(SLICE) {
            let file = File::open(path).map_err(|e| bad(path, e))?;
            let frame = read_group(file, &footer, group, from, SLICE, Some(names.clone()));
            let frame = frame.map_err(|e| bad(path, e))?;
            check_fields(&frame).map_err(|why| bad(path, why))?;
            sink(typed(&frame).map_err(|why| bad(path, why))?)?;
        }
    }
    Ok(())
}

/// Returns the columns in the types of `spot_price`, or the reason why a value does not fit.
fn typed(frame: &DataFrame) -> Result<DataFrame, String> {
    let text = |name: &str| converted(frame, name, &DataType::String);
    let mut columns =
        vec![instants(frame)?, text("instance_type")?, text("region")?, text("az_id")?, prices(frame)?];
    columns.push(products(frame)?);
    columns.push(currencies(&columns[2])?);
    if let Some(column) = columns[..4].iter().find(|column| column.null_count() > 0) {
        return Err(format!("{} is missing in {} of its rows", column.name(), column.null_count()));
    }
    check_form(&columns[1], InstanceType::is_valid, "an instance type such as m7i.xlarge")?;
    check_form(&columns[2], Region::is_valid, "a region code such as eu-central-1")?;
    check_form(&columns[3], domain::is_code, "a zone id such as use1-az4")?;
    DataFrame::new(frame.height(), columns).map_err(|e| e.to_string())
}

/// Checks the form of each text of a column.
fn check_form(column: &Column, is_valid: fn(&str) -> bool, form: &str) -> Result<(), String> {
    // Most rows repeat the text of the row before.
    let mut last = "";
    for text in column.str().map_err(|e| e.to_string())?.iter().flatten() {
        if text != last && !is_valid(text) {
            let shown: String = text.chars().take(60).collect();
            return Err(format!("the {} {shown:?} is not {form}", column.name()));
        }
        last = text;
    }
    Ok(())
}

/// The product of each row: Linux where the file has no such column, null where the value is not
/// known.
fn products(frame: &DataFrame) -> Result<Column, String> {
    let name = PlSmallStr::from_static("product");
    if frame.column("product").is_err() {
        return Ok(Column::new_scalar(name, PlSmallStr::from_static("linux").into(), frame.height()));
    }
    let words = converted(frame, "product", &DataType::String)?;
    let words = words.str().map_err(|e| e.to_string())?;
    let known: StringChunked = words.iter().map(|word| word.and_then(domain::parse_spot_product)).collect();
    Ok(known.with_name(name).into_column())
}

/// The currency of each row's region: null where it is not known. The files do not state it.
fn currencies(regions: &Column) -> Result<Column, String> {
    let regions = regions.str().map_err(|e| e.to_string())?;
    let known: StringChunked = regions.iter().map(|region| region.and_then(domain::currency_of)).collect();
    Ok(known.with_name(PlSmallStr::from_static("currency")).into_column())
}

fn converted(frame: &DataFrame, name: &str, ty: &DataType) -> Result<Column, String> {
    let column = frame.column(name).map_err(|e| e.to_string())?;
    column.strict_cast(ty).map_err(|e| format!("{name}: {e}"))
}

fn instants(frame: &DataFrame) -> Result<Column, String> {
    let found = frame.column("observed_at").map_err(|e| e.to_string())?.dtype();
    // An integer would be cast as microseconds, although it may count another unit.
    if !matches!(found, DataType::Datetime(..)) {
        return Err(format!("observed_at is of type {found}; expected a timestamp"));
    }
    converted(frame, "observed_at", &DataType::Datetime(TimeUnit::Microseconds, None))
}

fn prices(frame: &DataFrame) -> Result<Column, String> {
    let failed = |e: polars::prelude::PolarsError| e.to_string();
    let given = frame.column("spot_usd").map_err(failed)?;
    // A single-precision number cannot represent most prices exactly.
    if !matches!(given.dtype(), DataType::Float64 | DataType::Decimal(..)) {
        return Err(format!("spot_usd is of type {}; expected a double or a decimal", given.dtype()));
    }
    let numbers = given.cast(&DataType::Float64).map_err(failed)?;
    let marked = |is: fn(f64) -> bool| -> Result<Option<String>, String> {
        let marks: BooleanChunked =
            numbers.f64().map_err(failed)?.iter().map(|price| price.map(is)).collect();
        first(given, &marks)
    };
    if let Some(value) = marked(|price| price <= 0.0)? {
        return Err(format!("the price {value} is not above zero"));
    }
    let misfit = |value| format!("the price {value} does not fit DECIMAL(18,10)");
    // 18 digits, 10 of them after the decimal point.
    if let Some(value) = marked(|price| price.is_nan() || price >= 1e8)? {
        return Err(misfit(value));
    }
    let mut exact = given.cast(&DataType::Decimal(18, 10)).map_err(failed)?;
    let again = exact.cast(given.dtype()).map_err(failed)?;
    let differs = given.as_materialized_series().not_equal_missing(again.as_materialized_series());
    if let Some(value) = first(given, &differs.map_err(failed)?)? {
        return Err(misfit(value));
    }
    exact.rename(PlSmallStr::from_static("price_per_hour"));
    Ok(exact)
}

/// Returns the first marked value of a column, as text.
fn first(column: &Column, marked: &BooleanChunked) -> Result<Option<String>, String> {
    let Some(at) = marked.iter().position(|mark| mark == Some(true)) else { return Ok(None) };
    match column.get(at).map_err(|e| e.to_string())? {
        // Every digit is printed, so that the excess one is visible.
        AnyValue::Float64(number) => Ok(Some(number.to_string())),
        other => Ok(Some(other.to_string())),
    }
}

/// Adds the rows of a frame to the summary of each region.
fn summarise(frame: &DataFrame, regions: &mut BTreeMap<String, SpotHistorySummary>) -> PolarsResult<()> {
    let names = frame.column("region")?.str()?;
    let instants = frame.column("observed_at")?.cast(&DataType::Int64)?;
    let unpriced = frame.column("price_per_hour")?.is_null();
    let products = frame.column("product")?.is_not_null();
    let currencies = frame.column("currency")?.is_not_null();
    let facts = unpriced.iter().zip(products.iter()).zip(currencies.iter());
    for ((name, at), ((unpriced, product), currency)) in names.iter().zip(instants.i64()?.iter()).zip(facts) {
        let (Some(name), Some(at)) = (name, at) else { continue };
        if !regions.contains_key(name) {
            regions.insert(
                name.into(),
                SpotHistorySummary { from: at, until: at, ..SpotHistorySummary::default() },
            );
        }
        let told = regions.get_mut(name).expect("just inserted");
        told.from = told.from.min(at);
        told.until = told.until.max(at);
        if product == Some(false) {
            told.left_out += 1;
            continue;
        }
        if currency == Some(false) {
            told.of_unknown_currency += 1;
            continue;
        }
        told.rows += 1;
        told.unpriced += u64::from(unpriced == Some(true));
    }
    Ok(())
}

/// Returns the columns of `spot_price`, without the rows of an unknown product or currency: both
/// are part of a price series' identity. Such rows are counted as left out.
fn complete_rows(frame: &DataFrame) -> PolarsResult<DataFrame> {
    let columns =
        ["observed_at", "instance_type", "region", "az_id", "product", "price_per_hour", "currency"];
    let known = frame.column("product")?.is_not_null() & frame.column("currency")?.is_not_null();
    let frame = frame.select(columns)?;
    if known.all() { Ok(frame) } else { frame.filter(&known) }
}

#[cfg(test)]
mod tests {
    use catalog::{Field, Page, Value, ValueType};

    use super::*;

    const DAY: i64 = 86_400_000_000;

    fn instant(micros: i64) -> Value {
        Value::Timestamp(domain::Timestamp::from_microsecond(micros).unwrap())
    }

    fn row(day: i64, region: &str, price: Value) -> Vec<Value> {
        vec![instant(day * DAY), "m7i.large".into(), region.into(), "az1".into(), price]
    }

    /// Imports rows with these types of `observed_at` and `spot_usd`. Returns the summaries and the
    /// imported rows.
    fn of(
        types: [ValueType; 2],
        rows: Vec<Vec<Value>>,
    ) -> Result<(BTreeMap<String, SpotHistorySummary>, DataFrame), StoreError> {
        let types = [types[0].clone(), ValueType::Text, ValueType::Text, ValueType::Text, types[1].clone()];
        let fields = COLUMNS.iter().zip(types).map(|(name, ty)| Field::new(*name, ty)).collect();
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("history.parquet");
        std::fs::write(&path, crate::parquet_bytes(&Page { fields, rows }).unwrap()).unwrap();
        let mut frames = Vec::new();
        let regions = read_all(&[path], &mut |frame| {
            frames.push(frame);
            Ok(())
        })?;
        assert_eq!(frames.len(), 1);
        Ok((regions, frames.remove(0)))
    }

    #[test]
    fn refuses_values_that_do_not_fit_and_names_them() {
        let check = |types: [ValueType; 2], bad: Vec<Value>, expected: &str| {
            let good = row(1, "us-east-1", Value::Null);
            let fits = types[0] == ValueType::Timestamp;
            let rows = if fits { vec![good, bad] } else { vec![bad] };
            let error = of(types, rows).err().unwrap_or_else(|| panic!("{expected}: it was imported"));
            assert!(error.to_string().contains(expected), "{error}");
        };
        let floats = || [ValueType::Timestamp, ValueType::Float];
        let price = |number: f64| row(2, "us-east-1", Value::Float(number));
        check(floats(), price(0.123_456_789_012), "the price 0.123456789012 does not fit DECIMAL(18,10)");
        check(floats(), price(0.1 + 0.2), "the price 0.30000000000000004 does not fit DECIMAL(18,10)");
        check(floats(), price(1e9), "does not fit DECIMAL(18,10)");
        check(floats(), price(f64::NAN), "the price NaN does not fit");
        check(floats(), price(f64::INFINITY), "the price inf does not fit");
        check(floats(), price(0.0), "the price 0 is not above zero");
        check(floats(), price(-0.5), "the price -0.5 is not above zero");
        let fine = [ValueType::Timestamp, ValueType::Decimal(24, 12)];
        check(
            fine,
            row(2, "us-east-1", Value::Decimal("0.123456789012".parse().unwrap())),
            "0.123456789012 does not",
        );
        check(
            [ValueType::Timestamp, ValueType::Text],
            row(2, "us-east-1", "0.5".into()),
            "expected a double or a decimal",
        );
        check(
            floats(),
            row(2, "us-east\nhint: x", Value::Float(0.5)),
            r#"the region "us-east\nhint: x" is not a region"#,
        );
        let mut odd = row(2, "us-east-1", Value::Float(0.5));
        odd[1] = "M7i.Large".into();
        check(floats(), odd, "the instance_type \"M7i.Large\" is not an instance type such as m7i.xlarge");
        let mut counted = row(2, "us-east-1", Value::Float(0.5));
        counted[0] = Value::Int(1_700_000_000);
        check(
            [ValueType::Int, ValueType::Float],
            counted,
            "observed_at is of type i64; expected a timestamp",
        );
        for (at, wrong, expected) in [
            (1, "m7i large\nhint", r#"instance_type "m7i large\nhint" is not an instance type"#),
            (1, "secret", "instance_type \"secret\" is not"),
            (2, "Stockholm", "region \"Stockholm\" is not a region code"),
        ] {
            let mut bad = row(2, "us-east-1", Value::Float(0.5));
            bad[at] = wrong.into();
            check(floats(), bad, expected);
        }
        for (at, name) in COLUMNS[..4].iter().enumerate() {
            let mut missing = row(2, "us-east-1", Value::Float(0.5));
            missing[at] = Value::Null;
            check(floats(), missing, &format!("{name} is missing in 1 of its rows"));
        }
    }

    #[test]
    fn summarises_each_region_and_drops_no_observation() {
        let rows = vec![
            row(3, "eu-west-1", Value::Float(0.0416)),
            row(1, "eu-west-1", Value::Float(0.0416)),
            row(2, "eu-west-1", Value::Null),
            row(9, "cn-north-1", Value::Float(437.1234)),
        ];
        let (regions, frame) = of([ValueType::Timestamp, ValueType::Float], rows).unwrap();
        assert_eq!(frame.height(), 4);
        assert_eq!(frame.column("price_per_hour").unwrap().null_count(), 1);
        let (a, b) = (&regions["eu-west-1"], &regions["cn-north-1"]);
        let summary = SpotHistorySummary::default();
        assert_eq!(a, &SpotHistorySummary { from: DAY, until: 3 * DAY, rows: 3, unpriced: 1, ..summary });
        let summary = SpotHistorySummary::default();
        assert_eq!(b, &SpotHistorySummary { from: 9 * DAY, until: 9 * DAY, rows: 1, ..summary });
        assert_eq!(a.gaps(), ["1 of 3 prices are not known"]);
        assert!(b.gaps().is_empty());
    }

    #[test]
    fn a_region_decides_the_currency() {
        let check = |region: &str, expected: &[&str], gaps: &[&str]| {
            let rows = vec![row(1, "us-east-1", Value::Float(0.5)), row(1, region, Value::Float(0.0412))];
            let (regions, frame) = of([ValueType::Timestamp, ValueType::Float], rows).unwrap();
            let currencies = frame.column("currency").unwrap().str().unwrap();
            assert_eq!(currencies.iter().flatten().collect::<Vec<_>>(), expected, "{region}");
            assert_eq!(regions[region].gaps(), gaps, "{region}");
        };
        check("eusc-de-east-1", &["USD", "EUR"], &[]);
        check("cn-northwest-1", &["USD", "CNY"], &[]);
        check("us-gov-west-1", &["USD", "USD"], &[]);
        check("zz-east-1", &["USD"], &["1 left out: a region whose currency is not known"]);
    }

    #[test]
    fn keeps_a_decimal_price_exactly() {
        let price = Value::Decimal("0.0416".parse().unwrap());
        let (_, frame) =
            of([ValueType::Timestamp, ValueType::Decimal(18, 4)], vec![row(1, "eu-west-1", price)]).unwrap();
        assert_eq!(frame.column("price_per_hour").unwrap().get(0).unwrap().to_string(), "0.0416000000");
    }
}
