//! The one door between Python and the engine: releases the interpreter, watches for Ctrl-C, converts errors.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc;
use std::time::Duration;

use gristmill_engine::EngineError;
use gristmill_engine::task::Session;
use pyo3::exceptions::PyRuntimeError;
use pyo3::prelude::*;

/// How often a waiting call looks for Ctrl-C.
const POLL: Duration = Duration::from_millis(100);

/// Runs `work` with the interpreter released. A signal handler that raises (Ctrl-C) cancels the session, and its
/// exception is what the caller gets.
pub(crate) fn enter_native<T: Send>(
    py: Python<'_>,
    session: &Session,
    work: impl FnOnce() -> Result<T, EngineError> + Send,
) -> PyResult<T> {
    let mut interrupt = None;
    let outcome = py.detach(|| {
        std::thread::scope(|scope| {
            let (done, finished) = mpsc::sync_channel(1);
            scope.spawn(move || {
                let outcome = catch_unwind(AssertUnwindSafe(work));
                // The receiver outlives the scope; a send can only fail if the caller panicked.
                let _ = done.send(outcome);
            });
            loop {
                match finished.recv_timeout(POLL) {
                    Ok(outcome) => return Some(outcome),
                    Err(mpsc::RecvTimeoutError::Disconnected) => return None,
                    Err(mpsc::RecvTimeoutError::Timeout) => {
                        if interrupt.is_none()
                            && let Err(error) = Python::attach(|py| py.check_signals())
                        {
                            interrupt = Some(error);
                            session.cancel();
                        }
                    }
                }
            }
        })
    });
    match (interrupt, outcome) {
        (Some(interrupt), _) => Err(interrupt),
        (None, Some(Ok(Ok(value)))) => Ok(value),
        (None, Some(Ok(Err(error)))) => Err(to_python(py, &error)),
        (None, Some(Err(panic))) => Err(fault(&*panic)),
        (None, None) => Err(PyRuntimeError::new_err(
            "a fault inside gristmill: a native call ended without a word",
        )),
    }
}

/// Runs `work` with the interpreter released, in this thread: for calls of less than a millisecond or so, which another
/// thread would slow down. Nothing looks for Ctrl-C meanwhile; Python does when the call returns.
pub(crate) fn enter_briefly<T: Send>(
    py: Python<'_>,
    work: impl FnOnce() -> Result<T, EngineError> + Send,
) -> PyResult<T> {
    match py.detach(|| catch_unwind(AssertUnwindSafe(work))) {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(to_python(py, &error)),
        Err(panic) => Err(fault(&*panic)),
    }
}

/// A panic as an exception.
fn fault(panic: &(dyn std::any::Any + Send)) -> PyErr {
    let message = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    PyRuntimeError::new_err(format!("a fault inside gristmill: {message}"))
}

/// Converts an engine error to `gristmill.errors.GristmillError`, with its code and hint.
pub(crate) fn to_python(py: Python<'_>, error: &EngineError) -> PyErr {
    let build = || -> PyResult<PyErr> {
        let class = py.import("gristmill.errors")?.getattr("GristmillError")?;
        let keywords = pyo3::types::PyDict::new(py);
        keywords.set_item("hint", error.hint())?;
        Ok(PyErr::from_value(
            class.call((error.code(), error.to_string()), Some(&keywords))?,
        ))
    };
    build().unwrap_or_else(|failure| failure)
}
