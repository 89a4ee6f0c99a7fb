//! The proof again, from the files of a finished run alone: who looks at it need not believe what the run said.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use arrow_ipc::reader::FileReader;
use gristmill_core::hash::seeded_order;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use serde::{Deserialize, Serialize};

use super::join::{Builder, HeldOut, IndexFiles};
use super::keys::{entity_hash, value_text};
use super::prove::ProofRule;
use super::{PURPOSE_SAMPLE, SetMaker, Side, assignment_hash};
use crate::dedup::DedupError;
use crate::dedup::formats::u64_be;
use crate::error::{EngineError, Result};
use crate::external_sort::ExternalSorter;
use crate::map::batch::key_at;
use crate::task::Session;

/// What to look at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecheckSpec {
    /// `documents/` parts.
    pub documents: Vec<PathBuf>,
    /// `signals/` parts, in the same order; looked at for `columns` only.
    pub signals: Vec<PathBuf>,
    /// Shards by split.
    pub shards: BTreeMap<String, Vec<PathBuf>>,
    /// How documents were compared.
    pub rule: ProofRule,
    /// Only held-out documents of a smaller hash were, 16 hexadecimal digits; all of them where it is not given.
    pub drawn_below: Option<String>,
    /// Columns whose equal values stay together.
    pub columns: Vec<String>,
    /// Folder for spill files.
    pub scratch: PathBuf,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Recheck {
    /// Documents by side, in `documents/`.
    pub documents: BTreeMap<&'static str, u64>,
    /// Sums of [`assignment_hash`] over them, 32 hexadecimal digits.
    pub assignment: String,
    /// The same over the shards; nothing without shards.
    pub shards: Option<String>,
    /// Held-out documents that were indexed.
    pub indexed: u64,
    /// Pairs across sides that are similar enough.
    pub pairs: u64,
    /// The first ten of them, as keys.
    pub examples: Vec<String>,
    /// Values of columns that stand on two sides.
    pub entities: u64,
}

const SORT_MEMORY_BYTES: u64 = 64 << 20;

/// Looks at everything and returns what it found.
///
/// Cost: two passes over the texts. Memory: that of the index, one batch, and 64 MiB.
///
/// # Errors
/// When a file cannot be read at all.
pub fn recheck(spec: &RecheckSpec, session: &Session) -> Result<Recheck> {
    let mut findings = Recheck::default();
    let below = match &spec.drawn_below {
        Some(digits) => u64::from_str_radix(digits, 16)
            .map_err(|_| EngineError::Spec(format!("`{digits}` is no hash")))?,
        None => u64::MAX,
    };
    let files = IndexFiles::within(&spec.scratch);
    let mut builder = Builder::create(files.clone(), spec.rule.min_similarity)?;
    let mut maker = SetMaker::new(spec.rule.shingles);
    let (mut set, mut sum) = (Vec::new(), 0_u128);
    let mut keys: Vec<u128> = Vec::new();
    for path in &spec.documents {
        for_each_row(path, session, |row| {
            *findings.documents.entry(row.side.name()).or_default() += 1;
            sum = sum.wrapping_add(assignment_hash(row.key, row.side));
            let is_drawn =
                spec.drawn_below.is_none() || seeded_order(spec.rule.salt, PURPOSE_SAMPLE, row.key) < below;
            if row.side != Side::Train && is_drawn {
                maker.set_of(row.text, &mut set);
                builder.push(keys.len() as u64, row.side, &set)?;
                keys.push(row.key);
            }
            Ok(())
        })?;
    }
    findings.assignment = format!("{sum:032x}");
    findings.indexed = keys.len() as u64;
    builder.finish()?;
    let mut held_out = HeldOut::open(&files, spec.rule.min_similarity)?;
    let mut found = Vec::new();
    for path in &spec.documents {
        for_each_row(path, session, |row| {
            if row.side == Side::Test {
                return Ok(());
            }
            maker.set_of(row.text, &mut set);
            found.clear();
            held_out.probe(&set, row.side, &mut found)?;
            findings.pairs += found.len() as u64;
            for pair in &found {
                if findings.examples.len() < 10 {
                    let other = keys.get(pair.number as usize).copied().unwrap_or_default();
                    findings.examples.push(format!(
                        "{:032x} ({}) and {other:032x} ({}) are {:.3} similar",
                        row.key,
                        row.side.name(),
                        pair.side.name(),
                        pair.similarity
                    ));
                }
            }
            Ok(())
        })?;
    }
    if !spec.columns.is_empty() {
        findings.entities = entities(spec, session)?;
    }
    if !spec.shards.is_empty() {
        let mut sum = 0_u128;
        for (split, paths) in &spec.shards {
            let side = Side::from_name(split)
                .ok_or_else(|| EngineError::Spec(format!("no split is called `{split}`")))?;
            // A document that was divided has several rows, one behind the other, perhaps in two shards.
            let mut last = None;
            for path in paths {
                let file = File::open(path).map_err(EngineError::io("open", path))?;
                let reader = FileReader::try_new(file, None).map_err(EngineError::table("read", path))?;
                for batch in reader {
                    session.check()?;
                    let batch = batch.map_err(EngineError::table("read", path))?;
                    let column = batch
                        .column_by_name("key")
                        .and_then(|keys| keys.as_fixed_size_binary_opt());
                    let column = column.ok_or_else(|| missing(path, "key"))?;
                    for row in 0..batch.num_rows() {
                        let key = key_at(column, row);
                        if last != Some(key) {
                            sum = sum.wrapping_add(assignment_hash(key, side));
                        }
                        last = Some(key);
                    }
                }
            }
        }
        findings.shards = Some(format!("{sum:032x}"));
    }
    Ok(findings)
}

/// Counts the values of columns that documents of two sides have.
fn entities(spec: &RecheckSpec, session: &Session) -> Result<u64> {
    // Hash and side.
    let mut sorter = ExternalSorter::<9>::new(&spec.scratch, SORT_MEMORY_BYTES)?;
    let mut value = String::new();
    for (documents, signals) in spec.documents.iter().zip(&spec.signals) {
        let mut sides: Vec<(u64, Side)> = Vec::new();
        for batch in open(documents, &["doc", "split"])? {
            session.check()?;
            let batch = batch.map_err(EngineError::table("read", documents))?;
            let docs = batch
                .column_by_name("doc")
                .and_then(|docs| docs.as_primitive_opt::<UInt64Type>());
            let docs = docs.ok_or_else(|| missing(documents, "doc"))?;
            for row in 0..batch.num_rows() {
                sides.push((docs.value(row), side_at(&batch, documents, row)?));
            }
        }
        let mut names: Vec<&str> = spec.columns.iter().map(String::as_str).collect();
        names.push("doc");
        for batch in open(signals, &names)? {
            session.check()?;
            let batch = batch.map_err(EngineError::table("read", signals))?;
            let docs = batch
                .column_by_name("doc")
                .and_then(|docs| docs.as_primitive_opt::<UInt64Type>());
            let docs = docs.ok_or_else(|| missing(signals, "doc"))?;
            for row in 0..batch.num_rows() {
                let Ok(at) = sides.binary_search_by_key(&docs.value(row), |(doc, _)| *doc) else {
                    continue;
                };
                for column in &spec.columns {
                    value.clear();
                    if value_text(&batch, column, row, &mut value)? && !value.is_empty() {
                        let mut record = [sides[at].1 as u8; 9];
                        record[..8].copy_from_slice(&entity_hash(column, &value).to_be_bytes());
                        sorter.push(&record)?;
                    }
                }
            }
        }
    }
    let mut sorted = sorter.finish()?;
    let (mut previous, mut counted, mut straddling) = (None, None, 0);
    while let Some(record) = sorted.next_record()? {
        let (hash, side) = (u64_be(record, 0), record[8]);
        if previous.is_some_and(|(other, on)| other == hash && on != side) && counted != Some(hash) {
            straddling += 1;
            counted = Some(hash);
        }
        previous = Some((hash, side));
    }
    Ok(straddling)
}

struct Row<'batch> {
    key: u128,
    side: Side,
    text: &'batch str,
}

fn for_each_row(path: &Path, session: &Session, mut visit: impl FnMut(&Row<'_>) -> Result<()>) -> Result<()> {
    for batch in open(path, &["key", "split", "text"])? {
        session.check()?;
        let batch = batch.map_err(EngineError::table("read", path))?;
        let keys = batch
            .column_by_name("key")
            .and_then(|column| column.as_fixed_size_binary_opt());
        let keys = keys.ok_or_else(|| missing(path, "key"))?;
        let texts = batch
            .column_by_name("text")
            .and_then(|column| column.as_string_opt::<i64>());
        let texts = texts.ok_or_else(|| missing(path, "text"))?;
        for row in 0..batch.num_rows() {
            visit(&Row {
                key: key_at(keys, row),
                side: side_at(&batch, path, row)?,
                text: texts.value(row),
            })?;
        }
    }
    Ok(())
}

fn side_at(batch: &RecordBatch, path: &Path, row: usize) -> Result<Side> {
    let splits = batch
        .column_by_name("split")
        .and_then(|column| column.as_string_opt::<i32>());
    let splits = splits.ok_or_else(|| missing(path, "split"))?;
    Side::from_name(splits.value(row)).ok_or_else(|| missing(path, "split"))
}

fn open(path: &Path, columns: &[&str]) -> Result<ParquetRecordBatchReader> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", path))?;
    let roots = crate::decide::roots_of(builder.schema(), columns)?;
    let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
    builder
        .with_projection(mask)
        .with_batch_size(1024)
        .build()
        .map_err(EngineError::table("read", path))
}

fn missing(path: &Path, name: &str) -> EngineError {
    DedupError::damaged(path, format!("it has no column `{name}` of the right kind")).into()
}
