//! Quarantined prices: implausible figures in a price list.

use serde_json::Value;
use tests::Desk;

use crate::import::{import, write_price_list};

/// Makes a lake in which m7i.large costs 0.20 to 0.23 in four regions.
fn usual_lake() -> Desk {
    let desk = Desk::default();
    for (at, region) in ["us-east-1", "us-east-2", "us-west-2", "eu-west-1"].iter().enumerate() {
        import_price(&desk, region, "2026-01-01", &format!("0.2{at}"));
    }
    desk
}

/// Imports a region's price list of a day, with one price of m7i.large.
fn import_price(desk: &Desk, region: &str, day: &str, price: &str) {
    let rows = [("OnDemand", "Hrs", price, "", "")];
    let file = write_price_list(region, desk, &format!("{region}-{day}.csv"), day, &rows);
    import(desk, "price-list", &file, &["--whole"]).expect_success();
}

/// Returns the price of m7i.large in a region as of a day.
fn price(desk: &Desk, region: &str, day: &str) -> Option<String> {
    let words = ["query", "price/on-demand", "--param", "type=m7i.large", "-o", "csv", "-q", "--as-of", day];
    let found = desk.truffle(&words).expect_success();
    let line = found.lines().find(|line| line.starts_with(&format!("{region},")))?;
    line.split(',').nth(1).map(String::from)
}

fn quarantined_prices(desk: &Desk) -> Vec<Value> {
    let ran = desk.collector(&["status", "--held", "-o", "json", "-q"]);
    if ran.code == 3 { Vec::new() } else { serde_json::from_str(&ran.expect_success()).unwrap() }
}

#[test]
fn a_price_of_ten_times_the_median_is_quarantined_and_the_previous_one_stays() {
    let desk = usual_lake();
    import_price(&desk, "us-east-1", "2026-02-01", "2.0");
    assert_eq!(price(&desk, "us-east-1", "2026-02-15").as_deref(), Some("0.2"));
    let gaps =
        ["query", "SELECT gaps FROM collection_run WHERE source = 'us-east-1-2026-02-01.csv'", "-o", "csv"];
    let gaps = desk.truffle(&gaps).expect_success();
    assert!(gaps.contains("linux shared m7i.large at 2.0000000000 USD is quarantined"), "{gaps}");
    let held_now = quarantined_prices(&desk);
    assert_eq!(held_now.len(), 1, "{held_now:?}");
    assert_eq!(held_now[0]["region"], "us-east-1");
    let reason = held_now[0]["reason"].as_str().unwrap();
    assert!(reason.starts_with("more than 5 times the median of "), "{reason}");
    let status = desk.collector(&["status"]);
    let told = "1 implausible price is quarantined: list them with collector status --held";
    assert!(status.err.contains(told), "{status:?}");
    // A corrected price, closer to the median, is valid at once. The quarantined price is gone with
    // its list.
    import_price(&desk, "us-east-1", "2026-03-01", "0.21");
    assert_eq!(price(&desk, "us-east-1", "2026-03-15").as_deref(), Some("0.21"));
    assert_eq!(price(&desk, "us-east-1", "2026-02-15").as_deref(), Some("0.2"));
    assert_eq!(quarantined_prices(&desk), Vec::<Value>::new());
}

#[test]
fn a_price_of_zero_is_quarantined() {
    let desk = usual_lake();
    let before = price(&desk, "us-east-2", "2026-01-15");
    import_price(&desk, "us-east-2", "2026-02-01", "0.0");
    assert_eq!(price(&desk, "us-east-2", "2026-02-15"), before);
    assert_eq!(quarantined_prices(&desk)[0]["reason"], "nothing to pay");
}

#[test]
fn an_accepted_price_is_used() {
    let desk = usual_lake();
    import_price(&desk, "us-east-1", "2026-02-01", "2.0");
    let id = quarantined_prices(&desk)[0]["held_id"].as_str().unwrap().to_string();
    let wrong = desk.collector(&["status", "--accept", "0123"]);
    assert_eq!(wrong.code, 2, "{wrong:?}");
    assert!(wrong.err.contains("--accept \"0123\" is not the id of a quarantined price"), "{wrong:?}");
    let dry = desk.collector(&["status", "--accept", &id, "--dry-run"]);
    assert!(dry.expect_success().contains(&id) && quarantined_prices(&desk).len() == 1);
    let done = desk.collector(&["status", "--accept", &id]);
    assert!(done.err.contains("accepted: answers include these prices from now on"), "{done:?}");
    assert_eq!(quarantined_prices(&desk), Vec::<Value>::new());
    assert_eq!(price(&desk, "us-east-1", "2026-02-15").as_deref(), Some("2"));
    // A drop from an accepted price is plausible.
    import_price(&desk, "us-east-1", "2026-03-01", "1.9");
    assert_eq!(price(&desk, "us-east-1", "2026-03-15").as_deref(), Some("1.9"));
    // A further rise is not.
    import_price(&desk, "us-east-1", "2026-04-01", "3.0");
    assert_eq!(price(&desk, "us-east-1", "2026-04-15").as_deref(), Some("1.9"));
    assert_eq!(desk.collector(&["status", "--accept", "all", "-q"]).code, 0);
    assert_eq!(price(&desk, "us-east-1", "2026-04-15").as_deref(), Some("3"));
}
