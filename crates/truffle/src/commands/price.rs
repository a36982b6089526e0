use catalog::rows::PurchaseOptionRow;
use clap::Args;
use clap::builder::PossibleValuesParser;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::{Decimal, SignedDuration, Timestamp};

use crate::CommandPorts;
use crate::answer_columns::{
    CellColumn, FLOAT, INT, MONEY, TEXT, TIME, ValueColumn, has_several, page_of, table_of,
};
use crate::columns::{exact_money, exact_money_cell};
use crate::commands::price_history::show_history;
use crate::cost_text::percent_cell;
use crate::discount_book::{CustomerTerms, DiscountArgs, note_discounts};
use crate::footer::note_footer;
use crate::missing_prices::{PricedRegions, find_missing_prices, nothing_to_show};
use crate::purchase_options::{
    ComparedOption, ON_DEMAND, PriceScope, TypeOptions, UseAssumptions, compare_options, describe_purchase,
};
use crate::region_scope::RegionScopeArgs;

/// The datasets of the footer; the last one only if a discount applies.
const DATASETS: [&str; 6] = ["offering", "price", "savings_plan", "spot_price", "interruption", "discount"];

/// Show every way to pay for instance types: on demand, spot, reserved, Savings Plans.
///
/// A commitment pays above a share of the term's hours: its price divided by the on-demand price.
/// Spot pays below a number of interruptions per hour: (on-demand / spot - 1) / (checkpoint / 2 +
/// restart). Beside it stands the rate that the spot advisor's band implies, -ln(1 - band) / 730,
/// which is rough. List prices are those of the source; upfront payments are spread over the
/// term. Currencies are never compared.
///
/// Own discounts come from collector import discount. The most specific one applies, and
/// list_price_per_hour stays beside.
#[derive(Debug, Args)]
pub struct PriceOptionsArgs {
    /// Instance types
    #[arg(required = true, value_name = "TYPE")]
    pub types: Vec<String>,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
    /// Tenancy of the prices; spot prices are for shared tenancy
    #[arg(
        long,
        value_name = "TENANCY",
        default_value = "shared",
        value_parser = PossibleValuesParser::new(["shared", "dedicated", "host"]),
        help_heading = "Price"
    )]
    pub tenancy: String,
    /// Hours of use, for the total cost of each way to pay; a commitment is paid for its whole term
    #[arg(
        long, value_name = "HOURS", allow_negative_numbers = true, value_parser = read_hours,
        help_heading = "Price"
    )]
    pub hours: Option<Decimal>,
    /// Time between two checkpoints, for the break-even of spot
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "1h",
        value_parser = read_span,
        help_heading = "Price"
    )]
    pub checkpoint: SignedDuration,
    /// Time that a restart takes after an interruption, for the break-even of spot
    #[arg(
        long,
        value_name = "SPAN",
        default_value = "10m",
        value_parser = read_span,
        help_heading = "Price"
    )]
    pub restart: SignedDuration,
    /// Show each published price over time, with the change in percent and its first and last
    /// statement
    #[arg(
        long,
        conflicts_with_all = ["hours", "checkpoint", "restart", "account", "no_discount"],
        help_heading = "Price"
    )]
    pub history: bool,
    /// Own discounts.
    #[command(flatten)]
    pub discounts: DiscountArgs,
}

fn read_hours(text: &str) -> Result<Decimal, String> {
    let hours = text.parse::<Decimal>().ok().filter(|hours| *hours > Decimal::ZERO && *hours <= MOST_HOURS);
    hours.ok_or_else(|| format!("\"{text}\" is not a number of hours above 0, at most a million"))
}

/// The largest number of hours of use, some 114 years.
const MOST_HOURS: Decimal = Decimal::from_parts(1_000_000, 0, 0, false, 0);

fn read_span(text: &str) -> Result<SignedDuration, String> {
    domain::parse_span(text).map_err(|error| error.to_string())
}

/// Runs `truffle price`.
pub fn run_price(
    args: &PriceOptionsArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let regions = args.place.regions(&[], ports.settings.region.value.as_str())?;
    let scope = PriceScope { regions: &regions, os: &args.place.os, tenancy: &args.tenancy };
    if args.history {
        return show_history(&args.types, &scope, ports, printer, now);
    }
    let types = load_types(&args.types, &scope, ports)?;
    let uses = UseAssumptions { hours: args.hours, checkpoint: args.checkpoint, restart: args.restart };
    let terms = args.discounts.terms(ports)?;
    let lines: Vec<Vec<PriceLine>> =
        types.iter().map(|found| price_lines(found, &scope, &uses, &terms)).collect::<Result<_, _>>()?;
    let lines = lines.concat();
    let priced: Vec<PricedRegions<'_>> = types.iter().map(priced_regions).collect();
    let reasons = find_missing_prices(&priced, &scope, ports)?;
    if lines.is_empty() {
        return Err(nothing_to_show(reasons));
    }
    printer.report(&report(&lines), ports.encode)?;
    reasons.iter().for_each(|reason| printer.note(&format!("{}; {}", reason.text, reason.next)));
    note_quarantined(&lines, printer);
    let discount_ids = lines.iter().filter_map(|line| line.compared.discount_id.as_deref());
    let has_discount = note_discounts(discount_ids, printer);
    if lines.iter().any(|line| line.compared.band_rate.is_some()) {
        printer.note("interruptions of the band are rough: a band is wide and describes the month before");
    }
    let datasets = if has_discount { &DATASETS[..] } else { &DATASETS[..DATASETS.len() - 1] };
    note_footer(ports, printer, datasets, &regions, now)?;
    Ok(Exit::Done)
}

/// Loads each type once, in the order of the arguments.
fn load_types(
    typed: &[String],
    scope: &PriceScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<Vec<TypeOptions>, Failure> {
    let mut types: Vec<TypeOptions> = Vec::new();
    for name in typed {
        let found = TypeOptions::load(name, scope, ports)?;
        if types.iter().all(|other| other.instance_type != found.instance_type) {
            types.push(found);
        }
    }
    Ok(types)
}

/// A row of the answer.
#[derive(Clone)]
struct PriceLine {
    instance_type: String,
    os: String,
    tenancy: String,
    hours: Option<Decimal>,
    compared: ComparedOption,
}

fn price_lines(
    found: &TypeOptions,
    scope: &PriceScope<'_>,
    uses: &UseAssumptions,
    terms: &CustomerTerms,
) -> Result<Vec<PriceLine>, Failure> {
    let line = |compared| PriceLine {
        instance_type: found.instance_type.clone(),
        os: scope.os.to_string(),
        tenancy: scope.tenancy.to_string(),
        hours: uses.hours,
        compared,
    };
    let mut lines: Vec<PriceLine> =
        compare_options(found, scope.os, uses, terms)?.into_iter().map(line).collect();
    // A price that is not known comes last.
    lines.sort_by_cached_key(|line| {
        let (option, price) = (&line.compared.option, line.compared.price_per_hour);
        let cost = if uses.hours.is_some() { line.compared.total_cost } else { price };
        (option.region.clone(), cost.is_none(), option.currency.clone(), cost)
    });
    Ok(lines)
}

/// Returns the regions of a type, and those with prices.
fn priced_regions(found: &TypeOptions) -> PricedRegions<'_> {
    let regions_of = |is_wanted: fn(&PurchaseOptionRow) -> bool| {
        found.options.iter().filter(|one| is_wanted(one)).map(|one| one.region.as_str()).collect()
    };
    PricedRegions {
        instance_type: &found.instance_type,
        regions: &found.regions,
        priced: regions_of(|_| true),
        priced_on_demand: regions_of(|option| option.purchase == ON_DEMAND),
    }
}

fn note_quarantined(lines: &[PriceLine], printer: &mut Printer) {
    for line in lines {
        let option = &line.compared.option;
        if let Some(price) = option.quarantined_price_per_hour {
            printer.note(&format!(
                "quarantined: {} in {} at {} {}; collector status --held",
                line.instance_type,
                option.region,
                exact_money(price),
                option.currency.as_deref().unwrap_or_default(),
            ));
        }
    }
}

const COLUMNS: &[ValueColumn<PriceLine>] = &[
    ("instance_type", TEXT, |l| l.instance_type.as_str().into()),
    ("region", TEXT, |l| l.compared.option.region.as_str().into()),
    ("os", TEXT, |l| l.os.as_str().into()),
    ("tenancy", TEXT, |l| l.tenancy.as_str().into()),
    ("purchase", TEXT, |l| l.compared.option.purchase.as_str().into()),
    ("az_id", TEXT, |l| l.compared.option.az_id.clone().into()),
    ("offering_class", TEXT, |l| l.compared.option.offering_class.clone().into()),
    ("lease_years", INT, |l| l.compared.option.lease_years.into()),
    ("payment", TEXT, |l| l.compared.option.payment.clone().into()),
    ("price_per_hour", MONEY, |l| l.compared.price_per_hour.into()),
    ("list_price_per_hour", MONEY, |l| l.compared.option.price_per_hour.into()),
    ("upfront_price", MONEY, |l| l.compared.upfront_price.into()),
    ("currency", TEXT, |l| l.compared.option.currency.clone().into()),
    ("saving_percent", FLOAT, |l| l.compared.saving_percent.into()),
    ("break_even_hours", INT, |l| l.compared.break_even.and_then(|found| found.hours).map(i64::from).into()),
    ("break_even_share", FLOAT, |l| l.compared.break_even.map(|found| found.share).into()),
    ("break_even_month", INT, |l| l.compared.break_even.and_then(|found| found.month).map(i64::from).into()),
    ("break_even_interruptions", FLOAT, |l| l.compared.break_even_interruptions.into()),
    ("band", INT, |l| l.compared.option.band.into()),
    ("band_interruptions", FLOAT, |l| l.compared.band_rate.map(|rate| rate.per_hour).into()),
    ("hours", MONEY, |l| l.hours.into()),
    ("total_cost", MONEY, |l| l.compared.total_cost.into()),
    ("discount_id", TEXT, |l| l.compared.discount_id.clone().into()),
    ("quarantined_price_per_hour", MONEY, |l| l.compared.option.quarantined_price_per_hour.into()),
    ("observed_at", TIME, |l| l.compared.option.observed_at.into()),
    ("source", TEXT, |l| l.compared.option.source.clone().into()),
];

fn report(lines: &[PriceLine]) -> Report {
    Report { page: page_of(lines, COLUMNS), table: Some(table(lines)), ..Report::default() }
}

/// Returns the table for people. The type and the region have a column if there are several.
fn table(lines: &[PriceLine]) -> TableView {
    let left = |header: &str| TableColumn::only_in_tables(header, Align::Left);
    let mut cells: Vec<CellColumn<PriceLine>> = Vec::new();
    if has_several(lines, |line| &line.instance_type) {
        cells.push((TableColumn::named("instance_type", Align::Left), |line| line.instance_type.clone()));
    }
    if has_several(lines, |line| &line.compared.option.region) {
        cells.push((TableColumn::named("region", Align::Left), |line| line.compared.option.region.clone()));
    }
    cells.push((left("Purchase"), |line| purchase_cell(&line.compared)));
    cells.push((TableColumn::named("price_per_hour", Align::Right), |line| price_cell(&line.compared)));
    cells.push((TableColumn::named("saving_percent", Align::Right), |line| {
        percent_cell(line.compared.saving_percent)
    }));
    cells.push((left("Break-even"), |line| break_even_cell(&line.compared)));
    if lines.iter().any(|line| line.hours.is_some()) {
        cells.push((TableColumn::named("total_cost", Align::Right), |line| {
            line.compared.total_cost.map_or("-".into(), exact_money)
        }));
    }
    cells.push((TableColumn::named("observed_at", Align::Left), |line| {
        line.compared.option.observed_at.strftime("%Y-%m-%d").to_string()
    }));
    table_of(lines, cells)
}

fn purchase_cell(compared: &ComparedOption) -> String {
    let option = &compared.option;
    let detail = option.az_id.as_deref().or(option.offering_class.as_deref());
    describe_purchase(&option.purchase, detail, option.lease_years.zip(option.payment.as_deref()))
}

fn price_cell(compared: &ComparedOption) -> String {
    let option = &compared.option;
    let mark = option.quarantined_price_per_hour.map(|_| " (a newer one is quarantined)");
    match (compared.price_per_hour, option.currency.as_deref()) {
        (None, _) if mark.is_some() => "quarantined".into(),
        (None, _) => "unknown".into(),
        (Some(price), currency) => exact_money_cell(price, currency) + mark.unwrap_or_default(),
    }
}

fn break_even_cell(compared: &ComparedOption) -> String {
    if let Some(found) = compared.break_even {
        let share = format!("{:.1} % of the hours", 100.0 * found.share);
        return match (found.hours, found.month) {
            (None, _) => "never".into(),
            (Some(_), Some(month)) => format!("{share}, month {month}"),
            (Some(hours), None) => format!("{share} ({hours} h)"),
        };
    }
    let rate = compared.break_even_interruptions.map(|rate| format!("{rate:.2} interruptions/h"));
    let band = compared.band_rate.map(|rate| {
        let bound = if rate.is_lower_bound { "at least" } else { "at most" };
        format!("band {bound} {:.5}", rate.per_hour)
    });
    let texts: Vec<String> = rate.into_iter().chain(band).collect();
    if texts.is_empty() { "-".into() } else { texts.join(", ") }
}
