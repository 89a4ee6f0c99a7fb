//! The rules of C4 (Raffel et al. 2020, section 2.2), as datatrove's `C4QualityFilter` applies them.

use super::phrases::{CITATION_BRACKET, CURLY_BRACKET, JAVASCRIPT, LOREM_IPSUM, POLICY, Phrases};
use super::sentences::count_sentences;
use crate::edit::EditLog;
use crate::segment::is_white_space;
use crate::signals::{Column, Corrector, Document, Entry, Semantics, Setup, Value, boolean, count, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 5] = [
    uint(
        "num_sentences",
        "Sentences in the lines that were kept; 0 if none was.",
    ),
    boolean(
        "has_lorem_ipsum",
        "Whether a line with enough words and its end mark has `lorem ipsum` in any case.",
    ),
    boolean(
        "has_curly_bracket",
        "Whether such a line, without `javascript`, has `{`.",
    ),
    uint(
        "num_lines_removed",
        "Lines that were removed, blank ones not counted.",
    ),
    uint("num_lines_kept", "Lines that were kept, blank ones not counted."),
];

/// What [`C4Quality`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct C4Config {
    /// Whose definition is followed.
    pub(super) semantics: Semantics,
    /// Remove lines that don't end in `.`, `?`, `!`, `"` or `'`, and those that end in `...`.
    pub(super) require_terminal_punctuation: bool,
    /// Remove lines of fewer words, split at white space; 0 keeps all.
    pub(super) min_words_per_line: u32,
    /// Remove lines with a word, split at white space, of more characters; 0 keeps all.
    pub(super) max_word_length: u32,
    /// Remove lines that mention `javascript`, in any case.
    pub(super) remove_javascript: bool,
    /// Remove lines with a phrase about cookies, privacy policies or terms of use, in any case.
    pub(super) remove_policy: bool,
    /// Remove `[12]`, `[]`, `[edit]` and `[citation needed]` from lines.
    pub(super) remove_citations: bool,
}

impl Default for C4Config {
    fn default() -> Self {
        Self {
            semantics: Semantics::Gristmill,
            require_terminal_punctuation: true,
            min_words_per_line: 3,
            max_word_length: 1000,
            remove_javascript: true,
            remove_policy: true,
            remove_citations: true,
        }
    }
}

/// Removes lines that are not prose, and counts the sentences of the rest.
///
/// Lines are those of Python's `splitlines`, stripped; what is kept is joined by `\n`. The order decides what
/// counts: long words and the number of words are looked at before citations go, the end mark after, without
/// stripping again; then `lorem ipsum`, `javascript`, `{` and policy phrases, each only on lines that are
/// still there.
///
/// A sentence ends after terminal marks and the quotes and brackets that close behind them, if white space or
/// the end of the line follows; marks such as `。` need nothing behind them. What is left at the end of a line
/// is a sentence, too. There is no list of abbreviations: `Dr. No` is two.
///
/// Differs from datatrove in that rule (spaCy splits sentences there); in that a hit of `lorem ipsum` or `{`
/// becomes a column and the lines are corrected all the same; and in that case is ignored for ASCII letters,
/// and digits of citations are ASCII, only.
#[derive(Debug, Clone)]
struct C4Quality {
    config: C4Config,
    phrases: Phrases,
    /// What stays, in order; they never overlap.
    pieces: Vec<Piece>,
    /// The line under consideration, without its citations.
    cleaned: String,
}

/// A range of the text that stays.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    /// Whether it starts a line of the output, or goes on where a citation was cut out.
    starts_line: bool,
}

/// What the columns are made of.
#[derive(Debug, Default)]
struct Counts {
    num_sentences: usize,
    has_lorem_ipsum: bool,
    has_curly_bracket: bool,
    num_lines_removed: usize,
    num_lines_kept: usize,
}

impl C4Quality {
    /// Makes the rule.
    fn new(config: C4Config) -> Self {
        Self {
            config,
            phrases: Phrases::default(),
            pieces: Vec::new(),
            cleaned: String::new(),
        }
    }

    /// Whether the stripped `line` stays; it starts at byte `start` of the text. Pushes what stays to
    /// `pieces`.
    fn keeps_line(&mut self, line: &str, start: usize, counts: &mut Counts) -> bool {
        let config = self.config;
        // Every line asks, so what is found since the last line is in this one.
        let mut hits = self.phrases.up_to(start + line.len());
        if config.max_word_length > 0 && has_longer_word(line, config.max_word_length as usize) {
            return false;
        }
        self.pieces.push(Piece {
            start,
            end: start + line.len(),
            starts_line: true,
        });
        let mut cleaned = line;
        if config.remove_citations && hits & CITATION_BRACKET != 0 && self.cut_citations(line, start) {
            cleaned = &self.cleaned;
            hits = self.phrases.in_text(cleaned);
        }
        if config.require_terminal_punctuation && !has_end_mark(cleaned) {
            return false;
        }
        if !has_words(line, config.min_words_per_line as usize) {
            return false;
        }
        counts.has_lorem_ipsum |= hits & LOREM_IPSUM != 0;
        if config.remove_javascript && hits & JAVASCRIPT != 0 {
            return false;
        }
        counts.has_curly_bracket |= hits & CURLY_BRACKET != 0;
        if config.remove_policy && hits & POLICY != 0 {
            return false;
        }
        counts.num_sentences += count_sentences(cleaned);
        true
    }

    /// Splits the last piece, which is `line`, around its citations; false if there is none.
    fn cut_citations(&mut self, line: &str, start: usize) -> bool {
        self.cleaned.clear();
        let mut read = 0;
        for (at, _) in line.match_indices('[') {
            let Some(length) = citation_length(&line[at..]) else {
                continue;
            };
            self.cleaned.push_str(&line[read..at]);
            if let Some(piece) = self.pieces.last_mut() {
                piece.end = start + at;
            }
            read = at + length;
            self.pieces.push(Piece {
                start: start + read,
                end: start + line.len(),
                starts_line: false,
            });
        }
        self.cleaned.push_str(&line[read..]);
        read > 0
    }

    /// Drops white space at both ends of what the pieces spell, as `strip` does after joining.
    fn strip_pieces(&mut self, text: &str) {
        while let Some(piece) = self.pieces.last_mut() {
            piece.end = piece.start
                + text[piece.start..piece.end]
                    .trim_end_matches(is_white_space)
                    .len();
            if piece.start < piece.end {
                break;
            }
            self.pieces.pop();
        }
        let mut num_blank = 0;
        for piece in &mut self.pieces {
            piece.start = piece.end
                - text[piece.start..piece.end]
                    .trim_start_matches(is_white_space)
                    .len();
            if piece.start < piece.end {
                break;
            }
            num_blank += 1;
        }
        self.pieces.drain(..num_blank);
        if let Some(first) = self.pieces.first_mut() {
            first.starts_line = false;
        }
    }

    /// Records what stands between the pieces and goes.
    fn log_gaps(&self, text: &str, edits: &mut EditLog) {
        let mut read = 0;
        for piece in &self.pieces {
            log_gap(text, read, piece.start, piece.starts_line, edits);
            read = piece.end;
        }
        log_gap(text, read, text.len(), false, edits);
    }

    fn joined(&self, text: &str) -> String {
        let mut joined = String::with_capacity(text.len());
        for piece in &self.pieces {
            if piece.starts_line {
                joined.push('\n');
            }
            joined.push_str(&text[piece.start..piece.end]);
        }
        joined
    }
}

impl Corrector for C4Quality {
    fn correct(&mut self, document: Document<'_>, edits: &mut EditLog, out: &mut Vec<Value>) -> Option<String> {
        let text = document.text();
        self.phrases.find_all(text);
        self.pieces.clear();
        let mut counts = Counts::default();
        for line in document.split_lines() {
            let num_pieces = self.pieces.len();
            let is_kept = self.keeps_line(line.trimmed(text), line.trimmed_start as usize, &mut counts);
            if !is_kept {
                self.pieces.truncate(num_pieces);
            }
            counts.num_lines_kept += usize::from(is_kept && !line.is_blank());
            counts.num_lines_removed += usize::from(!is_kept && !line.is_blank());
        }
        out.extend([
            count(counts.num_sentences),
            Value::Bool(counts.has_lorem_ipsum),
            Value::Bool(counts.has_curly_bracket),
            count(counts.num_lines_removed),
            count(counts.num_lines_kept),
        ]);
        self.strip_pieces(text);
        let num_edits = edits.len();
        self.log_gaps(text, edits);
        (edits.len() > num_edits).then(|| self.joined(text))
    }
}

/// Records that bytes `start..end` become a line break or nothing: one edit for each removed line.
fn log_gap(text: &str, start: usize, end: usize, becomes_line_break: bool, edits: &mut EditLog) {
    let mut gap = &text[start..end];
    let mut at = start;
    if becomes_line_break {
        let Some(before_break) = gap.find('\n') else {
            edits.push("", at, gap, "\n");
            return;
        };
        if before_break > 0 {
            edits.push("", at, &gap[..before_break], "");
        }
        at += before_break + 1;
        gap = &gap[before_break + 1..];
    }
    for line in gap.split_inclusive('\n') {
        edits.push("", at, line, "");
        at += line.len();
    }
}

/// Bytes of the citation that `text` starts with: `[`, ASCII digits, `]`, or two fixed ones.
fn citation_length(text: &str) -> Option<usize> {
    for fixed in ["[edit]", "[citation needed]"] {
        if text.starts_with(fixed) {
            return Some(fixed.len());
        }
    }
    let num_digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    (text.as_bytes().get(num_digits + 1) == Some(&b']')).then_some(num_digits + 2)
}

fn has_end_mark(line: &str) -> bool {
    line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...")
}

/// Whether the line has at least that many words, split at white space.
fn has_words(line: &str, number: usize) -> bool {
    number == 0
        || line
            .split(is_white_space)
            .filter(|word| !word.is_empty())
            .nth(number - 1)
            .is_some()
}

/// Whether a word, split at white space, has more than that many characters.
fn has_longer_word(line: &str, num_chars: usize) -> bool {
    // Hop from space to space: while each stretch of that many bytes has one, no word can be longer.
    let bytes = line.as_bytes();
    let mut position = 0;
    while let Some(stretch) = bytes.get(position..=position + num_chars) {
        match memchr::memrchr(b' ', stretch) {
            Some(space) => position += space + 1,
            None => {
                return line[position..]
                    .split(is_white_space)
                    .any(|word| word.len() > num_chars && word.chars().count() > num_chars);
            }
        }
    }
    false
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "c4_quality",
    columns: &COLUMNS,
    make: |setup| {
        let config: C4Config = setup.config()?;
        match config.semantics {
            Semantics::Gristmill => Setup::corrector(C4Quality::new(config)),
            other => Err(other.refused("c4_quality")),
        }
    },
    #[cfg(test)]
    reference: super::reference::c4,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"require_terminal_punctuation": false, "max_word_length": 5}"#,
        r#"{"require_terminal_punctuation": false, "min_words_per_line": 0, "max_word_length": 0,
            "remove_javascript": false, "remove_policy": false}"#,
        r#"{"min_words_per_line": 1, "remove_citations": false}"#,
    ],
};
