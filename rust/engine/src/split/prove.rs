//! The proof: held-out documents are indexed once, and every other document is compared with them.

use gristmill_core::hash::seeded_order;
use gristmill_core::shingle::ShingleConfig;
use serde::Deserialize;

use super::join::{Builder, Found, HeldOut, IndexFiles};
use super::{PURPOSE_SAMPLE, SetMaker, Side};
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::DocumentStore;
use crate::dedup::formats::{RecordWriter, Records, docref, u64_be};
use crate::dedup::stages::{Needs, PartitionSpec, context, finish};
use crate::error::{EngineError, Result};
use crate::external_sort::ExternalSorter;
use crate::task::Session;

/// Bytes of a record of `pairs.bin`: the document of the less protected side, the other, similarity (f32);
/// little-endian, ascending by the first.
pub const PAIR_BYTES: usize = 20;

/// What is compared, and from where on it counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProofRule {
    /// What documents are compared by.
    pub shingles: ShingleConfig,
    /// Least Jaccard similarity of a pair.
    pub min_similarity: f64,
    /// Elements of prefixes that the index may hold; beyond, held-out documents are drawn by a hash of their keys.
    pub max_postings: u64,
    /// Decides which are drawn.
    pub salt: u64,
}

/// Description of the task that indexes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SplitIndexSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory for sorting.
    pub scratch_memory_bytes: u64,
    /// The assignment.
    pub sides: Artefact,
    /// How documents are compared.
    pub rule: ProofRule,
}

/// Indexes the held-out documents. Memory: that of [`Builder`] and one document.
///
/// # Errors
/// When an input is damaged or writing fails.
pub fn index(spec: &SplitIndexSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let memory_bytes = spec.scratch_memory_bytes;
    let partitions = (spec.partitions.as_slice(), [].as_slice());
    let context = context(
        place,
        partitions,
        Needs::TEXT,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let sides = Records::<1>::open(&session.open(&place.data, &spec.sides)?)?;
    let mut store = DocumentStore::new(&context, 16);
    let mut order = ExternalSorter::<17>::new(&place.scratch, memory_bytes / 2)?;
    let mut start = 0;
    for files in context.own() {
        session.check()?;
        for ordinal in held_ordinals(&sides, start, files.num_documents)? {
            let (ordinal, side) = ordinal;
            let document = docref(files.partition, ordinal);
            let mut record = [side as u8; 17];
            let key = store.record(document)?.key;
            record[..8].copy_from_slice(&seeded_order(spec.rule.salt, PURPOSE_SAMPLE, key).to_be_bytes());
            record[8..16].copy_from_slice(&document.to_be_bytes());
            order.push(&record)?;
        }
        start += u64::from(files.num_documents);
    }
    let held_out = order.len();
    let paths = IndexFiles {
        held: place.path("held.bin"),
        sets: place.path("sets.bin"),
        postings: place.path("postings.bin"),
        counts: place.path("counts.bin"),
    };
    let mut builder = Builder::create(paths, spec.rule.min_similarity)?;
    let mut maker = SetMaker::new(spec.rule.shingles);
    let (mut buffer, mut set) = (Vec::new(), Vec::new());
    let mut sorted = order.finish_unless(context.cancelled)?;
    let mut drawn_below = None;
    while let Some(record) = sorted.next_record()? {
        session.check()?;
        let (hash, document) = (u64_be(record, 0), u64_be(record, 8));
        let side = Side::from_byte(record[16]).unwrap_or(Side::Test);
        maker.set_of(store.text(document, &mut buffer)?, &mut set);
        let more = super::join::prefix_len(set.len(), spec.rule.min_similarity) as u64;
        if builder.num_postings() + more > spec.rule.max_postings {
            drawn_below = Some(hash);
            break;
        }
        builder.push(document, side, &set)?;
    }
    let indexed = u64::from(builder.num_documents());
    let (elements, postings) = builder.finish()?;
    let files = [
        ("held", "held.bin", indexed),
        ("sets", "sets.bin", elements),
        ("postings", "postings.bin", postings),
        ("counts", "counts.bin", indexed),
    ];
    let counts = serde_json::json!({
        "held_out": held_out,
        "indexed": indexed,
        "postings": postings,
        // A number of 64 bits is none of JSON.
        "drawn_below": drawn_below.map(|hash| format!("{hash:016x}")),
    });
    finish(place, &files, &counts)
}

/// The held-out documents of a partition, ascending.
fn held_ordinals(sides: &Records<1>, start: u64, num_documents: u32) -> Result<Vec<(u32, Side)>> {
    let mut found = Vec::new();
    for (ordinal, byte) in (0..).zip(read_sides(sides, start, num_documents)?) {
        if let Some(side) = Side::from_byte(byte).filter(|&side| side != Side::Train) {
            found.push((ordinal, side));
        }
    }
    Ok(found)
}

/// The bytes of a partition.
fn read_sides(sides: &Records<1>, start: u64, num_documents: u32) -> Result<Vec<u8>> {
    use crate::external_sort::SortedSource;
    let end = start + u64::from(num_documents);
    if end > sides.len() {
        return Err(EngineError::Spec(
            "the assignment holds too few documents".to_owned(),
        ));
    }
    let mut run = sides.run(start, end, 64 << 10);
    let mut bytes = Vec::with_capacity(num_documents as usize);
    while let Some(byte) = run.next_record()? {
        bytes.push(byte[0]);
    }
    Ok(bytes)
}

/// Description of a task that compares.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProveSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// The first partition of this task.
    pub first: u32,
    /// The first behind them.
    pub end: u32,
    /// The assignment.
    pub sides: Artefact,
    /// Files of the index.
    pub held: Artefact,
    /// Sets.
    pub sets: Artefact,
    /// Postings.
    pub postings: Artefact,
    /// Frequencies.
    pub counts: Artefact,
    /// How documents are compared.
    pub rule: ProofRule,
}

/// Compares documents with the held-out ones of more protected sides. Memory: that of [`HeldOut`] and one document.
///
/// # Errors
/// When an input is damaged or writing fails.
pub fn prove(spec: &ProveSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let partitions = (spec.partitions.as_slice(), [].as_slice());
    let context = context(place, partitions, Needs::INDEX, u64::MAX, session, &is_cancelled)?;
    let sides = Records::<1>::open(&session.open(&place.data, &spec.sides)?)?;
    let open = |artefact: &Artefact| session.open(&place.data, artefact);
    let files = IndexFiles {
        held: open(&spec.held)?,
        sets: open(&spec.sets)?,
        postings: open(&spec.postings)?,
        counts: open(&spec.counts)?,
    };
    let mut held_out = HeldOut::open(&files, spec.rule.min_similarity)?;
    let mut store = DocumentStore::new(&context, 16);
    let mut maker = SetMaker::new(spec.rule.shingles);
    let mut writer = RecordWriter::create(&place.path("pairs.bin"))?;
    let (mut buffer, mut set) = (Vec::new(), Vec::new());
    let mut found: Vec<Found> = Vec::new();
    let (mut checked, mut with_pair, mut start) = (0_u64, 0_u64, 0_u64);
    for (files, partition) in context.own().iter().zip(&spec.partitions) {
        if (spec.first..spec.end).contains(&files.partition) {
            open(&partition.text)?;
            for (ordinal, byte) in (0_u32..).zip(read_sides(&sides, start, files.num_documents)?) {
                let Some(side) = Side::from_byte(byte).filter(|&side| side != Side::Test) else {
                    continue;
                };
                session.check()?;
                let document = docref(files.partition, ordinal);
                maker.set_of(store.text(document, &mut buffer)?, &mut set);
                found.clear();
                held_out.probe(&set, side, &mut found)?;
                checked += 1;
                with_pair += u64::from(!found.is_empty());
                for pair in &found {
                    let mut record = [0; PAIR_BYTES];
                    record[..8].copy_from_slice(&document.to_le_bytes());
                    record[8..16].copy_from_slice(&pair.number.to_le_bytes());
                    record[16..].copy_from_slice(&(pair.similarity as f32).to_le_bytes());
                    writer.append(&record)?;
                }
            }
        }
        start += u64::from(files.num_documents);
    }
    let pairs = writer.finish()?;
    let counts = serde_json::json!({
        "checked": checked,
        "compared": held_out.num_compared,
        "pairs": pairs,
        "with_pair": with_pair,
    });
    finish(place, &[("pairs", "pairs.bin", pairs)], &counts)
}
