//! The valid rows of a scope as of an instant: those of its newest complete run and of the partial
//! runs since.

use catalog::{Page, Value, dataset};
use domain::Timestamp;
use tests::Desk;

/// A run that collected the offerings of us-east-1.
struct Run {
    id: &'static str,
    observed_at: &'static str,
    outcome: &'static str,
    /// Type and zone.
    offerings: &'static [(&'static str, &'static str)],
    gaps: &'static [&'static str],
}

fn instant(text: &str) -> Value {
    Value::Timestamp(domain::parse_instant(text).unwrap())
}

/// Commits these runs to the desk's lake in this order, with one manifest each.
fn commit_runs(desk: &Desk, runs: &[Run]) {
    let mut writer = lake_writer::LakeWriter::open(&desk.home().join(".local/share/mycelium")).unwrap();
    let (offering, log) = (dataset("offering").unwrap(), dataset("collection_run").unwrap());
    for run in runs {
        let row = |(name, zone): &(&str, &str)| {
            vec![(*name).into(), "us-east-1".into(), (*zone).into(), run.id.into()]
        };
        let rows = Page { fields: offering.fields(), rows: run.offerings.iter().map(row).collect() };
        let said: Vec<Value> = vec![
            run.id.into(),
            "offering".into(),
            "us-east-1".into(),
            "a test".into(),
            instant(run.observed_at),
            instant(run.observed_at),
            run.outcome.into(),
            Value::Int(run.offerings.len() as i64),
            run.gaps.to_vec().into(),
            "test".into(),
            Value::Null,
        ];
        let said = Page { fields: log.fields(), rows: vec![said] };
        let written =
            vec![writer.write(offering, run.id, &rows).unwrap(), writer.write(log, run.id, &said).unwrap()];
        writer.commit(written, "test", Timestamp::UNIX_EPOCH).unwrap();
    }
}

/// Returns the zones of a type in a region as of a day: `az1 az2`.
fn zones(desk: &Desk, name: &str, region: &str, as_of: &str) -> String {
    let words = ["zones", name, "--region", region, "--as-of", as_of, "-o", "csv", "-q"];
    let out = desk.truffle(&words).out;
    let zones: Vec<&str> = out.lines().skip(1).filter_map(|line| line.rsplit('-').next()).collect();
    zones.join(" ")
}

const FIRST: Run = Run {
    id: "first",
    observed_at: "2026-11-01",
    outcome: "complete",
    offerings: &[("m7i.large", "use1-az1"), ("c7g.large", "use1-az1")],
    gaps: &[],
};
const ADDS: Run = Run {
    id: "adds",
    observed_at: "2026-11-10",
    outcome: "partial",
    offerings: &[("m7g.large", "use1-az2"), ("m7i.large", "use1-az2")],
    gaps: &["page 3: throttled"],
};
const FAILED: Run = Run {
    id: "failed",
    observed_at: "2026-11-12",
    outcome: "failed",
    offerings: &[],
    gaps: &["no permission"],
};
const SECOND: Run = Run {
    id: "second",
    observed_at: "2026-11-15",
    outcome: "complete",
    offerings: &[("m7i.large", "use1-az3")],
    gaps: &[],
};
const LATE: Run = Run {
    id: "late",
    observed_at: "2026-10-30",
    outcome: "complete",
    offerings: &[("m7i.large", "use1-az4")],
    gaps: &[],
};

#[test]
fn the_newest_complete_run_wins_and_a_partial_one_adds() {
    let check = |runs: &[Run]| {
        let desk = Desk::default();
        commit_runs(&desk, runs);
        let expect = |name: &str, as_of: &str, expected: &str| {
            assert_eq!(zones(&desk, name, "us-east-1", as_of), expected, "{name} as of {as_of}");
        };
        // The seed, then the late run, then each other run at its time, whatever the order of
        // commits.
        expect("m7i.large", "2026-10-29", "az1 az2 az4 az5 az6");
        expect("m7i.large", "2026-10-31", "az4");
        expect("m7i.large", "2026-11-02", "az1");
        expect("m7g.large", "2026-11-02", "");
        expect("m7i.large", "2026-11-11", "az1 az2");
        expect("m7g.large", "2026-11-11", "az2");
        expect("c7g.large", "2026-11-13", "az1");
        expect("m7i.large", "2026-11-20", "az3");
        expect("c7g.large", "2026-11-20", "");
        // A region that no run covers keeps the rows of the seed.
        assert_eq!(
            zones(&desk, "m7i.large", "us-west-1", "2026-11-20"),
            zones(&Desk::default(), "m7i.large", "us-west-1", "2026-11-20")
        );
    };
    check(&[FIRST, ADDS, FAILED, SECOND, LATE]);
    check(&[LATE, SECOND, FAILED, ADDS, FIRST]);
}

#[test]
fn an_empty_run_retires_the_rows_before_it() {
    let desk = Desk::default();
    let empty = Run { id: "empty", observed_at: "2026-11-05", outcome: "empty", offerings: &[], gaps: &[] };
    commit_runs(&desk, &[FIRST, empty]);
    assert_eq!(zones(&desk, "m7i.large", "us-east-1", "2026-11-02"), "az1");
    assert_eq!(zones(&desk, "m7i.large", "us-east-1", "2026-11-06"), "");
}

/// Commits a run with one price: m7g.large in us-east-1, observed on the day `seen_at`.
fn commit_price(desk: &Desk, id: &str, run_at: &str, seen_at: &str, price: &str) {
    let mut writer = lake_writer::LakeWriter::open(&desk.home().join(".local/share/mycelium")).unwrap();
    let (prices, log) = (dataset("price").unwrap(), dataset("collection_run").unwrap());
    let text = |name: &str| match name {
        "partition" => "aws",
        "instance_type" => "m7g.large",
        "region" => "us-east-1",
        "os" => "linux",
        "tenancy" => "shared",
        "licence" | "software" => "none",
        "term" => "on-demand",
        "currency" => "USD",
        "source" | "basis" => "a test",
        _ => "",
    };
    let value = |field: &catalog::Field| match field.name.as_str() {
        "price_per_hour" => Value::Decimal(price.parse().unwrap()),
        "observed_at" => instant(seen_at),
        "run_id" => id.into(),
        "lease_years" | "payment" | "offering_class" | "upfront_price" | "effective_from" | "sku" => {
            Value::Null
        }
        name => text(name).into(),
    };
    let fields = prices.fields();
    let row: Vec<Value> = fields.iter().map(value).collect();
    let said: Vec<Value> = vec![
        id.into(),
        "price".into(),
        "us-east-1".into(),
        "a test".into(),
        instant(seen_at),
        instant(run_at),
        "complete".into(),
        Value::Int(1),
        Value::List(Vec::new()),
        "test".into(),
        Value::Null,
    ];
    let written = vec![
        writer.write(prices, id, &Page { fields, rows: vec![row] }).unwrap(),
        writer.write(log, id, &Page { fields: log.fields(), rows: vec![said] }).unwrap(),
    ];
    writer.commit(written, "test", Timestamp::UNIX_EPOCH).unwrap();
}

#[test]
fn a_price_has_one_value_at_each_instant() {
    let desk = Desk::default();
    // The seed's run is of 2025-03-02. One run is added late. One is newer but has an older
    // observation.
    commit_price(&desk, "late", "2024-12-01", "2024-12-01", "0.09");
    commit_price(&desk, "newer", "2026-10-01", "2025-01-15", "0.07");
    let at = |day: &str| {
        let sql =
            ["query", "price/on-demand", "--param", "type=m7g.large", "--as-of", day, "-o", "csv", "-q"];
        let out = desk.truffle(&sql).out;
        let prices: Vec<String> = out
            .lines()
            .filter(|l| l.starts_with("us-east-1,"))
            .map(|l| l.split(',').nth(1).unwrap().into())
            .collect();
        prices.join(" ")
    };
    assert_eq!(at("2024-12-15"), "0.09");
    assert_eq!(at("2025-01-20"), "0.09");
    assert_eq!(at("2025-04-01"), "0.0816");
    assert_eq!(at("2026-11-01"), "0.07");
    let overlaps = "SELECT count(*) AS n FROM price_history a JOIN price_history b ON a.instance_type = b.instance_type \
        AND a.region = b.region AND a.currency = b.currency AND a.run_id < b.run_id \
        AND a.valid_from < coalesce(b.valid_until, TIMESTAMP '9999-01-01') \
        AND b.valid_from < coalesce(a.valid_until, TIMESTAMP '9999-01-01') \
        AND a.valid_from < coalesce(a.valid_until, TIMESTAMP '9999-01-01') \
        AND b.valid_from < coalesce(b.valid_until, TIMESTAMP '9999-01-01')";
    assert_eq!(desk.truffle(&["query", overlaps, "-o", "csv", "-q"]).expect_success(), "n\n0\n");
}

#[test]
fn gaps_are_reported_with_every_answer() {
    let desk = Desk::default();
    commit_runs(&desk, &[FIRST, ADDS, FAILED]);
    let answer = desk.truffle(&["zones", "m7i.large", "--region", "us-east-1"]);
    assert!(answer.err.contains("2 gaps"), "{answer:?}");
    let named = desk
        .truffle(&["query", "data/runs", "--param", "dataset=offering", "-o", "csv", "-q"])
        .expect_success();
    assert!(named.contains("page 3: throttled") && named.contains("no permission"), "{named}");
    assert!(
        !desk.truffle(&["zones", "m7i.large", "--region", "eu-west-1"]).err.contains("gaps"),
        "eu-west-1 has no gaps"
    );
}
