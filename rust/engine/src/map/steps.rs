//! Native steps: one document at a time through every step of a fused run, segmented once a text version.

use std::borrow::Cow;

use arrow_schema::{DataType, Field};
use gristmill_core::edit::EditLog;
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::signals::{
    C4Quality, Column, ColumnType, Corrector, FinewebQuality, GopherQuality, GopherRepetition, Signal, Value,
};
use gristmill_core::text::clean::Cleaner;

use crate::map::batch::{DocumentBatch, Texts};
use crate::map::column::{ColumnData, NamedColumn, row_meets};
use crate::map::output::EditRows;
use crate::map::spec::{Condition, Operator, StepSpec};

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
}

enum Kind {
    Clean(Box<Cleaner>),
    Signal(Box<dyn Signal + Send>),
    Corrector(Box<dyn Corrector + Send>),
}

impl NativeStep {
    /// Builds the step, or nothing for one that runs outside the engine.
    pub fn new(spec: &StepSpec) -> Option<Self> {
        let kind = match &spec.operator {
            Operator::Clean(config) => Kind::Clean(Box::new(Cleaner::new(*config))),
            Operator::GopherRepetition(config) => Kind::Signal(Box::new(GopherRepetition::new(*config))),
            Operator::GopherQuality(config) => Kind::Signal(Box::new(GopherQuality::new(config.clone()))),
            Operator::FinewebQuality(config) => Kind::Signal(Box::new(FinewebQuality::new(*config))),
            Operator::C4Quality(config) => Kind::Corrector(Box::new(C4Quality::new(*config))),
            Operator::Plugin(_) => return None,
        };
        Some(Self {
            name: spec.name.clone(),
            conditions: spec.conditions.clone(),
            kind,
        })
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
        self.columns().iter().map(field).collect()
    }

    fn columns(&self) -> &'static [Column] {
        match &self.kind {
            Kind::Clean(_) => CLEAN_COLUMNS,
            Kind::Signal(signal) => signal.columns(),
            Kind::Corrector(corrector) => corrector.columns(),
        }
    }
}

/// Buffers that live as long as the task.
#[derive(Default)]
pub struct Scratch {
    segmenter: Segmenter,
    segmentation: Segmentation,
    edits: EditLog,
    values: Vec<Value>,
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
/// With `keep_segmentations`, those of the texts at the end stay in the batch for the next run. Memory: two copies of
/// the batch's text, and about 8 bytes of segmentation a byte of text for the longest document (for all of them when kept).
pub fn run(
    steps: &mut [NativeStep],
    batch: &mut DocumentBatch,
    scratch: &mut Scratch,
    edit_rows: &mut EditRows,
    keep_segmentations: bool,
    mut sink: Option<&mut dyn Sink>,
) {
    let rows = batch.len();
    let first_column = batch.columns.len();
    for step in steps.iter() {
        batch
            .columns
            .extend(step.columns().iter().map(|column| NamedColumn {
                name: format!("{}.{}", step.name, column.name),
                data: ColumnData::for_signal(column, rows),
            }));
    }
    let old = std::mem::replace(&mut batch.texts, Texts::with_capacity(0, 0));
    let mut texts = Texts::with_capacity(rows, old.num_bytes());
    let mut kept = std::mem::take(&mut batch.segmentations);
    for row in 0..rows {
        let mut text = Cow::Borrowed(old.get(row));
        let mut is_segmented = false;
        if let Some(segmentation) = kept.get_mut(row).and_then(Option::take) {
            scratch.segmentation = segmentation;
            is_segmented = true;
        }
        let mut column = first_column;
        for step in steps.iter_mut() {
            let applies = row_meets(&step.conditions, &batch.columns, row);
            scratch.values.clear();
            scratch.edits.clear();
            let edited = match &mut step.kind {
                Kind::Clean(_) if !applies => {
                    scratch.values.push(Value::Null);
                    None
                }
                Kind::Clean(cleaner) => {
                    let cleaned = match cleaner.clean(&text, &mut scratch.edits) {
                        Cow::Borrowed(_) => None,
                        Cow::Owned(cleaned) => Some(cleaned),
                    };
                    scratch.values.push(Value::UInt32(scratch.edits.len() as u32));
                    cleaned
                }
                Kind::Corrector(corrector) if !applies => {
                    scratch
                        .values
                        .extend(corrector.columns().iter().map(|_| Value::Null));
                    None
                }
                Kind::Signal(signal) => {
                    if !is_segmented {
                        scratch.segmenter.segment(&text, &mut scratch.segmentation);
                        is_segmented = true;
                    }
                    signal.compute(&text, &scratch.segmentation, &mut scratch.values);
                    None
                }
                Kind::Corrector(corrector) => {
                    if !is_segmented {
                        scratch.segmenter.segment(&text, &mut scratch.segmentation);
                        is_segmented = true;
                    }
                    corrector.correct(
                        &text,
                        &scratch.segmentation,
                        &mut scratch.edits,
                        &mut scratch.values,
                    )
                }
            };
            if let Some(edited) = edited {
                edit_rows.push(batch.docs[row], batch.keys[row], &step.name, &scratch.edits);
                text = Cow::Owned(edited);
                is_segmented = false;
            }
            for &value in &scratch.values {
                batch.columns[column].data.push(value);
                column += 1;
            }
        }
        let wants = keep_segmentations || sink.as_ref().is_some_and(|sink| sink.needs_segmentation());
        if wants && !is_segmented {
            scratch.segmenter.segment(&text, &mut scratch.segmentation);
        }
        if let Some(sink) = sink.as_mut() {
            sink.document(row, &text, &scratch.segmentation);
        }
        if keep_segmentations {
            batch
                .segmentations
                .push(Some(std::mem::take(&mut scratch.segmentation)));
        }
        texts.push(&text);
    }
    batch.texts = texts;
}
