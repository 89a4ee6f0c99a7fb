//! The pass as a task: committed files in, one span file out.

use serde::Deserialize;

use super::pass::{PassageLength, SubstringOptions, find_passages};
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::PartitionFiles;
use crate::dedup::stages::{PartitionSpec, finish};
use crate::error::{EngineError, Result};
use crate::task::Session;
use gristmill_core::repeats::MIN_LENGTH;

/// The task of a `substring_dedup` step.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SubstringSpec {
    /// Where it commits.
    pub place: TaskPlace,
    /// All partitions, in order.
    pub partitions: Vec<PartitionSpec>,
    /// What is looked for.
    pub options: SubstringOptions,
    /// Memory of the pass: all of the recipe's, for no other task runs beside it.
    pub scratch_memory_bytes: u64,
}

/// Runs the task.
///
/// # Errors
/// What the pass meets; nothing is committed then.
pub fn run(spec: &SubstringSpec, session: &Session) -> Result<TaskManifest> {
    let (PassageLength::MinBytes(length) | PassageLength::MinWords(length)) = spec.options.length;
    if (length as usize) < MIN_LENGTH {
        return Err(EngineError::Spec(format!(
            "passages of {length}, at least {MIN_LENGTH} are possible"
        )));
    }
    let open = |artefact: &Artefact| session.open(&spec.place.data, artefact);
    let partitions = spec
        .partitions
        .iter()
        .zip(0..)
        .map(|(partition, number)| {
            Ok(PartitionFiles {
                partition: number,
                source: partition.source,
                num_documents: partition.num_documents,
                text: open(&partition.text)?,
                index: open(&partition.index)?,
                verdict: open(&partition.verdict)?,
                exact: None,
                bands: None,
            })
        })
        .collect::<Result<Vec<_>>>()?;
    let stats = find_passages(
        &partitions,
        spec.options,
        &spec.place.scratch,
        spec.scratch_memory_bytes,
        &|| session.is_cancelled(),
        &spec.place.path("spans.bin"),
    )?;
    finish(&spec.place, &[("spans", "spans.bin", stats.spans)], &stats)
}
