//! The decision: which documents go, which kept document each of them duplicates, and who belongs to which cluster.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::PassContext;
use super::clusters::{LINK_BYTES, link};
use super::documents::{DocumentSet, STREAM_BUFFER_BYTES};
use super::error::{DedupError, Result};
use super::formats::{
    EdgeKind, REMOVAL_BYTES, RecordWriter, Records, Removal, RemovalStep, split_docref, u64_be,
};
use super::greedy::for_each_judged;
use super::largest::{LargeCluster, write_clusters};
use super::spill_queue::SpillQueue;
use crate::external_sort::{ExternalSorter, SortedRecords, SortedSource};

/// What the earlier passes left.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleInputs {
    /// Every file of the exact pass; none without an exact step.
    pub exact_removals: Vec<PathBuf>,
    /// Every file of the verify passes, on texts and on embeddings; none without a near-duplicate step.
    pub edges: Vec<PathBuf>,
    /// Names of the sources, by their ordinal in the plan.
    pub sources: Vec<String>,
}

/// What dedup takes from one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceRemovals {
    /// Name of the source.
    pub source: String,
    /// Documents that pass every threshold and so reach dedup.
    pub documents: u64,
    /// Removed because another document has the same text.
    pub exact: u64,
    /// Removed because another document is similar enough.
    pub near: u64,
    /// Removed because the embedding of another document is similar enough; left out where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub semantic: u64,
}

impl SourceRemovals {
    /// Documents removed.
    pub fn removed(&self) -> u64 {
        self.exact + self.near + self.semantic
    }
}

/// Counts of a step that most recipes do not have stand in manifests only where there is something to count.
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde wants a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What the pass counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SettleStats {
    /// Verified pairs, each once.
    pub edges: u64,
    /// Documents removed as exact duplicates.
    pub exact_removed: u64,
    /// Documents removed as near duplicates.
    pub near_removed: u64,
    /// Documents removed for their embedding; left out where there is none.
    #[serde(skip_serializing_if = "is_zero")]
    pub semantic_removed: u64,
    /// Documents that resemble only documents that go themselves, and so stay.
    pub spared: u64,
    /// Clusters of at least two documents, old ones among them.
    pub clusters: u64,
    /// Documents in them; old ones are not counted.
    pub clustered: u64,
    /// Documents of the largest cluster; old ones are not counted.
    pub largest_cluster: u64,
    /// The clusters with the most different texts, the largest first, at most five.
    pub largest: Vec<LargeCluster>,
    /// By source, in plan order.
    pub sources: Vec<SourceRemovals>,
}

/// Decides removals and clusters and writes `removals.bin` and `clusters.bin`.
///
/// Nothing is removed by that: whoever rewrites documents may look at the counts first. Of an exact duplicate whose twin goes as a near
/// duplicate, `duplicate_of` is the kept document behind the twin, and similarity and bands are the twin's: the texts are
/// the same. Memory: see [`super`]. Time: a few external sorts of edges and removals.
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn settle(
    context: &PassContext<'_>,
    inputs: &SettleInputs,
    removals: &Path,
    clusters: &Path,
) -> Result<SettleStats> {
    let memory_bytes = context.memory_beside(DocumentSet::bytes(context))?;
    let mut tally = Tally::new(context, &inputs.sources)?;
    let mut links = SpillQueue::new(&context.scratch, memory_bytes / 8);
    let near = remove_near(context, &inputs.edges, memory_bytes, &mut links, &mut tally)?;
    let twins = sort_twins(
        context,
        &inputs.exact_removals,
        memory_bytes / 8,
        &mut links,
        &mut tally,
    )?;
    let mut merged = point_at_kept(context, near, twins, memory_bytes / 4)?;
    let mut writer = RecordWriter::create(removals)?;
    while let Some(record) = merged.next_record()? {
        writer.append(&Removal::from_sortable(record))?;
    }
    writer.finish()?;
    drop(merged);
    write_clusters(
        context,
        &links,
        &inputs.exact_removals,
        memory_bytes / 2,
        clusters,
        &mut tally.stats,
    )?;
    Ok(tally.stats)
}

/// Counts by source.
struct Tally {
    stats: SettleStats,
    source_of_partition: Vec<u16>,
}

impl Tally {
    fn new(context: &PassContext<'_>, sources: &[String]) -> Result<Self> {
        let named = |source: &String| SourceRemovals {
            source: source.clone(),
            ..Default::default()
        };
        let stats = SettleStats {
            sources: sources.iter().map(named).collect(),
            ..Default::default()
        };
        let source_of_partition = context.own().iter().map(|files| files.source).collect();
        let mut tally = Self {
            stats,
            source_of_partition,
        };
        let passing = DocumentSet::passing(context)?;
        for (partition, files) in context.own().iter().enumerate() {
            tally.source(files.partition)?.documents += passing.count_partition(partition);
        }
        Ok(tally)
    }

    fn source(&mut self, partition: u32) -> Result<&mut SourceRemovals> {
        let source = self.source_of_partition.get(partition as usize);
        let counts = source.and_then(|&source| self.stats.sources.get_mut(usize::from(source)));
        counts.ok_or_else(|| {
            DedupError::Inputs(format!("partition {partition} has a source that is not listed"))
        })
    }
}

/// Removes what has a kept better document, and links all pairs.
fn remove_near(
    context: &PassContext<'_>,
    edge_files: &[PathBuf],
    memory_bytes: u64,
    links: &mut SpillQueue<LINK_BYTES>,
    tally: &mut Tally,
) -> Result<SortedRecords<REMOVAL_BYTES>> {
    let mut near = ExternalSorter::<REMOVAL_BYTES>::new(&context.scratch, memory_bytes / 8)?;
    for_each_judged(context, edge_files, None, memory_bytes / 2, |judged| {
        tally.stats.edges += judged.better.len() as u64;
        for &better in judged.better {
            links.push(link(context.linked(better), context.linked(judged.docref)))?;
        }
        let Some(kept) = judged.kept else {
            tally.stats.spared += 1;
            return Ok(());
        };
        let partition = split_docref(judged.docref).0;
        let step = match kept.kind {
            EdgeKind::Text => {
                tally.stats.near_removed += 1;
                tally.source(partition)?.near += 1;
                RemovalStep::Near
            }
            EdgeKind::Semantic => {
                tally.stats.semantic_removed += 1;
                tally.source(partition)?.semantic += 1;
                RemovalStep::Semantic
            }
        };
        let removal = Removal {
            docref: judged.docref,
            duplicate_of: kept.better,
            similarity: kept.similarity,
            step,
            shared_bands: kept.shared_bands,
        };
        Ok(near.push(&removal.encode_sortable())?)
    })?;
    Ok(near.finish_unless(context.cancelled)?)
}

/// The document that stayed of a group of equal texts, and one that went, both big-endian.
const TWIN_BYTES: usize = 16;

fn sort_twins(
    context: &PassContext<'_>,
    exact_files: &[PathBuf],
    memory_bytes: u64,
    links: &mut SpillQueue<LINK_BYTES>,
    tally: &mut Tally,
) -> Result<SortedRecords<TWIN_BYTES>> {
    let mut sorter = ExternalSorter::<TWIN_BYTES>::new(&context.scratch, memory_bytes)?;
    let mut poll = context.poll();
    for path in exact_files {
        let mut stream = Records::<REMOVAL_BYTES>::open(path)?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            poll.tick()?;
            let Some(removal) = Removal::decode(record) else {
                return Err(DedupError::damaged(path, "a removal has an unknown step"));
            };
            tally.stats.exact_removed += 1;
            tally.source(split_docref(removal.docref).0)?.exact += 1;
            links.push(link(
                context.linked(removal.duplicate_of),
                context.linked(removal.docref),
            ))?;
            sorter.push(&link(removal.duplicate_of, removal.docref))?;
        }
    }
    Ok(sorter.finish_unless(context.cancelled)?)
}

/// Joins both kinds of removals, so that each names a document that stays.
fn point_at_kept(
    context: &PassContext<'_>,
    mut near: SortedRecords<REMOVAL_BYTES>,
    mut twins: SortedRecords<TWIN_BYTES>,
    memory_bytes: u64,
) -> Result<SortedRecords<REMOVAL_BYTES>> {
    let mut all = ExternalSorter::<REMOVAL_BYTES>::new(&context.scratch, memory_bytes)?;
    let mut poll = context.poll();
    let mut next_near = |all: &mut ExternalSorter<REMOVAL_BYTES>| -> Result<Option<Removal>> {
        let Some(record) = near.next_record()? else {
            return Ok(None);
        };
        all.push(record)?;
        Ok(Removal::decode(&Removal::from_sortable(record)))
    };
    let mut current = next_near(&mut all)?;
    while let Some(record) = twins.next_record()? {
        poll.tick()?;
        let (stayed, docref) = (u64_be(record, 0), u64_be(record, 8));
        while current.is_some_and(|removal| removal.docref < stayed) {
            current = next_near(&mut all)?;
        }
        // Of the twin that went as a near duplicate, this one has all but the name: the texts are the same.
        let mut removal = current
            .filter(|removal| removal.docref == stayed)
            .unwrap_or(Removal {
                docref,
                duplicate_of: stayed,
                similarity: 1.0,
                step: RemovalStep::Exact,
                shared_bands: 0,
            });
        (removal.docref, removal.step) = (docref, RemovalStep::Exact);
        all.push(&removal.encode_sortable())?;
    }
    while current.is_some() {
        poll.tick()?;
        current = next_near(&mut all)?;
    }
    Ok(all.finish_unless(context.cancelled)?)
}
