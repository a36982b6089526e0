use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use catalog::TypeFacts;
use clap::Args;
use console::{Align, Exit, Failure, OutputFormat, Printer, Report, TableColumn, TableView, suggest_closest};
use domain::Timestamp;

use crate::CommandPorts;
use crate::columns::{self, OfferColumn, compare_by_default, order, price_cell};
use crate::filter::{
    FilterArgs, FilterCondition, FilterOutcome, FilterStage, FilterVerdict, OfferCandidate, SearchFilters,
};
use crate::footer::{note_runs_footer, price_command};
use crate::offer::RegionOffer;
use crate::region_scope::{self, RegionScopeArgs};
use crate::statement::read_rows;
use crate::words::{self, GRAMMAR, ParsedWords, SearchVocabulary};

/// Find instance types by name, plain words and flags.
///
/// All words and flags must match: truffle search h200 8gpu efa, truffle search graviton 16 cores
/// 64gb, truffle search 'm7i.*' --max-price 1. A RANGE is 4..16, 4.., ..16 or 4, both ends
/// included. A flag that takes a BOOL means true without a value.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR)]
pub struct SearchArgs {
    /// Names, globs, regular expressions and plain words
    pub words: Vec<String>,
    /// Maximum number of rows; 0 means no limit
    #[arg(
        long,
        value_name = "ROWS",
        default_value_t = 20,
        allow_negative_numbers = true,
        value_parser = read_rows,
        help_heading = "Answer"
    )]
    pub limit: u64,
    /// Sort keys, most important first; -KEY sorts in descending order
    ///
    /// A key is a column name, or one of price, memory and name.
    #[arg(
        long,
        value_name = "KEY",
        value_delimiter = ',',
        allow_hyphen_values = true,
        help_heading = "Answer"
    )]
    pub sort: Vec<String>,
    /// Print how the words were understood and how many types each filter left
    #[arg(long, help_heading = "Answer")]
    pub explain: bool,
    /// Find only types that every requested region offers
    ///
    /// Without --region, these are all regions with collected offerings.
    #[arg(long, help_heading = "Place")]
    pub in_all_regions: bool,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
    /// Filters.
    #[command(flatten)]
    pub filters: FilterArgs,
}

/// Checks the words, flags, sort keys and regions of a search before it is saved.
pub(crate) fn check_search(args: &SearchArgs, ports: &CommandPorts<'_>) -> Result<(), Failure> {
    let facts = region_scope::facts(ports)?;
    let vocabulary = SearchVocabulary::new(&facts);
    let understood = read_words("search", &args.words, &args.filters, &vocabulary, &facts)?;
    SearchFilters::new(&args.filters, understood.filters(), &facts)?;
    sort_keys(args, &understood)?;
    let regions = args.place.regions(&understood.regions, "all")?;
    let named: Vec<&str> = regions.split(',').filter(|name| *name != "all").collect();
    region_scope::check_regions(&named, &region_scope::regions(ports)?)
}

/// Reads the words of a command. The words true and false are refused: they are values of flags.
pub(crate) fn read_words(
    command: &str,
    words: &[String],
    filters: &FilterArgs,
    vocabulary: &SearchVocabulary<'_>,
    facts: &[TypeFacts],
) -> Result<ParsedWords, Failure> {
    let is_value = |word: &&String| word.eq_ignore_ascii_case("true") || word.eq_ignore_ascii_case("false");
    let Some(value) = words.iter().find(is_value) else { return words::read(words, vocabulary) };
    let set = filters.set_flags(facts)?;
    let flags: Vec<String> = set.iter().map(|flag| format!("{flag}={}", value.to_lowercase())).collect();
    let hint = if flags.is_empty() { "--bare-metal=false".to_string() } else { flags.join(" or ") };
    Err(Failure::usage(format!("\"{value}\" is no search word, and a flag takes its value after ="))
        .hint(format!("truffle {command} {hint}")))
}

/// Runs `truffle search`.
pub fn run_search(
    args: &SearchArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    let otherwise = if args.in_all_regions { "all" } else { ports.settings.region.value.as_str() };
    let typed = args.place.regions(&words::regions(&args.words), otherwise)?;
    let [facts, mut zones, mut prices, mut runs] = args.place.ask(ports, &typed);
    // The process exits after the answer: freeing some 60,000 strings first would only cost time.
    let facts: &[TypeFacts] = region_scope::read_facts(facts?, ports)?.leak();
    let vocabulary = SearchVocabulary::new(facts);
    let understood = read_words("search", &args.words, &args.filters, &vocabulary, facts)?;
    let filters = SearchFilters::new(&args.filters, understood.filters(), facts)?;
    let sort = sort_keys(args, &understood)?;
    let regions = args.place.regions(&understood.regions, otherwise)?;
    if regions != typed {
        // A word that is spelt like a region was understood in another way.
        [_, zones, prices, runs] = args.place.ask(ports, &regions);
    }
    let (offers, least) = match args.in_all_regions {
        true => args.place.offers_everywhere([zones, prices], ports, &regions, printer)?,
        false => (args.place.offers([zones, prices], ports, &regions, printer)?, 1),
    };
    region_scope::check_zones(&args.filters.zone.zones, &offers)?;
    let candidates = candidates(facts, &offers, least);
    let mut outcome = filters.apply(&candidates);
    let price_command = price_command(ports, &regions, now);
    if args.explain {
        explain(&understood, &outcome, printer);
    }
    if outcome.kept.is_empty() {
        note_no_match(&outcome, least, understood.gpu_memory_hint(&vocabulary), printer);
        note_unknown_prices(&outcome, &filters, &offers, &price_command, printer);
        note_not_offered(&filters, facts, &offers, &regions, printer);
        if printer.format() != OutputFormat::Table || printer.lists_columns() {
            printer.report(&report(&[], now), ports.encode)?;
        }
    } else {
        outcome.kept.sort_by(|a, b| {
            let asked = sort.iter().map(|key| key.compare(a, b)).find(|order| order.is_ne());
            asked.unwrap_or_else(|| compare_by_default(a, b))
        });
        let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
        let shown = if limit == 0 { outcome.kept.len() } else { limit.min(outcome.kept.len()) };
        printer.report(&report(&outcome.kept[..shown], now), ports.encode)?;
        if shown < outcome.kept.len() {
            printer.note(&format!("{shown} of {} shown; --limit 0 shows all", outcome.kept.len()));
        }
        note_unknown(&outcome, &filters, &sort, &price_command, printer);
        note_unknown_prices(&outcome, &filters, &offers, &price_command, printer);
    }
    let named = !understood.regions.is_empty() || args.in_all_regions;
    args.place.note(&offers, named, ports, printer);
    note_runs_footer(runs?, ports, printer, &["instance_type", "offering", "price"], &regions, now)?;
    Ok(if outcome.kept.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Returns the offers of types that at least `regions` regions offer, with the facts of each type.
fn candidates<'a>(
    facts: &'a [TypeFacts],
    offers: &'a [RegionOffer],
    regions: usize,
) -> Vec<OfferCandidate<'a>> {
    let facts: BTreeMap<&str, &TypeFacts> = facts.iter().map(|t| (t.instance_type.as_str(), t)).collect();
    let mut offered: BTreeMap<&str, usize> = BTreeMap::new();
    for offer in offers {
        *offered.entry(&offer.instance_type).or_default() += 1;
    }
    offers
        .iter()
        .filter(|offer| offered[offer.instance_type.as_str()] >= regions)
        .filter_map(|offer| {
            let facts = *facts.get(offer.instance_type.as_str())?;
            Some(OfferCandidate { facts, offer: Some(offer) })
        })
        .collect()
}

/// A sort key with its direction.
struct SortKey {
    column: &'static OfferColumn,
    descending: bool,
}

impl SortKey {
    fn read(text: &str) -> Result<SortKey, Failure> {
        let (name, descending) = text.strip_prefix('-').map_or((text, false), |name| (name, true));
        let name = match name {
            "price" => "on_demand_price",
            "memory" => "memory_mib",
            "name" => "instance_type",
            other => other,
        };
        let column = columns::find(name).ok_or_else(|| {
            let near = suggest_closest(name, columns::COLUMNS.iter().map(|column| column.name));
            let keys: Vec<_> = columns::COLUMNS.iter().map(|column| column.name).collect();
            Failure::usage(format!("--sort: unknown key \"{name}\"{near}"))
                .hint(format!("valid keys: {}", keys.join(", ")))
        })?;
        Ok(SortKey { column, descending })
    }

    fn compare(&self, a: &OfferCandidate, b: &OfferCandidate) -> Ordering {
        let currency = |c: &OfferCandidate| c.offer.and_then(|offer| offer.currency.clone());
        let (one, other) = (self.column.value(a), self.column.value(b));
        // Amounts in different currencies are not comparable: each currency is sorted by itself.
        let by_currency = match (currency(a), currency(b)) {
            (Some(one), Some(other)) if self.column.is_price() => one.cmp(&other),
            _ => Ordering::Equal,
        };
        by_currency.then_with(|| order(&one, &other, self.descending))
    }
}

/// Returns the keys of --sort, followed by those of the words.
fn sort_keys(args: &SearchArgs, understood: &ParsedWords) -> Result<Vec<SortKey>, Failure> {
    let words = understood.sort.iter().map(|hint| hint.key);
    args.sort.iter().map(String::as_str).chain(words).map(SortKey::read).collect()
}

fn explain(understood: &ParsedWords, outcome: &FilterOutcome, printer: &mut Printer) {
    if !understood.wishes.is_empty() || !understood.sort.is_empty() {
        printer.note("understood as");
    }
    for line in understood.explain() {
        printer.note(&format!("  {line}"));
    }
    for line in outcome.funnel.lines() {
        printer.note(&line);
    }
}

/// Prints why nothing matched: the filter that excluded the last types, and the nearest miss. A
/// type had to be offered in at least `regions` regions. `gpu_memory` describes the memory of the
/// GPU beside a size in the words.
fn note_no_match(outcome: &FilterOutcome, regions: usize, gpu_memory: Option<String>, printer: &mut Printer) {
    let Some((before, stage)) = outcome.funnel.last_filter().filter(|(before, _)| *before > 0) else {
        return printer.note(match regions {
            1 => "no match: these regions offer no instance types",
            _ => "no match: no type is offered in all of these regions; try fewer regions",
        });
    };
    let unknown = match stage.unknown {
        0 => String::new(),
        n => format!(" ({n} with an unknown value)"),
    };
    let nearest = match &outcome.nearest {
        Some(nearest) => format!("; {nearest}"),
        None => "; leave it out or loosen it".into(),
    };
    let types = if before == 1 { "type" } else { "types" };
    printer.note(&format!("no match: {} excluded the last {before} {types}{unknown}{nearest}", stage.typed));
    if let Some(gpu_memory) = gpu_memory {
        printer.note(&gpu_memory);
    }
}

/// Notes the types that satisfy all filters but are not offered in the requested regions.
pub(crate) fn note_not_offered(
    filters: &SearchFilters,
    facts: &[TypeFacts],
    offers: &[RegionOffer],
    regions: &str,
    printer: &mut Printer,
) {
    let here: BTreeSet<&str> = offers.iter().map(|offer| offer.instance_type.as_str()).collect();
    let about_offers = |condition: &FilterCondition| {
        matches!(condition, FilterCondition::Zones(_) | FilterCondition::Price(..))
    };
    let matches = |t: &&TypeFacts| {
        let candidate = OfferCandidate { facts: t, offer: None };
        !here.contains(t.instance_type.as_str())
            && filters.0.iter().all(|filter| {
                filter.condition.asks(about_offers) || filter.condition.holds(candidate) == FilterVerdict::Yes
            })
    };
    let names: Vec<&str> = facts.iter().filter(matches).map(|t| t.instance_type.as_str()).collect();
    let names = match names.as_slice() {
        [] => return,
        [one] => one.to_string(),
        [first, more @ ..] => format!("{first} and {} more", more.len()),
    };
    printer.note(&region_scope::not_offered(&names, regions));
}

fn note_unknown(
    outcome: &FilterOutcome,
    filters: &SearchFilters,
    sort: &[SortKey],
    price_command: &str,
    printer: &mut Printer,
) {
    for (stage, _) in unknown_stages(outcome, filters).filter(|(_, about_price)| !about_price) {
        let types = if stage.unknown == 1 { "type" } else { "types" };
        printer.note(&format!("{}: excluded {} {types} with an unknown value", stage.typed, stage.unknown));
    }
    // The note about a filter on the price has the same command.
    let is_price_noted = unknown_stages(outcome, filters).any(|(_, about_price)| about_price);
    for key in sort {
        let unknown = outcome.kept.iter().filter(|c| key.column.value(c) == catalog::Value::Null).count();
        if unknown > 0 {
            let command = match key.column.is_price() && !is_price_noted {
                true => format!("; {price_command}"),
                false => String::new(),
            };
            let heading = key.column.heading();
            printer.note(&format!(
                "rows without a known value of \"{heading}\", listed last: {unknown}{command}"
            ));
        }
    }
}

/// Returns the stages that excluded types with an unknown value, and whether each is about a price.
fn unknown_stages<'o>(
    outcome: &'o FilterOutcome,
    filters: &'o SearchFilters,
) -> impl Iterator<Item = (&'o FilterStage, bool)> {
    let about_price = |condition: &FilterCondition| matches!(condition, FilterCondition::Price(..));
    let stages = outcome.funnel.stages.iter().zip(&filters.0);
    let stages = stages.map(move |(stage, filter)| (stage, filter.condition.asks(about_price)));
    stages.filter(|(stage, _)| stage.unknown > 0)
}

/// Prints how many types a filter on the price excluded because their price is unknown or in
/// another currency, and the command that collects prices.
fn note_unknown_prices(
    outcome: &FilterOutcome,
    filters: &SearchFilters,
    offers: &[RegionOffer],
    price_command: &str,
    printer: &mut Printer,
) {
    let others: BTreeSet<&str> =
        offers.iter().filter_map(|offer| offer.currency.as_deref()).filter(|code| *code != "USD").collect();
    let is_unpriced = offers.iter().any(|offer| offer.price_per_hour.is_none());
    for (stage, _) in unknown_stages(outcome, filters).filter(|(_, about_price)| *about_price) {
        let types = if stage.unknown == 1 { "type" } else { "types" };
        let (typed, unknown) = (&stage.typed, stage.unknown);
        let (dollars, others) = match others.iter().copied().collect::<Vec<_>>().join(", ") {
            none if none.is_empty() => ("", String::new()),
            codes => (" in US dollars", format!("; prices in {codes} are not compared")),
        };
        let command = if is_unpriced { format!("; {price_command}") } else { String::new() };
        printer.note(&format!(
            "{typed}: excluded {unknown} {types} without a known price{dollars}{others}{command}"
        ));
    }
}

fn report(kept: &[OfferCandidate], now: Timestamp) -> Report {
    Report {
        page: columns::page(kept),
        csv: Some(columns::csv(kept)),
        table: Some(table(kept, now)),
        default_columns: &[],
    }
}

/// Returns the table. If a type has a GPU, its GPU replaces architecture and network, so that there
/// are eight columns.
fn table(kept: &[OfferCandidate], now: Timestamp) -> TableView {
    let gpus = kept.iter().any(|candidate| candidate.facts.gpus > 0);
    let mut columns = vec![
        TableColumn::named("instance_type", Align::Left),
        TableColumn::named("region", Align::Left),
        TableColumn::named("vcpus", Align::Right),
        TableColumn::named("memory_gib", Align::Right),
    ];
    columns.extend(match gpus {
        true => [TableColumn::named("gpus", Align::Right), TableColumn::named("gpu_model", Align::Left)],
        false => [
            TableColumn::named("architecture", Align::Left),
            TableColumn::named("network_performance", Align::Left),
        ],
    });
    columns.push(TableColumn::only_in_tables("Zones", Align::Right));
    columns.push(TableColumn::named("on_demand_price", Align::Left));
    TableView { columns, rows: kept.iter().map(|c| cells(c, gpus, now)).collect(), marked: Vec::new() }
}

fn cells(candidate: &OfferCandidate, gpus: bool, now: Timestamp) -> Vec<String> {
    let facts = candidate.facts;
    let mut cells = vec![
        facts.instance_type.clone(),
        candidate.offer.map_or(String::new(), |offer| offer.region.clone()),
        facts.vcpus.to_string(),
        facts.memory_gib().to_string(),
    ];
    if gpus {
        cells.push(facts.gpus.to_string());
        let model = facts.gpu_model.as_deref().unwrap_or("-");
        cells.push(match facts.gpu_partition_size {
            Some(part) if part < 1.0 => format!("{part} of an {model}"),
            _ => model.to_string(),
        });
    } else {
        cells.extend([facts.arch.clone(), facts.network_performance.clone()]);
    }
    let zones = candidate.offer.map_or(0, |offer| offer.az_ids.len());
    cells.push(if zones == 0 { "unknown".into() } else { zones.to_string() });
    let price = candidate.offer.and_then(|offer| offer.price_per_hour);
    cells.push(price_cell(price, candidate, now));
    cells
}
