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
//! ASCII marks: these need a filter of hashes (could it be a special case?) and a look at the marks, and take hash
//! and flags over. Everything else takes the slow road of `chunk.rs`, which follows spaCy's own loop.
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
use super::token_columns::{Token, TokenColumns};

/// Cuts texts into English tokens; holds scratch memory only, so make one and keep it.
#[derive(Default)]
pub struct EnglishTokenizer {
    /// Suffixes of the piece at hand, the outermost first.
    suffixes: Vec<(usize, usize)>,
    /// Indices of tokens that may start a special case together with the next ones.
    candidates: Vec<u32>,
    merges: merges::Merges,
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
        for line in lines {
            into.push_line();
            let end_of_line = first_token_of(line + 1);
            while first < end_of_line {
                let mut next = first + 1;
                while next < end_of_line && starts[next] == ends[next - 1] {
                    next += 1;
                }
                if !work.take_plain(first, next, into) {
                    self.chunk(text, starts[first] as usize, ends[next - 1] as usize, into);
                }
                first = next;
            }
        }
        if !self.candidates.is_empty() {
            self.merges.apply(text, &self.candidates, into);
        }
    }
}

impl Work<'_> {
    /// Takes the piece of the segmentation's tokens `first..next` if it is of one of the most frequent forms.
    #[inline(always)]
    fn take_plain(&self, first: usize, next: usize, into: &mut TokenColumns) -> bool {
        let hashes = self.segmentation.hashes();
        if next - first == 1 {
            if self.is_plain_word(first) {
                let hash = hashes[first];
                if self.exceptions.strings().may_have(hash) && self.is_exception(first, hash) {
                    return false;
                }
                into.push(self.word(first));
                return true;
            }
            return self.take_character(first, into);
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
                    return first == word && self.take_hyphenated(word, into);
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
        for index in first..next {
            match self.mark(index) {
                Some(mark) if index != word => into.push(self.mark_token(index, mark)),
                _ => into.push(self.word(index)),
            }
        }
        true
    }

    /// Takes one character, which is a token, whatever it is.
    fn take_character(&self, index: usize, into: &mut TokenColumns) -> bool {
        let is_one = self.segmentation.char_counts()[index] == 1;
        if is_one {
            let start = self.segmentation.starts()[index] as usize;
            let flags = chunk::flags_of(self.characters.at(self.text, start).0);
            into.push(Token {
                flags,
                ..self.word(index)
            });
        }
        is_one
    }

    fn is_exception(&self, index: usize, hash: u64) -> bool {
        let string = self.segmentation.token(self.text, index);
        self.exceptions.get_hashed(hash, string).is_some()
    }

    /// Takes two words with a hyphen in between.
    fn take_hyphenated(&self, word: usize, into: &mut TokenColumns) -> bool {
        let (flags, words) = (self.segmentation.flags(), self.exceptions.words());
        let hashes = self.segmentation.hashes();
        let other = word + 2;
        let is_hyphenated = self.mark(word + 1) == Some(b'-')
            && self.is_plain_word(other)
            && (flags[word] | flags[other]) & HAS_NUMBER == 0
            && !words.may_have(hashes[other]);
        if is_hyphenated {
            into.push(self.word(word));
            into.push(self.mark_token(word + 1, b'-'));
            into.push(self.word(other));
        }
        is_hyphenated
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

    /// An ASCII word of the segmentation as it is.
    #[inline(always)]
    fn word(&self, index: usize) -> Token {
        Token {
            start: self.segmentation.starts()[index],
            end: self.segmentation.ends()[index],
            hash: self.segmentation.hashes()[index],
            num_chars: self.segmentation.char_counts()[index],
            flags: self.segmentation.flags()[index],
        }
    }

    /// A mark of the segmentation as it is.
    #[inline(always)]
    fn mark_token(&self, index: usize, mark: u8) -> Token {
        Token {
            flags: chunk::flags_of(self.bits(mark)),
            ..self.word(index)
        }
    }
}
