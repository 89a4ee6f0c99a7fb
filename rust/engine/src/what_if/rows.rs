//! Ranges of rows: columns read from a table, and verdicts written to their places.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::{DataType, Schema, SchemaRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use crate::decide::roots_of;
use crate::error::{EngineError, Result};

/// Rows that are looked at together.
pub(super) const BATCH_ROWS: usize = 8192;

/// Where the new verdicts of a part are.
pub(super) fn verdict_path(folder: &Path, part: usize) -> PathBuf {
    folder.join(format!("{part}.bin"))
}

/// The verdicts of one part, written at their places.
pub(super) struct VerdictFile {
    path: PathBuf,
    file: File,
}

impl VerdictFile {
    pub(super) fn open(folder: &Path, part: usize) -> Result<Self> {
        let path = verdict_path(folder, part);
        let file = File::options()
            .write(true)
            .open(&path)
            .map_err(EngineError::io("open", &path))?;
        Ok(Self { path, file })
    }

    pub(super) fn write(&self, row: u64, verdicts: &[u16]) -> Result<()> {
        let bytes: Vec<u8> = verdicts
            .iter()
            .flat_map(|verdict| verdict.to_le_bytes())
            .collect();
        self.file
            .write_all_at(&bytes, 2 * row)
            .map_err(EngineError::io("write", &self.path))
    }
}

/// Some columns of some rows of a table, handed out in pieces of any length.
pub(super) struct Rows {
    path: PathBuf,
    reader: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
}

impl Rows {
    pub(super) fn open(path: &Path, names: &[&str], start: u64, end: u64) -> Result<Self> {
        let file = File::open(path).map_err(EngineError::io("open", path))?;
        let metadata = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())
            .map_err(EngineError::table("read", path))?;
        let options = ArrowReaderOptions::new().with_schema(with_dictionaries(metadata.schema()));
        let metadata = ArrowReaderMetadata::try_new(Arc::clone(metadata.metadata()), options)
            .map_err(EngineError::table("read", path))?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata);
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots_of(builder.schema(), names)?);
        let mut first_row = 0;
        let mut offset = 0;
        let mut groups = Vec::new();
        for (number, group) in builder.metadata().row_groups().iter().enumerate() {
            let rows = u64::try_from(group.num_rows()).unwrap_or(0);
            if first_row < end && first_row + rows > start {
                if groups.is_empty() {
                    offset = start - first_row;
                }
                groups.push(number);
            }
            first_row += rows;
        }
        if first_row < end {
            let detail = format!("it holds {first_row} rows, {end} are wanted");
            return Err(EngineError::Damaged {
                path: path.to_owned(),
                detail,
            });
        }
        let wanted = usize::try_from(end - start).unwrap_or(usize::MAX);
        let mut builder = builder
            .with_projection(mask)
            .with_row_groups(groups)
            .with_batch_size(BATCH_ROWS)
            .with_limit(wanted);
        if offset > 0 {
            builder = builder.with_offset(usize::try_from(offset).unwrap_or(usize::MAX));
        }
        let reader = builder.build().map_err(EngineError::table("read", path))?;
        Ok(Self {
            path: path.to_owned(),
            reader,
            batch: None,
        })
    }

    /// Rows that can be taken now; at least one.
    pub(super) fn available(&mut self) -> Result<usize> {
        while self.batch.as_ref().is_none_or(|batch| batch.num_rows() == 0) {
            let next = self.reader.next().transpose();
            self.batch = next.map_err(EngineError::table("read", &self.path))?;
            if self.batch.is_none() {
                return Err(EngineError::Damaged {
                    path: self.path.clone(),
                    detail: "it ends before its last row".to_owned(),
                });
            }
        }
        Ok(self.batch.as_ref().map_or(0, RecordBatch::num_rows))
    }

    /// Takes so many rows; [`Self::available`] said that they are there.
    pub(super) fn take(&mut self, rows: usize) -> RecordBatch {
        let batch = self.batch.take().expect("`available` was asked before");
        let taken = batch.slice(0, rows);
        self.batch = Some(batch.slice(rows, batch.num_rows() - rows));
        taken
    }
}

/// The same columns, with strings that conditions look at as dictionaries: few values, each of them looked at once.
fn with_dictionaries(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        if field.data_type() == &DataType::Utf8 && field.name() != "id" {
            let strings = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
            Arc::new(field.as_ref().clone().with_data_type(strings))
        } else {
            Arc::clone(field)
        }
    });
    Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}
