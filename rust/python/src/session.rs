//! What all tasks of a process share.

use std::sync::Arc;

use pyo3::prelude::*;

/// The request to stop, and the files verified so far.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct Session {
    pub(crate) inner: Arc<gristmill_engine::task::Session>,
}

#[pymethods]
impl Session {
    #[new]
    fn new() -> Self {
        Self {
            inner: Arc::default(),
        }
    }

    /// Asks running tasks to stop.
    fn cancel(&self) {
        self.inner.cancel();
    }
}
