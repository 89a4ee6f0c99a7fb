//! The columns of every table in a run folder, and the one way in which Parquet is written.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use crate::commit::{Artefact, DataFile, TaskPlace};
use crate::error::{EngineError, Result};

/// Bytes of encoded rows after which a row group is closed: bounds the writer's memory.
const ROW_GROUP_BYTES: usize = 16 << 20;
/// Rows after which a row group is closed.
const ROW_GROUP_ROWS: usize = 65_536;

/// Width of the `key` column.
pub const KEY_BYTES: i32 = 16;

fn identity() -> Vec<Field> {
    vec![
        Field::new("doc", DataType::UInt64, false),
        Field::new("key", DataType::FixedSizeBinary(KEY_BYTES), false),
    ]
}

fn schema(fields: Vec<Field>) -> SchemaRef {
    Arc::new(Schema::new(fields))
}

/// `documents/`: kept documents.
pub fn documents() -> SchemaRef {
    let mut fields = identity();
    fields.extend([
        Field::new("id", DataType::Utf8, true),
        Field::new("source", DataType::Utf8, false),
        Field::new("split", DataType::Utf8, false),
        Field::new("text", DataType::LargeUtf8, false),
        Field::new("metadata", DataType::Utf8, true),
        Field::new("cluster", DataType::FixedSizeBinary(KEY_BYTES), true),
        Field::new("num_tokens", DataType::UInt32, false),
    ]);
    schema(fields)
}

/// `rejects/`: dropped and quarantined documents.
pub fn rejects() -> SchemaRef {
    let mut fields = identity();
    fields.extend([
        Field::new("id", DataType::Utf8, true),
        Field::new("source", DataType::Utf8, false),
        Field::new("kind", DataType::Utf8, false),
        Field::new("step", DataType::Utf8, false),
        Field::new("rule", DataType::Utf8, false),
        Field::new("reason", DataType::Utf8, false),
        Field::new("value", DataType::Float64, true),
        Field::new("threshold", DataType::Float64, true),
        Field::new("duplicate_of", DataType::FixedSizeBinary(KEY_BYTES), true),
        Field::new("similarity", DataType::Float32, true),
        Field::new("shared_bands", DataType::UInt16, true),
        Field::new("detail", DataType::Utf8, true),
        Field::new("excerpt", DataType::Utf8, true),
    ]);
    schema(fields)
}

/// `edits/`: what steps changed in kept documents.
pub fn edits() -> SchemaRef {
    let mut fields = identity();
    fields.extend([
        Field::new("step", DataType::Utf8, false),
        Field::new("part", DataType::Utf8, false),
        Field::new("sequence", DataType::UInt32, false),
        Field::new("start", DataType::UInt32, false),
        Field::new("end", DataType::UInt32, false),
        Field::new("before", DataType::Utf8, false),
        Field::new("after", DataType::Utf8, false),
    ]);
    schema(fields)
}

/// Intermediate: what phase two needs of a readable document beside its text and numbers; `chat` and `label` are there
/// where a recipe asks for them.
pub fn carried(has_chat: bool, has_label: bool) -> SchemaRef {
    let mut fields = identity();
    fields.extend([
        Field::new("id", DataType::Utf8, true),
        Field::new("metadata", DataType::Utf8, true),
    ]);
    if has_chat {
        fields.push(Field::new("chat", DataType::LargeUtf8, true));
    }
    if has_label {
        fields.push(Field::new("label", DataType::Utf8, true));
    }
    schema(fields)
}

/// The leading columns of `signals/`; extracted and signal columns follow.
pub fn signals_head() -> Vec<Field> {
    let mut fields = identity();
    fields.extend([
        Field::new("id", DataType::Utf8, true),
        Field::new("source", DataType::Utf8, false),
        Field::new("raw_bytes", DataType::UInt32, false),
        Field::new("text_bytes", DataType::UInt32, false),
    ]);
    fields
}

/// A Parquet file being written, as every table of a run is: zstd, bounded row groups, no time stamp.
pub struct TableFile {
    path: PathBuf,
    rows: u64,
    writer: ArrowWriter<DataFile>,
}

impl TableFile {
    /// Opens a new table of this attempt.
    ///
    /// # Errors
    /// When the file cannot be created.
    pub fn create(place: &TaskPlace, name: &str, schema: SchemaRef) -> Result<Self> {
        let file = place.create(name)?;
        let path = file.path().to_owned();
        let level = ZstdLevel::try_new(1).map_err(EngineError::table("configure", &path))?;
        let properties = WriterProperties::builder()
            .set_compression(Compression::ZSTD(level))
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_statistics_enabled(EnabledStatistics::Chunk)
            .set_created_by("gristmill".to_owned())
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
            .set_write_batch_size(1024)
            .build();
        let writer = ArrowWriter::try_new(file, schema, Some(properties))
            .map_err(EngineError::table("write", &path))?;
        Ok(Self {
            path,
            rows: 0,
            writer,
        })
    }

    /// Appends rows.
    ///
    /// # Errors
    /// When encoding or writing fails.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<()> {
        self.writer
            .write(batch)
            .map_err(EngineError::table("write", &self.path))?;
        self.rows += batch.num_rows() as u64;
        if self.writer.in_progress_size() > ROW_GROUP_BYTES {
            self.writer
                .flush()
                .map_err(EngineError::table("write", &self.path))?;
        }
        Ok(())
    }

    /// Closes, fsyncs and digests the file.
    ///
    /// # Errors
    /// When the last rows cannot be written.
    pub fn finish(self) -> Result<Artefact> {
        let file = self
            .writer
            .into_inner()
            .map_err(EngineError::table("write", &self.path))?;
        file.finish(self.rows)
    }
}
