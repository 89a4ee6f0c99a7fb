//! Words that are taken character by character: those that hold anything but ASCII and general punctuation.

use unicode_normalization::UnicodeNormalization;

use super::counts::RawCounts;
use super::word_set::WordSet;
use crate::segment::{CharacterClass, Classes, hash_bytes};
use crate::signals::python_characters::{is_numeric, is_title_case};

/// Buffers for one word, and the table of classes.
#[derive(Debug, Clone, Default)]
pub(super) struct OtherWord {
    classes: Classes,
    lower: String,
    plain: String,
}

/// What is known of a normal form that has something.
#[derive(Debug, Clone, Copy)]
pub(super) struct OtherNormal {
    pub(super) hash: u64,
    /// Characters (Unicode scalar values), of which a letter with an accent has two.
    pub(super) num_chars: u32,
    /// Characters with a numeric value.
    pub(super) num_numeric: u32,
}

impl OtherWord {
    /// The last normal form made.
    pub(super) fn plain(&self) -> &str {
        &self.plain
    }

    /// Makes the normal form of a word between white space; none if nothing is left.
    pub(super) fn normalise(&mut self, word: &str) -> Option<OtherNormal> {
        self.plain.clear();
        self.lower.clear();
        self.lower
            .extend(word.chars().filter(|character| !character.is_ascii_punctuation()));
        if self.lower.contains('Σ') {
            // The only letter whose lower case hangs on its neighbours.
            self.lower = self.lower.to_lowercase();
            self.plain.extend(self.lower.nfd());
        } else {
            self.plain
                .extend(self.lower.chars().flat_map(char::to_lowercase).nfd());
        }
        let characters = || self.plain.chars();
        (!self.plain.is_empty()).then(|| OtherNormal {
            hash: hash_bytes(self.plain.as_bytes()),
            num_chars: characters().count() as u32,
            num_numeric: characters().filter(|&character| is_numeric(character)).count() as u32,
        })
    }

    /// Counts the raw words of a word between white space.
    pub(super) fn count(&self, word: &str, stop_words: &WordSet, counts: &mut RawCounts) {
        let mut rest = word;
        while let Some(character) = rest.chars().next() {
            let is_word = self.is_word_character(character);
            let length = rest
                .find(|other| self.is_word_character(other) != is_word)
                .unwrap_or(rest.len());
            let (run, after) = rest.split_at(length);
            counts.num_all_caps += usize::from(is_upper(run));
            if is_word {
                counts.num_words += 1;
                counts.num_alphabetic += usize::from(run.bytes().any(|byte| byte.is_ascii_alphabetic()));
                counts.num_stop_words += usize::from(stop_words.contains(hash_bytes(run.as_bytes())));
            } else {
                counts.num_words += 1;
            }
            rest = after;
        }
    }

    /// `\w` in Python.
    pub(super) fn is_word_character(&self, character: char) -> bool {
        if character.is_ascii() {
            return character.is_ascii_alphanumeric() || character == '_';
        }
        let class = CharacterClass(self.classes.get(character as u32));
        class.is_letter() || class.is_number()
    }
}

/// Python's `str.isupper`.
fn is_upper(word: &str) -> bool {
    let mut has_upper = false;
    for character in word.chars() {
        if character.is_lowercase() || is_title_case(character) {
            return false;
        }
        has_upper |= character.is_uppercase();
    }
    has_upper
}
