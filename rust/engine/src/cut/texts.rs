//! The documents of a partition in input order, read once from start to end.

use std::fs::File;
use std::io::{BufReader, Read, Seek, SeekFrom};
use std::path::PathBuf;

use crate::dedup::formats::{Records, VERDICT_BYTES};
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::external_sort::{FileRun, SortedSource};
use crate::index::{IndexRecord, RECORD_BYTES};
use crate::task::Session;

/// Read buffer of each of the three files.
const BUFFER_BYTES: u64 = 256 << 10;

/// One document of a text version.
pub(crate) struct StoredText<'stream> {
    /// Position in the partition.
    pub(crate) ordinal: u32,
    /// Its index record.
    pub(crate) record: IndexRecord,
    /// 0 for a document that is still in the flow.
    pub(crate) verdict: u16,
    /// What it says.
    pub(crate) text: &'stream str,
}

/// Reads text, index and verdicts side by side. Memory: three buffers of 256 KiB and the longest document.
pub(crate) struct TextStream {
    path: PathBuf,
    text: BufReader<File>,
    position: u64,
    index: FileRun<RECORD_BYTES>,
    verdicts: FileRun<VERDICT_BYTES>,
    next_ordinal: u32,
    buffer: Vec<u8>,
}

impl TextStream {
    /// Opens the files of a partition; their digests are checked.
    ///
    /// # Errors
    /// When one is damaged or has another number of records than the partition has documents.
    pub(crate) fn open(partition: &PartitionSpec, data: &std::path::Path, session: &Session) -> Result<Self> {
        let path = session.open(data, &partition.text)?;
        let documents = u64::from(partition.num_documents);
        let index = Records::open_with_count(&session.open(data, &partition.index)?, documents)?;
        let verdicts = Records::open_with_count(&session.open(data, &partition.verdict)?, documents)?;
        let text = File::open(&path).map_err(EngineError::io("open", &path))?;
        Ok(Self {
            path,
            text: BufReader::with_capacity(BUFFER_BYTES as usize, text),
            position: 0,
            index: index.stream(BUFFER_BYTES),
            verdicts: verdicts.stream(BUFFER_BYTES),
            next_ordinal: 0,
            buffer: Vec::new(),
        })
    }

    /// The next document, or nothing at the end.
    ///
    /// # Errors
    /// When reading fails or a text is not UTF-8.
    pub(crate) fn next_text(&mut self) -> Result<Option<StoredText<'_>>> {
        let (Some(record), Some(verdict)) = (self.index.next_record()?, self.verdicts.next_record()?) else {
            return Ok(None);
        };
        let record = IndexRecord::decode(record);
        let verdict = u16::from_le_bytes(*verdict);
        if self.position != record.text_offset {
            self.text
                .seek(SeekFrom::Start(record.text_offset))
                .map_err(EngineError::io("read", &self.path))?;
        }
        self.buffer.resize(record.text_bytes as usize, 0);
        self.text
            .read_exact(&mut self.buffer)
            .map_err(EngineError::io("read", &self.path))?;
        self.position = record.text_offset + u64::from(record.text_bytes);
        let ordinal = self.next_ordinal;
        self.next_ordinal += 1;
        let text = std::str::from_utf8(&self.buffer).map_err(|error| EngineError::Damaged {
            path: self.path.clone(),
            detail: format!("text at byte {}: {error}", record.text_offset),
        })?;
        Ok(Some(StoredText {
            ordinal,
            record,
            verdict,
            text,
        }))
    }
}
