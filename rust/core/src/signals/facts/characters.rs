//! How many characters of each kind a text has: letters and spaces are counted 64 bytes at a time, the others one by one.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};
use crate::segment::{CharacterClass, Classes};

/// Counts of one text's characters (Unicode scalar values).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CharacterCounts {
    /// How often each ASCII character occurs; 0 for letters.
    ascii: [u32; 128],
    /// ASCII letters.
    num_lower: u32,
    num_upper: u32,
    others: Others,
}

/// Characters outside ASCII.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Others {
    number: u32,
    letters: u32,
    /// Letters and numbers.
    alphanumeric: u32,
    white_space: u32,
}

impl Default for CharacterCounts {
    fn default() -> Self {
        Self {
            ascii: [0; 128],
            num_lower: 0,
            num_upper: 0,
            others: Others::default(),
        }
    }
}

impl CharacterCounts {
    /// How often an ASCII character occurs that is no letter.
    pub(crate) fn of_ascii(&self, character: u8) -> usize {
        debug_assert!(!character.is_ascii_alphabetic(), "letters are not told apart");
        self.ascii[usize::from(character & 0x7f)] as usize
    }

    /// How often any of those characters occurs, each of which is ASCII and no letter.
    pub(crate) fn of_any(&self, characters: &[u8]) -> usize {
        characters.iter().map(|&character| self.of_ascii(character)).sum()
    }

    /// How many ASCII characters the predicate holds for, which must hold for all lower-case letters or none, and for all
    /// upper-case letters or none.
    pub(crate) fn count_ascii(&self, holds: impl Fn(u8) -> bool) -> usize {
        let number = |holds: bool, number: u32| if holds { number as usize } else { 0 };
        let of_letters = number(holds(b'a'), self.num_lower) + number(holds(b'A'), self.num_upper);
        let counts = (0..128_u8).zip(&self.ascii);
        counts.fold(of_letters, |all, (character, &count)| {
            all + number(holds(character), count)
        })
    }

    /// `0` to `9`.
    pub(crate) fn digits(&self) -> usize {
        self.of_any(b"0123456789")
    }

    fn ascii_letters(&self) -> usize {
        (self.num_lower + self.num_upper) as usize
    }

    /// Letters (general category L): Python's `isalpha`.
    pub(crate) fn letters(&self) -> usize {
        self.ascii_letters() + self.others.letters as usize
    }

    /// Letters and numbers (categories L and N): Python's `isalnum`, but for a dozen marks of digits.
    pub(crate) fn alphanumeric(&self) -> usize {
        self.ascii_letters() + self.digits() + self.others.alphanumeric as usize
    }

    /// White space, as Python's `isspace` has it.
    pub(crate) fn white_space(&self) -> usize {
        self.of_any(b"\t\n\x0b\x0c\r\x1c\x1d\x1e\x1f ") + self.others.white_space as usize
    }

    fn add_ascii(&mut self, byte: u8) {
        self.num_lower += u32::from(byte.is_ascii_lowercase());
        self.num_upper += u32::from(byte.is_ascii_uppercase());
        self.ascii[usize::from(byte & 0x7f)] += u32::from(!byte.is_ascii_alphabetic());
    }

    fn add_other(&mut self, class: CharacterClass) {
        let others = &mut self.others;
        others.number += 1;
        others.letters += u32::from(class.is_letter());
        others.alphanumeric += u32::from(class.is_letter() | class.is_number());
        others.white_space += u32::from(class.is_white_space());
    }
}

/// Counts; holds the table of classes.
#[derive(Debug, Default)]
pub(crate) struct CharacterCounter {
    classes: Classes,
}

impl CharacterCounter {
    /// Overwrites `counts` with those of `text`. Cost: one pass, about 64 bytes in 30 cycles; a look-up for each
    /// character outside ASCII.
    pub(crate) fn count(&self, text: &str, counts: &mut CharacterCounts) {
        *counts = CharacterCounts::default();
        dispatch::run(Pass {
            text,
            classes: &self.classes,
            counts,
        });
    }
}

struct Pass<'a> {
    text: &'a str,
    classes: &'a Classes,
    counts: &'a mut CharacterCounts,
}

impl Pass<'_> {
    /// Counts the characters of a part of the text.
    fn count(&mut self, part: &str) {
        for character in part.chars() {
            match u8::try_from(character) {
                Ok(byte @ 0..0x80) => self.counts.add_ascii(byte),
                _ => self.add_other(character),
            }
        }
    }

    fn add_other(&mut self, character: char) {
        let class = CharacterClass(self.classes.get(character as u32));
        self.counts.add_other(class);
    }

    /// Counts characters whose first bytes have their bit set.
    #[cfg(target_arch = "x86_64")]
    #[inline(never)]
    fn add_others(&mut self, base: usize, mut first_bytes: u64) {
        while first_bytes != 0 {
            let at = base + first_bytes.trailing_zeros() as usize;
            first_bytes &= first_bytes - 1;
            if let Some(character) = self.text[at..].chars().next() {
                self.add_other(character);
            }
        }
    }
}

impl Kernel for Pass<'_> {
    type Output = ();

    fn portable(mut self) {
        self.count(self.text);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(mut self, avx2: Avx2) {
        let (blocks, tail) = self.text.as_bytes().as_chunks::<64>();
        let mut num_spaces = 0;
        for (index, block) in blocks.iter().enumerate() {
            let bytes = avx2.load(block);
            let letters = avx2.high_bits(avx2.within(avx2.with_bits(bytes, 0x20), b'a', b'z'));
            let lower = letters & avx2.case_bits(bytes);
            let spaces = avx2.high_bits(avx2.equal(bytes, b' '));
            let others = avx2.high_bits(bytes);
            self.counts.num_lower += lower.count_ones();
            self.counts.num_upper += (letters & !lower).count_ones();
            num_spaces += spaces.count_ones();
            let mut left = !(letters | spaces | others);
            // Four at a time, so that the loop ends where the processor expects it: of those that are none, 0 counts.
            while left != 0 {
                for _ in 0..4 {
                    let byte = block[left.trailing_zeros() as usize % 64];
                    self.counts.ascii[usize::from(byte & 0x7f)] += u32::from(left != 0);
                    left &= left.wrapping_sub(1);
                }
            }
            if others != 0 {
                let first_bytes = avx2.high_bits(avx2.within(bytes, 0xc0, 0xff));
                self.add_others(64 * index, first_bytes);
            }
        }
        self.counts.ascii[usize::from(b' ')] += num_spaces;
        // A character that goes on in the tail has been counted.
        let mut start = self.text.len() - tail.len();
        while !self.text.is_char_boundary(start) {
            start += 1;
        }
        self.count(&self.text[start..]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_each_character(text in nasty_text(), noise in "[ -~é漢\n\t]{0,90}") {
            let text = noise + &text.repeat(2);
            let (mut counts, mut portable) = (CharacterCounts::default(), CharacterCounts::default());
            let counter = CharacterCounter::default();
            counter.count(&text, &mut counts);
            Pass { text: &text, classes: &counter.classes, counts: &mut portable }.portable();
            prop_assert_eq!(&counts, &portable);
            let by = |holds: fn(char) -> bool| text.chars().filter(|&character| holds(character)).count();
            prop_assert_eq!(counts.count_ascii(|_| true), by(|character| character.is_ascii()));
            prop_assert_eq!(counts.others.number as usize, by(|character| !character.is_ascii()));
            prop_assert_eq!(counts.white_space(), by(crate::segment::is_white_space));
            for byte in (0..128_u8).filter(|byte| !byte.is_ascii_alphabetic()) {
                let number = text.bytes().filter(|&other| other == byte).count();
                prop_assert_eq!(counts.of_ascii(byte), number);
            }
            prop_assert_eq!(counts.count_ascii(|byte| byte.is_ascii_uppercase()), by(|character| character.is_ascii_uppercase()));
            prop_assert_eq!(counts.letters(), by(|character| CharacterClass::of(character).is_letter()));
            let alphanumeric = by(|character| {
                let class = CharacterClass::of(character);
                class.is_letter() || class.is_number()
            });
            prop_assert_eq!(counts.alphanumeric(), alphanumeric);
        }
    }
}
