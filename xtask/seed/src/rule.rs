//! Which of two flawed price tables is believed, cell by cell. Pure.
//!
//! sparecores holds Shared prices only, of an earlier day. libcloud is a year younger, but some cells are 0
//! and about one in six is the Dedicated price of the cell. That much the two say themselves: wherever both
//! price a cell, libcloud's value is the same or higher, and then nearly always by the 6 % or 10 % that
//! Dedicated costs. So a cell of sparecores stands unless libcloud contradicts it in another way, and a cell
//! of libcloud alone has to prove itself against the other sizes of its family in its region: they must
//! stand in proportion to it, and none may be cheaper by what Dedicated adds.

use std::collections::BTreeMap;

use domain::Decimal;

use crate::listings::{Cell, Listing, Quote};

/// What the rule needs to know of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Shape {
    /// Size in eighths of an xlarge; `None` when the name does not tell.
    pub(crate) units: Option<Decimal>,
    /// vCPUs by default.
    pub(crate) vcpus: i64,
    /// Whole GPUs.
    pub(crate) gpus: i64,
}

/// Why a price is believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Basis {
    /// Both sources say so.
    Agreed,
    /// sparecores says so, and libcloud says nothing or the Dedicated price.
    Listed,
    /// libcloud alone says so, and it fits the other sizes.
    Proportional,
}

impl Basis {
    /// As it is written into the `basis` column.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Basis::Agreed => "agreed",
            Basis::Listed => "listed",
            Basis::Proportional => "proportional",
        }
    }
}

/// Why there is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Doubt {
    /// The sources differ by something else than the Dedicated surcharge.
    Disputed,
    /// libcloud alone has a value, and it is 0.
    Zero,
    /// libcloud alone has a value, and another size is cheaper by the Dedicated surcharge.
    Dearer,
    /// libcloud alone has a value, and too few other sizes confirm it.
    Unconfirmed,
    /// Neither source has the cell.
    Unlisted,
}

impl Doubt {
    /// A lowercase fragment that says it to a person.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Doubt::Disputed => "the sources differ by something else than the Dedicated surcharge",
            Doubt::Zero => "only libcloud has it, as 0",
            Doubt::Dearer => "only libcloud has it, and another size is cheaper by the Dedicated surcharge",
            Doubt::Unconfirmed => "only libcloud has it, and too few other sizes confirm it",
            Doubt::Unlisted => "no source has it",
        }
    }
}

/// What the rule says of a cell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// A price to publish.
    Known(Quote, Basis),
    /// No price.
    Unknown(Doubt),
}

/// Judges every cell of both sources whose type has a shape; other types are no longer offered anywhere.
pub(crate) fn judge(
    sparecores: &Listing,
    libcloud: &Listing,
    shapes: &BTreeMap<String, Shape>,
) -> BTreeMap<Cell, Verdict> {
    let mut verdicts: BTreeMap<Cell, Verdict> =
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

/// A cell that sparecores has.
fn listed(sparecores: &Quote, libcloud: Option<&Quote>) -> Verdict {
    let Some(libcloud) = libcloud.filter(|quote| !quote.amount.is_zero()) else {
        return Verdict::Known(sparecores.clone(), Basis::Listed);
    };
    if close(libcloud.amount, sparecores.amount) {
        Verdict::Known(libcloud.clone(), Basis::Agreed)
    } else if is_surcharged(libcloud.amount, sparecores.amount) {
        Verdict::Known(sparecores.clone(), Basis::Listed)
    } else {
        Verdict::Unknown(Doubt::Disputed)
    }
}

/// A type and its price, beside others of its family and region.
#[derive(Debug, Clone, Copy)]
struct Sibling {
    shape: Shape,
    price: Decimal,
}

type Families = BTreeMap<(String, String), BTreeMap<String, Sibling>>;

/// The best known price of every type, by region and family: what sparecores established, else libcloud's.
fn families(
    established: &BTreeMap<Cell, Verdict>,
    libcloud: &Listing,
    shapes: &BTreeMap<String, Shape>,
) -> Families {
    let mut families = Families::new();
    let mut add = |cell: &Cell, price: Decimal| {
        if let Some(shape) = shapes.get(&cell.1) {
            let family = families.entry((cell.0.clone(), family(&cell.1).to_string())).or_default();
            family.insert(cell.1.clone(), Sibling { shape: *shape, price });
        }
    };
    for (cell, quote) in
        libcloud.iter().filter(|(cell, quote)| !quote.amount.is_zero() && !established.contains_key(*cell))
    {
        add(cell, quote.amount);
    }
    for (cell, verdict) in established {
        if let Verdict::Known(quote, _) = verdict {
            add(cell, quote.amount);
        }
    }
    families
}

fn siblings(families: &Families, cell: &Cell) -> Vec<Sibling> {
    families
        .get(&(cell.0.clone(), family(&cell.1).to_string()))
        .into_iter()
        .flatten()
        .filter(|(instance_type, _)| **instance_type != cell.1)
        .map(|(_, sibling)| *sibling)
        .collect()
}

/// A cell that only libcloud has.
fn alone(quote: &Quote, shape: Shape, siblings: &[Sibling]) -> Verdict {
    if quote.amount.is_zero() {
        return Verdict::Unknown(Doubt::Zero);
    }
    let own = Sibling { shape, price: quote.amount };
    match in_proportion(own, siblings).max(on_a_line(own, siblings)) {
        Fit::Confirmed => Verdict::Known(quote.clone(), Basis::Proportional),
        Fit::Dearer => Verdict::Unknown(Doubt::Dearer),
        Fit::Unconfirmed => Verdict::Unknown(Doubt::Unconfirmed),
    }
}

/// How a price sits among its siblings; a later one outweighs an earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fit {
    Unconfirmed,
    Dearer,
    Confirmed,
}

impl Fit {
    /// From pairs that ought to be equal: what a sibling says, what this price says.
    fn of(pairs: impl Iterator<Item = (Decimal, Decimal)>, needed: usize) -> Fit {
        let (mut same, mut cheaper) = (0, false);
        for (theirs, ours) in pairs {
            same += usize::from(close(theirs, ours) || (theirs - ours).abs() <= ROUNDING);
            cheaper |= is_surcharged(ours, theirs);
        }
        match (cheaper, same >= needed) {
            (true, _) => Fit::Dearer,
            (false, true) => Fit::Confirmed,
            (false, false) => Fit::Unconfirmed,
        }
    }
}

/// Whether two other sizes cost the same per unit of size.
fn in_proportion(own: Sibling, siblings: &[Sibling]) -> Fit {
    let Some(units) = own.shape.units else { return Fit::Unconfirmed };
    // Scaled to this size, not to the other's: what rounding hides grows with a price.
    let scaled = |sibling: &Sibling| Some(sibling.price * units / sibling.shape.units?);
    let pairs = siblings.iter().filter_map(scaled).map(|implied| (implied, own.price));
    Fit::of(pairs, 2)
}

/// Whether three other sizes with as many GPUs lie on one rising line with this one, price against vCPUs:
/// the GPU is the part that does not grow.
fn on_a_line(own: Sibling, siblings: &[Sibling]) -> Fit {
    let peers: Vec<Sibling> = siblings.iter().copied().filter(|s| s.shape.gpus == own.shape.gpus).collect();
    let lines = peers.iter().filter_map(|peer| line(own, *peer));
    let fits = lines.map(|(base, slope)| {
        let at = |peer: &Sibling| base + slope * Decimal::from(peer.shape.vcpus);
        Fit::of(peers.iter().map(|peer| (peer.price, at(peer))), 3)
    });
    // A line through a wrong peer refutes nothing: only a confirmation counts.
    if own.shape.gpus > 0 && fits.into_iter().any(|fit| fit == Fit::Confirmed) {
        Fit::Confirmed
    } else {
        Fit::Unconfirmed
    }
}

/// The line through two prices, as (price of no vCPU, price of a vCPU), both above 0.
fn line(a: Sibling, b: Sibling) -> Option<(Decimal, Decimal)> {
    let run = Decimal::from(b.shape.vcpus - a.shape.vcpus);
    let slope = (b.price - a.price).checked_div(run)?;
    let base = a.price - slope * Decimal::from(a.shape.vcpus);
    (slope > Decimal::ZERO && base > Decimal::ZERO).then_some((base, slope))
}

/// Small prices are rounded to four decimals.
const ROUNDING: Decimal = Decimal::from_parts(5, 0, 0, false, 5);

/// Within 0.1 %.
fn close(a: Decimal, b: Decimal) -> bool {
    (a - b).abs() <= b * Decimal::new(1, 3)
}

/// Whether `a` is `b` with the Dedicated surcharge: 6 % or 10 %, rounded as prices of small types are.
fn is_surcharged(a: Decimal, b: Decimal) -> bool {
    a >= b * Decimal::new(105, 2) && a <= b * Decimal::new(112, 2)
}

fn family(instance_type: &str) -> &str {
    instance_type.split_once('.').map_or(instance_type, |(family, _)| family)
}

/// The size of a type in eighths of an xlarge, from its name; a bare-metal name without a number is as big
/// as its vCPUs (4 to an xlarge).
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
