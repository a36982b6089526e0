use std::collections::{BTreeMap, BTreeSet};

use analysis::Day;
use catalog::rows::RepricedRow;
use catalog::{Field, Page, TypeFacts, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView, suggest_closest};
use domain::{Decimal, Timestamp, currency_of};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::cost_days::{day_of, month_text};
use crate::cost_footer::note_priced_footer;
use crate::cost_text::{amount_cell, currency_header};
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_months};
use crate::discount_book::{DiscountBook, InstanceHours, note_discounts};
use crate::purchase_options::{ON_DEMAND, SPOT};
use crate::region_scope::{check_regions, facts, regions, rows};
use crate::savings_plan::{PlanKind, PlanPayment, PlanTerms};

/// The instant that `cost/repriced` takes for the time of each line.
const TIME_OF_LINE: &str = "1970-01-01";
/// Kinds of usage without a price that are listed by name.
const NAMED_USAGE: usize = 5;

/// Show a month of the bills at other prices: of another region or family, on spot or under a plan.
///
/// On-demand hours of instances are repriced, one row for each service and line type. All other
/// lines keep their cost, as do hours without a price: unmatched cost, with the reason. Without any
/// flag the hours cost the list price of their own time. A price is the one of the time of the
/// usage, or of --prices-as-of, with the own discount of that day. Lines that keep their cost have
/// the discounts of the bill.
#[derive(Debug, Args)]
pub struct WhatifArgs {
    /// Billing month, such as 2026-11 [default: the newest one in the bills]
    #[arg(long, value_name = "MONTH")]
    pub month: Option<String>,
    /// Region to take the prices of [default: the region of each line]
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// Families or types to replace, such as m5=m7g or m5.large=m7g.xlarge, separated by commas
    #[arg(long, value_name = "OLD=NEW", value_delimiter = ',')]
    pub map: Vec<String>,
    /// Take the spot price of the cheapest zone
    #[arg(long, conflicts_with = "plan")]
    pub spot: bool,
    /// Take the price under a Savings Plan, without its unused hours
    #[arg(long, value_name = "PLAN", value_enum)]
    pub plan: Option<PlanKind>,
    /// Length of the plan in years: 1 or 3 [default: 1]
    #[arg(
        long,
        value_name = "YEARS",
        requires = "plan",
        value_parser = clap::builder::PossibleValuesParser::new(["1", "3"])
    )]
    pub years: Option<String>,
    /// Payment option of the plan [default: no-upfront]
    #[arg(long, value_name = "PAYMENT", value_enum, requires = "plan")]
    pub payment: Option<PlanPayment>,
    /// Take the prices of a day or an instant instead of the time of the usage
    #[arg(long, value_name = "WHEN")]
    pub prices_as_of: Option<String>,
    /// Leave out own discounts and take list prices
    #[arg(long)]
    pub no_discount: bool,
}

/// Runs `truffle whatif`.
pub fn run_whatif(
    args: &WhatifArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let months = read_months(args.month.as_deref(), ports.as_of)?;
    let prices_at = args.prices_as_of.as_deref().map(|text| read_instant(text, ports.as_of)).transpose()?;
    let replacements = args.map.iter().map(|text| Replacement::read(text)).collect::<Result<Vec<_>, _>>()?;
    let known = if replacements.is_empty() { Vec::new() } else { facts(ports)? };
    check_replacements(&replacements, &known)?;
    if let Some(region) = &args.region {
        check_regions(&[region.as_str()], &regions(ports)?)?;
    }
    let query = DailyCostsQuery { metric: CostMetric::Billed, months, dimensions: &[], through: None };
    let history = BillHistory::load(&query, ports)?;
    let month = match months {
        CostMonths::WithTheOneBefore(month) => month,
        CostMonths::Newest | CostMonths::All => history.newest_month,
    };
    let repriced = repriced(args, month, &replacements, prices_at.as_deref(), ports)?;
    check_matched(&repriced, args, month, ports)?;
    let discounts = DiscountBook::load_unless(args.no_discount, ports)?;
    let purchase = args.discount_purchase();
    let lines = repriced.into_iter().map(|line| PricedLine::new(line, purchase, &discounts));
    let lines = lines.collect::<Result<Vec<PricedLine>, Failure>>()?;
    let rows = WhatifRow::of(&lines);
    printer.report(&report(&rows), ports.encode)?;
    note_answer(&lines, &rows, args, month, printer);
    note_architectures(&replacements, &known, printer);
    let has_discount = note_discounts(lines.iter().filter_map(|line| line.discount_id.as_deref()), printer);
    let mut datasets = vec!["charge", args.price_dataset()];
    datasets.extend(has_discount.then_some("discount"));
    note_priced_footer(&month_text(month), &datasets, ports, printer, now)?;
    Ok(Exit::Done)
}

impl WhatifArgs {
    /// The dataset with the prices.
    fn price_dataset(&self) -> &'static str {
        match (self.spot, self.plan) {
            (true, _) => "spot_price",
            (false, Some(_)) => "savings_plan",
            (false, None) => "price",
        }
    }

    /// The way to pay, as own discounts spell it.
    fn discount_purchase(&self) -> &'static str {
        match (self.spot, self.plan) {
            (true, _) => SPOT,
            (false, Some(PlanKind::Compute)) => "compute-savings-plan",
            (false, Some(PlanKind::Instance)) => "instance-savings-plan",
            (false, None) => ON_DEMAND,
        }
    }
}

/// Reads `--prices-as-of`. Refuses an instant after that of the answer.
fn read_instant(text: &str, as_of: Timestamp) -> Result<String, Failure> {
    let instant = domain::parse_until(text).ok_or_else(|| {
        Failure::usage(format!("--prices-as-of \"{text}\" is neither a day nor an instant"))
            .hint("write a day such as 2025-03-02")
    })?;
    match day_of(instant) > day_of(as_of) {
        true => Err(Failure::usage(format!("--prices-as-of {text} is after the instant of the answer"))
            .hint("choose an earlier day, or leave it out for the prices of the time of the usage")),
        false => Ok(instant.min(as_of).to_string()),
    }
}

/// A family or type to replace.
struct Replacement {
    old: String,
    new: String,
}

impl Replacement {
    fn read(text: &str) -> Result<Replacement, Failure> {
        let parts = text.split_once('=').filter(|(old, new)| {
            let is_name = |name: &str| !name.is_empty() && !name.contains(['=', ',']);
            is_name(old) && is_name(new) && old.contains('.') == new.contains('.')
        });
        let (old, new) = parts.ok_or_else(|| {
            Failure::usage(format!("--map \"{text}\" is not a pair of families or of types"))
                .hint("write --map m5=m7g, or --map m5.large=m7g.xlarge")
        })?;
        Ok(Replacement { old: old.to_ascii_lowercase(), new: new.to_ascii_lowercase() })
    }
}

/// Refuses unknown families and types, and two replacements of one.
fn check_replacements(replacements: &[Replacement], known: &[TypeFacts]) -> Result<(), Failure> {
    for (at, one) in replacements.iter().enumerate() {
        if replacements[..at].iter().any(|other| other.old == one.old) {
            return Err(Failure::usage(format!("--map replaces {} twice", one.old))
                .hint("write one pair for each family or type"));
        }
        for name in [&one.old, &one.new] {
            let is_type = name.contains('.');
            let of_facts = |facts: &TypeFacts| match is_type {
                true => facts.instance_type.clone(),
                false => facts.family.clone(),
            };
            let names: BTreeSet<String> = known.iter().map(of_facts).collect();
            if !names.contains(name.as_str()) {
                let near = suggest_closest(name, names.iter().map(String::as_str));
                let noun = if is_type { "instance type" } else { "family" };
                return Err(Failure::usage(format!("--map: unknown {noun} \"{name}\"{near}"))
                    .hint("truffle search lists the instance types"));
            }
        }
    }
    Ok(())
}

fn repriced(
    args: &WhatifArgs,
    month: Day,
    replacements: &[Replacement],
    prices_at: Option<&str>,
    ports: &CommandPorts<'_>,
) -> Result<Vec<RepricedRow>, Failure> {
    let pairs: Vec<String> = replacements.iter().map(|one| format!("{}={}", one.old, one.new)).collect();
    let map = if pairs.is_empty() { "none".to_string() } else { pairs.join(",") };
    let terms = PlanTerms {
        kind: args.plan.unwrap_or_default(),
        years: if args.years.as_deref() == Some("3") { 3 } else { 1 },
        payment: args.payment.unwrap_or_default(),
    };
    let [plan, years, payment] = terms.params();
    let purchase = match (args.spot, args.plan) {
        (true, _) => "spot",
        (false, Some(_)) => plan.1,
        (false, None) => "on-demand",
    };
    let month = month_text(month);
    let params = [
        ("month", month.as_str()),
        ("region", args.region.as_deref().unwrap_or("own")),
        ("map", map.as_str()),
        ("purchase", purchase),
        years,
        payment,
        ("prices_at", prices_at.unwrap_or(TIME_OF_LINE)),
    ];
    rows(ports.answer("cost/repriced", &params)?)
}

/// Refuses a month without on-demand hours of instances, and prices that fit none of them.
fn check_matched(
    lines: &[RepricedRow],
    args: &WhatifArgs,
    month: Day,
    ports: &CommandPorts<'_>,
) -> Result<(), Failure> {
    let month = month_text(month);
    let hours: Vec<&RepricedRow> = lines.iter().filter(|line| line.own_type.is_some()).collect();
    let Some(first) = hours.first() else {
        let problem = format!("no on-demand hours of instances in {month}");
        return Err(Failure::new(FailureKind::NoMatch, problem).hint("choose another --month"));
    };
    if hours.iter().any(|line| line.price_per_hour.is_some()) {
        return Ok(());
    }
    let currency = &first.billing_currency;
    let region = args.region.as_deref().or(first.region.as_deref());
    let other = region.and_then(currency_of).filter(|other| *other != currency.as_str());
    if let Some((region, other)) = region.zip(other) {
        let problem = format!("prices of {region} are in {other}, and the bill of {month} is in {currency}");
        return Err(Failure::new(FailureKind::NoMatch, problem)
            .hint(format!("choose a --region with prices in {currency}")));
    }
    let region = region.unwrap_or(ports.settings.region.value.as_str());
    let command = collect_command(args.price_dataset(), region);
    let problem = format!("no price of that time fits the hours of instances in {month}: {}", names(&hours));
    let hint = match args.prices_as_of {
        None => format!("--prices-as-of DAY takes the prices of another day; {command} collects them"),
        Some(_) => format!("{command} collects prices"),
    };
    Err(Failure::new(FailureKind::NoMatch, problem).hint(hint))
}

/// A repriced row, with the customer's own price.
struct PricedLine {
    row: RepricedRow,
    /// Cost of the hours at their list price; `None` for lines that keep their cost.
    list_cost: Option<Decimal>,
    /// Cost of the hours at the customer's own price.
    own_cost: Option<Decimal>,
    discount_id: Option<String>,
}

impl PricedLine {
    fn new(row: RepricedRow, purchase: &str, discounts: &DiscountBook) -> Result<PricedLine, Failure> {
        let discount = match row.price_per_hour.zip(row.priced_on) {
            None => None,
            Some((_, priced_on)) => {
                let hours = InstanceHours {
                    instance_type: row.instance_type.as_deref().unwrap_or_default(),
                    region: row.region.as_deref().unwrap_or_default(),
                    os: row.os.as_deref().unwrap_or_default(),
                    purchase,
                    currency: &row.billing_currency,
                };
                discounts.find(&hours, row.account_id.as_deref(), day_of(priced_on))?
            }
        };
        let own_price = match discount {
            None => row.price_per_hour,
            Some(discount) => row.price_per_hour.and_then(|price| discount.apply(price)),
        };
        let cost = |price: Option<Decimal>| Some((price? * row.quantity?.0).round_dp(18));
        Ok(PricedLine {
            list_cost: cost(row.price_per_hour),
            own_cost: cost(own_price),
            discount_id: discount.map(|discount| discount.id.clone()),
            row,
        })
    }
}

/// Returns the usage in words, such as "m5.large linux in us-east-1".
fn names(lines: &[&RepricedRow]) -> String {
    let text = |text: &Option<String>| text.clone().unwrap_or_else(|| "unknown".into());
    let name = |line: &&RepricedRow| {
        format!("{} {} in {}", text(&line.instance_type), text(&line.os), text(&line.region))
    };
    let all: BTreeSet<String> = lines.iter().map(name).collect();
    let mut named: Vec<String> = all.iter().take(NAMED_USAGE).cloned().collect();
    if all.len() > named.len() {
        named.push(format!("{} more", all.len() - named.len()));
    }
    named.join(", ")
}

/// The lines of one service and line type in one currency.
#[derive(Debug, Clone, Default)]
struct WhatifRow {
    service: Option<String>,
    line_type: Option<String>,
    currency: String,
    actual: Decimal,
    whatif: Decimal,
    lines: i64,
    unmatched: Decimal,
    /// As `whatif`, at list prices.
    whatif_list: Decimal,
    reasons: BTreeSet<String>,
}

impl WhatifRow {
    /// Adds the lines up, the largest differences first.
    fn of(lines: &[PricedLine]) -> Vec<WhatifRow> {
        let mut found: BTreeMap<(Option<&str>, Option<&str>, &str), WhatifRow> = BTreeMap::new();
        for line in lines {
            let of = &line.row;
            let key = (of.service_name.as_deref(), of.line_type.as_deref(), of.billing_currency.as_str());
            let row = found.entry(key).or_insert_with(|| WhatifRow {
                service: of.service_name.clone(),
                line_type: of.line_type.clone(),
                currency: of.billing_currency.clone(),
                ..WhatifRow::default()
            });
            row.add(line);
        }
        let mut rows: Vec<WhatifRow> = found.into_values().collect();
        rows.sort_by_key(|row| std::cmp::Reverse((row.difference().abs(), row.actual)));
        rows
    }

    fn add(&mut self, line: &PricedLine) {
        let actual = line.row.actual_cost.0;
        self.actual += actual;
        self.lines += line.row.lines;
        self.whatif += line.own_cost.unwrap_or(actual);
        self.whatif_list += line.list_cost.unwrap_or(actual);
        if line.own_cost.is_none() {
            self.unmatched += actual;
            self.reasons.extend(line.row.reason.clone());
        }
    }

    fn difference(&self) -> Decimal {
        self.whatif - self.actual
    }

    fn reasons(&self) -> Option<String> {
        let all: Vec<&str> = self.reasons.iter().map(String::as_str).collect();
        (!all.is_empty()).then(|| all.join("; "))
    }
}

const COLUMNS: [&str; 10] = [
    "service_name",
    "line_type",
    "billing_currency",
    "actual_cost",
    "whatif_cost",
    "difference_cost",
    "lines",
    "unmatched_cost",
    "why_unmatched",
    LIST_COLUMN,
];

/// The column at list prices, which the table for people lacks.
const LIST_COLUMN: &str = "whatif_list_cost";

fn report(rows: &[WhatifRow]) -> Report {
    let field = |name: &&str| {
        let ty = match *name {
            "lines" => ValueType::Int,
            name if name.ends_with("_cost") => ValueType::Decimal(38, 18),
            _ => ValueType::Text,
        };
        Field::new(*name, ty)
    };
    let values = |row: &WhatifRow| -> Vec<Value> {
        vec![
            row.service.clone().into(),
            row.line_type.clone().into(),
            row.currency.as_str().into(),
            row.actual.into(),
            row.whatif.into(),
            row.difference().into(),
            row.lines.into(),
            row.unmatched.into(),
            row.reasons().into(),
            row.whatif_list.into(),
        ]
    };
    let fields: Vec<Field> = COLUMNS.iter().map(field).collect();
    let page = Page { fields, rows: rows.iter().map(values).collect() };
    let table = table(&page, rows);
    Report { page, table: Some(table), ..Report::default() }
}

/// Returns the table for people; the currency is in the headers if there is one.
fn table(page: &Page, rows: &[WhatifRow]) -> TableView {
    let currencies: BTreeSet<&str> = rows.iter().map(|row| row.currency.as_str()).collect();
    let one = currencies.first().filter(|_| currencies.len() == 1);
    let is_shown = |name: &str| name != LIST_COLUMN && (name != "billing_currency" || one.is_none());
    let chosen: Vec<usize> = (0..COLUMNS.len()).filter(|at| is_shown(COLUMNS[*at])).collect();
    let column = |at: &usize| {
        let field = &page.fields[*at];
        let align = if field.ty == ValueType::Text { Align::Left } else { Align::Right };
        let column = TableColumn::named(&field.name, align);
        match (one, field.name.ends_with("_cost")) {
            (Some(currency), true) => {
                let header = currency_header(&column.header, currency);
                column.header(header)
            }
            _ => column,
        }
    };
    let cell = |value: &Value| match value {
        Value::Decimal(amount) => amount_cell(Some(*amount)),
        Value::Int(number) => number.to_string(),
        Value::Text(text) => text.clone(),
        _ => "-".into(),
    };
    TableView {
        columns: chosen.iter().map(column).collect(),
        rows: page.rows.iter().map(|row| chosen.iter().map(|at| cell(&row[*at])).collect()).collect(),
        marked: Vec::new(),
    }
}

/// Prints the whole of each currency, and the usage without a price.
fn note_answer(
    lines: &[PricedLine],
    rows: &[WhatifRow],
    args: &WhatifArgs,
    month: Day,
    printer: &mut Printer,
) {
    let mut wholes: BTreeMap<&str, (Decimal, Decimal, Decimal)> = BTreeMap::new();
    for row in rows {
        let whole = wholes.entry(row.currency.as_str()).or_default();
        whole.0 += row.actual;
        whole.1 += row.whatif;
        whole.2 += row.unmatched;
    }
    for (currency, (actual, whatif, unmatched)) in wholes {
        let cell = |amount: Decimal| amount_cell(Some(amount));
        printer.note(&format!(
            "{}: {currency} {} instead of {} (difference {}); {} of it kept its cost",
            month_text(month),
            cell(whatif),
            cell(actual),
            cell(whatif - actual),
            cell(unmatched)
        ));
    }
    let is_missing = |row: &&RepricedRow| row.own_type.is_some() && row.price_per_hour.is_none();
    let missing: Vec<&RepricedRow> = lines.iter().map(|line| &line.row).filter(is_missing).collect();
    if !missing.is_empty() {
        printer.note(&format!("no price of that time: {}", names(&missing)));
    }
    if args.plan.is_some() {
        printer.note(
            "a plan is paid in every hour: truffle commitment shows the commitment that would have paid",
        );
    }
}

/// Prints the replacements with another architecture: programs have to be built for it.
fn note_architectures(replacements: &[Replacement], known: &[TypeFacts], printer: &mut Printer) {
    let arch = |name: &str| {
        let is_of = |facts: &&TypeFacts| facts.family == name || facts.instance_type == name;
        known.iter().find(is_of).map(|facts| facts.arch.as_str())
    };
    for one in replacements {
        if let (Some(old), Some(new)) = (arch(&one.old), arch(&one.new))
            && old != new
        {
            printer.note(&format!(
                "{} is {new} and {} is {old}: images and programs have to be built for {new}",
                one.new, one.old
            ));
        }
    }
}
