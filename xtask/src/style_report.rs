//! Prints the language measures of the working tree beside those of an older commit.

use xtask::style::{SourceTree, StyleReport, TextMeasure, checked_subjects, subject_problem};

use crate::{TaskError, root};

/// The commit before the language was changed.
const BASE: &str = "808ce66";

/// Prints the measures. Errors: an unknown word, an unknown commit, or a limit that is exceeded.
pub(crate) fn print(words: &[&str]) -> Result<(), TaskError> {
    let (base, verbose) = match words {
        [] => (BASE, false),
        ["--verbose"] => (BASE, true),
        ["--base", base] => (*base, false),
        ["--base", base, "--verbose"] | ["--verbose", "--base", base] => (*base, true),
        _ => return Err("usage: cargo xtask style [--base REV] [--verbose]".into()),
    };
    let now = StyleReport::of(&SourceTree::read(&root())?);
    let before = StyleReport::of(&SourceTree::at_commit(&root(), base)?);
    print_texts(&now, &before, base);
    print_names(&now, &before);
    let mut violations = now.violations();
    match checked_subjects(&root()) {
        Some(subjects) => {
            let problems = subjects.iter().filter_map(|subject| Some((subject, subject_problem(subject)?)));
            violations.extend(problems.map(|(subject, problem)| format!("commit \"{subject}\": {problem}")));
        }
        None => println!("subjects of commits were not checked: the history is not there"),
    }
    if verbose {
        violations.iter().for_each(|violation| println!("{violation}"));
    }
    match violations.len() {
        0 => Ok(()),
        count => Err(format!("{count} violations of STYLE.md; cargo xtask style --verbose lists them")),
    }
}

fn print_texts(now: &StyleReport, before: &StyleReport, base: &str) {
    println!("Each figure is followed by the one at {base} in brackets.");
    println!(
        "{:<28} {:>15} {:>15} {:>15} {:>15} {:>15}",
        "crate or document", "words", "riddle per 100", "median sentence", "invented words", "over 100 cols"
    );
    for (group, measure) in &now.texts {
        let old = before.texts.get(group);
        let cell = |figure: &dyn Fn(&TextMeasure) -> String| {
            format!("{} ({})", figure(measure), old.map_or("-".to_string(), figure))
        };
        println!(
            "{group:<28} {:>15} {:>15} {:>15} {:>15} {:>15}",
            cell(&|measure| measure.words.to_string()),
            cell(&|measure| format!("{:.2}", measure.riddle_rate())),
            cell(&|measure| measure.median_sentence.to_string()),
            cell(&|measure| measure.invented.len().to_string()),
            cell(&|measure| measure.long_lines.len().to_string()),
        );
    }
}

fn print_names(now: &StyleReport, before: &StyleReport) {
    let share = |report: &StyleReport| 100 * report.names.one_word_count() / report.names.count().max(1);
    println!("types: {} ({})", now.names.count(), before.names.count());
    println!("one-word type names: {} % ({} %)", share(now), share(before));
    println!("names of several types: {} ({})", now.names.shared().count(), before.names.shared().count());
    println!(
        "test titles that begin with what_: {} ({})",
        now.names.what_titles.len(),
        before.names.what_titles.len()
    );
}
