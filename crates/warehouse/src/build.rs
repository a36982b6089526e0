//! The statements that create a warehouse over the files of some manifests.

use std::collections::{BTreeMap, BTreeSet};

use catalog::ports::AskError;
use catalog::{
    DATASETS, DataFile, Dataset, DatasetKind, DatasetScope, Field, OTHER_EXTRA, OTHER_TAGS, VIEWS,
    extra_of_column, tag_of_column,
};
use duckdb::Connection;

use crate::source::WarehouseSource;

const SNAPSHOT: &str = include_str!("../../../queries/build/snapshot.sql");
const CURRENT: &str = include_str!("../../../queries/build/current.sql");
const LOG: &str = include_str!("../../../queries/build/log.sql");
const ROWS: &str = include_str!("../../../queries/build/rows.sql");
const FOUND: &str = include_str!("../../../queries/build/found.sql");
const EMPTY: &str = include_str!("../../../queries/build/empty.sql");
const FAMILY: &str = include_str!("../../../queries/build/family.sql");
const WHOLE: &str = include_str!("../../../queries/build/whole.sql");
const CHANGES: &str = include_str!("../../../queries/build/changes.sql");
const QUARANTINE: &str = include_str!("../../../queries/build/quarantine.sql");
const STATEMENT: &str = include_str!("../../../queries/build/statement.sql");
const STATED: &str = include_str!("../../../queries/build/stated.sql");
const ESTIMATED: &str = include_str!("../../../queries/build/charge_estimated.sql");
const OBJECT: &str = include_str!("../../../queries/build/bill_object.sql");
const OBJECT_ENTRY: &str = include_str!("../../../queries/views/object_entry.sql");
const IS_SPLIT: &str = include_str!("../../../queries/build/is_split.sql");

/// The condition on a line's account, for bills with reports of linked accounts.
pub(crate) const OF_ACCOUNT: &str = include_str!("../../../queries/build/of_account.sql");

/// The macros of the questions, in the order of their creation.
const MACROS: [&str; 11] = [
    include_str!("../../../queries/views/valid_at.sql"),
    include_str!("../../../queries/views/billing_month_start.sql"),
    include_str!("../../../queries/views/charge_day.sql"),
    include_str!("../../../queries/views/tag_key.sql"),
    include_str!("../../../queries/views/charge_of_month.sql"),
    include_str!("../../../queries/views/charge_of_tag.sql"),
    include_str!("../../../queries/views/charge_of_plan.sql"),
    include_str!("../../../queries/views/charge_tag_key.sql"),
    include_str!("../../../queries/views/charge_sum_of_month.sql"),
    include_str!("../../../queries/views/charge_sum_of_tag.sql"),
    include_str!("../../../queries/views/charge_total_of_tag.sql"),
];

/// The layout of a file, which its path shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum FileLayout {
    /// All other files.
    Plain,
    /// The bill lines of one month, with a column for each frequent tag.
    OfMonth,
    /// Daily sums of the bill lines in another file. No view reads them.
    DailySums,
}

impl FileLayout {
    pub(crate) fn of(file: &DataFile) -> FileLayout {
        match file.month() {
            Some(_) => FileLayout::OfMonth,
            None if file.is_daily_sums() => FileLayout::DailySums,
            None => FileLayout::Plain,
        }
    }
}

/// The columns of the files of each dataset and layout. Files without an entry have all columns.
pub(crate) type FoundColumns = BTreeMap<(&'static str, FileLayout), BTreeSet<String>>;

/// Returns all statements, in the order of execution. They contain file names as literals, because
/// a view must not read a file that its manifest does not list.
pub(crate) fn statements(sources: &[WarehouseSource], found: &FoundColumns) -> Vec<String> {
    // Snapshots take their dates from the run log, so the log comes first.
    let (logs, others): (Vec<&Dataset>, Vec<&Dataset>) =
        DATASETS.iter().partition(|d| d.kind == DatasetKind::Log);
    // The view of bill lines needs a macro.
    let mut statements = vec![OBJECT_ENTRY.to_string()];
    statements.extend(logs.into_iter().chain(others).flat_map(|dataset| make(dataset, sources, found)));
    statements.extend(VIEWS.iter().map(|(_, sql)| sql.to_string()));
    statements.extend(MACROS.map(String::from));
    statements
}

/// Checks that this version can read the layout of every file.
pub(crate) fn check_versions(sources: &[WarehouseSource]) -> Result<(), AskError> {
    for source in sources {
        for file in &source.manifest.files {
            let known = catalog::dataset(&file.dataset).map_or(file.version, |dataset| dataset.version);
            if file.version > known {
                return Err(AskError::Lake(format!(
                    "{} holds {} in version {}, and this mycelium reads up to {known}: upgrade mycelium",
                    source.root.display(),
                    file.dataset,
                    file.version
                )));
            }
        }
    }
    Ok(())
}

fn has_own_view(dataset: &Dataset) -> bool {
    VIEWS.iter().any(|(name, _)| *name == dataset.name)
}

fn make(dataset: &Dataset, sources: &[WarehouseSource], found: &FoundColumns) -> Vec<String> {
    let fields = dataset.fields();
    let fill = |template: &str| fill(template, dataset);
    let rows = rows(dataset, &files_by_layout(dataset, sources), found);
    match dataset.kind {
        DatasetKind::Log => vec![fill(LOG).replace("{rows}", &rows)],
        DatasetKind::Changes => vec![fill(CHANGES).replace("{rows}", &rows)],
        DatasetKind::Statement => {
            vec![fill(STATEMENT), fill_rows(&fill(STATED), &rows, false), fill(CURRENT)]
        }
        DatasetKind::Snapshot => {
            let observed = fields.iter().any(|f| f.name == "observed_at");
            let history = fill(SNAPSHOT)
                .replace("{observed}", if observed { "found.observed_at" } else { "run.run_at" })
                .replace(
                    "{scope}",
                    match dataset.scope {
                        DatasetScope::All => "'*'",
                        DatasetScope::Region => "found.region",
                        DatasetScope::AccountRegion => "found.account_id || '/' || found.region",
                        DatasetScope::Account => "found.account_id",
                        DatasetScope::Request => "found.request",
                        DatasetScope::Bill => "found.bill",
                    },
                )
                .replace("{rows}", &rows);
            let current = (!has_own_view(dataset)).then(|| fill(CURRENT));
            let held = (dataset.name == "price").then(|| QUARANTINE.to_string());
            [Some(history), held, current].into_iter().flatten().collect()
        }
    }
}

/// Fills the dataset's name, columns and key into a template.
pub(crate) fn fill(template: &str, dataset: &Dataset) -> String {
    let columns: Vec<&str> = dataset.columns.iter().map(|column| column.name).collect();
    template
        .replace("{columns}", &columns.join(", "))
        .replace("{dataset}", dataset.name)
        .replace("{key}", &dataset.key.join(", "))
}

/// Fills the rows of a dataset's files into a view of statements. With `is_split`, the view checks
/// the account of each row.
pub(crate) fn fill_rows(template: &str, rows: &str, is_split: bool) -> String {
    fill_texts(template, &[("{of_account}", if is_split { OF_ACCOUNT } else { "" }), ("{rows}", rows)])
}

/// Returns whether the report of a linked account ends only a part of another statement's rows. The
/// view of the rows then reads their account; without such reports it need not.
pub(crate) fn is_split(connection: &Connection, dataset: &Dataset) -> duckdb::Result<bool> {
    connection.query_row(&fill(IS_SPLIT, dataset), [], |row| row.get(0))
}

/// Returns a query of the rows of a dataset's files in these sources.
pub(crate) fn rows_of(
    connection: &Connection,
    dataset: &'static Dataset,
    sources: &[WarehouseSource],
) -> duckdb::Result<String> {
    let files = files_by_layout(dataset, sources);
    let mut found = FoundColumns::new();
    for (layout, files) in &files {
        found.insert((dataset.name, *layout), columns_in(connection, files)?);
    }
    Ok(rows(dataset, &files, &found))
}

/// Returns a query of the rows of these files, which have no columns of tags.
pub(crate) fn rows_of_files(
    connection: &Connection,
    dataset: &'static Dataset,
    files: &[String],
) -> duckdb::Result<String> {
    let found = [((dataset.name, FileLayout::Plain), columns_in(connection, files)?)];
    let files = if files.is_empty() { Vec::new() } else { vec![(FileLayout::Plain, files.to_vec())] };
    Ok(rows(dataset, &files, &found.into()))
}

/// Returns a query of the rows of these files.
fn rows(dataset: &Dataset, files: &[(FileLayout, Vec<String>)], found: &FoundColumns) -> String {
    let fields = dataset.fields();
    if files.is_empty() {
        return EMPTY.replace("{typed}", &list(&fields, null));
    }
    let part = |(layout, files): &(FileLayout, Vec<String>)| {
        let found = found.get(&(dataset.name, *layout));
        read_files(&list(&fields, |field| stored(dataset, field, found)), files)
    };
    files.iter().map(part).collect::<Vec<_>>().join("\nUNION ALL\n")
}

/// Returns a query of these columns of files.
pub(crate) fn read_files(columns: &str, files: &[String]) -> String {
    fill_texts(ROWS, &[("{fields}", columns), ("{files}", &files.join(", "))])
}

/// Fills texts into a template. Nothing is replaced inside a text, such as the key of a tag.
pub(crate) fn fill_texts(template: &str, texts: &[(&str, &str)]) -> String {
    let mut filled = String::new();
    let mut rest = template;
    while let Some(at) = rest.find('{') {
        let known = texts.iter().find(|(name, _)| rest[at..].starts_with(name));
        let (name, text) = known.unwrap_or(&("{", "{"));
        filled.push_str(&rest[..at]);
        filled.push_str(text);
        rest = &rest[at + name.len()..];
    }
    filled + rest
}

/// Returns the expression of a dataset's column over files with the columns `found`, or with all.
pub(crate) fn stored(dataset: &Dataset, field: &Field, found: Option<&BTreeSet<String>>) -> String {
    let has = |name: &str| found.is_none_or(|found| found.contains(name));
    let of_bills = |name: &str| dataset.name == "charge" && field.name == name;
    match found {
        Some(found) if of_bills("extra") && has(OTHER_EXTRA) => {
            object(field, found, OTHER_EXTRA, extra_of_column)
        }
        Some(found) if of_bills("tags") && has(OTHER_TAGS) => object(field, found, OTHER_TAGS, tag_of_column),
        _ if has(&field.name) => field.name.clone(),
        _ if of_bills("estimated") && has("source_format") && has("extra") => ESTIMATED.to_string(),
        _ => null(field),
    }
}

/// Returns the expression of a JSON object over files that have its entries in columns, and those
/// of other lines in `others`. Files of an older layout among them have the column itself.
fn object(field: &Field, found: &BTreeSet<String>, others: &str, key: fn(&str) -> Option<String>) -> String {
    let entry = |name: &String| {
        let key = literal(&format!("{}:", catalog::json_text(&key(name)?.into())));
        Some(format!("object_entry({key}, {}), ", identifier(name)))
    };
    let entries: String = found.iter().filter_map(entry).collect();
    let known = if found.contains(&field.name) { &field.name } else { "NULL" };
    let texts = [("{known}", known), ("{entries}", &entries), ("{others}", others), ("{name}", &field.name)];
    fill_texts(OBJECT, &texts)
}

/// Returns the files of a dataset, one list for each layout that occurs.
fn files_by_layout(dataset: &Dataset, sources: &[WarehouseSource]) -> Vec<(FileLayout, Vec<String>)> {
    let of = |layout| (layout, files_where(dataset, sources, |file| FileLayout::of(file) == layout));
    let all = [FileLayout::Plain, FileLayout::OfMonth].map(of);
    all.into_iter().filter(|(_, files)| !files.is_empty()).collect()
}

pub(crate) fn files_where(
    dataset: &Dataset,
    sources: &[WarehouseSource],
    wanted: impl Fn(&DataFile) -> bool,
) -> Vec<String> {
    // Bills keep their older layouts until they are compacted.
    let is_readable = |file: &DataFile| match dataset.kind {
        DatasetKind::Statement => file.version <= dataset.version,
        _ => file.version == dataset.version,
    };
    let ours = |file: &&DataFile| file.dataset == dataset.name && is_readable(file) && wanted(file);
    let of = |source: &WarehouseSource| -> Vec<String> {
        let listed = source.manifest.files.iter().filter(ours);
        listed.map(|file| literal(&source.path(file))).collect()
    };
    sources.iter().flat_map(of).collect()
}

/// Limits a dataset of changes to the files that can contain a family, until [`make_whole`].
pub(crate) fn limit_to_family(
    connection: &Connection,
    sources: &[WarehouseSource],
    dataset: &'static Dataset,
    family: &str,
) -> duckdb::Result<()> {
    let files = files_where(dataset, sources, |file| file.family().is_none_or(|of| of == family));
    let rows = rows_of_files(connection, dataset, &files)?;
    let view = FAMILY.replace("{dataset}", dataset.name);
    connection.execute_batch(&view.replace("{rows}", &rows))
}

/// Undoes [`cut_down`].
pub(crate) fn remove_limit(connection: &Connection, dataset: &Dataset) -> duckdb::Result<()> {
    connection.execute_batch(&WHOLE.replace("{dataset}", dataset.name))
}

/// Returns a name as a quoted SQL identifier.
pub(crate) fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

/// Returns a text as a SQL literal.
pub(crate) fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

pub(crate) fn list(fields: &[Field], one: impl Fn(&Field) -> String) -> String {
    fields.iter().map(one).collect::<Vec<_>>().join(", ")
}

fn null(field: &Field) -> String {
    format!("CAST(NULL AS {}) AS {}", field.ty.sql(), field.name)
}

/// Creates the tables and views.
pub(crate) fn make_all(connection: &Connection, sources: &[WarehouseSource]) -> duckdb::Result<()> {
    for statement in statements(sources, &found_columns(connection, sources)?) {
        connection.execute_batch(&statement)?;
    }
    for dataset in DATASETS.iter().filter(|dataset| dataset.kind == DatasetKind::Statement) {
        if is_split(connection, dataset)? {
            let rows = rows_of(connection, dataset, sources)?;
            connection.execute_batch(&fill_rows(&fill(STATED, dataset), &rows, true))?;
        }
    }
    Ok(())
}

/// Returns the columns of all files. A union with typed columns would have the same effect in SQL,
/// but a view would lose DuckDB's file statistics: counting rows would read all files.
fn found_columns(connection: &Connection, sources: &[WarehouseSource]) -> duckdb::Result<FoundColumns> {
    let mut found = FoundColumns::new();
    for dataset in DATASETS {
        for (layout, files) in files_by_layout(dataset, sources) {
            found.insert((dataset.name, layout), columns_in(connection, &files)?);
        }
    }
    Ok(found)
}

/// Returns the columns of these files.
pub(crate) fn columns_in(connection: &Connection, files: &[String]) -> duckdb::Result<BTreeSet<String>> {
    if files.is_empty() {
        return Ok(BTreeSet::new());
    }
    let mut statement = connection.prepare(&FOUND.replace("{files}", &files.join(", ")))?;
    let found = statement.query_arrow([])?.get_schema();
    Ok(found.fields().iter().map(|field| field.name().clone()).collect())
}

#[cfg(test)]
#[path = "build_tests.rs"]
mod tests;
