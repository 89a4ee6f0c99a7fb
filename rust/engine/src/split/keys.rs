//! What a kept document contributes to its group: band keys, entity and parent keys, label and time.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float64Type, Int64Type};
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_core::hash::{content_hash, mix64};
use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};
use serde::Deserialize;

use super::time::{self, TimeRule};
use super::{Side, whole_text};
use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::decide::SignalColumns;
use crate::dedup::formats::{REMOVAL_BYTES, VERDICT_BYTES, docref};
use crate::dedup::stages::{Needs, PartitionSpec, context};
use crate::dedup::{BandRunWriter, DocumentStore};
use crate::error::{EngineError, Result};
use crate::index::RecordFile;
use crate::task::Session;
use crate::tokenise::cursors::Cursor;

/// Bytes of a record of `links.bin`: hash of an entity (u64), ordinal (u32), little-endian.
pub const KEY_BYTES: usize = 12;
/// Bytes of a record of `facts.bin`: label (u64), ordinal (u32), side by time (u8), little-endian.
pub const FACT_BYTES: usize = 13;

const BATCH_ROWS: usize = 4096;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeysSpec {
    /// Where it commits; its index is the number of the partition.
    pub place: TaskPlace,
    /// The partition.
    pub partition: PartitionSpec,
    /// What dedup removed, of all partitions; none without dedup.
    pub removals: Option<Artefact>,
    /// How band keys are made; none where similar documents may be parted.
    pub minhash: Option<MinHashConfig>,
    /// Signals of the partition, which have the columns; none where no column is read.
    pub signals: Option<Artefact>,
    /// Columns whose equal values stay together.
    pub columns: Vec<String>,
    /// Column that names the document which a row was made from, by its identifier.
    pub parent: Option<String>,
    /// Column whose values have the same shares on all sides.
    pub label: Option<String>,
    /// How times decide.
    pub time: Option<TimeRule>,
    /// Memory for sorting.
    pub scratch_memory_bytes: u64,
}

/// Runs the task. Memory: `scratch_memory_bytes`, one document, and 4,096 rows of the columns.
///
/// # Errors
/// When an input is damaged or writing fails.
pub fn run(spec: &KeysSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let kept = kept_documents(spec, session)?;
    let mut outputs = std::collections::BTreeMap::new();
    if let Some(minhash) = spec.minhash {
        outputs.insert("bands".to_owned(), bands(spec, minhash, &kept, session)?);
    }
    let mut counts = serde_json::json!({ "kept": kept.len() });
    if let Some(signals) = &spec.signals {
        let mut rows = Rows::create(spec)?;
        let mut columns = SignalColumns::open(
            session.open(&place.data, signals)?,
            &rows.names.iter().map(String::as_str).collect::<Vec<_>>(),
            BATCH_ROWS,
        )?;
        let mut kept = kept.iter().copied().peekable();
        let mut start = 0_u32;
        while let Some(batch) = columns.next_batch()? {
            session.check()?;
            let end = start + batch.num_rows() as u32;
            while let Some(ordinal) = kept.next_if(|&ordinal| ordinal < end) {
                rows.row(&batch, (ordinal - start) as usize, ordinal)?;
            }
            start = end;
        }
        if let Some(ordinal) = kept.next() {
            return Err(EngineError::Spec(format!(
                "document {ordinal} of {} has no row of signals",
                place.label()
            )));
        }
        counts["with_entity"] = rows.num_keys.into();
        outputs.insert("links".to_owned(), rows.keys.finish(rows.num_keys)?);
        outputs.insert("facts".to_owned(), rows.facts.finish(rows.num_facts)?);
    }
    commit(place, outputs, counts)
}

/// The ordinals of documents that no earlier stage dropped, ascending.
fn kept_documents(spec: &KeysSpec, session: &Session) -> Result<Vec<u32>> {
    let place = &spec.place;
    let verdict = RecordFile::<VERDICT_BYTES>::open(&session.open(&place.data, &spec.partition.verdict)?)?;
    let mut verdicts = Vec::new();
    verdict.range(0, verdict.len(), &mut verdicts)?;
    let mut removals = spec
        .removals
        .as_ref()
        .map(|file| Cursor::<REMOVAL_BYTES>::open(&session.open(&place.data, file)?, docref(place.index, 0)))
        .transpose()?;
    let mut kept = Vec::new();
    for (ordinal, verdict) in (0..spec.partition.num_documents).zip(&verdicts) {
        let is_removed = match removals.as_mut() {
            Some(removals) => removals.find(docref(place.index, ordinal))?.is_some(),
            None => false,
        };
        if *verdict == [0; VERDICT_BYTES] && !is_removed {
            kept.push(ordinal);
        }
    }
    Ok(kept)
}

fn bands(spec: &KeysSpec, minhash: MinHashConfig, kept: &[u32], session: &Session) -> Result<Artefact> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let partitions = (std::slice::from_ref(&spec.partition), [].as_slice());
    let context = context(place, partitions, Needs::TEXT, u64::MAX, session, &is_cancelled)?;
    let mut store = DocumentStore::new(&context, 16);
    let mut hasher = MinHasher::new(minhash)?;
    let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
    let num_bands = minhash.bands as usize;
    let mut writer = BandRunWriter::new(&place.scratch, num_bands, spec.scratch_memory_bytes)?;
    let (mut buffer, mut keys) = (Vec::new(), Vec::with_capacity(num_bands));
    for &ordinal in kept {
        session.check()?;
        let text = store.text(docref(0, ordinal), &mut buffer)?;
        segmenter.segment(text, &mut segmentation);
        keys.clear();
        if !hasher.band_keys(text, &segmentation, &mut keys) {
            // Texts without words have no shingles, but equal ones are no less equal.
            let whole = whole_text(text);
            keys.extend((1..=num_bands as u64).map(|band| mix64(whole ^ mix64(band))));
        }
        writer.push(ordinal, &keys)?;
    }
    let records = writer.finish(&place.path("bands.bin"))?;
    place.adopt("bands.bin", records)
}

/// Columns of the table of signals while they are read, and what is written of them.
struct Rows<'spec> {
    spec: &'spec KeysSpec,
    names: Vec<String>,
    keys: crate::commit::DataFile,
    facts: crate::commit::DataFile,
    num_keys: u64,
    num_facts: u64,
    value: String,
}

impl<'spec> Rows<'spec> {
    fn create(spec: &'spec KeysSpec) -> Result<Self> {
        let mut names: Vec<String> = spec.columns.clone();
        if let Some(parent) = &spec.parent {
            names.extend([parent.clone(), "id".to_owned()]);
        }
        names.extend(spec.label.clone());
        names.extend(spec.time.as_ref().map(|time| time.column.clone()));
        names.sort_unstable();
        names.dedup();
        Ok(Self {
            spec,
            names,
            keys: spec.place.create("links.bin")?,
            facts: spec.place.create("facts.bin")?,
            num_keys: 0,
            num_facts: 0,
            value: String::new(),
        })
    }

    fn row(&mut self, batch: &RecordBatch, row: usize, ordinal: u32) -> Result<()> {
        let spec = self.spec;
        for column in &spec.columns {
            if self.read(batch, column, row)? && !self.value.is_empty() {
                self.push_key(entity_hash(column, &self.value), ordinal)?;
            }
        }
        if let Some(parent) = &spec.parent {
            // The row that is named, and those that name it, have one key.
            for column in [parent.as_str(), "id"] {
                if self.read(batch, column, row)? && !self.value.is_empty() {
                    self.push_key(entity_hash("\0parent", &self.value), ordinal)?;
                }
            }
        }
        if spec.label.is_none() && spec.time.is_none() {
            return Ok(());
        }
        let label = match &spec.label {
            Some(label) if self.read(batch, label, row)? => entity_hash("\0label", &self.value),
            _ => 0,
        };
        let side = match &spec.time {
            Some(rule) => rule.byte_of(if self.read(batch, &rule.column, row)? {
                time::parse(&self.value)
            } else {
                None
            }),
            None => Side::Train as u8,
        };
        let mut record = [side; FACT_BYTES];
        record[..8].copy_from_slice(&label.to_le_bytes());
        record[8..12].copy_from_slice(&ordinal.to_le_bytes());
        self.num_facts += 1;
        self.facts.append(&record)
    }

    fn push_key(&mut self, key: u64, ordinal: u32) -> Result<()> {
        let mut record = [0; KEY_BYTES];
        record[..8].copy_from_slice(&key.to_le_bytes());
        record[8..].copy_from_slice(&ordinal.to_le_bytes());
        self.num_keys += 1;
        self.keys.append(&record)
    }

    /// Puts a value into `self.value` as text; false for null.
    fn read(&mut self, batch: &RecordBatch, name: &str, row: usize) -> Result<bool> {
        self.value.clear();
        value_text(batch, name, row, &mut self.value)
    }
}

/// Appends a value of a table to `into` as text; false, and nothing, for null.
pub(crate) fn value_text(batch: &RecordBatch, name: &str, row: usize, into: &mut String) -> Result<bool> {
    use std::fmt::Write;
    let column = batch
        .column_by_name(name)
        .ok_or_else(|| EngineError::Spec(format!("no column `{name}`")))?;
    if column.is_null(row) {
        return Ok(false);
    }
    let written = match column.data_type() {
        DataType::Utf8 => into.write_str(column.as_string::<i32>().value(row)),
        DataType::LargeUtf8 => into.write_str(column.as_string::<i64>().value(row)),
        DataType::Int64 => write!(into, "{}", column.as_primitive::<Int64Type>().value(row)),
        DataType::Float64 => write!(into, "{}", column.as_primitive::<Float64Type>().value(row)),
        DataType::Boolean => write!(into, "{}", column.as_boolean().value(row)),
        other => {
            return Err(EngineError::Spec(format!(
                "column `{name}` is of type {other}, which names nothing"
            )));
        }
    };
    written.map_err(|error| EngineError::Spec(error.to_string()))?;
    Ok(true)
}

/// What stands for a value of a column; different values share it once in 2^64, and are then kept together.
pub(crate) fn entity_hash(column: &str, value: &str) -> u64 {
    let mut bytes = (column.len() as u64).to_le_bytes().to_vec();
    bytes.extend_from_slice(column.as_bytes());
    bytes.extend_from_slice(value.as_bytes());
    content_hash(&bytes) as u64
}
