//! Batches that a plugin reader hands over: checked here, and given identities.

use arrow_array::{Array, ArrayRef, Float64Array, Int64Array, RecordBatch};
use arrow_schema::DataType;
use gristmill_core::hash::document_key;

use crate::error::{EngineError, Result};
use crate::map::batch::{DocumentBatch, Texts};
use crate::map::column::{ColumnData, NamedColumn, array_number, array_string};
use crate::map::output::Unreadable;
use crate::map::spec::{FileSpec, MapSpec, OutputKind};
use crate::map::supervised::Supervised;
use crate::read::FloatLists;

/// Column that says why a row has no text: the reason of its row in `rejects/`; null or absent where nothing is known.
const REASON: &str = "gristmill.reason";
/// Column with the details of that reason.
const DETAIL: &str = "gristmill.detail";

/// Turns rows `first_row..` of a file into a batch; rows without text, or with too much, become unreadable.
///
/// # Errors
/// When there is no string column `text`.
pub fn documents(
    batch: &RecordBatch,
    spec: &MapSpec,
    file: &FileSpec,
    first_row: u64,
    unreadable: &mut Vec<Unreadable>,
) -> Result<DocumentBatch> {
    let text = batch.column_by_name("text").filter(|text| {
        matches!(
            text.data_type(),
            DataType::Utf8 | DataType::LargeUtf8 | DataType::Null
        )
    });
    let text = text.ok_or_else(|| {
        EngineError::Foreign(format!(
            "the reader of `{}` gave no string column `text`",
            file.path.display()
        ))
    })?;
    let id = batch.column_by_name("id");
    let known_of = |name: &str, row: usize| {
        let array = batch.column_by_name(name)?;
        array_string(array, row).map(str::to_owned)
    };
    let rows = batch.num_rows();
    let mut documents = DocumentBatch {
        docs: Vec::with_capacity(rows),
        keys: Vec::with_capacity(rows),
        ids: Vec::with_capacity(rows),
        raw_bytes: Vec::with_capacity(rows),
        texts: Texts::with_capacity(rows, batch.get_array_memory_size()),
        metadata: Vec::with_capacity(rows),
        columns: Vec::new(),
        alive: Vec::with_capacity(rows),
        segmentations: Vec::new(),
        embeddings: FloatLists::default(),
        supervised: Supervised::default(),
    };
    let mut readable = Vec::with_capacity(rows);
    for row in 0..rows {
        let number = first_row + row as u64;
        let value = array_string(text, row);
        let id = id.and_then(|id| identifier(id, row));
        let key = document_key(
            &spec.source.name,
            &file.relative_path,
            number,
            value.unwrap_or_default().as_bytes(),
        );
        let doc = (u64::from(file.ordinal) << 40) | number;
        let is_too_large = value.is_some_and(|value| value.len() as u64 > spec.max_document_bytes);
        match value {
            Some(value) if !is_too_large => {
                documents.docs.push(doc);
                documents.keys.push(key);
                documents.ids.push(id);
                documents.raw_bytes.push(value.len() as u32);
                documents.texts.push(value);
                documents.metadata.push(metadata(batch, row));
                documents.alive.push(true);
                readable.push(row);
            }
            _ => unreadable.push(Unreadable {
                doc,
                key,
                id,
                step: "read".to_owned(),
                reason: if is_too_large {
                    "too_large".to_owned()
                } else {
                    known_of(REASON, row).unwrap_or_else(|| "text_is_null".to_owned())
                },
                detail: known_of(DETAIL, row)
                    .unwrap_or_else(|| format!("row {number} of `{}`", file.relative_path)),
                excerpt: value
                    .map(|value| value.chars().take(600).collect())
                    .unwrap_or_default(),
            }),
        }
    }
    for column in &spec.source.columns {
        let array = batch.column_by_name(&column.name);
        let numbers = || {
            readable
                .iter()
                .map(|&row| array.and_then(|array| array_number(array, row)))
        };
        let data = match column.kind {
            OutputKind::Utf8 => ColumnData::Utf8(
                readable
                    .iter()
                    .map(|&row| array.and_then(|array| identifier(array, row)))
                    .collect(),
            ),
            OutputKind::Bool => {
                ColumnData::Bool(numbers().map(|value| value.map(|value| value != 0.0)).collect())
            }
            OutputKind::Int64 => {
                ColumnData::Int64(numbers().map(|value| value.map(|value| value as i64)).collect())
            }
            _ => ColumnData::Float64(numbers().collect()),
        };
        documents.columns.push(NamedColumn {
            name: column.name.clone(),
            data,
        });
    }
    if let Some(semantic) = &spec.semantic {
        let array = batch.column_by_name(&semantic.embedding);
        for &row in &readable {
            match array {
                Some(array) => documents.embeddings.push_cell(array.as_ref(), row),
                None => documents.embeddings.push_missing(),
            }
        }
    }
    Ok(documents)
}

/// A string, or a number as it is written.
fn identifier(array: &ArrayRef, row: usize) -> Option<String> {
    if let Some(value) = array_string(array, row) {
        return Some(value.to_owned());
    }
    let any = array.as_any();
    if array.is_null(row) {
        None
    } else if let Some(values) = any.downcast_ref::<Int64Array>() {
        Some(values.value(row).to_string())
    } else {
        any.downcast_ref::<Float64Array>()
            .map(|values| values.value(row).to_string())
    }
}

/// The other columns as a JSON object: strings, numbers and booleans; columns of other types are left out.
fn metadata(batch: &RecordBatch, row: usize) -> Option<String> {
    let mut object = serde_json::Map::new();
    for (field, array) in batch.schema().fields().iter().zip(batch.columns()) {
        if matches!(field.name().as_str(), "text" | "id" | REASON | DETAIL) || array.is_null(row) {
            continue;
        }
        let value = if let Some(string) = array_string(array, row) {
            serde_json::Value::from(string)
        } else if let Some(values) = array.as_any().downcast_ref::<Int64Array>() {
            serde_json::Value::from(values.value(row))
        } else if field.data_type() == &DataType::Boolean {
            serde_json::Value::from(array_number(array, row) == Some(1.0))
        } else {
            match array_number(array, row).and_then(serde_json::Number::from_f64) {
                Some(number) => serde_json::Value::Number(number),
                None => continue,
            }
        };
        object.insert(field.name().clone(), value);
    }
    (!object.is_empty()).then(|| serde_json::Value::Object(object).to_string())
}
