//! Which of a customer's own discounts applies to a price, and the price with it.

use domain::Decimal;

use crate::Day;

/// Decimals of a stored price.
const PRICE_SCALE: u32 = 10;

/// The effect of a discount.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DiscountRate {
    /// Percent of the list price that is not paid.
    Percent(Decimal),
    /// The agreed price per hour, in the discount's currency.
    PricePerHour(Decimal),
}

/// A discount that a customer has agreed with AWS. `None` in an attribute means any value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Discount {
    /// The customer's name of the discount.
    pub id: String,
    /// Account that uses the service.
    pub account_id: Option<String>,
    /// Service code, such as AmazonEC2.
    pub service: Option<String>,
    /// Region code.
    pub region: Option<String>,
    /// Family of instance types, such as m7i.
    pub family: Option<String>,
    /// Operating system.
    pub os: Option<String>,
    /// `on-demand`, `spot`, `reserved`, `compute-savings-plan` or `instance-savings-plan`.
    pub purchase: Option<String>,
    /// ISO 4217 code of the currency of the prices that it applies to.
    pub currency: Option<String>,
    /// First day on which it applies; `None` for any earlier one.
    pub starts_on: Option<Day>,
    /// Last day on which it applies; `None` for any later one.
    pub ends_on: Option<Day>,
    /// The effect.
    pub rate: DiscountRate,
}

/// The product that is paid for. An attribute that is not known is matched only by a discount for
/// any value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DiscountedProduct<'a> {
    /// Account that uses the service.
    pub account_id: Option<&'a str>,
    /// Service code.
    pub service: &'a str,
    /// Region code.
    pub region: Option<&'a str>,
    /// Family of instance types.
    pub family: Option<&'a str>,
    /// Operating system.
    pub os: Option<&'a str>,
    /// The way to pay, spelled as in [`Discount::purchase`].
    pub purchase: &'a str,
    /// ISO 4217 currency code of the price.
    pub currency: &'a str,
    /// Day of the use.
    pub day: Day,
}

/// Two discounts that apply to the same product and are equally specific.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiscountTie {
    /// Ids of both, in alphabetical order.
    pub ids: [String; 2],
}

impl Discount {
    /// Returns the price with the discount. A percentage is rounded half to even at the ten
    /// decimals of stored prices; it is `None` beyond 28 digits.
    pub fn apply(&self, list_price: Decimal) -> Option<Decimal> {
        match self.rate {
            DiscountRate::PricePerHour(price) => Some(price),
            DiscountRate::Percent(percent) => {
                let share = (Decimal::ONE_HUNDRED - percent) / Decimal::ONE_HUNDRED;
                list_price.checked_mul(share).map(|price| price.round_dp(PRICE_SCALE).normalize())
            }
        }
    }

    /// Returns a one-time payment with the discount. `None` for an agreed price per hour, because
    /// it does not state how much of it is paid at the start.
    pub fn apply_to_payment(&self, list_payment: Decimal) -> Option<Decimal> {
        match self.rate {
            DiscountRate::PricePerHour(_) => None,
            DiscountRate::Percent(_) => self.apply(list_payment),
        }
    }

    fn applies_to(&self, product: &DiscountedProduct<'_>) -> bool {
        let known = [
            product.account_id,
            Some(product.service),
            product.region,
            product.family,
            product.os,
            Some(product.purchase),
            Some(product.currency),
        ];
        let wanted = self.attributes().into_iter().chain([self.currency.as_deref()]);
        let is_in_force = self.starts_on.is_none_or(|first| first <= product.day)
            && self.ends_on.is_none_or(|last| last >= product.day);
        is_in_force && wanted.zip(known).all(|(wanted, known)| wanted.is_none() || wanted == known)
    }

    /// Returns the number of attributes that are not for any value. The currency does not count:
    /// it is the unit of the price.
    fn specificity(&self) -> usize {
        self.attributes().into_iter().flatten().count()
    }

    fn attributes(&self) -> [Option<&str>; 6] {
        [&self.account_id, &self.service, &self.region, &self.family, &self.os, &self.purchase]
            .map(Option::as_deref)
    }
}

/// Returns the discount that applies to a product: the one with the most attributes that are not
/// for any value. The order of `discounts` has no effect.
///
/// # Errors
/// Two of the most specific discounts apply.
pub fn find_discount<'d>(
    discounts: &'d [Discount],
    product: &DiscountedProduct<'_>,
) -> Result<Option<&'d Discount>, DiscountTie> {
    let mut found: Vec<&Discount> =
        discounts.iter().filter(|discount| discount.applies_to(product)).collect();
    let most = found.iter().map(|discount| discount.specificity()).max().unwrap_or(0);
    found.retain(|discount| discount.specificity() == most);
    found.sort_by(|a, b| a.id.cmp(&b.id));
    match found.as_slice() {
        [first, second, ..] => Err(DiscountTie { ids: [first.id.clone(), second.id.clone()] }),
        rest => Ok(rest.first().copied()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns a discount with these attributes, such as `region=us-east-1`.
    fn discount(id: &str, attributes: &str, rate: DiscountRate) -> Discount {
        let of = |name: &str| {
            let found = attributes.split(' ').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='));
            found.map(String::from)
        };
        Discount {
            id: id.into(),
            account_id: of("account"),
            service: of("service"),
            region: of("region"),
            family: of("family"),
            os: of("os"),
            purchase: of("purchase"),
            currency: of("currency"),
            starts_on: of("starts").map(|day| Day(day.parse().unwrap())),
            ends_on: of("ends").map(|day| Day(day.parse().unwrap())),
            rate,
        }
    }

    const PRODUCT: DiscountedProduct<'_> = DiscountedProduct {
        account_id: Some("111122223333"),
        service: "AmazonEC2",
        region: Some("us-east-1"),
        family: Some("m7i"),
        os: Some("linux"),
        purchase: "on-demand",
        currency: "USD",
        day: Day(20_000),
    };

    #[test]
    fn the_most_specific_discount_wins_and_a_tie_is_an_error() {
        let check = |attributes: &[&str], expected: Result<Option<&str>, [&str; 2]>| {
            let rate = DiscountRate::Percent(Decimal::TEN);
            let mut discounts: Vec<Discount> = attributes
                .iter()
                .zip(["a", "b", "c"])
                .map(|(attributes, id)| discount(id, attributes, rate))
                .collect();
            for _ in 0..2 {
                let found = find_discount(&discounts, &PRODUCT);
                let found = found.map(|found| found.map(|found| found.id.clone())).map_err(|tie| tie.ids);
                let expected = expected.map(|id| id.map(String::from)).map_err(|ids| ids.map(String::from));
                assert_eq!(found, expected, "{attributes:?}");
                discounts.reverse();
            }
        };
        check(&[], Ok(None));
        check(&[""], Ok(Some("a")));
        check(&["", "family=m7i"], Ok(Some("b")));
        check(&["region=us-east-1 os=linux", "family=m7i"], Ok(Some("a")));
        check(&["region=us-east-1", "family=m7i"], Err(["a", "b"]));
        check(&["region=us-east-1", "family=m7i", "os=linux purchase=on-demand"], Ok(Some("c")));
        check(&["", ""], Err(["a", "b"]));
        check(&["region=us-east-2"], Ok(None));
        check(&["family=m7g", "family=m7i"], Ok(Some("b")));
        check(&["account=444455556666", "account=111122223333"], Ok(Some("b")));
        check(&["service=AmazonRDS", "service=AmazonEC2"], Ok(Some("b")));
        check(&["purchase=spot"], Ok(None));
        check(&["currency=CNY", "currency=USD"], Ok(Some("b")));
        check(&["currency=USD", ""], Err(["a", "b"]));
        check(&["os=windows"], Ok(None));
        check(&["starts=20000 ends=20000"], Ok(Some("a")));
        check(&["starts=20001"], Ok(None));
        check(&["ends=19999", "ends=20001"], Ok(Some("b")));
        check(&["family=m7i ends=19999", ""], Ok(Some("b")));
        check(&["starts=19999", "ends=20001"], Err(["a", "b"]));
    }

    #[test]
    fn an_attribute_that_is_not_known_is_matched_by_any_alone() {
        let discounts = [discount("a", "account=111122223333", DiscountRate::Percent(Decimal::TEN))];
        let unknown = DiscountedProduct { account_id: None, ..PRODUCT };
        assert_eq!(find_discount(&discounts, &unknown), Ok(None));
        assert!(find_discount(&discounts, &PRODUCT).unwrap().is_some());
    }

    #[test]
    fn a_discount_changes_the_list_price() {
        let check = |rate: DiscountRate, list: &str, expected: Option<&str>| {
            let found = discount("a", "", rate).apply(list.parse().unwrap());
            assert_eq!(found, expected.map(|text| text.parse().unwrap()), "{rate:?} of {list}");
        };
        let percent = |text: &str| DiscountRate::Percent(text.parse().unwrap());
        check(percent("7.5"), "0.0960000000", Some("0.0888"));
        check(percent("0"), "0.1", Some("0.1"));
        check(percent("100"), "0.1", Some("0"));
        check(percent("50"), "0.0000000001", Some("0"));
        check(percent("50"), "0.0000000003", Some("0.0000000002"));
        let agreed = DiscountRate::PricePerHour("0.07".parse().unwrap());
        check(agreed, "0.1", Some("0.07"));
        let payment = |rate| discount("a", "", rate).apply_to_payment(Decimal::from(100));
        assert_eq!(payment(percent("7.5")), Some("92.5".parse().unwrap()));
        assert_eq!(payment(agreed), None);
    }
}
