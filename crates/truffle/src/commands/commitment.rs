use std::ops::Range;

use analysis::{CommitmentEffect, Day, PastChoices};
use catalog::rows::OwnedCommitmentRow;
use catalog::{Field, Page, QuestionRow, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::cost_days::{day_of, day_text, month_text};
use crate::cost_footer::{completeness, note_priced_footer};
use crate::cost_text::{amount_cell, currency_header, percent_cell};
use crate::daily_costs::{BillHistory, CostMetric, CostMonths, DailyCostsQuery, read_through};
use crate::plan_demand::{PlanDemand, PlanDemands, PlanScope, usage_words};
use crate::region_scope::rows;
use crate::savings_plan::{PlanKind, PlanPayment, PlanTerms};

/// Days of the window without `--window`.
const USUAL_DAYS: usize = 60;
/// Longest window: the year of a plan and a month.
const LONGEST_DAYS: usize = 400;

/// Commitments with a sentence each about their past.
const NAMED_SCOPES: usize = 5;

/// Show how large an hourly commitment of a Savings Plan would have paid, and the chance of a loss.
///
/// The on-demand usage of the bills that no commitment covers yet is priced by the hour at the
/// plan's rates and on demand. Rows show the commitment with the lowest cost over the window, the
/// one that is used completely in 95 % of the hours (P5), 0.8 of the best one, and --amount. The
/// past columns choose the best commitment of each earlier window and charge it for the days that
/// followed, at least four weeks. The command only answers, it buys nothing.
#[derive(Debug, Args)]
pub struct CommitmentArgs {
    /// Type of the plan
    #[arg(long, value_name = "PLAN", value_enum, default_value_t)]
    pub plan: PlanKind,
    /// Length of the plan in years: 1 or 3
    #[arg(
        long,
        value_name = "YEARS",
        default_value = "1",
        value_parser = clap::builder::PossibleValuesParser::new(["1", "3"])
    )]
    pub years: String,
    /// Payment option of the plan
    #[arg(long, value_name = "PAYMENT", value_enum, default_value_t)]
    pub payment: PlanPayment,
    /// Hourly commitment to judge beside the others, such as 1.5, in the currency of the bills
    #[arg(long, value_name = "AMOUNT", value_parser = read_amount)]
    pub amount: Option<f64>,
    /// Days that the best commitment is chosen on, such as 60d [default: 60d, or all days of the
    /// bills]
    #[arg(long, value_name = "DAYS", value_parser = read_window)]
    pub window: Option<usize>,
    /// Last day that counts, such as 2026-11-20 [default: the newest complete day]
    #[arg(long, value_name = "DAY")]
    pub through: Option<String>,
    /// List the reservations and Savings Plans of the bills instead, with ends and unused cost
    #[arg(long, conflicts_with_all = ["plan", "years", "payment", "amount"])]
    pub owned: bool,
}

fn read_amount(text: &str) -> Result<f64, String> {
    let amount = text.parse::<f64>().ok().filter(|amount| amount.is_finite() && *amount > 0.0);
    amount.ok_or_else(|| format!("\"{text}\" is not an amount above 0, such as 1.5"))
}

fn read_window(text: &str) -> Result<usize, String> {
    let days = text.strip_suffix('d').unwrap_or(text).parse().ok();
    days.filter(|days| (1..=LONGEST_DAYS).contains(days))
        .ok_or_else(|| format!("\"{text}\" is not a number of days from 1d to {LONGEST_DAYS}d"))
}

/// Runs `truffle commitment`.
pub fn run_commitment(
    args: &CommitmentArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let through = read_through(args.through.as_deref(), ports.as_of)?;
    let query =
        DailyCostsQuery { metric: CostMetric::Billed, months: CostMonths::All, dimensions: &[], through };
    let history = BillHistory::load(&query, ports)?;
    if args.owned {
        return run_owned(args.window, &history, ports, printer, now);
    }
    let years = if args.years == "3" { 3 } else { 1 };
    let terms = PlanTerms { kind: args.plan, years, payment: args.payment };
    let demands = PlanDemands::load(&history, &terms, ports)?;
    let longest = demands.scopes.iter().map(PlanDemand::days).max().unwrap_or(0);
    let days = window_days(args.window, longest)?;
    let answers: Vec<ScopeAnswer<'_>> = demands
        .scopes
        .iter()
        .filter(|scope| scope.days() >= days)
        .map(|scope| ScopeAnswer::of(scope, days, args.amount, &terms))
        .collect();
    printer.report(&report(&answers, &terms), ports.encode)?;
    let window = (history.through + 1 - days as i32, history.through);
    note_answer(&demands, &answers, args.window.is_none(), window, printer);
    note_owned(&owned(window, ports)?, history.through, printer);
    note_footer(&history, &["charge", "savings_plan"], ports, printer, now)?;
    Ok(Exit::Done)
}

fn note_footer(
    history: &BillHistory,
    datasets: &[&str],
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<(), Failure> {
    printer.note(&completeness(history));
    note_priced_footer(&month_text(history.newest_month), datasets, ports, printer, now)
}

/// Returns the days of the window. Refuses a window longer than the bills.
fn window_days(wanted: Option<usize>, longest: usize) -> Result<usize, Failure> {
    match wanted {
        Some(days) if days > longest => Err(Failure::new(
            FailureKind::Data,
            format!("--window {days}d is longer than the bills, which cover {longest} days without a gap"),
        )
        .hint(format!("choose --window {longest}d or less, or collect older bills"))),
        Some(days) => Ok(days),
        None => Ok(USUAL_DAYS.min(longest)),
    }
}

/// A commitment and its effect over the window.
struct JudgedCommitment {
    name: &'static str,
    effect: CommitmentEffect,
}

/// The commitments of one scope.
struct ScopeAnswer<'a> {
    scope: &'a PlanScope,
    first: Day,
    last: Day,
    judged: Vec<JudgedCommitment>,
    past: Option<PastChoices>,
}

impl<'a> ScopeAnswer<'a> {
    fn of(usage: &'a PlanDemand, days: usize, amount: Option<f64>, terms: &PlanTerms) -> ScopeAnswer<'a> {
        let (demand, hours) = (&usage.demand, usage.demand.hours());
        let window: Range<usize> = hours - days * 24..hours;
        let best = demand.best(window.clone());
        let floor = demand.floor(window.clone(), 0.05);
        let named = [("best", Some(best)), ("p5", Some(floor)), ("0.8-best", Some(0.8 * best))];
        let judged = named.into_iter().chain([("amount", amount)]).filter_map(|(name, commitment)| {
            Some(JudgedCommitment { name, effect: demand.effect(window.clone(), commitment?) })
        });
        let end = usage.first + usage.days() as i32;
        ScopeAnswer {
            scope: &usage.scope,
            first: end - days as i32,
            last: end - 1,
            judged: judged.collect(),
            past: demand.past_choices(days * 24, terms.hours()),
        }
    }
}

const TEXTS: [&str; 7] =
    ["billing_account_id", "billing_currency", "region_id", "family", "plan", "payment", "commitment_choice"];

const AMOUNTS: [&str; 5] = ["commitment_per_hour", "cost", "on_demand_cost", "saving_cost", "unused_cost"];

const PERCENTAGES: [&str; 3] = ["coverage_percent", "utilisation_percent", "effective_savings_percent"];

const PAST: [&str; 2] = ["past_cost_over_hindsight", "past_worse_than_nothing_percent"];

fn report(answers: &[ScopeAnswer<'_>], terms: &PlanTerms) -> Report {
    let field = |ty: ValueType| move |name: &&str| Field::new(*name, ty.clone());
    let mut fields: Vec<Field> = TEXTS.iter().map(field(ValueType::Text)).collect();
    fields.extend(AMOUNTS.iter().map(field(ValueType::Decimal(38, 18))));
    fields.extend(PERCENTAGES.iter().map(field(ValueType::Float)));
    fields.push(Field::new("lease_years", ValueType::Int));
    fields.extend(["first_day", "last_day"].iter().map(field(ValueType::Date)));
    fields.push(Field::new("past_choices", ValueType::Int));
    fields.extend(PAST.iter().map(field(ValueType::Float)));
    let rows = answers.iter().flat_map(|answer| answer.judged.iter().map(|one| row(answer, one, terms)));
    let page = Page { fields, rows: rows.collect() };
    let table = table(answers, terms.kind);
    Report { page, table: Some(table), ..Report::default() }
}

fn row(answer: &ScopeAnswer<'_>, judged: &JudgedCommitment, terms: &PlanTerms) -> Vec<Value> {
    let (scope, effect) = (answer.scope, &judged.effect);
    let texts: [Value; 7] = [
        scope.payer.as_str().into(),
        scope.currency.as_str().into(),
        scope.region.clone().into(),
        scope.family.clone().into(),
        terms.kind.name().into(),
        terms.payment.name().into(),
        judged.name.into(),
    ];
    let unused = effect.commitment * effect.hours as f64 - effect.used_commitment;
    let amounts = [effect.commitment, effect.cost, effect.on_demand_cost, effect.saving(), unused];
    let percents = [effect.coverage(), effect.utilisation(), effect.effective_savings_rate()];
    // The past belongs to the best commitment alone.
    let past = answer.past.filter(|_| judged.name == "best");
    let mut row = texts.to_vec();
    row.extend(amounts.map(|amount| Value::from(decimal(amount))));
    row.extend(percents.map(|share| Value::from(share.map(percentage))));
    row.push(i64::from(terms.years).into());
    row.extend([Value::Date(answer.first.0), Value::Date(answer.last.0)]);
    row.push(past.map(|past| past.choices as i64).into());
    row.push(past.map(|past| past.cost_over_hindsight).into());
    row.push(past.map(|past| percentage(past.worse_than_nothing)).into());
    row
}

/// Returns an amount of the analysis with ten decimals.
fn decimal(amount: f64) -> Option<Decimal> {
    Decimal::try_from(amount).ok().map(|amount| amount.round_dp(10).normalize())
}

/// Returns a share in percent, without the rounding errors of long sums.
fn percentage(share: f64) -> f64 {
    (share * 1e10).round() / 1e8
}

/// Returns the table for people: the scope where there are several, and the effect.
fn table(answers: &[ScopeAnswer<'_>], kind: PlanKind) -> TableView {
    let currency = answers.first().map(|answer| answer.scope.currency.as_str()).unwrap_or_default();
    let many = |part: fn(&PlanScope) -> &str| {
        let first = answers.first().map(|answer| part(answer.scope));
        answers.iter().any(|answer| Some(part(answer.scope)) != first)
    };
    let has_payers = many(|scope| &scope.payer);
    let has_currencies = many(|scope| &scope.currency);
    let mut names = Vec::new();
    names.extend(has_payers.then_some("billing_account_id"));
    names.extend(has_currencies.then_some("billing_currency"));
    names.extend(["region_id", "family"].into_iter().filter(|_| kind == PlanKind::Instance));
    names.push("commitment_choice");
    let texts = names.len();
    names.extend(["commitment_per_hour", "cost", "saving_cost", "coverage_percent", "utilisation_percent"]);
    names.extend((texts < 3).then_some("effective_savings_percent"));
    let column = |name: &&str| {
        let align = if names[..texts].contains(name) { Align::Left } else { Align::Right };
        let column = TableColumn::named(name, align);
        match *name {
            "commitment_per_hour" if !has_currencies => column.header(format!("Commitment ({currency}/h)")),
            "cost" | "saving_cost" if !has_currencies => {
                let header = currency_header(&column.header, currency);
                column.header(header)
            }
            _ => column,
        }
    };
    let cell = |answer: &ScopeAnswer<'_>, judged: &JudgedCommitment, name: &str| {
        let (scope, effect) = (answer.scope, &judged.effect);
        let percent = |share: Option<f64>| percent_cell(share.map(percentage));
        match name {
            "billing_account_id" => scope.payer.clone(),
            "billing_currency" => scope.currency.clone(),
            "region_id" => scope.region.clone().unwrap_or("-".into()),
            "family" => scope.family.clone().unwrap_or("-".into()),
            "commitment_choice" => choice_words(judged.name).to_string(),
            "commitment_per_hour" => decimal(effect.commitment).unwrap_or_default().round_dp(4).to_string(),
            "cost" => amount_cell(decimal(effect.cost)),
            "saving_cost" => amount_cell(decimal(effect.saving())),
            "coverage_percent" => percent(effect.coverage()),
            "utilisation_percent" => percent(effect.utilisation()),
            _ => percent(effect.effective_savings_rate()),
        }
    };
    let cells = answers.iter().flat_map(|answer| answer.judged.iter().map(move |judged| (answer, judged)));
    TableView {
        columns: names.iter().map(column).collect(),
        rows: cells
            .map(|(answer, judged)| names.iter().map(|name| cell(answer, judged, name)).collect())
            .collect(),
        marked: Vec::new(),
    }
}

fn choice_words(name: &str) -> &str {
    match name {
        "best" => "lowest cost",
        "p5" => "P5",
        "0.8-best" => "0.8 of the lowest",
        _ => "--amount",
    }
}

/// Prints the window, the past, and the usage that the answer leaves out.
fn note_answer(
    demands: &PlanDemands,
    answers: &[ScopeAnswer<'_>],
    is_usual: bool,
    (first, last): (Day, Day),
    printer: &mut Printer,
) {
    let days = last - first + 1;
    let shorter = match is_usual && (days as usize) < USUAL_DAYS {
        true => format!("; the bills cover no more than {days} days"),
        false => String::new(),
    };
    printer.note(&format!("window {} to {} ({days} days){shorter}", day_text(first), day_text(last)));
    match answers.len() {
        0..=NAMED_SCOPES => {
            answers.iter().for_each(|answer| printer.note(&past_words(answer, answers.len() > 1)));
        }
        many => printer.note(&format!("past choices of {many} commitments: -o csv has them")),
    }
    let short: Vec<String> = demands
        .scopes
        .iter()
        .filter(|scope| scope.days() < days as usize)
        .map(|scope| format!("{} ({} days)", scope.scope.payer, scope.days()))
        .collect();
    if !short.is_empty() {
        printer.note(&format!(
            "left out, because their bills are shorter than the window: {}",
            short.join(", ")
        ));
    }
    if !demands.left_out.is_empty() {
        let left_out: Vec<_> = demands.left_out.iter().collect();
        printer.note(&format!("left out without a rate of the plan: {}", usage_words(&left_out)));
    }
    let spread = demands.scopes.iter().map(|scope| scope.spread_percent).fold(0.0, f64::max);
    if spread > 0.0 {
        printer.note(&format!(
            "{spread:.0} % of the cost is billed by the day or longer and was spread evenly over its hours: \
             savings are an upper bound"
        ));
    }
}

/// Returns the sentence on the past choices of a scope.
fn past_words(answer: &ScopeAnswer<'_>, names_scope: bool) -> String {
    let scope = answer.scope;
    let of = match (names_scope, &scope.family, &scope.region) {
        (false, ..) => String::new(),
        (true, Some(family), Some(region)) => format!(" of {family} in {region}"),
        (true, ..) => format!(" of {} in {}", scope.payer, scope.currency),
    };
    match answer.past {
        None => {
            let days = answer.last - answer.first + 1 + 28;
            format!(
                "past choices{of}: unknown, the bills are shorter than window and four weeks ({days} days)"
            )
        }
        Some(past) => format!(
            "past choices{of}: {} of one a week cost {:.3} of the best in hindsight over at least {} \
             days, and \
             {:.0} % were worse than no commitment",
            past.choices,
            past.cost_over_hindsight,
            past.judged_hours / 24,
            100.0 * past.worse_than_nothing
        ),
    }
}

fn owned((first, last): (Day, Day), ports: &CommandPorts<'_>) -> Result<Vec<OwnedCommitmentRow>, Failure> {
    let (since, until) = (day_text(first), day_text(last));
    rows(ports.answer("commitment/owned", &[("since", since.as_str()), ("until", until.as_str())])?)
}

/// Prints the number of commitments that still run, the next end, and the unused cost.
fn note_owned(owned: &[OwnedCommitmentRow], last: Day, printer: &mut Printer) {
    let running: Vec<&OwnedCommitmentRow> =
        owned.iter().filter(|one| one.ends_at.is_none_or(|end| day_of(end) > last)).collect();
    if running.is_empty() {
        return;
    }
    let next = running.iter().filter_map(|one| one.ends_at).min();
    let next = next
        .map_or("ends not stated".to_string(), |end| format!("the next ends on {}", day_text(day_of(end))));
    let is_unused = |one: &&&OwnedCommitmentRow| one.unused_cost.is_some_and(|cost| cost.0 > Decimal::ZERO);
    let unused = running.iter().filter(is_unused).count();
    printer.note(&format!(
        "{} commitments of the bills: {next}, {unused} with unused cost in the window; \
         truffle commitment --owned lists them",
        running.len()
    ));
}

/// Prints the commitments of the bills.
fn run_owned(
    window: Option<usize>,
    history: &BillHistory,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let longest = usize::try_from(history.through + 1 - history.first).unwrap_or(0);
    let days = window_days(window, longest)?;
    let first = history.through + 1 - days as i32;
    let found = owned((first, history.through), ports)?;
    if found.is_empty() {
        return Err(Failure::new(FailureKind::NoMatch, "the bills have no reservation and no Savings Plan")
            .hint("truffle commitment shows the commitment that would have paid"));
    }
    let text = |text: &Option<String>| Value::from(text.clone());
    let rows = found.iter().map(|one| {
        vec![
            one.commitment_discount_id.as_str().into(),
            text(&one.commitment_discount_type),
            one.payer.as_str().into(),
            one.billing_currency.as_str().into(),
            text(&one.region_id),
            one.starts_at.into(),
            one.ends_at.into(),
            one.last_seen_at.into(),
            one.unused_cost.map(|cost| cost.0).into(),
        ]
    });
    let page = Page { fields: OwnedCommitmentRow::fields(), rows: rows.collect() };
    let columns = &["commitment_discount_id", "commitment_discount_type", "ends_at", "unused_cost"];
    printer.report(&Report::plain(page).default_columns(columns), ports.encode)?;
    printer.note(&format!("unused cost from {} to {}", day_text(first), day_text(history.through)));
    note_footer(history, &["charge"], ports, printer, now)?;
    Ok(Exit::Done)
}
