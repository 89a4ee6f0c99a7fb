//! Cutting spans out of texts between `decide` and the dedup of whole documents.
//!
//! ```text
//! units[p]  ─> copies[r] ─┐
//! bloom                  ─┼─> spans ─> cut[p] ─> text, index, keys, verdicts, edits of partition p
//! ```
//! Steps that find repeated text inside documents leave *spans* ([`spans`]): which bytes of which documents go. The cut
//! task of each partition writes the next *text version* without them ([`task`]). Producers here: paragraphs and lines
//! that stand somewhere else ([`units`], [`copies`]), and those whose n-grams a Bloom filter has seen ([`bloom`]).
//!
//! What each task writes depends on documents and options alone, not on ranges, memory or the order of tasks. Not here:
//! removing whole documents ([`crate::dedup`]).

pub mod bloom;
pub mod copies;
mod keys;
pub mod spans;
pub mod task;
pub(crate) mod texts;
pub mod units;

#[cfg(test)]
mod tests;

pub use keys::KeySpec;
pub use spans::{Origin, SPAN_BYTES, Span, SpanReader, SpanWriter};
