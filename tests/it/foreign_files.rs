//! Files as users have them: with marks, in other formats, damaged, or without end.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use tests::{Desk, Ran, run_command};

const FOCUS: &str = "BilledCost,EffectiveCost,BillingCurrency,BillingAccountId,BillingPeriodStart,ChargePeriodStart,ChargeCategory,ServiceName,Tags\n";

/// A FOCUS line of account 111122223333 in 2026-09 with a cost and a cell of tags.
fn charge(cost: &str, tags: &str) -> String {
    let tags = tags.replace('"', "\"\"");
    format!("{cost},{cost},USD,111122223333,2026-09-01,2026-09-02,Usage,EC2,\"{tags}\"\n")
}

fn write(desk: &Desk, name: &str, bytes: &[u8]) -> PathBuf {
    let path = desk.home().join(name);
    fs::write(&path, bytes).unwrap();
    path
}

fn import(desk: &Desk, kind: &str, file: &Path) -> Ran {
    let file = file.to_string_lossy();
    let kind: &[&str] = if kind.is_empty() { &[] } else { &[kind] };
    desk.collector(&[&["import"], kind, &[&file, "-o", "json"]].concat())
}

fn has_lake(desk: &Desk) -> bool {
    desk.home().join(".local/share/mycelium/lake").exists()
}

#[test]
fn every_text_may_begin_with_a_utf8_mark() {
    let spot = r#"{"SpotPriceHistory": [{"AvailabilityZone": "us-east-1a", "AvailabilityZoneId": "use1-az4", "InstanceType": "m7i.large", "ProductDescription": "Windows", "SpotPrice": "0.09", "Timestamp": "2026-01-01T00:00:00Z"}]}"#;
    let figures = "instance_type,metric,value\nm7i.large,score,12\n";
    let charges = format!("{FOCUS}{}", charge("1", ""));
    for (kind, text) in [("spot-price-api", spot), ("benchmark", figures), ("focus", &charges)] {
        for named in ["", kind] {
            let desk = Desk::default();
            let file = write(&desk, "file", format!("\u{feff}{text}").as_bytes());
            let done = import(&desk, named, &file).expect_success();
            assert!(done.contains("\"rows_kept\": 1"), "{kind} {named}: {done}");
        }
    }
    let desk = Desk::default();
    let file = write(&desk, "one.sql", "\u{feff}SELECT 1 AS one".as_bytes());
    let found =
        desk.truffle(&["query", "--file", &file.to_string_lossy(), "-o", "csv", "-q"]).expect_success();
    assert_eq!(found.trim_end(), "one\n1");
}

#[test]
fn a_file_in_another_format_is_named_with_its_cure() {
    let utf16: Vec<u8> = FOCUS.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked = [b"\xff\xfe".as_slice(), &utf16].concat();
    let zip = [b"PK\x03\x04".as_slice(), &[0; 26], b"bill-00001.csv"].concat();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&zip).unwrap();
    let gzip = gzip.finish().unwrap();
    let cases: [(&[u8], &str, &str); 6] = [
        (&zip, "is a ZIP archive", "hint: unzip "),
        (&gzip, "is a ZIP archive", "hint: unzip "),
        (&marked, "is text in UTF-16", "hint: iconv -f UTF-16 -t UTF-8 "),
        (&utf16, "is text in UTF-16", "hint: iconv -f UTF-16LE -t UTF-8 "),
        (b"<!doctype html><title>Sign in</title>", "is an HTML page", "hint: download "),
        (
            b"<?xml version=\"1.0\"?>\n<Error><Code>AccessDenied</Code></Error>",
            "is S3's error AccessDenied",
            "s3:GetObject",
        ),
    ];
    for (bytes, name, cure) in cases {
        for kind in ["", "focus", "cur", "price-list", "spot-history"] {
            let desk = Desk::default();
            let file = write(&desk, "file", bytes);
            let ran = import(&desk, kind, &file);
            assert!(ran.code == 4 && ran.err.contains(name) && ran.err.contains(cure), "{kind}: {ran:?}");
            assert!(!has_lake(&desk), "{kind}: a lake was created");
        }
    }
}

#[test]
fn a_text_without_end_is_refused_while_it_is_read() {
    let desk = Desk::default();
    let endless = "/dev/zero";
    let ran = desk.collector(&["import", "focus", endless]);
    assert!(ran.code == 2 && ran.err.contains("/dev/zero is a device or a pipe; expected files"), "{ran:?}");
    let ran = desk.truffle(&["query", "--file", endless]);
    assert!(ran.code == 2 && ran.err.contains("it has more than 1 MiB, the limit"), "{ran:?}");
    let mut command = desk.command("truffle", &["query", "-"]);
    let ran = run_command(command.stdin(fs::File::open(endless).unwrap()));
    assert!(ran.code == 2 && ran.err.contains("it has more than 1 MiB, the limit"), "{ran:?}");
    // 4 GiB of zeros, 4 MB compressed: a chain of equal members is one gzip file.
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&vec![b'0'; 64 << 20]).unwrap();
    let zeros = gzip.finish().unwrap().repeat(64);
    let start = |text: &str| {
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(text.as_bytes()).unwrap();
        [gzip.finish().unwrap(), zeros.clone()].concat()
    };
    for (kind, text, limit) in [
        ("focus", FOCUS, "a record has more than 16 MiB, the limit of a record"),
        ("benchmark", "instance_type,metric,value\nm7i.large,", "the limit of a record"),
        (
            "spot-price-api",
            "{\"SpotPriceHistory\": [{\"InstanceType\": \"",
            "a text has more than 1 MiB, the limit of a field",
        ),
        ("cost-explorer", "{\"ResultsByTime\": [", "a value has more than 16 MiB, the limit of a record"),
    ] {
        let desk = Desk::default();
        let file = write(&desk, "file.gz", &start(text));
        let ran = import(&desk, kind, &file);
        assert!(ran.code == 4 && ran.err.contains(limit), "{kind}: {ran:?}");
    }
    let deep = format!("{{\"SpotPriceHistory\": {}", "[".repeat(100_000));
    let ran = import(&desk, "spot-price-api", &write(&desk, "deep", deep.as_bytes()));
    assert!(ran.code == 4 && ran.err.contains("more than 64 levels deep, the limit of JSON"), "{ran:?}");
}

#[test]
fn rounded_amounts_are_counted_once_per_statement_and_unreadable_tags_are_gaps() {
    let desk = Desk::default();
    let lines = [
        charge("0.0036316000000000005", r#"{"team": "core"}"#),
        charge("2", "{team=data}"),
        charge("4", "team: core"),
        charge("8", "{}"),
    ];
    let file = write(&desk, "charges.csv", format!("{FOCUS}{}", lines.concat()).as_bytes());
    let ran = import(&desk, "focus", &file);
    let notes: Vec<&str> = ran.err.lines().filter(|line| line.contains("more than 18 decimals")).collect();
    assert_eq!(
        notes,
        [
            "111122223333/2026-09: 2 amounts have more than 18 decimals and were rounded half to even; the largest change is 5.0e-19"
        ]
    );
    let gap = "Tags cannot be read in 1 line: line 4 has \\\"team: core\\\"";
    assert!(ran.expect_success().contains(gap));
    let runs = desk.truffle(&["query", "data/runs", "--param", "dataset=charge", "-o", "csv", "-q"]);
    assert!(runs.expect_success().contains("Tags cannot be read in 1 line"));
    let sum = desk.truffle(&["query", "SELECT sum(billed_cost) FROM charge", "-o", "csv", "-q"]);
    assert!(sum.expect_success().contains("14.0036316"));
}
