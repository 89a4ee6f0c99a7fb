//! Candidates: documents that share a band key stand in a bucket, and its best document is the centre.

use std::path::Path;

use serde::Serialize;

use super::documents::{DocumentSet, DocumentStore, Standing};
use super::error::{DedupError, Result};
use super::formats::{
    BAND_BYTES, BucketRow, ConvertedRun, ROW_BYTES, RecordWriter, Records, bytes_at, docref, scatter, u64_be,
};
use super::old::MAX_OLD_MEMBERS;
use super::spill_queue::SpillQueue;
use super::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortedSource, merge_sorted};

/// Band key and document reference, both big-endian.
pub(crate) const KEYED_BYTES: usize = 16;

/// What the pass counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct LshStats {
    /// Buckets of two documents or more.
    pub buckets: u64,
    /// Rows written: documents of those buckets, centres left out.
    pub rows: u64,
    /// Documents of the largest bucket.
    pub largest_bucket: u64,
    /// Old documents of buckets that are left out, beyond [`MAX_OLD_MEMBERS`].
    pub capped_old: u64,
}

/// Groups documents by the band keys in `range` and writes a [`BucketRow`] for each member but the centre.
///
/// Left out are documents that fail a threshold, those that `exact_removals` (every file of the exact pass) name, and
/// buckets without a new document.
/// Memory: see [`super`]; a bucket larger than its share spills and is read twice. Time: one merge of the keys, and one
/// index read for each document that is not alone in its bucket, less what a cache of ranks knows.
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn lsh(
    context: &PassContext<'_>,
    range: KeyRange,
    num_bands: u16,
    exact_removals: &[impl AsRef<Path>],
    output: &Path,
) -> Result<LshStats> {
    range.check()?;
    let mut taking_part = DocumentSet::passing(context)?;
    for path in exact_removals {
        taking_part.remove_all(&Records::open(path.as_ref())?)?;
    }
    let memory_bytes = context.memory_beside(DocumentSet::bytes(context))?;
    let mut bucket = Bucket {
        store: DocumentStore::new(context, memory_bytes / 4),
        members: SpillQueue::new(&context.scratch, memory_bytes / 8),
        best: None,
        num_old: 0,
        rows: ExternalSorter::new(&context.scratch, memory_bytes / 4)?,
        stats: LshStats::default(),
    };
    let mut poll = context.poll();
    for band in 0..num_bands {
        let mut merged = merge_sorted(
            &context.scratch,
            memory_bytes / 4,
            context.partitions.len(),
            context.cancelled,
            |number, buffer_bytes| {
                open_band(
                    context,
                    number,
                    range,
                    (band, num_bands),
                    &taking_part,
                    buffer_bytes,
                )
            },
        )?;
        let mut previous: Option<(u64, u64)> = None;
        while let Some(record) = merged.next_record()? {
            poll.tick()?;
            let (key, docref) = (u64_be(record, 0), u64_be(record, 8));
            match previous {
                Some((previous_key, first)) if previous_key == key => {
                    // New documents come first: a bucket that begins with an old one holds no other.
                    if bucket.best.is_none() && !context.is_old(first) {
                        bucket.add(first)?;
                    }
                    if bucket.best.is_some() {
                        bucket.add(docref)?;
                    }
                }
                Some((previous_key, _)) => bucket.close(bucket_of(band, previous_key))?,
                None => {}
            }
            previous = Some((key, docref));
        }
        if let Some((key, _)) = previous {
            bucket.close(bucket_of(band, key))?;
        }
    }
    let mut writer = RecordWriter::create(output)?;
    let mut sorted = bucket.rows.finish_unless(context.cancelled)?;
    while let Some(row) = sorted.next_record()? {
        writer.append(row)?;
    }
    bucket.stats.rows = writer.finish()?;
    Ok(bucket.stats)
}

/// Identity of a bucket among all bands.
pub(super) fn bucket_of(band: u16, key: u64) -> u64 {
    scatter(key ^ scatter(u64::from(band) + 1))
}

pub(crate) fn open_band<'pass>(
    context: &PassContext<'_>,
    number: usize,
    range: KeyRange,
    (band, num_bands): (u16, u16),
    taking_part: &'pass DocumentSet,
    buffer_bytes: u64,
) -> Result<impl SortedSource<KEYED_BYTES> + use<'pass>> {
    let files = &context.partitions[number];
    let Some(path) = &files.bands else {
        return Err(DedupError::Inputs(format!("partition {number} has no band keys")));
    };
    let records = Records::<BAND_BYTES>::open(path)?;
    let per_band = records.len() / u64::from(num_bands.max(1));
    if per_band * u64::from(num_bands) != records.len() || per_band > u64::from(files.num_documents) {
        let documents = files.num_documents;
        let detail = format!(
            "{} keys for {num_bands} bands and {documents} documents",
            records.len()
        );
        return Err(DedupError::damaged(path, detail));
    }
    let first = u64::from(band) * per_band;
    let key_of = |record: &[u8; BAND_BYTES]| u64::from_le_bytes(bytes_at(record, 0));
    let (start, end) = range.bounds(&records, first, first + per_band, key_of)?;
    let partition = files.partition;
    Ok(ConvertedRun::new(
        records.run(start, end, buffer_bytes),
        move |raw: &[u8; BAND_BYTES]| {
            let reference = docref(partition, u32::from_le_bytes(bytes_at(raw, 8)));
            let mut record = [0; KEYED_BYTES];
            record[..8].copy_from_slice(&u64::from_le_bytes(bytes_at(raw, 0)).to_be_bytes());
            record[8..].copy_from_slice(&reference.to_be_bytes());
            taking_part.contains(reference).then_some(record)
        },
    ))
}

/// The documents of one bucket while they are read.
struct Bucket<'task> {
    store: DocumentStore<'task>,
    members: SpillQueue<8>,
    best: Option<Standing>,
    num_old: u32,
    rows: ExternalSorter<ROW_BYTES>,
    stats: LshStats,
}

impl Bucket<'_> {
    fn add(&mut self, docref: u64) -> Result<()> {
        if self.store.is_old(docref) {
            // The first old one is the centre.
            if self.num_old > MAX_OLD_MEMBERS {
                self.stats.capped_old += 1;
                return Ok(());
            }
            self.num_old += 1;
        }
        let standing = self.store.standing(docref)?;
        self.best = Some(self.best.map_or(standing, |best| best.min(standing)));
        self.members.push(docref.to_be_bytes())
    }

    /// Writes the rows of the bucket, if it holds anything, and empties it.
    fn close(&mut self, bucket: u64) -> Result<()> {
        let Some(best) = self.best.take() else {
            return Ok(());
        };
        self.stats.buckets += 1;
        self.stats.largest_bucket = self.stats.largest_bucket.max(self.members.len());
        let centre = best.docref();
        let rows = &mut self.rows;
        self.members.for_each(|member| {
            let member = u64::from_be_bytes(*member);
            if member != centre {
                rows.push(
                    &BucketRow {
                        scattered_centre: scatter(centre),
                        member,
                        bucket,
                    }
                    .encode(),
                )?;
            }
            Ok(())
        })?;
        self.members.clear();
        self.num_old = 0;
        Ok(())
    }
}
