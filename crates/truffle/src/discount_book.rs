//! The customer's own discounts that apply at the instant of an answer.

use analysis::{Discount, DiscountRate, DiscountedProduct, find_discount};
use catalog::rows::DiscountRow;
use console::{Failure, FailureKind};

use crate::CommandPorts;
use crate::region_scope::rows;

/// The discounts of an answer. The default has none.
#[derive(Debug, Default)]
pub(crate) struct DiscountBook {
    discounts: Vec<Discount>,
}

impl DiscountBook {
    /// Loads the discounts that apply at the instant of the answer.
    pub(crate) fn load(ports: &CommandPorts<'_>) -> Result<DiscountBook, Failure> {
        let found: Vec<DiscountRow> = rows(ports.answer("price/discounts", &[])?)?;
        Ok(DiscountBook { discounts: found.into_iter().filter_map(read_discount).collect() })
    }

    /// Returns the discount that applies to a product.
    ///
    /// # Errors
    /// Two discounts apply and are equally specific: a data failure with the ids of both.
    pub(crate) fn find(&self, product: &DiscountedProduct<'_>) -> Result<Option<&Discount>, Failure> {
        find_discount(&self.discounts, product).map_err(|tie| {
            let [one, other] = tie.ids;
            let place = [product.family, product.region, Some(product.purchase)];
            let product: Vec<&str> = place.into_iter().flatten().collect();
            Failure::new(
                FailureKind::Data,
                format!(
                    "the discounts \"{one}\" and \"{other}\" apply equally to {}: neither is more specific",
                    product.join(" ")
                ),
            )
            .hint("correct the file, then collector import discount FILE; --no-discount shows list prices")
        })
    }
}

/// Reads a row; `None` if it has neither a percentage nor a price.
fn read_discount(row: DiscountRow) -> Option<Discount> {
    let rate = match (row.percent, row.price_per_hour) {
        (_, Some(price)) => DiscountRate::PricePerHour(price),
        (Some(percent), None) => DiscountRate::Percent(percent),
        (None, None) => return None,
    };
    Some(Discount {
        id: row.discount_id,
        account_id: row.account_id,
        service: row.service,
        region: row.region,
        family: row.family,
        os: row.os,
        purchase: row.purchase,
        currency: row.currency,
        rate,
    })
}
