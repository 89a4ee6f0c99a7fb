//! Rows against the obvious way to write them, masks and padding included.

use std::sync::Arc;

use arrow_array::builder::{ListBuilder, UInt16Builder, UInt32Builder};
use arrow_array::{DictionaryArray, Int16Array, Int32Array, RecordBatch, StringArray, UInt64Array};
use arrow_schema::{Field, Schema};
use gristmill_core::packing::{PlanSettings, PlanState};

use super::*;
use crate::task::Session;

/// Tokens and the mask of a document.
type Made<'a> = (&'a [u16], Option<&'a [u32]>);

fn batch(documents: &[Made<'_>], labels: Option<Vec<Option<i32>>>) -> RecordBatch {
    let mut tokens = ListBuilder::new(UInt16Builder::new());
    let mut masks = ListBuilder::new(UInt32Builder::new());
    for (ids, mask) in documents {
        tokens.values().append_slice(ids);
        tokens.append(true);
        masks.values().append_slice(mask.unwrap_or_default());
        masks.append(mask.is_some());
    }
    let (tokens, masks) = (tokens.finish(), masks.finish());
    let rows = documents.len();
    let keys = Int16Array::from_iter_values((0..rows).map(|row| (row % 2) as i16));
    let sources = DictionaryArray::new(keys, Arc::new(StringArray::from(vec!["web", "books"])));
    let docs = UInt64Array::from_iter_values((0..rows as u64).map(|row| 100 + row));
    let mut columns: Vec<(&str, arrow_array::ArrayRef)> = vec![
        ("doc", Arc::new(docs)),
        ("source", Arc::new(sources)),
        ("tokens", Arc::new(tokens)),
        ("mask", Arc::new(masks)),
    ];
    if let Some(labels) = labels {
        columns.push(("label", Arc::new(Int32Array::from(labels))));
    }
    let fields: Vec<_> = columns
        .iter()
        .map(|(name, column)| Field::new(*name, column.data_type().clone(), true))
        .collect();
    let arrays = columns.into_iter().map(|(_, column)| column).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap()
}

fn settings(sequence_length: usize) -> PlanSettings {
    PlanSettings {
        sequence_length,
        seed: 0,
        is_shuffled: false,
        num_epochs: Some(1),
        weights: vec![1.0, 1.0],
        mixing: None,
    }
}

const WHOLE: Share = Share {
    rank: 0,
    num_ranks: 1,
};

fn open(batches: &[RecordBatch], sequence_length: usize, state: Option<&PlanState>) -> Reader {
    let columns = Arc::new(Columns::new(batches, 2).unwrap());
    Reader::open(columns, &settings(sequence_length), state).unwrap()
}

struct Arrays {
    tokens: Vec<i64>,
    positions: Vec<i32>,
    targets: Vec<i32>,
    bounds: Vec<i32>,
    pieces: Vec<i64>,
    row_bounds: Vec<i64>,
}

fn fill(
    reader: &Reader,
    planned: Planned,
    places: usize,
    padding: Option<u32>,
    is_labels: bool,
) -> (Arrays, Filled) {
    let mut arrays = Arrays {
        tokens: vec![-7; places],
        positions: vec![-7; places],
        targets: vec![-7; places],
        bounds: vec![-7; planned.pieces + 1 + planned.short_rows],
        pieces: vec![-7; planned.pieces * PIECE_FIELDS],
        row_bounds: vec![-7; planned.rows + 1],
    };
    let targets = Numbers::I32(&mut arrays.targets);
    let mut out = Out {
        tokens: Tokens::I64(&mut arrays.tokens),
        positions: Numbers::I32(&mut arrays.positions),
        targets: if is_labels {
            Targets::Labels(targets)
        } else {
            Targets::Next(targets)
        },
        bounds: &mut arrays.bounds,
        pieces: &mut arrays.pieces,
        row_bounds: &mut arrays.row_bounds,
    };
    let filled = reader.fill(padding, &mut out).unwrap();
    arrays.bounds.truncate(filled.num_bounds);
    (arrays, filled)
}

#[test]
fn rows_end_to_end_hold_tokens_positions_targets_and_their_pieces() {
    let documents: [Made<'_>; 3] = [
        (&[5, 6, 7], None),
        (&[8, 9, 10, 11, 12], Some(&[2, 2, 1])),
        (&[], None),
    ];
    let batches = [batch(&documents, Some(vec![Some(3), None, Some(1)]))];
    let mut reader = open(&batches, 8, None);
    let planned = reader.plan_batch(4, WHOLE, &Session::default()).unwrap();
    assert_eq!(
        (planned.rows, planned.tokens, planned.pieces, planned.short_rows),
        (1, 8, 2, 0)
    );
    let (arrays, filled) = fill(&reader, planned, 8, None, false);
    assert_eq!(arrays.tokens, [5, 6, 7, 8, 9, 10, 11, 12]);
    assert_eq!(arrays.positions, [0, 1, 2, 0, 1, 2, 3, 4]);
    assert_eq!(arrays.targets, [6, 7, -100, -100, 10, 11, -100, -100]);
    assert_eq!(arrays.bounds, [0, 3, 8]);
    assert_eq!(arrays.row_bounds, [0, 8]);
    let pieces: Vec<_> = arrays.pieces.chunks(2).map(<[i64]>::to_vec).collect();
    assert_eq!(
        pieces,
        [[0, 1], [100, 101], [0, 0], [3, 5], [0, 0], [0, 1], [3, -1]]
    );
    assert_eq!((filled.trained, filled.longest), (4, 5));
    let ledger = reader.plan().ledger();
    assert_eq!(
        (ledger.trained, ledger.masked, ledger.first, ledger.empty),
        (4, 2, 2, 1)
    );
}

#[test]
fn labels_stand_at_their_own_token() {
    let documents: [Made<'_>; 2] = [(&[5, 6, 7], None), (&[8, 9, 10, 11, 12], Some(&[2, 2, 1]))];
    let mut reader = open(&[batch(&documents, None)], 8, None);
    let planned = reader.plan_batch(1, WHOLE, &Session::default()).unwrap();
    let (arrays, _) = fill(&reader, planned, 8, None, true);
    assert_eq!(arrays.targets, [-100, 6, 7, -100, -100, 10, 11, -100]);
}

#[test]
fn padding_is_a_piece_of_its_own_that_predicts_nothing() {
    let documents: [Made<'_>; 3] = [(&[5, 6, 7], None), (&[8; 9], None), (&[4], None)];
    let mut reader = open(&[batch(&documents, None)], 6, None);
    let planned = reader.plan_batch(9, WHOLE, &Session::default()).unwrap();
    assert_eq!((planned.rows, planned.tokens), (3, 14));
    let (arrays, filled) = fill(&reader, planned, 18, Some(2), false);
    assert_eq!(arrays.tokens[..6], [5, 6, 7, 4, 2, 2]);
    assert_eq!(arrays.targets[..6], [6, 7, -100, -100, -100, -100]);
    assert_eq!(arrays.tokens[6..], [8, 8, 8, 8, 8, 8, 8, 8, 8, 8, 2, 2]);
    assert_eq!(arrays.bounds, [0, 3, 4, 6, 12, 16, 18]);
    assert_eq!(arrays.row_bounds, [0, 6, 12, 18]);
    assert_eq!(filled.trained, 2 + 5 + 3);
}

#[test]
fn ranks_share_the_rows_and_stand_at_the_same_place() {
    let ids: Vec<Vec<u16>> = (0..40)
        .map(|number| vec![number; 1 + number as usize % 9])
        .collect();
    let documents: Vec<Made<'_>> = ids.iter().map(|ids| (&ids[..], None)).collect();
    let batches = [batch(&documents[..25], None), batch(&documents[25..], None)];
    let session = Session::default();
    let mut whole = open(&batches, 10, None);
    let all = whole.plan_batch(1000, WHOLE, &session).unwrap();
    let (expected, _) = fill(&whole, all, all.tokens, None, false);
    let mut found = vec![Vec::new(); all.rows];
    let mut states = Vec::new();
    for rank in 0..3 {
        let mut reader = open(&batches, 10, None);
        let share = Share { rank, num_ranks: 3 };
        let mut next = rank as usize;
        loop {
            let planned = reader.plan_batch(2, share, &session).unwrap();
            if planned.global_rows == 0 {
                break;
            }
            let (arrays, _) = fill(&reader, planned, planned.tokens, None, false);
            for row in arrays.row_bounds.windows(2) {
                found[next] = arrays.tokens[row[0] as usize..row[1] as usize].to_vec();
                next += 3;
            }
        }
        states.push(reader.plan().state());
    }
    assert_eq!(found.concat(), expected.tokens);
    assert!(states.iter().all(|state| *state == whole.plan().state()));
}

#[test]
fn a_mask_that_does_not_cover_its_document_is_refused() {
    let documents: [Made<'_>; 1] = [(&[5, 6, 7], Some(&[1, 1]))];
    let mut reader = open(&[batch(&documents, None)], 8, None);
    let error = reader.plan_batch(1, WHOLE, &Session::default()).unwrap_err();
    assert_eq!(error.code(), "GM-SHARDS-006");
}

#[test]
fn arrays_that_are_too_short_are_refused() {
    let documents: [Made<'_>; 1] = [(&[5, 6, 7], None)];
    let mut reader = open(&[batch(&documents, None)], 8, None);
    reader.plan_batch(1, WHOLE, &Session::default()).unwrap();
    let mut out = Out {
        tokens: Tokens::U16(&mut [0; 2]),
        positions: Numbers::I64(&mut [0; 3]),
        targets: Targets::None,
        bounds: &mut [0; 2],
        pieces: &mut [0; PIECE_FIELDS],
        row_bounds: &mut [0; 2],
    };
    assert_eq!(reader.fill(None, &mut out).unwrap_err().code(), "GM-LOADER-008");
}
