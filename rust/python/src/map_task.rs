//! Map tasks, which plugins may join.

use std::sync::Mutex;

use gristmill_engine::EngineError;
use gristmill_engine::map::{Advance, MapTask as EngineMapTask, PluginFailure};
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;
use pyo3_arrow::{PyArray, PyRecordBatch};

use crate::enter::{enter_native, to_python};
use crate::session::Session;

/// What the driver is asked to do: `plugin`, `turns` or `input`, the step or file, and the batch.
type Call = (&'static str, usize, Option<Py<PyAny>>);

/// A map task under way.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct MapTask {
    inner: Mutex<Option<EngineMapTask>>,
}

impl MapTask {
    fn with<T>(&self, body: impl FnOnce(&mut EngineMapTask) -> PyResult<T>) -> PyResult<T> {
        let mut guard = self
            .inner
            .lock()
            .map_err(|_| PyRuntimeError::new_err("an earlier call failed"))?;
        body(
            guard
                .as_mut()
                .ok_or_else(|| PyRuntimeError::new_err("the task is committed"))?,
        )
    }
}

#[pymethods]
impl MapTask {
    #[new]
    fn new(py: Python<'_>, spec: &str, session: &Session) -> PyResult<Self> {
        let task = enter_native(py, &session.inner, || EngineMapTask::open(spec, &session.inner))?;
        Ok(Self {
            inner: Mutex::new(Some(task)),
        })
    }

    /// `("plugin", step, batch)`, `("turns", 0, batch)`, `("input", file, None)` or None when everything is read.
    fn advance(&self, py: Python<'_>, session: &Session) -> PyResult<Option<Call>> {
        let advance = self.with(|task| enter_native(py, &session.inner, || task.advance(&session.inner)))?;
        Ok(match advance {
            Advance::Done => None,
            Advance::Input { file } => Some(("input", file, None)),
            Advance::Turns { batch } => Some((
                "turns",
                0,
                Some(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind()),
            )),
            Advance::Plugin { step, batch } => Some((
                "plugin",
                step,
                Some(PyRecordBatch::new(batch).into_pyarrow(py)?.unbind()),
            )),
        })
    }

    /// Takes a batch that a reader plugin read, or None at the end of the file.
    #[pyo3(signature = (batch))]
    fn feed(&self, py: Python<'_>, batch: Option<PyRecordBatch>) -> PyResult<()> {
        let batch = batch.map(PyRecordBatch::into_inner);
        self.with(|task| task.feed(batch.as_ref()).map_err(|error| to_python(py, &error)))
    }

    /// Takes a plugin step's columns, new texts and failed rows.
    #[pyo3(signature = (columns, text, failures))]
    fn supply(
        &self,
        py: Python<'_>,
        columns: Vec<PyArray>,
        text: Option<PyArray>,
        failures: Vec<(usize, String, String)>,
    ) -> PyResult<()> {
        let columns = columns.into_iter().map(|column| column.into_inner().0).collect();
        let text = text.map(|text| text.into_inner().0);
        let failures: Vec<PluginFailure> = failures
            .into_iter()
            .map(|(row, reason, detail)| PluginFailure { row, reason, detail })
            .collect();
        self.with(|task| {
            task.supply(columns, text.as_ref(), &failures)
                .map_err(|error| to_python(py, &error))
        })
    }

    /// Takes what a chat template made of turns, and the rows where it failed.
    #[pyo3(signature = (rendered, failures))]
    fn supply_chat(
        &self,
        py: Python<'_>,
        rendered: PyArray,
        failures: Vec<(usize, String, String)>,
    ) -> PyResult<()> {
        let rendered = rendered.into_inner().0;
        let failures: Vec<PluginFailure> = failures
            .into_iter()
            .map(|(row, reason, detail)| PluginFailure { row, reason, detail })
            .collect();
        self.with(|task| {
            task.supply_chat(&rendered, &failures)
                .map_err(|error| to_python(py, &error))
        })
    }

    /// Commits and returns the task manifest as JSON.
    fn commit(&self, py: Python<'_>, session: &Session) -> PyResult<String> {
        let task = self
            .inner
            .lock()
            .map_err(|_| PyRuntimeError::new_err("an earlier call failed"))?
            .take()
            .ok_or_else(|| PyRuntimeError::new_err("the task is committed"))?;
        enter_native(py, &session.inner, || {
            let manifest = task.commit()?;
            serde_json::to_string(&manifest).map_err(|error| EngineError::Spec(error.to_string()))
        })
    }
}
