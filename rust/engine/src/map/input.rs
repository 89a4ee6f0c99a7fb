//! The files of a map task, one after the other, as batches of documents with their identities.

use std::collections::VecDeque;

use arrow_array::RecordBatch;
use serde::Serialize;

use crate::commit::digest_file;
use crate::error::{EngineError, Result};
use crate::map::batch::{DocumentBatch, Texts};
use crate::map::column::{ColumnData, NamedColumn};
use crate::map::foreign;
use crate::map::output::Unreadable;
use crate::map::spec::{FileSpec, MapSpec, OutputKind};
use crate::map::supervised::Supervised;
use crate::read::{
    ColumnKind, ColumnSpec, ColumnValues, FileReader, FloatLists, Format, RawBatch, ReaderConfig, Strings,
};

/// What was read of one file.
#[derive(Debug, Serialize)]
pub struct FileRead {
    /// Length of the file as it is stored.
    pub bytes: u64,
    /// Digest of the file as it is stored.
    pub digest: String,
    /// Records, unreadable ones included.
    pub documents: u64,
    /// Lines of white space between records.
    pub blank_lines: u64,
}

/// What [`Input::pull`] found.
pub enum Pulled {
    /// Documents.
    Batch(Box<DocumentBatch>),
    /// A plugin has to read from this file.
    NeedsFile(usize),
    /// Every file is read to its end.
    End,
}

/// The files of a task while they are read.
pub struct Input {
    files: Vec<FileSpec>,
    configs: Vec<ReaderConfig>,
    is_foreign: bool,
    current: usize,
    reader: Option<FileReader>,
    raw: RawBatch,
    fed: VecDeque<RecordBatch>,
    next_row: u64,
    read: Vec<FileRead>,
    error_context: String,
}

impl Input {
    /// Prepares to read the files of a task; opens none yet.
    ///
    /// # Errors
    /// When the format is unknown.
    pub fn new(spec: &MapSpec) -> Result<Self> {
        let configs = spec
            .files
            .iter()
            .map(|file| reader_config(spec, file))
            .collect::<Result<_>>()?;
        let files = spec
            .files
            .iter()
            .map(|file| FileSpec {
                ordinal: file.ordinal,
                path: file.path.clone(),
                relative_path: file.relative_path.clone(),
            })
            .collect();
        Ok(Self {
            files,
            configs,
            is_foreign: spec.source.foreign,
            current: 0,
            reader: None,
            raw: RawBatch::default(),
            fed: VecDeque::new(),
            next_row: 0,
            read: Vec::new(),
            error_context: spec.place.label(),
        })
    }

    /// The next documents; unreadable records are appended to `unreadable`.
    ///
    /// # Errors
    /// When a file cannot be read to its end.
    pub fn pull(&mut self, spec: &MapSpec, unreadable: &mut Vec<Unreadable>) -> Result<Pulled> {
        if self.is_foreign {
            return self.pull_foreign(spec, unreadable);
        }
        loop {
            let Some(file) = self.files.get(self.current) else {
                return Ok(Pulled::End);
            };
            let reader = match self.reader.as_mut() {
                Some(reader) => reader,
                None => self
                    .reader
                    .insert(FileReader::open(self.configs[self.current].clone())?),
            };
            if reader.next_batch(&mut self.raw)? {
                take_unreadable(file, &mut self.raw, unreadable);
                if !self.raw.rows.is_empty() {
                    return Ok(Pulled::Batch(Box::new(documents(file, spec, &mut self.raw))));
                }
                continue;
            }
            if let Some(reader) = self.reader.take() {
                let digest = reader.finish()?;
                self.read.push(FileRead {
                    bytes: digest.bytes,
                    digest: format!("blake3:{}", digest.blake3_hex),
                    documents: digest.records,
                    blank_lines: digest.blank_lines,
                });
            }
            self.current += 1;
        }
    }

    fn pull_foreign(&mut self, spec: &MapSpec, unreadable: &mut Vec<Unreadable>) -> Result<Pulled> {
        let Some(file) = self.files.get(self.current) else {
            return Ok(Pulled::End);
        };
        while let Some(batch) = self.fed.pop_front() {
            let documents = foreign::documents(&batch, spec, file, self.next_row, unreadable)?;
            self.next_row += batch.num_rows() as u64;
            if !documents.is_empty() {
                return Ok(Pulled::Batch(Box::new(documents)));
            }
        }
        Ok(Pulled::NeedsFile(self.current))
    }

    /// Takes a batch that a plugin read, or nothing at the end of the current file.
    ///
    /// # Errors
    /// When no plugin reads this source.
    pub fn feed(&mut self, batch: Option<&RecordBatch>) -> Result<()> {
        if !self.is_foreign {
            return Err(EngineError::Spec(format!(
                "{} reads its own files",
                self.error_context
            )));
        }
        match batch {
            Some(batch) => self.fed.push_back(batch.clone()),
            None => {
                let file = &self.files[self.current];
                let (bytes, digest) = digest_file(&file.path)?;
                self.read.push(FileRead {
                    bytes,
                    digest,
                    documents: self.next_row,
                    blank_lines: 0,
                });
                self.next_row = 0;
                self.current += 1;
            }
        }
        Ok(())
    }

    /// What was read of each file.
    ///
    /// # Errors
    /// When a file was not read to its end.
    pub fn finish(self) -> Result<Vec<FileRead>> {
        if self.current != self.files.len() {
            return Err(EngineError::Spec(format!(
                "{} was committed before its input ended",
                self.error_context
            )));
        }
        Ok(self.read)
    }
}

fn reader_config(spec: &MapSpec, file: &FileSpec) -> Result<ReaderConfig> {
    let format = match spec.source.format.as_deref() {
        None => None,
        Some("jsonl") => Some(Format::Jsonl),
        Some("parquet") => Some(Format::Parquet),
        Some(other) => return Err(EngineError::Spec(format!("there is no format `{other}`"))),
    };
    let columns = spec
        .source
        .columns
        .iter()
        .map(|column| {
            let kind = match column.kind {
                OutputKind::Utf8 => ColumnKind::Utf8,
                OutputKind::Bool => ColumnKind::Bool,
                OutputKind::Int32 | OutputKind::Int64 | OutputKind::UInt32 | OutputKind::UInt64 => {
                    ColumnKind::Int64
                }
                OutputKind::Float64 | OutputKind::Float32 => ColumnKind::Float64,
            };
            ColumnSpec {
                name: column.name.clone(),
                kind,
            }
        })
        // Last, behind the columns that become signals.
        .chain(spec.semantic.iter().map(|semantic| ColumnSpec {
            name: semantic.embedding.clone(),
            kind: ColumnKind::Floats,
        }))
        .collect();
    Ok(ReaderConfig {
        path: file.path.clone(),
        source: spec.source.name.clone(),
        relative_path: file.relative_path.clone(),
        format,
        text_field: spec.source.text.clone(),
        turns: spec.source.turns.clone(),
        id_field: spec.source.id.clone(),
        columns,
        max_document_bytes: usize::try_from(spec.max_document_bytes).unwrap_or(usize::MAX),
        batch_bytes: spec.batch_bytes,
        batch_rows: spec.batch_rows,
    })
}

fn take_unreadable(file: &FileSpec, raw: &mut RawBatch, unreadable: &mut Vec<Unreadable>) {
    unreadable.extend(raw.unreadable.drain(..).map(|record| {
        let place = record
            .byte_offset
            .map_or(String::new(), |offset| format!(", byte {offset}"));
        Unreadable {
            doc: (u64::from(file.ordinal) << 40) | record.row,
            key: record.key,
            id: None,
            step: "read".to_owned(),
            reason: record.fault.code().to_owned(),
            detail: format!(
                "{} (row {}{place} of `{}`)",
                record.detail, record.row, file.relative_path
            ),
            excerpt: record.excerpt,
        }
    }));
}

fn documents(file: &FileSpec, spec: &MapSpec, raw: &mut RawBatch) -> DocumentBatch {
    let rows = raw.len();
    let owned = |strings: &Strings| {
        (0..rows)
            .map(|row| strings.get(row).map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let mut texts = Texts::with_capacity(rows, raw.text.len());
    for row in 0..rows {
        texts.push(raw.document(row));
    }
    let columns = spec
        .source
        .columns
        .iter()
        .zip(&raw.columns)
        .map(|(column, values)| NamedColumn {
            name: column.name.clone(),
            data: match values {
                ColumnValues::Utf8(values) => ColumnData::Utf8(owned(values)),
                ColumnValues::Float64(values) => ColumnData::Float64(values.clone()),
                ColumnValues::Int64(values) => ColumnData::Int64(values.clone()),
                ColumnValues::Bool(values) => ColumnData::Bool(values.clone()),
                // No source declares such a column; the embedding stands behind those that are zipped here.
                ColumnValues::Floats(lists) => ColumnData::Bool(vec![None; lists.len()]),
            },
        })
        .collect();
    DocumentBatch {
        docs: raw
            .rows
            .iter()
            .map(|row| (u64::from(file.ordinal) << 40) | row)
            .collect(),
        keys: raw.keys.clone(),
        ids: owned(&raw.ids),
        raw_bytes: (0..rows).map(|row| raw.document(row).len() as u32).collect(),
        texts,
        metadata: owned(&raw.metadata),
        columns,
        alive: vec![true; rows],
        segmentations: Vec::new(),
        supervised: Supervised::of_turns(match spec.source.turns {
            Some(_) => owned(&raw.turns),
            None => Vec::new(),
        }),
        embeddings: match raw.columns.last_mut() {
            Some(ColumnValues::Floats(lists)) => std::mem::take(lists),
            _ => FloatLists::default(),
        },
    }
}
