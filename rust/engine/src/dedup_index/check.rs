//! The check task: files of an index are those that were committed.
//!
//! A run does it once for each part before the passes, which then look at lengths only: they read ranges of the keys, and
//! digesting whole files in every worker would read the index many times over. Texts are left out; each is checked
//! when it is read.

use std::collections::BTreeMap;

use serde::Deserialize;

use crate::commit::{Artefact, TaskManifest, TaskPlace, commit, open_verified};
use crate::dedup::DedupError;
use crate::error::{EngineError, Result};
use crate::task::Session;

/// Description of the task.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CheckSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// Files to read, by absolute path.
    pub files: BTreeMap<String, Artefact>,
}

/// Reads every file once and commits that they are whole. Memory: 1 MiB.
///
/// # Errors
/// [`DedupError::DamagedIndex`] for the first file that is not, or on cancellation.
pub fn check(spec: &CheckSpec, session: &Session) -> Result<TaskManifest> {
    let mut bytes = 0;
    for artefact in spec.files.values() {
        session.check()?;
        open_verified(&spec.place.data, artefact).map_err(|error| match error {
            EngineError::Damaged { path, detail } => DedupError::DamagedIndex { path, detail }.into(),
            other => other,
        })?;
        bytes += artefact.bytes;
    }
    commit(
        &spec.place,
        BTreeMap::new(),
        serde_json::json!({ "bytes": bytes }),
    )
}
