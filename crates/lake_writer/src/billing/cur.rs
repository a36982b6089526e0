//! AWS's Cost and Usage Report, legacy and 2.0, in FOCUS's columns.
//!
//! No row is dropped and no cost is changed, so sums equal those of the report. `billed_cost` is
//! the unblended cost: in it, a Savings Plan's covered usage and its negation cancel out.
//! `effective_cost` is the amortised cost, as AWS's guide to the report adds it up; the refund of a
//! returned commitment is treated as its purchase was. Categories follow FOCUS's own conversion
//! rules, with two differences: a credit is `Credit`, and a refund has the class `Correction`.

use polars::prelude::StringChunked;

use super::charges::ChargeColumns;
use super::instance_types::instance_types;
use super::piece::BillPiece;
use super::returned::RefundLine;

/// Required columns of a Cost and Usage Report.
pub(crate) const NEEDED: &[&str] = &[
    "line_item_unblended_cost",
    "line_item_line_item_type",
    "line_item_currency_code",
    "line_item_usage_start_date",
    "bill_payer_account_id",
    "bill_billing_period_start_date",
];

/// Text columns: the dataset's column, and the report's columns in order of preference.
const TEXTS: &[(&str, &[&str])] = &[
    ("billing_currency", &["line_item_currency_code"]),
    ("charge_description", &["line_item_line_item_description"]),
    ("pricing_unit", &["pricing_unit"]),
    ("region_id", &["product_region_code", "product_region"]),
    ("availability_zone", &["line_item_availability_zone"]),
    ("resource_id", &["line_item_resource_id"]),
    ("sub_account_name", &["line_item_usage_account_name"]),
    ("billing_account_name", &["bill_payer_account_name"]),
    ("invoice_id", &["bill_invoice_id"]),
    ("invoice_issuer_name", &["bill_invoicing_entity"]),
    ("publisher_name", &["line_item_legal_entity"]),
    ("sku_id", &["product_sku"]),
    ("sku_price_id", &["pricing_rate_code", "pricing_rate_id"]),
    ("service_code", &["line_item_product_code"]),
    ("usage_type", &["line_item_usage_type"]),
    ("operation", &["line_item_operation"]),
    ("instance_type", &["product_instance_type"]),
    ("line_item_type", &["line_item_line_item_type"]),
    ("split_parent_id", &["split_line_item_parent_resource_id"]),
];

const ACCOUNTS: &[(&str, &str)] =
    &[("sub_account_id", "line_item_usage_account_id"), ("billing_account_id", "bill_payer_account_id")];

const INSTANTS: &[(&str, &str)] = &[
    ("charge_period_start", "line_item_usage_start_date"),
    ("charge_period_end", "line_item_usage_end_date"),
    ("billing_period_start", "bill_billing_period_start_date"),
    ("billing_period_end", "bill_billing_period_end_date"),
];

type MoneyColumn = Vec<Option<i128>>;

pub(crate) fn charges(piece: &mut BillPiece<'_>) -> Result<ChargeColumns, String> {
    let mut charges = ChargeColumns::new(piece.height());
    let texts = |piece: &BillPiece<'_>, key: &str| {
        Ok::<_, String>(piece.peek_text(key)?.unwrap_or_else(|| none(piece)))
    };
    let kinds = texts(piece, "line_item_line_item_type")?;
    let bill_types = texts(piece, "bill_bill_type")?;
    let terms = texts(piece, "pricing_term")?;
    let usage_types = texts(piece, "line_item_usage_type")?;
    let plans = texts(piece, "savings_plan_savings_plan_a_r_n")?;
    let reservations = texts(piece, "reservation_reservation_a_r_n")?;

    let parents = texts(piece, "split_line_item_parent_resource_id")?;
    let billed = piece.money("line_item_unblended_cost")?.map(|amounts| zero_in_shares(amounts, &parents));
    let billed = billed.unwrap_or_default();
    let returned = returned_fees(piece, &kinds, &plans, &reservations, &usage_types)?;
    let effective = effective(piece, &kinds, &reservations, &returned, &billed)?;
    charges.money("effective_cost", Some(zero_in_shares(effective, &parents)))?;
    charges.money("billed_cost", Some(billed))?;
    let list = piece.money("pricing_public_on_demand_cost")?;
    charges.money("list_cost", list.map(|amounts| zero_in_shares(amounts, &parents)))?;
    charges.money("split_cost", piece.money("split_line_item_split_cost")?)?;
    charges.money("split_unused_cost", piece.money("split_line_item_unused_cost")?)?;
    charges.money("list_unit_price", piece.money("pricing_public_on_demand_rate")?)?;
    quantities(piece, &kinds, &mut charges)?;
    service(piece, &mut charges)?;
    for (ours, theirs) in TEXTS {
        charges.text(ours, piece.text(theirs)?);
    }
    if !piece.has("product_instance_type") {
        let types = instance_types(piece, "product", &["line_item_usage_type"])?;
        charges.text("instance_type", Some(types));
    }
    for (ours, theirs) in ACCOUNTS {
        charges.text(ours, piece.account_ids(&[theirs], &|_| true)?);
    }
    for (ours, theirs) in INSTANTS {
        charges.instants(ours, piece.instants(theirs)?);
    }
    charges.constant("provider_name", "AWS");

    let by_kind = |word: fn(&str) -> Option<&'static str>| -> Vec<Option<&str>> {
        kinds.iter().map(|kind| kind.and_then(word)).collect()
    };
    charges.words("charge_category", by_kind(category));
    charges.words("charge_class", by_kind(|kind| (kind == "Refund").then_some("Correction")));
    charges.words("commitment_discount_status", by_kind(|kind| covered(kind).then_some("Used")));
    let frequencies = kinds.iter().zip(bill_types.iter());
    charges.words("charge_frequency", frequencies.map(|(kind, bill)| frequency(kind?, bill)).collect());
    let priced = kinds.iter().zip(terms.iter()).zip(usage_types.iter());
    charges.words(
        "pricing_category",
        priced.map(|((kind, term), usage)| pricing_category(kind?, term, usage)).collect(),
    );
    commitments(&plans, &reservations, &mut charges);
    charges.text("tags", tags(piece)?);
    Ok(charges)
}

/// Returns the maps of tags of CUR 2.0, `resource_tags` and `tags`. A legacy report has a column
/// for each tag instead.
fn tags(piece: &mut BillPiece<'_>) -> Result<Option<StringChunked>, String> {
    Ok(match (piece.map(&["resource_tags"])?, piece.map(&["tags"])?) {
        (Some(tags), None) | (None, Some(tags)) => Some(tags),
        (Some(of_resources), Some(of_all)) => {
            let pairs = of_resources.iter().zip(of_all.iter());
            Some(pairs.map(|(one, other)| merged_objects(one, other)).collect())
        }
        (None, None) => {
            piece.take_tags(&["resourceTags/", "resource_tags_"]);
            None
        }
    })
}

/// Returns the JSON object with the entries of both.
fn merged_objects(one: Option<&str>, other: Option<&str>) -> Option<String> {
    let entries = |object: &str| {
        let inner = object.trim().strip_prefix('{')?.strip_suffix('}')?.trim();
        (!inner.is_empty()).then(|| inner.to_string())
    };
    match (one.and_then(entries), other.and_then(entries)) {
        (Some(one), Some(other)) => Some(format!("{{{one},{other}}}")),
        (Some(entries), None) | (None, Some(entries)) => Some(format!("{{{entries}}}")),
        (None, None) => one.or(other).map(String::from),
    }
}

fn none(piece: &BillPiece<'_>) -> StringChunked {
    std::iter::repeat_n(None::<&str>, piece.height()).collect()
}

/// Sets empty amounts to zero in the lines of pods and tasks. Their cost is a share of the line of
/// their instance, so their own line costs nothing.
fn zero_in_shares(amounts: MoneyColumn, parents: &StringChunked) -> MoneyColumn {
    let is_share = parents.iter().map(|parent| parent.is_some());
    amounts.into_iter().zip(is_share).map(|(amount, is_share)| amount.or(is_share.then_some(0))).collect()
}

/// Returns true for usage that a commitment pays for.
fn covered(kind: &str) -> bool {
    matches!(kind, "DiscountedUsage" | "SavingsPlanCoveredUsage")
}

fn category(kind: &str) -> Option<&'static str> {
    Some(match kind {
        "Usage" | "SavingsPlanNegation" => "Usage",
        "Fee" | "RIFee" | "SavingsPlanUpfrontFee" | "SavingsPlanRecurringFee" => "Purchase",
        "Tax" => "Tax",
        "Credit" => "Credit",
        "Refund" => "Adjustment",
        kind if covered(kind) => "Usage",
        kind if kind.ends_with("Discount") => "Usage",
        _ => return None,
    })
}

fn frequency(kind: &str, bill_type: Option<&str>) -> Option<&'static str> {
    Some(match (kind, bill_type) {
        ("RIFee" | "SavingsPlanRecurringFee", _) => "Recurring",
        ("SavingsPlanUpfrontFee" | "Credit" | "Refund", _) => "One-Time",
        ("Fee", Some("Purchase")) => "One-Time",
        ("Fee", Some("Anniversary")) => "Recurring",
        ("Usage", _) => "Usage-Based",
        (kind, _) if covered(kind) => "Usage-Based",
        _ => return None,
    })
}

fn pricing_category(kind: &str, term: Option<&str>, usage_type: Option<&str>) -> Option<&'static str> {
    let spot = term == Some("Spot") || usage_type.is_some_and(|usage| usage.contains("SpotUsage"));
    match kind {
        kind if covered(kind) => Some("Committed"),
        "Usage" if spot => Some("Dynamic"),
        "Usage" if term == Some("OnDemand") => Some("Standard"),
        _ => None,
    }
}

/// Sets the priced quantity, and for usage the consumed one.
fn quantities(
    piece: &mut BillPiece<'_>,
    kinds: &StringChunked,
    charges: &mut ChargeColumns,
) -> Result<(), String> {
    let Some(amounts) = piece.money("line_item_usage_amount")? else { return Ok(()) };
    let units = piece.peek_text("pricing_unit")?.unwrap_or_else(|| none(piece));
    let used: Vec<bool> =
        kinds.iter().map(|kind| kind.is_some_and(|kind| kind == "Usage" || covered(kind))).collect();
    let consumed = amounts.iter().zip(&used).map(|(amount, used)| amount.filter(|_| *used)).collect();
    charges.money("consumed_quantity", Some(consumed))?;
    charges
        .words("consumed_unit", units.iter().zip(&used).map(|(unit, used)| unit.filter(|_| *used)).collect());
    charges.money("pricing_quantity", Some(amounts))
}

/// Sets the service's name, or its code where there is no name. CUR 2.0 has the name in a map.
fn service(piece: &mut BillPiece<'_>, charges: &mut ChargeColumns) -> Result<(), String> {
    let codes = piece.peek_text("line_item_product_code")?.unwrap_or_else(|| none(piece));
    let names: StringChunked = match piece.text(&["product_product_name"])? {
        Some(names) => names,
        None => match piece.peek_map("product")? {
            Some(products) => products.iter().map(|product| product.and_then(name_in)).collect(),
            None => none(piece),
        },
    };
    let names = names.iter().zip(codes.iter()).map(|(name, code)| name.or(code));
    charges.words("service_name", names.collect());
    Ok(())
}

/// Returns `product_name` of CUR 2.0's map of product attributes.
fn name_in(product: &str) -> Option<String> {
    let attributes: serde_json::Map<String, serde_json::Value> = serde_json::from_str(product).ok()?;
    attributes.get("product_name")?.as_str().filter(|name| !name.is_empty()).map(String::from)
}

fn commitments(plans: &StringChunked, reservations: &StringChunked, charges: &mut ChargeColumns) {
    let of = |plan_word: &'static str, reservation_word: &'static str| -> Vec<Option<&str>> {
        let pairs = plans.iter().zip(reservations.iter());
        pairs
            .map(|(plan, reservation)| plan.map(|_| plan_word).or(reservation.map(|_| reservation_word)))
            .collect()
    };
    charges.words("commitment_discount_category", of("Spend", "Usage"));
    charges.words("commitment_discount_type", of("Savings Plan", "Reserved Instances"));
    let ids = plans.iter().zip(reservations.iter()).map(|(plan, reservation)| plan.or(reservation));
    charges.words("commitment_discount_id", ids.collect());
}

/// Returns for each line whether it is the refund of a commitment's one-time fee.
fn returned_fees(
    piece: &BillPiece<'_>,
    kinds: &StringChunked,
    plans: &StringChunked,
    reservations: &StringChunked,
    usage_types: &StringChunked,
) -> Result<Vec<bool>, String> {
    if kinds.iter().all(|kind| kind != Some("Refund")) {
        return Ok(vec![false; piece.height()]);
    }
    let product_codes = piece.peek_text("line_item_product_code")?.unwrap_or_else(|| none(piece));
    let descriptions = piece.peek_text("line_item_line_item_description")?.unwrap_or_else(|| none(piece));
    let returns_fee = |(row, kind): (usize, Option<&str>)| {
        let line = RefundLine {
            commitment: plans.get(row).or(reservations.get(row)),
            product_code: product_codes.get(row),
            usage_type: usage_types.get(row),
            description: descriptions.get(row),
        };
        kind == Some("Refund") && line.returns_one_time_fee()
    };
    Ok(kinds.iter().enumerate().map(returns_fee).collect())
}

/// Returns the amortised cost of each line: upfront and recurring fees are spread over the usage
/// that they cover. Null where the report lacks a column that is needed.
fn effective(
    piece: &BillPiece<'_>,
    kinds: &StringChunked,
    reservations: &StringChunked,
    returned: &[bool],
    billed: &MoneyColumn,
) -> Result<MoneyColumn, String> {
    let by_plan = piece.peek_money("savings_plan_savings_plan_effective_cost")?;
    let by_reservation = piece.peek_money("reservation_effective_cost")?;
    let committed = piece.peek_money("savings_plan_total_commitment_to_date")?;
    let used = piece.peek_money("savings_plan_used_commitment")?;
    let idle_upfront = piece.peek_money("reservation_unused_amortized_upfront_fee_for_billing_period")?;
    let idle_recurring = piece.peek_money("reservation_unused_recurring_fee")?;
    let at = |amounts: &Option<MoneyColumn>, row: usize| amounts.as_ref().and_then(|amounts| amounts[row]);
    let rows = kinds.iter().zip(reservations.iter()).enumerate();
    Ok(rows
        .map(|(row, (kind, reservation))| match kind {
            Some("SavingsPlanCoveredUsage") => at(&by_plan, row),
            Some("SavingsPlanRecurringFee") => Some(at(&committed, row)? - at(&used, row)?),
            Some("SavingsPlanNegation" | "SavingsPlanUpfrontFee") => Some(0),
            Some("DiscountedUsage") => at(&by_reservation, row),
            Some("RIFee") => Some(at(&idle_upfront, row)? + at(&idle_recurring, row)?),
            // A reservation's upfront fee is in the effective cost of the usage that it covers.
            Some("Fee") if reservation.is_some() => Some(0),
            Some("Refund") if returned[row] => Some(0),
            _ => billed[row],
        })
        .collect())
}
