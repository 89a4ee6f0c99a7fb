//! Files that are walked along with the documents of a partition: removals, clusters and signal values.

use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;

use crate::decide::{SignalColumns, Threshold, columns_of};
use crate::error::Result;
use crate::index::RecordFile;
use crate::map::column::array_number;

/// Walks a file sorted by docref, whose first eight bytes are the docref, along with an ascending docref.
pub(crate) struct Cursor<const WIDTH: usize> {
    file: RecordFile<WIDTH>,
    next: u64,
    buffer: Vec<[u8; WIDTH]>,
    buffer_start: u64,
}

impl<const WIDTH: usize> Cursor<WIDTH> {
    pub(crate) fn open(path: &Path, first: u64) -> Result<Self> {
        let file = RecordFile::open(path)?;
        let next = file.lower_bound(|record| docref_of(record) < first)?;
        Ok(Self {
            file,
            next,
            buffer: Vec::new(),
            buffer_start: next,
        })
    }

    pub(crate) fn find(&mut self, docref: u64) -> Result<Option<[u8; WIDTH]>> {
        while self.next < self.file.len() {
            let at = (self.next - self.buffer_start) as usize;
            let Some(record) = self.buffer.get(at) else {
                self.buffer_start = self.next;
                let end = (self.next + 4096).min(self.file.len());
                self.file.range(self.next, end, &mut self.buffer)?;
                continue;
            };
            match docref_of(record).cmp(&docref) {
                std::cmp::Ordering::Less => self.next += 1,
                std::cmp::Ordering::Equal => return Ok(Some(*record)),
                std::cmp::Ordering::Greater => return Ok(None),
            }
        }
        Ok(None)
    }
}

fn docref_of<const WIDTH: usize>(record: &[u8; WIDTH]) -> u64 {
    u64::from_le_bytes(std::array::from_fn(|byte| record[byte]))
}

/// Finds the signal value that dropped a document, walking the signals along with an ascending ordinal.
pub(super) struct ValueCursor {
    columns: SignalColumns,
    batch: Option<RecordBatch>,
    start: u64,
}

impl ValueCursor {
    pub(super) fn open(path: PathBuf, thresholds: &[Threshold]) -> Result<Self> {
        Ok(Self {
            columns: SignalColumns::open(path, &columns_of(thresholds), 4096)?,
            batch: None,
            start: 0,
        })
    }

    pub(super) fn value(&mut self, ordinal: u64, column: &str) -> Result<Option<f64>> {
        loop {
            let rows = self.batch.as_ref().map_or(0, |batch| batch.num_rows() as u64);
            if let Some(batch) = self.batch.as_ref().filter(|_| ordinal < self.start + rows) {
                return Ok(batch
                    .column_by_name(column)
                    .and_then(|values| array_number(values, (ordinal - self.start) as usize)));
            }
            self.start += rows;
            self.batch = self.columns.next_batch()?;
            if self.batch.is_none() {
                return Ok(None);
            }
        }
    }
}
