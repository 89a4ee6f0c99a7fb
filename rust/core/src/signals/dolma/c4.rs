//! Dolma's tagger `c4_v2`, and what Dolma's own replication of C4 does with it.

use crate::edit::EditLog;
use crate::segment::Line;
use crate::signals::c4::phrases::{CURLY_BRACKET, JAVASCRIPT, LOREM_IPSUM, Phrases};
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
}

/// What there is to say of a line.
#[derive(Debug, Clone, Copy)]
struct Verdict {
    is_short: bool,
    is_ended: bool,
}

impl Verdict {
    fn is_kept(self) -> bool {
        self.is_ended && !self.is_short
    }
}

/// Words of the shortest line that stays.
const MIN_WORDS: u32 = 3;

/// The lines between line feeds, and what there is to say of each.
fn judged_lines(document: Document<'_>) -> impl Iterator<Item = (Line, Verdict)> {
    let (bytes, segmentation) = (document.text().as_bytes(), document.segmentation());
    let (lines, ends) = (segmentation.lines(), segmentation.ends());
    let nexts = lines
        .iter()
        .skip(1)
        .map(|line| (line.first_token, line.first_word));
    let last = (ends.len() as u32, segmentation.num_space_words() as u32);
    lines
        .iter()
        .zip(nexts.chain([last]))
        .map(move |(&line, (next_token, next_word))| {
            // A line feed is white space, so tokens and words lie within lines.
            let has_token = next_token > line.first_token;
            let end = if has_token {
                ends[next_token as usize - 1]
            } else {
                0
            };
            let last = (end as usize).checked_sub(1).map(|last| bytes[last]);
            let verdict = Verdict {
                is_short: next_word - line.first_word < MIN_WORDS,
                is_ended: matches!(last, Some(b'.' | b'?' | b'!' | b'"')),
            };
            (line, verdict)
        })
}

/// Bytes of a line with its line feed.
fn with_line_feed(document: Document<'_>, line: Line) -> std::ops::Range<usize> {
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
        for (line, verdict) in judged_lines(document) {
            let bytes = with_line_feed(document, line);
            if verdict.is_kept() {
                kept.push_str(&text[bytes]);
            } else if !bytes.is_empty() {
                edits.push("", bytes.start, &text[bytes], "");
            }
        }
        (edits.len() > num_edits).then_some(kept)
    }

    fn measure(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, num_lines) = (document.text(), document.segmentation().lines().len());
        // What Python's `lower` makes of characters outside ASCII is in none of these.
        let kinds = Phrases::new(text, &document.spots().phrases).up_to(text.len());
        let (mut num_without_mark, mut num_short) = (0, 0);
        for (_, verdict) in judged_lines(document) {
            num_without_mark += usize::from(!verdict.is_ended);
            num_short += usize::from(verdict.is_short);
        }
        out.extend([
            Value::Bool(kinds & CURLY_BRACKET != 0),
            Value::Bool(kinds & LOREM_IPSUM != 0),
            Value::Bool(kinds & JAVASCRIPT != 0),
            Value::Bool(document.english_bad_words().is_naughty),
            count(num_lines),
            count(num_without_mark),
            count(num_short),
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "dolma_c4",
    columns: &COLUMNS,
    make: |setup| {
        Setup::corrector(DolmaC4 {
            config: setup.config()?,
        })
    },
    #[cfg(test)]
    reference: super::reference::c4,
    #[cfg(test)]
    variants: &["{}", r#"{"remove_lines": false}"#],
};
