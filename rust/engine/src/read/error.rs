//! What can be wrong with a whole file; what is wrong with one record is a [`super::RecordFault`].

use std::path::{Path, PathBuf};

/// A file that cannot be read to its end, or not as asked. Nothing read from it may be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be opened.
    #[error("cannot open `{}`: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The system failed to deliver the file's bytes.
    #[error("cannot read `{}`: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// The compressed stream ends inside a member or frame.
    #[error("`{}` ends inside a compressed frame, after {decompressed_bytes} bytes of content", path.display())]
    Truncated {
        /// The file.
        path: PathBuf,
        /// Bytes that could be decompressed.
        decompressed_bytes: u64,
    },
    /// The compressed stream does not decode: damage, or bytes that are no frame behind the last one.
    #[error(
        "`{}` does not decompress beyond {decompressed_bytes} bytes of content: {reason}",
        path.display()
    )]
    Corrupt {
        /// The file.
        path: PathBuf,
        /// Bytes that could be decompressed.
        decompressed_bytes: u64,
        /// What the decoder said.
        reason: String,
    },
    /// A zstd frame asks for more memory than the reader grants.
    #[error("`{}` needs a zstd window of more than {limit_bytes} bytes", path.display())]
    WindowTooLarge {
        /// The file.
        path: PathBuf,
        /// The largest window granted.
        limit_bytes: u64,
    },
    /// No format was given and the suffix names none.
    #[error("`{}` has a suffix that names no known format", path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
    },
    /// The Parquet file is damaged, or uses an encoding or codec that is not built in.
    #[error("`{}` is not readable as Parquet: {reason}", path.display())]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the decoder said.
        reason: String,
    },
    /// The Parquet file lacks the text column.
    #[error("`{}` has no column `{column}`; it has {}", path.display(), columns.join(", "))]
    MissingColumn {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// The columns there are.
        columns: Vec<String>,
    },
    /// The Parquet file's text column does not hold text.
    #[error("column `{column}` of `{}` holds {found}, not text", path.display())]
    WrongColumnType {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Its type.
        found: String,
    },
    /// A column that should hold lists of floats holds something else.
    #[error("column `{column}` of `{}` is {found}, not a list of floats", path.display())]
    NotFloatLists {
        /// The file.
        path: PathBuf,
        /// The column asked for.
        column: String,
        /// Its type.
        found: String,
    },
    /// The Parquet decoder gave up without an error of its own.
    #[error("the decoder of `{}` failed: {reason}", path.display())]
    DecoderPanic {
        /// The file.
        path: PathBuf,
        /// The message of the panic.
        reason: String,
    },
    /// The reader was asked for something impossible.
    #[error("cannot read `{}` like this: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// Which demand cannot be met.
        reason: String,
    },
}

impl ReadError {
    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Open { .. } => "GM-READ-001",
            Self::Io { .. } => "GM-READ-002",
            Self::Truncated { .. } => "GM-READ-003",
            Self::Corrupt { .. } => "GM-READ-004",
            Self::WindowTooLarge { .. } => "GM-READ-005",
            Self::UnknownFormat { .. } => "GM-READ-006",
            Self::Parquet { .. } => "GM-READ-007",
            Self::MissingColumn { .. } => "GM-READ-008",
            Self::WrongColumnType { .. } => "GM-READ-009",
            Self::DecoderPanic { .. } => "GM-READ-010",
            Self::Config { .. } => "GM-READ-011",
            Self::NotFloatLists { .. } => "GM-READ-012",
        }
    }

    /// The next step for whoever reads the message.
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Open { .. } => "check the path and its permissions",
            Self::Io { .. } => "check the disk or network share, then run the same command again",
            Self::Truncated { .. } => "fetch the file again; its size is probably smaller than at its origin",
            Self::Corrupt { .. } => "test it with `zstd -t` or `gzip -t` and fetch it again",
            Self::WindowTooLarge { .. } => "compress it again with `zstd --long=27` or less",
            Self::UnknownFormat { .. } => "set `format = \"jsonl\"` or `format = \"parquet\"` in the source",
            Self::Parquet { .. } => "fetch the file again, or write it with snappy or zstd compression",
            Self::MissingColumn { .. } => "name one of its columns in the source: `text = \"...\"`",
            Self::WrongColumnType { .. } => "name a column of strings in the source: `text = \"...\"`",
            Self::NotFloatLists { .. } => {
                "name a column of float lists in the step: `embedding = \"...\"`; integers can be cast to float"
            }
            Self::DecoderPanic { .. } => "the file is damaged; fetch it again or leave it out",
            Self::Config { .. } => "correct the source's settings in the recipe",
        })
    }

    /// The file that the error is about.
    pub fn path(&self) -> &Path {
        match self {
            Self::Open { path, .. }
            | Self::Io { path, .. }
            | Self::Truncated { path, .. }
            | Self::Corrupt { path, .. }
            | Self::WindowTooLarge { path, .. }
            | Self::UnknownFormat { path }
            | Self::Parquet { path, .. }
            | Self::MissingColumn { path, .. }
            | Self::WrongColumnType { path, .. }
            | Self::NotFloatLists { path, .. }
            | Self::DecoderPanic { path, .. }
            | Self::Config { path, .. } => path,
        }
    }
}
