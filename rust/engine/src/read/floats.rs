//! Lists of numbers that records hold, such as embeddings, as 32-bit floats.
//!
//! What is wrong with a list is not judged here: it is kept as what it is, and whoever asked for it decides.

use arrow_array::cast::AsArray;
use arrow_array::types::{Float16Type, Float32Type, Float64Type};
use arrow_array::{Array, ArrayRef};
use arrow_schema::DataType;

/// What a record holds under the field's name.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum FloatList<'list> {
    /// Nothing, or null.
    Missing,
    /// Something that is no list of numbers: another kind of value, or a list with null in it.
    NotNumbers,
    /// The numbers. Those of 64 bits are rounded to 32; beyond the range of 32 bits they are infinite.
    Numbers(&'list [f32]),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Missing,
    NotNumbers,
    Numbers,
}

/// A column of lists in one buffer.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct FloatLists {
    values: Vec<f32>,
    /// End of each list in `values`.
    ends: Vec<usize>,
    kinds: Vec<Kind>,
}

impl FloatLists {
    /// The list at `index`; missing beyond the end too.
    pub fn get(&self, index: usize) -> FloatList<'_> {
        match self.kinds.get(index) {
            None | Some(Kind::Missing) => FloatList::Missing,
            Some(Kind::NotNumbers) => FloatList::NotNumbers,
            Some(Kind::Numbers) => {
                let start = index.checked_sub(1).map_or(0, |previous| self.ends[previous]);
                FloatList::Numbers(&self.values[start..self.ends[index]])
            }
        }
    }

    /// Number of lists, missing ones included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True when there is no list.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// Appends a record without a list.
    pub fn push_missing(&mut self) {
        self.push(Kind::Missing);
    }

    /// Appends the list in a JSON value, nothing where the field is absent or null. `"NaN"`, `"Infinity"` and
    /// `"-Infinity"`, which writers of Arrow put in place of what JSON lacks, are what they say.
    pub fn push_json(&mut self, json: Option<&str>) {
        let Some(json) = json.map(str::trim).filter(|&json| json != "null") else {
            return self.push(Kind::Missing);
        };
        let items = json
            .strip_prefix('[')
            .and_then(|rest| rest.strip_suffix(']'))
            .map(str::trim);
        let start = self.values.len();
        let is_list = items.is_some_and(|items| {
            items.is_empty()
                || items.split(',').all(|item| {
                    number(item.trim())
                        .inspect(|&value| self.values.push(value))
                        .is_some()
                })
        });
        if !is_list {
            self.values.truncate(start);
        }
        self.push(if is_list { Kind::Numbers } else { Kind::NotNumbers });
    }

    /// Appends the list in the cell at `row` of an array whose type [`is_float_list`]; of other arrays, only null cells
    /// are no fault.
    pub fn push_cell(&mut self, array: &dyn Array, row: usize) {
        if array.is_null(row) || array.data_type() == &DataType::Null {
            return self.push(Kind::Missing);
        }
        let items: ArrayRef = match array.data_type() {
            DataType::List(_) => array.as_list::<i32>().value(row),
            DataType::LargeList(_) => array.as_list::<i64>().value(row),
            DataType::FixedSizeList(_, _) => array.as_fixed_size_list().value(row),
            _ => return self.push(Kind::NotNumbers),
        };
        if items.null_count() > 0 {
            return self.push(Kind::NotNumbers);
        }
        match items.data_type() {
            DataType::Float16 => {
                let items = items.as_primitive::<Float16Type>().values();
                self.values.extend(items.iter().map(|&value| f32::from(value)));
            }
            DataType::Float32 => self
                .values
                .extend_from_slice(items.as_primitive::<Float32Type>().values()),
            DataType::Float64 => {
                let items = items.as_primitive::<Float64Type>().values();
                self.values.extend(items.iter().map(|&value| value as f32));
            }
            _ => return self.push(Kind::NotNumbers),
        }
        self.push(Kind::Numbers);
    }

    fn push(&mut self, kind: Kind) {
        self.ends.push(self.values.len());
        self.kinds.push(kind);
    }

    pub(super) fn clear(&mut self) {
        self.values.clear();
        self.ends.clear();
        self.kinds.clear();
    }
}

/// Tells whether cells of this type are lists of floats; columns that hold nothing at all may be.
pub fn is_float_list(data_type: &DataType) -> bool {
    match data_type {
        DataType::List(item) | DataType::LargeList(item) | DataType::FixedSizeList(item, _) => matches!(
            item.data_type(),
            DataType::Float16 | DataType::Float32 | DataType::Float64
        ),
        DataType::Null => true,
        _ => false,
    }
}

/// An item of a JSON list, rounded once.
fn number(item: &str) -> Option<f32> {
    match item.as_bytes().first()? {
        b'-' | b'0'..=b'9' => item.parse().ok(),
        _ => match item {
            "\"NaN\"" => Some(f32::NAN),
            "\"Infinity\"" => Some(f32::INFINITY),
            "\"-Infinity\"" => Some(f32::NEG_INFINITY),
            _ => None,
        },
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use arrow_array::builder::{Float64Builder, ListBuilder};
    use arrow_array::types::Float32Type;
    use arrow_array::{FixedSizeListArray, Int64Array};

    use super::*;

    #[test]
    fn json_lists_are_read_as_they_are_written() {
        let mut lists = FloatLists::default();
        let cases = [
            Some("[1, -2.5e-1 ,\n3]"),
            None,
            Some("null"),
            Some("[]"),
            Some("[1, null]"),
            Some("[[1]]"),
            Some("0.5"),
            Some("\"[1]\""),
            Some("{\"a\":1}"),
            Some("[1e39, \"-Infinity\"]"),
            Some("[true]"),
            Some("[0.1]"),
        ];
        for case in cases {
            lists.push_json(case);
        }
        let expected = [
            FloatList::Numbers(&[1.0, -0.25, 3.0]),
            FloatList::Missing,
            FloatList::Missing,
            FloatList::Numbers(&[]),
            FloatList::NotNumbers,
            FloatList::NotNumbers,
            FloatList::NotNumbers,
            FloatList::NotNumbers,
            FloatList::NotNumbers,
            FloatList::Numbers(&[f32::INFINITY, f32::NEG_INFINITY]),
            FloatList::NotNumbers,
            FloatList::Numbers(&[0.1]),
        ];
        for (index, expected) in expected.into_iter().enumerate() {
            assert_eq!(lists.get(index), expected, "{:?}", cases[index]);
        }
        assert_eq!((lists.len(), lists.get(99)), (cases.len(), FloatList::Missing));
        lists.push_json(Some("[\"NaN\"]"));
        assert!(matches!(lists.get(cases.len()), FloatList::Numbers([value]) if value.is_nan()));
    }

    #[test]
    fn arrow_lists_of_every_width_are_read() {
        let mut lists = FloatLists::default();
        let fixed = FixedSizeListArray::from_iter_primitive::<Float32Type, _, _>(
            [
                Some(vec![Some(0.5), Some(2.0)]),
                None,
                Some(vec![Some(1.0), None]),
            ],
            2,
        );
        assert!(is_float_list(fixed.data_type()));
        for row in 0..3 {
            lists.push_cell(&fixed, row);
        }
        let mut builder = ListBuilder::new(Float64Builder::new());
        builder.values().append_slice(&[0.1, 1e300]);
        builder.append(true);
        lists.push_cell(&builder.finish(), 0);
        let numbers = Arc::new(Int64Array::from(vec![7]));
        lists.push_cell(numbers.as_ref(), 0);
        let found: Vec<FloatList<'_>> = (0..5).map(|index| lists.get(index)).collect();
        let expected = [
            FloatList::Numbers(&[0.5, 2.0]),
            FloatList::Missing,
            FloatList::NotNumbers,
            FloatList::Numbers(&[0.1, f32::INFINITY]),
            FloatList::NotNumbers,
        ];
        assert_eq!(found, expected);
        assert!(!is_float_list(numbers.data_type()));
    }
}
