//! The language rules of STYLE.md, measured by the library of xtask.

use tests::repository_root;
use xtask::style::{SourceTree, StyleReport, checked_subjects, subject_problem};

#[test]
fn texts_and_names_follow_the_style() {
    let tree = SourceTree::read(&repository_root()).expect("the repository can be read");
    let violations = StyleReport::of(&tree).violations();
    assert!(violations.is_empty(), "see CONTRIBUTING.md, \"House style\":\n{}", violations.join("\n"));
}

#[test]
fn subjects_of_commits_name_their_area() {
    let Some(subjects) = checked_subjects(&repository_root()) else {
        println!("skipped: there is no git, or the history is not complete");
        return;
    };
    let problems: Vec<String> = subjects
        .iter()
        .filter_map(|subject| subject_problem(subject).map(|problem| format!("{subject}: {problem}")))
        .collect();
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}
