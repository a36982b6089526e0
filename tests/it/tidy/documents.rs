//! The documents name files that exist.

use tests::repository_root;
use xtask::style::SourceTree;

use super::files;

/// Endings of the files that documents may name. Files of other kinds are mostly a user's.
const NAMED_KINDS: [&str; 4] = [".rs", ".py", ".sql", ".md"];

#[test]
fn documents_name_existing_files() {
    let root = repository_root();
    let existing: Vec<String> = files(&root, "")
        .iter()
        .map(|path| format!("/{}", path.strip_prefix(&root).unwrap().display()))
        .collect();
    let tree = SourceTree::read(&root).expect("the repository can be read");
    let mut missing = Vec::new();
    for document in tree.files().iter().filter(|file| file.path.ends_with(".md")) {
        for name in named_files(&document.text) {
            if !existing.iter().any(|path| path.ends_with(&format!("/{name}"))) {
                missing.push(format!("{}: {name}", document.path));
            }
        }
    }
    assert!(missing.is_empty(), "these files do not exist:\n{}", missing.join("\n"));
}

/// Returns the quoted file names of a document.
fn named_files(text: &str) -> Vec<&str> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./".contains(c);
    let is_file = |name: &&str| {
        !name.starts_with('.')
            && name.chars().all(is_plain)
            && NAMED_KINDS.iter().any(|kind| name.ends_with(kind))
    };
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2)).filter(is_file).collect()
}

#[test]
fn quoted_files_are_found() {
    let check = |text: &str, expected: &[&str]| assert_eq!(named_files(text), expected, "{text}");
    check("see `tests/it/tidy.rs` and `cargo test`", &["tests/it/tidy.rs"]);
    check("`a/<name>.sql`, `*/reap.rs`, `.cargo/config.toml` and tidy.rs", &[]);
    check("`one.md`\n`two.py`", &["one.md", "two.py"]);
}
