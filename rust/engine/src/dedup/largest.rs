//! The largest clusters of a run, with their first members: what a guard looks at before anything is removed.

use std::path::{Path, PathBuf};

use serde::Serialize;

use super::PassContext;
use super::clusters::{self, LINK_BYTES};
use super::documents::{DocumentSet, DocumentStore, STREAM_BUFFER_BYTES};
use super::error::Result;
use super::formats::{CLUSTER_BYTES, ClusterMember, RecordWriter, Records, bytes_at, u64_be};
use super::old::unlinked;
use super::settle::SettleStats;
use super::spill_queue::SpillQueue;
use crate::external_sort::{ExternalSorter, SortedSource};

/// Clusters that are described.
const NUM_CLUSTERS: usize = 5;
/// Members of each that are named.
const NUM_MEMBERS: usize = 5;

/// A cluster in numbers, with its first members.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LargeCluster {
    /// Its first document: an old one where there is one.
    pub representative: u64,
    /// Its documents; old ones are not counted.
    pub documents: u64,
    /// Of these, documents that no better one is equal to: different texts, if there is an exact step.
    pub texts: u64,
    /// Its first members in input order that are no exact duplicates.
    pub members: Vec<NamedMember>,
}

/// A member by the names that a user knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedMember {
    /// File ordinal and row, as `doc` in all tables.
    pub doc: u64,
    /// Its key, 32 hexadecimal digits.
    pub key: String,
}

/// Representative (u64, big-endian), and 1 for an exact duplicate.
const COUNTED_BYTES: usize = 9;

/// Writes `clusters.bin` and counts: clusters, their documents, and the largest of them by different texts.
///
/// Of equal sizes the cluster that comes first is the larger. Memory: `memory_bytes`, and a bit a document.
pub(super) fn write_clusters(
    context: &PassContext<'_>,
    links: &SpillQueue<LINK_BYTES>,
    exact_removals: &[PathBuf],
    memory_bytes: u64,
    output: &Path,
    stats: &mut SettleStats,
) -> Result<()> {
    let mut twins = DocumentSet::empty(context)?;
    for path in exact_removals {
        twins.insert_all(&Records::open(path)?)?;
    }
    let mut writer = RecordWriter::create(output)?;
    let mut counted = ExternalSorter::<COUNTED_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    clusters::for_each_member(context, links, memory_bytes - memory_bytes / 4, |member| {
        let (docref, is_old) = unlinked(member.docref);
        if is_old {
            return Ok(());
        }
        let mut record = [0; COUNTED_BYTES];
        record[..8].copy_from_slice(&member.representative.to_be_bytes());
        record[8] = u8::from(twins.contains(docref));
        counted.push(&record)?;
        let representative = unlinked(member.representative).0;
        writer.append(
            &ClusterMember {
                docref,
                representative,
            }
            .encode(),
        )
    })?;
    stats.clustered = writer.finish()?;
    let mut sorted = counted.finish_unless(context.cancelled)?;
    let mut current: Option<LargeCluster> = None;
    let mut poll = context.poll();
    while let Some(record) = sorted.next_record()? {
        poll.tick()?;
        let representative = unlinked(u64_be(record, 0)).0;
        if current
            .as_ref()
            .is_none_or(|cluster| cluster.representative != representative)
        {
            stats.finish_cluster(current.take());
        }
        let cluster = current.get_or_insert(LargeCluster {
            representative,
            documents: 0,
            texts: 0,
            members: Vec::new(),
        });
        cluster.documents += 1;
        cluster.texts += u64::from(record[8] == 0);
    }
    stats.finish_cluster(current);
    name_members(context, &twins, output, &mut stats.largest)
}

impl SettleStats {
    fn finish_cluster(&mut self, cluster: Option<LargeCluster>) {
        let Some(cluster) = cluster else {
            return;
        };
        self.clusters += 1;
        self.largest_cluster = self.largest_cluster.max(cluster.documents);
        let place = self
            .largest
            .partition_point(|larger| larger.texts >= cluster.texts);
        if place < NUM_CLUSTERS {
            self.largest.insert(place, cluster);
            self.largest.truncate(NUM_CLUSTERS);
        }
    }
}

/// Reads the members of the largest clusters back, the first ones of each.
fn name_members(
    context: &PassContext<'_>,
    twins: &DocumentSet,
    clusters: &Path,
    largest: &mut [LargeCluster],
) -> Result<()> {
    if largest.is_empty() {
        return Ok(());
    }
    let mut store = DocumentStore::new(context, 16);
    let mut stream = Records::<CLUSTER_BYTES>::open(clusters)?.stream(STREAM_BUFFER_BYTES);
    let mut poll = context.poll();
    while let Some(record) = stream.next_record()? {
        poll.tick()?;
        let member = ClusterMember::decode(&bytes_at(record, 0));
        let cluster = largest
            .iter_mut()
            .find(|cluster| cluster.representative == member.representative);
        if let Some(cluster) = cluster
            && cluster.members.len() < NUM_MEMBERS
            && !twins.contains(member.docref)
        {
            let found = store.record(member.docref)?;
            cluster.members.push(NamedMember {
                doc: found.doc,
                key: format!("{:032x}", found.key),
            });
        }
    }
    Ok(())
}
