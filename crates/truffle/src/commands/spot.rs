use std::collections::BTreeMap;

use analysis::{BandTrend, OutlookGap, SpotBand, SpotOutlook};
use catalog::rows::{InterruptionBandRow, TypePriceRow};
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, Printer, Report, TableColumn, TableView};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::alternatives_report::run_alternatives;
use crate::columns::money_cell;
use crate::cost_text::percent_cell;
use crate::footer::note_footer;
use crate::region_scope::{self, RegionScopeArgs, rows};
use crate::spot_market::{
    FamilyOutlook, SpotScope, SpotZone, TypeOffers, explain_no_prices, load_bands, load_zones, named_facts,
};

/// Show how the spot prices of instance types moved in each zone, and where they may be in a week.
///
/// All figures are weighted by time: a price counts for as long as it applied. An observation
/// counts for seven days, then the time is unobserved until the next one. The outlook is the last
/// price, with bands from the past errors of that rule in equally volatile zones of the same
/// family. There is none beyond seven days: prices of a whole market move together, and bands from
/// the past then contain far fewer prices than they should.
#[derive(Debug, Args)]
pub struct SpotArgs {
    /// Instance types
    #[arg(required = true, value_name = "TYPE")]
    pub types: Vec<String>,
    /// Length of the window before the instant of the answer, days
    #[arg(
        long,
        value_name = "DAYS",
        default_value_t = 90,
        value_parser = clap::value_parser!(u32).range(1..=3660)
    )]
    pub days: u32,
    /// Price per hour, for the share of the time with at most this price
    #[arg(long, value_name = "PRICE")]
    pub ceiling: Option<String>,
    /// List types that can take the place of each type and are interrupted less often, or as often
    /// at a lower price
    ///
    /// They have the same architecture, and at least the vCPUs, the memory and the GPUs.
    #[arg(long, conflicts_with_all = ["days", "ceiling"])]
    pub alternatives: bool,
    /// Maximum number of alternatives of each type and region; 0 means no limit
    #[arg(long, value_name = "ROWS", default_value_t = 10, requires = "alternatives")]
    pub limit: usize,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
}

/// Runs `truffle spot`.
pub fn run_spot(
    args: &SpotArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let ceiling = args.ceiling.as_deref().map(read_ceiling).transpose()?;
    let regions = args.place.regions(&[], ports.settings.region.value.as_str())?;
    let scope = SpotScope::new(&regions, &args.place.os, args.days)?;
    let facts = named_facts(ports)?;
    let types =
        args.types.iter().map(|name| region_scope::fact(name, &facts)).collect::<Result<Vec<_>, _>>()?;
    if !args.place.region.is_empty() && regions != "all" {
        let named: Vec<&str> = regions.split(',').collect();
        region_scope::check_regions(&named, &region_scope::regions(&ports.at_any_time())?)?;
    }
    if args.alternatives {
        return run_alternatives(&types, &facts, args.limit, scope, ports, printer, now);
    }
    let names: Vec<&str> = types.iter().map(|facts| facts.instance_type.as_str()).collect();
    let offers = TypeOffers::load(&names, ports)?;
    let mut found = Vec::new();
    let mut missing = Vec::new();
    for facts in types {
        let rows = load_rows(&facts.instance_type, scope, ceiling, &offers, ports)?;
        if rows.is_empty() {
            missing.push(explain_no_prices(facts, scope, &offers, ports)?);
        }
        found.extend(rows);
    }
    if found.is_empty() {
        return Err(missing.remove(0));
    }
    printer.report(&report(&found), ports.encode)?;
    for failure in missing {
        let hint = failure.hint.map(|hint| format!("; {hint}")).unwrap_or_default();
        printer.note(&format!("{}{hint}", failure.message));
    }
    note_outlook(&found, printer);
    note_bands(&found, printer);
    note_footer(ports, printer, &["spot_price", "price", "interruption"], &regions, now)?;
    Ok(Exit::Done)
}

/// Reads `--ceiling`.
fn read_ceiling(text: &str) -> Result<Decimal, Failure> {
    let price = domain::parse_exact(text, 18, 10).filter(|units| *units > 0);
    price.and_then(|units| Decimal::try_from_i128_with_scale(units, 10).ok()).ok_or_else(|| {
        Failure::usage(format!("--ceiling {text} is not a price above 0"))
            .hint("write a price per hour with at most ten decimals, such as 0.05")
    })
}

/// The interruption rate of a type in a region, over all statements.
#[derive(Debug, Clone)]
struct RegionBand {
    statements: Vec<InterruptionBandRow>,
}

impl RegionBand {
    fn newest(&self) -> &InterruptionBandRow {
        self.statements.last().expect("there is a statement")
    }

    fn trend(&self) -> Option<BandTrend> {
        BandTrend::of(&self.statements.iter().map(|one| (one.observed_at, one.band)).collect::<Vec<_>>())
    }
}

/// A row of the answer: a type in a zone.
struct SpotRow {
    os: String,
    zone: SpotZone,
    on_demand_price: Option<Decimal>,
    ceiling: Option<Decimal>,
    outlook: Result<SpotOutlook, OutlookGap>,
    band: Option<RegionBand>,
}

fn load_rows(
    name: &str,
    scope: SpotScope<'_>,
    ceiling: Option<Decimal>,
    offers: &TypeOffers,
    ports: &CommandPorts<'_>,
) -> Result<Vec<SpotRow>, Failure> {
    let zones = load_zones(name, scope, offers, ports)?;
    if zones.is_empty() {
        return Ok(Vec::new());
    }
    let outlook = FamilyOutlook::load(name, scope.os, ports)?;
    let on_demand: Vec<TypePriceRow> =
        rows(ports.answer("price/on-demand", &[("type", name), ("os", scope.os)])?)?;
    let bands = load_bands(name, scope, ports)?;
    let row = |zone: SpotZone| {
        let same = |price: &&TypePriceRow| {
            price.region == zone.region && Some(&price.currency) == zone.currency.as_ref()
        };
        SpotRow {
            os: scope.os.to_string(),
            on_demand_price: on_demand.iter().find(same).map(|price| price.price_per_hour),
            ceiling,
            outlook: outlook.of(&zone),
            band: bands.get(&zone.region).map(|of| RegionBand { statements: of.clone() }),
            zone,
        }
    };
    Ok(zones.into_iter().map(row).collect())
}

/// The columns of the answer, with their types.
fn fields() -> Vec<Field> {
    let price = ValueType::Decimal(18, 10);
    let columns = [
        ("instance_type", ValueType::Text),
        ("region", ValueType::Text),
        ("az_id", ValueType::Text),
        ("os", ValueType::Text),
        ("is_offered", ValueType::Bool),
        ("price_per_hour", price.clone()),
        ("observed_at", ValueType::Timestamp),
        ("p5_price", price.clone()),
        ("median_price", price.clone()),
        ("p95_price", price.clone()),
        ("highest_price", price.clone()),
        ("ceiling_price", price.clone()),
        ("share_under_ceiling", ValueType::Float),
        ("changes", ValueType::Int),
        ("weekly_log_change", ValueType::Float),
        ("on_demand_price", price),
        ("hours_above_on_demand", ValueType::Float),
        ("observed_share", ValueType::Float),
        ("outlook_80_low", ValueType::Float),
        ("outlook_80_high", ValueType::Float),
        ("outlook_95_low", ValueType::Float),
        ("outlook_95_high", ValueType::Float),
        ("volatility_class", ValueType::Text),
        ("outlook_gap", ValueType::Text),
        ("band", ValueType::Int),
        ("band_label", ValueType::Text),
        ("band_observed_at", ValueType::Timestamp),
        ("band_statements", ValueType::Int),
        ("band_lowest", ValueType::Int),
        ("band_highest", ValueType::Int),
        ("band_trend", ValueType::Text),
        ("currency", ValueType::Text),
    ];
    columns.into_iter().map(|(name, ty)| Field::new(name, ty)).collect()
}

impl SpotRow {
    fn share_under(&self) -> Option<f64> {
        self.zone.window.share_under(self.ceiling?)
    }

    fn hours_above(&self) -> Option<f64> {
        let longest = self.zone.window.longest_above(self.on_demand_price?);
        Some(longest.as_secs_f64() / 3600.0)
    }

    fn values(&self) -> Vec<Value> {
        let (zone, window) = (&self.zone, &self.zone.window);
        let place = [zone.instance_type.as_str(), &zone.region, &zone.az_id, &self.os].map(Value::from);
        let prices: [Value; 9] = [
            zone.is_offered.into(),
            window.now().into(),
            zone.newest_at.into(),
            window.quantile(0.05).into(),
            window.quantile(0.5).into(),
            window.quantile(0.95).into(),
            window.highest().into(),
            self.ceiling.into(),
            self.share_under().into(),
        ];
        let moves: [Value; 5] = [
            i64::try_from(window.changes()).unwrap_or(i64::MAX).into(),
            window.weekly_log_change().into(),
            self.on_demand_price.into(),
            self.hours_above().into(),
            window.observed_share().into(),
        ];
        let tail = [zone.currency.clone().into()];
        let outlook = self.outlook_values().into_iter().chain(self.band_values());
        place.into_iter().chain(prices).chain(moves).chain(outlook).chain(tail).collect()
    }

    fn outlook_values(&self) -> [Value; 6] {
        let found = self.outlook.ok();
        let band = |of: fn(&SpotOutlook) -> SpotBand| found.as_ref().map(of);
        let (of_80, of_95) = (band(|found| found.band_80), band(|found| found.band_95));
        let price = |price: f64| (price * 1e6).round() / 1e6;
        [
            of_80.map(|band| price(band.low)).into(),
            of_80.map(|band| price(band.high)).into(),
            of_95.map(|band| price(band.low)).into(),
            of_95.map(|band| price(band.high)).into(),
            found.map(|found| found.class.label()).into(),
            self.outlook.err().map(OutlookGap::reason).into(),
        ]
    }

    fn band_values(&self) -> [Value; 7] {
        let newest = self.band.as_ref().map(RegionBand::newest);
        let statements = self.band.iter().flat_map(|band| &band.statements);
        let bands = || statements.clone().map(|one| one.band);
        [
            newest.map(|one| one.band).into(),
            newest.and_then(|one| one.band_label.clone()).into(),
            newest.map(|one| one.observed_at).into(),
            i64::try_from(bands().count()).unwrap_or(i64::MAX).into(),
            bands().min().into(),
            bands().max().into(),
            self.band.as_ref().and_then(RegionBand::trend).map(BandTrend::word).into(),
        ]
    }

    fn cells(&self, has_ceiling: bool, with_type: bool) -> Vec<String> {
        let (zone, window) = (&self.zone, &self.zone.window);
        let money = |price: Option<Decimal>| {
            price.map_or("unknown".to_string(), |price| money_cell(price, zone.currency.as_deref()))
        };
        let percent = |share: Option<f64>| percent_cell(share.map(|share| 100.0 * share));
        let band = self.outlook.map_or("none".to_string(), |found| {
            format!("{:.4} to {:.4}", found.band_95.low, found.band_95.high)
        });
        let newest = self.band.as_ref().map(RegionBand::newest);
        let label = newest.and_then(|one| one.band_label.clone()).unwrap_or("unknown".into());
        let spread = if has_ceiling { percent(self.share_under()) } else { money(window.highest()) };
        let mut cells = if with_type { vec![zone.instance_type.clone()] } else { vec![zone.region.clone()] };
        cells.extend([
            zone.az_id.clone(),
            money(window.now()),
            money(window.quantile(0.95)),
            spread,
            percent(Some(window.observed_share())),
            band,
            label,
        ]);
        cells
    }
}

fn report(found: &[SpotRow]) -> Report {
    let page = Page { fields: fields(), rows: found.iter().map(SpotRow::values).collect() };
    Report { page, table: Some(table(found)), ..Report::default() }
}

/// Returns the table for people, with at most eight columns.
fn table(found: &[SpotRow]) -> TableView {
    let has_ceiling = found.iter().any(|row| row.ceiling.is_some());
    let with_type = found.iter().any(|row| row.zone.instance_type != found[0].zone.instance_type);
    let named = |name: &str, header: &str, align| TableColumn::named(name, align).header(header);
    let spread = match has_ceiling {
        true => named("share_under_ceiling", "Under ceiling (%)", Align::Right),
        false => named("highest_price", "Highest (/h)", Align::Right),
    };
    let place = if with_type { "instance_type" } else { "region" };
    let columns = vec![
        TableColumn::named(place, Align::Left),
        TableColumn::named("az_id", Align::Left),
        named("price_per_hour", "Price (/h)", Align::Right),
        named("p95_price", "95 % of time up to (/h)", Align::Right),
        spread,
        named("observed_share", "Observed (%)", Align::Right),
        named("outlook_95_high", "In 7 days, 95 % band (/h)", Align::Right),
        named("band_label", "Interruptions", Align::Left),
    ];
    let rows = found.iter().map(|row| row.cells(has_ceiling, with_type)).collect();
    TableView { columns, rows, marked: Vec::new() }
}

/// Notes why zones have no outlook, and why there is none beyond seven days.
fn note_outlook(found: &[SpotRow], printer: &mut Printer) {
    let mut gaps: BTreeMap<&str, usize> = BTreeMap::new();
    for gap in found.iter().filter_map(|row| row.outlook.err()) {
        *gaps.entry(gap.reason()).or_default() += 1;
    }
    for (reason, zones) in gaps {
        printer.note(&format!("no outlook for {zones} of {} rows: {reason}", found.len()));
    }
    if printer.is_verbose() && found.iter().any(|row| row.outlook.is_ok()) {
        printer.note(
            "no outlook beyond 7 days: prices move together; 12 weeks ahead, 95 % bands from the past \
             contained 0.53 to 0.88 of the prices of 2023",
        );
    }
}

/// Notes the interruption rates over all statements, for few regions.
fn note_bands(found: &[SpotRow], printer: &mut Printer) {
    let mut noted: BTreeMap<(&str, &str), &RegionBand> = BTreeMap::new();
    for row in found {
        if let Some(band) = &row.band {
            noted.insert((&row.zone.instance_type, &row.zone.region), band);
        }
    }
    if noted.len() > 3 && !printer.is_verbose() {
        return;
    }
    for ((name, region), band) in noted {
        let label = |one: &InterruptionBandRow| one.band_label.clone().unwrap_or(one.band.to_string());
        let all: Vec<String> = band
            .statements
            .iter()
            .map(|one| format!("{} {}", one.observed_at.strftime("%Y-%m"), label(one)))
            .collect();
        let trend = band.trend().map_or("; a trend needs 3 statements over 60 days".to_string(), |trend| {
            format!("; {}", trend.word())
        });
        printer.note(&format!(
            "interruptions of {name} in {region}: {} (statement of {}); {}{trend}",
            label(band.newest()),
            band.newest().observed_at.strftime("%Y-%m-%d"),
            all.join(", "),
        ));
    }
}
