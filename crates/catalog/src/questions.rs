use crate::Question;
use crate::question::row;

macro_rules! questions {
    ($($name:literal,)*) => {
        &[$(Question { name: $name, text: include_str!(concat!("../../../queries/", $name, ".sql")) },)*]
    };
}

/// Every named question, sorted by name.
pub const QUESTIONS: &[Question] = questions![
    "capacity/blocks",
    "capacity/quotas",
    "capacity/reservations",
    "capacity/usage",
    "commitment/hours",
    "commitment/owned",
    "commitment/usage",
    "cost/arrival",
    "cost/by-account",
    "cost/by-day",
    "cost/by-kind",
    "cost/by-service",
    "cost/by-split",
    "cost/by-tag",
    "cost/daily",
    "cost/daily-leaves",
    "cost/known-ends",
    "cost/newest-usage",
    "cost/priced-usage",
    "cost/repriced",
    "cost/statements",
    "cost/tag-keys",
    "cost/unused-commitments",
    "data/runs",
    "instance/benchmarks",
    "instance/facts",
    "instance/gpus",
    "instance/metrics",
    "instance/names",
    "instance/reported",
    "instance/utilization",
    "offering/everywhere",
    "offering/of-types",
    "offering/only-in",
    "offering/regions",
    "offering/zones",
    "price/changes",
    "price/cheapest-regions",
    "price/commitments",
    "price/current",
    "price/discounts",
    "price/held",
    "price/on-demand",
    "price/options",
    "price/per-gpu",
    "price/periods",
    "price/plan-periods",
    "price/purchase-options",
    "region/access",
    "region/list",
    "spot/band-stays",
    "spot/bands",
    "spot/cross-check",
    "spot/history",
    "spot/interruptions",
    "spot/latest",
    "spot/observed",
    "spot/region-bands",
    "spot/region-now",
    "spot/scores",
    "spot/steps",
    "spot/weekly",
];

/// The handwritten views as (name, SQL), in the order of their creation. Any other snapshot dataset
/// gets a view of its current rows.
pub const VIEWS: &[(&str, &str)] = &[
    ("instance_type_corrected", include_str!("../../../queries/views/instance_type_corrected.sql")),
    ("instance_type", include_str!("../../../queries/views/instance_type.sql")),
];

/// Returns the question of that name.
pub fn question(name: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.name == name)
}

/// The typed rows of the questions that programs use.
pub mod rows {
    use super::row;
    use crate::question::{CalendarDate, ChargeAmount, ChargeQuantity};
    use domain::{Decimal, Timestamp};

    pub use crate::purchase_rows::{
        CapacityBlockRow, CheapestCommitmentRow, DiscountRow, FreeReservationRow, PriceChangeRow,
        PurchaseOptionRow, QuotaRow, RegionAccessRow, RegionOfferRow, TypeBenchmarkRow, VcpuUsageRow,
    };
    pub use crate::spot_rows::{
        InterruptionBandRow, SpotLatestRow, SpotStepRow, SpotWeekRow, TypeOfferRow, TypePriceRow,
    };

    row! {
        /// The report of one run about one scope: a row of `data/runs`.
        pub struct CollectionRunRow {
            /// Id of the run.
            run_id: String,
            /// Name of the dataset.
            dataset: String,
            /// The scope: a region code, an account, or a path such as `account/region`; `*` is
            /// everything.
            scope: String,
            /// Source of the rows.
            source: String,
            /// The earliest instant covered by the rows.
            observed_from: Timestamp,
            /// Instant as of which the run describes its scope.
            observed_at: Timestamp,
            /// `complete`, `partial`, `empty`, `unchanged`, `failed` or `pruned`.
            outcome: String,
            /// Number of rows returned by the source.
            row_count: i64,
            /// Missing data, one reason per entry.
            gaps: Vec<String>,
        }
    }

    row! {
        /// The cost of one day and leaf: a row of `cost/daily`, `cost/daily-leaves` and
        /// `cost/unused-commitments`.
        pub struct DailyCostRow {
            /// The day on which the charges begin.
            day: CalendarDate,
            /// The payer: the account of the bill, or `*` if it is not known.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Usage, Purchase, Tax, Credit or Adjustment; `None` if not stated.
            charge_category: Option<String>,
            /// One-Time, Recurring or Usage-Based; `None` if not stated.
            charge_frequency: Option<String>,
            /// Account that used the service.
            sub_account_id: Option<String>,
            /// Service name.
            service_name: Option<String>,
            /// Region code.
            region_id: Option<String>,
            /// AWS usage type.
            usage_type: Option<String>,
            /// Resource id; `None` if it was not asked for.
            resource_id: Option<String>,
            /// Value of the tag; `None` without it, or if it was not asked for.
            tag_value: Option<String>,
            /// The cost; `None` if a line does not state it.
            cost: Option<ChargeAmount>,
            /// Number of lines of bills.
            lines: i64,
        }
    }

    row! {
        /// The charges of a leaf in a span of days: a row of `cost/priced-usage`.
        pub struct PricedUsageRow {
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Usage, Purchase, Tax, Credit or Adjustment; `None` if not stated.
            charge_category: Option<String>,
            /// Account that used the service.
            sub_account_id: Option<String>,
            /// Service name.
            service_name: Option<String>,
            /// Region code.
            region_id: Option<String>,
            /// AWS usage type.
            usage_type: Option<String>,
            /// Unit of the quantity.
            pricing_unit: Option<String>,
            /// The cost; `None` if a line does not state it.
            cost: Option<ChargeAmount>,
            /// The cost without any discount; `None` if a line does not state it.
            list_cost: Option<ChargeAmount>,
            /// The quantity; `None` if a line does not state it.
            quantity: Option<ChargeQuantity>,
            /// Number of lines of bills.
            lines: i64,
        }
    }

    row! {
        /// On-demand usage of one charge period under a Savings Plan: a row of `commitment/hours`.
        pub struct PlanHoursRow {
            /// The payer: the account of the bill, or `*` if it is not known.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Region code of an instance plan; `None` for a Compute plan.
            region_id: Option<String>,
            /// Family of an instance plan, such as m7i; `None` for a Compute plan.
            family: Option<String>,
            /// The hour in which the charge period begins.
            starts_at: Timestamp,
            /// Length of the charge period, hours.
            hours: i64,
            /// The cost on demand.
            cost: ChargeAmount,
            /// Price of a unit under the plan.
            plan_price: Decimal,
            /// The quantity in units, usually hours of an instance.
            quantity: ChargeQuantity,
        }
    }

    row! {
        /// On-demand usage that a Savings Plan could cover: a row of `commitment/usage`.
        pub struct PlanUsageRow {
            /// The payer: the account of the bill, or `*` if it is not known.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Region code.
            region_id: Option<String>,
            /// AWS usage type.
            usage_type: Option<String>,
            /// AWS operation.
            operation: Option<String>,
            /// Price of a unit under the plan; `None` without a rate.
            plan_price: Option<Decimal>,
            /// The cost on demand.
            cost: ChargeAmount,
            /// The quantity; `None` if a line does not state it.
            quantity: Option<ChargeQuantity>,
            /// Number of lines of bills.
            lines: i64,
            /// Number of known rates of that plan.
            known_rates: i64,
        }
    }

    row! {
        /// Lines of a bill with the price that they would have: a row of `cost/repriced`.
        pub struct RepricedRow {
            /// Service name.
            service_name: Option<String>,
            /// Line item type of CUR, or the category.
            line_type: Option<String>,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Instance type of the bill; `None` for lines that are no on-demand hours.
            own_type: Option<String>,
            /// Instance type of the price.
            instance_type: Option<String>,
            /// Region of the price.
            region: Option<String>,
            /// Operating system.
            os: Option<String>,
            /// Why the lines keep their cost; `None` with a price.
            reason: Option<String>,
            /// The price per hour; `None` without one.
            price_per_hour: Option<Decimal>,
            /// The account that used the hours; `None` without a price or an account.
            account_id: Option<String>,
            /// Day of the price; `None` without one.
            priced_on: Option<Timestamp>,
            /// The cost in the bill.
            actual_cost: ChargeAmount,
            /// The hours; `None` if a line does not state its quantity.
            quantity: Option<ChargeQuantity>,
            /// Number of lines of bills.
            lines: i64,
        }
    }

    row! {
        /// A reservation or Savings Plan of the bills: a row of `commitment/owned`.
        pub struct OwnedCommitmentRow {
            /// Id of the reservation or Savings Plan.
            commitment_discount_id: String,
            /// Savings Plan or Reserved Instances, as the source spells it.
            commitment_discount_type: Option<String>,
            /// The payer: the account of the bill, or `*` if it is not known.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Region code.
            region_id: Option<String>,
            /// Its start; `None` if the bills do not state it.
            starts_at: Option<Timestamp>,
            /// Its end; `None` if the bills do not state it.
            ends_at: Option<Timestamp>,
            /// Start of its newest fee.
            last_seen_at: Timestamp,
            /// Cost that no usage covered; `None` if no line states it.
            unused_cost: Option<ChargeAmount>,
        }
    }

    row! {
        /// A statement of a bill: a row of `cost/statements`.
        pub struct CostStatementRow {
            /// The payer: the account of the bill, or `*` if it is not known.
            payer: String,
            /// The month (2026-11), or the day from Cost Explorer (2026-11-03).
            period: String,
            /// The statement's own time.
            observed_at: Timestamp,
            /// Whether no newer statement had replaced it.
            is_valid: bool,
            /// The accounts of a linked account's own report; empty for one about all accounts.
            linked_accounts: Vec<String>,
        }
    }

    row! {
        /// Usage of a day in a replaced statement, and as it is known now: a row of `cost/arrival`.
        pub struct CostArrivalRow {
            /// The payer.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Time of the replaced statement.
            observed_at: Timestamp,
            /// The day.
            day: CalendarDate,
            /// Days before the newest day of the replaced statement.
            days_before: i64,
            /// Usage in the replaced statement.
            known_cost: ChargeAmount,
            /// Usage that is known now.
            present_cost: ChargeAmount,
        }
    }

    row! {
        /// The cost of an instance that ends at a known time: a row of `cost/known-ends`.
        pub struct KnownEndRow {
            /// Instance id.
            instance_id: String,
            /// Name of the instance.
            name: Option<String>,
            /// The time at which it ends.
            expires_at: Timestamp,
            /// The payer.
            payer: String,
            /// ISO 4217 currency code.
            billing_currency: String,
            /// Usage.
            charge_category: Option<String>,
            /// Account that used the service.
            sub_account_id: Option<String>,
            /// Service name.
            service_name: Option<String>,
            /// Region code.
            region_id: Option<String>,
            /// AWS usage type.
            usage_type: Option<String>,
            /// Resource id, as the bill spells it.
            resource_id: Option<String>,
            /// Mean cost a day; `None` if a charge does not state it.
            cost_per_day: Option<f64>,
        }
    }

    row! {
        /// The extent of the bills behind an answer: the row of `cost/newest-usage`.
        pub struct NewestUsageRow {
            /// Start of the newest usage; `None` without any charge.
            newest_usage: Option<Timestamp>,
            /// Payers without bills of the newest month, each with its own newest month.
            payers_left_out: Vec<String>,
            /// Payers with days from Cost Explorer beside the report of a linked account.
            payers_repeated: Vec<String>,
        }
    }

    row! {
        /// An instance type offered in a zone: a row of `offering/zones`.
        pub struct ZoneOfferRow {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Zone id; `None` if only the region is known.
            az_id: Option<String>,
        }
    }

    row! {
        /// The on-demand price of an instance type in a region: a row of `price/current`.
        pub struct OnDemandPriceRow {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// On-demand price per hour, in `currency`.
            price_per_hour: Decimal,
            /// ISO 4217 currency code.
            currency: String,
            /// Instant at which the source stated the price.
            observed_at: Timestamp,
            /// Source of the price.
            source: String,
            /// Why the price is trusted: `agreed`, `listed`, `proportional` or `published`.
            basis: String,
        }
    }

    row! {
        /// A quarantined price: a row of `price/held`.
        pub struct QuarantinedPrice {
            /// Id derived from product, region and price.
            held_id: String,
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Operating system.
            os: String,
            /// `shared` or `dedicated`.
            tenancy: String,
            /// `included`, `byol` or `none`.
            licence: String,
            /// Pre-installed software.
            software: String,
            /// On-demand price per hour, in `currency`.
            price_per_hour: Decimal,
            /// ISO 4217 currency code.
            currency: String,
            /// The median that it was compared with; `None` if there was nothing to compare.
            median_price: Option<Decimal>,
            /// Why it is quarantined.
            reason: String,
            /// Instant at which the source stated the price.
            observed_at: Timestamp,
            /// Source of the price.
            source: String,
            /// Id of the run that added it.
            run_id: String,
        }
    }

    row! {
        /// An observed spot price: a row of `spot/observed`.
        pub struct SpotPriceRow {
            /// Instance type.
            instance_type: String,
            /// Zone id.
            az_id: String,
            /// `linux`, `windows`, `rhel` or `suse`.
            product: String,
            /// Instant from which the price is valid.
            observed_at: Timestamp,
            /// Price per hour, in `currency`; `None` if the price ended or is not known.
            price_per_hour: Option<Decimal>,
            /// ISO 4217 currency code; `None` if it is not known.
            currency: Option<String>,
        }
    }

    row! {
        /// The price of a type in a region over a span of time: a row of `price/periods` and
        /// `price/plan-periods`.
        pub struct PricePeriodRow {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Price per hour, in `currency`.
            price_per_hour: Decimal,
            /// ISO 4217 currency code.
            currency: String,
            /// Start of the span in which it was the newest price.
            valid_from: Timestamp,
            /// End of that span; `None` if it lasts until the instant of the answer.
            valid_until: Option<Timestamp>,
            /// Instant at which the source stated the price.
            observed_at: Timestamp,
            /// Source of the price.
            source: String,
        }
    }

    row! {
        /// The answer to a request for a placement score: a row of `spot/scores`.
        pub struct SpotScoreRow {
            /// Score from 1 (least likely) to 10.
            score: i64,
            /// Region code.
            region: String,
            /// Zone id; `None` for the score of the whole region.
            az_id: Option<String>,
            /// Acceptable instance types.
            instance_types: Vec<String>,
            /// Number of requested instances.
            target_capacity: i64,
            /// Whether all instances are requested in one zone.
            single_zone: Option<bool>,
            /// Requesting account.
            account_id: String,
            /// Time of the answer.
            answered_at: Timestamp,
        }
    }

    row! {
        /// How often an interruption rate was the same later: a row of `spot/band-stays`.
        pub struct BandStayRow {
            /// Interruption rate, from 0 (lowest) to 4 (highest).
            band: i64,
            /// Number of types and regions that both statements have.
            compared: i64,
            /// Number of them with the same rate in the later statement.
            same: i64,
            /// Share of them, from 0 to 1.
            same_share: f64,
            /// Share with the highest rate in the later statement, from 0 to 1.
            highest_share: f64,
            /// Shortest distance of the statements, days.
            days_from: i64,
            /// Longest distance of the statements, days.
            days_until: i64,
        }
    }

    row! {
        /// The interruption rate of a type in a region: a row of `spot/region-bands`.
        pub struct RegionBandRow {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Interruption rate, from 0 (lowest) to 4 (highest).
            band: i64,
            /// Share of interrupted instances, such as 5-10%.
            band_label: Option<String>,
            /// Time of the statement.
            observed_at: Timestamp,
        }
    }

    row! {
        /// The spot price of a type in a zone: a row of `spot/region-now`.
        pub struct RegionSpotPriceRow {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Zone id.
            az_id: String,
            /// Price per hour, in `currency`; `None` if the price ended or is not known.
            price_per_hour: Option<Decimal>,
            /// ISO 4217 currency code; `None` if it is not known.
            currency: Option<String>,
        }
    }

    row! {
        /// A region with the number of its zones, types and prices: a row of `region/list`.
        pub struct RegionRow {
            /// Region code.
            region: String,
            /// Partition.
            partition: String,
            /// Display name, such as Europe (Ireland).
            name: Option<String>,
            /// Number of zones with a known id; `None` if the region was not collected.
            zones: Option<i64>,
            /// Number of instance types offered; `None` if the region was not collected.
            instance_types: Option<i64>,
            /// Number of instance types with a Linux on-demand price; `None` if the region was not
            /// collected.
            priced_types: Option<i64>,
        }
    }
}
