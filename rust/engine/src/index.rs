//! The index of a partition's texts: one fixed-width record a readable document, in input order.
//!
//! Record `ordinal` stands at byte `ordinal * RECORD_BYTES`, so any stage finds a document with one `pread`.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::error::{EngineError, Result};

/// Bytes of one record.
pub const RECORD_BYTES: usize = 48;

/// One readable document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct IndexRecord {
    /// Identity that is stable across runs.
    pub key: u128,
    /// Identity within the run: file ordinal and row.
    pub doc: u64,
    /// Where its text starts in the text file.
    pub text_offset: u64,
    /// Larger survives; ties are broken by input order.
    pub rank: u64,
    /// Length of its text.
    pub text_bytes: u32,
    /// Ordinal of its source in the plan.
    pub source: u16,
    /// Reserved, zero.
    pub flags: u16,
}

impl IndexRecord {
    /// Returns the little-endian record.
    pub fn encode(&self) -> [u8; RECORD_BYTES] {
        let mut record = [0; RECORD_BYTES];
        record[..16].copy_from_slice(&self.key.to_le_bytes());
        record[16..24].copy_from_slice(&self.doc.to_le_bytes());
        record[24..32].copy_from_slice(&self.text_offset.to_le_bytes());
        record[32..40].copy_from_slice(&self.rank.to_le_bytes());
        record[40..44].copy_from_slice(&self.text_bytes.to_le_bytes());
        record[44..46].copy_from_slice(&self.source.to_le_bytes());
        record[46..48].copy_from_slice(&self.flags.to_le_bytes());
        record
    }

    /// Reads a record; the inverse of [`Self::encode`].
    pub fn decode(record: &[u8; RECORD_BYTES]) -> Self {
        let long = |at: usize| u64::from_le_bytes(std::array::from_fn(|byte| record[at + byte]));
        Self {
            key: u128::from_le_bytes(std::array::from_fn(|byte| record[byte])),
            doc: long(16),
            text_offset: long(24),
            rank: long(32),
            text_bytes: u32::from_le_bytes(std::array::from_fn(|byte| record[40 + byte])),
            source: u16::from_le_bytes([record[44], record[45]]),
            flags: u16::from_le_bytes([record[46], record[47]]),
        }
    }
}

/// A file of fixed-width records that is read at random: indexes, removals, clusters.
#[derive(Debug)]
pub struct RecordFile<const WIDTH: usize> {
    path: PathBuf,
    file: File,
    count: u64,
}

impl<const WIDTH: usize> RecordFile<WIDTH> {
    /// Opens a file that is a whole number of records long.
    ///
    /// # Errors
    /// When it cannot be opened or ends inside a record.
    pub fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(EngineError::io("open", path))?;
        let bytes = file.metadata().map_err(EngineError::io("read", path))?.len();
        if bytes % WIDTH as u64 != 0 {
            let detail = format!("{bytes} bytes are not a whole number of {WIDTH}-byte records");
            return Err(EngineError::Damaged {
                path: path.to_owned(),
                detail,
            });
        }
        Ok(Self {
            path: path.to_owned(),
            file,
            count: bytes / WIDTH as u64,
        })
    }

    /// Number of records.
    pub fn len(&self) -> u64 {
        self.count
    }

    /// True when there is no record.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Reads record number `index`.
    ///
    /// # Errors
    /// When `index` is outside the file or the read fails.
    pub fn get(&self, index: u64) -> Result<[u8; WIDTH]> {
        let mut record = [0; WIDTH];
        self.file
            .read_exact_at(&mut record, index * WIDTH as u64)
            .map_err(EngineError::io("read", &self.path))?;
        Ok(record)
    }

    /// Reads records `start..end` into `buffer`, replacing what it held.
    ///
    /// # Errors
    /// When the range is outside the file or the read fails.
    pub fn range(&self, start: u64, end: u64, buffer: &mut Vec<[u8; WIDTH]>) -> Result<()> {
        buffer.clear();
        buffer.resize(usize::try_from(end - start).unwrap_or(usize::MAX), [0; WIDTH]);
        self.file
            .read_exact_at(buffer.as_flattened_mut(), start * WIDTH as u64)
            .map_err(EngineError::io("read", &self.path))
    }

    /// Returns the first record for which `is_before` is false, by binary search; the file is sorted accordingly.
    ///
    /// # Errors
    /// When a read fails.
    pub fn lower_bound(&self, mut is_before: impl FnMut(&[u8; WIDTH]) -> bool) -> Result<u64> {
        let (mut low, mut high) = (0, self.count);
        while low < high {
            let middle = low + (high - low) / 2;
            if is_before(&self.get(middle)?) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        Ok(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(ordinal: u64) -> IndexRecord {
        IndexRecord {
            key: u128::from(ordinal) << 70,
            doc: ordinal << 40,
            text_offset: ordinal * 3,
            rank: ordinal,
            text_bytes: 7,
            source: 2,
            flags: 0,
        }
    }

    #[test]
    fn records_round_trip_and_are_found() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        let bytes: Vec<u8> = (0..100).flat_map(|ordinal| record(ordinal).encode()).collect();
        std::fs::write(&path, &bytes).unwrap();
        let file = RecordFile::<RECORD_BYTES>::open(&path).unwrap();
        assert_eq!(file.len(), 100);
        assert_eq!(IndexRecord::decode(&file.get(42).unwrap()), record(42));
        assert_eq!(
            file.lower_bound(|found| IndexRecord::decode(found).rank < 17)
                .unwrap(),
            17
        );
        let mut some = Vec::new();
        file.range(3, 5, &mut some).unwrap();
        assert_eq!(IndexRecord::decode(&some[1]), record(4));
    }

    #[test]
    fn a_file_cut_inside_a_record_is_damage() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("index");
        std::fs::write(&path, [0; RECORD_BYTES + 1]).unwrap();
        assert_eq!(
            RecordFile::<RECORD_BYTES>::open(&path).unwrap_err().code(),
            "GM-IO-003"
        );
    }
}
