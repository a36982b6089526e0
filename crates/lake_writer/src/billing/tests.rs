//! Small bills, written by hand in the real layouts.

use std::fs::{self, File};
use std::io::BufReader;
use std::path::PathBuf;

use catalog::{Field, Page, Value, ValueType};
use polars::prelude::AnyValue;

use super::entry_columns::{EXTRA, EntryColumns, TAGS};
use super::*;

fn open(path: &Path) -> std::io::Result<Box<dyn std::io::BufRead>> {
    Ok(Box::new(BufReader::new(File::open(path)?)))
}

/// Reads a file. Returns these columns, one line for each row, then the row count of each bill.
pub(super) fn shown(
    layout: BillLayout,
    name: &str,
    bytes: &[u8],
    columns: &[&str],
) -> Result<String, String> {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join(name);
    fs::write(&path, bytes).unwrap();
    let mut lines = Vec::new();
    let bills = read(layout, &path, &open, &mut |frame| {
        let names: Vec<&str> = charge().columns.iter().map(|column| column.name).collect();
        let found: Vec<&str> = frame.get_column_names().iter().map(|name| name.as_str()).collect();
        let (own, more) = found.split_at(names.len());
        assert_eq!(own, names);
        let of_entry = |name: &&str| ["extra:", "tag:"].iter().any(|kind| name.starts_with(kind));
        assert!(more.iter().all(of_entry), "{more:?}");
        let extra = EntryColumns::split(&frame, &EXTRA, &[]).unwrap().others;
        let tags = EntryColumns::split(&frame, &TAGS, &[]).unwrap().others;
        let mut frame = frame;
        frame.with_column(extra.with_name("extra".into()).into_column()).unwrap();
        if tags.null_count() < tags.len() {
            frame.with_column(tags.with_name("tags".into()).into_column()).unwrap();
        }
        for row in 0..frame.height() {
            let cell = |name: &&str| match frame.column(name).unwrap().get(row).unwrap() {
                AnyValue::Null => "-".to_string(),
                AnyValue::String(text) => text.to_string(),
                AnyValue::StringOwned(text) => text.to_string(),
                AnyValue::Decimal(mantissa, _, scale) => {
                    domain::Decimal::from_i128_with_scale(mantissa, scale as u32).normalize().to_string()
                }
                other => other.to_string(),
            };
            lines.push(columns.iter().map(cell).collect::<Vec<_>>().join(" "));
        }
        Ok(())
    })
    .map_err(|e| e.to_string().split_once(": ").unwrap().1.to_string())?;
    for (scope, bill) in bills {
        let mut remarks = bill.findings.gaps();
        remarks.extend(bill.findings.rounding());
        let remarks = if remarks.is_empty() { String::new() } else { format!(" [{}]", remarks.join("; ")) };
        lines.push(format!("{scope}: {} rows{remarks}", bill.rows));
    }
    Ok(lines.join("\n"))
}

#[track_caller]
pub(super) fn check(layout: BillLayout, text: &str, columns: &[&str], expected: &str) {
    let found = shown(layout, "bill", text.as_bytes(), columns).unwrap_or_else(|why| format!("error: {why}"));
    assert_eq!(found, expected.replace("\n        ", "\n"), "{text}");
}

const CUR: &str = "bill/PayerAccountId,bill/BillingPeriodStartDate,bill/BillType,lineItem/LineItemType,lineItem/UsageStartDate,\
lineItem/ProductCode,lineItem/UsageAmount,lineItem/CurrencyCode,lineItem/UnblendedCost,product/ProductName,pricing/term,pricing/unit,\
reservation/EffectiveCost,reservation/ReservationARN,reservation/UnusedAmortizedUpfrontFeeForBillingPeriod,reservation/UnusedRecurringFee,\
savingsPlan/SavingsPlanEffectiveCost,savingsPlan/SavingsPlanARN,savingsPlan/TotalCommitmentToDate,savingsPlan/UsedCommitment,\
resourceTags/user:Name,product/vcpu";

/// A line of a legacy report: kind, unblended cost, and the fields after the unit.
fn line(kind: &str, cost: &str, rest: &str) -> String {
    format!(
        "111122223333,2026-10-01T00:00:00Z,Anniversary,{kind},2026-10-02T03:00:00.000Z,AmazonEC2,1.0,USD,{cost},\
         Amazon Elastic Compute Cloud,OnDemand,Hrs,{rest}"
    )
}

fn cur(lines: &[String]) -> String {
    format!("{CUR}\n{}\n", lines.join("\n"))
}

#[test]
fn distinguishes_credits_refunds_taxes_fees_and_amortised_cost() {
    let lines = [
        line("Usage", "0.0960000000", ",,,,,,,,,2"),
        line("DiscountedUsage", "0", "0.0610000000,arn:ri,,,,,,,,"),
        line("RIFee", "30.5", ",arn:ri,1.25,2.5,,,,,,"),
        line("Fee", "500", ",arn:ri,,,,,,,,"),
        line("Fee", "29", ",,,,,,,,,"),
        line("SavingsPlanCoveredUsage", "0.096", ",,,,0.07,arn:sp,,,,"),
        line("SavingsPlanNegation", "-0.096", ",,,,,arn:sp,,,,"),
        line("SavingsPlanRecurringFee", "1", ",,,,,arn:sp,10,9.93,,"),
        line("SavingsPlanUpfrontFee", "100", ",,,,,arn:sp,,,,"),
        line("Credit", "-2.61370000000", ",,,,,,,,,"),
        line("Refund", "-1", ",,,,,,,,,"),
        line("Tax", "4.7E-9", ",,,,,,,,,"),
        line("EdpDiscount", "-0.5", ",,,,,,,,,"),
        line("SomethingNew", "1", ",,,,,,,,,"),
    ];
    check(
        BillLayout::Cur,
        &cur(&lines),
        &[
            "line_item_type",
            "billed_cost",
            "effective_cost",
            "charge_category",
            "charge_class",
            "charge_frequency",
        ],
        "Usage 0.096 0.096 Usage - Usage-Based
        DiscountedUsage 0 0.061 Usage - Usage-Based
        RIFee 30.5 3.75 Purchase - Recurring
        Fee 500 0 Purchase - Recurring
        Fee 29 29 Purchase - Recurring
        SavingsPlanCoveredUsage 0.096 0.07 Usage - Usage-Based
        SavingsPlanNegation -0.096 0 Usage - -
        SavingsPlanRecurringFee 1 0.07 Purchase - Recurring
        SavingsPlanUpfrontFee 100 0 Purchase - One-Time
        Credit -2.6137 -2.6137 Credit - One-Time
        Refund -1 -1 Adjustment Correction One-Time
        Tax 0.0000000047 0.0000000047 Tax - -
        EdpDiscount -0.5 -0.5 Usage - -
        SomethingNew 1 1 - - -
        111122223333/2026-10: 14 rows",
    );
}

#[test]
fn a_returned_commitment_has_no_effective_cost_and_other_refunds_keep_theirs() {
    let head = "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,line_item_product_code,line_item_usage_type,line_item_line_item_description,savings_plan_savings_plan_a_r_n,reservation_reservation_a_r_n";
    let row = |month: &str, kind: &str, cost: &str, product: &str, usage: &str, text: &str, arns: &str| {
        format!("111122223333,{month}-01,{kind},{month}-05,USD,{cost},{product},{usage},{text},{arns}")
    };
    let plan = "Refund for one-time fee for Savings Plan ID: 5d6f0000-1111-2222-3333-0123456789ab";
    let sign_up = "Sign up charge for subscription: 363836886";
    let lines = [
        head.to_string(),
        row(
            "2026-10",
            "SavingsPlanUpfrontFee",
            "438",
            "ComputeSavingsPlans",
            "ComputeSP:1yrAllUpfront",
            "",
            "arn:sp,",
        ),
        row("2026-10", "Refund", "-438", "ComputeSavingsPlans", "ComputeSP:1yrAllUpfront", plan, ","),
        row(
            "2026-10",
            "Refund",
            "-30.5",
            "ComputeSavingsPlans",
            "ComputeSP:1yrAllUpfront",
            "EDP Refund",
            ",",
        ),
        row("2026-10", "Fee", "700", "AmazonEC2", "HeavyUsage:m5.large", sign_up, ",arn:ri"),
        row(
            "2026-11",
            "Refund",
            "-700",
            "AmazonEC2",
            "HeavyUsage:m5.large",
            &format!("Refund: {sign_up}"),
            ",",
        ),
        row("2026-11", "Refund", "-12", "AmazonEC2", "BoxUsage:m5.large", "Refund for an outage", ","),
    ];
    check(
        BillLayout::Cur,
        &(lines.join("\n") + "\n"),
        &["line_item_type", "billed_cost", "effective_cost"],
        "SavingsPlanUpfrontFee 438 0
        Refund -438 0
        Refund -30.5 -30.5
        Fee 700 0
        Refund -700 0
        Refund -12 -12
        111122223333/2026-10: 4 rows
        111122223333/2026-11: 2 rows",
    );
}

#[test]
fn a_pod_has_its_share_and_costs_nothing_itself() {
    let head = "bill/PayerAccountId,bill/BillingPeriodStartDate,lineItem/LineItemType,lineItem/UsageStartDate,lineItem/CurrencyCode,lineItem/UnblendedCost,lineItem/ResourceId,splitLineItem/ParentResourceId,splitLineItem/SplitCost,splitLineItem/UnusedCost,pricing/publicOnDemandCost";
    let row = |kind: &str, rest: &str| format!("111122223333,2026-10-01,{kind},2026-10-05,USD,{rest}\n");
    let text = format!("{head}\n")
        + &row("Usage", "7.5,i-1,,,,8")
        + &row("Usage", ",pod/a,i-1,4.25,1.5,")
        + &row("SavingsPlanCoveredUsage", ",pod/b,i-1,1.75,,")
        + &row("Usage", "0,task/c,i-2,0,0,0");
    check(
        BillLayout::Cur,
        &text,
        &["resource_id", "billed_cost", "effective_cost", "list_cost", "split_cost", "split_unused_cost"],
        "i-1 7.5 7.5 8 - -
        pod/a 0 0 0 4.25 1.5
        pod/b 0 0 0 1.75 -
        task/c 0 0 0 0 0
        111122223333/2026-10: 4 rows",
    );
    let missing = text.replace("7.5,i-1,,", ",i-1,,");
    let why = shown(BillLayout::Cur, "bill", missing.as_bytes(), &[]).unwrap_err();
    assert!(why.contains("line 2 has no billed_cost"), "{why}");
}

#[test]
fn keeps_unmapped_columns_under_their_own_names() {
    let lines = [line("Usage", "1", ",,,,,,,,\"a \"\"b\"\" ü\",2"), line("Usage", "1", "0.5,arn:ri,,,,,,,,")];
    check(
        BillLayout::Cur,
        &cur(&lines),
        &["tags", "extra", "service_name", "service_code", "consumed_quantity", "pricing_category"],
        "{\"user:Name\":\"a \\\"b\\\" ü\"} {\"bill/BillType\":\"Anniversary\",\"pricing/term\":\"OnDemand\",\"product/vcpu\":\"2\"} Amazon Elastic Compute Cloud AmazonEC2 1 Standard
        - {\"bill/BillType\":\"Anniversary\",\"pricing/term\":\"OnDemand\",\"reservation/EffectiveCost\":\"0.5\",\"reservation/ReservationARN\":\"arn:ri\"} Amazon Elastic Compute Cloud AmazonEC2 1 Standard
        111122223333/2026-10: 2 rows",
    );
}

#[test]
fn columns_missing_from_a_report_are_null() {
    let short = "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,line_item_product_code,product,resource_tags\n\
        1,2026-10-01 00:00:00,DiscountedUsage,2026-10-01 00:00:00,USD,0,AmazonEC2,\"{\"\"product_name\"\":\"\"EC2\"\"}\",\"{\"\"user_name\"\":\"\"x\"\"}\"\n\
        1,2026-11-01 00:00:00,SavingsPlanRecurringFee,2026-11-01 00:00:00,EUR,3,ComputeSavingsPlans,,\n";
    check(
        BillLayout::Cur,
        short,
        &["effective_cost", "list_cost", "service_name", "tags", "billing_currency", "resource_id"],
        "- - EC2 {\"user_name\":\"x\"} USD -
        - - ComputeSavingsPlans - EUR -
        1/2026-10: 1 rows
        1/2026-11: 1 rows",
    );
}

#[test]
fn keeps_the_tags_of_all_maps_of_cur_2_in_the_spelling_of_the_file() {
    let check = |columns: &str, cells: &str, expected: &str| {
        let text = format!(
            "bill_payer_account_id,bill_billing_period_start_date,line_item_line_item_type,line_item_usage_start_date,line_item_currency_code,line_item_unblended_cost,{columns}\n\
             1,2026-10-01 00:00:00,Usage,2026-10-01 00:00:00,USD,1,{cells}\n\
             1,2026-10-01 00:00:00,Usage,2026-10-01 00:00:00,USD,1,{cells}\n"
        );
        let found = shown(BillLayout::Cur, "bill", text.as_bytes(), &["tags"]).unwrap();
        assert_eq!(found.lines().next().unwrap(), expected, "{columns}");
    };
    check("tags", r#""{""iamPrincipal/Team"":""a""}""#, r#"{"iamPrincipal/Team":"a"}"#);
    check(
        "resource_tags,tags",
        r#""{""user_team"": ""a""}","{""accountTag/Team"": ""b""}""#,
        r#"{"user_team": "a","accountTag/Team": "b"}"#,
    );
    check("resource_tags,tags", r#"{},"{""accountTag/Team"":""b""}""#, r#"{"accountTag/Team":"b"}"#);
    check("resource_tags,tags", r#""{""user_team"":""a""}","#, r#"{"user_team":"a"}"#);
    check("resource_tags,tags", "{},{}", "-");
    check(
        "resource_tags_user_cost_center,resource_tags_aws_created_by",
        "7,me",
        r#"{"aws_created_by":"me","user_cost_center":"7"}"#,
    );
    let twice = "resourceTags/user:Team,resource_tags_user:Team,product/vcpu";
    check(twice, "a,b,2", r#"{"user:Team":"a"}"#);
    check(twice, ",b,2", r#"{"user:Team":"b"}"#);
    check(twice, ",,2", "-");
}

#[test]
fn keys_that_differ_in_their_spelling_alone_are_reported_for_each_bill() {
    let check = |tags: &[&str], expected: &[&str]| {
        let tags: StringChunked = tags.iter().map(|text| Some(*text)).collect();
        let bills: StringChunked =
            (0..tags.len()).map(|at| Some(["1/2026-09", "1/2026-10"][at % 2])).collect();
        let columns =
            vec![bills.with_name("bill".into()).into_column(), tags.with_name("tags".into()).into_column()];
        let mut keys = super::tag_keys::TagKeys::default();
        keys.add(&DataFrame::new(columns[0].len(), columns).unwrap()).unwrap();
        assert_eq!(keys.notes(), expected);
    };
    let of = "these tag keys differ in their spelling alone, and all are kept";
    let text =
        cur(&[line("Usage", "1", ",,,,,,,,host,2")]).replacen("product/vcpu", "resourceTags/user:name", 1);
    let mut keys = super::tag_keys::TagKeys::default();
    let open = |_: &Path| Ok(Box::new(std::io::Cursor::new(text.clone())) as Box<dyn std::io::BufRead>);
    let mut take = |frame: DataFrame| {
        keys.add(&frame).unwrap();
        Ok(())
    };
    read(BillLayout::Cur, Path::new("/dev/null"), &open, &mut take).unwrap();
    assert_eq!(keys.notes(), [format!("111122223333/2026-10: {of}: user:Name and user:name")]);
    check(&[r#"{"user:team":"a"}"#, r#"{"user:Team":"b"}"#], &[]);
    check(
        &[r#"{"user:team":"a"}"#, r#"{"user:x":"b"}"#, r#"{"accountTag/Team":"a","n":"1"}"#],
        &[&format!("1/2026-09: {of}: accountTag/Team and user:team")],
    );
    check(
        &["{}", r#"{"user_cost_center":"a","CostCenter":"b","A":"1","a":"2","b":"3"}"#],
        &[&format!("1/2026-10: {of}: A and a; CostCenter and user_cost_center")],
    );
}

const FOCUS: &str = "BilledCost,EffectiveCost,ListCost,BillingCurrency,BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName,Tags,x_UsageType,x_Discounts,InvoiceId\n";

#[test]
fn focus_columns_are_kept_unchanged() {
    let text = format!(
        "{FOCUS}0.00000080000,0,NULL,USD,12,2024-09-01 00:00:00,2024-09-18 22:00:00,Usage,S3,\"{{\"\"a\"\": \"\"b\"\"}}\",Requests,{{}},NULL\n\
         -2.6137,-3,1,USD,12,2024-09-01T00:00:00Z,2024-09-18T22:00:00Z,Credit,S3,,,,I-7\n"
    );
    check(
        BillLayout::Focus,
        &text,
        &[
            "billed_cost",
            "effective_cost",
            "list_cost",
            "charge_category",
            "tags",
            "usage_type",
            "invoice_id",
            "extra",
        ],
        "0.0000008 0 - Usage {\"a\": \"b\"} Requests - {\"x_Discounts\":\"{}\"}
        -2.6137 -3 1 Credit - - I-7 -
        12/2024-09: 2 rows",
    );
}

/// A FOCUS export as Parquet, with typed costs and times.
fn parquet(cost: ValueType, value: Value) -> Vec<u8> {
    let mut fields: Vec<Field> =
        ["BilledCost", "EffectiveCost"].map(|name| Field::new(name, cost.clone())).into();
    let texts = ["BillingCurrency", "BillingAccountId", "ChargeCategory", "ServiceName"];
    fields.extend(texts.map(|name| Field::new(name, ValueType::Text)));
    fields.push(Field::new("BillingPeriodStart", ValueType::Timestamp));
    fields.push(Field::new("ChargePeriodStart", ValueType::Date));
    let month = Value::Timestamp("2026-10-01T00:00:00Z".parse().unwrap());
    let row = vec![
        value.clone(),
        value,
        "USD".into(),
        "12".into(),
        "Usage".into(),
        "".into(),
        month,
        Value::Date(20000),
    ];
    crate::parquet_bytes(&Page { fields, rows: vec![row] }).unwrap()
}

#[test]
fn reads_a_double_as_the_number_that_was_written() {
    let check = |cost: ValueType, value: Value, expected: &str| {
        let columns = ["billed_cost", "service_name", "charge_period_start"];
        let found = shown(BillLayout::Focus, "x.parquet", &parquet(cost, value), &columns);
        let found = found.unwrap_or_else(|why| why);
        assert!(found.contains(expected), "{found}");
    };
    check(ValueType::Float, Value::Float(0.1), "0.1 - 2024-10-04");
    check(ValueType::Float, Value::Float(4.7e-9), "0.0000000047 -");
    check(ValueType::Float, Value::Float(1_234_567.891), "1234567.891 -");
    check(
        ValueType::Decimal(38, 18),
        Value::Decimal("0.000000000000000001".parse().unwrap()),
        "0.000000000000000001",
    );
    check(ValueType::Int, Value::Int(7), "7 -");
    check(
        ValueType::Float,
        Value::Float(1.234_567_890_123_456_7e-9),
        "0.00000000123456789 - 2024-10-04 00:00:00\n12/2026-10: 1 rows \
         [2 amounts have more than 18 decimals and were rounded half to even; the largest change is 1.2e-19]",
    );
    check(
        ValueType::Float,
        Value::Float(1e22),
        "row 1: BilledCost is \"10000000000000000000000\", which does not fit DECIMAL(38,18)",
    );
    check(ValueType::Float, Value::Float(f64::NAN), "row 1: BilledCost is \"NaN\", which is not a number");
    check(ValueType::Bool, Value::Bool(true), "which is not a number");
}

#[test]
fn refuses_a_file_that_is_not_a_valid_bill() {
    let check = |layout, text: &str, expected: &str| {
        let why = shown(layout, "bill", text.as_bytes(), &[]).expect_err(text);
        assert!(why.contains(expected), "{text}: {why}");
    };
    let row = "1,1,1,USD,12,2024-09-01,2024-09-18,Usage,S3,,,,\n";
    let with = |from: &str, to: &str| format!("{FOCUS}{}", row.replacen(from, to, 1));
    check(BillLayout::Focus, "", "it is empty");
    check(BillLayout::Focus, FOCUS, "it has no rows");
    check(BillLayout::Focus, "a,b\n1,2\n", "it has no column billed_cost, so it is not a FOCUS export");
    check(
        BillLayout::Cur,
        &with("", ""),
        "it has no column line_item_unblended_cost, so it is not a Cost and Usage",
    );
    check(
        BillLayout::Focus,
        &with("1,", "0.12x,"),
        "line 2: BilledCost is \"0.12x\", which is not a number; correct it, or export the bill again",
    );
    check(BillLayout::Focus, &with("1,", "1e30,"), "does not fit DECIMAL(38,18)");
    check(BillLayout::Focus, &with("1,", "NULL,"), "line 2 has no billed_cost");
    check(BillLayout::Focus, &with("USD", ""), "line 2 has no billing_currency");
    check(
        BillLayout::Focus,
        &with("2024-09-01", "September"),
        "BillingPeriodStart is \"September\", which is not a time",
    );
    check(BillLayout::Focus, &with("\n", ""), "it is cut short");
    check(BillLayout::Focus, &with(",,,\n", "\n"), "line 2 has 10 fields and its header has 13");
    check(
        BillLayout::Focus,
        &format!("BilledCost,{}", with("1,", "1,1,")),
        "it has the column \"BilledCost\" twice",
    );
    let whole = parquet(ValueType::Int, Value::Int(1));
    let cut = shown(BillLayout::Focus, "x.parquet", &whole[..whole.len() - 9], &[]).unwrap_err();
    assert!(cut.contains("cut short, or damaged"), "{cut}");
}

#[test]
fn seeds_of_the_fuzz_targets_are_valid_bills() {
    let check = |layout: BillLayout, text: &str, lines: &str| {
        let shown = shown(layout, "bill", text.as_bytes(), &[]).unwrap();
        assert_eq!(shown.trim(), lines);
        crate::fuzz_entry::bill(layout, text.as_bytes());
        crate::fuzz_entry::bill(layout, &text.as_bytes()[..text.len() / 2]);
    };
    check(BillLayout::Cur, include_str!("../../../../fuzz/seeds/cur/legacy"), "111122223333/2026-10: 2 rows");
    check(BillLayout::Cur, include_str!("../../../../fuzz/seeds/cur/second"), "111122223333/2026-10: 1 rows");
    check(
        BillLayout::Focus,
        include_str!("../../../../fuzz/seeds/focus/export"),
        "111122223333/2026-10: 1 rows",
    );
}
