//! Dolma's definition: its tagger `gopher_v1`.

use super::COLUMNS;
use super::windows::Windows;
use crate::segment::hash_bytes;
use crate::signals::ngrams::{FirstPositions, Ngrams, Repeats};
use crate::signals::{Document, Signal, Value, Wanted, share};

/// Position of the first column about n-grams.
const FIRST_NGRAM_COLUMN: usize = 4;

/// Gopher's repetition numbers as Dolma takes them, on words between white space.
///
/// * Lines stand between two `\n`, empty ones included. **All** copies of a line count, the first one, too.
/// * Characters of words are what shares of lines and of the most frequent n-gram are taken of, while lines count
///   with their spaces: those shares can exceed 1.
/// * The most frequent n-gram counts even if it occurs once, the first among equals; without spaces.
/// * Repeated 5- to 10-grams: characters of all n-grams that occur more than once, by characters of all n-grams.
///   A word counts once for each n-gram that it is in.
/// * There is no rule on paragraphs: those columns are null. Columns on n-grams are null with fewer words than n.
pub(super) struct DolmaRepetition {
    first_positions: FirstPositions,
    line_hashes: Vec<u64>,
    /// Whether the first copy of a line has been counted.
    is_counted: Vec<bool>,
    ngrams: Ngrams,
    /// The highest level at which the first copy of the n-gram at a position has been counted.
    counted_at_level: Vec<u8>,
    windows: Windows,
    wants_ngrams: bool,
}

impl DolmaRepetition {
    /// Makes the rule.
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            first_positions: FirstPositions::default(),
            line_hashes: Vec::new(),
            is_counted: Vec::new(),
            ngrams: Ngrams::default(),
            counted_at_level: Vec::new(),
            windows: Windows::default(),
            wants_ngrams: wanted.any(FIRST_NGRAM_COLUMN..COLUMNS.len()),
        }
    }

    /// Number and characters of all lines that occur more than once.
    fn repeated_lines(&mut self, document: Document<'_>) -> (usize, usize) {
        let (text, lines) = (document.text().as_bytes(), document.segmentation().lines());
        self.first_positions.begin(lines.len());
        self.line_hashes.clear();
        self.is_counted.clear();
        self.is_counted.resize(lines.len(), false);
        let (mut num_lines, mut num_chars) = (0, 0);
        for (position, line) in lines.iter().enumerate() {
            let hash = hash_bytes(&text[line.start as usize..line.end as usize]);
            self.line_hashes.push(hash);
            let hashes = &self.line_hashes;
            let first = self
                .first_positions
                .first(hash, position, |other| hashes[other] == hash);
            if first != position {
                let num_copies = if self.is_counted[first] { 1 } else { 2 };
                self.is_counted[first] = true;
                num_lines += num_copies;
                num_chars += num_copies * line.num_chars as usize;
            }
        }
        (num_lines, num_chars)
    }

    fn push_ngrams(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let words = document.space_words();
        self.windows.fill(words.num_chars());
        let windows = &self.windows;
        let num_chars = windows.all_chars();
        // Without any repeat the most frequent n-gram is the first, and no n-gram repeats.
        let mut values = [Value::Null; 9];
        for (level, value) in (2..).zip(&mut values) {
            if level <= words.len() {
                let chars = if level <= 4 { windows.chars(0, level) } else { 0 };
                *value = Value::Float64(share(chars, num_chars));
            }
        }
        let counted_at_level = &mut self.counted_at_level;
        counted_at_level.clear();
        counted_at_level.resize(words.len(), 0);
        self.ngrams.each_level(document.word_hashes(), |found| {
            let (level, part) = match found {
                Repeats::Most {
                    level,
                    num_copies,
                    first,
                } => (level, share(num_copies * windows.chars(first, level), num_chars)),
                Repeats::All { level, copies } => {
                    let mut chars = 0;
                    for (position, first) in copies.iter() {
                        // The first of several equal ones counts when its second copy is met.
                        let is_second = usize::from(counted_at_level[first]) != level;
                        counted_at_level[first] = level as u8;
                        chars += windows.chars(position, level) * (1 + usize::from(is_second));
                    }
                    (level, share(chars, windows.sum(level)))
                }
            };
            values[level - 2] = Value::Float64(part);
        });
        out.extend(values);
    }
}

impl Signal for DolmaRepetition {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let word_chars = document.space_words().num_chars().iter();
        let num_chars: usize = word_chars.map(|&number| number as usize).sum();
        let (num_repeated, num_repeated_chars) = self.repeated_lines(document);
        let num_lines = document.segmentation().lines().len();
        out.extend([
            Value::Float64(share(num_repeated, num_lines)),
            Value::Null,
            // Dolma divides by one where there is no word.
            Value::Float64(share(num_repeated_chars, num_chars.max(1))),
            Value::Null,
        ]);
        if self.wants_ngrams {
            self.push_ngrams(document, out);
        } else {
            out.extend([Value::Null; COLUMNS.len() - FIRST_NGRAM_COLUMN]);
        }
    }
}
