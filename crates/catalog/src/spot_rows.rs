//! Typed rows of the questions about spot and about the offers that it is compared with.

use domain::{Decimal, Timestamp};

use crate::question::row;

row! {
    /// The interruption rate of an instance type in one statement of the spot advisor: a row of
    /// `spot/bands`.
    pub struct InterruptionBandRow {
        /// Region code.
        region: String,
        /// Time of the statement.
        observed_at: Timestamp,
        /// Interruption rate, from 0 (lowest) to 4 (highest).
        band: i64,
        /// Share of interrupted instances, such as 5-10%.
        band_label: Option<String>,
        /// Saving against on demand, percent.
        saving_percent: Option<i64>,
    }
}

row! {
    /// The newest spot price of a type in a zone: a row of `spot/latest`.
    pub struct SpotLatestRow {
        /// Region code.
        region: String,
        /// Zone id.
        az_id: String,
        /// Price per hour, in `currency`; `None` if the price ended or is not known.
        price_per_hour: Option<Decimal>,
        /// ISO 4217 currency code; `None` if it is not known.
        currency: Option<String>,
        /// Instant from which the price is valid.
        observed_at: Timestamp,
    }
}

row! {
    /// An observed spot price of one instance type: a row of `spot/steps`.
    pub struct SpotStepRow {
        /// Region code.
        region: String,
        /// Zone id.
        az_id: String,
        /// Instant from which the price is valid.
        observed_at: Timestamp,
        /// Price per hour, in `currency`; `None` if the price ended or is not known.
        price_per_hour: Option<Decimal>,
        /// ISO 4217 currency code; `None` if it is not known.
        currency: Option<String>,
    }
}

row! {
    /// The spot price of a zone at the end of a week: a row of `spot/weekly`.
    pub struct SpotWeekRow {
        /// Instance type.
        instance_type: String,
        /// Zone id.
        az_id: String,
        /// Weeks before the instant of the answer; 0 is the newest week.
        weeks_before: i64,
        /// Price per hour, in `currency`; `None` if the price ended or is not known.
        price_per_hour: Option<f64>,
        /// ISO 4217 currency code; `None` if it is not known.
        currency: Option<String>,
    }
}

row! {
    /// Where an instance type is offered: a row of `offering/of-types`.
    pub struct TypeOfferRow {
        /// Instance type; `None` in a row that names a region with collected offerings.
        instance_type: Option<String>,
        /// Region code.
        region: String,
        /// Zone id; `None` if only the region is known.
        az_id: Option<String>,
    }
}

row! {
    /// The on-demand price of one instance type in a region: a row of `price/on-demand`.
    pub struct TypePriceRow {
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
        /// Why the price is trusted.
        basis: String,
    }
}
