//! Rules of the repository.

mod documents;
mod effects;
mod import_circles;
mod language;
mod model_code;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tests::repository_root;
use xtask::style::rust_code;

/// The crates that each crate may depend on. All others are forbidden.
const ALLOWED_DEPENDENCIES: &[(&str, &[&str])] = &[
    ("analysis", &["domain"]),
    ("app", &["catalog", "console", "domain", "durable", "lake", "truffle", "warehouse"]),
    ("aws", &["catalog", "domain", "fleet", "lifecycle"]),
    ("catalog", &["domain"]),
    ("collector", &["catalog", "console", "domain", "durable", "feeds"]),
    ("console", &["catalog", "domain", "durable"]),
    ("domain", &[]),
    ("durable", &[]),
    ("feeds", &["catalog", "domain"]),
    ("fleet", &["domain", "lifecycle"]),
    ("lake", &["catalog", "domain", "durable"]),
    ("lake_writer", &["catalog", "domain", "durable", "lake"]),
    ("lifecycle", &["domain"]),
    (
        "mycelium",
        &[
            "app",
            "aws",
            "catalog",
            "collector",
            "console",
            "domain",
            "lake_writer",
            "notify",
            "sandbox",
            "spawn",
            "warehouse",
        ],
    ),
    ("notify", &["domain", "webhook"]),
    ("sandbox", &["catalog", "console", "domain", "durable", "fleet", "lifecycle"]),
    ("spawn", &["catalog", "console", "domain", "durable", "fleet", "lifecycle"]),
    ("spawnd", &["domain", "durable", "lifecycle", "webhook"]),
    ("truffle", &["analysis", "catalog", "console", "domain", "durable"]),
    ("warehouse", &["catalog", "domain", "durable"]),
    ("webhook", &["domain"]),
];

/// Large external dependencies, and the only crate that may have each.
const LARGE_DEPENDENCIES: &[(&str, &str)] = &[
    ("duckdb", "warehouse"),
    ("arrow", "warehouse"),
    ("landlock", "warehouse"),
    ("seccompiler", "warehouse"),
    ("lettre", "notify"),
    ("linfa", "analysis"),
    ("linfa-svm", "analysis"),
    ("ndarray", "analysis"),
    ("smartcore", "analysis"),
    ("polars", "lake_writer"),
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

/// The folder of a crate of the workspace.
fn crate_folder(name: &str) -> PathBuf {
    let top = repository_root().join(name);
    if top.join("Cargo.toml").exists() { top } else { repository_root().join("crates").join(name) }
}

fn dependencies(name: &str) -> Vec<String> {
    let text = fs::read_to_string(crate_folder(name).join("Cargo.toml")).unwrap();
    let after = text.split("[dependencies]").nth(1).unwrap_or_default();
    let section = after.split("\n[").next().unwrap_or_default();
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .filter(|n| !n.is_empty())
        .map(String::from)
        .collect()
}

fn crate_names() -> Vec<String> {
    let entries = fs::read_dir(repository_root().join("crates")).unwrap();
    let mut names: Vec<String> =
        entries.map(|e| e.unwrap().file_name().to_string_lossy().into_owned()).collect();
    names.extend(["sandbox", "spawnd"].map(String::from));
    names.sort();
    names
}

#[test]
fn every_dependency_between_crates_is_allowed() {
    let crates = crate_names();
    let allowed: BTreeMap<&str, &[&str]> = ALLOWED_DEPENDENCIES.iter().copied().collect();
    for name in &crates {
        let allowed = allowed
            .get(name.as_str())
            .unwrap_or_else(|| panic!("{name} is not in the table of dependencies"));
        for dependency in dependencies(name).iter().filter(|other| crates.contains(other)) {
            assert!(allowed.contains(&dependency.as_str()), "{name} may not depend on {dependency}");
        }
    }
}

#[test]
fn the_daemon_has_no_large_dependency() {
    let text = fs::read_to_string(repository_root().join("spawnd/Cargo.toml")).unwrap();
    let crates = crate_names();
    for line in text.split("[dev-dependencies]").next().unwrap().lines() {
        let name = line.split(['.', ' ']).next().unwrap();
        let is_large = LARGE_DEPENDENCIES.iter().any(|(large, _)| *large == name)
            || name.starts_with("aws-sdk")
            || name == "tokio";
        assert!(!is_large, "spawnd depends on {name}");
        assert!(
            !crates.contains(&name.to_string())
                || ["domain", "durable", "lifecycle", "webhook"].contains(&name),
            "spawnd may not depend on {name}"
        );
    }
}

#[test]
fn each_large_dependency_has_one_wrapper_crate() {
    for (large, wrapper) in LARGE_DEPENDENCIES {
        for name in crate_names().iter().filter(|name| name != wrapper) {
            assert!(
                !dependencies(name).contains(&large.to_string()),
                "{name} depends on {large}: only {wrapper} may"
            );
        }
    }
}

#[test]
fn no_file_is_too_long_and_every_crate_is_described() {
    for folder in ["crates", "sandbox", "spawnd", "xtask", "tests"] {
        for path in files(&repository_root().join(folder), ".rs") {
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
    for name in ["domain", "catalog", "fleet", "lifecycle"] {
        for path in files(&crate_folder(name).join("src"), ".rs") {
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
fn no_call_of_aws_is_declared_unreachable() {
    for path in files(&crate_folder("aws").join("src"), ".rs") {
        let code = rust_code(&fs::read_to_string(&path).unwrap());
        assert!(!code.contains("unreachable!"), "{} has unreachable!", path.display());
    }
}

/// Crates that the executable `truffle` does not link. A star stands for any ending.
const UNLINKED_BY_TRUFFLE: &[&str] = &["aws-*", "tokio", "polars*", "rustls", "hyper"];

#[test]
fn the_executable_truffle_links_no_network_and_no_polars() {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let tree = Command::new(cargo)
        .args(["tree", "--offline", "-p", "app", "-e", "normal", "--prefix", "none"])
        .current_dir(repository_root())
        .output();
    let Ok(tree) = tree else {
        println!("skipped: cargo is not installed");
        return;
    };
    assert!(tree.status.success(), "{}", String::from_utf8_lossy(&tree.stderr));
    let tree = String::from_utf8_lossy(&tree.stdout).into_owned();
    let names: Vec<&str> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
    assert!(names.contains(&"duckdb"), "the list is not that of truffle: {tree}");
    for name in names {
        let is_forbidden = UNLINKED_BY_TRUFFLE.iter().any(|pattern| match pattern.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *pattern,
        });
        assert!(!is_forbidden, "the executable truffle links {name}");
    }
}

#[test]
fn truffle_names_no_socket() {
    for path in files(&repository_root().join("crates/truffle/src"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        assert!(!text.contains("std::net"), "{} names std::net", path.display());
    }
}

#[test]
fn sql_lives_in_queries() {
    for path in files(&repository_root().join("crates"), ".rs") {
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
    let folder = repository_root().join("queries");
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
    let embedding = fs::read_to_string(repository_root().join("crates/app/src/seed.rs")).unwrap();
    let folder = repository_root().join("datasets/seed");
    for path in files(&folder, "") {
        let name = path.strip_prefix(&folder).unwrap().to_string_lossy().into_owned();
        assert!(embedding.contains(&format!("\"{name}\"")), "datasets/seed/{name} is not embedded");
    }
    let pinned = lake::PinnedManifest::newest(&folder).unwrap().expect("the seed is a lake");
    assert_eq!(lake::damaged_files(&folder, &pinned.manifest), Vec::new());
    let bytes: u64 = files(&folder, "").iter().map(|path| fs::metadata(path).unwrap().len()).sum();
    assert!(bytes <= 4 << 20, "the seed has {bytes} bytes");
}

#[test]
fn the_makefile_installs_every_executable() {
    let makefile = fs::read_to_string(repository_root().join("Makefile")).unwrap();
    let line = makefile.lines().find_map(|line| line.strip_prefix("EXECUTABLES := "));
    let installed: Vec<&str> = line.expect("the Makefile lists EXECUTABLES").split(' ').collect();
    let programs = app::PROGRAMS.iter().filter(|program| program.has_executable);
    assert_eq!(installed, programs.map(|program| program.name).collect::<Vec<_>>());
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
            "it" => repository_root().join("tests/it/sandbox.rs").exists(),
            "daemon" => repository_root().join("tests/it/daemon.rs").exists(),
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
    let sandbox = repository_root().join("sandbox");
    let name = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().into_owned();
    let has_tests = |path: &PathBuf| fs::read_to_string(path).unwrap().contains("#[test]");
    let run = fs::read_to_string(sandbox.join("tests/clients.rs")).unwrap();
    let scripts = files(&sandbox.join("tests"), ".py").iter().map(name).collect::<Vec<_>>();
    let tests = SandboxTests {
        cases: fs::read_to_string(sandbox.join("tests/clients.py")).unwrap(),
        scripts: scripts.into_iter().filter(|script| run.contains(&format!("\"{script}\""))).collect(),
        units: files(&sandbox.join("src"), ".rs").iter().filter(|path| has_tests(path)).map(name).collect(),
    };
    let text = fs::read_to_string(repository_root().join("docs/sandbox.md")).unwrap();
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
