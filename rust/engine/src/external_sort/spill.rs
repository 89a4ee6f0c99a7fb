//! Temporary files of records, and reading records through a buffer.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use super::{SortError, SortedSource};

/// A temporary file without a name: it is gone when it is closed, also after `kill -9`.
#[derive(Debug)]
pub struct SpillFile {
    pub(super) path: Arc<Path>,
    pub(super) file: Arc<File>,
    pub(super) bytes: u64,
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
            match File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(&path)
            {
                Ok(file) => {
                    fs::remove_file(&path).map_err(SortError::file("remove", &path))?;
                    return Ok(Self {
                        path: path.into(),
                        file: Arc::new(file),
                        bytes: 0,
                    });
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
        self.file
            .write_all_at(content, self.bytes)
            .map_err(SortError::file("write", &self.path))?;
        self.bytes += content.len() as u64;
        Ok(())
    }

    /// Returns a reader over `records` records that start at byte `offset`.
    pub fn run<const WIDTH: usize>(&self, offset: u64, records: u64, buffer_bytes: u64) -> FileRun<WIDTH> {
        FileRun::new(
            Arc::clone(&self.file),
            Arc::clone(&self.path),
            offset,
            records,
            buffer_bytes,
        )
    }
}

/// Reads consecutive records of a file through a buffer of its own.
#[derive(Debug)]
pub struct FileRun<const WIDTH: usize> {
    pub(super) file: Arc<File>,
    pub(super) path: Arc<Path>,
    offset: u64,
    remaining: u64,
    pub(super) buffer: Vec<[u8; WIDTH]>,
    next: usize,
    buffer_records: usize,
}

impl<const WIDTH: usize> FileRun<WIDTH> {
    /// Reads `records` records from byte `offset` on; holds `buffer_bytes`, and at least one record.
    pub fn new(file: Arc<File>, path: Arc<Path>, offset: u64, records: u64, buffer_bytes: u64) -> Self {
        let buffer_records = usize::try_from(buffer_bytes).unwrap_or(usize::MAX) / WIDTH;
        let buffer_records = buffer_records.clamp(1, usize::try_from(records.max(1)).unwrap_or(usize::MAX));
        Self {
            file,
            path,
            offset,
            remaining: records,
            buffer: Vec::new(),
            next: 0,
            buffer_records,
        }
    }

    fn refill(&mut self) -> Result<(), SortError> {
        let records = self.remaining.min(self.buffer_records as u64);
        self.next = 0;
        self.buffer.reserve_exact(self.buffer_records - self.buffer.len());
        self.buffer.resize(
            usize::try_from(records).unwrap_or(self.buffer_records),
            [0; WIDTH],
        );
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
