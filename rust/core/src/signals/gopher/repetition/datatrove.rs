//! datatrove's definition: its English word tokens, and an empty text is dropped.

use super::COLUMNS;
use super::gristmill;
use crate::signals::{Document, Signal, Value, Wanted};

/// The same measures as gristmill's own, on the English tokens.
///
/// An empty text, which datatrove drops as `empty`, has 1 in every column.
pub(super) struct GopherRepetition {
    measures: gristmill::GopherRepetition,
}

impl GopherRepetition {
    /// Makes the rule.
    pub(super) fn new(wanted: Wanted) -> Self {
        Self {
            measures: gristmill::GopherRepetition::new(wanted),
        }
    }
}

impl Signal for GopherRepetition {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        if document.text().is_empty() {
            out.extend([Value::Float64(1.0); COLUMNS.len()]);
            return;
        }
        self.measures.measure(document, out, |ngrams| {
            let tokens = document.english_tokens();
            ngrams.count(tokens.hashes(), tokens.char_counts())
        });
    }
}
