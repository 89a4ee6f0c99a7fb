//! English word tokens, for rules that follow datatrove.

use crate::segment::{EnglishTokenizer, KeptLine, Segmentation, TokenColumns};
use crate::signals::Document;

/// The tokens, and what cuts them.
#[derive(Default)]
pub(crate) struct EnglishTokens {
    tokenizer: EnglishTokenizer,
    columns: TokenColumns,
    /// Room for the columns of an edited text, and for those of one of its lines.
    spare: TokenColumns,
    line: TokenColumns,
}

impl EnglishTokens {
    /// Overwrites the tokens with those of a document.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        self.tokenizer
            .tokenize(document.text(), document.segmentation(), &mut self.columns);
    }

    /// Makes the tokens those of a text with that segmentation, of which only these lines are left, at least one.
    pub(crate) fn keep_lines(&mut self, text: &str, segmentation: &Segmentation, lines: &[KeptLine]) {
        let tokenizer = &mut self.tokenizer;
        self.spare
            .keep_lines(&self.columns, lines, &mut self.line, |line, columns| {
                tokenizer.tokenize_lines(text, segmentation, line..line + 1, columns);
            });
        std::mem::swap(&mut self.columns, &mut self.spare);
    }

    /// The tokens.
    pub(crate) fn columns(&self) -> &TokenColumns {
        &self.columns
    }
}
