//! Known traps in AWS's files, one test each.

use super::*;

const LINUX: &str = "m5.large,Shared,Linux,No License required,Used,OnDemand,NA,us-east-1";

#[test]
fn two_products_with_one_key_are_one_price_or_a_gap() {
    let (a, same, other) =
        (on_demand("A", "0.096", LINUX), on_demand("B", "0.0960000000", LINUX), on_demand("C", "0.2", LINUX));
    check_offer(
        &[&a, &same],
        "m5.large linux none none shared 0.096\n        us-east-1: 1 rows at 2025-09-12T22:53:08Z",
    );
    let kept = "m5.large linux none none shared 0.096
        us-east-1: 1 rows at 2025-09-12T22:53:08Z [1 left out: a second price of the same product]";
    check_offer(&[&a, &other], kept);
    check_offer(&[&a, &other, &same], kept);
}

#[test]
fn a_byol_price_is_not_a_windows_price() {
    let windows = "m5.large,Shared,Windows,No License required,Used,OnDemand,NA,us-east-1";
    let (included, own) = (
        on_demand("A", "0.188", windows),
        on_demand("B", "0.096", &windows.replace("No License required", "Bring your own license")),
    );
    let rows = "m5.large windows byol none shared 0.096
        m5.large windows included none shared 0.188
        us-east-1: 2 rows at 2025-09-12T22:53:08Z";
    check_offer(&[&included, &own], rows);
    check_offer(&[&own, &included], rows);
}

#[test]
fn an_operation_names_the_system() {
    let check = |code: &str, expected: Option<(&str, &str, &str)>| {
        assert_eq!(crate::product::operation(code), expected, "{code}");
    };
    check("RunInstances", Some(("linux", "none", "none")));
    check("RunInstances:0010", Some(("rhel", "none", "included")));
    check("RunInstances:1010", Some(("rhel-ha", "none", "included")));
    check("RunInstances:000g", Some(("suse", "none", "included")));
    check("RunInstances:0g00", Some(("ubuntu-pro", "none", "included")));
    check("RunInstances:0800", Some(("windows", "none", "byol")));
    check("RunInstances:0006", Some(("windows", "sql-std", "included")));
    check("RunInstances:0102", Some(("windows", "sql-ent", "included")));
    check("RunInstances:0202", Some(("windows", "sql-web", "included")));
    check("RunInstances:0210", Some(("rhel", "sql-web", "included")));
    check("RunInstances:1014", Some(("rhel-ha", "sql-std", "included")));
    check("RunInstances:0004", Some(("linux", "sql-std", "included")));
    check("RunInstances:zzzz", None);
    check("CreateVolume", None);
}

#[test]
fn no_software_is_spelt_in_two_ways() {
    let empty = on_demand("A", "0.096", &LINUX.replace(",NA,", ",,"));
    check_offer(
        &[&empty],
        "m5.large linux none none shared 0.096\n        us-east-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn metal_is_an_instance_and_a_host_is_not() {
    let metal = on_demand("A", "4.6", &LINUX.replace("m5.large,Shared", "m5.metal,Dedicated"))
        .replace("Compute Instance", "Compute Instance (bare metal)");
    let host = on_demand("B", "5", &LINUX.replace("m5.large,Shared", "u-6tb1,Host"))
        .replace("Compute Instance", "Dedicated Host");
    let nameless = on_demand("C", "5", &LINUX.replace("m5.large,Shared", "u-6tb1,Dedicated"));
    check_offer(
        &[&metal, &host, &nameless],
        "m5.metal linux none none dedicated 4.6
        us-east-1: 1 rows at 2025-09-12T22:53:08Z [1 left out: no instance type]",
    );
}

#[test]
fn a_capacity_block_has_no_on_demand_price() {
    let block = on_demand(
        "A",
        "31.464",
        &LINUX.replace("OnDemand", "CapacityBlock").replace("m5.large", "p5.48xlarge"),
    );
    check_offer(&[&block], "");
}

#[test]
fn local_zones_have_their_own_prices() {
    let (region, zone, odd) = (
        on_demand("A", "0.096", LINUX),
        on_demand("B", "0.115", &LINUX.replace("us-east-1", "us-east-1-bos-1")),
        on_demand("C", "0.115", &LINUX.replace("us-east-1", "cn-north-1-pkx-1")),
    );
    check(
        FeedKind::PriceList,
        &offer(&[&region, &zone, &odd]),
        &["partition", "region", "price_per_hour"],
        "aws us-east-1 0.096
        aws us-east-1-bos-1 0.115
        aws-cn cn-north-1-pkx-1 0.115
        cn-north-1-pkx-1: 1 rows at 2025-09-12T22:53:08Z
        us-east-1: 1 rows at 2025-09-12T22:53:08Z
        us-east-1-bos-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn the_region_is_its_code_and_never_the_letters_of_a_usage_type() {
    // us-east-1's usage types begin with no letters for a region, and those of others follow no
    // rule.
    let plan = "Q,Q.D,Hrs,2025-06-05T18:51:13Z,0.05,USD,D,AmazonEC2,UGW1-BoxUsage:r7g.medium,RunInstances,No Upfront,1,year,ComputeSavingsPlans,us-gov-west-1,r7g.medium";
    check(
        FeedKind::SavingsPlans,
        &savings(&[plan, &plan.replace("UGW1-", "").replace("us-gov-west-1", "us-east-1")]),
        &["partition", "region", "tenancy"],
        "aws us-east-1 shared
        aws-us-gov us-gov-west-1 shared
        us-east-1: 1 rows at 2025-09-12T22:53:08Z
        us-gov-west-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn currencies_are_prices_of_their_own() {
    let (dollars, yuan) =
        (on_demand("A", "0.096", LINUX), on_demand("A", "0.7", LINUX).replace("USD", "CNY"));
    check(
        FeedKind::PriceList,
        &offer(&[&dollars, &yuan]),
        &["price_per_hour", "currency"],
        "0.096 USD
        0.7 CNY
        us-east-1: 2 rows at 2025-09-12T22:53:08Z",
    );
}

#[test]
fn accepts_a_rate_older_than_its_list() {
    let old = on_demand("A", "0.096", LINUX).replace("2025-09-01", "2018-05-01");
    check(
        FeedKind::PriceList,
        &offer(&[&old]),
        &["effective_from", "observed_at"],
        "2018-05-01T00:00:00Z 2025-09-12T22:53:08Z
        us-east-1: 1 rows at 2025-09-12T22:53:08Z",
    );
}
