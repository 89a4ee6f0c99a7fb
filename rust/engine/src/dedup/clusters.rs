//! Connected components of the duplicate graph, in memory where they fit and by external rounds where not.
//!
//! Both ways give each document the smallest of its component, so the budget decides the time only. Documents go by their
//! numbers among linked ones (`PassContext::linked`): the smallest is the first old document, else the first new one.

use gristmill_core::union_find::UnionFind;

use super::PassContext;
use super::error::{DedupError, Result};
use super::formats::{ClusterMember, u64_be};
use super::spill_queue::SpillQueue;
use crate::external_sort::{ExternalSorter, SortedRecords};

/// Two documents that belong together, each big-endian; either order, repetitions allowed, never a document twice.
pub(crate) const LINK_BYTES: usize = 16;

/// Returns the record of a link.
pub(crate) fn link(left: u64, right: u64) -> [u8; LINK_BYTES] {
    let mut record = [0; LINK_BYTES];
    record[..8].copy_from_slice(&left.to_be_bytes());
    record[8..].copy_from_slice(&right.to_be_bytes());
    record
}

fn ends(record: &[u8; LINK_BYTES]) -> (u64, u64) {
    (u64_be(record, 0), u64_be(record, 8))
}

/// Bytes a document in memory: its reference and its parent.
const NODE_BYTES: u64 = 12;

/// Calls `visit` for every document that a link names, in order, with the smallest document of its component.
///
/// Memory: `memory_bytes`. In memory: 12 bytes a linked document, if that is at most half the budget. Otherwise
/// rounds of large-star and small-star (Kiveris et al., Connected Components in MapReduce and Beyond, 2014), each two
/// external sorts of the links; their number grows with the logarithm of the longest path, squared at worst.
///
/// # Errors
/// When spilling fails, when `visit` fails, or on cancellation.
pub(crate) fn for_each_member(
    context: &PassContext<'_>,
    links: &SpillQueue<LINK_BYTES>,
    memory_bytes: u64,
    mut visit: impl FnMut(ClusterMember) -> Result<()>,
) -> Result<()> {
    match linked_documents(context, links, memory_bytes)? {
        Some(documents) => in_memory(context, links, &documents, visit),
        None => {
            let mut stars = external_stars(context, links, memory_bytes)?;
            let mut previous = None;
            while let Some(record) = stars.next_record()? {
                let (docref, other) = ends(record);
                if previous != Some(docref) {
                    // A leaf has its centre as only neighbour; a centre is smaller than all of its own.
                    visit(ClusterMember {
                        docref,
                        representative: docref.min(other),
                    })?;
                    previous = Some(docref);
                }
            }
            Ok(())
        }
    }
}

/// Returns the distinct linked documents, ascending, unless they and their parents exceed half the budget.
fn linked_documents(
    context: &PassContext<'_>,
    links: &SpillQueue<LINK_BYTES>,
    memory_bytes: u64,
) -> Result<Option<Vec<u64>>> {
    let limit = usize::try_from(memory_bytes / 2 / NODE_BYTES)
        .unwrap_or(usize::MAX)
        .min(u32::MAX as usize);
    let mut sorter = ExternalSorter::<8>::new(&context.scratch, memory_bytes / 4)?;
    links.for_each(|record| {
        let (left, right) = ends(record);
        sorter.push(&left.to_be_bytes())?;
        sorter.push(&right.to_be_bytes())?;
        Ok(())
    })?;
    let mut sorted = sorter.finish_unless(context.cancelled)?;
    let expected = usize::try_from(sorted.len()).unwrap_or(usize::MAX).min(limit);
    let mut documents: Vec<u64> = Vec::with_capacity(expected);
    while let Some(record) = sorted.next_record()? {
        let docref = u64::from_be_bytes(*record);
        if documents.last() == Some(&docref) {
            continue;
        }
        if documents.len() == limit {
            return Ok(None);
        }
        documents.push(docref);
    }
    Ok(Some(documents))
}

fn in_memory(
    context: &PassContext<'_>,
    links: &SpillQueue<LINK_BYTES>,
    documents: &[u64],
    mut visit: impl FnMut(ClusterMember) -> Result<()>,
) -> Result<()> {
    let count = u32::try_from(documents.len())
        .map_err(|_| DedupError::Inputs("more than 4 billion documents in memory".to_owned()))?;
    let mut sets = UnionFind::new(count);
    let mut poll = context.poll();
    let number = |docref: u64| -> Result<u32> {
        let found = documents
            .binary_search(&docref)
            .ok()
            .and_then(|at| u32::try_from(at).ok());
        found.ok_or_else(|| DedupError::Inputs(format!("document {docref} appeared between two readings")))
    };
    links.for_each(|record| {
        poll.tick()?;
        let (left, right) = ends(record);
        sets.union(number(left)?, number(right)?);
        Ok(())
    })?;
    for (element, &docref) in (0..count).zip(documents) {
        let representative = documents[sets.find(element) as usize];
        visit(ClusterMember {
            docref,
            representative,
        })?;
    }
    Ok(())
}

/// Returns the links between each document and the smallest of its component, in both directions.
fn external_stars(
    context: &PassContext<'_>,
    links: &SpillQueue<LINK_BYTES>,
    memory_bytes: u64,
) -> Result<SortedRecords<LINK_BYTES>> {
    let new_sorter = || ExternalSorter::<LINK_BYTES>::new(&context.scratch, memory_bytes / 2);
    let mut both_ways = new_sorter()?;
    links.for_each(|record| {
        let (left, right) = ends(record);
        both_ways.push(&link(left, right))?;
        both_ways.push(&link(right, left))?;
        Ok(())
    })?;
    loop {
        let mut is_changed = false;
        // Large star: every larger neighbour of a document moves to the smallest of its neighbourhood.
        let mut downward = new_sorter()?;
        for_each_neighbour(
            context,
            both_ways.finish_unless(context.cancelled)?,
            |document, smallest, other| {
                if other > document {
                    is_changed |= smallest < document;
                    downward.push(&link(other, smallest.min(document)))?;
                }
                Ok(())
            },
        )?;
        // Small star: a document and its smaller neighbours move to the smallest of them.
        both_ways = new_sorter()?;
        for_each_neighbour(
            context,
            downward.finish_unless(context.cancelled)?,
            |document, smallest, other| {
                let moved = if other == smallest { document } else { other };
                is_changed |= other != smallest;
                both_ways.push(&link(moved, smallest))?;
                both_ways.push(&link(smallest, moved))?;
                Ok(())
            },
        )?;
        if !is_changed {
            return Ok(both_ways.finish_unless(context.cancelled)?);
        }
    }
}

/// Calls `visit` with a document, its smallest neighbour and each neighbour, repetitions left out.
fn for_each_neighbour(
    context: &PassContext<'_>,
    mut sorted: SortedRecords<LINK_BYTES>,
    mut visit: impl FnMut(u64, u64, u64) -> Result<()>,
) -> Result<()> {
    let mut poll = context.poll();
    let mut smallest = 0;
    let mut previous: Option<(u64, u64)> = None;
    while let Some(record) = sorted.next_record()? {
        poll.tick()?;
        let (document, other) = ends(record);
        if previous == Some((document, other)) {
            continue;
        }
        if previous.is_none_or(|(last, _)| last != document) {
            smallest = other;
        }
        visit(document, smallest, other)?;
        previous = Some((document, other));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn components(links: &[(u64, u64)], memory_bytes: u64) -> BTreeMap<u64, u64> {
        let scratch = tempfile::tempdir().unwrap();
        let context = PassContext::new(Vec::new(), scratch.path(), 1 << 20, &|| false).unwrap();
        let mut queue = SpillQueue::new(scratch.path(), 256);
        for &(left, right) in links {
            queue.push(link(left, right)).unwrap();
        }
        let mut found = BTreeMap::new();
        let mut last = None;
        for_each_member(&context, &queue, memory_bytes, |member| {
            assert!(last < Some(member.docref), "documents come in order");
            last = Some(member.docref);
            found.insert(member.docref, member.representative);
            Ok(())
        })
        .unwrap();
        found
    }

    fn flooded(links: &[(u64, u64)]) -> BTreeMap<u64, u64> {
        let mut labels: BTreeMap<u64, u64> = links.iter().flat_map(|&(a, b)| [(a, a), (b, b)]).collect();
        loop {
            let before = labels.clone();
            for (left, right) in links {
                let smallest = labels[left].min(labels[right]);
                labels.insert(*left, smallest);
                labels.insert(*right, smallest);
            }
            if labels == before {
                return labels;
            }
        }
    }

    proptest! {
        #[test]
        fn every_budget_gives_the_same_components(
            links in prop::collection::vec((0_u64..60, 0_u64..60), 0..80)
        ) {
            let links: Vec<_> = links.into_iter().filter(|(left, right)| left != right).collect();
            let expected = flooded(&links);
            prop_assert_eq!(&components(&links, 1 << 20), &expected);
            prop_assert_eq!(&components(&links, 64), &expected);
        }
    }

    #[test]
    fn a_long_path_is_one_component_for_every_budget() {
        let links: Vec<(u64, u64)> = (0..3000)
            .map(|step| ((step * 7919) % 3001, ((step + 1) * 7919) % 3001))
            .collect();
        for memory_bytes in [1024, 1 << 20] {
            let found = components(&links, memory_bytes);
            assert_eq!(found.len(), 3001);
            assert!(found.values().all(|&representative| representative == 0));
        }
    }
}
