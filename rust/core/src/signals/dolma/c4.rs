//! Dolma's tagger `c4_v2`, and what Dolma's own replication of C4 does with it.

use crate::edit::EditLog;
use crate::signals::c4::phrases::{CURLY_BRACKET, JAVASCRIPT, LOREM_IPSUM, Phrases};
use crate::signals::c4::{Flanks, WordList, bad_words};
use crate::signals::facts::TextLine;
use crate::signals::{Column, Corrector, Document, Entry, Setup, Value, boolean, count, uint};
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
    words: WordList,
    phrases: WordList,
}

impl DolmaC4 {
    fn new(config: C4Config) -> Self {
        let (phrases, words): (Vec<_>, Vec<_>) = naughty_entries().partition(|entry| entry.contains(' '));
        Self {
            config,
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

/// What there is to say of a line.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    is_short: bool,
    is_ended: bool,
}

impl Verdict {
    fn of(document: Document<'_>, line: TextLine) -> Self {
        // A line feed is white space, so words lie within lines.
        let last_word = (line.num_words > 0).then(|| {
            let last = line.first_word + line.num_words - 1;
            document.space_words().word(document.text(), last as usize)
        });
        let last = last_word.and_then(|word| word.as_bytes().last());
        Self {
            is_short: line.num_words < MIN_WORDS,
            is_ended: matches!(last, Some(b'.' | b'?' | b'!' | b'"')),
        }
    }

    fn is_kept(self) -> bool {
        self.is_ended && !self.is_short
    }
}

/// Words of the shortest line that stays.
const MIN_WORDS: u32 = 3;

/// Bytes of a line with its line feed.
fn with_line_feed(document: Document<'_>, line: TextLine) -> std::ops::Range<usize> {
    line.start as usize..(line.end as usize + 1).min(document.text().len())
}

impl Corrector for DolmaC4 {
    fn correct(
        &mut self,
        document: Document<'_>,
        edits: &mut EditLog,
        out: &mut Vec<Value>,
    ) -> Option<String> {
        self.measure(document, out);
        if !self.config.remove_lines {
            return None;
        }
        let (text, num_edits) = (document.text(), edits.len());
        let mut kept = String::new();
        for &line in document.text_lines() {
            let bytes = with_line_feed(document, line);
            if Verdict::of(document, line).is_kept() {
                kept.push_str(&text[bytes]);
            } else if !bytes.is_empty() {
                edits.push("", bytes.start, &text[bytes], "");
            }
        }
        (edits.len() > num_edits).then_some(kept)
    }

    fn measure(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, lines) = (document.text(), document.text_lines());
        // What Python's `lower` makes of characters outside ASCII is in none of these.
        let kinds = Phrases::new(text, &document.spots().phrases).up_to(text.len());
        let (mut num_without_mark, mut num_short) = (0, 0);
        for &line in lines {
            let verdict = Verdict::of(document, line);
            num_without_mark += usize::from(!verdict.is_ended);
            num_short += usize::from(verdict.is_short);
        }
        out.extend([
            Value::Bool(kinds & CURLY_BRACKET != 0),
            Value::Bool(kinds & LOREM_IPSUM != 0),
            Value::Bool(kinds & JAVASCRIPT != 0),
            Value::Bool(self.words.occurs(document) || self.phrases.occurs(document)),
            count(lines.len()),
            count(num_without_mark),
            count(num_short),
        ]);
    }
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
