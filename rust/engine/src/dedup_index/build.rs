//! The segment task: the documents that a run keeps, from some of its partitions, as one part of an index.
//!
//! Everything is there already, sorted, in the run's committed files: what goes is left out, the rest is numbered anew in
//! the same order, and sorted runs are merged. Time: one sequential read of the files of the partitions. Memory: the budget
//! of a pass, with a bit and a 64th of a byte a document of the run in it.

use std::collections::BTreeMap;
use std::fs::File;
use std::ops::Range;

use arrow_array::{Array, StringArray};
use arrow_ipc::reader::FileReader;
use serde::Deserialize;

use super::names::{NamedPartSpec, OldNames};
use crate::commit::{Artefact, DataFile, TaskManifest, TaskPlace, commit};
use crate::dedup::documents::{DocumentSet, DocumentStore, Ranks};
use crate::dedup::exact::{HASHED_BYTES, open_slice};
use crate::dedup::formats::{
    BAND_BYTES, CLUSTER_BYTES, ClusterMember, EXACT_BYTES, Records, bytes_at, docref,
};
use crate::dedup::lsh::{KEYED_BYTES, open_band};
use crate::dedup::old::text_checksum;
use crate::dedup::stages::{Needs, PartitionSpec, context};
use crate::dedup::{KeyRange, PassContext};
use crate::error::{EngineError, Result};
use crate::external_sort::{SortedSource, merge_sorted};
use crate::index::IndexRecord;
use crate::task::Session;
use crate::tokenise::cursors::Cursor;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmentSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions of the run, in order.
    pub partitions: Vec<PartitionSpec>,
    /// What the map stage carried along, by partition.
    pub carried: Vec<Artefact>,
    /// First partition of the part.
    pub first: u32,
    /// The one behind its last.
    pub end: u32,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Removals of all partitions.
    pub removals: Artefact,
    /// Cluster members of all partitions.
    pub clusters: Artefact,
    /// Band keys a document; 0 without a near-duplicate step.
    pub num_bands: u16,
    /// Parts of the index that the run was checked against.
    pub old: Vec<NamedPartSpec>,
}

/// Writes the part and commits it.
///
/// # Errors
/// When a file is damaged or cannot be written, when the budget is too small, or on cancellation.
pub fn build(spec: &SegmentSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let memory_bytes = spec.scratch_memory_bytes;
    let context = context(
        place,
        (&spec.partitions, &[]),
        Needs::ALL,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let mut kept = DocumentSet::passing(&context)?;
    kept.remove_all(&Records::open(&session.open(&place.data, &spec.removals)?)?)?;
    let ranks = kept.ranks();
    let memory_bytes = context.memory_beside(DocumentSet::bytes(&context) + ranks.bytes())?;
    let range = spec.first as usize..spec.end as usize;
    let base = ranks.before(docref(spec.first, 0));
    let num_documents = ranks.before(docref(spec.end, 0)) - base;
    let numbering = Numbering {
        context: &context,
        kept: &kept,
        ranks: &ranks,
        base,
    };
    let mut outputs = write_documents(spec, session, &numbering, num_documents)?;
    if spec.partitions.iter().all(|partition| partition.exact.is_some()) {
        let file = numbering.hashes(place, range.clone(), memory_bytes)?;
        outputs.insert("exact".to_owned(), file);
    }
    if spec.num_bands > 0 {
        let file = numbering.bands(place, range, spec.num_bands, memory_bytes)?;
        outputs.insert("bands".to_owned(), file);
    }
    let counts = serde_json::json!({ "documents": num_documents, "text_bytes": outputs["text"].bytes });
    commit(place, outputs, counts)
}

/// Which documents are in the part, and their ordinals there.
struct Numbering<'pass> {
    context: &'pass PassContext<'pass>,
    kept: &'pass DocumentSet,
    ranks: &'pass Ranks<'pass>,
    base: u64,
}

impl Numbering<'_> {
    fn ordinal(&self, docref: u64) -> Result<u32> {
        u32::try_from(self.ranks.before(docref) - self.base)
            .map_err(|_| EngineError::Spec("a part holds too many documents".to_owned()))
    }

    fn hashes(&self, place: &TaskPlace, range: Range<usize>, memory_bytes: u64) -> Result<Artefact> {
        let mut file = place.create("exact.bin")?;
        let open = |number, buffer_bytes| {
            open_slice(
                self.context,
                range.start + number,
                KeyRange::WHOLE,
                self.kept,
                buffer_bytes,
            )
        };
        let merged = merge_sorted(
            &place.scratch,
            memory_bytes,
            range.len(),
            self.context.cancelled,
            open,
        )?;
        let rows = self.renumber(merged, &mut file, |record: &[u8; HASHED_BYTES], ordinal| {
            let mut written = [0; EXACT_BYTES];
            written[..16].copy_from_slice(&record[..16]);
            written[..16].reverse();
            written[16..].copy_from_slice(&ordinal.to_le_bytes());
            written
        })?;
        file.finish(rows)
    }

    fn bands(
        &self,
        place: &TaskPlace,
        range: Range<usize>,
        num_bands: u16,
        memory_bytes: u64,
    ) -> Result<Artefact> {
        let mut file = place.create("bands.bin")?;
        let mut rows = 0;
        for band in 0..num_bands {
            let open = |number, buffer_bytes| {
                let bands = (band, num_bands);
                open_band(
                    self.context,
                    range.start + number,
                    KeyRange::WHOLE,
                    bands,
                    self.kept,
                    buffer_bytes,
                )
            };
            let merged = merge_sorted(
                &place.scratch,
                memory_bytes,
                range.len(),
                self.context.cancelled,
                open,
            )?;
            rows += self.renumber(merged, &mut file, |record: &[u8; KEYED_BYTES], ordinal| {
                let mut written = [0; BAND_BYTES];
                written[..8].copy_from_slice(&record[..8]);
                written[..8].reverse();
                written[8..].copy_from_slice(&ordinal.to_le_bytes());
                written
            })?;
        }
        file.finish(rows)
    }

    /// Copies records that end in a reference, with the ordinal in its place; equal keys stay in order of documents.
    fn renumber<const WIDTH: usize, const WRITTEN: usize>(
        &self,
        mut merged: impl SortedSource<WIDTH>,
        file: &mut DataFile,
        convert: impl Fn(&[u8; WIDTH], u32) -> [u8; WRITTEN],
    ) -> Result<u64> {
        let mut rows = 0;
        let mut poll = self.context.poll();
        while let Some(record) = merged.next_record()? {
            poll.tick()?;
            let docref = u64::from_be_bytes(bytes_at(record, WIDTH - 8));
            file.append(&convert(record, self.ordinal(docref)?))?;
            rows += 1;
        }
        Ok(rows)
    }
}

/// Writes texts, their index, groups and identifiers.
fn write_documents(
    spec: &SegmentSpec,
    session: &Session,
    numbering: &Numbering<'_>,
    num_documents: u64,
) -> Result<BTreeMap<String, Artefact>> {
    let place = &spec.place;
    let mut text = place.create("text.bin")?;
    let mut index = place.create("index.bin")?;
    let mut groups = place.create("groups.bin")?;
    let mut ids = place.create("ids.bin")?;
    let mut id_ends = place.create("id_ends.bin")?;
    let mut store = DocumentStore::new(numbering.context, 0);
    let mut old = OldNames::new(&spec.old, spec.partitions.len());
    let mut clusters =
        Cursor::<CLUSTER_BYTES>::open(&session.open(&place.data, &spec.clusters)?, docref(spec.first, 0))?;
    let mut buffer = Vec::new();
    for partition in spec.first..spec.end {
        let carried = spec.carried.get(partition as usize);
        let carried = carried.ok_or_else(|| EngineError::Spec(format!("no partition {partition}")))?;
        let path = session.open(&place.data, carried)?;
        let file = File::open(&path).map_err(EngineError::io("open", &path))?;
        let mut ordinal = 0;
        for batch in FileReader::try_new(file, None).map_err(EngineError::table("read", &path))? {
            session.check()?;
            let batch = batch.map_err(EngineError::table("read", &path))?;
            let names = batch
                .column_by_name("id")
                .and_then(|column| column.as_any().downcast_ref());
            let names: &StringArray =
                names.ok_or_else(|| EngineError::Spec("no string column `id`".to_owned()))?;
            for row in 0..batch.num_rows() {
                let document = docref(partition, ordinal);
                ordinal += 1;
                if !numbering.kept.contains(document) {
                    continue;
                }
                let record = store.record(document)?;
                let content = store.text(document, &mut buffer)?.as_bytes();
                let copied = IndexRecord {
                    text_offset: text.position(),
                    rank: text_checksum(content),
                    flags: 0,
                    ..record
                };
                text.append(content)?;
                index.append(&copied.encode())?;
                let group = match clusters.find(document)? {
                    None => record.key,
                    Some(member) => match ClusterMember::decode(&member).representative {
                        first if old.is_old(first) => old.group(first)?,
                        first => store.record(first)?.key,
                    },
                };
                groups.append(&group.to_le_bytes())?;
                if names.is_valid(row) {
                    ids.append(names.value(row).as_bytes())?;
                }
                id_ends.append(&ids.position().to_le_bytes())?;
            }
        }
    }
    let files = [
        ("text", text),
        ("index", index),
        ("groups", groups),
        ("ids", ids),
        ("id_ends", id_ends),
    ];
    files
        .into_iter()
        .map(|(name, file)| Ok((name.to_owned(), file.finish(num_documents)?)))
        .collect()
}
