use std::collections::BTreeMap;

use analysis::{CostChange, Day, ExactCost, PricedUsage};
use catalog::rows::PricedUsageRow;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::budget_entry::BudgetPeriod;
use crate::cost_days::{day_text, month_text, read_day, read_month};
use crate::cost_flags::CostRowsFlags;
use crate::cost_footer::note_cost_footer;
use crate::cost_text::{amount_cell, change_percent, currency_header, percent_cell};
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_through};
use crate::region_scope::rows;

/// Show the changes from one period to the next, and their causes: prices, discounts, quantities,
/// new and ended usage.
///
/// The newest period is compared with the one before it. An unfinished period is compared with as
/// many days of the other one. The parts of each row add up to its change to the last digit.
///
/// With a price p and a quantity q, the price effect is (p1 - p0)(q0 + q1)/2 and the quantity
/// effect (q1 - q0)(p0 + p1)/2. The price effect is split into that of the list price and that of
/// discounts. Changes of fees, credits, refunds and tax, and of usage without a quantity, are other
/// changes.
#[derive(Debug, Args)]
pub struct TrendsArgs {
    /// Length of the compared periods
    #[arg(long, value_name = "PERIOD", value_enum, default_value_t)]
    pub by: BudgetPeriod,
    /// Earlier period: a month such as 2026-10, or a day in the period [default: the one before]
    #[arg(long, value_name = "PERIOD")]
    pub compare: Option<String>,
    /// The sum and the number of rows.
    #[command(flatten)]
    pub rows: CostRowsFlags,
    /// Last day of the newest period, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
}

/// Runs `truffle trends`.
pub fn run_trends(
    args: &TrendsArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let compare = args.compare.as_deref().map(read_period).transpose()?;
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let metric = args.rows.metric;
    let query = DailyCostsQuery { metric, months: CostMonths::All, dimensions: &[], through };
    let history = BillHistory::load(&query, ports)?;
    let spans = TrendSpans::of(args.by, history.through, compare)?;
    spans.check_collected(&history)?;
    let before = usage(spans.before, metric, ports)?;
    let after = usage(spans.after, metric, ports)?;
    let changes = explain(&before, &after);
    let wholes = wholes(&changes);
    if wholes.is_empty() {
        return Err(Failure::new(FailureKind::NoMatch, format!("no charges in {}", spans.describe()))
            .hint("choose another --through or --compare"));
    }
    printer.report(&report(&top_rows(changes, args.rows.top), wholes.len())?, ports.encode)?;
    for (currency, whole) in &wholes {
        printer.note(&whole_note(currency, whole, &spans));
    }
    note_cost_footer(&history, ports, printer, now)?;
    Ok(Exit::Done)
}

/// Returns the largest changes of the month against the month before, and a sentence on each
/// currency.
///
/// Errors: no statement covers a day of these months, or they have no charges.
pub(crate) fn month_movers(
    history: &BillHistory,
    metric: CostMetric,
    top: usize,
    ports: &CommandPorts<'_>,
) -> Result<(Report, Vec<String>), Failure> {
    let spans = TrendSpans::of(BudgetPeriod::Month, history.through, None)?;
    spans.check_collected(history)?;
    let (before, after) = (usage(spans.before, metric, ports)?, usage(spans.after, metric, ports)?);
    let changes = explain(&before, &after);
    let wholes = wholes(&changes);
    let notes = wholes.iter().map(|(currency, whole)| whole_note(currency, whole, &spans)).collect();
    Ok((report(&top_rows(changes, top), wholes.len())?, notes))
}

/// Reads `--compare`: a day in the period.
fn read_period(text: &str) -> Result<Day, Failure> {
    read_month(text).or_else(|| read_day(text)).ok_or_else(|| {
        Failure::usage(format!("--compare \"{text}\" is neither a month nor a day"))
            .hint("write a month such as 2026-10, or a day in the period such as 2026-10-05")
    })
}

/// The compared days: the first one of each period, and the day after the last one.
struct TrendSpans {
    before: (Day, Day),
    after: (Day, Day),
}

impl TrendSpans {
    /// Compares the period of `through` with the one before it, or with the one that contains
    /// `compare`.
    fn of(period: BudgetPeriod, through: Day, compare: Option<Day>) -> Result<TrendSpans, Failure> {
        let (first, end) = period.around(through);
        let (before, before_end) = period.around(compare.unwrap_or(first - 1));
        if before >= first {
            let text = day_text(before);
            return Err(Failure::usage(format!("--compare: the period from {text} is not an earlier one"))
                .hint(format!("choose a day before {}", day_text(first))));
        }
        let known_end = end.min(through + 1);
        // A finished period is compared with the whole other one.
        let is_finished = known_end == end;
        let before_end = if is_finished { before_end } else { before_end.min(before + (known_end - first)) };
        Ok(TrendSpans { before: (before, before_end), after: (first, known_end) })
    }

    /// Refuses a period that no statement covers.
    fn check_collected(&self, history: &BillHistory) -> Result<(), Failure> {
        let missing = [self.before, self.after]
            .into_iter()
            .find_map(|(first, end)| history.coverage.uncovered_day(first, end));
        let Some(day) = missing else { return Ok(()) };
        Err(Failure::new(FailureKind::Data, format!("not collected: charges of {}", day_text(day))).hint(
            format!(
                "the bills begin on {}; choose another --compare or a later --through",
                day_text(history.first)
            ),
        ))
    }

    fn describe(&self) -> String {
        format!("{} and {}", span_text(self.before), span_text(self.after))
    }
}

/// Returns a whole month as 2026-10, one day as 2026-10-05, and other days with first and last.
fn span_text((first, end): (Day, Day)) -> String {
    if first == first.month_start() && end == first.next_month() {
        return month_text(first);
    }
    let last = end - 1;
    if first == last { day_text(first) } else { format!("{} to {}", day_text(first), day_text(last)) }
}

/// The charges that are compared with each other.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct TrendKey {
    currency: String,
    category: Option<String>,
    account: Option<String>,
    service: Option<String>,
    region: Option<String>,
    usage_type: Option<String>,
    unit: Option<String>,
}

/// The usage of a span; `None` for a leaf with a charge that does not state its cost.
type SpanUsage = BTreeMap<TrendKey, Option<PricedUsage>>;

fn usage(
    (first, end): (Day, Day),
    metric: CostMetric,
    ports: &CommandPorts<'_>,
) -> Result<SpanUsage, Failure> {
    let (since, until) = (day_text(first), day_text(end - 1));
    let params = [("since", since.as_str()), ("until", until.as_str()), ("metric", metric.name())];
    let found: Vec<PricedUsageRow> = rows(ports.answer("cost/priced-usage", &params)?)?;
    found.into_iter().map(read_usage).collect()
}

fn read_usage(row: PricedUsageRow) -> Result<(TrendKey, Option<PricedUsage>), Failure> {
    let exact = |amount: Decimal| {
        ExactCost::of_decimal(amount)
            .ok_or_else(|| Failure::broken(format!("the amount {amount} has more than 18 decimals")))
    };
    let list_cost = row.list_cost.map(|cost| exact(cost.0)).transpose()?;
    let quantity = row.quantity.map(|quantity| exact(quantity.0)).transpose()?.map(|quantity| quantity.0);
    let cost = row.cost.map(|cost| exact(cost.0)).transpose()?;
    let key = TrendKey {
        currency: row.billing_currency,
        category: row.charge_category,
        account: row.sub_account_id,
        service: row.service_name,
        region: row.region_id,
        usage_type: row.usage_type,
        unit: row.pricing_unit,
    };
    Ok((key, cost.map(|cost| PricedUsage { cost, list_cost, quantity })))
}

/// The change of some charges; `None` if a charge does not state its cost.
type LeafChange = Option<CostChange>;

fn explain(before: &SpanUsage, after: &SpanUsage) -> BTreeMap<TrendKey, LeafChange> {
    let keys = before.keys().chain(after.keys());
    keys.map(|key| (key.clone(), explain_leaf(key, before.get(key), after.get(key)))).collect()
}

/// Explains the change of a leaf. The outer `None` stands for no charge, the inner one for an
/// unknown cost.
fn explain_leaf(
    key: &TrendKey,
    before: Option<&Option<PricedUsage>>,
    after: Option<&Option<PricedUsage>>,
) -> LeafChange {
    let known = |usage: Option<&Option<PricedUsage>>| match usage {
        None => Some(None),
        Some(usage) => usage.map(Some),
    };
    let (before, after) = (known(before)?, known(after)?);
    let is_usage = key.category.as_deref().is_none_or(|category| category == "Usage");
    let cost = |usage: Option<PricedUsage>| usage.map_or(ExactCost::ZERO, |usage| usage.cost);
    Some(match is_usage {
        true => CostChange::of_leaf(before, after),
        false => CostChange::of_charges(cost(before), cost(after)),
    })
}

/// The changes of each currency: of usage, and of all other charges.
#[derive(Debug, Clone, Copy)]
struct CurrencyChange {
    usage: LeafChange,
    other: LeafChange,
}

fn wholes(changes: &BTreeMap<TrendKey, LeafChange>) -> BTreeMap<String, CurrencyChange> {
    let nothing = CurrencyChange { usage: Some(CostChange::default()), other: Some(CostChange::default()) };
    let mut wholes: BTreeMap<String, CurrencyChange> = BTreeMap::new();
    for (key, change) in changes {
        let whole = wholes.entry(key.currency.clone()).or_insert(nothing);
        let is_usage = key.category.as_deref().is_none_or(|category| category == "Usage");
        let part = if is_usage { &mut whole.usage } else { &mut whole.other };
        *part = add(*part, *change);
    }
    wholes
}

fn add(one: LeafChange, other: LeafChange) -> LeafChange {
    one.zip(other).map(|(one, other)| one.plus(&other))
}

/// Returns the sum; `None` if a change is not known.
fn sum(changes: impl Iterator<Item = LeafChange>) -> LeafChange {
    changes.reduce(add).unwrap_or_else(|| Some(CostChange::default()))
}

/// A row of the answer; `key` is `None` for the sum of the others.
struct TrendRow {
    currency: String,
    key: Option<TrendKey>,
    others: usize,
    change: LeafChange,
}

/// Returns the rows of each currency with the largest changes, and one with the sum of the rest.
fn top_rows(changes: BTreeMap<TrendKey, LeafChange>, top: usize) -> Vec<TrendRow> {
    let mut of_currency: BTreeMap<String, Vec<(TrendKey, LeafChange)>> = BTreeMap::new();
    for (key, change) in changes {
        of_currency.entry(key.currency.clone()).or_default().push((key, change));
    }
    let mut rows = Vec::new();
    for (currency, mut leaves) in of_currency {
        // Unknown changes come first: they may be the largest.
        let size = |change: &LeafChange| change.map(|change| change.total().size());
        leaves.sort_by(|(a_key, a), (b_key, b)| {
            let by_size = size(b).cmp(&size(a));
            b.is_none().cmp(&a.is_none()).then(by_size).then_with(|| a_key.cmp(b_key))
        });
        let shown = if top == 0 || leaves.len() == top + 1 { leaves.len() } else { top.min(leaves.len()) };
        let rest = leaves.split_off(shown);
        rows.extend(leaves.into_iter().map(|(key, change)| TrendRow {
            currency: currency.clone(),
            key: Some(key),
            others: 0,
            change,
        }));
        if !rest.is_empty() {
            let sum = sum(rest.iter().map(|(_, change)| *change));
            rows.push(TrendRow { currency, key: None, others: rest.len(), change: sum });
        }
    }
    rows
}

const TEXTS: [&str; 7] = [
    "sub_account_id",
    "service_name",
    "region_id",
    "usage_type",
    "pricing_unit",
    "charge_category",
    "billing_currency",
];

const AMOUNTS: [&str; 10] = [
    "previous_cost",
    "current_cost",
    "change_cost",
    "price_effect",
    "list_price_effect",
    "discount_effect",
    "quantity_effect",
    "new_cost",
    "gone_cost",
    "other_change",
];

impl TrendRow {
    fn texts(&self) -> [Option<String>; 7] {
        let others = || (self.others > 0).then(|| format!("({} others)", self.others));
        match &self.key {
            None => [None, others(), None, None, None, None, Some(self.currency.clone())],
            Some(key) => [
                key.account.clone(),
                key.service.clone(),
                key.region.clone(),
                key.usage_type.clone(),
                key.unit.clone(),
                key.category.clone(),
                Some(self.currency.clone()),
            ],
        }
    }

    /// Returns the amounts in the order of [`AMOUNTS`].
    fn amounts(&self) -> Result<[Option<Decimal>; 10], Failure> {
        let Some(change) = &self.change else { return Ok([None; 10]) };
        let exact = [
            change.before,
            change.after,
            change.total(),
            change.price(),
            change.list_price,
            change.discount,
            change.quantity,
            change.new,
            change.gone,
            change.unsplit,
        ];
        let mut amounts = [None; 10];
        for (amount, exact) in amounts.iter_mut().zip(exact) {
            *amount = Some(decimal(exact)?);
        }
        Ok(amounts)
    }
}

fn decimal(amount: ExactCost) -> Result<Decimal, Failure> {
    let too_large = || Failure::broken("an amount has more than 28 digits");
    amount.to_decimal().ok_or_else(too_large)
}

fn report(rows: &[TrendRow], currencies: usize) -> Result<Report, Failure> {
    let mut fields: Vec<Field> = TEXTS.iter().map(|name| Field::new(*name, ValueType::Text)).collect();
    fields.extend(AMOUNTS.iter().map(|name| Field::new(*name, ValueType::Decimal(38, 18))));
    fields.push(Field::new("change_percent", ValueType::Float));
    let (mut values, mut cells) = (Vec::new(), Vec::new());
    for row in rows {
        let (texts, amounts) = (row.texts(), row.amounts()?);
        let percent = change_percent(amounts[2], amounts[0]);
        let mut line: Vec<Value> = texts.iter().map(|text| text.clone().into()).collect();
        line.extend(amounts.iter().map(|amount| Value::from(*amount)));
        line.push(percent.into());
        values.push(line);
        let mut line: Vec<String> = texts.into_iter().map(|text| text.unwrap_or("-".into())).collect();
        line.extend(amounts.into_iter().map(amount_cell));
        line.push(percent_cell(percent));
        cells.push(line);
    }
    let table = table(&fields, &cells, currencies);
    Ok(Report { page: Page { fields, rows: values }, table: Some(table), ..Report::default() })
}

/// Returns the table for people: service, usage type, currency if there are several, and the
/// amounts that are not 0 in every row.
fn table(fields: &[Field], cells: &[Vec<String>], currencies: usize) -> TableView {
    let is_used = |at: usize| cells.iter().any(|row| row[at] != "0.00");
    let wanted = |at: &usize| match fields[*at].name.as_str() {
        "service_name" | "usage_type" | "change_cost" => true,
        "billing_currency" => currencies > 1,
        "price_effect" | "quantity_effect" | "new_cost" | "gone_cost" | "other_change" => is_used(*at),
        _ => false,
    };
    let chosen: Vec<usize> = (0..fields.len()).filter(wanted).collect();
    let currency = cells.first().map(|row| row[6].as_str()).unwrap_or_default();
    let column = |at: &usize| {
        let field = &fields[*at];
        let align = if field.ty == ValueType::Text { Align::Left } else { Align::Right };
        let column = TableColumn::named(&field.name, align);
        match field.ty == ValueType::Text || currencies > 1 {
            true => column,
            false => {
                let header = currency_header(&column.header, currency);
                column.header(header)
            }
        }
    };
    TableView {
        columns: chosen.iter().map(column).collect(),
        rows: cells.iter().map(|row| chosen.iter().map(|at| row[*at].clone()).collect()).collect(),
        marked: Vec::new(),
    }
}

/// Returns the sentence on the whole change of a currency.
fn whole_note(currency: &str, whole: &CurrencyChange, spans: &TrendSpans) -> String {
    let spans = format!("{} against {}", span_text(spans.after), span_text(spans.before));
    let cell = |amount: ExactCost| amount_cell(amount.to_decimal());
    let Some((usage, other)) = whole.usage.zip(whole.other) else {
        return format!("{spans}: {currency} unknown, because charges do not state their cost");
    };
    format!(
        "{spans}: {currency} {} = usage {} (prices {}, discounts {}, quantities {}, new {}, gone {}, \
         other {}) and fees, credits, refunds and tax {}",
        cell(usage.total() + other.total()),
        cell(usage.total()),
        cell(usage.list_price),
        cell(usage.discount),
        cell(usage.quantity),
        cell(usage.new),
        cell(usage.gone),
        cell(usage.unsplit),
        cell(other.total()),
    )
}

#[cfg(test)]
#[path = "trends_tests.rs"]
mod tests;
