//! Writers of the map stage: what each document contributes to dedup, sorted within the partition.

use std::path::Path;

use super::error::{DedupError, Result};
use super::formats::{BAND_BYTES, EXACT_BYTES, RecordWriter, bytes_at, u64_be};
use crate::external_sort::{ExternalSorter, SortedRecords};

/// Collects content hashes and writes them sorted. Memory: `max(memory_bytes, 80)` and a 64 KiB write buffer.
///
/// ```
/// use gristmill_engine::dedup::ExactRunWriter;
/// # fn main() -> Result<(), gristmill_engine::dedup::DedupError> {
/// let scratch = std::env::temp_dir();
/// let path = scratch.join(format!("exact-{}.bin", std::process::id()));
/// let mut writer = ExactRunWriter::new(&scratch, 1 << 20)?;
/// writer.push(7 << 100, 0)?;
/// writer.push(5, 1)?;
/// assert_eq!(writer.finish(&path)?, 2);
/// let written = std::fs::read(&path).unwrap();
/// assert_eq!(written[..16], 5_u128.to_le_bytes());
/// assert_eq!(written[16..20], 1_u32.to_le_bytes());
/// # std::fs::remove_file(&path).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ExactRunWriter {
    sorter: ExternalSorter<EXACT_BYTES>,
}

impl ExactRunWriter {
    /// Prepares a writer that spills into `scratch`.
    ///
    /// # Errors
    /// When `scratch` is not a folder.
    pub fn new(scratch: &Path, memory_bytes: u64) -> Result<Self> {
        Ok(Self {
            sorter: ExternalSorter::new(scratch, memory_bytes)?,
        })
    }

    /// Adds the content hash of the document with this ordinal.
    ///
    /// # Errors
    /// When spilling fails.
    pub fn push(&mut self, hash: u128, ordinal: u32) -> Result<()> {
        let mut record = [0; EXACT_BYTES];
        record[..16].copy_from_slice(&hash.to_be_bytes());
        record[16..].copy_from_slice(&ordinal.to_be_bytes());
        Ok(self.sorter.push(&record)?)
    }

    /// Writes `exact.bin` to `path` and returns its number of records. The caller syncs when it commits.
    ///
    /// # Errors
    /// When reading back or writing fails.
    pub fn finish(self, path: &Path) -> Result<u64> {
        write_sorted(self.sorter.finish()?, path, |record: &mut [u8; EXACT_BYTES]| {
            record[..16].reverse();
            record[16..].reverse();
            *record
        })
    }
}

/// Bytes of a band key while it is sorted: band (u16), key (u64), ordinal (u32), all big-endian.
const SORTED_BAND_BYTES: usize = 14;

/// Collects band keys and writes them band by band, sorted. Memory: `max(memory_bytes, 56)` and a 64 KiB write buffer.
///
/// ```
/// use gristmill_engine::dedup::BandRunWriter;
/// # fn main() -> Result<(), gristmill_engine::dedup::DedupError> {
/// let scratch = std::env::temp_dir();
/// let path = scratch.join(format!("bands-{}.bin", std::process::id()));
/// let mut writer = BandRunWriter::new(&scratch, 2, 1 << 20)?;
/// writer.push(0, &[30, 40])?;
/// writer.push(1, &[20, 50])?;
/// assert_eq!(writer.finish(&path)?, 4);
/// let written = std::fs::read(&path).unwrap();
/// let keys: Vec<u8> = written.chunks(12).map(|record| record[0]).collect();
/// assert_eq!(keys, [20, 30, 40, 50]);
/// # std::fs::remove_file(&path).unwrap();
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct BandRunWriter {
    sorter: ExternalSorter<SORTED_BAND_BYTES>,
    num_bands: u16,
}

impl BandRunWriter {
    /// Prepares a writer of `num_bands` bands that spills into `scratch`.
    ///
    /// # Errors
    /// When there is no band or more than 65,535, or `scratch` is not a folder.
    pub fn new(scratch: &Path, num_bands: usize, memory_bytes: u64) -> Result<Self> {
        let num_bands = match u16::try_from(num_bands) {
            Ok(num_bands) if num_bands > 0 => num_bands,
            _ => return Err(DedupError::Inputs(format!("{num_bands} bands, not 1 to 65535"))),
        };
        Ok(Self {
            sorter: ExternalSorter::new(scratch, memory_bytes)?,
            num_bands,
        })
    }

    /// Adds the keys of the document with this ordinal, one for each band; documents without a word are left out.
    ///
    /// # Errors
    /// When the number of keys is not the number of bands, or spilling fails.
    pub fn push(&mut self, ordinal: u32, keys: &[u64]) -> Result<()> {
        if keys.len() != usize::from(self.num_bands) {
            return Err(DedupError::Inputs(format!(
                "{} keys for {} bands",
                keys.len(),
                self.num_bands
            )));
        }
        let mut record = [0; SORTED_BAND_BYTES];
        record[10..].copy_from_slice(&ordinal.to_be_bytes());
        for (band, key) in (0..self.num_bands).zip(keys) {
            record[..2].copy_from_slice(&band.to_be_bytes());
            record[2..10].copy_from_slice(&key.to_be_bytes());
            self.sorter.push(&record)?;
        }
        Ok(())
    }

    /// Adds one key of a document, where its keys come band by band; each band is to get one.
    ///
    /// # Errors
    /// When spilling fails.
    pub(crate) fn push_key(&mut self, band: u16, key: u64, ordinal: u32) -> Result<()> {
        let mut record = [0; SORTED_BAND_BYTES];
        record[..2].copy_from_slice(&band.to_be_bytes());
        record[2..10].copy_from_slice(&key.to_be_bytes());
        record[10..].copy_from_slice(&ordinal.to_be_bytes());
        Ok(self.sorter.push(&record)?)
    }

    /// Writes `bands.bin` to `path` and returns its number of records. The caller syncs when it commits.
    ///
    /// # Errors
    /// When reading back or writing fails.
    pub fn finish(self, path: &Path) -> Result<u64> {
        write_sorted(
            self.sorter.finish()?,
            path,
            |record: &mut [u8; SORTED_BAND_BYTES]| {
                let mut written = [0; BAND_BYTES];
                written[..8].copy_from_slice(&u64_be(record, 2).to_le_bytes());
                written[8..].copy_from_slice(&u32::from_be_bytes(bytes_at(record, 10)).to_le_bytes());
                written
            },
        )
    }
}

fn write_sorted<const WIDTH: usize, const WRITTEN: usize>(
    mut sorted: SortedRecords<WIDTH>,
    path: &Path,
    convert: impl Fn(&mut [u8; WIDTH]) -> [u8; WRITTEN],
) -> Result<u64> {
    let mut writer = RecordWriter::create(path)?;
    while let Some(record) = sorted.next_record()? {
        writer.append(&convert(&mut record.clone()))?;
    }
    writer.finish()
}
