//! Bills and their charges.

use domain::Decimal;

use crate::dataset::{ColumnType::*, Dataset, DatasetColumn, DatasetKind, DatasetScope};
use crate::origin::{DatasetCost, DatasetOrigin, SnapshotOption, SourceHistory};

/// The columns of FOCUS 1.0 to 1.2 under their own names in snake_case, then the columns without a
/// FOCUS counterpart.
pub(super) const CHARGE: Dataset = Dataset {
    name: "charge",
    doc: "Billed charges in the columns of FOCUS 1.2: usage, purchases, credits, refunds and taxes, one row \
        per bill line.",
    version: 1,
    kind: DatasetKind::Statement,
    scope: DatasetScope::Bill,
    origin: DatasetOrigin {
        cost: DatasetCost::PerUnit { usd: Decimal::from_parts(1, 0, 0, false, 2), doc: "$0.01 per request" },
        history: Some(SourceHistory { kept_days: 395, first_days: 31 }),
        options: &[SnapshotOption::Grouping, SnapshotOption::Requests],
        doc: "GetCostAndUsage, day by day",
        example: "`truffle query cost/by-day`, `cost/by-service`",
        ..DatasetOrigin::of_account(301, &["ce:GetCostAndUsage"])
    },
    key: &["bill", "service_name", "charge_period_start"],
    columns: columns![
        bill Text "bill of the row: billing account/month, or account/day from Cost Explorer",
        billed_cost Charge "invoiced amount in `billing_currency`; the unblended cost of CUR",
        effective_cost Charge "amount in `billing_currency` with upfront and recurring fees spread over the \
            usage they cover; null if not stated",
        list_cost Charge "amount in `billing_currency` without any discount; null if not stated",
        contracted_cost Charge "amount in `billing_currency` with negotiated discounts, without \
            commitments; null if not stated",
        billing_currency Text "ISO 4217 currency code; amounts in different currencies are never added",
        charge_period_start Timestamp "start of the charge period, inclusive",
        charge_period_end Timestamp "end of the charge period, exclusive",
        billing_period_start Timestamp "start of the billing period, inclusive",
        billing_period_end Timestamp "end of the billing period, exclusive",
        charge_category Text "Usage, Purchase, Tax, Credit or Adjustment; null if not stated",
        charge_class Text "Correction for a line that corrects an earlier bill, such as a refund; otherwise \
            null",
        charge_description Text "description of the line",
        charge_frequency Text "One-Time, Recurring or Usage-Based; null if not stated",
        pricing_category Text "Standard, Committed, Dynamic (spot) or Other; null if not stated",
        pricing_quantity Charge "priced quantity, in `pricing_unit`",
        pricing_unit Text "unit of `pricing_quantity`",
        pricing_currency Text "currency of the price list, if it is not `billing_currency`",
        pricing_currency_effective_cost Charge "effective cost in `pricing_currency`",
        pricing_currency_list_unit_price Charge "list price per unit in `pricing_currency`",
        pricing_currency_contracted_unit_price Charge "negotiated price per unit in `pricing_currency`",
        list_unit_price Charge "list price per unit",
        contracted_unit_price Charge "negotiated price per unit",
        consumed_quantity Charge "consumed quantity, in `consumed_unit`; null for lines without usage",
        consumed_unit Text "unit of `consumed_quantity`",
        commitment_discount_id Text "reservation or Savings Plan that covers the line",
        commitment_discount_name Text "name of the reservation or Savings Plan",
        commitment_discount_category Text "Spend (Savings Plan) or Usage (reservation)",
        commitment_discount_type Text "Savings Plan or Reserved Instances, as the source spells it",
        commitment_discount_status Text "Used or Unused",
        commitment_discount_quantity Charge "part of the commitment, in `commitment_discount_unit`",
        commitment_discount_unit Text "unit of `commitment_discount_quantity`",
        capacity_reservation_id Text "capacity reservation of the line",
        capacity_reservation_status Text "Used or Unused",
        service_name Text "service name, such as Amazon Elastic Compute Cloud",
        service_category Text "FOCUS service category; null if not stated",
        service_subcategory Text "FOCUS service subcategory",
        sku_id Text "AWS product number (SKU)",
        sku_price_id Text "AWS price number",
        sku_meter Text "metered item of the price",
        sku_price_details Text "properties of the price, JSON",
        region_id Text "region code",
        region_name Text "region name",
        availability_zone Text "availability zone as the source spells it; zone names differ between \
            accounts",
        resource_id Text "resource id, often an ARN",
        resource_name Text "resource name",
        resource_type Text "resource type",
        sub_account_id Text "account that used the service",
        sub_account_name Text "name of the account that used the service",
        sub_account_type Text "type of the account that used the service",
        billing_account_id Text "account that pays",
        billing_account_name Text "name of the paying account",
        billing_account_type Text "type of the paying account",
        invoice_id Text "invoice id; null until the invoice is issued",
        invoice_issuer_name Text "issuer of the invoice",
        provider_name Text "provider of the service",
        publisher_name Text "publisher of the service",
        tags Text "tags, a JSON object of texts",
        line_item_type Text "line item type of CUR, such as SavingsPlanNegation, RIFee, EdpDiscount; null \
            outside CUR",
        service_code Text "AWS service code, such as AmazonEC2",
        usage_type Text "AWS usage type, such as EUW1-BoxUsage:m5.large",
        operation Text "AWS operation, such as RunInstances",
        instance_type Text "instance type, if the source names it",
        split_parent_id Text "instance whose cost is split among pods and tasks; null for lines that are no \
            share of an instance",
        split_cost Charge "used part of the instance's cost, in `billing_currency`; the instance's own line \
            has it in billed_cost",
        split_unused_cost Charge "share of the idle part of the instance's cost, in `billing_currency`",
        source_format Text "cur, focus or cost-explorer",
        source Text "source file",
        extra Text "source columns without a counterpart above, a JSON object of texts by source column \
            name; null if there are none",
    ],
};
