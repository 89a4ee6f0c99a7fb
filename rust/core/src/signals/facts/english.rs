//! English word tokens, for rules that follow datatrove.

use crate::segment::{EnglishTokenizer, TokenColumns};
use crate::signals::Document;

/// The tokens, and what cuts them.
#[derive(Default)]
pub(crate) struct EnglishTokens {
    tokenizer: EnglishTokenizer,
    columns: TokenColumns,
}

impl EnglishTokens {
    /// Overwrites the tokens with those of a document.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        self.tokenizer
            .tokenize(document.text(), document.segmentation(), &mut self.columns);
    }

    /// The tokens.
    pub(crate) fn columns(&self) -> &TokenColumns {
        &self.columns
    }
}
