//! Cutting spans out of texts between `decide` and the dedup of whole documents.
//!
//! Steps that find repeated text inside documents leave *spans* ([`spans`]): which bytes of which documents go.
//! Not here: removing whole documents ([`crate::dedup`]).

pub mod spans;

pub use spans::{Origin, SPAN_BYTES, Span, SpanReader, SpanWriter};
