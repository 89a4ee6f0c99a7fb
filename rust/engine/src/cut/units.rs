//! The units task: every paragraph or line of the documents of a partition, as a hash of what is compared.

use std::collections::BTreeMap;

use gristmill_core::hash::content_hash;
use gristmill_core::units::{Normalisation, UnitKind, for_each_unit};
use serde::Deserialize;

use super::texts::TextStream;
use crate::commit::{TaskManifest, TaskPlace, commit};
use crate::dedup::formats::RecordWriter;
use crate::dedup::stages::PartitionSpec;
use crate::error::Result;
use crate::external_sort::{ExternalSorter, SortError};
use crate::task::Session;

/// Bytes of a record of `units.bin`: hash of what is compared (u128), inverse rank of the document (u64), its ordinal,
/// first byte and byte after the last of the unit (u32 each); all big-endian, sorted.
///
/// So the copies of a unit stand together, the one in the best document first, and within a document the first.
pub const UNIT_BYTES: usize = 36;

/// What is compared, as a recipe's step says it.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitOptions {
    /// What a unit is.
    pub unit: UnitKind,
    /// What of it is compared.
    pub normalise: Normalisation,
    /// Shorter ones, as they are compared, take no part.
    pub min_characters: usize,
}

/// Description of a units task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UnitsSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition.
    pub partition: PartitionSpec,
    /// What a unit is, and what of it is compared.
    pub options: UnitOptions,
    /// Memory of the sort.
    pub scratch_memory_bytes: u64,
}

/// Runs the task. Memory: the sort budget, and the longest document with what is compared of it.
///
/// # Errors
/// When an input is damaged or writing fails; nothing is committed then.
pub fn run(spec: &UnitsSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut stream = TextStream::open(&spec.partition, &place.data, session)?;
    let mut sorter = ExternalSorter::<UNIT_BYTES>::new(&place.scratch, spec.scratch_memory_bytes)?;
    let (mut documents, mut units, mut short) = (0_u64, 0_u64, 0_u64);
    let mut buffer = String::new();
    while let Some(stored) = stream.next_text()? {
        session.check()?;
        if stored.verdict != 0 {
            continue;
        }
        documents += 1;
        let mut failure: Option<SortError> = None;
        let mut record = [0; UNIT_BYTES];
        record[16..24].copy_from_slice(&(!stored.record.rank).to_be_bytes());
        record[24..28].copy_from_slice(&stored.ordinal.to_be_bytes());
        for_each_unit(stored.text, spec.options.unit, |range| {
            let compared = spec
                .options
                .normalise
                .apply(&stored.text[range.clone()], &mut buffer);
            units += 1;
            if spec.options.normalise.num_characters(compared) < spec.options.min_characters {
                short += 1;
                return;
            }
            record[..16].copy_from_slice(&content_hash(compared.as_bytes()).to_be_bytes());
            record[28..32].copy_from_slice(&(range.start as u32).to_be_bytes());
            record[32..].copy_from_slice(&(range.end as u32).to_be_bytes());
            if failure.is_none() {
                failure = sorter.push(&record).err();
            }
        });
        if let Some(failure) = failure {
            return Err(failure.into());
        }
    }
    let path = place.path("units.bin");
    let mut writer = RecordWriter::create(&path)?;
    let is_cancelled = || session.is_cancelled();
    let mut sorted = sorter.finish_unless(&is_cancelled)?;
    while let Some(record) = sorted.next_record()? {
        writer.append(record)?;
    }
    let records = writer.finish()?;
    let outputs = BTreeMap::from([("units".to_owned(), place.adopt("units.bin", records)?)]);
    let counts = serde_json::json!({ "documents": documents, "units": units, "short": short });
    commit(place, outputs, counts)
}
