//! datatrove's definition: its English word tokens, stop words compared with them, letters as Python has them.

use super::gristmill::{self, Tokens};
use crate::signals::{Document, Signal, Value};

/// The same measures as gristmill's own, on the English tokens.
pub(super) struct GopherQuality {
    measures: gristmill::GopherQuality,
}

impl GopherQuality {
    /// Makes the rule; every stop word should be a single token.
    pub(super) fn new(stop_words: &[String]) -> Self {
        Self {
            measures: gristmill::GopherQuality::new(stop_words),
        }
    }
}

impl Signal for GopherQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let tokens = document.english_tokens();
        let tokens = Tokens {
            hashes: tokens.hashes(),
            char_counts: tokens.char_counts(),
            flags: tokens.flags(),
        };
        self.measures.measure(document, tokens, out);
    }
}
