//! The needs of a recommendation: the filters of a search, the interruption rate of spot, and the
//! measured performance.

use analysis::{NeedVerdict, PickCandidate, band_rate, cost_with_interruptions};
use console::Failure;
use domain::{Decimal, Known, SignedDuration};

use super::flags::PickTermArgs;
use super::metric::TypeMetric;
use super::picks::PurchasePick;
use crate::CommandPorts;
use crate::filter::{FilterCondition, FilterVerdict, NumericFact, SearchFilters};

/// A need that is no filter of a search.
#[derive(Debug, Clone, PartialEq)]
enum TermNeed {
    /// The interruption rate is at most this band.
    MaxBand(i64),
    /// The interruption rate is known, so that its cost can be added.
    KnownBand,
    /// The value of the metric of `--benchmark` is at least this one.
    AtLeast(f64),
    /// The value of the metric of `--per` is known and above 0.
    KnownMetric,
}

/// A respect in which picks are compared, beside their cost. More is better.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum PickRespect {
    /// A number of which at least some amount is asked for.
    Fact(NumericFact),
    /// The value of the metric of `--benchmark`.
    Metric,
    /// Interruptions, the fewer the better.
    Interruptions,
    /// Length of the commitment, the shorter the better.
    Commitment,
}

/// The cost of a pick.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(crate) struct PickCost {
    /// Cost of the time of use, for all instances; `None` without `--for`.
    pub(crate) total: Option<Decimal>,
    /// Cost per unit of the metric of `--per`; `None` without it.
    pub(crate) per_metric: Option<Decimal>,
    /// The cost by which picks are ordered.
    pub(crate) ordered: Option<Decimal>,
}

/// The needs in the order of their application, and the cost by which picks are ordered.
pub(crate) struct PickNeeds {
    /// The filters of the search.
    pub(crate) filters: SearchFilters,
    terms: Vec<TermNeed>,
    /// The respects in which picks are compared, beside their cost.
    pub(crate) respects: Vec<PickRespect>,
    /// The metric of `--benchmark`.
    pub(crate) benchmark: Option<TypeMetric>,
    /// The metric of `--per`.
    pub(crate) per: Option<TypeMetric>,
    interruptions: Option<(SignedDuration, SignedDuration)>,
    hours: Option<Decimal>,
    count: u32,
}

impl PickNeeds {
    /// Reads the needs of the flags, with the measured values.
    ///
    /// # Errors
    /// Those of [`TypeMetric::load`].
    pub(crate) fn load(
        filters: SearchFilters,
        terms: &PickTermArgs,
        ports: &CommandPorts<'_>,
    ) -> Result<PickNeeds, Failure> {
        let load = |flag: &str, name: &Option<String>| {
            name.as_deref().map(|name| TypeMetric::load(flag, name, ports)).transpose()
        };
        let mut needs = PickNeeds {
            respects: asked_facts(&filters),
            filters,
            terms: terms.max_band.map(TermNeed::MaxBand).into_iter().collect(),
            benchmark: load("--benchmark", &terms.benchmark)?,
            per: load("--per", &terms.per)?,
            interruptions: terms.interruption_spans(),
            hours: terms.hours(),
            count: terms.count,
        };
        needs.terms.extend(needs.interruptions.map(|_| TermNeed::KnownBand));
        needs.terms.extend(terms.at_least.map(TermNeed::AtLeast));
        needs.terms.extend(needs.per.as_ref().map(|_| TermNeed::KnownMetric));
        needs.respects.extend(needs.benchmark.as_ref().map(|_| PickRespect::Metric));
        needs.respects.extend(terms.has_spot().then_some(PickRespect::Interruptions));
        needs.respects.extend((terms.longest_commitment() > 0).then_some(PickRespect::Commitment));
        Ok(needs)
    }

    /// Returns the text of a need, as typed.
    pub(crate) fn typed(&self, need: usize) -> String {
        let filters = &self.filters.0;
        if let Some(filter) = filters.get(need) {
            return filter.typed.clone();
        }
        let name = |metric: &Option<TypeMetric>| metric.as_ref().map_or("", |one| &one.name).to_string();
        match &self.terms[need - filters.len()] {
            TermNeed::MaxBand(band) => format!("--max-band {band}"),
            TermNeed::KnownBand => "--checkpoint, --restart".to_string(),
            TermNeed::AtLeast(least) => {
                format!("--benchmark \"{}\" --at-least {least}", name(&self.benchmark))
            }
            TermNeed::KnownMetric => format!("--per \"{}\"", name(&self.per)),
        }
    }

    /// Whether a need is about the name of a type. Another name is no way to relax it.
    pub(crate) fn is_about_name(&self, need: usize) -> bool {
        use crate::filter::TextFact::{Family, Name};
        let is_name = |condition: &FilterCondition| {
            matches!(
                condition,
                FilterCondition::Name(_)
                    | FilterCondition::NotName(_)
                    | FilterCondition::Text(Name | Family, _)
            )
        };
        self.filters.0.get(need).is_some_and(|filter| filter.condition.asks(is_name))
    }

    /// Describes how a pick misses a need, for the text after its name.
    pub(crate) fn miss(&self, need: usize, pick: &PurchasePick<'_>) -> String {
        if let Some(filter) = self.filters.0.get(need) {
            let miss = filter.condition.miss(pick.candidate(), &filter.typed);
            return miss.map(|miss| miss.sentence).unwrap_or_default();
        }
        let unmeasured = || "was not measured".to_string();
        match (&self.terms[need - self.filters.0.len()], pick.band) {
            (TermNeed::MaxBand(most), Some(band)) => {
                format!("is interrupted at band {band}, you asked for at most {most}")
            }
            (TermNeed::MaxBand(_) | TermNeed::KnownBand, _) => "has no known interruption rate".to_string(),
            (TermNeed::AtLeast(least), _) => self.benchmark_of(pick).map_or_else(unmeasured, |value| {
                format!("has a value of {value}, you asked for at least {least}")
            }),
            (TermNeed::KnownMetric, _) => unmeasured(),
        }
    }

    fn benchmark_of(&self, pick: &PurchasePick<'_>) -> Option<f64> {
        self.benchmark.as_ref()?.of(&pick.facts.instance_type)
    }

    fn term_verdict(&self, term: &TermNeed, pick: &PurchasePick<'_>) -> NeedVerdict {
        let holds = |found: Option<bool>| match found {
            Some(true) => NeedVerdict::Met,
            Some(false) => NeedVerdict::Missed,
            None => NeedVerdict::Unknown,
        };
        match term {
            TermNeed::MaxBand(_) | TermNeed::KnownBand if !pick.is_spot() => NeedVerdict::Met,
            TermNeed::MaxBand(most) => holds(pick.band.map(|band| band <= *most)),
            TermNeed::KnownBand => holds(pick.band.map(|_| true)),
            TermNeed::AtLeast(least) => holds(self.benchmark_of(pick).map(|value| value >= *least)),
            TermNeed::KnownMetric => {
                let value = self.per.as_ref().and_then(|metric| metric.of(&pick.facts.instance_type));
                holds(value.map(|value| value > 0.0))
            }
        }
    }

    /// Returns the cost of a pick.
    pub(crate) fn cost(&self, pick: &PurchasePick<'_>) -> PickCost {
        let Some(hourly) = self.hourly(pick) else { return PickCost::default() };
        let total = self.hours.and_then(|hours| pick.cost(hourly, hours)?.checked_mul(self.count.into()));
        let total = total.map(|total| total.round_dp(10).normalize());
        let plain = if self.hours.is_some() { total } else { Some(hourly) };
        let per_metric = self.per.as_ref().and_then(|metric| {
            let value = metric.of(&pick.facts.instance_type).filter(|value| *value > 0.0)?;
            Some(plain?.checked_div(Decimal::try_from(value).ok()?)?.round_dp(18).normalize())
        });
        PickCost { total, per_metric, ordered: if self.per.is_some() { per_metric } else { plain } }
    }

    /// Returns the expected price per hour, with the interruptions if they count.
    fn hourly(&self, pick: &PurchasePick<'_>) -> Option<Decimal> {
        let price = pick.offer.price_per_hour?;
        match self.interruptions.filter(|_| pick.is_spot()) {
            None => Some(price),
            Some((checkpoint, restart)) => {
                cost_with_interruptions(price, band_rate(pick.band?)?.per_hour, checkpoint, restart)
            }
        }
    }

    /// Whether the interruptions count in the cost of a pick.
    pub(crate) fn adds_interruptions(&self, pick: &PurchasePick<'_>) -> bool {
        self.interruptions.is_some() && pick.is_spot()
    }

    /// Returns the value of a pick in a respect, more is better; `None` if it is not known.
    pub(crate) fn merit(&self, respect: PickRespect, pick: &PurchasePick<'_>) -> Option<f64> {
        match respect {
            PickRespect::Fact(fact) => match fact.of(pick.facts) {
                Known::Is(value) => Some(value),
                Known::Absent | Known::Unseen(_) => None,
            },
            PickRespect::Metric => self.benchmark_of(pick),
            PickRespect::Interruptions if !pick.is_spot() => Some(1.0),
            PickRespect::Interruptions => pick.band.map(|band| -(band as f64)),
            PickRespect::Commitment => Some(-(pick.lease_years as f64)),
        }
    }

    /// Returns a pick with its verdicts and its cost.
    pub(crate) fn candidate<'p>(&self, pick: &'p PurchasePick<'_>) -> PickCandidate<'p> {
        let filters = self.filters.0.iter().map(|filter| match filter.condition.holds(pick.candidate()) {
            FilterVerdict::Yes => NeedVerdict::Met,
            FilterVerdict::No => NeedVerdict::Missed,
            FilterVerdict::Unknown => NeedVerdict::Unknown,
        });
        let terms = self.terms.iter().map(|term| self.term_verdict(term, pick));
        // A price without a currency is comparable with no other one.
        let currency = pick.offer.currency.as_deref();
        PickCandidate {
            name: pick.name(),
            verdicts: filters.chain(terms).collect(),
            currency: currency.unwrap_or_default(),
            cost: currency.and_then(|_| self.cost(pick).ordered),
            merits: self.respects.iter().map(|respect| self.merit(*respect, pick)).collect(),
        }
    }

    /// Returns the excess of a number over the amount that is asked for; `None` if none is.
    pub(crate) fn spare(&self, fact: NumericFact, pick: &PurchasePick<'_>) -> Option<f64> {
        let Known::Is(value) = fact.of(pick.facts) else { return None };
        let asked = self.filters.0.iter().filter_map(|filter| least_asked(&filter.condition, fact, value));
        asked.max_by(f64::total_cmp).map(|least| value - least)
    }
}

/// Returns the facts of which at least some amount is asked for, each once.
fn asked_facts(filters: &SearchFilters) -> Vec<PickRespect> {
    let mut found = Vec::new();
    for filter in &filters.0 {
        // More threads per core or memory per vCPU is another shape, not a better one.
        let FilterCondition::Number(fact, range) = &filter.condition else { continue };
        let is_amount = !matches!(fact, NumericFact::ThreadsPerCore | NumericFact::MemoryPerVcpu);
        let respect = PickRespect::Fact(*fact);
        if is_amount && matches!(range.ends(), (Some(_), None)) && !found.contains(&respect) {
            found.push(respect);
        }
    }
    found
}

/// Returns the largest amount that a condition asks for at least and that `value` reaches.
fn least_asked(condition: &FilterCondition, fact: NumericFact, value: f64) -> Option<f64> {
    match condition {
        FilterCondition::Number(asked, range) if *asked == fact && range.contains(value) => range.ends().0,
        FilterCondition::Any(conditions) => {
            let asked = conditions.iter().filter_map(|one| least_asked(one, fact, value));
            asked.max_by(f64::total_cmp)
        }
        _ => None,
    }
}
