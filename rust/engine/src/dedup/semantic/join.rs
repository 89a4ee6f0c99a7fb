//! All pairs of vectors, tile by tile.
//!
//! Documents are cut into stripes of 256. A tile is two stripes: its 65,536 products are computed in 32 bits on
//! normalised vectors, and whatever comes near the threshold is compared exactly, as in the verify pass. What the 32
//! bits can be wrong by is known ([`product_error`]), so the edges are those of a comparison of all pairs in 64 bits.

use std::fs::File;
use std::io::{BufReader, Read};
use std::path::Path;

use gristmill_core::vectors::{PANEL, inner_products, interleave, normalise, product_error};
use serde::Serialize;

use super::VectorOptions;
use super::store::{Cosines, VectorStore};
use crate::dedup::documents::DocumentSet;
use crate::dedup::error::{DedupError, Result};
use crate::dedup::formats::{Edge, EdgeKind, RecordWriter, Records, docref};
use crate::dedup::verify::{Compares, SORTED_EDGE_BYTES, for_each_edge, sortable_edge};
use crate::dedup::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortError};

/// Documents of a stripe.
const STRIPE: usize = 256;
/// Documents whose pairs are all compared: twenty thousand million pairs, three quarters of an hour of one core at 384
/// numbers (7.6 million pairs a CPU second, measured on a busy machine), divided among the tasks.
pub const MAX_JOINED: u64 = 200_000;
/// Read buffer of a file of vectors that is read from end to end.
const READ_BUFFER_BYTES: usize = 256 << 10;

/// What the pass counted. Sums over tasks are the same for any number of tasks, but for `documents`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct JoinStats {
    /// Documents that take part and have a vector; the same in every task.
    pub documents: u64,
    /// Pairs compared in 32 bits.
    pub candidates: u64,
    /// Pairs compared exactly.
    pub compared: u64,
    /// Those that are similar enough, each an edge.
    pub edges: u64,
}

/// Compares all pairs of documents whose first stripe is one of `range` (every `count`-th), and writes the edges.
///
/// Left out are documents without a vector, those that fail a threshold, and those that `exact_removals` name. The
/// `shared_bands` of an edge is 0. Memory: the budget; of it 8 bytes for each document that takes part, two stripes of
/// `1024 * dimension` bytes at least, and what a comparison caches. Time: two floating-point operations a number and pair,
/// and the vectors read once for each group of stripes that the memory holds.
///
/// # Errors
/// [`DedupError::TooManyPairs`] beyond [`MAX_JOINED`] documents; when a file cannot be read or written or does not hold
/// what it must, when the budget is too small, or on cancellation.
pub fn join(
    context: &PassContext<'_>,
    range: KeyRange,
    exact_removals: &[impl AsRef<Path>],
    options: &VectorOptions,
    output: &Path,
) -> Result<JoinStats> {
    range.check()?;
    options.check()?;
    let mut taking_part = DocumentSet::passing(context)?;
    for path in exact_removals {
        taking_part.remove_all(&Records::open(path.as_ref())?)?;
    }
    let members = members(context, &taking_part, options)?;
    let stripe_bytes = 4 * (STRIPE * options.dimension) as u64;
    let held_bytes = DocumentSet::bytes(context) + 8 * members.len() as u64;
    drop(taking_part);
    // A stripe of columns and one of rows; half of what is left holds more rows.
    let memory_bytes = context.memory_beside(held_bytes + 2 * stripe_bytes)?;
    let num_held = 1 + usize::try_from(memory_bytes / 2 / stripe_bytes).unwrap_or(0);
    let mut tiles = Tiles {
        context,
        options,
        store: VectorStore::new(context, options)?,
        cosines: Cosines::new(context, options, memory_bytes / 4)?,
        edges: ExternalSorter::new(&context.scratch, memory_bytes / 4)?,
        lowest: (options.min_similarity - product_error(options.dimension)) as f32,
        products: vec![[0.0; PANEL]; STRIPE],
        vector: vec![0.0; options.dimension],
        units: vec![0.0; PANEL * options.dimension],
        stats: JoinStats {
            documents: members.len() as u64,
            ..Default::default()
        },
    };
    let num_stripes = members.len().div_ceil(STRIPE);
    let rows: Vec<usize> = (range.index as usize..num_stripes)
        .step_by(range.count as usize)
        .collect();
    for group in rows.chunks(num_held) {
        tiles.compare_group(&members, group, num_stripes)?;
    }
    let Tiles { edges, mut stats, .. } = tiles;
    let mut writer = RecordWriter::create(output)?;
    for_each_edge(edges.finish_unless(context.cancelled)?, |edge| {
        writer.append(edge)
    })?;
    stats.edges = writer.finish()?;
    Ok(stats)
}

/// The documents that take part and have a vector, in input order.
fn members(
    context: &PassContext<'_>,
    taking_part: &DocumentSet,
    options: &VectorOptions,
) -> Result<Vec<u64>> {
    let mut members = Vec::new();
    let mut documents = 0_u64;
    let mut record = vec![0; 4 * options.dimension];
    // Opening through the store checks lengths.
    let mut store = VectorStore::new(context, options)?;
    let mut vector = vec![0.0; options.dimension];
    for (files, path) in context.partitions.iter().zip(&options.vectors) {
        if files.num_documents == 0 {
            continue;
        }
        store.read(docref(files.partition, 0), &mut vector)?;
        let file = File::open(path).map_err(SortError::file("open", path))?;
        let mut reader = BufReader::with_capacity(READ_BUFFER_BYTES, file);
        for ordinal in 0..files.num_documents {
            if ordinal % 4096 == 0 {
                context.check()?;
            }
            reader
                .read_exact(&mut record)
                .map_err(SortError::file("read", path))?;
            let reference = docref(files.partition, ordinal);
            let (numbers, _) = record.as_chunks::<4>();
            if taking_part.contains(reference)
                && numbers.iter().any(|&number| f32::from_le_bytes(number) != 0.0)
            {
                documents += 1;
                if documents <= MAX_JOINED {
                    members.push(reference);
                }
            }
        }
    }
    if documents > MAX_JOINED {
        return Err(DedupError::TooManyPairs {
            documents,
            most: MAX_JOINED,
        });
    }
    Ok(members)
}

/// The documents of a stripe.
fn stripe(members: &[u64], number: usize) -> &[u64] {
    let start = (number * STRIPE).min(members.len());
    &members[start..(start + STRIPE).min(members.len())]
}

struct Tiles<'task> {
    context: &'task PassContext<'task>,
    options: &'task VectorOptions,
    store: VectorStore<'task>,
    cosines: Cosines<'task>,
    edges: ExternalSorter<SORTED_EDGE_BYTES>,
    /// Least product that may belong to a pair that is similar enough.
    lowest: f32,
    products: Vec<[f32; PANEL]>,
    vector: Vec<f32>,
    /// As many normalised vectors as a panel holds.
    units: Vec<f32>,
    stats: JoinStats,
}

impl Tiles<'_> {
    /// Compares some stripes with themselves and all that follow.
    fn compare_group(&mut self, members: &[u64], group: &[usize], num_stripes: usize) -> Result<()> {
        let dimension = self.options.dimension;
        let Some(&first) = group.first() else {
            return Ok(());
        };
        let mut rows = vec![0.0; group.len() * STRIPE * dimension];
        for (&number, rows) in group.iter().zip(rows.chunks_exact_mut(STRIPE * dimension)) {
            for (&reference, row) in stripe(members, number)
                .iter()
                .zip(rows.chunks_exact_mut(dimension))
            {
                self.store.read(reference, &mut self.vector)?;
                normalise(&self.vector, row);
            }
        }
        let mut panels = vec![0.0; STRIPE * dimension];
        for column in first..num_stripes {
            let columns = stripe(members, column);
            for (references, panel) in columns
                .chunks(PANEL)
                .zip(panels.chunks_exact_mut(PANEL * dimension))
            {
                for (&reference, unit) in references.iter().zip(self.units.chunks_exact_mut(dimension)) {
                    self.store.read(reference, &mut self.vector)?;
                    normalise(&self.vector, unit);
                }
                interleave(&self.units[..references.len() * dimension], dimension, panel);
            }
            for (&number, rows) in group.iter().zip(rows.chunks_exact(STRIPE * dimension)) {
                if number <= column {
                    self.compare_tile(
                        (stripe(members, number), rows),
                        (columns, &panels),
                        number == column,
                    )?;
                }
            }
        }
        Ok(())
    }

    /// Compares each of `rows` with each of `columns`; on the diagonal only with those behind it.
    fn compare_tile(
        &mut self,
        (rows, row_vectors): (&[u64], &[f32]),
        (columns, panels): (&[u64], &[f32]),
        is_diagonal: bool,
    ) -> Result<()> {
        self.context.check()?;
        let dimension = self.options.dimension;
        self.stats.candidates += if is_diagonal {
            (rows.len() * rows.len().saturating_sub(1) / 2) as u64
        } else {
            (rows.len() * columns.len()) as u64
        };
        let row_vectors = &row_vectors[..rows.len() * dimension];
        for ((references, panel), first) in columns
            .chunks(PANEL)
            .zip(panels.chunks_exact(PANEL * dimension))
            .zip((0..).step_by(PANEL))
        {
            let mut products = std::mem::take(&mut self.products);
            inner_products(row_vectors, panel, dimension, &mut products[..rows.len()]);
            for ((row, &reference), products) in rows.iter().enumerate().zip(&products) {
                for ((column, &other), &product) in (first..).zip(references).zip(products) {
                    if product >= self.lowest && (!is_diagonal || row < column) {
                        self.compare(reference, other)?;
                    }
                }
            }
            self.products = products;
        }
        Ok(())
    }

    fn compare(&mut self, left: u64, right: u64) -> Result<()> {
        self.stats.compared += 1;
        let Some(similarity) = self.cosines.compare(left, right)? else {
            return Ok(());
        };
        let (left, right) = (self.cosines.standing(left)?, self.cosines.standing(right)?);
        self.edges.push(&sortable_edge(&Edge {
            better: left.min(right).docref(),
            worse: left.max(right).docref(),
            similarity,
            shared_bands: 0,
            kind: EdgeKind::Semantic,
        }))?;
        Ok(())
    }
}
