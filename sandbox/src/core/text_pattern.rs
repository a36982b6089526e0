/// Returns whether a text matches a pattern. `*` is any run of characters, `?` is any one, and a
/// backslash makes the next one literal.
pub(crate) fn matches(pattern: &str, text: &str) -> bool {
    if !pattern.contains(['*', '?', '\\']) {
        return pattern == text;
    }
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut p, mut t) = (0, 0);
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        let literal = pattern.get(p) == Some(&'\\') && p + 1 < pattern.len();
        let wanted = if literal { pattern.get(p + 1) } else { pattern.get(p) };
        if !literal && wanted == Some(&'*') {
            star = Some((p, t));
            p += 1;
        } else if wanted.is_some_and(|c| *c == text[t] || (!literal && *c == '?')) {
            p += if literal { 2 } else { 1 };
            t += 1;
        } else if let Some((at, from)) = star {
            star = Some((at, from + 1));
            (p, t) = (at + 1, from + 1);
        } else {
            return false;
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn matches_wildcards_and_escapes() {
        let check = |pattern: &str, text: &str, expected: bool| {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        };
        check("m5.*", "m5.large", true);
        check("m5.*", "m5d.large", false);
        check("*large*", "m5.xlarge", true);
        check("m?.large", "m5.large", true);
        check("a\\*b", "a*b", true);
        check("a\\*b", "axb", false);
        check("", "", true);
        check("*", "", true);
        check("a*b*c", "aXbYbZc", true);
        check("a*b*c", "aXbYbZ", false);
    }
}
