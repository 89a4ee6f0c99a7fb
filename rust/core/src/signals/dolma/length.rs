//! Dolma's taggers of length that need no tokenizer model.

use super::characters::is_regex_word;
use crate::segment::is_white_space;
use crate::signals::facts::full_line_ends;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 6] = [
    uint("num_bytes", "Bytes of the text in UTF-8."),
    uint(
        "num_characters",
        "Characters (Unicode scalar values) of the text.",
    ),
    uint(
        "num_stripped_characters",
        "Characters without white space at both ends of the text.",
    ),
    uint(
        "num_pieces",
        "What is left of the text when runs of word characters, and runs of marks, are cut out, white space and \
         nothing included: one more than there are runs, 1 for an empty text.",
    ),
    uint("num_paragraphs", "Lines that are not blank."),
    uint(
        "num_paragraph_pieces",
        "The sum of the pieces of each of those lines; 0 if there is none.",
    ),
];

/// What the rule computes with: nothing can be chosen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct LengthConfig {}

/// Counts bytes, characters, paragraphs and the pieces of Dolma's whitespace tokenizer.
struct Length;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Space,
    Word,
    Other,
}

/// The kinds of `regex`'s `\w+|[^\w\s]+`.
fn kind_of(character: char) -> Kind {
    if character.is_whitespace() {
        Kind::Space
    } else if character == '_' || character.is_ascii_alphanumeric() {
        Kind::Word
    } else if character.is_ascii() {
        Kind::Other
    } else if is_regex_word(character) {
        Kind::Word
    } else {
        Kind::Other
    }
}

/// Kinds of the ASCII characters.
const ASCII_KINDS: [Kind; 128] = {
    let mut kinds = [Kind::Other; 128];
    let mut code = 0;
    while code < 128 {
        let byte = code as u8;
        if matches!(byte, b'\t'..=b'\r' | b' ') {
            kinds[code] = Kind::Space;
        } else if byte.is_ascii_alphanumeric() || byte == b'_' {
            kinds[code] = Kind::Word;
        }
        code += 1;
    }
    kinds
};

/// The kind of an ASCII or other character.
fn kind(character: char) -> Kind {
    match ASCII_KINDS.get(character as usize) {
        Some(&kind) => kind,
        None => kind_of(character),
    }
}

/// Number of maximal runs of word characters, and of characters that are neither those nor white space.
fn num_runs(text: &str) -> usize {
    let (mut number, mut before) = (0, Kind::Space);
    for character in text.chars() {
        let kind = kind(character);
        number += usize::from(kind != before && kind != Kind::Space);
        before = kind;
    }
    number
}

impl Signal for Length {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let num_chars = segmentation.num_chars();
        // Tokens hold everything but white space, so the first and the last one are where the text is stripped.
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let num_stripped = match (starts.first(), ends.last()) {
            (Some(&start), Some(&end)) => {
                let (before, after) = (&text[..start as usize], &text[end as usize..]);
                num_chars - before.chars().count() - after.chars().count()
            }
            _ => 0,
        };
        let num_paragraphs = full_line_ends(document).count();
        let kinds = document.byte_kinds();
        let (num_in_text, num_in_blank_lines) = if kinds.has_separators() {
            // U+001C to U+001F are runs here, and lines of them are blank all the same.
            let is_blank = |line: &&str| line.trim_matches(is_white_space).is_empty();
            let num_in_blank_lines = text.split('\n').filter(is_blank).map(num_runs).sum();
            (num_runs(text), num_in_blank_lines)
        } else {
            (kinds.num_runs(), 0)
        };
        out.extend([
            count(text.len()),
            count(num_chars),
            count(num_stripped),
            count(num_in_text + 1),
            count(num_paragraphs),
            count(num_in_text - num_in_blank_lines + num_paragraphs),
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "dolma_length",
    columns: &COLUMNS,
    make: |setup| {
        setup.config::<LengthConfig>()?;
        Setup::signal(Length)
    },
    #[cfg(test)]
    reference: super::reference::length,
    #[cfg(test)]
    variants: &["{}"],
};
