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

mod merge;
mod spill;

#[cfg(test)]
mod tests;

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

pub use merge::{Merge, Merged, merge_sorted};
pub use spill::{FileRun, SpillFile};

use crate::error::EngineError;
use merge::{compare, merge_shape};

/// Returns true once the caller wants to stop; polled between blocks of records.
pub type Cancelled<'task> = &'task dyn Fn() -> bool;

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

/// Where a sorted run lies in the spill file.
#[derive(Debug, Clone, Copy)]
struct Run {
    offset: u64,
    records: u64,
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
        if !fs::metadata(folder)
            .map_err(SortError::file("open", folder))?
            .is_dir()
        {
            return Err(SortError::file("spill to", folder)(
                ErrorKind::NotADirectory.into(),
            ));
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
            let wanted = if doubled > self.capacity / 2 {
                self.capacity
            } else {
                doubled
            };
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
        self.runs.push(Run {
            offset: spill.bytes(),
            records: self.buffer.len() as u64,
        });
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
            return Ok(SortedRecords {
                num_records,
                order: Order::Memory {
                    buffer: self.buffer,
                    next: 0,
                },
            });
        }
        if !self.buffer.is_empty() {
            self.spill_buffer()?;
        }
        self.buffer = Vec::new();
        let (fan_in, _) = merge_shape(self.memory_bytes, self.runs.len());
        while self.runs.len() > fan_in {
            self.merge_pass(fan_in, cancelled)?;
        }
        let Some(spill) = self.spill else {
            return Err(SortError::Cancelled);
        };
        let (_, buffer_bytes) = merge_shape(self.memory_bytes, self.runs.len());
        let merge = Merge::new(open_runs(&spill, &self.runs, buffer_bytes))?;
        Ok(SortedRecords {
            num_records,
            order: Order::Spilled(merge),
        })
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
    runs.iter()
        .map(|run| spill.run(run.offset, run.records, buffer_bytes))
        .collect()
}

fn write_run<const WIDTH: usize>(
    spill: &mut SpillFile,
    source: &mut impl SortedSource<WIDTH>,
    buffer_bytes: u64,
    cancelled: Cancelled<'_>,
) -> Result<Run, SortError> {
    let capacity = usize::try_from(buffer_bytes).unwrap_or(usize::MAX).max(WIDTH);
    let mut buffer = Vec::with_capacity(capacity);
    let mut run = Run {
        offset: spill.bytes(),
        records: 0,
    };
    while let Some(record) = source.next_record()? {
        if buffer.len() + WIDTH > capacity {
            spill.append(&buffer)?;
            buffer.clear();
        }
        buffer.extend_from_slice(record);
        run.records += 1;
        if run.records.is_multiple_of(RECORDS_PER_POLL) && cancelled() {
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
