//! Ids of a column of texts.

use std::sync::Arc;

use arrow_array::{Array, LargeStringArray, ListArray, UInt32Array};
use arrow_buffer::OffsetBuffer;
use arrow_schema::{DataType, Field};

use super::Tokenizer;
use crate::error::{EngineError, Result};

impl Tokenizer {
    /// The ids of each text, null for a null text; `check` is asked after each and may end the work.
    ///
    /// The ids are written one after the other, as the array keeps them. Memory: 4 bytes an id, up to twice that while the
    /// room for them grows.
    ///
    /// # Errors
    /// Those of [`Self::encode_into`] and of `check`; more than 2^31 - 1 ids, which one array does not hold.
    pub fn encode_array(
        &self,
        texts: &LargeStringArray,
        mut check: impl FnMut() -> Result<()>,
    ) -> Result<ListArray> {
        let mut ids = Vec::new();
        let mut ends = Vec::with_capacity(texts.len() + 1);
        ends.push(0);
        for row in 0..texts.len() {
            if texts.is_valid(row) {
                self.encode_into(texts.value(row), &mut ids)?;
            }
            let end = i32::try_from(ids.len());
            ends.push(end.map_err(|_| {
                EngineError::Spec(format!(
                    "the first `{}` of `{}` texts have more tokens than one array holds",
                    row + 1,
                    texts.len()
                ))
            })?);
            check()?;
        }
        let item = Arc::new(Field::new("item", DataType::UInt32, false));
        let ends = OffsetBuffer::new(ends.into());
        let ids = Arc::new(UInt32Array::from(ids));
        Ok(ListArray::new(item, ends, ids, texts.nulls().cloned()))
    }
}
