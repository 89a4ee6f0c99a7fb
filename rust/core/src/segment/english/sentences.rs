//! How many sentences a line has, as datatrove's C4 filter counts them: with spaCy's sentencizer.
//!
//! A sentence ends before the first token that is neither punctuation (general category P throughout) nor an end
//! mark itself, once an end mark has been met. White space other than one space is such a token, too.

use std::ops::Range;

use super::EnglishTokenizer;
use crate::segment::segmentation::Segmentation;
use crate::segment::segmenter::Segmenter;
use crate::segment::token_columns::{ALL_PUNCTUATION, ENDS_SENTENCE, TokenColumns};

/// Number of sentences of the line at those bytes of the text, from the text's tokens; at least 1.
///
/// The line must be one that `str.splitlines` gives, or such a line stripped. `tokens` are the indices of its
/// tokens, as [`TokenColumns::indices_in`] gives them.
///
/// ```
/// use gristmill_core::segment::{EnglishTokenizer, Segmentation, Segmenter, TokenColumns, num_sentences};
/// let text = "Dr. No comes at 5 p.m. (or so). \"He does!\"  Does he?";
/// let (mut segmentation, mut tokens) = (Segmentation::default(), TokenColumns::default());
/// Segmenter::default().segment(text, &mut segmentation);
/// EnglishTokenizer::default().tokenize(text, &segmentation, &mut tokens);
/// assert_eq!(num_sentences(text, 0..text.len(), &tokens, 0..tokens.num_tokens()), 3);
/// ```
pub fn num_sentences(text: &str, line: Range<usize>, columns: &TokenColumns, tokens: Range<usize>) -> usize {
    let (starts, ends, flags) = (columns.starts(), columns.ends(), columns.flags());
    let bytes = text.as_bytes();
    let (mut number, mut is_ended) = (1, false);
    let mut read = line.start;
    for index in tokens {
        let start = starts[index] as usize;
        if is_ended {
            let starts_sentence = flags[index] & (ALL_PUNCTUATION | ENDS_SENTENCE) == 0;
            if starts_sentence || has_space_token(bytes, read, start) {
                number += 1;
                is_ended = false;
            }
        }
        is_ended |= flags[index] & ENDS_SENTENCE != 0;
        read = ends[index] as usize;
    }
    number + usize::from(is_ended && has_space_token(bytes, read, line.end))
}

/// Whether spaCy makes a token of the white space between two tokens.
fn has_space_token(bytes: &[u8], start: usize, end: usize) -> bool {
    match end - start {
        0 => false,
        1 => bytes[start] != b' ',
        _ => true,
    }
}

/// The same for a line that is no part of a segmented text, such as one that has lost its citations.
pub fn num_sentences_of(
    line: &str,
    segmenter: &Segmenter,
    tokenizer: &mut EnglishTokenizer,
    segmentation: &mut Segmentation,
    columns: &mut TokenColumns,
) -> usize {
    segmenter.segment(line, segmentation);
    tokenizer.tokenize(line, segmentation, columns);
    num_sentences(line, 0..line.len(), columns, 0..columns.num_tokens())
}
