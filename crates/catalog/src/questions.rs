use crate::Question;
use crate::question::row;

macro_rules! questions {
    ($($name:literal,)*) => {
        &[$(Question { name: $name, text: include_str!(concat!("../../../queries/", $name, ".sql")) },)*]
    };
}

/// Every named question, by subject.
pub const QUESTIONS: &[Question] = questions![
    "capacity/blocks",
    "cost/by-account",
    "cost/by-day",
    "cost/by-kind",
    "cost/by-service",
    "cost/by-tag",
    "data/runs",
    "instance/benchmarks",
    "instance/facts",
    "instance/gpus",
    "instance/reported",
    "instance/utilization",
    "offering/everywhere",
    "offering/only-in",
    "offering/zones",
    "price/cheapest-regions",
    "price/current",
    "price/held",
    "price/on-demand",
    "price/options",
    "price/per-gpu",
    "region/access",
    "region/list",
    "spot/cross-check",
    "spot/history",
    "spot/interruptions",
    "spot/latest",
    "spot/observed",
    "spot/scores",
];

/// The views that a person wrote, in the order in which they are made: (name, SQL). A snapshot dataset
/// without a view of its name here gets one of its current rows.
pub const VIEWS: &[(&str, &str)] = &[
    ("instance_type_corrected", include_str!("../../../queries/views/instance_type_corrected.sql")),
    ("instance_type", include_str!("../../../queries/views/instance_type.sql")),
];

/// The question of that name.
pub fn question(name: &str) -> Option<&'static Question> {
    QUESTIONS.iter().find(|question| question.name == name)
}

/// The typed rows of the questions that programs ask.
pub mod rows {
    use super::row;
    use domain::{Decimal, Timestamp};

    row! {
        /// What a run looked at: a row of `data/runs`.
        pub struct Run {
            /// Names the run.
            run_id: String,
            /// Dataset.
            dataset: String,
            /// Region code, or `*`.
            scope: String,
            /// Where the rows are from.
            source: String,
            /// The earliest instant that the run speaks of.
            observed_from: Timestamp,
            /// The instant of which the run is the newest statement.
            observed_at: Timestamp,
            /// `complete`, `partial`, `empty`, `failed` or `pruned`.
            outcome: String,
            /// Rows that were kept.
            row_count: i64,
            /// What could not be seen.
            gaps: Vec<String>,
        }
    }

    row! {
        /// A type in a zone: a row of `offering/zones`.
        pub struct ZoneOffer {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Zone id; none when only the region is known.
            az_id: Option<String>,
        }
    }

    row! {
        /// What a type costs in a region: a row of `price/current`.
        pub struct Price {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// On-demand price of an hour.
            price_per_hour: Decimal,
            /// Its currency.
            currency: String,
            /// When it was seen.
            observed_at: Timestamp,
            /// Where it is from.
            source: String,
            /// Why it is believed.
            basis: String,
        }
    }

    row! {
        /// A price that is held back: a row of `price/held`.
        pub struct HeldPrice {
            /// Names product, place and price.
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
            /// On-demand price of an hour.
            price_per_hour: Decimal,
            /// Its currency.
            currency: String,
            /// The median that it was compared with; none where there was nothing to compare.
            median_price: Option<Decimal>,
            /// Why it is held.
            reason: String,
            /// When it was seen.
            observed_at: Timestamp,
            /// Where it is from.
            source: String,
            /// The run that brought it.
            run_id: String,
        }
    }

    row! {
        /// A spot price that was observed: a row of `spot/observed`.
        pub struct SpotPrice {
            /// Instance type.
            instance_type: String,
            /// Zone id.
            az_id: String,
            /// `linux`, `windows`, `rhel` or `suse`.
            product: String,
            /// Since when it held.
            observed_at: Timestamp,
            /// Price of an hour.
            price_per_hour: Decimal,
            /// Its currency.
            currency: String,
        }
    }

    row! {
        /// A region: a row of `region/list`.
        pub struct RegionRow {
            /// Region code.
            region: String,
            /// Partition.
            partition: String,
            /// The name AWS shows.
            name: Option<String>,
            /// Zones known by id; none when nobody could look.
            zones: Option<i64>,
            /// Instance types offered; none when nobody could look.
            instance_types: Option<i64>,
            /// Instance types with a Linux on-demand price; none when nobody could look.
            priced_types: Option<i64>,
        }
    }
}
