//! Commits of a writer that dies at each step.

use catalog::{Value, dataset};

use super::*;
use lake::PinnedManifest;

/// Regions of one run, written but not visible yet.
fn regions(writer: &LakeWriter, run: &str, names: &[&str]) -> WrittenFile {
    let region = dataset("region").unwrap();
    let row = |name: &&str| -> Vec<Value> { vec![(*name).into(), "aws".into(), (*name).into(), run.into()] };
    let page = Page { fields: region.fields(), rows: names.iter().map(row).collect() };
    writer.write(region, run, &page).unwrap()
}

fn commit(writer: &mut LakeWriter, written: Vec<WrittenFile>) -> u64 {
    writer.commit(written, "test", Timestamp::UNIX_EPOCH).unwrap()
}

/// The state that a reader sees: the manifest's number, and the runs of its files.
fn shown(root: &Path) -> String {
    let Some(pinned) = PinnedManifest::newest(root).unwrap() else { return "nothing".into() };
    let stem = |file: &DataFile| Path::new(&file.path).file_stem().unwrap().to_string_lossy().into_owned();
    let runs: Vec<String> = pinned.manifest.files.iter().map(stem).collect();
    format!("{}: {}", pinned.manifest.number, runs.join(" "))
}

/// Lists every file of the lake except the lock.
fn files(root: &Path) -> String {
    let mut found = Vec::new();
    let mut folders = vec![root.to_path_buf()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.strip_prefix(root).unwrap().to_string_lossy().into_owned();
            match path.is_dir() {
                true => folders.push(path),
                false if name == lake::LOCK => {}
                false => found.push(name),
            }
        }
    }
    found.sort();
    found.join(" ")
}

/// Lets a second run die at some step, then commits a third run.
fn check(dies: impl FnOnce(LakeWriter)) {
    let lake = tempfile::tempdir().unwrap();
    let root = lake.path();
    let mut writer = LakeWriter::open(root).unwrap();
    assert_eq!(shown(root), "nothing", "a first run shows nothing before its commit");
    let first = regions(&writer, "first", &["a"]);
    assert_eq!(commit(&mut writer, vec![first]), 1);
    drop(writer);

    dies(LakeWriter::open(root).unwrap());
    assert_eq!(shown(root), "1: first");

    let mut writer = LakeWriter::open(root).unwrap();
    let left = "CURRENT lake/region/v=1/first.parquet manifest/1.json";
    assert_eq!(files(root), left, "the next writer clears the rest");
    let third = regions(&writer, "third", &["c"]);
    assert_eq!(commit(&mut writer, vec![third]), 2);
    assert_eq!(shown(root), "2: first third");
}

#[test]
fn a_writer_that_dies_before_its_commit_changes_nothing() {
    check(drop);
    check(|writer| drop(regions(&writer, "second", &["b"])));
    check(|writer| {
        let second = regions(&writer, "second", &["b"]);
        write_numbered(&writer.root, &writer.next(&[], vec![second], "test", Timestamp::UNIX_EPOCH)).unwrap();
    });
    check(|writer| {
        let second = regions(&writer, "second", &["b"]);
        write_numbered(&writer.root, &writer.next(&[], vec![second], "test", Timestamp::UNIX_EPOCH)).unwrap();
        for half in [".CURRENT", "manifest/.2.json", "lake/region/v=1/.second.parquet"] {
            std::fs::write(writer.root.join(format!("{half}.{}.tmp", dead())), "half").unwrap();
        }
    });
}

/// The id of a dead process.
fn dead() -> u32 {
    let mut child = std::process::Command::new("true").spawn().unwrap();
    child.wait().unwrap();
    child.id()
}

#[test]
fn a_first_run_that_dies_leaves_a_usable_folder() {
    let lake = tempfile::tempdir().unwrap();
    let root = lake.path();
    let writer = LakeWriter::open(root).unwrap();
    let first = regions(&writer, "first", &["a"]);
    write_numbered(&writer.root, &writer.next(&[], vec![first], "test", Timestamp::UNIX_EPOCH)).unwrap();
    drop(writer);
    assert_eq!(shown(root), "nothing");
    drop(LakeWriter::open(root).unwrap());
    assert_eq!(files(root), "");
}

#[test]
fn commit_succeeds_when_old_files_cannot_be_cleared() {
    let lake = tempfile::tempdir().unwrap();
    let root = lake.path();
    let mut writer = LakeWriter::open(root).unwrap();
    let first = regions(&writer, "first", &["a"]);
    commit(&mut writer, vec![first]);
    // A pinned manifest that cannot be parsed: the pruner cannot know which files it lists.
    let path = lake::manifest_path(root, 0);
    std::fs::write(&path, "?").unwrap();
    let held = File::open(&path).unwrap();
    held.lock_shared().unwrap();
    let second = regions(&writer, "second", &["b"]);
    assert_eq!(commit(&mut writer, vec![second]), 2);
    assert_eq!(shown(root), "2: first second");
}

#[test]
fn clears_only_file_names_of_this_program() {
    let lake = tempfile::tempdir().unwrap();
    let root = lake.path();
    drop(LakeWriter::open(root).unwrap());
    let elsewhere = tempfile::tempdir().unwrap();
    let strange = [
        "lake/photos/cat.jpg",
        "lake/photos/v=1/cat.parquet",
        "lake/region/cat.parquet",
        "lake/region/v=old/cat.parquet",
        "lake/region/v=1/cat.jpg",
        "lake/region/v=1/sub/cat.parquet",
        "manifest/cat.jpg",
        "warehouse/0-cat.jpg",
    ];
    for name in strange {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, "miaow").unwrap();
    }
    let cat = elsewhere.path().join("cat.parquet");
    std::fs::write(&cat, "miaow").unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), root.join("lake/region/v=2")).unwrap();
    std::os::unix::fs::symlink(&cat, root.join("lake/region/v=1/link.parquet")).unwrap();
    let before = files(root);
    std::fs::write(root.join("lake/region/v=1/unlisted.parquet"), "").unwrap();
    drop(LakeWriter::open(root).unwrap());
    assert_eq!(files(root), before);
    assert!(cat.exists());
}
