//! A batch of documents on its way through the steps of a map task.

use std::sync::Arc;

use arrow_array::builder::{FixedSizeBinaryBuilder, StringBuilder};
use arrow_array::{
    Array, ArrayRef, FixedSizeBinaryArray, LargeStringArray, RecordBatch, RecordBatchOptions, StringArray,
    UInt64Array,
};
use arrow_buffer::{Buffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{Field, Schema};
use gristmill_core::segment::Segmentation;

use crate::error::{EngineError, Result};
use crate::map::column::NamedColumn;
use crate::map::segment_columns::{SegmentColumn, segment_column};
use crate::map::supervised::Supervised;
use crate::read::FloatLists;
use crate::schema::KEY_BYTES;

/// Texts of a batch: end to end in one buffer, or an Arrow column as it was given.
#[derive(Debug, Clone)]
pub struct Texts(Storage);

#[derive(Debug, Clone)]
enum Storage {
    /// Texts that were pushed, and where each ends.
    Pushed { buffer: String, ends: Vec<usize> },
    /// Borrowed from whoever made it; a null is an empty text.
    Arrow(LargeStringArray),
}

impl From<LargeStringArray> for Texts {
    /// The texts of a column, without copying them.
    fn from(array: LargeStringArray) -> Self {
        Self(Storage::Arrow(array))
    }
}

impl Texts {
    /// No texts, with room for `bytes` in `rows`.
    pub fn with_capacity(rows: usize, bytes: usize) -> Self {
        Self(Storage::Pushed {
            buffer: String::with_capacity(bytes),
            ends: Vec::with_capacity(rows),
        })
    }

    /// Appends a text. Cost: a copy of it; of all texts, if they are those of a column.
    pub fn push(&mut self, text: &str) {
        if let Storage::Arrow(_) = self.0 {
            let mut pushed = Self::with_capacity(self.len() + 1, self.num_bytes() + text.len());
            for row in 0..self.len() {
                pushed.push(self.get(row));
            }
            *self = pushed;
        }
        if let Storage::Pushed { buffer, ends } = &mut self.0 {
            buffer.push_str(text);
            ends.push(buffer.len());
        }
    }

    /// Number of texts.
    pub fn len(&self) -> usize {
        match &self.0 {
            Storage::Pushed { ends, .. } => ends.len(),
            Storage::Arrow(array) => array.len(),
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Bytes of all texts.
    pub fn num_bytes(&self) -> usize {
        match &self.0 {
            Storage::Pushed { buffer, .. } => buffer.len(),
            Storage::Arrow(array) => match &array.offsets()[..] {
                [first, .., last] => (last - first) as usize,
                _ => 0,
            },
        }
    }

    /// The text of a row.
    pub fn get(&self, row: usize) -> &str {
        match &self.0 {
            Storage::Pushed { buffer, ends } => {
                let start = if row == 0 { 0 } else { ends[row - 1] };
                &buffer[start..ends[row]]
            }
            Storage::Arrow(array) if array.is_null(row) => "",
            Storage::Arrow(array) => array.value(row),
        }
    }

    /// The texts as an Arrow column without nulls. Cost: one copy of what was pushed, or of a column with nulls.
    pub fn to_array(&self) -> LargeStringArray {
        match &self.0 {
            Storage::Pushed { buffer, ends } => {
                let offsets: Vec<i64> = std::iter::once(0)
                    .chain(ends.iter().map(|&end| end as i64))
                    .collect();
                let values = Buffer::from(buffer.as_bytes());
                LargeStringArray::new(OffsetBuffer::new(ScalarBuffer::from(offsets)), values, None)
            }
            Storage::Arrow(array) if array.null_count() == 0 => array.clone(),
            Storage::Arrow(_) => LargeStringArray::from_iter_values((0..self.len()).map(|row| self.get(row))),
        }
    }
}

/// Documents in input order, with every column made so far.
#[derive(Debug)]
pub struct DocumentBatch {
    /// File ordinal and row.
    pub docs: Vec<u64>,
    /// Stable identities.
    pub keys: Vec<u128>,
    /// The user's identifiers.
    pub ids: Vec<Option<String>>,
    /// Length of each text as it was read.
    pub raw_bytes: Vec<u32>,
    /// Current texts.
    pub texts: Texts,
    /// Other fields, as JSON objects.
    pub metadata: Vec<Option<String>>,
    /// Extracted columns, then signals in step order.
    pub columns: Vec<NamedColumn>,
    /// False for documents that left the flow in this task.
    pub alive: Vec<bool>,
    /// Segmentations of the current texts, kept only across a step that runs outside the engine; none for a text that
    /// such a step changed.
    pub segmentations: Vec<Option<Segmentation>>,
    /// Embeddings as they were read; none where no step asks for them.
    pub embeddings: FloatLists,
    /// Turns, what a chat template made of them, and labels.
    pub supervised: Supervised,
}

impl DocumentBatch {
    /// Number of documents.
    pub fn len(&self) -> usize {
        self.docs.len()
    }

    /// True when there is no document.
    pub fn is_empty(&self) -> bool {
        self.docs.is_empty()
    }

    /// Finds a column by its full name.
    pub fn column(&self, name: &str) -> Option<&NamedColumn> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns that a step outside the engine asked for, in the order it names them.
    ///
    /// # Errors
    /// When an input is not there, which the plan should have refused, or a column of segmentations is asked for before
    /// [`complete_segmentations`](crate::map::segment_columns::complete_segmentations).
    pub fn export(&self, inputs: &[String], source: &str) -> Result<RecordBatch> {
        let mut fields = Vec::with_capacity(inputs.len());
        let mut arrays = Vec::with_capacity(inputs.len());
        for input in inputs {
            let array: ArrayRef = match input.as_str() {
                "text" => Arc::new(self.texts.to_array()),
                "doc" => Arc::new(UInt64Array::from(self.docs.clone())),
                "key" => Arc::new(key_array(self.keys.iter().copied())),
                "id" => Arc::new(self.ids.iter().map(Option::as_deref).collect::<StringArray>()),
                "source" => repeated(source, self.len()),
                name => match SegmentColumn::named(name) {
                    Some(column) => segment_column(self, column)?,
                    None => self
                        .column(name)
                        .ok_or_else(|| EngineError::Spec(format!("no column `{name}` at this step")))?
                        .data
                        .to_array(),
                },
            };
            fields.push(Field::new(input, array.data_type().clone(), true));
            arrays.push(array);
        }
        let options = RecordBatchOptions::new().with_row_count(Some(self.len()));
        RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
            .map_err(|error| EngineError::Spec(error.to_string()))
    }
}

/// Keys as an Arrow column, most significant byte first, so that hexadecimal order is numeric order.
pub fn key_array(keys: impl ExactSizeIterator<Item = u128>) -> FixedSizeBinaryArray {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(keys.len(), KEY_BYTES);
    for key in keys {
        builder
            .append_value(key.to_be_bytes())
            .expect("16 bytes are the builder's width");
    }
    builder.finish()
}

/// Optional keys as an Arrow column.
pub fn optional_key_array(keys: impl ExactSizeIterator<Item = Option<u128>>) -> FixedSizeBinaryArray {
    let mut builder = FixedSizeBinaryBuilder::with_capacity(keys.len(), KEY_BYTES);
    for key in keys {
        match key {
            Some(key) => builder
                .append_value(key.to_be_bytes())
                .expect("16 bytes are the builder's width"),
            None => builder.append_null(),
        }
    }
    builder.finish()
}

/// Reads a key back from its column.
pub fn key_at(keys: &FixedSizeBinaryArray, row: usize) -> u128 {
    u128::from_be_bytes(std::array::from_fn(|byte| keys.value(row)[byte]))
}

/// The same string in every row.
pub fn repeated(value: &str, rows: usize) -> ArrayRef {
    let mut builder = StringBuilder::with_capacity(rows, rows * value.len());
    for _ in 0..rows {
        builder.append_value(value);
    }
    Arc::new(builder.finish())
}

/// The first `characters` of a text.
pub fn excerpt(text: &str, characters: usize) -> &str {
    text.char_indices()
        .nth(characters)
        .map_or(text, |(end, _)| &text[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_round_trip_through_arrow() {
        let mut texts = Texts::with_capacity(3, 10);
        for text in ["a", "", "é"] {
            texts.push(text);
        }
        let array = texts.to_array();
        assert_eq!((array.value(0), array.value(1), array.value(2)), ("a", "", "é"));
        assert_eq!((texts.get(0), texts.get(1), texts.get(2)), ("a", "", "é"));
    }

    #[test]
    fn texts_of_a_column_are_those_that_were_pushed() {
        let array = LargeStringArray::from(vec![Some("before"), Some("a"), None, Some("é")]).slice(1, 3);
        let mut texts = Texts::from(array);
        assert_eq!((texts.len(), texts.num_bytes()), (3, 3));
        assert_eq!((texts.get(0), texts.get(1), texts.get(2)), ("a", "", "é"));
        assert_eq!(texts.to_array(), LargeStringArray::from(vec!["a", "", "é"]));
        texts.push("more");
        assert_eq!((texts.len(), texts.num_bytes()), (4, 7));
        assert_eq!((texts.get(0), texts.get(1), texts.get(3)), ("a", "", "more"));
    }

    #[test]
    fn excerpts_count_characters_and_never_cut_one() {
        assert_eq!(excerpt("été", 2), "ét");
        assert_eq!(excerpt("été", 9), "été");
    }

    #[test]
    fn key_bytes_keep_numeric_order() {
        let keys = key_array([1_u128, 1 << 100].into_iter());
        assert!(keys.value(0) < keys.value(1));
        assert_eq!(key_at(&keys, 1), 1 << 100);
    }
}
