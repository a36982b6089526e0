use super::*;

mod kinds;
mod known_traps;
mod limits;
mod places;

const ABOUT: &str = "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"For information, only\"\n\"Publication Date\",\"2025-09-12T22:53:08Z\"\n\"Version\",\"20250912225308\"\n";
const HEADER: &str = "SKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,LeaseContractLength,PurchaseOption,OfferingClass,Product Family,Instance Type,Tenancy,Operating System,License Model,CapacityStatus,MarketOption,Pre Installed S/W,Region Code";

fn offer(rows: &[&str]) -> String {
    format!("{ABOUT}\"OfferCode\",\"AmazonEC2\"\n{HEADER}\n{}\n", rows.join("\n"))
}

fn on_demand(sku: &str, price: &str, product: &str) -> String {
    format!("{sku},JRT,OnDemand,2025-09-01,Hrs,{price},USD,,,,Compute Instance,{product}")
}

fn context() -> FeedContext<'static> {
    FeedContext {
        source: "file",
        modified: domain::parse_instant("2026-01-02"),
        now: domain::parse_instant("2026-02-03").unwrap(),
        whole: Completeness::Yes,
        in_force: None,
        account: None,
    }
}

/// Returns these columns of the rows, one line per row, and a line per report.
fn summary(kind: FeedKind, bytes: &[u8], columns: &[&str]) -> Result<String, FeedError> {
    summary_in(kind, bytes, columns, context())
}

fn summary_in(
    kind: FeedKind,
    bytes: &[u8],
    columns: &[&str],
    context: FeedContext<'_>,
) -> Result<String, FeedError> {
    let mut lines: Vec<String> = Vec::new();
    let mut reader = plain_text(Box::new(bytes))?;
    let spoken = read(kind, &mut *reader, &context, &mut |batch| {
        let fields = catalog::dataset(kind.dataset()).unwrap().columns.iter().map(|column| column.name);
        assert!(fields.eq(batch.fields.iter().map(|field| field.name.as_str())));
        assert!(batch.cells.iter().all(|cells| cells.len() == batch.len()));
        for row in 0..batch.len() {
            let cell = |name: &&str| {
                let at = batch.fields.iter().position(|field| field.name == **name).unwrap();
                match &batch.cells[at] {
                    catalog::ColumnValues::Text(words) => words.get(row).unwrap_or("-").to_string(),
                    catalog::ColumnValues::Int(values) => values[row].map_or("-".into(), |v| v.to_string()),
                    catalog::ColumnValues::Float(values) => values[row].map_or("-".into(), |v| v.to_string()),
                    catalog::ColumnValues::Decimal(values) => values[row].map_or("-".into(), |value| {
                        let catalog::ValueType::Decimal(_, scale) = batch.fields[at].ty else {
                            panic!("{name}")
                        };
                        domain::Decimal::from_i128_with_scale(value, scale.into()).normalize().to_string()
                    }),
                    catalog::ColumnValues::Timestamp(values) => values[row]
                        .map_or("-".into(), |value| Timestamp::from_microsecond(value).unwrap().to_string()),
                    other => panic!("{other:?}"),
                }
            };
            lines.push(columns.iter().map(cell).collect::<Vec<_>>().join(" "));
        }
        Ok(())
    })?;
    lines.sort();
    for scope in spoken {
        let gaps =
            if scope.gaps.is_empty() { String::new() } else { format!(" [{}]", scope.gaps.join("; ")) };
        let share = if scope.complete || scope.rows == 0 { "" } else { ", in part" };
        let told = format!("{}: {} rows at {}{share}{gaps}", scope.scope, scope.rows, scope.observed_at);
        lines.push(told);
    }
    Ok(lines.join("\n"))
}

fn check(kind: FeedKind, text: &str, columns: &[&str], expected: &str) {
    let found = summary(kind, text.as_bytes(), columns).unwrap_or_else(|error| format!("error: {error}"));
    assert_eq!(found, expected.replace("\n        ", "\n"), "{text}");
}

const PRICE: &[&str] = &["instance_type", "os", "licence", "software", "tenancy", "price_per_hour"];

fn check_offer(rows: &[&str], expected: &str) {
    check(FeedKind::PriceList, &offer(rows), PRICE, expected);
}

#[test]
fn a_type_has_several_prices_by_system_software_and_licence() {
    let products = [
        "m5.large,Shared,Linux,No License required,Used,OnDemand,NA,us-east-1",
        "m5.large,Shared,Windows,No License required,Used,OnDemand,NA,us-east-1",
        "m5.large,Shared,Windows,Bring your own license,Used,OnDemand,NA,us-east-1",
        "m5.large,Shared,Windows,No License required,Used,OnDemand,SQL Std,us-east-1",
        "m5.large,Dedicated,RHEL,No License required,Used,OnDemand,,us-east-1",
    ];
    let prices = ["0.096", "0.188", "0.096", "0.668", "0.13"];
    let rows: Vec<String> =
        products.iter().zip(prices).map(|(product, price)| on_demand("S", price, product)).collect();
    let rows: Vec<&str> = rows.iter().map(String::as_str).collect();
    check_offer(
        &rows,
        "m5.large linux none none shared 0.096
        m5.large rhel included none dedicated 0.13
        m5.large windows byol none shared 0.096
        m5.large windows included none shared 0.188
        m5.large windows included sql-std shared 0.668
        us-east-1: 5 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn keeps_a_price_of_zero_only_for_used_capacity() {
    let zero = on_demand("A", "0.0000000000", "m5.large,Shared,Linux,,Used,OnDemand,NA,us-east-1");
    let host = on_demand("B", "0", "m5.large,Host,Linux,,Used,OnDemand,NA,us-east-1");
    let idle =
        on_demand("C", "0.096", "m5.large,Shared,Linux,,UnusedCapacityReservation,OnDemand,NA,us-east-1");
    let used =
        on_demand("D", "0", "m5.large,Shared,Linux,,AllocatedCapacityReservation,OnDemand,NA,us-east-1");
    check_offer(
        &[&zero, &host, &idle, &used],
        "m5.large linux none none shared 0
        us-east-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn joins_a_lease_from_its_two_rates() {
    let rate = |code: &str, unit: &str, price: &str, lease: &str, paid: &str| {
        format!(
            "S,{code},Reserved,2025-09-01,{unit},{price},USD,{lease},{paid},standard,Compute Instance,\
             m5.large,Shared,Linux,No License required,Used,OnDemand,NA,us-east-1"
        )
    };
    let rows = [
        rate("P", "Quantity", "876", "1yr", "Partial Upfront"),
        rate("N", "Hrs", "0.25", "3yr", "No Upfront"),
        rate("A", "Hrs", "0", "3yr", "All Upfront"),
        rate("P", "Hrs", "0.1", "1yr", "Partial Upfront"),
        rate("A", "Quantity", "2628", "3yr", "All Upfront"),
        rate("X", "Quantity", "5", "1yr", "All Upfront"),
    ];
    let columns = ["term", "lease_years", "payment", "offering_class", "price_per_hour", "upfront_price"];
    check(
        FeedKind::PriceList,
        &offer(&rows.iter().map(String::as_str).collect::<Vec<_>>()),
        &columns,
        "reserved 1 partial-upfront standard 0.2 876
        reserved 3 all-upfront standard 0.1 2628
        reserved 3 no-upfront standard 0.25 0
        us-east-1: 3 rows at 2025-09-12T22:53:08Z [1 left out: a lease with an incomplete price]",
    );
}

const OFFER_JSON: &str = r#"{"formatVersion": "v1.0", "offerCode": "AmazonEC2", "version": "20230314154740",
 "publicationDate": "2023-03-14T15:47:40Z", "products": {
  "A": {"sku": "A", "productFamily": "Compute Instance", "attributes": {"instanceType": "t3.nano", "tenancy": "Shared",
   "operatingSystem": "Linux", "licenseModel": "No License required", "preInstalledSw": "NA",
   "capacitystatus": "Used", "regionCode": "cn-north-1", "memory": "0.5 GiB"}},
  "B": {"sku": "B", "productFamily": "Storage", "attributes": {"regionCode": "cn-north-1"}}},
 "terms": {"OnDemand": {"A": {"A.J": {"offerTermCode": "J", "sku": "A", "effectiveDate": "2023-03-01T00:00:00Z",
   "priceDimensions": {"A.J.6": {"unit": "Hrs", "pricePerUnit": {"CNY": "0.0348000000"}}}, "termAttributes": {}}},
   "B": {"B.J": 17}},
  "Reserved": {"A": {"A.N": {"offerTermCode": "N", "sku": "A", "effectiveDate": "2023-03-01T00:00:00Z",
   "priceDimensions": {"A.N.6": {"unit": "Hrs", "pricePerUnit": {"CNY": "0.02"}},
    "A.N.2": {"unit": "Quantity", "pricePerUnit": {"CNY": "87.6"}}},
   "termAttributes": {"LeaseContractLength": "1yr", "OfferingClass": "convertible", "PurchaseOption": "Partial Upfront"}}}}}}"#;

#[test]
fn reads_a_price_list_as_json() {
    let columns = ["partition", "region", "term", "payment", "price_per_hour", "currency", "effective_from"];
    check(
        FeedKind::PriceList,
        OFFER_JSON,
        &columns,
        "aws-cn cn-north-1 on-demand - 0.0348 CNY 2023-03-01T00:00:00Z
        aws-cn cn-north-1 reserved partial-upfront 0.03 CNY 2023-03-01T00:00:00Z
        cn-north-1: 2 rows at 2023-03-14T15:47:40Z",
    );
}

fn savings(rows: &[&str]) -> String {
    let header = "SKU,RateCode,Unit,EffectiveDate,DiscountedRate,Currency,DiscountedSKU,DiscountedServiceCode,DiscountedUsageType,DiscountedOperation,PurchaseOption,LeaseContractLength,LeaseContractLengthUnit,Product Family,DiscountedRegionCode,DiscountedInstanceType";
    format!("{ABOUT}OfferCode,AmazonComputeSavingsPlan\n{header}\n{}\n", rows.join("\n"))
}

#[test]
fn compute_and_instance_plans_are_kept_apart() {
    let rows = [
        "P,P.D,Hrs,2025-06-05T18:51:13Z,0.0425,USD,D,AmazonEC2,APE2-DedicatedUsage:r7g.medium,RunInstances:0010,Partial Upfront,3,year,EC2InstanceSavingsPlans,ap-east-2,r7g.medium",
        "Q,Q.D,Hrs,2025-06-05T18:51:13Z,0.05,USD,D,AmazonEC2,APE2-BoxUsage:r7g.medium,RunInstances,No Upfront,1,year,ComputeSavingsPlans,ap-east-2,r7g.medium",
        "R,R.D,Hours,2025-06-05T18:51:13Z,0.01,USD,E,AmazonECS,APE2-Fargate-vCPU-Hours:perCPU,FargateTask,No Upfront,1,year,ComputeSavingsPlans,ap-east-2,",
        "S,S.D,Hrs,2025-06-05T18:51:13Z,0.05,USD,D,AmazonEC2,UnusedBox:r7g.medium,RunInstances:zzzz,No Upfront,1,year,ComputeSavingsPlans,us-east-1,r7g.medium",
        "T,T.D,Hrs,2025-06-05T18:51:13Z,0.05,USD,D,AmazonEC2,BoxUsage:r7g.medium,RunInstances,No Upfront,1,year,OtherPlans,us-east-1,r7g.medium",
    ];
    let columns = ["plan", "instance_type", "os", "tenancy", "lease_years", "payment", "price_per_hour"];
    check(
        FeedKind::SavingsPlans,
        &savings(&rows),
        &columns,
        "compute - - - 1 no-upfront 0.01
        compute r7g.medium - - 1 no-upfront 0.05
        compute r7g.medium linux shared 1 no-upfront 0.05
        instance r7g.medium rhel dedicated 3 partial-upfront 0.0425
        ap-east-2: 3 rows at 2025-09-12T22:53:08Z
        us-east-1: 1 rows at 2025-09-12T22:53:08Z [1 left out: an unknown kind of plan]",
    );
}

const ADVICE: &str = r#"{"ranges": [{"index": 0, "label": "<5%", "dots": 0, "max": 5}, {"index": 4, "label": ">20%", "dots": 4, "max": 100}],
 "instance_types": {"m5.large": {"cores": 2, "ram_gb": 8.0, "emr": true}}, "global_rate": "<10%",
 "spot_advisor": {"us-east-1": {"Linux": {"m5.large": {"s": 62, "r": 0}}, "Windows": {"m5.large": {"s": -12, "r": 4}}}}}"#;

#[test]
fn accepts_spot_prices_above_on_demand() {
    check(
        FeedKind::SpotAdvisor,
        ADVICE,
        &["region", "os", "instance_type", "band", "band_label", "saving_percent"],
        "us-east-1 linux m5.large 0 <5% 62
        us-east-1 windows m5.large 4 >20% -12
        us-east-1: 2 rows at 2026-01-02T00:00:00Z",
    );
}

fn spot_answer(id: &str, product: &str) -> String {
    format!(
        r#"{{"NextToken": "", "SpotPriceHistory": [{{"AvailabilityZone": "us-west-2-lax-1a", {id} "InstanceType": "p3.2xlarge",
        "ProductDescription": "{product}", "SpotPrice": "0.936400", "Timestamp": "2026-01-01T13:59:14.000Z"}}]}}"#
    )
}

#[test]
fn keeps_overlapping_answers_once_and_requires_zone_ids() {
    let id = r#""AvailabilityZoneId": "usw2-lax1-az1","#;
    let columns = ["region", "az_id", "product", "price_per_hour", "observed_at"];
    let answers = [
        spot_answer(id, "Linux/UNIX"),
        spot_answer(id, "Linux/UNIX (Amazon VPC)"),
        spot_answer("", "Windows"),
    ];
    check(
        FeedKind::SpotPriceApi,
        &answers.join("\n"),
        &columns,
        "us-west-2 usw2-lax1-az1 linux 0.9364 2026-01-01T13:59:14Z
        us-west-2: 1 rows at 2026-01-01T13:59:14Z, in part [1 left out: a price without AvailabilityZoneId]",
    );
    let nameless = summary(FeedKind::SpotPriceApi, spot_answer("", "Linux/UNIX").as_bytes(), &[]);
    assert!(nameless.unwrap_err().to_string().contains("none of its prices has an AvailabilityZoneId"));
}

const FIGURES: &str = "instance_type,metric,value,measured_at\nm5.large,coremark,12345.5,2026-01-01\nm5.xlarge,coremark,25000,\n";

#[test]
fn accepts_benchmarks_without_time_or_source() {
    check(
        FeedKind::Benchmark,
        FIGURES,
        &["instance_type", "metric", "value", "measured_at", "source"],
        "m5.large coremark 12345.5 2026-01-01T00:00:00Z file
        m5.xlarge coremark 25000 - file
        *: 2 rows at 2026-02-03T00:00:00Z",
    );
}

#[test]
fn names_the_fault_of_an_invalid_file() {
    let check = |kind, text: &str, part: &str| {
        let error = summary(kind, text.as_bytes(), &[]).expect_err(text).to_string();
        assert!(error.contains(part), "{text}: {error}");
    };
    let other = offer(&[]).replace("AmazonEC2", "AmazonRDS");
    let dear = on_demand("A", "0.12345678901", "m5.large,Shared,Linux,,Used,OnDemand,NA,us-east-1");
    let huge = on_demand("A", "999999999", "m5.large,Shared,Linux,,Used,OnDemand,NA,us-east-1");
    let nowhere = on_demand("A", "1", "m5.large,Shared,Linux,,Used,OnDemand,NA,");
    check(FeedKind::PriceList, "", "it is empty");
    check(FeedKind::PriceList, "a,b\n", "does not begin like an offer file");
    check(FeedKind::PriceList, &other, "of AmazonRDS; expected an offer file of AmazonEC2");
    check(FeedKind::PriceList, &offer(&["a,b"]), "line 7 has 2 fields");
    check(FeedKind::PriceList, &offer(&[&dear]), "does not fit DECIMAL(18,10)");
    check(FeedKind::PriceList, &offer(&[&huge]), "does not fit DECIMAL(18,10)");
    check(FeedKind::PriceList, &offer(&[&nowhere]), "no region");
    check(FeedKind::PriceList, &offer(&[]).replace("Tenancy", "Tenure"), "no column \"Tenancy\"");
    check(FeedKind::PriceList, "{\"offerCode\": \"AmazonEC2\"}", "no products or no terms");
    check(FeedKind::PriceList, "{\"terms\": {}, \"products\": {}}", "terms come before its products");
    check(FeedKind::SavingsPlans, "{}", "it has no terms");
    check(FeedKind::SavingsPlans, r#"{"terms": {}}"#, "its terms come before its plans");
    check(FeedKind::SpotHistory, "observed_at,instance_type\n", "no column \"region\"");
    check(FeedKind::SpotHistory, "", "no column");
    check(FeedKind::CostExplorer, r#"{"ResultsByTime": []}"#, "it contains no costs");
    check(FeedKind::CostExplorer, "", "it contains no costs");
    check(FeedKind::CostExplorer, "{}", "not the output of aws ce get-cost-and-usage");
    check(FeedKind::SpotAdvisor, "{}", "not a valid spot-advisor-data.json");
    check(FeedKind::SpotAdvisor, &ADVICE.replace("\"r\": 4", "\"r\": 9"), "range 9");
    check(FeedKind::SpotPriceApi, "", "it is empty");
    check(FeedKind::SpotPriceApi, "[]", "not the output of aws ec2");
    check(FeedKind::Benchmark, "instance_type,metric,value\n", "no figures");
    check(FeedKind::Benchmark, "instance_type,metric,value\na,b,NaN\n", "is not a number");
    check(FeedKind::Benchmark, "instance_type,metric,score\n", "a column \"score\"");
}

/// Returns a complete file of each kind.
fn files() -> Vec<(FeedKind, String)> {
    let row = on_demand("A", "0.096", "m5.large,Shared,Linux,,Used,OnDemand,NA,us-east-1");
    let plan = "Q,Q.D,Hrs,2025-06-05T18:51:13Z,0.05,USD,D,AmazonEC2,BoxUsage:r7g.medium,RunInstances,No Upfront,1,year,ComputeSavingsPlans,us-east-1,r7g.medium";
    vec![
        (FeedKind::PriceList, offer(&[&row])),
        (FeedKind::PriceList, OFFER_JSON.into()),
        (FeedKind::Products, kinds::PRODUCTS.into()),
        (FeedKind::SpotFeed, kinds::FEED.into()),
        (FeedKind::SavingsPlans, savings(&[plan])),
        (FeedKind::SavingsPlans, kinds::SAVINGS_JSON.into()),
        (FeedKind::CostExplorer, kinds::COSTS.into()),
        (FeedKind::SpotHistory, kinds::HISTORY.into()),
        (FeedKind::SpotHistory, kinds::ARCHIVE.into()),
        (FeedKind::SpotAdvisor, ADVICE.into()),
        (FeedKind::Discount, "discount_id,percent\nedp,7.5\nm7i,12\n".into()),
        (FeedKind::SpotPriceApi, spot_answer(r#""AvailabilityZoneId": "usw2-lax1-az1","#, "Windows")),
    ]
}

/// A CSV that is cut just after a line is accepted: nothing in it states its length.
#[test]
fn rejects_a_file_that_is_cut_short() {
    for (kind, text) in files() {
        assert!(summary(kind, text.as_bytes(), &[]).is_ok(), "{text}");
        for end in 0..text.len() {
            let cut = &text[..end];
            let found = summary(kind, cut.as_bytes(), &[]);
            let least = match kind {
                FeedKind::SpotHistory => 1,
                FeedKind::Discount => 2,
                _ => 6,
            };
            let whole_lines = !cut.starts_with('{') && cut.ends_with('\n') && cut.lines().count() >= least;
            assert!(found.is_err() || whole_lines, "{kind:?}: {cut}");
        }
    }
}

#[test]
fn reads_compressed_files_and_rejects_cut_ones() {
    use std::io::Write;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(ADVICE.as_bytes()).unwrap();
    for bytes in [gzip.finish().unwrap(), zstd::encode_all(ADVICE.as_bytes(), 1).unwrap()] {
        assert!(summary(FeedKind::SpotAdvisor, &bytes, &[]).unwrap().contains("us-east-1: 2 rows"));
        assert!(summary(FeedKind::SpotAdvisor, &bytes[..bytes.len() - 9], &[]).is_err());
    }
}

proptest::proptest! {
    /// Changed bytes give an error or other rows, never a panic.
    #[test]
    fn never_panics_on_changed_bytes(which in 0usize..12, at in 0usize..2000, byte: u8) {
        let (kind, text) = files().swap_remove(which);
        let mut bytes = text.into_bytes();
        let at = at % bytes.len();
        bytes[at] = byte;
        let _ = summary(kind, &bytes, &[]);
    }
}
