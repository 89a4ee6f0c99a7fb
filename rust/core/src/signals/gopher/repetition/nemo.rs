//! NeMo Curator's definition: the repetition filters of its English heuristic pipeline.

use super::COLUMNS;
use super::pieces::Pieces;
use super::windows::Windows;
use crate::signals::facts::{full_lines, line_hash};
use crate::signals::ngrams::{Ngrams, Repeats};
use crate::signals::{Document, Signal, Value, Wanted, share};
use memchr::memmem;

/// Position of the first column about n-grams.
const FIRST_NGRAM_COLUMN: usize = 4;

/// Gopher's repetition numbers as NeMo Curator takes them, on words between white space.
///
/// * Curator stores the share of lines and paragraphs that are left without copies, and keeps from 0.7 and 0.8 on.
///   The columns hold one minus that, so that the paper's limits 0.3 and 0.2 decide the same.
/// * Lines stand between two `\n`, blank ones do not count; paragraphs stand between two `\n\n`, empty ones count.
///   Characters are shares of the characters of lines and of paragraphs. Null where Curator divides by zero.
/// * The most frequent n-gram: its words joined by one space are searched in the text, inside of words, too; copies
///   found from left to right without overlap, by all characters. Among equals Curator takes any (its set has no
///   order); this is the first.
/// * Repeated n-grams: a second or later copy counts with the spaces between its words, and words that the copy
///   before it has counted do not count again; by all characters.
/// * Columns on n-grams are **1** with fewer words than n.
pub(super) struct NemoRepetition {
    pieces: Pieces,
    ngrams: Ngrams,
    windows: Windows,
    joined: String,
    wanted: Wanted,
}

impl NemoRepetition {
    /// Makes the rule.
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            pieces: Pieces::default(),
            ngrams: Ngrams::default(),
            windows: Windows::default(),
            joined: String::new(),
            wanted,
        }
    }

    /// Shares of lines, and of their characters, that are copies.
    fn lines(&mut self, document: Document<'_>) -> [Value; 2] {
        self.pieces.begin(document.segmentation().lines().len());
        let (mut num_lines, mut num_chars) = (0, 0);
        for line in full_lines(document) {
            num_lines += 1;
            num_chars += line.num_chars as usize;
            self.pieces
                .add(line_hash(line.whole.as_bytes()), || line.num_chars as usize);
        }
        if num_lines == 0 {
            return [Value::Null; 2];
        }
        [
            self.pieces.duplicate_fraction(),
            share(self.pieces.num_duplicate_chars, num_chars),
        ]
        .map(Value::Float64)
    }

    /// Shares of paragraphs, and of their characters, that are copies.
    fn paragraphs(&mut self, document: Document<'_>) -> [Value; 2] {
        let text = document.text();
        self.pieces.begin(document.segmentation().lines().len());
        let (mut start, mut num_breaks) = (0, 0);
        let ends = memmem::find_iter(text.as_bytes(), b"\n\n").chain([text.len()]);
        for end in ends {
            let paragraph = &text[start..end];
            self.pieces
                .add(line_hash(paragraph.as_bytes()), || paragraph.chars().count());
            start = end + 2;
            num_breaks += 1;
        }
        let num_chars = document.segmentation().num_chars() - 2 * (num_breaks - 1);
        let by_chars = match num_chars {
            0 => Value::Null,
            _ => Value::Float64(share(self.pieces.num_duplicate_chars, num_chars)),
        };
        [Value::Float64(self.pieces.duplicate_fraction()), by_chars]
    }

    fn push_ngrams(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, words) = (document.text(), document.space_words());
        let num_chars = document.segmentation().num_chars();
        self.windows.fill(words.num_chars());
        let (windows, joined, wanted) = (&self.windows, &mut self.joined, self.wanted);
        let mut top_share = |level: usize, first: usize| {
            joined.clear();
            for index in first..first + level {
                if index > first {
                    joined.push(' ');
                }
                joined.push_str(words.word(text, index));
            }
            let num_found = memmem::find_iter(text.as_bytes(), joined.as_bytes()).count();
            share(num_found * (windows.chars(first, level) + level - 1), num_chars)
        };
        let (mut values, mut is_done) = ([1.0; 9], [false; 9]);
        self.ngrams.each_level(document.word_hashes(), |found| {
            let (Repeats::Most { level, .. } | Repeats::All { level, .. }) = found;
            is_done[level - 2] = true;
            if !wanted.has(FIRST_NGRAM_COLUMN + level - 2) {
                return;
            }
            values[level - 2] = match found {
                Repeats::Most { first, .. } => top_share(level, first),
                Repeats::All { copies, .. } => {
                    let positions = copies.iter().map(|(position, _)| position);
                    share(copied_chars(level, positions, windows), num_chars)
                }
            };
        });
        for (level, (value, is_done)) in (2..).zip(values.iter_mut().zip(is_done)) {
            if level <= words.len() && !is_done {
                let is_top = level <= 4 && wanted.has(FIRST_NGRAM_COLUMN + level - 2);
                *value = if is_top { top_share(level, 0) } else { 0.0 };
            }
        }
        out.extend(values.map(Value::Float64));
    }
}

/// Characters of second and later copies, those counted with the copy before left out.
fn copied_chars(level: usize, copies: impl Iterator<Item = usize>, windows: &Windows) -> usize {
    let (mut chars, mut counted_to) = (0, 0);
    for position in copies {
        let num_counted = counted_to.max(position) - position;
        chars += windows.chars(position + num_counted, level - num_counted);
        chars += (level - num_counted).min(level - 1);
        counted_to = position + level;
    }
    chars
}

impl Signal for NemoRepetition {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (lines, paragraphs) = (self.lines(document), self.paragraphs(document));
        out.extend([lines[0], paragraphs[0], lines[1], paragraphs[1]]);
        if self.wanted.any(FIRST_NGRAM_COLUMN..COLUMNS.len()) {
            self.push_ngrams(document, out);
        } else {
            out.extend([Value::Null; COLUMNS.len() - FIRST_NGRAM_COLUMN]);
        }
    }
}
