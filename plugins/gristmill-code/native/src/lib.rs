//! The compiled part of `gristmill-code`: one function over Arrow arrays, for Python.
//!
//! It links nothing of gristmill and knows no plugin interface: arrays go in and come out as capsules, so that the wheel
//! works with any version of gristmill, polars or pyarrow. The rules (`lexer`) know nothing of Python or Arrow.

mod capsule;
pub mod lexer;

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, Int32Array, LargeStringArray, StructArray, UInt64Array};
use arrow_schema::{DataType, Field, Fields};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;

use crate::capsule::ArrowArray;
use crate::lexer::{Ending, Form, Shares, Syntax};

/// The fields of `gristmill_code.syntaxes.Form`, in order.
type FormTuple = (bool, String, String, String, bool, bool, bool, bool, bool);

/// A column's name and its value for a text.
type Count = (&'static str, fn(&Shares) -> u64);

/// Measures comments and strings of a column of texts.
///
/// `texts`: Arrow `large_utf8`. `languages`: Arrow `int32`, for each text the index of its syntax, or null. `syntaxes`: for
/// each language its forms as tuples. Returns an Arrow struct array of four `uint64` columns, null where the text or its
/// language is null. The interpreter is released meanwhile.
#[pyfunction]
fn measure_comments(
    py: Python<'_>,
    texts: &Bound<'_, PyAny>,
    languages: &Bound<'_, PyAny>,
    syntaxes: Vec<Vec<FormTuple>>,
) -> PyResult<ArrowArray> {
    let texts = capsule::import(texts)?;
    let languages = capsule::import(languages)?;
    let texts = column::<LargeStringArray>(&texts, "texts", "large_utf8")?;
    let languages = column::<Int32Array>(&languages, "languages", "int32")?;
    if texts.len() != languages.len() {
        return Err(PyValueError::new_err(format!(
            "{} texts have {} languages",
            texts.len(),
            languages.len()
        )));
    }
    let syntaxes = syntaxes.into_iter().map(syntax).collect::<PyResult<Vec<_>>>()?;
    py.detach(|| measure_columns(texts, languages, &syntaxes))
}

fn column<'a, T: 'static>(array: &'a ArrayRef, name: &str, expected: &str) -> PyResult<&'a T> {
    let found = array.data_type();
    let message = || PyTypeError::new_err(format!("`{name}` must be of type {expected}, not {found}"));
    array.as_any().downcast_ref().ok_or_else(message)
}

fn syntax(forms: Vec<FormTuple>) -> PyResult<Syntax> {
    let forms = forms.into_iter().map(form).collect::<PyResult<Vec<_>>>()?;
    Ok(Syntax::new(forms))
}

fn form(fields: FormTuple) -> PyResult<Form> {
    let (is_comment, ending, open, close, escape, multiline, nested, word_start, line_start) = fields;
    let ending = match ending.as_str() {
        "line" => Ending::Line,
        "close" => Ending::Close,
        "character" => Ending::Character,
        "raw" => Ending::Raw,
        other => {
            return Err(PyValueError::new_err(format!(
                "`{other}` is no way for a form to end"
            )));
        }
    };
    if !open.is_ascii() || open.is_empty() || !close.is_ascii() {
        return Err(PyValueError::new_err(
            "what a form opens and closes with must be ASCII, and the first not empty",
        ));
    }
    let (open, close) = (open.into_bytes(), close.into_bytes());
    Ok(Form {
        is_comment,
        ending,
        open,
        close,
        escape,
        multiline,
        nested,
        word_start,
        line_start,
    })
}

fn measure_columns(
    texts: &LargeStringArray,
    languages: &Int32Array,
    syntaxes: &[Syntax],
) -> PyResult<ArrowArray> {
    let mut rows = Vec::with_capacity(texts.len());
    for (text, language) in texts.iter().zip(languages) {
        let (Some(text), Some(language)) = (text, language) else {
            rows.push(None);
            continue;
        };
        let syntax = usize::try_from(language)
            .ok()
            .and_then(|index| syntaxes.get(index));
        let syntax =
            syntax.ok_or_else(|| PyValueError::new_err(format!("there is no language `{language}`")))?;
        rows.push(Some(lexer::measure(text.as_bytes(), syntax)));
    }
    let columns: [Count; 4] = [
        ("num_characters", |shares| shares.characters),
        ("num_comment_characters", |shares| shares.comment_characters),
        ("num_string_characters", |shares| shares.string_characters),
        ("num_comments", |shares| shares.comments),
    ];
    let fields: Fields = columns
        .iter()
        .map(|(name, _)| Field::new(*name, DataType::UInt64, true))
        .collect();
    let arrays = columns
        .iter()
        .map(|(_, value)| {
            Arc::new(
                rows.iter()
                    .map(|row| row.as_ref().map(value))
                    .collect::<UInt64Array>(),
            ) as ArrayRef
        })
        .collect();
    let array = StructArray::try_new(fields, arrays, None)
        .map_err(|error| PyValueError::new_err(error.to_string()))?;
    Ok(ArrowArray::new(array))
}

/// The extension module.
#[pymodule]
mod gristmill_code_native {
    #[pymodule_export]
    use super::{ArrowArray, measure_comments};
}
