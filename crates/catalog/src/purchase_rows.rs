//! Typed rows of the questions about ways to pay, discounts and capacity.

use domain::{Decimal, Timestamp};

use crate::question::row;

row! {
    /// A region and its offer of an instance type: a row of `offering/regions`.
    pub struct RegionOfferRow {
        /// Region code.
        region: String,
        /// Whether the region offers the type; `None` if its offerings were not collected.
        is_offered: Option<bool>,
        /// Zone ids, sorted; empty if only the region is known.
        az_ids: Vec<String>,
        /// Since when this lake knows the offer; `None` if it never did.
        first_observed_at: Option<Timestamp>,
        /// Whether prices of the region were collected.
        has_prices: bool,
    }
}

row! {
    /// A way to pay for an instance type: a row of `price/purchase-options`.
    pub struct PurchaseOptionRow {
        /// Region code.
        region: String,
        /// Zone id of a spot price.
        az_id: Option<String>,
        /// `on-demand`, `spot`, `reserved`, `compute-savings-plan` or `instance-savings-plan`.
        purchase: String,
        /// `standard` or `convertible`; `None` unless reserved.
        offering_class: Option<String>,
        /// Length of the term, years; `None` without a term.
        lease_years: Option<i64>,
        /// `no-upfront`, `partial-upfront` or `all-upfront`; `None` without a term.
        payment: Option<String>,
        /// Price per hour, in `currency`; `None` if the only known one is quarantined, or if a
        /// spot price ended.
        price_per_hour: Option<Decimal>,
        /// One-time payment at the start of the term.
        upfront_price: Option<Decimal>,
        /// ISO 4217 currency code; `None` if a spot price does not state it.
        currency: Option<String>,
        /// The newer on-demand price that is quarantined.
        quarantined_price_per_hour: Option<Decimal>,
        /// Interruption rate of spot, from 0 (lowest) to 4.
        band: Option<i64>,
        /// Instant at which the source stated the price.
        observed_at: Timestamp,
        /// Source of the price; `None` if the log of runs no longer has it.
        source: Option<String>,
    }
}

row! {
    /// The cheapest commitment of a length for an instance type: a row of `price/commitments`.
    pub struct CheapestCommitmentRow {
        /// Instance type.
        instance_type: String,
        /// Region code.
        region: String,
        /// `reserved`, `compute-savings-plan` or `instance-savings-plan`.
        purchase: String,
        /// Length of the term, years.
        lease_years: i64,
        /// `no-upfront`, `partial-upfront` or `all-upfront`.
        payment: Option<String>,
        /// Price per hour, in `currency`.
        price_per_hour: Decimal,
        /// ISO 4217 currency code.
        currency: String,
        /// Instant at which the source stated the price.
        observed_at: Timestamp,
    }
}

row! {
    /// The best measured value of an instance type: a row of `instance/benchmarks`.
    pub struct TypeBenchmarkRow {
        /// Instance type.
        instance_type: String,
        /// The best value, in the unit of the metric.
        best: f64,
        /// Number of measurements.
        measurements: i64,
        /// On-demand Linux price per hour, in `currency`.
        price_per_hour: Option<Decimal>,
        /// ISO 4217 currency code.
        currency: Option<String>,
        /// The best value per unit of the hourly price.
        per_price_unit: Option<f64>,
        /// Instant at which the source stated the price.
        price_observed_at: Option<Timestamp>,
        /// Source of the best value.
        source: String,
    }
}

row! {
    /// A price of a way to pay, until the next one: a row of `price/changes`.
    pub struct PriceChangeRow {
        /// Region code.
        region: String,
        /// `on-demand`, `reserved`, `compute-savings-plan` or `instance-savings-plan`.
        purchase: String,
        /// `standard` or `convertible`; `None` unless reserved.
        offering_class: Option<String>,
        /// Length of the term, years; `None` without a term.
        lease_years: Option<i64>,
        /// `no-upfront`, `partial-upfront` or `all-upfront`; `None` without a term.
        payment: Option<String>,
        /// ISO 4217 currency code.
        currency: String,
        /// The price per hour before; `None` for the first one.
        old_price_per_hour: Option<Decimal>,
        /// The price per hour.
        new_price_per_hour: Decimal,
        /// Time of the first statement of the price.
        first_observed_at: Timestamp,
        /// Time of the last statement of the price.
        last_observed_at: Timestamp,
        /// Source of the first statement.
        source: String,
    }
}

row! {
    /// A customer's own discount: a row of `price/discounts`. `None` in an attribute means any
    /// value.
    pub struct DiscountRow {
        /// The customer's name of the discount.
        discount_id: String,
        /// Account that uses the service.
        account_id: Option<String>,
        /// Service code.
        service: Option<String>,
        /// Region code.
        region: Option<String>,
        /// Family of instance types.
        family: Option<String>,
        /// Operating system.
        os: Option<String>,
        /// The way to pay.
        purchase: Option<String>,
        /// Percent of the list price that is not paid; `None` with an agreed price.
        percent: Option<Decimal>,
        /// Agreed price per hour, in `currency`; `None` with a percentage.
        price_per_hour: Option<Decimal>,
        /// ISO 4217 code of the currency of the prices that it applies to.
        currency: Option<String>,
        /// Start of the first day on which it applies.
        starts_on: Option<Timestamp>,
        /// Start of the last day on which it applies.
        ends_on: Option<Timestamp>,
    }
}

row! {
    /// A region of an account: a row of `region/access`.
    pub struct RegionAccessRow {
        /// Account id.
        account_id: String,
        /// Region code.
        region: String,
        /// Display name.
        name: Option<String>,
        /// `opt-in-not-required`, `opted-in` or `not-opted-in`.
        opt_in_status: Option<String>,
        /// Number of zones; `None` if they were not collected.
        zones: Option<i64>,
        /// Number of instance types; `None` if they were not collected.
        instance_types: Option<i64>,
        /// EC2 endpoint of the region.
        endpoint: Option<String>,
    }
}

row! {
    /// A quota of an account in a region: a row of `capacity/quotas`.
    pub struct QuotaRow {
        /// Account id.
        account_id: String,
        /// Region code.
        region: String,
        /// Quota code, such as L-1216C47A.
        quota_code: String,
        /// The limit; vCPUs of running instances.
        value: Option<f64>,
        /// vCPUs of the instance type that the question is about.
        type_vcpus: Option<i64>,
        /// Since when the quota is known.
        observed_at: Timestamp,
    }
}

row! {
    /// On-demand instances and free reservations of an account: a row of `capacity/usage`.
    pub struct VcpuUsageRow {
        /// Account id.
        account_id: String,
        /// Region code.
        region: String,
        /// Instance type; `None` in the row that states that the instances were collected.
        instance_type: Option<String>,
        /// Number of instances.
        instances: i64,
        /// Their vCPUs; `None` if the type is not described.
        vcpus: Option<i64>,
    }
}

row! {
    /// Free instances in reservations of an account: a row of `capacity/reservations`.
    pub struct FreeReservationRow {
        /// Account id.
        account_id: String,
        /// Region code.
        region: String,
        /// Number of free instances.
        free_instances: i64,
        /// Since when they are known.
        observed_at: Timestamp,
    }
}

row! {
    /// A capacity block for sale: a row of `capacity/blocks`.
    pub struct CapacityBlockRow {
        /// Instance type.
        instance_type: String,
        /// Region code.
        region: String,
        /// Zone id.
        az_id: Option<String>,
        /// Number of instances.
        instance_count: i64,
        /// Length, hours.
        duration_hours: i64,
        /// Start.
        starts_at: Timestamp,
        /// End.
        ends_at: Option<Timestamp>,
        /// Price of the whole block, in `currency`.
        upfront_price: Option<Decimal>,
        /// Price per instance and hour, in `currency`.
        price_per_instance_hour: Option<f64>,
        /// ISO 4217 currency code.
        currency: Option<String>,
        /// Id of the offering.
        offering_id: String,
        /// Requesting account.
        account_id: String,
        /// Time of the answer.
        answered_at: Timestamp,
    }
}
