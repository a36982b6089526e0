//! Patterns of instance type names: globs and regular expressions.

use regex::{Regex, RegexBuilder};

/// A pattern of instance type names.
#[derive(Debug, Clone)]
pub struct NamePattern {
    typed: String,
    /// Whether it is a glob, which matches whole names.
    whole: bool,
    regex: Regex,
}

/// Patterns are equal when their texts are equal.
impl PartialEq for NamePattern {
    fn eq(&self, other: &NamePattern) -> bool {
        self.typed == other.typed
    }
}

impl NamePattern {
    /// Reads a pattern. A text with one of the characters `^ $ ( ) | + \ { }` is a regular
    /// expression and may match any part of a name. Any other text is a glob and matches the whole
    /// name: `*` is any text, `?` one character, `[67]` one of these.
    ///
    /// Errors: the pattern is invalid or too large; the text is a lowercase fragment.
    pub fn parse(typed: &str) -> Result<NamePattern, String> {
        if typed.contains(['^', '$', '(', ')', '|', '+', '\\', '{', '}']) {
            NamePattern::regex(typed)
        } else {
            NamePattern::build(typed, &glob(typed), true)
        }
    }

    /// Reads a regular expression that may match any part of a name. Errors as in
    /// [`NamePattern::parse`].
    pub fn regex(typed: &str) -> Result<NamePattern, String> {
        NamePattern::build(typed, typed, false)
    }

    fn build(typed: &str, regex: &str, whole: bool) -> Result<NamePattern, String> {
        // A name has fewer than 64 characters, so a useful pattern needs no large automaton.
        let built = RegexBuilder::new(regex).case_insensitive(true).size_limit(1 << 18).build();
        let regex =
            built.map_err(|_| format!("\"{typed}\" is not a pattern such as m7i.* or c[67]g.xlarge"))?;
        Ok(NamePattern { typed: typed.to_string(), whole, regex })
    }

    /// Whether the word contains a character of a pattern.
    pub fn is_pattern(word: &str) -> bool {
        word.contains(['*', '?', '[', ']', '^', '$', '(', ')', '|', '+', '\\', '{', '}'])
    }

    /// Whether the pattern matches the name.
    pub fn matches(&self, name: &str) -> bool {
        self.regex.is_match(name)
    }

    /// Describes the pattern: "glob m7i.*", "regular expression ^m7".
    pub fn kind(&self) -> String {
        let kind = if self.whole { "glob" } else { "regular expression" };
        format!("{kind} {}", self.typed)
    }
}

fn glob(typed: &str) -> String {
    let mut regex = String::from("^");
    let mut in_class = false;
    for c in typed.chars() {
        match c {
            ']' => in_class = false,
            '[' => in_class = true,
            _ => {}
        }
        match c {
            '!' if in_class && regex.ends_with('[') => regex.push('^'),
            '[' | ']' | '-' => regex.push(c),
            '*' if !in_class => regex.push_str(".*"),
            '?' if !in_class => regex.push('.'),
            _ => regex.push_str(&regex::escape(c.encode_utf8(&mut [0; 4]))),
        }
    }
    regex.push('$');
    regex
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_globs_and_regular_expressions() {
        let check = |pattern: &str, yes: &[&str], no: &[&str]| {
            let read = NamePattern::parse(pattern).unwrap();
            assert!(yes.iter().all(|name| read.matches(name)), "{pattern}");
            assert!(!no.iter().any(|name| read.matches(name)), "{pattern}");
        };
        check("m7i.*", &["m7i.large", "m7i.metal-24xl"], &["m7i-flex.large", "m7ixlarge"]);
        check("c[67]g.xlarge", &["c6g.xlarge", "c7g.xlarge"], &["c8g.xlarge", "c6g.2xlarge"]);
        check("c[!67]g.xlarge", &["c8g.xlarge"], &["c6g.xlarge"]);
        check("m?i.large", &["m7i.large"], &["m7in.large"]);
        check("m7i-*", &["m7i-flex.large"], &["m7i.large"]);
        check("^(m|c)7i\\.", &["m7i.large", "c7i.large"], &["r7i.large", "m7i-flex.large"]);
        check("M7I.LARGE*", &["m7i.large"], &["m7i.xlarge"]);
    }

    #[test]
    fn rejects_invalid_patterns() {
        for bad in ["c[67", "(m7i", "m7i.{99999}{99999}", "]["] {
            assert!(NamePattern::parse(bad).is_err(), "{bad}");
        }
    }
}
