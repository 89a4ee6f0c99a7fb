//! Documents from Parquet, a few rows at a time.
//!
//! Strings are read as views into the pages that hold them, so that a dictionary entry used by a million rows
//! takes its space once; the footer's own sizes are not trusted beyond choosing how many rows to ask for.
//! Page checksums are verified where the file has them. The decoder may panic on damaged files; that is
//! caught here, at the edge.

use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
};

use super::arrow_json::{is_supported, push_cell};
use super::decompress::digest_file;
use super::floats::{FloatLists, is_float_list};
use super::json::push_string;
use super::sink::{RawRecord, Sink};
use super::{ColumnKind, ColumnSpec, FileDigest, RawBatch, ReadError, ReaderConfig, RecordFault};

/// Streams a Parquet file.
pub(super) struct ParquetReader {
    sink: Sink,
    /// Nothing for an empty file.
    batches: Option<ParquetRecordBatchReader>,
    columns: Columns,
    /// Rows decoded but not handed out, and the next of them.
    pending: Option<(RecordBatch, usize)>,
    metadata: String,
}

/// Where the fields of a record stand.
#[derive(Default)]
struct Columns {
    text: usize,
    id: Option<usize>,
    /// The columns that turns are read from, with their names.
    turns: Vec<(String, usize)>,
    /// Every other column, with its name as a JSON string and a colon.
    others: Vec<(usize, String)>,
    /// For each extracted column, where it stands, if anywhere.
    extracted: Vec<(String, Option<usize>)>,
    /// The same for columns of lists, which are not read as JSON.
    lists: Vec<(String, Option<usize>)>,
}

impl ParquetReader {
    pub(super) fn open(config: ReaderConfig) -> Result<Self, ReadError> {
        let path = config.path.clone();
        let open_error = |source| ReadError::Open {
            path: path.clone(),
            source,
        };
        let file = File::open(&path).map_err(open_error)?;
        let properties = file.metadata().map_err(open_error)?;
        if properties.is_dir() {
            return Err(open_error(std::io::ErrorKind::IsADirectory.into()));
        }
        if properties.len() == 0 {
            let columns = Columns::default();
            return Ok(Self {
                sink: Sink::new(config),
                batches: None,
                columns,
                pending: None,
                metadata: String::new(),
            });
        }
        let (batches, schema) = guard(&path, || open_batches(file, &config))?;
        let columns = Columns::find(&schema, &config)?;
        Ok(Self {
            sink: Sink::new(config),
            batches: Some(batches),
            columns,
            pending: None,
            metadata: String::new(),
        })
    }

    pub(super) fn fill(&mut self, batch: &mut RawBatch) -> Result<(), ReadError> {
        if self.batches.is_none() && self.sink.next_row == 0 {
            self.sink.push_empty_file(batch);
        }
        while !self.sink.is_full(batch) {
            let Some((rows, next)) = self.pending.take() else {
                if self.decode_more()? {
                    continue;
                }
                break;
            };
            if next < rows.num_rows() {
                read_row(
                    &mut self.sink,
                    &self.columns,
                    &mut self.metadata,
                    &rows,
                    next,
                    batch,
                );
                self.pending = Some((rows, next + 1));
            }
        }
        Ok(())
    }

    /// Decodes the next rows; false at the end of the file.
    fn decode_more(&mut self) -> Result<bool, ReadError> {
        let Some(batches) = &mut self.batches else {
            return Ok(false);
        };
        let path = &self.sink.config.path;
        let decoded = guard(path, || {
            batches.next().transpose().map_err(|error| error.to_string())
        })?;
        self.pending = decoded.map(|rows| (rows, 0));
        Ok(self.pending.is_some())
    }

    pub(super) fn digest(&self) -> Result<FileDigest, ReadError> {
        let (bytes, blake3_hex) = digest_file(&self.sink.config.path)?;
        Ok(FileDigest {
            bytes,
            blake3_hex,
            records: self.sink.next_row,
            blank_lines: 0,
            mismatches: self.sink.num_mismatches.clone(),
        })
    }
}

/// Runs the decoder and turns its errors, and its panics, into ours.
fn guard<Output>(path: &Path, decode: impl FnOnce() -> Result<Output, String>) -> Result<Output, ReadError> {
    match catch_unwind(AssertUnwindSafe(decode)) {
        Ok(outcome) => outcome.map_err(|reason| ReadError::Parquet {
            path: path.to_owned(),
            reason,
        }),
        Err(panic) => {
            let literal = panic.downcast_ref::<&str>().map(|message| (*message).to_owned());
            let reason = literal.or_else(|| panic.downcast_ref::<String>().cloned());
            let reason = reason.unwrap_or_else(|| "it panicked".to_owned());
            Err(ReadError::DecoderPanic {
                path: path.to_owned(),
                reason,
            })
        }
    }
}

fn open_batches(file: File, config: &ReaderConfig) -> Result<(ParquetRecordBatchReader, SchemaRef), String> {
    let options = ArrowReaderOptions::new();
    let stored = ArrowReaderMetadata::load(&file, options.clone()).map_err(|error| error.to_string())?;
    let options = options.with_schema(with_views(stored.schema()));
    let viewed = ArrowReaderMetadata::try_new(Arc::clone(stored.metadata()), options)
        .map_err(|error| error.to_string())?;
    let batch_rows = rows_of_a_batch(&viewed, config);
    let builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file, viewed).with_batch_size(batch_rows);
    let schema = Arc::clone(builder.schema());
    let batches = builder.build().map_err(|error| error.to_string())?;
    Ok((batches, schema))
}

/// Asks for strings and bytes at the top level as views, and for plain values instead of dictionaries
/// everywhere.
fn with_views(schema: &Schema) -> SchemaRef {
    let fields = schema.fields().iter().map(|field| {
        let data_type = match without_dictionaries(field.data_type()) {
            DataType::Utf8 | DataType::LargeUtf8 => DataType::Utf8View,
            DataType::Binary | DataType::LargeBinary => DataType::BinaryView,
            other => other,
        };
        field.as_ref().clone().with_data_type(data_type)
    });
    Arc::new(Schema::new_with_metadata(
        fields.collect::<Vec<_>>(),
        schema.metadata().clone(),
    ))
}

fn without_dictionaries(data_type: &DataType) -> DataType {
    let plain = |field: &Field| {
        Arc::new(
            field
                .clone()
                .with_data_type(without_dictionaries(field.data_type())),
        )
    };
    match data_type {
        DataType::Dictionary(_, values) => without_dictionaries(values),
        DataType::List(field) => DataType::List(plain(field)),
        DataType::LargeList(field) => DataType::LargeList(plain(field)),
        DataType::FixedSizeList(field, size) => DataType::FixedSizeList(plain(field), *size),
        DataType::Map(field, is_sorted) => DataType::Map(plain(field), *is_sorted),
        DataType::Struct(fields) => DataType::Struct(fields.iter().map(|field| plain(field)).collect()),
        other => other.clone(),
    }
}

/// Chooses rows such that by the footer's word a batch decodes to about `batch_bytes`.
fn rows_of_a_batch(metadata: &ArrowReaderMetadata, config: &ReaderConfig) -> usize {
    let row_groups = metadata.metadata().row_groups();
    let largest_row_bytes = row_groups
        .iter()
        .map(|group| group.total_byte_size().max(0) / group.num_rows().max(1))
        .max()
        .and_then(|bytes| usize::try_from(bytes).ok())
        .unwrap_or_default();
    (config.batch_bytes / largest_row_bytes.max(1)).clamp(1, config.batch_rows)
}

impl Columns {
    fn find(schema: &Schema, config: &ReaderConfig) -> Result<Self, ReadError> {
        let path = || config.path.clone();
        let position = |name: &str| schema.fields().iter().position(|field| field.name() == name);
        let required = |name: &str| {
            position(name).ok_or_else(|| ReadError::MissingColumn {
                path: path(),
                column: name.to_owned(),
                columns: schema.fields().iter().map(|field| field.name().clone()).collect(),
            })
        };
        let mut turns = Vec::new();
        let text = match &config.turns {
            None => required(&config.text_field)?,
            Some(spec) => {
                for name in spec.required() {
                    required(name)?;
                }
                let fields = spec.fields().into_iter();
                turns.extend(fields.filter_map(|name| Some((name.to_owned(), position(name)?))));
                // No column holds the text.
                usize::MAX
            }
        };
        let id = config.id_field.as_deref().and_then(position);
        if config.turns.is_none()
            && !matches!(
                schema.field(text).data_type(),
                DataType::Utf8View | DataType::BinaryView
            )
        {
            return Err(wrong_type(config, schema.field(text)));
        }
        let unsupported = schema
            .fields()
            .iter()
            .find(|field| !is_supported(field.data_type()));
        if let Some(field) = unsupported {
            let reason = format!(
                "column `{}` has the unsupported type {}",
                field.name(),
                field.data_type()
            );
            return Err(ReadError::Parquet { path: path(), reason });
        }
        let others = (0..schema.fields().len()).filter(|&index| index != text && Some(index) != id);
        let named = |index: usize| {
            let mut name = String::new();
            push_string(schema.field(index).name(), &mut name);
            name.push(':');
            (index, name)
        };
        let (lists, extracted): (Vec<_>, Vec<_>) = config
            .columns
            .iter()
            .partition(|column| column.kind == ColumnKind::Floats);
        let placed = |columns: Vec<&ColumnSpec>| {
            let place = |column: &ColumnSpec| (column.name.clone(), position(&column.name));
            columns.into_iter().map(place).collect::<Vec<_>>()
        };
        let lists = placed(lists);
        for &(_, place) in &lists {
            if let Some(field) = place.map(|place| schema.field(place))
                && !is_float_list(field.data_type())
            {
                return Err(ReadError::NotFloatLists {
                    path: path(),
                    column: field.name().clone(),
                    found: field.data_type().to_string(),
                });
            }
        }
        Ok(Self {
            text,
            id,
            turns,
            others: others.map(named).collect(),
            extracted: placed(extracted),
            lists,
        })
    }
}

fn wrong_type(config: &ReaderConfig, field: &Field) -> ReadError {
    ReadError::WrongColumnType {
        path: config.path.clone(),
        column: field.name().clone(),
        found: field.data_type().to_string(),
    }
}

fn read_row(
    sink: &mut Sink,
    columns: &Columns,
    metadata: &mut String,
    rows: &RecordBatch,
    row: usize,
    batch: &mut RawBatch,
) {
    let mut turns = String::new();
    let outcome = match &sink.config.turns {
        None => read_text(sink, columns, rows, row, batch),
        Some(spec) => {
            let cells: Vec<(&str, String)> = columns
                .turns
                .iter()
                .map(|&(ref name, column)| (name.as_str(), cell_json(rows, column, row)))
                .collect();
            let value_of = |name: &str| {
                let found = cells.iter().find(|(other, _)| *other == name);
                found.map(|(_, json)| json.as_str())
            };
            spec.collect(value_of, &mut batch.text, &mut turns)
                .and_then(|()| super::jsonl::check_length(batch, sink.config.max_document_bytes))
        }
    };
    if let Err((fault, detail)) = outcome {
        let raw = match sink.config.turns {
            None => raw_text(rows.column(columns.text).as_ref(), row).map(<[u8]>::to_vec),
            Some(_) => {
                collect_metadata(columns, rows, row, metadata);
                Some(metadata.as_bytes().to_vec())
            }
        };
        let record = RawRecord {
            raw: raw.as_deref().unwrap_or_default(),
            byte_offset: None,
        };
        sink.push_unreadable(batch, &record, fault, detail);
        return;
    }
    collect_metadata(columns, rows, row, metadata);
    let cell = |column: usize| cell_json(rows, column, row);
    let id = columns.id.map(cell);
    let extracted: Vec<(&str, Option<String>)> = columns
        .extracted
        .iter()
        .map(|(name, column)| (name.as_str(), column.map(cell)))
        .collect();
    let value_of = |name: &str| {
        extracted
            .iter()
            .find(|(other, _)| *other == name)
            .and_then(|(_, json)| json.as_deref())
    };
    let floats = |name: &str, lists: &mut FloatLists| {
        let place = columns.lists.iter().find(|(other, _)| other == name);
        match place.and_then(|&(_, column)| column) {
            Some(column) => lists.push_cell(rows.column(column).as_ref(), row),
            None => lists.push_missing(),
        }
    };
    sink.push_readable(batch, id.as_deref(), metadata, value_of, Some(&floats));
    if sink.config.turns.is_some() {
        batch.turns.push(Some(&turns));
    }
}

fn cell_json(rows: &RecordBatch, column: usize, row: usize) -> String {
    let mut json = String::new();
    push_cell(rows.column(column).as_ref(), row, &mut json);
    json
}

/// Appends the text of a row to the batch.
fn read_text(
    sink: &Sink,
    columns: &Columns,
    rows: &RecordBatch,
    row: usize,
    batch: &mut RawBatch,
) -> Result<(), (RecordFault, String)> {
    let max_bytes = sink.config.max_document_bytes;
    let text = raw_text(rows.column(columns.text).as_ref(), row)
        .ok_or_else(|| (RecordFault::TextIsNull, "the text is null".to_owned()))?;
    let text = std::str::from_utf8(text).map_err(|error| {
        let detail = format!("the text is not UTF-8 from its byte {} on", error.valid_up_to());
        (RecordFault::InvalidUtf8, detail)
    })?;
    if text.len() > max_bytes {
        let detail = format!("the text has {} bytes, more than {max_bytes}", text.len());
        return Err((RecordFault::TooLarge, detail));
    }
    batch.text.push_str(text);
    Ok(())
}

fn raw_text(texts: &dyn Array, row: usize) -> Option<&[u8]> {
    match texts.as_string_view_opt() {
        _ if texts.is_null(row) => None,
        Some(strings) => Some(strings.value(row).as_bytes()),
        None => texts.as_binary_view_opt().map(|bytes| bytes.value(row)),
    }
}

fn collect_metadata(columns: &Columns, rows: &RecordBatch, row: usize, metadata: &mut String) {
    metadata.clear();
    for (column, name) in &columns.others {
        metadata.push(if metadata.is_empty() { '{' } else { ',' });
        metadata.push_str(name);
        push_cell(rows.column(*column).as_ref(), row, metadata);
    }
    if !columns.others.is_empty() {
        metadata.push('}');
    }
}
