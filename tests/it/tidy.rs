//! Rules of the repository.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use tests::root;

/// The crates that each crate may depend on. All others are forbidden.
const ARROWS: &[(&str, &[&str])] = &[
    ("domain", &[]),
    ("aws", &["catalog", "domain", "lifecycle"]),
    ("catalog", &["domain"]),
    ("lake", &["catalog", "domain"]),
    ("lifecycle", &["domain"]),
    ("warehouse", &["catalog", "domain"]),
    ("console", &["catalog", "domain"]),
    ("feeds", &["catalog", "domain"]),
    ("collector", &["catalog", "console", "domain", "feeds"]),
    ("spawn", &["catalog", "console", "domain", "lifecycle"]),
    ("truffle", &["catalog", "console", "domain"]),
    ("sandbox", &["catalog", "console", "domain", "lifecycle"]),
    (
        "mycelium",
        &[
            "aws",
            "catalog",
            "collector",
            "console",
            "domain",
            "lake",
            "sandbox",
            "spawn",
            "truffle",
            "warehouse",
        ],
    ),
];

/// Large external dependencies, and the only crate that may have each.
const HEAVY_DOORS: &[(&str, &str)] = &[
    ("duckdb", "warehouse"),
    ("arrow", "warehouse"),
    ("landlock", "warehouse"),
    ("seccompiler", "warehouse"),
    ("polars", "lake"),
    ("aws-config", "aws"),
    ("aws-sdk-cloudwatch", "aws"),
    ("aws-sdk-costexplorer", "aws"),
    ("aws-sdk-ec2", "aws"),
    ("aws-sdk-pricing", "aws"),
    ("aws-sdk-s3", "aws"),
    ("aws-sdk-servicequotas", "aws"),
    ("aws-sdk-sts", "aws"),
    ("aws-types", "aws"),
];

/// Maximum lines of a file.
const LONGEST: usize = 600;

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if path.is_dir() && !name.starts_with('.') && name != "target" {
            found.extend(files(&path, ending));
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
    found.sort();
    found
}

fn dependencies(room: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(format!("crates/{room}/Cargo.toml"))).unwrap();
    let after = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .map(String::from)
        .collect()
}

fn rooms() -> Vec<String> {
    let entries = fs::read_dir(root().join("crates")).unwrap();
    let mut rooms: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    rooms.sort();
    rooms
}

#[test]
fn every_dependency_between_crates_is_allowed() {
    let rooms = rooms();
    let allowed: BTreeMap<&str, &[&str]> = ARROWS.iter().copied().collect();
    for room in &rooms {
        let allowed = allowed
            .get(room.as_str())
            .unwrap_or_else(|| panic!("{room} is not in the table of dependencies"));
        for dependency in dependencies(room).iter().filter(|name| rooms.contains(name)) {
            assert!(allowed.contains(&dependency.as_str()), "{room} may not depend on {dependency}");
        }
    }
}

#[test]
fn the_daemon_has_no_large_dependency() {
    let text = fs::read_to_string(root().join("spawnd/Cargo.toml")).unwrap();
    let rooms = rooms();
    for line in text.split("[dev-dependencies]").next().unwrap().lines() {
        let name = line.split(['.', ' ']).next().unwrap();
        let giant = HEAVY_DOORS.iter().any(|(giant, _)| *giant == name)
            || name.starts_with("aws-sdk")
            || name == "tokio";
        assert!(!giant, "spawnd depends on {name}");
        assert!(
            !rooms.contains(&name.to_string()) || ["domain", "lifecycle"].contains(&name),
            "spawnd may not depend on {name}"
        );
    }
}

#[test]
fn each_large_dependency_has_one_wrapper_crate() {
    for (giant, door) in HEAVY_DOORS {
        for room in rooms().iter().filter(|room| room != door) {
            assert!(
                !dependencies(room).contains(&giant.to_string()),
                "{room} depends on {giant}: only {door} may"
            );
        }
    }
}

#[test]
fn no_file_is_too_long_and_every_crate_is_described() {
    for folder in ["crates", "spawnd", "xtask", "tests"] {
        for path in files(&root().join(folder), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            assert!(text.lines().count() <= LONGEST, "{} has more than {LONGEST} lines", path.display());
            if path.ends_with("src/lib.rs") {
                assert!(text.starts_with("//!"), "{} does not describe its crate", path.display());
            }
        }
    }
}

#[test]
fn the_pure_core_has_no_clock_file_or_environment() {
    for room in ["domain", "catalog", "lifecycle"] {
        for path in files(&root().join("crates").join(room).join("src"), ".rs") {
            let text = fs::read_to_string(&path).unwrap();
            for forbidden in [
                "std::fs",
                "std::env",
                "Timestamp::now",
                "Instant::now",
                "SystemTime",
                "std::net",
                "std::process",
            ] {
                assert!(!text.contains(forbidden), "{} names {forbidden}", path.display());
            }
        }
    }
}

#[test]
fn truffle_names_no_socket() {
    for path in files(&root().join("crates/truffle/src"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("std::net"), "{} names std::net", path.display());
    }
}

#[test]
fn sql_lives_in_queries() {
    for path in files(&root().join("crates"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let program = text.split("#[cfg(test)]").next().unwrap_or_default();
        // Tests and settings of the isolated query process may have SQL of their own.
        for begin in ["\"SELECT ", "\"WITH ", "\"INSERT ", "\"CREATE ", "\"COPY "] {
            // After a backslash the quote begins an example in a hint, not a statement.
            let example = format!("\\{begin}");
            let found = program.lines().find(|line| line.replace(&example, "").contains(begin));
            assert!(
                found.is_none() || path.to_string_lossy().ends_with("tests.rs"),
                "{}: SQL outside queries/: {found:?}",
                path.display()
            );
        }
    }
}

#[test]
fn every_question_is_listed() {
    let listed: Vec<String> = catalog::QUESTIONS.iter().map(|q| q.name.to_string()).collect();
    let folder = root().join("queries");
    for path in files(&folder, ".sql") {
        let name = path.strip_prefix(&folder).unwrap().with_extension("").to_string_lossy().into_owned();
        let ours = name.starts_with("build/") || name.starts_with("views/");
        assert!(ours || listed.contains(&name), "queries/{name}.sql is not in the list of questions");
    }
    let mut sorted = listed.clone();
    sorted.sort();
    assert_eq!(listed, sorted, "the questions are sorted by name");
}

#[test]
fn the_executable_embeds_the_whole_seed() {
    let carried = fs::read_to_string(root().join("crates/mycelium/src/seed.rs")).unwrap();
    let folder = root().join("datasets/seed");
    for path in files(&folder, "") {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        assert!(carried.contains(&format!("\"{name}\"")), "datasets/seed/{name} is not embedded");
    }
    let pinned = lake::PinnedManifest::newest(&folder).unwrap().expect("the seed is a lake");
    assert_eq!(lake::check_digests(&folder, &pinned.manifest).unwrap(), Vec::<String>::new());
    let bytes: u64 = files(&folder, "").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 4 << 20, "the seed has {bytes} bytes");
}

/// The tests that the table of the sandbox's behaviours may name.
struct SandboxTests {
    cases: String,
    scripts: Vec<String>,
    /// Files of unit tests.
    units: Vec<String>,
}

impl SandboxTests {
    fn has(&self, name: &str) -> bool {
        match name {
            "it" => root().join("tests/it/sandbox.rs").exists(),
            "daemon" => root().join("tests/it/daemon.rs").exists(),
            name if name.ends_with(".rs") => self.units.iter().any(|known| known == name),
            name => {
                let script = format!("{}.py", name.trim_end_matches(".py"));
                self.cases.contains(&format!("@case\ndef {name}(")) || self.scripts.contains(&script)
            }
        }
    }
}

#[test]
fn every_behaviour_of_the_sandbox_names_a_document_and_an_existing_test() {
    let room = root().join("sandbox");
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let tested = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("#[test]");
    let run = fs::read_to_string(room.join("tests/clients.rs")).unwrap();
    let scripts = files(&room.join("tests"), ".py").iter().map(name).collect::<Vec<_>>();
    let tests = SandboxTests {
        cases: fs::read_to_string(room.join("tests/clients.py")).unwrap(),
        scripts: scripts.into_iter().filter(|script| run.contains(&format!("\"{script}\""))).collect(),
        units: files(&room.join("src"), ".rs").iter().filter(|path| tested(path)).map(name).collect(),
    };
    let text = fs::read_to_string(root().join("docs/sandbox.md")).unwrap();
    let rows: Vec<&str> = text.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    assert!(rows.len() > 40, "the table has {} rows", rows.len());
    for row in rows {
        let cells: Vec<&str> = row.trim_matches('|').split(" | ").map(str::trim).collect();
        let [behaviour, document, named] = cells.as_slice() else { panic!("not three cells: {row}") };
        assert!(!behaviour.is_empty() && !document.is_empty(), "{row}");
        let named: Vec<&str> = named.split(", ").map(|name| name.trim_matches('`')).collect();
        for name in named {
            assert!(tests.has(name), "docs/sandbox.md names the test {name}, which does not exist: {row}");
        }
    }
}
