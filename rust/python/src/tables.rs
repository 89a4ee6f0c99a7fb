//! Steps and tokenizers on tables in memory.

use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use arrow_array::{Array, ArrayRef, LargeStringArray};
use gristmill_engine::file_table::FileTable as EngineFileTable;
use gristmill_engine::map::segment_columns;
use gristmill_engine::near::{self, NearSpec};
use gristmill_engine::tokenizer::{Route, SpecialMode, Tokenizer as EngineTokenizer};
use gristmill_engine::{EngineError, tables};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::enter::enter_native;
use crate::session::Session;

fn large_strings(array: PyArray) -> PyResult<LargeStringArray> {
    let (array, _) = array.into_inner();
    array
        .as_any()
        .downcast_ref::<LargeStringArray>()
        .cloned()
        .ok_or_else(|| PyTypeError::new_err(format!("texts are large_string, not {}", array.data_type())))
}

fn to_pyarrow(py: Python<'_>, array: ArrayRef) -> PyResult<Py<PyAny>> {
    let array = PyArray::from_array_ref(array);
    Ok(array.to_pyarrow(py)?.unbind())
}

/// Runs native steps over texts: the texts they leave and the columns they make.
#[pyfunction]
pub(crate) fn run_steps(
    py: Python<'_>,
    texts: PyArray,
    steps: &str,
    edits: bool,
    columns: Option<PyRecordBatch>,
    session: &Session,
) -> PyResult<(Py<PyAny>, Py<PyAny>)> {
    let texts = large_strings(texts)?;
    let (left, columns) = enter_native(py, &session.inner, || {
        tables::run_steps(
            &texts,
            steps,
            edits,
            columns.as_ref().map(PyRecordBatch::as_ref),
            &session.inner,
        )
    })?;
    Ok((
        to_pyarrow(py, Arc::new(left))?,
        PyRecordBatch::new(columns).into_pyarrow(py)?.unbind(),
    ))
}

/// Columns of the segmentations of texts.
#[pyfunction]
pub(crate) fn segment_texts(
    py: Python<'_>,
    texts: PyArray,
    columns: Vec<String>,
    session: &Session,
) -> PyResult<Py<PyAny>> {
    let texts = large_strings(texts)?;
    let batch = enter_native(py, &session.inner, || {
        segment_columns::segment_texts(&texts, &columns, || session.inner.check())
    })?;
    Ok(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind())
}

/// The columns of every step that measures, as JSON: name, type and description by step.
#[pyfunction]
pub(crate) fn rule_columns() -> String {
    tables::rule_columns().to_string()
}

/// A loaded tokenizer.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct Tokenizer {
    inner: EngineTokenizer,
}

#[pymethods]
impl Tokenizer {
    #[new]
    #[pyo3(signature = (path, special, session, only_library=false))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        special: &str,
        session: &Session,
        only_library: bool,
    ) -> PyResult<Self> {
        let inner = enter_native(py, &session.inner, || {
            let mode: SpecialMode =
                serde_json::from_str(special).map_err(|error| EngineError::Spec(error.to_string()))?;
            let route = if only_library {
                Route::Library
            } else {
                Route::Fastest
            };
            EngineTokenizer::load_for(&path, &mode, route)
        })?;
        Ok(Self { inner })
    }

    /// One more than the largest id.
    #[getter]
    fn vocabulary_size(&self) -> u32 {
        self.inner.vocabulary_size()
    }

    /// Why texts go through the library; None on our own path.
    #[getter]
    fn library_reason(&self) -> Option<&str> {
        self.inner.path_taken()
    }

    /// Token ids of each text; null for a null text.
    fn encode_batch(&self, py: Python<'_>, texts: PyArray, session: &Session) -> PyResult<Py<PyAny>> {
        let texts = large_strings(texts)?;
        let lists = enter_native(py, &session.inner, || {
            let lists = self.inner.encode_array(&texts, || session.inner.check())?;
            Ok(Arc::new(lists) as ArrayRef)
        })?;
        to_pyarrow(py, lists)
    }
}

/// Reads one file as record batches.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct FileTable {
    inner: Mutex<EngineFileTable>,
}

#[pymethods]
impl FileTable {
    #[new]
    #[pyo3(signature = (path, text_field, id_field, session))]
    fn new(
        py: Python<'_>,
        path: PathBuf,
        text_field: &str,
        id_field: Option<&str>,
        session: &Session,
    ) -> PyResult<Self> {
        let inner = enter_native(py, &session.inner, || {
            EngineFileTable::open(&path, text_field, id_field)
        })?;
        Ok(Self {
            inner: Mutex::new(inner),
        })
    }

    /// The next rows, or None at the end.
    fn next_batch(&self, py: Python<'_>, session: &Session) -> PyResult<Option<Py<PyAny>>> {
        let batch = enter_native(py, &session.inner, || {
            let mut table = self
                .inner
                .lock()
                .map_err(|_| EngineError::Spec("an earlier call failed".to_owned()))?;
            table.next_batch()
        })?;
        batch
            .map(|batch| Ok(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind()))
            .transpose()
    }
}

/// Near duplicates among texts: cluster, duplicate_of and similarity of each.
#[pyfunction]
pub(crate) fn near_duplicates(
    py: Python<'_>,
    texts: PyArray,
    spec: &str,
    folder: PathBuf,
    session: &Session,
) -> PyResult<Py<PyAny>> {
    let texts = large_strings(texts)?;
    let batch = enter_native(py, &session.inner, || {
        let spec: NearSpec =
            serde_json::from_str(spec).map_err(|error| EngineError::Spec(error.to_string()))?;
        near::near_duplicates(&texts, &spec, &folder, &session.inner)
    })?;
    Ok(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind())
}
