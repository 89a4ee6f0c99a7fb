//! What spaCy's regular expressions, its sentencizer, datatrove and Python make of a character.
//! `bench/parity/english/tables.py` writes the table.

use super::chunk::flags_of;
use std::sync::LazyLock;

/// A prefix on its own (`+` only if no digit follows).
pub(super) const PREFIX: u16 = 1;
/// A suffix on its own (`.` only by further rules).
pub(super) const SUFFIX: u16 = 1 << 1;
/// A final `.` after it is a suffix.
pub(super) const BEFORE_DOT: u16 = 1 << 2;
/// spaCy's `ALPHA_LOWER`, scripts without case included.
pub(super) const LOWER: u16 = 1 << 3;
/// spaCy's `ALPHA_UPPER`, scripts without case included.
pub(super) const UPPER: u16 = 1 << 4;
/// spaCy's `ALPHA`.
pub(super) const ALPHA: u16 = 1 << 5;
/// spaCy's `CONCAT_QUOTES`.
pub(super) const QUOTE: u16 = 1 << 6;
/// spaCy's `CONCAT_ICONS`.
pub(super) const ICON: u16 = 1 << 7;
/// `\d` of Python's regular expressions.
pub(super) const DIGIT: u16 = 1 << 8;
/// `\w` of Python's regular expressions.
pub(super) const WORD: u16 = 1 << 9;
/// Python's `str.isalpha`.
pub(super) const LETTER: u16 = 1 << 10;
/// datatrove's `PUNCTUATION_SET`.
pub(super) const SYMBOL: u16 = 1 << 11;
/// General category P.
pub(super) const PUNCTUATION: u16 = 1 << 12;
/// The sentencizer's `default_punct_chars`.
pub(super) const ENDS_SENTENCE: u16 = 1 << 13;
/// A suffix after an ASCII digit: `+`, currencies and units of one character.
pub(super) const AFTER_DIGIT: u16 = 1 << 14;

/// The table of all characters: 128 KiB for the basic plane, ranges beyond it.
pub(super) struct Characters {
    basic_plane: Box<[u16]>,
    /// First and last code point, bits; sorted.
    beyond: Vec<(u32, u32, u16)>,
    /// Flags of tokens that are one ASCII character.
    ascii_flags: [u8; 128],
}

/// Shared by all tokenizers; made when the first one is.
pub(super) static CHARACTERS: LazyLock<Characters> = LazyLock::new(Characters::new);

impl Characters {
    fn new() -> Self {
        let mut basic_plane = vec![0; 0x1_0000];
        let mut beyond = Vec::new();
        for line in include_str!("characters.tsv").lines().skip(1) {
            let mut numbers = line
                .split('\t')
                .map(|number| u32::from_str_radix(number, 16).expect("the table is in base 16"));
            let mut next = || numbers.next().expect("a row has three numbers");
            let (first, last, bits) = (next(), next(), next() as u16);
            for code in first..=last.min(0xffff) {
                basic_plane[code as usize] = bits;
            }
            if last > 0xffff {
                beyond.push((first.max(0x1_0000), last, bits));
            }
        }
        Self {
            ascii_flags: std::array::from_fn(|code| flags_of(basic_plane[code])),
            basic_plane: basic_plane.into(),
            beyond,
        }
    }

    /// Flags of the token that is this ASCII character.
    #[inline(always)]
    pub(super) fn flags_of_ascii(&self, byte: u8) -> u8 {
        self.ascii_flags[usize::from(byte & 0x7f)]
    }

    /// The bits of a code point.
    #[inline(always)]
    pub(super) fn of(&self, code: u32) -> u16 {
        match self.basic_plane.get(code as usize) {
            Some(&bits) => bits,
            None => self.of_beyond(code),
        }
    }

    #[cold]
    fn of_beyond(&self, code: u32) -> u16 {
        let index = self.beyond.partition_point(|range| range.1 < code);
        match self.beyond.get(index) {
            Some(&(first, _, bits)) if first <= code => bits,
            _ => 0,
        }
    }

    /// Bits and length in bytes of the character that starts at that byte, which must be within the text.
    #[inline(always)]
    pub(super) fn at(&self, text: &str, position: usize) -> (u16, usize) {
        let byte = text.as_bytes()[position];
        if byte < 0x80 {
            return (self.basic_plane[usize::from(byte)], 1);
        }
        match text[position..].chars().next() {
            Some(character) => (self.of(u32::from(character)), character.len_utf8()),
            None => (0, 1),
        }
    }

    /// Bits and length in bytes of the character that ends before that byte; a length of 0 at the start.
    #[inline(always)]
    pub(super) fn before(&self, text: &str, position: usize) -> (u16, usize) {
        match position.checked_sub(1).map(|last| text.as_bytes()[last]) {
            None => (0, 0),
            Some(byte @ 0..0x80) => (self.basic_plane[usize::from(byte)], 1),
            Some(_) => match text[..position].chars().next_back() {
                Some(character) => (self.of(u32::from(character)), character.len_utf8()),
                None => (0, 0),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::is_symbol;

    #[test]
    fn classes_are_those_of_spacy() {
        for (character, bits) in [
            ('a', LOWER | ALPHA | WORD | LETTER | BEFORE_DOT),
            ('Ö', UPPER | ALPHA | WORD | LETTER),
            ('5', BEFORE_DOT | DIGIT | WORD),
            ('(', PREFIX | SUFFIX | BEFORE_DOT | SYMBOL | PUNCTUATION),
            ('|', BEFORE_DOT | SYMBOL),
            ('😀', PREFIX | SUFFIX | ICON),
            ('\u{10ffff}', 0),
        ] {
            assert_eq!(CHARACTERS.of(u32::from(character)), bits, "{character}");
        }
    }

    #[test]
    fn symbols_are_those_of_the_segmentation() {
        for character in '\0'..=char::MAX {
            let is_one = CHARACTERS.of(u32::from(character)) & SYMBOL != 0;
            assert_eq!(is_one, is_symbol(character), "{character:?}");
        }
    }
}
