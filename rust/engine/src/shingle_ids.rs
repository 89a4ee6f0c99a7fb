//! Token ids of documents, for shingles that are made of them.

use std::sync::Arc;

use gristmill_core::shingle::ShingleUnit;

use crate::error::{EngineError, Result};
use crate::tokenise::TokenizerSpec;
use crate::tokenizer::Tokenizer;

/// Gives the ids of one document after the other. Memory: the tokenizer, and the ids of the longest document.
pub(crate) struct ShingleIds {
    tokenizer: Arc<Tokenizer>,
    ids: Vec<u32>,
}

impl ShingleIds {
    /// Gets the tokenizer by `load` if shingles of that unit need one.
    ///
    /// # Errors
    /// When there is none, or it is not the one of the plan.
    pub(crate) fn for_unit(
        unit: ShingleUnit,
        tokenizer: Option<&TokenizerSpec>,
        load: impl FnOnce(&TokenizerSpec) -> Result<Arc<Tokenizer>>,
    ) -> Result<Option<Self>> {
        if unit != ShingleUnit::Token {
            return Ok(None);
        }
        let spec = tokenizer.ok_or_else(|| {
            EngineError::Spec("shingles of tokens need a tokenizer, and the task names none".to_owned())
        })?;
        Ok(Some(Self {
            tokenizer: load(spec)?,
            ids: Vec::new(),
        }))
    }

    /// Returns the ids of a text.
    ///
    /// # Errors
    /// When the model refuses the text.
    pub(crate) fn of(&mut self, text: &str) -> Result<&[u32]> {
        self.ids.clear();
        self.tokenizer.encode_into(text, &mut self.ids)?;
        Ok(&self.ids)
    }
}
