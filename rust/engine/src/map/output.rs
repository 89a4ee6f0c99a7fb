//! What a map task writes: texts, index, dedup keys, signals, edits and the documents that could not be read.

use std::collections::BTreeMap;
use std::sync::Arc;

use arrow_array::builder::{StringBuilder, UInt32Builder, UInt64Builder};
use arrow_array::{ArrayRef, BooleanArray, RecordBatch, StringArray, UInt32Array, UInt64Array};
use arrow_ipc::CompressionType;
use arrow_ipc::writer::{FileWriter, IpcWriteOptions};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::filter::filter_record_batch;
use gristmill_core::edit::EditLog;
use gristmill_core::hash::content_hash;
use gristmill_core::minhash::MinHasher;
use gristmill_core::segment::Segmentation;
use gristmill_core::units::Normalisation;

use crate::commit::{Artefact, DataFile, TaskPlace};
use crate::dedup::{BandRunWriter, ExactRunWriter};
use crate::error::{EngineError, Result};
use crate::index::IndexRecord;
use crate::map::batch::{DocumentBatch, key_array, repeated};
use crate::map::spec::{MapSpec, RankSpec};
use crate::map::steps::Sink;
use crate::map::vectors::VectorOutput;
use crate::schema::{self, TableFile};
use crate::shingle_ids::ShingleIds;
use crate::task::Session;

/// Edits of the current batch, as columns.
#[derive(Default)]
pub struct EditRows {
    docs: UInt64Builder,
    keys: Vec<u128>,
    steps: StringBuilder,
    parts: StringBuilder,
    sequences: UInt32Builder,
    starts: UInt32Builder,
    ends: UInt32Builder,
    before: StringBuilder,
    after: StringBuilder,
}

impl EditRows {
    /// Appends what a step did to one document.
    pub fn push(&mut self, doc: u64, key: u128, step: &str, log: &EditLog) {
        for (sequence, edit) in log.iter().enumerate() {
            self.docs.append_value(doc);
            self.keys.push(key);
            self.steps.append_value(step);
            self.parts.append_value(edit.part);
            self.sequences.append_value(sequence as u32);
            self.starts.append_value(edit.start);
            self.ends.append_value(edit.end);
            self.before.append_value(edit.before);
            self.after.append_value(edit.after);
        }
    }

    /// The rows so far; starts anew.
    ///
    /// # Errors
    /// Never for rows pushed through [`Self::push`]; Arrow checks them again.
    pub(crate) fn take(
        &mut self,
        schema: SchemaRef,
    ) -> std::result::Result<RecordBatch, arrow_schema::ArrowError> {
        let keys = std::mem::take(&mut self.keys);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(self.docs.finish()),
            Arc::new(key_array(keys.into_iter())),
            Arc::new(self.steps.finish()),
            Arc::new(self.parts.finish()),
            Arc::new(self.sequences.finish()),
            Arc::new(self.starts.finish()),
            Arc::new(self.ends.finish()),
            Arc::new(self.before.finish()),
            Arc::new(self.after.finish()),
        ];
        RecordBatch::try_new(schema, columns)
    }
}

/// A document that left the flow before it could be judged.
#[derive(Debug, Clone)]
pub struct Unreadable {
    /// File ordinal and row.
    pub doc: u64,
    /// Stable identity.
    pub key: u128,
    /// The user's identifier, where it could be read.
    pub id: Option<String>,
    /// `read`, or the step whose plugin failed.
    pub step: String,
    /// What was wrong, as a code.
    pub reason: String,
    /// What was wrong, in words.
    pub detail: String,
    /// The beginning of what stood there.
    pub excerpt: String,
}

/// What a document contributes to dedup, collected while its segmentation is at hand.
struct KeySink<'task> {
    hasher: Option<&'task mut MinHasher>,
    ids: Option<&'task mut ShingleIds>,
    band_keys: Vec<u64>,
    has_bands: Vec<bool>,
    failure: Option<EngineError>,
}

impl Sink for KeySink<'_> {
    fn needs_segmentation(&self) -> bool {
        self.hasher
            .as_ref()
            .is_some_and(|hasher| hasher.reads_segmentation())
    }

    fn document(&mut self, _row: usize, text: &str, segmentation: &Segmentation) {
        let Some(hasher) = self.hasher.as_mut() else {
            return;
        };
        let has_bands = match self.ids.as_mut().map(|ids| ids.of(text)) {
            None => hasher.band_keys(text, segmentation, &mut self.band_keys),
            Some(Ok(ids)) => hasher.band_keys_of_ids(ids, &mut self.band_keys),
            Some(Err(error)) => {
                self.failure.get_or_insert(error);
                false
            }
        };
        self.has_bands.push(has_bands);
    }
}

/// Band keys of a batch: `bands` keys for each document that has any.
pub struct BatchKeys {
    band_keys: Vec<u64>,
    has_bands: Vec<bool>,
}

/// The files of a map task while they are written.
pub struct MapOutput {
    source: String,
    source_ordinal: u16,
    rank: RankSpec,
    excerpt_characters: usize,
    text: DataFile,
    index: DataFile,
    carried: FileWriter<DataFile>,
    carried_schema: SchemaRef,
    signals: Option<(TableFile, SchemaRef)>,
    signal_fields: Vec<Field>,
    edits: TableFile,
    unreadable: TableFile,
    exact: Option<ExactRunWriter>,
    exact_normalise: Normalisation,
    compared: String,
    bands: Option<(BandRunWriter, usize)>,
    vectors: Option<VectorOutput>,
    hasher: Option<MinHasher>,
    ids: Option<ShingleIds>,
    num_readable: u32,
    num_unreadable: BTreeMap<String, u64>,
    text_bytes: u64,
}

impl MapOutput {
    /// Opens every file of the task.
    ///
    /// # Errors
    /// When a file cannot be created.
    pub fn create(spec: &MapSpec, signal_fields: Vec<Field>, session: &Session) -> Result<Self> {
        let place = &spec.place;
        let carried_schema = schema::carried(spec.chat, spec.label.is_some());
        let carried_file = place.create("carried.arrow")?;
        let carried_path = carried_file.path().to_owned();
        let options = IpcWriteOptions::default()
            .try_with_compression(Some(CompressionType::ZSTD))
            .map_err(EngineError::table("configure", &carried_path))?;
        let carried = FileWriter::try_new_with_options(carried_file, &carried_schema, options)
            .map_err(EngineError::table("write", &carried_path))?;
        let memory = spec.sort_memory_bytes;
        let hasher = spec.minhash.map(MinHasher::new).transpose()?;
        let tokenizer = spec.shingle_tokenizer.as_ref();
        let ids = match &spec.minhash {
            Some(config) => ShingleIds::for_unit(config.shingles.unit, tokenizer, |tokenizer| {
                session.tokenizer(tokenizer)
            })?,
            None => None,
        };
        let bands = spec.minhash.as_ref().map(|config| config.bands as usize);
        Ok(Self {
            source: spec.source.name.clone(),
            source_ordinal: spec.source.ordinal,
            rank: spec.rank.clone(),
            excerpt_characters: spec.excerpt_characters,
            text: place.create("text.bin")?,
            index: place.create("index.bin")?,
            carried,
            carried_schema,
            signals: None,
            signal_fields,
            edits: TableFile::create(place, "edits.parquet", schema::edits())?,
            unreadable: TableFile::create(place, "unreadable.parquet", schema::rejects())?,
            exact: spec
                .exact
                .then(|| ExactRunWriter::new(&place.scratch, memory / 4))
                .transpose()?,
            exact_normalise: spec.exact_normalise,
            compared: String::new(),
            bands: bands
                .map(|bands| {
                    Ok::<_, EngineError>((BandRunWriter::new(&place.scratch, bands, memory)?, bands))
                })
                .transpose()?,
            vectors: spec
                .semantic
                .as_ref()
                .map(|semantic| VectorOutput::create(place, semantic, memory / 4))
                .transpose()?,
            hasher,
            ids,
            num_readable: 0,
            num_unreadable: BTreeMap::new(),
            text_bytes: 0,
        })
    }

    /// Runs `body` with the sink that collects dedup keys.
    ///
    /// # Errors
    /// When the tokenizer refuses a text.
    pub fn collect_keys(&mut self, body: impl FnOnce(&mut dyn Sink) -> Result<()>) -> Result<BatchKeys> {
        let mut sink = KeySink {
            hasher: self.hasher.as_mut(),
            ids: self.ids.as_mut(),
            failure: None,
            band_keys: Vec::new(),
            has_bands: Vec::new(),
        };
        body(&mut sink)?;
        match sink.failure {
            Some(error) => Err(error),
            None => Ok(BatchKeys {
                band_keys: sink.band_keys,
                has_bands: sink.has_bands,
            }),
        }
    }

    /// Whether the dedup keys of documents are made of their segmentations.
    pub fn reads_segmentation(&self) -> bool {
        self.hasher.as_ref().is_some_and(MinHasher::reads_segmentation)
    }

    /// Writes the documents of a batch that are still in the flow.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write(
        &mut self,
        place: &TaskPlace,
        batch: &DocumentBatch,
        keys: &BatchKeys,
        edits: &mut EditRows,
    ) -> Result<()> {
        let edit_path = place.path("edits.parquet");
        let edit_rows = edits
            .take(schema::edits())
            .map_err(EngineError::table("build", &edit_path))?;
        if edit_rows.num_rows() > 0 {
            self.edits.write(&edit_rows)?;
        }
        let mut next_band = 0;
        for row in 0..batch.len() {
            let has_bands = keys.has_bands.get(row).copied().unwrap_or(false);
            let width = self
                .bands
                .as_ref()
                .map_or(0, |(_, bands)| if has_bands { *bands } else { 0 });
            let band_keys = &keys.band_keys[next_band..next_band + width];
            next_band += width;
            if !batch.alive[row] {
                continue;
            }
            let text = batch.texts.get(row);
            let record = IndexRecord {
                key: batch.keys[row],
                doc: batch.docs[row],
                text_offset: self.text.position(),
                rank: self.rank_of(batch, row),
                text_bytes: text.len() as u32,
                source: self.source_ordinal,
                flags: 0,
            };
            self.index.append(&record.encode())?;
            self.text.append(text.as_bytes())?;
            self.text_bytes += text.len() as u64;
            if let Some(exact) = self.exact.as_mut() {
                let compared = self.exact_normalise.apply(text, &mut self.compared);
                exact.push(content_hash(compared.as_bytes()), self.num_readable)?;
            }
            if let (Some((bands, _)), true) = (self.bands.as_mut(), has_bands) {
                bands.push(self.num_readable, band_keys)?;
            }
            if let Some(vectors) = self.vectors.as_mut() {
                vectors.push(self.num_readable, batch.embeddings.get(row))?;
            }
            self.num_readable += 1;
        }
        self.write_tables(place, batch)
    }

    fn write_tables(&mut self, place: &TaskPlace, batch: &DocumentBatch) -> Result<()> {
        let rows = batch.len();
        let alive = BooleanArray::from(batch.alive.clone());
        let path = place.path("signals.parquet");
        let docs: ArrayRef = Arc::new(UInt64Array::from(batch.docs.clone()));
        let keys: ArrayRef = Arc::new(key_array(batch.keys.iter().copied()));
        let ids: ArrayRef = Arc::new(batch.ids.iter().map(Option::as_deref).collect::<StringArray>());
        let lengths: Vec<u32> = (0..rows).map(|row| batch.texts.get(row).len() as u32).collect();
        let mut arrays = vec![
            Arc::clone(&docs),
            Arc::clone(&keys),
            Arc::clone(&ids),
            repeated(&self.source, rows),
            Arc::new(UInt32Array::from(batch.raw_bytes.clone())),
            Arc::new(UInt32Array::from(lengths)),
        ];
        arrays.extend(batch.columns.iter().map(|column| column.data.to_array()));
        let signal_schema = self.signal_schema();
        let signals = RecordBatch::try_new(Arc::clone(&signal_schema), arrays)
            .and_then(|signals| filter_record_batch(&signals, &alive))
            .map_err(EngineError::table("build", &path))?;
        if self.signals.is_none() {
            let file = TableFile::create(place, "signals.parquet", Arc::clone(&signal_schema))?;
            self.signals = Some((file, signal_schema));
        }
        if let Some((file, _)) = self.signals.as_mut() {
            file.write(&signals)?;
        }
        let metadata: ArrayRef = Arc::new(
            batch
                .metadata
                .iter()
                .map(Option::as_deref)
                .collect::<StringArray>(),
        );
        let mut columns = vec![docs, keys, ids, metadata];
        batch.supervised.carry(&self.carried_schema, rows, &mut columns);
        let carried = RecordBatch::try_new(Arc::clone(&self.carried_schema), columns)
            .and_then(|carried| filter_record_batch(&carried, &alive))
            .map_err(EngineError::table("build", &path))?;
        self.carried
            .write(&carried)
            .map_err(EngineError::table("write", &place.path("carried.arrow")))
    }

    fn signal_schema(&self) -> SchemaRef {
        let mut fields = schema::signals_head();
        fields.extend(self.signal_fields.iter().cloned());
        Arc::new(Schema::new(fields))
    }

    fn rank_of(&self, batch: &DocumentBatch, row: usize) -> u64 {
        let column_rank = |name: &String| {
            batch
                .column(name)
                .and_then(|column| column.data.number(row))
                .map(ordered_bits)
        };
        match &self.rank {
            RankSpec::First => 0,
            RankSpec::Last => batch.docs[row],
            RankSpec::Longest => batch.texts.get(row).len() as u64,
            RankSpec::Highest(column) => column_rank(column).unwrap_or(0),
            RankSpec::Lowest(column) => column_rank(column).map_or(0, |bits| !bits),
            RankSpec::Constant(rank) => *rank,
        }
    }

    /// Writes documents that left the flow.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_unreadable(&mut self, place: &TaskPlace, documents: &[Unreadable]) -> Result<()> {
        if documents.is_empty() {
            return Ok(());
        }
        let rows = documents.len();
        let strings = |read: fn(&Unreadable) -> &str| -> ArrayRef {
            Arc::new(
                documents
                    .iter()
                    .map(|document| Some(read(document)))
                    .collect::<StringArray>(),
            )
        };
        let columns: Vec<ArrayRef> = vec![
            Arc::new(
                documents
                    .iter()
                    .map(|document| Some(document.doc))
                    .collect::<UInt64Array>(),
            ),
            Arc::new(key_array(documents.iter().map(|document| document.key))),
            Arc::new(
                documents
                    .iter()
                    .map(|document| document.id.as_deref())
                    .collect::<StringArray>(),
            ),
            repeated(&self.source, rows),
            repeated("quarantined", rows),
            strings(|document| &document.step),
            strings(|document| &document.reason),
            strings(|document| &document.reason),
            arrow_array::new_null_array(&DataType::Float64, rows),
            arrow_array::new_null_array(&DataType::Float64, rows),
            arrow_array::new_null_array(&DataType::FixedSizeBinary(schema::KEY_BYTES), rows),
            arrow_array::new_null_array(&DataType::Float32, rows),
            arrow_array::new_null_array(&DataType::UInt16, rows),
            strings(|document| &document.detail),
            strings(|document| &document.excerpt),
        ];
        for document in documents {
            *self
                .num_unreadable
                .entry(format!("{}.{}", document.step, document.reason))
                .or_default() += 1;
        }
        let batch = RecordBatch::try_new(schema::rejects(), columns)
            .map_err(EngineError::table("build", &place.path("unreadable.parquet")))?;
        self.unreadable.write(&batch)
    }

    /// Characters of a text that a reject shows.
    pub fn excerpt_characters(&self) -> usize {
        self.excerpt_characters
    }

    /// Closes every file; the outputs by name, and the counts.
    ///
    /// # Errors
    /// When writing fails.
    pub fn finish(mut self, place: &TaskPlace) -> Result<(BTreeMap<String, Artefact>, serde_json::Value)> {
        let signal_schema = self.signal_schema();
        let readable = u64::from(self.num_readable);
        let mut outputs = BTreeMap::new();
        let mut put = |name: &str, artefact: Artefact| outputs.insert(name.to_owned(), artefact);
        put("text", self.text.finish(readable)?);
        put("index", self.index.finish(readable)?);
        let carried = self
            .carried
            .into_inner()
            .map_err(EngineError::table("write", &place.path("carried.arrow")))?;
        put("carried", carried.finish(readable)?);
        let signals = match self.signals.take() {
            Some((file, _)) => file,
            None => TableFile::create(place, "signals.parquet", signal_schema)?,
        };
        put("signals", signals.finish()?);
        put("edits", self.edits.finish()?);
        put("unreadable", self.unreadable.finish()?);
        if let Some(exact) = self.exact {
            let records = exact.finish(&place.path("exact.bin"))?;
            put("exact", place.adopt("exact.bin", records)?);
        }
        if let Some((bands, _)) = self.bands {
            let records = bands.finish(&place.path("bands.bin"))?;
            put("bands", place.adopt("bands.bin", records)?);
        }
        let mut counts = serde_json::json!({
            "readable": readable,
            "unreadable": self.num_unreadable,
            "text_bytes": self.text_bytes,
        });
        if let Some(vectors) = self.vectors {
            let (artefacts, vectors) = vectors.finish(place, readable)?;
            outputs.extend(artefacts);
            counts["vectors"] = vectors;
        }
        Ok((outputs, counts))
    }
}

/// Maps a float to bits whose unsigned order is the order of the floats (all of them above 0, which stands for null).
fn ordered_bits(value: f64) -> u64 {
    let bits = value.to_bits();
    if bits >> 63 == 0 { bits | (1 << 63) } else { !bits }
}

#[cfg(test)]
mod tests {
    use super::ordered_bits;

    #[test]
    fn float_order_is_kept_and_nothing_equals_null() {
        let values = [f64::MIN, -1.5, -0.0, 0.0, 1e-300, 2.0, f64::MAX];
        for pair in values.windows(2) {
            assert!(
                ordered_bits(pair[0]) < ordered_bits(pair[1]) || pair[0] == pair[1],
                "{pair:?}"
            );
        }
        assert!(ordered_bits(f64::MIN) > 0 && !ordered_bits(f64::MAX) > 0);
    }
}
