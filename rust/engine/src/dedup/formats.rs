//! The records that dedup passes leave for each other, and reading and writing files of them.
//!
//! Files hold records and nothing else, sorted as each record says. Counts and digests are in the task manifests.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::error::{DedupError, Result};
use crate::external_sort::{FileRun, SortError, SortedSource};

/// Bytes of a record of `exact.bin`: content hash (u128 LE), ordinal (u32 LE); sorted by both.
pub const EXACT_BYTES: usize = 20;
/// Bytes of a record of `bands.bin`: band key (u64 LE), ordinal (u32 LE); band by band, each sorted by both.
pub const BAND_BYTES: usize = 12;
/// Bytes of a verdict: u16 LE, 0 for a document that passes every threshold.
pub const VERDICT_BYTES: usize = 2;
/// Bytes of a [`BucketRow`].
pub const ROW_BYTES: usize = 24;
/// Bytes of an [`Edge`].
pub const EDGE_BYTES: usize = 24;
/// Bytes of a [`Removal`].
pub const REMOVAL_BYTES: usize = 24;
/// Bytes of a [`ClusterMember`].
pub const CLUSTER_BYTES: usize = 16;

/// Similarity of a pair that nobody computed: below any that can be.
pub const NOT_COMPUTED: f32 = -1.0;

/// Returns the `N` bytes of `record` from `at` on; both are constants at every call.
pub(crate) fn bytes_at<const N: usize>(record: &[u8], at: usize) -> [u8; N] {
    std::array::from_fn(|byte| record[at + byte])
}

pub(crate) fn u64_be(record: &[u8], at: usize) -> u64 {
    u64::from_be_bytes(bytes_at(record, at))
}

fn u64_le(record: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes_at(record, at))
}

/// Internal identity of a document: partition in the upper, ordinal in the lower half; its order is input order.
pub fn docref(partition: u32, ordinal: u32) -> u64 {
    u64::from(partition) << 32 | u64::from(ordinal)
}

/// Splits a document reference into partition and ordinal.
pub fn split_docref(docref: u64) -> (u32, u32) {
    let [p0, p1, p2, p3, o0, o1, o2, o3] = docref.to_be_bytes();
    (
        u32::from_be_bytes([p0, p1, p2, p3]),
        u32::from_be_bytes([o0, o1, o2, o3]),
    )
}

/// A document that shares a bucket with that bucket's centre.
///
/// On disk big-endian, sorted: scattered centre, member, bucket. Scattering a centre ([`scatter`]) makes slices of
/// centres equal in size, and being a bijection it loses nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BucketRow {
    /// The best document of the bucket, through [`scatter`].
    pub scattered_centre: u64,
    /// Any other document of it.
    pub member: u64,
    /// Band and key of the bucket, hashed together.
    pub bucket: u64,
}

impl BucketRow {
    /// Returns the record; byte order is the order of rows.
    pub fn encode(&self) -> [u8; ROW_BYTES] {
        let mut record = [0; ROW_BYTES];
        record[..8].copy_from_slice(&self.scattered_centre.to_be_bytes());
        record[8..16].copy_from_slice(&self.member.to_be_bytes());
        record[16..].copy_from_slice(&self.bucket.to_be_bytes());
        record
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(record: &[u8; ROW_BYTES]) -> Self {
        Self {
            scattered_centre: u64_be(record, 0),
            member: u64_be(record, 8),
            bucket: u64_be(record, 16),
        }
    }
}

/// A bijection of 64-bit numbers that spreads neighbours over the whole range; [`gather`] undoes it.
pub fn scatter(value: u64) -> u64 {
    gristmill_core::hash::mix64(value)
}

/// The inverse of [`scatter`].
pub fn gather(scattered: u64) -> u64 {
    let mut value = scattered;
    value ^= (value >> 31) ^ (value >> 62);
    value = value.wrapping_mul(0x3196_42b2_d24d_8ec3);
    value ^= (value >> 27) ^ (value >> 54);
    value = value.wrapping_mul(0x96de_1b17_3f11_9089);
    value ^ (value >> 30) ^ (value >> 60)
}

/// What the similarity of an edge was computed on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum EdgeKind {
    /// The texts: of their shingle sets.
    Text = 0,
    /// The embeddings: the cosine of their angle.
    Semantic = 1,
}

impl EdgeKind {
    pub(crate) fn from_byte(byte: u8) -> Self {
        if byte == Self::Semantic as u8 {
            Self::Semantic
        } else {
            Self::Text
        }
    }
}

/// A pair of documents whose similarity was computed exactly and reaches the threshold, or that was proposed
/// where a recipe asks for no verification.
///
/// On disk little-endian, sorted by (better, worse), each pair once a file.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Edge {
    /// The one that the survivor policy prefers.
    pub better: u64,
    /// The other.
    pub worse: u64,
    /// Their similarity, in [0, 1]; of what, `kind` says. Or [`NOT_COMPUTED`].
    pub similarity: f32,
    /// Bands in which the pair shared a bucket and was compared.
    pub shared_bands: u16,
    /// What was compared.
    pub kind: EdgeKind,
}

impl Edge {
    /// Returns the record.
    pub fn encode(&self) -> [u8; EDGE_BYTES] {
        let mut record = [0; EDGE_BYTES];
        record[..8].copy_from_slice(&self.better.to_le_bytes());
        record[8..16].copy_from_slice(&self.worse.to_le_bytes());
        record[16..20].copy_from_slice(&self.similarity.to_le_bytes());
        record[20..22].copy_from_slice(&self.shared_bands.to_le_bytes());
        record[22] = self.kind as u8;
        record
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(record: &[u8; EDGE_BYTES]) -> Self {
        Self {
            better: u64_le(record, 0),
            worse: u64_le(record, 8),
            similarity: f32::from_le_bytes(bytes_at(record, 16)),
            shared_bands: u16::from_le_bytes(bytes_at(record, 20)),
            kind: EdgeKind::from_byte(record[22]),
        }
    }
}

/// Which dedup step removed a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum RemovalStep {
    /// Another document has the same text.
    Exact = 1,
    /// Another document is at least as similar as the threshold asks.
    Near = 2,
    /// The embedding of another document points at least as much the same way as the threshold asks.
    Semantic = 3,
}

/// A document that goes, and the kept one that it duplicates.
///
/// On disk little-endian, sorted by `docref`, each document once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Removal {
    /// The document that goes.
    pub docref: u64,
    /// The document that stays in its place.
    pub duplicate_of: u64,
    /// Similarity of the two, in [0, 1], or [`NOT_COMPUTED`].
    pub similarity: f32,
    /// The step that removed it.
    pub step: RemovalStep,
    /// Bands in which the two met; 0 for equal texts, and where a common neighbour proposed the pair.
    pub shared_bands: u16,
}

impl Removal {
    /// Returns the record.
    pub fn encode(&self) -> [u8; REMOVAL_BYTES] {
        let mut record = [0; REMOVAL_BYTES];
        record[..8].copy_from_slice(&self.docref.to_le_bytes());
        record[8..16].copy_from_slice(&self.duplicate_of.to_le_bytes());
        record[16..20].copy_from_slice(&self.similarity.to_le_bytes());
        record[20] = self.step as u8;
        record[22..].copy_from_slice(&self.shared_bands.to_le_bytes());
        record
    }

    /// The inverse of [`Self::encode`]; nothing for an unknown step.
    pub fn decode(record: &[u8; REMOVAL_BYTES]) -> Option<Self> {
        let step = match record[20] {
            1 => RemovalStep::Exact,
            2 => RemovalStep::Near,
            3 => RemovalStep::Semantic,
            _ => return None,
        };
        Some(Self {
            docref: u64_le(record, 0),
            duplicate_of: u64_le(record, 8),
            similarity: f32::from_le_bytes(bytes_at(record, 16)),
            step,
            shared_bands: u16::from_le_bytes(bytes_at(record, 22)),
        })
    }

    /// The similarity, if it was computed.
    pub fn computed_similarity(&self) -> Option<f32> {
        (self.similarity >= 0.0).then_some(self.similarity)
    }

    /// The record with `docref` big-endian, so that byte order is the order of documents.
    pub(crate) fn encode_sortable(&self) -> [u8; REMOVAL_BYTES] {
        let mut record = self.encode();
        record[..8].reverse();
        record
    }

    /// Turns a sortable record into the one on disk.
    pub(crate) fn from_sortable(record: &[u8; REMOVAL_BYTES]) -> [u8; REMOVAL_BYTES] {
        let mut record = *record;
        record[..8].reverse();
        record
    }
}

/// A document of a cluster of at least two; old ones are representatives only.
///
/// On disk little-endian, sorted by `docref`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClusterMember {
    /// The document.
    pub docref: u64,
    /// The first document of its cluster: an old one where there is one.
    pub representative: u64,
}

impl ClusterMember {
    /// Returns the record.
    pub fn encode(&self) -> [u8; CLUSTER_BYTES] {
        let mut record = [0; CLUSTER_BYTES];
        record[..8].copy_from_slice(&self.docref.to_le_bytes());
        record[8..].copy_from_slice(&self.representative.to_le_bytes());
        record
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(record: &[u8; CLUSTER_BYTES]) -> Self {
        Self {
            docref: u64_le(record, 0),
            representative: u64_le(record, 8),
        }
    }
}

/// Writes records to a new file.
#[derive(Debug)]
pub(crate) struct RecordWriter {
    path: PathBuf,
    writer: BufWriter<File>,
    num_records: u64,
}

/// What a [`RecordWriter`] holds back before it writes.
pub(crate) const WRITE_BUFFER_BYTES: usize = 64 << 10;

impl RecordWriter {
    pub(crate) fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).map_err(SortError::file("create", path))?;
        let writer = BufWriter::with_capacity(WRITE_BUFFER_BYTES, file);
        Ok(Self {
            path: path.to_owned(),
            writer,
            num_records: 0,
        })
    }

    pub(crate) fn append(&mut self, record: &[u8]) -> Result<()> {
        self.num_records += 1;
        self.writer
            .write_all(record)
            .map_err(SortError::file("write", &self.path))
            .map_err(DedupError::from)
    }

    /// Returns the number of records. The caller syncs when it commits.
    pub(crate) fn finish(mut self) -> Result<u64> {
        self.writer
            .flush()
            .map_err(SortError::file("write", &self.path))?;
        Ok(self.num_records)
    }
}

/// A file of fixed-width records, open for slices and for binary search.
#[derive(Debug)]
pub(crate) struct Records<const WIDTH: usize> {
    path: Arc<Path>,
    file: Arc<File>,
    num_records: u64,
}

impl<const WIDTH: usize> Records<WIDTH> {
    pub(crate) fn open(path: &Path) -> Result<Self> {
        let file = File::open(path).map_err(SortError::file("open", path))?;
        let bytes = file.metadata().map_err(SortError::file("read", path))?.len();
        if bytes % WIDTH as u64 != 0 {
            let detail = format!("{bytes} bytes are not a whole number of {WIDTH}-byte records");
            return Err(DedupError::damaged(path, detail));
        }
        Ok(Self {
            path: path.into(),
            file: Arc::new(file),
            num_records: bytes / WIDTH as u64,
        })
    }

    /// Opens a file that must hold exactly `expected` records.
    pub(crate) fn open_with_count(path: &Path, expected: u64) -> Result<Self> {
        let records = Self::open(path)?;
        if records.num_records != expected {
            let detail = format!("it holds {} records, not {expected}", records.num_records);
            return Err(DedupError::damaged(path, detail));
        }
        Ok(records)
    }

    pub(crate) fn len(&self) -> u64 {
        self.num_records
    }

    pub(crate) fn get(&self, index: u64) -> Result<[u8; WIDTH]> {
        let mut record = [0; WIDTH];
        self.file
            .read_exact_at(&mut record, index * WIDTH as u64)
            .map_err(SortError::file("read", &self.path))?;
        Ok(record)
    }

    /// First record of `start..end` for which `is_before` is false; `end` when there is none.
    pub(crate) fn lower_bound(
        &self,
        start: u64,
        end: u64,
        is_before: impl Fn(&[u8; WIDTH]) -> bool,
    ) -> Result<u64> {
        let (mut low, mut high) = (start, end);
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

    /// Reads records `start..end` in order.
    pub(crate) fn run(&self, start: u64, end: u64, buffer_bytes: u64) -> FileRun<WIDTH> {
        let offset = start * WIDTH as u64;
        FileRun::new(
            Arc::clone(&self.file),
            Arc::clone(&self.path),
            offset,
            end - start,
            buffer_bytes,
        )
    }

    /// Reads the whole file in order.
    pub(crate) fn stream(&self, buffer_bytes: u64) -> FileRun<WIDTH> {
        self.run(0, self.num_records, buffer_bytes)
    }
}

/// Reads a slice of a sorted file as records of another layout with the same order, leaving some out.
#[derive(Debug)]
pub(crate) struct ConvertedRun<const RAW: usize, const WIDTH: usize, F> {
    run: FileRun<RAW>,
    convert: F,
    current: [u8; WIDTH],
}

impl<const RAW: usize, const WIDTH: usize, F> ConvertedRun<RAW, WIDTH, F> {
    pub(crate) fn new(run: FileRun<RAW>, convert: F) -> Self {
        Self {
            run,
            convert,
            current: [0; WIDTH],
        }
    }
}

impl<const RAW: usize, const WIDTH: usize, F> SortedSource<WIDTH> for ConvertedRun<RAW, WIDTH, F>
where
    F: Fn(&[u8; RAW]) -> Option<[u8; WIDTH]>,
{
    fn next_record(&mut self) -> std::result::Result<Option<&[u8; WIDTH]>, SortError> {
        while let Some(raw) = self.run.next_record()? {
            if let Some(record) = (self.convert)(raw) {
                self.current = record;
                return Ok(Some(&self.current));
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scattering_can_be_undone() {
        for value in [0, 1, 2, 77 << 32, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(gather(scatter(value)), value);
        }
    }

    #[test]
    fn records_round_trip() {
        let row = BucketRow {
            scattered_centre: 1 << 60,
            member: 2,
            bucket: 3,
        };
        assert_eq!(BucketRow::decode(&row.encode()), row);
        let edge = Edge {
            better: 1 << 40,
            worse: 2,
            similarity: 0.75,
            shared_bands: 513,
            kind: EdgeKind::Semantic,
        };
        assert_eq!(Edge::decode(&edge.encode()), edge);
        let removal = Removal {
            docref: 258,
            duplicate_of: 7,
            similarity: 1.0,
            step: RemovalStep::Near,
            shared_bands: 7,
        };
        assert_eq!(Removal::decode(&removal.encode()), Some(removal));
        assert_eq!(
            Removal::from_sortable(&removal.encode_sortable()),
            removal.encode()
        );
        assert_eq!(Removal::decode(&[0; REMOVAL_BYTES]), None);
        let member = ClusterMember {
            docref: 9,
            representative: 3,
        };
        assert_eq!(ClusterMember::decode(&member.encode()), member);
        assert_eq!(split_docref(docref(7, 9)), (7, 9));
    }

    #[test]
    fn the_layouts_of_edges_and_clusters_are_the_published_ones() {
        let edge = Edge {
            better: 1,
            worse: 2,
            similarity: 0.5,
            shared_bands: 3,
            kind: EdgeKind::Text,
        };
        let mut expected = [
            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x3f, 3, 0, 0, 0,
        ];
        assert_eq!(edge.encode(), expected);
        expected[22] = 1;
        let kind = EdgeKind::Semantic;
        assert_eq!(Edge { kind, ..edge }.encode(), expected);
        let member = ClusterMember {
            docref: docref(1, 2),
            representative: 3,
        };
        assert_eq!(member.encode(), [2, 0, 0, 0, 1, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn the_layout_of_a_removal_is_the_published_one() {
        let removal = Removal {
            docref: 1,
            duplicate_of: 2,
            similarity: 1.0,
            step: RemovalStep::Exact,
            shared_bands: 258,
        };
        let expected = [
            1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x3f, 1, 0, 2, 1,
        ];
        assert_eq!(removal.encode(), expected);
    }
}
