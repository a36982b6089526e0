//! Where a product is cheapest: places in the order of their price now, and how that order held
//! before.
//!
//! The order is by the price now alone. Over the spot prices of 2023 that rule cost 1.03 times the
//! best choice of the next four weeks, the place that was cheapest most often 1.10 times: see
//! `docs/models.md`.

use domain::Decimal;

/// A place in which a product may be bought. All places of one comparison have one currency.
#[derive(Debug, Clone, PartialEq)]
pub struct MarketPlace {
    /// Whether the product is offered there; `None` if that is not known.
    pub is_offered: Option<bool>,
    /// Price per hour now; `None` if it is not known.
    pub price_now: Option<Decimal>,
    /// Prices at the ends of past days, the same days for all places; `None` if not known.
    pub past_prices: Vec<Option<Decimal>>,
}

/// A place in its order, with its past.
#[derive(Debug, Clone, PartialEq)]
pub struct PlaceRank {
    /// Index of the place in the comparison.
    pub place: usize,
    /// Price per hour now.
    pub price_now: Decimal,
    /// Share of the past days on which it was the cheapest, from 0 to 1; ties count for each. A day
    /// on which its price is not known counts as a day on which it was not. `None` without a day
    /// with any price.
    pub cheapest_share: Option<f64>,
    /// The largest excess over the cheapest place of a day, percent; `None` without a day with its
    /// price.
    pub worst_premium_percent: Option<f64>,
    /// Number of past days with a known price.
    pub days_known: usize,
}

/// Returns the places with a price now, cheapest first, and in their given order at equal prices.
/// A place that is known not to offer the product is left out, of the past too.
pub fn rank_places(places: &[MarketPlace]) -> Vec<PlaceRank> {
    let counts = |place: &&MarketPlace| place.is_offered != Some(false);
    let days = places.iter().map(|place| place.past_prices.len()).max().unwrap_or_default();
    let price_on = |place: &MarketPlace, day: usize| place.past_prices.get(day).copied().flatten();
    let cheapest: Vec<Option<Decimal>> = (0..days)
        .map(|day| places.iter().filter(counts).filter_map(|place| price_on(place, day)).min())
        .collect();
    let compared = cheapest.iter().flatten().count();
    let rank = |(at, place): (usize, &MarketPlace)| {
        let price_now = place.price_now?;
        let known: Vec<(Decimal, Decimal)> =
            (0..days).filter_map(|day| Some((price_on(place, day)?, cheapest[day]?))).collect();
        let cheapest_days = known.iter().filter(|(own, best)| own == best).count();
        Some(PlaceRank {
            place: at,
            price_now,
            cheapest_share: (compared > 0).then(|| cheapest_days as f64 / compared as f64),
            worst_premium_percent: known
                .iter()
                .filter_map(|(own, best)| premium_percent(*own, *best))
                .max_by(f64::total_cmp),
            days_known: known.len(),
        })
    };
    let mut ranks: Vec<PlaceRank> =
        places.iter().enumerate().filter(|(_, place)| counts(place)).filter_map(rank).collect();
    ranks.sort_by_key(|rank| (rank.price_now, rank.place));
    ranks
}

/// Returns the excess of a price over another one, percent; `None` if the other one is 0.
pub fn premium_percent(price: Decimal, base: Decimal) -> Option<f64> {
    let ratio = price.checked_div(base).filter(|_| base > Decimal::ZERO)?;
    Some(100.0 * (f64::try_from(ratio).ok()? - 1.0))
}

/// A move of data to another place, once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DataMove {
    /// Data to move, GB.
    pub gigabytes: Decimal,
    /// Price of the transfer per GB; `None` if it is not known.
    pub price_per_gigabyte: Option<Decimal>,
    /// Hours of use after the move; `None` if they are not known.
    pub hours: Option<Decimal>,
}

impl DataMove {
    /// Returns the saving of the hours of use less the price of the transfer. `None` if one of them
    /// is not known.
    pub fn net_saving(&self, from: Decimal, to: Decimal) -> Option<Decimal> {
        let saving = from.checked_sub(to)?.checked_mul(self.hours?)?;
        saving.checked_sub(self.transfer_price()?)
    }

    /// Returns the hours of use after which the saving has paid for the transfer. `None` if the
    /// other place is not cheaper, or if the price of the transfer is not known.
    pub fn break_even_hours(&self, from: Decimal, to: Decimal) -> Option<Decimal> {
        let saving = from.checked_sub(to).filter(|saving| *saving > Decimal::ZERO)?;
        self.transfer_price()?.checked_div(saving)
    }

    fn transfer_price(&self) -> Option<Decimal> {
        self.gigabytes.checked_mul(self.price_per_gigabyte?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(text: &str) -> Option<Decimal> {
        text.parse().ok()
    }

    fn place(is_offered: Option<bool>, now: &str, past: &[&str]) -> MarketPlace {
        let past_prices = past.iter().map(|text| price(text)).collect();
        MarketPlace { is_offered, price_now: price(now), past_prices }
    }

    fn order(places: &[MarketPlace]) -> Vec<usize> {
        rank_places(places).iter().map(|rank| rank.place).collect()
    }

    #[test]
    fn places_are_in_the_order_of_their_price_now() {
        let usual = [place(Some(true), "0.2", &["0.1", "0.1"]), place(Some(true), "0.10", &["0.3", "0.3"])];
        assert_eq!(order(&usual), [1, 0], "the past does not change the order");
        let equal = [place(Some(true), "0.1", &[]), place(Some(true), "0.10", &[])];
        assert_eq!(order(&equal), [0, 1]);
        assert_eq!(rank_places(&[]), []);
    }

    #[test]
    fn a_place_without_an_offer_or_a_price_never_wins() {
        let places = [
            place(Some(false), "0.01", &["0.01"]),
            place(None, "0.2", &["0.2"]),
            place(Some(true), "", &["0.02"]),
            place(Some(true), "0.1", &["0.3"]),
        ];
        let ranks = rank_places(&places);
        assert_eq!(ranks.iter().map(|rank| rank.place).collect::<Vec<_>>(), [3, 1]);
        // The place without a price now was the cheapest, the one without an offer was not.
        assert_eq!(ranks[0].cheapest_share, Some(0.0));
        assert_eq!(ranks[0].worst_premium_percent, Some(1400.0));
    }

    #[test]
    fn the_past_counts_days_and_the_worst_premium() {
        let ranks = rank_places(&[
            place(Some(true), "0.1", &["0.1", "0.2", "", ""]),
            place(Some(true), "0.2", &["0.1", "0.1", "0.3", ""]),
        ]);
        let found: Vec<_> = ranks
            .iter()
            .map(|rank| (rank.cheapest_share.unwrap(), rank.worst_premium_percent, rank.days_known))
            .collect();
        assert_eq!(found, [(1.0 / 3.0, Some(100.0), 2), (1.0, Some(0.0), 3)]);
        assert_eq!(rank_places(&[place(Some(true), "0.1", &[""])])[0].cheapest_share, None);
    }

    #[test]
    fn a_move_pays_for_its_transfer() {
        let check = |per_gigabyte: &str, hours: &str, net: &str, break_even: &str| {
            let moved = DataMove {
                gigabytes: Decimal::from(500),
                price_per_gigabyte: price(per_gigabyte),
                hours: price(hours),
            };
            let (from, to) = (price("0.3").unwrap(), price("0.1").unwrap());
            assert_eq!(moved.net_saving(from, to), price(net), "{per_gigabyte} {hours}");
            assert_eq!(moved.break_even_hours(from, to), price(break_even), "{per_gigabyte} {hours}");
            assert_eq!(moved.break_even_hours(to, from), None);
        };
        check("0.02", "720", "134", "50");
        check("0.02", "", "", "50");
        check("", "720", "", "");
        check("0", "10", "2", "0");
    }
}
