//! Reading documents from one file: JSON Lines (plain, `.gz`, `.zst`) and Parquet, in bounded memory.
//!
//! Each record of the file becomes either a readable document or an [`Unreadable`] with its reason; both are
//! numbered in file order from 0, so that nothing is lost or counted twice. What is wrong with the *file*
//! (cut, damaged) is a [`ReadError`], and then nothing read from it may be used: a short success does not
//! exist.
//!
//! Rules that hold for every format:
//! - the text is one top-level field and must be a string, or what the record's turns say ([`TurnsSpec`]); fields are
//!   matched by their exact names;
//! - all fields but text and id, extracted ones included, are kept as one compact JSON object, numbers and
//!   escapes as written; a key that comes twice counts once, with its last value;
//! - a record whose text is longer than `max_document_bytes` is unreadable;
//! - a file without one byte of content gives a single unreadable record.
//!
//! JSON Lines: lines end with `\n` (a `\r` before it is white space); lines of only white space are counted
//! but are no records; a byte order mark at the very start is skipped. The record's line may be twice
//! `max_document_bytes` and 64 KiB long. All gzip members and all zstd frames are read; anything else behind
//! them is an error. A compressed file cut exactly between two members or frames is a valid file: only its
//! digest tells.
//!
//! Not here: globbing, object stores, choosing what to read, and judging documents.
//!
//! Memory: the batch (`batch_bytes` and one record), one line (`2 * max_document_bytes` and 320 KiB), and the
//! decoder: at most 128 MiB for zstd; for Parquet the pages that one batch touches.

mod arrow_json;
mod batch;
mod columns;
mod decompress;
mod error;
mod floats;
mod json;
mod jsonl;
mod key;
mod lines;
mod parquet;
mod record;
mod sink;
mod turns;

#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

pub use batch::{EXCERPT_CHARACTERS, RawBatch, RecordFault, Strings, Unreadable};
pub use columns::{ColumnKind, ColumnSpec, ColumnValues};
pub use error::ReadError;
pub use floats::{FloatList, FloatLists, is_float_list};
pub use json::MAX_DEPTH;
pub use turns::TurnsSpec;

/// How the bytes of a JSON Lines file are compressed: its suffix tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Compression {
    None,
    Gzip,
    Zstd,
}

impl Compression {
    /// Splits a lower-case file name into what it would be without compression, and the compression.
    fn split(name: &str) -> (&str, Self) {
        let suffixes = [(".gz", Self::Gzip), (".zst", Self::Zstd), (".zstd", Self::Zstd)];
        let found = suffixes
            .iter()
            .find_map(|(suffix, kind)| Some((name.strip_suffix(suffix)?, *kind)));
        found.unwrap_or((name, Self::None))
    }
}

/// What a file holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Format {
    /// One JSON object a line; compressed if the name ends in `.gz` or `.zst`.
    Jsonl,
    /// Apache Parquet.
    Parquet,
}

impl Format {
    /// Returns the format that a file name tells: `.jsonl`, `.ndjson` or `.json`, alone or with `.gz` or
    /// `.zst`, and `.parquet`. Case does not matter.
    ///
    /// ```
    /// use gristmill_engine::read::Format;
    /// use std::path::Path;
    /// assert_eq!(Format::of_path(Path::new("a.JSONL.zst")), Some(Format::Jsonl));
    /// assert_eq!(Format::of_path(Path::new("a.csv")), None);
    /// ```
    pub fn of_path(path: &Path) -> Option<Self> {
        let name = lower_case_name(path);
        let (stem, _) = Compression::split(&name);
        let is_lines = [".jsonl", ".ndjson", ".json"]
            .iter()
            .any(|suffix| stem.ends_with(suffix));
        match is_lines {
            true => Some(Self::Jsonl),
            false => name.ends_with(".parquet").then_some(Self::Parquet),
        }
    }
}

fn lower_case_name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .to_ascii_lowercase()
}

/// What to read and how.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReaderConfig {
    /// The file.
    pub path: PathBuf,
    /// What it holds; from its suffix if null.
    pub format: Option<Format>,
    /// Name of the source, part of each document's key.
    pub source: String,
    /// Path below the source's fixed prefix, part of each document's key.
    pub relative_path: String,
    /// Field that holds the text; not read where the text is that of turns.
    pub text_field: String,
    /// Where a record's turns are, if it has any.
    pub turns: Option<TurnsSpec>,
    /// Field that holds the user's own identifier.
    pub id_field: Option<String>,
    /// Fields to extract as columns.
    pub columns: Vec<ColumnSpec>,
    /// Longest text that is read.
    pub max_document_bytes: usize,
    /// A batch ends with the record that brings its texts and metadata to this size.
    pub batch_bytes: usize,
    /// A batch ends after this many records.
    pub batch_rows: usize,
}

impl ReaderConfig {
    /// Returns the defaults for a file: field `text`, no columns, 64 MB a document, batches of 16 MiB or 8192
    /// records.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self {
            path: path.into(),
            format: None,
            source: String::new(),
            relative_path: String::new(),
            text_field: "text".to_owned(),
            turns: None,
            id_field: None,
            columns: Vec::new(),
            max_document_bytes: 64_000_000,
            batch_bytes: 16 << 20,
            batch_rows: 8192,
        }
    }

    fn check(&self) -> Result<(), ReadError> {
        let refuse = |reason: String| {
            Err(ReadError::Config {
                path: self.path.clone(),
                reason,
            })
        };
        if self.max_document_bytes == 0 || self.batch_bytes == 0 || self.batch_rows == 0 {
            return refuse("sizes must be at least 1".to_owned());
        }
        if self.id_field.as_ref() == Some(&self.text_field) {
            return refuse(format!("`{}` cannot be both text and id", self.text_field));
        }
        for (index, column) in self.columns.iter().enumerate() {
            if column.name == self.text_field {
                return refuse(format!("the text field `{}` cannot be a column too", column.name));
            }
            if self.columns[..index]
                .iter()
                .any(|earlier| earlier.name == column.name)
            {
                return refuse(format!("column `{}` is asked for twice", column.name));
            }
        }
        Ok(())
    }
}

/// What a file turned out to be, known once it is read to its end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileDigest {
    /// Size of the stored file.
    pub bytes: u64,
    /// BLAKE3 of the stored file, in hex.
    pub blake3_hex: String,
    /// Records, readable or not.
    pub records: u64,
    /// Lines of only white space, which are no records.
    pub blank_lines: u64,
    /// For each extracted column, values that were not of its kind and became null.
    pub mismatches: Vec<u64>,
}

/// Reads one file, batch by batch.
///
/// ```
/// use gristmill_engine::read::{FileReader, RawBatch, ReaderConfig};
/// let path = std::env::temp_dir().join(format!("reader-{}.jsonl", std::process::id()));
/// std::fs::write(&path, "{\"id\": 7, \"text\": \"a\", \"n\": 1.50}\n\n{\"text\": null}\n")?;
/// let mut reader = FileReader::open(ReaderConfig { id_field: Some("id".into()), ..ReaderConfig::new(&path) })?;
/// let mut batch = RawBatch::default();
/// assert!(reader.next_batch(&mut batch)?);
/// assert_eq!((batch.document(0), batch.ids.get(0)), ("a", Some("7")));
/// assert_eq!(batch.metadata.get(0), Some("{\"n\":1.50}"));
/// assert_eq!((batch.unreadable[0].row, batch.unreadable[0].fault.code()), (1, "text_is_null"));
/// assert!(!reader.next_batch(&mut batch)?);
/// assert_eq!(reader.finish()?.blank_lines, 1);
/// # std::fs::remove_file(&path)?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct FileReader {
    kind: Kind,
    columns: Vec<ColumnSpec>,
}

enum Kind {
    Jsonl(Box<jsonl::JsonlReader>),
    Parquet(Box<parquet::ParquetReader>),
}

impl FileReader {
    /// Opens a file; reads no more than is needed to know its format and columns.
    ///
    /// # Errors
    /// [`ReadError::Open`], [`ReadError::UnknownFormat`], [`ReadError::Config`], and for Parquet everything
    /// that its footer can have wrong.
    pub fn open(config: ReaderConfig) -> Result<Self, ReadError> {
        config.check()?;
        let unknown = || ReadError::UnknownFormat {
            path: config.path.clone(),
        };
        let format = config
            .format
            .or_else(|| Format::of_path(&config.path))
            .ok_or_else(unknown)?;
        let columns = config.columns.clone();
        let kind = match format {
            Format::Jsonl => {
                let compression = Compression::split(&lower_case_name(&config.path)).1;
                Kind::Jsonl(Box::new(jsonl::JsonlReader::open(config, compression)?))
            }
            Format::Parquet => Kind::Parquet(Box::new(parquet::ParquetReader::open(config)?)),
        };
        Ok(Self { kind, columns })
    }

    /// Replaces the content of `batch` by the next records; false, with an empty batch, at the end of the
    /// file.
    ///
    /// # Errors
    /// Any [`ReadError`] but those of [`FileReader::open`]. The reader cannot go on after it.
    pub fn next_batch(&mut self, batch: &mut RawBatch) -> Result<bool, ReadError> {
        batch.reset(&self.columns);
        match &mut self.kind {
            Kind::Jsonl(reader) => reader.fill(batch)?,
            Kind::Parquet(reader) => reader.fill(batch)?,
        }
        Ok(!batch.is_empty())
    }

    /// Reads what is left, without keeping it, and returns what the file was.
    ///
    /// # Errors
    /// As [`FileReader::next_batch`].
    pub fn finish(mut self) -> Result<FileDigest, ReadError> {
        let mut batch = RawBatch::default();
        while self.next_batch(&mut batch)? {}
        match self.kind {
            Kind::Jsonl(reader) => Ok(reader.digest()),
            Kind::Parquet(reader) => reader.digest(),
        }
    }
}
