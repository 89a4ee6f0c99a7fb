//! Native tasks and the file verbs of the driver.

use std::path::PathBuf;

use gristmill_core::bloom::BloomShape;
use gristmill_engine::commit::{self, Artefact};
use gristmill_engine::split::recheck;
use gristmill_engine::tokenizer::{self, SpecialMode, Tokenizer};
use gristmill_engine::{EngineError, shard, task, verify};
use pyo3::prelude::*;

use crate::enter::enter_native;
use crate::session::Session;

fn parse<T: serde::de::DeserializeOwned>(json: &str) -> Result<T, EngineError> {
    serde_json::from_str(json).map_err(|error| EngineError::Spec(error.to_string()))
}

fn render<T: serde::Serialize>(value: &T) -> Result<String, EngineError> {
    serde_json::to_string(value).map_err(|error| EngineError::Spec(error.to_string()))
}

/// Runs a native task described in JSON; returns its manifest as JSON.
#[pyfunction]
pub(crate) fn run_task(py: Python<'_>, spec: &str, session: &Session) -> PyResult<String> {
    enter_native(py, &session.inner, || render(&task::run(spec, &session.inner)?))
}

/// Length and `blake3:` digest of a file.
#[pyfunction]
pub(crate) fn digest_file(py: Python<'_>, path: PathBuf, session: &Session) -> PyResult<(u64, String)> {
    enter_native(py, &session.inner, || commit::digest_file(&path))
}

/// Writes a file durably and atomically unless it exists; returns whether this call wrote it.
#[pyfunction]
pub(crate) fn put_if_absent(
    py: Python<'_>,
    path: PathBuf,
    content: &[u8],
    attempt: &str,
    session: &Session,
) -> PyResult<bool> {
    enter_native(py, &session.inner, || {
        commit::put_if_absent(&path, content, attempt)
    })
}

/// Where each shard of a split starts, as (position, docref) pairs.
#[pyfunction]
#[pyo3(signature = (data, orders, num_tokens, vocabulary_size, shard_bytes, is_shuffled, session))]
#[expect(clippy::too_many_arguments, reason = "one Python call; named there")]
pub(crate) fn plan_shards(
    py: Python<'_>,
    data: PathBuf,
    orders: &str,
    num_tokens: u64,
    vocabulary_size: u32,
    shard_bytes: u64,
    is_shuffled: bool,
    session: &Session,
) -> PyResult<Vec<(u64, u64)>> {
    enter_native(py, &session.inner, || {
        let orders: Vec<Artefact> = parse(orders)?;
        shard::plan(
            &data,
            &orders,
            num_tokens,
            vocabulary_size,
            shard_bytes,
            is_shuffled,
            &session.inner,
        )
    })
}

/// What a plan says of a tokenizer, as JSON.
///
/// `vocabulary_size`; `kind` of file; `library_reason`, null on our own path; `differs`, the text at which our own path and the
/// library differ, null where they do not; `ids` of the named tokens, null for what is no token; `control_tokens` with their ids.
///
/// Loads it and compares both paths, so a broken file is found before any data is read.
#[pyfunction]
pub(crate) fn tokenizer_facts(
    py: Python<'_>,
    path: PathBuf,
    special: &str,
    names: Vec<String>,
    session: &Session,
) -> PyResult<String> {
    enter_native(py, &session.inner, || {
        let mode: SpecialMode = parse(special)?;
        let (size, kind, reason) = {
            let tokenizer = Tokenizer::load(&path, &mode)?;
            (
                tokenizer.vocabulary_size(),
                tokenizer.kind().to_string(),
                tokenizer.path_taken().map(str::to_owned),
            )
        };
        let named = tokenizer::look_up(&path, &names)?;
        render(&serde_json::json!({
            "vocabulary_size": size,
            "kind": kind,
            "library_reason": reason,
            "differs": tokenizer::self_check(&path, &mode)?,
            "ids": named.ids,
            "control_tokens": named.special,
        }))
    })
}

/// Bytes of the Bloom filter for so many elements and that rate of false positives; nothing when there is none.
#[pyfunction]
pub(crate) fn bloom_filter_bytes(expected: u64, false_positive_rate: f64) -> Option<u64> {
    BloomShape::plan(expected, false_positive_rate).map(BloomShape::num_bytes)
}

/// Proves from the files of a run that every document is in exactly one place; returns the findings as JSON.
#[pyfunction]
pub(crate) fn verify_identity(py: Python<'_>, spec: &str, session: &Session) -> PyResult<String> {
    enter_native(py, &session.inner, || {
        render(&verify::identity(&parse(spec)?, &session.inner)?)
    })
}

/// Looks at the split of a finished run again, from its files alone; returns the findings as JSON.
#[pyfunction]
pub(crate) fn verify_split(py: Python<'_>, spec: &str, session: &Session) -> PyResult<String> {
    enter_native(py, &session.inner, || {
        render(&recheck::recheck(&parse(spec)?, &session.inner)?)
    })
}
