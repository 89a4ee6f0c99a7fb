//! Dolma's tagger `c4_v2`, and what Dolma's own replication of C4 does with it.

use crate::edit::EditLog;
use crate::signals::c4::{Flanks, WordList, bad_words};
use crate::signals::{Column, Corrector, Document, Entry, Setup, Value, boolean, count, uint};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 7] = [
    boolean("has_curly_bracket", "Whether the text has `{`."),
    boolean(
        "has_lorem_ipsum",
        "Whether the text has `lorem ipsum`, in any case.",
    ),
    boolean(
        "has_javascript",
        "Whether the text has `javascript`, in any case, in words, too.",
    ),
    boolean(
        "has_naughty_word",
        "Whether a word between white space is a bad word of the English list, or the text has a phrase of it anywhere.",
    ),
    uint("num_lines", "Lines, blank ones included; 1 for an empty text."),
    uint(
        "num_lines_without_end_mark",
        "Lines that don't end in `.`, `?`, `!` or `\"` when stripped, blank ones included.",
    ),
    uint(
        "num_short_lines",
        "Lines of fewer than three words, split at white space, blank ones included.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct C4Config {
    /// Remove the lines that are counted.
    pub(super) remove_lines: bool,
}

impl Default for C4Config {
    fn default() -> Self {
        Self { remove_lines: true }
    }
}

/// Looks at the whole text, and removes lines, with their line feeds, that are short or lack an end mark.
///
/// Facts are those of the text before lines go. What is left is not stripped.
struct DolmaC4 {
    config: C4Config,
    lorem_ipsum: Finder<'static>,
    javascript: Finder<'static>,
    words: WordList,
    phrases: WordList,
}

impl DolmaC4 {
    fn new(config: C4Config) -> Self {
        let (phrases, words): (Vec<_>, Vec<_>) = naughty_entries().partition(|entry| entry.contains(' '));
        Self {
            config,
            lorem_ipsum: Finder::new("lorem ipsum"),
            javascript: Finder::new("javascript"),
            words: WordList::new(words, Flanks::Space),
            phrases: WordList::new(phrases, Flanks::Any),
        }
    }
}

/// The list that Dolma ships: the English one at its latest.
pub(super) fn naughty_entries() -> impl Iterator<Item = &'static str> {
    ["en", "en-later"]
        .into_iter()
        .flat_map(|language| bad_words::entries_of(language).into_iter().flatten())
}

fn has_end_mark(line: &str) -> bool {
    matches!(line.as_bytes().last(), Some(b'.' | b'?' | b'!' | b'"'))
}

impl Corrector for DolmaC4 {
    fn correct(
        &mut self,
        document: Document<'_>,
        edits: &mut EditLog,
        out: &mut Vec<Value>,
    ) -> Option<String> {
        let (text, segmentation) = (document.text(), document.segmentation());
        let lower = document.lower_text();
        let bytes = lower.text().as_bytes();
        let has_naughty_word =
            self.words.occurs(lower, segmentation) || self.phrases.occurs(lower, segmentation);
        let words = document.space_words();
        let num_edits = edits.len();
        let (mut word, mut num_without_mark, mut num_short) = (0, 0, 0);
        for line in segmentation.lines() {
            let first_word = word;
            while words.starts().get(word).is_some_and(|&start| start < line.end) {
                word += 1;
            }
            // A line feed is white space, so words lie within lines.
            let is_ended = word > first_word && has_end_mark(words.word(text, word - 1));
            let is_short = word - first_word < 3;
            num_without_mark += usize::from(!is_ended);
            num_short += usize::from(is_short);
            if self.config.remove_lines && (is_short || !is_ended) {
                let end = (line.end as usize + 1).min(text.len());
                if (line.start as usize) < end {
                    edits.push("", line.start as usize, &text[line.start as usize..end], "");
                }
            }
        }
        out.extend([
            Value::Bool(memchr::memchr(b'{', bytes).is_some()),
            Value::Bool(self.lorem_ipsum.find(bytes).is_some()),
            Value::Bool(self.javascript.find(bytes).is_some()),
            Value::Bool(has_naughty_word),
            count(segmentation.lines().len()),
            count(num_without_mark),
            count(num_short),
        ]);
        (edits.len() > num_edits).then(|| kept_lines(document))
    }
}

fn kept_lines(document: Document<'_>) -> String {
    let (text, words) = (document.text(), document.space_words());
    let mut kept = String::with_capacity(text.len());
    let mut word = 0;
    for line in document.segmentation().lines() {
        let first_word = word;
        while words.starts().get(word).is_some_and(|&start| start < line.end) {
            word += 1;
        }
        if word - first_word >= 3 && has_end_mark(words.word(text, word - 1)) {
            kept.push_str(&text[line.start as usize..(line.end as usize + 1).min(text.len())]);
        }
    }
    kept
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "dolma_c4",
    columns: &COLUMNS,
    make: |setup| Setup::corrector(DolmaC4::new(setup.config()?)),
    #[cfg(test)]
    reference: super::reference::c4,
    #[cfg(test)]
    variants: &["{}", r#"{"remove_lines": false}"#],
};
