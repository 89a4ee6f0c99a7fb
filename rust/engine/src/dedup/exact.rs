//! Exact duplicates: documents of equal hash whose texts are compared byte by byte.

use std::path::Path;

use gristmill_core::units::Normalisation;
use serde::Serialize;

use super::documents::{DocumentSet, DocumentStore, Standing};
use super::error::{DedupError, Result};
use super::formats::{
    ConvertedRun, EXACT_BYTES, REMOVAL_BYTES, RecordWriter, Records, Removal, RemovalStep, bytes_at, docref,
    u64_be,
};
use super::spill_queue::SpillQueue;
use super::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortedSource, merge_sorted};
use crate::index::IndexRecord;

/// Content hash and document reference, both big-endian.
pub(crate) const HASHED_BYTES: usize = 24;

/// What the pass counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ExactStats {
    /// Documents of the range that pass every threshold.
    pub documents: u64,
    /// Texts that occur more than once.
    pub groups: u64,
    /// Documents removed.
    pub removed: u64,
    /// Texts that share a hash with a different text; all of them are kept.
    pub hash_collisions: u64,
}

/// Finds the exact duplicates among documents whose content hash is in `range`, and writes them as removals.
///
/// Equal is what [`PassContext::comparing`] says. In a group of equal texts the document of best [`Standing`] stays. Memory: see [`super`]; a group larger than its
/// share spills. Time: one merge of the hashes, and two reads of each text that has a copy.
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn exact(context: &PassContext<'_>, range: KeyRange, output: &Path) -> Result<ExactStats> {
    range.check()?;
    let passing = DocumentSet::passing(context)?;
    let memory_bytes = context.memory_beside(DocumentSet::bytes(context))?;
    let mut merged = merge_sorted(
        &context.scratch,
        memory_bytes / 2,
        context.partitions.len(),
        context.cancelled,
        |number, buffer_bytes| open_slice(context, number, range, &passing, buffer_bytes),
    )?;
    let mut removals = ExternalSorter::<REMOVAL_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    let mut group = Group {
        store: DocumentStore::new(context, 0),
        normalise: context.exact_normalise,
        classes: Vec::new(),
        members: SpillQueue::new(&context.scratch, memory_bytes / 4),
        stats: ExactStats::default(),
    };
    let mut poll = context.poll();
    let mut previous: Option<(u128, u64)> = None;
    while let Some(record) = merged.next_record()? {
        poll.tick()?;
        let current = (u128::from_be_bytes(bytes_at(record, 0)), u64_be(record, 16));
        group.stats.documents += u64::from(!context.is_old(current.1));
        match previous {
            Some((hash, first)) if hash == current.0 => {
                // New documents come first: after an old one no other of this hash is new.
                if group.classes.is_empty() && !context.is_old(first) {
                    group.add(first)?;
                }
                if !group.classes.is_empty() {
                    group.add(current.1)?;
                }
            }
            _ => group.settle(&mut removals)?,
        }
        previous = Some(current);
    }
    group.settle(&mut removals)?;
    let mut writer = RecordWriter::create(output)?;
    let mut sorted = removals.finish_unless(context.cancelled)?;
    while let Some(record) = sorted.next_record()? {
        writer.append(&Removal::from_sortable(record))?;
    }
    writer.finish()?;
    Ok(group.stats)
}

pub(crate) fn open_slice<'pass>(
    context: &PassContext<'_>,
    number: usize,
    range: KeyRange,
    passing: &'pass DocumentSet,
    buffer_bytes: u64,
) -> Result<impl SortedSource<HASHED_BYTES> + use<'pass>> {
    let files = &context.partitions[number];
    let Some(path) = &files.exact else {
        return Err(DedupError::Inputs(format!(
            "partition {number} has no content hashes"
        )));
    };
    let records = Records::<EXACT_BYTES>::open_with_count(path, u64::from(files.num_documents))?;
    // The upper half of a little-endian u128.
    let high_half = |record: &[u8; EXACT_BYTES]| u64::from_le_bytes(bytes_at(record, 8));
    let (start, end) = range.bounds(&records, 0, records.len(), high_half)?;
    let partition = files.partition;
    Ok(ConvertedRun::new(
        records.run(start, end, buffer_bytes),
        move |raw: &[u8; EXACT_BYTES]| {
            let reference = docref(partition, u32::from_le_bytes(bytes_at(raw, 16)));
            let mut record = [0; HASHED_BYTES];
            record[..16].copy_from_slice(&raw[..16]);
            record[..16].reverse();
            record[16..].copy_from_slice(&reference.to_be_bytes());
            passing.contains(reference).then_some(record)
        },
    ))
}

/// Documents of equal hash and equal text.
struct TextClass {
    first: (u64, IndexRecord),
    best: Standing,
    num_members: u64,
    has_new: bool,
}

/// Documents of equal hash, by text.
struct Group<'task> {
    store: DocumentStore<'task>,
    normalise: Normalisation,
    classes: Vec<TextClass>,
    /// Number of the class (u32) and document reference (u64).
    members: SpillQueue<12>,
    stats: ExactStats,
}

impl Group<'_> {
    fn add(&mut self, docref: u64) -> Result<()> {
        let record = self.store.record(docref)?;
        let standing = self.store.standing_of(record.rank, docref);
        let is_new = !self.store.is_old(docref);
        let mut number = self.classes.len();
        for (candidate, class) in self.classes.iter().enumerate() {
            let (left, right) = ((class.first.0, &class.first.1), (docref, &record));
            let is_same = match self.normalise {
                Normalisation::None => self.store.is_same_text(left, right)?,
                normalise => self.store.is_same_normalised(left.0, right.0, normalise)?,
            };
            if is_same {
                number = candidate;
                break;
            }
        }
        match self.classes.get_mut(number) {
            Some(class) => {
                class.best = class.best.min(standing);
                class.num_members += 1;
                class.has_new |= is_new;
            }
            None => {
                self.classes.push(TextClass {
                    first: (docref, record),
                    best: standing,
                    num_members: 1,
                    has_new: is_new,
                });
            }
        }
        let number = u32::try_from(number)
            .map_err(|_| DedupError::Inputs("too many different texts share a hash".to_owned()))?;
        let mut member = [0; 12];
        member[..4].copy_from_slice(&number.to_be_bytes());
        member[4..].copy_from_slice(&docref.to_be_bytes());
        self.members.push(member)
    }

    /// Removes all but the best of each text, and starts over.
    fn settle(&mut self, removals: &mut ExternalSorter<REMOVAL_BYTES>) -> Result<()> {
        if self.classes.is_empty() {
            return Ok(());
        }
        let (classes, store) = (&self.classes, &self.store);
        let mut num_removed = 0;
        self.members.for_each(|member| {
            let number = u32::from_be_bytes(bytes_at(member, 0));
            let docref = u64_be(member, 4);
            let best = classes[number as usize].best.docref();
            if docref != best && !store.is_old(docref) {
                num_removed += 1;
                let step = RemovalStep::Exact;
                let removal = Removal {
                    docref,
                    duplicate_of: best,
                    similarity: 1.0,
                    step,
                    shared_bands: 0,
                };
                removals.push(&removal.encode_sortable())?;
            }
            Ok(())
        })?;
        for class in classes {
            self.stats.groups += u64::from(class.num_members > 1 && class.has_new);
        }
        self.stats.removed += num_removed;
        if self.classes.len() > 1 {
            self.stats.hash_collisions += self.classes.len() as u64;
        }
        self.classes.clear();
        self.members.clear();
        Ok(())
    }
}
