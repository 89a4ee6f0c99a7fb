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
    let (mut number, mut next) = (1, tokens.start);
    // From end mark to end mark; what lies between is only looked at for one.
    while let Some(offset) = flags[next..tokens.end]
        .iter()
        .position(|flags| flags & ENDS_SENTENCE != 0)
    {
        let mut read = ends[next + offset] as usize;
        next += offset + 1;
        loop {
            if next == tokens.end {
                return number + usize::from(has_space_token(bytes, read, line.end));
            }
            let starts_sentence = flags[next] & (ALL_PUNCTUATION | ENDS_SENTENCE) == 0;
            if starts_sentence || has_space_token(bytes, read, starts[next] as usize) {
                number += 1;
                break;
            }
            read = ends[next] as usize;
            next += 1;
        }
    }
    number
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
