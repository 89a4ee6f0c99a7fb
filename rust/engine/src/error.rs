//! The one error type that leaves the engine, with a stable code and, where there is one, a next step.

use std::path::{Path, PathBuf};

use gristmill_core::minhash::MinHashError;
use gristmill_core::packing::PackingError;

use crate::choose::ChooseError;
use crate::dedup::DedupError;
use crate::read::ReadError;
use crate::substring::SubstringError;

/// Shorthand used across the engine.
pub type Result<T> = std::result::Result<T, EngineError>;

/// What can go wrong in a task.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EngineError {
    /// An input file cannot be read to its end.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// A dedup pass failed or refused.
    #[error(transparent)]
    Dedup(#[from] DedupError),
    /// Repeated passages cannot be found.
    #[error(transparent)]
    Substring(#[from] SubstringError),
    /// A choosing step cannot choose.
    #[error(transparent)]
    Choose(#[from] ChooseError),
    /// Shards cannot be packed into rows.
    #[error(transparent)]
    Packing(#[from] PackingError),
    /// The operating system refused an operation on a file.
    #[error("cannot {action} `{}`: {source}", path.display())]
    Io {
        /// Verb phrase, for example `write`.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A committed file does not hold what its manifest says.
    #[error("`{}` is damaged: {detail}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// A list that a rule computes with is not the one that was planned with.
    #[error("`{}` has changed since the run was planned", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
    /// Arrow or Parquet refused to encode or decode.
    #[error("cannot {action} `{}`: {detail}", path.display())]
    Table {
        /// Verb phrase.
        action: &'static str,
        /// On what.
        path: PathBuf,
        /// The library's words.
        detail: String,
    },
    /// A task description does not fit this engine; a fault of gristmill or of a hand-edited plan.
    #[error("task description does not fit: {0}")]
    Spec(String),
    /// Signatures were asked for that do not exist.
    #[error("task description does not fit: {0}")]
    MinHash(#[from] MinHashError),
    /// The tokenizer file cannot be used.
    #[error("cannot use tokenizer `{}`: {detail}", path.display())]
    Tokenizer {
        /// Which file.
        path: PathBuf,
        /// Why.
        detail: String,
    },
    /// What a recipe asks of the split cannot be had.
    #[error("{0}")]
    Split(String),
    /// A table in memory holds a vector that cannot be compared.
    #[error("{}{detail}", row.map_or(String::new(), |row| format!("the vector of row {row} cannot be compared: ")))]
    Vector {
        /// Which row; nothing where the column as a whole does not fit.
        row: Option<u64>,
        /// What is wrong.
        detail: String,
    },
    /// What a caller handed over from outside (a plugin's columns, a reader's batch) does not fit.
    #[error("{0}")]
    Foreign(String),
    /// Counts that must add up do not; nothing was committed.
    #[error("documents do not add up in {task}: {detail}")]
    Conservation {
        /// Stage and index.
        task: String,
        /// Both sides of the sum.
        detail: String,
    },
    /// A label has more values than classes can be.
    #[error("the label has more than {found} different values")]
    Labels {
        /// As many were found before the task stopped.
        found: usize,
    },
    /// The caller asked to stop.
    #[error("interrupted")]
    Cancelled,
}

impl EngineError {
    /// Builds the mapping closure for an I/O call on `path`.
    pub fn io(action: &'static str, path: &Path) -> impl FnOnce(std::io::Error) -> Self + use<> {
        let path = path.to_owned();
        move |source| Self::Io { action, path, source }
    }

    /// Builds the mapping closure for an Arrow or Parquet call on `path`.
    ///
    /// What the operating system refused, a full disk above all, is told as that: the libraries only pass it on.
    pub fn table<E: std::error::Error + 'static>(
        action: &'static str,
        path: &Path,
    ) -> impl FnOnce(E) -> Self + use<E> {
        let path = path.to_owned();
        move |error| match refusal(&error) {
            Some(source) => Self::Io { action, path, source },
            None => Self::Table {
                action,
                path,
                detail: error.to_string(),
            },
        }
    }

    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Read(error) => error.code(),
            Self::Dedup(error) => error.code(),
            Self::Substring(error) => error.code(),
            Self::Choose(error) => error.code(),
            Self::Packing(error) => error.code(),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => "GM-IO-002",
            Self::Io { .. } => "GM-IO-001",
            Self::Damaged { .. } => "GM-IO-003",
            Self::Changed { .. } => "GM-PLAN-108",
            Self::Table { .. } => "GM-IO-004",
            Self::Spec(_) | Self::MinHash(_) => "GM-RUN-070",
            Self::Tokenizer { .. } => "GM-TOKENS-001",
            Self::Split(_) => "GM-SPLIT-004",
            Self::Vector { .. } => "GM-DEDUP-007",
            Self::Labels { .. } => "GM-LABEL-001",
            Self::Foreign(_) => "GM-RUN-072",
            Self::Conservation { .. } => "GM-RUN-071",
            Self::Cancelled => "GM-RUN-130",
        }
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Read(error) => error.hint().map(str::to_owned),
            Self::Dedup(error) => error.hint().map(str::to_owned),
            Self::Substring(error) => Some(error.hint()),
            Self::Choose(error) => Some(error.hint().to_owned()),
            Self::Io { source, .. } if source.kind() == std::io::ErrorKind::StorageFull => {
                Some("free some space and run the same command again; finished tasks are kept".to_owned())
            }
            Self::Damaged { .. } => {
                Some("remove that file; the same command makes it again from what is committed".to_owned())
            }
            Self::Tokenizer { .. } => {
                Some("`tokenizer` names a `tokenizer.json`, a file of tiktoken, Tekken or SentencePiece, or a folder with one".to_owned())
            }
            Self::Changed { .. } => {
                Some("run the same command again: it plans with the new content".to_owned())
            }
            Self::Split(_) => {
                Some("name a column with few values, such as a class, in `stratify`".to_owned())
            }
            Self::Vector { .. } => Some(
                "give null for rows without a vector; all others must be lists of as many finite floats"
                    .to_owned(),
            ),
            Self::Labels { .. } => Some("name the field that holds a class, not one of free text".to_owned()),
            Self::Cancelled => Some("the same command continues where this one stopped".to_owned()),
            _ => None,
        }
    }
}

/// Returns what the operating system refused, if that is behind an error.
fn refusal(error: &(dyn std::error::Error + 'static)) -> Option<std::io::Error> {
    let mut cause = Some(error);
    while let Some(error) = cause {
        if let Some(found) = error.downcast_ref::<std::io::Error>() {
            return found.raw_os_error().map(std::io::Error::from_raw_os_error);
        }
        cause = error.source();
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_disk_behind_a_table_library_is_a_full_disk() {
        let full = || std::io::Error::from_raw_os_error(28);
        let path = Path::new("a.parquet");
        let parquet = parquet::errors::ParquetError::from(full());
        assert_eq!(EngineError::table("write", path)(parquet).code(), "GM-IO-002");
        let arrow = arrow_schema::ArrowError::from(full());
        assert_eq!(EngineError::table("write", path)(arrow).code(), "GM-IO-002");
        let other = parquet::errors::ParquetError::General("bad page".to_owned());
        assert_eq!(EngineError::table("read", path)(other).code(), "GM-IO-004");
    }
}
