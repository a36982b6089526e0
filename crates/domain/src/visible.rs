//! Foreign text in a form that is safe on a terminal, in a log and in a table.

use std::borrow::Cow;

/// Returns the text on one line, with every character that acts instead of being seen escaped, such
/// as `\n`, `\u{1b}` or `\u{202e}`. Text of ours with line breaks is put together from such lines.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_invisible) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        if is_invisible(c) { out.extend(c.escape_default()) } else { out.push(c) }
    }
    Cow::Owned(out)
}

/// Whether a character has no glyph of its own: a control character, a mark that changes the
/// direction of writing or breaks lines, and every character that Unicode lets a program ignore
/// (Default_Ignorable_Code_Point and the category Cf of Unicode 16).
pub fn is_invisible(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{600}'..='\u{605}' | '\u{61c}' | '\u{6dd}' | '\u{70f}'
            | '\u{890}'..='\u{891}' | '\u{8e2}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}'
            | '\u{fff0}'..='\u{fffb}' | '\u{110bd}' | '\u{110cd}' | '\u{13430}'..='\u{1343f}'
            | '\u{1bca0}'..='\u{1bca3}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// Whether every shell reads the text as one word, and a program does not take it for an option.
pub fn is_shell_word(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b":/@._+-".contains(&byte);
    !text.is_empty() && !text.starts_with('-') && text.bytes().all(is_plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_everything_that_acts_instead_of_being_seen() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("plain – naïve 日本 e\u{301}", "plain – naïve 日本 e\u{301}");
        check("a\x1b[31mred", "a\\u{1b}[31mred");
        check("a\tb\r\nc\0", "a\\tb\\r\\nc\\u{0}");
        check("\u{9b}2J\u{7f}\u{85}", "\\u{9b}2J\\u{7f}\\u{85}");
        check("a\u{202e}b\u{2066}\u{61c}", "a\\u{202e}b\\u{2066}\\u{61c}");
        check("a\u{2028}b\u{2029}", "a\\u{2028}b\\u{2029}");
        check(
            "sof\u{ad}t z\u{200b}\u{200c}\u{200d}\u{feff}",
            "sof\\u{ad}t z\\u{200b}\\u{200c}\\u{200d}\\u{feff}",
        );
        check("tag\u{e0041}\u{e0100}\u{fe0f}\u{3164}", "tag\\u{e0041}\\u{e0100}\\u{fe0f}\\u{3164}");
        check("\u{2064}\u{180e}\u{fff9}", "\\u{2064}\\u{180e}\\u{fff9}");
    }

    #[test]
    fn a_word_of_every_shell_has_no_character_that_one_of_them_interprets() {
        for word in ["try", "i-0123", "arn:aws:sts::1:assumed-role/a/me@x.org", "a_b+c.d"] {
            assert!(is_shell_word(word), "{word}");
        }
        for word in ["", "-oX", "a b", "$(id)", "a;b", "a'b", "~root", "a=b", "*", "a\nb", "é", "!1", "#"] {
            assert!(!is_shell_word(word), "{word}");
        }
    }
}
