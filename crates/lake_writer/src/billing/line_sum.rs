//! Sums of bill lines: amounts, quantities, and the numbers of lines that state them.

use std::collections::BTreeMap;

use catalog::{Field, ValueType};
use polars::prelude::{
    Column, DataFrame, IntoColumn, IntoSeries, NamedFrom, PolarsError, PolarsResult, Series, StringChunked,
    TimeUnit,
};

use super::text_ids::TextIds;

/// The largest amount of DECIMAL(38,18), in units of 10^-18.
const LARGEST: i128 = 10_i128.pow(38) - 1;

/// A column of sums and its figure.
type NamedFigure<T> = (&'static str, fn(&LineSum) -> T);

const AMOUNTS: [NamedFigure<i128>; 4] = [
    ("billed_cost", |sum| sum.costs.billed),
    ("counted_effective_cost", |sum| sum.costs.counted),
    ("list_cost", |sum| sum.listed),
    ("pricing_quantity", |sum| sum.quantity),
];

const COUNTS: [NamedFigure<i64>; 5] = [
    ("lines", |sum| sum.costs.lines),
    ("counted_lines", |sum| sum.costs.counted_lines),
    ("stated_lines", |sum| sum.costs.stated_lines),
    ("listed_lines", |sum| sum.listed_lines),
    ("quantity_lines", |sum| sum.quantity_lines),
];

const INSTANTS: [NamedFigure<Option<i64>>; 2] =
    [("newest_start", |sum| sum.newest_start), ("billing_period_start", |sum| sum.period_start)];

/// The costs of some lines.
#[derive(Default, Clone, Copy)]
pub(super) struct CostSum {
    pub(super) lines: i64,
    counted_lines: i64,
    stated_lines: i64,
    billed: i128,
    counted: i128,
}

/// All sums of some lines.
#[derive(Default, Clone)]
pub(super) struct LineSum {
    pub(super) costs: CostSum,
    listed_lines: i64,
    quantity_lines: i64,
    listed: i128,
    quantity: i128,
    newest_start: Option<i64>,
    pub(super) period_start: Option<i64>,
    estimated: Option<bool>,
    account_name: u32,
    /// Lines with each tag that is no column of the sums.
    pub(super) tag_lines: BTreeMap<u32, i64>,
}

impl CostSum {
    /// Adds other lines. Returns false if an amount is too large.
    #[must_use]
    pub(super) fn add(&mut self, other: &CostSum) -> bool {
        self.lines += other.lines;
        self.counted_lines += other.counted_lines;
        self.stated_lines += other.stated_lines;
        let is_billed = add_amount(&mut self.billed, other.billed);
        add_amount(&mut self.counted, other.counted) && is_billed
    }
}

impl LineSum {
    /// Returns the costs of lines of a billing period, without other sums.
    pub(super) fn of_costs(costs: CostSum, period_start: Option<i64>) -> LineSum {
        LineSum { costs, period_start, ..LineSum::default() }
    }

    /// Adds other lines. Returns false if an amount is too large.
    #[must_use]
    pub(super) fn add(&mut self, other: &LineSum) -> bool {
        self.listed_lines += other.listed_lines;
        self.quantity_lines += other.quantity_lines;
        self.newest_start = self.newest_start.max(other.newest_start);
        self.period_start = self.period_start.max(other.period_start);
        self.estimated = self.estimated.max(other.estimated);
        self.account_name = self.account_name.max(other.account_name);
        for (tag, lines) in &other.tag_lines {
            *self.tag_lines.entry(*tag).or_default() += lines;
        }
        let is_listed = add_amount(&mut self.listed, other.listed);
        let is_measured = add_amount(&mut self.quantity, other.quantity);
        self.costs.add(&other.costs) && is_listed && is_measured
    }
}

/// Returns false if the sum is too large.
fn add_amount(sum: &mut i128, amount: i128) -> bool {
    *sum = sum.saturating_add(amount);
    (-LARGEST..=LARGEST).contains(sum)
}

/// Returns each line as a sum of one line.
pub(super) fn sums_of_lines<'a>(
    frame: &'a DataFrame,
    account_names: &mut TextIds,
) -> PolarsResult<impl Iterator<Item = LineSum> + 'a> {
    let amounts = |name: &str| Ok::<_, PolarsError>(frame.column(name)?.decimal()?.physical());
    let (billed, effective) = (amounts("billed_cost")?, amounts("effective_cost")?);
    let (listed, quantities) = (amounts("list_cost")?, amounts("pricing_quantity")?);
    let categories = frame.column("charge_category")?.str()?;
    let covered = frame.column("commitment_discount_status")?.str()?;
    let names = account_names.all(frame.column("sub_account_name")?.str()?);
    let starts = frame.column("charge_period_start")?.datetime()?.physical();
    let periods = frame.column("billing_period_start")?.datetime()?.physical();
    let estimated = frame.column("estimated")?.bool()?;
    let counts_as_billed = categories
        .iter()
        .zip(covered.iter())
        .map(|(category, covered)| matches!(category, Some("Usage" | "Tax" | "Credit")) && covered.is_none());
    let costs = billed.iter().zip(effective.iter()).zip(counts_as_billed);
    let figures = listed.iter().zip(quantities.iter()).zip(names);
    let marks = starts.iter().zip(periods.iter()).zip(estimated.iter());
    let lines = costs.zip(figures).zip(marks);
    Ok(lines.map(|((cost, figures), ((newest_start, period_start), estimated))| {
        let ((billed, effective), counts_as_billed) = cost;
        let ((listed, quantity), account_name) = figures;
        let counted = effective.or(billed.filter(|_| counts_as_billed));
        let costs = CostSum {
            lines: 1,
            counted_lines: i64::from(counted.is_some()),
            stated_lines: i64::from(effective.is_some()),
            billed: billed.unwrap_or(0),
            counted: counted.unwrap_or(0),
        };
        LineSum {
            costs,
            listed_lines: i64::from(listed.is_some()),
            quantity_lines: i64::from(quantity.is_some()),
            listed: listed.unwrap_or(0),
            quantity: quantity.unwrap_or(0),
            newest_start,
            period_start,
            estimated,
            account_name,
            tag_lines: BTreeMap::new(),
        }
    }))
}

/// Returns the columns that [`columns`] makes.
pub(super) fn fields() -> Vec<Field> {
    let amounts = AMOUNTS.iter().map(|(name, _)| Field::new(*name, ValueType::Decimal(38, 18)));
    let counts = COUNTS.iter().map(|(name, _)| Field::new(*name, ValueType::Int));
    let instants = INSTANTS.iter().map(|(name, _)| Field::new(*name, ValueType::Timestamp));
    let mut fields: Vec<Field> = amounts.chain(counts).chain(instants).collect();
    fields.push(Field::new("estimated", ValueType::Bool));
    fields.extend(["sub_account_name", "tag_lines"].map(|name| Field::new(name, ValueType::Text)));
    fields
}

/// Returns the columns of these sums, a row for each.
pub(super) fn columns(
    sums: &[LineSum],
    account_names: &TextIds,
    other_tags: &TextIds,
) -> PolarsResult<Vec<Column>> {
    let mut columns = Vec::new();
    for (name, amount) in AMOUNTS {
        let amounts: Vec<i128> = sums.iter().map(amount).collect();
        columns.push(Series::new(name.into(), amounts).into_decimal(38, 18)?.into());
    }
    for (name, count) in COUNTS {
        let counts: Vec<i64> = sums.iter().map(count).collect();
        columns.push(Series::new(name.into(), counts).into());
    }
    columns.extend(INSTANTS.map(|(name, instant)| instants(name, sums.iter().map(instant).collect())));
    let estimated: Vec<Option<bool>> = sums.iter().map(|sum| sum.estimated).collect();
    columns.push(Series::new("estimated".into(), estimated).into());
    let names = sums.iter().map(|sum| account_names.text(sum.account_name));
    columns.push(names.collect::<StringChunked>().with_name("sub_account_name".into()).into_column());
    let lines: StringChunked = sums.iter().map(|sum| tag_lines(sum, other_tags)).collect();
    columns.push(lines.with_name("tag_lines".into()).into_column());
    Ok(columns)
}

/// Returns the lines with each other tag as JSON; none without such lines.
fn tag_lines(sum: &LineSum, other_tags: &TextIds) -> Option<String> {
    let entry = |(tag, lines): (&u32, &i64)| {
        let key = other_tags.text(*tag).unwrap_or_default();
        serde_json::json!({ "key": key, "lines": lines })
    };
    let entries: Vec<serde_json::Value> = sum.tag_lines.iter().map(entry).collect();
    (!entries.is_empty()).then(|| serde_json::Value::Array(entries).to_string())
}

pub(super) fn instants(name: &str, micros: Vec<Option<i64>>) -> Column {
    let series = Series::new(name.into(), micros).into_datetime(TimeUnit::Microseconds, None);
    series.into_series().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_beyond_the_type_of_amounts_is_noticed() {
        let of = |billed| CostSum { billed, ..CostSum::default() };
        assert!(of(LARGEST - 1).add(&of(1)) && of(-LARGEST).add(&of(0)));
        assert!(!of(LARGEST).add(&of(1)) && !of(-LARGEST).add(&of(-1)));
        assert!(!of(i128::MAX).add(&of(i128::MAX)));
        let of = |quantity| LineSum { quantity, ..LineSum::default() };
        assert!(!of(LARGEST).add(&of(1)), "a quantity too");
        let of = |costs| LineSum { costs, ..LineSum::default() };
        let largest = CostSum { counted: LARGEST, ..CostSum::default() };
        assert!(!of(largest).add(&of(CostSum { counted: 1, ..largest })), "a cost of a sum");
    }
}
