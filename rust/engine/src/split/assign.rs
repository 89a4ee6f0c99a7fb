//! The assignment: one byte a readable document, its side or why it is on none.

use serde::{Deserialize, Serialize};

use super::decide::{Decider, GroupFacts, Shares};
use super::keys::FACT_BYTES;
use super::previous::{PreviousPart, known_sides};
use super::{Left, NOT_KEPT, Side, group_hash};
use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::dedup::documents::{DocumentSet, STREAM_BUFFER_BYTES};
use crate::dedup::formats::{CLUSTER_BYTES, ClusterMember, Records, bytes_at, docref, u64_be};
use crate::dedup::spill_queue::SpillQueue;
use crate::dedup::stages::{Needs, PartitionSpec, context};
use crate::dedup::{DocumentStore, PassContext};
use crate::dedup_index::names::{NamedPartSpec, OldNames};
use crate::error::{EngineError, Result};
use crate::external_sort::{ExternalSorter, SortedSource};
use crate::task::Session;
use crate::tokenise::cursors::Cursor;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AssignSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// What dedup removed; none without dedup.
    pub removals: Option<Artefact>,
    /// Groups; none where every document is one of its own.
    pub members: Option<Artefact>,
    /// Labels and times, of each partition or of none.
    pub facts: Vec<Artefact>,
    /// Parts of an index that clusters reach into; none without an index.
    #[serde(default)]
    pub old: Vec<NamedPartSpec>,
    /// Decides all that is decided by chance.
    pub salt: u64,
    /// Share of validation.
    pub validation: f64,
    /// Share of test.
    pub test: f64,
    /// Whether shares hold by label.
    pub by_label: bool,
    /// Whether times decide.
    pub by_time: bool,
    /// Documents of the earlier run, whose sides stay.
    #[serde(default)]
    pub previous: Vec<PreviousPart>,
}

/// What the pass counted.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct AssignStats {
    /// Kept documents.
    pub kept: u64,
    /// Groups, single documents among them.
    pub groups: u64,
    /// Documents on each side: train, validation, test.
    pub sides: [u64; 3],
    /// Documents on none: embargo, undated, purged, conflict.
    pub left: [u64; 4],
    /// Groups with more than one label.
    pub mixed_labels: u64,
    /// Documents by which the stratum that is farthest from its share misses it.
    pub farthest_stratum: f64,
    /// Documents of the earlier run.
    pub previous: u64,
    /// Those of them that this run has, too.
    pub known: u64,
    /// Of these, the ones that stay though the rule alone would put them elsewhere.
    pub held: u64,
    /// Of the known ones, those that changed sides.
    pub moved: u64,
}

/// Representative, document (big-endian), label, side by time, known side.
const DOCUMENT_BYTES: usize = 26;
/// No earlier run knew the document.
const UNKNOWN: u8 = 255;

/// Runs the task. Memory: the budget.
///
/// # Errors
/// When an input is damaged, the budget is too small, there are too many labels, or writing fails.
pub fn run(spec: &AssignSpec, session: &Session) -> Result<TaskManifest> {
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
    let memory_bytes = context.memory_beside(DocumentSet::bytes(&context))?;
    let mut stats = AssignStats::default();
    let documents = by_group(spec, session, &context, &kept, memory_bytes, &mut stats)?;
    let mut groups = Groups::new(spec, &context, memory_bytes / 4)?;
    documents.for_each(|record| groups.document(record))?;
    let (mut decisions, farthest) = {
        groups.close()?;
        (stats.groups, stats.mixed_labels) = (groups.num_groups, groups.decider.mixed);
        groups.decider.finish(context.cancelled)?
    };
    stats.farthest_stratum = farthest;
    let mut bytes = ExternalSorter::<9>::new(&place.scratch, memory_bytes / 4)?;
    let mut decision = decisions.next_record()?.copied();
    let mut names = Names::new(spec, &context);
    documents.for_each(|record| {
        let (group, document) = (u64_be(record, 0), u64_be(record, 8));
        while decision.is_some_and(|found| u64_be(&found, 0) < group) {
            decision = decisions.next_record()?.copied();
        }
        let Some(found) = decision.filter(|found| u64_be(found, 0) == group) else {
            return Err(crate::dedup::DedupError::Inputs(format!(
                "group {group} has no decision"
            )));
        };
        let byte = side_of(spec, record, found[8], &mut stats);
        if record[25] != UNKNOWN && !spec.by_label {
            let hash = names
                .hash(group)
                .map_err(|error| crate::dedup::DedupError::Inputs(error.to_string()))?;
            let by_rule = super::side_of_hash(hash, spec.validation, spec.test) as u8;
            stats.held += u64::from(by_rule != record[25]);
        }
        let mut out = [byte; 9];
        out[..8].copy_from_slice(&document.to_be_bytes());
        bytes.push(&out)?;
        Ok(())
    })?;
    let mut file = place.create("sides.bin")?;
    let mut sorted = bytes.finish_unless(context.cancelled)?;
    let mut next = sorted.next_record()?.copied();
    let mut rows = 0;
    let mut buffer = Vec::new();
    for files in context.own() {
        session.check()?;
        buffer.clear();
        buffer.resize(files.num_documents as usize, NOT_KEPT);
        while let Some(record) = next.filter(|record| u64_be(record, 0) >> 32 == u64::from(files.partition)) {
            buffer[(u64_be(&record, 0) & 0xffff_ffff) as usize] = record[8];
            next = sorted.next_record()?.copied();
        }
        rows += buffer.len() as u64;
        file.append(&buffer)?;
    }
    let outputs = std::collections::BTreeMap::from([("sides".to_owned(), file.finish(rows)?)]);
    let counts = serde_json::to_value(&stats).map_err(|error| EngineError::Spec(error.to_string()))?;
    commit(place, outputs, counts)
}

/// The byte of a document, given its group's decision; counted.
fn side_of(spec: &AssignSpec, record: &[u8; DOCUMENT_BYTES], decision: u8, stats: &mut AssignStats) -> u8 {
    let (by_time, known) = (record[24], record[25]);
    let byte = if spec.by_time {
        // Embargo and undated stay what they are; a side is left where the group is held out on a later one.
        match Side::from_byte(by_time) {
            Some(side) if side as u8 != decision => Left::Purged as u8,
            _ => by_time,
        }
    } else if known == UNKNOWN {
        decision
    } else {
        known
    };
    match (Side::from_byte(byte), Left::from_byte(byte)) {
        (Some(side), _) => stats.sides[side as usize] += 1,
        (None, Some(left)) => stats.left[left as usize - Left::Embargo as usize] += 1,
        (None, None) => {}
    }
    stats.moved += u64::from(known != UNKNOWN && known != byte);
    byte
}

/// Returns all kept documents in the order of groups, with what is known of each.
fn by_group(
    spec: &AssignSpec,
    session: &Session,
    context: &PassContext<'_>,
    kept: &DocumentSet,
    memory_bytes: u64,
    stats: &mut AssignStats,
) -> Result<SpillQueue<DOCUMENT_BYTES>> {
    let place = &spec.place;
    let (mut known, num_previous) = known_sides(
        &spec.previous,
        context,
        kept,
        &place.scratch,
        memory_bytes / 4,
        session,
    )?;
    stats.previous = num_previous;
    let mut next_known = known.next_record()?.copied();
    let mut members = match &spec.members {
        Some(members) => Some(Cursor::<CLUSTER_BYTES>::open(
            &session.open(&place.data, members)?,
            0,
        )?),
        None => None,
    };
    let mut sorter = ExternalSorter::<DOCUMENT_BYTES>::new(&place.scratch, memory_bytes / 4)?;
    for (number, files) in context.own().iter().enumerate() {
        session.check()?;
        let mut facts = match spec.facts.get(number) {
            Some(facts) => {
                let path = session.open(&place.data, facts)?;
                Some(Records::<FACT_BYTES>::open(&path)?.stream(STREAM_BUFFER_BYTES))
            }
            None => None,
        };
        for ordinal in 0..files.num_documents {
            let document = docref(files.partition, ordinal);
            if !kept.contains(document) {
                continue;
            }
            stats.kept += 1;
            let group = match members.as_mut() {
                Some(members) => members
                    .find(document)?
                    .map_or(document, |member| ClusterMember::decode(&member).representative),
                None => document,
            };
            let mut record = [0; DOCUMENT_BYTES];
            record[..8].copy_from_slice(&group.to_be_bytes());
            record[8..16].copy_from_slice(&document.to_be_bytes());
            if let Some(facts) = facts.as_mut() {
                let fact = facts
                    .next_record()?
                    .filter(|fact| u32::from_le_bytes(bytes_at(&fact[..], 8)) == ordinal);
                let fact =
                    fact.ok_or_else(|| EngineError::Spec(format!("document {document} has no facts")))?;
                record[16..24].copy_from_slice(&fact[..8]);
                record[24] = fact[12];
            }
            record[25] = UNKNOWN;
            if let Some(found) = next_known.filter(|found| u64_be(found, 0) == document) {
                record[25] = found[8];
                stats.known += 1;
                next_known = known.next_record()?.copied();
            }
            sorter.push(&record)?;
        }
    }
    let mut queue = SpillQueue::new(&place.scratch, memory_bytes / 4);
    let mut sorted = sorter.finish_unless(context.cancelled)?;
    while let Some(record) = sorted.next_record()? {
        queue.push(*record)?;
    }
    Ok(queue)
}

/// Finds the hash of a group by the key of its first document.
struct Names<'task> {
    store: DocumentStore<'task>,
    old: OldNames<'task>,
    salt: u64,
}

impl<'task> Names<'task> {
    fn new(spec: &'task AssignSpec, context: &'task PassContext<'_>) -> Self {
        Self {
            store: DocumentStore::new(context, 16),
            old: OldNames::new(&spec.old, spec.partitions.len()),
            salt: spec.salt,
        }
    }

    fn hash(&mut self, group: u64) -> Result<u64> {
        // A cluster that an index reaches into is on the side that it was on in the run of its first document.
        let key = if self.old.is_old(group) {
            self.old.group(group)?
        } else {
            self.store.record(group)?.key
        };
        Ok(group_hash(self.salt, key))
    }
}

/// Collects the documents of one group after the other.
struct Groups<'task> {
    names: Names<'task>,
    decider: Decider,
    by_label: bool,
    current: Option<(u64, GroupFacts)>,
    num_groups: u64,
}

impl<'task> Groups<'task> {
    fn new(spec: &'task AssignSpec, context: &'task PassContext<'_>, memory_bytes: u64) -> Result<Self> {
        let shares = Shares {
            validation: spec.validation,
            test: spec.test,
            by_label: spec.by_label,
            by_time: spec.by_time,
        };
        Ok(Self {
            names: Names::new(spec, context),
            decider: Decider::new(shares, &spec.place.scratch, memory_bytes)?,
            by_label: spec.by_label,
            current: None,
            num_groups: 0,
        })
    }

    fn document(
        &mut self,
        record: &[u8; DOCUMENT_BYTES],
    ) -> std::result::Result<(), crate::dedup::DedupError> {
        let group = u64_be(record, 0);
        if self.current.as_ref().is_none_or(|(current, _)| *current != group) {
            let told = |error: EngineError| match error {
                EngineError::Dedup(error) => error,
                other => crate::dedup::DedupError::Inputs(other.to_string()),
            };
            self.close().map_err(told)?;
            let hash = self.names.hash(group).map_err(told)?;
            self.current = Some((
                group,
                GroupFacts {
                    hash,
                    ..GroupFacts::default()
                },
            ));
        }
        if let Some((_, facts)) = self.current.as_mut() {
            if self.by_label {
                *facts
                    .labels
                    .entry(u64::from_le_bytes(bytes_at(record, 16)))
                    .or_default() += 1;
            }
            if let Some(side) = Side::from_byte(record[24]) {
                facts.latest = facts.latest.max(side as u8);
            }
            if record[25] != UNKNOWN {
                facts.known |= 1 << record[25];
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<()> {
        if let Some((group, facts)) = self.current.take() {
            self.num_groups += 1;
            self.decider.group(group, &facts)?;
        }
        Ok(())
    }
}
