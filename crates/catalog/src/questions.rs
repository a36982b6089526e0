use crate::Question;
use crate::question::row;

macro_rules! questions {
    ($($name:literal,)*) => {
        &[$(Question { name: $name, text: include_str!(concat!("../../../queries/", $name, ".sql")) },)*]
    };
}

/// Every named question, by subject.
pub const QUESTIONS: &[Question] = questions![
    "data/runs",
    "data/sources",
    "instance/facts",
    "instance/gpus",
    "offering/everywhere",
    "offering/only-in",
    "offering/regions",
    "price/cheapest-regions",
    "price/on-demand",
    "price/per-gpu",
    "region/list",
    "spot/latest",
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
        /// Where a dataset's rows are from, and of when: a row of `data/sources`.
        pub struct Source {
            /// Dataset.
            dataset: String,
            /// Where its rows are from.
            source: String,
            /// The earliest instant that the source speaks of.
            observed_from: Timestamp,
            /// The newest instant that the source speaks of.
            observed_at: Timestamp,
            /// Rows.
            row_count: i64,
            /// Scopes (regions) that a complete or partial run spoke of.
            scopes: i64,
            /// What could not be seen.
            gaps: Vec<String>,
        }
    }

    row! {
        /// A type in a region, with its zones and its price: a row of `offering/regions`.
        pub struct Offer {
            /// Instance type.
            instance_type: String,
            /// Region code.
            region: String,
            /// Zone ids; empty when only the region is known.
            az_ids: Vec<String>,
            /// On-demand price of an hour; none when unknown.
            price_per_hour: Option<Decimal>,
            /// Currency of the price.
            currency: Option<String>,
            /// When the price was seen.
            price_observed_at: Option<Timestamp>,
            /// Where the price is from.
            price_source: Option<String>,
            /// Why the price is believed.
            price_basis: Option<String>,
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
