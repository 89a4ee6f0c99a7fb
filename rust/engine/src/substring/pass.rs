//! The pass: documents in, spans out.

use std::path::Path;

use gristmill_core::repeats::{
    Bytes, Cut, RepeatCounts, RepeatError, RepeatOptions, WordsBuilder, cut_repeats,
};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::suffix_array::{MAX_SYMBOLS, Poll, SuffixError};
use serde::{Deserialize, Serialize};

use super::error::SubstringError;
use super::load::{Document, Texts, documents};
use crate::cut::{Origin, Span, SpanWriter};
use crate::dedup::PartitionFiles;
use crate::error::{EngineError, Result};
use crate::external_sort::Cancelled;

/// Beside what grows with the texts: the spans that are sorted, buffers, tables of the alphabet.
const FIXED_BYTES: u64 = 2 << 20;
/// What sorting the spans may take of it.
const SPAN_BYTES: u64 = 1 << 20;
/// A document in the order of judgement, and its bounds.
const BYTES_PER_DOCUMENT: u64 = 40;

/// From which length on a passage counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassageLength {
    /// Bytes of the text.
    MinBytes(u32),
    /// Words: tokens with a letter or a number, each with what follows it up to the next.
    MinWords(u32),
}

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubstringOptions {
    /// From which length on a passage counts.
    pub length: PassageLength,
    /// Cut whole lines only.
    pub whole_lines: bool,
}

/// What the pass counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct SubstringStats {
    /// Documents that pass and are long enough for a passage.
    pub documents: u64,
    /// Bytes of their texts.
    pub text_bytes: u64,
    /// Their words, where passages are counted in words.
    pub words: u64,
    /// Distinct passages of the least length that occur at least twice.
    pub repeated_passages: u64,
    /// Documents that something is cut from.
    pub documents_cut: u64,
    /// Spans, as the file has them.
    pub spans: u64,
    /// Bytes that go.
    pub cut_bytes: u64,
    /// Symbols (bytes or words) of repeated passages that stay for they are not whole lines.
    pub spared: u64,
}

/// Finds the repeated passages of all documents that pass, and writes them to `output` as spans.
///
/// Partitions are numbered from 0 without gaps, and listed in that order. Every span names its origin: the same bytes
/// in a document of better or equal standing, which stay. Result: of documents and options only. Memory: see [`super`].
///
/// # Errors
/// When memory does not suffice, a file cannot be read or does not hold what it must, or on cancellation.
pub fn find_passages(
    partitions: &[PartitionFiles],
    options: SubstringOptions,
    scratch: &Path,
    memory_bytes: u64,
    cancelled: Cancelled<'_>,
    output: &Path,
) -> Result<SubstringStats> {
    let min_bytes = match options.length {
        PassageLength::MinBytes(length) | PassageLength::MinWords(length) => u64::from(length),
    };
    let documents = documents(partitions, min_bytes, cancelled)?;
    let text_bytes = documents
        .iter()
        .map(|document| u64::from(document.text_bytes))
        .sum();
    if text_bytes > MAX_SYMBOLS as u64 {
        return Err(SubstringError::TooLong { text_bytes }.into());
    }
    let mut pass = Pass {
        documents: &documents,
        texts: Texts::new(partitions),
        options,
        memory_bytes,
        held_bytes: FIXED_BYTES + BYTES_PER_DOCUMENT * documents.len() as u64,
        cancelled,
        spans: SpanWriter::new(scratch, SPAN_BYTES)?,
        stats: SubstringStats {
            documents: documents.len() as u64,
            text_bytes,
            ..SubstringStats::default()
        },
        last_document: usize::MAX,
    };
    match options.length {
        PassageLength::MinBytes(length) => pass.in_bytes(length as usize)?,
        PassageLength::MinWords(length) => pass.in_words(length as usize)?,
    }
    let mut stats = pass.stats;
    stats.spans = pass.spans.finish(output, cancelled)?;
    Ok(stats)
}

struct Pass<'task> {
    documents: &'task [Document],
    texts: Texts<'task>,
    options: SubstringOptions,
    memory_bytes: u64,
    /// What stands in memory beside texts and arrays.
    held_bytes: u64,
    cancelled: Cancelled<'task>,
    spans: SpanWriter,
    stats: SubstringStats,
    last_document: usize,
}

impl Pass<'_> {
    fn in_bytes(&mut self, min_length: usize) -> Result<()> {
        let text_bytes = self.stats.text_bytes;
        let max_entries = self.max_entries(text_bytes * 11 / 2)?;
        let mut text = vec![0; usize::try_from(text_bytes).unwrap_or(usize::MAX)];
        let mut bounds = Vec::with_capacity(self.documents.len() + 1);
        let mut end = 0;
        bounds.push(0);
        for document in self.documents {
            self.check()?;
            let start = end;
            end += document.text_bytes as usize;
            self.texts.read(document, &mut text[start..end])?;
            bounds.push(end as u32);
        }
        let options = self.repeat_options(min_length, max_entries);
        let (cancelled, needed) = (self.cancelled, text_bytes * 11 / 2);
        let counts = cut_repeats(
            &text,
            256,
            &Bytes(&text),
            &bounds,
            options,
            Poll::new(cancelled),
            |cut| {
                let origin = bounds.partition_point(|&bound| bound as usize <= cut.origin) - 1;
                let start_of = |document: usize| bounds[document] as usize;
                self.emit(
                    &cut,
                    cut.start - start_of(cut.document)..cut.end - start_of(cut.document),
                    (origin, cut.origin - start_of(origin)),
                )
            },
        );
        self.count(counts, needed)
    }

    fn in_words(&mut self, min_length: usize) -> Result<()> {
        let mut builder = WordsBuilder::default();
        let segmenter = Segmenter::default();
        let mut segmentation = Segmentation::default();
        let mut buffer = Vec::new();
        for document in self.documents {
            self.check()?;
            let text = self.texts.read_str(document, &mut buffer)?;
            segmenter.segment(text, &mut segmentation);
            builder.push(text, &segmentation);
            // The array and the bits of the words so far come beside their numbers and places.
            let reading = builder.held_bytes() as u64;
            let later = 13 * builder.num_words() as u64;
            self.max_entries(reading.max(later))?;
        }
        drop((buffer, segmentation));
        let words = builder.finish();
        self.stats.words = words.symbols.len() as u64;
        let needed = 13 * self.stats.words;
        let options = self.repeat_options(min_length, self.max_entries(needed)?);
        let cancelled = self.cancelled;
        let counts = cut_repeats(
            &words.symbols,
            words.alphabet,
            &words,
            &words.bounds,
            options,
            Poll::new(cancelled),
            |cut| {
                let bounds = &words.bounds;
                let origin = bounds.partition_point(|&bound| bound as usize <= cut.origin) - 1;
                let is_to_the_end = cut.end == bounds[cut.document + 1] as usize;
                let end = if is_to_the_end {
                    self.documents[cut.document].text_bytes
                } else {
                    words.starts[cut.end]
                };
                self.emit(
                    &cut,
                    words.starts[cut.start] as usize..end as usize,
                    (origin, words.starts[cut.origin] as usize),
                )
            },
        );
        self.count(counts, needed)
    }

    fn repeat_options(&self, min_length: usize, max_entries: usize) -> RepeatOptions {
        RepeatOptions {
            min_length,
            whole_lines: self.options.whole_lines,
            max_entries,
        }
    }

    /// How many entries of 4 bytes fit beside what is held and `needed_bytes`.
    fn max_entries(&self, needed_bytes: u64) -> Result<usize> {
        let needed_bytes = self.held_bytes + needed_bytes;
        match self.memory_bytes.checked_sub(needed_bytes) {
            // The table of an alphabet of bytes is in the fixed part.
            Some(left) => Ok(usize::try_from(left / 4).unwrap_or(usize::MAX).max(256)),
            None => Err(self.too_little(needed_bytes)),
        }
    }

    fn too_little(&self, needed_bytes: u64) -> EngineError {
        SubstringError::Memory {
            text_bytes: self.stats.text_bytes,
            needed_bytes,
            memory_bytes: self.memory_bytes,
        }
        .into()
    }

    fn check(&self) -> Result<()> {
        if (self.cancelled)() {
            Err(EngineError::Cancelled)
        } else {
            Ok(())
        }
    }

    /// Writes a cut, bytes `range` of its document, whose text stays at byte `origin.1` of document `origin.0`.
    fn emit(
        &mut self,
        cut: &Cut,
        range: std::ops::Range<usize>,
        origin: (usize, usize),
    ) -> std::result::Result<(), Failure> {
        self.stats.cut_bytes += range.len() as u64;
        self.stats.documents_cut += u64::from(self.last_document != cut.document);
        self.last_document = cut.document;
        let docref = |document: usize| self.documents[document].standing.docref();
        let span = Span {
            docref: docref(cut.document),
            start: range.start as u32,
            end: range.end as u32,
            origin: Some(Origin {
                docref: docref(origin.0),
                start: origin.1 as u32,
            }),
        };
        self.spans.push(&span).map_err(Failure::Engine)
    }

    fn count(&mut self, counts: std::result::Result<RepeatCounts, Failure>, needed_bytes: u64) -> Result<()> {
        let entries = match counts {
            Ok(counts) => {
                self.stats.repeated_passages = counts.classes;
                self.stats.spared = counts.spared_symbols;
                return Ok(());
            }
            Err(Failure::Engine(error)) => return Err(error),
            Err(Failure::Repeat(error)) => match error {
                RepeatError::Suffix(SuffixError::Stopped) => return Err(EngineError::Cancelled),
                RepeatError::Suffix(SuffixError::Memory { entries, .. }) => entries,
                RepeatError::TooManyClasses { classes, .. } => classes,
                other => return Err(EngineError::Spec(other.to_string())),
            },
        };
        Err(self.too_little(self.held_bytes + needed_bytes + 4 * entries as u64))
    }
}

/// Why cutting stopped: core's reasons, or those of writing spans.
enum Failure {
    Repeat(RepeatError),
    Engine(EngineError),
}

impl From<RepeatError> for Failure {
    fn from(error: RepeatError) -> Self {
        Self::Repeat(error)
    }
}
