//! The rules of C4 (Raffel et al. 2020, section 2.2), as datatrove's `C4QualityFilter` applies them.

use super::citations::{citation_length, citation_length_in_python};
use super::phrases::{
    CITATION_BRACKET, CURLY_BRACKET, JAVASCRIPT, LOREM_IPSUM, POLICY, Phrases, has_kelvin_sign,
};
use super::sentences::count_sentences;
use crate::edit::EditLog;
use crate::segment::{
    EnglishTokenizer, KeptLine, Segmentation, Segmenter, TokenColumns, is_white_space, num_sentences,
    num_sentences_of,
};
use crate::signals::facts::{LineFacts, Spots};
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
/// Differs from datatrove in that rule (spaCy splits sentences there), and in that case is ignored for ASCII letters,
/// and digits of citations are ASCII, only. With `semantics = "datatrove"` it does not. Either way, a hit of `lorem
/// ipsum` or `{` becomes a column and the lines are corrected all the same, where datatrove drops the document at once.
struct C4Quality {
    config: C4Config,
    /// What stays, in order; they never overlap.
    pieces: Vec<Piece>,
    /// The lines that the pieces spell.
    kept_lines: Vec<KeptLine>,
    /// The line under consideration, without its citations, and its spots.
    cleaned: String,
    cleaned_spots: Spots,
    /// What counts sentences in the way of datatrove.
    english: Option<Box<EnglishLine>>,
}

/// Cuts one line, that is no part of a text any more, into English tokens.
#[derive(Default)]
struct EnglishLine {
    segmenter: Segmenter,
    tokenizer: EnglishTokenizer,
    segmentation: Segmentation,
    columns: TokenColumns,
}

impl EnglishLine {
    fn num_sentences(&mut self, line: &str) -> usize {
        num_sentences_of(
            line,
            &self.segmenter,
            &mut self.tokenizer,
            &mut self.segmentation,
            &mut self.columns,
        )
    }
}

/// A range of the text that stays.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    /// Whether it starts a line of the output, or goes on where a citation was cut out.
    starts_line: bool,
    /// Whether it is a line from which nothing was cut out.
    is_whole: bool,
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

/// How far the walk through the lines has come in what was found in the whole text.
struct Walk<'a> {
    text: &'a str,
    phrases: Phrases<'a>,
    /// Positions of possible terminal marks.
    ends: &'a [u32],
    /// English tokens, and the first that is in no line so far.
    tokens: Option<&'a TokenColumns>,
    next_token: usize,
    /// Whether lines are those between line feeds, so that the first token of each is known.
    has_line_tokens: bool,
    /// Whether `k` must be looked for with all its capitals.
    has_kelvin_sign: bool,
}

impl<'a> Walk<'a> {
    fn new(document: Document<'a>, semantics: Semantics) -> Self {
        let (text, spots) = (document.text(), document.spots());
        let is_english = semantics == Semantics::Datatrove;
        Self {
            text,
            phrases: Phrases::new(text, &spots.phrases),
            ends: &spots.ends,
            tokens: is_english.then(|| document.english_tokens()),
            next_token: 0,
            has_line_tokens: !document.segmentation().has_other_line_break(),
            has_kelvin_sign: is_english && has_kelvin_sign(text),
        }
    }

    /// Sentences of the line with that index, which stays as it is. Lines are asked in their order.
    fn num_sentences(&mut self, index: usize, start: usize, end: usize) -> usize {
        if let Some(tokens) = self.tokens {
            let starts = tokens.starts();
            if self.has_line_tokens {
                let first_of = |line: usize| {
                    tokens
                        .line_first_tokens()
                        .get(line)
                        .map_or(starts.len(), |&token| token as usize)
                };
                return num_sentences(
                    self.text,
                    start..end,
                    tokens,
                    first_of(index)..first_of(index + 1),
                );
            }
            let skip = |from: usize, position: usize| {
                let later = starts[from..].iter();
                from + later.take_while(|&&token| (token as usize) < position).count()
            };
            let first = skip(self.next_token, start);
            self.next_token = skip(first, end);
            // A blank line is one sentence there.
            return num_sentences(self.text, start..end, tokens, first..self.next_token);
        }
        let from = self
            .ends
            .iter()
            .take_while(|&&mark| (mark as usize) < start)
            .count();
        self.ends = &self.ends[from..];
        let number = self
            .ends
            .iter()
            .take_while(|&&mark| (mark as usize) < end)
            .count();
        let (marks, later) = self.ends.split_at(number);
        self.ends = later;
        count_sentences(self.text, start, end, marks)
    }
}

impl C4Quality {
    /// Makes the rule.
    fn new(config: C4Config) -> Self {
        Self {
            config,
            pieces: Vec::new(),
            kept_lines: Vec::new(),
            cleaned: String::new(),
            cleaned_spots: Spots::default(),
            english: (config.semantics == Semantics::Datatrove).then(Box::default),
        }
    }

    /// Whether the line with that index stays. Pushes what stays of it to `pieces`.
    fn keeps_line(
        &mut self,
        index: usize,
        facts: LineFacts,
        walk: &mut Walk<'_>,
        counts: &mut Counts,
    ) -> bool {
        let config = self.config;
        let (start, end) = (facts.trimmed_start as usize, facts.trimmed_end as usize);
        let line = &walk.text[start..end];
        // Every line asks, so what is found since the last line is in this one.
        let mut hits = walk.phrases.up_to(end);
        let max_word_length = config.max_word_length as usize;
        if max_word_length > 0 && line.len() > max_word_length && has_longer_word(line, max_word_length) {
            return false;
        }
        self.pieces.push(Piece {
            start,
            end,
            starts_line: true,
            is_whole: true,
        });
        let is_cut =
            config.remove_citations && hits & CITATION_BRACKET != 0 && self.cut_citations(line, start);
        let cleaned = if is_cut { &self.cleaned } else { line };
        if is_cut {
            self.cleaned_spots.fill(cleaned);
            hits = Phrases::new(cleaned, &self.cleaned_spots.phrases).up_to(cleaned.len());
        }
        if walk.has_kelvin_sign && cleaned.contains('\u{212a}') {
            let lower = cleaned.replace('\u{212a}', "k");
            let mut spots = Spots::default();
            spots.fill(&lower);
            hits = Phrases::new(&lower, &spots.phrases).up_to(lower.len());
        }
        if config.require_terminal_punctuation && !has_end_mark(cleaned) {
            return false;
        }
        if facts.num_words < config.min_words_per_line {
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
        counts.num_sentences += match (&mut self.english, is_cut) {
            (_, false) => walk.num_sentences(index, start, end),
            (None, true) => count_sentences(cleaned, 0, cleaned.len(), &self.cleaned_spots.ends),
            // datatrove strips a line before its citations go, not after.
            (Some(english), true) => english.num_sentences(cleaned),
        };
        true
    }

    /// Splits the last piece, which is `line`, around its citations; false if there is none.
    fn cut_citations(&mut self, line: &str, start: usize) -> bool {
        let length_of = match self.config.semantics {
            Semantics::Datatrove => citation_length_in_python,
            _ => citation_length,
        };
        self.cleaned.clear();
        let mut read = 0;
        for at in memchr::memchr_iter(b'[', line.as_bytes()) {
            let Some(length) = length_of(&line[at..]) else {
                continue;
            };
            self.cleaned.push_str(&line[read..at]);
            if let Some(piece) = self.pieces.last_mut() {
                piece.end = start + at;
                piece.is_whole = false;
            }
            read = at + length;
            self.pieces.push(Piece {
                start: start + read,
                end: start + line.len(),
                starts_line: false,
                is_whole: false,
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

    /// The text that the pieces spell; fills `kept_lines`.
    fn join(&mut self, text: &str) -> String {
        let mut joined = String::with_capacity(text.len());
        self.kept_lines.clear();
        for (index, piece) in self.pieces.iter().enumerate() {
            let num_bytes = (piece.end - piece.start) as u32;
            match self.kept_lines.last_mut() {
                Some(line) if !piece.starts_line => {
                    line.num_bytes += num_bytes;
                }
                _ => self.kept_lines.push(KeptLine {
                    start: piece.start as u32,
                    num_bytes,
                    is_whole: piece.is_whole,
                }),
            }
            if piece.starts_line && index > 0 {
                joined.push('\n');
            }
            joined.push_str(&text[piece.start..piece.end]);
        }
        joined
    }
}

impl Corrector for C4Quality {
    fn correct(
        &mut self,
        document: Document<'_>,
        edits: &mut EditLog,
        out: &mut Vec<Value>,
    ) -> Option<String> {
        self.measure(document, out);
        let text = document.text();
        self.strip_pieces(text);
        let num_edits = edits.len();
        self.log_gaps(text, edits);
        (edits.len() > num_edits).then(|| self.join(text))
    }

    fn measure(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let mut walk = Walk::new(document, self.config.semantics);
        self.pieces.clear();
        let mut counts = Counts::default();
        for (index, &line) in document.split_lines().iter().enumerate() {
            let num_pieces = self.pieces.len();
            let is_kept = self.keeps_line(index, line, &mut walk, &mut counts);
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
    }

    fn kept_lines(&self) -> Option<&[KeptLine]> {
        Some(&self.kept_lines)
    }
}

/// Records that bytes `start..end` become a line break or nothing: one edit for each removed line.
fn log_gap(text: &str, start: usize, end: usize, becomes_line_break: bool, edits: &mut EditLog) {
    let mut gap = &text[start..end];
    if gap == (if becomes_line_break { "\n" } else { "" }) {
        return;
    }
    let mut at = start;
    if becomes_line_break {
        let Some(before_break) = memchr::memchr(b'\n', gap.as_bytes()) else {
            edits.push("", at, gap, "\n");
            return;
        };
        if before_break > 0 {
            edits.push("", at, &gap[..before_break], "");
        }
        at += before_break + 1;
        gap = &gap[before_break + 1..];
    }
    let line_ends = memchr::memchr_iter(b'\n', gap.as_bytes()).map(|line_break| line_break + 1);
    let mut read = 0;
    for line_end in line_ends.chain([gap.len()]) {
        if read < line_end {
            edits.push("", at + read, &gap[read..line_end], "");
        }
        read = line_end;
    }
}

fn has_end_mark(line: &str) -> bool {
    line.ends_with(['.', '?', '!', '"', '\'']) && !line.ends_with("...")
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
            Semantics::Gristmill | Semantics::Datatrove => Setup::corrector(C4Quality::new(config)),
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
        r#"{"semantics": "datatrove"}"#,
        r#"{"semantics": "datatrove", "require_terminal_punctuation": false}"#,
        r#"{"semantics": "datatrove", "require_terminal_punctuation": false, "min_words_per_line": 0}"#,
    ],
};
