//! FineWeb's own line rules (Penedo et al. 2024, section 3.6), as datatrove's `FineWebQualityFilter` computes
//! them.

#[cfg(test)]
mod reference;

use super::{Column, Document, Entry, Semantics, Setup, Signal, Value, float, share};
use crate::segment::is_terminal_mark;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 4] = [
    float(
        "terminal_punctuation_line_fraction",
        "Non-blank lines whose last character ends a sentence, in [0, 1]; 0 if every line is blank.",
    ),
    float(
        "short_line_fraction",
        "Non-blank lines of at most `short_line_length` characters, in [0, 1].",
    ),
    float(
        "duplicate_line_character_fraction",
        "Characters in second and later copies of non-blank lines, by all characters but `\\n`, in [0, 1].",
    ),
    float(
        "newline_word_ratio",
        "`\\n` per token, punctuation included; null if there is no token.",
    ),
];

/// What [`FinewebQuality`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct FinewebConfig {
    /// Whose definition is followed.
    semantics: Semantics,
    /// A line of at most this many characters is short.
    short_line_length: u32,
}

impl Default for FinewebConfig {
    fn default() -> Self {
        Self {
            semantics: Semantics::Gristmill,
            short_line_length: 30,
        }
    }
}

/// Line ends, short lines, repeated lines and lists.
///
/// Lines are split at `\n` only and compared with their white space. A text of blank lines gets 0 for the
/// first column, so that the published minimum drops it, as datatrove drops it.
#[derive(Debug, Clone)]
struct FinewebQuality {
    config: FinewebConfig,
}

fn ends_with_terminal_mark(line: &str) -> bool {
    match line.as_bytes().last() {
        Some(&last @ 0..0x80) => is_terminal_mark(char::from(last)),
        _ => line.chars().next_back().is_some_and(is_terminal_mark),
    }
}

impl Signal for FinewebQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let lines = segmentation.lines();
        let next_tokens = lines
            .iter()
            .skip(1)
            .map(|line| line.first_token as usize)
            .chain([segmentation.num_tokens()]);
        let (mut num_lines, mut num_terminal, mut num_short) = (0, 0, 0);
        for (line, next_token) in lines.iter().zip(next_tokens) {
            // White space is never part of a token, and everything else is part of one.
            if line.first_token as usize == next_token {
                continue;
            }
            num_lines += 1;
            num_terminal += usize::from(ends_with_terminal_mark(&text[..line.end as usize]));
            num_short += usize::from(line.num_chars <= self.config.short_line_length);
        }
        let num_duplicate_chars = document.line_copies().num_copy_chars_not_blank();
        let num_tokens = match self.config.semantics {
            Semantics::Datatrove => document.english_tokens().num_tokens(),
            _ => segmentation.num_tokens(),
        };
        out.extend([
            Value::Float64(share(num_terminal, num_lines)),
            Value::Float64(share(num_short, num_lines)),
            Value::Float64(share(
                num_duplicate_chars,
                segmentation.num_chars() - segmentation.num_newlines(),
            )),
            match num_tokens {
                0 => Value::Null,
                _ => Value::Float64(share(segmentation.num_newlines(), num_tokens)),
            },
        ]);
    }
}

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[Entry {
    name: "fineweb_quality",
    columns: &COLUMNS,
    make: |setup| {
        let config: FinewebConfig = setup.config()?;
        match config.semantics {
            Semantics::Gristmill | Semantics::Datatrove => Setup::signal(FinewebQuality { config }),
            other => Err(other.refused("fineweb_quality")),
        }
    },
    #[cfg(test)]
    reference: reference::fineweb,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"short_line_length": 3}"#,
        r#"{"semantics": "datatrove"}"#,
    ],
}];
