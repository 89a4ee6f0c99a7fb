//! Verdicts from bits and changed columns against deciding from scratch, on random columns and thresholds.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{Array, ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, UInt64Array};
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::file::properties::WriterProperties;
use proptest::prelude::*;

use super::program::Program;
use super::scan::{Part, SourceOutcome, WhatIfSpec, what_if};
use crate::commit::TaskPlace;
use crate::decide::tests::{columns, fails, threshold};
use crate::decide::{DecideSpec, Threshold};
use crate::task::Session;

/// Adds who the documents are.
fn with_identity(batch: &RecordBatch) -> RecordBatch {
    let rows = batch.num_rows();
    let keys = (0..rows).map(|row| [row as u8; 16]);
    let ids = (0..rows).map(|row| (row % 3 > 0).then(|| format!("id-{row}")));
    let mut named: Vec<(String, ArrayRef, bool)> = batch
        .schema()
        .fields()
        .iter()
        .zip(batch.columns())
        .map(|(field, array)| (field.name().clone(), Arc::clone(array), field.is_nullable()))
        .collect();
    named.push((
        "key".to_owned(),
        Arc::new(FixedSizeBinaryArray::try_from_iter(keys).unwrap()),
        false,
    ));
    named.push(("id".to_owned(), Arc::new(ids.collect::<StringArray>()), true));
    RecordBatch::try_from_iter_with_nullable(named).unwrap()
}

/// Writes a table in row groups of `group_rows`.
fn write(path: &Path, batch: &RecordBatch, group_rows: usize) {
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(group_rows))
        .build();
    let mut writer =
        ArrowWriter::try_new(File::create(path).unwrap(), batch.schema(), Some(properties)).unwrap();
    writer.write(batch).unwrap();
    writer.close().unwrap();
}

/// Runs the decide task on a table and returns the path of its bits.
fn decide(folder: &Path, name: &str, thresholds: &[Threshold], rows: usize) -> PathBuf {
    let (bytes, digest) = crate::commit::digest_file(&folder.join(name)).unwrap();
    let spec = DecideSpec {
        place: TaskPlace {
            stage: "decide".to_owned(),
            index: 0,
            fingerprint: "f".to_owned(),
            attempt: name.replace('.', "-"),
            data: folder.to_owned(),
            scratch: folder.to_owned(),
            manifest: folder.join(format!("decide-{name}.json")),
        },
        signals: crate::commit::Artefact {
            file: name.to_owned(),
            bytes,
            rows: rows as u64,
            digest,
        },
        thresholds: thresholds.to_vec(),
    };
    let manifest = crate::decide::run(&spec, &Session::default()).unwrap();
    folder.join(&manifest.outputs["decisions"].file)
}

fn scratch_verdicts(batch: &RecordBatch, thresholds: &[Threshold]) -> Vec<Option<usize>> {
    (0..batch.num_rows())
        .map(|row| {
            thresholds
                .iter()
                .position(|threshold| fails(threshold, batch, row))
        })
        .collect()
}

fn expected(before: &[Option<usize>], after: &[Option<usize>], old: usize, new: usize) -> SourceOutcome {
    let mut outcome = SourceOutcome {
        documents: before.len() as u64,
        first_before: vec![0; old],
        first_after: vec![0; new],
        ..SourceOutcome::default()
    };
    for (before, after) in before.iter().zip(after) {
        match before {
            Some(first) => outcome.first_before[*first] += 1,
            None => outcome.passed_before += 1,
        }
        match after {
            Some(first) => outcome.first_after[*first] += 1,
            None => outcome.passed_after += 1,
        }
        outcome.enters += u64::from(before.is_some() && after.is_none());
        outcome.leaves += u64::from(before.is_none() && after.is_some());
    }
    outcome
}

/// Old thresholds, and new ones made of them: some kept, some changed, some left out, some added, in any order.
fn two_lists(most: usize) -> impl Strategy<Value = (Vec<Threshold>, Vec<Threshold>)> {
    let list = || prop::collection::vec(threshold(), 0..most);
    (
        list(),
        list(),
        any::<prop::sample::Index>(),
        0_usize..4,
        any::<bool>(),
    )
        .prop_map(|(before, added, at, num_gone, is_shuffled)| {
            let mut after = before.clone();
            for gone in 0..num_gone.min(after.len()) {
                after.remove((at.index(1000) + gone) % after.len());
            }
            for (number, one) in added.into_iter().take(5).enumerate() {
                let place = (at.index(997) * (number + 1)) % (after.len() + 1);
                after.insert(place, one);
            }
            if is_shuffled {
                after.reverse();
            }
            (before, after)
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn verdicts_from_bits_are_those_of_deciding_from_scratch(
        first in columns(70),
        second in columns(33),
        (before, after) in two_lists(75),
        has_masks in any::<bool>(),
        threads in 1_usize..4,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut parts = Vec::new();
        for (number, batch) in [&first, &second].into_iter().enumerate() {
            let name = format!("signals-{number}.parquet");
            write(&folder.path().join(&name), &with_identity(batch), 20);
            let decisions = has_masks.then(|| decide(folder.path(), &name, &before, batch.num_rows()));
            parts.push(Part {
                signals: folder.path().join(name),
                decisions,
                rows: batch.num_rows() as u64,
                source: number,
            });
        }
        let verdicts = folder.path().join("verdicts");
        std::fs::create_dir(&verdicts).unwrap();
        let mut spec = WhatIfSpec {
            parts,
            sources: vec!["one".to_owned(), "two".to_owned()],
            before: before.clone(),
            after: after.clone(),
            threads,
            num_examples: 5,
            write: None,
            verdicts: Some(verdicts.clone()),
        };
        let outcome = what_if(&spec, &Session::default()).unwrap();
        let mut changes = 0;
        for (number, batch) in [&first, &second].into_iter().enumerate() {
            let (old, new) = (scratch_verdicts(batch, &before), scratch_verdicts(batch, &after));
            let wanted = expected(&old, &new, before.len(), after.len());
            prop_assert_eq!(&outcome.sources[number], &wanted);
            changes += wanted.enters + wanted.leaves;
            let bytes: Vec<u8> =
                new.iter().flat_map(|first| first.map_or(0, |first| first as u16 + 1).to_le_bytes()).collect();
            prop_assert_eq!(std::fs::read(verdicts.join(format!("{number}.bin"))).unwrap(), bytes);
        }
        // Both lists of examples are sorted, and all of them are documents that change sides.
        let shown = (outcome.enters.len() + outcome.leaves.len()) as u64;
        prop_assert!(shown <= changes && (shown == changes || shown >= 5));
        for example in outcome.enters.iter().chain(&outcome.leaves) {
            let batch = [&first, &second][example.source];
            let row = example.doc as usize;
            let (old, new) = (scratch_verdicts(batch, &before)[row], scratch_verdicts(batch, &after)[row]);
            prop_assert_ne!(old.is_some(), new.is_some());
            let decided = old.map(|first| &before[first]).or(new.map(|first| &after[first])).unwrap();
            prop_assert_eq!((&example.step, &example.rule), (&decided.step, &decided.rule));
            prop_assert_eq!(&example.id, &(!row.is_multiple_of(3)).then(|| format!("id-{row}")));
        }
        // The table of all changes holds each of them once, whatever the threads.
        let path = folder.path().join("changes.parquet");
        spec.write = Some(path.clone());
        let again = what_if(&spec, &Session::default()).unwrap();
        prop_assert_eq!(&again.sources, &outcome.sources);
        let reader = ParquetRecordBatchReaderBuilder::try_new(File::open(path).unwrap()).unwrap().build().unwrap();
        let mut written = Vec::new();
        for batch in reader {
            let batch = batch.unwrap();
            let strings = |name: &str| {
                batch.column_by_name(name).unwrap().as_any().downcast_ref::<StringArray>().unwrap().clone()
            };
            let docs = batch.column(0).as_any().downcast_ref::<UInt64Array>().unwrap().clone();
            let (sources, sides) = (strings("source"), strings("change"));
            written.extend((0..batch.num_rows()).map(|row| {
                (sources.value(row).to_owned(), docs.value(row), sides.value(row).to_owned())
            }));
        }
        let mut wanted = Vec::new();
        for (name, batch) in [("one", &first), ("two", &second)] {
            let (old, new) = (scratch_verdicts(batch, &before), scratch_verdicts(batch, &after));
            for (row, (old, new)) in old.iter().zip(&new).enumerate() {
                if old.is_some() != new.is_some() {
                    let side = if old.is_some() { "enters" } else { "leaves" };
                    wanted.push((name.to_owned(), row as u64, side.to_owned()));
                }
            }
        }
        prop_assert_eq!(written, wanted);
    }

    #[test]
    fn bits_find_their_new_places((before, after) in two_lists(150), failing in any::<[u64; 4]>()) {
        let program = Program::new(&before, &after, true);
        let mut atoms = failing[..program.num_words()].to_vec();
        if let Some(last) = atoms.last_mut() {
            // No bit beyond the last atom, as in `decisions/`.
            let used = program.atoms.len() % 64;
            *last &= if used == 0 { u64::MAX } else { (1 << used) - 1 };
        }
        let is_set = |atom: usize| atoms[atom / 64] >> (atom % 64) & 1 == 1;
        let wanted = program.after.iter().position(|&atom| is_set(atom));
        let mut words = vec![0; crate::decide::words_for(after.len())];
        prop_assert_eq!(program.first_after(&atoms, &mut words), wanted);
        for (&atom, threshold) in program.after.iter().zip(&after) {
            prop_assert!(program.atoms[atom].is_same(threshold));
        }
    }
}
