//! Sorting fixed-width records that do not fit in memory, and merging streams that are sorted already.
//!
//! Records are byte arrays and their order is the order of their bytes: encode what sorts big-endian and first. Equal
//! records are therefore equal bytes, so the result depends on the records alone, never on the budget or on the
//! order of arrival. Not here: records of varying length, threads, and files that outlive the sort.
//!
//! # Memory
//! A sorter holds at most `max(memory_bytes, 4 * WIDTH)` bytes of records: first as one buffer that is sorted in
//! place and spilled, then (the buffer is gone by then) as `fan_in + 1` read and write buffers. Beside it stand 24
//! bytes a spilled run and `WIDTH + 16` bytes an open run. Disk: the records once, and twice during a merge pass.
//! Time: `n log n` comparisons, and `ceil(log(runs) / log(fan_in))` passes over the data.

use std::collections::BinaryHeap;
use std::collections::binary_heap::PeekMut;
use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::EngineError;

/// Returns true once the caller wants to stop; polled between blocks of records.
pub type Cancelled<'task> = &'task dyn Fn() -> bool;

/// How many runs one pass merges at most: bounds open files and keeps every buffer large.
const MAX_FAN_IN: u64 = 128;
/// A merge gives each run at least this much, if the budget allows two runs at all.
const MIN_MERGE_BUFFER_BYTES: u64 = 32 << 10;
/// More than this a buffer gains nothing.
const MAX_MERGE_BUFFER_BYTES: u64 = 1 << 20;
/// Records between two looks at `cancelled`.
const RECORDS_PER_POLL: u64 = 1 << 14;

/// Why a sort stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SortError {
    /// The operating system refused an operation on a file.
    #[error("cannot {action} `{}`: {source}", path.display())]
    File {
        /// Verb phrase, for example `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

impl SortError {
    /// Builds the mapping closure for an I/O call on `path`.
    pub fn file(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::File { action, path, source }
    }
}

impl From<SortError> for EngineError {
    fn from(error: SortError) -> Self {
        match error {
            SortError::File { action, path, source } => Self::Io { action, path, source },
            SortError::Cancelled => Self::Cancelled,
        }
    }
}

/// A stream of records in byte order.
pub trait SortedSource<const WIDTH: usize> {
    /// Returns the next record, or nothing at the end.
    ///
    /// # Errors
    /// When reading fails.
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError>;
}

/// A temporary file without a name: it is gone when it is closed, also after `kill -9`.
#[derive(Debug)]
pub struct SpillFile {
    path: Arc<Path>,
    file: Arc<File>,
    bytes: u64,
}

impl SpillFile {
    /// Creates a file in `folder` and takes its name away at once.
    ///
    /// # Errors
    /// When the folder cannot be written.
    pub fn create(folder: &Path) -> Result<Self, SortError> {
        let mut attempt = 0_u32;
        loop {
            let path = folder.join(format!("spill-{}-{attempt}", std::process::id()));
            match File::options().read(true).write(true).create_new(true).open(&path) {
                Ok(file) => {
                    fs::remove_file(&path).map_err(SortError::file("remove", &path))?;
                    return Ok(Self { path: path.into(), file: Arc::new(file), bytes: 0 });
                }
                // Another thread is between its two calls.
                Err(error) if error.kind() == ErrorKind::AlreadyExists => attempt += 1,
                Err(error) => return Err(SortError::file("create", &path)(error)),
            }
        }
    }

    /// Bytes written so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes at the end.
    ///
    /// # Errors
    /// When the operating system refuses, for example because the disk is full.
    pub fn append(&mut self, content: &[u8]) -> Result<(), SortError> {
        self.file.write_all_at(content, self.bytes).map_err(SortError::file("write", &self.path))?;
        self.bytes += content.len() as u64;
        Ok(())
    }

    /// Returns a reader over `records` records that start at byte `offset`.
    pub fn run<const WIDTH: usize>(&self, offset: u64, records: u64, buffer_bytes: u64) -> FileRun<WIDTH> {
        FileRun::new(Arc::clone(&self.file), Arc::clone(&self.path), offset, records, buffer_bytes)
    }
}

/// Reads consecutive records of a file through a buffer of its own.
#[derive(Debug)]
pub struct FileRun<const WIDTH: usize> {
    file: Arc<File>,
    path: Arc<Path>,
    offset: u64,
    remaining: u64,
    buffer: Vec<[u8; WIDTH]>,
    next: usize,
    buffer_records: usize,
}

impl<const WIDTH: usize> FileRun<WIDTH> {
    /// Reads `records` records from byte `offset` on; holds `buffer_bytes`, and at least one record.
    pub fn new(file: Arc<File>, path: Arc<Path>, offset: u64, records: u64, buffer_bytes: u64) -> Self {
        let buffer_records = usize::try_from(buffer_bytes).unwrap_or(usize::MAX) / WIDTH;
        let buffer_records = buffer_records.clamp(1, usize::try_from(records.max(1)).unwrap_or(usize::MAX));
        Self { file, path, offset, remaining: records, buffer: Vec::new(), next: 0, buffer_records }
    }

    fn refill(&mut self) -> Result<(), SortError> {
        let records = self.remaining.min(self.buffer_records as u64);
        self.next = 0;
        self.buffer.reserve_exact(self.buffer_records - self.buffer.len());
        self.buffer.resize(usize::try_from(records).unwrap_or(self.buffer_records), [0; WIDTH]);
        self.file
            .read_exact_at(self.buffer.as_flattened_mut(), self.offset)
            .map_err(SortError::file("read", &self.path))?;
        self.offset += records * WIDTH as u64;
        self.remaining -= records;
        Ok(())
    }
}

impl<const WIDTH: usize> SortedSource<WIDTH> for FileRun<WIDTH> {
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        if self.next == self.buffer.len() {
            if self.remaining == 0 {
                return Ok(None);
            }
            self.refill()?;
        }
        self.next += 1;
        Ok(self.buffer.get(self.next - 1))
    }
}

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
fn compare<const WIDTH: usize>(left: &[u8; WIDTH], right: &[u8; WIDTH]) -> std::cmp::Ordering {
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
    sources: Vec<S>,
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
                heap.push(Head { record: *record, source });
            }
        }
        Ok(Self { sources, heap, current: [0; WIDTH] })
    }
}

impl<const WIDTH: usize, S: SortedSource<WIDTH>> SortedSource<WIDTH> for Merge<WIDTH, S> {
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        let Some(mut top) = self.heap.peek_mut() else { return Ok(None) };
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

/// Where a sorted run lies in the spill file.
#[derive(Debug, Clone, Copy)]
struct Run {
    offset: u64,
    records: u64,
}

/// How many runs a merge takes at once, and how large a buffer each of them and the writer gets.
fn merge_shape(memory_bytes: u64, num_runs: usize) -> (usize, u64) {
    let fan_in = (memory_bytes / MIN_MERGE_BUFFER_BYTES).saturating_sub(1).clamp(2, MAX_FAN_IN);
    let buffers = fan_in.min(num_runs as u64).max(1) + 1;
    (usize::try_from(fan_in).unwrap_or(2), (memory_bytes / buffers).min(MAX_MERGE_BUFFER_BYTES))
}

/// Sorts more records than fit in memory.
///
/// ```
/// use gristmill_engine::external_sort::ExternalSorter;
/// # fn main() -> Result<(), gristmill_engine::external_sort::SortError> {
/// let scratch = std::env::temp_dir();
/// let mut sorter = ExternalSorter::<4>::new(&scratch, 64)?; // room for 16 records: the rest is spilled
/// for number in (0..100_u32).rev() {
///     sorter.push(&number.to_be_bytes())?;
/// }
/// let mut sorted = sorter.finish()?;
/// let mut expected = 0..100_u32;
/// while let Some(record) = sorted.next_record()? {
///     assert_eq!(Some(u32::from_be_bytes(*record)), expected.next());
/// }
/// assert_eq!(expected.next(), None);
/// # Ok(())
/// # }
/// ```
#[derive(Debug)]
pub struct ExternalSorter<const WIDTH: usize> {
    folder: PathBuf,
    memory_bytes: u64,
    capacity: usize,
    buffer: Vec<[u8; WIDTH]>,
    spill: Option<SpillFile>,
    runs: Vec<Run>,
    num_records: u64,
}

impl<const WIDTH: usize> ExternalSorter<WIDTH> {
    /// Prepares a sort that spills into `folder`; neither memory nor a file is taken before it is needed.
    ///
    /// # Errors
    /// When `folder` is not a folder.
    pub fn new(folder: &Path, memory_bytes: u64) -> Result<Self, SortError> {
        if !fs::metadata(folder).map_err(SortError::file("open", folder))?.is_dir() {
            return Err(SortError::file("spill to", folder)(ErrorKind::NotADirectory.into()));
        }
        let capacity = usize::try_from(memory_bytes).unwrap_or(usize::MAX) / WIDTH;
        Ok(Self {
            folder: folder.to_owned(),
            memory_bytes: memory_bytes.max(4 * WIDTH as u64),
            capacity: capacity.max(4),
            buffer: Vec::new(),
            spill: None,
            runs: Vec::new(),
            num_records: 0,
        })
    }

    /// Number of records pushed so far.
    pub fn len(&self) -> u64 {
        self.num_records
    }

    /// True when nothing was pushed.
    pub fn is_empty(&self) -> bool {
        self.num_records == 0
    }

    /// Adds a record.
    ///
    /// # Errors
    /// When the buffer is full and cannot be spilled.
    pub fn push(&mut self, record: &[u8; WIDTH]) -> Result<(), SortError> {
        if self.buffer.len() == self.capacity {
            self.spill_buffer()?;
        }
        if self.buffer.len() == self.buffer.capacity() {
            // Doubles; the last step goes from at most half to the whole, so that a copy stays within the budget.
            let doubled = (2 * self.buffer.len()).max(64);
            let wanted = if doubled > self.capacity / 2 { self.capacity } else { doubled };
            self.buffer.reserve_exact(wanted - self.buffer.len());
        }
        self.buffer.push(*record);
        self.num_records += 1;
        Ok(())
    }

    /// Adds a stream that is sorted already, as a run of its own.
    ///
    /// # Errors
    /// When reading or writing fails, or on cancellation.
    pub fn push_run(
        &mut self,
        source: &mut impl SortedSource<WIDTH>,
        buffer_bytes: u64,
        cancelled: Cancelled<'_>,
    ) -> Result<(), SortError> {
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(SpillFile::create(&self.folder)?),
        };
        let run = write_run(spill, source, buffer_bytes, cancelled)?;
        self.num_records += run.records;
        self.runs.push(run);
        Ok(())
    }

    fn spill_buffer(&mut self) -> Result<(), SortError> {
        self.buffer.sort_unstable_by(compare);
        let spill = match &mut self.spill {
            Some(spill) => spill,
            None => self.spill.insert(SpillFile::create(&self.folder)?),
        };
        self.runs.push(Run { offset: spill.bytes(), records: self.buffer.len() as u64 });
        spill.append(self.buffer.as_flattened())?;
        self.buffer.clear();
        Ok(())
    }

    /// Sorts what was pushed and returns it in order.
    ///
    /// # Errors
    /// When reading or writing the spilled runs fails.
    pub fn finish(self) -> Result<SortedRecords<WIDTH>, SortError> {
        self.finish_unless(&|| false)
    }

    /// [`Self::finish`] that stops during merge passes once `cancelled` returns true.
    ///
    /// # Errors
    /// When reading or writing the spilled runs fails, or on cancellation.
    pub fn finish_unless(mut self, cancelled: Cancelled<'_>) -> Result<SortedRecords<WIDTH>, SortError> {
        let num_records = self.num_records;
        if self.runs.is_empty() {
            self.buffer.sort_unstable_by(compare);
            return Ok(SortedRecords { num_records, order: Order::Memory { buffer: self.buffer, next: 0 } });
        }
        if !self.buffer.is_empty() {
            self.spill_buffer()?;
        }
        self.buffer = Vec::new();
        let (fan_in, _) = merge_shape(self.memory_bytes, self.runs.len());
        while self.runs.len() > fan_in {
            self.merge_pass(fan_in, cancelled)?;
        }
        let Some(spill) = self.spill else { return Err(SortError::Cancelled) };
        let (_, buffer_bytes) = merge_shape(self.memory_bytes, self.runs.len());
        let merge = Merge::new(open_runs(&spill, &self.runs, buffer_bytes))?;
        Ok(SortedRecords { num_records, order: Order::Spilled(merge) })
    }

    /// Merges each `fan_in` consecutive runs into one run of a new file, which takes the place of the old one.
    fn merge_pass(&mut self, fan_in: usize, cancelled: Cancelled<'_>) -> Result<(), SortError> {
        let Some(spill) = &self.spill else { return Ok(()) };
        let (_, buffer_bytes) = merge_shape(self.memory_bytes, fan_in);
        let mut merged = SpillFile::create(&self.folder)?;
        let mut runs = Vec::with_capacity(self.runs.len().div_ceil(fan_in));
        for group in self.runs.chunks(fan_in) {
            let mut merge = Merge::new(open_runs::<WIDTH>(spill, group, buffer_bytes))?;
            runs.push(write_run(&mut merged, &mut merge, buffer_bytes, cancelled)?);
        }
        self.runs = runs;
        self.spill = Some(merged);
        Ok(())
    }
}

fn open_runs<const WIDTH: usize>(spill: &SpillFile, runs: &[Run], buffer_bytes: u64) -> Vec<FileRun<WIDTH>> {
    runs.iter().map(|run| spill.run(run.offset, run.records, buffer_bytes)).collect()
}

fn write_run<const WIDTH: usize>(
    spill: &mut SpillFile,
    source: &mut impl SortedSource<WIDTH>,
    buffer_bytes: u64,
    cancelled: Cancelled<'_>,
) -> Result<Run, SortError> {
    let capacity = usize::try_from(buffer_bytes).unwrap_or(usize::MAX).max(WIDTH);
    let mut buffer = Vec::with_capacity(capacity);
    let mut run = Run { offset: spill.bytes(), records: 0 };
    while let Some(record) = source.next_record()? {
        if buffer.len() + WIDTH > capacity {
            spill.append(&buffer)?;
            buffer.clear();
        }
        buffer.extend_from_slice(record);
        run.records += 1;
        if run.records % RECORDS_PER_POLL == 0 && cancelled() {
            return Err(SortError::Cancelled);
        }
    }
    spill.append(&buffer)?;
    Ok(run)
}

/// What a sorter held, in byte order.
#[derive(Debug)]
pub struct SortedRecords<const WIDTH: usize> {
    num_records: u64,
    order: Order<WIDTH>,
}

#[derive(Debug)]
enum Order<const WIDTH: usize> {
    Memory { buffer: Vec<[u8; WIDTH]>, next: usize },
    Spilled(Merge<WIDTH, FileRun<WIDTH>>),
}

impl<const WIDTH: usize> SortedRecords<WIDTH> {
    /// Number of records in all, read ones included.
    pub fn len(&self) -> u64 {
        self.num_records
    }

    /// True when there never was a record.
    pub fn is_empty(&self) -> bool {
        self.num_records == 0
    }

    /// Returns the next record, or nothing at the end.
    ///
    /// # Errors
    /// When reading a spilled run fails.
    pub fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        match &mut self.order {
            Order::Memory { buffer, next } => {
                *next += 1;
                Ok(buffer.get(*next - 1))
            }
            Order::Spilled(merge) => merge.next_record(),
        }
    }
}

impl<const WIDTH: usize> SortedSource<WIDTH> for SortedRecords<WIDTH> {
    fn next_record(&mut self) -> Result<Option<&[u8; WIDTH]>, SortError> {
        SortedRecords::next_record(self)
    }
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
        let sources: Vec<S> = (0..num_sources).map(|number| open(number, buffer_bytes)).collect::<Result<_, E>>()?;
        return Ok(Merged::Open(Merge::new(sources)?));
    }
    let mut sorter = ExternalSorter::new(folder, memory_bytes)?;
    for start in (0..num_sources).step_by(fan_in) {
        let end = num_sources.min(start + fan_in);
        let sources: Vec<S> = (start..end).map(|number| open(number, buffer_bytes)).collect::<Result<_, E>>()?;
        sorter.push_run(&mut Merge::new(sources)?, buffer_bytes, cancelled)?;
    }
    Ok(Merged::Spilled(sorter.finish_unless(cancelled)?))
}

#[cfg(test)]
mod tests;
