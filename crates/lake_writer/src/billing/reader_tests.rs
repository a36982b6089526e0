//! Cells that a reader must understand, report or refuse, and never drop.

use catalog::ports::BillLayout;
use catalog::{Field, Page, Value, ValueType};

use super::tests::{check, shown};

const CUR: &str = "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,line_item_usage_account_id,product,resource_tags";

/// A line of a CUR 2.0 with an account, a cost, and its maps.
fn line(account: &str, cost: &str, product: &str, tags: &str) -> String {
    let quoted = |text: &str| format!("\"{}\"", text.replace('"', "\"\""));
    let (product, tags) = (quoted(product), quoted(tags));
    format!("111122223333,2026-10-01,Usage,2026-10-02,USD,{cost},{account},{product},{tags}")
}

fn cur(lines: &[String]) -> String {
    format!("{CUR}\n{}\n", lines.join("\n"))
}

#[test]
fn amounts_beyond_eighteen_decimals_are_rounded_half_to_even_and_counted() {
    let lines = [
        line("1", "0.0036316000000000005", "", ""),
        line("1", "-0.0000000000000000015", "", ""),
        line("1", "2.00000000000000000070", "", ""),
        line("1", "3.5", "", ""),
    ];
    check(
        BillLayout::Cur,
        &cur(&lines),
        &["billed_cost"],
        "0.0036316
        -0.000000000000000002
        2.000000000000000001
        3.5
        111122223333/2026-10: 4 rows [3 amounts have more than 18 decimals and were rounded half to even; the largest change is 5.0e-19]",
    );
    for (cost, fault) in
        [("1,000.5", "is not a number"), ("$3", "is not a number"), ("4e21", "does not fit DECIMAL(38,18)")]
    {
        let text = cur(&[line("1", "1", "", ""), line("1", &format!("\"{cost}\""), "", "")]);
        let why = shown(BillLayout::Cur, "bill", text.as_bytes(), &[]).unwrap_err();
        let expected = format!("line 3: line_item_unblended_cost is \"{cost}\", which {fault}; correct it");
        assert!(why.contains(&expected), "{why}");
    }
}

#[test]
fn a_map_in_any_spelling_is_read_and_an_unreadable_one_is_a_gap() {
    let lines = [
        line("1", "1", r#"{"product_name": "EC2"}"#, r#"{"user_team": "a", "n": 7}"#),
        line(
            "1",
            "1",
            "{product_name=Amazon Relational Database Service, region=eu}",
            "{user_team=b, c, user_x=1=2}",
        ),
        line("1", "1", r#"[{"key": "product_name", "value": "S3"}]"#, r#"[["user_team", "d"]]"#),
        line("1", "1", "", "{}"),
        line("1", "1", "", "{'user_team': 'e'}"),
        line("1", "1", "{broken", r#"{"user_team": "f""#),
    ];
    check(
        BillLayout::Cur,
        &cur(&lines),
        &["service_name", "tags"],
        r#"EC2 {"user_team":"a","n":"7"}
        Amazon Relational Database Service {"user_team":"b, c","user_x":"1=2"}
        S3 {"user_team":"d"}
        - -
        - {"(unreadable)":"{'user_team': 'e'}"}
        - {"(unreadable)":"{\"user_team\": \"f\""}
        111122223333/2026-10: 6 rows [product cannot be read in 1 line: line 7 has "{broken"; resource_tags cannot be read in 2 lines: line 6 has "{'user_team': 'e'}"]"#,
    );
}

#[test]
fn account_ids_have_twelve_digits_whatever_the_file_stored() {
    let lines = ["12345678901", "444455556666.0", "4.44455556666E+11", "4.44E+11", "1234-5678-9012", ""]
        .map(|id| line(id, "1", "", ""));
    check(
        BillLayout::Cur,
        &cur(&lines),
        &["sub_account_id"],
        r#"012345678901
        444455556666
        444455556666
        4.44E+11
        123456789012
        -
        111122223333/2026-10: 6 rows [line_item_usage_account_id cannot be read in 1 line: line 5 has "4.44E+11"]"#,
    );
    let payer = |id: &str| cur(&lines[..1]).replace("111122223333", id);
    check(BillLayout::Cur, &payer("1122223333"), &[], "\n001122223333/2026-10: 1 rows");
    let why = shown(BillLayout::Cur, "bill", payer("1.1E+11").as_bytes(), &[]).unwrap_err();
    assert!(why.contains("its account 1.1E+11 is a number without all of its digits"), "{why}");
}

const FOCUS: &str = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ProviderName,SubAccountId";

#[test]
fn account_ids_of_other_providers_stay_as_they_are() {
    let row =
        |provider: &str| format!("1,1,USD,111122223333,2026-10-01,2026-10-02,Usage,{provider},1234567890\n");
    let text = format!("{FOCUS}\n{}{}{}", row("AWS"), row("Microsoft"), row(""));
    check(
        BillLayout::Focus,
        &text,
        &["sub_account_id"],
        "001234567890
        1234567890
        001234567890
        111122223333/2026-10: 3 rows",
    );
    let long = row("Microsoft").replace("111122223333", "/providers/x/billingAccounts/861");
    check(
        BillLayout::Focus,
        &format!("{FOCUS}\n{long}"),
        &["billing_account_id"],
        "/providers/x/billingAccounts/861
        :providers:x:billingAccounts:861/2026-10: 1 rows",
    );
}

/// A FOCUS export as Parquet, with this text as its service and this number as its account.
fn parquet(service: &str, account: Value) -> Vec<u8> {
    let number = if matches!(account, Value::Int(_)) { ValueType::Int } else { ValueType::Float };
    let columns = [
        ("BilledCost", ValueType::Float, Value::Float(1.5)),
        ("EffectiveCost", ValueType::Float, Value::Float(1.5)),
        ("BillingCurrency", ValueType::Text, "USD".into()),
        ("BillingAccountId", number, account),
        ("BillingPeriodStart", ValueType::Date, Value::Date(20_000)),
        ("ChargePeriodStart", ValueType::Date, Value::Date(20_000)),
        ("ChargeCategory", ValueType::Text, "Usage".into()),
        ("ServiceName", ValueType::Text, service.into()),
    ];
    let fields = columns.iter().map(|(name, ty, _)| Field::new(*name, ty.clone())).collect();
    let rows = vec![columns.into_iter().map(|(_, _, value)| value).collect()];
    crate::parquet_bytes(&Page { fields, rows }).unwrap()
}

#[test]
fn account_numbers_of_parquet_have_twelve_digits() {
    for (account, expected) in
        [(Value::Int(98_765_432), "000098765432"), (Value::Float(44_455_556_666.0), "044455556666")]
    {
        let found = shown(BillLayout::Focus, "x.parquet", &parquet("EC2", account), &[]).unwrap();
        assert_eq!(found, format!("\n{expected}/2024-10: 1 rows"));
    }
}

#[test]
fn a_long_text_in_parquet_is_refused_by_the_limits_name() {
    let read = |service: &str| {
        shown(BillLayout::Focus, "x.parquet", &parquet(service, Value::Int(111_122_223_333)), &[]).map(|_| ())
    };
    assert_eq!(read(&"x".repeat(1 << 20)), Ok(()));
    let why = read(&"x".repeat((1 << 20) + 1)).unwrap_err();
    assert_eq!(why, "its column ServiceName has a field of more than 1 MiB, the limit of a field");
}
