//! Limits of foreign text, and texts that have not the form of their column.

use super::*;

#[test]
fn a_table_beyond_a_limit_is_refused_by_the_limits_name() {
    let check = |kind: FeedKind, text: &str, expected: &str| {
        let error = summary(kind, text.as_bytes(), &[]).expect_err(expected).to_string();
        assert!(error.contains(expected), "{kind:?}: {error}");
    };
    let field = "x".repeat((1 << 20) + 1);
    let record = "y".repeat(17 << 20);
    let spot = |zone: &str| kinds::HISTORY.replacen("use1-az1", zone, 1);
    let score = |config: &str| format!("instance_type,metric,value,config\nm5.large,a,1,{config}\n");
    let sku = |sku: &str| offer(&[&on_demand(sku, "1", "m5.large,Shared,Linux,,Used,OnDemand,NA,us-east-1")]);
    let (long, longer) =
        ("line 2: a field has more than 1 MiB", "a record has more than 16 MiB, the limit of a record");
    check(FeedKind::SpotHistory, &spot(&field), long);
    check(FeedKind::SpotHistory, &spot(&record), longer);
    check(FeedKind::Benchmark, &score(&field), long);
    check(FeedKind::Benchmark, &score(&format!("\"{record}\"")), longer);
    check(FeedKind::PriceList, &sku(&field), "line 7: a field has more than 1 MiB, the limit of a field");
    check(FeedKind::PriceList, &sku(&record), longer);
    check(FeedKind::SavingsPlans, &savings(&[&field]), "line 7: a field has more than 1 MiB");
    let columns = format!("observed_at{}\n", ",c".repeat(10_000));
    check(FeedKind::SpotHistory, &columns, "line 1 has more than 10000 columns, the limit of a table");
    // A field of exactly a MiB is no fault.
    let largest = "x".repeat(1 << 20);
    assert!(summary(FeedKind::Benchmark, score(&largest).as_bytes(), &[]).is_ok());
}

#[test]
fn a_row_with_a_misspelt_type_or_region_is_a_gap() {
    let types = "instance_type,metric,value\nm5.large,a,1\n\"m5.large\nhint: x\",a,2\nM5.Large,a,3\n";
    check(
        FeedKind::Benchmark,
        types,
        &["instance_type", "value"],
        r#"m5.large 1
        *: 1 rows at 2026-02-03T00:00:00Z [2 left out, such as: "m5.large\nhint: x" is not an instance type]"#,
    );
    let history = kinds::HISTORY.replacen("us-east-1", "us-east-1\u{202e}", 1);
    check(
        FeedKind::SpotHistory,
        &history,
        &["region", "price_per_hour"],
        r#"us-east-1 -
        *: 0 rows at 2026-02-03T00:00:00Z [1 left out, such as: "us-east-1\u{202e}" is not a region code]
        us-east-1: 1 rows at 2023-01-02T06:00:00Z, in part"#,
    );
    let advice = ADVICE.replacen("\"m5.large\": {\"s\"", "\"m5 large\": {\"s\"", 1);
    let found = summary(FeedKind::SpotAdvisor, advice.as_bytes(), &["instance_type"]).unwrap();
    assert!(found.contains("[1 left out, such as: \"m5 large\" is not an instance type]"), "{found}");
}

#[test]
fn many_rows_are_passed_on_in_batches_of_bounded_size() {
    let row = format!("m5.large,a,1,{}\n", "x".repeat(1 << 20));
    let text = format!("instance_type,metric,value,config\n{}", row.repeat(70));
    let mut batches = Vec::new();
    let reports = read(FeedKind::Benchmark, &mut text.as_bytes(), &context(), &mut |batch| {
        batches.push(batch.len());
        Ok(())
    });
    assert_eq!(reports.unwrap()[0].rows, 70);
    assert_eq!(batches, [32, 32, 6]);
}
