//! Columns of a batch while it passes through the steps, and their way into Arrow.

use std::sync::Arc;

use arrow_array::{
    Array, ArrayRef, BooleanArray, Float32Array, Float64Array, Int32Array, Int64Array, LargeStringArray,
    StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::DataType;
use gristmill_core::signals::{Column, ColumnType, Value};

use crate::map::spec::Condition;

/// The values of one column, a value a row.
#[derive(Debug, Clone)]
pub enum ColumnData {
    /// Strings.
    Utf8(Vec<Option<String>>),
    /// 64-bit floats.
    Float64(Vec<Option<f64>>),
    /// 64-bit integers.
    Int64(Vec<Option<i64>>),
    /// Counts.
    UInt32(Vec<Option<u32>>),
    /// Facts.
    Bool(Vec<Option<bool>>),
    /// Made outside the engine, already Arrow.
    Foreign(ArrayRef),
}

/// A name and its values.
#[derive(Debug, Clone)]
pub struct NamedColumn {
    /// Full name, for example `gopher_quality.num_words`.
    pub name: String,
    /// Values, a row each.
    pub data: ColumnData,
}

impl ColumnData {
    /// An empty column for a native signal, with room for `rows`.
    pub fn for_signal(column: &Column, rows: usize) -> Self {
        match column.kind {
            ColumnType::UInt32 => Self::UInt32(Vec::with_capacity(rows)),
            ColumnType::Float64 => Self::Float64(Vec::with_capacity(rows)),
            ColumnType::Bool => Self::Bool(Vec::with_capacity(rows)),
        }
    }

    /// Appends a native value; a value of another type than the column's becomes null, which the signal tests exclude.
    pub fn push(&mut self, value: Value) {
        match (self, value) {
            (Self::UInt32(values), Value::UInt32(value)) => values.push(Some(value)),
            (Self::Float64(values), Value::Float64(value)) => values.push(Some(value)),
            (Self::Bool(values), Value::Bool(value)) => values.push(Some(value)),
            (Self::UInt32(values), _) => values.push(None),
            (Self::Float64(values), _) => values.push(None),
            (Self::Bool(values), _) => values.push(None),
            (Self::Utf8(_) | Self::Int64(_) | Self::Foreign(_), _) => {
                unreachable!("native signals write only the columns that `for_signal` makes")
            }
        }
    }

    /// The values as Arrow.
    pub fn to_array(&self) -> ArrayRef {
        match self {
            Self::Utf8(values) => Arc::new(values.iter().map(Option::as_deref).collect::<StringArray>()),
            Self::Float64(values) => Arc::new(values.iter().copied().collect::<Float64Array>()),
            Self::Int64(values) => Arc::new(values.iter().copied().collect::<Int64Array>()),
            Self::UInt32(values) => Arc::new(values.iter().copied().collect::<UInt32Array>()),
            Self::Bool(values) => Arc::new(values.iter().copied().collect::<BooleanArray>()),
            Self::Foreign(array) => Arc::clone(array),
        }
    }

    /// The Arrow type of the values.
    pub fn data_type(&self) -> DataType {
        match self {
            Self::Utf8(_) => DataType::Utf8,
            Self::Float64(_) => DataType::Float64,
            Self::Int64(_) => DataType::Int64,
            Self::UInt32(_) => DataType::UInt32,
            Self::Bool(_) => DataType::Boolean,
            Self::Foreign(array) => array.data_type().clone(),
        }
    }

    /// The value of a row as a number: null where there is none or it is not a number. Booleans are 0 and 1.
    pub fn number(&self, row: usize) -> Option<f64> {
        match self {
            Self::Float64(values) => values[row],
            Self::UInt32(values) => values[row].map(f64::from),
            Self::Int64(values) => values[row].map(|value| value as f64),
            Self::Bool(values) => values[row].map(|value| f64::from(u8::from(value))),
            Self::Utf8(_) => None,
            Self::Foreign(array) => array_number(array, row),
        }
    }

    /// The value of a row as a string, for string columns.
    pub fn string(&self, row: usize) -> Option<&str> {
        match self {
            Self::Utf8(values) => values[row].as_deref(),
            Self::Foreign(array) => array_string(array, row),
            _ => None,
        }
    }
}

/// The value at `row` of a numeric or boolean array.
pub fn array_number(array: &ArrayRef, row: usize) -> Option<f64> {
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    if let Some(values) = any.downcast_ref::<Float64Array>() {
        Some(values.value(row))
    } else if let Some(values) = any.downcast_ref::<Float32Array>() {
        Some(f64::from(values.value(row)))
    } else if let Some(values) = any.downcast_ref::<UInt32Array>() {
        Some(f64::from(values.value(row)))
    } else if let Some(values) = any.downcast_ref::<Int64Array>() {
        Some(values.value(row) as f64)
    } else if let Some(values) = any.downcast_ref::<Int32Array>() {
        Some(f64::from(values.value(row)))
    } else if let Some(values) = any.downcast_ref::<UInt64Array>() {
        Some(values.value(row) as f64)
    } else {
        any.downcast_ref::<BooleanArray>()
            .map(|values| f64::from(u8::from(values.value(row))))
    }
}

/// The value at `row` of a string array.
pub fn array_string(array: &ArrayRef, row: usize) -> Option<&str> {
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    any.downcast_ref::<StringArray>()
        .map(|values| values.value(row))
        .or_else(|| {
            any.downcast_ref::<LargeStringArray>()
                .map(|values| values.value(row))
        })
}

/// Whether a value meets a condition, given the value as a string or as a number. Null meets none.
pub fn meets(condition: &Condition, string: Option<&str>, number: Option<f64>) -> bool {
    condition.any_of.iter().any(|wanted| match wanted {
        serde_json::Value::String(wanted) => string == Some(wanted),
        serde_json::Value::Number(wanted) => wanted.as_f64().is_some() && wanted.as_f64() == number,
        serde_json::Value::Bool(wanted) => number == Some(f64::from(u8::from(*wanted))),
        _ => false,
    })
}

/// Whether `row` meets every condition. An unknown column meets none; the plan refuses those before any data is read.
pub fn row_meets(conditions: &[Condition], columns: &[NamedColumn], row: usize) -> bool {
    conditions.iter().all(|condition| {
        columns
            .iter()
            .find(|column| column.name == condition.column)
            .is_some_and(|column| meets(condition, column.data.string(row), column.data.number(row)))
    })
}
