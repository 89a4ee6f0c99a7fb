//! Thresholds over signal columns: which documents of a partition pass, and the first rule that each other one fails.
//!
//! Reads `signals` only, so a changed threshold computes no signal again.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;

use arrow_array::{Array, ArrayRef};
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use serde::Deserialize;

use crate::commit::{Artefact, TaskManifest, TaskPlace, commit};
use crate::error::{EngineError, Result};
use crate::map::column::{array_number, array_string, meets};
use crate::map::spec::Condition;
use crate::task::Session;

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

/// A document passes when its value compares so; null passes, and so does a document outside `where`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Threshold {
    /// Step that it belongs to.
    pub step: String,
    /// Name of the rule, for rejects and counts.
    pub rule: String,
    /// Signal column.
    pub column: String,
    /// Comparison that keeps a document.
    pub keep: Comparison,
    /// Compared with; booleans are 0 and 1.
    pub threshold: f64,
    /// Documents that the rule is for; all when empty.
    #[serde(rename = "where")]
    pub conditions: Vec<Condition>,
}

/// How a value and a threshold compare in a document that is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub enum Comparison {
    /// At least.
    #[serde(rename = ">=")]
    AtLeast,
    /// At most.
    #[serde(rename = "<=")]
    AtMost,
    /// More than.
    #[serde(rename = ">")]
    MoreThan,
    /// Less than.
    #[serde(rename = "<")]
    LessThan,
    /// Equal.
    #[serde(rename = "==")]
    Equal,
}

impl Comparison {
    /// Whether a document with `value` is kept.
    pub fn keeps(self, value: f64, threshold: f64) -> bool {
        match self {
            Self::AtLeast => value >= threshold,
            Self::AtMost => value <= threshold,
            Self::MoreThan => value > threshold,
            Self::LessThan => value < threshold,
            Self::Equal => value == threshold,
        }
    }
}

/// Streams chosen columns of a signals file, batch by batch.
pub struct SignalColumns {
    path: PathBuf,
    reader: parquet::arrow::arrow_reader::ParquetRecordBatchReader,
}

impl SignalColumns {
    /// Opens the file for the named columns; names that are not there are an error.
    ///
    /// # Errors
    /// When the file cannot be read or lacks a column.
    pub fn open(path: PathBuf, names: &[&str], batch_rows: usize) -> Result<Self> {
        let file = File::open(&path).map_err(EngineError::io("open", &path))?;
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(file).map_err(EngineError::table("read", &path))?;
        let mut roots = Vec::with_capacity(names.len());
        for name in names {
            let root = builder
                .schema()
                .index_of(name)
                .map_err(|_| EngineError::Spec(format!("no step makes the column `{name}`")))?;
            roots.push(root);
        }
        let mask = ProjectionMask::roots(builder.parquet_schema(), roots);
        let reader = builder
            .with_projection(mask)
            .with_batch_size(batch_rows)
            .build()
            .map_err(EngineError::table("read", &path))?;
        Ok(Self { path, reader })
    }

    /// The next rows, or nothing at the end.
    ///
    /// # Errors
    /// When decoding fails.
    pub fn next_batch(&mut self) -> Result<Option<arrow_array::RecordBatch>> {
        self.reader
            .next()
            .transpose()
            .map_err(EngineError::table("read", &self.path))
    }
}

/// Returns the distinct columns that thresholds and their conditions read.
pub fn columns_of(thresholds: &[Threshold]) -> Vec<&str> {
    let mut names: Vec<&str> = thresholds
        .iter()
        .flat_map(|threshold| {
            std::iter::once(threshold.column.as_str()).chain(
                threshold
                    .conditions
                    .iter()
                    .map(|condition| condition.column.as_str()),
            )
        })
        .collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Runs the task. Cost: one pass over the named columns; memory: one batch of them.
///
/// # Errors
/// When the signals cannot be read or the verdicts cannot be written.
pub fn run(spec: &DecideSpec, session: &Session) -> Result<TaskManifest> {
    let path = session.open(&spec.place.data, &spec.signals)?;
    let mut output = spec.place.create("verdict.bin")?;
    let mut failed = vec![0_u64; spec.thresholds.len()];
    let mut passed = 0_u64;
    let mut rows = 0_u64;
    let mut in_scope: BTreeMap<String, u64> = spec
        .thresholds
        .iter()
        .filter(|threshold| !threshold.conditions.is_empty())
        .map(|threshold| (threshold.step.clone(), 0))
        .collect();
    if spec.thresholds.is_empty() {
        rows = spec.signals.rows;
        passed = rows;
        for _ in 0..rows {
            output.append(&0_u16.to_le_bytes())?;
        }
    } else {
        let mut columns = SignalColumns::open(path, &columns_of(&spec.thresholds), 8192)?;
        while let Some(batch) = columns.next_batch()? {
            session.check()?;
            let bound: Vec<Bound<'_>> = spec
                .thresholds
                .iter()
                .map(|threshold| Bound::new(threshold, &batch))
                .collect::<Result<_>>()?;
            for (step, count) in &mut in_scope {
                // All thresholds of a step share its conditions.
                if let Some(threshold) = bound.iter().find(|bound| &bound.threshold.step == step) {
                    *count += (0..batch.num_rows())
                        .filter(|&row| threshold.is_meant(row))
                        .count() as u64;
                }
            }
            for row in 0..batch.num_rows() {
                let verdict = bound.iter().position(|threshold| threshold.fails(row));
                match verdict {
                    Some(index) => failed[index] += 1,
                    None => passed += 1,
                }
                let code = verdict.map_or(0, |index| index as u16 + 1);
                output.append(&code.to_le_bytes())?;
            }
            rows += batch.num_rows() as u64;
        }
    }
    if rows != spec.signals.rows {
        let detail = format!("{rows} rows of signals read, {} committed", spec.signals.rows);
        return Err(EngineError::Conservation {
            task: spec.place.label(),
            detail,
        });
    }
    let dropped: BTreeMap<String, u64> =
        spec.thresholds
            .iter()
            .zip(&failed)
            .fold(BTreeMap::new(), |mut dropped, (threshold, count)| {
                *dropped
                    .entry(format!("{}.{}", threshold.step, threshold.rule))
                    .or_default() += count;
                dropped
            });
    let outputs = BTreeMap::from([("verdict".to_owned(), output.finish(rows)?)]);
    commit(
        &spec.place,
        outputs,
        serde_json::json!({ "passed": passed, "dropped": dropped, "in_scope": in_scope }),
    )
}

/// A threshold with its columns of one batch.
struct Bound<'batch> {
    threshold: &'batch Threshold,
    column: &'batch ArrayRef,
    conditions: Vec<(&'batch Condition, &'batch ArrayRef)>,
}

impl<'batch> Bound<'batch> {
    fn new(threshold: &'batch Threshold, batch: &'batch arrow_array::RecordBatch) -> Result<Self> {
        let find = |name: &str| {
            batch
                .column_by_name(name)
                .ok_or_else(|| EngineError::Spec(format!("no step makes the column `{name}`")))
        };
        let conditions = threshold
            .conditions
            .iter()
            .map(|condition| Ok((condition, find(&condition.column)?)))
            .collect::<Result<_>>()?;
        Ok(Self {
            threshold,
            column: find(&threshold.column)?,
            conditions,
        })
    }

    /// Whether the document is one that the step is for.
    fn is_meant(&self, row: usize) -> bool {
        self.conditions
            .iter()
            .all(|(condition, column)| meets(condition, array_string(column, row), array_number(column, row)))
    }

    fn fails(&self, row: usize) -> bool {
        !self.column.is_null(row)
            && self.is_meant(row)
            && array_number(self.column, row)
                .is_some_and(|value| !self.threshold.keep.keeps(value, self.threshold.threshold))
    }
}
