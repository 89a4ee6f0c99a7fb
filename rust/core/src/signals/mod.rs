//! Quality signals: numbers about one document, computed from its text and its one segmentation.
//!
//! A signal never decides anything. Thresholds live in the recipe and are applied to the stored columns.

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
