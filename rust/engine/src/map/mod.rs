//! Phase one: the files of a partition become edited text, signals and dedup keys of every readable document.
//!
//! [`MapTask`] owns the pass. Native steps between two plugin steps run fused, a document at a time; a plugin step hands
//! the whole batch out and takes columns back. No threshold is applied here, so a changed threshold repeats nothing.
//! Memory: one batch of text twice over, its columns, the segmentation of its longest document (of all its documents
//! while a plugin runs), the sort budget of the dedup keys, and one open row group a table.

pub mod batch;
pub mod column;
pub mod foreign;
pub mod input;
pub mod output;
pub mod segment_columns;
pub mod spec;
pub mod steps;
pub mod supervised;
pub mod token_statistics;
pub mod vectors;

use arrow_array::{Array, ArrayRef, LargeStringArray, RecordBatch, StringArray};
use arrow_schema::Field;
use gristmill_core::edit::EditLog;

use crate::commit::{TaskManifest, commit};
use crate::error::{EngineError, Result};
use crate::task::Session;
use batch::{DocumentBatch, Texts, excerpt};
use column::{ColumnData, NamedColumn, array_string, row_meets};
use input::{Input, Pulled};
use output::{BatchKeys, EditRows, MapOutput, Unreadable};
use segment_columns::{SegmentColumn, complete_segmentations};
use spec::{MapSpec, Operator, PluginSpec};
use steps::{NativeStep, Scratch};

/// What a map task wants next.
#[derive(Debug)]
pub enum Advance {
    /// Run the plugin of step `step` on these columns, and [`MapTask::supply`] what it gives back.
    Plugin {
        /// Position in the task's steps.
        step: usize,
        /// The inputs of the step.
        batch: RecordBatch,
    },
    /// Render the turns of these documents, and [`MapTask::supply_chat`] what they are.
    Turns {
        /// `turns`: the JSON of each.
        batch: RecordBatch,
    },
    /// Read from file `file` of the task, and [`MapTask::feed`] a batch, or nothing at its end.
    Input {
        /// Position in the task's files.
        file: usize,
    },
    /// Everything is read; [`MapTask::commit`].
    Done,
}

/// A document that a plugin could not handle.
#[derive(Debug, Clone)]
pub struct PluginFailure {
    /// Row of the batch.
    pub row: usize,
    /// Type of the error.
    pub reason: String,
    /// Message and traceback.
    pub detail: String,
}

/// A run of consecutive steps.
enum Run {
    Native(Vec<NativeStep>),
    Plugin(usize),
}

/// A map task under way.
pub struct MapTask {
    spec: MapSpec,
    runs: Vec<Run>,
    input: Input,
    output: MapOutput,
    scratch: Scratch,
    edits: EditRows,
    current: Option<Box<DocumentBatch>>,
    next_run: usize,
    /// For each run, whether one behind it reads the segmentations of texts.
    keeps_segmentations: Vec<bool>,
    is_waiting_for_chat: bool,
    unreadable: Vec<Unreadable>,
}

impl MapTask {
    /// Opens the task.
    ///
    /// # Errors
    /// When the description does not fit or a file cannot be created.
    pub fn open(spec: &str, session: &Session) -> Result<Self> {
        let spec: MapSpec =
            serde_json::from_str(spec).map_err(|error| EngineError::Spec(error.to_string()))?;
        let mut runs = Vec::new();
        let mut native = Vec::new();
        let mut signal_fields: Vec<Field> = spec
            .source
            .columns
            .iter()
            .map(|column| Field::new(&column.name, column.kind.data_type(), true))
            .collect();
        for (index, step) in spec.steps.iter().enumerate() {
            match NativeStep::new(step, session)? {
                Some(step) => {
                    signal_fields.extend(step.fields());
                    native.push(step);
                }
                None => {
                    if !native.is_empty() {
                        runs.push(Run::Native(std::mem::take(&mut native)));
                    }
                    runs.push(Run::Plugin(index));
                    signal_fields.extend(plugin(&spec, index)?.outputs.iter().map(|output| {
                        Field::new(
                            format!("{}.{}", step.name, output.name),
                            output.kind.plugin_data_type(),
                            true,
                        )
                    }));
                }
            }
        }
        // The last run is native, even if empty: it is where dedup keys are made.
        runs.push(Run::Native(native));
        let output = MapOutput::create(&spec, signal_fields, session)?;
        let mut keeps_segmentations = Vec::with_capacity(runs.len());
        let mut keeps = output.reads_segmentation();
        for run in runs.iter().rev() {
            keeps_segmentations.push(keeps);
            keeps |= match run {
                Run::Native(steps) => steps.iter().any(NativeStep::reads_segmentation),
                Run::Plugin(index) => {
                    let inputs = &plugin(&spec, *index)?.inputs;
                    inputs.iter().any(|input| SegmentColumn::named(input).is_some())
                }
            };
        }
        keeps_segmentations.reverse();
        Ok(Self {
            input: Input::new(&spec)?,
            output,
            runs,
            keeps_segmentations,
            scratch: Scratch::default(),
            edits: EditRows::default(),
            current: None,
            next_run: 0,
            is_waiting_for_chat: false,
            unreadable: Vec::new(),
            spec,
        })
    }

    /// Works until something from outside is needed.
    ///
    /// # Errors
    /// When reading or writing fails, or the session is cancelled.
    pub fn advance(&mut self, session: &Session) -> Result<Advance> {
        loop {
            session.check()?;
            if self.current.is_none() {
                match self.input.pull(&self.spec, &mut self.unreadable)? {
                    Pulled::Batch(mut batch) => {
                        if let Some(semantic) = &self.spec.semantic {
                            let characters = self.output.excerpt_characters();
                            vectors::quarantine(semantic, &mut batch, characters, &mut self.unreadable);
                        }
                        if let Some(label) = &self.spec.label {
                            let characters = self.output.excerpt_characters();
                            supervised::take_labels(label, &mut batch, characters, &mut self.unreadable);
                        }
                        self.is_waiting_for_chat = self.spec.chat;
                        self.current = Some(batch);
                        self.next_run = 0;
                    }
                    Pulled::NeedsFile(file) => return Ok(Advance::Input { file }),
                    Pulled::End => {
                        self.flush_unreadable()?;
                        return Ok(Advance::Done);
                    }
                }
            }
            let Some(batch) = self.current.as_mut() else {
                continue;
            };
            if self.is_waiting_for_chat {
                let batch = batch.supervised.turns_batch()?;
                return Ok(Advance::Turns { batch });
            }
            let is_last = self.next_run + 1 == self.runs.len();
            match &mut self.runs[self.next_run] {
                Run::Plugin(step) => {
                    let inputs = &plugin(&self.spec, *step)?.inputs;
                    if inputs.iter().any(|input| SegmentColumn::named(input).is_some()) {
                        complete_segmentations(batch, self.scratch.segmenter());
                    }
                    let batch = batch.export(inputs, &self.spec.source.name)?;
                    return Ok(Advance::Plugin { step: *step, batch });
                }
                Run::Native(native) if is_last => {
                    let (scratch, edits) = (&mut self.scratch, &mut self.edits);
                    let keys = self
                        .output
                        .collect_keys(|sink| steps::run(native, batch, scratch, edits, false, Some(sink)))?;
                    self.finish_batch(&keys)?;
                }
                Run::Native(native) => {
                    let keep = self.keeps_segmentations[self.next_run];
                    steps::run(native, batch, &mut self.scratch, &mut self.edits, keep, None)?;
                    self.next_run += 1;
                }
            }
        }
    }

    fn finish_batch(&mut self, keys: &BatchKeys) -> Result<()> {
        if let Some(batch) = self.current.take() {
            self.output
                .write(&self.spec.place, &batch, keys, &mut self.edits)?;
        }
        self.flush_unreadable()
    }

    fn flush_unreadable(&mut self) -> Result<()> {
        self.output.write_unreadable(&self.spec.place, &self.unreadable)?;
        self.unreadable.clear();
        Ok(())
    }

    /// Takes a batch that a plugin read, or nothing at the end of the file that was asked for.
    ///
    /// # Errors
    /// When the batch has no usable text column.
    pub fn feed(&mut self, batch: Option<&RecordBatch>) -> Result<()> {
        self.input.feed(batch)
    }

    /// Takes what a plugin gave back for the batch that [`Self::advance`] handed out.
    ///
    /// `columns` are the declared outputs in order; `text` is new text for every row, if the step edits.
    ///
    /// # Errors
    /// When lengths or types are not the declared ones.
    pub fn supply(
        &mut self,
        columns: Vec<ArrayRef>,
        text: Option<&ArrayRef>,
        failures: &[PluginFailure],
    ) -> Result<()> {
        let Run::Plugin(index) = self.runs[self.next_run] else {
            return Err(EngineError::Spec("no plugin step was waiting".to_owned()));
        };
        let step = &self.spec.steps[index];
        let plugin = plugin(&self.spec, index)?;
        let batch = self
            .current
            .as_mut()
            .ok_or_else(|| EngineError::Spec("no batch was waiting for a plugin".to_owned()))?;
        if columns.len() != plugin.outputs.len() {
            let message = format!(
                "`{}` gave {} columns, {} declared",
                step.name,
                columns.len(),
                plugin.outputs.len()
            );
            return Err(EngineError::Foreign(message));
        }
        for (output, array) in plugin.outputs.iter().zip(columns) {
            let expected = output.kind.plugin_data_type();
            if array.len() != batch.len() || array.data_type() != &expected {
                let message = format!(
                    "`{}.{}` is {} rows of {}, expected {} rows of {expected}",
                    step.name,
                    output.name,
                    array.len(),
                    array.data_type(),
                    batch.len(),
                );
                return Err(EngineError::Foreign(message));
            }
            let name = format!("{}.{}", step.name, output.name);
            batch.columns.push(NamedColumn {
                name,
                data: ColumnData::Foreign(array),
            });
        }
        let characters = self.output.excerpt_characters();
        quarantine(batch, &step.name, failures, characters, &mut self.unreadable);
        if let Some(text) = text {
            replace_texts(batch, text, &step.name, &step.conditions, &mut self.edits)?;
        }
        self.next_run += 1;
        Ok(())
    }

    /// Takes what a chat template made of the turns that [`Self::advance`] handed out: a string a row, null where it
    /// failed.
    ///
    /// # Errors
    /// When no turns were waiting, or the rows are not theirs.
    pub fn supply_chat(&mut self, rendered: &ArrayRef, failures: &[PluginFailure]) -> Result<()> {
        let batch = self.current.as_mut().filter(|_| self.is_waiting_for_chat);
        let batch = batch.ok_or_else(|| EngineError::Spec("no turns were waiting".to_owned()))?;
        batch.supervised.take_rendered(rendered, batch.docs.len())?;
        let characters = self.output.excerpt_characters();
        quarantine(
            batch,
            supervised::CHAT_STEP,
            failures,
            characters,
            &mut self.unreadable,
        );
        self.is_waiting_for_chat = false;
        Ok(())
    }

    /// Commits what was written.
    ///
    /// # Errors
    /// When documents do not add up, or writing fails; nothing is committed then.
    pub fn commit(self) -> Result<TaskManifest> {
        let files = self.input.finish()?;
        let (outputs, mut counts) = self.output.finish(&self.spec.place)?;
        let read: u64 = files.iter().map(|file| file.documents).sum();
        let unreadable: u64 = counts["unreadable"]
            .as_object()
            .into_iter()
            .flatten()
            .filter_map(|(_, count)| count.as_u64())
            .sum();
        let readable = counts["readable"].as_u64().unwrap_or(0);
        if read != readable + unreadable {
            let detail = format!("{read} records read, {readable} written and {unreadable} quarantined");
            return Err(EngineError::Conservation {
                task: self.spec.place.label(),
                detail,
            });
        }
        counts["files"] =
            serde_json::to_value(files).map_err(|error| EngineError::Spec(error.to_string()))?;
        commit(&self.spec.place, outputs, counts)
    }
}

/// Takes documents out of the flow that something outside the engine could not handle.
fn quarantine(
    batch: &mut DocumentBatch,
    step: &str,
    failures: &[PluginFailure],
    excerpt_characters: usize,
    unreadable: &mut Vec<Unreadable>,
) {
    for failure in failures {
        if let Some(alive) = batch.alive.get_mut(failure.row).filter(|alive| **alive) {
            *alive = false;
            unreadable.push(Unreadable {
                doc: batch.docs[failure.row],
                key: batch.keys[failure.row],
                id: batch.ids[failure.row].clone(),
                step: step.to_owned(),
                reason: failure.reason.clone(),
                detail: failure.detail.clone(),
                excerpt: excerpt(batch.texts.get(failure.row), excerpt_characters).to_owned(),
            });
        }
    }
}

fn plugin(spec: &MapSpec, index: usize) -> Result<&PluginSpec> {
    match &spec.steps[index].operator {
        Operator::Plugin(plugin) => Ok(plugin),
        _ => Err(EngineError::Spec(format!("step {index} is no plugin"))),
    }
}

/// Puts a plugin's text in place, and records what it changed.
fn replace_texts(
    batch: &mut DocumentBatch,
    text: &ArrayRef,
    step: &str,
    conditions: &[spec::Condition],
    edits: &mut EditRows,
) -> Result<()> {
    let any = text.as_any();
    if !any.is::<LargeStringArray>() && !any.is::<StringArray>() {
        return Err(EngineError::Foreign(format!(
            "`{step}` gave text of type {}",
            text.data_type()
        )));
    }
    if text.len() != batch.len() {
        return Err(EngineError::Foreign(format!(
            "`{step}` gave {} texts for {} rows",
            text.len(),
            batch.len()
        )));
    }
    let mut texts = Texts::with_capacity(batch.len(), batch.texts.num_bytes());
    let mut log = EditLog::default();
    for row in 0..batch.len() {
        let old = batch.texts.get(row);
        let is_meant = batch.alive[row] && row_meets(conditions, &batch.columns, row);
        let new = array_string(text, row).filter(|_| is_meant).unwrap_or(old);
        if new != old {
            let (start, before, after) = changed_span(old, new);
            log.clear();
            log.push("", start, before, after);
            edits.push(batch.docs[row], batch.keys[row], step, &log);
            if let Some(segmentation) = batch.segmentations.get_mut(row) {
                *segmentation = None;
            }
        }
        texts.push(new);
    }
    batch.texts = texts;
    Ok(())
}

/// The smallest span outside of which two texts agree: where it starts, what stood there, what stands there now.
fn changed_span<'text>(old: &'text str, new: &'text str) -> (usize, &'text str, &'text str) {
    let prefix: usize = old
        .chars()
        .zip(new.chars())
        .take_while(|(left, right)| left == right)
        .map(|(left, _)| left.len_utf8())
        .sum();
    let (old_rest, new_rest) = (&old[prefix..], &new[prefix..]);
    let suffix: usize = old_rest
        .chars()
        .rev()
        .zip(new_rest.chars().rev())
        .take_while(|(left, right)| left == right)
        .map(|(left, _)| left.len_utf8())
        .sum();
    (
        prefix,
        &old_rest[..old_rest.len() - suffix],
        &new_rest[..new_rest.len() - suffix],
    )
}

#[cfg(test)]
mod tests {
    use super::changed_span;

    #[test]
    fn the_changed_span_is_minimal_and_never_cuts_a_character() {
        assert_eq!(changed_span("abc", "abc"), (3, "", ""));
        assert_eq!(changed_span("aXbc", "aYYbc"), (1, "X", "YY"));
        assert_eq!(changed_span("é", "è"), (0, "é", "è"));
        assert_eq!(changed_span("aa", "a"), (1, "a", ""));
    }
}
