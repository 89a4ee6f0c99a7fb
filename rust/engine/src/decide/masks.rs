//! Which thresholds each row of a batch fails, as bits; and what the bits of many rows add up to.
//!
//! Bit `k` of a row belongs to threshold `k`: it stands in word `k / 64` at place `k % 64`. Words are kept word by word,
//! a value a row, as the columns `failed_0`, `failed_1`, … of `decisions/` hold them.

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, BooleanArray, DictionaryArray, Float32Array, Float64Array, Int32Array, Int64Array,
    LargeStringArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use serde::Serialize;

use super::threshold::{Comparison, Threshold, has_same_conditions};
use crate::error::{EngineError, Result};
use crate::map::column::{array_number, array_string, meets};
use crate::map::spec::Condition;

/// Bits of one word.
pub const WORD_BITS: usize = 64;

/// Number of words that `num_thresholds` bits take.
pub fn words_for(num_thresholds: usize) -> usize {
    num_thresholds.div_ceil(WORD_BITS)
}

/// Sets the bits of the numbered thresholds for every row of a batch; rows of `words` are those of the batch.
///
/// `numbered` yields a bit's number and its threshold, those of one step together. `on_scope` is told each step's
/// conditions: which rows they let in. Cost: a few nanoseconds a row and threshold.
///
/// # Errors
/// When the batch lacks a column.
pub fn mark_failures<'list>(
    numbered: impl IntoIterator<Item = (usize, &'list Threshold)>,
    batch: &RecordBatch,
    words: &mut [Vec<u64>],
    mut on_scope: impl FnMut(&'list Threshold, &[bool]),
) -> Result<()> {
    let mut scope: Vec<bool> = Vec::new();
    let mut scoped: Option<&Threshold> = None;
    for (number, threshold) in numbered {
        let is_scoped = !threshold.conditions.is_empty();
        let is_known = scoped.is_some_and(|known| has_same_conditions(known, threshold));
        if is_scoped && !is_known {
            rows_in_scope(&threshold.conditions, batch, &mut scope)?;
        }
        if is_scoped && !scoped.is_some_and(|known| is_known && known.step == threshold.step) {
            on_scope(threshold, &scope);
        }
        scoped = is_scoped.then_some(threshold).or(scoped);
        let column = find(batch, &threshold.column)?;
        let word = &mut words[number / WORD_BITS][..batch.num_rows()];
        let bit = 1_u64 << (number % WORD_BITS);
        mark_column(word, bit, column, threshold.keep, threshold.threshold);
        if let Some(nulls) = column.nulls() {
            clear_unless(word, bit, nulls.iter());
        }
        if is_scoped {
            clear_unless(word, bit, scope.iter().copied());
        }
    }
    Ok(())
}

fn find<'batch>(batch: &'batch RecordBatch, name: &str) -> Result<&'batch ArrayRef> {
    batch
        .column_by_name(name)
        .ok_or_else(|| EngineError::Spec(format!("no step makes the column `{name}`")))
}

fn clear_unless(word: &mut [u64], bit: u64, facts: impl Iterator<Item = bool>) {
    for (word, fact) in word.iter_mut().zip(facts) {
        *word &= !(bit * u64::from(!fact));
    }
}

/// Marks what a column's values fail; the values behind nulls are marked too, and cleared by the caller.
fn mark_column(word: &mut [u64], bit: u64, column: &ArrayRef, keep: Comparison, threshold: f64) {
    let any = column.as_any();
    if let Some(values) = any.downcast_ref::<Float64Array>() {
        mark(word, bit, values.values().iter().copied(), keep, threshold);
    } else if let Some(values) = any.downcast_ref::<UInt32Array>() {
        mark(
            word,
            bit,
            values.values().iter().map(|&value| f64::from(value)),
            keep,
            threshold,
        );
    } else if let Some(values) = any.downcast_ref::<Float32Array>() {
        mark(
            word,
            bit,
            values.values().iter().map(|&value| f64::from(value)),
            keep,
            threshold,
        );
    } else if let Some(values) = any.downcast_ref::<Int32Array>() {
        mark(
            word,
            bit,
            values.values().iter().map(|&value| f64::from(value)),
            keep,
            threshold,
        );
    } else if let Some(values) = any.downcast_ref::<Int64Array>() {
        mark(
            word,
            bit,
            values.values().iter().map(|&value| value as f64),
            keep,
            threshold,
        );
    } else if let Some(values) = any.downcast_ref::<UInt64Array>() {
        mark(
            word,
            bit,
            values.values().iter().map(|&value| value as f64),
            keep,
            threshold,
        );
    } else if let Some(values) = any.downcast_ref::<BooleanArray>() {
        mark(
            word,
            bit,
            values.values().iter().map(|value| f64::from(u8::from(value))),
            keep,
            threshold,
        );
    }
}

/// One loop for each comparison, so that none is chosen inside.
fn mark(word: &mut [u64], bit: u64, values: impl Iterator<Item = f64>, keep: Comparison, threshold: f64) {
    fn each(word: &mut [u64], bit: u64, values: impl Iterator<Item = f64>, keeps: impl Fn(f64) -> bool) {
        for (word, value) in word.iter_mut().zip(values) {
            *word |= bit * u64::from(!keeps(value));
        }
    }
    match keep {
        Comparison::AtLeast => each(word, bit, values, |value| value >= threshold),
        Comparison::AtMost => each(word, bit, values, |value| value <= threshold),
        Comparison::MoreThan => each(word, bit, values, |value| value > threshold),
        Comparison::LessThan => each(word, bit, values, |value| value < threshold),
        Comparison::Equal => each(word, bit, values, |value| value == threshold),
    }
}

/// Fills `scope` with whether each row meets every condition.
fn rows_in_scope(conditions: &[Condition], batch: &RecordBatch, scope: &mut Vec<bool>) -> Result<()> {
    scope.clear();
    scope.resize(batch.num_rows(), true);
    for condition in conditions {
        let column = find(batch, &condition.column)?;
        let wanted: Option<Vec<&str>> = condition.any_of.iter().map(serde_json::Value::as_str).collect();
        let any = column.as_any();
        match wanted {
            Some(wanted) if any.is::<DictionaryArray<Int32Type>>() => {
                if let Some(dictionary) = any.downcast_ref::<DictionaryArray<Int32Type>>() {
                    let strings = dictionary.values().as_any().downcast_ref::<StringArray>();
                    let met: Vec<bool> = strings
                        .into_iter()
                        .flatten()
                        .map(|value| value.is_some_and(|value| wanted.contains(&value)))
                        .collect();
                    let is_met = |key: Option<i32>| {
                        key.and_then(|key| met.get(usize::try_from(key).ok()?))
                            .is_some_and(|&is_met| is_met)
                    };
                    narrow(scope, dictionary.keys().iter().map(is_met));
                }
            }
            Some(wanted) if any.is::<StringArray>() => {
                let strings = any.downcast_ref::<StringArray>().into_iter().flatten();
                narrow(
                    scope,
                    strings.map(|value| value.is_some_and(|value| wanted.contains(&value))),
                );
            }
            Some(wanted) if any.is::<LargeStringArray>() => {
                let strings = any.downcast_ref::<LargeStringArray>().into_iter().flatten();
                narrow(
                    scope,
                    strings.map(|value| value.is_some_and(|value| wanted.contains(&value))),
                );
            }
            _ => {
                let met = (0..batch.num_rows())
                    .map(|row| meets(condition, array_string(column, row), array_number(column, row)));
                narrow(scope, met);
            }
        }
    }
    Ok(())
}

fn narrow(scope: &mut [bool], facts: impl Iterator<Item = bool>) {
    for (is_meant, fact) in scope.iter_mut().zip(facts) {
        *is_meant &= fact;
    }
}

/// The first failing threshold of a row, or nothing.
pub fn first_failure(words: &[Vec<u64>], row: usize) -> Option<usize> {
    words
        .iter()
        .enumerate()
        .find(|(_, word)| word[row] != 0)
        .map(|(number, word)| number * WORD_BITS + word[row].trailing_zeros() as usize)
}

/// What each threshold is worth: counts in threshold order.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct RuleCounts {
    /// Documents that fail it.
    pub failed: Vec<u64>,
    /// Documents that it is the first one to drop.
    pub first: Vec<u64>,
    /// Documents that fail nothing else: what would come back without it.
    pub exclusive: Vec<u64>,
    /// Entry `j` of list `i`: documents that fail both threshold `i` and threshold `i + 1 + j`.
    pub overlap: Vec<Vec<u64>>,
}

impl RuleCounts {
    /// All zero, for so many thresholds.
    pub fn new(num_thresholds: usize) -> Self {
        Self {
            failed: vec![0; num_thresholds],
            first: vec![0; num_thresholds],
            exclusive: vec![0; num_thresholds],
            overlap: (1..num_thresholds)
                .map(|start| vec![0; num_thresholds - start])
                .collect(),
        }
    }

    /// Adds the first `rows` rows.
    pub fn add(&mut self, words: &[Vec<u64>], rows: usize) {
        let mut failing: Vec<usize> = Vec::new();
        for row in 0..rows {
            failing.clear();
            for (number, word) in words.iter().enumerate() {
                let mut bits = word[row];
                while bits != 0 {
                    failing.push(number * WORD_BITS + bits.trailing_zeros() as usize);
                    bits &= bits - 1;
                }
            }
            let Some(&first) = failing.first() else {
                continue;
            };
            self.first[first] += 1;
            self.exclusive[first] += u64::from(failing.len() == 1);
            for (position, &one) in failing.iter().enumerate() {
                self.failed[one] += 1;
                for &other in &failing[position + 1..] {
                    self.overlap[one][other - one - 1] += 1;
                }
            }
        }
    }
}
