//! Answers one statement of ours over a connection.

use catalog::ports::AskError;
use catalog::{Page, Question, Value};
use duckdb::Connection;
use duckdb::types::{TimeUnit, Value as DuckValue};

use crate::arrow_page;
use crate::message::plain_message;

/// Binds the values and reads the whole answer.
///
/// Errors: [`AskError::BadSql`] if a value is missing or cannot be bound. [`AskError::Lake`] if a
/// named question fails on the lake's data, because that is not the user's error.
pub(crate) fn ask(
    connection: &Connection,
    question: &Question,
    values: &[(String, Value)],
) -> Result<Page, AskError> {
    answer(connection, question.name, question.text, values)
}

/// Answers a statement of ours; `title` names it in errors.
pub(crate) fn answer(
    connection: &Connection,
    title: &str,
    sql: &str,
    values: &[(String, Value)],
) -> Result<Page, AskError> {
    let own = |e| own(title, e);
    // Prepared each time: a reused plan would contain the files of the family requested before.
    let mut statement = connection.prepare(sql).map_err(own)?;
    let mut bound = Vec::new();
    for at in 1..=statement.parameter_count() {
        let name = statement.parameter_name(at).map_err(own)?;
        let (_, value) = values
            .iter()
            .find(|(given, _)| *given == name)
            .ok_or_else(|| AskError::BadSql(format!("{title} needs a value for ${name}")))?;
        bound.push(bindable(value)?);
    }
    let batches = statement.query_arrow(duckdb::params_from_iter(bound)).map_err(own)?;
    let fields = arrow_page::fields(&batches.get_schema());
    let mut page = Page { fields, rows: Vec::new() };
    for batch in batches {
        page.rows.extend(arrow_page::page(&batch).map_err(AskError::Failed)?.rows);
    }
    tracing::debug!("{title}: {} rows", page.rows.len());
    Ok(page)
}

pub(crate) fn own(what: &str, error: duckdb::Error) -> AskError {
    AskError::Lake(format!("{what} cannot be answered: {}", plain_message(&error.to_string())))
}

fn bindable(value: &Value) -> Result<DuckValue, AskError> {
    Ok(match value {
        Value::Null => DuckValue::Null,
        Value::Bool(flag) => DuckValue::Boolean(*flag),
        Value::Int(number) => DuckValue::BigInt(*number),
        Value::Float(number) => DuckValue::Double(*number),
        Value::Text(text) => DuckValue::Text(text.clone()),
        Value::Timestamp(instant) => DuckValue::Timestamp(TimeUnit::Microsecond, instant.as_microsecond()),
        // DuckDB cannot bind lists; the questions split the text again.
        Value::List(items) => {
            let texts = items.iter().map(|item| match item {
                Value::Text(text) => text.clone(),
                other => catalog::json_text(other),
            });
            DuckValue::Text(texts.collect::<Vec<_>>().join(","))
        }
        other => return Err(AskError::BadSql(format!("{other:?} cannot be bound to a parameter"))),
    })
}

pub(crate) fn bad_sql(error: duckdb::Error) -> AskError {
    AskError::BadSql(plain_message(&error.to_string()))
}
