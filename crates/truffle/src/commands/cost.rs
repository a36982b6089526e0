use std::cmp::Reverse;
use std::collections::BTreeMap;

use analysis::{CostCoverage, Day};
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::charge_parts::ChargeParts;
use crate::cost_days::{day_text, month_text};
use crate::cost_dimension::{CostDimension, read_dimensions};
use crate::cost_flags::CostRowsFlags;
use crate::cost_footer::note_cost_footer;
use crate::cost_text::{amount_cell, change_percent, currency_header, percent, percent_cell};
use crate::daily_costs::{BillHistory, CostMonths, DailyCostsQuery, read_months, read_through};

/// Columns of a table by default.
const TABLE_COLUMNS: usize = 8;

/// Show the cost of a billing month by account, service, region, type, resource, owner or tag.
///
/// The parts add up to the whole: usage, fees, credits, refunds and tax. The share is that of the
/// whole in the same currency. The month before is compared up to the same day: up to the newest
/// complete day of an unfinished month, else as a whole.
#[derive(Debug, Args)]
pub struct CostArgs {
    /// Billing month, such as 2026-11 [default: the newest one in the bills]
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Dimensions, separated by commas: account, service, region, type, resource, category, owner,
    /// tag:KEY, or a name of [dimensions] in the settings
    #[arg(long, value_name = "DIMENSION", value_delimiter = ',', default_value = "service")]
    pub by: Vec<String>,
    /// The sum and the number of rows.
    #[command(flatten)]
    pub rows: CostRowsFlags,
    /// Last day that counts, such as 2026-11-20 [default: the newest day in the bills]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
}

/// Runs `truffle cost`.
pub fn run_cost(
    args: &CostArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let dimensions = read_dimensions("--by", &args.by, &ports.settings.dimensions)?;
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let months = read_months(args.month.as_deref(), ports.as_of)?;
    let query = DailyCostsQuery { metric: args.rows.metric, months, dimensions: &dimensions, through };
    let history = BillHistory::load(&query, ports)?;
    history.check_dimensions(&dimensions)?;
    let month = match months {
        CostMonths::WithTheOneBefore(month) => month,
        CostMonths::Newest | CostMonths::All => history.newest_month,
    };
    let spans = ComparedSpans::of(&history, month, through);
    let groups = group(&history, &dimensions, &spans);
    if groups.is_empty() {
        let failure = format!("no charges in {}", month_text(month));
        return Err(Failure::new(FailureKind::NoMatch, failure).hint("choose another --month"));
    }
    let wholes = wholes(&groups);
    let rows = top_rows(groups, &wholes, args.rows.top, dimensions.len());
    printer.report(&report(&rows, &dimensions, wholes.len()), ports.encode)?;
    for (currency, whole) in &wholes {
        printer.note(&whole_note(currency, whole, &spans));
    }
    note_tag_coverage(&rows, &wholes, &dimensions, printer);
    if spans.before.is_some() {
        let last = day_text(spans.compared.1 - 1);
        printer.note(&format!("truffle trends --through {last} explains the change"));
    }
    note_cost_footer(&history, ports, printer, now)?;
    Ok(Exit::Done)
}

/// The days that are added up and compared.
struct ComparedSpans {
    /// The days of the month that count.
    month: (Day, Day),
    /// The days of the month that are compared.
    compared: (Day, Day),
    /// The same days of the month before; `None` if no statement covers them.
    before: Option<(Day, Day)>,
}

impl ComparedSpans {
    fn of(history: &BillHistory, month: Day, through: Option<Day>) -> ComparedSpans {
        let end = month.next_month();
        let counted = through.map_or(end, |through| end.min(through + 1));
        let compared = counted.min(history.through + 1).max(month);
        let first = (month - 1).month_start();
        // A finished month is compared with the whole month before.
        let before_end = if compared == end { month } else { month.min(first + (compared - month)) };
        let has_month =
            |one: &&CostCoverage| one.spans.iter().any(|(first, last)| *first < end && *last > month);
        let accounts = history.coverage.parts().filter(has_month);
        let known = accounts.clone().all(|one| (first.0..before_end.0).all(|day| one.covers(Day(day))));
        let is_compared = compared > month && known && accounts.count() > 0;
        let before = is_compared.then_some((first, before_end));
        ComparedSpans { month: (month, counted), compared: (month, compared), before }
    }
}

/// The costs of one value of the dimensions, or of several of them.
#[derive(Debug, Clone, Default)]
struct ComparedCosts {
    parts: ChargeParts,
    compared: ChargeParts,
    before: ChargeParts,
}

impl ComparedCosts {
    fn add(&mut self, other: &ComparedCosts) {
        self.parts += &other.parts;
        self.compared += &other.compared;
        self.before += &other.before;
    }
}

type GroupKey = (String, Vec<Option<String>>);

/// Groups the leaves by currency and the values of the dimensions.
fn group(
    history: &BillHistory,
    dimensions: &[CostDimension],
    spans: &ComparedSpans,
) -> BTreeMap<GroupKey, ComparedCosts> {
    let mut groups: BTreeMap<GroupKey, ComparedCosts> = BTreeMap::new();
    let is_shown = |day: Day| {
        let within = |(first, end): (Day, Day)| (first..end).contains(&day);
        within(spans.month) || spans.before.is_some_and(within)
    };
    for leaf in history.leaves.iter().filter(|leaf| leaf.days.iter().any(|(day, _)| is_shown(*day))) {
        let part =
            |(first, end): (Day, Day)| ChargeParts::of(leaf.key.category.as_deref(), leaf.sum(first, end));
        let costs = ComparedCosts {
            parts: part(spans.month),
            compared: part(spans.compared),
            before: spans.before.map(part).unwrap_or_default(),
        };
        let values = dimensions.iter().map(|one| one.value(&leaf.key).map(String::from)).collect();
        groups.entry((leaf.key.currency.clone(), values)).or_default().add(&costs);
    }
    if spans.before.is_none() {
        let unknown = ChargeParts::of(None, None);
        groups.values_mut().for_each(|group| group.before = unknown.clone());
    }
    groups
}

fn wholes(groups: &BTreeMap<GroupKey, ComparedCosts>) -> BTreeMap<String, ComparedCosts> {
    let mut wholes: BTreeMap<String, ComparedCosts> = BTreeMap::new();
    for ((currency, _), group) in groups {
        wholes.entry(currency.clone()).or_default().add(group);
    }
    wholes
}

/// A row of the answer.
struct CostRow {
    values: Vec<Option<String>>,
    currency: String,
    group: ComparedCosts,
    share_percent: Option<f64>,
}

/// The values of the dimensions, and their costs.
type ValuedCosts = (Vec<Option<String>>, ComparedCosts);

/// Returns the rows of each currency, the highest first, and one row with the sum of the rest.
fn top_rows(
    groups: BTreeMap<GroupKey, ComparedCosts>,
    wholes: &BTreeMap<String, ComparedCosts>,
    top: usize,
    dimensions: usize,
) -> Vec<CostRow> {
    let mut of_currency: BTreeMap<String, Vec<ValuedCosts>> = BTreeMap::new();
    for ((currency, values), group) in groups {
        of_currency.entry(currency).or_default().push((values, group));
    }
    let mut rows = Vec::new();
    for (currency, mut groups) in of_currency {
        groups.sort_by_key(|(_, group)| Reverse((group.parts.total(), group.before.total())));
        let shown = if top == 0 { groups.len() } else { top.min(groups.len()) };
        // One more row would take as much space as the only one that it stands for.
        let shown = if groups.len() == shown + 1 { shown + 1 } else { shown };
        let rest = groups.split_off(shown);
        if !rest.is_empty() {
            let mut others = ComparedCosts::default();
            rest.iter().for_each(|(_, group)| others.add(group));
            let mut values = vec![None; dimensions];
            values[0] = Some(format!("({} others)", rest.len()));
            groups.push((values, others));
        }
        let whole = wholes.get(&currency).and_then(|whole| whole.parts.total());
        rows.extend(groups.into_iter().map(|(values, group)| CostRow {
            share_percent: percent(group.parts.total(), whole),
            values,
            currency: currency.clone(),
            group,
        }));
    }
    rows
}

impl CostRow {
    fn change(&self) -> Option<Decimal> {
        let (now, before) = (self.group.compared.total(), self.group.before.total());
        now.zip(before).map(|(now, before)| now - before)
    }

    fn values(&self) -> Vec<Value> {
        let texts = self.values.iter().map(|value| value.clone().into());
        let (compared, before) = (self.group.compared.total(), self.group.before.total());
        let amounts = self.group.parts.amounts().into_iter().map(Value::from);
        let total = [self.group.parts.total().into(), self.share_percent.into()];
        let change = [
            compared.into(),
            before.into(),
            self.change().into(),
            change_percent(self.change(), before).into(),
        ];
        texts.chain([self.currency.as_str().into()]).chain(amounts).chain(total).chain(change).collect()
    }

    /// Returns the cells of a table by the names of their columns.
    fn cells(&self, dimensions: &[CostDimension]) -> Vec<String> {
        let missing = |at: usize| match self.values[0].as_deref() {
            Some(first) if at > 0 && first.ends_with(" others)") => String::new(),
            _ => dimensions[at].missing().to_string(),
        };
        let texts =
            self.values.iter().enumerate().map(|(at, value)| value.clone().unwrap_or_else(|| missing(at)));
        let (compared, before) = (self.group.compared.total(), self.group.before.total());
        let amounts = self.group.parts.amounts().map(amount_cell);
        let total = [amount_cell(self.group.parts.total()), percent_cell(self.share_percent)];
        let change = [
            amount_cell(compared),
            amount_cell(before),
            amount_cell(self.change()),
            percent_cell(change_percent(self.change(), before)),
        ];
        texts.chain([self.currency.clone()]).chain(amounts).chain(total).chain(change).collect()
    }
}

/// The columns after the dimensions and the parts.
const TOTALS: [&str; 6] =
    ["total_cost", "share_percent", "compared_cost", "previous_cost", "change_cost", "change_percent"];

fn report(rows: &[CostRow], dimensions: &[CostDimension], currencies: usize) -> Report {
    let amount = |name: &str| match name.ends_with("_percent") {
        true => Field::new(name, ValueType::Float),
        false => Field::new(name, ValueType::Decimal(38, 18)),
    };
    let text = |name: &str| Field::new(name, ValueType::Text);
    let fields: Vec<Field> = dimensions
        .iter()
        .map(|dimension| text(dimension.column()))
        .chain([text("billing_currency")])
        .chain(ChargeParts::COLUMNS.iter().chain(&TOTALS).map(|name| amount(name)))
        .collect();
    let page = Page { fields, rows: rows.iter().map(CostRow::values).collect() };
    let table = table(&page, rows, dimensions, currencies);
    Report { page, table: Some(table), ..Report::default() }
}

/// Returns the table for people: the dimensions, the parts that are not 0, and the totals.
fn table(page: &Page, rows: &[CostRow], dimensions: &[CostDimension], currencies: usize) -> TableView {
    let is_used = |at: usize| rows.iter().any(|row| row.group.parts.amounts()[at] != Some(Decimal::ZERO));
    let mut wanted: Vec<&str> = dimensions.iter().map(CostDimension::column).collect();
    wanted.push("total_cost");
    if currencies > 1 {
        wanted.push("billing_currency");
    }
    wanted.extend(["share_percent", "change_percent"]);
    let parts = ChargeParts::COLUMNS.iter().enumerate().filter(|(at, _)| is_used(*at));
    wanted.extend(parts.map(|(_, name)| *name));
    wanted.truncate(TABLE_COLUMNS.max(dimensions.len() + 1));
    let chosen: Vec<usize> =
        (0..page.fields.len()).filter(|at| wanted.contains(&page.fields[*at].name.as_str())).collect();
    let column = |at: &usize| {
        let field = &page.fields[*at];
        let align = if field.ty == ValueType::Text { Align::Left } else { Align::Right };
        let column = TableColumn::named(&field.name, align);
        match (field.ty == ValueType::Decimal(38, 18), rows.first()) {
            (true, Some(row)) if currencies == 1 => {
                let header = currency_header(&column.header, &row.currency);
                column.header(header)
            }
            _ => column,
        }
    };
    let cells = |row: &CostRow| {
        let cells = row.cells(dimensions);
        chosen.iter().map(|at| cells[*at].clone()).collect()
    };
    TableView {
        columns: chosen.iter().map(column).collect(),
        rows: rows.iter().map(cells).collect(),
        marked: Vec::new(),
    }
}

/// Returns the sentence on the whole of a currency.
fn whole_note(currency: &str, whole: &ComparedCosts, spans: &ComparedSpans) -> String {
    let (first, end) = spans.month;
    let days = match end == first.next_month() {
        true => month_text(first),
        false => format!("{} through {}", month_text(first), day_text(end - 1)),
    };
    let total = format!("{days}: {currency} {}", amount_cell(whole.parts.total()));
    let Some((before, before_end)) = spans.before else {
        return match spans.compared.1 > first {
            true => format!("{total}; the month before is not collected"),
            false => format!("{total}; no day of it is complete yet"),
        };
    };
    let compared = whole.compared.total();
    let change = compared.zip(whole.before.total()).map(|(now, before)| now - before);
    let through = spans.compared.1 - 1;
    let until =
        if before_end == first { String::new() } else { format!(" through {}", day_text(before_end - 1)) };
    let same = match spans.compared.1 == end {
        true => String::new(),
        false => format!(" through {} {}", day_text(through), amount_cell(compared)),
    };
    let percent = percent_cell(change_percent(change, whole.before.total()));
    format!(
        "{total};{same} against {} in {}{until} ({percent} %)",
        amount_cell(whole.before.total()),
        month_text(before),
    )
}

/// Notes the part of the cost that has the tag.
fn note_tag_coverage(
    rows: &[CostRow],
    wholes: &BTreeMap<String, ComparedCosts>,
    dimensions: &[CostDimension],
    printer: &mut Printer,
) {
    let Some(at) = dimensions.iter().position(|one| matches!(one, CostDimension::Tag { .. })) else { return };
    if rows.iter().any(|row| row.values[0].as_deref().is_some_and(|value| value.ends_with(" others)"))) {
        return;
    }
    for (currency, whole) in wholes {
        let untagged = rows.iter().filter(|row| row.currency == *currency && row.values[at].is_none());
        let untagged: Option<Decimal> = untagged.map(|row| row.group.parts.total()).sum();
        let tagged = whole.parts.total().zip(untagged).map(|(whole, untagged)| whole - untagged);
        let covered = percent_cell(percent(tagged, whole.parts.total()));
        let name = dimensions[at].column();
        printer.note(&format!("{name}: {covered} % of the cost in {currency} is tagged"));
    }
}
