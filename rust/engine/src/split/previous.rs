//! The sides that an earlier run gave to documents that this run has, too.

use std::fs::File;
use std::path::PathBuf;

use arrow_array::cast::AsArray;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use super::Side;
use crate::commit::digest_file;
use crate::dedup::documents::{DocumentSet, STREAM_BUFFER_BYTES};
use crate::dedup::formats::{Records, docref, u64_be};
use crate::dedup::{DedupError, PassContext};
use crate::error::{EngineError, Result};
use crate::external_sort::{ExternalSorter, SortedRecords, SortedSource};
use crate::index::{IndexRecord, RECORD_BYTES};
use crate::map::batch::key_at;
use crate::task::Session;

/// A part of `documents/` of the earlier run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PreviousPart {
    /// Where it is.
    pub path: PathBuf,
    /// Its digest in the manifest of that run.
    pub digest: String,
}

/// Key (big-endian), 0 for the earlier run and 1 for this one, and the side, or the document.
const JOINED_BYTES: usize = 25;
/// Document (big-endian) and side.
pub(super) const KNOWN_BYTES: usize = 9;

/// Returns documents of this run that the earlier one had, with their sides there, in order; and how many rows that
/// run had. Memory: `memory_bytes`.
pub(super) fn known_sides(
    parts: &[PreviousPart],
    context: &PassContext<'_>,
    kept: &DocumentSet,
    scratch: &std::path::Path,
    memory_bytes: u64,
    session: &Session,
) -> Result<(SortedRecords<KNOWN_BYTES>, u64)> {
    let mut joined = ExternalSorter::<JOINED_BYTES>::new(scratch, memory_bytes / 2)?;
    let mut known = ExternalSorter::<KNOWN_BYTES>::new(scratch, memory_bytes / 2)?;
    let mut num_rows = 0;
    for part in parts {
        let (_, digest) = digest_file(&part.path)?;
        if digest != part.digest {
            return Err(EngineError::Damaged {
                path: part.path.clone(),
                detail: "its digest is not the one in the manifest of its run".to_owned(),
            });
        }
        num_rows += read_part(part, session, &mut joined)?;
    }
    if !parts.is_empty() {
        for files in context.own() {
            session.check()?;
            let index =
                Records::<RECORD_BYTES>::open_with_count(&files.index, u64::from(files.num_documents))?;
            let mut stream = index.stream(STREAM_BUFFER_BYTES);
            let mut ordinal = 0;
            while let Some(record) = stream.next_record()? {
                let document = docref(files.partition, ordinal);
                ordinal += 1;
                if kept.contains(document) {
                    let mut own = [1; JOINED_BYTES];
                    own[..16].copy_from_slice(&IndexRecord::decode(record).key.to_be_bytes());
                    own[17..].copy_from_slice(&document.to_be_bytes());
                    joined.push(&own)?;
                }
            }
        }
    }
    let mut sorted = joined.finish_unless(context.cancelled)?;
    let mut earlier: Option<([u8; 16], u8)> = None;
    while let Some(record) = sorted.next_record()? {
        let key: [u8; 16] = std::array::from_fn(|byte| record[byte]);
        if record[16] == 0 {
            earlier = Some((key, record[24]));
        } else if let Some((_, side)) = earlier.filter(|(found, _)| *found == key) {
            let mut pair = [side; KNOWN_BYTES];
            pair[..8].copy_from_slice(&u64_be(record, 17).to_be_bytes());
            known.push(&pair)?;
        }
    }
    Ok((known.finish_unless(context.cancelled)?, num_rows))
}

fn read_part(
    part: &PreviousPart,
    session: &Session,
    joined: &mut ExternalSorter<JOINED_BYTES>,
) -> Result<u64> {
    let path = &part.path;
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", path))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), ["key", "split"]);
    let reader = builder
        .with_projection(mask)
        .build()
        .map_err(EngineError::table("read", path))?;
    let damaged = |detail: &str| DedupError::damaged(path, detail);
    let mut num_rows = 0;
    for batch in reader {
        session.check()?;
        let batch = batch.map_err(EngineError::table("read", path))?;
        let keys = batch
            .column_by_name("key")
            .and_then(|column| column.as_fixed_size_binary_opt())
            .ok_or_else(|| damaged("it has no column `key`"))?;
        let splits = batch
            .column_by_name("split")
            .and_then(|column| column.as_string_opt::<i32>())
            .ok_or_else(|| damaged("it has no column `split`"))?;
        for row in 0..batch.num_rows() {
            let side =
                Side::from_name(splits.value(row)).ok_or_else(|| damaged("it names an unknown split"))?;
            let mut record = [0; JOINED_BYTES];
            record[..16].copy_from_slice(&key_at(keys, row).to_be_bytes());
            record[24] = side as u8;
            joined.push(&record)?;
        }
        num_rows += batch.num_rows() as u64;
    }
    Ok(num_rows)
}
