//! The rule for the subjects of commits.

use std::path::Path;

use super::tree::git;

/// The most characters of a subject.
pub const LONGEST_SUBJECT: usize = 72;

/// The newest commit that the rule does not apply to. Its descendants follow the rule.
pub const LAST_UNCHECKED_COMMIT: &str = "808ce665dc3bc69ef1ca6a58761abe07e4fc0e93";

/// Returns the subjects of all commits since [`LAST_UNCHECKED_COMMIT`], without merges. `None`
/// where there is no git, no repository, or no history that reaches that commit (a shallow clone).
pub fn checked_subjects(root: &Path) -> Option<Vec<String>> {
    let range = format!("{LAST_UNCHECKED_COMMIT}..HEAD");
    let subjects = git(root, &["log", "--no-merges", "--format=%s", &range]).ok()?;
    Some(subjects.lines().map(String::from).collect())
}

/// Returns the broken rule of a subject: `area: …`, at most [`LONGEST_SUBJECT`] characters, no `;`.
pub fn subject_problem(subject: &str) -> Option<String> {
    let length = subject.chars().count();
    let is_area = |area: &str| {
        let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || " ,/_-.".contains(c);
        !area.is_empty() && area.chars().all(is_allowed)
    };
    match subject.split_once(": ") {
        _ if length > LONGEST_SUBJECT => {
            Some(format!("the subject has {length} characters, at most {LONGEST_SUBJECT} are allowed"))
        }
        _ if subject.contains(';') => Some("the subject has a \";\": make one commit for each topic".into()),
        Some((area, rest)) if is_area(area) && !rest.trim().is_empty() => None,
        _ => Some(
            "the subject does not begin with an area, as in \"collector: accept old price lists\"".into(),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn subjects_follow_the_rule() {
        let check = |subject: &str, expected: Option<&str>| {
            let found = subject_problem(subject);
            match expected {
                None => assert_eq!(found, None, "{subject}"),
                Some(part) => assert!(found.is_some_and(|found| found.contains(part)), "{subject}"),
            }
        };
        check("collector: accept price lists without a region code", None);
        check("domain, durable: move hex into domain", None);
        check("rename types to qualified nouns", Some("area"));
        check("Collector: accept lists", Some("area"));
        check("collector: ", Some("area"));
        check("tests: rewrite titles; fix paths", Some(";"));
        check(&format!("tests: {}", "a".repeat(65)), None);
        check(&format!("tests: {}", "a".repeat(66)), Some("73 characters"));
    }
}
