//! Why a choice cannot be made, with stable codes.

use std::path::PathBuf;

/// Why a choosing step refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ChooseError {
    /// A column has more values than strata can be held.
    #[error("`{column}` has more than {most} different values, too many to be strata")]
    TooManyStrata {
        /// Which column.
        column: String,
        /// How many there may be.
        most: usize,
    },
    /// A mixture names a value that no document has.
    #[error("the mixture gives a weight to `{name}`, and no document of it is left")]
    EmptyPart {
        /// Which value.
        name: String,
    },
    /// A target has no words.
    #[error(
        "the target holds no words in {readable} readable texts of {files} files ({unreadable} unreadable)"
    )]
    EmptyTarget {
        /// Texts that could be read.
        readable: u64,
        /// Files.
        files: usize,
        /// Records that could not.
        unreadable: u64,
    },
    /// The filter that remembers n-grams does not fit, or there is none of that rate.
    #[error(
        "the filter of selected n-grams takes `{needed_bytes}` bytes, `scratch_memory` is `{memory_bytes}`"
    )]
    FilterMemory {
        /// What it would take.
        needed_bytes: u64,
        /// What there is.
        memory_bytes: u64,
    },
    /// The column that documents are ordered by holds strings.
    #[error("`{column}` holds no numbers")]
    NoNumbers {
        /// Which column.
        column: String,
    },
    /// A target file is not the one that was planned with.
    #[error("`{}` has changed since the run was planned", path.display())]
    Changed {
        /// Which file.
        path: PathBuf,
    },
}

impl ChooseError {
    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::TooManyStrata { .. } => "GM-CHOOSE-003",
            Self::EmptyPart { .. } => "GM-CHOOSE-004",
            Self::EmptyTarget { .. } => "GM-CHOOSE-005",
            Self::FilterMemory { .. } => "GM-CHOOSE-006",
            Self::NoNumbers { .. } => "GM-CHOOSE-008",
            Self::Changed { .. } => "GM-PLAN-108",
        }
    }

    /// The next step.
    pub fn hint(&self) -> &'static str {
        match self {
            Self::TooManyStrata { .. } => "name a column with fewer values in `by`, or leave `by` out",
            Self::EmptyPart { .. } => {
                "remove it from `weights`, or look in the report at what dropped its documents"
            }
            Self::EmptyTarget { .. } => {
                "`target_text` names the field of the target's files that holds the text"
            }
            Self::FilterMemory { .. } => {
                "raise `scratch_memory`, or ask for fewer `expected_ngrams` or a larger `false_positive_rate`"
            }
            Self::NoNumbers { .. } => "name a column of numbers in `by`",
            Self::Changed { .. } => "run the same command again: it plans with the new content",
        }
    }
}
