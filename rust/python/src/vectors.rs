//! Near duplicates by embeddings of tables in memory.

use std::path::PathBuf;

use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use gristmill_engine::EngineError;
use gristmill_engine::dedup::semantic::near::{NearVectorSpec, near_vectors as find};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::enter::enter_native;
use crate::session::Session;

/// Near duplicates among vectors: cluster, duplicate_of and similarity of each.
#[pyfunction]
pub(crate) fn near_vectors(
    py: Python<'_>,
    vectors: PyArray,
    ranks: PyArray,
    spec: &str,
    folder: PathBuf,
    session: &Session,
) -> PyResult<Py<PyAny>> {
    let (vectors, _) = vectors.into_inner();
    let (ranks, _) = ranks.into_inner();
    let Some(ranks) = ranks.as_primitive_opt::<UInt64Type>() else {
        return Err(PyTypeError::new_err("ranks are uint64"));
    };
    let batch = enter_native(py, &session.inner, || {
        let spec: NearVectorSpec =
            serde_json::from_str(spec).map_err(|error| EngineError::Spec(error.to_string()))?;
        find(vectors.as_ref(), ranks, &spec, &folder, &session.inner)
    })?;
    Ok(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind())
}
