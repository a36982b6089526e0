//! The output of a printer, format by format.

use std::cell::RefCell;
use std::io::{self, Write};
use std::rc::Rc;

use catalog::testing::TextEncode;
use catalog::{Field, Page, Value, ValueType};

use crate::{Failure, FailureKind, OutputFormat, Printer, Report, Screen};

const PIPE: Screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
const TERMINAL: Screen = Screen { width: Some(80), colour: true, interactive_err: true, quiet: false };

#[derive(Clone, Default)]
struct CapturedOutput(Rc<RefCell<Vec<u8>>>);

impl CapturedOutput {
    fn text(&self) -> String {
        String::from_utf8(self.0.borrow().clone()).unwrap()
    }
}

impl Write for CapturedOutput {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.borrow_mut().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An output that fails: a closed pipe or a full disk.
struct FailingOutput(io::ErrorKind);

impl Write for FailingOutput {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn printer(format: &str, screen: Screen) -> (Printer, CapturedOutput, CapturedOutput) {
    let (out, err) = (CapturedOutput::default(), CapturedOutput::default());
    let format: OutputFormat = format.parse().unwrap();
    (Printer::new(format, screen, Box::new(out.clone()), Box::new(err.clone())), out, err)
}

fn page(columns: &[(&str, ValueType)], rows: &[&[Value]]) -> Page {
    Page {
        fields: columns.iter().map(|(name, ty)| Field::new(*name, ty.clone())).collect(),
        rows: rows.iter().map(|row| row.to_vec()).collect(),
    }
}

fn decimal(text: &str) -> Value {
    Value::Decimal(text.parse().unwrap())
}

fn types() -> Page {
    let nested = Value::Struct(vec![("zones".into(), vec!["a", "b"].into()), ("none".into(), Value::Null)]);
    page(
        &[
            ("name", ValueType::Text),
            ("vcpus", ValueType::Int),
            ("price", ValueType::Decimal(18, 10)),
            ("score", ValueType::Float),
            ("zones", ValueType::List(Box::new(ValueType::Text))),
            ("more", ValueType::Json),
        ],
        &[
            &[
                "m7i.large".into(),
                2.into(),
                decimal("0.1008000000"),
                0.1.into(),
                vec!["a", "b"].into(),
                nested,
            ],
            &[
                "no, \"yes\"\n".into(),
                Value::Null,
                decimal("12345678901234567.1234567890"),
                f64::NAN.into(),
                Value::List(vec![]),
                Value::Null,
            ],
        ],
    )
}

/// Returns the output of `report`, and checks that `stream` gives the same in two pages. In a table
/// only the headers differ: a stream prints the names.
fn written(format: &str, page: &Page) -> String {
    let (mut printer, out, err) = printer(format, PIPE);
    let mut stream = printer.stream(&TextEncode);
    for half in page.rows.chunks(page.rows.len().div_ceil(2).max(1)) {
        stream.page(Page { fields: page.fields.clone(), rows: half.to_vec() }).unwrap();
    }
    assert_eq!(stream.finish().unwrap(), page.rows.len() as u64);
    let streamed = out.text();
    out.0.borrow_mut().clear();
    printer.report(&Report::plain(page.clone()), &TextEncode).unwrap();
    let skipped = if format == "table" { 1 } else { 0 };
    assert!(out.text().lines().skip(skipped).eq(streamed.lines().skip(skipped)), "{}", out.text());
    assert_eq!(err.text(), "");
    out.text()
}

#[test]
fn writes_the_same_rows_in_each_format() {
    let check = |format: &str, expected: &str| assert_eq!(written(format, &types()), expected, "{format}");
    check(
        "table",
        r#"Name         vCPUs                        Price  Score  Zones  More
──────────────────────────────────────────────────────────────────────────────────────────────
m7i.large        2                       0.1008    0.1  a, b   {"zones":["a","b"],"none":null}
no, "yes"\n      -  12345678901234567.123456789    NaN         -
"#,
    );
    check(
        "json",
        r#"[
  {
    "name": "m7i.large",
    "vcpus": 2,
    "price": 0.1008,
    "score": 0.1,
    "zones": [
      "a",
      "b"
    ],
    "more": {
      "zones": [
        "a",
        "b"
      ],
      "none": null
    }
  },
  {
    "name": "no, \"yes\"\n",
    "vcpus": null,
    "price": 12345678901234567.123456789,
    "score": null,
    "zones": [],
    "more": null
  }
]
"#,
    );
    check(
        "ndjson",
        r#"{"name":"m7i.large","vcpus":2,"price":0.1008,"score":0.1,"zones":["a","b"],"more":{"zones":["a","b"],"none":null}}
{"name":"no, \"yes\"\n","vcpus":null,"price":12345678901234567.123456789,"score":null,"zones":[],"more":null}
"#,
    );
    check(
        "csv",
        r#"name,vcpus,price,score,zones,more
m7i.large,2,0.1008,0.1,"a,b","{""zones"":[""a"",""b""],""none"":null}"
"no, ""yes""
",,12345678901234567.123456789,NaN,,
"#,
    );
    check(
        "yaml",
        r#"- name: m7i.large
  vcpus: 2
  price: 0.1008
  score: 0.1
  zones:
  - a
  - b
  more:
    zones:
    - a
    - b
    none: null
- name: "no, \"yes\"\n"
  vcpus: null
  price: "12345678901234567.123456789"
  score: .nan
  zones: []
  more: null
"#,
    );
}

#[test]
fn writes_an_empty_answer_without_rows() {
    let check = |format: &str, expected: &str| {
        let empty = page(&[("a", ValueType::Int), ("b", ValueType::Int)], &[]);
        let (mut printer, out, _) = printer(format, PIPE);
        let mut stream = printer.stream(&TextEncode);
        stream.page(empty.clone()).unwrap();
        assert_eq!(stream.finish(), Ok(0));
        printer.report(&Report::plain(empty), &TextEncode).unwrap();
        assert_eq!(out.text().to_lowercase(), expected.repeat(2).to_lowercase(), "{format}");
    };
    check("table", "a  b\n────\n");
    check("json", "[]\n");
    check("ndjson", "");
    check("csv", "a,b\n");
    check("yaml", "[]\n");
    check("parquet", "Parquet a b 0 end\n");
    check("arrow", "Arrow a b 0 end\n");
}

#[test]
fn selects_and_numbers_columns() {
    let check = |format: &str, wanted: &str, expected: &str| {
        let twice = page(&[("a", ValueType::Int), ("a", ValueType::Int)], &[&[1.into(), 2.into()]]);
        let (mut printer, out, _) = printer(format, PIPE);
        printer.columns(wanted.split_whitespace().map(String::from).collect());
        printer.report(&Report::plain(twice.clone()), &TextEncode).unwrap();
        let mut stream = printer.stream(&TextEncode);
        stream.page(twice).unwrap();
        stream.finish().unwrap();
        // A report has headers for people, a stream the names.
        let twice =
            if format == "table" { format!("A 1{}{expected}", &expected[3..]) } else { expected.repeat(2) };
        assert_eq!(out.text(), twice, "{format}");
    };
    check("ndjson", "", "{\"a\":1,\"a_1\":2}\n");
    check("ndjson", "a_1 a", "{\"a_1\":2,\"a\":1}\n");
    check("csv", "a_1", "a_1\n2\n");
    check("table", "a_1", "a_1\n───\n  2\n");
    check("yaml", "a", "- a: 1\n");
    check("parquet", "", "Parquet a a_1 1 end\n");
    check("arrow", "a_1", "Arrow a_1 1 end\n");
}

#[test]
fn help_lists_the_columns_instead_of_the_rows() {
    let check = |format: &str, stream: bool, expected: &str| {
        let wide = page(
            &[("memory_mib", ValueType::Int), ("b", ValueType::Int), ("c", ValueType::Int)],
            &[&[1.into(), 2.into(), 3.into()]],
        );
        let (mut printer, out, err) = printer(format, PIPE);
        printer.columns(vec!["help".into()]);
        printer.note("not printed");
        if stream {
            let mut stream = printer.stream(&TextEncode);
            stream.page(wide.clone()).unwrap();
            stream.page(wide).unwrap();
            stream.finish().unwrap();
        } else {
            let report = Report::plain(wide).default_columns(&["memory_mib", "b"]);
            printer.report(&report, &TextEncode).unwrap();
        }
        assert_eq!((out.text().as_str(), err.text().as_str()), (expected, ""));
    };
    let head = "Column      Header        By default\n────────────────────────────────────\n";
    check(
        "table",
        false,
        &format!(
            "{head}memory_mib  Memory (MiB)  yes\nb           B             yes\nc           C             no\n"
        ),
    );
    check("csv", false, "column,header,by_default\nmemory_mib,Memory (MiB),yes\nb,B,yes\nc,C,no\n");
    check("csv", true, "column,header,by_default\nmemory_mib,memory_mib,yes\nb,b,yes\nc,c,yes\n");
}

#[test]
fn a_cut_table_names_the_way_to_all_columns() {
    let check = |format: &str, columns: usize, said: &str| {
        let names: Vec<String> = (0..columns).map(|at| format!("c{at}")).collect();
        let fields: Vec<_> = names.iter().map(|name| (name.as_str(), ValueType::Int)).collect();
        let (mut printer, out, err) = printer(format, PIPE);
        printer.report(&Report::plain(page(&fields, &[])), &TextEncode).unwrap();
        assert_eq!(err.text(), said);
        let headers =
            out.text().lines().next().unwrap().split([',', ' ']).filter(|word| !word.is_empty()).count();
        assert_eq!(headers, if format == "table" { columns.min(8) } else { columns });
    };
    check("table", 8, "");
    check("table", 9, "1 more column: -o json shows all\n");
    check("table", 11, "3 more columns: -o json shows all\n");
    check("csv", 11, "");
}

#[test]
fn a_long_table_keeps_its_columns() {
    let check = |screen: Screen, late: &str, last: &str| {
        let (mut printer, out, _) = printer("table", screen);
        let mut stream = printer.stream(&TextEncode);
        for first in [0, 600, 1200] {
            let row = |n: i64| vec![Value::from("name"), Value::Int(n)];
            let mut page = page(&[("word", ValueType::Text), ("number", ValueType::Int)], &[]);
            page.rows = (first..first + 600).map(row).collect();
            stream.page(page).unwrap();
        }
        let fields = vec![Field::new("word", ValueType::Text), Field::new("number", ValueType::Int)];
        stream.page(Page { fields, rows: vec![vec![late.into(), 7.into()]] }).unwrap();
        assert_eq!(stream.finish(), Ok(1801));
        let text = out.text();
        assert_eq!(text.matches("word").count(), 1);
        assert!(text.ends_with(last), "{:?}", &text[text.len() - 60..]);
    };
    check(PIPE, "name", "\nname    1799\nname       7\n");
    check(PIPE, "longer name", "\nname           1799\nlonger name       7\n");
    let terminal = Screen { colour: false, ..TERMINAL };
    check(terminal, "long name", "\nname    1799\nlong       7\nname\n");
}

#[test]
fn refuses_binary_formats_on_a_terminal() {
    let check = |format: &str, hint: &str| {
        let (mut printer, out, _) = printer(format, TERMINAL);
        let failure = printer.report(&Report::plain(types()), &TextEncode).unwrap_err();
        assert_eq!(failure.message, format!("{format} is a binary format, and the output is a terminal"));
        assert_eq!((failure.kind, failure.hint.as_deref()), (FailureKind::Usage, Some(hint)));
        assert_eq!(printer.stream(&TextEncode).page(types()), Err(failure));
        assert_eq!(out.text(), "");
    };
    check("parquet", "redirect it: > result.parquet");
    check("arrow", "redirect it: > result.arrow");
}

#[test]
fn a_closed_pipe_is_a_success_and_a_full_disk_a_failure() {
    let check = |why: io::ErrorKind, code: u8, said: &str| {
        for format in OutputFormat::ALL {
            let err = CapturedOutput::default();
            let out = Box::new(FailingOutput(why));
            let mut printer = Printer::new(format.parse().unwrap(), PIPE, out, Box::new(err.clone()));
            let failure = printer.report(&Report::plain(types()), &TextEncode).unwrap_err();
            assert_eq!(printer.text("plain\n"), Err(failure.clone()));
            printer.failure(&failure);
            assert_eq!((failure.kind.code(), err.text().as_str()), (code, said), "{format}");
        }
    };
    check(io::ErrorKind::BrokenPipe, 0, "");
    let full = "error: the output cannot be written: no storage space\n";
    check(io::ErrorKind::StorageFull, 1, full);
}

#[test]
fn writes_messages_to_stderr() {
    let check = |screen: Screen, expected: &str| {
        let (mut printer, out, err) = printer("json", screen);
        printer.note("prices are of \x1b[1mMarch\n");
        let statement = Failure::of_lines(FailureKind::Usage, "no \x07\nLINE 1");
        printer.failure(&statement.hint("type this"));
        printer.failure(&Failure::broken("a\nhint: b\u{61c}.csv"));
        assert_eq!((out.text().as_str(), err.text().as_str()), ("", expected));
    };
    let (note, said) = (
        "prices are of \\u{1b}[1mMarch\\n\n",
        "error: no \\u{7}\n  LINE 1\nhint: type this\nerror: a\\nhint: b\\u{61c}.csv\n",
    );
    check(PIPE, &format!("{note}{said}"));
    check(Screen { quiet: true, ..PIPE }, said);
    check(Screen { colour: false, ..TERMINAL }, &format!("{note}{said}"));
    check(Screen { interactive_err: false, ..TERMINAL }, &format!("{note}{said}"));
    let coloured = "\x1b[1m\x1b[31merror:\x1b[0m no \\u{7}\n  LINE 1\n\x1b[1m\x1b[36mhint:\x1b[0m type this\n\x1b[1m\x1b[31merror:\x1b[0m a\\nhint: b\\u{61c}.csv\n";
    check(TERMINAL, &format!("{note}{coloured}"));
}

#[test]
fn csv_for_a_spreadsheet_contains_no_formula_and_keeps_numbers() {
    let check = |for_spreadsheet: bool, expected: &str| {
        let (mut printer, out, _) = printer("csv", PIPE);
        printer.set_for_spreadsheet(for_spreadsheet);
        let columns = [("@a", ValueType::Text), ("n", ValueType::Int), ("d", ValueType::Decimal(18, 10))];
        let row = |text: &str| vec![Value::from(text), Value::Int(-7), decimal("-0.5")];
        let mut page = page(&columns, &[]);
        page.rows = ["=1+1", "+1", "-1", "@x", "\tx", "\rx", "a=1", ""].map(row).to_vec();
        printer.report(&Report::plain(page), &TextEncode).unwrap();
        assert_eq!(out.text(), expected);
    };
    let plain = "@a,n,d\n=1+1,-7,-0.5\n+1,-7,-0.5\n-1,-7,-0.5\n@x,-7,-0.5\n\tx,-7,-0.5\n\"\rx\",-7,-0.5\na=1,-7,-0.5\n,-7,-0.5\n";
    check(false, plain);
    let safe = "'@a,n,d\n'=1+1,-7,-0.5\n'+1,-7,-0.5\n'-1,-7,-0.5\n'@x,-7,-0.5\n'\tx,-7,-0.5\n\"'\rx\",-7,-0.5\na=1,-7,-0.5\n,-7,-0.5\n";
    check(true, safe);
}

#[test]
fn no_format_acts_on_a_terminal_through_foreign_text() {
    let terminal = Screen { width: Some(200), colour: false, interactive_err: false, quiet: false };
    for format in ["table", "json", "ndjson", "csv", "yaml"] {
        for text in ["a\x1b[2J", "b\u{9b}31m", "c\u{202e}", "d\ne", "f\u{e0041}\u{200b}"] {
            let (mut printer, out, _) = printer(format, terminal);
            let one = page(&[("t", ValueType::Text), ("u", ValueType::Text)], &[&[text.into(), "x".into()]]);
            printer.report(&Report::plain(one.clone()), &TextEncode).unwrap();
            let lines = out.text().lines().count();
            assert!(!out.text().chars().any(|c| c != '\n' && domain::is_invisible(c)), "{format}: {text:?}");
            let plain = page(&[("t", ValueType::Text), ("u", ValueType::Text)], &[&["a".into(), "x".into()]]);
            out.0.borrow_mut().clear();
            printer.report(&Report::plain(plain), &TextEncode).unwrap();
            assert_eq!(out.text().lines().count(), lines, "{format}: {text:?}");
        }
    }
}

#[test]
fn quotes_yaml_text_that_looks_like_another_type() {
    let check = |value: Value, expected: &str| {
        let one = page(&[("t", ValueType::Text)], &[&[value]]);
        assert_eq!(written("yaml", &one), format!("- t: {expected}\n"));
    };
    check("plain words".into(), "plain words");
    check("yes".into(), "\"yes\"");
    check("1e3".into(), "\"1e3\"");
    check("null".into(), "\"null\"");
    check("2024-01-01".into(), "\"2024-01-01\"");
    check("- x: y #z".into(), "\"- x: y #z\"");
    check("a\x1b[31m\u{9b}b".into(), "\"a\\e[31m\\x9Bb\"");
    check(decimal("3.00"), "3");
    check(decimal("0.0000001"), "1.0e-7");
}
