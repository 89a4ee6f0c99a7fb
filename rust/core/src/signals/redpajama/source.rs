//! What the pass reads: a text, its tokens, and what the segmentation knows of those that are ASCII words.

use std::ops::Range;

use super::counts::RawCounts;
use super::word_set::WordSet;
use crate::segment::{HAS_LETTER, HAS_NUMBER, HAS_UPPER, NON_ASCII, Segmentation};
use crate::signals::Document;

/// A normalised word that has something.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalWord {
    pub(super) hash: u64,
    /// Characters (Unicode scalar values), of which a letter with an accent has two.
    pub(super) num_chars: u32,
    /// Characters with a numeric value.
    pub(super) num_numeric: u32,
}

/// One text and its columns, all of one length.
pub(super) struct Source<'d> {
    pub(super) text: &'d str,
    pub(super) segmentation: &'d Segmentation,
    pub(super) starts: &'d [u32],
    pub(super) ends: &'d [u32],
    pub(super) flags: &'d [u8],
    pub(super) hashes: &'d [u64],
    pub(super) char_counts: &'d [u32],
    pub(super) stop_words: &'d WordSet,
}

impl<'d> Source<'d> {
    pub(super) fn new(document: Document<'d>, stop_words: &'d WordSet) -> Self {
        let segmentation = document.segmentation();
        let num_tokens = segmentation.num_tokens();
        Self {
            text: document.text(),
            segmentation,
            starts: segmentation.starts(),
            ends: &segmentation.ends()[..num_tokens],
            flags: &segmentation.flags()[..num_tokens],
            hashes: &segmentation.hashes()[..num_tokens],
            char_counts: &segmentation.char_counts()[..num_tokens],
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

    /// Whether a token is the last of its word: white space is never part of a token, so tokens that touch are one
    /// word.
    #[inline(always)]
    pub(super) fn ends_word(&self, token: usize) -> bool {
        self.starts.get(token + 1).copied().unwrap_or(u32::MAX) != self.ends[token]
    }

    /// Whether a token is a mark of ASCII punctuation that ends its word; control characters, which stay in
    /// normalised words, are none.
    #[inline(always)]
    pub(super) fn is_last_mark(&self, token: usize) -> bool {
        let first = self.text.as_bytes()[self.starts[token] as usize];
        (self.flags[token] & NON_ASCII == 0) & first.is_ascii_punctuation() & self.ends_word(token)
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

    /// Counts a token that is an ASCII word as a raw word; returns its upper-case letters.
    #[inline(always)]
    pub(super) fn count_word(&self, token: usize, counts: &mut RawCounts) -> u32 {
        let flags = self.flags[token];
        counts.num_words += 1;
        counts.num_alphabetic += usize::from(flags & HAS_LETTER != 0);
        counts.num_stop_words += usize::from(self.stop_words.contains(self.hashes[token]));
        counts.is_in_sentence = true;
        if flags & HAS_UPPER == 0 {
            return 0;
        }
        let (num_upper, num_lower) = count_cases(
            self.text.as_bytes(),
            self.starts[token] as usize..self.ends[token] as usize,
        );
        counts.num_all_caps += usize::from(num_lower == 0);
        num_upper
    }

    /// The normal form of an ASCII word without `_`.
    #[inline(always)]
    pub(super) fn normal_word(&self, token: usize) -> NormalWord {
        let flags = self.flags[token];
        NormalWord {
            hash: match flags & HAS_UPPER {
                0 => self.hashes[token],
                // An ASCII token needs no buffer.
                _ => self.segmentation.lower_hash(self.text, token, &mut String::new()),
            },
            num_chars: self.char_counts[token],
            num_numeric: match flags & HAS_NUMBER {
                0 => 0,
                _ => count_digits(self.bytes_of(token)),
            },
        }
    }
}

/// Upper-case and lower-case letters of an ASCII word, eight at a time.
#[inline(always)]
fn count_cases(text: &[u8], word: Range<usize>) -> (u32, u32) {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // Adding 0x80 - c to a byte below 0x80 sets its high bit exactly when it is >= c.
    let within = |block: u64, first: u8, last: u8| {
        let at_least = |letter: u8| block + u64::from(0x80 - letter) * EACH;
        let each = (at_least(first) & !at_least(last + 1)) >> 7 & EACH;
        (each.wrapping_mul(EACH) >> 56) as u32
    };
    let (mut num_upper, mut num_lower, mut position) = (0, 0, word.start);
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
        num_upper += within(block, b'A', b'Z');
        num_lower += within(block, b'a', b'z');
        position += 8;
    }
    (num_upper, num_lower)
}

pub(super) fn count_digits(word: &[u8]) -> u32 {
    word.iter().map(|byte| u32::from(byte.is_ascii_digit())).sum()
}
