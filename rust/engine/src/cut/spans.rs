//! Spans: which bytes of which documents go, as the steps that find them leave them for the cut task.
//!
//! A span file holds records and nothing else, sorted by document and start. Offsets are bytes of the text version that
//! the step saw, on character boundaries; spans of one document do not overlap. A step may leave any number of files:
//! [`SpanReader`] merges them.

use std::path::{Path, PathBuf};

use crate::dedup::DedupError;
use crate::dedup::formats::{RecordWriter, Records, bytes_at, docref, split_docref, u64_be};
use crate::error::Result;
use crate::external_sort::{Cancelled, ExternalSorter, FileRun, Merged, SortedSource, merge_sorted};

/// Bytes of a [`Span`].
pub const SPAN_BYTES: usize = 28;

/// Where the text of a span stays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The document.
    pub docref: u64,
    /// First byte there.
    pub start: u32,
}

/// Bytes `start..end` of a document that go.
///
/// On disk big-endian: document, start, end, document and start of the origin; `u64::MAX` and 0 where that is not known.
/// Byte order is the order of spans.
///
/// ```
/// use gristmill_engine::cut::{Origin, Span};
/// let origin = Some(Origin { docref: 7, start: 3 });
/// let span = Span { docref: 1 << 32, start: 10, end: 20, origin };
/// assert_eq!(Span::decode(&span.encode()), span);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// The document: partition in the upper, ordinal in the lower half.
    pub docref: u64,
    /// First byte, inclusive.
    pub start: u32,
    /// Last byte, exclusive; larger than `start`.
    pub end: u32,
    /// Where the same text stays; nothing where the step does not know it.
    pub origin: Option<Origin>,
}

impl Span {
    /// Returns the record.
    pub fn encode(&self) -> [u8; SPAN_BYTES] {
        let mut record = [0; SPAN_BYTES];
        record[..8].copy_from_slice(&self.docref.to_be_bytes());
        record[8..12].copy_from_slice(&self.start.to_be_bytes());
        record[12..16].copy_from_slice(&self.end.to_be_bytes());
        let (document, start) = self
            .origin
            .map_or((u64::MAX, 0), |origin| (origin.docref, origin.start));
        record[16..24].copy_from_slice(&document.to_be_bytes());
        record[24..].copy_from_slice(&start.to_be_bytes());
        record
    }

    /// The inverse of [`Self::encode`].
    pub fn decode(record: &[u8; SPAN_BYTES]) -> Self {
        let short = |at| u32::from_be_bytes(bytes_at(record, at));
        let document = u64_be(record, 16);
        Self {
            docref: u64_be(record, 0),
            start: short(8),
            end: short(12),
            origin: (document != u64::MAX).then(|| Origin {
                docref: document,
                start: short(24),
            }),
        }
    }
}

/// Collects spans in any order and writes them sorted. Memory: `memory_bytes`, and a 64 KiB write buffer.
#[derive(Debug)]
pub struct SpanWriter {
    sorter: ExternalSorter<SPAN_BYTES>,
}

impl SpanWriter {
    /// Prepares a writer that spills into `scratch`.
    ///
    /// # Errors
    /// When `scratch` is not a folder.
    pub fn new(scratch: &Path, memory_bytes: u64) -> Result<Self> {
        Ok(Self {
            sorter: ExternalSorter::new(scratch, memory_bytes)?,
        })
    }

    /// Adds a span.
    ///
    /// # Errors
    /// When spilling fails.
    pub fn push(&mut self, span: &Span) -> Result<()> {
        Ok(self.sorter.push(&span.encode())?)
    }

    /// Writes the file to `path` and returns the number of spans. The caller syncs when it commits.
    ///
    /// # Errors
    /// When reading back or writing fails, or on cancellation.
    pub fn finish(self, path: &Path, cancelled: Cancelled<'_>) -> Result<u64> {
        let mut writer = RecordWriter::create(path)?;
        let mut sorted = self.sorter.finish_unless(cancelled)?;
        while let Some(record) = sorted.next_record()? {
            writer.append(record)?;
        }
        Ok(writer.finish()?)
    }
}

/// Reads the spans of one partition from all files of a step, document by document.
pub struct SpanReader {
    merged: Merged<SPAN_BYTES, FileRun<SPAN_BYTES>>,
    next: Option<Span>,
    files: PathBuf,
}

impl SpanReader {
    /// Opens the slices of `files` that belong to `partition`. Memory: `memory_bytes`.
    ///
    /// # Errors
    /// When a file cannot be read or ends inside a record.
    pub fn open(
        files: &[PathBuf],
        partition: u32,
        scratch: &Path,
        memory_bytes: u64,
        cancelled: Cancelled<'_>,
    ) -> Result<Self> {
        let first = docref(partition, 0);
        let merged = merge_sorted(
            scratch,
            memory_bytes,
            files.len(),
            cancelled,
            |number, buffer_bytes| {
                let records = Records::<SPAN_BYTES>::open(&files[number])?;
                let before = |limit: u64| move |record: &[u8; SPAN_BYTES]| u64_be(record, 0) < limit;
                let start = records.lower_bound(0, records.len(), before(first))?;
                let end = match partition.checked_add(1) {
                    Some(next) => records.lower_bound(start, records.len(), before(docref(next, 0)))?,
                    None => records.len(),
                };
                Ok::<_, DedupError>(records.run(start, end, buffer_bytes))
            },
        )?;
        let mut reader = Self {
            merged,
            next: None,
            files: files.first().cloned().unwrap_or_default(),
        };
        reader.advance()?;
        Ok(reader)
    }

    fn advance(&mut self) -> Result<()> {
        self.next = self.merged.next_record()?.map(Span::decode);
        Ok(())
    }

    /// Overwrites `into` with the spans of a document, in order. Documents are asked for in ascending order.
    ///
    /// Spans of different files that overlap become one, with the origin of the first.
    ///
    /// # Errors
    /// When reading fails, or a span is empty or belongs to a document that was never asked for.
    pub fn document(&mut self, docref: u64, into: &mut Vec<Span>) -> Result<()> {
        into.clear();
        while let Some(span) = self.next.filter(|span| span.docref <= docref) {
            if span.docref < docref || span.start >= span.end {
                let (partition, ordinal) = split_docref(span.docref);
                let detail = format!(
                    "span {}..{} of document {partition}:{ordinal}, which is not there",
                    span.start, span.end
                );
                return Err(DedupError::damaged(&self.files, detail).into());
            }
            match into.last_mut() {
                Some(last) if span.start < last.end => last.end = last.end.max(span.end),
                _ => into.push(span),
            }
            self.advance()?;
        }
        Ok(())
    }

    /// Says that every document was asked for.
    ///
    /// # Errors
    /// When a span is left over.
    pub fn finish(self) -> Result<()> {
        match self.next {
            None => Ok(()),
            Some(span) => {
                let (partition, ordinal) = split_docref(span.docref);
                let detail = format!("a span of document {partition}:{ordinal}, which is not there");
                Err(DedupError::damaged(&self.files, detail).into())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn span(ordinal: u32, start: u32, end: u32) -> Span {
        Span {
            docref: docref(1, ordinal),
            start,
            end,
            origin: None,
        }
    }

    fn write(folder: &Path, name: &str, spans: &[Span]) -> PathBuf {
        let path = folder.join(name);
        let mut writer = SpanWriter::new(folder, 64).unwrap();
        for span in spans {
            writer.push(span).unwrap();
        }
        assert_eq!(writer.finish(&path, &|| false).unwrap(), spans.len() as u64);
        path
    }

    #[test]
    fn the_layout_is_the_published_one() {
        let known = Span {
            docref: docref(1, 2),
            start: 3,
            end: 260,
            origin: Some(Origin {
                docref: docref(0, 5),
                start: 6,
            }),
        };
        let expected = [
            0, 0, 0, 1, 0, 0, 0, 2, 0, 0, 0, 3, 0, 0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 5, 0, 0, 0, 6,
        ];
        assert_eq!(known.encode(), expected);
        assert_eq!(span(0, 1, 2).encode()[16..24], [0xff; 8]);
        assert_eq!(Span::decode(&span(0, 1, 2).encode()), span(0, 1, 2));
    }

    #[test]
    fn a_partition_reads_its_own_spans_merged_from_all_files() {
        let folder = tempfile::tempdir().unwrap();
        let other = |partition| Span {
            docref: docref(partition, 0),
            ..span(0, 0, 9)
        };
        let files = [
            write(
                folder.path(),
                "a",
                &[span(4, 5, 8), span(0, 20, 30), other(2), span(0, 0, 10)],
            ),
            write(folder.path(), "b", &[span(0, 8, 12), span(0, 12, 15), other(0)]),
            write(folder.path(), "c", &[]),
        ];
        let mut reader = SpanReader::open(&files, 1, folder.path(), 1 << 16, &|| false).unwrap();
        let mut found = Vec::new();
        reader.document(docref(1, 0), &mut found).unwrap();
        assert_eq!(found, [span(0, 0, 12), span(0, 12, 15), span(0, 20, 30)]);
        reader.document(docref(1, 3), &mut found).unwrap();
        assert_eq!(found, []);
        reader.document(docref(1, 4), &mut found).unwrap();
        assert_eq!(found, [span(4, 5, 8)]);
        reader.finish().unwrap();
    }

    #[test]
    fn spans_that_no_document_claims_and_empty_ones_are_damage() {
        let folder = tempfile::tempdir().unwrap();
        for (spans, asked) in [
            (vec![span(1, 0, 4)], 2),
            (vec![span(2, 4, 4)], 2),
            (vec![span(3, 0, 4)], 2),
        ] {
            let files = [write(folder.path(), "a", &spans)];
            let mut reader = SpanReader::open(&files, 1, folder.path(), 0, &|| false).unwrap();
            let mut found = Vec::new();
            let result = reader
                .document(docref(1, asked), &mut found)
                .and_then(|()| reader.finish());
            assert_eq!(result.unwrap_err().code(), "GM-DEDUP-003");
        }
    }
}
