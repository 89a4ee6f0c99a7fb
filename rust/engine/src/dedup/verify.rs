//! Verification: of the documents that share a bucket, which are really similar.
//!
//! Every member is compared with the centre of its bucket. What fails is tried again among itself: its best document
//! becomes the next centre, until one or none is left. So a template that many different documents share hides no
//! true pair among them.

use std::collections::BTreeMap;
use std::path::Path;

use gristmill_core::shingle::ShingleConfig;
use serde::{Deserialize, Serialize};

use super::documents::{DocumentStore, Standing};
use super::error::{DedupError, Result};
use super::formats::{
    BucketRow, EDGE_BYTES, Edge, EdgeKind, ROW_BYTES, RecordWriter, Records, bytes_at, gather, u64_be,
};
use super::similarity::{Measure, Similarities};
use super::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortedRecords, SortedSource, merge_sorted};
use crate::tokenise::TokenizerSpec;

/// How far documents that fail against a centre are tried among themselves. What lies beyond is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RetryLimits {
    /// Documents of one bucket that are tried again, the first ones in input order.
    pub max_members: u32,
    /// Further centres of one bucket.
    pub max_rounds: u32,
}

impl Default for RetryLimits {
    /// 512 each: at most 131,000 comparisons a bucket, a fraction of a second.
    fn default() -> Self {
        Self {
            max_members: 512,
            max_rounds: 512,
        }
    }
}

/// What counts as a near duplicate.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct VerifyOptions {
    /// What counts as similarity.
    #[serde(default)]
    pub measure: Measure,
    /// Least similarity, in (0, 1].
    pub min_similarity: f64,
    /// What is compared; the same as in the signatures.
    pub shingles: ShingleConfig,
    /// Whose ids, where shingles are made of tokens.
    #[serde(default)]
    pub tokenizer: Option<TokenizerSpec>,
    /// Caps on trying again.
    #[serde(default)]
    pub retry: RetryLimits,
}

impl VerifyOptions {
    pub(super) fn check(&self) -> Result<()> {
        if self.min_similarity > 0.0 && self.min_similarity <= 1.0 {
            return Ok(());
        }
        Err(DedupError::Inputs(format!(
            "`min_similarity` is {}, not in (0, 1]",
            self.min_similarity
        )))
    }
}

/// What the pass counted. The same for any memory budget; sums over slices are the same for any number of slices.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct VerifyStats {
    /// Documents that are the centre of a bucket.
    pub centres: u64,
    /// Pairs compared: a centre and a member of its buckets, or two that were tried again.
    pub candidates: u64,
    /// Those that are similar enough.
    pub verified: u64,
    /// Those that are not.
    pub rejected: u64,
    /// Of all candidates, those that were tried again.
    pub retried: u64,
    /// Documents of buckets that [`RetryLimits`] left untried.
    pub capped: u64,
    /// Edges written, each pair once.
    pub edges: u64,
}

/// Compares the pairs that bucket rows propose, for centres in `range` (by scattered reference), and writes the edges.
///
/// `rows` names every file of the lsh pass. Memory: see [`super`]. Time: each text of a pair is read and segmented
/// once or, where the cache of shingle sets does not hold it, once a pair.
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn verify(
    context: &PassContext<'_>,
    range: KeyRange,
    rows: &[impl AsRef<Path>],
    options: &VerifyOptions,
    output: &Path,
) -> Result<VerifyStats> {
    options.check()?;
    judge_rows(context, range, rows, output, |memory_bytes| {
        Judge::new(context, options, memory_bytes)
    })
}

/// What [`verify`] does, whatever the pairs are compared by: `make` is given the memory of the judge.
pub(super) fn judge_rows<'task>(
    context: &'task PassContext<'task>,
    range: KeyRange,
    rows: &[impl AsRef<Path>],
    output: &Path,
    make: impl FnOnce(u64) -> Result<Judge<'task>>,
) -> Result<VerifyStats> {
    range.check()?;
    let memory_bytes = context.memory_beside(0)?;
    let mut merged = merge_sorted(
        &context.scratch,
        memory_bytes / 8,
        rows.len(),
        context.cancelled,
        |number, buffer_bytes| -> Result<_> {
            let records = Records::<ROW_BYTES>::open(rows[number].as_ref())?;
            let (start, end) = range.bounds(&records, 0, records.len(), |row| u64_be(row, 0))?;
            Ok(records.run(start, end, buffer_bytes))
        },
    )?;
    let mut judge = make(memory_bytes - memory_bytes / 8)?;
    let mut group: Option<(u64, u64)> = None;
    let mut buckets: Vec<u64> = Vec::new();
    while let Some(record) = merged.next_record()? {
        let row = BucketRow::decode(record);
        let (centre, member) = (row.scattered_centre, row.member);
        if group != Some((centre, member)) {
            if let Some((previous_centre, previous_member)) = group {
                judge.member(gather(previous_centre), previous_member, &buckets)?;
                if previous_centre != centre {
                    judge.finish_centre()?;
                }
            }
            buckets.clear();
            group = Some((centre, member));
        }
        buckets.push(row.bucket);
    }
    if let Some((centre, member)) = group {
        judge.member(gather(centre), member, &buckets)?;
        judge.finish_centre()?;
    }
    let mut writer = RecordWriter::create(output)?;
    for_each_edge(judge.edges.finish_unless(context.cancelled)?, |edge| {
        writer.append(edge)
    })?;
    judge.stats.edges = writer.finish()?;
    Ok(judge.stats)
}

/// An edge while it is sorted: better, worse, kind (u8), bits of the similarity (u32), shared bands (u16), all
/// big-endian.
pub(super) const SORTED_EDGE_BYTES: usize = 23;

/// Returns an edge as it is sorted.
pub(super) fn sortable_edge(edge: &Edge) -> [u8; SORTED_EDGE_BYTES] {
    let mut record = [0; SORTED_EDGE_BYTES];
    record[..8].copy_from_slice(&edge.better.to_be_bytes());
    record[8..16].copy_from_slice(&edge.worse.to_be_bytes());
    record[16] = edge.kind as u8;
    record[17..21].copy_from_slice(&edge.similarity.to_bits().to_be_bytes());
    record[21..].copy_from_slice(&edge.shared_bands.to_be_bytes());
    record
}

/// Calls `visit` with each pair once a kind; the bands of repetitions are added up.
pub(super) fn for_each_edge(
    mut sorted: SortedRecords<SORTED_EDGE_BYTES>,
    mut visit: impl FnMut(&[u8; EDGE_BYTES]) -> Result<()>,
) -> Result<()> {
    let mut pending: Option<Edge> = None;
    while let Some(record) = sorted.next_record()? {
        let edge = Edge {
            better: u64_be(record, 0),
            worse: u64_be(record, 8),
            similarity: f32::from_bits(u32::from_be_bytes(bytes_at(record, 17))),
            shared_bands: u16::from_be_bytes(bytes_at(record, 21)),
            kind: EdgeKind::from_byte(record[16]),
        };
        match &mut pending {
            Some(same) if (same.better, same.worse, same.kind) == (edge.better, edge.worse, edge.kind) => {
                same.shared_bands = same.shared_bands.saturating_add(edge.shared_bands);
            }
            _ => {
                if let Some(done) = pending.replace(edge) {
                    visit(&done.encode())?;
                }
            }
        }
    }
    pending.map_or(Ok(()), |done| visit(&done.encode()))
}

/// Members of one bucket that are not similar enough to its centre.
#[derive(Default)]
struct FailedMembers {
    members: Vec<u64>,
    num_new: u32,
    num_beyond_cap: u64,
}

/// Whatever answers how alike two documents are.
pub(super) trait Compares {
    /// The standing of a document.
    fn standing(&mut self, docref: u64) -> Result<Standing>;
    /// The similarity of two documents if it is high enough.
    fn compare(&mut self, better: u64, worse: u64) -> Result<Option<f32>>;
}

impl Compares for Similarities<'_> {
    fn standing(&mut self, docref: u64) -> Result<Standing> {
        self.store.standing(docref)
    }

    fn compare(&mut self, better: u64, worse: u64) -> Result<Option<f32>> {
        Self::compare(self, better, worse)
    }
}

/// Compares, collects edges, and remembers for the centre at hand what failed.
///
/// A centre has one bucket a band at most, so `failed` holds at most `bands * max_members` references, and as many old
/// ones as the lsh pass lets through.
pub(super) struct Judge<'task> {
    measure: Box<dyn Compares + 'task>,
    kind: EdgeKind,
    limits: RetryLimits,
    pub(super) edges: ExternalSorter<SORTED_EDGE_BYTES>,
    failed: BTreeMap<u64, FailedMembers>,
    pub(super) stats: VerifyStats,
    context: &'task PassContext<'task>,
}

impl<'task> Judge<'task> {
    /// Memory: `memory_bytes`, and what [`Similarities`] hold beside it.
    pub(super) fn new(
        context: &'task PassContext<'task>,
        options: &VerifyOptions,
        memory_bytes: u64,
    ) -> Result<Self> {
        let store = DocumentStore::new(context, memory_bytes / 16);
        let cache_bytes = memory_bytes / 2;
        let similarities = Similarities::new(store, options, cache_bytes)?;
        Self::by(
            context,
            Box::new(similarities),
            EdgeKind::Text,
            options.retry,
            memory_bytes,
        )
    }

    /// A judge by any measure. Memory: a quarter of `memory_bytes`, and what the measure holds.
    pub(super) fn by(
        context: &'task PassContext<'task>,
        measure: Box<dyn Compares + 'task>,
        kind: EdgeKind,
        limits: RetryLimits,
        memory_bytes: u64,
    ) -> Result<Self> {
        Ok(Self {
            measure,
            kind,
            limits,
            edges: ExternalSorter::new(&context.scratch, memory_bytes / 4)?,
            failed: BTreeMap::new(),
            stats: VerifyStats::default(),
            context,
        })
    }

    /// Compares the centre of `buckets` with a member of all of them.
    fn member(&mut self, centre: u64, member: u64, buckets: &[u64]) -> Result<()> {
        let shared_bands = u16::try_from(buckets.len()).unwrap_or(u16::MAX);
        let is_old = self.context.is_old(member);
        // An old member's centre is old, too: they were compared by the run that kept the later one.
        if !is_old && self.compare(centre, member, shared_bands)? {
            return Ok(());
        }
        for &bucket in buckets {
            let failed = self.failed.entry(bucket).or_default();
            if is_old {
                failed.members.push(member);
            } else if failed.num_new < self.limits.max_members {
                failed.members.push(member);
                failed.num_new += 1;
            } else {
                failed.num_beyond_cap += 1;
            }
        }
        Ok(())
    }

    fn compare(&mut self, better: u64, worse: u64, shared_bands: u16) -> Result<bool> {
        // A comparison may take milliseconds, so the request to stop is looked at before each.
        self.context.check()?;
        self.stats.candidates += 1;
        let Some(similarity) = self.measure.compare(better, worse)? else {
            self.stats.rejected += 1;
            return Ok(false);
        };
        self.stats.verified += 1;
        self.edges.push(&sortable_edge(&Edge {
            better,
            worse,
            similarity,
            shared_bands,
            kind: self.kind,
        }))?;
        Ok(true)
    }

    /// Tries the failed members of each bucket among themselves; buckets of the same ones are tried once.
    fn finish_centre(&mut self) -> Result<()> {
        self.stats.centres += 1;
        let mut lists: BTreeMap<Vec<u64>, u16> = BTreeMap::new();
        for (_, failed) in std::mem::take(&mut self.failed) {
            self.stats.capped += failed.num_beyond_cap;
            if failed.members.len() > 1 {
                *lists.entry(failed.members).or_default() += 1;
            }
        }
        for (members, num_buckets) in lists {
            self.retry(members, num_buckets)?;
        }
        Ok(())
    }

    /// Compares documents among themselves: the best of those that are left with all others, until one is left.
    ///
    /// Old documents stand before new ones and are compared with those only; rounds count new centres.
    pub(super) fn retry(&mut self, members: Vec<u64>, num_buckets: u16) -> Result<()> {
        let mut remaining = Vec::with_capacity(members.len());
        for member in members {
            remaining.push(self.measure.standing(member)?);
        }
        remaining.sort_unstable();
        let mut rounds = 0;
        while remaining.len() > 1
            && remaining
                .last()
                .is_some_and(|last| !self.context.is_old(last.docref()))
        {
            let centre = remaining[0].docref();
            let is_old = self.context.is_old(centre);
            if !is_old && rounds == self.limits.max_rounds {
                self.stats.capped += remaining.len() as u64 * u64::from(num_buckets);
                break;
            }
            rounds += u32::from(!is_old);
            let mut failing = Vec::with_capacity(remaining.len());
            for member in remaining.into_iter().skip(1) {
                if is_old && self.context.is_old(member.docref()) {
                    failing.push(member);
                    continue;
                }
                self.stats.retried += 1;
                if !self.compare(centre, member.docref(), num_buckets)? {
                    failing.push(member);
                }
            }
            remaining = failing;
        }
        Ok(())
    }
}
