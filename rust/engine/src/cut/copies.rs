//! The copies task: one range of the hashes of units, and the spans of all that stand somewhere else too.
//!
//! Equal hashes propose; what is compared of a unit is compared with that of the first of its hash before a span is
//! written. That first one, in the best document and there the first, stays: so the text of every span stands, as far
//! as it is compared, in a unit that no copies task cuts. A unit that differs from the first of its hash is counted as
//! a collision and stays, with whatever equals it.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::spans::{Origin, Span, SpanWriter};
use super::units::{UNIT_BYTES, UnitOptions};
use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::dedup::formats::{ConvertedRun, Records, bytes_at, docref, u64_be};
use crate::dedup::stages::{Needs, PartitionSpec, context};
use crate::dedup::{DedupError, DocumentStore, KeyRange};
use crate::error::Result;
use crate::external_sort::{SortedSource, merge_sorted};
use crate::task::Session;

/// A unit of any partition: hash, inverse rank, document reference, start, end.
const MERGED_BYTES: usize = 40;

/// Description of a copies task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CopiesSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// What the units tasks left of each.
    pub units: Vec<Artefact>,
    /// What is compared.
    pub options: UnitOptions,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the hashes.
    pub range: KeyRange,
}

/// What a copies task counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct CopiesStats {
    /// Units of the range.
    pub units: u64,
    /// Units that have copies.
    pub groups: u64,
    /// Copies, each a span.
    pub spans: u64,
    /// Bytes of the spans.
    pub bytes: u64,
    /// Units that share a hash with a different one, and stay.
    pub hash_collisions: u64,
}

/// Runs the task. Memory: its budget, and the longest unit twice with what is compared of it. Time: one merge of the
/// hashes, and for each copy a read of its index record and of the unit.
///
/// # Errors
/// When an input is damaged or writing fails; nothing is committed then.
pub fn run(spec: &CopiesSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    spec.range.check()?;
    let memory_bytes = spec.scratch_memory_bytes;
    let files: Vec<PathBuf> = spec
        .units
        .iter()
        .map(|units| session.open(&place.data, units))
        .collect::<Result<_>>()?;
    let documents = context(
        place,
        (&spec.partitions, &[]),
        Needs::TEXT,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let mut texts = Texts {
        store: DocumentStore::new(&documents, 0),
        options: spec.options,
        bytes: Vec::new(),
        buffer: String::new(),
    };
    let mut merged = merge_sorted(
        &place.scratch,
        memory_bytes / 2,
        files.len(),
        &is_cancelled,
        |number, buffer_bytes| open_slice(&files[number], number as u32, spec.range, buffer_bytes),
    )?;
    let mut writer = SpanWriter::new(&place.scratch, memory_bytes / 2)?;
    let mut stats = CopiesStats::default();
    let mut first: Option<First> = None;
    let (mut first_text, mut text) = (String::new(), String::new());
    while let Some(record) = merged.next_record()? {
        if stats.units.is_multiple_of(4096) {
            session.check()?;
        }
        stats.units += 1;
        let unit = Unit::decode(record);
        let Some(known) = first.as_mut().filter(|known| known.unit.hash == unit.hash) else {
            first = Some(First {
                unit,
                is_read: false,
                has_copies: false,
            });
            continue;
        };
        if !std::mem::replace(&mut known.is_read, true) {
            texts.compared(&known.unit, &mut first_text)?;
        }
        texts.compared(&unit, &mut text)?;
        if text != first_text {
            stats.hash_collisions += 1;
            continue;
        }
        if !std::mem::replace(&mut known.has_copies, true) {
            stats.groups += 1;
        }
        stats.spans += 1;
        stats.bytes += u64::from(unit.end - unit.start);
        writer.push(&Span {
            docref: unit.docref,
            start: unit.start,
            end: unit.end,
            origin: Some(Origin {
                docref: known.unit.docref,
                start: known.unit.start,
            }),
        })?;
    }
    let spans = writer.finish(&place.path("spans.bin"), &is_cancelled)?;
    let outputs = BTreeMap::from([("spans".to_owned(), place.adopt("spans.bin", spans)?)]);
    let counts = serde_json::to_value(stats).map_err(|error| crate::EngineError::Spec(error.to_string()))?;
    commit(place, outputs, counts)
}

fn open_slice(
    path: &std::path::Path,
    partition: u32,
    range: KeyRange,
    buffer_bytes: u64,
) -> std::result::Result<impl SortedSource<MERGED_BYTES>, DedupError> {
    let records = Records::<UNIT_BYTES>::open(path)?;
    let (start, end) = range.bounds(&records, 0, records.len(), |record| u64_be(record, 0))?;
    Ok(ConvertedRun::new(
        records.run(start, end, buffer_bytes),
        move |raw: &[u8; UNIT_BYTES]| {
            let mut record = [0; MERGED_BYTES];
            record[..24].copy_from_slice(&raw[..24]);
            let reference = docref(partition, u32::from_be_bytes(bytes_at(raw, 24)));
            record[24..32].copy_from_slice(&reference.to_be_bytes());
            record[32..].copy_from_slice(&raw[28..]);
            Some(record)
        },
    ))
}

/// Where a unit is.
#[derive(Debug, Clone, Copy)]
struct Unit {
    hash: u128,
    docref: u64,
    start: u32,
    end: u32,
}

impl Unit {
    fn decode(record: &[u8; MERGED_BYTES]) -> Self {
        Self {
            hash: u128::from_be_bytes(bytes_at(record, 0)),
            docref: u64_be(record, 24),
            start: u32::from_be_bytes(bytes_at(record, 32)),
            end: u32::from_be_bytes(bytes_at(record, 36)),
        }
    }
}

/// The first unit of a hash: the one that stays.
struct First {
    unit: Unit,
    /// Whether its text was read: only once there is something to compare it with.
    is_read: bool,
    has_copies: bool,
}

/// Reads units at random.
struct Texts<'task> {
    store: DocumentStore<'task>,
    options: UnitOptions,
    bytes: Vec<u8>,
    buffer: String,
}

impl Texts<'_> {
    /// Overwrites `into` with what is compared of a unit.
    fn compared(&mut self, unit: &Unit, into: &mut String) -> Result<()> {
        let text = self
            .store
            .slice(unit.docref, unit.start, unit.end, &mut self.bytes)?;
        let compared = self.options.normalise.apply(text, &mut self.buffer);
        into.clear();
        into.push_str(compared);
        Ok(())
    }
}
