use std::fs::File;
use std::sync::Arc;

use proptest::prelude::*;

use super::*;

fn sorted(records: &[[u8; 6]], memory_bytes: u64) -> Vec<[u8; 6]> {
    let scratch = tempfile::tempdir().unwrap();
    let mut sorter = ExternalSorter::new(scratch.path(), memory_bytes).unwrap();
    for record in records {
        sorter.push(record).unwrap();
    }
    assert_eq!(sorter.len(), records.len() as u64);
    drain(&mut sorter.finish().unwrap())
}

fn drain<const WIDTH: usize>(source: &mut impl SortedSource<WIDTH>) -> Vec<[u8; WIDTH]> {
    let mut records = Vec::new();
    while let Some(record) = source.next_record().unwrap() {
        records.push(*record);
    }
    records
}

fn pseudo_random(count: u64) -> Vec<[u8; 10]> {
    (0..count)
        .map(|number| {
            let mixed = gristmill_core::hash::mix64(number);
            std::array::from_fn(|byte| mixed.rotate_left(byte as u32 * 7).to_be_bytes()[0])
        })
        .collect()
}

proptest! {
    #[test]
    fn any_budget_gives_the_order_of_a_plain_sort(
        records in prop::collection::vec(any::<[u8; 6]>(), 0..400),
        memory_bytes in prop::sample::select(vec![0_u64, 24, 100, 1000, 1 << 20]),
    ) {
        let mut expected = records.clone();
        expected.sort_unstable();
        prop_assert_eq!(sorted(&records, memory_bytes), expected);
    }

    #[test]
    fn any_number_of_sources_merges(
        sources in prop::collection::vec(prop::collection::vec(any::<[u8; 6]>(), 0..20), 0..12),
        memory_bytes in prop::sample::select(vec![0_u64, 64, 1 << 20]),
    ) {
        let scratch = tempfile::tempdir().unwrap();
        let mut expected: Vec<_> = sources.iter().flatten().copied().collect();
        expected.sort_unstable();
        let open = |number: usize, _: u64| {
            let mut sorter = ExternalSorter::new(scratch.path(), 1 << 20)?;
            for record in &sources[number] {
                sorter.push(record)?;
            }
            sorter.finish()
        };
        let mut merged =
            merge_sorted::<6, _, SortError>(scratch.path(), memory_bytes, sources.len(), &|| false, open).unwrap();
        prop_assert_eq!(drain(&mut merged), expected);
    }
}

#[test]
fn many_runs_take_several_passes() {
    let records = pseudo_random(20_000);
    let scratch = tempfile::tempdir().unwrap();
    let mut sorter = ExternalSorter::new(scratch.path(), 400).unwrap();
    for record in &records {
        sorter.push(record).unwrap();
    }
    assert!(sorter.runs.len() > 400);
    let mut expected = records;
    expected.sort_unstable();
    assert_eq!(drain(&mut sorter.finish().unwrap()), expected);
}

#[test]
fn buffers_stay_within_the_budget() {
    for memory_bytes in [0_u64, 100, 4096, 200_000, 1 << 20] {
        let scratch = tempfile::tempdir().unwrap();
        let allowed = memory_bytes.max(4 * 10) as usize;
        let mut sorter = ExternalSorter::<10>::new(scratch.path(), memory_bytes).unwrap();
        for record in pseudo_random(150_000) {
            sorter.push(&record).unwrap();
            assert!(sorter.buffer.capacity() * 10 <= allowed);
        }
        let mut finished = sorter.finish().unwrap();
        let _ = finished.next_record().unwrap();
        let held: usize = match &finished.order {
            Order::Memory { buffer, .. } => buffer.capacity() * 10,
            Order::Spilled(merge) => merge.sources.iter().map(|run| run.buffer.capacity() * 10).sum(),
        };
        assert!(held <= allowed, "{held} bytes held, {allowed} allowed");
    }
}

#[test]
fn spilled_files_have_no_name_and_so_cannot_be_left_behind() {
    let scratch = tempfile::tempdir().unwrap();
    let mut sorter = ExternalSorter::new(scratch.path(), 64).unwrap();
    for record in pseudo_random(1000) {
        sorter.push(&record).unwrap();
    }
    assert!(!sorter.runs.is_empty());
    assert_eq!(fs::read_dir(scratch.path()).unwrap().count(), 0);
}

#[test]
fn a_merge_pass_can_be_interrupted() {
    let scratch = tempfile::tempdir().unwrap();
    let mut sorter = ExternalSorter::new(scratch.path(), 2_000).unwrap();
    for record in pseudo_random(40_000) {
        sorter.push(&record).unwrap();
    }
    assert!(matches!(
        sorter.finish_unless(&|| true),
        Err(SortError::Cancelled)
    ));
}

#[test]
fn a_missing_folder_is_named() {
    let error = ExternalSorter::<8>::new(Path::new("/nowhere/at/all"), 64).unwrap_err();
    assert!(error.to_string().contains("/nowhere/at/all"), "{error}");
    let error: EngineError = error.into();
    assert_eq!(error.code(), "GM-IO-001");
}

#[test]
fn a_full_disk_is_told_from_other_faults() {
    let full = File::options().write(true).open("/dev/full").unwrap();
    let mut spill = SpillFile {
        path: Path::new("/scratch/spill").into(),
        file: Arc::new(full),
        bytes: 0,
    };
    let error: EngineError = spill.append(&[0; 8]).unwrap_err().into();
    assert_eq!(error.code(), "GM-IO-002");
    assert!(error.to_string().contains("/scratch/spill"));
}
