//! Splits the texts of the command line into words: `8xH100` is `8 x h100`, `gpu>=4` is `gpu >= 4`,
//! `A100-80GB:8` is `a100 80gb : 8`, and `16gb+` is `16gb..`.

use super::SearchVocabulary;
use super::quantity::{is_key, is_number, is_unit};
use crate::accelerator_names::FORM_FACTORS;
use crate::filter::NamePattern;

/// Operators between a name and a number, longest first, each with its usual spelling.
const OPERATORS: [(&str, &str); 11] = [
    (">=", ">="),
    ("=>", ">="),
    ("<=", "<="),
    ("=<", "<="),
    ("==", "="),
    ("≥", ">="),
    ("≤", "<="),
    (">", ">"),
    ("<", "<"),
    ("=", "="),
    (":", "="),
];

/// Names before `=` or `:` that add nothing: the value has its own meaning.
const LABELS: [&str; 12] = [
    "accelerator",
    "accelerators",
    "gpu",
    "gpus",
    "model",
    "arch",
    "architecture",
    "type",
    "instance",
    "instance_type",
    "instance-type",
    "family",
];

/// Numbers in letters.
const NUMERALS: [(&str, &str); 13] = [
    ("one", "1"),
    ("single", "1"),
    ("two", "2"),
    ("dual", "2"),
    ("three", "3"),
    ("four", "4"),
    ("quad", "4"),
    ("five", "5"),
    ("six", "6"),
    ("seven", "7"),
    ("eight", "8"),
    ("twelve", "12"),
    ("sixteen", "16"),
];

/// Splits a text into words in lowercase. A pattern is kept as it is, because `\D` is not `\d` and
/// a comma may belong to it.
pub(super) fn split(text: &str, vocabulary: &SearchVocabulary) -> Vec<String> {
    text.split_whitespace().flat_map(|typed| split_typed(typed, vocabulary)).collect()
}

fn split_typed(typed: &str, vocabulary: &SearchVocabulary) -> Vec<String> {
    if NamePattern::is_pattern(typed) {
        let words = split_word(&typed.to_lowercase(), vocabulary);
        // A number with a sign is never a pattern: no name begins with one.
        let is_number =
            typed.starts_with(|c: char| c.is_ascii_digit()) && words.len() == 1 && words[0] != typed;
        return if is_number || words.len() > 1 { words } else { vec![typed.to_string()] };
    }
    let parts = typed.split([',', ';']).filter(|part| !part.is_empty());
    parts.flat_map(|part| split_word(&part.to_lowercase(), vocabulary)).collect()
}

/// Splits one word in lowercase. A word without a known part is returned whole.
fn split_word(word: &str, vocabulary: &SearchVocabulary) -> Vec<String> {
    if word.is_empty() {
        return Vec::new();
    }
    if vocabulary.knows(word) {
        return vec![word.to_string()];
    }
    let numeral = NUMERALS.iter().find(|(numeral, _)| *numeral == word);
    if let Some(number) = numeral.map(|(_, number)| number.to_string()).or_else(|| plain_number(word)) {
        return vec![number];
    }
    if let Some(unit) = word.strip_suffix('+').filter(|unit| is_unit(unit)) {
        return vec![unit.to_string(), "+".to_string()];
    }
    split_at_operator(word, vocabulary)
        .or_else(|| split_at_times(word, vocabulary))
        .or_else(|| split_model(word, vocabulary))
        .unwrap_or_else(|| vec![word.to_string()])
}

/// Splits `gpu>=4`, `h100:8`, `>=16` and `region=frankfurt`.
fn split_at_operator(word: &str, vocabulary: &SearchVocabulary) -> Option<Vec<String>> {
    let (at, operator, usual) = word.char_indices().find_map(|(at, _)| {
        let (operator, usual) = OPERATORS.iter().find(|(operator, _)| word[at..].starts_with(operator))?;
        Some((at, *operator, *usual))
    })?;
    let (name, value) = (&word[..at], &word[at + operator.len()..]);
    let after = split_word(value, vocabulary);
    let number = after.first().is_some_and(|word| is_number(word));
    let before = split_word(name, vocabulary);
    let is_model = before.first().is_some_and(|_| vocabulary.accelerator(&before).is_some());
    match name {
        "region" | "regions" => Some([vec!["region".to_string()], after].concat()),
        name if LABELS.contains(&name) && !number && (!value.is_empty() || !is_key(name)) => Some(after),
        name if (name.is_empty() && number) || is_key(name) || is_model => {
            Some([before, vec![usual.to_string()], after].concat())
        }
        _ => None,
    }
}

/// Splits `8xh100`, `8x`, `h100x8` and `x8`.
fn split_at_times(word: &str, vocabulary: &SearchVocabulary) -> Option<Vec<String>> {
    let times = |c: char| matches!(c, 'x' | '×' | '*');
    let counted = |name: &str| {
        let words = split_word(name, vocabulary);
        (is_key(name) || vocabulary.accelerator(&words).is_some()).then_some(words)
    };
    if let Some((count, name)) = word.split_once(times).filter(|(count, _)| is_count(count)) {
        let name = if name.is_empty() { Vec::new() } else { counted(name)? };
        return Some([vec![count.to_string(), "x".to_string()], name].concat());
    }
    let (name, count) = word.rsplit_once(times).filter(|(_, count)| is_count(count))?;
    let name = name.trim_end_matches(['-', '_']);
    let name = if name.is_empty() { Vec::new() } else { counted(name)? };
    Some([name, vec!["x".to_string(), count.to_string()]].concat())
}

/// Splits `a100-80gb`, `nvidia-tesla-t4`, `h100_sxm`, `h100sxm5` and `h100s`.
fn split_model(word: &str, vocabulary: &SearchVocabulary) -> Option<Vec<String>> {
    let is_model = |words: &[String]| vocabulary.accelerator(words).is_some();
    let parts: Vec<String> =
        word.split(['-', '_', '/']).filter(|part| !part.is_empty()).map(String::from).collect();
    if parts.len() > 1 && is_model(&parts) {
        return Some(parts.iter().flat_map(|part| split_word(part, vocabulary)).collect());
    }
    // Several of them: "8 H100s".
    if let Some(model) = word.strip_suffix('s').map(|model| vec![model.to_string()]).filter(|m| is_model(m)) {
        return Some(model);
    }
    FORM_FACTORS.iter().find_map(|form| {
        let model = word.strip_suffix(form).map(|model| vec![model.to_string()])?;
        is_model(&model).then(|| [model, vec![form.to_string()]].concat())
    })
}

/// Returns a number with a sign, a dash or a hyphen in the usual form: `16gb+` is `16gb..`,
/// `8+gpus` is `8..gpus`, `4-16` is `4..16` and `16-core` is `16core`. `None` for any other word.
fn plain_number(word: &str) -> Option<String> {
    let (number, rest) = split_number(word)?;
    let unit_end = rest.find(|c: char| !c.is_ascii_alphabetic() && c != '/').unwrap_or(rest.len());
    let (unit, rest) = rest.split_at(unit_end);
    let fits = |unit: &str| unit.is_empty() || is_unit(unit);
    if !fits(unit) {
        return None;
    }
    if let Some(after) = rest.strip_prefix('+') {
        return (fits(after) && (unit.is_empty() || after.is_empty())).then(|| match after {
            "" => format!("{number}{unit}.."),
            after => format!("{number}..{after}"),
        });
    }
    let after = rest.strip_prefix(['-', '–', '—'])?;
    match split_number(after) {
        Some((high, high_unit)) if fits(high_unit) => Some(format!("{number}{unit}..{high}{high_unit}")),
        Some(_) => None,
        None => (unit.is_empty() && is_unit(after)).then(|| format!("{number}{after}")),
    }
}

/// Whether the word is a number with other signs than those of a range: `8?`, `16gb*`. It is no
/// pattern, because no name begins with a number.
pub(super) fn is_marked_number(word: &str) -> bool {
    let number = word.trim_start_matches(['+', '~', '±']);
    let after = number.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let signs = after.trim_start_matches(|c: char| c.is_ascii_alphabetic() || c == '/');
    let unit = &after[..after.len() - signs.len()];
    after.len() < number.len()
        && (!signs.is_empty() || number.len() < word.len())
        && signs.chars().all(|c| "+?*~-".contains(c))
        && (unit.is_empty() || is_unit(unit))
}

/// Splits off the digits at the start, with a decimal point between them.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    let whole =
        number.starts_with(|c: char| c.is_ascii_digit()) && number.ends_with(|c: char| c.is_ascii_digit());
    (whole && !number.contains("..")).then_some((number, rest))
}

fn is_count(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
