//! The columns of named questions that a table shows by default.

/// Columns of the questions that have more than eight.
const CHOSEN: &[(&str, &[&str])] = &[
    (
        "capacity/blocks",
        &[
            "instance_type",
            "region",
            "instance_count",
            "duration_hours",
            "starts_at",
            "price_per_instance_hour",
            "currency",
            "answered_at",
        ],
    ),
    (
        "cost/by-account",
        &[
            "billing_account_id",
            "sub_account_id",
            "usage",
            "purchases",
            "credits",
            "taxes",
            "billed_cost",
            "billing_currency",
        ],
    ),
    (
        "cost/by-day",
        &["day", "usage", "purchases", "credits", "taxes", "billed_cost", "billing_currency", "estimated"],
    ),
    (
        "cost/by-kind",
        &[
            "charge_category",
            "charge_class",
            "charge_frequency",
            "line_item_type",
            "billed_cost",
            "effective_cost",
            "billing_currency",
            "lines",
        ],
    ),
    (
        "cost/by-service",
        &[
            "service_name",
            "usage",
            "purchases",
            "credits",
            "taxes",
            "billed_cost",
            "billing_currency",
            "lines",
        ],
    ),
    (
        "cost/by-split",
        &[
            "resource_id",
            "operation",
            "split_cost",
            "unused_cost",
            "cost",
            "share_percent",
            "billing_currency",
            "lines",
        ],
    ),
    (
        "cost/by-tag",
        &["tag_value", "usage", "purchases", "credits", "taxes", "billed_cost", "billing_currency", "lines"],
    ),
    (
        "cost/daily",
        &[
            "day",
            "sub_account_id",
            "service_name",
            "region_id",
            "tag_value",
            "charge_category",
            "cost",
            "billing_currency",
        ],
    ),
    (
        "cost/daily-leaves",
        &[
            "day",
            "sub_account_id",
            "service_name",
            "region_id",
            "usage_type",
            "charge_category",
            "cost",
            "billing_currency",
        ],
    ),
    (
        "cost/known-ends",
        &[
            "instance_id",
            "name",
            "expires_at",
            "service_name",
            "region_id",
            "usage_type",
            "cost_per_day",
            "billing_currency",
        ],
    ),
    ("data/runs", &["run_id", "dataset", "scope", "source", "observed_at", "outcome", "row_count", "gaps"]),
    ("instance/facts", FACTS),
    (
        "instance/gpus",
        &[
            "instance_type",
            "gpus",
            "gpu_model",
            "gpu_memory_per_gpu_mib",
            "gpu_memory_mib",
            "gpu_memory_bandwidth_gbps",
            "vcpus",
            "memory_mib",
        ],
    ),
    ("instance/reported", FACTS),
    (
        "instance/utilization",
        &[
            "instance_id",
            "name",
            "instance_type",
            "region",
            "cpu_percent",
            "cpu_percent_max",
            "gpu_percent_max",
            "newest_period",
        ],
    ),
    (
        "price/held",
        &["held_id", "instance_type", "region", "os", "price_per_hour", "currency", "median_price", "reason"],
    ),
    (
        "price/options",
        &[
            "term",
            "offering_class",
            "payment",
            "lease_years",
            "price_per_hour",
            "currency",
            "upfront_price",
            "saving_percent",
        ],
    ),
    (
        "price/per-gpu",
        &[
            "instance_type",
            "gpu_model",
            "gpus",
            "price_per_hour",
            "price_per_whole_gpu",
            "price_per_gpu_gib",
            "currency",
            "observed_at",
        ],
    ),
    (
        "spot/cross-check",
        &["region", "os", "feed_price", "lowest", "highest", "agrees", "currency", "observed_at"],
    ),
];

const FACTS: &[&str] = &[
    "instance_type",
    "vcpus",
    "memory_mib",
    "arch",
    "clock_ghz",
    "gpu_model",
    "network_performance",
    "storage_gb",
];

/// Returns the columns that a table of this question shows by default; none means the first eight.
pub(crate) fn default_columns(question: &str) -> &'static [&'static str] {
    CHOSEN.iter().find(|(name, _)| *name == question).map_or(&[], |(_, columns)| columns)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_are_columns_of_existing_questions() {
        for (name, columns) in CHOSEN {
            let question = catalog::question(name).unwrap_or_else(|| panic!("{name}"));
            assert!((1..=8).contains(&columns.len()), "{name}");
            let every = question.text.contains("* EXCLUDE");
            for column in *columns {
                assert!(every || question.text.contains(column), "{name}: {column}");
            }
        }
    }
}
