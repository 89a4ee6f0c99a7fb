//! Token ids back to text, for people who look at shards. Not here: anything on the way to a shard.

use std::path::Path;

use tokenizers::Tokenizer as HfTokenizer;

use crate::error::{EngineError, Result};

/// Decodes ids as the `tokenizers` crate does, control tokens written out.
///
/// Loads the whole library, which takes a second for large vocabularies: keep one for many documents.
pub struct Decoder {
    library: Box<HfTokenizer>,
    path: std::path::PathBuf,
}

impl Decoder {
    /// Loads a tokenizer's file as it is.
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] when the file is not a tokenizer.
    pub fn load(path: &Path) -> Result<Self> {
        let fail = |detail: String| EngineError::Tokenizer {
            path: path.to_owned(),
            detail,
        };
        let json = super::files::read(path).map_err(fail)?.json;
        let library: std::result::Result<HfTokenizer, tokenizers::Error> = json.to_string().parse();
        let library = library.map_err(|error| fail(error.to_string()))?;
        Ok(Self {
            library: Box::new(library),
            path: path.to_owned(),
        })
    }

    /// Returns the text of some ids; bytes that are no UTF-8 by themselves become replacement characters.
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] when the decoder refuses the ids.
    pub fn decode(&self, ids: &[u32]) -> Result<String> {
        self.library
            .decode(ids, false)
            .map_err(|error| EngineError::Tokenizer {
                path: self.path.clone(),
                detail: error.to_string(),
            })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_their_words_and_control_tokens_are_shown() {
        let folder = tempfile::tempdir().unwrap();
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [{"id": 0, "content": "<eos>", "single_word": false, "lstrip": false, "rstrip": false,
                              "normalized": false, "special": true}],
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"<eos>": 0, "a": 1, "b": 2, "<unk>": 3}, "unk_token": "<unk>"}
        });
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        let decoder = Decoder::load(&path).unwrap();
        assert_eq!(decoder.decode(&[1, 2, 0]).unwrap(), "a b <eos>");
        assert_eq!(decoder.decode(&[]).unwrap(), "");
    }

    #[test]
    fn a_file_that_is_no_tokenizer_has_a_code() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        std::fs::write(&path, "{}").unwrap();
        let error = Decoder::load(&path).map(|_| ()).unwrap_err();
        assert_eq!(error.code(), "GM-TOKENS-001");
    }
}
