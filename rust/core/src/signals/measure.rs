//! One rule on one text, for tests and examples; a run keeps rule, segmenter and cache between texts instead.

use serde_json::Value as Json;

use super::{Cache, Document, NoColumns, Rule, Value, make};
use crate::edit::EditLog;
use crate::segment::{Segmentation, Segmenter};

/// What a rule found in one text.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// A value a column.
    pub values: Vec<Value>,
    /// The text as the rule leaves it.
    pub text: String,
    /// What the rule changed; undoing it gives the text that it read.
    pub edits: EditLog,
}

/// Runs a rule on a text.
///
/// # Errors
/// When there is no such rule, or its configuration is not understood.
///
/// ```
/// use gristmill_core::signals::{Value, measure};
/// let config = serde_json::json!({});
/// let found = measure("gopher_quality", &config, "The cat sat on the mat.").unwrap();
/// assert_eq!(found.values[0], Value::UInt32(6));
/// let found = measure("c4_quality", &config, "Menu\nThis is a sentence.").unwrap();
/// assert_eq!(found.text, "This is a sentence.");
/// assert_eq!(found.edits.undo(&found.text), "Menu\nThis is a sentence.");
/// ```
pub fn measure(name: &str, config: &Json, text: &str) -> Result<Measured, String> {
    let mut segmentation = Segmentation::default();
    Segmenter::default().segment(text, &mut segmentation);
    let cache = Cache::default();
    let document = Document::new(text, &segmentation, &cache, &NoColumns);
    let (mut values, mut edits) = (Vec::new(), EditLog::default());
    let edited = match make(name, config)? {
        Rule::Signal(mut signal) => {
            signal.compute(document, &mut values);
            None
        }
        Rule::Corrector(mut corrector) => corrector.correct(document, &mut edits, &mut values),
    };
    let text = edited.unwrap_or_else(|| text.to_owned());
    Ok(Measured { values, text, edits })
}
