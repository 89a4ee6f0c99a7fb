//! Words as DCLM counts them to see how much of a page was removed: fastText's, those that start with a letter or number.
//!
//! fastText cuts at seven ASCII characters only: a no-break space, or U+001C, joins words for it.

use unicode_normalization::char::is_combining_mark;

use crate::segment::{CharacterClass, HAS_LETTER, HAS_NUMBER};
use crate::signals::Document;
use crate::signals::facts::Words;
use crate::signals::python_characters::is_alphanumeric;

fn is_separator(character: char) -> bool {
    matches!(character, ' ' | '\n' | '\r' | '\t' | '\u{b}' | '\u{c}' | '\0')
}

/// Words of any string, by their definition; slow.
pub(super) fn count_words(text: &str) -> usize {
    text.split(is_separator)
        .filter(|word| word.starts_with(is_alphanumeric))
        .count()
}

/// Counts words of one document from the words that it has cut already.
#[derive(Clone, Copy)]
pub(super) struct WordCounter<'d> {
    text: &'d str,
    words: &'d Words,
    /// Of each token.
    flags: &'d [u8],
    /// fastText cuts at NUL, and the shared words don't.
    has_nul: bool,
    /// Whether there is white space at which fastText does not cut.
    has_other_space: bool,
}

/// What the first byte of a word says: 1 if it is a letter or number.
const IS_ALPHANUMERIC: [u8; 256] = {
    let mut is_alphanumeric = [0; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        is_alphanumeric[byte as usize] = byte.is_ascii_alphanumeric() as u8;
        byte += 1;
    }
    is_alphanumeric
};

impl<'d> WordCounter<'d> {
    pub(super) fn new(document: Document<'d>) -> Self {
        let (text, characters) = (document.text(), document.characters());
        let num_other_spaces = characters.count_ascii(|byte| matches!(byte, 0x1c..=0x1f))
            + characters.count_other(CharacterClass::is_white_space);
        Self {
            text,
            words: document.space_words(),
            flags: document.segmentation().flags(),
            has_nul: characters.of_ascii(0) > 0,
            has_other_space: num_other_spaces > 0,
        }
    }

    /// Words of the whole text.
    pub(super) fn all(self) -> usize {
        self.of_line(0, self.text.len(), 0..self.words.len())
    }

    /// Words of bytes `start..end`, whole lines, whose words between white space have those indices.
    pub(super) fn of_line(self, start: usize, end: usize, words: std::ops::Range<usize>) -> usize {
        if self.has_nul {
            return count_words(&self.text[start..end]);
        }
        let (bytes, starts) = (self.text.as_bytes(), &self.words.starts()[words.clone()]);
        let mut number = 0;
        for (word, &start) in words.zip(starts) {
            let start = start as usize;
            if !self.has_other_space {
                number += usize::from(IS_ALPHANUMERIC[usize::from(bytes[start])]);
                if bytes[start] >= 0x80 {
                    number += usize::from(self.starts_alphanumeric(word));
                }
                continue;
            }
            // Nothing stands before the first word of a text, which is as good as a space.
            let (before, first) = (bytes[start.max(1) - 1], bytes[start]);
            let follows = start == 0 || matches!(before, b' ' | b'\n' | b'\r' | b'\t' | b'\x0b' | b'\x0c');
            let is_ascii_word = first.is_ascii_alphanumeric();
            number += usize::from(follows & is_ascii_word);
            if first >= 0x80 && follows {
                number += usize::from(self.starts_alphanumeric(word));
            }
        }
        number
    }

    /// Whether a word that does not start with ASCII starts with a letter or number.
    fn starts_alphanumeric(self, word: usize) -> bool {
        let flags = self.flags[self.words.first_tokens()[word] as usize];
        flags & (HAS_LETTER | HAS_NUMBER) != 0
            && !self.text[self.words.starts()[word] as usize..].starts_with(is_combining_mark)
    }
}
