//! Tokenizers that stay loaded between the tasks of a process.
//!
//! Loading one takes up to a second of work, its self-check included, and a partition of some megabytes is tokenised in
//! less. Ids never depend on what a tokenizer has encoded before, so tasks may share it.

use std::sync::{Arc, Mutex};

use crate::error::{EngineError, Result};
use crate::tokenise::TokenizerSpec;
use crate::tokenizer::{Route, Tokenizer};

/// How many stay loaded: a run has one tokenizer, which a step may use in another mode.
const MAX_LOADED: usize = 2;

/// The tokenizers used last, the latest at the end. Memory: at most two tokenizers with their caches.
#[derive(Default)]
pub(crate) struct LoadedTokenizers {
    loaded: Mutex<Vec<(TokenizerSpec, Arc<Tokenizer>)>>,
}

impl std::fmt::Debug for LoadedTokenizers {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("LoadedTokenizers").finish_non_exhaustive()
    }
}

impl LoadedTokenizers {
    /// Returns the tokenizer of a plan, from its file the first time.
    ///
    /// # Errors
    /// When the file is not the one of the plan, or holds no tokenizer.
    pub(crate) fn get(&self, spec: &TokenizerSpec) -> Result<Arc<Tokenizer>> {
        // A thread that panicked while it held the lock left nothing half done: the list is changed in one go.
        let mut loaded = self
            .loaded
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(place) = loaded.iter().position(|(known, _)| is_same(known, spec)) {
            let found = loaded.remove(place);
            let tokenizer = Arc::clone(&found.1);
            loaded.push(found);
            return Ok(tokenizer);
        }
        let tokenizer = Arc::new(load_tokenizer(spec)?);
        if loaded.len() == MAX_LOADED {
            loaded.remove(0);
        }
        loaded.push((spec.clone(), Arc::clone(&tokenizer)));
        Ok(tokenizer)
    }
}

/// Whether both give the same ids: what is put after a document is not the tokenizer's.
fn is_same(one: &TokenizerSpec, other: &TokenizerSpec) -> bool {
    one.path == other.path
        && one.digest == other.digest
        && one.special == other.special
        && one.only_library == other.only_library
}

/// Loads the tokenizer of a plan.
///
/// # Errors
/// When the file is not the one of the plan, or holds no tokenizer.
pub(crate) fn load_tokenizer(spec: &TokenizerSpec) -> Result<Tokenizer> {
    let (_, digest) = crate::commit::digest_file(&spec.path)?;
    if digest != spec.digest {
        let detail = "it has changed since the plan was made".to_owned();
        return Err(EngineError::Tokenizer {
            path: spec.path.clone(),
            detail,
        });
    }
    let route = if spec.only_library {
        Route::Library
    } else {
        Route::Fastest
    };
    Tokenizer::load_for(&spec.path, &spec.special, route)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commit::digest_file;
    use crate::tokenizer::SpecialMode;

    const LETTERS: &str = r#"{
        "version": "1.0", "truncation": null, "padding": null, "normalizer": null, "post_processor": null, "decoder": null,
        "added_tokens": [], "pre_tokenizer": {"type": "Whitespace"},
        "model": {"type": "WordLevel", "vocab": {"[UNK]": 0, "a": 1}, "unk_token": "[UNK]"}
    }"#;

    fn spec(folder: &std::path::Path, special: SpecialMode, end_of_text: Vec<u32>) -> TokenizerSpec {
        let path = folder.join("tokenizer.json");
        std::fs::write(&path, LETTERS).unwrap();
        let (_, digest) = digest_file(&path).unwrap();
        TokenizerSpec {
            path,
            digest,
            special,
            end_of_text,
            only_library: false,
        }
    }

    #[test]
    fn a_tokenizer_is_loaded_once_for_each_mode() {
        let folder = tempfile::tempdir().unwrap();
        let loaded = LoadedTokenizers::default();
        let plain = loaded
            .get(&spec(folder.path(), SpecialMode::Plain, vec![]))
            .unwrap();
        let again = loaded
            .get(&spec(folder.path(), SpecialMode::Plain, vec![1]))
            .unwrap();
        assert!(Arc::ptr_eq(&plain, &again));
        let hf = loaded.get(&spec(folder.path(), SpecialMode::Hf, vec![])).unwrap();
        assert!(!Arc::ptr_eq(&plain, &hf));
    }

    #[test]
    fn the_one_used_longest_ago_goes() {
        let folders: [tempfile::TempDir; 3] = std::array::from_fn(|_| tempfile::tempdir().unwrap());
        let [one, two, three] = folders
            .each_ref()
            .map(|folder| spec(folder.path(), SpecialMode::Plain, vec![]));
        let loaded = LoadedTokenizers::default();
        let (first, second) = (loaded.get(&one).unwrap(), loaded.get(&two).unwrap());
        loaded.get(&one).unwrap();
        loaded.get(&three).unwrap();
        assert!(Arc::ptr_eq(&first, &loaded.get(&one).unwrap()));
        assert!(!Arc::ptr_eq(&second, &loaded.get(&two).unwrap()));
    }

    #[test]
    fn another_digest_than_the_plan_has_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let mut planned = spec(folder.path(), SpecialMode::Plain, vec![]);
        planned.digest = "blake3:00".to_owned();
        assert!(LoadedTokenizers::default().get(&planned).is_err());
    }
}
