//! Which documents stay, given verified edges.
//!
//! Documents are judged from the best [`Standing`] to the worst. One goes only if it has a verified edge to a better
//! document that is kept, so a chain of similar documents never removes what resembles nothing that stays.

use std::path::Path;

use super::PassContext;
use super::documents::{DocumentSet, DocumentStore, STREAM_BUFFER_BYTES, Standing};
use super::error::Result;
use super::formats::{EDGE_BYTES, Edge, Records, bytes_at, u64_be};
use super::spill_queue::SpillQueue;
use crate::external_sort::{ExternalSorter, SortedSource};

/// A document that has a better neighbour.
pub(super) struct Judged<'walk> {
    /// The document.
    pub(super) docref: u64,
    /// Its better neighbours, each once, in input order.
    pub(super) better: &'walk [u64],
    /// Similarity to the most similar of those that are kept, and that one; among equals the best. Nothing when
    /// all of them go themselves, so that the document stays.
    pub(super) kept: Option<(f32, u64)>,
}

/// An edge while it is sorted: standing of the worse (16), better (u64), bits of the similarity (u32).
const JUDGED_EDGE_BYTES: usize = 28;

/// Calls `visit` for every document that has a better neighbour, from the best to the worst.
///
/// Edges come from files and from `found`; repetitions count once. Memory: `memory_bytes`, a bit a document, and the
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
        judged[24..].copy_from_slice(&edge.similarity.to_bits().to_be_bytes());
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
    let mut best: Option<(f32, Standing)> = None;
    let mut current = None;
    let mut judge =
        |docref: u64, better: &[u64], best: Option<(f32, Standing)>, removed: &mut DocumentSet| {
            if best.is_some() {
                removed.insert(docref);
            }
            let kept = best.map(|(similarity, standing)| (similarity, standing.docref()));
            visit(&Judged { docref, better, kept })
        };
    while let Some(record) = sorted.next_record()? {
        poll.tick()?;
        let (worse, neighbour) = (u64_be(record, 8), u64_be(record, 16));
        let similarity = f32::from_bits(u32::from_be_bytes(bytes_at(record, 24)));
        if let Some(last) = current
            && last != worse
        {
            judge(last, &better, best.take(), &mut removed)?;
            better.clear();
        }
        current = Some(worse);
        if better.last() == Some(&neighbour) {
            continue;
        }
        better.push(neighbour);
        if removed.contains(neighbour) {
            continue;
        }
        let standing = store.standing(neighbour)?;
        if best.is_none_or(|(most, first)| similarity > most || (similarity == most && standing < first)) {
            best = Some((similarity, standing));
        }
    }
    if let Some(last) = current {
        judge(last, &better, best, &mut removed)?;
    }
    Ok(())
}
