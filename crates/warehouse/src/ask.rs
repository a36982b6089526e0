//! Named questions, and the warehouse behind the port [`Ask`].

use std::any::Any;
use std::collections::BTreeSet;
use std::path::PathBuf;

use catalog::ports::{
    Ask, AskError, BoundQuestion, DataLocation, PageSink, QuerySummary, StopFlag, UserQuery, WarehouseTable,
};
use catalog::{DATASETS, Dataset, DatasetKind, Page, Question, Value};
use domain::InstanceType;
use duckdb::Connection;

use crate::answer::{answer, ask, own};
use crate::base_tables::StatementSources;
use crate::bill_limit::{BillLimit, reads_bills};
use crate::open::{self, WarehouseStorage};
use crate::source::WarehouseSource;
use crate::verify::verify;
use crate::{arrow_page, build, isolation, redact};

const TABLES: &str = include_str!("../../../queries/build/tables.sql");
const SHAPE: &str = include_str!("../../../queries/build/shape.sql");
const COUNT: &str = include_str!("../../../queries/build/count.sql");
const ALL: &str = include_str!("../../../queries/build/all.sql");
const MACRO: &str = include_str!("../../../queries/build/macro.sql");

/// The warehouse of some manifests, opened read-only.
pub struct Warehouse {
    sources: Vec<WarehouseSource>,
    lake: Option<PathBuf>,
    /// The folders that may hold a list of verified files.
    folders: Vec<PathBuf>,
    home: WarehouseStorage,
    connection: Connection,
    held: Vec<Box<dyn Any>>,
    /// The key of the stand-ins, if they are shown.
    key: Option<String>,
}

impl Warehouse {
    /// Opens the warehouse of the sources: the published file in one of the folders, else a new
    /// file in the first writable folder, else in memory. `lake` is the folder of the user's lake,
    /// if there is one; its source is the last. With a key, every text that can identify a person,
    /// a machine or an account is replaced by a stand-in: the same text has the same stand-in under
    /// the same key.
    ///
    /// Errors: [`AskError::Damaged`] if a file differs from its manifest; [`AskError::Lake`] if
    /// the data cannot be read as the manifests describe it.
    pub fn open(
        sources: Vec<WarehouseSource>,
        lake: Option<PathBuf>,
        folders: &[PathBuf],
        key: Option<&str>,
    ) -> Result<Warehouse, AskError> {
        let (home, connection) = open::open(&sources, folders)?;
        if let Some(key) = key {
            redact::redact(&connection, &home, &sources, key).map_err(|e| own("redacted data", e))?;
        }
        Ok(Warehouse {
            sources,
            lake,
            folders: folders.to_vec(),
            home,
            connection,
            held: Vec::new(),
            key: key.map(String::from),
        })
    }

    /// Keeps a value alive as long as this warehouse, such as the lock on the lake's manifest.
    pub fn keep(&mut self, held: Box<dyn Any>) {
        self.held.push(held);
    }

    /// Verifies the files that a text with names of tables can read: those of changes and bills.
    /// Snapshots are in the warehouse's own file. A question about one family reads the family's
    /// files alone.
    fn verify(&self, text: &str, family: Option<&str>) -> Result<(), AskError> {
        let is_read = |dataset: &&Dataset| {
            let in_files = matches!(dataset.kind, DatasetKind::Changes | DatasetKind::Statement);
            in_files && text.contains(dataset.name)
        };
        let read: Vec<&str> = DATASETS.iter().filter(is_read).map(|dataset| dataset.name).collect();
        if read.is_empty() {
            return Ok(());
        }
        verify(&self.sources, &self.folders, |file| {
            let of_family = family.is_none_or(|family| file.family().is_none_or(|of| of == family));
            of_family && read.contains(&file.dataset.as_str())
        })
    }

    /// Verifies the files of all changes and bills.
    fn verify_all(&self) -> Result<(), AskError> {
        let names: Vec<&str> = DATASETS.iter().map(|dataset| dataset.name).collect();
        self.verify(&names.join(" "), None)
    }

    /// Adds the tables that a statement of ours reads, also through table macros.
    fn add_tables(&self, sql: &str, found: &mut BTreeSet<String>) -> Result<(), AskError> {
        let sources = StatementSources::of(&isolation::parse(&self.connection, sql)?);
        found.extend(sources.tables);
        for name in sources.functions {
            let question = Question { name: "build/macro", text: MACRO };
            let bodies = ask(&self.connection, &question, &[("name".into(), name.into())])?;
            for body in bodies.rows.iter().flatten() {
                if let Value::Text(body) = body {
                    self.add_tables(body, found)?;
                }
            }
        }
        Ok(())
    }

    fn one_by_one(&self, asked: &[BoundQuestion]) -> Vec<Result<Page, AskError>> {
        asked.iter().map(|(question, values)| self.ask(question, values)).collect()
    }

    fn table_names(&self) -> Result<Vec<String>, AskError> {
        let tables = ask(&self.connection, &Question { name: "build/tables", text: TABLES }, &[])?;
        let name = |row: Vec<Value>| match row.into_iter().next() {
            Some(Value::Text(name)) => Some(name),
            _ => None,
        };
        Ok(tables.rows.into_iter().filter_map(name).collect())
    }

    fn describe_table(&self, name: &str) -> Result<WarehouseTable, AskError> {
        let own = |e| own(&format!("the table {name}"), e);
        let count =
            self.connection.query_row(&COUNT.replace("{dataset}", &build::identifier(name)), [], |row| {
                row.get::<_, i64>(0)
            });
        let mut shape =
            self.connection.prepare(&SHAPE.replace("{dataset}", &build::identifier(name))).map_err(own)?;
        let mut fields = arrow_page::fields(&shape.query_arrow([]).map_err(own)?.get_schema());
        for field in &mut fields {
            field.doc = column_doc(name, &field.name);
        }
        let rows = count.map_err(own)?.unsigned_abs();
        Ok(WarehouseTable { name: name.into(), doc: table_doc(name), fields, rows })
    }
}

impl Ask for Warehouse {
    fn ask(&self, question: &Question, values: &[(String, Value)]) -> Result<Page, AskError> {
        // The views with stand-ins have the names of the limited ones.
        if self.key.is_none()
            && let Some(limit) = BillLimit::of(&self.connection, question, values)?
        {
            verify(&self.sources, &self.folders, |file| limit.reads(file))?;
            return limit.ask(&self.connection, &self.sources, question, values);
        }
        let family = family(question, values);
        self.verify(question.text, family.as_deref())?;
        let Some(family) = family else {
            return ask(&self.connection, question, values);
        };
        // Opens only the files that can contain the instance type, however large the lake is.
        let read = DATASETS.iter().filter(|d| d.kind == DatasetKind::Changes && reads(question, d));
        let cut: Vec<&'static Dataset> = read.collect();
        let own = |e| own(question.name, e);
        for dataset in &cut {
            build::limit_to_family(&self.connection, &self.sources, dataset, &family).map_err(own)?;
        }
        let answer = ask(&self.connection, question, values);
        for dataset in &cut {
            build::remove_limit(&self.connection, dataset).map_err(own)?;
        }
        answer
    }

    fn ask_all(&self, asked: &[BoundQuestion]) -> Vec<Result<Page, AskError>> {
        // Stand-ins, and datasets limited to a family or a month, are views of this one connection.
        let is_limited =
            |(question, values): &BoundQuestion| family(question, values).is_some() || reads_bills(question);
        let of_connection = self.key.is_some() || asked.iter().any(is_limited);
        match self.connection.try_clone() {
            Ok(other) if !of_connection => {
                let text: Vec<&str> = asked.iter().map(|(question, _)| question.text).collect();
                match self.verify(&text.join(" "), None) {
                    Ok(()) => side_by_side(&self.connection, other, asked),
                    // Each question gets the error of its own files.
                    Err(_) => self.one_by_one(asked),
                }
            }
            _ => self.one_by_one(asked),
        }
    }

    fn query(
        &self,
        query: &UserQuery,
        stop: &StopFlag,
        sink: PageSink<'_>,
    ) -> Result<QuerySummary, AskError> {
        // A newer warehouse may have removed this file. The open connection keeps it, but the query
        // process opens it anew.
        self.verify_all()?;
        let home = match &self.home {
            WarehouseStorage::File(path) if !path.exists() => &WarehouseStorage::Memory,
            home => home,
        };
        isolation::query(home, &self.sources, self.key.as_deref(), query, stop, sink)
    }

    fn table(&self, name: &str) -> Result<Page, AskError> {
        if !self.table_names()?.iter().any(|known| known == name) {
            return Err(AskError::BadSql(format!("there is no table \"{name}\"")));
        }
        self.verify(name, None)?;
        answer(&self.connection, name, &ALL.replace("{dataset}", &build::identifier(name)), &[])
    }

    fn tables_of(&self, question: &Question) -> Result<Vec<String>, AskError> {
        let mut found = BTreeSet::new();
        self.add_tables(question.text, &mut found)?;
        Ok(found.into_iter().collect())
    }

    fn tables(&self) -> Result<Vec<WarehouseTable>, AskError> {
        self.verify_all()?;
        self.table_names()?.iter().map(|name| self.describe_table(name)).collect()
    }

    fn place(&self) -> DataLocation {
        let warehouse = match &self.home {
            WarehouseStorage::File(path) => Some(path.clone()),
            WarehouseStorage::Memory => None,
        };
        let manifest = match &self.lake {
            Some(_) => self.sources.last().map_or(0, |source| source.manifest.number),
            None => 0,
        };
        DataLocation { lake: self.lake.clone(), manifest, warehouse }
    }
}

/// Answers the first question on this connection, and the others in parallel on a second one. With
/// one thread per question, small questions would take processors from the large one.
fn side_by_side(own: &Connection, other: Connection, asked: &[BoundQuestion]) -> Vec<Result<Page, AskError>> {
    let Some(((question, values), rest)) = asked.split_first() else { return Vec::new() };
    std::thread::scope(|scope| {
        let others = scope.spawn(move || {
            rest.iter().map(|(question, values)| ask(&other, question, values)).collect::<Vec<_>>()
        });
        let first = ask(own, question, values);
        [first].into_iter().chain(others.join().expect("asking does not panic")).collect()
    })
}

/// Returns the family of the instance type, if the question is about one type.
fn family(question: &Question, values: &[(String, Value)]) -> Option<String> {
    let name = question.type_param()?;
    match values.iter().find(|(given, _)| *given == name)? {
        (_, Value::Text(text)) => InstanceType::parse(text).ok().map(|found| found.family().to_string()),
        _ => None,
    }
}

/// Whether the question's text contains the dataset's name.
fn reads(question: &Question, dataset: &Dataset) -> bool {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    question.text.split(|c: char| !is_part(c)).any(|word| word == dataset.name)
}

fn table_doc(table: &str) -> String {
    if table == "price_held" {
        return "Quarantined on-demand prices. No answer uses them until a user accepts them.".into();
    }
    let (name, history) = match table.strip_suffix("_history") {
        Some(name) => (name, " All rows ever collected, with the time span in which each was valid."),
        None => (table, ""),
    };
    // The view of this name is corrected; the values that the API reported are in its history.
    let corrected = matches!(name, "instance_type" | "instance_type_corrected") && history.is_empty();
    let (name, history) = match corrected {
        true => ("instance_type", " Corrected with the manufacturers' documents."),
        false => (name, history),
    };
    catalog::dataset(name).map(|dataset| format!("{}{history}", dataset.doc)).unwrap_or_default()
}

fn column_doc(table: &str, column: &str) -> String {
    match column {
        "valid_from" => return "start of the time span in which the row is the newest".into(),
        "valid_until" => return "end of that time span; null while the row is the newest".into(),
        "run_id" => return "the collection_run that added the row".into(),
        "held_id" => return "id of the quarantined price, derived from product, region and price".into(),
        "median_price" => {
            return "median price that it was compared with, in `currency`; null without one".into();
        }
        "reason" => return "why the price is quarantined".into(),
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
