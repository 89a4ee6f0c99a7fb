//! Cells of Arrow arrays as JSON text.
//!
//! Strings, booleans, integers and finite floats become their JSON counterparts; lists become arrays, structs
//! objects, maps arrays of `{"key", "value"}` objects. What JSON lacks becomes a string: NaN and infinities
//! (`"NaN"`, `"Infinity"`, `"-Infinity"`), decimals as digits, dates, times and time stamps in ISO 8601
//! (without zone), bytes as text if they are UTF-8 and as lower-case hex if not. Not supported: dictionaries
//! (the reader asks for their values), durations, intervals, unions, run-end and view lists, which Parquet
//! files do not have or hardly ever have.

use std::fmt::Write;

use arrow_array::cast::AsArray;
use arrow_array::types::{
    Date32Type, Date64Type, Decimal32Type, Decimal64Type, Decimal128Type, Decimal256Type, Float16Type,
    Float32Type, Float64Type, Int8Type, Int16Type, Int32Type, Int64Type, Time32MillisecondType,
    Time32SecondType, Time64MicrosecondType, Time64NanosecondType, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType, UInt8Type, UInt16Type,
    UInt32Type, UInt64Type,
};
use arrow_array::{Array, ArrayRef};
use arrow_schema::{DataType, TimeUnit};

use super::json::push_string;

/// Tells whether cells of this type can be written.
pub(super) fn is_supported(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(field)
        | DataType::LargeList(field)
        | DataType::FixedSizeList(field, _)
        | DataType::Map(field, _) => is_supported(field.data_type()),
        DataType::Struct(fields) => fields.iter().all(|field| is_supported(field.data_type())),
        DataType::Dictionary(_, _)
        | DataType::Interval(_)
        | DataType::Duration(_)
        | DataType::Union(_, _)
        | DataType::RunEndEncoded(_, _)
        | DataType::ListView(_)
        | DataType::LargeListView(_) => false,
        _ => true,
    }
}

/// Appends the cell at `row`, whose type [`is_supported`], as compact JSON.
pub(super) fn push_cell(array: &dyn Array, row: usize, into: &mut String) {
    if array.is_null(row) {
        into.push_str("null");
        return;
    }
    macro_rules! number {
        ($kind:ty) => {
            push_format(
                format_args!("{}", array.as_primitive::<$kind>().value(row)),
                into,
            )
        };
    }
    macro_rules! quoted {
        ($kind:ty, $method:ident) => {
            match array.as_primitive::<$kind>().$method(row) {
                Some(value) => push_format(format_args!("\"{value:?}\""), into),
                // Outside the calendar: the number itself.
                None => number!($kind),
            }
        };
    }
    macro_rules! decimal {
        ($kind:ty) => {
            push_string(&array.as_primitive::<$kind>().value_as_string(row), into)
        };
    }
    match array.data_type() {
        DataType::Boolean => into.push_str(if array.as_boolean().value(row) {
            "true"
        } else {
            "false"
        }),
        DataType::Int8 => number!(Int8Type),
        DataType::Int16 => number!(Int16Type),
        DataType::Int32 => number!(Int32Type),
        DataType::Int64 => number!(Int64Type),
        DataType::UInt8 => number!(UInt8Type),
        DataType::UInt16 => number!(UInt16Type),
        DataType::UInt32 => number!(UInt32Type),
        DataType::UInt64 => number!(UInt64Type),
        DataType::Float16 => {
            let value = f32::from(array.as_primitive::<Float16Type>().value(row));
            push_float(f64::from(value), value, into);
        }
        DataType::Float32 => {
            let value = array.as_primitive::<Float32Type>().value(row);
            push_float(f64::from(value), value, into);
        }
        DataType::Float64 => {
            let value = array.as_primitive::<Float64Type>().value(row);
            push_float(value, value, into);
        }
        DataType::Utf8 => push_string(array.as_string::<i32>().value(row), into),
        DataType::LargeUtf8 => push_string(array.as_string::<i64>().value(row), into),
        DataType::Utf8View => push_string(array.as_string_view().value(row), into),
        DataType::Binary => push_bytes(array.as_binary::<i32>().value(row), into),
        DataType::LargeBinary => push_bytes(array.as_binary::<i64>().value(row), into),
        DataType::BinaryView => push_bytes(array.as_binary_view().value(row), into),
        DataType::FixedSizeBinary(_) => push_bytes(array.as_fixed_size_binary().value(row), into),
        DataType::Date32 => quoted!(Date32Type, value_as_date),
        DataType::Date64 => quoted!(Date64Type, value_as_datetime),
        DataType::Time32(TimeUnit::Second) => quoted!(Time32SecondType, value_as_time),
        DataType::Time32(_) => quoted!(Time32MillisecondType, value_as_time),
        DataType::Time64(TimeUnit::Microsecond) => quoted!(Time64MicrosecondType, value_as_time),
        DataType::Time64(_) => quoted!(Time64NanosecondType, value_as_time),
        DataType::Timestamp(TimeUnit::Second, _) => quoted!(TimestampSecondType, value_as_datetime),
        DataType::Timestamp(TimeUnit::Millisecond, _) => quoted!(TimestampMillisecondType, value_as_datetime),
        DataType::Timestamp(TimeUnit::Microsecond, _) => quoted!(TimestampMicrosecondType, value_as_datetime),
        DataType::Timestamp(TimeUnit::Nanosecond, _) => quoted!(TimestampNanosecondType, value_as_datetime),
        DataType::Decimal32(_, _) => decimal!(Decimal32Type),
        DataType::Decimal64(_, _) => decimal!(Decimal64Type),
        DataType::Decimal128(_, _) => decimal!(Decimal128Type),
        DataType::Decimal256(_, _) => decimal!(Decimal256Type),
        DataType::List(_) => push_list(&array.as_list::<i32>().value(row), into),
        DataType::LargeList(_) => push_list(&array.as_list::<i64>().value(row), into),
        DataType::FixedSizeList(_, _) => push_list(&array.as_fixed_size_list().value(row), into),
        DataType::Map(_, _) => push_entries(&array.as_map().value(row), into),
        DataType::Struct(_) => push_struct(array, row, into),
        // Refused when the file is opened.
        _ => into.push_str("null"),
    }
}

/// Writes a float in the shortest form of its own width, or as a string where JSON has no number for it.
fn push_float(wide: f64, value: impl std::fmt::Debug, into: &mut String) {
    match wide {
        _ if wide.is_finite() => push_format(format_args!("{value:?}"), into),
        _ if wide.is_nan() => into.push_str("\"NaN\""),
        _ => into.push_str(if wide < 0.0 {
            "\"-Infinity\""
        } else {
            "\"Infinity\""
        }),
    }
}

fn push_format(arguments: std::fmt::Arguments<'_>, into: &mut String) {
    // A string takes everything: the result is always `Ok`.
    let _ = into.write_fmt(arguments);
}

fn push_bytes(bytes: &[u8], into: &mut String) {
    match std::str::from_utf8(bytes) {
        Ok(text) => push_string(text, into),
        Err(_) => {
            into.push('"');
            bytes
                .iter()
                .for_each(|byte| push_format(format_args!("{byte:02x}"), into));
            into.push('"');
        }
    }
}

fn push_list(items: &ArrayRef, into: &mut String) {
    into.push('[');
    for index in 0..items.len() {
        if index > 0 {
            into.push(',');
        }
        push_cell(items.as_ref(), index, into);
    }
    into.push(']');
}

fn push_entries(entries: &dyn Array, into: &mut String) {
    into.push('[');
    for index in 0..entries.len() {
        if index > 0 {
            into.push(',');
        }
        push_struct(entries, index, into);
    }
    into.push(']');
}

fn push_struct(array: &dyn Array, row: usize, into: &mut String) {
    let record = array.as_struct();
    into.push('{');
    for (index, (field, column)) in record.fields().iter().zip(record.columns()).enumerate() {
        if index > 0 {
            into.push(',');
        }
        push_string(field.name(), into);
        into.push(':');
        push_cell(column.as_ref(), row, into);
    }
    into.push('}');
}
