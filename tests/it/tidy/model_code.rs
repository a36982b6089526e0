//! The models know nothing of the generated bills that measure them.

use std::fs;

use tests::repository_root;
use xtask::style::rust_code;

use super::files;

#[test]
fn no_model_names_a_family_or_seed_of_the_generated_bills() {
    let analysis = repository_root().join("crates/analysis");
    let mut names: Vec<String> = Vec::new();
    for path in files(&analysis.join("examples"), ".rs") {
        if path.ends_with("generator.rs") || path.ends_with("families/mod.rs") {
            names.extend(family_names(&fs::read_to_string(&path).unwrap()));
        }
    }
    assert!(names.len() >= 12, "too few families found: {names:?}");
    for path in files(&analysis.join("src"), ".rs") {
        let text = fs::read_to_string(&path).unwrap();
        let quoted = names.iter().find(|name| text.contains(&format!("\"{name}\"")));
        assert_eq!(quoted, None, "{}", path.display());
        // A discount is for a family of instance types, which is no family of generated bills.
        if path.ends_with("discount.rs") {
            continue;
        }
        let code = rust_code(&text).to_lowercase();
        let word = ["family", "families", "seed"].into_iter().find(|word| code.contains(word));
        assert_eq!(word, None, "{}", path.display());
    }
}

/// Returns the quoted texts of lower-case words.
fn family_names(text: &str) -> Vec<String> {
    let is_name = |text: &&str| {
        !text.is_empty() && text.chars().all(|c| c.is_ascii_lowercase() || c == ' ') && text.trim() == *text
    };
    text.lines()
        .flat_map(|line| line.split('"').skip(1).step_by(2))
        .filter(is_name)
        .map(String::from)
        .collect()
}

#[test]
fn quoted_families_are_found() {
    let text = r#"Family::LateStart => "late start", [&str; 2] = ["steady", "walk"]; f("{a} b", " ")"#;
    assert_eq!(family_names(text), ["late start", "steady", "walk"]);
}
