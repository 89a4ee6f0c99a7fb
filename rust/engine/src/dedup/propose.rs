//! Edges without verification: whoever shares a bucket with its best document counts as its duplicate.
//!
//! For recipes that say so. What such an edge claims was never looked at: the documents may share a template and
//! nothing else.

use std::path::Path;

use super::error::Result;
use super::formats::{
    BucketRow, Edge, EdgeKind, NOT_COMPUTED, ROW_BYTES, RecordWriter, Records, gather, u64_be,
};
use super::verify::{SORTED_EDGE_BYTES, VerifyStats, for_each_edge, sortable_edge};
use super::{KeyRange, PassContext};
use crate::external_sort::{ExternalSorter, SortedSource, merge_sorted};

/// Turns the bucket rows of centres in `range` (by scattered reference) into edges, each pair once.
///
/// `rows` names every file of the lsh pass. No text is read; the similarity of every edge is [`NOT_COMPUTED`]. Of the
/// counts only `centres`, `candidates` and `edges` are not 0. Memory: see [`super`].
///
/// # Errors
/// When a file cannot be read or written or does not hold what it must, when the budget is too small, or on
/// cancellation.
pub fn propose(
    context: &PassContext<'_>,
    range: KeyRange,
    rows: &[impl AsRef<Path>],
    output: &Path,
) -> Result<VerifyStats> {
    range.check()?;
    let memory_bytes = context.memory_beside(0)?;
    let mut merged = merge_sorted(
        &context.scratch,
        memory_bytes / 2,
        rows.len(),
        context.cancelled,
        |number, buffer_bytes| -> Result<_> {
            let records = Records::<ROW_BYTES>::open(rows[number].as_ref())?;
            let (start, end) = range.bounds(&records, 0, records.len(), |row| u64_be(row, 0))?;
            Ok(records.run(start, end, buffer_bytes))
        },
    )?;
    let mut edges = ExternalSorter::<SORTED_EDGE_BYTES>::new(&context.scratch, memory_bytes / 2)?;
    let mut stats = VerifyStats::default();
    let mut centre = None;
    let mut poll = context.poll();
    while let Some(record) = merged.next_record()? {
        poll.tick()?;
        let row = BucketRow::decode(record);
        // The centre is old, too, and both stay.
        if context.is_old(row.member) {
            continue;
        }
        if centre.replace(row.scattered_centre) != Some(row.scattered_centre) {
            stats.centres += 1;
        }
        edges.push(&sortable_edge(&Edge {
            better: gather(row.scattered_centre),
            worse: row.member,
            similarity: NOT_COMPUTED,
            shared_bands: 1,
            kind: EdgeKind::Text,
        }))?;
    }
    let mut writer = RecordWriter::create(output)?;
    for_each_edge(edges.finish_unless(context.cancelled)?, |edge| {
        writer.append(edge)
    })?;
    stats.edges = writer.finish()?;
    stats.candidates = stats.edges;
    Ok(stats)
}
