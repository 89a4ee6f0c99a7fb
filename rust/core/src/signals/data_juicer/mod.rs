//! Data-Juicer's text filters (1.6.1) that need no model: lengths, character kinds, repetition and word lists.

mod codes;
#[cfg(test)]
mod reference;
mod repetition;
mod special;
mod special_table;
mod word_lists;
mod words;

use self::codes::CharacterCodes;
use self::repetition::RepeatedGrams;
use self::special::{SpecialCharacters, is_special_ascii};
use self::words::{RefinedWords, WordSet};
use super::lines::split_lines;
use super::{Column, Document, Entry, Setup, Signal, Value, Wanted, count, float, share, uint};
use serde::{Deserialize, Serialize};
use std::num::NonZeroU32;

const COLUMNS: [Column; 10] = [
    uint(
        "num_characters",
        "Characters (Unicode scalar values) of the text.",
    ),
    uint(
        "num_words",
        "Words between spaces, tabs and line feeds that have a character that is not special.",
    ),
    float(
        "alphanumeric_fraction",
        "Letters and numbers of any script by characters, in [0, 1]; 0 for an empty text.",
    ),
    float(
        "special_character_fraction",
        "Special characters (ASCII punctuation, digits and white space, further marks, emoji) by characters, in \
         [0, 1]; 0 for an empty text.",
    ),
    float(
        "mean_line_length",
        "Characters of the text, line breaks included, by lines; 0 for an empty text.",
    ),
    uint(
        "longest_line_length",
        "Characters of the longest line, without its line break; 0 for an empty text.",
    ),
    float(
        "character_repetition_fraction",
        "Positions of the √n most frequent of n different character n-grams, of those that repeat, by all positions, \
         in [0, 1]; 0 for a shorter text.",
    ),
    float(
        "word_repetition_fraction",
        "Positions of word n-grams that occur more than once, by all positions, in [0, 1]; 0 for a shorter text.",
    ),
    float(
        "stop_word_fraction",
        "Words of the list of stop words by words, in [0, 1]; 0 for a text without words.",
    ),
    float(
        "flagged_word_fraction",
        "Words of the list of flagged words by words, in [0, 1]; 0 for a text without words.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Characters of an n-gram.
    character_repetition_length: NonZeroU32,
    /// Words of an n-gram.
    word_repetition_length: NonZeroU32,
    /// Stop words in lower case; by default the English list.
    stop_words: Option<Vec<String>>,
    /// Flagged words in lower case; by default the English list.
    flagged_words: Option<Vec<String>>,
}

impl Default for Config {
    fn default() -> Self {
        const TEN: NonZeroU32 = NonZeroU32::new(10).expect("ten is not zero");
        Self {
            character_repetition_length: TEN,
            word_repetition_length: TEN,
            stop_words: None,
            flagged_words: None,
        }
    }
}

/// Lengths, character kinds, repetition and word lists.
#[derive(Debug)]
struct DataJuicerText {
    wanted: Wanted,
    character_repetition_length: usize,
    word_repetition_length: usize,
    stop_words: WordSet,
    flagged_words: WordSet,
    special: SpecialCharacters,
    words: RefinedWords,
    grams: RepeatedGrams,
    codes: CharacterCodes,
    characters: Vec<char>,
    symbols: Vec<u64>,
}

impl DataJuicerText {
    fn new(config: &Config, wanted: Wanted) -> Self {
        let set = |words: &Option<Vec<String>>, english: &[&'static str]| match words {
            Some(words) => WordSet::new(words.iter().map(String::as_str)),
            None => WordSet::new(english.iter().copied()),
        };
        Self {
            wanted,
            character_repetition_length: config.character_repetition_length.get() as usize,
            word_repetition_length: config.word_repetition_length.get() as usize,
            stop_words: set(&config.stop_words, &word_lists::ENGLISH_STOP_WORDS),
            flagged_words: set(&config.flagged_words, &word_lists::ENGLISH_FLAGGED_WORDS),
            special: SpecialCharacters::default(),
            words: RefinedWords::default(),
            grams: RepeatedGrams::default(),
            codes: CharacterCodes::default(),
            characters: Vec::new(),
            symbols: Vec::new(),
        }
    }

    fn special_characters(&self, document: Document<'_>) -> usize {
        let (text, num_chars) = (document.text(), document.segmentation().num_chars());
        let in_ascii = document.characters().count_ascii(is_special_ascii);
        let is_ascii = num_chars == text.len();
        in_ascii
            + if is_ascii {
                0
            } else {
                self.special.count_outside_ascii(text)
            }
    }

    fn character_repetition(&mut self, document: Document<'_>) -> f64 {
        let (text, length) = (document.text(), self.character_repetition_length);
        if text.len() == document.segmentation().num_chars() {
            self.grams.count_bytes(text.as_bytes(), length);
        } else if let Some(codes) = self.codes.encode(text) {
            self.grams.count_bytes(codes, length);
        } else {
            self.characters.clear();
            self.characters.extend(text.chars());
            self.grams.count(&self.characters, length);
        }
        let most = (self.grams.num_distinct() as f64).sqrt() as usize;
        share(self.grams.num_in_most_frequent(most), self.grams.num_grams())
    }

    fn word_repetition(&mut self) -> f64 {
        let length = self.word_repetition_length;
        let num_grams = (self.words.len() + 1).saturating_sub(length);
        self.words.repeated_runs(length, &mut self.symbols);
        self.grams.count(&self.symbols, length);
        share(self.grams.num_repeated(), num_grams)
    }
}

impl Signal for DataJuicerText {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let wanted = self.wanted;
        let num_chars = document.segmentation().num_chars();
        if wanted.has(1) || wanted.any(7..10) {
            self.words.fill(document, &self.special);
        }
        let (num_lines, longest_line) = if wanted.any(4..6) {
            line_lengths(document)
        } else {
            (0, 0)
        };
        let value = |column: usize, value: &mut dyn FnMut() -> f64| {
            if wanted.has(column) {
                Value::Float64(value())
            } else {
                Value::Null
            }
        };
        out.extend([
            count(num_chars),
            count(self.words.num_words()),
            value(2, &mut || share(document.characters().alphanumeric(), num_chars)),
            value(3, &mut || share(self.special_characters(document), num_chars)),
            value(4, &mut || share(num_chars, num_lines)),
            count(longest_line),
            value(6, &mut || self.character_repetition(document)),
            value(7, &mut || self.word_repetition()),
        ]);
        let words = &self.words;
        out.extend([
            value(8, &mut || {
                share(words.num_in(document, &self.stop_words), words.len())
            }),
            value(9, &mut || {
                share(words.num_in(document, &self.flagged_words), words.len())
            }),
        ]);
    }
}

/// Number of lines as Python's `str.splitlines` has them, and characters of the longest.
fn line_lengths(document: Document<'_>) -> (usize, usize) {
    let (text, segmentation) = (document.text(), document.segmentation());
    if !segmentation.has_other_line_break() {
        let lines = segmentation.lines();
        // What follows the last line feed is a line if it is something.
        let is_ended = lines.last().is_some_and(|last| last.start == last.end);
        let longest = lines.iter().map(|line| line.num_chars).max();
        return (lines.len() - usize::from(is_ended), longest.unwrap_or(0) as usize);
    }
    let (mut num_lines, mut longest) = (0, 0);
    split_lines(text, segmentation, |start, end| {
        num_lines += 1;
        longest = longest.max(text[start..end].chars().count());
    });
    (num_lines, longest)
}

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "data_juicer_text",
    columns: &COLUMNS,
    make: |setup| Setup::signal(DataJuicerText::new(&setup.config()?, setup.wanted)),
    #[cfg(test)]
    reference: reference::data_juicer_text,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"character_repetition_length": 1, "word_repetition_length": 1}"#,
        r#"{"character_repetition_length": 3, "word_repetition_length": 2}"#,
        r#"{"stop_words": [], "flagged_words": ["line", "漢字", "e\u0301", "σ"]}"#,
    ],
}];
