//! How many characters of each kind a text has, by counting bytes and looking up only what is not ASCII.

use crate::segment::{CharacterClass, Classes};

/// Counts of one text's characters (Unicode scalar values).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct CharacterCounts {
    /// How often each ASCII character occurs.
    ascii: [u32; 128],
    /// How many characters outside ASCII have each combination of class bits.
    other_classes: [u32; 256],
}

impl Default for CharacterCounts {
    fn default() -> Self {
        Self {
            ascii: [0; 128],
            other_classes: [0; 256],
        }
    }
}

impl CharacterCounts {
    /// How often an ASCII character occurs.
    pub(crate) fn of_ascii(&self, character: u8) -> usize {
        self.ascii[usize::from(character & 0x7f)] as usize
    }

    /// How many ASCII characters the predicate holds for.
    pub(crate) fn count_ascii(&self, holds: impl Fn(u8) -> bool) -> usize {
        (0..128_u8)
            .filter(|&character| holds(character))
            .map(|character| self.of_ascii(character))
            .sum()
    }

    /// How many characters outside ASCII the predicate holds for.
    pub(crate) fn count_other(&self, holds: impl Fn(CharacterClass) -> bool) -> usize {
        (0..=255_u8)
            .filter(|&class| holds(CharacterClass(class)))
            .map(|class| self.other_classes[usize::from(class)] as usize)
            .sum()
    }

    /// Letters (general category L): Python's `isalpha`.
    pub(crate) fn letters(&self) -> usize {
        self.count_ascii(|byte| byte.is_ascii_alphabetic()) + self.count_other(CharacterClass::is_letter)
    }

    /// Letters and numbers (categories L and N): Python's `isalnum`, but for a dozen marks of digits.
    pub(crate) fn alphanumeric(&self) -> usize {
        self.count_ascii(|byte| byte.is_ascii_alphanumeric())
            + self.count_other(|class| class.is_letter() || class.is_number())
    }

    /// White space, as Python's `isspace` has it.
    pub(crate) fn white_space(&self) -> usize {
        self.count_ascii(|byte| matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' '))
            + self.count_other(CharacterClass::is_white_space)
    }
}

/// Counts; holds the table of classes.
#[derive(Debug, Default)]
pub(crate) struct CharacterCounter {
    classes: Classes,
}

impl CharacterCounter {
    /// Overwrites `counts` with those of `text`. Cost: one pass, about a byte a cycle; twice that outside ASCII.
    pub(crate) fn count(&self, text: &str, counts: &mut CharacterCounts) {
        *counts = CharacterCounts::default();
        // Four tables, so that runs of one character don't wait for each other's counters.
        let mut tables = [[0_u32; 256]; 4];
        let bytes = text.as_bytes();
        let mut chunks = bytes.chunks_exact(4);
        for chunk in &mut chunks {
            for (table, &byte) in tables.iter_mut().zip(chunk) {
                table[usize::from(byte)] += 1;
            }
        }
        for &byte in chunks.remainder() {
            tables[0][usize::from(byte)] += 1;
        }
        let mut num_other_bytes = 0;
        for (byte, total) in (0..256).map(|byte| (byte, tables.iter().map(|table| table[byte]).sum::<u32>()))
        {
            match counts.ascii.get_mut(byte) {
                Some(count) => *count = total,
                None => num_other_bytes += total,
            }
        }
        if num_other_bytes == 0 {
            return;
        }
        let mut rest = text;
        while let Some(at) = rest.bytes().position(|byte| byte >= 0x80) {
            rest = &rest[at..];
            let length = rest
                .find(|character: char| character.is_ascii())
                .unwrap_or(rest.len());
            let (others, after) = rest.split_at(length);
            for character in others.chars() {
                counts.other_classes[usize::from(self.classes.get(character as u32))] += 1;
            }
            rest = after;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn counts_are_those_of_each_character(text in nasty_text()) {
            let mut counts = CharacterCounts::default();
            CharacterCounter::default().count(&text, &mut counts);
            let by = |holds: fn(char) -> bool| text.chars().filter(|&character| holds(character)).count();
            let all = counts.count_ascii(|_| true) + counts.count_other(|_| true);
            prop_assert_eq!(all, text.chars().count());
            prop_assert_eq!(counts.white_space(), by(crate::segment::is_white_space));
            prop_assert_eq!(counts.of_ascii(b'#'), by(|character| character == '#'));
            let is_letter = |character: char| CharacterClass::of(character).is_letter();
            prop_assert_eq!(counts.letters(), text.chars().filter(|&character| is_letter(character)).count());
        }
    }
}
