//! Strata: the sources, or the values of a column, with what they hold and keep.

use std::collections::HashMap;

use arrow_array::{Array, ArrayRef, BooleanArray, Int64Array, UInt32Array, UInt64Array};

use super::error::ChooseError;
use crate::map::column::{array_number, array_string};

/// Values that strata may have.
pub(super) const MAX_STRATA: usize = 10_000;
/// Bytes of all names together.
const MAX_NAME_BYTES: usize = 8 << 20;

/// One of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Stratum {
    /// The value; none for documents without one.
    pub(super) name: Option<String>,
    /// Documents in the flow.
    pub(super) documents: u64,
    /// What they amount to.
    pub(super) amount: u64,
    /// Documents that stay.
    pub(super) kept: u64,
    /// What they amount to.
    pub(super) kept_amount: u64,
}

/// All of them, numbered as they are met.
#[derive(Debug, Default)]
pub(super) struct Strata {
    numbers: HashMap<Option<String>, u32>,
    list: Vec<Stratum>,
    name_bytes: usize,
}

impl Strata {
    /// Returns the number of a value.
    pub(super) fn number(&mut self, name: Option<&str>, column: &str) -> Result<u32, ChooseError> {
        // Looked up by an owned name only where it is new: `HashMap<Option<String>, _>` borrows no `Option<&str>`.
        let key = name.map(str::to_owned);
        if let Some(&number) = self.numbers.get(&key) {
            return Ok(number);
        }
        self.name_bytes += name.map_or(0, str::len);
        if self.list.len() == MAX_STRATA || self.name_bytes > MAX_NAME_BYTES {
            return Err(ChooseError::TooManyStrata {
                column: column.to_owned(),
                most: MAX_STRATA,
            });
        }
        let number = self.list.len() as u32;
        self.list.push(Stratum {
            name: key.clone(),
            ..Stratum::default()
        });
        self.numbers.insert(key, number);
        Ok(number)
    }

    /// Counts a document of a stratum.
    pub(super) fn add(&mut self, number: u32, amount: u32) {
        if let Some(stratum) = self.list.get_mut(number as usize) {
            stratum.documents += 1;
            stratum.amount += u64::from(amount);
        }
    }

    /// Counts a document that stays.
    pub(super) fn keep(&mut self, number: u32, amount: u32) {
        if let Some(stratum) = self.list.get_mut(number as usize) {
            stratum.kept += 1;
            stratum.kept_amount += u64::from(amount);
        }
    }

    /// By number.
    pub(super) fn list(&self) -> &[Stratum] {
        &self.list
    }
}

/// Returns the value of a row as the name of a stratum: strings as they are, `true` and `false`, numbers in decimal.
pub(super) fn name_of(array: &ArrayRef, row: usize) -> Option<String> {
    if array.is_null(row) {
        return None;
    }
    let any = array.as_any();
    if let Some(text) = array_string(array, row) {
        return Some(text.to_owned());
    }
    if let Some(values) = any.downcast_ref::<BooleanArray>() {
        return Some(values.value(row).to_string());
    }
    if let Some(values) = any.downcast_ref::<Int64Array>() {
        return Some(values.value(row).to_string());
    }
    if let Some(values) = any.downcast_ref::<UInt32Array>() {
        return Some(values.value(row).to_string());
    }
    if let Some(values) = any.downcast_ref::<UInt64Array>() {
        return Some(values.value(row).to_string());
    }
    array_number(array, row)
        .filter(|number| !number.is_nan())
        .map(|number| number.to_string())
}
