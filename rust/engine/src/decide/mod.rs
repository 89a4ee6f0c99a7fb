//! Thresholds over signal columns: which of them each document of a partition fails.
//!
//! Reads `signals` only, so a changed threshold computes no signal again. Leaves the first failing threshold of each
//! document (`verdict.bin`, for the stages that follow) and all of them as bits (`decisions`, for people and `what-if`).

mod columns;
mod masks;
#[cfg(test)]
pub(crate) mod tests;
mod threshold;

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, RecordBatch, UInt64Array};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use serde::Deserialize;

pub use columns::{SignalColumns, columns_of, roots_of};
pub use masks::{RuleCounts, WORD_BITS, first_failure, mark_failures, words_for};
pub use threshold::{Comparison, Threshold};

use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::error::{EngineError, Result};
use crate::schema::TableFile;
use crate::task::Session;

/// Rows that are looked at together.
const BATCH_ROWS: usize = 8192;
/// Key of the schema metadata that lists the thresholds of a decisions table, as JSON.
pub const THRESHOLDS_KEY: &str = "gristmill.thresholds";

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DecideSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// The signals of the partition.
    pub signals: Artefact,
    /// Every threshold of the recipe, in step order.
    pub thresholds: Vec<Threshold>,
}

/// Name of the column that holds word `number` of the bits.
pub fn word_column(number: usize) -> String {
    format!("failed_{number}")
}

/// `decisions/`: which thresholds each readable document fails, row by row as in `signals/`.
pub fn decisions_schema(thresholds: &[Threshold]) -> SchemaRef {
    let words = (0..words_for(thresholds.len()))
        .map(|number| Field::new(word_column(number), DataType::UInt64, false));
    let fields: Vec<Field> = std::iter::once(Field::new("doc", DataType::UInt64, false))
        .chain(words)
        .collect();
    let listed = thresholds.iter().map(Threshold::to_json).collect::<Vec<_>>();
    let metadata = HashMap::from([(
        THRESHOLDS_KEY.to_owned(),
        serde_json::Value::from(listed).to_string(),
    )]);
    Arc::new(Schema::new_with_metadata(fields, metadata))
}

/// Runs the task. Cost: one pass over the named columns; memory: one batch of them, and a row group of bits.
///
/// # Errors
/// When the signals cannot be read or the verdicts cannot be written.
pub fn run(spec: &DecideSpec, session: &Session) -> Result<TaskManifest> {
    let path = session.open(&spec.place.data, &spec.signals)?;
    let thresholds = &spec.thresholds;
    let mut verdicts = spec.place.create("verdict.bin")?;
    let schema = decisions_schema(thresholds);
    let mut decisions = TableFile::create(&spec.place, "decisions.parquet", Arc::clone(&schema))?;
    let mut words = vec![vec![0_u64; BATCH_ROWS]; words_for(thresholds.len())];
    let mut counts = RuleCounts::new(thresholds.len());
    let mut rows = 0_u64;
    let mut in_scope: BTreeMap<&str, u64> = thresholds
        .iter()
        .filter(|threshold| !threshold.conditions.is_empty())
        .map(|threshold| (threshold.step.as_str(), 0))
        .collect();
    let names: Vec<&str> = std::iter::once("doc").chain(columns_of(thresholds)).collect();
    let mut columns = SignalColumns::open(path, &names, BATCH_ROWS)?;
    while let Some(batch) = columns.next_batch()? {
        session.check()?;
        for word in &mut words {
            word.fill(0);
        }
        mark_failures(
            thresholds.iter().enumerate(),
            &batch,
            &mut words,
            |threshold, scope| {
                if let Some(count) = in_scope.get_mut(threshold.step.as_str()) {
                    *count += scope.iter().filter(|&&is_meant| is_meant).count() as u64;
                }
            },
        )?;
        counts.add(&words, batch.num_rows());
        for row in 0..batch.num_rows() {
            let code = first_failure(&words, row).map_or(0, |index| index as u16 + 1);
            verdicts.append(&code.to_le_bytes())?;
        }
        decisions.write(&decisions_batch(&schema, &batch, &words)?)?;
        rows += batch.num_rows() as u64;
    }
    if rows != spec.signals.rows {
        let detail = format!("{rows} rows of signals read, {} committed", spec.signals.rows);
        return Err(EngineError::Conservation {
            task: spec.place.label(),
            detail,
        });
    }
    let mut dropped: BTreeMap<String, u64> = BTreeMap::new();
    for (threshold, count) in thresholds.iter().zip(&counts.first) {
        *dropped
            .entry(format!("{}.{}", threshold.step, threshold.rule))
            .or_default() += count;
    }
    let passed = rows - counts.first.iter().sum::<u64>();
    let outputs = BTreeMap::from([
        ("verdict".to_owned(), verdicts.finish(rows)?),
        ("decisions".to_owned(), decisions.finish()?),
    ]);
    let counts =
        serde_json::json!({ "passed": passed, "dropped": dropped, "in_scope": in_scope, "rules": counts });
    commit(&spec.place, outputs, counts)
}

fn decisions_batch(schema: &SchemaRef, batch: &RecordBatch, words: &[Vec<u64>]) -> Result<RecordBatch> {
    let doc = batch
        .column_by_name("doc")
        .ok_or_else(|| EngineError::Spec("signals have no column `doc`".to_owned()))?;
    let failed = words
        .iter()
        .map(|word| Arc::new(UInt64Array::from_iter_values(word[..doc.len()].iter().copied())) as ArrayRef);
    let arrays = std::iter::once(Arc::clone(doc)).chain(failed).collect();
    RecordBatch::try_new(Arc::clone(schema), arrays).map_err(|error| EngineError::Spec(error.to_string()))
}
