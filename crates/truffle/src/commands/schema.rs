use catalog::ports::WarehouseTable;
use catalog::{Field, Page, Value, ValueType};
use clap::Args;
use console::{Exit, Failure, Printer, Report, suggest_closest};

use crate::CommandPorts;
use crate::ports::failure;

/// List the tables that `truffle query` can read, or the columns of one table.
#[derive(Debug, Args)]
pub struct SchemaArgs {
    /// Table to describe [default: list the tables]
    pub table: Option<String>,
}

/// Runs `truffle schema`.
pub fn run_schema(
    args: &SchemaArgs,
    ports: &CommandPorts<'_>,
    printer: &mut Printer,
) -> Result<Exit, Failure> {
    let tables = ports.ask.tables().map_err(|e| failure(e, &ports.settings.lake.value))?;
    let page = match &args.table {
        None => list(&tables),
        Some(name) => columns(find(&tables, name)?),
    };
    printer.report(&Report::plain(page), ports.encode)?;
    Ok(Exit::Done)
}

/// Returns the table with this name. An unknown name is a usage failure.
pub(crate) fn find<'a>(tables: &'a [WarehouseTable], name: &str) -> Result<&'a WarehouseTable, Failure> {
    tables.iter().find(|table| table.name == name).ok_or_else(|| {
        let near = suggest_closest(name, tables.iter().map(|table| table.name.as_str()));
        Failure::usage(format!("there is no table \"{name}\"{near}")).hint("truffle schema lists the tables")
    })
}

fn list(tables: &[WarehouseTable]) -> Page {
    let fields = vec![
        Field::new("table", ValueType::Text),
        Field::new("rows", ValueType::Int),
        Field::new("columns", ValueType::Int),
        Field::new("holds", ValueType::Text),
    ];
    let row = |table: &WarehouseTable| {
        let (rows, columns) = (table.rows as i64, table.fields.len() as i64);
        vec![table.name.as_str().into(), Value::Int(rows), Value::Int(columns), table.doc.as_str().into()]
    };
    Page { fields, rows: tables.iter().map(row).collect() }
}

fn columns(table: &WarehouseTable) -> Page {
    let fields = ["column", "type", "says"].map(|name| Field::new(name, ValueType::Text)).to_vec();
    let row =
        |field: &Field| vec![field.name.as_str().into(), field.ty.sql().into(), field.doc.as_str().into()];
    Page { fields, rows: table.fields.iter().map(row).collect() }
}
