//! Data-Juicer's special characters: counted, and stripped from words.

use super::special_table::SPECIAL_RANGES;

/// The high bit of each of eight bytes.
const NOT_ASCII: u64 = 0x8080_8080_8080_8080;

/// The set, ready for look-up: a bit for each character of the basic plane, ranges for those beyond.
#[derive(Debug, Clone)]
pub(super) struct SpecialCharacters {
    bits: Box<[u64]>,
    /// Ranges that go beyond the basic plane, ascending.
    beyond: Vec<(u32, u32)>,
}

impl Default for SpecialCharacters {
    fn default() -> Self {
        let mut bits = vec![0_u64; 0x1_0000 / 64].into_boxed_slice();
        for code in SPECIAL_RANGES.iter().flat_map(|&(first, last)| first..=last) {
            if let Some(word) = bits.get_mut(code as usize / 64) {
                *word |= 1 << (code % 64);
            }
        }
        let beyond = SPECIAL_RANGES.iter().copied().filter(|&(_, last)| last > 0xffff);
        Self {
            bits,
            beyond: beyond.collect(),
        }
    }
}

impl SpecialCharacters {
    /// Whether the character is special.
    pub(super) fn has(&self, character: char) -> bool {
        let code = u32::from(character);
        match self.bits.get(code as usize / 64) {
            Some(word) => word >> (code % 64) & 1 == 1,
            None => {
                let at = self.beyond.partition_point(|&(_, last)| last < code);
                self.beyond.get(at).is_some_and(|&(first, _)| first <= code)
            }
        }
    }

    /// How many characters outside ASCII are special. Cost: a look-up for each character outside ASCII.
    pub(super) fn count_outside_ascii(&self, text: &str) -> usize {
        let (bytes, mut number, mut at) = (text.as_bytes(), 0, 0);
        while at < bytes.len() {
            if let Some(block) = bytes[at..].first_chunk().copied().map(u64::from_le_bytes)
                && block & NOT_ASCII == 0
            {
                at += 8;
                continue;
            }
            if bytes[at].is_ascii() {
                at += 1;
                continue;
            }
            for character in text[at..].chars().take_while(|character| !character.is_ascii()) {
                number += usize::from(self.has(character));
                at += character.len_utf8();
            }
        }
        number
    }

    /// The text without special characters at its ends.
    pub(super) fn strip<'text>(&self, text: &'text str) -> &'text str {
        text.trim_matches(|character| self.has(character))
    }
}

/// Whether an ASCII character is special: all but letters and most control characters.
pub(super) fn is_special_ascii(byte: u8) -> bool {
    byte.is_ascii_punctuation() || byte.is_ascii_digit() || matches!(byte, b'\t'..=b'\r' | b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_character_is_looked_up_as_the_table_has_it() {
        let special = SpecialCharacters::default();
        let mut number = 0;
        for character in '\0'..=char::MAX {
            let code = u32::from(character);
            let expected = SPECIAL_RANGES
                .iter()
                .any(|&(first, last)| (first..=last).contains(&code));
            assert_eq!(special.has(character), expected, "{code:x}");
            if let Ok(byte) = u8::try_from(code)
                && byte.is_ascii()
            {
                assert_eq!(is_special_ascii(byte), expected, "{code:x}");
            }
            number += usize::from(expected);
        }
        assert_eq!(number, 1618);
    }
}
