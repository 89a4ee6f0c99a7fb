//! English word tokens, for rules that follow datatrove.

use crate::segment::{EnglishTokenizer, KeptLine, TokenColumns};
use crate::signals::Document;

/// The tokens, and what cuts them.
#[derive(Default)]
pub(crate) struct EnglishTokens {
    tokenizer: EnglishTokenizer,
    columns: TokenColumns,
    /// Room for the columns of an edited text.
    spare: TokenColumns,
}

impl EnglishTokens {
    /// Overwrites the tokens with those of a document.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        self.tokenizer
            .tokenize(document.text(), document.segmentation(), &mut self.columns);
    }

    /// Makes the tokens those of a text of which these lines are left; false if they must be cut anew.
    pub(crate) fn keep_lines(&mut self, lines: &[KeptLine]) -> bool {
        let is_done = self.spare.keep_lines(&self.columns, lines);
        std::mem::swap(&mut self.columns, &mut self.spare);
        is_done
    }

    /// The tokens.
    pub(crate) fn columns(&self) -> &TokenColumns {
        &self.columns
    }
}
