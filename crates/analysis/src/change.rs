//! Why a cost changed from one period to another.

use crate::ExactCost;

/// The charges of one leaf (account, service, region, usage type, unit) in one period.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PricedUsage {
    /// The cost.
    pub cost: ExactCost,
    /// The cost at public on-demand prices; `None` if the source does not state it.
    pub list_cost: Option<ExactCost>,
    /// The quantity in units of 10^-18; `None` if the source does not state it.
    pub quantity: Option<i128>,
}

/// A change of cost and its parts, which add up to the change to the last digit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CostChange {
    /// Cost in the earlier period.
    pub before: ExactCost,
    /// Cost in the later period.
    pub after: ExactCost,
    /// Effect of changed public prices: (p1 − p0)(q0 + q1)/2 of the list price p.
    pub list_price: ExactCost,
    /// Effect of changed discounts: the effect of the price paid, less that of the list price. All
    /// of the price effect where the source states no list cost.
    pub discount: ExactCost,
    /// Effect of changed quantities: (q1 − q0)(p0 + p1)/2.
    pub quantity: ExactCost,
    /// Cost of leaves without charges in the earlier period.
    pub new: ExactCost,
    /// Cost, with a minus sign, of leaves without charges in the later period.
    pub gone: ExactCost,
    /// Change of fees, credits, refunds and tax, and of usage without a quantity.
    pub unsplit: ExactCost,
}

impl CostChange {
    /// The change: the sum of all effects.
    pub fn total(&self) -> ExactCost {
        self.after - self.before
    }

    /// The effect of changed prices, list price and discount together.
    pub fn price(&self) -> ExactCost {
        self.list_price + self.discount
    }

    /// Explains the change of one leaf. `None` stands for a period without charges of the leaf.
    pub fn of_leaf(before: Option<PricedUsage>, after: Option<PricedUsage>) -> CostChange {
        let cost = |usage: Option<PricedUsage>| usage.map_or(ExactCost::ZERO, |usage| usage.cost);
        let ends = CostChange { before: cost(before), after: cost(after), ..CostChange::default() };
        match (before, after) {
            (Some(before), Some(after)) => ends.split(before, after),
            (None, _) => CostChange { new: ends.after, ..ends },
            (_, None) => CostChange { gone: -ends.before, ..ends },
        }
    }

    /// The change of charges without a price of their own: fees, credits, refunds and tax.
    pub fn of_charges(before: ExactCost, after: ExactCost) -> CostChange {
        CostChange { before, after, unsplit: after - before, ..CostChange::default() }
    }

    fn split(self, before: PricedUsage, after: PricedUsage) -> CostChange {
        let total = self.total();
        let price = quantities(before, after).and_then(|q| price_effect(before.cost, after.cost, q));
        let Some(price) = price else { return CostChange { unsplit: total, ..self } };
        let list_costs = before.list_cost.zip(after.list_cost);
        let list_price = quantities(before, after)
            .zip(list_costs)
            .and_then(|(q, (before, after))| price_effect(before, after, q))
            .unwrap_or(ExactCost::ZERO);
        CostChange { list_price, discount: price - list_price, quantity: total - price, ..self }
    }

    /// The change of two groups of leaves together.
    pub fn plus(&self, other: &CostChange) -> CostChange {
        CostChange {
            before: self.before + other.before,
            after: self.after + other.after,
            list_price: self.list_price + other.list_price,
            discount: self.discount + other.discount,
            quantity: self.quantity + other.quantity,
            new: self.new + other.new,
            gone: self.gone + other.gone,
            unsplit: self.unsplit + other.unsplit,
        }
    }
}

/// The quantities of both periods; `None` if one is unknown or not above 0, so has no price.
fn quantities(before: PricedUsage, after: PricedUsage) -> Option<(i128, i128)> {
    before.quantity.zip(after.quantity).filter(|(q0, q1)| *q0 > 0 && *q1 > 0)
}

/// (p1 − p0)(q0 + q1)/2 with the prices p = c/q, which is (c1 − c0 + c1·q0/q1 − c0·q1/q0)/2. `None`
/// if a part does not fit.
fn price_effect(c0: ExactCost, c1: ExactCost, (q0, q1): (i128, i128)) -> Option<ExactCost> {
    Some((c1 - c0 + c1.scaled(q0, q1)? - c0.scaled(q1, q0)?).half())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const ONE: i128 = 10_i128.pow(18);

    fn usage(cost: i128, list_cost: i128, quantity: i128) -> Option<PricedUsage> {
        Some(PricedUsage {
            cost: ExactCost(cost * ONE),
            list_cost: Some(ExactCost(list_cost * ONE)),
            quantity: Some(quantity * ONE),
        })
    }

    fn parts(change: &CostChange) -> [ExactCost; 6] {
        let CostChange { list_price, discount, quantity, new, gone, unsplit, .. } = *change;
        [list_price, discount, quantity, new, gone, unsplit]
    }

    #[test]
    fn a_change_is_split_into_price_discount_and_quantity() {
        let check = |before, after, expected: [i128; 6]| {
            let found = parts(&CostChange::of_leaf(before, after));
            assert_eq!(found, expected.map(|part| ExactCost(part * ONE)));
        };
        // 10 at 2 become 20 at 3: the price effect is 1 × 15, the quantity effect 10 × 2.5.
        check(usage(20, 20, 10), usage(60, 60, 20), [15, 0, 25, 0, 0, 0]);
        // The list price stays at 2, and a discount of 50 % begins.
        check(usage(20, 20, 10), usage(10, 20, 10), [0, -10, 0, 0, 0, 0]);
        check(usage(20, 20, 10), usage(40, 40, 20), [0, 0, 20, 0, 0, 0]);
        check(None, usage(7, 7, 1), [0, 0, 0, 7, 0, 0]);
        check(usage(7, 7, 1), None, [0, 0, 0, 0, -7, 0]);
        let free = Some(PricedUsage { quantity: None, ..usage(5, 5, 1).unwrap() });
        check(free, usage(9, 9, 1), [0, 0, 0, 0, 0, 4]);
        check(usage(5, 5, 0), usage(9, 9, 1), [0, 0, 0, 0, 0, 4]);
    }

    #[test]
    fn an_unchanged_price_has_no_effect_even_if_it_is_not_a_decimal_number() {
        let third = |quantity: i128| {
            Some(PricedUsage { cost: ExactCost(quantity), list_cost: None, quantity: Some(3 * quantity) })
        };
        let change = CostChange::of_leaf(third(7 * ONE + 1), third(12_345_678_901_234_567_891));
        assert_eq!(change.price(), ExactCost::ZERO);
        assert_eq!(change.quantity, change.total());
    }

    fn any_usage() -> impl Strategy<Value = PricedUsage> {
        let amount = || -(10_i128.pow(28))..10_i128.pow(28);
        let list = prop::option::of(amount().prop_map(ExactCost));
        let quantity = prop::option::of(prop_oneof![Just(0), -ONE..10_i128.pow(30), 0..100_i128]);
        (amount(), list, quantity).prop_map(|(cost, list_cost, quantity)| PricedUsage {
            cost: ExactCost(cost),
            list_cost,
            quantity,
        })
    }

    proptest! {
        #[test]
        fn the_parts_of_every_group_add_up_to_its_change_to_the_last_digit(
            leaves in prop::collection::vec(
                (prop::option::of(any_usage()), prop::option::of(any_usage())),
                0..12,
            ),
        ) {
            let mut all = CostChange::default();
            for (before, after) in &leaves {
                let change = CostChange::of_leaf(*before, *after);
                prop_assert_eq!(parts(&change).into_iter().sum::<ExactCost>(), change.total());
                all = all.plus(&change);
            }
            prop_assert_eq!(parts(&all).into_iter().sum::<ExactCost>(), all.total());
            let cost = |usage: &Option<PricedUsage>| usage.map_or(ExactCost::ZERO, |usage| usage.cost);
            prop_assert_eq!(all.before, leaves.iter().map(|(before, _)| cost(before)).sum());
            prop_assert_eq!(all.after, leaves.iter().map(|(_, after)| cost(after)).sum());
        }
    }
}
