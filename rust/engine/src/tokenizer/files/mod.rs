//! Files that hold a tokenizer: a Hugging Face `tokenizer.json`, tiktoken's list of ranks, Mistral's Tekken, and a
//! SentencePiece model. What kind a file is follows from its first bytes, never from its name.
//!
//! Every kind becomes the same parts as a `tokenizer.json`, so that control tokens are treated alike. What such a file cannot
//! say stands beside it: merges of equal rank, and SentencePiece's normal form.

mod base64;
mod parts;
mod protobuf;
mod ranks;
mod sentence_piece;
mod tekken;
mod tiktoken;

use std::path::Path;

use gristmill_core::tokens::{SentencePieceForm, UnigramModel};
pub(super) use parts::{Merge, Parts, Vocabulary};
use serde_json::Value;

/// What a file holds.
pub(super) struct TokenizerFile {
    /// A `tokenizer.json`, or the same parts made from another kind of file.
    pub json: Value,
    /// What the vocabulary's merges follow; none where the file lists merges in the order of their ranks.
    pub merge_ranks: Option<Vec<u32>>,
    /// A Unigram model of SentencePiece.
    pub unigram: Option<UnigramModel>,
    /// How text is brought to the form that a SentencePiece model knows.
    pub form: Option<SentencePieceForm>,
    /// What runs of this id become: one of it.
    pub fused_unknown: Option<u32>,
    /// What the file is, for a person.
    pub kind: FileKind,
}

/// Kind of a tokenizer file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FileKind {
    /// Hugging Face `tokenizer.json`.
    TokenizerJson,
    /// tiktoken's ranks, with the name of the encoding.
    Tiktoken(&'static str),
    /// Mistral's Tekken.
    Tekken,
    /// A SentencePiece model.
    SentencePiece,
}

impl FileKind {
    /// What it is, in words.
    ///
    /// ```
    /// use gristmill_engine::tokenizer::FileKind;
    /// assert_eq!(FileKind::Tiktoken("cl100k_base").to_string(), "tiktoken ranks of cl100k_base");
    /// ```
    fn describe(self) -> String {
        match self {
            Self::TokenizerJson => "tokenizer.json".to_owned(),
            Self::Tiktoken(name) => format!("tiktoken ranks of {name}"),
            Self::Tekken => "Tekken".to_owned(),
            Self::SentencePiece => "SentencePiece model".to_owned(),
        }
    }
}

impl std::fmt::Display for FileKind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(&self.describe())
    }
}

/// Reads a tokenizer file of any kind in parts. A `tokenizer.json` is nothing else; other kinds are a whole file, too.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn read_parts(path: &Path) -> Result<(Parts, Option<TokenizerFile>), String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    if begins_object(&bytes)
        && let Some(parts) = Parts::read(&bytes).map_err(|error| error.to_string())?
    {
        return Ok((parts, None));
    }
    drop(bytes);
    let file = read(path)?;
    let parts = Parts::of(&file.json).map_err(|error| error.to_string())?;
    Ok((parts, Some(file)))
}

fn begins_object(bytes: &[u8]) -> bool {
    bytes.iter().find(|byte| !byte.is_ascii_whitespace()) == Some(&b'{')
}

/// Reads a tokenizer file of any kind.
///
/// # Errors
/// A sentence that says what is wrong with it.
pub(super) fn read(path: &Path) -> Result<TokenizerFile, String> {
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    if begins_object(&bytes) {
        let json: Value = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
        drop(bytes);
        if tekken::is_tekken(&json) {
            return tekken::read(&json);
        }
        return Ok(TokenizerFile {
            json,
            merge_ranks: None,
            unigram: None,
            form: None,
            fused_unknown: None,
            kind: FileKind::TokenizerJson,
        });
    }
    if tiktoken::is_tiktoken(&bytes) {
        return tiktoken::read(&bytes, path);
    }
    if sentence_piece::is_model(&bytes) {
        return sentence_piece::read(&bytes);
    }
    // What a person most likely meant: the message of the JSON parser helps with a damaged `tokenizer.json`.
    match serde_json::from_slice::<Value>(&bytes) {
        Err(error) => Err(format!(
            "it is no `tokenizer.json` ({error}), no tiktoken file and no SentencePiece model"
        )),
        Ok(_) => Err("it is no `tokenizer.json`, no tiktoken file and no SentencePiece model".to_owned()),
    }
}
