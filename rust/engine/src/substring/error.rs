//! Why repeated passages cannot be found, with stable codes.

use gristmill_core::suffix_array::MAX_SYMBOLS;

/// Why the pass refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SubstringError {
    /// The texts do not fit the memory.
    #[error(
        "finding repeated passages in {text_bytes} bytes of text takes at least {needed_bytes} bytes of memory, \
         `scratch_memory` is `{memory_bytes}`"
    )]
    Memory {
        /// Bytes of the texts that take part.
        text_bytes: u64,
        /// Least that would do, as far as is known.
        needed_bytes: u64,
        /// What the task was given.
        memory_bytes: u64,
    },
    /// The texts are longer than positions reach.
    #[error("{text_bytes} bytes of text take part in finding repeated passages, at most {MAX_SYMBOLS} can")]
    TooLong {
        /// Bytes of the texts that take part.
        text_bytes: u64,
    },
}

impl SubstringError {
    /// The code that never changes; `gristmill explain error CODE` shows its page.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Memory { .. } => "GM-SUBSTRING-001",
            Self::TooLong { .. } => "GM-SUBSTRING-002",
        }
    }

    /// The next step.
    pub fn hint(&self) -> String {
        match self {
            Self::Memory { needed_bytes, .. } => {
                let mebibytes = needed_bytes.div_ceil(1 << 20);
                format!(
                    "set `scratch_memory = \"{mebibytes}MiB\"` or more in `[run]`, or put \
                     `exact_dedup` with `unit = \"paragraph\"` before it, which finds whole paragraphs without holding \
                     them"
                )
            }
            Self::TooLong { .. } => "divide the corpus into several runs, or put `exact_dedup` with \
                                     `unit = \"paragraph\"` before it"
                .to_owned(),
        }
    }
}
