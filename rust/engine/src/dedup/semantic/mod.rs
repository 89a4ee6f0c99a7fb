//! Near duplicates by embeddings: vectors instead of texts, the cosine of their angle instead of shared shingles.
//!
//! ```text
//! vector bands ─> lsh      ─> bucket rows ─> verify_vectors[v] ─> edges     candidates by hyperplanes
//! vectors      ─> join[r]                                      ─> edges     all pairs
//! ```
//! Edges of both ways are of one kind ([`super::formats::EdgeKind::Semantic`]) and go to [`super::rescue_by`] and
//! [`super::settle()`] beside those on texts. Verification is exact: the cosine of the stored vectors in 64 bits, summed in
//! a fixed order. Documents without a vector have no band keys and are left alone.
//!
//! Not here: reading vectors from inputs and hashing them (the map stage).

mod join;
pub mod near;
pub mod stages;
mod store;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use join::{JoinStats, MAX_JOINED, join};

use super::error::{DedupError, Result};
use super::formats::EdgeKind;
use super::verify::{Judge, judge_rows};
use super::{KeyRange, PassContext, RetryLimits, VerifyStats};
use store::Cosines;

/// What counts as a near duplicate by its embedding.
#[derive(Debug, Clone, PartialEq)]
pub struct VectorOptions {
    /// Least cosine, in (0, 1].
    pub min_similarity: f64,
    /// Numbers of a vector.
    pub dimension: usize,
    /// The vectors of each partition, in the order of their numbers.
    pub vectors: Vec<PathBuf>,
    /// Caps on trying again.
    pub retry: RetryLimits,
}

impl VectorOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.min_similarity > 0.0 && self.min_similarity <= 1.0 && self.dimension > 0 {
            return Ok(());
        }
        Err(DedupError::Inputs(format!(
            "`min_similarity` is {}, not in (0, 1], or {} dimensions are none",
            self.min_similarity, self.dimension
        )))
    }
}

/// Compares the pairs that bucket rows propose by their vectors, as [`super::verify()`] does by their texts.
///
/// Memory: the budget, and a vector. Time: a vector is read once or, where the cache does not hold it, once a pair.
///
/// # Errors
/// As [`super::verify()`].
pub fn verify_vectors(
    context: &PassContext<'_>,
    range: KeyRange,
    rows: &[impl AsRef<Path>],
    options: &VectorOptions,
    output: &Path,
) -> Result<VerifyStats> {
    options.check()?;
    judge_rows(context, range, rows, output, |memory_bytes| {
        vector_judge(context, options, memory_bytes)
    })
}

/// A judge that compares vectors. Memory: `memory_bytes` and a vector.
pub(super) fn vector_judge<'task>(
    context: &'task PassContext<'task>,
    options: &'task VectorOptions,
    memory_bytes: u64,
) -> Result<Judge<'task>> {
    let cosines = Cosines::new(context, options, memory_bytes / 2)?;
    Judge::by(
        context,
        Box::new(cosines),
        EdgeKind::Semantic,
        options.retry,
        memory_bytes,
    )
}
