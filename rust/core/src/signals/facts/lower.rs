//! The text in lower case, as Python's `str.lower` gives it.

use crate::segment::{HAS_UPPER, NON_ASCII};
use crate::signals::Document;
use crate::signals::facts::tokens_with;

/// A text in lower case.
#[derive(Debug, Default)]
pub(crate) struct LowerText {
    text: String,
    is_aligned: bool,
    /// The token under consideration.
    token: String,
}

impl LowerText {
    /// The text in lower case.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether no token has changed its length, so that tokens are where they are in the document's text.
    pub(crate) fn is_aligned(&self) -> bool {
        self.is_aligned
    }

    /// Overwrites everything with a document's text. Cost: a copy, and a look at each token's flags.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        self.text.clear();
        self.text.push_str(text);
        self.text.make_ascii_lowercase();
        self.is_aligned = true;
        for index in tokens_with(segmentation.flags(), HAS_UPPER | NON_ASCII) {
            let token = segmentation.token(text, index);
            self.token.clear();
            self.token.extend(token.chars().flat_map(char::to_lowercase));
            // What a sigma becomes hangs on where it stands.
            if self.token.len() != token.len() || token.contains('Σ') {
                self.is_aligned = false;
                self.text.clear();
                self.text.push_str(&text.to_lowercase());
                return;
            }
            let start = segmentation.starts()[index] as usize;
            self.text.replace_range(start..start + token.len(), &self.token);
        }
    }
}
