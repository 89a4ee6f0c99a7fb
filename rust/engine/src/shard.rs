//! Token shards: a k-way merge of every partition's token run into one Arrow IPC file of a split.
//!
//! The order of documents is that of (position, docref): a seeded global shuffle, or input order when every position is
//! zero. Shards cut that order into ranges, so each shard is a task of its own. Memory: a read buffer for each
//! partition, and one record batch. The layout is in `docs/concepts/shards.md`; it is the field's own Arrow file format.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap};
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;
use std::sync::Arc;

use arrow_array::builder::{
    Int16Builder, Int32Builder, ListBuilder, StringBuilder, UInt16Builder, UInt32Builder, UInt64Builder,
};
use arrow_array::{ArrayRef, DictionaryArray, RecordBatch, StringArray};
use arrow_ipc::writer::FileWriter;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::Deserialize;

use crate::commit::{Artefact, DataFile, TaskManifest, TaskPlace, commit};
use crate::error::{EngineError, Result};
use crate::index::RecordFile;
use crate::map::batch::key_array;
use crate::schema::KEY_BYTES;
use crate::task::Session;
use crate::tokenise::tokens::{ORDER_BYTES, OrderRecord, TokenEntry};

/// Tokens after which a record batch is closed.
const BATCH_TOKENS: usize = 1 << 20;
/// Rows after which a record batch is closed.
const BATCH_ROWS: usize = 4096;
/// Order records read at once from a partition.
const BUFFER_RECORDS: u64 = 512;
/// Bytes of a row beside its tokens, for sizing shards.
const ROW_BYTES: u64 = 64;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ShardSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// Token runs of all partitions, in order.
    pub runs: Vec<RunFiles>,
    /// Names of the sources, in plan order.
    pub sources: Vec<String>,
    /// First (position, docref) of the shard.
    pub start: (u64, u64),
    /// First (position, docref) behind it; none for the last shard.
    pub end: Option<(u64, u64)>,
    /// One more than the largest token id.
    pub vocabulary_size: u32,
    /// Whether there is a column of labels.
    #[serde(default)]
    pub has_labels: bool,
    /// Goes into the schema as it is.
    pub metadata: BTreeMap<String, String>,
}

/// The token run of a partition, for one split.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RunFiles {
    /// Position of the partition's source among the sources.
    pub source: i16,
    /// Entries.
    pub tokens: Artefact,
    /// Order records of the split.
    pub order: Artefact,
    /// Class of each label that the run's entries name by its code.
    #[serde(default)]
    pub labels: Vec<i32>,
}

/// The columns of a token shard.
pub fn schema(is_narrow: bool, has_labels: bool, metadata: &BTreeMap<String, String>) -> SchemaRef {
    let token = if is_narrow {
        DataType::UInt16
    } else {
        DataType::UInt32
    };
    let list = |item: DataType| DataType::List(Arc::new(Field::new("item", item, false)));
    let dictionary = DataType::Dictionary(Box::new(DataType::Int16), Box::new(DataType::Utf8));
    let mut fields = vec![
        Field::new("doc", DataType::UInt64, false),
        Field::new("key", DataType::FixedSizeBinary(KEY_BYTES), false),
        Field::new("id", DataType::Utf8, true),
        Field::new("source", dictionary, false),
        Field::new("tokens", list(token), false),
        Field::new("mask", list(DataType::UInt32), true),
    ];
    if has_labels {
        fields.push(Field::new("label", DataType::Int32, false));
    }
    let metadata = metadata
        .iter()
        .map(|(key, value)| (key.clone(), value.clone()))
        .collect::<HashMap<_, _>>();
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Whether token ids fit 16 bits.
pub fn is_narrow(vocabulary_size: u32) -> bool {
    vocabulary_size <= 1 << 16
}

/// Returns where each shard of a split starts, given the order files of its partitions in order.
///
/// Shuffled shards take equal ranges of the hash space, so their sizes differ by chance only; in input order they are
/// cut where `shard_bytes` is reached. There is always at least one.
///
/// # Errors
/// When an order file cannot be read.
pub fn plan(
    data: &std::path::Path,
    orders: &[Artefact],
    num_tokens: u64,
    vocabulary_size: u32,
    shard_bytes: u64,
    is_shuffled: bool,
    session: &Session,
) -> Result<Vec<(u64, u64)>> {
    let width = if is_narrow(vocabulary_size) { 2 } else { 4 };
    if is_shuffled {
        let documents: u64 = orders.iter().map(|order| order.rows).sum();
        let shards = (num_tokens * width + documents * ROW_BYTES)
            .div_ceil(shard_bytes)
            .max(1);
        let start = |shard: u64| ((u128::from(shard) << 64) / u128::from(shards)) as u64;
        return Ok((0..shards).map(|shard| (start(shard), 0)).collect());
    }
    let mut starts = vec![(0, 0)];
    let mut bytes = 0;
    for order in orders {
        session.check()?;
        let mut cursor = OrderCursor::open(session.open(data, order)?, 0)?;
        while let Some(record) = cursor.peek()? {
            let row_bytes = u64::from(record.num_tokens) * width + ROW_BYTES;
            if bytes > 0 && bytes + row_bytes > shard_bytes {
                starts.push((record.position, record.docref));
                bytes = 0;
            }
            bytes += row_bytes;
            cursor.advance();
        }
    }
    Ok(starts)
}

/// Runs the task.
///
/// # Errors
/// When an input is damaged or writing fails.
pub fn run(spec: &ShardSpec, session: &Session) -> Result<TaskManifest> {
    let place = &spec.place;
    let is_narrow = is_narrow(spec.vocabulary_size);
    let schema = schema(is_narrow, spec.has_labels, &spec.metadata);
    let mut cursors = Vec::with_capacity(spec.runs.len());
    let mut heap = BinaryHeap::with_capacity(spec.runs.len());
    for (index, run) in spec.runs.iter().enumerate() {
        let path = session.open(&place.data, &run.order)?;
        let order = RecordFile::<ORDER_BYTES>::open(&path)?;
        let first = order.lower_bound(|record| {
            let record = OrderRecord::decode(record);
            (record.position, record.docref) < spec.start
        })?;
        let mut cursor = OrderCursor::open(path, first)?;
        if let Some(record) = cursor.peek()? {
            heap.push(Reverse((record.position, record.docref, index)));
        }
        let tokens = session.open(&place.data, &run.tokens)?;
        let tokens_file = File::open(&tokens).map_err(EngineError::io("open", &tokens))?;
        cursors.push((cursor, tokens_file, tokens));
    }
    let mut writer = ShardWriter::create(place, schema, &spec.sources, is_narrow)?;
    let mut bytes = Vec::new();
    while let Some(Reverse((position, docref, index))) = heap.pop() {
        if spec.end.is_some_and(|end| (position, docref) >= end) {
            break;
        }
        let (cursor, tokens_file, path) = &mut cursors[index];
        let record = cursor
            .peek()?
            .ok_or_else(|| EngineError::Spec("an order file ended early".to_owned()))?;
        bytes.resize(record.entry_bytes as usize, 0);
        tokens_file
            .read_exact_at(&mut bytes, record.offset)
            .map_err(EngineError::io("read", path))?;
        let entry = TokenEntry::decode(&bytes).ok_or_else(|| EngineError::Damaged {
            path: path.clone(),
            detail: format!("no token entry at byte {}", record.offset),
        })?;
        writer.push(&entry, &spec.runs[index])?;
        if writer.is_full() {
            session.check()?;
            writer.flush()?;
        }
        cursor.advance();
        if let Some(next) = cursor.peek()? {
            heap.push(Reverse((next.position, next.docref, index)));
        }
    }
    let (artefact, documents, tokens) = writer.finish()?;
    let outputs = BTreeMap::from([("shard".to_owned(), artefact)]);
    commit(
        place,
        outputs,
        serde_json::json!({ "documents": documents, "tokens": tokens }),
    )
}

/// Reads an order file forward.
struct OrderCursor {
    file: RecordFile<ORDER_BYTES>,
    buffer: Vec<[u8; ORDER_BYTES]>,
    at: usize,
    next: u64,
}

impl OrderCursor {
    fn open(path: PathBuf, first: u64) -> Result<Self> {
        Ok(Self {
            file: RecordFile::open(&path)?,
            buffer: Vec::new(),
            at: 0,
            next: first,
        })
    }

    fn peek(&mut self) -> Result<Option<OrderRecord>> {
        if self.at == self.buffer.len() {
            let end = (self.next + BUFFER_RECORDS).min(self.file.len());
            if self.next == end {
                return Ok(None);
            }
            self.file.range(self.next, end, &mut self.buffer)?;
            self.next = end;
            self.at = 0;
        }
        Ok(Some(OrderRecord::decode(&self.buffer[self.at])))
    }

    fn advance(&mut self) {
        self.at += 1;
    }
}

/// The two widths of a token column.
enum TokenColumn {
    Narrow(ListBuilder<UInt16Builder>),
    Wide(ListBuilder<UInt32Builder>),
}

struct ShardWriter {
    path: PathBuf,
    schema: SchemaRef,
    writer: FileWriter<DataFile>,
    source_names: ArrayRef,
    docs: UInt64Builder,
    keys: Vec<u128>,
    ids: StringBuilder,
    sources: Int16Builder,
    tokens: TokenColumn,
    masks: ListBuilder<UInt32Builder>,
    num_masks: usize,
    has_labels: bool,
    labels: Int32Builder,
    last_doc: Option<u64>,
    batch_tokens: usize,
    num_rows: u64,
    num_documents: u64,
    num_tokens: u64,
}

impl ShardWriter {
    fn create(place: &TaskPlace, schema: SchemaRef, sources: &[String], is_narrow: bool) -> Result<Self> {
        let file = place.create("shard.arrow")?;
        let path = file.path().to_owned();
        let has_labels = schema.column_with_name("label").is_some();
        let writer = FileWriter::try_new(file, &schema).map_err(EngineError::table("write", &path))?;
        let field = |item| Arc::new(Field::new("item", item, false));
        let tokens = if is_narrow {
            TokenColumn::Narrow(ListBuilder::new(UInt16Builder::new()).with_field(field(DataType::UInt16)))
        } else {
            TokenColumn::Wide(ListBuilder::new(UInt32Builder::new()).with_field(field(DataType::UInt32)))
        };
        Ok(Self {
            path,
            schema,
            writer,
            source_names: Arc::new(StringArray::from_iter_values(sources)),
            docs: UInt64Builder::new(),
            keys: Vec::new(),
            ids: StringBuilder::new(),
            sources: Int16Builder::new(),
            tokens,
            masks: ListBuilder::new(UInt32Builder::new()).with_field(field(DataType::UInt32)),
            num_masks: 0,
            has_labels,
            labels: Int32Builder::new(),
            last_doc: None,
            batch_tokens: 0,
            num_rows: 0,
            num_documents: 0,
            num_tokens: 0,
        })
    }

    fn push(&mut self, entry: &TokenEntry, run: &RunFiles) -> Result<()> {
        if self.has_labels {
            let label = entry.label.and_then(|code| run.labels.get(code as usize));
            let label =
                label.ok_or_else(|| EngineError::Spec(format!("document {} has no class", entry.doc)))?;
            self.labels.append_value(*label);
        }
        match &entry.mask {
            Some(runs) => {
                self.masks.values().append_slice(runs);
                self.masks.append(true);
                self.num_masks += 1;
            }
            None => self.masks.append(false),
        }
        // Rows of one document follow each other.
        self.num_documents += u64::from(self.last_doc.replace(entry.doc) != Some(entry.doc));
        self.docs.append_value(entry.doc);
        self.keys.push(entry.key);
        self.ids.append_option(entry.id.as_deref());
        self.sources.append_value(run.source);
        match &mut self.tokens {
            TokenColumn::Wide(tokens) => {
                tokens.values().append_slice(&entry.tokens);
                tokens.append(true);
            }
            TokenColumn::Narrow(tokens) => {
                for &token in &entry.tokens {
                    let token = u16::try_from(token).map_err(|_| {
                        EngineError::Spec(format!("token id {token} in a vocabulary that fits 16 bits"))
                    })?;
                    tokens.values().append_value(token);
                }
                tokens.append(true);
            }
        }
        self.batch_tokens += entry.tokens.len();
        self.num_rows += 1;
        self.num_tokens += entry.tokens.len() as u64;
        Ok(())
    }

    fn is_full(&self) -> bool {
        self.batch_tokens >= BATCH_TOKENS || self.keys.len() >= BATCH_ROWS
    }

    fn flush(&mut self) -> Result<()> {
        let rows = self.keys.len();
        if rows == 0 {
            return Ok(());
        }
        let tokens: ArrayRef = match &mut self.tokens {
            TokenColumn::Narrow(tokens) => Arc::new(tokens.finish()),
            TokenColumn::Wide(tokens) => Arc::new(tokens.finish()),
        };
        let fail = || EngineError::table("build", &self.path);
        let sources =
            DictionaryArray::try_new(self.sources.finish(), Arc::clone(&self.source_names)).map_err(fail())?;
        let masks: ArrayRef = Arc::new(self.masks.finish());
        let mut columns: Vec<ArrayRef> = vec![
            Arc::new(self.docs.finish()),
            Arc::new(key_array(std::mem::take(&mut self.keys).into_iter())),
            Arc::new(self.ids.finish()),
            Arc::new(sources),
            tokens,
            match std::mem::take(&mut self.num_masks) {
                0 => arrow_array::new_null_array(self.schema.field(5).data_type(), rows),
                _ => masks,
            },
        ];
        if self.has_labels {
            columns.push(Arc::new(self.labels.finish()));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns).map_err(fail())?;
        self.batch_tokens = 0;
        self.writer
            .write(&batch)
            .map_err(EngineError::table("write", &self.path))
    }

    fn finish(mut self) -> Result<(Artefact, u64, u64)> {
        self.flush()?;
        let file = self
            .writer
            .into_inner()
            .map_err(EngineError::table("write", &self.path))?;
        Ok((file.finish(self.num_rows)?, self.num_documents, self.num_tokens))
    }
}
