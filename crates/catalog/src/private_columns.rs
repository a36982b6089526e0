//! The columns that can identify people, machines or accounts.

use crate::dataset::{ColumnType, Dataset, DatasetColumn};

/// Text columns of account datasets that identify no account: AWS's own vocabulary, locations,
/// types. Every other text column of these datasets counts as private, including columns that are
/// added later.
const PUBLIC_TEXTS: &[&str] = &[
    "architecture",
    "availability_zone",
    "az_id",
    "billing_account_type",
    "billing_currency",
    "capacity_reservation_status",
    "charge_category",
    "charge_class",
    "charge_frequency",
    "commitment_discount_category",
    "commitment_discount_status",
    "commitment_discount_type",
    "commitment_discount_unit",
    "consumed_unit",
    "currency",
    "http_tokens",
    "instance_type",
    "instance_types",
    "interruption_behavior",
    "invoice_issuer_name",
    "kind",
    "lifecycle",
    "line_item_type",
    "match_criteria",
    "metric",
    "operation",
    "platform",
    "pricing_category",
    "pricing_currency",
    "pricing_unit",
    "provider_name",
    "publisher_name",
    "quota_code",
    "quota_name",
    "region",
    "region_id",
    "region_name",
    "request_type",
    "resource_type",
    "service_category",
    "service_code",
    "service_name",
    "service_subcategory",
    "sku_id",
    "sku_meter",
    "sku_price_details",
    "sku_price_id",
    "source_format",
    "state",
    "state_reason",
    "statistic",
    "status_code",
    "sub_account_type",
    "tenancy",
    "unit",
    "usage_type",
    "volume_type",
];

/// The content of a private column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PrivateKind {
    /// One text.
    Text,
    /// A list of texts.
    Texts,
    /// A JSON object of texts: tags.
    Object,
    /// A text that begins with an account and a slash: `account/region`, `account/month`.
    Scope,
}

/// Returns the private columns of a dataset; empty if the dataset is public.
pub fn private_columns(dataset: &Dataset) -> Vec<(&'static str, PrivateKind)> {
    if !dataset.is_of_accounts() {
        return Vec::new();
    }
    let what = |column: &DatasetColumn| match (column.ty, column.name) {
        (_, name) if PUBLIC_TEXTS.contains(&name) => None,
        (ColumnType::Texts, _) => Some(PrivateKind::Texts),
        (ColumnType::Text, "tags" | "extra") => Some(PrivateKind::Object),
        (ColumnType::Text, "bill" | "request") => Some(PrivateKind::Scope),
        (ColumnType::Text, _) => Some(PrivateKind::Text),
        _ => None,
    };
    dataset.columns.iter().filter_map(|column| Some((column.name, what(column)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DATASETS;

    #[test]
    fn account_columns_are_private_unless_they_are_listed_as_public() {
        let columns: Vec<&str> =
            DATASETS.iter().flat_map(|dataset| dataset.columns.iter().map(|column| column.name)).collect();
        for name in PUBLIC_TEXTS {
            assert!(columns.contains(name), "{name} is no column");
        }
        let of = |name: &str| private_columns(crate::dataset(name).unwrap());
        assert_eq!(of("price"), []);
        assert!(of("instance").contains(&("private_ip", PrivateKind::Text)));
        assert!(of("instance").contains(&("volumes", PrivateKind::Texts)));
        assert!(of("charge").contains(&("tags", PrivateKind::Object)));
        assert!(of("charge").contains(&("bill", PrivateKind::Scope)));
        assert!(!of("instance").iter().any(|(name, _)| *name == "region"));
    }
}
