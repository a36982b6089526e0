//! Filter conditions: whether a candidate satisfies one, and how far it misses it.

use catalog::TypeFacts;
use domain::{Decimal, Known};

use super::fact::{FlagFact, NumericFact, TextFact};
use super::pattern::NamePattern;
use crate::offer::RegionOffer;
use crate::range::ValueRange;

/// An instance type, with or without its offer in a region.
#[derive(Debug, Clone, Copy)]
pub struct OfferCandidate<'a> {
    /// Facts of the type.
    pub facts: &'a TypeFacts,
    /// Offer in a region; `None` when the candidate is the type itself.
    pub offer: Option<&'a RegionOffer>,
}

impl OfferCandidate<'_> {
    /// Returns the zone ids; `None` when they are unknown.
    fn zones(&self) -> Option<&[String]> {
        self.offer.map(|offer| offer.az_ids.as_slice()).filter(|zones| !zones.is_empty())
    }

    /// Returns the price per hour in US dollars. A price in another currency counts as unknown,
    /// because it is not comparable.
    fn dollars(&self) -> Option<Decimal> {
        let offer = self.offer.filter(|offer| offer.currency.as_deref() == Some("USD"))?;
        offer.price_per_hour
    }
}

/// The unit that a price is divided by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PriceUnit {
    /// No unit: the price per hour.
    Hour,
    /// vCPUs.
    Vcpu,
    /// GiB of memory.
    Gib,
    /// GPUs; a part of a GPU counts as one.
    Gpu,
}

impl PriceUnit {
    /// Returns the price per hour and unit; `None` when the type has no such unit.
    pub fn of(self, price: Decimal, facts: &TypeFacts) -> Option<Decimal> {
        match self {
            PriceUnit::Hour => Some(price),
            PriceUnit::Vcpu => price.checked_div(facts.vcpus.into()),
            PriceUnit::Gib => (price * Decimal::from(1024)).checked_div(facts.memory_mib.into()),
            PriceUnit::Gpu => price.checked_div(facts.gpus.into()),
        }
    }

    /// Returns the text after a price, such as "an hour per vCPU".
    pub fn phrase(self) -> &'static str {
        match self {
            PriceUnit::Hour => "an hour",
            PriceUnit::Vcpu => "an hour per vCPU",
            PriceUnit::Gib => "an hour per GiB",
            PriceUnit::Gpu => "an hour per GPU",
        }
    }
}

/// A requirement on a candidate.
#[derive(Debug, Clone, PartialEq)]
pub enum FilterCondition {
    /// The number is in the range.
    Number(NumericFact, ValueRange<f64>),
    /// At least one of the texts is in this list, ignoring case.
    Text(TextFact, Vec<String>),
    /// The flag has this value.
    Flag(FlagFact, bool),
    /// The name matches the pattern.
    Name(NamePattern),
    /// The name does not match the pattern.
    NotName(NamePattern),
    /// The type is offered in one of these zones (zone ids).
    Zones(Vec<String>),
    /// The price per unit is at most this many US dollars.
    Price(PriceUnit, Decimal),
    /// At least one of these conditions is true.
    Any(Vec<FilterCondition>),
}

/// Result of a condition. Unknown does not satisfy a condition, and is counted separately from no.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FilterVerdict {
    /// The condition is false.
    No,
    /// The fact is unknown.
    Unknown,
    /// The condition is true.
    Yes,
}

/// How a candidate misses a condition.
#[derive(Debug, Clone, PartialEq)]
pub struct FilterMiss {
    /// Distance without a unit. For numbers it is the logarithm of the ratio, at most 3. Other
    /// conditions have a fixed larger distance, and another name has the largest.
    pub distance: f64,
    /// Text after the candidate's name: "has 192 vCPUs, you asked for 96".
    pub sentence: String,
}

impl FilterCondition {
    /// Evaluates the condition for a candidate.
    pub fn holds(&self, candidate: OfferCandidate) -> FilterVerdict {
        let facts = candidate.facts;
        match self {
            FilterCondition::Number(number, range) => {
                verdict(number.of(facts), |value| range.contains(value))
            }
            FilterCondition::Text(text, asked) => verdict(text.of(facts), |texts| {
                texts.iter().any(|text| asked.iter().any(|asked| asked.eq_ignore_ascii_case(text)))
            }),
            FilterCondition::Flag(flag, wanted) => verdict(flag.of(facts), |value| value == *wanted),
            FilterCondition::Name(pattern) => yes_or_no(pattern.matches(&facts.instance_type)),
            FilterCondition::NotName(pattern) => yes_or_no(!pattern.matches(&facts.instance_type)),
            FilterCondition::Zones(asked) => match candidate.zones() {
                None => FilterVerdict::Unknown,
                Some(zones) => yes_or_no(zones.iter().any(|zone| asked.contains(zone))),
            },
            FilterCondition::Price(per, ceiling) => match candidate.dollars() {
                None => FilterVerdict::Unknown,
                Some(price) => yes_or_no(per.of(price, facts).is_some_and(|price| price <= *ceiling)),
            },
            FilterCondition::Any(conditions) => conditions
                .iter()
                .map(|condition| condition.holds(candidate))
                .max()
                .unwrap_or(FilterVerdict::No),
        }
    }

    /// Returns how the candidate misses the condition; `None` when it satisfies it. `typed` is the
    /// user's text for the condition.
    pub fn miss(&self, candidate: OfferCandidate, typed: &str) -> Option<FilterMiss> {
        if self.holds(candidate) == FilterVerdict::Yes {
            return None;
        }
        let facts = candidate.facts;
        Some(match self {
            FilterCondition::Number(number, range) => number_miss(*number, range, facts),
            FilterCondition::Text(text, asked) => text_miss(*text, asked, facts, typed),
            FilterCondition::Flag(flag, wanted) => {
                let (has, asked) = if *wanted { ("no ", "it") } else { ("", "none") };
                FilterMiss::new(4.0, format!("has {has}{}, you asked for {asked}", flag.noun()))
            }
            FilterCondition::Name(_) => FilterMiss::new(OTHER_NAME, format!("is not called {typed}")),
            FilterCondition::NotName(_) => FilterMiss::new(OTHER_NAME, format!("is excluded by {typed}")),
            FilterCondition::Zones(asked) => {
                let zones =
                    candidate.zones().map_or("zones that are not known".into(), |zones| zones.join(", "));
                FilterMiss::new(7.0, format!("is in {zones}, you asked for {}", asked.join(" or ")))
            }
            FilterCondition::Price(per, ceiling) => price_miss(*per, *ceiling, candidate),
            FilterCondition::Any(conditions) => conditions
                .iter()
                .filter_map(|condition| condition.miss(candidate, typed))
                .min_by(|a, b| a.distance.total_cmp(&b.distance))?,
        })
    }

    /// Describes the condition: "exactly 8 GPUs", "CPU maker Intel".
    pub fn meaning(&self) -> String {
        match self {
            FilterCondition::Number(number, range) => {
                let exactly = if range.single().is_some() { "exactly " } else { "" };
                let asked = range.in_words(|value| number.show(value));
                format!("{exactly}{asked} {}", number.noun_after(&asked))
            }
            FilterCondition::Text(text, asked) => format!("{} {}", text.noun(), asked.join(" or ")),
            FilterCondition::Flag(flag, true) => format!("with {}", flag.noun()),
            FilterCondition::Flag(flag, false) => format!("without {}", flag.noun()),
            FilterCondition::Name(pattern) => format!("name matches the {}", pattern.kind()),
            FilterCondition::NotName(pattern) => format!("name does not match the {}", pattern.kind()),
            FilterCondition::Zones(zones) => format!("in zone {}", zones.join(" or ")),
            FilterCondition::Price(per, ceiling) => format!("at most ${ceiling} {}", per.phrase()),
            FilterCondition::Any(conditions) => {
                let meanings: Vec<_> = conditions.iter().map(FilterCondition::meaning).collect();
                meanings.join(", or ")
            }
        }
    }

    /// Whether `sort` is true for the condition or for one of its alternatives.
    pub fn asks(&self, sort: fn(&FilterCondition) -> bool) -> bool {
        match self {
            FilterCondition::Any(conditions) => conditions.iter().any(|condition| condition.asks(sort)),
            one => sort(one),
        }
    }
}

/// Distance of a candidate with another name. It is larger than any other distance, because such a
/// candidate is never a near miss.
const OTHER_NAME: f64 = 8.0;

impl FilterMiss {
    /// Whether the candidate has another name than requested.
    pub fn is_other_name(&self) -> bool {
        self.distance >= OTHER_NAME
    }

    fn new(distance: f64, sentence: String) -> FilterMiss {
        FilterMiss { distance, sentence }
    }
}

fn verdict<T>(fact: Known<T>, holds: impl Fn(T) -> bool) -> FilterVerdict {
    match fact {
        Known::Is(value) => yes_or_no(holds(value)),
        Known::Absent => FilterVerdict::No,
        Known::Unseen(_) => FilterVerdict::Unknown,
    }
}

fn yes_or_no(holds: bool) -> FilterVerdict {
    if holds { FilterVerdict::Yes } else { FilterVerdict::No }
}

fn number_miss(number: NumericFact, range: &ValueRange<f64>, facts: &TypeFacts) -> FilterMiss {
    let (noun, asked) = (number.noun(), range.in_words(|value| number.show(value)));
    match number.of(facts) {
        Known::Is(value) => {
            // Adding one gives a zero a logarithm, too.
            let distance = ((value + 1.0) / (range.nearest(value) + 1.0)).ln().abs().min(3.0);
            let has = number.show(value);
            let noun = number.noun_after(&has);
            FilterMiss::new(distance, format!("has {has} {noun}, you asked for {asked}"))
        }
        Known::Absent => FilterMiss::new(5.0, format!("has no GPU, you asked for {asked} {noun}")),
        Known::Unseen(_) => {
            FilterMiss::new(5.0, format!("may have other {noun} than {asked}: AWS does not state it"))
        }
    }
}

fn text_miss(text: TextFact, asked: &[String], facts: &TypeFacts, typed: &str) -> FilterMiss {
    let noun = text.noun();
    let asked = if asked.len() > 3 { typed.to_string() } else { asked.join(" or ") };
    if matches!(text, TextFact::Name | TextFact::Family) {
        return FilterMiss::new(OTHER_NAME, format!("is not {asked}"));
    }
    FilterMiss::new(
        5.0,
        match text.of(facts) {
            Known::Is(texts) if !texts.is_empty() => {
                format!("has {noun} {}, you asked for {asked}", texts.join(", "))
            }
            Known::Unseen(_) => format!("may have another {noun} than {asked}: it is not known"),
            Known::Is(_) | Known::Absent => format!("has no {noun}, you asked for {asked}"),
        },
    )
}

fn price_miss(per: PriceUnit, ceiling: Decimal, candidate: OfferCandidate) -> FilterMiss {
    let asked = format!("you asked for at most ${ceiling}");
    match candidate.dollars().map(|price| per.of(price, candidate.facts)) {
        Some(Some(price)) => {
            let ratio = f64::try_from(price / ceiling.max(Decimal::new(1, 6))).unwrap_or(f64::MAX);
            let sentence = format!("costs ${} {}, {asked}", price.round_dp(5).normalize(), per.phrase());
            FilterMiss::new(ratio.ln().abs().min(3.0), sentence)
        }
        Some(None) => FilterMiss::new(5.0, format!("has no GPU, {asked} {}", per.phrase())),
        None => FilterMiss::new(3.5, format!("has no known price in US dollars, {asked}")),
    }
}
