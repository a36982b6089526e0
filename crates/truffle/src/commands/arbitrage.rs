use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use analysis::{DataMove, MarketPlace, PlaceRank, premium_percent, rank_places};
use catalog::rows::{InterruptionBandRow, SpotScoreRow};
use catalog::{Field, Page, TypeFacts, Value, ValueType};
use clap::Args;
use console::{Align, Exit, Failure, FailureKind, Printer, Report, TableColumn, TableView, read_region};
use domain::{Decimal, Timestamp};

use crate::CommandPorts;
use crate::collect_command::collect_command;
use crate::columns::money_cell;
use crate::cost_text::{amount_cell, percent_cell};
use crate::discount_book::{DiscountArgs, note_discounts};
use crate::filter::{FilterArgs, OfferCandidate, SearchFilters};
use crate::footer::note_footer;
use crate::market_places::{Market, MarketScope, PAST_DAYS, TypePlace, load_places, price_in};
use crate::region_scope::{self, RegionScopeArgs, rows};
use crate::spot_market::{SpotScope, TypeOffers, explain_no_prices, load_bands, named_facts};
use crate::words::{self, SearchVocabulary};

/// Most types of a comparison of spot prices, because each is read from files of its own.
const MOST_SPOT_TYPES: usize = 25;

/// Show where instance types are cheapest now, and how long that has been so.
///
/// The rows are sorted by the price now, each currency by itself, and only regions that offer the
/// type have a row. The other columns do not change the order: the share of the last 90 days on
/// which the place was the cheapest, its worst premium over the cheapest one, and on spot the
/// interruption rate and the placement score. The net saving of a move is the saving of the hours
/// less the price of moving the data once.
///
/// Own discounts apply to all prices as in truffle price, today's ones to past prices too.
#[derive(Debug, Args)]
pub struct ArbitrageArgs {
    /// An instance type, or words as in truffle search
    #[arg(required = true, value_name = "TYPE|WORDS")]
    pub words: Vec<String>,
    /// Way to pay: on-demand, spot, or a Savings Plan such as compute:1:no-upfront
    #[arg(long, value_name = "MARKET", default_value = "on-demand")]
    pub market: String,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
    /// Own discounts.
    #[command(flatten)]
    pub discounts: DiscountArgs,
    /// A move of data from another region.
    #[command(flatten)]
    pub moved: MoveArgs,
}

/// A move of data from another region.
#[derive(Debug, Args)]
#[command(next_help_heading = "Move")]
pub struct MoveArgs {
    /// Region of today's use, for the net saving of a move
    #[arg(long, value_name = "REGION")]
    pub from: Option<String>,
    /// Data to move once, GB [default: none]
    #[arg(long, value_name = "GB", requires = "from")]
    pub data_gb: Option<String>,
    /// Hours of use after the move
    #[arg(long, value_name = "HOURS", requires = "from")]
    pub hours: Option<String>,
    /// Price of the transfer per GB, in the currency of the prices
    #[arg(long, value_name = "PRICE", requires = "from")]
    pub transfer_price: Option<String>,
}

/// Runs `truffle arbitrage`.
pub fn run_arbitrage(
    args: &ArbitrageArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let market = Market::read(&args.market)?;
    let regions = args.place.regions(&[], "all")?;
    let moved = PlannedMove::read(&args.moved)?;
    let terms = args.discounts.terms(ports)?;
    check_named_regions(args, &regions, ports)?;
    let facts = if is_type_name(&args.words) { named_facts(ports)? } else { region_scope::facts(ports)? };
    let types = read_types(&args.words, &market, &facts)?;
    let names: Vec<&str> = types.iter().map(|facts| facts.instance_type.as_str()).collect();
    let offers = TypeOffers::load(&names, ports)?;
    let asked = with_home(&regions, moved.as_ref());
    let scope = MarketScope { market: &market, regions: &asked, os: &args.place.os };
    let places = load_places(&names, &scope, &offers, &terms, ports)?;
    let shown = |place: &&TypePlace| regions == "all" || regions.split(',').any(|one| one == place.region);
    let compared: Vec<&TypePlace> = places.iter().filter(shown).collect();
    let mut found = ranked(&compared);
    if found.is_empty() {
        return Err(explain_no_place(&types, &scope, &offers, &compared, ports)?);
    }
    if let Some(moved) = &moved {
        moved.check_home(&places, &names, &args.market)?;
        found.iter_mut().for_each(|row| row.add_move(moved, &places));
    }
    if market == Market::Spot {
        add_spot_facts(&mut found, &scope, ports)?;
    }
    printer.report(&report(&found, &args.market), ports.encode)?;
    note_left_out(&compared, &found, &offers, printer);
    if moved.as_ref().is_some_and(|moved| moved.data.price_per_gigabyte.is_none()) {
        printer.note("net saving unknown: --transfer-price states the price of the transfer per GB");
    }
    let has_discount =
        note_discounts(found.iter().filter_map(|row| row.place.discount_id.as_deref()), printer);
    let mut datasets = vec!["offering", market.dataset()];
    datasets.extend((market == Market::Spot).then_some("interruption"));
    datasets.extend(has_discount.then_some("discount"));
    note_footer(ports, printer, &datasets, &regions, now)?;
    Ok(Exit::Done)
}

/// Refuses unknown regions of the flags.
fn check_named_regions(args: &ArbitrageArgs, regions: &str, ports: &CommandPorts<'_>) -> Result<(), Failure> {
    let from = args.moved.from.as_deref().map(|name| read_region("--from", name)).transpose()?;
    let named: Vec<&str> = regions.split(',').filter(|name| *name != "all").chain(from.as_deref()).collect();
    match named.is_empty() {
        true => Ok(()),
        // Prices are often older than the first list of regions.
        false => region_scope::check_regions(&named, &region_scope::regions(&ports.at_any_time())?),
    }
}

/// Returns the regions to read: those of the answer, and the region of today's use.
fn with_home(regions: &str, moved: Option<&PlannedMove>) -> String {
    match moved {
        Some(moved) if regions != "all" => format!("{regions},{}", moved.from),
        _ => regions.to_string(),
    }
}

/// Whether the words are the name of one type, such as m7i.large. Other words describe types.
fn is_type_name(typed: &[String]) -> bool {
    matches!(typed, [name] if domain::InstanceType::parse(&name.to_lowercase()).is_ok())
}

/// Returns the types that the words name, or describe as in a search.
fn read_types<'a>(
    typed: &[String],
    market: &Market,
    facts: &'a [TypeFacts],
) -> Result<Vec<&'a TypeFacts>, Failure> {
    if is_type_name(typed) {
        return Ok(vec![region_scope::fact(&typed[0], facts)?]);
    }
    let vocabulary = SearchVocabulary::new(facts);
    let understood = words::read(typed, &vocabulary)?;
    if !understood.regions.is_empty() {
        return Err(Failure::usage(format!("{} is a region", understood.regions.join(", ")))
            .hint(format!("--region {}", understood.regions.join(","))));
    }
    let filters = SearchFilters::new(&FilterArgs::default(), understood.filters(), facts)?;
    let all: Vec<OfferCandidate<'a>> =
        facts.iter().map(|facts| OfferCandidate { facts, offer: None }).collect();
    let kept: Vec<&TypeFacts> = filters.apply(&all).kept.iter().map(|one| one.facts).collect();
    let typed = typed.join(" ");
    if kept.is_empty() {
        return Err(Failure::new(FailureKind::NoMatch, format!("no match: no instance type is {typed}"))
            .hint(format!("truffle search {typed} --explain counts the types after each word")));
    }
    if *market == Market::Spot && kept.len() > MOST_SPOT_TYPES {
        let count = kept.len();
        return Err(Failure::usage(format!(
            "{typed}: {count} instance types, and spot prices of at most {MOST_SPOT_TYPES} are compared"
        ))
        .hint("add words, such as a size"));
    }
    Ok(kept)
}

/// A move from today's region, as the flags describe it.
struct PlannedMove {
    from: String,
    data: DataMove,
}

impl PlannedMove {
    fn read(args: &MoveArgs) -> Result<Option<PlannedMove>, Failure> {
        let Some(from) = &args.from else { return Ok(None) };
        let number = |flag: &str, text: &Option<String>| {
            text.as_deref().map(|text| read_number(flag, text)).transpose()
        };
        let gigabytes = number("--data-gb", &args.data_gb)?.unwrap_or_default();
        let stated = number("--transfer-price", &args.transfer_price)?;
        // Without data there is nothing to pay for.
        let price_per_gigabyte = stated.or(gigabytes.is_zero().then_some(Decimal::ZERO));
        let data = DataMove { gigabytes, price_per_gigabyte, hours: number("--hours", &args.hours)? };
        Ok(Some(PlannedMove { from: read_region("--from", from)?, data }))
    }

    /// Refuses a region of today's use without any price of the types.
    fn check_home(&self, places: &[TypePlace], names: &[&str], market: &str) -> Result<(), Failure> {
        match names.iter().any(|name| price_in(places, name, &self.from).is_some()) {
            true => Ok(()),
            false => Err(Failure::new(
                FailureKind::NoMatch,
                format!("--from {}: no {market} price of {} there", self.from, names.join(", ")),
            )
            .hint("leave out --from, or choose a region of the answer without it")),
        }
    }
}

/// Reads a number that is not negative.
fn read_number(flag: &str, text: &str) -> Result<Decimal, Failure> {
    let number = domain::parse_exact(text, 18, 10).filter(|units| *units >= 0);
    number.and_then(|units| Decimal::try_from_i128_with_scale(units, 10).ok()).ok_or_else(|| {
        Failure::usage(format!("{flag} {text} is not a number of 0 or more"))
            .hint(format!("write {flag} with digits and at most ten decimals"))
    })
}

/// A row of the answer: a type in a region.
struct ArbitrageRow<'a> {
    place: &'a TypePlace,
    rank: PlaceRank,
    premium_percent: Option<f64>,
    band: Option<InterruptionBandRow>,
    score: Option<SpotScoreRow>,
    net_saving: Option<Decimal>,
    break_even_hours: Option<Decimal>,
}

/// Returns the rows: by currency, that of the most places first, and cheapest first.
fn ranked<'a>(places: &[&'a TypePlace]) -> Vec<ArbitrageRow<'a>> {
    let mut currencies: BTreeMap<&str, usize> = BTreeMap::new();
    for place in places {
        *currencies.entry(&place.currency).or_default() += 1;
    }
    let mut currencies: Vec<(&str, usize)> = currencies.into_iter().collect();
    currencies.sort_by_key(|(currency, count)| (Reverse(*count), *currency));
    let mut found = Vec::new();
    for (currency, _) in currencies {
        let same: Vec<&TypePlace> =
            places.iter().copied().filter(|place| place.currency == currency).collect();
        let compared: Vec<MarketPlace> = same.iter().map(|place| place.place.clone()).collect();
        let ranks = rank_places(&compared);
        let cheapest = ranks.first().map(|rank| rank.price_now);
        found.extend(ranks.into_iter().map(|rank| ArbitrageRow {
            place: same[rank.place],
            premium_percent: cheapest.and_then(|best| premium_percent(rank.price_now, best)),
            rank,
            band: None,
            score: None,
            net_saving: None,
            break_even_hours: None,
        }));
    }
    found
}

/// Adds the interruption rate and the placement score of each place.
fn add_spot_facts(
    found: &mut [ArbitrageRow<'_>],
    scope: &MarketScope<'_>,
    ports: &CommandPorts<'_>,
) -> Result<(), Failure> {
    let spot = SpotScope::new(scope.regions, scope.os, PAST_DAYS)?;
    let names: BTreeSet<String> = found.iter().map(|row| row.place.instance_type.clone()).collect();
    for name in names {
        let bands = load_bands(&name, spot, ports)?;
        let scores: Vec<SpotScoreRow> = rows(ports.answer("spot/scores", &[("type", &name)])?)?;
        for row in found.iter_mut().filter(|row| row.place.instance_type == name) {
            row.band = bands.get(&row.place.region).and_then(|statements| statements.last().cloned());
            // A score for several types says nothing on one of them.
            let answers = |score: &&SpotScoreRow| {
                score.region == row.place.region
                    && score.instance_types == [name.as_str()]
                    && (score.az_id.is_none() || score.az_id == row.place.az_id)
            };
            row.score = scores.iter().filter(answers).max_by_key(|score| score.answered_at).cloned();
        }
    }
    Ok(())
}

impl ArbitrageRow<'_> {
    fn add_move(&mut self, moved: &PlannedMove, places: &[TypePlace]) {
        let home = price_in(places, &self.place.instance_type, &moved.from);
        let same = home.filter(|(_, currency)| *currency == self.place.currency);
        let Some((from, _)) = same.filter(|_| self.place.region != moved.from) else { return };
        self.net_saving = moved.data.net_saving(from, self.rank.price_now).map(|net| net.round_dp(10));
        let hours = moved.data.break_even_hours(from, self.rank.price_now);
        self.break_even_hours = hours.map(|hours| hours.round_dp(2));
    }

    fn values(&self, market: &str) -> Vec<Value> {
        let place = self.place;
        let band = self.band.as_ref();
        let score = self.score.as_ref();
        vec![
            place.instance_type.as_str().into(),
            place.region.as_str().into(),
            place.az_id.clone().into(),
            market.into(),
            place.place.is_offered.into(),
            self.rank.price_now.into(),
            self.premium_percent.into(),
            self.rank.cheapest_share.into(),
            self.rank.worst_premium_percent.into(),
            i64::try_from(self.rank.days_known).unwrap_or(i64::MAX).into(),
            band.map(|band| band.band).into(),
            band.and_then(|band| band.band_label.clone()).into(),
            score.map(|score| score.score).into(),
            score.map(|score| score.target_capacity).into(),
            self.net_saving.into(),
            self.break_even_hours.into(),
            place.currency.as_str().into(),
            place.observed_at.into(),
            place.source.clone().into(),
            place.list_price.into(),
            place.discount_id.clone().into(),
        ]
    }
}

fn fields() -> Vec<Field> {
    let price = || ValueType::Decimal(18, 10);
    let columns = [
        ("instance_type", ValueType::Text),
        ("region", ValueType::Text),
        ("az_id", ValueType::Text),
        ("market", ValueType::Text),
        ("is_offered", ValueType::Bool),
        ("price_per_hour", price()),
        ("premium_percent", ValueType::Float),
        ("cheapest_share", ValueType::Float),
        ("worst_premium_percent", ValueType::Float),
        ("days_known", ValueType::Int),
        ("band", ValueType::Int),
        ("band_label", ValueType::Text),
        ("score", ValueType::Int),
        ("score_instances", ValueType::Int),
        ("net_saving", ValueType::Decimal(38, 10)),
        ("break_even_hours", ValueType::Decimal(38, 2)),
        ("currency", ValueType::Text),
        ("observed_at", ValueType::Timestamp),
        ("source", ValueType::Text),
        ("list_price_per_hour", price()),
        ("discount_id", ValueType::Text),
    ];
    columns.into_iter().map(|(name, ty)| Field::new(name, ty)).collect()
}

fn report(found: &[ArbitrageRow<'_>], market: &str) -> Report {
    let page = Page { fields: fields(), rows: found.iter().map(|row| row.values(market)).collect() };
    Report { page, table: Some(table(found)), ..Report::default() }
}

/// Returns the table for people, with the columns that have values.
fn table(found: &[ArbitrageRow<'_>]) -> TableView {
    let header = |name: &str, header: &str| TableColumn::named(name, Align::Right).header(header);
    let has_zone = found.iter().any(|row| row.place.az_id.is_some());
    let has_move = found.iter().any(|row| row.net_saving.is_some() || row.break_even_hours.is_some());
    let mut columns = vec![
        TableColumn::named("instance_type", Align::Left),
        TableColumn::named("region", Align::Left),
        TableColumn::named("price_per_hour", Align::Right),
        header("cheapest_share", "Cheapest (% of 90 days)"),
        header("worst_premium_percent", "Worst premium (%)"),
    ];
    if has_zone {
        columns.insert(2, TableColumn::named("az_id", Align::Left));
        columns.push(TableColumn::named("band_label", Align::Left).header("Interruptions"));
    }
    if has_move {
        columns.truncate(if has_zone { 6 } else { 5 });
        columns.push(header("net_saving", "Net saving"));
        columns.push(header("break_even_hours", "Pays after (h)"));
    }
    let cell = |row: &ArbitrageRow<'_>, name: &str| match name {
        "instance_type" => row.place.instance_type.clone(),
        "region" => row.place.region.clone(),
        "az_id" => row.place.az_id.clone().unwrap_or("unknown".into()),
        "price_per_hour" => money_cell(row.rank.price_now, Some(&row.place.currency)),
        "cheapest_share" => percent_cell(row.rank.cheapest_share.map(|share| 100.0 * share)),
        "worst_premium_percent" => percent_cell(row.rank.worst_premium_percent),
        "band_label" => {
            let label = row.band.as_ref().and_then(|band| band.band_label.clone());
            label.unwrap_or("unknown".into())
        }
        "net_saving" => row.net_saving.map_or("unknown".into(), |net| amount_cell(Some(net))),
        _ => row.break_even_hours.map_or("-".into(), |hours| hours.round_dp(1).to_string()),
    };
    let rows = found.iter().map(|row| columns.iter().map(|column| cell(row, &column.name)).collect());
    TableView { rows: rows.collect(), columns, marked: Vec::new() }
}

/// Notes the places without a row, and why.
fn note_left_out(
    compared: &[&TypePlace],
    found: &[ArbitrageRow<'_>],
    offers: &TypeOffers,
    printer: &mut Printer,
) {
    let not_offered = compared.iter().filter(|place| place.place.is_offered == Some(false)).count();
    let counts = |place: &&&TypePlace| place.place.is_offered != Some(false);
    let unpriced = compared.iter().filter(counts).filter(|place| place.place.price_now.is_none()).count();
    let unseen = found
        .iter()
        .filter(|row| offers.in_region(&row.place.instance_type, &row.place.region).is_none())
        .count();
    for (count, reason) in [
        (not_offered, "left out: the type is not offered there"),
        (unpriced, "left out: no price there now"),
        (unseen, "listed although the region's offerings are not collected yet"),
    ] {
        match count {
            0 => {}
            1 => printer.note(&format!("1 place {reason}")),
            more => printer.note(&format!("{more} places {reason}")),
        }
    }
    let mut currencies: BTreeMap<&str, usize> = BTreeMap::new();
    for row in found {
        *currencies.entry(&row.place.currency).or_default() += 1;
    }
    if currencies.len() > 1 {
        let parts: Vec<String> =
            currencies.iter().map(|(name, count)| format!("{count} in {name}")).collect();
        printer.note(&format!("currencies are not compared: {}", parts.join(", ")));
    }
}

/// Returns why no place has a price.
fn explain_no_place(
    types: &[&TypeFacts],
    scope: &MarketScope<'_>,
    offers: &TypeOffers,
    compared: &[&TypePlace],
    ports: &CommandPorts<'_>,
) -> Result<Failure, Failure> {
    let names: Vec<&str> = types.iter().map(|facts| facts.instance_type.as_str()).collect();
    let names = names.join(", ");
    let no_match = |text: String| Failure::new(FailureKind::NoMatch, text);
    if !compared.is_empty() && compared.iter().all(|place| place.place.is_offered == Some(false)) {
        return Ok(no_match(region_scope::not_offered(&names, scope.regions)));
    }
    if *scope.market == Market::Spot {
        let spot = SpotScope::new(scope.regions, scope.os, PAST_DAYS)?;
        return explain_no_prices(types[0], spot, offers, ports);
    }
    let dataset = scope.market.dataset();
    Ok(match region_scope::uncollected(dataset, scope.regions, ports)? {
        Some(failure) => failure,
        None => {
            let own = ports.settings.region.value.as_str();
            let collect = collect_command(dataset, if scope.regions == "all" { own } else { scope.regions });
            no_match(format!(
                "no match: no such price of {names} for {} in the collected {dataset} data",
                scope.os
            ))
            .hint(format!("{collect}; or try another --os or --market"))
        }
    })
}
