//! Compares the files of the sources with their digests before they are read.

use std::path::PathBuf;

use catalog::DataFile;
use catalog::ports::{AskError, LakeDamage};
use durable::DigestLedger;

use crate::source::WarehouseSource;

/// Checks the digests of the wanted files. `folders` hold the lists of files that were compared
/// before and have not changed since; those are not read again.
///
/// Errors: [`LakeDamage::File`] names the first file that differs or cannot be read.
pub(crate) fn verify(
    sources: &[WarehouseSource],
    folders: &[PathBuf],
    wanted: impl Fn(&DataFile) -> bool,
) -> Result<(), AskError> {
    let mut ledger = DigestLedger::read(folders);
    for source in sources {
        for file in source.manifest.files.iter().filter(|file| wanted(file)) {
            let reason = match ledger.matches(&source.root.join(&file.path), &file.sha256) {
                Ok(true) => continue,
                Ok(false) => "its bytes differ from its digest in the manifest".to_string(),
                Err(error) => format!("it cannot be read ({error})"),
            };
            let (lake, file) = (source.root.clone(), file.path.clone());
            return Err(LakeDamage::File { lake, file, reason }.into());
        }
    }
    if let Err(error) = ledger.save() {
        tracing::info!("the list of verified files cannot be written: {error}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use catalog::Manifest;
    use catalog::ports::Ask;

    use super::*;
    use crate::Warehouse;
    use crate::build::literal;

    /// Returns a source with a file of each of these datasets, each with the rows of its query.
    fn source(root: &Path, datasets: &[(&str, &str)]) -> WarehouseSource {
        let writer = duckdb::Connection::open_in_memory().unwrap();
        let file = |(dataset, rows): &(&str, &str)| {
            let path = format!("{dataset}.parquet");
            let full = root.join(&path);
            let copy = format!("COPY ({rows}) TO {}", literal(&full.to_string_lossy()));
            writer.execute_batch(&copy).unwrap();
            let found = durable::file_digest(&full).unwrap();
            let (dataset, sha256) = (dataset.to_string(), domain::hex(found.sha256));
            DataFile { dataset, version: 1, path, rows: 1, bytes: found.bytes, sha256 }
        };
        let files = datasets.iter().map(file).collect();
        let (tool_version, written_at) = (String::new(), String::new());
        let manifest = Manifest { format: catalog::FORMAT, number: 1, tool_version, written_at, files };
        WarehouseSource { root: root.to_path_buf(), manifest }
    }

    const ROWS: [(&str, &str); 3] = [
        ("region", "SELECT 'us-east-1' AS region, 'x' AS run_id"),
        ("spot_price", "SELECT 'm7i.large' AS instance_type, 'us-east-1' AS region, 'x' AS run_id"),
        ("charge", "SELECT '111122223333/2026-01' AS bill, 'x' AS run_id"),
    ];

    fn flip(root: &Path, dataset: &str) {
        let path = root.join(format!("{dataset}.parquet"));
        let mut bytes = fs::read(&path).unwrap();
        bytes[10] ^= 1;
        fs::write(path, bytes).unwrap();
    }

    fn damage<T>(result: Result<T, AskError>) -> Option<String> {
        match result {
            Err(AskError::Damaged(LakeDamage::File { file, .. })) => Some(file),
            _ => None,
        }
    }

    #[test]
    fn a_changed_file_is_found_before_a_warehouse_is_made() {
        for (dataset, _) in ROWS {
            let folder = tempfile::tempdir().unwrap();
            let source = source(folder.path(), &ROWS);
            flip(folder.path(), dataset);
            for folders in [vec![folder.path().join("cache")], Vec::new()] {
                let opened = Warehouse::open(vec![source.clone()], None, &folders, None);
                assert_eq!(damage(opened), Some(format!("{dataset}.parquet")));
            }
        }
    }

    #[test]
    fn a_file_that_changes_later_is_found_by_the_questions_that_read_it() {
        let folder = tempfile::tempdir().unwrap();
        let source = source(folder.path(), &ROWS);
        let folders = [folder.path().join("cache")];
        let warehouse = Warehouse::open(vec![source], None, &folders, None).unwrap();
        let now = "2026-11-23T00:00:00Z".parse().unwrap();
        let ask = |name: &str, given: &[(&str, &str)]| {
            let question = catalog::question(name).unwrap();
            let given: Vec<_> =
                given.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
            let values = question.bind(&given, now).unwrap();
            let both = [warehouse.ask(question, &values), warehouse.ask_all(&[(question, values)]).remove(0)];
            both.map(damage)
        };
        let (region, cost) = (("region/list", [].as_slice()), ("cost/by-day", [].as_slice()));
        let spot = ("spot/latest", [("type", "m7i.large")].as_slice());
        let check = |(name, given): (&str, &[(&str, &str)]), expected: Option<&str>| {
            let expected = expected.map(String::from);
            assert_eq!(ask(name, given), [expected.clone(), expected], "{name}");
        };
        for question in [region, cost, spot] {
            check(question, None);
        }
        flip(folder.path(), "spot_price");
        check(spot, Some("spot_price.parquet"));
        check(cost, None);
        check(region, None);
        assert_eq!(damage(warehouse.tables()), Some("spot_price.parquet".into()));
        assert_eq!(damage(warehouse.table("spot_price")), Some("spot_price.parquet".into()));
        assert_eq!(damage(warehouse.table("region")), None);
        flip(folder.path(), "spot_price");
        flip(folder.path(), "charge");
        check(spot, None);
        check(cost, Some("charge.parquet"));
        // The rows of a snapshot are in the warehouse's own file.
        flip(folder.path(), "region");
        check(region, None);
    }
}
