//! spaCy's English word tokens, as datatrove 0.10 sees them: those of `spacy.blank("en")`, white space dropped.
//!
//! # What a token is
//!
//! * The text is cut at white space. Each piece that is a *special case* (`exceptions.tsv`) has the tokens listed
//!   there.
//! * Else marks are peeled off its ends, one prefix and one suffix at a time, until nothing is left to peel or what
//!   is left is a special case: brackets, quotes, most marks, currencies, symbols; units after a digit; `'s`; a
//!   final `.` after lower case, a digit, a mark or two capitals.
//! * What is left stays whole if it looks like an internet address; else it is split at *infixes*: hyphens, `/`, `=`
//!   and the like between letters, operators between digits, runs of dots, symbols.
//! * Last, neighbouring tokens that spell a special case, such as `)` and `:`, are joined.
//!
//! # How it is fast
//!
//! The segmentation has already found white space, words and marks. Most pieces are one word, or one word and a few
//! ASCII marks: these need a filter of hashes (could it be a special case?) and a look at the marks, and stay as they
//! are; neighbours are copied together. Everything else takes the slow road of `chunk.rs`, which follows spaCy's own loop.
//!
//! Not the same as spaCy's: a text in which `IS_ALPHA` is a token, which spaCy cannot process and datatrove retries
//! without that string.

mod affixes;
mod characters;
mod chunk;
mod exceptions;
mod merges;
#[cfg(test)]
pub(crate) mod reference;
mod sentences;
#[cfg(test)]
mod tests;
mod url;

pub use sentences::{num_sentences, num_sentences_of};

use std::ops::Range;

use characters::{BEFORE_DOT, CHARACTERS, Characters, PREFIX, SUFFIX};
use exceptions::{EXCEPTIONS, Exceptions};

use super::segmentation::{HAS_LETTER, HAS_NUMBER, NON_ASCII, Segmentation};
use super::token_columns::TokenColumns;

/// Cuts texts into English tokens; holds scratch memory only, so make one and keep it.
#[derive(Default)]
pub struct EnglishTokenizer {
    /// Suffixes of the piece at hand, the outermost first.
    suffixes: Vec<(usize, usize)>,
    /// Indices of tokens that may start a special case together with the next ones.
    candidates: Vec<u32>,
    merges: merges::Merges,
    /// Of tokens that wait to be copied, those with other flags than the segmentation's: index there, and flags.
    other_flags: Vec<(u32, u8)>,
}

/// What one call works with.
struct Work<'w> {
    text: &'w str,
    segmentation: &'w Segmentation,
    characters: &'static Characters,
    exceptions: &'static Exceptions,
}

impl EnglishTokenizer {
    /// Writes the tokens of `text` into `into`, whose earlier content is forgotten.
    ///
    /// `segmentation` must be that of the text.
    ///
    /// ```
    /// use gristmill_core::segment::{EnglishTokenizer, Segmentation, Segmenter, TokenColumns};
    /// let text = "Don't (she said) use e.g. 5km, 2-3 well-known U.S. sites like x.org!";
    /// let (mut segmentation, mut tokens) = (Segmentation::default(), TokenColumns::default());
    /// Segmenter::default().segment(text, &mut segmentation);
    /// EnglishTokenizer::default().tokenize(text, &segmentation, &mut tokens);
    /// let tokens: Vec<&str> = (0..tokens.num_tokens()).map(|index| tokens.token(text, index)).collect();
    /// assert_eq!(
    ///     tokens.join(" "),
    ///     "Do n't ( she said ) use e.g. 5 km , 2 - 3 well - known U.S. sites like x.org !"
    /// );
    /// ```
    pub fn tokenize(&mut self, text: &str, segmentation: &Segmentation, into: &mut TokenColumns) {
        self.tokenize_lines(text, segmentation, 0..segmentation.lines().len(), into);
    }

    /// The same for some of the lines.
    pub(crate) fn tokenize_lines(
        &mut self,
        text: &str,
        segmentation: &Segmentation,
        lines: Range<usize>,
        into: &mut TokenColumns,
    ) {
        into.clear();
        self.candidates.clear();
        let work = Work {
            text,
            segmentation,
            characters: &CHARACTERS,
            exceptions: &EXCEPTIONS,
        };
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let first_token_of = |line: usize| match segmentation.lines().get(line) {
            Some(line) => line.first_token as usize,
            None => starts.len(),
        };
        let mut first = first_token_of(lines.start);
        // Tokens of the segmentation from this one on stay as they are, and wait to be copied together.
        let mut waiting = first;
        self.other_flags.clear();
        for line in lines {
            into.push_line_at(into.num_tokens() + (first - waiting));
            let end_of_line = first_token_of(line + 1);
            while first < end_of_line {
                let mut next = first + 1;
                while next < end_of_line && starts[next] == ends[next - 1] {
                    next += 1;
                }
                if !work.is_plain(first, next, &mut self.other_flags) {
                    into.extend_from_segmentation(segmentation, waiting..first, &self.other_flags);
                    self.other_flags.clear();
                    self.chunk(text, starts[first] as usize, ends[next - 1] as usize, into);
                    waiting = next;
                }
                first = next;
            }
        }
        into.extend_from_segmentation(segmentation, waiting..first, &self.other_flags);
        if !self.candidates.is_empty() {
            self.merges.apply(text, &self.candidates, into);
        }
    }
}

impl Work<'_> {
    /// Whether the tokens of the piece are those of the segmentation, `first..next`, for the most frequent forms. Pushes the
    /// flags of those that are not words.
    #[inline(always)]
    fn is_plain(&self, first: usize, next: usize, other_flags: &mut Vec<(u32, u8)>) -> bool {
        let hashes = self.segmentation.hashes();
        if next - first == 1 {
            if self.is_plain_word(first) {
                let hash = hashes[first];
                return !self.exceptions.strings().may_have(hash) || !self.is_exception(first, hash);
            }
            return self.is_character(first, other_flags);
        }
        if next - first > 4 {
            return false;
        }
        let pairs = self.exceptions.active_pairs();
        let word = match self.mark(first) {
            None => first,
            Some(b'+' | b'.') => return false,
            Some(mark) if self.bits(mark) & PREFIX != 0 => first + 1,
            _ => return false,
        };
        if !self.is_plain_word(word) || self.exceptions.words().may_have(hashes[word]) {
            return false;
        }
        // At most two marks behind the word.
        match next - word {
            1 => {}
            2 => {
                let Some(mark) = self.mark(word + 1) else {
                    return false;
                };
                if !self.is_suffix_of_word(mark, word) {
                    return false;
                }
            }
            3 => {
                let (Some(inner), Some(outer)) = (self.mark(word + 1), self.mark(word + 2)) else {
                    let is_hyphenated = first == word && self.is_hyphenated(word);
                    if is_hyphenated {
                        other_flags.push((word as u32 + 1, self.characters.flags_of_ascii(b'-')));
                    }
                    return is_hyphenated;
                };
                let outer_is_suffix = match outer {
                    b'.' => inner != b'.' && self.bits(inner) & BEFORE_DOT != 0,
                    _ => self.bits(outer) & SUFFIX != 0,
                };
                if !outer_is_suffix || !self.is_suffix_of_word(inner, word) || pairs.may_start(inner, outer) {
                    return false;
                }
            }
            _ => return false,
        }
        let bytes = self.text.as_bytes();
        for index in (first..word).chain(word + 1..next) {
            let mark = bytes[self.segmentation.starts()[index] as usize];
            other_flags.push((index as u32, self.characters.flags_of_ascii(mark)));
        }
        true
    }

    /// Whether the token is one character, which is a token, whatever it is.
    fn is_character(&self, index: usize, other_flags: &mut Vec<(u32, u8)>) -> bool {
        let is_one = self.segmentation.char_counts()[index] == 1;
        if is_one {
            let start = self.segmentation.starts()[index] as usize;
            let flags = chunk::flags_of(self.characters.at(self.text, start).0);
            other_flags.push((index as u32, flags));
        }
        is_one
    }

    fn is_exception(&self, index: usize, hash: u64) -> bool {
        let string = self.segmentation.token(self.text, index);
        self.exceptions.get_hashed(hash, string).is_some()
    }

    /// Whether the piece is two words with a hyphen in between.
    fn is_hyphenated(&self, word: usize) -> bool {
        let (flags, words) = (self.segmentation.flags(), self.exceptions.words());
        let hashes = self.segmentation.hashes();
        let other = word + 2;
        self.mark(word + 1) == Some(b'-')
            && self.is_plain_word(other)
            && (flags[word] | flags[other]) & HAS_NUMBER == 0
            && !words.may_have(hashes[other])
    }

    /// Whether the token is an ASCII word without affixes.
    #[inline(always)]
    fn is_plain_word(&self, index: usize) -> bool {
        let flags = self.segmentation.flags()[index];
        if flags & (HAS_LETTER | HAS_NUMBER) == 0 || flags & NON_ASCII != 0 {
            return false;
        }
        let bytes = self.text.as_bytes();
        let first = bytes[self.segmentation.starts()[index] as usize];
        let last = bytes[self.segmentation.ends()[index] as usize - 1];
        // A word with a number that ends with a letter may end with a unit.
        first != b'_' && last != b'_' && (flags & HAS_NUMBER == 0 || last.is_ascii_digit())
    }

    /// The ASCII mark that the token is.
    #[inline(always)]
    fn mark(&self, index: usize) -> Option<u8> {
        let start = self.segmentation.starts()[index];
        let byte = self.text.as_bytes()[start as usize];
        let is_mark =
            byte < 0x80 && !byte.is_ascii_alphanumeric() && self.segmentation.ends()[index] - start == 1;
        is_mark.then_some(byte)
    }

    /// Whether a mark right behind a plain word is a suffix.
    #[inline(always)]
    fn is_suffix_of_word(&self, mark: u8, word: usize) -> bool {
        let bytes = &self.text.as_bytes()[..self.segmentation.ends()[word] as usize];
        match mark {
            b'.' => match *bytes {
                [.., before, last] if last.is_ascii_uppercase() => {
                    before.is_ascii_uppercase() && self.segmentation.char_counts()[word] > 1
                }
                [.., last] => self.bits(last) & BEFORE_DOT != 0,
                [] => false,
            },
            _ => self.bits(mark) & SUFFIX != 0,
        }
    }

    #[inline(always)]
    fn bits(&self, byte: u8) -> u16 {
        self.characters.of(u32::from(byte))
    }
}
