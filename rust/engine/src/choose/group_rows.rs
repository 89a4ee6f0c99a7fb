//! The group-rows task: the documents of a partition that belong to a group, with the columns that a plugin decides by,
//! laid out by ranges of groups so that each range can be read from all partitions.
//!
//! The table is an Arrow file. Whenever a batch of rows is full it is written as one record batch a range, empty ones
//! too: those of range `r` are the batches `r`, `r + ranges`, `r + 2 * ranges` and so on. Rows of a range stand in input
//! order. A document without a value in the column is in no group and has no row.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::LargeStringBuilder;
use arrow_array::{ArrayRef, RecordBatch, UInt32Array, UInt64Array};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::take::take;
use gristmill_core::hash::content_hash;
use serde::Deserialize;

use super::flow::Flow;
use super::strata::name_of;
use crate::commit::{Artefact, DataFile, TaskManifest, TaskPlace, commit};
use crate::cut::texts::TextStream;
use crate::decide::SignalColumns;
use crate::dedup::formats::{Records, VERDICT_BYTES};
use crate::dedup::stages::PartitionSpec;
use crate::error::{EngineError, Result};
use crate::external_sort::{FileRun, SortedSource};
use crate::task::Session;

/// Rows of signals read at a time.
const BATCH_ROWS: usize = 4096;
/// Bytes of text after which a batch is written.
const TEXT_BYTES: usize = 8 << 20;
/// Read buffer of the verdicts.
const BUFFER_BYTES: u64 = 64 << 10;

/// Description of the task; its index is that of the partition.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GroupRowsSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The partition, with the verdicts that the step before left.
    pub partition: PartitionSpec,
    /// What dedup removed, of all partitions; none without dedup.
    pub removals: Option<Artefact>,
    /// Signals of the partition.
    pub signals: Artefact,
    /// The column whose values are the groups.
    pub by: String,
    /// Columns that travel along.
    pub columns: Vec<String>,
    /// Whether the texts do.
    pub has_text: bool,
    /// How many ranges there are.
    pub ranges: u32,
}

/// Runs the task. Memory: 4,096 rows of the columns, and 8 MiB of text and the longest document where texts travel along.
/// Time: one pass.
///
/// # Errors
/// When an input is damaged or writing fails; nothing is committed then.
pub fn run(spec: &GroupRowsSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let mut names: Vec<&str> = spec.columns.iter().map(String::as_str).collect();
    names.push(&spec.by);
    names.sort_unstable();
    names.dedup();
    let mut signals = SignalColumns::open(session.open(&place.data, &spec.signals)?, &names, BATCH_ROWS)?;
    let mut documents = Documents::open(spec, session)?;
    let mut output = Output::create(spec)?;
    let (mut in_flow, mut in_groups) = (0_u64, 0_u64);
    while let Some(batch) = signals.next_batch()? {
        session.check()?;
        let by = column(&batch, &spec.by)?;
        let mut rows = Rows::new(spec.has_text);
        for row in 0..batch.num_rows() {
            let (ordinal, text) = documents.next(session)?;
            let Some(ordinal) = ordinal else { continue };
            in_flow += 1;
            let Some(group) = name_of(&by, row) else { continue };
            in_groups += 1;
            rows.push(row as u32, ordinal, &group, text);
            if rows.text_bytes >= TEXT_BYTES {
                output.write(
                    spec,
                    &batch,
                    std::mem::replace(&mut rows, Rows::new(spec.has_text)),
                )?;
            }
        }
        output.write(spec, &batch, rows)?;
    }
    documents.check_end(spec)?;
    let (rows, ranges) = output.finish(in_groups)?;
    commit(
        place,
        BTreeMap::from([("rows".to_owned(), rows)]),
        serde_json::json!({ "documents": in_flow, "in_groups": in_groups, "ranges": ranges }),
    )
}

fn column(batch: &RecordBatch, name: &str) -> Result<ArrayRef> {
    let found = batch.column_by_name(name).cloned();
    found.ok_or_else(|| EngineError::Spec(format!("signals have no column `{name}`")))
}

/// Which documents are in the flow, and their texts where these are wanted.
enum Documents {
    Narrow {
        verdicts: FileRun<VERDICT_BYTES>,
        flow: Flow,
        next: u32,
    },
    WithTexts {
        texts: Box<TextStream>,
        flow: Flow,
        next: u32,
        text: String,
    },
}

impl Documents {
    fn open(spec: &GroupRowsSpec, session: &Session) -> Result<Self> {
        let place = &spec.place;
        let flow = Flow::open(spec.removals.as_ref(), place.index, &place.data, session)?;
        if spec.has_text {
            let texts = Box::new(TextStream::open(&spec.partition, &place.data, session)?);
            return Ok(Self::WithTexts {
                texts,
                flow,
                next: 0,
                text: String::new(),
            });
        }
        let path = session.open(&place.data, &spec.partition.verdict)?;
        let documents = u64::from(spec.partition.num_documents);
        let verdicts = Records::<VERDICT_BYTES>::open_with_count(&path, documents)?.stream(BUFFER_BYTES);
        Ok(Self::Narrow {
            verdicts,
            flow,
            next: 0,
        })
    }

    /// The next document of the partition: its ordinal if it is in the flow, and its text.
    fn next(&mut self, session: &Session) -> Result<(Option<u32>, &str)> {
        let missing = |next: u32| EngineError::Spec(format!("signals go on behind document {next}"));
        match self {
            Self::Narrow { verdicts, flow, next } => {
                let verdict = verdicts.next_record()?.ok_or_else(|| missing(*next))?;
                let ordinal = *next;
                *next += 1;
                let holds = flow.holds(ordinal, u16::from_le_bytes(*verdict))?;
                Ok((holds.then_some(ordinal), ""))
            }
            Self::WithTexts {
                texts,
                flow,
                next,
                text,
            } => {
                session.check()?;
                let stored = texts.next_text()?.ok_or_else(|| missing(*next))?;
                *next += 1;
                let holds = flow.holds(stored.ordinal, stored.verdict)?;
                text.clear();
                if holds {
                    text.push_str(stored.text);
                }
                Ok((holds.then_some(stored.ordinal), text))
            }
        }
    }

    fn check_end(&self, spec: &GroupRowsSpec) -> Result<()> {
        let (Self::Narrow { next, .. } | Self::WithTexts { next, .. }) = self;
        if *next == spec.partition.num_documents {
            return Ok(());
        }
        let detail = format!("signals end before document {next}");
        Err(EngineError::Spec(detail))
    }
}

/// Rows that wait to be written.
struct Rows {
    taken: Vec<u32>,
    ordinals: Vec<u32>,
    hashes: Vec<u64>,
    groups: Vec<String>,
    texts: Option<Vec<String>>,
    text_bytes: usize,
}

impl Rows {
    fn new(has_text: bool) -> Self {
        Self {
            taken: Vec::new(),
            ordinals: Vec::new(),
            hashes: Vec::new(),
            groups: Vec::new(),
            texts: has_text.then(Vec::new),
            text_bytes: 0,
        }
    }

    fn push(&mut self, row: u32, ordinal: u32, group: &str, text: &str) {
        self.taken.push(row);
        self.ordinals.push(ordinal);
        self.hashes.push(group_hash(group));
        self.text_bytes += group.len();
        self.groups.push(group.to_owned());
        if let Some(texts) = &mut self.texts {
            self.text_bytes += text.len();
            texts.push(text.to_owned());
        }
    }
}

/// What groups are divided into ranges by, and ordered within them.
fn group_hash(group: &str) -> u64 {
    (content_hash(group.as_bytes()) >> 64) as u64
}

/// Range of a hash: hashes ascend through the ranges.
fn range_of(hash: u64, ranges: u32) -> usize {
    ((u128::from(hash) * u128::from(ranges)) >> 64) as usize
}

/// The table while it is written.
struct Output {
    path: PathBuf,
    writer: Option<FileWriter<DataFile>>,
    schema: Option<SchemaRef>,
    place: TaskPlace,
    documents: Vec<u64>,
}

impl Output {
    fn create(spec: &GroupRowsSpec) -> Result<Self> {
        Ok(Self {
            path: spec.place.path("rows.arrow"),
            writer: None,
            schema: None,
            place: spec.place.clone(),
            documents: vec![0; spec.ranges as usize],
        })
    }

    /// Writes rows as one batch a range; nothing without rows.
    fn write(&mut self, spec: &GroupRowsSpec, batch: &RecordBatch, rows: Rows) -> Result<()> {
        if rows.taken.is_empty() {
            return Ok(());
        }
        let schema = self.open(spec, batch)?;
        let mut of_ranges: Vec<Vec<u32>> = vec![Vec::new(); self.documents.len()];
        for (place, &hash) in (0_u32..).zip(&rows.hashes) {
            of_ranges[range_of(hash, spec.ranges)].push(place);
        }
        for (range, places) in of_ranges.iter().enumerate() {
            self.documents[range] += places.len() as u64;
            let part = part(spec, batch, &rows, places, &schema)?;
            if let Some(writer) = &mut self.writer {
                writer
                    .write(&part)
                    .map_err(EngineError::table("write", &self.path))?;
            }
        }
        Ok(())
    }

    /// Opens the file with the first batch, whose columns say what types they have.
    fn open(&mut self, spec: &GroupRowsSpec, batch: &RecordBatch) -> Result<SchemaRef> {
        if let Some(schema) = &self.schema {
            return Ok(Arc::clone(schema));
        }
        let mut fields = vec![
            Field::new("ordinal", DataType::UInt32, false),
            Field::new("hash", DataType::UInt64, false),
            Field::new("group", DataType::LargeUtf8, false),
        ];
        if spec.has_text {
            fields.push(Field::new("text", DataType::LargeUtf8, false));
        }
        for name in &spec.columns {
            fields.push(Field::new(name, column(batch, name)?.data_type().clone(), true));
        }
        let schema = Arc::new(Schema::new(fields));
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))
            .map_err(EngineError::table("configure", &self.path))?;
        let file = self.place.create("rows.arrow")?;
        let writer = FileWriter::try_new_with_options(file, &schema, options)
            .map_err(EngineError::table("write", &self.path))?;
        self.writer = Some(writer);
        self.schema = Some(Arc::clone(&schema));
        Ok(schema)
    }

    /// Ends the file; that of a partition without a document in a group is empty.
    fn finish(self, rows: u64) -> Result<(Artefact, Vec<u64>)> {
        let file = match self.writer {
            Some(writer) => writer
                .into_inner()
                .map_err(EngineError::table("write", &self.path))?,
            None => self.place.create("rows.arrow")?,
        };
        Ok((file.finish(rows)?, self.documents))
    }
}

/// Some of the rows, with their columns.
fn part(
    spec: &GroupRowsSpec,
    batch: &RecordBatch,
    rows: &Rows,
    places: &[u32],
    schema: &SchemaRef,
) -> Result<RecordBatch> {
    let at = |place: &u32| *place as usize;
    let taken = UInt32Array::from_iter_values(places.iter().map(|place| rows.taken[at(place)]));
    let mut arrays: Vec<ArrayRef> = vec![
        Arc::new(UInt32Array::from_iter_values(
            places.iter().map(|place| rows.ordinals[at(place)]),
        )),
        Arc::new(UInt64Array::from_iter_values(
            places.iter().map(|place| rows.hashes[at(place)]),
        )),
        strings(places.iter().map(|place| rows.groups[at(place)].as_str())),
    ];
    if let Some(texts) = &rows.texts {
        arrays.push(strings(places.iter().map(|place| texts[at(place)].as_str())));
    }
    for name in &spec.columns {
        let found = take(&column(batch, name)?, &taken, None);
        arrays.push(found.map_err(|error| EngineError::Spec(error.to_string()))?);
    }
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|error| EngineError::Spec(error.to_string()))
}

fn strings<'text>(values: impl Iterator<Item = &'text str>) -> ArrayRef {
    let mut builder = LargeStringBuilder::new();
    values.for_each(|value| builder.append_value(value));
    Arc::new(builder.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_ascend_through_all_ranges() {
        let mut hashes: Vec<u64> = (0..2000).map(|number| group_hash(&number.to_string())).collect();
        hashes.sort_unstable();
        let ranges: Vec<usize> = hashes.iter().map(|&hash| range_of(hash, 7)).collect();
        assert!(ranges.is_sorted());
        assert_eq!(ranges.first().zip(ranges.last()), Some((&0, &6)));
        assert!((0..7).all(|range| ranges.iter().filter(|&&found| found == range).count() > 200));
        assert_eq!((range_of(u64::MAX, 1), range_of(u64::MAX, 1024)), (0, 1023));
    }
}
