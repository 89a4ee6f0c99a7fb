//! A file as record batches, for whoever wants documents without a run.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::builder::{LargeStringBuilder, StringBuilder, UInt64Builder};
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};

use crate::error::{EngineError, Result};
use crate::read::{FileReader, RawBatch, ReaderConfig};

/// Reads one file, batch by batch: `row` uint64, `id` utf8, `text` large_utf8, `metadata` utf8 (a JSON object of the
/// other fields) and `unreadable` utf8, which says why a record has no text. Every record is a row, in file order.
pub struct FileTable {
    path: PathBuf,
    reader: FileReader,
    raw: RawBatch,
    schema: SchemaRef,
}

impl FileTable {
    /// Opens a file of the named format, or of the one that its suffix tells.
    ///
    /// # Errors
    /// When the file cannot be opened or its format is unknown.
    pub fn open(path: &Path, text_field: &str, id_field: Option<&str>) -> Result<Self> {
        let mut config = ReaderConfig::new(path);
        text_field.clone_into(&mut config.text_field);
        config.id_field = id_field.map(str::to_owned);
        let schema = Schema::new(vec![
            Field::new("row", DataType::UInt64, false),
            Field::new("id", DataType::Utf8, true),
            Field::new("text", DataType::LargeUtf8, true),
            Field::new("metadata", DataType::Utf8, true),
            Field::new("unreadable", DataType::Utf8, true),
        ]);
        Ok(Self {
            path: path.to_owned(),
            reader: FileReader::open(config)?,
            raw: RawBatch::default(),
            schema: Arc::new(schema),
        })
    }

    /// The next rows, or nothing at the end.
    ///
    /// # Errors
    /// When the file cannot be read to its end.
    pub fn next_batch(&mut self) -> Result<Option<RecordBatch>> {
        if !self.reader.next_batch(&mut self.raw)? {
            return Ok(None);
        }
        let raw = &self.raw;
        let (mut rows, mut ids) = (UInt64Builder::new(), StringBuilder::new());
        let (mut texts, mut metadata) = (LargeStringBuilder::new(), StringBuilder::new());
        let mut unreadable = StringBuilder::new();
        let mut broken = raw.unreadable.iter().peekable();
        for index in 0..=raw.len() {
            let row = raw.rows.get(index).copied();
            while let Some(record) = broken.next_if(|record| row.is_none_or(|row| record.row < row)) {
                rows.append_value(record.row);
                ids.append_null();
                texts.append_null();
                metadata.append_null();
                unreadable.append_value(record.fault.code());
            }
            if let Some(row) = row {
                rows.append_value(row);
                ids.append_option(raw.ids.get(index));
                texts.append_value(raw.document(index));
                metadata.append_option(raw.metadata.get(index));
                unreadable.append_null();
            }
        }
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.finish()),
            Arc::new(ids.finish()),
            Arc::new(texts.finish()),
            Arc::new(metadata.finish()),
            Arc::new(unreadable.finish()),
        ];
        RecordBatch::try_new(Arc::clone(&self.schema), columns)
            .map(Some)
            .map_err(EngineError::table("build", &self.path))
    }
}
