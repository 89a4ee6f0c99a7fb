//! Groups: documents that must be on one side, as connected components over similar documents and shared keys.
//!
//! Candidates are joined without a look at their texts, since a group that is too large does no harm, until one is so
//! large that it does: its rows go through the verify pass, and a second task groups by what that confirmed.

use serde::{Deserialize, Serialize};

use super::keys::KEY_BYTES;
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::clusters::{LINK_BYTES, for_each_member, link};
use crate::dedup::documents::{DocumentSet, STREAM_BUFFER_BYTES};
use crate::dedup::formats::{
    BucketRow, CLUSTER_BYTES, ClusterMember, EDGE_BYTES, Edge, ROW_BYTES, RecordWriter, Records, bytes_at,
    docref, gather, u64_be,
};
use crate::dedup::old::unlinked;
use crate::dedup::spill_queue::SpillQueue;
use crate::dedup::stages::{Needs, PartitionSpec, context, finish, open_all};
use crate::dedup::{DedupError, PassContext};
use crate::error::Result;
use crate::external_sort::{ExternalSorter, SortedSource};
use crate::task::Session;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// What dedup removed; none without dedup.
    pub removals: Option<Artefact>,
    /// Clusters of dedup, whose documents stay together; none without.
    pub clusters: Option<Artefact>,
    /// Rows of all LSH tasks; none where similar documents may be parted.
    pub rows: Vec<Artefact>,
    /// Documents of large groups, whose rows do not count; none in the first task.
    pub large: Option<Artefact>,
    /// What of the rows of large groups was confirmed.
    pub edges: Vec<Artefact>,
    /// Entity and parent keys, of each partition or of none.
    pub links: Vec<Artefact>,
    /// From how many documents on a group is large.
    pub large_documents: u64,
    /// And from which share of all kept documents on.
    pub large_fraction: f64,
}

/// What the pass counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct GroupStats {
    /// Kept documents.
    pub kept: u64,
    /// Groups of at least two kept documents.
    pub groups: u64,
    /// Documents in them.
    pub grouped: u64,
    /// Documents of the largest.
    pub largest: u64,
    /// Some of its documents: `doc` numbers.
    pub largest_members: Vec<u64>,
    /// Documents of large groups.
    pub in_large: u64,
    /// Rows of large groups, to be verified.
    pub large_rows: u64,
    /// Values of columns that two documents or more have.
    pub shared_keys: u64,
}

/// Runs the task. Writes `members.bin` ([`ClusterMember`]s of kept documents that a link names), `large.bin` (documents
/// of large groups, u64 LE) and `large_rows.bin` (their bucket rows).
///
/// Memory: the budget; the pass of connected components is that of dedup.
///
/// # Errors
/// When an input is damaged, the budget is too small, or writing fails.
pub fn run(spec: &GroupSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let context = context(
        place,
        (&spec.partitions, &[]),
        Needs::INDEX,
        spec.scratch_memory_bytes,
        session,
        &is_cancelled,
    )?;
    let mut kept = DocumentSet::passing(&context)?;
    if let Some(removals) = &spec.removals {
        kept.remove_all(&Records::open(&session.open(&place.data, removals)?)?)?;
    }
    let memory_bytes = context.memory_beside(2 * DocumentSet::bytes(&context))?;
    let mut stats = GroupStats {
        kept: (0..context.own().len())
            .map(|partition| kept.count_partition(partition))
            .sum(),
        ..GroupStats::default()
    };
    let mut links = Links {
        context: &context,
        queue: SpillQueue::new(&place.scratch, memory_bytes / 8),
    };
    let rows = open_all(place, &spec.rows, session)?;
    let settled = match &spec.large {
        Some(large) => Some(read_set(&context, &session.open(&place.data, large)?)?),
        None => None,
    };
    for path in &rows {
        let mut stream = Records::<ROW_BYTES>::open(path)?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            let row = BucketRow::decode(record);
            let centre = gather(row.scattered_centre);
            if settled.as_ref().is_none_or(|large| !large.contains(centre)) {
                links.push(centre, row.member)?;
            }
        }
    }
    for path in open_all(place, &spec.edges, session)? {
        let mut stream = Records::<EDGE_BYTES>::open(&path)?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            let edge = Edge::decode(record);
            links.push(edge.better, edge.worse)?;
        }
    }
    if let Some(clusters) = &spec.clusters {
        let path = session.open(&place.data, clusters)?;
        let mut stream = Records::<CLUSTER_BYTES>::open(&path)?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            let member = ClusterMember::decode(record);
            links.push(member.representative, member.docref)?;
        }
    }
    stats.shared_keys = link_keys(spec, session, memory_bytes / 4, &mut links)?;
    let mut by_group = ExternalSorter::<LINK_BYTES>::new(&place.scratch, memory_bytes / 8)?;
    let mut writer = RecordWriter::create(&place.path("members.bin"))?;
    for_each_member(&context, &links.queue, memory_bytes / 2, |member| {
        let (document, is_old) = unlinked(member.docref);
        if is_old || !kept.contains(document) {
            return Ok(());
        }
        let representative = unlinked(member.representative).0;
        by_group.push(&link(representative, document))?;
        let member = ClusterMember {
            docref: document,
            representative,
        };
        writer.append(&member.encode())
    })?;
    let num_members = writer.finish()?;
    let large = find_large(spec, &context, by_group, &mut stats)?;
    let mut large_rows = ExternalSorter::<ROW_BYTES>::new(&place.scratch, memory_bytes / 4)?;
    if stats.in_large > 0 && spec.large.is_none() {
        for path in &rows {
            let mut stream = Records::<ROW_BYTES>::open(path)?.stream(STREAM_BUFFER_BYTES);
            while let Some(record) = stream.next_record()? {
                if large.contains(gather(BucketRow::decode(record).scattered_centre)) {
                    large_rows.push(record)?;
                }
            }
        }
    }
    let mut writer = RecordWriter::create(&place.path("large_rows.bin"))?;
    let mut sorted = large_rows.finish_unless(context.cancelled)?;
    while let Some(record) = sorted.next_record()? {
        writer.append(record)?;
    }
    stats.large_rows = writer.finish()?;
    let files = [
        ("members", "members.bin", num_members),
        ("large", "large.bin", stats.in_large),
        ("large_rows", "large_rows.bin", stats.large_rows),
    ];
    finish(place, &files, &stats)
}

/// Pairs that belong together.
struct Links<'task> {
    context: &'task PassContext<'task>,
    queue: SpillQueue<LINK_BYTES>,
}

impl Links<'_> {
    fn push(&mut self, left: u64, right: u64) -> std::result::Result<(), DedupError> {
        if left == right {
            return Ok(());
        }
        let context = self.context;
        self.queue.push(link(context.linked(left), context.linked(right)))
    }
}

/// Links the documents of each key in a chain; returns how many keys have two.
fn link_keys(spec: &GroupSpec, session: &Session, memory_bytes: u64, links: &mut Links<'_>) -> Result<u64> {
    if spec.links.is_empty() {
        return Ok(0);
    }
    let place = &spec.place;
    let mut sorter = ExternalSorter::<16>::new(&place.scratch, memory_bytes)?;
    for (partition, artefact) in (0_u32..).zip(&spec.links) {
        let path = session.open(&place.data, artefact)?;
        let mut stream = Records::<KEY_BYTES>::open(&path)?.stream(STREAM_BUFFER_BYTES);
        while let Some(record) = stream.next_record()? {
            let mut keyed = [0; 16];
            keyed[..8].copy_from_slice(&record[..8]);
            let ordinal = u32::from_le_bytes(bytes_at(record, 8));
            keyed[8..].copy_from_slice(&docref(partition, ordinal).to_be_bytes());
            sorter.push(&keyed)?;
        }
    }
    let mut sorted = sorter.finish_unless(links.context.cancelled)?;
    let (mut previous, mut num_shared) = (None, 0);
    let mut counted = None;
    while let Some(record) = sorted.next_record()? {
        let (key, document) = (u64_be(record, 0), u64_be(record, 8));
        if let Some((previous_key, other)) = previous
            && previous_key == key
        {
            links.push(other, document)?;
            if other != document && counted != Some(key) {
                counted = Some(key);
                num_shared += 1;
            }
        }
        previous = Some((key, document));
    }
    Ok(num_shared)
}

/// Counts groups, and writes and returns the documents of the large ones.
fn find_large(
    spec: &GroupSpec,
    context: &PassContext<'_>,
    by_group: ExternalSorter<LINK_BYTES>,
    stats: &mut GroupStats,
) -> Result<DocumentSet> {
    let least = spec
        .large_documents
        .max((spec.large_fraction * stats.kept as f64) as u64);
    let mut large = DocumentSet::empty(context)?;
    let mut writer = RecordWriter::create(&spec.place.path("large.bin"))?;
    let mut members = SpillQueue::<8>::new(&spec.place.scratch, 1 << 20);
    let mut sorted = by_group.finish_unless(context.cancelled)?;
    let mut store = crate::dedup::DocumentStore::new(context, 16);
    let mut current = None;
    loop {
        let next = sorted
            .next_record()?
            .map(|record| (u64_be(record, 0), u64_be(record, 8)));
        if next.map(|(group, _)| group) != current && current.is_some() {
            let size = members.len();
            if size > 1 {
                stats.groups += 1;
                stats.grouped += size;
            }
            if size > stats.largest {
                stats.largest = size;
                stats.largest_members.clear();
                let mut first = Vec::new();
                members.for_each(|member| {
                    if first.len() < 3 {
                        first.push(u64::from_be_bytes(*member));
                    }
                    Ok(())
                })?;
                for member in first {
                    stats.largest_members.push(store.record(member)?.doc);
                }
            }
            if size > least {
                stats.in_large += size;
                members.for_each(|member| {
                    let document = u64::from_be_bytes(*member);
                    large.insert(document);
                    writer.append(&document.to_le_bytes())
                })?;
            }
            members.clear();
        }
        let Some((group, document)) = next else { break };
        current = Some(group);
        members.push(document.to_be_bytes())?;
    }
    writer.finish()?;
    Ok(large)
}

fn read_set(context: &PassContext<'_>, path: &std::path::Path) -> Result<DocumentSet> {
    let mut set = DocumentSet::empty(context)?;
    let mut stream = Records::<8>::open(path)?.stream(STREAM_BUFFER_BYTES);
    while let Some(record) = stream.next_record()? {
        set.insert(u64::from_le_bytes(*record));
    }
    Ok(set)
}
