//! Dedup decided again for other verdicts, from what a run left: content hashes, buckets and verified edges.
//!
//! Equal texts are found again among all documents that would pass, by the same pass as in a run. Near duplicates are
//! settled from the verified edges between documents that would take part; no pair is verified, so two things decide
//! whether that is what a run would find, and both are counted here:
//!
//! - documents that would come to take part have no edges yet. Their band keys are known, and those that share no bucket
//!   with anything have none in a run either;
//! - where a document that would no longer take part has an edge to a worse one that would, the run never compared the
//!   worse one with others for its sake.
//!
//! Without either the edges are all that a run would find. A document whose edges as the better one are only to
//! documents that go too hides no comparison: in its bucket everything that failed against it was tried among itself,
//! in the same order as if it had not been there. That fails only where such a trial met its cap.
//!
//! Memory: five bits a document, 16 bytes a document that comes in (of at most a million), and the budget of the passes.
//! Time: a merge of the content hashes, a pass over edges, and for documents that come in two passes over band keys and
//! one over bucket rows.

use std::path::{Path, PathBuf};

use gristmill_core::units::Normalisation;
use serde::{Deserialize, Serialize};

use super::parties::{Bits, Parties, for_each, open};
use super::rows::verdict_path;
use crate::commit::Artefact;
use crate::dedup::formats::{EDGE_BYTES, Edge, EdgeKind, RecordWriter};
use crate::dedup::semantic::VectorOptions;
use crate::dedup::semantic::stages::VectorConfirm;
use crate::dedup::stages::{Confirm, PartitionSpec};
use crate::dedup::{self, KeyRange, Measures, PartitionFiles, PassContext, SettleInputs, SettleStats};
use crate::error::Result;
use crate::task::Session;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DedupSpec {
    /// Folder of the run's committed files.
    pub data: PathBuf,
    /// Folder for files of this call.
    pub scratch: PathBuf,
    /// Memory of the passes.
    pub memory_bytes: u64,
    /// All partitions, with the verdicts that the run applied.
    pub partitions: Vec<PartitionSpec>,
    /// Folder of the new verdicts; see [`super::WhatIfSpec::verdicts`].
    pub verdicts: PathBuf,
    /// Whether there is an exact step.
    pub has_exact: bool,
    /// What the run's exact tasks removed.
    pub exact_removals: Vec<Artefact>,
    /// Rows of the run's LSH tasks.
    pub buckets: Vec<Artefact>,
    /// What the run's verify tasks found, on texts and on embeddings.
    pub edges: Vec<Artefact>,
    /// What of the texts the exact step compares.
    #[serde(default)]
    pub exact_normalise: Normalisation,
    /// How edges were confirmed; nothing without a near-duplicate step, or without verification.
    pub confirm: Option<Confirm>,
    /// Band keys of a document; 0 without a near-duplicate step.
    pub num_bands: u64,
    /// The step on embeddings, if there is one.
    #[serde(default)]
    pub semantic: Option<SemanticAgain>,
    /// Names of the sources, in plan order.
    pub sources: Vec<String>,
}

/// What the run left of comparing embeddings.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticAgain {
    /// Band keys of each partition, in order; empty where all pairs were compared.
    pub bands: Vec<Artefact>,
    /// Band keys of a vector.
    pub num_bands: u64,
    /// Rows of the run's LSH tasks on vectors.
    pub buckets: Vec<Artefact>,
    /// How edges were confirmed.
    pub confirm: VectorConfirm,
}

impl SemanticAgain {
    /// Whether every pair was compared, so that no edge hid another.
    fn has_all_pairs(&self) -> bool {
        self.bands.is_empty()
    }

    fn options(&self, data: &Path) -> Result<VectorOptions> {
        let vectors = self.confirm.vectors.iter().map(|file| open(data, file));
        Ok(VectorOptions {
            min_similarity: self.confirm.min_similarity,
            dimension: self.confirm.dimension as usize,
            vectors: vectors.collect::<Result<_>>()?,
            retry: dedup::RetryLimits::default(),
        })
    }
}

/// Band keys and the buckets that they made.
pub(super) struct Look<'spec> {
    pub(super) bands: Vec<&'spec Artefact>,
    pub(super) num_bands: u64,
    pub(super) buckets: &'spec [Artefact],
}

impl DedupSpec {
    /// All band keys by which documents were brought together; nothing where all pairs were compared.
    pub(super) fn looks(&self) -> Option<Vec<Look<'_>>> {
        let mut looks = Vec::new();
        if self.num_bands > 0 {
            looks.push(Look {
                bands: self
                    .partitions
                    .iter()
                    .filter_map(|partition| partition.bands.as_ref())
                    .collect(),
                num_bands: self.num_bands,
                buckets: &self.buckets,
            });
        }
        if let Some(semantic) = &self.semantic {
            if semantic.has_all_pairs() {
                return None;
            }
            looks.push(Look {
                bands: semantic.bands.iter().collect(),
                num_bands: semantic.num_bands,
                buckets: &semantic.buckets,
            });
        }
        Some(looks)
    }
}

/// What dedup would do, and what it could not know.
#[derive(Debug, Serialize)]
pub struct DedupOutcome {
    /// Counts, as the settle task of a run has them.
    pub settle: SettleStats,
    /// Documents that would come to take part and may resemble others, by source.
    pub entering: Vec<u64>,
    /// Documents of the run that were as likely to be near duplicates, by source: those in buckets if `entering` are all
    /// in buckets, else all that took part.
    pub comparable: Vec<u64>,
    /// Documents that would no longer take part.
    pub leaving: u64,
    /// Documents that resemble one that would no longer take part, and may resemble others.
    pub uncovered: u64,
}

/// Decides again. See the module for what it costs.
///
/// # Errors
/// When a file is missing or damaged, when the budget is too small, or on cancellation.
pub fn decide_again(spec: &DedupSpec, session: &Session) -> Result<DedupOutcome> {
    let is_cancelled = || session.is_cancelled();
    let files = partition_files(spec)?;
    let context = PassContext::new(files, &spec.scratch, spec.memory_bytes, &is_cancelled)?
        .comparing(spec.exact_normalise);
    let mut removals = Vec::new();
    if spec.has_exact {
        let path = spec.scratch.join("exact.bin");
        dedup::exact(&context, KeyRange::WHOLE, &path)?;
        removals.push(path);
    }
    let mut edges = Vec::new();
    let mut outcome = DedupOutcome {
        settle: SettleStats::default(),
        entering: vec![0; spec.sources.len()],
        comparable: vec![0; spec.sources.len()],
        leaving: 0,
        uncovered: 0,
    };
    let text = spec.confirm.as_ref().map(Confirm::options);
    let semantic = spec.semantic.as_ref();
    let semantic = semantic
        .map(|semantic| semantic.options(&spec.data))
        .transpose()?;
    if spec.num_bands > 0 || semantic.is_some() {
        let parties = Parties::find(spec, &removals, session)?;
        parties.count(spec, &mut outcome, session)?;
        let known = spec.scratch.join("edges.bin");
        outcome.uncovered = keep_edges(spec, &parties, &known, session)?;
        edges.push(known);
        if text.is_some() || semantic.is_some() {
            let rescued = spec.scratch.join("rescued.bin");
            let measures = Measures {
                text: text.as_ref(),
                semantic: semantic.as_ref(),
            };
            dedup::rescue_by(&context, &edges, &measures, &rescued)?;
            edges.push(rescued);
        }
    }
    let inputs = SettleInputs {
        exact_removals: removals,
        edges,
        sources: spec.sources.clone(),
    };
    outcome.settle = dedup::settle(
        &context,
        &inputs,
        &spec.scratch.join("removals.bin"),
        &spec.scratch.join("clusters.bin"),
    )?;
    Ok(outcome)
}

fn partition_files(spec: &DedupSpec) -> Result<Vec<PartitionFiles>> {
    spec.partitions
        .iter()
        .enumerate()
        .map(|(number, partition)| {
            let exact = partition.exact.as_ref().map(|file| open(&spec.data, file));
            Ok(PartitionFiles {
                partition: number as u32,
                source: partition.source,
                num_documents: partition.num_documents,
                text: open(&spec.data, &partition.text)?,
                index: open(&spec.data, &partition.index)?,
                verdict: verdict_path(&spec.verdicts, number),
                exact: exact.transpose()?,
                bands: None,
            })
        })
        .collect()
}

/// Writes the edges between documents that would take part; returns how many documents lose a better one of theirs.
fn keep_edges(spec: &DedupSpec, parties: &Parties, output: &Path, session: &Session) -> Result<u64> {
    let mut writer = RecordWriter::create(output)?;
    let mut uncovered = Bits::new(&spec.partitions);
    let has_all_pairs = spec.semantic.as_ref().is_some_and(SemanticAgain::has_all_pairs);
    for file in &spec.edges {
        for_each::<EDGE_BYTES>(&open(&spec.data, file)?, session, |record| {
            let edge = Edge::decode(record);
            if !parties.after.contains(edge.worse) {
                return Ok(());
            }
            if parties.after.contains(edge.better) {
                writer.append(record)?;
            } else if !(has_all_pairs && edge.kind == EdgeKind::Semantic) {
                uncovered.set(edge.worse, true);
            }
            Ok(())
        })?;
    }
    writer.finish()?;
    Ok(uncovered.len())
}
