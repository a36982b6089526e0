//! FOCUS 1.0 to 1.2. The dataset has FOCUS's columns; AWS's extra columns (`x_…`) are mapped where
//! CUR has the same one.

use catalog::ValueType;

use super::charges::{ChargeColumns, charge};
use super::instance_types::instance_types;
use super::piece::BillPiece;

/// Required columns of a FOCUS file, in the dataset's spelling.
pub(crate) const NEEDED: &[&str] = &[
    "billed_cost",
    "effective_cost",
    "billing_currency",
    "billing_account_id",
    "billing_period_start",
    "charge_period_start",
    "charge_category",
];

/// AWS's additions to FOCUS, and the dataset's columns for them.
const ADDED: &[(&str, &str)] =
    &[("x_service_code", "service_code"), ("x_usage_type", "usage_type"), ("x_operation", "operation")];

pub(crate) fn charges(piece: &mut BillPiece<'_>) -> Result<ChargeColumns, String> {
    let mut charges = ChargeColumns::new(piece.height());
    // Columns of this program. A file's column of the same name is not a FOCUS column.
    let own = |name: &str| matches!(name, "bill" | "source_format" | "source" | "extra");
    let providers = piece.peek_text("provider_name")?;
    let is_aws = |row: usize| match providers.as_ref().and_then(|providers| providers.get(row)) {
        Some(provider) => provider.contains("AWS") || provider.contains("Amazon"),
        None => true,
    };
    for column in charge().columns.iter().filter(|column| !own(column.name)) {
        match column.ty.ty() {
            ValueType::Decimal(..) => charges.money(column.name, piece.money(column.name)?)?,
            ValueType::Timestamp => charges.instants(column.name, piece.instants(column.name)?),
            _ if column.name == "instance_type" && !piece.has(column.name) => {
                let usages = ["sku_meter", "x_usage_type"];
                charges.text(column.name, Some(instance_types(piece, "sku_price_details", &usages)?));
            }
            _ if column.name == "tags" => charges.text("tags", piece.map(&["tags"])?),
            _ if matches!(column.name, "billing_account_id" | "sub_account_id") => {
                charges.text(column.name, piece.account_ids(&[column.name], &is_aws)?);
            }
            _ => {
                let added = ADDED.iter().find(|(_, ours)| *ours == column.name).map(|(theirs, _)| *theirs);
                charges.text(column.name, piece.text(&[added.unwrap_or(column.name)])?);
            }
        }
    }
    Ok(charges)
}
