//! Regions, partitions and currencies that a file does not state itself.

use super::*;

/// A list as AWS published it in 2018: no column for the region's code, the market or, in this one,
/// the capacity.
fn old_offer(locations: &[&str]) -> String {
    let row = |(at, location): (usize, &&str)| {
        format!(
            "S{at},T,OnDemand,2018-05-01,Hrs,0.1{at},USD,,,,Compute Instance,\"{location}\",AWS Region,\
             c5.xlarge,Shared,Linux,No License required,NA"
        )
    };
    let rows: Vec<String> = locations.iter().enumerate().map(row).collect();
    format!(
        "{ABOUT}OfferCode,AmazonEC2\nSKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,\
         LeaseContractLength,PurchaseOption,OfferingClass,Product Family,Location,Location Type,\
         Instance Type,Tenancy,Operating System,License Model,Pre Installed S/W\n{}\n",
        rows.join("\n")
    )
}

#[test]
fn a_location_stands_for_the_region_code_of_old_csv_lists() {
    let check = |locations: &[&str], expected: &str| {
        check(
            FeedKind::PriceList,
            &old_offer(locations),
            &["partition", "region", "price_per_hour"],
            expected,
        );
    };
    check(
        &["US West (Oregon)", "EU (Ireland)", "AWS GovCloud (US)", "Asia Pacific (Osaka-Local)"],
        "aws ap-northeast-3 0.13
        aws eu-west-1 0.11
        aws us-west-2 0.1
        aws-us-gov us-gov-west-1 0.12
        ap-northeast-3: 1 rows at 2025-09-12T22:53:08Z
        eu-west-1: 1 rows at 2025-09-12T22:53:08Z
        us-gov-west-1: 1 rows at 2025-09-12T22:53:08Z
        us-west-2: 1 rows at 2025-09-12T22:53:08Z",
    );
    check(
        &["China (Beijing)", "South America (São Paulo)", "Europe (Milan)"],
        "aws eu-south-1 0.12
        aws sa-east-1 0.11
        aws-cn cn-north-1 0.1
        cn-north-1: 1 rows at 2025-09-12T22:53:08Z
        eu-south-1: 1 rows at 2025-09-12T22:53:08Z
        sa-east-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn a_location_stands_for_the_region_code_of_old_json_lists() {
    let list = OFFER_JSON.replace("\"regionCode\": \"cn-north-1\"", "\"location\": \"China (Ningxia)\"");
    check(
        FeedKind::PriceList,
        &list,
        &["partition", "region", "price_per_hour"],
        "aws-cn cn-northwest-1 0.03
        aws-cn cn-northwest-1 0.0348
        cn-northwest-1: 2 rows at 2023-03-14T15:47:40Z",
    );
}

#[test]
fn an_unknown_location_is_a_gap_of_every_region_of_the_list() {
    check(
        FeedKind::PriceList,
        &old_offer(&["EU (London)", "Moon (Tycho)", "Moon (Tycho)"]),
        &["region"],
        "eu-west-2
        eu-west-2: 1 rows at 2025-09-12T22:53:08Z, in part \
         [2 left out: the location \"Moon (Tycho)\" of no known region]",
    );
    let fails = |text: &str, expected: &str| {
        let error = summary(FeedKind::PriceList, text.as_bytes(), &[]).unwrap_err().to_string();
        assert_eq!(error, expected);
    };
    fails(
        &old_offer(&["Moon (Tycho)"]),
        "it has no prices of a known region: 1 left out: the location \"Moon (Tycho)\" of no known region",
    );
    fails(&old_offer(&[""]), "the row of line 7 has no region");
    fails(
        &old_offer(&[]).replace(",Location,", ",Place,"),
        "it has neither a column \"Region Code\" nor a column \"Location\"",
    );
}

#[test]
fn a_list_of_the_past_counts_from_the_start_of_its_period() {
    let check = |in_force: &str, expected: &str| {
        let context = FeedContext { in_force: domain::parse_instant(in_force), ..context() };
        let list = old_offer(&["US East (Ohio)"]);
        let found = summary_in(FeedKind::PriceList, list.as_bytes(), &["observed_at"], context).unwrap();
        assert_eq!(found, format!("{expected}\nus-east-2: 1 rows at {expected}"));
    };
    check("2025-09-01", "2025-09-01T00:00:00Z");
    check("2025-10-01", "2025-09-12T22:53:08Z");
    check("", "2025-09-12T22:53:08Z");
}

#[test]
fn a_region_decides_the_currency_of_a_spot_price() {
    let check_answer = |zone: &str, expected: &str| {
        let answer = spot_answer(r#""AvailabilityZoneId": "id-az1","#, "Linux/UNIX");
        let answer = answer.replace("us-west-2-lax-1a", zone);
        check(FeedKind::SpotPriceApi, &answer, &["region", "currency"], expected);
    };
    let part = "1 rows at 2026-01-01T13:59:14Z, in part";
    check_answer("eusc-de-east-1b", &format!("eusc-de-east-1 EUR\neusc-de-east-1: {part}"));
    check_answer("cn-north-1a", &format!("cn-north-1 CNY\ncn-north-1: {part}"));
    check_answer("us-gov-west-1a", &format!("us-gov-west-1 USD\nus-gov-west-1: {part}"));
    check_answer("us-iso-east-1a", &format!("us-iso-east-1 USD\nus-iso-east-1: {part}"));
    check_answer(
        "eu-isoe-west-1a",
        "eu-isoe-west-1: 0 rows at 2026-02-03T00:00:00Z \
         [1 left out: a region whose currency is not known]",
    );
    let history = "observed_at,instance_type,region,az_id,spot_usd\n\
        2026-01-01T00:00:00Z,m5.large,eusc-de-east-1,euscde-az1,0.04\n\
        2026-01-01T00:00:00Z,m5.large,zz-east-1,zze1-az1,0.04\n";
    check(
        FeedKind::SpotHistory,
        history,
        &["region", "currency"],
        "eusc-de-east-1 EUR
        eusc-de-east-1: 1 rows at 2026-01-01T00:00:00Z, in part
        zz-east-1: 0 rows at 2026-02-03T00:00:00Z [1 left out: a region whose currency is not known]",
    );
}

#[test]
fn prices_of_no_known_partition_are_left_out() {
    let odd = on_demand("A", "0.1", "m5.large,Shared,Linux,,Used,OnDemand,NA,zz-east-1");
    let good = on_demand("B", "0.1", "m5.large,Shared,Linux,,Used,OnDemand,NA,eusc-de-east-1");
    check(
        FeedKind::PriceList,
        &offer(&[&odd, &good]),
        &["partition", "region"],
        "aws-eusc eusc-de-east-1
        eusc-de-east-1: 1 rows at 2025-09-12T22:53:08Z
        zz-east-1: 0 rows at 2025-09-12T22:53:08Z [1 left out: a region of no known partition]",
    );
}
