//! A connection with stand-ins for every text that can identify a person, a machine or an account.
//!
//! Temporary views of this connection hide the tables of the same names. Whatever a statement does
//! with a column, it sees only the stand-in.

use catalog::{ColumnPrivacy, ColumnType, DATASETS, Dataset, DatasetColumn, DatasetKind};
use duckdb::Connection;

use crate::build;
use crate::open::WarehouseStorage;
use crate::source::WarehouseSource;

const KEY: &str = include_str!("../../../queries/build/redaction_key.sql");
const MACROS: &str = include_str!("../../../queries/build/redact.sql");
const RUNS: &str = include_str!("../../../queries/build/redacted_runs.sql");
const COLUMN: &str = include_str!("../../../queries/build/redacted_column.sql");
const TABLE: &str = include_str!("../../../queries/build/redacted_table.sql");
const STATED: &str = include_str!("../../../queries/build/redacted_stated.sql");
const STATEMENT: &str = include_str!("../../../queries/build/redacted_statement.sql");
const CURRENT: &str = include_str!("../../../queries/build/redacted_current.sql");

/// Returns the name under which DuckDB knows the warehouse. With it, a view reads the hidden table
/// and not itself.
pub(crate) fn catalog_name(home: &WarehouseStorage) -> String {
    match home {
        WarehouseStorage::File(path) => path.file_stem().unwrap_or_default().to_string_lossy().into_owned(),
        WarehouseStorage::Memory => "memory".into(),
    }
}

/// Creates the views. Without `key`, the text behind a stand-in cannot be guessed.
pub(crate) fn redact(
    connection: &Connection,
    home: &WarehouseStorage,
    sources: &[WarehouseSource],
    key: &str,
) -> duckdb::Result<()> {
    let base = format!("{}.main", build::identifier(&catalog_name(home)));
    connection.execute(KEY, [key])?;
    connection.execute_batch(&MACROS.replace("{region}", &build::literal(catalog::REGION)))?;
    for dataset in DATASETS {
        let stand_ins = stand_ins(dataset);
        if stand_ins.is_empty() {
            continue;
        }
        for (template, table) in views(dataset) {
            let view = build::fill(template, dataset)
                .replace("{table}", &table)
                .replace("{run}", if dataset.is_private() { "redacted" } else { "redacted_run" })
                .replace("{private}", &private_datasets())
                .replace("{stand_ins}", &stand_ins)
                .replace("{base}", &base);
            let view = match view.contains("{rows}") {
                true => {
                    let is_split = build::is_split(connection, dataset)?;
                    build::fill_rows(&view, &build::rows_of(connection, dataset, sources)?, is_split)
                }
                false => view,
            };
            connection.execute_batch(&view)?;
        }
    }
    Ok(())
}

/// Returns the views of one dataset, each with the table that it hides: its history, the current
/// rows on top of it, its statements, and the tables that the warehouse derives from it.
fn views(dataset: &Dataset) -> Vec<(&'static str, String)> {
    let name = dataset.name.to_string();
    let history = format!("{name}_history");
    match dataset.kind {
        DatasetKind::Statement => {
            vec![(STATED, history), (CURRENT, name.clone()), (STATEMENT, format!("{name}_statement"))]
        }
        DatasetKind::Log if name == "collection_run" => vec![(RUNS, name)],
        DatasetKind::Log | DatasetKind::Changes => vec![(TABLE, name)],
        DatasetKind::Snapshot => {
            let held = (name == "price").then(|| (TABLE, "price_held".to_string()));
            [(TABLE, history), (CURRENT, name)].into_iter().chain(held).collect()
        }
    }
}

/// Returns the names of the private datasets as SQL literals, separated by commas.
fn private_datasets() -> String {
    let private = DATASETS.iter().filter(|dataset| dataset.is_private());
    private.map(|dataset| build::literal(dataset.name)).collect::<Vec<_>>().join(", ")
}

/// Returns the columns of a dataset's views that have stand-ins, separated by commas. The column
/// `run_id` is not among them.
fn stand_ins(dataset: &Dataset) -> String {
    let columns = dataset.redacted_columns().filter(|column| column.name != "run_id");
    columns.filter_map(stand_in).collect::<Vec<_>>().join(",\n")
}

fn stand_in(column: &DatasetColumn) -> Option<String> {
    let (name, arguments) = match column.privacy {
        ColumnPrivacy::Public => return None,
        ColumnPrivacy::Known(values) => {
            let values: Vec<String> = values.iter().map(|value| build::literal(value)).collect();
            ("redacted_unknown", format!("[{}], ", values.join(", ")))
        }
        ColumnPrivacy::Shaped(form) => ("redacted_unshaped", format!("{}, ", build::literal(form))),
        ColumnPrivacy::Object => ("redacted_object", String::new()),
        ColumnPrivacy::Scope => ("redacted_scope", String::new()),
        ColumnPrivacy::Private | ColumnPrivacy::Account => match column.ty {
            ColumnType::Texts => ("redacted_list", String::new()),
            _ => ("redacted", String::new()),
        },
    };
    let filled = COLUMN.replace("{macro}", name).replace("{column}", column.name);
    Some(filled.replace("{arguments}", &arguments))
}

#[cfg(test)]
mod tests {
    use catalog::ports::Ask;

    use super::*;

    const SECRET: &str = "it's a key";

    fn connection() -> Connection {
        let connection = Connection::open_in_memory().unwrap();
        build::make_all(&connection, &[]).unwrap();
        redact(&connection, &WarehouseStorage::Memory, &[], SECRET).unwrap();
        connection
    }

    #[test]
    fn every_table_can_be_read_with_stand_ins() {
        let warehouse = crate::Warehouse::open(Vec::new(), None, &[], Some(SECRET)).unwrap();
        for table in warehouse.tables().unwrap() {
            assert!(warehouse.table(&table.name).is_ok(), "{}", table.name);
        }
        for name in ["collection_run", "instance", "instance_history", "charge", "charge_statement", "zone"] {
            assert_eq!(warehouse.table(name).unwrap().rows.len(), 0, "{name}");
        }
    }

    #[test]
    fn no_text_of_sql_contains_the_key() {
        let texts = "SELECT string_agg(sql, '') FROM duckdb_views() UNION ALL \
                     SELECT string_agg(macro_definition, '') FROM duckdb_functions()";
        let connection = connection();
        let mut statement = connection.prepare(texts).unwrap();
        let texts: Vec<String> =
            statement.query_map([], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
        assert!(texts.iter().any(|text| text.contains("redacted_scope")), "{texts:?}");
        assert!(texts.iter().all(|text| !text.contains("a key")), "{texts:?}");
    }

    #[test]
    fn stand_ins_keep_only_what_is_known() {
        let connection = connection();
        let check = |sql: &str, expected: &str| {
            let found: String = connection.query_row(&format!("SELECT {sql}"), [], |row| row.get(0)).unwrap();
            let hidden = expected.replace('#', "");
            assert!(expected.contains('#') || found == expected, "{sql}: {found}");
            assert!(found.starts_with(&hidden) || found.ends_with(&hidden), "{sql}: {found}");
            assert!(!["zebra", "111122223333"].iter().any(|word| found.contains(word)), "{sql}: {found}");
        };
        let of = |dataset: &str, column: &str| {
            let dataset = catalog::dataset(dataset).unwrap();
            stand_in(dataset.columns.iter().find(|one| one.name == column).unwrap()).unwrap()
        };
        let with = |text: &str, column: &str, filled: String| {
            format!("x FROM (SELECT {filled} FROM (SELECT '{text}' AS {column})) AS t(x)")
        };
        let known = |column: &str, text: &str, expected: &str| {
            check(&with(text, column, of("charge", column)), expected);
        };
        check("redacted('i-zebra')", "i-#");
        check("redacted_scope('111122223333/eu-west-1')", "#/eu-west-1");
        check("redacted_scope('*/2026-11')", "*/2026-11");
        check("redacted_scope('us-east-1')", "us-east-1");
        check("redacted_scope('111122223333/us-east-1/zebra x 3')", "#");
        check("redacted_run('snapshot-price-111122223333-1764000000000000')", "#");
        check(
            "redacted_run('snapshot-price-us-east-1-1764000000000000')",
            "snapshot-price-us-east-1-1764000000000000",
        );
        check("redacted_object('{\"zebra\": \"zebra\"}')", "{\"#");
        check("redacted_object('zebra')", "#");
        known("charge_category", "Usage", "Usage");
        known("charge_category", "zebra", "#");
        known("service_name", "Amazon Relational Database Service", "Amazon Relational Database Service");
        known("service_name", "Amazon zebra", "#");
        for usage in [
            "BoxUsage:m5.large",
            "EUW1-BoxUsage:u-12tb1.112xlarge",
            "USE2-SpotUsage:mac2-m2pro.metal",
            "USW2-USE1-AWS-Out-Bytes",
            "EBS:VolumeUsage.gp3",
            "APS1-NatGateway-Hours",
            "EUC1-InstanceUsage:db.r6g.4xlarge",
            "CPUCredits:t3",
        ] {
            known("usage_type", usage, usage);
        }
        known("usage_type", "USE1-BoxUsage:zebra.large", "#");
        known("usage_type", "zebra-BoxUsage:m5.large", "#");
        known("operation", "RunInstances:0010", "RunInstances:0010");
        known("operation", "RunInstances:zebra:x", "#");
        known("region_id", "ap-northeast-1", "ap-northeast-1");
        known("region_id", "zebra-east-1", "#");
        known("instance_type", "p6-b200.48xlarge", "p6-b200.48xlarge");
        known("instance_type", "zebra.large", "#");
        known("sku_id", "JRTCKXETXF6HYTRA", "JRTCKXETXF6HYTRA");
        known("sku_id", "zebra", "#");
        check(&with("AWS price list", "source", of("price", "source")), "AWS price list");
        check(&with("zebra.csv", "source", of("price", "source")), "#");
    }
}
