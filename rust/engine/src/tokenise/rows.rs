//! Rows of `documents/` and `rejects/` while a batch is judged.

use std::sync::Arc;

use arrow_array::builder::{
    Float32Builder, Float64Builder, LargeStringBuilder, StringBuilder, UInt16Builder, UInt32Builder,
    UInt64Builder,
};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::ArrowError;

use crate::map::batch::{key_array, optional_key_array, repeated};
use crate::schema;

/// A dropped document.
#[derive(Debug)]
pub struct Reject<'row> {
    /// File ordinal and row.
    pub doc: u64,
    /// Stable identity.
    pub key: u128,
    /// The user's identifier.
    pub id: Option<&'row str>,
    /// Step that dropped it.
    pub step: &'row str,
    /// Rule of the step.
    pub rule: &'row str,
    /// In words a reader understands.
    pub reason: &'row str,
    /// What was measured.
    pub value: Option<f64>,
    /// What it was compared with.
    pub threshold: Option<f64>,
    /// The document that stays in its place.
    pub duplicate_of: Option<u128>,
    /// Exact similarity to that document.
    pub similarity: Option<f32>,
    /// Bands in which the two met as candidates; nothing for equal texts.
    pub shared_bands: Option<u16>,
    /// Where that document is, if an earlier run kept it.
    pub detail: Option<String>,
    /// The beginning of its text.
    pub excerpt: &'row str,
}

/// Rejects as columns.
#[derive(Default)]
pub struct RejectRows {
    docs: UInt64Builder,
    keys: Vec<u128>,
    ids: StringBuilder,
    steps: StringBuilder,
    rules: StringBuilder,
    reasons: StringBuilder,
    values: Float64Builder,
    thresholds: Float64Builder,
    duplicates: Vec<Option<u128>>,
    similarities: Float32Builder,
    shared_bands: UInt16Builder,
    details: StringBuilder,
    excerpts: StringBuilder,
}

impl RejectRows {
    /// Appends a row.
    pub fn push(&mut self, reject: &Reject<'_>) {
        self.docs.append_value(reject.doc);
        self.keys.push(reject.key);
        self.ids.append_option(reject.id);
        self.steps.append_value(reject.step);
        self.rules.append_value(reject.rule);
        self.reasons.append_value(reject.reason);
        self.values.append_option(reject.value);
        self.thresholds.append_option(reject.threshold);
        self.duplicates.push(reject.duplicate_of);
        self.similarities.append_option(reject.similarity);
        self.shared_bands.append_option(reject.shared_bands);
        self.details.append_option(reject.detail.as_deref());
        self.excerpts.append_value(reject.excerpt);
    }

    /// The rows so far, or nothing; starts anew.
    ///
    /// # Errors
    /// Never for rows pushed through [`Self::push`]; Arrow checks them again.
    pub fn take(&mut self, source: &str) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = self.keys.len();
        if rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.docs.finish()),
            Arc::new(key_array(std::mem::take(&mut self.keys).into_iter())),
            Arc::new(self.ids.finish()),
            repeated(source, rows),
            repeated("dropped", rows),
            Arc::new(self.steps.finish()),
            Arc::new(self.rules.finish()),
            Arc::new(self.reasons.finish()),
            Arc::new(self.values.finish()),
            Arc::new(self.thresholds.finish()),
            Arc::new(optional_key_array(
                std::mem::take(&mut self.duplicates).into_iter(),
            )),
            Arc::new(self.similarities.finish()),
            Arc::new(self.shared_bands.finish()),
            Arc::new(self.details.finish()),
            Arc::new(self.excerpts.finish()),
        ];
        RecordBatch::try_new(schema::rejects(), columns).map(Some)
    }
}

/// A kept document.
#[derive(Debug)]
pub struct Kept<'row> {
    /// File ordinal and row.
    pub doc: u64,
    /// Stable identity.
    pub key: u128,
    /// The user's identifier.
    pub id: Option<&'row str>,
    /// Name of its side of the split.
    pub split: &'row str,
    /// As it left curation.
    pub text: &'row str,
    /// Other fields, as a JSON object.
    pub metadata: Option<&'row str>,
    /// Key of its cluster's representative.
    pub cluster: Option<u128>,
    /// Tokens, the end-of-text id included.
    pub num_tokens: u32,
}

/// Kept documents as columns.
#[derive(Default)]
pub struct KeptRows {
    docs: UInt64Builder,
    keys: Vec<u128>,
    ids: StringBuilder,
    splits: StringBuilder,
    texts: LargeStringBuilder,
    metadata: StringBuilder,
    clusters: Vec<Option<u128>>,
    num_tokens: UInt32Builder,
}

impl KeptRows {
    /// Appends a row.
    pub fn push(&mut self, kept: &Kept<'_>) {
        self.docs.append_value(kept.doc);
        self.keys.push(kept.key);
        self.ids.append_option(kept.id);
        self.splits.append_value(kept.split);
        self.texts.append_value(kept.text);
        self.metadata.append_option(kept.metadata);
        self.clusters.push(kept.cluster);
        self.num_tokens.append_value(kept.num_tokens);
    }

    /// The rows so far, or nothing; starts anew.
    ///
    /// # Errors
    /// Never for rows pushed through [`Self::push`]; Arrow checks them again.
    pub fn take(&mut self, source: &str) -> Result<Option<RecordBatch>, ArrowError> {
        let rows = self.keys.len();
        if rows == 0 {
            return Ok(None);
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.docs.finish()),
            Arc::new(key_array(std::mem::take(&mut self.keys).into_iter())),
            Arc::new(self.ids.finish()),
            repeated(source, rows),
            Arc::new(self.splits.finish()),
            Arc::new(self.texts.finish()),
            Arc::new(self.metadata.finish()),
            Arc::new(optional_key_array(std::mem::take(&mut self.clusters).into_iter())),
            Arc::new(self.num_tokens.finish()),
        ];
        RecordBatch::try_new(schema::documents(), columns).map(Some)
    }
}
