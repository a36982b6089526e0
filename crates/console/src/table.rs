//! Tables for people: a line under the headings, no borders, never wider than the terminal.

use std::fmt::Write;

use catalog::{Page, Value, ValueType};
use comfy_table::{
    Attribute, Cell, CellAlignment, Color, ColumnConstraint, ContentArrangement, LineStyle, Table,
    TableStyle, Width,
};
use domain::{Timestamp, visible};
use unicode_width::UnicodeWidthStr;

use crate::headers::column_header;
use crate::text::{format_for_people, visible_lines};
use crate::words::describe_instant;
use crate::{Align, Screen, TableColumn, TableView};

const STYLE: TableStyle = TableStyle::new().header_separator(LineStyle::none().fill('─'));
/// Spaces between two columns.
const GAP: u16 = 2;
/// A longer cell is wrapped even if lines have no length limit.
const LONGEST_LINE: usize = 60_000;
/// A longer word may be broken on a narrow terminal.
const LONG_WORD: usize = 20;

/// Returns the plain table of a page.
pub(crate) fn view_of(page: &Page) -> TableView {
    let column = |field: &catalog::Field| {
        let right = matches!(field.ty, ValueType::Int | ValueType::Float | ValueType::Decimal(..));
        let (name, header) = (field.name.clone(), field.name.clone());
        TableColumn { name, header, align: if right { Align::Right } else { Align::Left } }
    };
    let row = |values: &Vec<Value>| {
        page.fields.iter().zip(values).map(|(field, value)| format_for_people(value, &field.ty)).collect()
    };
    TableView {
        columns: page.fields.iter().map(column).collect(),
        rows: page.rows.iter().map(row).collect(),
        marked: Vec::new(),
    }
}

/// Returns the table of a report: headers for people, instants relative to `now`, short ARNs.
/// Without `now`, instants are exact.
pub(crate) fn report_view(page: &Page, now: Option<Timestamp>) -> TableView {
    let mut view = view_of(page);
    for column in &mut view.columns {
        column.header = column_header(&column.name);
    }
    for (cells, values) in view.rows.iter_mut().zip(&page.rows) {
        for (cell, value) in cells.iter_mut().zip(values) {
            match (value, now) {
                (Value::Timestamp(instant), Some(now)) => *cell = describe_instant(*instant, now),
                (Value::Text(text), _) => *cell = shorten_arn(text).to_string(),
                _ => {}
            }
        }
    }
    view
}

/// Returns the resource of an ARN: `user/alice` for `arn:aws:iam::123456789012:user/alice`. Any
/// other text stays as it is.
fn shorten_arn(text: &str) -> &str {
    let resource = text.strip_prefix("arn:").and_then(|rest| rest.splitn(5, ':').nth(4));
    resource.filter(|resource| !resource.is_empty()).unwrap_or(text)
}

/// The layout of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum TableLayout {
    /// Columns side by side, with these widths.
    Columns(Vec<usize>),
    /// One line per cell and an empty line after each row, for a terminal that is too narrow.
    Lines,
}

/// A table that is ready to print. Its texts contain no control characters.
pub(crate) struct TableDrawing {
    view: TableView,
    screen: Screen,
}

impl TableDrawing {
    /// Prepares a table. Without colour, marked rows start with a star. A cell has one line, unless
    /// `keep_lines` is set: a line break in a foreign text would draw a false row.
    pub(crate) fn new(view: &TableView, screen: Screen, keep_lines: bool) -> TableDrawing {
        let heading = |text: &String| visible(text).into_owned();
        let cell = |text: &String| match keep_lines {
            true => visible_lines(text.trim_end()),
            false => visible(text.trim_end_matches(' ')).into_owned(),
        };
        let mut view = TableView {
            columns: view
                .columns
                .iter()
                .map(|column| column.clone().header(heading(&column.header)))
                .collect(),
            rows: view.rows.iter().map(|row| row.iter().map(cell).collect()).collect(),
            marked: view.marked.clone(),
        };
        if !screen.colour && !view.marked.is_empty() {
            view.columns.insert(0, TableColumn::only_in_tables("", Align::Left));
            for (at, row) in view.rows.iter_mut().enumerate() {
                row.insert(0, if view.marked.contains(&at) { "*".into() } else { String::new() });
            }
        }
        TableDrawing { view, screen }
    }

    /// Chooses the layout, or continues the layout of the rows printed before.
    pub(crate) fn layout(&self, before: Option<TableLayout>) -> TableLayout {
        let natural: Vec<usize> = (0..self.view.columns.len()).map(|at| self.natural(at)).collect();
        match (before, self.screen.width) {
            (Some(TableLayout::Columns(before)), None) => {
                TableLayout::Columns(before.into_iter().zip(natural).map(|(a, b)| a.max(b)).collect())
            }
            (Some(before), _) => before,
            (None, None) => TableLayout::Columns(natural),
            (None, Some(width)) => {
                let least: Vec<usize> =
                    natural.iter().enumerate().map(|(at, natural)| self.least(at).min(*natural)).collect();
                let gaps = usize::from(GAP) * natural.len().saturating_sub(1);
                fit(&natural, &least, width.saturating_sub(gaps))
                    .map_or(TableLayout::Lines, TableLayout::Columns)
            }
        }
    }

    fn cells(&self, column: usize) -> impl Iterator<Item = &str> {
        self.view.rows.iter().map(move |row| row[column].as_str())
    }

    /// Returns the width that shows a column without wrapping.
    fn natural(&self, column: usize) -> usize {
        let heading = self.view.columns[column].header.width();
        self.cells(column).flat_map(str::lines).map(UnicodeWidthStr::width).fold(heading, usize::max)
    }

    /// Returns the smallest readable width of a column: words and numbers stay whole.
    fn least(&self, column: usize) -> usize {
        let TableColumn { header: heading, align, .. } = &self.view.columns[column];
        let word = |text: &str| text.split([' ', '\n']).map(UnicodeWidthStr::width).max().unwrap_or(0);
        match align {
            Align::Left => self.cells(column).map(word).fold(word(heading), usize::max).min(LONG_WORD),
            Align::Right => self.cells(column).map(UnicodeWidthStr::width).fold(word(heading), usize::max),
        }
    }

    /// Returns the text, which ends in a line feed. `headings` is false for rows that continue a
    /// table.
    pub(crate) fn print(&self, layout: &TableLayout, headings: bool) -> String {
        match layout {
            TableLayout::Columns(widths) => self.columns(widths, headings),
            TableLayout::Lines => self.lines(),
        }
    }

    fn columns(&self, widths: &[usize], headings: bool) -> String {
        if widths.is_empty() {
            return String::new();
        }
        let mut table = Table::new();
        table.load_style(STYLE).set_content_arrangement(ContentArrangement::Disabled).force_no_tty();
        if self.screen.colour {
            table.enforce_styling().style_text_only();
        }
        if headings {
            let bold = |column: &TableColumn| Cell::new(&column.header).add_attribute(Attribute::Bold);
            table.set_header(self.view.columns.iter().map(bold).collect::<Vec<_>>());
        }
        for (at, row) in self.view.rows.iter().enumerate() {
            let marked = self.view.marked.contains(&at);
            table.add_row(row.iter().map(|text| cell(text, marked)).collect::<Vec<_>>());
        }
        for (at, column) in table.column_iter_mut().enumerate() {
            let gap = if at + 1 < widths.len() { GAP } else { 0 };
            let width = widths[at].clamp(1, LONGEST_LINE) as u16 + gap;
            column.set_padding((0, gap)).set_constraint(ColumnConstraint::Absolute(Width::Fixed(width)));
            column.set_cell_alignment(match self.view.columns[at].align {
                Align::Left => CellAlignment::Left,
                Align::Right => CellAlignment::Right,
            });
        }
        table.lines().fold(String::new(), |text, line| text + line.trim_end() + "\n")
    }

    fn lines(&self) -> String {
        let names = self.view.columns.iter().map(|column| column.header.width()).max().unwrap_or(0);
        let style = anstyle::Style::new().bold().fg_color(Some(anstyle::AnsiColor::Yellow.into()));
        let mut text = String::new();
        for (at, row) in self.view.rows.iter().enumerate() {
            let coloured = self.screen.colour && self.view.marked.contains(&at);
            let style = if coloured { style } else { anstyle::Style::new() };
            for (column, cell) in self.view.columns.iter().zip(row).filter(|(_, cell)| !cell.is_empty()) {
                let heading = &column.header;
                let pad = " ".repeat(names - heading.width());
                let _ = writeln!(text, "{heading}{pad}  {style}{cell}{style:#}");
            }
            text.push('\n');
        }
        text
    }
}

fn cell(text: &str, marked: bool) -> Cell {
    let cell = Cell::new(text);
    if marked { cell.fg(Color::Yellow).add_attribute(Attribute::Bold) } else { cell }
}

/// Returns the widths that fit into `room`. The widest columns shrink first, none below its least
/// width. Returns `None` if they do not fit.
fn fit(natural: &[usize], least: &[usize], room: usize) -> Option<Vec<usize>> {
    let widths = |cap: usize| -> Vec<usize> {
        natural.iter().zip(least).map(|(natural, least)| (*natural).min(cap).max(*least)).collect()
    };
    (0..=room).rev().map(widths).find(|widths| widths.iter().sum::<usize>() <= room)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view(columns: &[(&str, Align)], rows: &[&[&str]], marked: &[usize]) -> TableView {
        TableView {
            columns: columns
                .iter()
                .map(|(name, align)| TableColumn::named(name, *align).header(*name))
                .collect(),
            rows: rows.iter().map(|row| row.iter().map(|cell| cell.to_string()).collect()).collect(),
            marked: marked.to_vec(),
        }
    }

    fn draw(view: &TableView, width: Option<usize>, colour: bool) -> String {
        let drawing =
            TableDrawing::new(view, Screen { width, colour, interactive_err: false, quiet: false }, false);
        drawing.print(&drawing.layout(None), true)
    }

    const COLUMNS: [(&str, Align); 3] =
        [("type", Align::Left), ("price per hour", Align::Right), ("zones", Align::Left)];
    const ROWS: [&[&str]; 2] = [&["m7i.large", "0.10", "use1-az1, use1-az2"], &["t3.nano", "unknown", "-"]];

    #[test]
    fn reports_have_relative_times_and_short_arns() {
        let now: Timestamp = "2026-11-23T12:00:00Z".parse().unwrap();
        let check = |value: Value, expected: &str| {
            let fields = vec![catalog::Field::new("memory_mib", ValueType::Text)];
            let page = Page { fields, rows: vec![vec![value]] };
            let view = report_view(&page, Some(now));
            assert_eq!(
                (view.columns[0].header.as_str(), view.rows[0][0].as_str()),
                ("Memory (MiB)", expected)
            );
        };
        check(Value::Timestamp("2026-11-23T12:59:30Z".parse().unwrap()), "in 59 min");
        check("arn:aws:iam::123456789012:user/alice".into(), "user/alice");
        check("arn:aws:sts::123456789012:assumed-role/Admin/ann".into(), "assumed-role/Admin/ann");
        check("arn:aws:s3".into(), "arn:aws:s3");
        check("arnold".into(), "arnold");
        let at = Value::Timestamp(now);
        let page =
            Page { fields: vec![catalog::Field::new("at", ValueType::Timestamp)], rows: vec![vec![at]] };
        assert_eq!(report_view(&page, None).rows[0][0], "2026-11-23T12:00:00Z");
    }

    #[test]
    fn wraps_very_long_cells() {
        let giant = "x".repeat(LONGEST_LINE + 1);
        let drawn = draw(&view(&COLUMNS[..2], &[&[&giant, &giant]], &[]), None, false);
        assert_eq!(drawn.lines().map(|line| line.chars().count()).max(), Some(2 * LONGEST_LINE + 2));
        assert_eq!(drawn.matches('x').count(), 2 * giant.len());
    }

    #[test]
    fn fits_a_table_into_the_terminal() {
        let check = |width: Option<usize>, expected: &str| {
            let drawn = draw(&view(&COLUMNS, &ROWS, &[]), width, false);
            assert_eq!(drawn.trim_end(), expected.trim(), "{width:?}\n{drawn}");
            let widest = drawn.lines().map(UnicodeWidthStr::width).max().unwrap();
            assert!(width.is_none_or(|width| widest <= width), "{widest} {width:?}");
        };
        let natural = "
type       price per hour  zones
─────────────────────────────────────────────
m7i.large            0.10  use1-az1, use1-az2
t3.nano           unknown  -";
        check(None, natural);
        check(Some(80), natural);
        check(Some(45), natural);
        let narrower = "
type       price per hour  zones
────────────────────────────────────────────
m7i.large            0.10  use1-az1,
                           use1-az2
t3.nano           unknown  -";
        check(Some(44), narrower);
        let narrowest = "
type         price  zones
               per
              hour
─────────────────────────────
m7i.large     0.10  use1-az1,
                    use1-az2
t3.nano    unknown  -";
        check(Some(29), narrowest);
        let lines = "
type            m7i.large
price per hour  0.10
zones           use1-az1, use1-az2

type            t3.nano
price per hour  unknown
zones           -";
        assert_eq!(draw(&view(&COLUMNS, &ROWS, &[]), Some(28), false).trim_end(), lines.trim());
    }

    #[test]
    fn emphasizes_marked_rows() {
        // The number of bold texts, and the table without its styles.
        let check = |marked: &[usize], width: usize, colour: bool, bold: usize, expected: &str| {
            let drawn = draw(&view(&COLUMNS, &ROWS[1..], marked), Some(width), colour);
            assert_eq!(anstream::adapter::strip_str(&drawn).to_string(), expected);
            assert_eq!(drawn.matches("\x1b[1m").count(), bold, "{drawn:?}");
        };
        let table =
            "type     price per hour  zones\n──────────────────────────────\nt3.nano         unknown  -\n";
        let starred = "   type     price per hour  zones\n─────────────────────────────────\n*  t3.nano         unknown  -\n";
        check(&[], 80, false, 0, table);
        check(&[0], 80, false, 0, starred);
        check(&[], 80, true, 3, table);
        check(&[0], 80, true, 6, table);
        let lines = "type            t3.nano\nprice per hour  unknown\nzones           -\n\n";
        let starred =
            "                *\ntype            t3.nano\nprice per hour  unknown\nzones           -\n\n";
        check(&[], 10, false, 0, lines);
        check(&[0], 10, false, 0, starred);
        check(&[0], 10, true, 3, lines);
    }

    #[test]
    fn only_a_plan_keeps_its_lines() {
        let screen = Screen { width: None, colour: false, interactive_err: false, quiet: false };
        let plan = view(&COLUMNS[..1], &[&["one\ntwo\x07"]], &[]);
        let drawn = |keep_lines| {
            let drawing = TableDrawing::new(&plan, screen, keep_lines);
            drawing.print(&drawing.layout(None), false)
        };
        assert_eq!(drawn(true), "one\ntwo\\u{7}\n");
        assert_eq!(drawn(false), "one\\ntwo\\u{7}\n");
    }

    #[test]
    fn escapes_control_characters_and_keeps_columns() {
        let check = |cell: &str, expected: &str| {
            let columns = [("a\x1b[2J", Align::Left), ("b", Align::Left)];
            let drawn = draw(&view(&columns, &[&[cell, "x"]], &[]), None, false);
            assert_eq!(drawn.lines().nth(2).unwrap(), expected);
            assert!(drawn.chars().all(|c| c == '\n' || !c.is_control()), "{drawn:?}");
        };
        check("\x1b[31mred", "\\u{1b}[31mred  x");
        check("two\nlines", "two\\nlines  x");
        check("one\u{2028}", "one\\u{2028}  x");
        check("日本", "日本        x");
        check("", "            x");
    }
}
