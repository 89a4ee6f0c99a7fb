//! Heuristic filters of NVIDIA's NeMo Curator 1.4.0, those that are not Gopher's rules in another form.

mod boilerplate;
#[cfg(test)]
mod reference;
mod urls;

use self::boilerplate::Boilerplate;
use self::urls::{UrlFinder, Urls};
use super::facts::full_line_ends;
use super::{Column, Document, Entry, Setup, Signal, Value, boolean, float, share, uint};
use crate::signals::Wanted;
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 10] = [
    float(
        "non_alphanumeric_fraction",
        "Characters other than ASCII letters and digits, `\\n`, `?`, `!`, `,` and `.`, by characters, in [0, 1]; 1 for \
         an empty text.",
    ),
    float(
        "digit_fraction",
        "ASCII digits by characters, in [0, 1]; 1 for an empty text.",
    ),
    float(
        "url_character_fraction",
        "Characters of web addresses (`http://`, `https://`) by characters, in [0, 1]; 1 for an empty text.",
    ),
    float(
        "white_space_fraction",
        "Tabs, line feeds, carriage returns, backspaces and spaces by characters, in [0, 1]; 1 for an empty text.",
    ),
    float(
        "parenthesis_fraction",
        "Round, square, curly and angle (`⟨⟩`) brackets by characters, in [0, 1]; 1 for an empty text.",
    ),
    uint(
        "longest_word_length",
        "Characters of the longest word between white space; 0 for a text without words.",
    ),
    float(
        "boilerplate_paragraph_fraction",
        "Paragraphs with a phrase about cookies, privacy or terms of use, by paragraphs, in [0, 1]; 1 if `lorem ipsum` \
         occurs.",
    ),
    float(
        "unended_line_fraction",
        "Non-blank lines that do not end in `.`, `?`, `!`, `\"` or `'`, by non-blank lines, in [0, 1]; null if every \
         line is blank.",
    ),
    boolean("has_pornographic_url", "Whether a web address contains `porn`."),
    boolean(
        "lacks_substring",
        "Whether the text is without `substring` in that position; null if no `substring` is given.",
    ),
];

/// Where [`Config::substring`] is looked for.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
enum Position {
    /// Anywhere.
    #[default]
    Any,
    /// At the very start.
    Prefix,
    /// At the very end.
    Suffix,
}

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// What wanted texts contain.
    substring: Option<String>,
    /// Where they contain it.
    substring_position: Position,
}

/// Character classes, addresses, boilerplate and line ends.
#[derive(Debug)]
struct NemoHeuristics {
    config: Config,
    wanted: Wanted,
    urls: UrlFinder,
    boilerplate: Boilerplate,
    /// First bytes of the characters around U+27E8.
    bracket_block: Finder<'static>,
}

impl NemoHeuristics {
    /// How often `⟨` and `⟩` (U+27E8, U+27E9) occur.
    fn num_angle_brackets(&self, text: &str, num_chars: usize) -> usize {
        if text.len() == num_chars {
            return 0;
        }
        let bytes = text.as_bytes();
        let blocks = self.bracket_block.find_iter(bytes);
        blocks
            .filter(|at| matches!(bytes.get(at + 2), Some(0xa8 | 0xa9)))
            .count()
    }

    fn lacks_substring(&self, text: &str) -> Value {
        let Some(substring) = self.config.substring.as_deref() else {
            return Value::Null;
        };
        Value::Bool(!match self.config.substring_position {
            Position::Any => text.contains(substring),
            Position::Prefix => text.starts_with(substring),
            Position::Suffix => text.ends_with(substring),
        })
    }
}

impl Signal for NemoHeuristics {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let text = document.text();
        let characters = document.characters();
        let num_chars = document.segmentation().num_chars();
        let fraction = |part: usize| {
            Value::Float64(if num_chars == 0 {
                1.0
            } else {
                share(part, num_chars)
            })
        };
        let wanted = |column| self.wanted.has(column);
        let urls = if wanted(2) || wanted(8) {
            self.urls.find(text)
        } else {
            Urls::default()
        };
        let brackets = characters.of_any(b"{}[]()") + self.num_angle_brackets(text, num_chars);
        out.extend([
            fraction(num_chars - characters.count_ascii(is_alphanumeric)),
            fraction(characters.digits()),
            fraction(urls.num_chars),
            fraction(characters.of_any(b"\t\n\r\x08 ")),
            fraction(brackets),
            if wanted(5) {
                longest_word(document)
            } else {
                Value::Null
            },
            if wanted(6) {
                Value::Float64(self.boilerplate.paragraph_fraction(document))
            } else {
                Value::Null
            },
            if wanted(7) {
                unended_line_fraction(document)
            } else {
                Value::Null
            },
            Value::Bool(urls.is_pornographic),
            self.lacks_substring(text),
        ]);
    }
}

/// Curator's idea of an alphanumeric character.
fn is_alphanumeric(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"\n?!,.".contains(&byte)
}

fn longest_word(document: Document<'_>) -> Value {
    let num_chars = document.space_words().num_chars();
    Value::UInt32(num_chars.iter().copied().max().unwrap_or(0))
}

/// Lines are split at `\n` only; those of white space don't count.
fn unended_line_fraction(document: Document<'_>) -> Value {
    let (mut num_lines, mut num_unended) = (0, 0);
    for last in full_line_ends(document) {
        num_lines += 1;
        // None of these is a part of another character.
        num_unended += usize::from(!matches!(last, b'.' | b'?' | b'!' | b'"' | b'\''));
    }
    match num_lines {
        0 => Value::Null,
        _ => Value::Float64(share(num_unended, num_lines)),
    }
}

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "nemo_heuristics",
    columns: &COLUMNS,
    make: |setup| {
        Setup::signal(NemoHeuristics {
            config: setup.config()?,
            wanted: setup.wanted,
            urls: UrlFinder::default(),
            boilerplate: Boilerplate::default(),
            bracket_block: Finder::new(&[0xe2, 0x9f]),
        })
    },
    #[cfg(test)]
    reference: reference::nemo_heuristics,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"substring": "the"}"#,
        r#"{"substring": "the", "substring_position": "prefix"}"#,
        r#"{"substring": "", "substring_position": "suffix"}"#,
    ],
}];
