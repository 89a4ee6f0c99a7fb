//! Holds the dedup passes to their memory formula, in a process of its own because it looks at that process's peak.
#![cfg(target_os = "linux")]
#![expect(clippy::unwrap_used, reason = "a test, also in its helpers")]

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::PathBuf;

use gristmill_core::hash::{content_hash, mix64};
use gristmill_core::shingle::ShingleConfig;
use gristmill_engine::dedup::{
    BandRunWriter, ExactRunWriter, KeyRange, Measure, PartitionFiles, PassContext, SettleInputs,
    VerifyOptions, exact, lsh, rescue, settle, verify,
};
use gristmill_engine::index::IndexRecord;

const BANDS: usize = 6;
const NUM_DOCUMENTS: u32 = 60_000;
const NUM_PARTITIONS: u32 = 3;
const MEMORY_BYTES: u64 = 512 << 10;
/// Fixed buffers, and what the allocator holds back.
const FIXED_BYTES: u64 = 1 << 20;

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))
        .unwrap();
    line.split_whitespace().next().unwrap().parse::<u64>().unwrap() << 10
}

/// Writes a partition in which every document has a near or exact copy and every key is shared.
fn write_partition(folder: &std::path::Path, partition: u32) -> PartitionFiles {
    let path = |name: &str| folder.join(format!("{partition}.{name}"));
    let create = |name: &str| BufWriter::new(File::create(path(name)).unwrap());
    let (mut text, mut index, mut verdict) = (create("text"), create("index"), create("verdict"));
    let mut hashes = ExactRunWriter::new(folder, 64 << 10).unwrap();
    let mut bands = BandRunWriter::new(folder, BANDS, 64 << 10).unwrap();
    let num_documents = NUM_DOCUMENTS / NUM_PARTITIONS;
    let mut text_offset = 0;
    for ordinal in 0..num_documents {
        let number = u64::from(partition * num_documents + ordinal);
        let (family, copy) = (number / 4, number % 4);
        let mut words: Vec<String> = (0..12).map(|word| format!("f{family}w{word}")).collect();
        words.truncate(12 - (copy as usize).min(2));
        let words = words.join(" ");
        let record = IndexRecord {
            key: u128::from(number),
            doc: number,
            text_offset,
            rank: 0,
            text_bytes: words.len() as u32,
            source: 0,
            flags: 0,
        };
        text_offset += words.len() as u64;
        text.write_all(words.as_bytes()).unwrap();
        index.write_all(&record.encode()).unwrap();
        verdict.write_all(&[0, 0]).unwrap();
        hashes.push(content_hash(words.as_bytes()), ordinal).unwrap();
        let keys: Vec<u64> = (0..BANDS as u64).map(|band| mix64(family * 64 + band)).collect();
        bands.push(ordinal, &keys).unwrap();
    }
    for mut file in [text, index, verdict] {
        file.flush().unwrap();
    }
    hashes.finish(&path("exact")).unwrap();
    bands.finish(&path("bands")).unwrap();
    PartitionFiles {
        partition,
        source: 0,
        num_documents,
        text: path("text"),
        index: path("index"),
        verdict: path("verdict"),
        exact: Some(path("exact")),
        bands: Some(path("bands")),
    }
}

#[test]
fn the_passes_stay_within_their_budget() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| -> PathBuf { folder.path().join(name) };
    let partitions = (0..NUM_PARTITIONS)
        .map(|partition| write_partition(folder.path(), partition))
        .collect();
    let context = PassContext::new(partitions, folder.path(), MEMORY_BYTES, &|| false).unwrap();
    let options = VerifyOptions {
        measure: Measure::Jaccard,
        min_similarity: 0.7,
        shingles: ShingleConfig::words(2),
        tokenizer: None,
        retry: Default::default(),
    };
    let before = peak_bytes();
    let twins = exact(&context, KeyRange::WHOLE, &path("twins")).unwrap();
    let found = lsh(
        &context,
        KeyRange::WHOLE,
        BANDS as u16,
        &[path("twins")],
        &path("rows"),
    )
    .unwrap();
    verify(
        &context,
        KeyRange::WHOLE,
        &[path("rows")],
        &options,
        &path("edges"),
    )
    .unwrap();
    rescue(&context, &[path("edges")], &options, &path("rescued")).unwrap();
    let inputs = SettleInputs {
        exact_removals: vec![path("twins")],
        edges: vec![path("edges"), path("rescued")],
        sources: vec!["web".to_owned()],
    };
    let stats = settle(&context, &inputs, &path("removals"), &path("clusters")).unwrap();
    let grown = peak_bytes() - before;

    // Of each four documents the last two are equal and all are similar.
    let num_families = u64::from(NUM_DOCUMENTS / 4);
    assert_eq!(
        (twins.removed, stats.near_removed),
        (num_families, 2 * num_families)
    );
    assert_eq!((stats.clusters, stats.largest_cluster), (num_families, 4));
    let written = 24 * found.rows;
    assert!(
        written > 2 * (MEMORY_BYTES + FIXED_BYTES),
        "{written} bytes of rows prove nothing"
    );
    assert!(
        grown <= MEMORY_BYTES + FIXED_BYTES,
        "{grown} bytes more at the peak, {MEMORY_BYTES} allowed"
    );
}
