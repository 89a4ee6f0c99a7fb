//! Values that a recipe asks for by name, beside the text.

use std::borrow::Cow;

use super::batch::Strings;
use super::floats::FloatLists;

/// What kind of values a column holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// Strings; numbers and booleans as they are written.
    Utf8,
    /// Finite 64-bit floating-point numbers.
    Float64,
    /// 64-bit integers.
    Int64,
    /// Booleans.
    Bool,
    /// Lists of floating-point numbers, kept as they are.
    Floats,
}

/// A field to extract from every record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ColumnSpec {
    /// The field's name, at the top level of the record.
    pub name: String,
    /// What its values are read as; others become null and are counted.
    pub kind: ColumnKind,
}

/// The values of one extracted column.
#[derive(Debug, Clone, PartialEq)]
pub enum ColumnValues {
    /// Strings.
    Utf8(Strings),
    /// Floating-point numbers.
    Float64(Vec<Option<f64>>),
    /// Integers.
    Int64(Vec<Option<i64>>),
    /// Booleans.
    Bool(Vec<Option<bool>>),
    /// Lists of numbers.
    Floats(FloatLists),
}

impl ColumnValues {
    pub(super) fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Utf8 => Self::Utf8(Strings::default()),
            ColumnKind::Float64 => Self::Float64(Vec::new()),
            ColumnKind::Int64 => Self::Int64(Vec::new()),
            ColumnKind::Bool => Self::Bool(Vec::new()),
            ColumnKind::Floats => Self::Floats(FloatLists::default()),
        }
    }

    /// What kind of values this column holds.
    pub fn kind(&self) -> ColumnKind {
        match self {
            Self::Utf8(_) => ColumnKind::Utf8,
            Self::Float64(_) => ColumnKind::Float64,
            Self::Int64(_) => ColumnKind::Int64,
            Self::Bool(_) => ColumnKind::Bool,
            Self::Floats(_) => ColumnKind::Floats,
        }
    }

    pub(super) fn clear(&mut self) {
        match self {
            Self::Utf8(values) => values.clear(),
            Self::Float64(values) => values.clear(),
            Self::Int64(values) => values.clear(),
            Self::Bool(values) => values.clear(),
            Self::Floats(values) => values.clear(),
        }
    }

    /// Appends a JSON value, null where the field is absent. Returns false when the value is of another kind
    /// and null was appended instead.
    pub(super) fn push_json(&mut self, json: Option<&str>) -> bool {
        let json = json.filter(|&json| json != "null");
        match self {
            Self::Utf8(values) => {
                let value = json.and_then(scalar_text);
                values.push(value.as_deref());
                value.is_some() == json.is_some()
            }
            Self::Float64(values) => {
                let number = json
                    .filter(|json| is_number(json))
                    .and_then(|json| json.parse::<f64>().ok());
                push(values, json, number.filter(|number| number.is_finite()))
            }
            Self::Int64(values) => push(values, json, json.and_then(|json| json.parse().ok())),
            Self::Bool(values) => push(values, json, json.and_then(|json| json.parse().ok())),
            Self::Floats(values) => {
                values.push_json(json);
                true
            }
        }
    }
}

fn push<Value>(values: &mut Vec<Option<Value>>, json: Option<&str>, value: Option<Value>) -> bool {
    let is_match = value.is_some() == json.is_some();
    values.push(value);
    is_match
}

fn is_number(json: &str) -> bool {
    json.starts_with(|first: char| first == '-' || first.is_ascii_digit())
}

/// Returns the content of a JSON string, a number or boolean as written, and nothing for lists and objects.
pub(super) fn scalar_text(json: &str) -> Option<Cow<'_, str>> {
    match json.as_bytes().first()? {
        b'"' => match json.contains('\\') {
            false => json.get(1..json.len() - 1).map(Cow::Borrowed),
            true => serde_json::from_str::<String>(json).ok().map(Cow::Owned),
        },
        b'[' | b'{' => None,
        _ => Some(Cow::Borrowed(json)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_another_kind_become_null_and_are_told() {
        let mut numbers = ColumnValues::new(ColumnKind::Float64);
        let told: Vec<bool> = [
            Some("1.5"),
            Some("-2"),
            Some("\"3\""),
            Some("1e999"),
            Some("null"),
            None,
            Some("[1]"),
        ]
        .into_iter()
        .map(|json| numbers.push_json(json))
        .collect();
        assert_eq!(told, [true, true, false, false, true, true, false]);
        let expected = vec![Some(1.5), Some(-2.0), None, None, None, None, None];
        assert_eq!(numbers, ColumnValues::Float64(expected));
    }

    #[test]
    fn strings_keep_numbers_as_written() {
        let mut strings = ColumnValues::new(ColumnKind::Utf8);
        for json in ["\"a\\u00e9\\n\"", "1.50", "true", "{}"] {
            strings.push_json(Some(json));
        }
        let ColumnValues::Utf8(strings) = strings else {
            unreachable!()
        };
        let found: Vec<_> = (0..4).map(|index| strings.get(index)).collect();
        assert_eq!(found, [Some("aé\n"), Some("1.50"), Some("true"), None]);
    }

    #[test]
    fn integers_and_booleans_are_strict() {
        let mut integers = ColumnValues::new(ColumnKind::Int64);
        assert!(integers.push_json(Some("9223372036854775807")));
        assert!(!integers.push_json(Some("9223372036854775808")));
        assert!(!integers.push_json(Some("1.0")));
        let mut booleans = ColumnValues::new(ColumnKind::Bool);
        assert!(booleans.push_json(Some("false")));
        assert!(!booleans.push_json(Some("0")));
        assert_eq!(booleans, ColumnValues::Bool(vec![Some(false), None]));
    }
}
