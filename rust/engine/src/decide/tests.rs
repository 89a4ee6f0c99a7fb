//! Bits of thresholds against one comparison at a time, on random columns.

use std::sync::Arc;

use arrow_array::{
    ArrayRef, BooleanArray, Float32Array, Float64Array, Int64Array, RecordBatch, StringArray, UInt32Array,
};
use proptest::prelude::*;

use super::*;
use crate::map::column::{array_number, array_string, meets};

/// Columns of every kind that a threshold may read, with nulls.
pub(crate) fn columns(rows: usize) -> impl Strategy<Value = RecordBatch> {
    let small = || prop::collection::vec(prop::option::weighted(0.85, 0_u32..8), rows);
    (small(), small(), small(), small(), small(), small()).prop_map(
        move |(floats, counts, facts, shorts, longs, names)| {
            let quarter = |value: &Option<u32>| value.map(|value| f64::from(value) / 4.0);
            let arrays: Vec<(&str, ArrayRef)> = vec![
                (
                    "doc",
                    Arc::new(arrow_array::UInt64Array::from_iter_values(0..rows as u64)),
                ),
                (
                    "a.share",
                    Arc::new(floats.iter().map(quarter).collect::<Float64Array>()),
                ),
                ("a.count", Arc::new(counts.into_iter().collect::<UInt32Array>())),
                (
                    "b.fact",
                    Arc::new(
                        facts
                            .iter()
                            .map(|value| value.map(|value| value > 3))
                            .collect::<BooleanArray>(),
                    ),
                ),
                (
                    "b.short",
                    Arc::new(
                        shorts
                            .iter()
                            .map(|value| value.map(|value| value as f32))
                            .collect::<Float32Array>(),
                    ),
                ),
                (
                    "b.long",
                    Arc::new(
                        longs
                            .iter()
                            .map(|value| value.map(i64::from))
                            .collect::<Int64Array>(),
                    ),
                ),
                (
                    "lang",
                    Arc::new(
                        names
                            .iter()
                            .map(|value| value.map(|value| ["en", "de", "fr"][value as usize % 3]))
                            .collect::<StringArray>(),
                    ),
                ),
            ];
            RecordBatch::try_from_iter_with_nullable(
                arrays
                    .into_iter()
                    .map(|(name, array)| (name, array, name != "doc")),
            )
            .unwrap()
        },
    )
}

/// A threshold on one of those columns, perhaps with a condition.
pub(crate) fn threshold() -> impl Strategy<Value = Threshold> {
    let column = prop::sample::select(vec!["a.share", "a.count", "b.fact", "b.short", "b.long"]);
    let keep = prop::sample::select(vec![
        Comparison::AtLeast,
        Comparison::AtMost,
        Comparison::MoreThan,
        Comparison::LessThan,
        Comparison::Equal,
    ]);
    let conditions = prop::sample::select(vec![
        serde_json::json!([]),
        serde_json::json!([{ "column": "lang", "any_of": ["en", "fr"] }]),
        serde_json::json!([{ "column": "a.count", "any_of": [1, 2.0, 3] }]),
        serde_json::json!([{ "column": "b.fact", "any_of": [true] }, { "column": "lang", "any_of": ["de"] }]),
    ]);
    (column, keep, 0_u32..8, conditions).prop_map(|(column, keep, value, conditions)| Threshold {
        step: column[..1].to_owned(),
        rule: column.to_owned(),
        column: column.to_owned(),
        keep,
        threshold: f64::from(value) / 2.0,
        conditions: serde_json::from_value(conditions).unwrap(),
    })
}

/// One document and one threshold at a time.
pub(crate) fn fails(threshold: &Threshold, batch: &RecordBatch, row: usize) -> bool {
    let column = |name: &str| batch.column_by_name(name).unwrap();
    let is_meant = threshold.conditions.iter().all(|condition| {
        let values = column(&condition.column);
        meets(condition, array_string(values, row), array_number(values, row))
    });
    is_meant
        && array_number(column(&threshold.column), row)
            .is_some_and(|value| !threshold.keep.keeps(value, threshold.threshold))
}

proptest! {
    #[test]
    fn bits_and_counts_are_those_of_one_comparison_at_a_time(
        batch in columns(40),
        mut thresholds in prop::collection::vec(threshold(), 0..80),
    ) {
        thresholds.sort_by(|one, other| one.step.cmp(&other.step));
        let mut words = vec![vec![0; 64]; words_for(thresholds.len())];
        mark_failures(thresholds.iter().enumerate(), &batch, &mut words, |_, _| ()).unwrap();
        let mut counts = RuleCounts::new(thresholds.len());
        counts.add(&words, batch.num_rows());
        let mut expected = RuleCounts::new(thresholds.len());
        for row in 0..batch.num_rows() {
            let failing: Vec<usize> =
                (0..thresholds.len()).filter(|&number| fails(&thresholds[number], &batch, row)).collect();
            prop_assert_eq!(first_failure(&words, row), failing.first().copied());
            for &one in &failing {
                expected.failed[one] += 1;
                expected.first[one] += u64::from(failing[0] == one);
                expected.exclusive[one] += u64::from(failing.len() == 1);
                for &other in failing.iter().filter(|&&other| other > one) {
                    expected.overlap[one][other - one - 1] += 1;
                }
            }
        }
        prop_assert_eq!(counts, expected);
    }
}

#[test]
fn each_step_s_scope_is_counted_once() {
    let batch = RecordBatch::try_from_iter([
        ("a.count", Arc::new(UInt32Array::from(vec![1, 2, 3])) as ArrayRef),
        (
            "lang",
            Arc::new(StringArray::from(vec![Some("en"), None, Some("de")])),
        ),
    ])
    .unwrap();
    let english = serde_json::json!([{ "column": "lang", "any_of": ["en"] }]);
    let threshold = |step: &str, value: f64| Threshold {
        step: step.to_owned(),
        rule: "count".to_owned(),
        column: "a.count".to_owned(),
        keep: Comparison::AtLeast,
        threshold: value,
        conditions: serde_json::from_value(english.clone()).unwrap(),
    };
    let thresholds = [threshold("a", 2.0), threshold("a", 3.0), threshold("b", 4.0)];
    let mut words = vec![vec![0; 3]];
    let mut told = Vec::new();
    mark_failures(
        thresholds.iter().enumerate(),
        &batch,
        &mut words,
        |threshold, scope| {
            told.push((threshold.step.clone(), scope.to_vec()));
        },
    )
    .unwrap();
    let scope = vec![true, false, false];
    assert_eq!(told, [("a".to_owned(), scope.clone()), ("b".to_owned(), scope)]);
    assert_eq!(words, [[0b111, 0, 0]]);
}
