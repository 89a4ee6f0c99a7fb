//! Dolma's tagger `not_alphanum_paragraph_v1`: paragraphs of marks, symbols and emoji only.

use super::characters::is_punctuation;
use crate::signals::facts::full_lines;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, float, share, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 2] = [
    uint(
        "num_symbol_paragraphs",
        "Lines that are not blank and hold marks, symbols, emoji and white space only.",
    ),
    float(
        "symbol_paragraph_fraction",
        "Those lines, by lines that are not blank, in [0, 1]; null if there is none.",
    ),
];

/// What the rule computes with: nothing can be chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct SymbolParagraphsConfig {}

/// Counts lines without any letter or digit.
struct SymbolParagraphs;

/// The emoji of Dolma's pattern.
pub(super) fn is_emoji(character: char) -> bool {
    matches!(character, '\u{2600}'..='\u{27bf}' | '\u{1f300}'..='\u{1f64f}' | '\u{1f680}'..='\u{1f6ff}')
}

fn is_of_symbols(line: &str) -> bool {
    // Most lines are done at their first letter.
    !line.bytes().any(|byte| byte.is_ascii_alphanumeric())
        && line
            .chars()
            .all(|character| character.is_whitespace() || is_punctuation(character) || is_emoji(character))
}

impl Signal for SymbolParagraphs {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (mut num_lines, mut num_of_symbols) = (0, 0);
        for line in full_lines(document) {
            num_lines += 1;
            num_of_symbols += usize::from(is_of_symbols(line.whole));
        }
        let by_lines = match num_lines {
            0 => Value::Null,
            _ => Value::Float64(share(num_of_symbols, num_lines)),
        };
        out.extend([count(num_of_symbols), by_lines]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "dolma_symbol_paragraphs",
    columns: &COLUMNS,
    make: |setup| {
        setup.config::<SymbolParagraphsConfig>()?;
        Setup::signal(SymbolParagraphs)
    },
    #[cfg(test)]
    reference: super::reference::symbol_paragraphs,
    #[cfg(test)]
    variants: &["{}"],
};
