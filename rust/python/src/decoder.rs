//! Token ids back to text.

use std::path::PathBuf;

use gristmill_engine::tokenizer::Decoder as EngineDecoder;
use pyo3::prelude::*;

use crate::enter::enter_native;
use crate::session::Session;

/// A loaded `tokenizer.json` that decodes.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct Decoder {
    inner: EngineDecoder,
}

#[pymethods]
impl Decoder {
    #[new]
    fn new(py: Python<'_>, path: PathBuf, session: &Session) -> PyResult<Self> {
        let inner = enter_native(py, &session.inner, || EngineDecoder::load(&path))?;
        Ok(Self { inner })
    }

    /// The text of some ids, control tokens written out.
    fn decode(&self, py: Python<'_>, ids: Vec<u32>, session: &Session) -> PyResult<String> {
        enter_native(py, &session.inner, || self.inner.decode(&ids))
    }
}
