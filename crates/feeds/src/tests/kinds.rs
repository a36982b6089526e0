//! Savings Plans as JSON, spot history as text, Cost Explorer, detection of the kind, and
//! completeness.

use std::io::Read;

use super::*;

pub(super) const SAVINGS_JSON: &str = r#"{"version": "20250605185113", "publicationDate": "2025-06-05T18:51:13Z", "regionCode": "ap-east-2",
 "products": [
  {"sku": "P", "productFamily": "EC2InstanceSavingsPlans", "serviceCode": "ComputeSavingsPlans", "attributes": {"purchaseOption": "Partial Upfront", "purchaseTerm": "3yr", "instanceType": "r7g"}},
  {"sku": "Q", "serviceCode": "ComputeSavingsPlans", "attributes": {"productFamily": "ComputeSavingsPlans", "purchaseOption": "No Upfront", "purchaseTerm": "1yr"}}],
 "terms": {"other": [1], "savingsPlan": [
  {"sku": "P", "description": "", "effectiveDate": "2025-06-05T18:51:13Z", "leaseContractLength": {"duration": 3, "unit": "year"}, "rates": [
   {"discountedSku": "D", "discountedUsageType": "APE2-DedicatedUsage:r7g.medium", "discountedOperation": "RunInstances:0010", "discountedServiceCode": "AmazonEC2", "rateCode": "P.D", "unit": "Hrs", "discountedRate": {"price": "0.0425", "currency": "USD"}, "discountedRegionCode": "ap-east-2", "discountedInstanceType": "r7g.medium"}]},
  {"sku": "Q", "effectiveDate": "2025-06-05T18:51:13Z", "leaseContractLength": {"duration": 1, "unit": "year"}, "rates": [
   {"discountedSku": "D", "discountedUsageType": "APE2-BoxUsage:r7g.medium", "discountedOperation": "RunInstances", "discountedServiceCode": "AmazonEC2", "rateCode": "Q.D", "unit": "Hrs", "discountedRate": {"price": "0.05", "currency": "USD"}}]}]}}"#;

#[test]
fn reads_savings_plans_as_json() {
    check(
        FeedKind::SavingsPlans,
        SAVINGS_JSON,
        &[
            "plan",
            "instance_type",
            "region",
            "os",
            "tenancy",
            "lease_years",
            "payment",
            "price_per_hour",
            "sku",
        ],
        "compute r7g.medium ap-east-2 linux shared 1 no-upfront 0.05 Q
        instance r7g.medium ap-east-2 rhel dedicated 3 partial-upfront 0.0425 P
        ap-east-2: 2 rows at 2025-06-05T18:51:13Z",
    );
    let stray = SAVINGS_JSON.replacen("{\"sku\": \"Q\", \"eff", "{\"sku\": \"X\", \"eff", 1);
    let error = summary(FeedKind::SavingsPlans, stray.as_bytes(), &[]).unwrap_err().to_string();
    assert!(error.contains("the term of X belongs to no listed plan"), "{error}");
}

pub(super) const HISTORY: &str = "observed_at,instance_type,region,az_id,on_demand_usd,spot_usd,product\n\
    2023-01-02T00:00:00Z,m5.large,us-east-1,use1-az1,0.096,0.0312,Linux/UNIX\n\
    2023-01-02 06:00:00,m5.large,us-east-1,use1-az1,0.096,,windows\n";

pub(super) const ARCHIVE: &str = "use1-az1\tm5.large\tLinux/UNIX (Amazon VPC)\t0.031200\t2023-01-02T00:00:00+00:00\n\
    apne2-az1\tg5.xlarge\tPlan 9\t0.5\t2023-01-02T00:00:00+00:00\n";

#[test]
fn reads_spot_history_as_a_table_or_from_the_archive() {
    let columns =
        ["observed_at", "instance_type", "region", "az_id", "product", "price_per_hour", "currency"];
    let rows = "2023-01-02T00:00:00Z m5.large us-east-1 use1-az1 linux 0.0312 USD
        2023-01-02T06:00:00Z m5.large us-east-1 use1-az1 windows - USD
        us-east-1: 2 rows at 2023-01-02T06:00:00Z, in part";
    check(FeedKind::SpotHistory, HISTORY, &columns, rows);
    check(FeedKind::SpotHistory, &HISTORY.replace(',', "\t"), &columns, rows);
    check(
        FeedKind::SpotHistory,
        ARCHIVE,
        &columns,
        "2023-01-02T00:00:00Z m5.large us-east-1 use1-az1 linux 0.0312 USD
        ap-northeast-2: 0 rows at 2026-02-03T00:00:00Z [1 left out: an unknown product]
        us-east-1: 1 rows at 2023-01-02T00:00:00Z, in part",
    );
    let fails = |from: &str, to: &str, part: &str| {
        let text = HISTORY.replacen(from, to, 1);
        let error = summary(FeedKind::SpotHistory, text.as_bytes(), &[]).expect_err(&text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    };
    fails("0.0312", "0", "line 2: \"0\" is not a price above zero");
    fails("0.0312", "0.01234567891", "is not a price above zero that fits");
    fails("2023-01-02T00", "yesterday", "is not a time");
    fails("us-east-1,", ",", "line 2: a price without its type, region or zone id");
    fails(",Linux/UNIX", "", "line 2 has 6 fields and its header has 7");
}

pub(super) const COSTS: &str = r#"{"GroupDefinitions": [{"Type": "DIMENSION", "Key": "RECORD_TYPE"}, {"Type": "TAG", "Key": "Team"}],
 "ResultsByTime": [{"TimePeriod": {"Start": "2025-11-30", "End": "2025-12-01"}, "Total": {}, "Estimated": true, "Groups": [
   {"Keys": ["Usage", "Team$web"], "Metrics": {"UnblendedCost": {"Amount": "12.3456789012", "Unit": "USD"}, "AmortizedCost": {"Amount": "13", "Unit": "USD"}, "BlendedCost": {"Amount": "1", "Unit": "USD"}}},
   {"Keys": ["Refund", "Team$"], "Metrics": {"UnblendedCost": {"Amount": "-1", "Unit": "USD"}}}]}]}"#;

#[test]
fn each_day_of_cost_explorer_is_a_report_of_its_own() {
    let columns =
        ["bill", "billed_cost", "effective_cost", "charge_category", "charge_class", "tags", "service_name"];
    check(
        FeedKind::CostExplorer,
        COSTS,
        &columns,
        "*/2025-11-30 -1 - Adjustment Correction - -
        */2025-11-30 12.3456789012 13 Usage - {\"Team\":\"web\"} -
        */2025-11-30: 2 rows at 2026-01-02T00:00:00Z",
    );
    let total =
        COSTS.replace("\"Total\": {}", r#""Total": {"UnblendedCost": {"Amount": "5", "Unit": "EUR"}}"#);
    let start = total.find("{\"Keys\"").unwrap();
    let total = format!("{}]}}]}}", &total[..start]).replace(r#""GroupDefinitions": [{"Type": "DIMENSION", "Key": "RECORD_TYPE"}, {"Type": "TAG", "Key": "Team"}],"#, "");
    let mine = FeedContext { account: Some("111122223333"), ..context() };
    let found = summary_in(
        FeedKind::CostExplorer,
        total.as_bytes(),
        &["billed_cost", "billing_currency", "billing_period_start", "billing_period_end", "extra"],
        mine,
    );
    assert_eq!(
        found.unwrap(),
        "5 EUR 2025-11-01T00:00:00Z 2025-12-01T00:00:00Z {\"Estimated\":\"true\"}\n\
         111122223333/2025-11-30: 1 rows at 2026-01-02T00:00:00Z"
    );
    // A day without charges is known to have cost nothing.
    let nothing = COSTS.replace("\"Groups\": [", "\"Groups\": [], \"Others\": [");
    check(FeedKind::CostExplorer, &nothing, &columns, "*/2025-11-30: 0 rows at 2026-01-02T00:00:00Z");
    let zero = r#""Total": {"UnblendedCost": {"Amount": "0", "Unit": "USD"}}"#;
    let nothing = nothing.replace("\"Total\": {}", zero);
    check(FeedKind::CostExplorer, &nothing, &columns, "*/2025-11-30: 0 rows at 2026-01-02T00:00:00Z");
    let something = nothing.replace("\"Amount\": \"0\"", "\"Amount\": \"7\"");
    let expected = "*/2025-11-30 7 - - - - -\n*/2025-11-30: 1 rows at 2026-01-02T00:00:00Z";
    check(FeedKind::CostExplorer, &something, &columns, expected);
    let fails = |from: &str, to: &str, part: &str| {
        let error = summary(FeedKind::CostExplorer, COSTS.replacen(from, to, 1).as_bytes(), &[])
            .unwrap_err()
            .to_string();
        assert!(error.contains(part), "{error}");
    };
    fails("2025-11-30", "2026-11-30", "it contains costs of 2026-11-30 but was made at 2026-01-02T00:00:00Z");
    fails("2025-12-01", "2025-12-31", "is not a day; request it with --granularity DAILY");
    fails("2025-11-30", "2025-11-30T00:00:00Z", "is not a day");
    fails("\"UnblendedCost\"", "\"NetUnblendedCost\"", "it has no UnblendedCost");
    fails("12.3456789012", "1e20", "the amount \"1e20\" does not fit DECIMAL(38,18)");
    fails("12.3456789012", "a lot", "does not fit DECIMAL(38,18)");
    let fine = COSTS.replacen("12.3456789012", "12.34567890120000000051", 1);
    let found = summary(FeedKind::CostExplorer, fine.as_bytes(), &["billed_cost"]).unwrap();
    assert!(
        found.contains("\n12.345678901200000001\n") && found.contains("[1 amount has more than 18 decimals"),
        "{found}"
    );
    let odd = COSTS.replacen("RECORD_TYPE", "REGION", 1).replacen("\"Usage\"", "\"eu\\nhint: x\"", 1);
    let error = summary(FeedKind::CostExplorer, odd.as_bytes(), &[]).unwrap_err().to_string();
    assert_eq!(error, "the REGION \"eu\\nhint: x\" has not the form of a code");
    fails("{\"Group", "{\"NextPageToken\": \"x\", \"Group", "there is more");
    fails("\"Usage\", ", "", "1 keys and 2 definitions");
}

#[test]
fn marks_days_that_may_still_change_as_estimated() {
    let version = |text: &str| {
        let spoken = read(FeedKind::CostExplorer, &mut text.as_bytes(), &context(), &mut |_| Ok(())).unwrap();
        spoken[0].version.clone()
    };
    assert_eq!(version(COSTS).as_deref(), Some("estimated"));
    assert_eq!(version(&COSTS.replace("\"Estimated\": true", "\"Estimated\": false")), None);
}

pub(super) const PRODUCTS: &str = r#"{"product": {"productFamily": "Compute Instance", "sku": "A", "attributes": {
  "instanceType": "m7i.large", "tenancy": "Shared", "operatingSystem": "Linux", "licenseModel": "No License required",
  "preInstalledSw": "NA", "capacitystatus": "Used", "marketoption": "OnDemand", "regionCode": "us-east-1"}},
 "serviceCode": "AmazonEC2", "version": "20261101", "publicationDate": "2026-11-01T10:00:00Z", "terms": {
  "OnDemand": {"A.J": {"sku": "A", "effectiveDate": "2026-10-01T00:00:00Z", "termAttributes": {}, "priceDimensions": {
   "A.J.6": {"unit": "Hrs", "pricePerUnit": {"USD": "0.1008000000"}}}}},
  "Reserved": {"A.N": {"sku": "A", "effectiveDate": "2026-10-01T00:00:00Z", "priceDimensions": {
   "A.N.6": {"unit": "Hrs", "pricePerUnit": {"USD": "0.05"}}, "A.N.2": {"unit": "Quantity", "pricePerUnit": {"USD": "87.6"}}},
   "termAttributes": {"LeaseContractLength": "1yr", "OfferingClass": "standard", "PurchaseOption": "Partial Upfront"}}}}}"#;

#[test]
fn products_follow_the_rules_of_a_list_and_count_as_partial() {
    let columns =
        ["instance_type", "os", "tenancy", "term", "price_per_hour", "upfront_price", "observed_at"];
    let used = PRODUCTS.replace("\"Used\"", "\"AllocatedCapacityReservation\"");
    let newer = PRODUCTS.replace("Linux", "RHEL").replace("2026-11-01T10", "2026-11-02T10");
    check(
        FeedKind::Products,
        &format!("{PRODUCTS}\n{used}\n{newer}\n"),
        &columns,
        "m7i.large linux shared on-demand 0.1008 - 2026-11-01T10:00:00Z
        m7i.large linux shared reserved 0.06 87.6 2026-11-01T10:00:00Z
        m7i.large rhel shared on-demand 0.1008 - 2026-11-02T10:00:00Z
        m7i.large rhel shared reserved 0.06 87.6 2026-11-02T10:00:00Z
        us-east-1: 4 rows at 2026-11-02T10:00:00Z, in part",
    );
    let fails = |text: &str, part: &str| {
        let error = summary(FeedKind::Products, text.as_bytes(), &[]).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    };
    fails("", "it contains no product");
    fails("[]", "it is not the output of GetProducts");
    fails(&PRODUCTS.replace("2026-11-01T10:00:00Z", "yesterday"), "is not a time");
    fails(&PRODUCTS.replace("\"us-east-1\"", "\"\""), "the product A has no region");
    fails(&PRODUCTS.replace("0.1008000000", "0.10080000001"), "does not fit DECIMAL(18,10)");
}

pub(super) const FEED: &str = r#"{"vers": 0.01, "config": {"rate": "perhr", "valueColumns": ["linux", "mswin"], "currencies": ["USD"],
 "regions": [{"region": "apac-tokyo", "footnotes": {"*": "notAvailable"}, "instanceTypes": [
   {"type": "generalCurrentGen", "sizes": [{"size": "m5.large", "valueColumns": [
     {"name": "linux", "prices": {"USD": "0.0336"}}, {"name": "mswin", "prices": {"USD": "N/A*"}}]}]},
   {"type": "computeCurrentGen", "sizes": [{"size": "m5.large", "valueColumns": [{"name": "linux", "prices": {"USD": "0.0336"}}]}]}]},
  {"region": "eu-central-1", "instanceTypes": [{"type": "generalCurrentGen", "sizes": [
   {"size": "m5.large", "valueColumns": [{"name": "linux", "prices": {"USD": "0.0400"}}, {"name": "mswin", "prices": {"USD": "0.1300"}}]}]}]}]}}"#;

#[test]
fn translates_old_region_names_and_skips_missing_prices() {
    let columns = ["region", "instance_type", "os", "price_per_hour", "currency"];
    let expected = "ap-northeast-1 m5.large linux 0.0336 USD
        eu-central-1 m5.large linux 0.04 USD
        eu-central-1 m5.large windows 0.13 USD
        ap-northeast-1: 1 rows at 2026-01-02T00:00:00Z [AWS has not changed the feed for 32 days: it may be frozen]
        eu-central-1: 2 rows at 2026-01-02T00:00:00Z [AWS has not changed the feed for 32 days: it may be frozen]";
    check(FeedKind::SpotFeed, FEED, &columns, expected);
    let fresh = FeedContext { modified: domain::parse_instant("2026-02-02"), ..context() };
    let other = FEED.replacen("0.0336", "0.0337", 1).replace("\"mswin\"", "\"rhel\"").replace("0.0400", "0");
    let found = summary_in(FeedKind::SpotFeed, other.as_bytes(), &["price_per_hour"], fresh).unwrap();
    assert_eq!(
        found,
        "0.0337\n\
         ap-northeast-1: 1 rows at 2026-02-02T00:00:00Z [1 left out: a type that is listed twice with different prices; 1 left out: an unknown operating system]\n\
         eu-central-1: 0 rows at 2026-02-02T00:00:00Z [1 left out: an unknown operating system; 1 left out: no price above zero]"
    );
    let fails = |text: &str, part: &str| {
        let error = summary(FeedKind::SpotFeed, text.as_bytes(), &[]).unwrap_err().to_string();
        assert!(error.contains(part), "{text}: {error}");
    };
    fails(&format!("callback({FEED});"), "it is spot.js, a feed that ended in May 2024");
    fails(&FEED.replace("perhr", "permonth"), "\"permonth\"; expected perhr");
    fails(&FEED.replace("eu-central-1", "Frankfurt"), "Frankfurt");
    fails("{}", "it is not a valid spot.json");
    fails("", "it is cut short");
}

#[test]
fn detects_the_kind_of_a_file_by_its_beginning() {
    for (kind, text) in files().into_iter().filter(|(kind, _)| *kind != FeedKind::SpotFeed) {
        let expected = match kind {
            FeedKind::SpotFeed => unreachable!("never imported from a file"),
            // No user has a file of GetProducts. It looks like a part of a price list.
            FeedKind::PriceList | FeedKind::Products => "price-list",
            FeedKind::SavingsPlans => "savings-plans",
            FeedKind::SpotAdvisor => "spot-advisor",
            FeedKind::SpotPriceApi => "spot-price-api",
            FeedKind::SpotHistory => "spot-history",
            FeedKind::Benchmark => "benchmark",
            FeedKind::Discount => "discount",
            FeedKind::CostExplorer => "cost-explorer",
        };
        assert_eq!(detect_kind(text.as_bytes()), Some(expected), "{text}");
        let marked = format!("\u{feff}{text}");
        let mut plain = Vec::new();
        plain_text(Box::new(marked.as_bytes())).unwrap().read_to_end(&mut plain).unwrap();
        assert_eq!(detect_kind(&plain), Some(expected), "{text}");
        assert_eq!(
            summary(kind, marked.as_bytes(), &[]).unwrap(),
            summary(kind, text.as_bytes(), &[]).unwrap()
        );
    }
    let check =
        |text: &str, expected: Option<&str>| assert_eq!(detect_kind(text.as_bytes()), expected, "{text}");
    check(FIGURES, Some("benchmark"));
    check("\"AvailabilityZone\",\"BilledCost\"\n", Some("focus"));
    check("identity/LineItemId,lineItem/UnblendedCost\n", Some("cur"));
    check("bill_bill_type,line_item_unblended_cost\n", Some("cur"));
    check(&offer(&[]).replace("AmazonEC2", "AmazonRDS"), None);
    check("{\"instance_types\": {\"m5.large\": {\"emr\": true, \"ram_gb\": 8}", Some("spot-advisor"));
    check("{}", None);
    check("a,b\n1,2\n", None);
    check("", None);
}

/// Returns a list with this number of instance types.
fn list_of(types: usize) -> String {
    let row = |number: usize| {
        on_demand(
            &format!("S{number}"),
            "0.1",
            &format!("m5.{number}large,Shared,Linux,,Used,OnDemand,NA,us-east-1"),
        )
    };
    let rows: Vec<String> = (0..types).map(row).collect();
    offer(&rows.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn a_list_that_may_be_incomplete_counts_as_partial() {
    let check = |types: usize, whole: Completeness, expected: &str| {
        let context = FeedContext { whole, ..context() };
        let found = summary_in(FeedKind::PriceList, list_of(types).as_bytes(), &[], context).unwrap();
        let said = found.lines().last().unwrap();
        assert!(said.ends_with(expected), "{types} {whole:?}: {said}");
    };
    check(3, Completeness::Yes, "08Z");
    check(100, Completeness::Unsaid { sealed: true }, "08Z");
    check(
        100,
        Completeness::Unsaid { sealed: false },
        "in part [the file has no recognisable end, so it may be incomplete; if it is complete, import it with --whole]",
    );
    check(
        99,
        Completeness::Unsaid { sealed: true },
        "in part [too few instance types for the list of a region, so it may be incomplete; if it is complete, import it with --whole]",
    );
    check(100, Completeness::No, "in part [it was imported with --partial]");
    // JSON has an end of its own, and may be an excerpt nonetheless.
    let context = FeedContext { whole: Completeness::Unsaid { sealed: false }, ..context() };
    for (kind, text) in [(FeedKind::PriceList, OFFER_JSON), (FeedKind::SavingsPlans, SAVINGS_JSON)] {
        let found = summary_in(kind, text.as_bytes(), &[], context).unwrap();
        assert!(found.contains("in part [too few instance types"), "{found}");
    }
}
