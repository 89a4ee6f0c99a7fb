//! The class of a character, for whoever counts characters instead of cutting words.

use super::classes::{LETTER, MARK, NUMBER, SPACE, SYMBOL, UPPER, class_of};

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

    /// General category M.
    pub(crate) fn is_mark(self) -> bool {
        self.0 & MARK != 0
    }

    /// White space as Python's `str.isspace` has it.
    pub(crate) fn is_white_space(self) -> bool {
        self.0 & SPACE != 0
    }

    /// A member of the published punctuation set, see [`is_symbol`](super::is_symbol).
    pub(crate) fn is_symbol(self) -> bool {
        self.0 & SYMBOL != 0
    }

    /// Lower-casing changes it.
    pub(crate) fn is_upper(self) -> bool {
        self.0 & UPPER != 0
    }
}
