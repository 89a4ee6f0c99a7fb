//! What can go wrong in a dedup pass, with stable codes.

use std::path::{Path, PathBuf};

use crate::external_sort::SortError;

/// Shorthand used by the passes.
pub type Result<T> = std::result::Result<T, DedupError>;

/// Why a dedup pass stopped.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DedupError {
    /// The tokenizer, of whose ids shingles are made, is not there or refuses a text.
    #[error("{0}")]
    Tokenizer(String),
    /// The share of `scratch_memory` that the task got does not hold what the pass must keep.
    #[error("dedup needs at least {needed_bytes} bytes of scratch memory a task and got `{memory_bytes}`")]
    ScratchMemory {
        /// Least that would do.
        needed_bytes: u64,
        /// What the task was given.
        memory_bytes: u64,
    },
    /// A Bloom filter of the wanted size and rate does not fit `scratch_memory`, or there is none.
    #[error(
        "a Bloom filter for so many n-grams at that rate takes `{needed_bytes}` bytes, `scratch_memory` is `{memory_bytes}`"
    )]
    BloomMemory {
        /// What it would take.
        needed_bytes: u64,
        /// What there is.
        memory_bytes: u64,
    },
    /// A file between two passes does not hold what it must.
    #[error("`{}` is damaged: {detail}", path.display())]
    Damaged {
        /// Which file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// A file of an index is not what was committed.
    #[error("the index is damaged: `{}`: {detail}", path.display())]
    DamagedIndex {
        /// Which file.
        path: PathBuf,
        /// What differs.
        detail: String,
    },
    /// The description of the pass contradicts itself; a fault of gristmill or of a hand-edited plan.
    #[error("dedup inputs do not fit: {0}")]
    Inputs(String),
    /// More documents than are compared in all pairs.
    #[error("{documents} documents have an embedding, all pairs are compared of at most {most}")]
    TooManyPairs {
        /// Documents that would be compared.
        documents: u64,
        /// How many there may be.
        most: u64,
    },
    /// A file operation failed, or the caller asked to stop.
    #[error(transparent)]
    Sort(#[from] SortError),
}

impl DedupError {
    /// Builds a report of damage.
    pub(crate) fn damaged(path: &Path, detail: impl Into<String>) -> Self {
        Self::Damaged {
            path: path.to_owned(),
            detail: detail.into(),
        }
    }

    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Tokenizer(_) => "GM-TOKENS-001",
            Self::ScratchMemory { .. } => "GM-DEDUP-002",
            Self::BloomMemory { .. } => "GM-CUT-001",
            Self::Damaged { .. } => "GM-DEDUP-003",
            Self::DamagedIndex { .. } => "GM-INDEX-003",
            Self::Inputs(_) => "GM-DEDUP-004",
            Self::TooManyPairs { .. } => "GM-DEDUP-006",
            Self::Sort(SortError::Cancelled) => "GM-RUN-130",
            Self::Sort(SortError::File { source, .. })
                if source.kind() == std::io::ErrorKind::StorageFull =>
            {
                "GM-IO-002"
            }
            Self::Sort(_) => "GM-IO-001",
        }
    }

    /// The next step, where there is one.
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::ScratchMemory { .. } => Some("raise `scratch_memory` in the recipe, or run fewer workers"),
            Self::BloomMemory { .. } => Some(
                "raise `scratch_memory`, or ask for fewer `expected_ngrams` or a larger `false_positive_rate`",
            ),
            Self::Damaged { .. } => {
                Some("remove that file; the same command makes it again from what is committed")
            }
            Self::TooManyPairs { .. } => {
                Some("set `blocking = \"hyperplanes\"` in the step; it compares likely pairs only")
            }
            Self::DamagedIndex { .. } => Some(
                "take that file from a copy, or remove its segment and all later ones and run their deliveries again",
            ),
            Self::Sort(SortError::Cancelled) => Some("the same command continues where this one stopped"),
            Self::Sort(_) if self.code() == "GM-IO-002" => {
                Some("free some space and run the same command again; finished tasks are kept")
            }
            Self::Tokenizer(_) => Some(
                "`tokenizer` names a `tokenizer.json`, a file of tiktoken, Tekken or SentencePiece, or a folder with one",
            ),
            Self::Inputs(_) | Self::Sort(_) => None,
        }
    }

    /// True when the caller asked to stop.
    pub fn is_cancelled(&self) -> bool {
        matches!(self, Self::Sort(SortError::Cancelled))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct() {
        let errors = [
            DedupError::ScratchMemory {
                needed_bytes: 2,
                memory_bytes: 1,
            },
            DedupError::BloomMemory {
                needed_bytes: 2,
                memory_bytes: 1,
            },
            DedupError::damaged(Path::new("a"), "short"),
            DedupError::DamagedIndex {
                path: "a".into(),
                detail: String::new(),
            },
            DedupError::Inputs(String::new()),
            DedupError::TooManyPairs {
                documents: 2,
                most: 1,
            },
            DedupError::Tokenizer(String::new()),
            SortError::Cancelled.into(),
            SortError::file("write", Path::new("a"))(std::io::ErrorKind::StorageFull.into()).into(),
            SortError::file("write", Path::new("a"))(std::io::ErrorKind::NotFound.into()).into(),
        ];
        let codes: std::collections::BTreeSet<&str> = errors.iter().map(DedupError::code).collect();
        assert_eq!(codes.len(), errors.len());
    }
}
