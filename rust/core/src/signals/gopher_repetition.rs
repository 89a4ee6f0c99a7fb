//! Gopher's repetition rules (Rae et al. 2021, table A1), as datatrove's `GopherRepetitionFilter` computes
//! them.

use super::lines::trim;
use super::ngrams::{FirstPositions, Ngrams};
use super::{Column, Signal, Value, float, share};
use crate::segment::{Segmentation, hash_bytes};
use memchr::memmem;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 13] = [
    float(
        "duplicate_line_fraction",
        "Second and later copies of a line, by lines, in [0, 1].",
    ),
    float(
        "duplicate_paragraph_fraction",
        "Second and later copies of a paragraph, by paragraphs, in [0, 1].",
    ),
    float(
        "duplicate_line_character_fraction",
        "Characters in those lines, by all characters, in [0, 1].",
    ),
    float(
        "duplicate_paragraph_character_fraction",
        "Characters in those paragraphs, by all, in [0, 1].",
    ),
    float(
        "top_2_gram_character_fraction",
        "Characters in copies of the most frequent 2-gram, by all.",
    ),
    float(
        "top_3_gram_character_fraction",
        "Characters in copies of the most frequent 3-gram, by all.",
    ),
    float(
        "top_4_gram_character_fraction",
        "Characters in copies of the most frequent 4-gram, by all.",
    ),
    float(
        "duplicate_5_gram_character_fraction",
        "Characters in repeated 5-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_6_gram_character_fraction",
        "Characters in repeated 6-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_7_gram_character_fraction",
        "Characters in repeated 7-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_8_gram_character_fraction",
        "Characters in repeated 8-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_9_gram_character_fraction",
        "Characters in repeated 9-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_10_gram_character_fraction",
        "Characters in repeated 10-grams, by all, in [0, 1].",
    ),
];

/// What [`GopherRepetition`] computes with: nothing can be chosen; thresholds are not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GopherRepetitionConfig {}

/// Repeated lines, paragraphs and word n-grams.
///
/// * Lines are split at runs of `\n` in the text as it stands, so a leading and a trailing `\n` make two
///   equal empty lines. Paragraphs are split at runs of two and more in the stripped text. Both are compared
///   exactly.
/// * All shares are of the characters of the text as it stands, white space included.
/// * n-grams are of tokens, punctuation included, compared with case. The most frequent one counts even if it
///   occurs once; overlapping copies all count, so that share can exceed 1. Repeated 5- to 10-grams are found
///   from left to right, and the words of a copy are skipped.
/// * Every column is null for an empty text (which datatrove drops as `empty`), and n-gram columns are 0 for
///   one of fewer than n tokens.
///
/// Differs from datatrove in the word tokens, and in that n-grams are compared word by word: datatrove joins
/// the words of 5- to 10-grams without a separator, so that `ab c` equals `a bc` there.
///
/// ```
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// use gristmill_core::signals::{GopherRepetition, Signal, Value};
/// let text = "same line\nsame line\nother line";
/// let mut segmentation = Segmentation::default();
/// Segmenter::default().segment(text, &mut segmentation);
/// let mut values = Vec::new();
/// GopherRepetition::default().compute(text, &segmentation, &mut values);
/// assert_eq!(values[0], Value::Float64(1.0 / 3.0));
/// assert_eq!(values[2], Value::Float64(9.0 / 30.0));
/// ```
#[derive(Debug, Clone, Default)]
pub struct GopherRepetition {
    ngrams: Ngrams,
    pieces: Pieces,
}

impl GopherRepetition {
    /// Makes the rule.
    pub fn new(_config: GopherRepetitionConfig) -> Self {
        Self::default()
    }

    /// The columns, in order.
    pub fn columns() -> &'static [Column] {
        &COLUMNS
    }

    fn count_lines(&mut self, text: &str, segmentation: &Segmentation) {
        let lines = segmentation.lines();
        self.pieces.begin(lines.len());
        for (index, line) in lines.iter().enumerate() {
            let is_inner = index > 0 && index + 1 < lines.len();
            // An empty line in the middle is part of a run of `\n`.
            if line.start < line.end || !is_inner {
                let content = &text[line.start as usize..line.end as usize];
                self.pieces.add(content, || line.num_chars as usize);
            }
        }
    }

    fn count_paragraphs(&mut self, text: &str, segmentation: &Segmentation) {
        let (start, end) = trim(text, (0, text.len()));
        let stripped = &text[start..end];
        self.pieces.begin(segmentation.lines().len());
        let mut rest = stripped;
        while let Some(length) = memmem::find(rest.as_bytes(), b"\n\n") {
            let paragraph = &rest[..length];
            self.pieces.add(paragraph, || paragraph.chars().count());
            rest = rest[length..].trim_start_matches('\n');
        }
        self.pieces.add(rest, || rest.chars().count());
    }
}

impl Signal for GopherRepetition {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn compute(&mut self, text: &str, segmentation: &Segmentation, out: &mut Vec<Value>) {
        if text.is_empty() {
            out.extend([Value::Null; COLUMNS.len()]);
            return;
        }
        let num_chars = segmentation.num_chars();
        self.count_lines(text, segmentation);
        let lines = (
            self.pieces.duplicate_fraction(),
            share(self.pieces.num_duplicate_chars, num_chars),
        );
        self.count_paragraphs(text, segmentation);
        let paragraphs = (
            self.pieces.duplicate_fraction(),
            share(self.pieces.num_duplicate_chars, num_chars),
        );
        out.extend([lines.0, paragraphs.0, lines.1, paragraphs.1].map(Value::Float64));
        let ngrams = self
            .ngrams
            .count(segmentation.hashes(), segmentation.char_counts());
        let by_all = |&chars: &usize| Value::Float64(share(chars, num_chars));
        out.extend(ngrams.top.iter().map(by_all));
        out.extend(ngrams.duplicate.iter().map(by_all));
    }
}

/// Lines or paragraphs of one text, and how many came again.
#[derive(Debug, Clone, Default)]
struct Pieces {
    first_positions: FirstPositions,
    hashes: Vec<u64>,
    num_duplicates: usize,
    num_duplicate_chars: usize,
}

impl Pieces {
    fn begin(&mut self, num_pieces_at_most: usize) {
        self.first_positions.begin(num_pieces_at_most);
        self.hashes.clear();
        self.num_duplicates = 0;
        self.num_duplicate_chars = 0;
    }

    fn add(&mut self, content: &str, num_chars: impl Fn() -> usize) {
        let hash = hash_bytes(content.as_bytes());
        let position = self.hashes.len();
        self.hashes.push(hash);
        let hashes = &self.hashes;
        if self
            .first_positions
            .first(hash, position, |other| hashes[other] == hash)
            != position
        {
            self.num_duplicates += 1;
            self.num_duplicate_chars += num_chars();
        }
    }

    fn duplicate_fraction(&self) -> f64 {
        share(self.num_duplicates, self.hashes.len())
    }
}
