//! The slow road: one piece between white space, as spaCy's `_split_affixes` and `_attach_tokens` treat it.

use super::EnglishTokenizer;
use super::affixes::{infix_length, prefix_length, suffix_length};
use super::characters::{self, CHARACTERS};
use super::exceptions::{EXCEPTIONS, Exception};
use super::url::is_address;
use crate::segment::hash_bytes;
use crate::segment::segmentation::{ALL_SYMBOLS, HAS_LETTER};
use crate::segment::token_columns::{ALL_PUNCTUATION, ENDS_SENTENCE, Token, TokenColumns};

impl EnglishTokenizer {
    /// Pushes the tokens of `text[start..end]`, which has no white space and isn't empty.
    pub(super) fn chunk(&mut self, text: &str, start: usize, end: usize, into: &mut TokenColumns) {
        let first_token = into.num_tokens();
        self.split_affixes(text, start, end, into);
        self.note_candidates(text, first_token, into);
    }

    fn split_affixes(&mut self, text: &str, start: usize, end: usize, into: &mut TokenColumns) {
        let exceptions = &*EXCEPTIONS;
        let (mut start, mut end) = (start, end);
        self.suffixes.clear();
        let mut special = None;
        while start < end {
            special = exceptions.get(&text[start..end]);
            if special.is_some() {
                break;
            }
            let prefix = prefix_length(text, start, end);
            let after_prefix = start + prefix;
            if prefix > 0 {
                special = exceptions.get(&text[after_prefix..end]);
                if special.is_some() {
                    into.push(token(text, start, after_prefix));
                    start = after_prefix;
                    break;
                }
            }
            let suffix = suffix_length(text, after_prefix, end);
            let before_suffix = end - suffix;
            if suffix > 0 {
                special = exceptions.get(&text[start..before_suffix]);
                if special.is_some() {
                    self.suffixes.push((before_suffix, end));
                    end = before_suffix;
                    break;
                }
            }
            if prefix > 0 {
                into.push(token(text, start, after_prefix));
                start = after_prefix;
            }
            if suffix > 0 {
                self.suffixes.push((before_suffix, end));
                end = before_suffix;
            }
            if prefix + suffix == 0 {
                break;
            }
        }
        match special {
            Some(exception) => push_exception(text, start, exception, into),
            None if start == end => {}
            None if is_address(&text[start..end]) => into.push(token(text, start, end)),
            None => split_infixes(text, start, end, into),
        }
        for &(start, end) in self.suffixes.iter().rev() {
            into.push(token(text, start, end));
        }
    }

    /// Remembers where tokens of the piece may spell a special case together.
    fn note_candidates(&mut self, text: &str, first_token: usize, into: &TokenColumns) {
        // Two tokens that spell one are the whole piece, and that was looked up.
        if into.num_tokens() < first_token + 3 {
            return;
        }
        let (bytes, pairs) = (text.as_bytes(), EXCEPTIONS.active_pairs());
        let starts = &into.starts()[first_token..];
        for (index, pair) in starts.windows(2).enumerate() {
            if pairs.may_start(bytes[pair[0] as usize], bytes[pair[1] as usize]) {
                self.candidates.push((first_token + index) as u32);
            }
        }
    }
}

/// Pushes the tokens of a special case that starts at that byte.
pub(super) fn push_exception(text: &str, start: usize, exception: &Exception, into: &mut TokenColumns) {
    let mut start = start;
    for part in &exception.tokens {
        into.push(token(text, start, start + part.len()));
        start += part.len();
    }
}

fn split_infixes(text: &str, start: usize, end: usize, into: &mut TokenColumns) {
    let bytes = text.as_bytes();
    let (mut read, mut position) = (start, start);
    while position < end {
        let byte = bytes[position];
        if !MAY_BE_INFIX[usize::from(byte)] {
            position += 1;
            continue;
        }
        let length = infix_length(text, start, end, position);
        // spaCy passes over an infix at the very start.
        if length > 0 && position > start {
            if read < position {
                into.push(token(text, read, position));
            }
            read = position + length;
            into.push(token(text, position, read));
        }
        position += if length > 0 {
            length
        } else {
            CHARACTERS.at(text, position).1
        };
    }
    if read < end {
        into.push(token(text, read, end));
    }
}

/// Bytes with which infixes start.
const MAY_BE_INFIX: [bool; 256] = {
    let mut table = [false; 256];
    let marks = *b".,+-*^~:<>=/";
    let mut index = 0;
    while index < marks.len() {
        table[marks[index] as usize] = true;
        index += 1;
    }
    let mut lead = 0xc2;
    while lead < 256 {
        table[lead] = true;
        lead += 1;
    }
    table
};

/// The row of a token.
pub(super) fn token(text: &str, start: usize, end: usize) -> Token {
    let part = &text[start..end];
    let (mut num_chars, mut any, mut all) = (0, 0, u16::MAX);
    for character in part.chars() {
        let bits = CHARACTERS.of(u32::from(character));
        num_chars += 1;
        any |= bits;
        all &= bits;
    }
    if num_chars > 1 {
        all &= !characters::ENDS_SENTENCE;
    }
    Token {
        start: start as u32,
        end: end as u32,
        hash: hash_bytes(part.as_bytes()),
        num_chars,
        flags: flags_of(all & !characters::LETTER | any & characters::LETTER),
    }
}

/// The flags of a token, from the bits of its characters: of any for letters, of all for the rest.
#[inline(always)]
pub(super) fn flags_of(bits: u16) -> u8 {
    let mut flags = 0;
    for (bit, flag) in [
        (characters::LETTER, HAS_LETTER),
        (characters::SYMBOL, ALL_SYMBOLS),
        (characters::PUNCTUATION, ALL_PUNCTUATION),
        (characters::ENDS_SENTENCE, ENDS_SENTENCE),
    ] {
        flags |= if bits & bit != 0 { flag } else { 0 };
    }
    flags
}
