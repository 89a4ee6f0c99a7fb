//! The step `token_statistics`: how many token ids a text has, for how many bytes, and how many stand for the unknown.
//!
//! It measures like a rule of [`gristmill_core::signals`], but needs the file of a tokenizer, which the core does not
//! read; so it is a step of the engine, beside `clean`.

use std::sync::Arc;

use gristmill_core::signals::{Column, ColumnType, Value};

use crate::error::Result;
use crate::task::Session;
use crate::tokenise::TokenizerSpec;
use crate::tokenizer::Tokenizer;

/// The name that `use` gives.
pub const NAME: &str = "token_statistics";

/// The columns of the step.
pub const COLUMNS: &[Column] = &[
    Column {
        name: "num_tokens",
        kind: ColumnType::UInt32,
        description: "Token ids of the text, without any put before or after it; 0 for an empty text.",
    },
    Column {
        name: "tokens_per_byte",
        kind: ColumnType::Float64,
        description: "Token ids by bytes of the text in UTF-8, at least 0; null for an empty text.",
    },
    Column {
        name: "unknown_fraction",
        kind: ColumnType::Float64,
        description: "Ids that stand for what the vocabulary lacks, by token ids, in [0, 1]; null without token ids.",
    },
];

/// Measures one text after the other. Memory: the tokenizer, and the ids of the longest text.
pub struct TokenStatistics {
    tokenizer: Arc<Tokenizer>,
    ids: Vec<u32>,
}

impl TokenStatistics {
    /// Takes the tokenizer of the session.
    ///
    /// # Errors
    /// When it is not the one of the plan.
    pub fn new(spec: &TokenizerSpec, session: &Session) -> Result<Self> {
        Ok(Self {
            tokenizer: session.tokenizer(spec)?,
            ids: Vec::new(),
        })
    }

    /// Pushes a value for each of [`COLUMNS`].
    ///
    /// # Errors
    /// When the model refuses the text, for example an unknown word without an unknown token.
    pub fn compute(&mut self, text: &str, out: &mut Vec<Value>) -> Result<()> {
        self.ids.clear();
        self.tokenizer.encode_into(text, &mut self.ids)?;
        let num_unknown = match self.tokenizer.unknown() {
            Some(unknown) => self.ids.iter().filter(|&&id| id == unknown).count(),
            None => 0,
        };
        out.extend([
            Value::UInt32(u32::try_from(self.ids.len()).unwrap_or(u32::MAX)),
            ratio(self.ids.len(), text.len()),
            ratio(num_unknown, self.ids.len()),
        ]);
        Ok(())
    }
}

/// `part / whole`, or null when the whole is empty.
fn ratio(part: usize, whole: usize) -> Value {
    match whole {
        0 => Value::Null,
        whole => Value::Float64(part as f64 / whole as f64),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::digest_file;
    use crate::tokenizer::SpecialMode;

    /// Words of two letters, and one id for all others.
    const WORDS: &str = r#"{
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
        "added_tokens": [{"id": 0, "content": "[UNK]", "single_word": false, "lstrip": false, "rstrip": false,
                          "normalized": false, "special": true}],
        "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "ab": 1, "cd": 2}, "unk_token": "[UNK]"}
    }"#;

    fn statistics(special: SpecialMode) -> TokenStatistics {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, WORDS).unwrap();
        let (_, digest) = digest_file(&path).unwrap();
        let planned = TokenizerSpec {
            path,
            digest,
            special,
            end_of_text: Vec::new(),
            only_library: false,
        };
        TokenStatistics::new(&planned, &Session::default()).unwrap()
    }

    fn values(statistics: &mut TokenStatistics, text: &str) -> Vec<Value> {
        let mut out = Vec::new();
        statistics.compute(text, &mut out).unwrap();
        out
    }

    #[test]
    fn counts_and_ratios_are_those_of_the_ids() {
        let mut statistics = statistics(SpecialMode::Plain);
        let found = values(&mut statistics, "ab cd xy ab");
        assert_eq!(
            found,
            [Value::UInt32(4), Value::Float64(4.0 / 11.0), Value::Float64(0.25)]
        );
        // Nothing is left of the text before.
        assert_eq!(
            values(&mut statistics, "ab"),
            [Value::UInt32(1), Value::Float64(0.5), Value::Float64(0.0)]
        );
    }

    #[test]
    fn what_would_divide_by_zero_is_null() {
        let mut statistics = statistics(SpecialMode::Plain);
        assert_eq!(
            values(&mut statistics, ""),
            [Value::UInt32(0), Value::Null, Value::Null]
        );
        assert_eq!(
            values(&mut statistics, "  "),
            [Value::UInt32(0), Value::Float64(0.0), Value::Null]
        );
    }

    #[test]
    fn another_file_than_the_planned_one_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, WORDS).unwrap();
        let spec = TokenizerSpec {
            path,
            digest: "blake3:00".to_owned(),
            special: SpecialMode::Plain,
            end_of_text: Vec::new(),
            only_library: false,
        };
        let error = TokenStatistics::new(&spec, &Session::default())
            .map(|_| ())
            .unwrap_err();
        assert_eq!(error.code(), "GM-TOKENS-001");
    }
}
