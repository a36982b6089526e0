//! The choice of a warehouse's folder, and obstacles there.

use catalog::{DataFile, Manifest};

use super::*;

fn names(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    let mut names: Vec<String> = entries.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

/// Opens the warehouse without any source, queries it, and returns its path.
fn opened(folders: &[&Path]) -> Option<PathBuf> {
    let folders: Vec<PathBuf> = folders.iter().map(|folder| folder.to_path_buf()).collect();
    let (home, connection) = open(&[], &folders).unwrap();
    connection.execute_batch("FROM instance_type").unwrap();
    match home {
        WarehouseStorage::File(path) => Some(path),
        WarehouseStorage::Memory => None,
    }
}

#[test]
fn uses_the_first_usable_folder() {
    let folder = tempfile::tempdir().unwrap();
    let good = folder.path().join("good");
    let nowhere = Path::new("/dev/null/warehouse");
    assert_eq!(opened(&[]), None);
    assert_eq!(opened(&[nowhere]), None);
    let path = opened(&[nowhere, &good]).unwrap();
    assert!(path.starts_with(&good));
    assert_eq!(opened(&[&good]), Some(path));
    assert_eq!(names(&good).len(), 1);
}

#[test]
fn creates_a_damaged_file_again() {
    let folder = tempfile::tempdir().unwrap();
    let path = opened(&[folder.path()]).unwrap();
    fs::write(&path, "no database").unwrap();
    assert_eq!(opened(&[folder.path()]), Some(path.clone()));
    // A path that cannot be removed stays, and the next folder is used.
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    let next = tempfile::tempdir().unwrap();
    assert!(opened(&[folder.path(), next.path()]).unwrap().starts_with(next.path()));
    assert_eq!(opened(&[folder.path()]), None);
}

#[test]
fn a_planted_link_is_not_followed_and_leftovers_are_cleared() {
    use std::os::unix::fs::{PermissionsExt, symlink};

    let folder = tempfile::tempdir().unwrap();
    let name = file_name(&[]);
    // Above the highest process id that Linux gives.
    let killed = folder.path().join(format!(".{name}.5000000.0123456789abcdef.tmp"));
    fs::create_dir(&killed).unwrap();
    fs::write(killed.join(format!("{name}.wal")), "half").unwrap();
    // The temporary name of earlier versions, which was predictable.
    let planted = folder.path().join(format!(".{name}.{}.tmp", std::process::id()));
    let victim = folder.path().join("victim");
    symlink(&victim, &planted).unwrap();
    let path = opened(&[folder.path()]).unwrap();
    assert!(!victim.exists() && planted.is_symlink());
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o022, 0);
    durable::remove_abandoned(folder.path(), ".").unwrap();
    fs::remove_file(&planted).unwrap();
    assert_eq!(names(folder.path()), [name]);
}

#[test]
fn keeps_the_warehouses_of_the_newest_manifests() {
    let folder = tempfile::tempdir().unwrap();
    for name in
        ["9-a.duckdb", "10-a.duckdb", "11-a.duckdb", "12-a.duckdb", "12-b.duckdb", "8-a.txt", ".x.1.tmp"]
    {
        fs::write(folder.path().join(name), "").unwrap();
    }
    remove_older(folder.path(), "12-b.duckdb");
    assert_eq!(names(folder.path()), [".x.1.tmp", "10-a.duckdb", "11-a.duckdb", "12-b.duckdb", "8-a.txt"]);
}

#[test]
fn reports_data_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let file = DataFile {
        dataset: "zone".into(),
        version: 1,
        path: "zone.parquet".into(),
        rows: 1,
        bytes: 1,
        sha256: domain::hex(Sha256::digest("no parquet")),
    };
    let manifest = Manifest {
        format: catalog::FORMAT,
        number: 1,
        tool_version: String::new(),
        written_at: String::new(),
        files: vec![file],
    };
    let mut source = WarehouseSource { root: folder.path().to_path_buf(), manifest };
    fs::write(folder.path().join("zone.parquet"), "no parquet").unwrap();
    let check = |source: &WarehouseSource, expected: &str| {
        let error = open(std::slice::from_ref(source), &[folder.path().join("warehouse")]).unwrap_err();
        assert!(matches!(&error, AskError::Lake(text) if text.contains(expected)), "{error:?}");
    };
    check(&source, "the data cannot be read");
    // The list of verified files alone.
    assert_eq!(names(&folder.path().join("warehouse")), ["verified"]);
    source.manifest.files[0].version = 2;
    check(&source, "holds zone in version 2, and this mycelium reads up to 1: upgrade mycelium");
}

#[test]
fn parallel_questions_get_the_answers_of_single_ones() {
    use catalog::ports::{Ask, BoundQuestion};

    let now = "2026-11-23T00:00:00Z".parse().unwrap();
    let bound = |name: &str, given: &[(&str, &str)]| -> BoundQuestion {
        let question = catalog::question(name).unwrap();
        let given: Vec<_> = given.iter().map(|(name, text)| (name.to_string(), text.to_string())).collect();
        (question, question.bind(&given, now).unwrap())
    };
    let folder = tempfile::tempdir().unwrap();
    for folders in [vec![folder.path().to_path_buf()], Vec::new()] {
        let warehouse = crate::Warehouse::open(Vec::new(), None, &folders, None).unwrap();
        let mut asked = vec![bound("region/list", &[]), bound("data/runs", &[]), bound("price/current", &[])];
        // One question names an instance type, so only files of its family are read; the other
        // lacks its values.
        for more in [bound("spot/latest", &[("type", "m5.large")]), (asked[1].0, Vec::new())] {
            let alone: Vec<_> =
                asked.iter().map(|(question, values)| warehouse.ask(question, values)).collect();
            assert_eq!(warehouse.ask_all(&asked), alone);
            asked.push(more);
        }
        let alone: Vec<_> = asked.iter().map(|(question, values)| warehouse.ask(question, values)).collect();
        assert_eq!(warehouse.ask_all(&asked), alone);
        assert!(alone[4].is_err());
        assert_eq!(warehouse.ask_all(&[]), Vec::new());
    }
}
