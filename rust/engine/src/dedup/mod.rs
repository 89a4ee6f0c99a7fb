//! Deduplication as passes from files to files: what is removed is proven, and the same for any division of the work.
//!
//! ```text
//! exact.bin  ─> exact[r]  ─> removals of equal texts
//! bands.bin  ─> lsh[r]    ─> bucket rows: who might resemble whom
//! rows, text ─> verify[v] ─> edges: who does, computed on the texts
//! vectors    ─> semantic  ─> edges, computed on the embeddings
//! edges      ─> rescue    ─> edges between those that lost their centre
//! all these  ─> settle    ─> removals.bin, clusters.bin
//! ```
//! Banding proposes and exact similarity confirms: a document goes only on a verified edge to a document that stays.
//! Survivors follow [`Standing`] (rank, then input order). Results depend on the documents and the options alone: not
//! on the number of ranges `R` and slices `V`, on the memory budget, or on the order in which partitions are listed.
//!
//! Not here: computing hashes and band keys (the map stage), committing files, and rewriting documents.
//!
//! # Memory
//! A pass holds its `memory_bytes`, and beside it less than 1 MiB of fixed buffers, 100 bytes a partition, and at most
//! 256 open files. `verify` and `rescue` also hold the longest document that they meet as text, segmentation and
//! shingles, and the shingles of a second one: together some 10 times its bytes for prose, 30 times at worst. Of the
//! budget, `N / 8` bytes hold a bit for each of `N` readable documents in `exact`, `lsh`, `rescue` and `settle`; the
//! rest is buffers that spill. A budget below `N / 8` bytes and 4 KiB is refused with GM-DEDUP-002, and from 1 MiB on
//! more memory gains little.
//!
//! Documents that earlier runs kept ([`old`]) need none of it.
//!
//! # Disk
//! Beside the texts: 20 bytes a document in `exact.bin`, 12 a band and document in `bands.bin`, 24 a row of a bucket
//! (its members but one), an edge and a removal, 16 a document of a cluster.
//!
//! # Example
//! ```
//! use gristmill_core::hash::content_hash;
//! use gristmill_core::shingle::ShingleConfig;
//! use gristmill_engine::dedup::formats::Removal;
//! use gristmill_engine::dedup::{
//!     BandRunWriter, ExactRunWriter, KeyRange, Measure, PartitionFiles, PassContext, SettleInputs,
//!     VerifyOptions, exact, lsh, rescue, settle, verify,
//! };
//! use gristmill_engine::index::IndexRecord;
//!
//! # let folder = std::env::temp_dir().join(format!("dedup-example-{}", std::process::id()));
//! # std::fs::create_dir_all(&folder)?;
//! # let path = |name: &str| folder.join(name);
//! // What the map and decide stages would leave of three documents, the first two of which are near duplicates.
//! let texts = ["one two three four five six", "one two three four five", "quite another text"];
//! let (mut text, mut index) = (String::new(), Vec::new());
//! let mut hashes = ExactRunWriter::new(&folder, 1 << 20)?;
//! let mut bands = BandRunWriter::new(&folder, 1, 1 << 20)?;
//! for (ordinal, one) in (0..).zip(texts) {
//!     let text_bytes = one.len() as u32;
//!     let record = IndexRecord {
//!         key: u128::from(ordinal),
//!         doc: u64::from(ordinal),
//!         text_offset: text.len() as u64,
//!         rank: u64::from(text_bytes), // the longest survives
//!         text_bytes,
//!         source: 0,
//!         flags: 0,
//!     };
//!     index.extend_from_slice(&record.encode());
//!     text.push_str(one);
//!     hashes.push(content_hash(one.as_bytes()), ordinal)?;
//!     bands.push(ordinal, &[u64::from(ordinal / 2)])?; // the first two share a bucket
//! }
//! hashes.finish(&path("exact.bin"))?;
//! bands.finish(&path("bands.bin"))?;
//! std::fs::write(path("text.bin"), text)?;
//! std::fs::write(path("index.bin"), index)?;
//! std::fs::write(path("verdict.bin"), [0; 6])?;
//!
//! let partition = PartitionFiles {
//!     partition: 0,
//!     source: 0,
//!     num_documents: 3,
//!     text: path("text.bin"),
//!     index: path("index.bin"),
//!     verdict: path("verdict.bin"),
//!     exact: Some(path("exact.bin")),
//!     bands: Some(path("bands.bin")),
//! };
//! let context = PassContext::new(vec![partition], &folder, 1 << 20, &|| false)?;
//! let options = VerifyOptions {
//!     measure: Measure::Jaccard,
//!     min_similarity: 0.7,
//!     shingles: ShingleConfig::words(2),
//!     tokenizer: None,
//!     retry: Default::default(),
//! };
//! exact(&context, KeyRange::WHOLE, &path("twins"))?;
//! lsh(&context, KeyRange::WHOLE, 1, &[path("twins")], &path("rows"))?;
//! verify(&context, KeyRange::WHOLE, &[path("rows")], &options, &path("edges"))?;
//! rescue(&context, &[path("edges")], &options, &path("rescued"))?;
//! let inputs = SettleInputs {
//!     exact_removals: vec![path("twins")],
//!     edges: vec![path("edges"), path("rescued")],
//!     sources: vec!["web".to_owned()],
//! };
//! let stats = settle(&context, &inputs, &path("removals.bin"), &path("clusters.bin"))?;
//! assert_eq!((stats.near_removed, stats.clusters), (1, 1));
//! let removals = std::fs::read(path("removals.bin"))?;
//! let removal = Removal::decode(removals.first_chunk().unwrap()).unwrap();
//! assert_eq!((removal.docref, removal.duplicate_of, removal.similarity), (1, 0, 0.8));
//! # std::fs::remove_dir_all(&folder)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub(crate) mod clusters;
pub(crate) mod documents;
mod error;
pub(crate) mod exact;
pub mod formats;
mod greedy;
mod largest;
pub(crate) mod lsh;
pub mod old;
mod propose;
mod propose_clusters;
mod rescue;
pub mod semantic;
mod settle;
mod similarity;
pub(crate) mod spill_queue;
pub mod stages;
mod verify;
mod writers;

#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use gristmill_core::units::Normalisation;
use serde::Deserialize;

pub(crate) use documents::DocumentStore;
pub use documents::Standing;
pub use error::{DedupError, Result};
pub use exact::{ExactStats, exact};
pub use largest::{LargeCluster, NamedMember};
pub use lsh::{LshStats, lsh};
pub use propose::propose;
pub use propose_clusters::propose_clusters;
pub use rescue::{Measures, RescueStats, rescue, rescue_by};
pub use settle::{SettleInputs, SettleStats, SourceRemovals, settle};
pub use similarity::Measure;
pub use verify::{RetryLimits, VerifyOptions, VerifyStats, verify};
pub use writers::{BandRunWriter, ExactRunWriter};

use crate::external_sort::{Cancelled, SortError};
use formats::Records;

/// Least memory that a pass works with, beside the bits of the documents.
const MIN_WORKING_BYTES: u64 = 4 << 10;

/// What the map and decide stages left of one partition.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PartitionFiles {
    /// Number of the partition in the plan; partitions are numbered from 0 without gaps.
    pub partition: u32,
    /// Ordinal of its source in the plan.
    pub source: u16,
    /// Readable documents.
    pub num_documents: u32,
    /// Edited texts.
    pub text: PathBuf,
    /// Index of the texts.
    pub index: PathBuf,
    /// Verdicts of the thresholds.
    pub verdict: PathBuf,
    /// Content hashes; not needed unless there is an exact step.
    #[serde(default)]
    pub exact: Option<PathBuf>,
    /// Band keys; not needed unless there is a near-duplicate step.
    #[serde(default)]
    pub bands: Option<PathBuf>,
}

/// What every pass needs: the partitions, and what it may use.
pub struct PassContext<'task> {
    partitions: Vec<PartitionFiles>,
    /// The first ones; what follows are parts of an index.
    num_own: usize,
    scratch: PathBuf,
    memory_bytes: u64,
    pub(crate) cancelled: Cancelled<'task>,
    exact_normalise: Normalisation,
}

impl<'task> PassContext<'task> {
    /// Prepares a pass over `partitions`, listed in any order, that spills into `scratch`.
    ///
    /// `cancelled` is polled every few thousand records, and between documents.
    ///
    /// # Errors
    /// When partitions are not numbered `0..n`, each once.
    pub fn new(
        mut partitions: Vec<PartitionFiles>,
        scratch: &Path,
        memory_bytes: u64,
        cancelled: Cancelled<'task>,
    ) -> Result<Self> {
        partitions.sort_unstable_by_key(|files| files.partition);
        for (expected, files) in partitions.iter().enumerate() {
            if u64::from(files.partition) != expected as u64 {
                let found = files.partition;
                return Err(DedupError::Inputs(format!(
                    "partition {expected} expected, partition {found} found"
                )));
            }
        }
        Ok(Self {
            num_own: partitions.len(),
            partitions,
            scratch: scratch.to_owned(),
            memory_bytes,
            cancelled,
            exact_normalise: Normalisation::None,
        })
    }

    /// Makes [`exact`] compare what `normalise` leaves of the texts; their content hashes are of the same.
    #[must_use]
    pub fn comparing(self, normalise: Normalisation) -> Self {
        Self {
            exact_normalise: normalise,
            ..self
        }
    }

    /// Documents of the run; those of an index take no memory.
    fn num_documents(&self) -> u64 {
        self.own()
            .iter()
            .map(|files| u64::from(files.num_documents))
            .sum()
    }

    /// What is left of the budget beside `held_bytes`.
    pub(crate) fn memory_beside(&self, held_bytes: u64) -> Result<u64> {
        let needed_bytes = held_bytes + MIN_WORKING_BYTES;
        if self.memory_bytes < needed_bytes {
            return Err(DedupError::ScratchMemory {
                needed_bytes,
                memory_bytes: self.memory_bytes,
            });
        }
        Ok(self.memory_bytes - held_bytes)
    }

    fn check(&self) -> Result<()> {
        if (self.cancelled)() {
            Err(SortError::Cancelled.into())
        } else {
            Ok(())
        }
    }

    pub(crate) fn poll(&self) -> Poll<'_> {
        Poll {
            cancelled: self.cancelled,
            countdown: Poll::PERIOD,
        }
    }
}

/// Looks at the request to stop once in a while.
pub(crate) struct Poll<'task> {
    cancelled: Cancelled<'task>,
    countdown: u32,
}

impl Poll<'_> {
    const PERIOD: u32 = 4096;

    pub(crate) fn tick(&mut self) -> Result<()> {
        self.countdown -= 1;
        if self.countdown > 0 {
            return Ok(());
        }
        self.countdown = Self::PERIOD;
        if (self.cancelled)() {
            Err(SortError::Cancelled.into())
        } else {
            Ok(())
        }
    }
}

/// One of `count` equal ranges of 64-bit keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KeyRange {
    /// Which range, below `count`.
    pub index: u32,
    /// How many there are.
    pub count: u32,
}

impl KeyRange {
    /// The range of all keys.
    pub const WHOLE: Self = Self { index: 0, count: 1 };

    /// Returns the index of the range that holds `key`; monotone in `key`.
    fn holding(self, key: u64) -> u64 {
        let product = u128::from(key) * u128::from(self.count);
        u64::try_from(product >> 64).unwrap_or(u64::MAX)
    }

    /// Returns the bounds of this range in `start..end` of a file that is sorted by `key` there.
    pub(crate) fn bounds<const WIDTH: usize>(
        self,
        records: &Records<WIDTH>,
        start: u64,
        end: u64,
        key: impl Fn(&[u8; WIDTH]) -> u64,
    ) -> Result<(u64, u64)> {
        let index = u64::from(self.index);
        let low = records.lower_bound(start, end, |record| self.holding(key(record)) < index)?;
        let high = records.lower_bound(low, end, |record| self.holding(key(record)) <= index)?;
        Ok((low, high))
    }

    pub(crate) fn check(self) -> Result<()> {
        if self.index < self.count {
            return Ok(());
        }
        Err(DedupError::Inputs(format!(
            "range {} of {} does not exist",
            self.index, self.count
        )))
    }
}
