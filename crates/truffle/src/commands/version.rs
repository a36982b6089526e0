use catalog::{Field, Page, ValueType};
use console::{Exit, Failure, OutputFormat, Printer, Report};

use crate::Ports;

/// Runs `truffle version`. The default format is a line of text; with `columns`, a table.
pub fn run_version(columns: bool, ports: &Ports<'_>, printer: &mut Printer) -> Result<Exit, Failure> {
    if printer.format() == OutputFormat::Table && !columns {
        printer.text(&format!("mycelium {}\n", ports.version))?;
        return Ok(Exit::Done);
    }
    let fields = ["program", "version"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let page = Page { fields, rows: vec![vec!["mycelium".into(), ports.version.into()]] };
    printer.report(&Report::plain(page), ports.encode)?;
    Ok(Exit::Done)
}
