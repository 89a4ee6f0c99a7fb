//! Gopher's repetition rules (Rae et al. 2021, table A1): repeated lines, paragraphs and word n-grams.

mod datatrove;
mod dolma;
mod gristmill;
mod nemo;
mod pieces;
mod windows;

use super::super::{Column, Entry, Semantics, Setup, float};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 13] = [
    float(
        "duplicate_line_fraction",
        "Second and later copies of a line, by lines, in [0, 1].",
    ),
    float(
        "duplicate_paragraph_fraction",
        "Second and later copies of a paragraph, by paragraphs, in [0, 1].",
    ),
    float(
        "duplicate_line_character_fraction",
        "Characters in those lines, by all characters, in [0, 1].",
    ),
    float(
        "duplicate_paragraph_character_fraction",
        "Characters in those paragraphs, by all, in [0, 1].",
    ),
    float(
        "top_2_gram_character_fraction",
        "Characters in copies of the most frequent 2-gram, by all.",
    ),
    float(
        "top_3_gram_character_fraction",
        "Characters in copies of the most frequent 3-gram, by all.",
    ),
    float(
        "top_4_gram_character_fraction",
        "Characters in copies of the most frequent 4-gram, by all.",
    ),
    float(
        "duplicate_5_gram_character_fraction",
        "Characters in repeated 5-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_6_gram_character_fraction",
        "Characters in repeated 6-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_7_gram_character_fraction",
        "Characters in repeated 7-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_8_gram_character_fraction",
        "Characters in repeated 8-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_9_gram_character_fraction",
        "Characters in repeated 9-grams, by all, in [0, 1].",
    ),
    float(
        "duplicate_10_gram_character_fraction",
        "Characters in repeated 10-grams, by all, in [0, 1].",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
struct Config {
    /// Whose definition is followed.
    semantics: Semantics,
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "gopher_repetition",
    columns: &COLUMNS,
    make: |setup| match setup.config::<Config>()?.semantics {
        Semantics::Gristmill => Setup::signal(gristmill::GopherRepetition::new(setup.wanted)),
        Semantics::Datatrove => Setup::signal(datatrove::GopherRepetition::new(setup.wanted)),
        Semantics::Dolma => Setup::signal(dolma::DolmaRepetition::new(setup.wanted)),
        Semantics::Nemo => Setup::signal(nemo::NemoRepetition::new(setup.wanted)),
    },
    #[cfg(test)]
    reference: super::reference::repetition,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"semantics": "datatrove"}"#,
        r#"{"semantics": "dolma"}"#,
        r#"{"semantics": "nemo"}"#,
    ],
};
