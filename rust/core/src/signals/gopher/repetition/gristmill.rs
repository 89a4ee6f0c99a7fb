//! gristmill's own definition: datatrove's, on the words of [`crate::segment`], n-grams compared word by word.

use super::COLUMNS;
use super::pieces::Pieces;
use crate::segment::{Line, fold};
use crate::signals::facts::line_hash;
use crate::signals::ngrams::{NgramChars, Ngrams};
use crate::signals::{Document, Signal, Value, Wanted, share};

/// Position of the first column about n-grams.
const FIRST_NGRAM_COLUMN: usize = 4;
/// Keys with which the hashes of lines become that of a paragraph.
const NEXT_LINE_KEY: u64 = 0x9e37_79b9_7f4a_7c15;
const LINE_KEY: u64 = 0xa076_1d64_78bd_642f;

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

    /// Shares of lines, and of characters, that are second and later copies.
    fn line_fractions(document: Document<'_>) -> (f64, f64) {
        let (segmentation, copies) = (document.segmentation(), document.line_copies());
        // Empty lines in the middle are part of a run of `\n`; the first and the last are not.
        let is_empty = |line: Option<&Line>| line.is_some_and(|line| line.start == line.end);
        let lines = segmentation.lines();
        let [first, last] = [lines.first(), lines[1..].last()].map(is_empty);
        let num_lines = copies.num_full() + usize::from(first) + usize::from(last);
        let num_copies = copies.num_copies() + usize::from(first && last);
        (
            share(num_copies, num_lines),
            share(copies.num_copy_chars(), segmentation.num_chars()),
        )
    }

    /// The same of paragraphs.
    fn paragraph_fractions(&mut self, document: Document<'_>) -> (f64, f64) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        // White space is never part of a token, and everything else is part of one.
        let (Some(&start), Some(&end)) = (starts.first(), ends.last()) else {
            return (0.0, 0.0);
        };
        let copies = document.line_copies();
        let lines = segmentation.lines();
        let first = lines.partition_point(|line| line.end <= start);
        let after_last = lines.partition_point(|line| line.start < end);
        let is_stripped = lines[first].start < start || lines[after_last - 1].end > end;
        // A copy of a paragraph has copies of its lines.
        if copies.num_copies() == 0 && !is_stripped {
            return (0.0, 0.0);
        }
        self.pieces.begin(after_last - first);
        let mut at = first;
        while at < after_last {
            // An empty line in the stripped text is a run of two `\n` at least.
            let from = at;
            let mut hash = 0;
            while at < after_last && lines[at].start < lines[at].end {
                let line = &lines[at];
                let stripped = line.start.max(start)..line.end.min(end);
                let line_hash = match stripped == (line.start..line.end) {
                    true => copies.hashes()[at],
                    false => line_hash(&text.as_bytes()[stripped.start as usize..stripped.end as usize]),
                };
                hash = fold(hash ^ NEXT_LINE_KEY, line_hash ^ LINE_KEY);
                at += 1;
            }
            if from < at {
                self.pieces.add(hash, || {
                    let (from, to) = (lines[from].start.max(start), lines[at - 1].end.min(end));
                    text[from as usize..to as usize].chars().count()
                });
            }
            at += 1;
        }
        (
            self.pieces.duplicate_fraction(),
            share(self.pieces.num_duplicate_chars, segmentation.num_chars()),
        )
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
        let num_chars = document.segmentation().num_chars();
        let lines = Self::line_fractions(document);
        let paragraphs = self.paragraph_fractions(document);
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
