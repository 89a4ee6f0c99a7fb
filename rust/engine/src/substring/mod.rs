//! Repeated passages of all documents, as spans for the cut task.
//!
//! One task reads every document that passes, from the best standing to the worst, and finds with
//! [`gristmill_core::repeats`] which passages stand already. It holds all of them in memory: passages repeat across the
//! whole corpus, and a suffix array is exact only over all of it. What does not fit `scratch_memory` is refused, with
//! what it would take. A division into blocks would miss what repeats from block to block without saying what, so there
//! is none: whoever has more text cuts its repeated paragraphs first, which needs no such memory.
//!
//! # Memory
//! With `min_bytes`: 5.5 bytes a byte of text, 40 a document, 4 a distinct repeated window, 2 MiB. A corpus in which
//! every window occurs twice has half as many distinct ones as bytes. With `min_words`: 8 bytes a word and the different
//! words once while texts are read, then 12.7 a word and 4 a different word or repeated window; beside it the longest
//! document and its segmentation. Documents shorter than a passage take no memory but their 40 bytes.
//!
//! # Time
//! Linear, on one thread: texts repeat rarely enough that comparing neighbours does not count. See
//! `bench/results/substring`.

mod error;
mod load;
mod pass;
mod stage;
#[cfg(test)]
mod tests;

pub use error::SubstringError;
pub use pass::{PassageLength, SubstringOptions, SubstringStats, find_passages};
pub use stage::{SubstringSpec, run};
