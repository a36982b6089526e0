//! The rule that selects a price from two flawed tables, cell by cell. Pure.
//!
//! sparecores contains only Shared prices, of an earlier day. libcloud is a year younger, but some
//! of its cells are 0, and about one in six is the cell's Dedicated price. The data shows this:
//! wherever both price a cell, libcloud's value is equal or higher, and then nearly always by the
//! Dedicated surcharge of 6 % or 10 %.
//!
//! So a cell of sparecores is valid unless libcloud differs from it in another way. A cell of
//! libcloud alone needs confirmation by the other sizes of its family in the region. Their prices
//! must be in proportion to it, and none may be lower by the Dedicated surcharge.

use std::collections::BTreeMap;

use domain::Decimal;

use crate::listings::{PriceCell, PriceListing, PriceQuote};

/// The properties of a type that the rule uses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TypeShape {
    /// Size in eighths of an xlarge; `None` when the name does not determine it.
    pub(crate) units: Option<Decimal>,
    /// Default number of vCPUs.
    pub(crate) vcpus: i64,
    /// Number of whole GPUs.
    pub(crate) gpus: i64,
}

/// The reason why a price is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PriceBasis {
    /// Both sources have this price.
    Agreed,
    /// sparecores has it; libcloud has none, or the Dedicated price.
    Listed,
    /// Only libcloud has it, and it fits the other sizes.
    Proportional,
}

impl PriceBasis {
    /// Returns the value of the `basis` column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            PriceBasis::Agreed => "agreed",
            PriceBasis::Listed => "listed",
            PriceBasis::Proportional => "proportional",
        }
    }
}

/// The reason why a cell has no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum PriceDoubt {
    /// The sources differ, but not by the Dedicated surcharge.
    Disputed,
    /// Only libcloud has a value, and it is 0.
    Zero,
    /// Only libcloud has a value, and another size is cheaper by the Dedicated surcharge.
    Dearer,
    /// Only libcloud has a value, and too few other sizes confirm it.
    Unconfirmed,
    /// Neither source has the cell.
    Unlisted,
}

impl PriceDoubt {
    /// Returns the reason as text for people, lowercase and without a full stop.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            PriceDoubt::Disputed => "the sources differ by something else than the Dedicated surcharge",
            PriceDoubt::Zero => "only libcloud has it, as 0",
            PriceDoubt::Dearer => {
                "only libcloud has it, and another size is cheaper by the Dedicated surcharge"
            }
            PriceDoubt::Unconfirmed => "only libcloud has it, and too few other sizes confirm it",
            PriceDoubt::Unlisted => "no source has it",
        }
    }
}

/// The rule's verdict on a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum PriceVerdict {
    /// A price to publish.
    Known(PriceQuote, PriceBasis),
    /// No price.
    Unknown(PriceDoubt),
}

/// Judges every cell of both sources that has a type with a shape. The other types are no longer
/// offered in any region.
pub(crate) fn judge(
    sparecores: &PriceListing,
    libcloud: &PriceListing,
    shapes: &BTreeMap<String, TypeShape>,
) -> BTreeMap<PriceCell, PriceVerdict> {
    let mut verdicts: BTreeMap<PriceCell, PriceVerdict> =
        sparecores.iter().map(|(cell, quote)| (cell.clone(), listed(quote, libcloud.get(cell)))).collect();
    let families = families(&verdicts, libcloud, shapes);
    for (cell, quote) in libcloud {
        if !sparecores.contains_key(cell)
            && let Some(shape) = shapes.get(&cell.1)
        {
            let siblings = siblings(&families, cell);
            verdicts.insert(cell.clone(), alone(quote, *shape, &siblings));
        }
    }
    verdicts.retain(|cell, _| shapes.contains_key(&cell.1));
    verdicts
}

/// Judges a cell that sparecores has.
fn listed(sparecores: &PriceQuote, libcloud: Option<&PriceQuote>) -> PriceVerdict {
    let Some(libcloud) = libcloud.filter(|quote| !quote.amount.is_zero()) else {
        return PriceVerdict::Known(sparecores.clone(), PriceBasis::Listed);
    };
    if is_close(libcloud.amount, sparecores.amount) {
        PriceVerdict::Known(libcloud.clone(), PriceBasis::Agreed)
    } else if is_surcharged(libcloud.amount, sparecores.amount) {
        PriceVerdict::Known(sparecores.clone(), PriceBasis::Listed)
    } else {
        PriceVerdict::Unknown(PriceDoubt::Disputed)
    }
}

/// A type and its price, for comparison within a family and region.
#[derive(Debug, Clone, Copy)]
struct FamilySibling {
    shape: TypeShape,
    price: Decimal,
}

type FamilyPrices = BTreeMap<(String, String), BTreeMap<String, FamilySibling>>;

/// Returns the best known price of every type by region and family: sparecores' price as judged, or
/// libcloud's where sparecores has no cell. A disputed cell has none.
fn families(
    established: &BTreeMap<PriceCell, PriceVerdict>,
    libcloud: &PriceListing,
    shapes: &BTreeMap<String, TypeShape>,
) -> FamilyPrices {
    let mut families = FamilyPrices::new();
    let mut add = |cell: &PriceCell, price: Decimal| {
        if let Some(shape) = shapes.get(&cell.1) {
            let family = families.entry((cell.0.clone(), family(&cell.1).to_string())).or_default();
            family.insert(cell.1.clone(), FamilySibling { shape: *shape, price });
        }
    };
    for (cell, quote) in
        libcloud.iter().filter(|(cell, quote)| !quote.amount.is_zero() && !established.contains_key(*cell))
    {
        add(cell, quote.amount);
    }
    for (cell, verdict) in established {
        if let PriceVerdict::Known(quote, _) = verdict {
            add(cell, quote.amount);
        }
    }
    families
}

fn siblings(families: &FamilyPrices, cell: &PriceCell) -> Vec<FamilySibling> {
    families
        .get(&(cell.0.clone(), family(&cell.1).to_string()))
        .into_iter()
        .flatten()
        .filter(|(instance_type, _)| **instance_type != cell.1)
        .map(|(_, sibling)| *sibling)
        .collect()
}

/// Judges a cell that only libcloud has.
fn alone(quote: &PriceQuote, shape: TypeShape, siblings: &[FamilySibling]) -> PriceVerdict {
    if quote.amount.is_zero() {
        return PriceVerdict::Unknown(PriceDoubt::Zero);
    }
    let own = FamilySibling { shape, price: quote.amount };
    match fit_in_proportion(own, siblings).max(fit_on_line(own, siblings)) {
        ProportionFit::Confirmed => PriceVerdict::Known(quote.clone(), PriceBasis::Proportional),
        ProportionFit::Dearer => PriceVerdict::Unknown(PriceDoubt::Dearer),
        ProportionFit::Unconfirmed => PriceVerdict::Unknown(PriceDoubt::Unconfirmed),
    }
}

/// The relation of a price to its siblings. A later variant outweighs an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum ProportionFit {
    Unconfirmed,
    Dearer,
    Confirmed,
}

impl ProportionFit {
    /// Compares pairs that should be equal: the price that a sibling implies, and this price.
    /// `needed` equal pairs confirm it.
    fn of(pairs: impl Iterator<Item = (Decimal, Decimal)>, needed: usize) -> ProportionFit {
        let (mut same, mut cheaper) = (0, false);
        for (theirs, ours) in pairs {
            same += usize::from(is_close(theirs, ours) || (theirs - ours).abs() <= ROUNDING);
            cheaper |= is_surcharged(ours, theirs);
        }
        match (cheaper, same >= needed) {
            (true, _) => ProportionFit::Dearer,
            (false, true) => ProportionFit::Confirmed,
            (false, false) => ProportionFit::Unconfirmed,
        }
    }
}

/// Compares the price per unit of size with the siblings'. Two equal ones confirm it.
fn fit_in_proportion(own: FamilySibling, siblings: &[FamilySibling]) -> ProportionFit {
    let Some(units) = own.shape.units else { return ProportionFit::Unconfirmed };
    // Scaled to this size, so that this price's own rounding error is not scaled up.
    let scaled = |sibling: &FamilySibling| Some(sibling.price * units / sibling.shape.units?);
    let pairs = siblings.iter().filter_map(scaled).map(|implied| (implied, own.price));
    ProportionFit::of(pairs, 2)
}

/// Compares a GPU type with siblings that have as many GPUs: prices by vCPUs lie on a rising line,
/// whose base is the GPU's price. Three siblings on the line confirm it.
fn fit_on_line(own: FamilySibling, siblings: &[FamilySibling]) -> ProportionFit {
    let peers: Vec<FamilySibling> =
        siblings.iter().copied().filter(|s| s.shape.gpus == own.shape.gpus).collect();
    let lines = peers.iter().filter_map(|peer| line(own, *peer));
    let fits = lines.map(|(base, slope)| {
        let at = |peer: &FamilySibling| base + slope * Decimal::from(peer.shape.vcpus);
        ProportionFit::of(peers.iter().map(|peer| (peer.price, at(peer))), 3)
    });
    // Only a confirmation counts, because a line through a wrong sibling proves nothing.
    if own.shape.gpus > 0 && fits.into_iter().any(|fit| fit == ProportionFit::Confirmed) {
        ProportionFit::Confirmed
    } else {
        ProportionFit::Unconfirmed
    }
}

/// Returns the line through two prices, as (price without vCPUs, price per vCPU). `None` unless
/// both are above 0.
fn line(a: FamilySibling, b: FamilySibling) -> Option<(Decimal, Decimal)> {
    let run = Decimal::from(b.shape.vcpus - a.shape.vcpus);
    let slope = (b.price - a.price).checked_div(run)?;
    let base = a.price - slope * Decimal::from(a.shape.vcpus);
    (slope > Decimal::ZERO && base > Decimal::ZERO).then_some((base, slope))
}

/// Small prices are rounded to four decimals, so they may differ by 0.00005.
const ROUNDING: Decimal = Decimal::from_parts(5, 0, 0, false, 5);

/// Returns whether two prices differ by at most 0.1 %.
fn is_close(a: Decimal, b: Decimal) -> bool {
    (a - b).abs() <= b * Decimal::new(1, 3)
}

/// Returns whether `a` is `b` with the Dedicated surcharge of 6 % or 10 %. The limits are 5 % and
/// 12 %, because small prices are rounded.
fn is_surcharged(a: Decimal, b: Decimal) -> bool {
    a >= b * Decimal::new(105, 2) && a <= b * Decimal::new(112, 2)
}

fn family(instance_type: &str) -> &str {
    instance_type.split_once('.').map_or(instance_type, |(family, _)| family)
}

/// Returns the size of a type in eighths of an xlarge, from its name. A bare-metal name without a
/// number is sized by its vCPUs, 4 to an xlarge.
pub(crate) fn units(instance_type: &str, vcpus: i64) -> Option<Decimal> {
    let size = instance_type.split_once('.')?.1;
    let small = match size {
        "nano" => Decimal::new(25, 2),
        "micro" => Decimal::new(5, 1),
        "small" => Decimal::ONE,
        "medium" => Decimal::TWO,
        "large" => Decimal::from(4),
        "xlarge" => Decimal::from(8),
        "metal" => Decimal::from(vcpus * 2),
        _ => Decimal::ZERO,
    };
    if !small.is_zero() {
        return Some(small);
    }
    let number = size.strip_suffix("xlarge").or_else(|| size.strip_prefix("metal-")?.strip_suffix("xl"))?;
    number.parse::<i64>().ok().map(|xlarges| Decimal::from(xlarges * 8))
}

#[cfg(test)]
#[path = "rule_tests.rs"]
mod tests;
