//! The class of a character, for whoever counts characters instead of cutting words.

use super::classes::{LETTER, MARK, NUMBER, SPACE, class_of};

/// What kind of character it is: a letter, a number, white space, …
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CharacterClass(pub(crate) u8);

impl CharacterClass {
    /// The class of one character, by its definition; slower than a table.
    pub(crate) fn of(character: char) -> Self {
        Self(class_of(character))
    }

    /// General category L.
    pub(crate) fn is_letter(self) -> bool {
        self.0 & LETTER != 0
    }

    /// General category N.
    pub(crate) fn is_number(self) -> bool {
        self.0 & NUMBER != 0
    }

    /// General category L, M or N.
    pub(crate) fn is_of_words(self) -> bool {
        self.0 & (LETTER | MARK | NUMBER) != 0
    }

    /// White space as Python's `str.isspace` has it.
    pub(crate) fn is_white_space(self) -> bool {
        self.0 & SPACE != 0
    }
}
