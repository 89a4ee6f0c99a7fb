//! The segmentation of a batch as Arrow columns, for steps outside the engine and for tables in memory.
//!
//! A row is a list: byte positions in that row's text, hashes or kinds. They are what every native rule reads, from the
//! one segmentation there is; a step that asks for none costs nothing here.

use std::sync::Arc;

use arrow_array::types::{ArrowPrimitiveType, UInt8Type, UInt32Type, UInt64Type};
use arrow_array::{Array, ArrayRef, LargeStringArray, ListArray, PrimitiveArray, RecordBatch};
use arrow_buffer::{NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow_schema::{Field, Schema};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::signals::{Cache, Document, NoColumns};

use crate::error::{EngineError, Result};
use crate::map::batch::DocumentBatch;

/// One column of a segmentation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SegmentColumn {
    /// First byte of each token.
    TokenStarts,
    /// Byte after each token.
    TokenEnds,
    /// Bits of each token: 1 a letter, 2 a number, 4 symbols only, 8 lower-casing changes it, 16 not ASCII.
    TokenFlags,
    /// A hash of each token's bytes, the same in every text and run.
    TokenHashes,
    /// First byte of each line; lines stand between two `\n`.
    LineStarts,
    /// Byte after each line, its `\n` not included.
    LineEnds,
    /// First byte of each paragraph: lines that are not blank, as many as follow one another.
    ParagraphStarts,
    /// Byte after each paragraph.
    ParagraphEnds,
    /// First byte of each sentence.
    SentenceStarts,
    /// Byte after each sentence.
    SentenceEnds,
}

/// Every column with the name that steps ask for it by, in the order in which tables have them.
pub const SEGMENT_COLUMNS: [(&str, SegmentColumn); 10] = [
    ("token_starts", SegmentColumn::TokenStarts),
    ("token_ends", SegmentColumn::TokenEnds),
    ("token_flags", SegmentColumn::TokenFlags),
    ("token_hashes", SegmentColumn::TokenHashes),
    ("line_starts", SegmentColumn::LineStarts),
    ("line_ends", SegmentColumn::LineEnds),
    ("paragraph_starts", SegmentColumn::ParagraphStarts),
    ("paragraph_ends", SegmentColumn::ParagraphEnds),
    ("sentence_starts", SegmentColumn::SentenceStarts),
    ("sentence_ends", SegmentColumn::SentenceEnds),
];

impl SegmentColumn {
    /// The column of this name, if there is one.
    ///
    /// ```
    /// use gristmill_engine::map::segment_columns::SegmentColumn;
    /// assert_eq!(SegmentColumn::named("line_ends"), Some(SegmentColumn::LineEnds));
    /// assert_eq!(SegmentColumn::named("text"), None);
    /// ```
    pub fn named(name: &str) -> Option<Self> {
        SEGMENT_COLUMNS
            .iter()
            .find(|(known, _)| *known == name)
            .map(|&(_, column)| column)
    }
}

/// Makes sure that a batch has the segmentation of every text, which [`segment_column`] reads. Cost: a pass over texts
/// that no step has segmented, or that an edit changed.
pub fn complete_segmentations(batch: &mut DocumentBatch, segmenter: &Segmenter) {
    let rows = batch.len();
    batch.segmentations.resize_with(rows, || None);
    for row in 0..rows {
        if batch.segmentations[row].is_none() {
            let mut segmentation = Segmentation::default();
            segmenter.segment(batch.texts.get(row), &mut segmentation);
            batch.segmentations[row] = Some(segmentation);
        }
    }
}

/// The column of a batch: one list a row, in order, none of them null.
///
/// # Errors
/// When [`complete_segmentations`] has not been called for the texts as they are, or all lists have more than 2^31
/// values.
pub fn segment_column(batch: &DocumentBatch, column: SegmentColumn) -> Result<ArrayRef> {
    let rows = (0..batch.len()).map(|row| {
        let segmentation = batch.segmentations.get(row).and_then(Option::as_ref);
        segmentation.map(|segmentation| (batch.texts.get(row), segmentation))
    });
    let rows: Vec<(&str, &Segmentation)> = rows
        .collect::<Option<_>>()
        .ok_or_else(|| EngineError::Spec("texts that are not segmented".to_owned()))?;
    column_of(&rows, column, None)
}

/// Columns of the segmentations of texts, named as in [`SEGMENT_COLUMNS`]: a row for each text, null for a null text.
///
/// Memory: the columns, and some 21 bytes a token for the segmentations of all texts.
///
/// # Errors
/// When a name is unknown, or a column would have more than 2^31 values: give fewer rows then.
pub fn segment_texts(
    texts: &LargeStringArray,
    names: &[String],
    mut check: impl FnMut() -> Result<()>,
) -> Result<RecordBatch> {
    let segmenter = Segmenter::default();
    let mut segmentations = Vec::with_capacity(texts.len());
    for row in 0..texts.len() {
        if row % 1024 == 0 {
            check()?;
        }
        let mut segmentation = Segmentation::default();
        if texts.is_valid(row) {
            segmenter.segment(texts.value(row), &mut segmentation);
        }
        segmentations.push(segmentation);
    }
    let value = |row: usize| if texts.is_valid(row) { texts.value(row) } else { "" };
    let rows: Vec<(&str, &Segmentation)> = segmentations
        .iter()
        .enumerate()
        .map(|(row, segmentation)| (value(row), segmentation))
        .collect();
    let mut fields = Vec::with_capacity(names.len());
    let mut arrays = Vec::with_capacity(names.len());
    for name in names {
        let column = SegmentColumn::named(name)
            .ok_or_else(|| EngineError::Spec(format!("no column `{name}` of segmentations")))?;
        let array = column_of(&rows, column, texts.nulls().cloned())?;
        fields.push(Field::new(name, array.data_type().clone(), true));
        arrays.push(array);
    }
    let options = arrow_array::RecordBatchOptions::new().with_row_count(Some(texts.len()));
    RecordBatch::try_new_with_options(Arc::new(Schema::new(fields)), arrays, &options)
        .map_err(|error| EngineError::Spec(error.to_string()))
}

fn column_of(
    rows: &[(&str, &Segmentation)],
    column: SegmentColumn,
    nulls: Option<NullBuffer>,
) -> Result<ArrayRef> {
    use SegmentColumn as C;
    match column {
        C::TokenStarts => lists::<UInt32Type>(rows, nulls, |segmentation, values| {
            values.extend_from_slice(segmentation.starts());
        }),
        C::TokenEnds => lists::<UInt32Type>(rows, nulls, |segmentation, values| {
            values.extend_from_slice(segmentation.ends());
        }),
        C::TokenFlags => lists::<UInt8Type>(rows, nulls, |segmentation, values| {
            values.extend_from_slice(segmentation.flags());
        }),
        C::TokenHashes => lists::<UInt64Type>(rows, nulls, |segmentation, values| {
            values.extend_from_slice(segmentation.hashes());
        }),
        C::LineStarts => lists::<UInt32Type>(rows, nulls, |segmentation, values| {
            values.extend(segmentation.lines().iter().map(|line| line.start));
        }),
        C::LineEnds => lists::<UInt32Type>(rows, nulls, |segmentation, values| {
            values.extend(segmentation.lines().iter().map(|line| line.end));
        }),
        C::ParagraphStarts | C::ParagraphEnds | C::SentenceStarts | C::SentenceEnds => {
            spans(rows, nulls, column)
        }
    }
}

fn spans(
    rows: &[(&str, &Segmentation)],
    nulls: Option<NullBuffer>,
    column: SegmentColumn,
) -> Result<ArrayRef> {
    use SegmentColumn as C;
    let mut cache = Cache::default();
    let mut values = Vec::new();
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(0);
    for (text, segmentation) in rows {
        cache.forget();
        let document = Document::new(text, segmentation, &cache, &NoColumns);
        let spans = match column {
            C::ParagraphStarts | C::ParagraphEnds => document.paragraphs(),
            _ => document.sentences(),
        };
        values.extend(spans.iter().map(|span| match column {
            C::ParagraphStarts | C::SentenceStarts => span.start,
            _ => span.end,
        }));
        offsets.push(offset(values.len())?);
    }
    Ok(list_array::<UInt32Type>(values, offsets, nulls))
}

fn lists<T: ArrowPrimitiveType>(
    rows: &[(&str, &Segmentation)],
    nulls: Option<NullBuffer>,
    push: impl Fn(&Segmentation, &mut Vec<T::Native>),
) -> Result<ArrayRef> {
    let mut values = Vec::new();
    let mut offsets = Vec::with_capacity(rows.len() + 1);
    offsets.push(0);
    for (row, (_, segmentation)) in rows.iter().enumerate() {
        // An empty segmentation stands for a null text; one of an empty text has a line.
        if nulls.as_ref().is_none_or(|nulls| nulls.is_valid(row)) {
            push(segmentation, &mut values);
        }
        offsets.push(offset(values.len())?);
    }
    Ok(list_array::<T>(values, offsets, nulls))
}

fn offset(values: usize) -> Result<i32> {
    i32::try_from(values)
        .map_err(|_| EngineError::Spec(format!("{values} positions do not fit into one column")))
}

fn list_array<T: ArrowPrimitiveType>(
    values: Vec<T::Native>,
    offsets: Vec<i32>,
    nulls: Option<NullBuffer>,
) -> ArrayRef {
    let field = Arc::new(Field::new("item", T::DATA_TYPE, false));
    let values = PrimitiveArray::<T>::new(ScalarBuffer::from(values), None);
    let offsets = OffsetBuffer::new(ScalarBuffer::from(offsets));
    Arc::new(ListArray::new(field, offsets, Arc::new(values), nulls))
}

#[cfg(test)]
mod tests {
    use arrow_array::cast::AsArray;

    use super::*;

    const TEXT: &str = "Ein Wort,\n\nzwei Wörter. Drei.";

    fn one(name: &str) -> Vec<u32> {
        let texts = LargeStringArray::from(vec![TEXT]);
        let batch = segment_texts(&texts, &[name.to_owned()], || Ok(())).unwrap();
        let list = batch.column(0).as_list::<i32>().value(0);
        list.as_primitive::<UInt32Type>().values().to_vec()
    }

    #[test]
    fn positions_cut_tokens_lines_paragraphs_and_sentences() {
        let cut = |starts: &str, ends: &str| -> Vec<String> {
            let positions = one(starts).into_iter().zip(one(ends));
            positions
                .map(|(start, end)| TEXT[start as usize..end as usize].to_owned())
                .collect()
        };
        assert_eq!(
            cut("token_starts", "token_ends"),
            ["Ein", "Wort", ",", "zwei", "Wörter", ".", "Drei", "."]
        );
        assert_eq!(
            cut("line_starts", "line_ends"),
            ["Ein Wort,", "", "zwei Wörter. Drei."]
        );
        assert_eq!(
            cut("paragraph_starts", "paragraph_ends"),
            ["Ein Wort,", "zwei Wörter. Drei."]
        );
        assert_eq!(
            cut("sentence_starts", "sentence_ends"),
            ["Ein Wort,", "zwei Wörter.", "Drei."]
        );
    }

    #[test]
    fn a_null_text_has_null_lists_and_an_empty_one_has_a_line() {
        let texts = LargeStringArray::from(vec![Some("a"), None, Some("")]);
        let names: Vec<String> = SEGMENT_COLUMNS
            .iter()
            .map(|(name, _)| (*name).to_owned())
            .collect();
        let batch = segment_texts(&texts, &names, || Ok(())).unwrap();
        for column in batch.columns() {
            assert_eq!(
                (column.is_null(0), column.is_null(1), column.is_null(2)),
                (false, true, false)
            );
        }
        let lines = batch.column(4).as_list::<i32>();
        assert_eq!((lines.value_length(1), lines.value_length(2)), (0, 1));
    }

    #[test]
    fn an_unknown_name_is_refused() {
        let texts = LargeStringArray::from(vec!["a"]);
        assert!(segment_texts(&texts, &["words".to_owned()], || Ok(())).is_err());
    }
}
