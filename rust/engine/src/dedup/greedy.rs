//! Which documents stay, given verified edges.
//!
//! Documents are judged from the best [`Standing`] to the worst. One goes only if it has a verified edge to a better
//! document that is kept, so a chain of similar documents never removes what resembles nothing that stays.

use std::path::Path;

use super::PassContext;
use super::documents::{DocumentSet, DocumentStore, STREAM_BUFFER_BYTES, Standing};
use super::error::Result;
use super::formats::{EDGE_BYTES, Edge, EdgeKind, Records, bytes_at, u64_be};
use super::spill_queue::SpillQueue;
use crate::external_sort::{ExternalSorter, SortedSource};

/// A document that has a better neighbour.
pub(super) struct Judged<'walk> {
    /// The document.
    pub(super) docref: u64,
    /// Its better neighbours, each once, in input order.
    pub(super) better: &'walk [u64],
    /// For each of them, the kinds of its edges: a bit of [`kind_bit`] each.
    pub(super) kinds: &'walk [u8],
    /// The edge to one of those that are kept: on texts before one on embeddings, then to the most similar, then to the
    /// best. Nothing when all of them go themselves, so that the document stays.
    pub(super) kept: Option<Edge>,
}

/// The bit of a kind in [`Judged::kinds`].
pub(super) fn kind_bit(kind: EdgeKind) -> u8 {
    1 << kind as u8
}

/// An edge while it is sorted: standing of the worse (16), better (u64), kind (u8), bits of the similarity (u32),
/// shared bands (u16).
const JUDGED_EDGE_BYTES: usize = 31;

/// Calls `visit` for every document that has a better neighbour, from the best to the worst.
///
/// Edges come from files and from `found`; repetitions are one edge, with the bands of all. Memory: `memory_bytes`, a bit a document, and the
/// better neighbours of one document.
pub(super) fn for_each_judged(
    context: &PassContext<'_>,
    edge_files: &[impl AsRef<Path>],
    found: Option<&SpillQueue<EDGE_BYTES>>,
    memory_bytes: u64,
    mut visit: impl FnMut(&Judged<'_>) -> Result<()>,
) -> Result<()> {
    let mut store = DocumentStore::new(context, memory_bytes / 4);
    let mut sorter =
        ExternalSorter::<JUDGED_EDGE_BYTES>::new(&context.scratch, memory_bytes - memory_bytes / 4)?;
    let mut poll = context.poll();
    let mut push = |record: &[u8; EDGE_BYTES]| -> Result<()> {
        poll.tick()?;
        let edge = Edge::decode(record);
        let mut judged = [0; JUDGED_EDGE_BYTES];
        judged[..16].copy_from_slice(&store.standing(edge.worse)?.encode());
        judged[16..24].copy_from_slice(&edge.better.to_be_bytes());
        judged[24] = edge.kind as u8;
        judged[25..29].copy_from_slice(&edge.similarity.to_bits().to_be_bytes());
        judged[29..].copy_from_slice(&edge.shared_bands.to_be_bytes());
        Ok(sorter.push(&judged)?)
    };
    for path in edge_files {
        let mut stream = Records::<EDGE_BYTES>::open(path.as_ref())?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            push(record)?;
        }
    }
    if let Some(found) = found {
        found.for_each(push)?;
    }
    let mut sorted = sorter.finish_unless(context.cancelled)?;
    let mut poll = context.poll();
    let mut removed = DocumentSet::empty(context)?;
    let mut better: Vec<u64> = Vec::new();
    let mut kinds: Vec<u8> = Vec::new();
    let mut best: Option<(Edge, Standing)> = None;
    let mut pending: Option<Edge> = None;
    // One edge more than there are: the end settles the last document.
    loop {
        poll.tick()?;
        let next = sorted.next_record()?.map(|record| Edge {
            better: u64_be(record, 16),
            worse: u64_be(record, 8),
            similarity: f32::from_bits(u32::from_be_bytes(bytes_at(record, 25))),
            shared_bands: u16::from_be_bytes(bytes_at(record, 29)),
            kind: EdgeKind::from_byte(record[24]),
        });
        if let (Some(same), Some(edge)) = (&mut pending, &next)
            && (same.better, same.worse, same.kind) == (edge.better, edge.worse, edge.kind)
        {
            same.shared_bands = same.shared_bands.saturating_add(edge.shared_bands);
            continue;
        }
        if let Some(edge) = pending {
            match kinds.last_mut().filter(|_| better.last() == Some(&edge.better)) {
                Some(kinds) => *kinds |= kind_bit(edge.kind),
                None => {
                    better.push(edge.better);
                    kinds.push(kind_bit(edge.kind));
                }
            }
            if !removed.contains(edge.better) {
                let standing = store.standing(edge.better)?;
                if best.as_ref().is_none_or(|(most, first)| {
                    edge.kind < most.kind
                        || (edge.kind == most.kind
                            && (edge.similarity > most.similarity
                                || (edge.similarity == most.similarity && standing < *first)))
                }) {
                    best = Some((edge, standing));
                }
            }
            if next.as_ref().is_none_or(|next| next.worse != edge.worse) {
                let kept = best.take().map(|(edge, _)| edge);
                if kept.is_some() {
                    removed.insert(edge.worse);
                }
                let docref = edge.worse;
                visit(&Judged {
                    docref,
                    better: &better,
                    kinds: &kinds,
                    kept,
                })?;
                better.clear();
                kinds.clear();
            }
        }
        let Some(edge) = next else {
            return Ok(());
        };
        pending = Some(edge);
    }
}
