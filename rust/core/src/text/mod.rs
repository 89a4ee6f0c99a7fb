//! Repair of text: one cleaner made of named parts, each of which logs what it changed.
//!
//! Not for quality judgements (that is [`crate::signals`]) and not for redaction.

pub mod clean;

mod characters;
mod leads;
mod mojibake;
mod normal_forms;
mod rewriter;
mod whitespace;
