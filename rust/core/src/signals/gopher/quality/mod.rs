//! Gopher's quality rules (Rae et al. 2021, section A1.1): word counts, word lengths, symbols, bullets and stop words.

mod datatrove;
mod dolma;
mod gristmill;
mod nemo;
mod stop_words;

use super::super::{Column, Entry, Semantics, Setup, float, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 8] = [
    uint(
        "num_words",
        "Tokens that are not all symbols; 0 for an empty text.",
    ),
    float(
        "mean_word_length",
        "Mean characters of those words; null if there is none.",
    ),
    float(
        "hash_ratio",
        "`#` characters per token, punctuation included; null if there is no token.",
    ),
    float(
        "ellipsis_ratio",
        "`...` and `…` per token, punctuation included; null if there is no token.",
    ),
    float(
        "bullet_line_fraction",
        "Lines that start with `•` or `-`, in [0, 1]; null if there is no line.",
    ),
    float(
        "ellipsis_line_fraction",
        "Lines that end with `...` or `…`, in [0, 1]; null if there is no line.",
    ),
    float(
        "alphabetic_word_fraction",
        "Tokens with a letter, punctuation included; null if there is no token.",
    ),
    uint(
        "num_stop_words",
        "Distinct stop words that occur, compared with case.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Whose definition is followed.
    semantics: Semantics,
    /// Words of which a text in the wanted language has several. Compared with case, as single tokens.
    stop_words: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        let stop_words = ["the", "be", "to", "of", "and", "that", "have", "with"]
            .map(str::to_owned)
            .to_vec();
        Self {
            semantics: Semantics::Gristmill,
            stop_words,
        }
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "gopher_quality",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        match config.semantics {
            Semantics::Gristmill => Setup::signal(gristmill::GopherQuality::new(&config.stop_words)),
            Semantics::Datatrove => Setup::signal(datatrove::GopherQuality::new(&config.stop_words)),
            Semantics::Dolma => Setup::signal(dolma::DolmaQuality::new(&config.stop_words)),
            Semantics::Nemo => Setup::signal(nemo::NemoQuality::new(&config.stop_words)),
        }
    },
    #[cfg(test)]
    reference: super::reference::quality,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"stop_words": ["a", "line", "-"]}"#,
        r#"{"semantics": "datatrove"}"#,
        r#"{"semantics": "dolma"}"#,
        r#"{"semantics": "dolma", "stop_words": ["a", "line.", "don't", "This is"]}"#,
        r#"{"semantics": "nemo"}"#,
        r#"{"semantics": "datatrove", "stop_words": ["is", "n't", "’s"]}"#,
    ],
};
