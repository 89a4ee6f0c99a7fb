//! Native steps: one document at a time through every step of a fused run, segmented once a text version.

use std::borrow::Cow;

use std::collections::BTreeMap;

use arrow_schema::{DataType, Field};
use gristmill_core::edit::EditLog;
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::signals::{
    Cache, Column, ColumnType, Columns, Document, ListFile, ListFiles, Rule, Setup, Value, Wanted,
};
use gristmill_core::text::clean::Cleaner;

use crate::error::{EngineError, Result};
use crate::map::batch::{DocumentBatch, Texts};
use crate::map::column::{ColumnData, NamedColumn, row_meets};
use crate::map::output::EditRows;
use crate::map::spec::{Condition, ListFileSpec, Operator, StepSpec};
use crate::map::token_statistics::{self, TokenStatistics};
use crate::task::Session;

/// The column of `clean`.
pub const CLEAN_COLUMNS: &[Column] = &[Column {
    name: "num_changes",
    kind: ColumnType::UInt32,
    description: "Edits that cleaning made to the document; 0 for a text that needed none.",
}];

/// A step that runs inside the engine.
pub struct NativeStep {
    name: String,
    conditions: Vec<Condition>,
    kind: Kind,
    /// The columns that are stored.
    columns: Vec<Column>,
    /// Their positions among the values that the operator pushes.
    positions: Vec<usize>,
    /// Whether edits are counted but not made.
    only_measures: bool,
}

enum Kind {
    Clean(Box<Cleaner>),
    Rule(Rule),
    TokenStatistics(Box<TokenStatistics>),
}

impl Kind {
    /// Whether it leaves the text as it is, so that it measures every document.
    fn is_signal(&self) -> bool {
        matches!(self, Self::Rule(Rule::Signal(_)) | Self::TokenStatistics(_))
    }
}

impl NativeStep {
    /// Builds the step, or nothing for one that runs outside the engine.
    ///
    /// # Errors
    /// When the rule does not understand its configuration, or a file is not the planned one.
    pub fn new(spec: &StepSpec, session: &Session) -> Result<Option<Self>> {
        let (kind, columns, positions) = match &spec.operator {
            Operator::Clean(config) => {
                let cleaner = Kind::Clean(Box::new(Cleaner::new(*config)));
                (cleaner, CLEAN_COLUMNS.to_vec(), vec![0])
            }
            Operator::Rule {
                entry,
                config,
                columns,
                files,
            } => {
                let setup = Setup {
                    config,
                    wanted: Wanted::of(columns.iter().copied()),
                    files: &load_files(files)?,
                };
                let rule = (entry.make)(&setup)
                    .map_err(|error| EngineError::Spec(format!("`{}`: {error}", spec.name)))?;
                let kept = columns.iter().map(|&position| entry.columns[position]);
                (Kind::Rule(rule), kept.collect(), columns.clone())
            }
            Operator::TokenStatistics { tokenizer, columns } => {
                let statistics = Box::new(TokenStatistics::new(tokenizer, session)?);
                let kept = columns
                    .iter()
                    .map(|&position| token_statistics::COLUMNS[position]);
                (Kind::TokenStatistics(statistics), kept.collect(), columns.clone())
            }
            Operator::Plugin(_) => return Ok(None),
        };
        Ok(Some(Self {
            name: spec.name.clone(),
            conditions: spec.conditions.clone(),
            kind,
            columns,
            positions,
            only_measures: false,
        }))
    }

    /// Whether the step reads the segmentation of the text.
    pub fn reads_segmentation(&self) -> bool {
        matches!(self.kind, Kind::Rule(_))
    }

    /// Whether the step may change the text.
    fn edits(&self) -> bool {
        !self.only_measures && !self.kind.is_signal()
    }

    /// Makes the step leave the text as it is: its columns count what it would edit.
    pub fn only_measure(&mut self) {
        self.only_measures = true;
    }

    /// The columns of the step, as `signals/` stores them.
    pub fn fields(&self) -> Vec<Field> {
        let data_type = |kind: ColumnType| match kind {
            ColumnType::UInt32 => DataType::UInt32,
            ColumnType::Float64 => DataType::Float64,
            ColumnType::Bool => DataType::Boolean,
        };
        let field = |column: &Column| {
            Field::new(
                format!("{}.{}", self.name, column.name),
                data_type(column.kind),
                true,
            )
        };
        self.columns.iter().map(field).collect()
    }
}

/// Reads the files of a rule, which must be what they were when the run was planned.
fn load_files(files: &BTreeMap<String, Vec<ListFileSpec>>) -> Result<ListFiles> {
    let load = |file: &ListFileSpec| {
        let content = std::fs::read(&file.path).map_err(EngineError::io("read", &file.path))?;
        let digest = format!("blake3:{}", blake3::hash(&content).to_hex());
        if digest != file.digest {
            return Err(EngineError::Changed {
                path: file.path.clone(),
            });
        }
        let name = file.name.clone();
        Ok(ListFile { name, content })
    };
    files
        .iter()
        .map(|(key, files)| Ok((key.clone(), files.iter().map(load).collect::<Result<_>>()?)))
        .collect()
}

/// Buffers that live as long as the task.
#[derive(Default)]
pub struct Scratch {
    segmenter: Segmenter,
    segmentation: Segmentation,
    /// Room for the segmentation of an edited text, and for one of its lines.
    next_segmentation: Segmentation,
    line_segmentation: Segmentation,
    cache: Cache,
    edits: EditLog,
    values: Vec<Value>,
}

impl Scratch {
    /// The segmenter, for texts that are segmented outside a run of native steps.
    pub fn segmenter(&self) -> &Segmenter {
        &self.segmenter
    }
}

/// The string columns of one row.
struct Row<'batch> {
    columns: &'batch [NamedColumn],
    row: usize,
}

impl Columns for Row<'_> {
    fn string(&self, name: &str) -> Option<&str> {
        self.columns
            .iter()
            .find(|column| column.name == name)
            .and_then(|column| column.data.string(self.row))
    }
}

/// What a fused run calls with each finished document: row, text and, if asked for, its segmentation.
pub trait Sink {
    /// Whether [`Self::document`] reads the segmentation.
    fn needs_segmentation(&self) -> bool;
    /// Takes a document whose text is final.
    fn document(&mut self, row: usize, text: &str, segmentation: &Segmentation);
}

/// Runs consecutive native steps over a batch.
///
/// With `keep_segmentations`, those of the texts at the end that were made stay in the batch for the next run. Memory: two copies of
/// the batch's text, and about 8 bytes of segmentation a byte of text for the longest document (for all of them when kept).
///
/// # Errors
/// When a tokenizer refuses a text.
pub fn run(
    steps: &mut [NativeStep],
    batch: &mut DocumentBatch,
    scratch: &mut Scratch,
    edit_rows: &mut EditRows,
    keep_segmentations: bool,
    mut sink: Option<&mut dyn Sink>,
) -> Result<()> {
    let rows = batch.len();
    let first_column = batch.columns.len();
    for step in steps.iter() {
        batch
            .columns
            .extend(step.columns.iter().map(|column| NamedColumn {
                name: format!("{}.{}", step.name, column.name),
                data: ColumnData::for_signal(column, rows),
            }));
    }
    let old = std::mem::replace(&mut batch.texts, Texts::with_capacity(0, 0));
    // Without a step that edits, the texts stay where they are.
    let edits = steps.iter().any(NativeStep::edits);
    let mut texts = Texts::with_capacity(rows, if edits { old.num_bytes() } else { 0 });
    let mut kept = std::mem::take(&mut batch.segmentations);
    for row in 0..rows {
        let mut text = Cow::Borrowed(old.get(row));
        let mut is_segmented = false;
        scratch.cache.forget();
        if let Some(segmentation) = kept.get_mut(row).and_then(Option::take) {
            scratch.segmentation = segmentation;
            is_segmented = true;
        }
        let mut column = first_column;
        for step in steps.iter_mut() {
            scratch.values.clear();
            scratch.edits.clear();
            let edited = step.apply(&text, &mut is_segmented, scratch, &batch.columns, row)?;
            if let Some(edited) = edited
                && !step.only_measures
            {
                edit_rows.push(batch.docs[row], batch.keys[row], &step.name, &scratch.edits);
                is_segmented = step.carry_over(&edited, is_segmented, scratch);
                text = Cow::Owned(edited);
            }
            for &position in &step.positions {
                batch.columns[column].data.push(scratch.values[position]);
                column += 1;
            }
        }
        let wants = sink.as_ref().is_some_and(|sink| sink.needs_segmentation());
        if wants && !is_segmented {
            scratch.segmenter.segment(&text, &mut scratch.segmentation);
        }
        if let Some(sink) = sink.as_mut() {
            sink.document(row, &text, &scratch.segmentation);
        }
        if keep_segmentations {
            // A copy is as large as it has to be, and the next document finds the room of this one.
            let segmentation = is_segmented.then(|| scratch.segmentation.clone());
            batch.segmentations.push(segmentation);
        }
        if edits {
            texts.push(&text);
        }
    }
    batch.texts = if edits { texts } else { old };
    Ok(())
}

impl NativeStep {
    /// Makes the segmentation and the facts in `scratch` those of the edited text, as far as they are known; returns
    /// whether the segmentation is.
    fn carry_over(&self, edited: &str, is_segmented: bool, scratch: &mut Scratch) -> bool {
        let kept = match &self.kind {
            Kind::Rule(Rule::Corrector(corrector)) if is_segmented => corrector.kept_lines(),
            _ => None,
        };
        let Some(lines) = kept else {
            scratch.cache.forget();
            return false;
        };
        scratch.segmenter.segment_kept(
            edited,
            &scratch.segmentation,
            lines,
            &mut scratch.line_segmentation,
            &mut scratch.next_segmentation,
        );
        std::mem::swap(&mut scratch.segmentation, &mut scratch.next_segmentation);
        scratch.cache.keep_lines(edited, &scratch.segmentation, lines);
        true
    }

    /// Runs the step on one document: leaves its values and edits in `scratch`, and returns the new text if there is one.
    fn apply(
        &mut self,
        text: &str,
        is_segmented: &mut bool,
        scratch: &mut Scratch,
        columns: &[NamedColumn],
        row: usize,
    ) -> Result<Option<String>> {
        if !self.kind.is_signal() && !row_meets(&self.conditions, columns, row) {
            let num_values = self.positions.last().map_or(0, |last| last + 1);
            scratch.values.resize(num_values, Value::Null);
            return Ok(None);
        }
        let rule = match &mut self.kind {
            Kind::Clean(cleaner) => {
                let cleaned = match cleaner.clean(text, &mut scratch.edits) {
                    Cow::Borrowed(_) => None,
                    Cow::Owned(cleaned) => Some(cleaned),
                };
                scratch.values.push(Value::UInt32(scratch.edits.len() as u32));
                return Ok(cleaned);
            }
            Kind::TokenStatistics(statistics) => {
                statistics.compute(text, &mut scratch.values)?;
                return Ok(None);
            }
            Kind::Rule(rule) => rule,
        };
        if !*is_segmented {
            scratch.segmenter.segment(text, &mut scratch.segmentation);
            *is_segmented = true;
        }
        let row = Row { columns, row };
        let document = Document::new(text, &scratch.segmentation, &scratch.cache, &row);
        Ok(match rule {
            Rule::Signal(signal) => {
                signal.compute(document, &mut scratch.values);
                None
            }
            Rule::Corrector(corrector) if self.only_measures => {
                corrector.measure(document, &mut scratch.values);
                None
            }
            Rule::Corrector(corrector) => {
                corrector.correct(document, &mut scratch.edits, &mut scratch.values)
            }
        })
    }
}
