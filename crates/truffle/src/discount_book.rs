//! The customer's own discounts, and the prices with them.

use std::collections::BTreeSet;

use analysis::{Day, Discount, DiscountRate, DiscountedProduct, find_discount};
use catalog::rows::DiscountRow;
use clap::Args;
use console::{Failure, FailureKind, Printer};

use crate::CommandPorts;
use crate::cost_days::day_of;
use crate::region_scope::rows;

/// Flags about own discounts.
#[derive(Debug, Args)]
pub struct DiscountArgs {
    /// Account of the usage, for discounts of an account [default: only those of any account]
    #[arg(long, value_name = "ACCOUNT", conflicts_with = "no_discount", help_heading = "Price")]
    pub account: Option<String>,
    /// Leave out own discounts and show list prices
    #[arg(long, help_heading = "Price")]
    pub no_discount: bool,
}

impl DiscountArgs {
    /// Loads the discounts, unless list prices are wanted.
    ///
    /// # Errors
    /// `--account` is not an account id, or the warehouse fails.
    pub(crate) fn terms(&self, ports: &CommandPorts<'_>) -> Result<CustomerTerms, Failure> {
        let is_account = |text: &str| text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit());
        if let Some(account) = self.account.as_deref().filter(|account| !is_account(account)) {
            return Err(Failure::usage(format!(
                "--account \"{account}\" is not an account id; expected 12 digits"
            ))
            .hint("find the id with aws sts get-caller-identity"));
        }
        let discounts = DiscountBook::load_unless(self.no_discount, ports)?;
        Ok(CustomerTerms { discounts, account_id: self.account.clone(), day: day_of(ports.as_of) })
    }
}

/// The customer behind an answer: the discounts, the account that uses the service, and the day.
#[derive(Debug)]
pub(crate) struct CustomerTerms {
    /// The discounts; none for list prices.
    pub(crate) discounts: DiscountBook,
    /// The account, if it is known.
    pub(crate) account_id: Option<String>,
    /// The day of the answer.
    pub(crate) day: Day,
}

impl CustomerTerms {
    /// Returns the discount that applies to the hours of an instance type.
    ///
    /// # Errors
    /// As [`DiscountBook::find`].
    pub(crate) fn find(&self, hours: &InstanceHours<'_>) -> Result<Option<&Discount>, Failure> {
        self.discounts.find(hours, self.account_id.as_deref(), self.day)
    }
}

/// Hours of an instance type in a region, and the way to pay for them.
pub(crate) struct InstanceHours<'a> {
    /// Instance type.
    pub(crate) instance_type: &'a str,
    /// Region code.
    pub(crate) region: &'a str,
    /// Operating system.
    pub(crate) os: &'a str,
    /// The way to pay, spelled as in [`Discount::purchase`].
    pub(crate) purchase: &'a str,
    /// ISO 4217 currency code of the price.
    pub(crate) currency: &'a str,
}

/// The discounts of an answer. The default has none.
#[derive(Debug, Default)]
pub(crate) struct DiscountBook {
    discounts: Vec<Discount>,
}

impl DiscountBook {
    /// Loads the discounts that were stated by the instant of the answer, of all days; none if list
    /// prices are wanted.
    pub(crate) fn load_unless(
        wants_list_prices: bool,
        ports: &CommandPorts<'_>,
    ) -> Result<DiscountBook, Failure> {
        if wants_list_prices {
            return Ok(DiscountBook::default());
        }
        let found: Vec<DiscountRow> = rows(ports.answer("price/discounts", &[("in_force", "ever")])?)?;
        Ok(DiscountBook { discounts: found.into_iter().filter_map(read_discount).collect() })
    }

    /// Returns the discount that applies to the hours of an account on a day.
    ///
    /// # Errors
    /// Two discounts apply and are equally specific: a data failure with the ids of both.
    pub(crate) fn find(
        &self,
        hours: &InstanceHours<'_>,
        account_id: Option<&str>,
        day: Day,
    ) -> Result<Option<&Discount>, Failure> {
        let product = DiscountedProduct {
            account_id,
            service: "AmazonEC2",
            region: Some(hours.region),
            family: hours.instance_type.split('.').next(),
            os: Some(hours.os),
            purchase: hours.purchase,
            currency: hours.currency,
            day,
        };
        find_discount(&self.discounts, &product).map_err(|tie| {
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

/// Notes the discounts behind the prices of an answer. Returns whether there are any.
pub(crate) fn note_discounts<'a>(ids: impl Iterator<Item = &'a str>, printer: &mut Printer) -> bool {
    let ids: Vec<&str> = ids.collect::<BTreeSet<&str>>().into_iter().collect();
    if !ids.is_empty() {
        printer.note(&format!("own discounts apply: {}; --no-discount shows list prices", ids.join(", ")));
    }
    !ids.is_empty()
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
        starts_on: row.starts_on.map(day_of),
        ends_on: row.ends_on.map(day_of),
        rate,
    })
}
