//! Named questions, and the port that programs see.

use std::any::Any;
use std::path::PathBuf;

use catalog::ports::{Ask, AskError, Bound, Ended, PageSink, Place, Query, Stop, Table};
use catalog::{DATASETS, Dataset, Kind, Page, Question, Value};
use domain::InstanceType;
use duckdb::Connection;
use duckdb::types::{TimeUnit, Value as DuckValue};

use crate::open::{self, Home, Source};
use crate::{arrow_page, build, redact, room};

const TABLES: &str = include_str!("../../../queries/build/tables.sql");
const SHAPE: &str = include_str!("../../../queries/build/shape.sql");
const COUNT: &str = include_str!("../../../queries/build/count.sql");

/// The warehouse of some manifests, opened read-only.
pub struct Warehouse {
    sources: Vec<Source>,
    lake: Option<PathBuf>,
    home: Home,
    connection: Connection,
    held: Vec<Box<dyn Any>>,
    /// The key of stand-ins, where they are shown.
    key: Option<String>,
}

impl Warehouse {
    /// Opens the warehouse of the sources: the published file in one of the folders, else a new one
    /// in the first that can be written, else in memory. `lake` is the folder of the user's lake, if
    /// there is one: its source is the last.
    ///
    /// Errors: [`AskError::Lake`] when the data cannot be read as what the manifests say.
    pub fn open(
        sources: Vec<Source>,
        lake: Option<PathBuf>,
        folders: &[PathBuf],
    ) -> Result<Warehouse, AskError> {
        let (home, connection) = open::open(&sources, folders)?;
        Ok(Warehouse { sources, lake, home, connection, held: Vec::new(), key: None })
    }

    /// Keeps something alive for as long as this answers: the lock on the lake's manifest.
    pub fn keep(&mut self, held: Box<dyn Any>) {
        self.held.push(held);
    }

    fn table(&self, name: &str) -> Result<Table, AskError> {
        let own = |e| own(&format!("the table {name}"), e);
        let count =
            self.connection.query_row(&COUNT.replace("{dataset}", name), [], |row| row.get::<_, i64>(0));
        let mut shape = self.connection.prepare(&SHAPE.replace("{dataset}", name)).map_err(own)?;
        let mut fields = arrow_page::fields(&shape.query_arrow([]).map_err(own)?.get_schema());
        for field in &mut fields {
            field.doc = column_doc(name, &field.name);
        }
        let rows = count.map_err(own)?.unsigned_abs();
        Ok(Table { name: name.into(), doc: table_doc(name), fields, rows })
    }
}

impl Ask for Warehouse {
    fn redact(&mut self, key: &str) -> Result<(), AskError> {
        redact::redact(&self.connection, &self.home, &self.sources, key)
            .map_err(|e| own("what is to be redacted", e))?;
        self.key = Some(key.into());
        Ok(())
    }

    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError> {
        let Some(family) = family(question, values) else {
            return ask(&self.connection, question, values);
        };
        // However large the lake is: only the files that can hold the one type are opened.
        let read = DATASETS.iter().filter(|d| d.kind == Kind::Changes && reads(question, d));
        let cut: Vec<&'static Dataset> = read.collect();
        let own = |e| own(question.name, e);
        for dataset in &cut {
            build::cut_down(&self.connection, &self.sources, dataset, &family).map_err(own)?;
        }
        let answer = ask(&self.connection, question, values);
        for dataset in &cut {
            build::make_whole(&self.connection, dataset).map_err(own)?;
        }
        answer
    }

    fn ask_all(&self, asked: &[Bound]) -> Vec<Result<Page, AskError>> {
        // Stand-ins, and what is cut down to a family, are views of the one connection alone.
        let of_connection =
            self.key.is_some() || asked.iter().any(|(question, values)| family(question, values).is_some());
        match self.connection.try_clone() {
            Ok(other) if !of_connection => side_by_side(&self.connection, other, asked),
            _ => asked.iter().map(|(question, values)| self.ask(question, values)).collect(),
        }
    }

    fn query(&self, query: &Query, stop: &Stop, sink: PageSink<'_>) -> Result<Ended, AskError> {
        // Whoever makes a newer one removes this one; what is open here stays, and the room opens anew.
        let home = match &self.home {
            Home::File(path) if !path.exists() => &Home::Memory,
            home => home,
        };
        room::query(home, &self.sources, self.key.as_deref(), query, stop, sink)
    }

    fn tables(&self) -> Result<Vec<Table>, AskError> {
        let tables = ask(&self.connection, &Question { name: "build/tables", text: TABLES }, &[])?;
        let names = tables.rows.iter().filter_map(|row| match row.as_slice() {
            [Value::Text(name)] => Some(name),
            _ => None,
        });
        names.map(|name| self.table(name)).collect()
    }

    fn place(&self) -> Place {
        let warehouse = match &self.home {
            Home::File(path) => Some(path.clone()),
            Home::Memory => None,
        };
        let manifest = match &self.lake {
            Some(_) => self.sources.last().map_or(0, |source| source.manifest.number),
            None => 0,
        };
        Place { lake: self.lake.clone(), manifest, warehouse }
    }
}

/// Answers the first question here and the others meanwhile on a second connection: with a thread for each of them,
/// small ones take the processors from the large one.
fn side_by_side(own: &Connection, other: Connection, asked: &[Bound]) -> Vec<Result<Page, AskError>> {
    let Some(((question, values), rest)) = asked.split_first() else { return Vec::new() };
    std::thread::scope(|scope| {
        let others = scope.spawn(move || {
            rest.iter().map(|(question, values)| ask(&other, question, values)).collect::<Vec<_>>()
        });
        let first = ask(own, question, values);
        [first].into_iter().chain(others.join().expect("asking does not panic")).collect()
    })
}

/// The family of the one instance type that the question is about.
fn family(question: &Question, values: &[(String, Value)]) -> Option<String> {
    let name = question.type_param()?;
    match values.iter().find(|(given, _)| *given == name)? {
        (_, Value::Text(text)) => InstanceType::parse(text).ok().map(|found| found.family().to_string()),
        _ => None,
    }
}

/// Whether the question's text names the dataset.
fn reads(question: &Question, dataset: &Dataset) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    question.text.split(|c: char| !is_part(c)).any(|word| word == dataset.name)
}

/// Binds the values and reads the whole answer.
///
/// Errors: [`AskError::BadSql`] when a value is missing or cannot be bound. A question of ours that fails on
/// data of ours is no fault of who asks: [`AskError::Lake`].
pub(crate) fn ask(
    connection: &Connection,
    question: &Question,
    values: &[(String, Value)],
) -> Result<Page, AskError> {
    let own = |e| own(question.name, e);
    // Prepared anew each time: a kept plan knows the files of the family that was asked about before.
    let mut statement = connection.prepare(question.text).map_err(own)?;
    let mut bound = Vec::new();
    for at in 1..=statement.parameter_count() {
        let name = statement.parameter_name(at).map_err(own)?;
        let (_, value) = values
            .iter()
            .find(|(given, _)| *given == name)
            .ok_or_else(|| AskError::BadSql(format!("{} was asked without ${name}", question.name)))?;
        bound.push(bindable(value)?);
    }
    let batches = statement.query_arrow(duckdb::params_from_iter(bound)).map_err(own)?;
    let fields = arrow_page::fields(&batches.get_schema());
    let mut page = Page { fields, rows: Vec::new() };
    for batch in batches {
        page.rows.extend(arrow_page::page(&batch).map_err(AskError::Failed)?.rows);
    }
    tracing::debug!("{}: {} rows", question.name, page.rows.len());
    Ok(page)
}

fn own(what: &str, error: duckdb::Error) -> AskError {
    AskError::Lake(format!("{what} cannot be answered: {}", room::plain_words(&error.to_string())))
}

fn bindable(value: &Value) -> Result<DuckValue, AskError> {
    Ok(match value {
        Value::Null => DuckValue::Null,
        Value::Bool(flag) => DuckValue::Boolean(*flag),
        Value::Int(number) => DuckValue::BigInt(*number),
        Value::Float(number) => DuckValue::Double(*number),
        Value::Text(text) => DuckValue::Text(text.clone()),
        Value::Timestamp(instant) => DuckValue::Timestamp(TimeUnit::Microsecond, instant.as_microsecond()),
        // DuckDB binds no lists; the questions split them again.
        Value::List(items) => {
            let texts = items.iter().map(|item| match item {
                Value::Text(text) => text.clone(),
                other => catalog::json_text(other),
            });
            DuckValue::Text(texts.collect::<Vec<_>>().join(","))
        }
        other => return Err(AskError::BadSql(format!("{other:?} cannot be a parameter"))),
    })
}

pub(crate) fn bad_sql(error: duckdb::Error) -> AskError {
    AskError::BadSql(room::plain_words(&error.to_string()))
}

fn table_doc(table: &str) -> String {
    if table == "price_held" {
        return "On-demand prices that are held back as absurd until somebody accepts them.".into();
    }
    let (name, history) = match table.strip_suffix("_history") {
        Some(name) => (name, " All that was ever known, with the span in which it held."),
        None => (table, ""),
    };
    // What people see under this name is the view, and what the API reported is in its history.
    let corrected = matches!(name, "instance_type" | "instance_type_corrected") && history.is_empty();
    let (name, history) = match corrected {
        true => ("instance_type", " Corrected by the makers' documents."),
        false => (name, history),
    };
    catalog::dataset(name).map(|dataset| format!("{}{history}", dataset.doc)).unwrap_or_default()
}

fn column_doc(table: &str, column: &str) -> String {
    match column {
        "valid_from" => return "from when this was the newest statement".into(),
        "valid_until" => return "until when; null while nothing newer is known".into(),
        "run_id" => return "the collection_run that brought the row".into(),
        "held_id" => return "names product, place and price".into(),
        "median_price" => {
            return "the median that it was compared with, in `currency`; null without one".into();
        }
        "reason" => return "why it is held".into(),
        _ => {}
    }
    let table = ["_history", "_corrected", "_held"]
        .iter()
        .find_map(|ending| table.strip_suffix(ending))
        .unwrap_or(table);
    let fields = catalog::dataset(table).map(|dataset| dataset.fields()).unwrap_or_default();
    let known = fields.into_iter().find(|field| field.name == column).map(|field| field.doc);
    known.unwrap_or_else(|| catalog::computed_column_doc(column).into())
}
