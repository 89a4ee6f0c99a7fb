//! Turns and labels in the map stage: what a document is to teach, and which documents cannot teach it.
//!
//! A document without a usable label leaves the flow here, before dedup: no duplicate may go in favour of a document
//! that is not kept.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch, StringArray};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::Deserialize;

use crate::error::{EngineError, Result};
use crate::map::batch::{DocumentBatch, excerpt};
use crate::map::column::{ColumnData, NamedColumn};
use crate::map::output::Unreadable;

/// Step that stands in `rejects/` for documents whose turns a chat template could not render.
pub const CHAT_STEP: &str = "chat";
/// Step that stands in `rejects/` for documents without a usable label.
pub const LABEL_STEP: &str = "label";

/// The class of a document.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelSpec {
    /// Extracted column that holds it.
    pub field: String,
    /// Every class; none for whatever there is.
    pub order: Option<Vec<String>>,
}

/// What documents are to teach, a value a row; empty where no document has any.
#[derive(Debug, Default)]
pub struct Supervised {
    /// Turns as JSON.
    turns: Vec<Option<String>>,
    /// What a chat template made of them; a value for each row where it is not empty.
    chat: Option<LargeStringArray>,
    /// Names of classes.
    labels: Vec<Option<String>>,
}

impl Supervised {
    /// Documents with these turns.
    pub fn of_turns(turns: Vec<Option<String>>) -> Self {
        Self {
            turns,
            ..Self::default()
        }
    }

    /// The turns as a column of that name.
    ///
    /// # Errors
    /// Never; Arrow checks the column again.
    pub fn turns_batch(&self) -> Result<RecordBatch> {
        let turns: LargeStringArray = self.turns.iter().map(Option::as_deref).collect();
        let schema = Arc::new(Schema::new(vec![Field::new("turns", DataType::LargeUtf8, true)]));
        RecordBatch::try_new(schema, vec![Arc::new(turns)])
            .map_err(|error| EngineError::Foreign(error.to_string()))
    }

    /// Takes what a chat template made of the turns.
    ///
    /// # Errors
    /// When it is not a string a row.
    pub fn take_rendered(&mut self, rendered: &ArrayRef, rows: usize) -> Result<()> {
        let strings = rendered.as_any().downcast_ref::<LargeStringArray>();
        match strings.filter(|strings| strings.len() == rows) {
            Some(strings) => self.chat = Some(strings.clone()),
            None => {
                let found = rendered.data_type();
                let detail = format!("the chat template gave {} rows of {found}", rendered.len());
                return Err(EngineError::Foreign(detail));
            }
        }
        Ok(())
    }

    /// Appends the columns that the schema has behind the common four.
    pub fn carry(&self, schema: &SchemaRef, rows: usize, columns: &mut Vec<ArrayRef>) {
        for field in &schema.fields()[columns.len()..] {
            columns.push(match field.name().as_str() {
                "chat" => match &self.chat {
                    Some(chat) => Arc::new(chat.clone()),
                    None => arrow_array::new_null_array(&DataType::LargeUtf8, rows),
                },
                _ => Arc::new(self.labels.iter().map(Option::as_deref).collect::<StringArray>()),
            });
        }
    }
}

/// Takes the label of every document, and documents without a usable one out of the batch.
pub fn take_labels(
    spec: &LabelSpec,
    batch: &mut DocumentBatch,
    excerpt_characters: usize,
    unreadable: &mut Vec<Unreadable>,
) {
    let rows = batch.len();
    let mut labels = labels(&batch.columns, &spec.field, rows);
    for (row, label) in labels.iter_mut().enumerate() {
        let fault = match (label.as_deref(), &spec.order) {
            (None | Some(""), _) => Some(("no_label", format!("`{}` is missing, null or empty", spec.field))),
            (Some(name), Some(order)) if !order.iter().any(|known| known == name) => Some((
                "unknown_label",
                format!("`{}` is `{name}`, which `order` does not list", spec.field),
            )),
            _ => None,
        };
        let Some((reason, detail)) = fault.filter(|_| batch.alive[row]) else {
            continue;
        };
        *label = None;
        batch.alive[row] = false;
        unreadable.push(Unreadable {
            doc: batch.docs[row],
            key: batch.keys[row],
            id: batch.ids[row].clone(),
            step: LABEL_STEP.to_owned(),
            reason: reason.to_owned(),
            detail,
            excerpt: excerpt(batch.texts.get(row), excerpt_characters).to_owned(),
        });
    }
    batch.supervised.labels = labels;
}

/// The values of a column as names: integers and booleans as they are written.
fn labels(columns: &[NamedColumn], field: &str, rows: usize) -> Vec<Option<String>> {
    let column = columns.iter().find(|column| column.name == field);
    match column.map(|column| &column.data) {
        Some(ColumnData::Utf8(values)) => values.clone(),
        Some(ColumnData::Int64(values)) => values
            .iter()
            .map(|value| value.map(|value| value.to_string()))
            .collect(),
        Some(ColumnData::Bool(values)) => values
            .iter()
            .map(|value| value.map(|value| value.to_string()))
            .collect(),
        _ => vec![None; rows],
    }
}
