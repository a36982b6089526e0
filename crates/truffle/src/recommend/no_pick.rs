//! Why no pick satisfies the needs, and the cheapest need to relax.

use analysis::{NeedRelaxation, PickCandidate, find_relaxations, find_removing_need};

use super::needs::PickNeeds;
use super::picks::PurchasePick;
use crate::columns::exact_money_cell;

/// Returns the sentence on the need that removed the last type, and the cheapest single relaxation
/// in each currency: of all needs, and of that need. Without such a need, it is the unknown prices
/// of `unpriced` picks that removed the last type.
pub(crate) fn explain(
    candidates: &[PickCandidate<'_>],
    picks: &[PurchasePick<'_>],
    needs: &PickNeeds,
    unpriced: usize,
) -> Vec<String> {
    let Some(removed) = find_removing_need(candidates).filter(|_| unpriced == 0) else {
        return vec![match unpriced {
            0 => "no match: these regions sell no instance type in this market".to_string(),
            1 => "no match: 1 pick satisfies the needs, but its price is not known".to_string(),
            more => format!("no match: {more} picks satisfy the needs, but their prices are not known"),
        }];
    };
    let types = if removed.types == 1 { "type" } else { "types" };
    let typed = needs.typed(removed.need);
    let mut lines = vec![format!("no match: {typed} excluded the last {} {types}", removed.types)];
    // Another name is no way to relax a need.
    let relaxed = find_relaxations(candidates, |need| !needs.is_about_name(need));
    let describe = |one: &NeedRelaxation| describe(one, &picks[one.candidate], needs);
    lines.extend(relaxed.iter().map(|one| format!("cheapest single relaxation: {}", describe(one))));
    if !needs.is_about_name(removed.need) && relaxed.iter().all(|one| one.need != removed.need) {
        let of_last = find_relaxations(candidates, |need| need == removed.need);
        lines.extend(of_last.iter().map(|one| format!("or relax {}", describe(one))));
    }
    if relaxed.is_empty() && candidates.iter().any(|one| one.verdicts.len() > 1) {
        lines
            .push("no single relaxation leads to a pick with a known price; relax several needs".to_string());
    }
    lines
}

/// Describes a relaxation: the need, how the pick misses it, and the price of the pick.
fn describe(relaxation: &NeedRelaxation, pick: &PurchasePick<'_>, needs: &PickNeeds) -> String {
    let price = pick
        .offer
        .price_per_hour
        .map_or("unknown".to_string(), |price| exact_money_cell(price, pick.offer.currency.as_deref()));
    let [name, region, ..] = pick.name();
    let (typed, miss) = (needs.typed(relaxation.need), needs.miss(relaxation.need, pick));
    format!("{typed}: {name} {miss} ({region}, {} at {price} an hour)", pick.label)
}
