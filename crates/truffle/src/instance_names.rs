//! The names of instance types in the spellings of people.

use console::suggest_closest;

/// Returns the known instance type that the text names in any case, with any separator or none:
/// `M5.XLARGE`, `g5-xlarge`, `t3large`, `m5.24xl`.
pub(crate) fn find_type_name<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |name: &str| -> String {
        let letters = name.chars().filter(|c| !matches!(c, '.' | '-' | '_' | ' '));
        letters.flat_map(char::to_lowercase).collect()
    };
    let (mut wanted, lower) = (plain(text), text.to_lowercase());
    if wanted.ends_with("xl") && !wanted.contains("metal") {
        wanted.push_str("arge");
    }
    let mut found = None;
    for name in names {
        if name == lower {
            return Some(name);
        }
        if found.is_none() && name.len() >= wanted.len() && plain(name) == wanted {
            found = Some(name);
        }
    }
    found
}

/// Returns "; the closest match is X" for an unknown instance type. A type of a longer family with
/// the same size comes first: `g4dn.xlarge` for `g4.xlarge`. For a size that a family does not
/// have, it is a type of that family: `p5.4xlarge` for `p5.large`.
pub(crate) fn suggest_type<'a>(text: &str, names: impl Iterator<Item = &'a str> + Clone) -> String {
    let text = text.to_lowercase();
    let longer = text.split_once('.').and_then(|(family, size)| {
        let is_longer = |name: &&str| {
            name.split_once('.').is_some_and(|(other, same)| other.starts_with(family) && same == size)
        };
        names.clone().filter(is_longer).min_by_key(|name| name.len())
    });
    let family = text.split_once('.').map(|(family, _)| family);
    let own = names.clone().filter(|name| name.split_once('.').map(|(other, _)| other) == family);
    let shortest = own.clone().min_by_key(|name| name.len());
    match (longer, shortest) {
        (Some(name), _) => format!("; the closest match is {name}"),
        (None, None) => suggest_closest(&text, names),
        (None, Some(shortest)) => match suggest_closest(&text, own) {
            near if near.is_empty() => format!("; the closest match is {shortest}"),
            near => near,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] =
        ["c5.9xlarge", "g4ad.xlarge", "g4dn.xlarge", "m7i-flex.large", "t3.large", "u-6tb1.metal"];

    #[test]
    fn finds_a_type_in_any_spelling() {
        let check = |text: &str, expected: Option<&str>| {
            assert_eq!(find_type_name(text, NAMES.into_iter()), expected, "{text}");
        };
        check("T3.LARGE", Some("t3.large"));
        check("t3large", Some("t3.large"));
        check("t3-large", Some("t3.large"));
        check("C5.9XL", Some("c5.9xlarge"));
        check("m7i_flex.large", Some("m7i-flex.large"));
        check("u6tb1.metal", Some("u-6tb1.metal"));
        check("t3", None);
        check("", None);
    }

    #[test]
    fn suggests_the_same_size_of_a_longer_family_first() {
        let check = |text: &str, expected: &str| {
            assert_eq!(suggest_type(text, NAMES.into_iter()), format!("; the closest match is {expected}"));
        };
        check("g4.xlarge", "g4ad.xlarge");
        check("m7i.large", "m7i-flex.large");
        check("T3.larg", "t3.large");
    }

    #[test]
    fn suggests_a_type_of_the_same_family_for_an_unknown_size() {
        let names = ["c5.large", "p5.48xlarge", "p5.4xlarge", "p4d.24xlarge", "c4.large"];
        let check = |text: &str, expected: &str| {
            assert_eq!(suggest_type(text, names.into_iter()), format!("; the closest match is {expected}"));
        };
        check("p5.large", "p5.4xlarge");
        check("p5.micro", "p5.4xlarge");
        check("p5.48xlagre", "p5.48xlarge");
        check("P4D.large", "p4d.24xlarge");
        check("c6.large", "c5.large");
    }
}
