//! Second looks: documents that were compared only with centres that go themselves.
//!
//! Two documents may resemble one centre and therefore never meet. If that centre goes, as the duplicate of something
//! that neither of them resembles, both would stay although they may resemble each other. So those that stay for that
//! reason are compared among themselves, centre by centre, until nothing is found.

use std::path::Path;

use serde::Serialize;

use super::PassContext;
use super::clusters::{LINK_BYTES, link};
use super::documents::DocumentSet;
use super::error::Result;
use super::formats::{EDGE_BYTES, Edge, EdgeKind, RecordWriter, u64_be};
use super::greedy::{for_each_judged, kind_bit};
use super::semantic::{VectorOptions, vector_judge};
use super::spill_queue::SpillQueue;
use super::verify::{Judge, RetryLimits, SORTED_EDGE_BYTES, VerifyOptions, for_each_edge, sortable_edge};
use crate::external_sort::{ExternalSorter, SortedRecords};

/// Rounds after which the pass gives up; each finds at least one pair, and two or three are usual.
const MAX_ROUNDS: u32 = 32;

/// What the pass counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct RescueStats {
    /// Times that survivors were decided.
    pub rounds: u32,
    /// Pairs compared.
    pub candidates: u64,
    /// Edges written, each pair once.
    pub edges: u64,
    /// Documents left untried by [`super::RetryLimits`].
    pub capped: u64,
}

/// Compares documents that stay only because every better neighbour goes, and writes the edges that this adds.
///
/// `edges` names every file of the verify pass; [`super::settle`] then takes those and `output`. The `shared_bands` of
/// an added edge is 0: a common neighbour proposed it. Memory: see [`super`].
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn rescue<'task>(
    context: &'task PassContext<'task>,
    edges: &[impl AsRef<Path>],
    options: &'task VerifyOptions,
    output: &Path,
) -> Result<RescueStats> {
    let measures = Measures {
        text: Some(options),
        semantic: None,
    };
    rescue_by(context, edges, &measures, output)
}

/// How documents are compared, by what: those that share a better neighbour by edges of one kind are compared by it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Measures<'task> {
    /// By their texts.
    pub text: Option<&'task VerifyOptions>,
    /// By their embeddings.
    pub semantic: Option<&'task VectorOptions>,
}

impl<'task> Measures<'task> {
    fn check(&self) -> Result<()> {
        self.text.map_or(Ok(()), VerifyOptions::check)?;
        self.semantic.map_or(Ok(()), VectorOptions::check)
    }

    fn kinds(&self) -> Vec<EdgeKind> {
        let text = self.text.map(|_| EdgeKind::Text);
        text.into_iter()
            .chain(self.semantic.map(|_| EdgeKind::Semantic))
            .collect()
    }

    fn judge(
        &self,
        kind: EdgeKind,
        context: &'task PassContext<'task>,
        memory_bytes: u64,
    ) -> Result<Option<(Judge<'task>, RetryLimits)>> {
        Ok(match kind {
            EdgeKind::Text => match self.text {
                Some(options) => Some((Judge::new(context, options, memory_bytes)?, options.retry)),
                None => None,
            },
            EdgeKind::Semantic => match self.semantic {
                Some(options) => Some((vector_judge(context, options, memory_bytes)?, options.retry)),
                None => None,
            },
        })
    }
}

/// As [`rescue`], for edges on texts and on embeddings.
///
/// # Errors
/// As [`rescue`].
pub fn rescue_by<'task>(
    context: &'task PassContext<'task>,
    edges: &[impl AsRef<Path>],
    measures: &Measures<'task>,
    output: &Path,
) -> Result<RescueStats> {
    measures.check()?;
    let kinds = measures.kinds();
    let memory_bytes = context.memory_beside(DocumentSet::bytes(context))?;
    let mut found = SpillQueue::<EDGE_BYTES>::new(&context.scratch, memory_bytes / 8);
    let mut stats = RescueStats::default();
    while stats.rounds < MAX_ROUNDS {
        stats.rounds += 1;
        let mut spared = Vec::with_capacity(kinds.len());
        for &kind in &kinds {
            let sorter_bytes = memory_bytes / 8 / kinds.len() as u64;
            let sorter = ExternalSorter::<LINK_BYTES>::new(&context.scratch, sorter_bytes)?;
            spared.push((kind, sorter));
        }
        for_each_judged(context, edges, Some(&found), memory_bytes / 2, |judged| {
            if judged.kept.is_none() {
                for (&better, &bits) in judged.better.iter().zip(judged.kinds) {
                    for (kind, spared) in &mut spared {
                        if bits & kind_bit(*kind) != 0 {
                            spared.push(&link(better, judged.docref))?;
                        }
                    }
                }
            }
            Ok(())
        })?;
        let num_before = found.len();
        for (kind, spared) in spared {
            let spared = spared.finish_unless(context.cancelled)?;
            if let Some(judge) = measures.judge(kind, context, memory_bytes / 2)? {
                compare_spared(context, spared, judge, &mut found, &mut stats)?;
            }
        }
        if found.len() == num_before {
            break;
        }
    }
    let mut sorter = ExternalSorter::<SORTED_EDGE_BYTES>::new(&context.scratch, memory_bytes / 4)?;
    found.for_each(|record| Ok(sorter.push(&sortable_edge(&Edge::decode(record)))?))?;
    let mut writer = RecordWriter::create(output)?;
    for_each_edge(sorter.finish_unless(context.cancelled)?, |edge| {
        writer.append(edge)
    })?;
    stats.edges = writer.finish()?;
    Ok(stats)
}

/// Compares the spared documents of each centre among themselves.
fn compare_spared(
    context: &PassContext<'_>,
    mut spared: SortedRecords<LINK_BYTES>,
    (mut judge, limits): (Judge<'_>, RetryLimits),
    found: &mut SpillQueue<EDGE_BYTES>,
    stats: &mut RescueStats,
) -> Result<()> {
    let mut centre = None;
    let mut members: Vec<u64> = Vec::new();
    while let Some(record) = spared.next_record()? {
        if centre != Some(u64_be(record, 0)) {
            centre = Some(u64_be(record, 0));
            judge.retry(std::mem::take(&mut members), 0)?;
        }
        if members.len() < limits.max_members as usize {
            members.push(u64_be(record, 8));
        } else {
            stats.capped += 1;
        }
    }
    judge.retry(members, 0)?;
    stats.candidates += judge.stats.candidates;
    stats.capped += judge.stats.capped;
    for_each_edge(judge.edges.finish_unless(context.cancelled)?, |edge| {
        found.push(*edge)
    })
}
