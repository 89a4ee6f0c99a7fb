//! Quality signals: numbers about one document, computed from its text and its one segmentation.
//!
//! A signal never decides anything. Thresholds live in the recipe and are applied to the stored columns.
//!
//! Definitions are those of datatrove 0.10.1, whose numbers the published thresholds go with, wherever they
//! don't hang on its tokenizer; [`crate::segment`] says what a word is here. Each rule's page states its
//! differences.

mod blocklist;
mod c4;
mod code;
mod curator;
mod data_juicer;
mod diversity;
mod document;
mod dolma;
mod facts;
mod fineweb;
mod gopher;
mod line_edits;
mod lines;
mod madlad;
mod measure;
mod ngrams;
mod python_characters;
mod redpajama;
#[cfg(test)]
mod reference;
mod registry;
mod runs;
mod semantics;
mod spikes;
#[cfg(test)]
mod tests;
mod web_lines;

pub use document::{Cache, Columns, Document, NoColumns};
pub use facts::Span;
pub use measure::{Measured, measure};
pub(crate) use python_characters::is_decimal;
pub use registry::{Entry, ListFile, ListFiles, Rule, Setup, Wanted, entries, find, make};
pub use semantics::Semantics;

use crate::edit::EditLog;
use crate::segment::KeptLine;

/// The type of a signal column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnType {
    /// Counts.
    UInt32,
    /// Shares and means, stored as float64.
    Float64,
    /// Facts.
    Bool,
}

/// One column that a signal produces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Column {
    /// Name without the step, for example `num_words`.
    pub name: &'static str,
    /// Type of its values.
    pub kind: ColumnType,
    /// One sentence: what it measures, its unit and range, when it is null.
    pub description: &'static str,
}

/// One value of a column.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Value {
    /// Not defined for this document.
    Null,
    /// Of a [`ColumnType::UInt32`] column.
    UInt32(u32),
    /// Of a [`ColumnType::Float64`] column; always finite.
    Float64(f64),
    /// Of a [`ColumnType::Bool`] column.
    Bool(bool),
}

/// A rule that measures a document and leaves it as it is.
///
/// `&mut self` is scratch memory only: the values are a function of the text and the configuration.
pub trait Signal {
    /// Pushes one value for each column of the rule's [`Entry`] to `out`, in their order.
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>);
}

/// A rule that edits a document and says what it did.
pub trait Corrector {
    /// Returns the edited text, or `None` when nothing was changed.
    ///
    /// Pushes to `edits` what was changed (byte ranges of the document's text, so that [`EditLog::undo`] gives that
    /// text again), and one value for each column of the rule's [`Entry`] to `out`.
    fn correct(
        &mut self,
        document: Document<'_>,
        edits: &mut EditLog,
        out: &mut Vec<Value>,
    ) -> Option<String>;

    /// Pushes the same values as [`Corrector::correct`], and edits nothing.
    fn measure(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        self.correct(document, &mut EditLog::default(), out);
    }

    /// The lines of the text that the last call of [`Corrector::correct`] returned, if it is known where they stood before: then their tokens need
    /// not be cut again. Every line between two `\n` of the new text is there.
    fn kept_lines(&self) -> Option<&[KeptLine]> {
        None
    }
}

/// `part / whole`, or 0 when the whole is empty.
fn share(part: usize, whole: usize) -> f64 {
    if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    }
}

/// The column value of a count; saturates, which no readable document reaches.
fn count(number: usize) -> Value {
    Value::UInt32(u32::try_from(number).unwrap_or(u32::MAX))
}

/// A float column; keeps the tables of the rules short.
const fn float(name: &'static str, description: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::Float64,
        description,
    }
}

/// A count column.
const fn uint(name: &'static str, description: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::UInt32,
        description,
    }
}

/// A column of facts.
const fn boolean(name: &'static str, description: &'static str) -> Column {
    Column {
        name,
        kind: ColumnType::Bool,
        description,
    }
}
