//! What an error about an unknown word ends with.

use console::nearest;

/// "; did you mean X?", or nothing when no known word is near.
pub(crate) fn did_you_mean<'a>(typed: &str, known: impl IntoIterator<Item = &'a str>) -> String {
    nearest(typed, known).map_or_else(String::new, |word| format!("; did you mean {word}?"))
}
