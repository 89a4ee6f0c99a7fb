//! The dedup passes as tasks: committed files in, committed files out.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::dedup::old::OldPartSpec;
use crate::dedup::semantic::stages::VectorConfirm;
use crate::dedup::{
    self, KeyRange, Measure, Measures, PartitionFiles, PassContext, SettleInputs, VerifyOptions,
};
use crate::error::{EngineError, Result};
use crate::task::Session;
use crate::tokenise::TokenizerSpec;
use gristmill_core::minhash::MinHashConfig;
use gristmill_core::shingle::ShingleConfig;
use gristmill_core::units::Normalisation;

/// What every dedup task is told of a partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionSpec {
    /// Ordinal of its source in the plan.
    pub source: u16,
    /// Readable documents.
    pub num_documents: u32,
    /// Edited texts.
    pub text: Artefact,
    /// Index of the texts.
    pub index: Artefact,
    /// Verdicts of the thresholds.
    pub verdict: Artefact,
    /// Content hashes.
    pub exact: Option<Artefact>,
    /// Band keys.
    pub bands: Option<Artefact>,
}

/// An exact task: one range of content hashes.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExactSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Parts of the index, in order; none without an index.
    #[serde(default)]
    pub old: Vec<OldPartSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the hashes.
    pub range: KeyRange,
    /// What of the texts is compared.
    #[serde(default)]
    pub exact_normalise: Normalisation,
}

/// An LSH task: one range of band keys.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LshSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Parts of the index, in order; none without an index.
    #[serde(default)]
    pub old: Vec<OldPartSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the keys.
    pub range: KeyRange,
    /// How the keys were made.
    pub minhash: MinHashConfig,
    /// What the exact tasks removed.
    pub exact_removals: Vec<Artefact>,
}

/// A verify task: one slice of the centres.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifySpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Parts of the index, in order; none without an index.
    #[serde(default)]
    pub old: Vec<OldPartSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the centres.
    pub range: KeyRange,
    /// Rows of all LSH tasks.
    pub buckets: Vec<Artefact>,
    /// How similarity is computed; nothing for edges without verification.
    pub confirm: Option<Confirm>,
    /// Without verification, how the keys were made where of each cluster one document stays, as in datatrove; then one
    /// task has all centres.
    #[serde(default)]
    pub clusters: Option<MinHashConfig>,
}

/// The settle task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SettleSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Parts of the index, in order; none without an index.
    #[serde(default)]
    pub old: Vec<OldPartSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// What the exact tasks removed.
    pub exact_removals: Vec<Artefact>,
    /// What the verify tasks found, on texts and on embeddings.
    pub edges: Vec<Artefact>,
    /// How edges were confirmed; nothing without a near-duplicate step, or without verification.
    pub confirm: Option<Confirm>,
    /// How edges on embeddings were confirmed; none without such a step.
    #[serde(default)]
    pub semantic: Option<VectorConfirm>,
    /// Names of the sources, in plan order.
    pub sources: Vec<String>,
}

/// How similarity is computed, and from where on it counts.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Confirm {
    /// What counts as similarity.
    #[serde(default)]
    pub measure: Measure,
    /// What is compared.
    pub shingles: ShingleConfig,
    /// Whose ids, where shingles are made of tokens.
    #[serde(default)]
    pub tokenizer: Option<TokenizerSpec>,
    /// Least similarity of an edge.
    pub min_similarity: f64,
}

impl Confirm {
    /// The options of the passes that compare.
    pub(crate) fn options(&self) -> VerifyOptions {
        VerifyOptions {
            measure: self.measure,
            min_similarity: self.min_similarity,
            shingles: self.shingles,
            tokenizer: self.tokenizer.clone(),
            retry: dedup::RetryLimits::default(),
        }
    }
}

/// Runs an exact task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn exact(spec: &ExactSpec, session: &Session) -> Result<TaskManifest> {
    let is_cancelled = || session.is_cancelled();
    let context = context(
        &spec.place,
        (&spec.partitions, &spec.old),
        Needs::EXACT,
        spec.scratch_memory_bytes,
        session,
        &is_cancelled,
    )?
    .comparing(spec.exact_normalise);
    let stats = dedup::exact(&context, spec.range, &spec.place.path("removals.bin"))?;
    finish(
        &spec.place,
        &[("removals", "removals.bin", stats.removed)],
        &stats,
    )
}

/// Runs an LSH task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn lsh(spec: &LshSpec, session: &Session) -> Result<TaskManifest> {
    let is_cancelled = || session.is_cancelled();
    let context = context(
        &spec.place,
        (&spec.partitions, &spec.old),
        Needs::BANDS,
        spec.scratch_memory_bytes,
        session,
        &is_cancelled,
    )?;
    let removals = open_all(&spec.place, &spec.exact_removals, session)?;
    let bands = u16::try_from(spec.minhash.bands)
        .map_err(|_| EngineError::Spec(format!("{} bands are too many", spec.minhash.bands)))?;
    let stats = dedup::lsh(
        &context,
        spec.range,
        bands,
        &removals,
        &spec.place.path("buckets.bin"),
    )?;
    finish(&spec.place, &[("buckets", "buckets.bin", stats.rows)], &stats)
}

/// Runs a verify task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn verify(spec: &VerifySpec, session: &Session) -> Result<TaskManifest> {
    let is_cancelled = || session.is_cancelled();
    let context = context(
        &spec.place,
        (&spec.partitions, &spec.old),
        if spec.confirm.is_some() || spec.clusters.is_some() {
            Needs::TEXT
        } else {
            Needs::INDEX
        },
        spec.scratch_memory_bytes,
        session,
        &is_cancelled,
    )?;
    let buckets = open_all(&spec.place, &spec.buckets, session)?;
    let output = spec.place.path("edges.bin");
    let stats = match (&spec.confirm, spec.clusters) {
        (Some(confirm), _) => dedup::verify(&context, spec.range, &buckets, &confirm.options(), &output)?,
        (None, Some(minhash)) if spec.range == KeyRange::WHOLE => {
            dedup::propose_clusters(&context, &buckets, minhash, &output)?
        }
        (None, Some(_)) => {
            return Err(EngineError::Spec(
                "clusters are found by one task, not by ranges".to_owned(),
            ));
        }
        (None, None) => dedup::propose(&context, spec.range, &buckets, &output)?,
    };
    finish(&spec.place, &[("edges", "edges.bin", stats.edges)], &stats)
}

/// Runs the settle task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn settle(spec: &SettleSpec, session: &Session) -> Result<TaskManifest> {
    let is_cancelled = || session.is_cancelled();
    let context = context(
        &spec.place,
        (&spec.partitions, &spec.old),
        if spec.confirm.is_some() {
            Needs::TEXT
        } else {
            Needs::INDEX
        },
        spec.scratch_memory_bytes,
        session,
        &is_cancelled,
    )?;
    let mut edges = open_all(&spec.place, &spec.edges, session)?;
    let mut rescue = None;
    let text = spec.confirm.as_ref().map(Confirm::options);
    let semantic = spec.semantic.as_ref();
    let semantic = semantic
        .map(|confirm| confirm.options(&spec.place, session))
        .transpose()?;
    if text.is_some() || semantic.is_some() {
        let rescued = spec.place.scratch.join("rescued.bin");
        let measures = Measures {
            text: text.as_ref(),
            semantic: semantic.as_ref(),
        };
        rescue = Some(dedup::rescue_by(&context, &edges, &measures, &rescued)?);
        edges.push(rescued);
    }
    let inputs = SettleInputs {
        exact_removals: open_all(&spec.place, &spec.exact_removals, session)?,
        edges,
        sources: spec.sources.clone(),
    };
    let removals = spec.place.path("removals.bin");
    let stats = dedup::settle(&context, &inputs, &removals, &spec.place.path("clusters.bin"))?;
    let removed = stats.exact_removed + stats.near_removed + stats.semantic_removed;
    let files = [
        ("removals", "removals.bin", removed),
        ("clusters", "clusters.bin", stats.clustered),
    ];
    finish(
        &spec.place,
        &files,
        &serde_json::json!({ "settle": stats, "rescue": rescue }),
    )
}

/// Which files of a partition a pass reads; only those are verified.
#[derive(Clone, Copy)]
pub(crate) struct Needs {
    text: bool,
    exact: bool,
    bands: bool,
}

impl Needs {
    const EXACT: Self = Self {
        text: true,
        exact: true,
        bands: false,
    };
    pub(crate) const BANDS: Self = Self {
        text: false,
        exact: false,
        bands: true,
    };
    pub(crate) const TEXT: Self = Self {
        text: true,
        exact: false,
        bands: false,
    };
    pub(crate) const ALL: Self = Self {
        text: true,
        exact: true,
        bands: true,
    };
    pub(crate) const INDEX: Self = Self {
        text: false,
        exact: false,
        bands: false,
    };
}

pub(crate) fn context<'task>(
    place: &TaskPlace,
    (partitions, old): (&[PartitionSpec], &[OldPartSpec]),
    needs: Needs,
    memory_bytes: u64,
    session: &Session,
    is_cancelled: &'task dyn Fn() -> bool,
) -> Result<PassContext<'task>> {
    let open = |artefact: &Artefact, is_needed: bool| {
        if is_needed {
            session.open(&place.data, artefact)
        } else {
            Ok(place.data.join(&artefact.file))
        }
    };
    let files = partitions
        .iter()
        .zip(0..)
        .map(|(partition, number)| {
            Ok(PartitionFiles {
                partition: number,
                source: partition.source,
                num_documents: partition.num_documents,
                text: open(&partition.text, needs.text)?,
                index: open(&partition.index, true)?,
                verdict: open(&partition.verdict, true)?,
                exact: partition
                    .exact
                    .as_ref()
                    .map(|file| open(file, needs.exact))
                    .transpose()?,
                bands: partition
                    .bands
                    .as_ref()
                    .map(|file| open(file, needs.bands))
                    .transpose()?,
            })
        })
        .collect::<Result<_>>()?;
    let old = old.iter().map(OldPartSpec::files).collect::<Result<_>>()?;
    Ok(PassContext::new(files, &place.scratch, memory_bytes, is_cancelled)?.with_old(old)?)
}

pub(crate) fn open_all(
    place: &TaskPlace,
    artefacts: &[Artefact],
    session: &Session,
) -> Result<Vec<std::path::PathBuf>> {
    artefacts
        .iter()
        .map(|artefact| session.open(&place.data, artefact))
        .collect()
}

/// Commits files that a pass has written, with its counts.
pub(crate) fn finish(
    place: &TaskPlace,
    files: &[(&str, &str, u64)],
    stats: &impl serde::Serialize,
) -> Result<TaskManifest> {
    let outputs = files
        .iter()
        .map(|&(name, file, rows)| Ok((name.to_owned(), place.adopt(file, rows)?)))
        .collect::<Result<BTreeMap<_, _>>>()?;
    let counts = serde_json::to_value(stats).map_err(|error| EngineError::Spec(error.to_string()))?;
    commit(place, outputs, counts)
}
