//! The passes over embeddings as tasks: committed files in, committed files out.

use serde::Deserialize;

use super::{VectorOptions, join, verify_vectors};
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::stages::{Needs, PartitionSpec, context, finish, open_all};
use crate::dedup::{self, KeyRange, RetryLimits};
use crate::error::Result;
use crate::task::Session;

/// The vectors of all partitions, and from where on they count as alike.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VectorConfirm {
    /// Numbers of a vector.
    pub dimension: u32,
    /// Least cosine of an edge.
    pub min_similarity: f64,
    /// Vectors of each partition, in order.
    pub vectors: Vec<Artefact>,
}

impl VectorConfirm {
    /// Opens the vectors.
    ///
    /// # Errors
    /// When one is not what was committed.
    pub fn options(&self, place: &TaskPlace, session: &Session) -> Result<VectorOptions> {
        Ok(VectorOptions {
            min_similarity: self.min_similarity,
            dimension: self.dimension as usize,
            vectors: open_all(place, &self.vectors, session)?,
            retry: RetryLimits::default(),
        })
    }
}

/// An LSH task on vectors: one range of band keys. `bands` of a partition are those of its vectors.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticLshSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the keys.
    pub range: KeyRange,
    /// Keys of a vector.
    pub num_bands: u16,
    /// What the exact tasks removed.
    pub exact_removals: Vec<Artefact>,
}

/// A verify task on vectors: one slice of the centres.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticVerifySpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the centres.
    pub range: KeyRange,
    /// Rows of all LSH tasks on vectors.
    pub buckets: Vec<Artefact>,
    /// How similarity is computed.
    pub confirm: VectorConfirm,
}

/// A join task: all pairs of some stripes of documents.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SemanticJoinSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// Memory of the pass.
    pub scratch_memory_bytes: u64,
    /// Its share of the stripes: every `count`-th.
    pub range: KeyRange,
    /// What the exact tasks removed.
    pub exact_removals: Vec<Artefact>,
    /// How similarity is computed.
    pub confirm: VectorConfirm,
}

/// Runs an LSH task on vectors.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn semantic_lsh(spec: &SemanticLshSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let memory_bytes = spec.scratch_memory_bytes;
    let context = context(
        place,
        (&spec.partitions, &[]),
        Needs::BANDS,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let removals = open_all(place, &spec.exact_removals, session)?;
    let output = place.path("buckets.bin");
    let stats = dedup::lsh(&context, spec.range, spec.num_bands, &removals, &output)?;
    finish(place, &[("buckets", "buckets.bin", stats.rows)], &stats)
}

/// Runs a verify task on vectors.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn semantic_verify(spec: &SemanticVerifySpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let memory_bytes = spec.scratch_memory_bytes;
    let context = context(
        place,
        (&spec.partitions, &[]),
        Needs::INDEX,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let buckets = open_all(place, &spec.buckets, session)?;
    let options = spec.confirm.options(place, session)?;
    let output = place.path("edges.bin");
    let stats = verify_vectors(&context, spec.range, &buckets, &options, &output)?;
    finish(place, &[("edges", "edges.bin", stats.edges)], &stats)
}

/// Runs a join task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn semantic_join(spec: &SemanticJoinSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_cancelled = || session.is_cancelled();
    let memory_bytes = spec.scratch_memory_bytes;
    let context = context(
        place,
        (&spec.partitions, &[]),
        Needs::INDEX,
        memory_bytes,
        session,
        &is_cancelled,
    )?;
    let removals = open_all(place, &spec.exact_removals, session)?;
    let options = spec.confirm.options(place, session)?;
    let output = place.path("edges.bin");
    let stats = join(&context, spec.range, &removals, &options, &output)?;
    finish(place, &[("edges", "edges.bin", stats.edges)], &stats)
}
