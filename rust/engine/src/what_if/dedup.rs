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

use serde::{Deserialize, Serialize};

use super::parties::{Bits, Parties, for_each, open};
use super::rows::verdict_path;
use crate::commit::Artefact;
use crate::dedup::formats::{EDGE_BYTES, Edge, RecordWriter};
use crate::dedup::stages::{Confirm, PartitionSpec};
use crate::dedup::{self, KeyRange, PartitionFiles, PassContext, SettleInputs, SettleStats};
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
    /// What the run's verify tasks found.
    pub edges: Vec<Artefact>,
    /// How edges were confirmed; nothing without a near-duplicate step, or without verification.
    pub confirm: Option<Confirm>,
    /// Band keys of a document; 0 without a near-duplicate step.
    pub num_bands: u64,
    /// Names of the sources, in plan order.
    pub sources: Vec<String>,
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
    let context = PassContext::new(files, &spec.scratch, spec.memory_bytes, &is_cancelled)?;
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
    if spec.num_bands > 0 {
        let parties = Parties::find(spec, &removals, session)?;
        parties.count(spec, &mut outcome, session)?;
        let known = spec.scratch.join("edges.bin");
        outcome.uncovered = keep_edges(spec, &parties, &known, session)?;
        edges.push(known);
        if let Some(confirm) = spec.confirm {
            let rescued = spec.scratch.join("rescued.bin");
            dedup::rescue(&context, &edges, &confirm.options(), &rescued)?;
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
    for file in &spec.edges {
        for_each::<EDGE_BYTES>(&open(&spec.data, file)?, session, |record| {
            let edge = Edge::decode(record);
            if !parties.after.contains(edge.worse) {
                return Ok(());
            }
            if parties.after.contains(edge.better) {
                writer.append(record)?;
            } else {
                uncovered.set(edge.worse, true);
            }
            Ok(())
        })?;
    }
    writer.finish()?;
    Ok(uncovered.len())
}
