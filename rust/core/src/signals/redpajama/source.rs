//! What the pass reads: a text, its tokens, and what the segmentation knows of those that are ASCII words.

use std::ops::Range;

use super::counts::RawCounts;
use super::word_set::WordSet;
use crate::segment::{HAS_LETTER, HAS_NUMBER, HAS_UPPER};
use crate::signals::Document;
use crate::signals::facts::WordIds;

/// A normalised word that has something.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalWord {
    /// Its number: that of the token in lower case, where there is one.
    pub(super) id: u32,
    /// Characters (Unicode scalar values), of which a letter with an accent has two.
    pub(super) num_chars: u32,
    /// Characters with a numeric value.
    pub(super) num_numeric: u32,
}

/// One text and its columns, all of one length.
pub(super) struct Source<'d> {
    pub(super) text: &'d str,
    pub(super) starts: &'d [u32],
    pub(super) ends: &'d [u32],
    pub(super) flags: &'d [u8],
    pub(super) hashes: &'d [u64],
    pub(super) char_counts: &'d [u32],
    /// Of each token.
    pub(super) ids: &'d [u32],
    /// Of each word between white space.
    pub(super) first_tokens: &'d [u32],
    /// Likewise: the token that is all of it but marks, or what else it is.
    pub(super) plain: &'d [u32],
    pub(super) words: &'d WordIds,
    pub(super) stop_words: &'d WordSet,
}

impl<'d> Source<'d> {
    pub(super) fn new(document: Document<'d>, stop_words: &'d WordSet) -> Self {
        let (segmentation, words) = (document.segmentation(), document.word_ids());
        let num_tokens = segmentation.num_tokens();
        Self {
            text: document.text(),
            starts: segmentation.starts(),
            ends: &segmentation.ends()[..num_tokens],
            flags: &segmentation.flags()[..num_tokens],
            hashes: &segmentation.hashes()[..num_tokens],
            char_counts: &segmentation.char_counts()[..num_tokens],
            ids: &words.of_tokens()[..num_tokens],
            first_tokens: document.space_words().first_tokens(),
            plain: document.plain_words().tokens(),
            words,
            stop_words,
        }
    }

    #[inline(always)]
    pub(super) fn bytes_of(&self, token: usize) -> &'d [u8] {
        &self.text.as_bytes()[self.starts[token] as usize..self.ends[token] as usize]
    }

    /// The text of tokens that touch, or of a line's.
    pub(super) fn stretch(&self, tokens: Range<usize>) -> &'d str {
        &self.text[self.starts[tokens.start] as usize..self.ends[tokens.end - 1] as usize]
    }

    /// The tokens of a word between white space.
    #[inline(always)]
    pub(super) fn tokens_of(&self, word: usize) -> Range<usize> {
        let next = self.first_tokens.get(word + 1);
        self.first_tokens[word] as usize..next.map_or(self.starts.len(), |&next| next as usize)
    }

    /// Whether a token outside ASCII is a character from U+2000 to U+203F, such as a curly quote, a dash or an
    /// ellipsis: those that are not white space belong to no word, have no case and no other form.
    pub(super) fn is_general_punctuation(&self, token: usize) -> bool {
        matches!(self.bytes_of(token), [0xe2, 0x80, _])
    }

    pub(super) fn underscore_from(&self, start: usize) -> usize {
        let rest = &self.text.as_bytes()[start..];
        memchr::memchr(b'_', rest).map_or(usize::MAX, |at| start + at)
    }

    /// Counts a token that is an ASCII word as a raw word; `is_stop` says of each number whether it is a stop word.
    #[inline(always)]
    pub(super) fn count_word(&self, token: usize, is_stop: &[u8], counts: &mut RawCounts) {
        if self.count_as_lower(token, is_stop, counts) {
            self.count_upper(token, counts);
        }
    }

    /// The same but for what capitals are asked for; returns whether the word has any.
    #[inline(always)]
    pub(super) fn count_as_lower(&self, token: usize, is_stop: &[u8], counts: &mut RawCounts) -> bool {
        let flags = self.flags[token];
        let has_upper = flags & HAS_UPPER != 0;
        counts.num_alphabetic += usize::from(flags & HAS_LETTER != 0);
        counts.num_stop_words += usize::from(is_stop[self.ids[token] as usize] & u8::from(!has_upper));
        has_upper
    }

    /// Counts what is left out by [`Self::count_as_lower`].
    #[inline(always)]
    pub(super) fn count_upper(&self, token: usize, counts: &mut RawCounts) {
        let word = self.starts[token] as usize..self.ends[token] as usize;
        counts.num_all_caps += usize::from(!has_lower(self.text.as_bytes(), word));
        if self.stop_words.has_upper() {
            counts.num_stop_words += usize::from(self.stop_words.contains(self.hashes[token]));
        }
    }

    /// The normal form of an ASCII word without `_`.
    #[inline(always)]
    pub(super) fn normal_word(&self, token: usize) -> NormalWord {
        NormalWord {
            id: self.ids[token],
            num_chars: self.char_counts[token],
            num_numeric: match self.flags[token] & HAS_NUMBER {
                0 => 0,
                _ => count_digits(self.bytes_of(token)),
            },
        }
    }
}

/// Whether an ASCII word has a lower-case letter; eight bytes at a time.
#[inline(always)]
fn has_lower(text: &[u8], word: Range<usize>) -> bool {
    const EACH: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x80 * EACH;
    // Adding 0x80 - c to a byte below 0x80 sets its high bit exactly when it is >= c.
    let at_least = |block: u64, letter: u8| block + u64::from(0x80 - letter) * EACH;
    let (mut lower, mut position) = (0, word.start);
    while position < word.end {
        let block = match text[position..].first_chunk() {
            Some(block) => u64::from_le_bytes(*block),
            // At the end of the text.
            None => text[position..]
                .iter()
                .rfold(0, |block, &byte| block << 8 | u64::from(byte)),
        };
        let num_behind = 8 - (word.end - position).min(8);
        let block = block & u64::MAX >> (8 * num_behind);
        lower |= at_least(block, b'a') & !at_least(block, b'z' + 1) & HIGH;
        position += 8;
    }
    lower != 0
}

pub(super) fn count_digits(word: &[u8]) -> u32 {
    word.iter().map(|byte| u32::from(byte.is_ascii_digit())).sum()
}
