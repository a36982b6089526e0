//! Selection of the columns to print: unique names, and the columns of `--columns`.

use std::borrow::Cow;
use std::collections::BTreeSet;

use catalog::{Field, Page, ValueType};
use domain::Timestamp;

use crate::words::suggest_closest;
use crate::{Failure, Report, TableView, column_header, table};

/// Returns the page with unique column names. `SELECT 1 a, 2 a` gives `a` and `a_1`, because JSON
/// keys and Parquet columns must differ.
pub(crate) fn with_unique_names(page: &Page) -> Cow<'_, Page> {
    let names: BTreeSet<&str> = page.fields.iter().map(|field| field.name.as_str()).collect();
    if names.len() == page.fields.len() {
        return Cow::Borrowed(page);
    }
    let mut taken: BTreeSet<String> = names.into_iter().map(String::from).collect();
    let mut seen = BTreeSet::new();
    let mut page = page.clone();
    for field in &mut page.fields {
        if !seen.insert(field.name.clone()) {
            let free = (1..).map(|n| format!("{}_{n}", field.name)).find(|name| !taken.contains(name));
            field.name = free.expect("the range is infinite");
            taken.insert(field.name.clone());
        }
    }
    Cow::Owned(page)
}

/// Returns the wanted columns in their order, each from the first page that has it. The pages have
/// the same rows. An empty `wanted` selects all columns of the first page.
pub(crate) fn select_columns<'a>(wanted: &[String], pages: &[&'a Page]) -> Result<Cow<'a, Page>, Failure> {
    if wanted.is_empty() {
        return Ok(with_unique_names(pages[0]));
    }
    let pages: Vec<Cow<'_, Page>> = pages.iter().map(|page| with_unique_names(page)).collect();
    let find = |name: &String| {
        let mut places = pages.iter().filter_map(|page| page.position(name).map(|at| (page, at)));
        places.next().ok_or_else(|| unknown(name, &pages))
    };
    let places = wanted.iter().map(find).collect::<Result<Vec<_>, Failure>>()?;
    let fields = places.iter().map(|(page, at)| page.fields[*at].clone()).collect();
    let row = |at: usize| places.iter().map(|(page, column)| page.rows[at][*column].clone()).collect();
    let rows = (0..pages[0].rows.len()).map(row).collect();
    Ok(Cow::Owned(Page { fields, rows }))
}

fn unknown(name: &str, pages: &[Cow<'_, Page>]) -> Failure {
    let mut known: Vec<&str> = Vec::new();
    for field in pages.iter().flat_map(|page| &page.fields) {
        if !known.contains(&field.name.as_str()) {
            known.push(&field.name);
        }
    }
    let near = suggest_closest(name, known.iter().copied());
    Failure::usage(format!("there is no column \"{name}\"{near}"))
        .hint(format!("the columns are {}", known.join(", ")))
}

/// Returns the pages of a report that have its rows, the preferred one first.
pub(crate) fn sources(report: &Report, csv_first: bool) -> Vec<&Page> {
    let other = report.csv.as_ref();
    match other {
        Some(csv) if csv_first => {
            let page = Some(&report.page).filter(|page| page.rows.len() == csv.rows.len());
            std::iter::once(csv).chain(page).collect()
        }
        _ => {
            let csv = other.filter(|csv| csv.rows.len() == report.page.rows.len());
            std::iter::once(&report.page).chain(csv).collect()
        }
    }
}

/// Columns that a table shows by default.
const DEFAULT_COLUMNS: usize = 8;

/// Returns the names of the columns that the table of a report shows by default. Without a choice
/// of the program these are the first eight, and the gaps: missing data stays visible.
pub(crate) fn default_columns(report: &Report) -> Vec<String> {
    if !report.default_columns.is_empty() {
        return report.default_columns.iter().map(|name| name.to_string()).collect();
    }
    let page = with_unique_names(&report.page);
    let mut names: Vec<String> = page.fields.iter().map(|field| field.name.clone()).collect();
    if let Some(view) = &report.table {
        let named = view.columns.iter().map(|column| column.name.clone());
        let named: Vec<String> = named.filter(|name| !name.is_empty()).collect();
        // A table without named columns has one row per column.
        return if named.is_empty() { names } else { named };
    }
    let gaps = names.iter().position(|name| name == "gaps");
    if let Some(gaps) = gaps.filter(|gaps| *gaps >= DEFAULT_COLUMNS) {
        names.swap(DEFAULT_COLUMNS - 1, gaps);
    }
    names.truncate(DEFAULT_COLUMNS);
    names
}

/// Returns the number of columns that a table leaves out although the program chose no columns.
pub(crate) fn hidden_columns(report: &Report) -> usize {
    match report.table.is_some() || !report.default_columns.is_empty() {
        true => 0,
        false => report.page.fields.len().saturating_sub(DEFAULT_COLUMNS),
    }
}

/// Returns one row per column of a report: its name, its header, and whether a table shows it by
/// default.
pub(crate) fn describe_columns(report: &Report) -> Page {
    let shown = default_columns(report);
    let mut names: Vec<String> = Vec::new();
    for page in sources(report, false) {
        let fields = with_unique_names(page).fields.clone();
        names.extend(
            fields
                .into_iter()
                .map(|field| field.name)
                .filter(|name| !names.contains(name))
                .collect::<Vec<_>>(),
        );
    }
    let header = |name: &str| {
        let columns = report.table.iter().flat_map(|view| &view.columns);
        let own = columns.into_iter().find(|column| column.name == name);
        own.map_or_else(|| column_header(name), |column| column.header.clone())
    };
    let row = |name: &String| {
        let by_default = if shown.contains(name) { "yes" } else { "no" };
        vec![name.as_str().into(), header(name).into(), by_default.into()]
    };
    let fields = ["column", "header", "by_default"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    Page { fields, rows: names.iter().map(row).collect() }
}

/// Returns the table of a report for people. A wanted column keeps the cells of the program's own
/// table, if that table has the same rows and a column with this name.
pub(crate) fn view<'a>(
    wanted: &[String],
    report: &'a Report,
    now: Option<Timestamp>,
) -> Result<Cow<'a, TableView>, Failure> {
    if let (Some(view), true) = (&report.table, wanted.is_empty()) {
        return Ok(Cow::Borrowed(view));
    }
    let defaults = default_columns(report);
    let wanted = if wanted.is_empty() { &defaults } else { wanted };
    let page = select_columns(wanted, &sources(report, false))?;
    let mut plain = table::report_view(&page, now);
    if let Some(view) = report.table.as_ref().filter(|view| view.rows.len() == plain.rows.len()) {
        overlay(&mut plain, view);
    }
    Ok(Cow::Owned(plain))
}

fn overlay(plain: &mut TableView, view: &TableView) {
    for column in 0..plain.columns.len() {
        let name = &plain.columns[column].name;
        let Some(at) = view.columns.iter().position(|own| own.name == *name) else {
            continue;
        };
        plain.columns[column] = view.columns[at].clone();
        for (row, cells) in plain.rows.iter_mut().zip(&view.rows) {
            row[column] = cells[at].clone();
        }
    }
    plain.marked = view.marked.clone();
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Align, TableColumn};
    use catalog::Value;

    fn page(names: &str, first: i64) -> Page {
        let fields: Vec<Field> = names.split(' ').map(|name| Field::new(name, ValueType::Int)).collect();
        let row = (first..).take(fields.len()).map(Value::Int).collect();
        Page { fields, rows: vec![row] }
    }

    fn names(page: &Page) -> String {
        page.fields.iter().map(|field| field.name.as_str()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn numbers_repeated_names() {
        let check =
            |given: &str, expected: &str| assert_eq!(names(&with_unique_names(&page(given, 0))), expected);
        check("a b", "a b");
        check("a a", "a a_1");
        check("a a a", "a a_1 a_2");
        check("a a a_1", "a a_2 a_1");
    }

    #[test]
    fn finds_wanted_columns_in_every_page() {
        let check = |wanted: &str, expected: Result<(&str, &[i64]), (&str, &str)>| {
            let (page, csv) = (page("vcpus memory_mib", 0), page("vcpus memory_gib", 10));
            let wanted: Vec<String> = wanted.split_whitespace().map(String::from).collect();
            let found = select_columns(&wanted, &[&page, &csv]);
            match expected {
                Ok((name, numbers)) => {
                    let found = found.unwrap();
                    let row = numbers.iter().map(|n| Value::Int(*n)).collect::<Vec<_>>();
                    assert_eq!((names(&found).as_str(), &found.rows[0]), (name, &row));
                }
                Err((message, hint)) => {
                    assert_eq!(found.unwrap_err(), Failure::usage(message).hint(hint));
                }
            }
        };
        check("", Ok(("vcpus memory_mib", &[0, 1])));
        check("memory_mib vcpus", Ok(("memory_mib vcpus", &[1, 0])));
        check("memory_gib vcpus", Ok(("memory_gib vcpus", &[11, 0])));
        let hint = "the columns are vcpus, memory_mib, memory_gib";
        check("vcpu", Err(("there is no column \"vcpu\"; the closest match is vcpus", hint)));
        check("banana", Err(("there is no column \"banana\"", hint)));
    }

    #[test]
    fn wanted_columns_keep_the_cells_of_the_program() {
        let view = TableView {
            columns: vec![
                TableColumn::named("memory_gib", Align::Right),
                TableColumn::named("vcpus", Align::Right),
            ],
            rows: vec![vec!["2 (shared)".into(), "1/2".into()]],
            marked: vec![0],
        };
        let report = Report {
            page: page("vcpus memory_mib", 0),
            csv: Some(page("memory_gib", 7)),
            table: Some(view),
            default_columns: &[],
        };
        let check = |wanted: &str, headings: &[&str], cells: &[&str]| {
            let wanted: Vec<String> = wanted.split_whitespace().map(String::from).collect();
            let found = super::view(&wanted, &report, None).unwrap();
            assert_eq!(
                found.columns.iter().map(|column| column.header.as_str()).collect::<Vec<_>>(),
                headings
            );
            assert_eq!(
                (&found.rows[0][..], &found.marked[..]),
                (&cells.iter().map(|c| c.to_string()).collect::<Vec<_>>()[..], &[0][..])
            );
        };
        check("", &["Memory (GiB)", "vCPUs"], &["2 (shared)", "1/2"]);
        check("vcpus memory_gib", &["vCPUs", "Memory (GiB)"], &["1/2", "2 (shared)"]);
        check("memory_mib vcpus", &["Memory (MiB)", "vCPUs"], &["1", "1/2"]);
    }

    #[test]
    fn a_table_with_a_row_per_column_shows_all_of_them() {
        let check = |columns: Vec<TableColumn>, expected: &str| {
            let table = Some(TableView { columns, ..TableView::default() });
            let report = Report { page: page("a b c d e f g h i", 0), table, ..Report::default() };
            assert_eq!(default_columns(&report).join(" "), expected);
        };
        check(vec![TableColumn::only_in_tables("Fact", Align::Left)], "a b c d e f g h i");
        check(
            vec![TableColumn::named("c", Align::Left), TableColumn::only_in_tables("Zones", Align::Left)],
            "c",
        );
    }

    #[test]
    fn a_table_has_at_most_eight_columns_by_default() {
        let check = |names: &str, chosen: &'static [&'static str], expected: &str, hidden: usize| {
            let report = Report::plain(page(names, 0)).default_columns(chosen);
            assert_eq!(default_columns(&report).join(" "), expected);
            assert_eq!(hidden_columns(&report), hidden);
            let view = super::view(&[], &report, None).unwrap();
            assert_eq!(view.columns.len(), expected.split(' ').count());
        };
        check("a b c", &[], "a b c", 0);
        check("a b c d e f g h", &[], "a b c d e f g h", 0);
        check("a b c d e f g h i j", &[], "a b c d e f g h", 2);
        check("a b c d e f g h i gaps", &[], "a b c d e f g gaps", 2);
        check("a b gaps d e f g h i", &[], "a b gaps d e f g h", 1);
        check("a b c d e f g h i", &["i", "a"], "i a", 0);
        check("a a", &[], "a a_1", 0);
    }
}
