//! Steps on a table in memory: the same fused code as in a run, without files.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, LargeStringArray, RecordBatch};
use arrow_schema::{Field, Schema};
use arrow_select::nullif::nullif;

use gristmill_core::signals::{Column, ColumnType, entries};

use crate::error::{EngineError, Result};
use crate::map::batch::{DocumentBatch, Texts};
use crate::map::column::{ColumnData, NamedColumn};
use crate::map::output::EditRows;
use crate::map::spec::StepSpec;
use crate::map::steps::{CLEAN_COLUMNS, NativeStep, Scratch, run};
use crate::map::supervised::Supervised;
use crate::map::token_statistics;
use crate::read::FloatLists;
use crate::task::Session;

/// Runs native steps over texts and returns the texts they leave and the columns they make, a row each, in order.
///
/// With `edits`, each step reads the text that the one before it left, as in a run; without, all read the text as it is,
/// from one segmentation, and steps that edit only count what they would do. A null text stays null, and so are its
/// columns. `columns` are string columns that steps read, such as a URL. Memory: the columns, and with `edits` the texts
/// twice over; without, they are read where they are.
///
/// # Errors
/// When a step is unknown or runs outside the engine, or a tokenizer refuses a text.
pub fn run_steps(
    texts: &LargeStringArray,
    steps: &str,
    edits: bool,
    columns: Option<&RecordBatch>,
    session: &Session,
) -> Result<(LargeStringArray, RecordBatch)> {
    let specs: Vec<StepSpec> =
        serde_json::from_str(steps).map_err(|error| EngineError::Spec(error.to_string()))?;
    let mut steps = specs
        .iter()
        .map(|spec| {
            let mut step = NativeStep::new(spec, session)?
                .ok_or_else(|| EngineError::Spec(format!("`{}` runs outside the engine", spec.name)))?;
            if !edits {
                step.only_measure();
            }
            Ok(step)
        })
        .collect::<Result<Vec<_>>>()?;
    let rows = texts.len();
    let mut batch = DocumentBatch {
        docs: (0..rows as u64).collect(),
        keys: vec![0; rows],
        ids: vec![None; rows],
        raw_bytes: vec![0; rows],
        texts: Texts::from(texts.clone()),
        metadata: vec![None; rows],
        columns: read_columns(columns),
        alive: vec![true; rows],
        segmentations: Vec::new(),
        embeddings: FloatLists::default(),
        supervised: Supervised::default(),
    };
    let num_read = batch.columns.len();
    run(
        &mut steps,
        &mut batch,
        &mut Scratch::default(),
        &mut EditRows::default(),
        false,
        None,
    )?;
    let is_null: Option<BooleanArray> =
        (texts.null_count() > 0).then(|| (0..rows).map(|row| Some(texts.is_null(row))).collect());
    let blank = |array: ArrayRef| match &is_null {
        Some(is_null) => nullif(&array, is_null).map_err(|error| EngineError::Spec(error.to_string())),
        None => Ok(array),
    };
    let mut fields = Vec::with_capacity(batch.columns.len());
    let mut arrays = Vec::with_capacity(batch.columns.len());
    for column in &batch.columns[num_read..] {
        let array = blank(column.data.to_array())?;
        fields.push(Field::new(&column.name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(rows));
    let columns = RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| EngineError::Spec(error.to_string()))?;
    let left = match edits {
        false => texts.clone(),
        true => (0..rows)
            .map(|row| texts.is_valid(row).then(|| batch.texts.get(row)))
            .collect(),
    };
    Ok((left, columns))
}

/// Columns that steps read, as a run would extract them from the records.
fn read_columns(columns: Option<&RecordBatch>) -> Vec<NamedColumn> {
    let Some(columns) = columns else {
        return Vec::new();
    };
    let schema = columns.schema();
    let named = schema.fields().iter().zip(columns.columns());
    named
        .map(|(field, array)| NamedColumn {
            name: field.name().clone(),
            data: ColumnData::Foreign(Arc::clone(array)),
        })
        .collect()
}

/// The columns of every step that measures: `{use: [{name, kind, description}, …], …}`.
pub fn rule_columns() -> serde_json::Value {
    let described = |columns: &[Column]| -> Vec<serde_json::Value> {
        let kind = |column: &Column| match column.kind {
            ColumnType::UInt32 => "uint32",
            ColumnType::Float64 => "float64",
            ColumnType::Bool => "bool",
        };
        columns
            .iter()
            .map(|column| {
                serde_json::json!({ "name": column.name, "kind": kind(column), "description": column.description })
            })
            .collect()
    };
    let of_engine = [
        ("clean", CLEAN_COLUMNS),
        (token_statistics::NAME, token_statistics::COLUMNS),
    ];
    of_engine
        .into_iter()
        .chain(entries().map(|entry| (entry.name, entry.columns)))
        .map(|(name, columns)| (name.to_owned(), serde_json::Value::from(described(columns))))
        .collect::<serde_json::Map<_, _>>()
        .into()
}
