//! Phase two: the kept documents of a partition become token runs and `documents/`; the others become `rejects/`.
//!
//! One sequential pass over the partition's text, index, carried columns and, for the values of dropped documents,
//! signals. Memory: one batch of text and its rows, the tokenizer, and the sort budget of the order files.

pub(crate) mod cursors;
mod edits;
pub mod rows;
mod sides;
pub mod spec;
pub mod supervised;
pub mod tokens;

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::{Array, LargeStringArray, RecordBatch, StringArray};
use arrow_ipc::reader::FileReader;
use gristmill_core::hash::seeded_order;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use crate::choose::{CHOICE_BYTES, choice_facts};
use crate::commit::{TaskManifest, commit};
use crate::cut::task::DROP_BYTES;
use crate::dedup::formats::{CLUSTER_BYTES, REMOVAL_BYTES, Removal, RemovalStep};
use crate::dedup_index::names::OldNames;
use crate::error::{EngineError, Result};
use crate::index::{IndexRecord, RECORD_BYTES, RecordFile};
use crate::map::batch::excerpt;
use crate::schema::{self, TableFile};
use crate::split::{SPLIT_STEP, STRADDLES, Side};
use crate::task::Session;
use crate::tokenizer::Tokenizer;
use cursors::{Cursor, ValueCursor};
use rows::{Kept, KeptRows, Reject, RejectRows};
use sides::{Placed, Sides};
use spec::TokeniseSpec;
pub use spec::TokenizerSpec;
use supervised::{Refusal, Supervisor};
use tokens::{TokenEntry, TokenRun};

/// Step that stands in `rejects/` for documents that are no row of a shard.
const TOKENS_STEP: &str = "tokens";
/// Distinguishes the random numbers of the shuffle from those of the split.
pub(crate) const PURPOSE_SHUFFLE: u64 = 2;

/// Runs the task.
///
/// # Errors
/// When an input is damaged, the tokenizer changed since the plan, or writing fails.
pub fn run(spec: &TokeniseSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut pass = Pass::open(spec, session)?;
    let carried = pass.open_map("carried")?;
    let file = File::open(&carried).map_err(EngineError::io("open", &carried))?;
    let batches = FileReader::try_new(file, None).map_err(EngineError::table("read", &carried))?;
    for batch in batches {
        session.check()?;
        pass.batch(&batch.map_err(EngineError::table("read", &carried))?)?;
    }
    let unreadable = pass.copy_unreadable()?;
    pass.copy_edits()?;
    let labels = pass
        .supervisor
        .as_ref()
        .filter(|supervisor| supervisor.has_labels());
    let labels = labels.map(|supervisor| supervisor.names().to_vec());
    let Pass {
        kept,
        dropped,
        documents,
        rejects,
        edits,
        run,
        split,
        ..
    } = pass;
    let num_dropped: u64 = dropped.values().sum();
    if kept + num_dropped != spec.map_counts.readable
        || unreadable != spec.map_counts.unreadable.values().sum::<u64>()
    {
        let detail = format!(
            "{} readable and {:?} unreadable documents in, {kept} kept, {num_dropped} dropped, {unreadable} quarantined out",
            spec.map_counts.readable, spec.map_counts.unreadable,
        );
        return Err(EngineError::Conservation {
            task: place.label(),
            detail,
        });
    }
    let mut outputs = BTreeMap::from([
        ("documents".to_owned(), documents.finish()?),
        ("rejects".to_owned(), rejects.finish()?),
        ("edits".to_owned(), edits.finish()?),
    ]);
    let mut tokens = BTreeMap::new();
    if let Some(run) = run {
        let run = run.finish(place)?;
        outputs.extend(run.outputs);
        tokens.extend(run.counts);
    }
    let mut counts = serde_json::json!({
        "documents_in": kept + num_dropped + unreadable,
        "kept": kept,
        "dropped": dropped,
        "quarantined": spec.map_counts.unreadable,
        "tokens": tokens,
        "split": split.as_ref().map(Sides::counts),
    });
    if let Some(labels) = labels {
        counts["labels"] = labels.into();
    }
    commit(place, outputs, counts)
}

/// The state of one pass over a partition.
struct Pass<'task> {
    spec: &'task TokeniseSpec,
    session: &'task Session,
    text: File,
    text_path: PathBuf,
    index: RecordFile<RECORD_BYTES>,
    verdict: RecordFile<2>,
    values: Option<ValueCursor>,
    removals: Option<Cursor<REMOVAL_BYTES>>,
    clusters: Option<Cursor<CLUSTER_BYTES>>,
    drops: Vec<Cursor<DROP_BYTES>>,
    choices: Vec<Cursor<CHOICE_BYTES>>,
    other_indexes: HashMap<u32, RecordFile<RECORD_BYTES>>,
    old: OldNames<'task>,
    tokenizer: Option<Arc<Tokenizer>>,
    split: Option<Sides>,
    supervisor: Option<Supervisor>,
    run: Option<TokenRun>,
    documents: TableFile,
    rejects: TableFile,
    edits: TableFile,
    kept_rows: KeptRows,
    reject_rows: RejectRows,
    kept_docs: Vec<u64>,
    next_ordinal: u64,
    kept: u64,
    dropped: BTreeMap<String, u64>,
    entry: TokenEntry,
}

impl<'task> Pass<'task> {
    fn open(spec: &'task TokeniseSpec, session: &'task Session) -> Result<Self> {
        let place = &spec.place;
        let open = |name: &str| open_output(spec, session, name);
        let text_path = open("text")?;
        let text = File::open(&text_path).map_err(EngineError::io("open", &text_path))?;
        let values = if spec.thresholds.is_empty() {
            None
        } else {
            Some(ValueCursor::open(open("signals")?, &spec.thresholds)?)
        };
        let first = u64::from(place.index) << 32;
        let (removals, clusters) = match &spec.dedup {
            Some(dedup) => (
                Some(Cursor::open(&session.open(&place.data, &dedup.removals)?, first)?),
                Some(Cursor::open(&session.open(&place.data, &dedup.clusters)?, first)?),
            ),
            None => (None, None),
        };
        let tokenizer = spec
            .tokenizer
            .as_ref()
            .map(|tokenizer| session.tokenizer(tokenizer))
            .transpose()?;
        let split = spec
            .split
            .as_ref()
            .map(|split| Sides::open(split, place, session))
            .transpose()?;
        let splits = split
            .as_ref()
            .map_or_else(|| vec![Side::Train.name()], Sides::names);
        let supervisor = match (&spec.supervised, &spec.tokenizer) {
            (Some(supervised), Some(tokenizer)) => Some(Supervisor::new(supervised, tokenizer)?),
            _ => None,
        };
        let run = tokenizer
            .is_some()
            .then(|| TokenRun::create(place, &splits, spec.sort_memory_bytes))
            .transpose()?;
        Ok(Self {
            spec,
            session,
            text,
            text_path,
            index: RecordFile::open(&open("index")?)?,
            verdict: RecordFile::open(&session.open(&place.data, &spec.verdict)?)?,
            values,
            removals,
            clusters,
            drops: spec
                .cuts
                .iter()
                .map(|cut| Cursor::open(&session.open(&place.data, &cut.drops)?, first))
                .collect::<Result<_>>()?,
            choices: spec
                .choices
                .iter()
                .map(|choice| Cursor::open(&session.open(&place.data, &choice.choices)?, first))
                .collect::<Result<_>>()?,
            other_indexes: HashMap::new(),
            old: OldNames::new(&spec.old, spec.indexes.len()),
            tokenizer,
            split,
            supervisor,
            run,
            documents: TableFile::create(place, "documents.parquet", schema::documents())?,
            rejects: TableFile::create(place, "rejects.parquet", schema::rejects())?,
            edits: TableFile::create(place, "edits.parquet", schema::edits())?,
            kept_rows: KeptRows::default(),
            reject_rows: RejectRows::default(),
            kept_docs: Vec::new(),
            next_ordinal: 0,
            kept: 0,
            dropped: BTreeMap::new(),
            entry: TokenEntry::default(),
        })
    }

    fn open_map(&self, name: &str) -> Result<PathBuf> {
        open_output(self.spec, self.session, name)
    }

    fn batch(&mut self, carried: &RecordBatch) -> Result<()> {
        let rows = carried.num_rows() as u64;
        if rows == 0 {
            return Ok(());
        }
        let mut records = Vec::new();
        self.index
            .range(self.next_ordinal, self.next_ordinal + rows, &mut records)?;
        let records: Vec<IndexRecord> = records.iter().map(IndexRecord::decode).collect();
        let mut verdicts = Vec::new();
        self.verdict
            .range(self.next_ordinal, self.next_ordinal + rows, &mut verdicts)?;
        let texts = self.read_texts(&records)?;
        let ids = string_column(carried, "id")?;
        let metadata = string_column(carried, "metadata")?;
        let extras = Extras::of(carried);
        let start = records[0].text_offset;
        for (row, record) in records.iter().enumerate() {
            let from = (record.text_offset - start) as usize;
            let text =
                std::str::from_utf8(&texts[from..from + record.text_bytes as usize]).map_err(|error| {
                    EngineError::Damaged {
                        path: self.text_path.clone(),
                        detail: error.to_string(),
                    }
                })?;
            let row_fields = RowFields {
                id: ids.is_valid(row).then(|| ids.value(row)),
                metadata: metadata.is_valid(row).then(|| metadata.value(row)),
                chat: extras.chat(row),
                label: extras.label(row),
            };
            let verdict = u16::from_le_bytes(verdicts[row]);
            self.document(record, verdict, text, row_fields)?;
            self.next_ordinal += 1;
        }
        self.flush()
    }

    fn read_texts(&self, records: &[IndexRecord]) -> Result<Vec<u8>> {
        let (Some(first), Some(last)) = (records.first(), records.last()) else {
            return Ok(Vec::new());
        };
        let length = last.text_offset + u64::from(last.text_bytes) - first.text_offset;
        let mut texts = vec![0; length as usize];
        self.text
            .read_exact_at(&mut texts, first.text_offset)
            .map_err(EngineError::io("read", &self.text_path))?;
        Ok(texts)
    }

    fn document(
        &mut self,
        record: &IndexRecord,
        verdict: u16,
        text: &str,
        fields: RowFields<'_>,
    ) -> Result<()> {
        let docref = (u64::from(self.spec.place.index) << 32) | self.next_ordinal;
        let removal = self
            .removals
            .as_mut()
            .map(|removals| removals.find(docref))
            .transpose()?
            .flatten();
        let cluster = self
            .clusters
            .as_mut()
            .map(|clusters| clusters.find(docref))
            .transpose()?
            .flatten();
        let excerpt = excerpt(text, self.spec.excerpt_characters);
        let mut reject = Reject {
            doc: record.doc,
            key: record.key,
            id: fields.id,
            step: "",
            rule: "",
            reason: "",
            value: None,
            threshold: None,
            duplicate_of: None,
            similarity: None,
            shared_bands: None,
            detail: None,
            excerpt,
        };
        if usize::from(verdict) > self.spec.thresholds.len() {
            let behind = usize::from(verdict) - self.spec.thresholds.len() - 1;
            if let Some(behind) = behind.checked_sub(2 * self.spec.cuts.len()) {
                self.describe_choice(behind, docref, &mut reject)?;
                return self.reject(&reject);
            }
            let (Some(cut), Some(drops)) = (self.spec.cuts.get(behind / 2), self.drops.get_mut(behind / 2))
            else {
                return Err(EngineError::Spec(format!("no step has verdict {verdict}")));
            };
            let is_empty = behind.is_multiple_of(2);
            reject.step = &cut.step;
            reject.rule = if is_empty {
                "nothing_left"
            } else {
                "too_little_left"
            };
            reject.reason = reject.rule;
            reject.value = drops
                .find(docref)?
                .map(|drop| f64::from(u32::from_le_bytes(std::array::from_fn(|byte| drop[8 + byte]))));
            reject.threshold = if is_empty {
                None
            } else {
                cut.min_words_left.map(f64::from)
            };
        } else if verdict > 0 {
            let threshold = &self.spec.thresholds[usize::from(verdict) - 1];
            reject.step = &threshold.step;
            reject.rule = &threshold.rule;
            reject.reason = &threshold.rule;
            reject.threshold = Some(threshold.threshold);
            reject.value = match self.values.as_mut() {
                Some(values) => values.value(self.next_ordinal, &threshold.column)?,
                None => None,
            };
        } else if let Some(removal) = removal {
            let dedup = self
                .spec
                .dedup
                .as_ref()
                .expect("removals are only opened with a dedup outcome");
            let removal = Removal::decode(&removal).ok_or_else(|| EngineError::Damaged {
                path: self.spec.place.data.join(&dedup.removals.file),
                detail: format!("the removal of document {docref} has an unknown step"),
            })?;
            let is_exact = removal.step == RemovalStep::Exact;
            let (step, rule, threshold) = match removal.step {
                RemovalStep::Exact => (&dedup.exact_step, "exact_duplicate", Some(1.0)),
                RemovalStep::Near => (&dedup.near_step, "near_duplicate", dedup.min_similarity),
                RemovalStep::Semantic => (
                    &dedup.semantic_step,
                    "semantic_duplicate",
                    dedup.semantic_min_similarity,
                ),
            };
            reject.step = step.as_deref().unwrap_or("dedup");
            reject.rule = rule;
            reject.reason = rule;
            let similarity = removal.computed_similarity();
            reject.value = similarity.map(f64::from);
            reject.threshold = threshold;
            reject.duplicate_of = Some(self.key_of(removal.duplicate_of)?);
            reject.detail = self
                .old
                .is_old(removal.duplicate_of)
                .then(|| self.old.describe(removal.duplicate_of))
                .transpose()?;
            reject.similarity = similarity;
            reject.shared_bands = (!is_exact || removal.shared_bands > 0).then_some(removal.shared_bands);
        } else {
            let placed = match self.split.as_mut() {
                Some(split) => split.place(docref)?,
                None => Placed::On(Side::Train),
            };
            let cluster = match cluster {
                Some(cluster) => {
                    let first = u64::from_le_bytes(std::array::from_fn(|byte| cluster[8 + byte]));
                    Some(if self.old.is_old(first) {
                        self.old.group(first)?
                    } else {
                        self.key_of(first)?
                    })
                }
                None => None,
            };
            match placed {
                Placed::On(side) => {
                    let Some(refusal) = self.prepare(text, fields)? else {
                        return self.keep((docref, side), record, cluster, text, fields);
                    };
                    (reject.step, reject.rule) = (TOKENS_STEP, refusal.rule);
                    reject.value = Some(refusal.value as f64);
                    reject.threshold = Some(refusal.threshold as f64);
                }
                Placed::Left(left) => (reject.step, reject.rule) = (SPLIT_STEP, left.rule()),
                Placed::Straddles { other, similarity } => {
                    (reject.step, reject.rule) = (SPLIT_STEP, STRADDLES);
                    reject.value = Some(f64::from(similarity));
                    reject.threshold = self.spec.split.as_ref().map(|split| split.min_similarity);
                    reject.detail = Some(format!("held out: {:032x}", self.key_of(other)?));
                }
            }
            reject.reason = reject.rule;
        }
        self.reject(&reject)
    }

    fn reject(&mut self, reject: &Reject<'_>) -> Result<()> {
        *self
            .dropped
            .entry(format!("{}.{}", reject.step, reject.rule))
            .or_default() += 1;
        self.reject_rows.push(reject);
        Ok(())
    }

    /// Fills in which step left a document out, and why; `behind` counts verdicts behind those of the cuts.
    fn describe_choice<'row>(&mut self, behind: usize, docref: u64, reject: &mut Reject<'row>) -> Result<()>
    where
        'task: 'row,
    {
        let mut rule = behind;
        let found = self
            .spec
            .choices
            .iter()
            .zip(&mut self.choices)
            .find_map(|(choice, file)| {
                let found = choice.rules.get(rule);
                rule = rule.saturating_sub(choice.rules.len());
                found.map(|name| (choice, file, name))
            });
        let Some((choice, choices, rule)) = found else {
            return Err(EngineError::Spec(format!(
                "no step has the verdict of choice {behind}"
            )));
        };
        reject.step = &choice.step;
        reject.rule = rule;
        reject.reason = reject.rule;
        let Some(found) = choices.find(docref)? else {
            let path = self.spec.place.data.join(&choice.choices.file);
            let detail = format!("it does not hold document {docref}, which its step left out");
            return Err(EngineError::Damaged { path, detail });
        };
        let rank;
        (reject.value, reject.threshold, rank) = choice_facts(&found);
        reject.detail = rank.map(|rank| format!("number {rank} in the order of choosing"));
        Ok(())
    }

    /// Makes the rows of a document that teaches something; returns why there is none.
    fn prepare(&mut self, text: &str, fields: RowFields<'_>) -> Result<Option<Refusal>> {
        let (Some(supervisor), Some(tokenizer), Some(spec)) =
            (self.supervisor.as_mut(), &self.tokenizer, &self.spec.tokenizer)
        else {
            return Ok(None);
        };
        supervisor.prepare(tokenizer, &spec.end_of_text, text, fields.chat)
    }

    fn keep(
        &mut self,
        (docref, side): (u64, Side),
        record: &IndexRecord,
        cluster: Option<u128>,
        text: &str,
        fields: RowFields<'_>,
    ) -> Result<()> {
        let RowFields { id, metadata, .. } = fields;
        let number = self
            .split
            .as_mut()
            .map_or(0, |split| split.count(side, record.key));
        let mut num_tokens = 0;
        if let (Some(supervisor), Some(run)) = (self.supervisor.as_mut(), self.run.as_mut()) {
            let entry = &mut self.entry;
            entry.key = record.key;
            entry.doc = record.doc;
            entry.id = id.map(str::to_owned);
            entry.label = fields.label.map(|label| supervisor.code(label)).transpose()?;
            let position = shuffle_position(self.spec, record.key);
            for part in std::mem::take(&mut supervisor.parts) {
                entry.tokens = part.tokens;
                entry.mask = part.mask;
                num_tokens += entry.tokens.len() as u32;
                run.push_part(number, position, docref, entry)?;
            }
            let counts = run.counts(number);
            counts.documents += 1;
            supervisor.count(counts.supervised.get_or_insert_default(), fields.label);
        } else if let (Some(tokenizer), Some(run)) = (&self.tokenizer, self.run.as_mut()) {
            let entry = &mut self.entry;
            entry.key = record.key;
            entry.doc = record.doc;
            entry.id = id.map(str::to_owned);
            entry.tokens.clear();
            tokenizer.encode_into(text, &mut entry.tokens)?;
            if let Some(spec) = &self.spec.tokenizer {
                entry.tokens.extend_from_slice(&spec.end_of_text);
            }
            num_tokens = entry.tokens.len() as u32;
            let position = shuffle_position(self.spec, record.key);
            run.push(number, position, docref, entry)?;
        }
        self.kept_rows.push(&Kept {
            doc: record.doc,
            key: record.key,
            id,
            split: side.name(),
            text,
            metadata,
            cluster,
            num_tokens,
        });
        self.kept_docs.push(record.doc);
        self.kept += 1;
        Ok(())
    }

    fn key_of(&mut self, docref: u64) -> Result<u128> {
        if self.old.is_old(docref) {
            return self.old.key(docref);
        }
        let partition = (docref >> 32) as u32;
        let index = match self.other_indexes.entry(partition) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                let artefact = self
                    .spec
                    .indexes
                    .get(partition as usize)
                    .ok_or_else(|| EngineError::Spec(format!("no partition {partition}")))?;
                entry.insert(RecordFile::open(
                    &self.session.open(&self.spec.place.data, artefact)?,
                )?)
            }
        };
        Ok(IndexRecord::decode(&index.get(docref & 0xffff_ffff)?).key)
    }

    fn flush(&mut self) -> Result<()> {
        let source = &self.spec.source;
        let fail = EngineError::table("build", &self.spec.place.path("documents.parquet"));
        if let Some(batch) = self.kept_rows.take(source).map_err(fail)? {
            self.documents.write(&batch)?;
        }
        let fail = EngineError::table("build", &self.spec.place.path("rejects.parquet"));
        if let Some(batch) = self.reject_rows.take(source).map_err(fail)? {
            self.rejects.write(&batch)?;
        }
        Ok(())
    }

    fn copy_unreadable(&mut self) -> Result<u64> {
        let path = self.open_map("unreadable")?;
        let mut rows = 0;
        for batch in parquet_batches(&path)? {
            let batch = batch.map_err(EngineError::table("read", &path))?;
            rows += batch.num_rows() as u64;
            self.rejects.write(&batch)?;
        }
        Ok(rows)
    }

    /// Copies the edits of kept documents.
    fn copy_edits(&mut self) -> Result<()> {
        let place = &self.spec.place;
        let paths = self
            .spec
            .edits
            .iter()
            .map(|artefact| self.session.open(&place.data, artefact))
            .collect::<Result<Vec<_>>>()?;
        let (kept, edits) = (&self.kept_docs, &mut self.edits);
        edits::merge(
            &paths,
            |doc| kept.binary_search(&doc).is_ok(),
            |rows| edits.write(&rows),
        )
    }
}

/// Where a document goes among all of its split.
fn shuffle_position(spec: &TokeniseSpec, key: u128) -> u64 {
    if spec.shuffle {
        seeded_order(spec.seed, PURPOSE_SHUFFLE, key)
    } else {
        0
    }
}

/// What the map stage carried along of a document.
#[derive(Clone, Copy)]
struct RowFields<'row> {
    id: Option<&'row str>,
    metadata: Option<&'row str>,
    chat: Option<&'row str>,
    label: Option<&'row str>,
}

/// The carried columns that only some recipes have.
struct Extras<'batch> {
    chat: Option<&'batch LargeStringArray>,
    label: Option<&'batch StringArray>,
}

impl<'batch> Extras<'batch> {
    fn of(batch: &'batch RecordBatch) -> Self {
        let chat = batch.column_by_name("chat");
        let label = batch.column_by_name("label");
        Self {
            chat: chat.and_then(|column| column.as_any().downcast_ref()),
            label: label.and_then(|column| column.as_any().downcast_ref()),
        }
    }

    fn chat(&self, row: usize) -> Option<&'batch str> {
        let chat = self.chat.filter(|chat| chat.is_valid(row))?;
        Some(chat.value(row))
    }

    fn label(&self, row: usize) -> Option<&'batch str> {
        let label = self.label.filter(|label| label.is_valid(row))?;
        Some(label.value(row))
    }
}

fn open_output(spec: &TokeniseSpec, session: &Session, name: &str) -> Result<PathBuf> {
    let artefact = spec
        .map
        .get(name)
        .ok_or_else(|| EngineError::Spec(format!("the map task committed no `{name}`")))?;
    session.open(&spec.place.data, artefact)
}

fn parquet_batches(path: &std::path::Path) -> Result<parquet::arrow::arrow_reader::ParquetRecordBatchReader> {
    let file = File::open(path).map_err(EngineError::io("open", path))?;
    ParquetRecordBatchReaderBuilder::try_new(file)
        .and_then(|builder| builder.with_batch_size(4096).build())
        .map_err(EngineError::table("read", path))
}

fn string_column<'batch>(batch: &'batch RecordBatch, name: &str) -> Result<&'batch StringArray> {
    batch
        .column_by_name(name)
        .and_then(|column| column.as_any().downcast_ref())
        .ok_or_else(|| EngineError::Spec(format!("no string column `{name}`")))
}
