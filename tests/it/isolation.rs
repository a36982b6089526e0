//! Hostile statements in the isolated query process of `truffle query`, and the state that they
//! leave.

mod attacks;
mod processes;

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use tests::{Desk, Ran, run_command};

/// A secret in files and in the environment. No output may contain it.
const SECRET: &str = "moth-orchid-4711";

/// Far longer than any statement here takes within its timeout, also on a busy machine.
const PATIENCE: Duration = Duration::from_secs(300);

const BAD: i32 = 2;
const REFUSED: i32 = 5;

/// A machine with a warehouse and secrets, and the state of its files.
struct Room {
    desk: Desk,
    files: Files,
    timeout: &'static str,
}

/// Content and time of change of each file.
type Files = BTreeMap<PathBuf, (Vec<u8>, i64)>;

impl Default for Room {
    fn default() -> Room {
        let desk = Desk::default();
        desk.truffle(&["query", "FROM zone LIMIT 1"]).expect_success();
        for (name, text) in [
            ("secret.txt", SECRET.to_string()),
            ("secret.csv", format!("a,b\n{SECRET},1\n")),
            ("secret.json", format!("{{\"a\": \"{SECRET}\"}}")),
        ] {
            fs::write(desk.home().join(name), text).unwrap();
        }
        let files = file_states(desk.home());
        Room { desk, files, timeout: "20s" }
    }
}

fn file_states(folder: &Path) -> Files {
    let mut found = Files::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.insert(path.clone(), (Vec::new(), 0));
            found.extend(file_states(&path));
        } else {
            found.insert(path.clone(), (fs::read(&path).unwrap(), fs::metadata(&path).unwrap().mtime_nsec()));
        }
    }
    found
}

impl Room {
    /// Replaces `{home}`, `{db}` (the published warehouse) and `{parquet}` (a file of the seed).
    fn fill(&self, sql: &str) -> String {
        let ending = |end: &str| {
            let mut paths = self.files.keys().filter(|path| path.to_string_lossy().ends_with(end));
            paths.next().unwrap_or_else(|| panic!("no {end}")).display().to_string()
        };
        sql.replace("{home}", &self.desk.home().display().to_string())
            .replace("{db}", &ending(".duckdb"))
            .replace("{parquet}", &ending("zone/v=1/seed.parquet"))
    }

    fn run(&self, sql: &str) -> Ran {
        let started = Instant::now();
        // From a file: a statement can be longer than an argument and contain bytes that no
        // argument can.
        let statement = tempfile::NamedTempFile::new().unwrap();
        fs::write(statement.path(), sql).unwrap();
        let path = statement.path().to_str().unwrap();
        let words = ["query", "--file", path, "--timeout", self.timeout, "--memory", "512MiB", "-o", "json"];
        let ran = run_command(self.desk.command("truffle", &words).env("ROOM_SECRET", SECRET));
        let short = sql.chars().take(200).collect::<String>();
        assert!(started.elapsed() < PATIENCE, "{short}: {:?}", started.elapsed());
        for sign in [SECRET, "root:x:", "panicked", "Stack Trace", "without an answer", " Error: "] {
            assert!(
                !ran.out.contains(sign) && !ran.err.contains(sign),
                "{short}: {sign}: {}{}",
                ran.out,
                ran.err
            );
        }
        if file_states(self.desk.home()) != self.files {
            let now: Vec<PathBuf> = file_states(self.desk.home()).into_keys().collect();
            panic!("{short}: files were made, changed or removed; there are {now:#?}");
        }
        ran
    }

    /// Runs a hostile statement: it must end with this exit code, an error that contains `words`,
    /// and no output.
    fn check(&self, sql: &str, code: i32, words: &str) {
        let ran = self.run(&self.fill(sql));
        let short = sql.chars().take(200).collect::<String>();
        assert_eq!(ran.code, code, "{short}: {}{}", ran.out.chars().take(500).collect::<String>(), ran.err);
        assert!(ran.err.starts_with("error: "), "{short}: {}", ran.err);
        assert!(ran.err.contains(words), "{short}: {}", ran.err);
        assert_eq!(ran.out, "", "{short}");
    }

    /// Runs a statement that looks odd but reads only permitted data.
    fn check_harmless(&self, sql: &str) {
        let ran = self.run(&self.fill(sql));
        assert_eq!(ran.code, 0, "{sql}: {}", ran.err);
    }

    /// Checks that the warehouse answers as before.
    fn check_still_answers(&self) {
        let out = self
            .desk
            .truffle(&["query", "SELECT count(*) > 50 AS yes FROM zone", "-o", "csv"])
            .expect_success();
        assert_eq!(out, "yes\ntrue\n");
    }
}
