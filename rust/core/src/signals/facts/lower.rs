//! The text in lower case, as Python's `str.lower` gives it.

use crate::segment::{HAS_UPPER, NON_ASCII};
use crate::signals::Document;

/// A text in lower case.
#[derive(Debug, Default)]
pub(crate) struct LowerText {
    text: String,
    is_aligned: bool,
}

impl LowerText {
    /// The text in lower case.
    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    /// Whether only ASCII letters have changed, so that positions are those of the document's text.
    pub(crate) fn is_aligned(&self) -> bool {
        self.is_aligned
    }

    /// Overwrites everything with a document's text. Cost: a copy, unless letters outside ASCII are upper case.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let text = document.text();
        self.text.clear();
        let changes = |flags: &u8| flags & (HAS_UPPER | NON_ASCII) == HAS_UPPER | NON_ASCII;
        self.is_aligned = !document.segmentation().flags().iter().any(changes);
        if self.is_aligned {
            self.text.push_str(text);
            self.text.make_ascii_lowercase();
        } else if text.contains('Σ') {
            // What a sigma becomes hangs on where it stands.
            self.text.push_str(&text.to_lowercase());
        } else {
            self.text.extend(text.chars().flat_map(char::to_lowercase));
        }
    }
}
