//! `truffle export` writes what was asked for, and nothing that was not.

use tests::Desk;

#[test]
fn an_export_has_the_columns_and_rows_that_were_asked_for() {
    let desk = Desk::default();
    let check = |words: &[&str], heading: &str, rows: usize| {
        desk.truffle(&[&["export", "--to", "here.csv", "--replace"], words].concat()).good();
        let text = std::fs::read_to_string(desk.home().join("here.csv")).unwrap();
        assert_eq!(text.lines().next(), Some(heading), "{words:?}");
        assert_eq!(text.lines().count(), rows + 1, "{words:?}");
    };
    check(&["--query", "SELECT range AS a, 7 AS b FROM range(20000)"], "a,b", 20_000);
    check(&["--query", "SELECT range AS a, 7 AS b FROM range(20000)", "--limit", "10000"], "a,b", 10_000);
    check(&["region", "--columns", "region", "--limit", "3"], "region", 3);
}

#[test]
fn flags_that_an_export_cannot_follow_are_refused() {
    let desk = Desk::default();
    let check = |words: &[&str], expected: &str| {
        let ran = desk.truffle(&[&["export", "price", "--to", "here"], words].concat());
        assert_eq!(ran.code, 2, "{}", ran.err);
        assert!(ran.err.contains(expected), "{}", ran.err);
    };
    check(&["--out", "there"], "--out has no meaning here");
    check(&["-o", "csv"], "--output has no meaning here");
    check(&["--partition-by", "region", "--columns", "region"], "cannot be used with");
    assert!(!desk.home().join("here").exists() && !desk.home().join("there").exists());
}
