//! Phrases of menus and carts that are cut out of short lines, with the regular expressions that DCLM makes of them.
//!
//! A phrase is compared without case, and `.` in it stands for any character, as in DCLM's own configuration, whose
//! `Read more...` is a regular expression. White space beside a phrase goes with it.

use crate::segment::is_white_space;
use memchr::memmem::Finder;

/// Where a phrase has to stand in its line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    Anywhere,
    AtEnd,
    AtStart,
}

/// Phrases that are looked for at one place.
#[derive(Debug, Clone)]
pub(super) struct Phrases {
    place: Place,
    phrases: Vec<Phrase>,
}

#[derive(Debug, Clone)]
struct Phrase {
    /// Folded characters; none stands for any character.
    characters: Vec<Option<char>>,
    /// The rarest ASCII letter of the phrase that has no other form than its two cases, and its index.
    anchor: Option<(u8, usize)>,
    /// The longest part of it that a text in lower case must have; none if every character has further forms.
    part: Option<Finder<'static>>,
}

/// ASCII letters by how often English has them, the rarest first; without `i`, `k` and `s`, which Unicode folds others to.
const RARE_FIRST: &[u8] = b"zqxjvbpygfwmucldrhnoate";

/// A character as the comparison without case sees it.
fn fold(character: char) -> char {
    match character {
        '\0'..='\u{7f}' => character.to_ascii_lowercase(),
        'İ' | 'ı' => 'i',
        'ſ' => 's',
        _ => {
            let mut lower = character.to_lowercase();
            match (lower.next(), lower.next()) {
                (Some(single), None) => single,
                _ => character,
            }
        }
    }
}

impl Phrase {
    fn new(phrase: &str) -> Self {
        let characters: Vec<_> = phrase
            .chars()
            .map(|character| (character != '.').then(|| fold(character)))
            .collect();
        let anchor = RARE_FIRST.iter().find_map(|&letter| {
            let index = characters
                .iter()
                .position(|&character| character == Some(char::from(letter)));
            index.map(|index| (letter, index))
        });
        let is_plain = |character: char| character.is_ascii() && !matches!(character, 'i' | 'k' | 's');
        let parts = characters.split(|character| !character.is_some_and(is_plain));
        let part: Option<String> = parts
            .max_by_key(|part| part.len())
            .map(|part| part.iter().flatten().collect());
        Self {
            characters,
            anchor,
            part: part
                .filter(|part| !part.is_empty())
                .map(|part| Finder::new(&part).into_owned()),
        }
    }

    /// Whether a text with that lower case may have the phrase.
    fn may_be_in(&self, lower: &str) -> bool {
        let part = self.part.as_ref();
        part.is_none_or(|part| part.find(lower.as_bytes()).is_some())
    }

    /// Whether the phrase is what `characters` start with; `phrase` says in which order its own are compared.
    fn starts(
        mut phrase: impl Iterator<Item = Option<char>>,
        mut characters: impl Iterator<Item = char>,
    ) -> bool {
        phrase.all(|expected| {
            characters
                .next()
                .is_some_and(|found| expected.is_none_or(|expected| fold(found) == expected))
        })
    }

    fn is_at_start(&self, characters: impl Iterator<Item = char>) -> bool {
        Self::starts(self.characters.iter().copied(), characters)
    }

    fn is_at_end(&self, line: &str) -> bool {
        Self::starts(self.characters.iter().rev().copied(), line.chars().rev())
    }

    fn is_anywhere(&self, line: &str) -> bool {
        let Some((letter, index)) = self.anchor else {
            return line
                .char_indices()
                .any(|(at, _)| self.is_at_start(line[at..].chars()));
        };
        memchr::memchr2_iter(letter, letter.to_ascii_uppercase(), line.as_bytes()).any(|hit| {
            let start = match index {
                0 => Some(hit),
                _ => line[..hit]
                    .char_indices()
                    .rev()
                    .nth(index - 1)
                    .map(|(start, _)| start),
            };
            start.is_some_and(|start| self.is_at_start(line[start..].chars()))
        })
    }
}

impl Phrases {
    pub(super) fn new(place: Place, phrases: &[String]) -> Self {
        Self {
            place,
            phrases: phrases.iter().map(|phrase| Phrase::new(phrase)).collect(),
        }
    }

    /// Whether a line of a text with that lower case may have a phrase.
    pub(super) fn may_be_in(&self, lower: &str) -> bool {
        self.phrases.iter().any(|phrase| phrase.may_be_in(lower))
    }

    /// Whether a phrase stands at its place in the line.
    pub(super) fn are_in(&self, line: &str) -> bool {
        self.phrases.iter().any(|phrase| match self.place {
            Place::Anywhere => phrase.is_anywhere(line),
            Place::AtEnd => phrase.is_at_end(line),
            Place::AtStart => phrase.is_at_start(line.chars()),
        })
    }

    /// Removes phrases from a line, given as its characters with where they stand in the text. Slow; few lines have any.
    pub(super) fn cut(&self, line: &mut Vec<(usize, char)>) {
        match self.place {
            Place::Anywhere => self.cut_anywhere(line),
            Place::AtEnd => {
                let found = (0..line.len()).find(|&start| self.reaches_end(line, start));
                line.truncate(found.unwrap_or(line.len()));
            }
            Place::AtStart => {
                if let Some(length) = self.phrase_length(line, 0) {
                    let has_space = line.get(length).is_some_and(|&(_, next)| is_white_space(next));
                    line.drain(..length + usize::from(has_space));
                }
            }
        }
    }

    fn cut_anywhere(&self, line: &mut Vec<(usize, char)>) {
        let (mut kept, mut at) = (0, 0);
        while at < line.len() {
            match self.length_at(line, at) {
                Some(length) => at += length,
                None => {
                    line[kept] = line[at];
                    kept += 1;
                    at += 1;
                }
            }
        }
        line.truncate(kept);
    }

    /// Length of the first phrase that matches at `start`, with the white space before it, if there is some.
    fn length_at(&self, line: &[(usize, char)], start: usize) -> Option<usize> {
        let after_space = is_white_space(line[start].1)
            .then(|| self.phrase_length(line, start + 1))
            .flatten();
        after_space
            .map(|length| length + 1)
            .or_else(|| self.phrase_length(line, start))
    }

    fn phrase_length(&self, line: &[(usize, char)], start: usize) -> Option<usize> {
        let rest = || line[start..].iter().map(|&(_, character)| character);
        let found = self.phrases.iter().find(|phrase| phrase.is_at_start(rest()));
        found.map(|phrase| phrase.characters.len())
    }

    /// Whether any phrase goes from `start`, or from behind white space there, to the very end.
    fn reaches_end(&self, line: &[(usize, char)], start: usize) -> bool {
        let begins = [start, start + usize::from(is_white_space(line[start].1))];
        begins.iter().any(|&begin| {
            self.phrases.iter().any(|phrase| {
                begin + phrase.characters.len() == line.len()
                    && phrase.is_at_start(line[begin..].iter().map(|&(_, character)| character))
            })
        })
    }
}
