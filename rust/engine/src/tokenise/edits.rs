//! The edits of kept documents, from the tables of all steps that changed texts.

use std::path::{Path, PathBuf};

use arrow_array::{Array, BooleanArray, RecordBatch, UInt64Array};
use arrow_select::concat::concat_batches;
use arrow_select::filter::filter_record_batch;
use parquet::arrow::arrow_reader::ParquetRecordBatchReader;

use super::parquet_batches;
use crate::error::{EngineError, Result};

/// Rows after which small pieces are written together.
const PIECE_ROWS: usize = 4096;

/// Calls `write` with the rows of documents for which `is_kept` holds, ascending by document; the rows of a document come
/// in the order of the tables. Each table ascends by document. Memory: a batch a table, and one of pieces.
///
/// # Errors
/// When a table cannot be read, or `write` fails.
pub(super) fn merge(
    paths: &[PathBuf],
    is_kept: impl Fn(u64) -> bool,
    mut write: impl FnMut(RecordBatch) -> Result<()>,
) -> Result<()> {
    let mut tables = paths
        .iter()
        .map(|path| Table::open(path, &is_kept))
        .collect::<Result<Vec<_>>>()?;
    if let [only] = tables.as_mut_slice() {
        while only.head().is_some() {
            write(only.take_before(u64::MAX)?)?;
        }
        return Ok(());
    }
    let mut pieces = Pieces::default();
    loop {
        let heads = tables.iter().map(Table::head);
        let Some((position, doc)) = heads
            .enumerate()
            .filter_map(|(position, head)| Some((position, head?)))
            .min_by_key(|&(position, doc)| (doc, position))
        else {
            return pieces.flush(&mut write);
        };
        // What comes next in any other table: rows before it can go together.
        let limit = tables
            .iter()
            .enumerate()
            .filter(|&(other, _)| other != position)
            .filter_map(|(_, table)| table.head())
            .min()
            .map_or(u64::MAX, |next| next.max(doc + 1));
        let piece = tables[position].take_before(limit)?;
        pieces.push(piece, &mut write)?;
    }
}

/// Small batches on their way to be joined.
#[derive(Default)]
struct Pieces {
    waiting: Vec<RecordBatch>,
    rows: usize,
}

impl Pieces {
    fn push(&mut self, piece: RecordBatch, write: &mut impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        self.rows += piece.num_rows();
        self.waiting.push(piece);
        if self.rows >= PIECE_ROWS {
            self.flush(write)
        } else {
            Ok(())
        }
    }

    fn flush(&mut self, write: &mut impl FnMut(RecordBatch) -> Result<()>) -> Result<()> {
        let Some(first) = self.waiting.first() else {
            return Ok(());
        };
        let joined = concat_batches(&first.schema(), &self.waiting)
            .map_err(|error| EngineError::Spec(format!("edits do not fit together: {error}")))?;
        self.waiting.clear();
        self.rows = 0;
        write(joined)
    }
}

/// A table of edits under way, without the rows of documents that went.
struct Table<'task> {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    is_kept: &'task dyn Fn(u64) -> bool,
    batch: Option<RecordBatch>,
    row: usize,
}

impl<'task> Table<'task> {
    fn open(path: &Path, is_kept: &'task dyn Fn(u64) -> bool) -> Result<Self> {
        let mut table = Self {
            path: path.to_owned(),
            batches: parquet_batches(path)?,
            is_kept,
            batch: None,
            row: 0,
        };
        table.refill()?;
        Ok(table)
    }

    /// Reads on until there is a row.
    fn refill(&mut self) -> Result<()> {
        self.row = 0;
        self.batch = None;
        for batch in self.batches.by_ref() {
            let batch = batch.map_err(EngineError::table("read", &self.path))?;
            let kept: BooleanArray = docs(&batch)
                .ok_or_else(|| EngineError::Spec("edits have no `doc`".to_owned()))?
                .values()
                .iter()
                .map(|&doc| Some((self.is_kept)(doc)))
                .collect();
            let batch =
                filter_record_batch(&batch, &kept).map_err(EngineError::table("filter", &self.path))?;
            if batch.num_rows() > 0 {
                self.batch = Some(batch);
                return Ok(());
            }
        }
        Ok(())
    }

    /// The document of the next row.
    fn head(&self) -> Option<u64> {
        let batch = self.batch.as_ref()?;
        docs(batch).map(|docs| docs.value(self.row))
    }

    /// Takes the next rows of documents below `limit`, of the current batch; at least one row is there.
    fn take_before(&mut self, limit: u64) -> Result<RecordBatch> {
        let Some(batch) = self.batch.clone() else {
            return Err(EngineError::Spec("a table of edits has ended".to_owned()));
        };
        let before = docs(&batch).map_or(0, |docs| docs.values().partition_point(|&doc| doc < limit));
        let piece = batch.slice(self.row, before - self.row);
        self.row = before;
        if before == batch.num_rows() {
            self.refill()?;
        }
        Ok(piece)
    }
}

fn docs(batch: &RecordBatch) -> Option<&UInt64Array> {
    batch.column(0).as_any().downcast_ref()
}
