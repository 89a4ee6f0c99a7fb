//! Reading chosen columns of a signals table.

use std::fs::File;
use std::path::PathBuf;

use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::Threshold;
use crate::error::{EngineError, Result};

/// Streams chosen columns of a signals file, batch by batch.
pub struct SignalColumns {
    path: PathBuf,
    reader: parquet::arrow::arrow_reader::ParquetRecordBatchReader,
}

impl SignalColumns {
    /// Opens the file for the named columns; names that are not there are an error.
    ///
    /// # Errors
    /// When the file cannot be read or lacks a column.
    pub fn open(path: PathBuf, names: &[&str], batch_rows: usize) -> Result<Self> {
        let file = File::open(&path).map_err(EngineError::io("open", &path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", &path))?;
        let roots = roots_of(builder.schema(), names)?;
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(EngineError::table("read", &path))?;
        Ok(Self { path, reader })
    }

    /// The next rows, or nothing at the end.
    ///
    /// # Errors
    /// When decoding fails.
    pub fn next_batch(&mut self) -> Result<Option<arrow_array::RecordBatch>> {
        self.reader
            .next()
            .transpose()
            .map_err(EngineError::table("read", &self.path))
    }
}

/// Returns where the named columns stand in a table.
///
/// # Errors
/// When one of them is not there.
pub fn roots_of(schema: &arrow_schema::Schema, names: &[&str]) -> Result<Vec<usize>> {
    let missing = |name: &str| EngineError::Spec(format!("no step makes the column `{name}`"));
    names
        .iter()
        .map(|name| schema.index_of(name).map_err(|_| missing(name)))
        .collect()
}

/// Returns the distinct columns that thresholds and their conditions read.
pub fn columns_of<'list>(thresholds: impl IntoIterator<Item = &'list Threshold>) -> Vec<&'list str> {
    let mut names: Vec<&str> = thresholds
        .into_iter()
        .flat_map(|threshold| {
            let conditions = threshold.conditions.iter();
            std::iter::once(threshold.column.as_str())
                .chain(conditions.map(|condition| condition.column.as_str()))
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}
