//! Near duplicates of a table in memory: the passes of a run, over files in a scratch folder.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Float32Array, LargeStringArray, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema};
use gristmill_core::hash::content_hash;
use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};
use serde::Deserialize;

use crate::dedup::formats::{CLUSTER_BYTES, ClusterMember, REMOVAL_BYTES, Removal};
use crate::dedup::{
    self, BandRunWriter, ExactRunWriter, KeyRange, PartitionFiles, PassContext, SettleInputs, VerifyOptions,
};
use crate::error::{EngineError, Result};
use crate::index::{IndexRecord, RecordFile};
use crate::task::Session;

/// What to look for.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NearSpec {
    /// How candidates are found.
    pub minhash: MinHashConfig,
    /// Least Jaccard similarity of a removal.
    pub min_similarity: f64,
    /// Memory of a pass.
    pub memory_bytes: u64,
}

/// Returns a row for each text: `cluster` (first row of its cluster, null for a text without any like it),
/// `duplicate_of` (the row that stays in its place, null for survivors) and `similarity` to that row.
///
/// The longest text of a group survives, the first among equals. A null text is like no other. Memory: the budget
/// of a pass and a bit a text; disk in `folder`: the texts and at most 300 bytes each.
///
/// # Errors
/// When `folder` cannot be written, or the session is cancelled.
pub fn near_duplicates(
    texts: &LargeStringArray,
    spec: &NearSpec,
    folder: &Path,
    session: &Session,
) -> Result<RecordBatch> {
    let files = write_partition(texts, spec, folder, session)?;
    let is_cancelled = || session.is_cancelled();
    let context = PassContext::new(vec![files], folder, spec.memory_bytes, &is_cancelled)?;
    let path = |name: &str| folder.join(name);
    dedup::exact(&context, KeyRange::WHOLE, &path("exact-removals"))?;
    let bands = u16::try_from(spec.minhash.bands)
        .map_err(|_| EngineError::Spec(format!("{} bands are too many", spec.minhash.bands)))?;
    dedup::lsh(
        &context,
        KeyRange::WHOLE,
        bands,
        &[path("exact-removals")],
        &path("buckets"),
    )?;
    let options = VerifyOptions {
        measure: dedup::Measure::Jaccard,
        min_similarity: spec.min_similarity,
        shingles: spec.minhash.shingles,
        tokenizer: None,
        retry: dedup::RetryLimits::default(),
    };
    dedup::verify(
        &context,
        KeyRange::WHOLE,
        &[path("buckets")],
        &options,
        &path("edges"),
    )?;
    dedup::rescue(&context, &[path("edges")], &options, &path("rescued"))?;
    let inputs = SettleInputs {
        exact_removals: vec![path("exact-removals")],
        edges: vec![path("edges"), path("rescued")],
        sources: vec!["table".to_owned()],
    };
    dedup::settle(&context, &inputs, &path("removals"), &path("clusters"))?;
    read_outcome(texts.len(), folder)
}

/// Writes what the map and decide stages would leave of the texts.
pub(crate) fn write_partition(
    texts: &LargeStringArray,
    spec: &NearSpec,
    folder: &Path,
    session: &Session,
) -> Result<PartitionFiles> {
    let rows = u32::try_from(texts.len())
        .map_err(|_| EngineError::Spec(format!("{} texts are too many for one table", texts.len())))?;
    let path = |name: &str| folder.join(name);
    let mut exact = ExactRunWriter::new(folder, spec.memory_bytes / 4)?;
    let mut bands = BandRunWriter::new(folder, spec.minhash.bands as usize, spec.memory_bytes / 2)?;
    let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
    let mut hasher = MinHasher::new(spec.minhash)?;
    let mut keys = Vec::new();
    let mut index = Vec::with_capacity(texts.len() * 48);
    let mut verdict = Vec::with_capacity(texts.len() * 2);
    for row in 0..rows {
        session.check()?;
        let is_there = texts.is_valid(row as usize);
        let text = if is_there { texts.value(row as usize) } else { "" };
        let record = IndexRecord {
            key: u128::from(row),
            doc: u64::from(row),
            text_offset: (texts.value_offsets()[row as usize] - texts.value_offsets()[0]) as u64,
            rank: text.len() as u64,
            text_bytes: text.len() as u32,
            source: 0,
            flags: 0,
        };
        index.extend_from_slice(&record.encode());
        verdict.extend_from_slice(&u16::from(!is_there).to_le_bytes());
        exact.push(content_hash(text.as_bytes()), row)?;
        segmenter.segment(text, &mut segmentation);
        keys.clear();
        if hasher.band_keys(text, &segmentation, &mut keys) {
            bands.push(row, &keys)?;
        }
    }
    exact.finish(&path("exact"))?;
    bands.finish(&path("bands"))?;
    let offsets = texts.value_offsets();
    let values = &texts.value_data()[offsets[0] as usize..offsets[texts.len()] as usize];
    for (name, content) in [("text", values), ("index", &index), ("verdict", &verdict)] {
        fs::write(path(name), content).map_err(EngineError::io("write", &path(name)))?;
    }
    Ok(PartitionFiles {
        partition: 0,
        source: 0,
        num_documents: rows,
        text: path("text"),
        index: path("index"),
        verdict: path("verdict"),
        exact: Some(path("exact")),
        bands: Some(path("bands")),
    })
}

pub(crate) fn read_outcome(rows: usize, folder: &Path) -> Result<RecordBatch> {
    let mut duplicates = vec![None; rows];
    let mut similarities = vec![None; rows];
    let mut clusters = vec![None; rows];
    let removals = RecordFile::<REMOVAL_BYTES>::open(&folder.join("removals"))?;
    for at in 0..removals.len() {
        if let Some(removal) = Removal::decode(&removals.get(at)?) {
            duplicates[removal.docref as usize] = Some(removal.duplicate_of);
            similarities[removal.docref as usize] = Some(removal.similarity);
        }
    }
    let members = RecordFile::<CLUSTER_BYTES>::open(&folder.join("clusters"))?;
    for at in 0..members.len() {
        let member = ClusterMember::decode(&members.get(at)?);
        clusters[member.docref as usize] = Some(member.representative);
    }
    let schema = Schema::new(vec![
        Field::new("cluster", DataType::UInt64, true),
        Field::new("duplicate_of", DataType::UInt64, true),
        Field::new("similarity", DataType::Float32, true),
    ]);
    let columns: Vec<ArrayRef> = vec![
        Arc::new(UInt64Array::from(clusters)),
        Arc::new(UInt64Array::from(duplicates)),
        Arc::new(Float32Array::from(similarities)),
    ];
    RecordBatch::try_new(Arc::new(schema), columns).map_err(|error| EngineError::Spec(error.to_string()))
}
