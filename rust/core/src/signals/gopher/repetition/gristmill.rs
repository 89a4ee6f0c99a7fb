//! gristmill's own definition: datatrove's, on the words of [`crate::segment`], n-grams compared word by word.

use super::COLUMNS;
use super::pieces::Pieces;
use crate::segment::Segmentation;
use crate::signals::lines::trim;
use crate::signals::ngrams::{NgramChars, Ngrams};
use crate::signals::{Document, Signal, Value, Wanted, share};
use std::ops::Range;

/// Position of the first column about n-grams.
const FIRST_NGRAM_COLUMN: usize = 4;

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
pub(super) struct GopherRepetition {
    ngrams: Ngrams,
    pieces: Pieces,
    wants_ngrams: bool,
}

impl GopherRepetition {
    /// Makes the rule.
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            ngrams: Ngrams::default(),
            pieces: Pieces::default(),
            wants_ngrams: wanted.any(FIRST_NGRAM_COLUMN..COLUMNS.len()),
        }
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
        let lines = segmentation.lines();
        self.pieces.begin(lines.len());
        let mut add = |paragraph: Range<usize>| {
            let paragraph = &text[paragraph];
            self.pieces.add(paragraph, || paragraph.chars().count());
        };
        // An empty line in the stripped text is a run of two `\n` at least.
        let mut open = start..start;
        for line in lines {
            let (line_start, line_end) = (line.start as usize, line.end as usize);
            if line_start == line_end {
                if open.start < open.end {
                    add(open.clone());
                }
                open = end..end;
            } else if line_start < end && line_end > start {
                open = open.start.min(line_start.max(start))..line_end.min(end);
            }
        }
        if open.start < open.end || start == end {
            add(open);
        }
    }
}

impl Signal for GopherRepetition {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        if document.text().is_empty() {
            out.extend([Value::Null; COLUMNS.len()]);
            return;
        }
        let segmentation = document.segmentation();
        self.measure(document, out, |ngrams| {
            ngrams.count(segmentation.hashes(), segmentation.char_counts())
        });
    }
}

impl GopherRepetition {
    /// Pushes the values of a document that isn't empty; `count` counts its n-grams.
    pub(super) fn measure(
        &mut self,
        document: Document<'_>,
        out: &mut Vec<Value>,
        count: impl FnOnce(&mut Ngrams) -> NgramChars,
    ) {
        let (text, segmentation) = (document.text(), document.segmentation());
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
        if !self.wants_ngrams {
            out.extend([Value::Null; COLUMNS.len() - FIRST_NGRAM_COLUMN]);
            return;
        }
        let ngrams = count(&mut self.ngrams);
        let by_all = |&chars: &usize| Value::Float64(share(chars, num_chars));
        out.extend(ngrams.top.iter().map(by_all));
        out.extend(ngrams.duplicate.iter().map(by_all));
    }
}
