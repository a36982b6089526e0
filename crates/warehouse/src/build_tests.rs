//! Every statement of `queries/` against empty typed tables.

use catalog::{QUESTIONS, Row, Type, Value};
use domain::Timestamp;
use duckdb::Connection;

use super::*;

/// Checks every question against empty typed tables: that it can be prepared, that it names no
/// parameter which its head does not declare, and that its columns are those of its row struct.
/// Returns one sentence per fault.
fn check_questions() -> Vec<String> {
    let connection = match Connection::open_in_memory() {
        Ok(connection) => connection,
        Err(error) => return vec![error.to_string()],
    };
    if let Err(error) = make_all(&connection, &[]) {
        return vec![error.to_string()];
    }
    QUESTIONS.iter().flat_map(|question| check(&connection, question)).collect()
}

fn check(connection: &Connection, question: &catalog::Question) -> Vec<String> {
    let name = question.name;
    let params = question.params();
    let used = match connection.prepare(question.text) {
        Ok(statement) => (1..=statement.parameter_count())
            .filter_map(|at| statement.parameter_name(at).ok())
            .collect::<Vec<String>>(),
        Err(error) => return vec![format!("{name}: {error}")],
    };
    let mut faults = Vec::new();
    for unknown in used.iter().filter(|used| params.iter().all(|p| p.name != **used)) {
        faults.push(format!("{name}: ${unknown} is not declared in the head"));
    }
    for idle in params.iter().filter(|param| !used.contains(&param.name)) {
        faults.push(format!("{name}: ${} is declared and not used", idle.name));
    }
    if faults.is_empty() {
        faults.extend(check_columns(connection, question));
    }
    faults
}

fn check_columns(connection: &Connection, question: &catalog::Question) -> Option<String> {
    let sample = |ty: &Type| match ty {
        Type::Int => Value::Int(1),
        Type::Float => Value::Float(1.0),
        Type::Timestamp => Value::Timestamp(Timestamp::UNIX_EPOCH),
        _ => "x".into(),
    };
    let values: Vec<(String, Value)> =
        question.params().into_iter().map(|p| (p.name, sample(&p.ty))).collect();
    let found = match crate::ask::ask(connection, question, &values) {
        Ok(page) => page.fields,
        Err(error) => return Some(format!("{}: {error}", question.name)),
    };
    let (_, expected) = typed_rows().into_iter().find(|(name, _)| *name == question.name)?;
    (found != expected).then(|| {
        let at = found.iter().zip(&expected).position(|(f, e)| f != e);
        let differ = at.map(|at| format!("{:?} instead of {:?}", found[at], expected[at]));
        let differ =
            differ.unwrap_or_else(|| format!("{} columns instead of {}", found.len(), expected.len()));
        format!("{}: the columns are not those of its row struct: {differ}", question.name)
    })
}

/// The columns of the questions that programs read as typed rows.
fn typed_rows() -> Vec<(&'static str, Vec<Field>)> {
    use catalog::rows::{Price, RegionRow, Run, ZoneOffer};
    vec![
        ("instance/facts", catalog::TypeFacts::fields()),
        ("data/runs", Run::fields()),
        ("offering/zones", ZoneOffer::fields()),
        ("price/current", Price::fields()),
        ("region/list", RegionRow::fields()),
    ]
}

#[test]
fn every_question_has_the_shape_it_promises() {
    assert_eq!(check_questions(), Vec::<String>::new());
}

#[test]
fn a_path_is_only_ever_a_literal() {
    assert_eq!(literal("/a'b"), "'/a''b'");
}
