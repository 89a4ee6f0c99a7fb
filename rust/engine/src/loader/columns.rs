//! The columns of a split's shards, as the loader needs them. Mapped, never copied: memory is less than 2 kB a
//! record batch.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int16Type, Int32Type, UInt16Type, UInt32Type, UInt64Type};
use arrow_array::{Array, Int32Array, ListArray, RecordBatch};
use arrow_buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_ipc::convert::fb_to_schema;
use arrow_ipc::reader::{FileDecoder, read_footer_length};
use arrow_ipc::root_as_footer;
use gristmill_core::packing::{Corpus, PackingError};

use crate::error::Result;

/// Bytes at the end of an Arrow file: length of the footer, and the format's mark.
const TRAILER_BYTES: usize = 10;

/// The columns that are looked at.
const NAMES: [&str; 5] = ["doc", "source", "tokens", "mask", "label"];

/// Token ids of a batch, in the width of the shard.
#[derive(Debug, Clone)]
pub(super) enum Ids {
    Narrow(ScalarBuffer<u16>),
    Wide(ScalarBuffer<u32>),
}

/// Lengths of alternating runs, untrained first; null: all trained.
#[derive(Debug, Clone)]
pub(super) struct Masks {
    validity: Option<NullBuffer>,
    offsets: OffsetBuffer<i32>,
    runs: ScalarBuffer<u32>,
}

/// A record batch of a shard.
#[derive(Debug, Clone)]
pub(super) struct Block {
    docs: ScalarBuffer<u64>,
    sources: ScalarBuffer<i16>,
    offsets: OffsetBuffer<i32>,
    pub(super) ids: Ids,
    masks: Option<Masks>,
    labels: Option<Int32Array>,
}

/// Documents and tokens of each source.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourceCounts {
    /// Documents of each source.
    pub documents: Vec<u64>,
    /// Tokens of each source.
    pub tokens: Vec<u64>,
}

/// The shards of a split, batch by batch.
#[derive(Debug, Clone)]
pub struct Columns {
    blocks: Vec<Block>,
    num_sources: usize,
}

impl Columns {
    /// Takes the shard files of a split in order, each as it is on disk. Time: one look at offsets and sources, which
    /// are checked; no token is read.
    ///
    /// # Errors
    /// [`PackingError::Shard`] when a file is damaged, or a column missing or of another type;
    /// [`PackingError::Mapped`] when its columns do not lie in it as they are.
    pub fn from_files(files: &[Buffer], num_sources: usize) -> Result<Self> {
        let mut blocks = Vec::new();
        for file in files {
            let first = blocks.len();
            read_blocks(file, &mut blocks).map_err(PackingError::Shard)?;
            if !blocks[first..].iter().all(|block| block.lies_in(file)) {
                return Err(PackingError::Mapped("it is compressed or not aligned").into());
            }
        }
        blocks.shrink_to_fit();
        Ok(Self { blocks, num_sources })
    }

    /// Takes the batches of a split in order. Reads no row.
    ///
    /// # Errors
    /// [`PackingError::Shard`] when a column is missing or of another type.
    pub fn new(batches: &[RecordBatch], num_sources: usize) -> Result<Self> {
        let blocks = batches.iter().map(Block::new).collect::<Result<_>>()?;
        Ok(Self { blocks, num_sources })
    }

    pub(super) fn block(&self, block: usize) -> &Block {
        &self.blocks[block]
    }

    /// Counts documents and tokens of each source. Time: one pass over sources and lengths.
    ///
    /// # Errors
    /// When a column is damaged.
    pub fn count_sources(&self) -> Result<SourceCounts> {
        let mut counts = SourceCounts {
            documents: vec![0; self.num_sources],
            tokens: vec![0; self.num_sources],
        };
        for block in 0..self.blocks.len() {
            for row in 0..self.num_rows(block) {
                let source = self.source(block, row)?;
                counts.documents[source] += 1;
                counts.tokens[source] += u64::from(self.num_tokens(block, row)?);
            }
        }
        Ok(counts)
    }
}

impl Corpus for Columns {
    fn num_blocks(&self) -> usize {
        self.blocks.len()
    }

    fn num_rows(&self, block: usize) -> usize {
        self.blocks[block].docs.len()
    }

    fn num_sources(&self) -> usize {
        self.num_sources
    }

    fn source(&self, block: usize, row: usize) -> std::result::Result<usize, PackingError> {
        usize::try_from(self.blocks[block].sources[row])
            .ok()
            .filter(|&source| source < self.num_sources)
            .ok_or(PackingError::Damaged {
                block,
                row,
                what: "a source that the shard does not list",
            })
    }

    fn num_tokens(&self, block: usize, row: usize) -> std::result::Result<u32, PackingError> {
        let offsets = &self.blocks[block].offsets;
        u32::try_from(offsets[row + 1] - offsets[row]).map_err(|_| PackingError::Damaged {
            block,
            row,
            what: "less than no tokens",
        })
    }

    fn num_trained(
        &self,
        block: usize,
        row: usize,
        start: u32,
        stop: u32,
    ) -> std::result::Result<u32, PackingError> {
        let found = &self.blocks[block];
        let Some(runs) = found.runs(row) else {
            return Ok(stop.saturating_sub(start));
        };
        let num_tokens = self.num_tokens(block, row)?;
        let covered: u64 = runs.iter().map(|&run| u64::from(run)).sum();
        if covered != u64::from(num_tokens) {
            return Err(PackingError::Mask {
                doc: found.docs[row],
                covered,
                num_tokens,
            });
        }
        Ok(trained_runs(runs, start, stop).map(|(from, to)| to - from).sum())
    }
}

/// Adds the record batches of an Arrow file, which stay where they are in its memory.
fn read_blocks(file: &Buffer, blocks: &mut Vec<Block>) -> std::result::Result<(), String> {
    let words = |error: &dyn std::fmt::Display| error.to_string();
    let short = || "it is too short".to_owned();
    let trailer = file.len().checked_sub(TRAILER_BYTES).ok_or_else(short)?;
    let length = <[u8; TRAILER_BYTES]>::try_from(&file[trailer..]).map_err(|error| words(&error))?;
    let length = read_footer_length(length).map_err(|error| words(&error))?;
    let start = trailer.checked_sub(length).ok_or_else(short)?;
    let footer = root_as_footer(&file[start..trailer]).map_err(|error| words(&error))?;
    let schema = fb_to_schema(footer.schema().ok_or("it has no schema")?);
    let wanted = (0..schema.fields().len())
        .filter(|&at| NAMES.contains(&schema.field(at).name().as_str()))
        .collect();
    let mut decoder = FileDecoder::new(Arc::new(schema), footer.version()).with_projection(wanted);
    let slice = |block: &arrow_ipc::Block| {
        let start = usize::try_from(block.offset()).map_err(|error| words(&error))?;
        let length = usize::try_from(block.bodyLength() + i64::from(block.metaDataLength()))
            .map_err(|error| words(&error))?;
        let is_inside = start.checked_add(length).is_some_and(|end| end <= file.len());
        if is_inside {
            Ok(file.slice_with_length(start, length))
        } else {
            Err(short())
        }
    };
    for block in footer.dictionaries().iter().flatten() {
        decoder
            .read_dictionary(block, &slice(block)?)
            .map_err(|error| words(&error))?;
    }
    for block in footer.recordBatches().iter().flatten() {
        let batch = decoder
            .read_record_batch(block, &slice(block)?)
            .map_err(|error| words(&error))?;
        if let Some(batch) = batch {
            blocks.push(Block::new(&batch).map_err(|error| words(&error))?);
        }
    }
    Ok(())
}

impl Block {
    fn new(batch: &RecordBatch) -> Result<Self> {
        let column = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| PackingError::Shard(format!("it has no column `{name}`")))
        };
        let wrong = |name: &str| PackingError::Shard(format!("column `{name}` has another type"));
        let docs = column("doc")?
            .as_primitive_opt::<UInt64Type>()
            .ok_or_else(|| wrong("doc"))?
            .values()
            .clone();
        let sources = column("source")?
            .as_dictionary_opt::<Int16Type>()
            .ok_or_else(|| wrong("source"))?
            .keys()
            .values()
            .clone();
        let tokens = column("tokens")?
            .as_list_opt::<i32>()
            .filter(|tokens| tokens.null_count() == 0)
            .ok_or_else(|| wrong("tokens"))?;
        let values = tokens.values();
        let ids = if let Some(ids) = values.as_primitive_opt::<UInt16Type>() {
            Ids::Narrow(ids.values().clone())
        } else if let Some(ids) = values.as_primitive_opt::<UInt32Type>() {
            Ids::Wide(ids.values().clone())
        } else {
            return Err(wrong("tokens").into());
        };
        let masks = column("mask")?
            .as_list_opt::<i32>()
            .ok_or_else(|| wrong("mask"))?;
        let labels = match batch.column_by_name("label") {
            None => None,
            Some(labels) => Some(
                labels
                    .as_primitive_opt::<Int32Type>()
                    .ok_or_else(|| wrong("label"))?
                    .clone(),
            ),
        };
        Ok(Self {
            docs,
            sources,
            offsets: tokens.offsets().clone(),
            ids,
            masks: Masks::new(masks).ok_or_else(|| wrong("mask"))?,
            labels,
        })
    }

    /// Whether tokens and documents lie in the memory of a file, not in copies.
    fn lies_in(&self, file: &Buffer) -> bool {
        let ids = match &self.ids {
            Ids::Narrow(ids) => ids.inner(),
            Ids::Wide(ids) => ids.inner(),
        };
        let places = file.as_ptr_range();
        [ids, self.docs.inner(), self.offsets.inner().inner()]
            .into_iter()
            .all(|buffer| buffer.is_empty() || places.contains(&buffer.as_ptr()))
    }

    pub(super) fn doc(&self, row: usize) -> u64 {
        self.docs[row]
    }

    /// Label of a document; null where it has none.
    pub(super) fn label(&self, row: usize) -> Option<i32> {
        let labels = self.labels.as_ref()?;
        labels.is_valid(row).then(|| labels.value(row))
    }

    /// Places of tokens `start .. stop-1` of a document among the ids of the batch; None when the batch is shorter.
    pub(super) fn places(&self, row: usize, start: u32, stop: u32) -> Option<std::ops::Range<usize>> {
        let first = usize::try_from(self.offsets[row]).ok()?;
        let places = first + start as usize..first + stop as usize;
        let len = match &self.ids {
            Ids::Narrow(ids) => ids.len(),
            Ids::Wide(ids) => ids.len(),
        };
        (places.end <= len).then_some(places)
    }

    /// Runs of a document's mask; None: all is trained.
    pub(super) fn runs(&self, row: usize) -> Option<&[u32]> {
        let masks = self.masks.as_ref()?;
        if masks
            .validity
            .as_ref()
            .is_some_and(|validity| validity.is_null(row))
        {
            return None;
        }
        let places = masks.offsets[row] as usize..masks.offsets[row + 1] as usize;
        Some(masks.runs.get(places).unwrap_or(&[]))
    }
}

impl Masks {
    /// Takes a column of masks; nothing when all are null. None when its type is another.
    fn new(masks: &ListArray) -> Option<Option<Self>> {
        let runs = masks.values().as_primitive_opt::<UInt32Type>()?;
        if masks.null_count() == masks.len() {
            return Some(None);
        }
        Some(Some(Self {
            validity: masks.nulls().cloned(),
            offsets: masks.offsets().clone(),
            runs: runs.values().clone(),
        }))
    }
}

/// Returns the trained parts of tokens `start .. stop-1`, as (from, to) in tokens of the document.
pub(super) fn trained_runs(runs: &[u32], start: u32, stop: u32) -> impl Iterator<Item = (u32, u32)> + '_ {
    let mut end = 0_u32;
    runs.iter().enumerate().filter_map(move |(number, &run)| {
        let begin = end;
        end = end.saturating_add(run);
        let (from, to) = (begin.max(start), end.min(stop));
        (number % 2 == 1 && from < to).then_some((from, to))
    })
}
