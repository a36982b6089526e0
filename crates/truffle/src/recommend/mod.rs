//! `truffle recommend`: which instance type to take.

mod answer;
mod flags;
mod metric;
mod needs;
mod no_pick;
mod picks;
/// `truffle recommend runs`.
pub mod runs;
mod runs_answer;
mod runs_file;
mod runs_prices;
#[cfg(test)]
mod runs_tests;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

use analysis::{PickCandidate, Recommendation, recommend};
use catalog::TypeFacts;
use clap::{Args, Subcommand};
use console::{Exit, Failure, OutputFormat, Printer};
use domain::Timestamp;

use self::answer::{currency_of, picks_of};
pub use self::flags::PickTermArgs;
use self::needs::PickNeeds;
use self::picks::{MarketPrices, PurchasePick};
use self::runs::{RecommendRunsArgs, run_recommend_runs};
use crate::CommandPorts;
use crate::commands::search::{note_not_offered, read_words};
use crate::filter::{FilterArgs, SearchFilters};
use crate::footer::{note_runs_footer, price_command};
use crate::offer::RegionOffer;
use crate::region_scope::{self, RegionScopeArgs};
use crate::words::{self, GRAMMAR, ParsedWords, SearchVocabulary};

/// Recommend instance types for needs: the cheapest picks that satisfy them all.
///
/// The needs are words and flags, as in truffle search: truffle recommend 8+ vcpus 32gb+ --for
/// 200h. A pick is a type in a region with a way to pay, on spot in a zone. A pick beats another
/// one if it is at least as good in every asked respect and better in one; the other one is left
/// out. The respects are the cost, each number of which at least an amount is asked for, and where
/// they can differ, interruptions and the length of the commitment. A fact that no source states
/// satisfies no need. Prices are list prices, and currencies are never compared.
///
/// If nothing fits, the answer names the need that removed the last type, and the cheapest single
/// relaxation.
#[derive(Debug, Args)]
#[command(after_help = GRAMMAR, args_conflicts_with_subcommands = true)]
pub struct RecommendArgs {
    /// Another origin of the recommendation than needs.
    #[command(subcommand)]
    pub origin: Option<RecommendOrigin>,
    /// Names, globs, regular expressions and plain words
    pub words: Vec<String>,
    /// The way to pay, the use, and the measured performance.
    #[command(flatten)]
    pub terms: PickTermArgs,
    /// Regions, and operating system of the prices.
    #[command(flatten)]
    pub place: RegionScopeArgs,
    /// Filters.
    #[command(flatten)]
    pub filters: FilterArgs,
}

/// Origins of a recommendation other than needs.
#[derive(Debug, Subcommand)]
pub enum RecommendOrigin {
    #[allow(missing_docs, reason = "the help is the doc comment of the arguments")]
    Runs(RecommendRunsArgs),
}

/// Runs `truffle recommend`.
pub fn run_recommend(
    args: &RecommendArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
    now: Timestamp,
) -> Result<Exit, Failure> {
    if let Some(RecommendOrigin::Runs(args)) = &args.origin {
        return run_recommend_runs(args, ports, printer, now);
    }
    args.terms.check()?;
    let otherwise = ports.settings.region.value.as_str();
    let typed = args.place.regions(&words::regions(&args.words), otherwise)?;
    let [facts, mut zones, mut prices, mut runs] = args.place.ask(ports, &typed);
    // The process exits after the answer: freeing some 60,000 strings first would only cost time.
    let facts: &[TypeFacts] = region_scope::read_facts(facts?, ports)?.leak();
    let vocabulary = SearchVocabulary::new(facts);
    let understood = read_words("recommend", &args.words, &args.filters, &vocabulary, facts)?;
    refuse_other_orders(&understood)?;
    let filters = SearchFilters::new(&args.filters, understood.filters(), facts)?;
    if filters.0.is_empty() && args.terms.per.is_none() && args.terms.benchmark.is_none() {
        return Err(Failure::usage("no needs are given").hint("truffle recommend 4+ vcpus 16gb+"));
    }
    let regions = args.place.regions(&understood.regions, otherwise)?;
    if regions != typed {
        // A word that is spelt like a region was understood in another way.
        [_, zones, prices, runs] = args.place.ask(ports, &regions);
    }
    let offers = args.place.offers([zones, prices], ports, &regions, printer)?;
    region_scope::check_zones(&args.filters.zone.zones, &offers)?;
    let needs = PickNeeds::load(filters, &args.terms, ports)?;
    let market = MarketPrices::load(&args.terms, &regions, &args.place.os, ports)?;
    let picks = market.picks(facts, &offers);
    let candidates: Vec<PickCandidate<'_>> = picks.iter().map(|pick| needs.candidate(pick)).collect();
    let found = recommend(&candidates);
    let search = NeedSearch { args, needs: &needs, facts, offers: &offers, regions: &regions, ports, now };
    match found.picks.is_empty() {
        true => search.explain(&found, &candidates, &picks, printer)?,
        false => search.show(&found, &picks, printer)?,
    }
    search.note_unknown(&found, printer);
    market.note_missing(printer);
    args.place.note(&offers, !understood.regions.is_empty(), ports, printer);
    note_runs_footer(runs?, ports, printer, &datasets(args), &regions, now)?;
    Ok(if found.picks.is_empty() { Exit::NothingMatched } else { Exit::Done })
}

/// Refuses words for another order than by cost.
fn refuse_other_orders(understood: &ParsedWords) -> Result<(), Failure> {
    match understood.sort.iter().find(|hint| hint.key != "on_demand_price") {
        None => Ok(()),
        Some(hint) => Err(Failure::usage(format!("\"{}\": picks are ordered by their cost", hint.word))
            .hint(format!("leave out {}, or use it in truffle search", hint.word))),
    }
}

/// Returns the datasets of the footer.
fn datasets(args: &RecommendArgs) -> Vec<&'static str> {
    let terms = &args.terms;
    let asked = [
        (true, "instance_type"),
        (true, "offering"),
        (terms.has_on_demand(), "price"),
        (terms.has_spot(), "spot_price"),
        (terms.has_spot(), "interruption"),
        (terms.longest_commitment() > 0, "savings_plan"),
        (terms.benchmark.is_some() || terms.per.is_some(), "benchmark"),
    ];
    asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, name)| name).collect()
}

/// The needs of an answer, and the data in which they are looked for.
struct NeedSearch<'a> {
    args: &'a RecommendArgs,
    needs: &'a PickNeeds,
    facts: &'a [TypeFacts],
    offers: &'a [RegionOffer],
    regions: &'a str,
    ports: &'a CommandPorts<'a>,
    now: Timestamp,
}

impl NeedSearch<'_> {
    /// Prints the picks.
    fn show(
        &self,
        found: &Recommendation,
        picks: &[PurchasePick<'_>],
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        let terms = &self.args.terms;
        let rows = answer::rows_of(found, picks, self.needs, terms.all, &self.unknown(found));
        let limit = usize::try_from(terms.limit).unwrap_or(usize::MAX);
        let shown = if limit == 0 { rows.len() } else { limit.min(rows.len()) };
        printer.report(&answer::report(&rows[..shown]), self.ports.encode)?;
        if shown < rows.len() {
            printer.note(&format!("{shown} of {} shown; --limit 0 shows all", rows.len()));
        }
        let beaten = found.picks.len() - rows.len();
        if beaten > 0 {
            printer.note(&format!(
                "left out, because another pick beats them: {}; --all lists them",
                picks_of(beaten)
            ));
        }
        let currencies: BTreeSet<&str> =
            found.picks.iter().map(|one| currency_of(&picks[one.candidate])).collect();
        if currencies.len() > 1 {
            let codes: Vec<&str> = currencies.into_iter().collect();
            printer.note(&format!("currencies are not compared: {}", codes.join(", ")));
        }
        Ok(())
    }

    /// Prints why there is no pick.
    ///
    /// # Errors
    /// The prices of the regions were not collected.
    fn explain(
        &self,
        found: &Recommendation,
        candidates: &[PickCandidate<'_>],
        picks: &[PurchasePick<'_>],
        printer: &mut Printer,
    ) -> Result<(), Failure> {
        if self.args.terms.has_on_demand()
            && picks.iter().all(|pick| pick.offer.price_per_hour.is_none())
            && let Some(failure) = region_scope::uncollected("price", self.regions, self.ports)?
        {
            return Err(failure);
        }
        let lines = no_pick::explain(candidates, picks, self.needs, found.unpriced);
        lines.iter().for_each(|line| printer.note(line));
        note_not_offered(&self.needs.filters, self.facts, self.offers, self.regions, printer);
        if printer.format() != OutputFormat::Table || printer.lists_columns() {
            printer.report(&answer::report(&[]), self.ports.encode)?;
        }
        Ok(())
    }

    /// Returns the needs with unknown facts, each with the number of picks that it cost.
    fn unknown(&self, found: &Recommendation) -> Vec<String> {
        let needs = found.unknown.iter().enumerate().filter(|(_, count)| **count > 0);
        let needs = needs.map(|(need, count)| format!("{}: {}", self.needs.typed(need), picks_of(*count)));
        let price = (found.unpriced > 0).then(|| format!("price: {}", picks_of(found.unpriced)));
        needs.chain(price).collect()
    }

    /// Notes the picks that unknown facts cost.
    fn note_unknown(&self, found: &Recommendation, printer: &mut Printer) {
        let unknown = self.unknown(found);
        if unknown.is_empty() {
            return;
        }
        let command = match found.unpriced > 0 && self.args.terms.has_on_demand() {
            true => format!("; {}", price_command(self.ports, self.regions, self.now)),
            false => String::new(),
        };
        printer
            .note(&format!("left out, because no source states the fact: {}{command}", unknown.join(", ")));
    }
}
