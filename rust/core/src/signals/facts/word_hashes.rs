//! A hash for each word between white space, from the hashes of its tokens.

use crate::segment::{Segmentation, Segmenter, fold, is_white_space};
use crate::signals::Document;

const NEXT_TOKEN_KEY: u64 = 0x9e37_79b9_7f4a_7c15;

/// Overwrites `into` with a hash for each of the document's [`Document::space_words`].
///
/// Tokens follow from the characters, so equal words have equal tokens; a word of one token has that token's hash.
/// Cost: one pass over the tokens.
pub(crate) fn fill_word_hashes(document: Document<'_>, into: &mut Vec<u64>) {
    into.clear();
    let hashes = document.segmentation().hashes();
    let first_tokens = document.space_words().first_tokens();
    let ends = first_tokens
        .iter()
        .skip(1)
        .map(|&token| token as usize)
        .chain([hashes.len()]);
    into.extend(
        first_tokens
            .iter()
            .zip(ends)
            .map(|(&first, end)| combine(&hashes[first as usize..end])),
    );
}

/// The hash of one word by itself; none if white space is part of it, which no word has.
pub(crate) fn word_hash(word: &str) -> Option<u64> {
    if word.is_empty() || word.contains(is_white_space) {
        return None;
    }
    let mut segmentation = Segmentation::default();
    Segmenter::default().segment(word, &mut segmentation);
    Some(combine(segmentation.hashes()))
}

#[inline(always)]
fn combine(tokens: &[u64]) -> u64 {
    let (first, others) = tokens.split_first().expect("a word has a token");
    others
        .iter()
        .fold(*first, |hash, &token| fold(hash ^ NEXT_TOKEN_KEY, token))
}
