//! Character classes of the segmentation: what each character does to a token, in one byte.

use super::marks::is_symbol;
use std::sync::LazyLock;
use unicode_normalization::char::is_combining_mark;

/// Belongs to words: a letter, mark or number of any script, or `_`.
pub(super) const WORD: u8 = 1;
/// White space: the Unicode property, and U+001C to U+001F as in Python.
pub(super) const SPACE: u8 = 1 << 1;
/// General category L.
pub(super) const LETTER: u8 = 1 << 2;
/// General category N.
pub(super) const NUMBER: u8 = 1 << 3;
/// Lower-casing changes it.
pub(super) const UPPER: u8 = 1 << 4;
/// A member of the published punctuation set, see [`is_symbol`].
pub(super) const SYMBOL: u8 = 1 << 5;
/// General category M: joins the token before it.
pub(super) const MARK: u8 = 1 << 6;
/// A letter of a script written without spaces: a word of its own.
pub(super) const ALONE: u8 = 1 << 7;

/// The classes of the basic plane, made once a process: a constant that takes milliseconds to compute.
static BASIC_PLANE: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    (0..=0xffff)
        .map(|code| char::from_u32(code).map_or(0, class_of))
        .collect()
});

/// The classes of every character, ready for look-up.
///
/// 64 KiB for the basic plane; characters beyond it are classified when they are met.
#[derive(Debug, Clone)]
pub(crate) struct Classes {
    basic_plane: &'static [u8],
}

impl Default for Classes {
    fn default() -> Self {
        Self::new()
    }
}

impl Classes {
    pub(crate) fn new() -> Self {
        Self {
            basic_plane: &BASIC_PLANE,
        }
    }

    /// The class of the scalar value `code`.
    pub(crate) fn get(&self, code: u32) -> u8 {
        match self.basic_plane.get(code as usize) {
            Some(&class) => class,
            None => char::from_u32(code).map_or(0, class_of),
        }
    }
}

/// The class of one character, by its definition.
pub(super) fn class_of(character: char) -> u8 {
    let mut class = 0;
    let mark = is_combining_mark(character);
    let number = character.is_numeric();
    let letter = character.is_alphabetic() && !mark && !number && !is_circled_letter(character);
    if letter || mark || number || character == '_' {
        class |= WORD;
    }
    for (holds, bit) in [
        (is_white_space(character), SPACE),
        (letter, LETTER),
        (number, NUMBER),
        (!character.to_lowercase().eq([character]), UPPER),
        (is_symbol(character), SYMBOL),
        (mark, MARK),
        (letter && is_written_without_spaces(character), ALONE),
    ] {
        if holds {
            class |= bit;
        }
    }
    class
}

/// White space as Python's `str.isspace` has it.
pub(crate) fn is_white_space(character: char) -> bool {
    character.is_whitespace() || matches!(character, '\u{1c}'..='\u{1f}')
}

/// Symbols (category So) that carry the property Alphabetic.
fn is_circled_letter(character: char) -> bool {
    matches!(character, '\u{24b6}'..='\u{24e9}' | '\u{1f130}'..='\u{1f149}' | '\u{1f150}'..='\u{1f169}'
        | '\u{1f170}'..='\u{1f189}')
}

/// Han, Hiragana, Thai, Lao, Khmer and Myanmar blocks. Katakana is left out: it mostly spells single loan
/// words.
fn is_written_without_spaces(character: char) -> bool {
    matches!(character,
        '\u{0e00}'..='\u{0eff}' // Thai, Lao
        | '\u{1000}'..='\u{109f}' | '\u{a9e0}'..='\u{a9ff}' | '\u{aa60}'..='\u{aa7f}' // Myanmar
        | '\u{1780}'..='\u{17ff}' // Khmer
        | '\u{3005}'..='\u{3007}' | '\u{3021}'..='\u{303c}' // Han iteration marks and numerals
        | '\u{3040}'..='\u{309f}' // Hiragana
        | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' // Han
        | '\u{20000}'..='\u{3ffff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes_follow_general_categories() {
        for (character, class) in [
            ('a', WORD | LETTER),
            ('É', WORD | LETTER | UPPER),
            ('7', WORD | NUMBER),
            ('_', WORD | SYMBOL),
            ('\u{301}', WORD | MARK),
            ('²', WORD | NUMBER),
            ('Ⅷ', WORD | NUMBER | UPPER),
            ('漢', WORD | LETTER | ALONE),
            ('カ', WORD | LETTER),
            ('\u{1f}', SPACE | SYMBOL),
            ('\u{85}', SPACE | SYMBOL),
            ('\u{2028}', SPACE),
            ('Ⓐ', UPPER),
            ('☃', 0),
        ] {
            assert_eq!(class_of(character), class, "{character:?}");
            assert_eq!(Classes::new().get(character as u32), class, "{character:?}");
        }
    }

    #[test]
    fn a_character_is_either_of_a_word_or_white_space() {
        for character in '\0'..=char::MAX {
            let class = class_of(character);
            assert!(class & (WORD | SPACE) != WORD | SPACE, "{character:?}");
            assert!(
                class & (LETTER | NUMBER | MARK | ALONE) == 0 || class & WORD != 0,
                "{character:?}"
            );
        }
    }
}
