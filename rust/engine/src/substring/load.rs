//! The documents that take part, in the order in which they are judged, and their texts.

use std::collections::VecDeque;
use std::fs::File;
use std::os::unix::fs::FileExt;

use crate::dedup::formats::{VERDICT_BYTES, docref, split_docref};
use crate::dedup::{PartitionFiles, Standing};
use crate::error::{EngineError, Result};
use crate::external_sort::Cancelled;
use crate::index::{IndexRecord, RECORD_BYTES, RecordFile};

/// Partitions whose texts stay open.
const MAX_OPEN_PARTITIONS: usize = 64;
/// Index records read at a time.
const BLOCK_RECORDS: u64 = 4096;

/// A document that takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Document {
    pub(super) standing: Standing,
    pub(super) text_offset: u64,
    pub(super) text_bytes: u32,
}

/// Returns the documents that pass every threshold and have at least `min_bytes` of text, the best standing first.
pub(super) fn documents(
    partitions: &[PartitionFiles],
    min_bytes: u64,
    cancelled: Cancelled<'_>,
) -> Result<Vec<Document>> {
    let mut found = Vec::new();
    let (mut records, mut verdicts) = (Vec::new(), Vec::new());
    for files in partitions {
        let index = RecordFile::<RECORD_BYTES>::open(&files.index)?;
        let decided = RecordFile::<VERDICT_BYTES>::open(&files.verdict)?;
        for (path, length) in [(&files.index, index.len()), (&files.verdict, decided.len())] {
            if length != u64::from(files.num_documents) {
                let detail = format!("it holds {length} records, not {}", files.num_documents);
                let path = path.clone();
                return Err(EngineError::Damaged { path, detail });
            }
        }
        let mut ordinal = 0;
        for start in (0..index.len()).step_by(BLOCK_RECORDS as usize) {
            if cancelled() {
                return Err(EngineError::Cancelled);
            }
            let end = (start + BLOCK_RECORDS).min(index.len());
            index.range(start, end, &mut records)?;
            decided.range(start, end, &mut verdicts)?;
            for (record, verdict) in records.iter().zip(&verdicts) {
                let record = IndexRecord::decode(record);
                if *verdict == [0; VERDICT_BYTES] && u64::from(record.text_bytes) >= min_bytes {
                    found.push(Document {
                        standing: Standing::new(record.rank, docref(files.partition, ordinal)),
                        text_offset: record.text_offset,
                        text_bytes: record.text_bytes,
                    });
                }
                ordinal += 1;
            }
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Reads texts at random.
pub(super) struct Texts<'task> {
    partitions: &'task [PartitionFiles],
    open: Vec<Option<File>>,
    opened: VecDeque<usize>,
}

impl<'task> Texts<'task> {
    pub(super) fn new(partitions: &'task [PartitionFiles]) -> Self {
        Self {
            partitions,
            open: partitions.iter().map(|_| None).collect(),
            opened: VecDeque::new(),
        }
    }

    /// Reads the text of a document into `into`, which is as long.
    pub(super) fn read(&mut self, document: &Document, into: &mut [u8]) -> Result<()> {
        let partition = split_docref(document.standing.docref()).0 as usize;
        let path = &self.partitions[partition].text;
        let slot = &mut self.open[partition];
        if slot.is_none() {
            *slot = Some(File::open(path).map_err(EngineError::io("open", path))?);
            self.opened.push_back(partition);
        }
        if let Some(file) = slot {
            file.read_exact_at(into, document.text_offset)
                .map_err(EngineError::io("read", path))?;
        }
        if self.opened.len() > MAX_OPEN_PARTITIONS
            && let Some(oldest) = self.opened.pop_front()
        {
            self.open[oldest] = None;
        }
        Ok(())
    }

    /// Reads the text of a document as a string into `buffer`.
    pub(super) fn read_str<'buffer>(
        &mut self,
        document: &Document,
        buffer: &'buffer mut Vec<u8>,
    ) -> Result<&'buffer str> {
        buffer.resize(document.text_bytes as usize, 0);
        self.read(document, buffer)?;
        std::str::from_utf8(buffer).map_err(|error| {
            let partition = split_docref(document.standing.docref()).0 as usize;
            EngineError::Damaged {
                path: self.partitions[partition].text.clone(),
                detail: format!("text at byte {}: {error}", document.text_offset),
            }
        })
    }
}
