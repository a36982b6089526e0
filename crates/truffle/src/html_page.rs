//! A page of HTML in one file: no script, no address, and every foreign text is escaped.

use console::{Align, TableView};
use domain::visible;

const STYLE: &str = "body{font:15px sans-serif;color:#282828;max-width:60em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:1em 0}th,td{padding:.2em .7em;border-bottom:1px solid #ddd;\
    text-align:left;vertical-align:top}.n{text-align:right;font-variant-numeric:tabular-nums}\
    svg{max-width:100%;height:auto}p{margin:.3em 0}";

/// The policy of the page: a browser loads nothing but the page's own style.
const POLICY: &str = "default-src 'none'; style-src 'unsafe-inline'";

/// A part of the page.
#[derive(Debug, Clone, Default)]
pub(crate) struct HtmlSection {
    pub(crate) title: String,
    /// Drawings of `svg_drawing.rs`, above the table.
    pub(crate) drawings: Vec<String>,
    pub(crate) table: TableView,
    /// Sentences below the table.
    pub(crate) notes: Vec<String>,
}

/// Returns the page with these sections.
pub(crate) fn html_page(title: &str, sections: &[HtmlSection]) -> String {
    let title = escape(title);
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta http-equiv=\"Content-Security-Policy\" content=\"{POLICY}\">\n\
         <title>{title}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n<h1>{title}</h1>\n"
    );
    for section in sections {
        page += &format!("<h2>{}</h2>\n", escape(&section.title));
        for drawing in &section.drawings {
            // Inside HTML, the name of the language is not needed, and it looks like an address.
            page += &drawing.replacen(" xmlns=\"http://www.w3.org/2000/svg\"", "", 1);
        }
        page += &table(&section.table);
        for note in &section.notes {
            page += &format!("<p>{}</p>\n", escape(note));
        }
    }
    page + "</body>\n</html>\n"
}

fn table(view: &TableView) -> String {
    if view.rows.is_empty() {
        return String::new();
    }
    let class = |at: usize| match view.columns.get(at).map(|column| column.align) {
        Some(Align::Right) => " class=\"n\"",
        _ => "",
    };
    let cells = |tag: &str, texts: Vec<&str>| {
        let cell = |(at, text): (usize, &str)| format!("<{tag}{}>{}</{tag}>", class(at), escape(text));
        let cells: String = texts.into_iter().enumerate().map(cell).collect();
        format!("<tr>{cells}</tr>\n")
    };
    let head = cells("th", view.columns.iter().map(|column| column.header.as_str()).collect());
    let row = |row: &Vec<String>| cells("td", row.iter().map(String::as_str).collect());
    let rows: String = view.rows.iter().map(row).collect();
    format!("<table>\n<thead>\n{head}</thead>\n<tbody>\n{rows}</tbody>\n</table>\n")
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use console::TableColumn;

    use super::*;

    #[test]
    fn a_foreign_text_is_text_and_the_page_loads_nothing() {
        let bad = "\"><script>alert('1')</script>\u{202e}&amp;";
        let table = TableView {
            columns: vec![
                TableColumn::only_in_tables(bad, Align::Left),
                TableColumn::only_in_tables("Cost", Align::Right),
            ],
            rows: vec![vec![bad.into(), "1.00".into()]],
            marked: Vec::new(),
        };
        let drawing = "<svg width=\"1\" xmlns=\"http://www.w3.org/2000/svg\">\n</svg>\n".to_string();
        let section =
            HtmlSection { title: bad.into(), drawings: vec![drawing], table, notes: vec![bad.into()] };
        let page = html_page(bad, &[section, HtmlSection::default()]);
        for absent in ["<script", "http:", "https:", "src=", "href", "\u{202e}", "alert('"] {
            assert!(!page.contains(absent), "{absent}: {page}");
        }
        assert_eq!(page.matches("&quot;&gt;&lt;script&gt;").count(), 6, "{page}");
        assert!(page.contains("<td class=\"n\">1.00</td>") && page.contains("&amp;amp;"), "{page}");
        assert!(page.contains(POLICY) && page.contains("<svg width=\"1\">"), "{page}");
        assert_eq!(page.matches("<table>").count(), 1);
    }
}
