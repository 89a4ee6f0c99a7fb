//! A list of records that moves to a file once it outgrows its share of memory.

use std::path::{Path, PathBuf};

use super::error::Result;
use crate::external_sort::{SortedSource, SpillFile};

/// Keeps records in order of arrival; memory: at most `memory_bytes`, and never less than one record.
#[derive(Debug)]
pub(crate) struct SpillQueue<const WIDTH: usize> {
    folder: PathBuf,
    capacity: usize,
    buffer: Vec<[u8; WIDTH]>,
    spill: Option<SpillFile>,
    num_spilled: u64,
}

impl<const WIDTH: usize> SpillQueue<WIDTH> {
    pub(crate) fn new(folder: &Path, memory_bytes: u64) -> Self {
        // Half for what arrives, half for reading it back.
        let capacity = usize::try_from(memory_bytes / 2).unwrap_or(usize::MAX) / WIDTH;
        Self {
            folder: folder.to_owned(),
            capacity: capacity.max(1),
            buffer: Vec::new(),
            spill: None,
            num_spilled: 0,
        }
    }

    pub(crate) fn len(&self) -> u64 {
        self.num_spilled + self.buffer.len() as u64
    }

    pub(crate) fn push(&mut self, record: [u8; WIDTH]) -> Result<()> {
        if self.buffer.len() == self.capacity {
            let spill = match &mut self.spill {
                Some(spill) => spill,
                None => self.spill.insert(SpillFile::create(&self.folder)?),
            };
            spill.append(self.buffer.as_flattened())?;
            self.num_spilled += self.buffer.len() as u64;
            self.buffer.clear();
        }
        self.buffer.push(record);
        Ok(())
    }

    /// Calls `visit` with each record in order of arrival; may be called again.
    pub(crate) fn for_each(&self, mut visit: impl FnMut(&[u8; WIDTH]) -> Result<()>) -> Result<()> {
        if let Some(spill) = &self.spill {
            let mut run = spill.run::<WIDTH>(0, self.num_spilled, (self.capacity * WIDTH) as u64);
            while let Some(record) = run.next_record()? {
                visit(record)?;
            }
        }
        self.buffer.iter().try_for_each(visit)
    }

    /// Forgets everything; memory is kept for the next records, disk is given back.
    pub(crate) fn clear(&mut self) {
        self.buffer.clear();
        self.spill = None;
        self.num_spilled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn order_survives_spilling() {
        for memory_bytes in [0, 10, 64, 4096] {
            let scratch = tempfile::tempdir().unwrap();
            let mut queue = SpillQueue::<2>::new(scratch.path(), memory_bytes);
            for round in 0..2_u16 {
                for number in 0..100_u16 {
                    queue.push((number + round).to_be_bytes()).unwrap();
                }
                for _ in 0..2 {
                    let mut seen = Vec::new();
                    let visit = |record: &[u8; 2]| {
                        seen.push(u16::from_be_bytes(*record));
                        Ok(())
                    };
                    queue.for_each(visit).unwrap();
                    assert_eq!(seen, (round..100 + round).collect::<Vec<_>>());
                }
                assert_eq!(queue.len(), 100);
                queue.clear();
            }
        }
    }
}
