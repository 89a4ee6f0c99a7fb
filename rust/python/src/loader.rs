//! Packed rows of token shards.

use std::sync::{Arc, Mutex, MutexGuard};

use arrow_array::cast::AsArray;
use arrow_array::types::UInt8Type;
use gristmill_core::packing::{Corpus, PlanSettings, PlanState};
use gristmill_engine::EngineError;
use gristmill_engine::loader::{Columns, Numbers, Out, Reader, Share, Targets, Tokens};
use pyo3::exceptions::{PyRuntimeError, PyTypeError};
use pyo3::prelude::*;
use pyo3_arrow::PyArray;

use crate::enter::{enter_briefly, enter_native};
use crate::interop::{Array, check_apart};
use crate::session::Session;

/// Rows that are planned in a few milliseconds.
const BRIEF_ROWS: u64 = 4096;

/// Reads a description.
fn parse<'a, T: serde::Deserialize<'a>>(text: &'a str) -> Result<T, EngineError> {
    serde_json::from_str(text).map_err(|error| EngineError::Spec(error.to_string()))
}

fn write<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Spec(error.to_string()))
}

/// The columns of a split's shards.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct TokenColumns {
    inner: Arc<Columns>,
}

#[pymethods]
impl TokenColumns {
    #[new]
    fn new(py: Python<'_>, files: Vec<PyArray>, num_sources: usize, session: &Session) -> PyResult<Self> {
        let mut buffers = Vec::with_capacity(files.len());
        for file in files {
            let (file, _) = file.into_inner();
            let Some(bytes) = file.as_primitive_opt::<UInt8Type>() else {
                return Err(PyTypeError::new_err("files are uint8"));
            };
            buffers.push(bytes.values().inner().clone());
        }
        let inner = enter_native(py, &session.inner, || Columns::from_files(&buffers, num_sources))?;
        Ok(Self {
            inner: Arc::new(inner),
        })
    }

    /// Documents and tokens of each source.
    fn count_sources(&self, py: Python<'_>, session: &Session) -> PyResult<(Vec<u64>, Vec<u64>)> {
        let counts = enter_native(py, &session.inner, || self.inner.count_sources())?;
        Ok((counts.documents, counts.tokens))
    }

    /// Number of record batches.
    #[getter]
    fn num_blocks(&self) -> usize {
        self.inner.num_blocks()
    }
}

/// Rows, planned and then filled.
#[pyclass(frozen, module = "gristmill._native")]
pub(crate) struct RowReader {
    inner: Mutex<Reader>,
}

impl RowReader {
    fn lock(&self) -> Result<MutexGuard<'_, Reader>, EngineError> {
        self.inner
            .lock()
            .map_err(|_| EngineError::Spec("an earlier call failed".to_owned()))
    }

    fn locked(&self) -> PyResult<MutexGuard<'_, Reader>> {
        self.inner
            .lock()
            .map_err(|_| PyRuntimeError::new_err("an earlier call failed"))
    }
}

#[pymethods]
impl RowReader {
    #[new]
    #[pyo3(signature = (columns, settings, state, session))]
    fn new(
        py: Python<'_>,
        columns: &TokenColumns,
        settings: &str,
        state: Option<&str>,
        session: &Session,
    ) -> PyResult<Self> {
        let columns = Arc::clone(&columns.inner);
        let inner = enter_native(py, &session.inner, || {
            let settings: PlanSettings = parse(settings)?;
            let state: Option<PlanState> = state.map(parse).transpose()?;
            Reader::open(columns, &settings, state.as_ref())
        })?;
        Ok(Self {
            inner: Mutex::new(inner),
        })
    }

    /// State as JSON, behind all global rows so far.
    fn state(&self, py: Python<'_>) -> PyResult<String> {
        enter_briefly(py, || write(&self.lock()?.plan().state()))
    }

    /// The ledger as JSON.
    fn ledger(&self, py: Python<'_>) -> PyResult<String> {
        enter_briefly(py, || write(self.lock()?.plan().ledger()))
    }

    /// Epoch of the next row.
    #[getter]
    fn epoch(&self) -> PyResult<u64> {
        Ok(self.locked()?.plan().epoch())
    }

    /// Tokens in rows so far, by source.
    #[getter]
    fn placed_by_source(&self) -> PyResult<Vec<u64>> {
        Ok(self.locked()?.plan().placed_by_source().to_vec())
    }

    /// Leaves out global rows until `rows` were left out or `tokens` placed since the beginning.
    #[pyo3(signature = (rows, session, tokens=u64::MAX))]
    fn skip(&self, py: Python<'_>, rows: u64, session: &Session, tokens: u64) -> PyResult<u64> {
        if rows < BRIEF_ROWS {
            return enter_briefly(py, || self.lock()?.skip_until(rows, tokens, &session.inner));
        }
        enter_native(py, &session.inner, || {
            self.lock()?.skip_until(rows, tokens, &session.inner)
        })
    }

    /// Plans a batch: rows, global rows, tokens, pieces, rows that are not full.
    fn plan(
        &self,
        py: Python<'_>,
        rows: usize,
        rank: u64,
        num_ranks: u64,
        session: &Session,
    ) -> PyResult<(usize, u64, usize, usize, usize)> {
        let share = Share { rank, num_ranks };
        let planned = enter_briefly(py, || self.lock()?.plan_batch(rows, share, &session.inner))?;
        Ok((
            planned.rows,
            planned.global_rows,
            planned.tokens,
            planned.pieces,
            planned.short_rows,
        ))
    }

    /// Fills the planned batch: trained places, tokens of the longest piece.
    #[expect(clippy::too_many_arguments, reason = "one for each array")]
    fn fill(
        &self,
        py: Python<'_>,
        padding: Option<u32>,
        kind: &str,
        tokens: &Bound<'_, PyAny>,
        positions: &Bound<'_, PyAny>,
        targets: Option<&Bound<'_, PyAny>>,
        bounds: &Bound<'_, PyAny>,
        pieces: &Bound<'_, PyAny>,
        row_bounds: &Bound<'_, PyAny>,
    ) -> PyResult<(u64, usize)> {
        let mut tokens = TokenArray::new(tokens)?;
        let mut positions = NumberArray::new(positions)?;
        let mut targets = TargetArray::new(kind, targets)?;
        let mut bounds = Array::<i32>::new(bounds)?;
        let mut pieces = Array::<i64>::new(pieces)?;
        let mut row_bounds = Array::<i64>::new(row_bounds)?;
        let mut extents = vec![tokens.extent(), positions.extent(), targets.extent()];
        extents.extend([bounds.extent(), pieces.extent(), row_bounds.extent()]);
        check_apart(extents)?;
        let filled = enter_briefly(py, || {
            let mut out = Out {
                tokens: tokens.view(),
                positions: positions.view(),
                targets: targets.view(),
                bounds: bounds.elements(),
                pieces: pieces.elements(),
                row_bounds: row_bounds.elements(),
            };
            self.lock()?.fill(padding, &mut out)
        })?;
        Ok((filled.trained, filled.longest))
    }
}

/// An array of token ids, of the type that it has.
enum TokenArray {
    U16(Array<u16>),
    U32(Array<u32>),
    I32(Array<i32>),
    I64(Array<i64>),
}

impl TokenArray {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(array) = Array::new(object) {
            return Ok(Self::I64(array));
        }
        if let Ok(array) = Array::new(object) {
            return Ok(Self::I32(array));
        }
        if let Ok(array) = Array::new(object) {
            return Ok(Self::U16(array));
        }
        Array::new(object).map(Self::U32)
    }

    fn extent(&self) -> (usize, usize) {
        match self {
            Self::U16(array) => array.extent(),
            Self::U32(array) => array.extent(),
            Self::I32(array) => array.extent(),
            Self::I64(array) => array.extent(),
        }
    }

    fn view(&mut self) -> Tokens<'_> {
        match self {
            Self::U16(array) => Tokens::U16(array.elements()),
            Self::U32(array) => Tokens::U32(array.elements()),
            Self::I32(array) => Tokens::I32(array.elements()),
            Self::I64(array) => Tokens::I64(array.elements()),
        }
    }
}

/// An array of positions or targets, of the type that it has.
enum NumberArray {
    I32(Array<i32>),
    I64(Array<i64>),
}

impl NumberArray {
    fn new(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(array) = Array::new(object) {
            return Ok(Self::I64(array));
        }
        Array::new(object).map(Self::I32)
    }

    fn extent(&self) -> (usize, usize) {
        match self {
            Self::I32(array) => array.extent(),
            Self::I64(array) => array.extent(),
        }
    }

    fn view(&mut self) -> Numbers<'_> {
        match self {
            Self::I32(array) => Numbers::I32(array.elements()),
            Self::I64(array) => Numbers::I64(array.elements()),
        }
    }
}

/// The array of targets, if any, and what it is to hold.
enum TargetArray {
    None,
    Next(NumberArray),
    Labels(NumberArray),
    Mask(Array<u8>),
}

impl TargetArray {
    fn new(kind: &str, object: Option<&Bound<'_, PyAny>>) -> PyResult<Self> {
        match (kind, object) {
            ("none", None) => Ok(Self::None),
            ("next", Some(object)) => NumberArray::new(object).map(Self::Next),
            ("labels", Some(object)) => NumberArray::new(object).map(Self::Labels),
            ("mask", Some(object)) => Array::new(object).map(Self::Mask),
            _ => Err(PyTypeError::new_err(format!("targets of kind `{kind}`"))),
        }
    }

    fn extent(&self) -> (usize, usize) {
        match self {
            Self::None => (0, 0),
            Self::Next(array) | Self::Labels(array) => array.extent(),
            Self::Mask(array) => array.extent(),
        }
    }

    fn view(&mut self) -> Targets<'_> {
        match self {
            Self::None => Targets::None,
            Self::Next(array) => Targets::Next(array.view()),
            Self::Labels(array) => Targets::Labels(array.view()),
            Self::Mask(array) => Targets::Mask(array.elements()),
        }
    }
}
