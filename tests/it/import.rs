//! Files that AWS publishes, imported and queried.

use std::fs;
use std::path::{Path, PathBuf};

use tests::{Desk, Ran};

/// Writes a price list of us-east-1 as CSV: some prices of m7i.large, published on that day.
fn price_list(desk: &Desk, name: &str, day: &str, rows: &[(&str, &str, &str, &str, &str)]) -> PathBuf {
    write_price_list("us-east-1", desk, name, day, rows)
}

/// Writes such a list of any region. A row has term, unit, price, and the length and payment of a
/// lease.
pub(crate) fn write_price_list(
    region: &str,
    desk: &Desk,
    name: &str,
    day: &str,
    rows: &[(&str, &str, &str, &str, &str)],
) -> PathBuf {
    let mut text = format!(
        "\"FormatVersion\",\"v1.0\"\n\"Disclaimer\",\"none\"\n\"Publication Date\",\"{day}T00:00:00Z\"\n\
         \"Version\",\"1\"\n\"OfferCode\",\"AmazonEC2\"\n\
         SKU,OfferTermCode,TermType,EffectiveDate,Unit,PricePerUnit,Currency,LeaseContractLength,PurchaseOption,\
         OfferingClass,Product Family,Instance Type,Tenancy,Operating System,License Model,CapacityStatus,\
         MarketOption,Pre Installed S/W,Region Code\n"
    );
    for (term, unit, price, lease, payment) in rows {
        text += &format!(
            "S,{term}{lease}{payment},{term},{day},{unit},{price},USD,{lease},{payment},standard,Compute Instance,\
             m7i.large,Shared,Linux,No License required,Used,OnDemand,NA,{region}\n"
        );
    }
    let path = desk.home().join(name);
    fs::write(&path, text).unwrap();
    path
}

pub(crate) fn import(desk: &Desk, kind: &str, file: &Path, more: &[&str]) -> Ran {
    let file = file.to_string_lossy();
    desk.collector(&[&["import", kind, &file, "-o", "json"], more].concat())
}

const OPTIONS: [&str; 6] = ["query", "price/options", "--param", "type=m7i.large", "-o", "csv"];

#[test]
fn a_price_list_answers_the_hourly_cost_of_each_purchase_option() {
    let desk = Desk::default();
    let file = price_list(
        &desk,
        "list.csv",
        "2026-01-01",
        &[
            ("OnDemand", "Hrs", "0.2", "", ""),
            ("Reserved", "Hrs", "0.05", "1yr", "Partial Upfront"),
            ("Reserved", "Quantity", "438", "1yr", "Partial Upfront"),
        ],
    );
    let dry = import(&desk, "price-list", &file, &["--dry-run"]).expect_success();
    assert!(dry.contains("\"rows_kept\": 2") && dry.contains("\"manifest\": null"), "{dry}");
    assert!(!desk.home().join(".local/share/mycelium/CURRENT").exists());
    let first = import(&desk, "price-list", &file, &[]).expect_success();
    assert!(first.contains("\"rows_kept\": 2") && first.contains("\"manifest\": 1"), "{first}");
    let again = import(&desk, "price-list", &file, &[]).expect_success();
    assert!(again.contains("\"rows_kept\": 0") && again.contains("\"manifest\": 1"), "{again}");
    let found = desk.truffle(&OPTIONS).expect_success();
    let lines: Vec<&str> = found.lines().collect();
    assert_eq!(lines.len(), 3, "{found}");
    assert!(
        lines[1].starts_with("reserved,1,partial-upfront,standard,0.1") && lines[1].ends_with("50.0"),
        "{found}"
    );
    assert!(lines[2].starts_with("on-demand,,,,0.2"), "{found}");
}

#[test]
fn the_order_of_imports_does_not_change_the_answer() {
    let on_demand = |price| [("OnDemand", "Hrs", price, "", "")];
    let answers = [[0, 1], [1, 0]].map(|order| {
        let desk = Desk::default();
        let files = [
            price_list(&desk, "old.csv", "2026-01-01", &on_demand("0.3")),
            price_list(&desk, "new.csv", "2026-02-01", &on_demand("0.2")),
        ];
        for at in order {
            import(&desk, "price-list", &files[at], &[]).expect_success();
        }
        ["2026-01-15", "2026-02-15"].map(|day| {
            let words = [&OPTIONS[..], &["-q", "--as-of", day]].concat();
            desk.truffle(&words).expect_success().lines().nth(1).unwrap_or_default().to_string()
        })
    });
    assert_eq!(answers[0], answers[1]);
    assert!(answers[0][0].starts_with("on-demand,,,,0.3") && answers[0][1].starts_with("on-demand,,,,0.2"));
}

#[test]
fn overlapping_spot_prices_are_stored_once() {
    let desk = Desk::default();
    let answer = |hours: &[u32]| {
        let rows = hours.iter().map(|hour| {
            format!(
                "{{\"AvailabilityZone\": \"us-east-1a\", \"AvailabilityZoneId\": \"use1-az1\", \
                 \"InstanceType\": \"m7i.large\", \"ProductDescription\": \"Linux/UNIX\", \
                 \"SpotPrice\": \"0.0{hour}1000\", \"Timestamp\": \"2026-01-01T0{hour}:00:00.000Z\"}}"
            )
        });
        format!("{{\"SpotPriceHistory\": [{}]}}", rows.collect::<Vec<_>>().join(","))
    };
    for (name, hours, kept) in [("a", &[1, 2, 3][..], 3), ("b", &[2, 3, 4], 1)] {
        let file = desk.home().join(name);
        fs::write(&file, answer(hours)).unwrap();
        let found = import(&desk, "spot-price-api", &file, &[]).expect_success();
        assert!(found.contains(&format!("\"rows_kept\": {kept}")), "{found}");
    }
    let sql = "SELECT count(*) AS n, max(price_per_hour) AS top FROM spot_price";
    assert_eq!(
        desk.truffle(&["query", sql, "-o", "csv", "-q"]).expect_success().lines().nth(1),
        Some("4,0.041")
    );
}

#[test]
fn interruptions_are_valid_from_their_observation() {
    let desk = Desk::default();
    for (day, saving) in [("2026-01-01", 60), ("2026-02-01", 40)] {
        let file = desk.home().join(day);
        let advice = format!(
            "{{\"ranges\": [{{\"index\": 1, \"label\": \"5-10%\"}}], \"spot_advisor\": \
             {{\"us-east-1\": {{\"Linux\": {{\"m7i.large\": {{\"s\": {saving}, \"r\": 1}}}}}}}}}}"
        );
        fs::write(&file, advice).unwrap();
        import(&desk, "spot-advisor", &file, &["--observed-at", day]).expect_success();
    }
    let words = ["query", "spot/interruptions", "--param", "type=m7i.large", "-o", "csv", "-q", "--as-of"];
    let then = desk.truffle(&[&words[..], &["2026-01-15"]].concat()).expect_success();
    assert!(then.contains("us-east-1,1,5-10%,60,"), "{then}");
    let now = desk.truffle(&[&words[..], &["2026-02-15"]].concat()).expect_success();
    assert!(now.contains("us-east-1,1,5-10%,40,"), "{now}");
}

#[test]
fn a_file_of_another_kind_creates_no_lake() {
    let desk = Desk::default();
    let file = desk.home().join("odd");
    fs::write(&file, "{\"a\": 1}").unwrap();
    for kind in ["price-list", "savings-plans", "spot-advisor", "spot-price-api", "benchmark"] {
        let ran = import(&desk, kind, &file, &[]);
        assert_eq!(ran.code, 4, "{ran:?}");
        assert!(ran.err.contains("odd: it"), "{ran:?}");
    }
    assert!(!desk.home().join(".local/share/mycelium").exists());
}

#[test]
fn an_excerpt_adds_rows_and_retires_none() {
    let desk = Desk::default();
    let on_demand = |price| [("OnDemand", "Hrs", price, "", "")];
    let whole = price_list(
        &desk,
        "whole.csv",
        "2026-01-01",
        &[("OnDemand", "Hrs", "0.3", "", ""), ("Reserved", "Hrs", "0.2", "1yr", "No Upfront")],
    );
    import(&desk, "price-list", &whole, &["--whole"]).expect_success();
    let excerpt = price_list(&desk, "excerpt.csv", "2026-02-01", &on_demand("0.25"));
    let told = import(&desk, "price-list", &excerpt, &[]).expect_success();
    assert!(told.contains("\"the file has no recognisable end"), "{told}");
    let options = |more: &[&str]| -> Vec<String> {
        let out = desk.truffle(&[&OPTIONS[..], &["-q"], more].concat()).expect_success();
        let cells = |line: &str| line.split(',').take(5).collect::<Vec<_>>().join(" ");
        out.lines().skip(1).map(cells).collect()
    };
    assert_eq!(options(&[]), ["reserved 1 no-upfront standard 0.2", "on-demand    0.25"]);
    // Imported with --whole, the same bytes retire the prices that they do not list.
    import(&desk, "price-list", &excerpt, &["--whole"]).expect_success();
    assert_eq!(options(&[]), ["on-demand    0.25"]);
    assert_eq!(
        options(&["--as-of", "2026-01-15"]),
        ["reserved 1 no-upfront standard 0.2", "on-demand    0.3"]
    );
}

#[test]
fn the_kind_of_a_file_is_detected() {
    let desk = Desk::default();
    let list = price_list(&desk, "list", "2026-01-01", &[("OnDemand", "Hrs", "0.3", "", "")]);
    let figures = desk.home().join("figures");
    fs::write(&figures, "instance_type,metric,value\nm7i.large,coremark,1\n").unwrap();
    let plain = |words: &[&str]| desk.collector(&[&["import", "--dry-run"], words].concat());
    let (list, figures) = (list.to_string_lossy(), figures.to_string_lossy());
    let told = plain(&[&list]);
    assert!(told.code == 0 && told.err.contains("detected kind: price-list"), "{told:?}");
    assert!(plain(&[&figures]).err.contains("detected kind: benchmark"));
    let both = plain(&[&list, &figures]);
    assert!(
        both.code == 2 && both.err.contains("is price-list and") && both.err.contains("is benchmark"),
        "{both:?}"
    );
    let odd = desk.home().join("odd");
    fs::write(&odd, "hello\n").unwrap();
    let odd = plain(&[&odd.to_string_lossy()]);
    assert!(odd.code == 4 && odd.err.contains("its kind cannot be detected"), "{odd:?}");
}

#[test]
fn one_advisor_file_can_be_imported_for_several_days() {
    let desk = Desk::default();
    let file = desk.home().join("advice");
    fs::write(
        &file,
        "{\"ranges\": [{\"index\": 1, \"label\": \"5-10%\"}], \"spot_advisor\": \
         {\"us-east-1\": {\"Linux\": {\"m7i.large\": {\"s\": 60, \"r\": 1}}}}}",
    )
    .unwrap();
    for (day, kept) in [("2026-02-01", 1), ("2026-01-01", 1), ("2026-02-01", 0)] {
        let told = import(&desk, "spot-advisor", &file, &["--observed-at", day]).expect_success();
        assert!(told.contains(&format!("\"rows_kept\": {kept}")), "{day}: {told}");
    }
    let asked = ["query", "spot/interruptions", "--param", "type=m7i.large", "-o", "csv", "-q", "--as-of"];
    let then = desk.truffle(&[&asked[..], &["2026-01-15"]].concat()).expect_success();
    assert!(then.contains("us-east-1,1,5-10%,60,2026-01-01"), "{then}");
}

#[test]
fn spot_history_as_text_is_stored_once() {
    let desk = Desk::default();
    let (table, archive) = (desk.home().join("a.csv"), desk.home().join("b.tsv"));
    fs::write(
        &table,
        "observed_at,instance_type,region,az_id,spot_usd\n2026-01-02T00:00:00Z,m7i.large,us-east-1,use1-az1,0.04\n",
    )
    .unwrap();
    let line = "use1-az1\tm7i.large\tLinux/UNIX\t0.04\t2026-01-02T00:00:00Z\n";
    fs::write(&archive, format!("{line}{}", line.replace("0.04", "0.05").replace("-02T", "-03T"))).unwrap();
    let first = import(&desk, "spot-history", &table, &[]).expect_success();
    let second = import(&desk, "spot-history", &archive, &[]).expect_success();
    assert!(first.contains("\"rows_kept\": 1") && second.contains("\"rows_kept\": 1"), "{first} {second}");
}
