//! Offline proof from the files of a run alone: every document of every input is in exactly one place.
//!
//! Reads `documents/`, `rejects/`, `signals/` and the shards once. Memory: two bits a document, one batch, and a sort
//! budget for the question whether every duplicate's survivor was kept.

use std::collections::HashMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow_array::{Array, FixedSizeBinaryArray, ListArray, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::reader::FileReader;
use gristmill_core::hash::{mix64, seeded_order};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::{Deserialize, Serialize};

use crate::error::{EngineError, Result};
use crate::external_sort::ExternalSorter;
use crate::index::{IndexRecord, RECORD_BYTES, RecordFile};
use crate::map::batch::key_at;
use crate::split::SPLIT_STEP;
use crate::task::Session;
use crate::tokenise::PURPOSE_SHUFFLE;

const SORT_MEMORY_BYTES: u64 = 64 << 20;

/// What to look at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IdentitySpec {
    /// Records of each input file, by ordinal.
    pub file_documents: Vec<u64>,
    /// `documents/` parts.
    pub documents: Vec<PathBuf>,
    /// `rejects/` parts.
    pub rejects: Vec<PathBuf>,
    /// `signals/` parts.
    pub signals: Vec<PathBuf>,
    /// Shards of each split, in order.
    pub shards: Vec<Vec<PathBuf>>,
    /// Seed of the shuffle, if shards are shuffled.
    pub shuffle_seed: Option<u64>,
    /// Indexes of the texts that earlier runs kept, where the run was checked against an index that can be reached.
    #[serde(default)]
    pub earlier: Vec<PathBuf>,
    /// Reasons (`step.rule`) of steps that choose: what they leave out may be the survivor of a duplicate.
    #[serde(default)]
    pub choosing: Vec<String>,
    /// Folder for spill files.
    pub scratch: PathBuf,
}

/// What was found. Every list of problems is empty in a sound run; each holds at most ten, as sentences.
#[derive(Debug, Default, Serialize)]
pub struct Findings {
    /// Documents in `documents/`.
    pub kept: u64,
    /// Dropped documents in `rejects/`, by `source`, then `step.rule`.
    pub dropped: HashMap<String, HashMap<String, u64>>,
    /// Quarantined documents in `rejects/`, by source.
    pub quarantined: HashMap<String, u64>,
    /// Rows of `signals/`.
    pub signals: u64,
    /// Documents and tokens in the shards of each split.
    pub shards: Vec<(u64, u64)>,
    /// Documents that are missing or stand twice.
    pub identity: Vec<String>,
    /// Shard rows that differ from `documents/`.
    pub correspondence: Vec<String>,
    /// Rows out of order.
    pub order: Vec<String>,
    /// Removed duplicates whose survivor is not among the kept documents.
    pub survivors: Vec<String>,
    /// Removed duplicates whose survivor an earlier run kept, as `rejects/` says.
    pub of_earlier_runs: u64,
}

fn note(problems: &mut Vec<String>, problem: impl FnOnce() -> String) {
    if problems.len() < 10 {
        problems.push(problem());
    }
}

/// One bit a document, by file and row.
struct Bitmaps {
    files: Vec<Vec<u64>>,
    counts: Vec<u64>,
}

impl Bitmaps {
    fn new(file_documents: &[u64]) -> Self {
        let files = file_documents
            .iter()
            .map(|&count| vec![0; (count as usize).div_ceil(64)])
            .collect();
        Self {
            files,
            counts: file_documents.to_vec(),
        }
    }

    /// Sets the bit of a document. False when it was set before, or there is no such document.
    fn set(&mut self, doc: u64) -> bool {
        let (file, row) = ((doc >> 40) as usize, doc & ((1 << 40) - 1));
        if self.counts.get(file).is_none_or(|&count| row >= count) {
            return false;
        }
        let word = &mut self.files[file][(row / 64) as usize];
        let bit = 1 << (row % 64);
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn num_set(&self) -> u64 {
        self.files
            .iter()
            .flatten()
            .map(|word| u64::from(word.count_ones()))
            .sum()
    }
}

/// Looks at everything and returns what it found; problems are findings, not errors.
///
/// # Errors
/// When a file cannot be read at all.
pub fn identity(spec: &IdentitySpec, session: &Session) -> Result<Findings> {
    let mut findings = Findings::default();
    let mut seen = Bitmaps::new(&spec.file_documents);
    let mut survivors: ExternalSorter<17> = ExternalSorter::new(&spec.scratch, SORT_MEMORY_BYTES)?;
    for path in &spec.earlier {
        push_earlier(path, &mut survivors, session)?;
    }
    let mut checksum = 0_u64;
    let mut tokens_of_documents = 0_u64;
    for path in &spec.documents {
        for_each_batch(path, &["doc", "key", "num_tokens"], session, |batch| {
            let (docs, keys) = identity_columns(batch, path)?;
            let counts = batch
                .column_by_name("num_tokens")
                .and_then(|column| column.as_any().downcast_ref());
            let counts: &arrow_array::UInt32Array = counts.ok_or_else(|| missing(path, "num_tokens"))?;
            for row in 0..batch.num_rows() {
                let (doc, key) = (docs.value(row), key_at(keys, row));
                if !seen.set(doc) {
                    note(&mut findings.identity, || {
                        format!(
                            "document {doc} in `{}` stands twice or nowhere in the input",
                            path.display()
                        )
                    });
                }
                checksum = checksum.wrapping_add(checksum_of(doc, key));
                tokens_of_documents += u64::from(counts.value(row));
                survivors.push(&survivor_record(key, KEPT))?;
            }
            findings.kept += batch.num_rows() as u64;
            Ok(())
        })?;
    }
    for path in &spec.rejects {
        for_each_batch(
            path,
            &[
                "doc",
                "key",
                "source",
                "kind",
                "step",
                "rule",
                "duplicate_of",
                "detail",
            ],
            session,
            |batch| rejects(spec, batch, path, &mut seen, &mut survivors, &mut findings),
        )?;
    }
    let (total, placed) = (spec.file_documents.iter().sum::<u64>(), seen.num_set());
    if placed != total {
        note(&mut findings.identity, || {
            format!("{} of {total} documents are in no file", total - placed)
        });
    }
    let mut with_signals = Bitmaps::new(&spec.file_documents);
    for path in &spec.signals {
        for_each_batch(path, &["doc", "key"], session, |batch| {
            let (docs, _) = identity_columns(batch, path)?;
            for &doc in docs.values() {
                if !with_signals.set(doc) {
                    note(&mut findings.identity, || {
                        format!("document {doc} has two rows of signals")
                    });
                }
            }
            findings.signals += batch.num_rows() as u64;
            Ok(())
        })?;
    }
    if !spec.shards.is_empty() {
        shards(spec, session, checksum, tokens_of_documents, &mut findings)?;
    }
    let mut sorted = survivors.finish()?;
    let (mut kept_key, mut earlier_key) = (None, None);
    while let Some(record) = sorted.next_record()? {
        let key: [u8; 16] = std::array::from_fn(|byte| record[byte]);
        let survivor = match record[16] {
            KEPT => {
                kept_key = Some(key);
                continue;
            }
            KEPT_EARLIER => {
                earlier_key = Some(key);
                continue;
            }
            NAMED => kept_key,
            _ => earlier_key,
        };
        if survivor != Some(key) {
            let key = u128::from_be_bytes(key);
            note(&mut findings.survivors, || {
                format!("a removed document names {key:032x}, which was not kept")
            });
        }
    }
    Ok(findings)
}

/// What a record about a key says; within a key they come in this order.
const KEPT: u8 = 0;
const KEPT_EARLIER: u8 = 1;
const NAMED: u8 = 2;
const NAMED_EARLIER: u8 = 3;

/// Adds the keys of a part of an index.
fn push_earlier(path: &Path, survivors: &mut ExternalSorter<17>, session: &Session) -> Result<()> {
    let index = RecordFile::<RECORD_BYTES>::open(path)?;
    let mut records = Vec::new();
    for start in (0..index.len()).step_by(8192) {
        session.check()?;
        index.range(start, index.len().min(start + 8192), &mut records)?;
        for record in &records {
            survivors.push(&survivor_record(IndexRecord::decode(record).key, KEPT_EARLIER))?;
        }
    }
    Ok(())
}

fn rejects(
    spec: &IdentitySpec,
    batch: &RecordBatch,
    path: &Path,
    seen: &mut Bitmaps,
    survivors: &mut ExternalSorter<17>,
    findings: &mut Findings,
) -> Result<()> {
    let (docs, keys) = identity_columns(batch, path)?;
    let string = |name: &str| -> Result<&StringArray> {
        batch
            .column_by_name(name)
            .and_then(|column| column.as_any().downcast_ref())
            .ok_or_else(|| missing(path, name))
    };
    let (sources, kinds, steps, rules) = (
        string("source")?,
        string("kind")?,
        string("step")?,
        string("rule")?,
    );
    let details = string("detail")?;
    let duplicates: &FixedSizeBinaryArray = batch
        .column_by_name("duplicate_of")
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| missing(path, "duplicate_of"))?;
    for row in 0..batch.num_rows() {
        let doc = docs.value(row);
        if !seen.set(doc) {
            note(&mut findings.identity, || {
                format!(
                    "document {doc} in `{}` stands twice or nowhere in the input",
                    path.display()
                )
            });
        }
        let source = sources.value(row).to_owned();
        if kinds.value(row) == "quarantined" {
            *findings.quarantined.entry(source).or_default() += 1;
        } else {
            let (step, rule) = (steps.value(row), rules.value(row));
            let reason = format!("{step}.{rule}");
            let by_split = step == SPLIT_STEP && crate::split::is_rule(rule);
            if by_split || spec.choosing.contains(&reason) {
                // What duplicates it went before the split, or a step that chooses, left it out.
                survivors.push(&survivor_record(key_at(keys, row), KEPT))?;
            }
            *findings
                .dropped
                .entry(source)
                .or_default()
                .entry(reason)
                .or_default() += 1;
        }
        if !duplicates.is_valid(row) {
            continue;
        }
        // Only of a survivor that an earlier run kept there are details.
        let is_earlier = details.is_valid(row);
        findings.of_earlier_runs += u64::from(is_earlier);
        if !is_earlier || !spec.earlier.is_empty() {
            let kind = if is_earlier { NAMED_EARLIER } else { NAMED };
            survivors.push(&survivor_record(key_at(duplicates, row), kind))?;
        }
    }
    Ok(())
}

fn shards(
    spec: &IdentitySpec,
    session: &Session,
    checksum_of_documents: u64,
    tokens_of_documents: u64,
    findings: &mut Findings,
) -> Result<()> {
    let mut in_shards = Bitmaps::new(&spec.file_documents);
    let mut checksum = 0_u64;
    for split in &spec.shards {
        let (mut documents, mut tokens) = (0, 0);
        let mut last = None;
        let mut last_doc = None;
        for path in split {
            let file = File::open(path).map_err(EngineError::io("open", path))?;
            let reader = FileReader::try_new(file, None).map_err(EngineError::table("read", path))?;
            for batch in reader {
                session.check()?;
                let batch = batch.map_err(EngineError::table("read", path))?;
                let (docs, keys) = identity_columns(&batch, path)?;
                let lists: &ListArray = batch
                    .column_by_name("tokens")
                    .and_then(|column| column.as_any().downcast_ref())
                    .ok_or_else(|| missing(path, "tokens"))?;
                for row in 0..batch.num_rows() {
                    let (doc, key) = (docs.value(row), key_at(keys, row));
                    tokens += lists.value_length(row) as u64;
                    // A document that was too long has several rows, one behind the other.
                    if last_doc.replace(doc) == Some(doc) {
                        continue;
                    }
                    documents += 1;
                    if !in_shards.set(doc) {
                        note(&mut findings.correspondence, || {
                            format!("document {doc} is in the shards twice, or unknown")
                        });
                    }
                    checksum = checksum.wrapping_add(checksum_of(doc, key));
                    let position = spec
                        .shuffle_seed
                        .map_or((0, doc), |seed| (seeded_order(seed, PURPOSE_SHUFFLE, key), doc));
                    if last.is_some_and(|last| last > position) {
                        note(&mut findings.order, || {
                            format!("document {doc} in `{}` is out of order", path.display())
                        });
                    }
                    last = Some(position);
                }
            }
        }
        findings.shards.push((documents, tokens));
    }
    let documents: u64 = findings.shards.iter().map(|(documents, _)| documents).sum();
    let tokens: u64 = findings.shards.iter().map(|(_, tokens)| tokens).sum();
    if documents != findings.kept || checksum != checksum_of_documents {
        note(&mut findings.correspondence, || {
            format!(
                "shards hold {documents} documents, `documents/` {}, or their identities differ",
                findings.kept
            )
        });
    }
    if tokens != tokens_of_documents {
        note(&mut findings.correspondence, || {
            format!("shards hold {tokens} tokens, `documents/` counts {tokens_of_documents}")
        });
    }
    Ok(())
}

/// A number whose sum over a set of documents tells two sets apart, in whatever order they come.
fn checksum_of(doc: u64, key: u128) -> u64 {
    mix64(mix64(mix64(doc) ^ (key >> 64) as u64) ^ key as u64)
}

fn survivor_record(key: u128, kind: u8) -> [u8; 17] {
    let mut record = [kind; 17];
    record[..16].copy_from_slice(&key.to_be_bytes());
    record
}

fn missing(path: &Path, name: &str) -> EngineError {
    EngineError::Damaged {
        path: path.to_owned(),
        detail: format!("it has no column `{name}` of the right type"),
    }
}

fn identity_columns<'batch>(
    batch: &'batch RecordBatch,
    path: &Path,
) -> Result<(&'batch UInt64Array, &'batch FixedSizeBinaryArray)> {
    let docs = batch
        .column_by_name("doc")
        .and_then(|column| column.as_any().downcast_ref());
    let keys = batch
        .column_by_name("key")
        .and_then(|column| column.as_any().downcast_ref());
    Ok((
        docs.ok_or_else(|| missing(path, "doc"))?,
        keys.ok_or_else(|| missing(path, "key"))?,
    ))
}

fn for_each_batch(
    path: &Path,
    columns: &[&str],
    session: &Session,
    mut body: impl FnMut(&RecordBatch) -> Result<()>,
) -> Result<()> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    let builder = ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", path))?;
    let mask = ProjectionMask::columns(builder.parquet_schema(), columns.iter().copied());
    let reader = builder
        .with_projection(mask)
        .with_batch_size(8192)
        .build()
        .map_err(EngineError::table("read", path))?;
    for batch in reader {
        session.check()?;
        body(&batch.map_err(EngineError::table("read", path))?)?;
    }
    Ok(())
}
