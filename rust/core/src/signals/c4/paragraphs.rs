//! mC4's rule on paragraphs, as datatrove's `C4ParagraphFilter` applies it.

use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 2] = [
    uint(
        "num_paragraphs",
        "Lines, empty ones included; 1 for an empty text.",
    ),
    uint(
        "num_long_paragraphs",
        "Lines of at least `long_paragraph_length` characters, white space included.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct ParagraphsConfig {
    /// A line of at least so many characters is long.
    pub(super) long_paragraph_length: u32,
}

impl Default for ParagraphsConfig {
    fn default() -> Self {
        Self {
            long_paragraph_length: 200,
        }
    }
}

/// Counts long lines, which mC4 calls paragraphs: what stands between two `\n`, not stripped.
struct Paragraphs {
    config: ParagraphsConfig,
}

impl Signal for Paragraphs {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let lines = document.segmentation().lines();
        let is_long = |num_chars: u32| num_chars >= self.config.long_paragraph_length;
        let num_long = lines.iter().filter(|line| is_long(line.num_chars)).count();
        out.extend([count(lines.len()), count(num_long)]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "c4_paragraphs",
    columns: &COLUMNS,
    make: |setup| {
        Setup::signal(Paragraphs {
            config: setup.config()?,
        })
    },
    #[cfg(test)]
    reference: super::reference_words::paragraphs,
    #[cfg(test)]
    variants: &["{}", r#"{"long_paragraph_length": 12}"#],
};
