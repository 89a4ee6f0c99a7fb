//! Other thresholds on a finished run.

use gristmill_engine::{EngineError, what_if as engine};
use pyo3::prelude::*;

use crate::enter::enter_native;
use crate::session::Session;

fn parse<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, EngineError> {
    serde_json::from_str(json).map_err(|error| EngineError::Spec(error.to_string()))
}

fn render<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Spec(error.to_string()))
}

/// Which documents other thresholds would keep, as JSON.
#[pyfunction]
pub(crate) fn what_if(py: Python<'_>, spec: &str, session: &Session) -> PyResult<String> {
    enter_native(py, &session.inner, || {
        render(&engine::scan::what_if(&parse(spec)?, &session.inner)?)
    })
}

/// Which duplicates would go among those documents, as JSON.
#[pyfunction]
pub(crate) fn dedup_again(py: Python<'_>, spec: &str, session: &Session) -> PyResult<String> {
    enter_native(py, &session.inner, || {
        render(&engine::dedup::decide_again(&parse(spec)?, &session.inner)?)
    })
}
