//! The measures of the texts of one crate or document.

use super::sentence::{TextParagraph, sentence_lengths, words};
use super::{INVENTED_WORDS, LONGEST_MEDIAN_SENTENCE, MOST_COLUMNS, MOST_RIDDLE_WORDS, RIDDLE_WORDS};

/// The measures of the texts of a crate or a document.
#[derive(Debug, Clone, Default)]
pub struct TextMeasure {
    /// Number of words.
    pub words: usize,
    /// Number of words that are one of [`RIDDLE_WORDS`].
    pub riddle_words: usize,
    /// Words of the median sentence; 0 without a sentence.
    pub median_sentence: usize,
    /// Each invented word with its place.
    pub invented: Vec<String>,
    /// Each line that is too long, with its place and columns.
    pub long_lines: Vec<String>,
}

impl TextMeasure {
    /// Measures some paragraphs.
    pub(crate) fn of(paragraphs: &[TextParagraph]) -> TextMeasure {
        let mut measure = TextMeasure::default();
        let mut sentences = Vec::new();
        for paragraph in paragraphs {
            let text = paragraph.text();
            let lower: Vec<String> = words(&text).map(str::to_ascii_lowercase).collect();
            measure.words += lower.len();
            measure.riddle_words += lower.iter().filter(|word| RIDDLE_WORDS.contains(&word.as_str())).count();
            sentences.extend(sentence_lengths(&text));
            for phrase in INVENTED_WORDS.iter().filter(|phrase| has_phrase(&lower, phrase)) {
                measure.invented.push(format!("{}: invented word: {phrase}", paragraph.place_of(phrase)));
            }
            for line in paragraph.lines.iter().filter(|line| line.columns > MOST_COLUMNS) {
                let place = format!("{}:{}", paragraph.path, line.number);
                let columns = line.columns;
                measure
                    .long_lines
                    .push(format!("{place}: {columns} columns, at most {MOST_COLUMNS} are allowed"));
            }
        }
        sentences.sort_unstable();
        measure.median_sentence = sentences.get(sentences.len() / 2).copied().unwrap_or_default();
        measure
    }

    /// Returns the number of riddle words in 100 words.
    pub fn riddle_rate(&self) -> f64 {
        100.0 * self.riddle_words as f64 / self.words.max(1) as f64
    }

    /// Returns one line for each limit of a group that is exceeded.
    pub(crate) fn exceeded_limits(&self, group: &str) -> Vec<String> {
        let mut found = Vec::new();
        if self.riddle_rate() > MOST_RIDDLE_WORDS {
            let rate = self.riddle_rate();
            found.push(format!(
                "{group}: {rate:.2} riddle words in 100 words, at most {MOST_RIDDLE_WORDS:.2} are allowed"
            ));
        }
        if self.median_sentence > LONGEST_MEDIAN_SENTENCE {
            let median = self.median_sentence;
            found.push(format!(
                "{group}: the median sentence has {median} words, at most {LONGEST_MEDIAN_SENTENCE} are allowed"
            ));
        }
        found
    }
}

/// Returns whether a phrase occurs as whole words.
fn has_phrase(words: &[String], phrase: &str) -> bool {
    let phrase: Vec<&str> = phrase.split(' ').collect();
    words.windows(phrase.len()).any(|window| window == phrase)
}
