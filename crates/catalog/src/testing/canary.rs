//! A lake in which every text of every dataset can be recognized.

use domain::{Decimal, Timestamp};

use crate::ports::{ScopeOutcome, ScopeReport, Store, StoreError};
use crate::{ColumnPrivacy, ColumnType, DATASETS, Dataset, DatasetColumn, DatasetScope, RowBatch, Value};

/// The text in a column that is not public: `secret-instance-name`.
pub fn secret_text(dataset: &Dataset, column: &DatasetColumn) -> String {
    format!("secret-{}-{}", dataset.name, column.name)
}

/// The text in a public column: `public-instance-state`.
pub fn public_text(dataset: &Dataset, column: &DatasetColumn) -> String {
    format!("public-{}-{}", dataset.name, column.name)
}

/// Adds one row to each dataset, as a run of its own, with a text in every column that names the
/// column and its privacy. The rows of private datasets belong to the account. The reports of the
/// runs have such texts too.
///
/// Errors: those of the store.
pub fn fill_with_canaries(store: &dyn Store, account: &str, at: Timestamp) -> Result<(), StoreError> {
    for dataset in DATASETS.iter().filter(|dataset| dataset.name != "collection_run") {
        let log = crate::built_in_dataset("collection_run");
        let secret =
            |name: &str| log.columns.iter().find(|one| one.name == name).map(|one| secret_text(log, one));
        // The name of a public run is made by the program and contains no text of a file.
        let run =
            if dataset.is_private() { secret("run_id").unwrap_or_default() } else { "public-run".into() };
        let run_id = format!("{run}-{}", dataset.name);
        let Some(mut run) = store.begin(&run_id)? else { continue };
        let row = dataset.columns.iter().map(|column| canary(dataset, column, account, at)).collect();
        let batch = RowBatch::of(dataset, vec![row]).expect("each cell has the type of its column");
        run.add(dataset, &batch)?;
        run.add_report(ScopeReport {
            dataset,
            scope: scope(dataset, account),
            source: secret("source").unwrap_or_default(),
            version: secret("version"),
            observed_from: at,
            observed_at: at,
            // A partial run only adds rows, so those of the seed stay.
            outcome: ScopeOutcome::Partial,
            rows: 1,
            gaps: secret("gaps").into_iter().map(Into::into).collect(),
        })?;
        run.commit(at)?;
    }
    Ok(())
}

const REGION: &str = "us-east-1";

fn scope(dataset: &Dataset, account: &str) -> String {
    match dataset.scope {
        DatasetScope::All => "*".into(),
        DatasetScope::Region => REGION.into(),
        DatasetScope::Account => account.into(),
        DatasetScope::AccountRegion => format!("{account}/{REGION}"),
        DatasetScope::Request => format!("{account}/{REGION}/secret-{}-request", dataset.name),
        DatasetScope::Bill => format!("{account}/2026-09"),
    }
}

fn canary(dataset: &Dataset, column: &DatasetColumn, account: &str, at: Timestamp) -> Value {
    let text = match column.privacy {
        ColumnPrivacy::Public if column.name == "region" => REGION.into(),
        ColumnPrivacy::Public => public_text(dataset, column),
        ColumnPrivacy::Account => account.into(),
        ColumnPrivacy::Scope => scope(dataset, account),
        ColumnPrivacy::Object => {
            let secret = secret_text(dataset, column);
            format!("{{\"{secret}\":\"{secret}\"}}")
        }
        ColumnPrivacy::Known(_) | ColumnPrivacy::Shaped(_) | ColumnPrivacy::Private => {
            secret_text(dataset, column)
        }
    };
    match column.ty {
        ColumnType::Bool => true.into(),
        ColumnType::Int => 1.into(),
        ColumnType::Float => 1.0.into(),
        ColumnType::Price | ColumnType::Charge => Decimal::ONE.into(),
        ColumnType::Text => text.into(),
        ColumnType::Timestamp => at.into(),
        ColumnType::Texts => Value::List(vec![text.into()]),
        ColumnType::Ints => Value::List(vec![1.into()]),
    }
}
