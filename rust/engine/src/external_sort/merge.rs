//! Merging sorted streams, as many at once as the budget allows.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::path::Path;

use super::{Cancelled, ExternalSorter, SortError, SortedRecords, SortedSource};

/// How many runs one pass merges at most: bounds open files and keeps every buffer large.
const MAX_FAN_IN: u64 = 128;
/// A merge gives each run at least this much, if the budget allows two runs at all.
const MIN_MERGE_BUFFER_BYTES: u64 = 32 << 10;
/// More than this a buffer gains nothing.
const MAX_MERGE_BUFFER_BYTES: u64 = 1 << 20;

/// The smallest unread record of one source of a merge.
#[derive(Debug, PartialEq, Eq)]
struct Head<const WIDTH: usize> {
    record: [u8; WIDTH],
    source: usize,
}

impl<const WIDTH: usize> Ord for Head<WIDTH> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        // Reversed: the heap of the standard library has its largest element on top.
        compare(&other.record, &self.record).then(other.source.cmp(&self.source))
    }
}

impl<const WIDTH: usize> PartialOrd for Head<WIDTH> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

/// Byte order, with the first eight bytes compared as one number.
pub(super) fn compare<const WIDTH: usize>(left: &[u8; WIDTH], right: &[u8; WIDTH]) -> std::cmp::Ordering {
    match (left.split_first_chunk::<8>(), right.split_first_chunk::<8>()) {
        (Some((left_head, left_tail)), Some((right_head, right_tail))) => u64::from_be_bytes(*left_head)
            .cmp(&u64::from_be_bytes(*right_head))
            .then_with(|| left_tail.cmp(right_tail)),
        _ => left.cmp(right),
    }
}

/// Merges sorted sources into one sorted stream.
#[derive(Debug)]
pub struct Merge<const WIDTH: usize, S> {
    pub(super) sources: Vec<S>,
    heap: BinaryHeap<Head<WIDTH>>,
    current: [u8; WIDTH],
}

impl<const WIDTH: usize, S: SortedSource<WIDTH>> Merge<WIDTH, S> {
    /// Reads the first record of each source.
    ///
    /// # Errors
    /// When reading fails.
    pub fn new(mut sources: Vec<S>) -> Result<Self, SortError> {
        let mut heap = BinaryHeap::with_capacity(sources.len());
        for (source, stream) in sources.iter_mut().enumerate() {
            if let Some(record) = stream.next_record()? {
                heap.push(Head {
                    record: *record,
                    source,
                });
            }
        }
        Ok(Self {
            sources,
            heap,
            current: [0; WIDTH],
        })
    }
}

impl<const WIDTH: usize, S: SortedSource<WIDTH>> SortedSource<WIDTH> for Merge<WIDTH, S> {
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        let Some(mut top) = self.heap.peek_mut() else {
            return Ok(None);
        };
        self.current = top.record;
        match self.sources[top.source].next_record()? {
            Some(record) => top.record = *record,
            None => {
                PeekMut::pop(top);
            }
        }
        Ok(Some(&self.current))
    }
}

/// How many runs a merge takes at once, and how large a buffer each of them and the writer gets.
pub(super) fn merge_shape(memory_bytes: u64, num_runs: usize) -> (usize, u64) {
    let fan_in = (memory_bytes / MIN_MERGE_BUFFER_BYTES)
        .saturating_sub(1)
        .clamp(2, MAX_FAN_IN);
    let buffers = fan_in.min(num_runs as u64).max(1) + 1;
    (
        usize::try_from(fan_in).unwrap_or(2),
        (memory_bytes / buffers).min(MAX_MERGE_BUFFER_BYTES),
    )
}

/// Sorted sources as one stream, whether they could be opened together or not.
#[derive(Debug)]
pub enum Merged<const WIDTH: usize, S> {
    /// All sources are open.
    Open(Merge<WIDTH, S>),
    /// There were too many; groups of them were merged into runs first.
    Spilled(SortedRecords<WIDTH>),
}

impl<const WIDTH: usize, S: SortedSource<WIDTH>> SortedSource<WIDTH> for Merged<WIDTH, S> {
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        match self {
            Self::Open(merge) => merge.next_record(),
            Self::Spilled(sorted) => sorted.next_record(),
        }
    }
}

/// Merges `num_sources` sorted sources; `open(number, buffer_bytes)` opens one of them.
///
/// No more than the budget's fan-in (2 to 128) are open at once. Memory: `memory_bytes`, as for a sorter.
///
/// # Errors
/// When opening, reading or writing fails, or on cancellation.
pub fn merge_sorted<const WIDTH: usize, S, E>(
    folder: &Path,
    memory_bytes: u64,
    num_sources: usize,
    cancelled: Cancelled<'_>,
    mut open: impl FnMut(usize, u64) -> Result<S, E>,
) -> Result<Merged<WIDTH, S>, E>
where
    S: SortedSource<WIDTH>,
    E: From<SortError>,
{
    let (fan_in, buffer_bytes) = merge_shape(memory_bytes, num_sources);
    if num_sources <= fan_in {
        let sources: Vec<S> = (0..num_sources)
            .map(|number| open(number, buffer_bytes))
            .collect::<Result<_, E>>()?;
        return Ok(Merged::Open(Merge::new(sources)?));
    }
    let mut sorter = ExternalSorter::new(folder, memory_bytes)?;
    for start in (0..num_sources).step_by(fan_in) {
        let end = num_sources.min(start + fan_in);
        let sources: Vec<S> = (start..end)
            .map(|number| open(number, buffer_bytes))
            .collect::<Result<_, E>>()?;
        sorter.push_run(&mut Merge::new(sources)?, buffer_bytes, cancelled)?;
    }
    Ok(Merged::Spilled(sorter.finish_unless(cancelled)?))
}
