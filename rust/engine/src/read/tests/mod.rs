//! What the readers promise: every record once, every fault named, no short success.

mod jsonl;
mod parquet;
mod streams;

use std::path::PathBuf;

use super::*;

/// A record as a test likes to see it.
#[derive(Debug, Clone, PartialEq)]
enum Seen {
    Document {
        row: u64,
        id: Option<String>,
        text: String,
        metadata: Option<String>,
    },
    Fault {
        row: u64,
        fault: RecordFault,
    },
}

fn document(row: u64, text: &str) -> Seen {
    Seen::Document {
        row,
        id: None,
        text: text.to_owned(),
        metadata: None,
    }
}

fn fault(row: u64, fault: RecordFault) -> Seen {
    Seen::Fault { row, fault }
}

/// Reads a whole file and checks on the way that rows are numbered without gap and columns have one length.
fn read_all(config: ReaderConfig) -> Result<(Vec<Seen>, FileDigest), ReadError> {
    let mut reader = FileReader::open(config)?;
    let mut batch = RawBatch::default();
    let mut seen = Vec::new();
    while reader.next_batch(&mut batch)? {
        let mut faults = batch.unreadable.iter().peekable();
        let mut index = 0;
        while index < batch.len() || faults.peek().is_some() {
            let row = seen.len() as u64;
            if let Some(unreadable) = faults.next_if(|unreadable| unreadable.row == row) {
                seen.push(fault(row, unreadable.fault));
                continue;
            }
            assert_eq!(batch.rows[index], row);
            seen.push(Seen::Document {
                row,
                id: batch.ids.get(index).map(str::to_owned),
                text: batch.document(index).to_owned(),
                metadata: batch.metadata.get(index).map(str::to_owned),
            });
            index += 1;
        }
        assert_eq!(
            (batch.keys.len(), batch.ids.len(), batch.metadata.len()),
            (index, index, index)
        );
        assert_eq!(batch.text_offsets.len(), index + 1);
    }
    let digest = reader.finish()?;
    assert_eq!(digest.records, seen.len() as u64);
    Ok((seen, digest))
}

/// A folder of its own with one file in it.
fn file(name: &str, content: &[u8]) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    (folder, path)
}

/// Reads content as a file of this name, with small limits.
fn read_as(name: &str, content: &[u8]) -> Result<(Vec<Seen>, FileDigest), ReadError> {
    let (_folder, path) = file(name, content);
    read_all(ReaderConfig {
        max_document_bytes: 1000,
        batch_rows: 3,
        ..ReaderConfig::new(path)
    })
}

fn gzip(content: &[u8]) -> Vec<u8> {
    use std::io::Write;
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(content).unwrap();
    encoder.finish().unwrap()
}

fn zstd(content: &[u8]) -> Vec<u8> {
    ::zstd::encode_all(content, 3).unwrap()
}

/// Numbers that look random and are the same every time.
fn noise(count: usize, mut state: u64) -> impl Iterator<Item = u64> {
    std::iter::repeat_with(move || {
        state = state.wrapping_add(1);
        gristmill_core::hash::mix64(state)
    })
    .take(count)
}

#[test]
fn names_tell_formats() {
    for (name, format) in [
        ("a.jsonl", Some(Format::Jsonl)),
        ("a.ndjson.gz", Some(Format::Jsonl)),
        ("A.JSONL.ZST", Some(Format::Jsonl)),
        ("a.parquet", Some(Format::Parquet)),
        ("a.parquet.gz", None),
        ("a.zst", None),
        ("a.csv", None),
    ] {
        assert_eq!(Format::of_path(Path::new(name)), format, "{name}");
    }
}

#[test]
fn faults_of_the_file_itself_have_codes() {
    let missing = FileReader::open(ReaderConfig::new("/nowhere/a.jsonl"))
        .err()
        .unwrap();
    assert_eq!(missing.code(), "GM-READ-001");
    assert_eq!(read_as("a.csv", b"").unwrap_err().code(), "GM-READ-006");
    let (_folder, path) = file("a.jsonl", b"{}");
    let zero = ReaderConfig {
        batch_rows: 0,
        ..ReaderConfig::new(&path)
    };
    assert_eq!(read_all(zero).unwrap_err().code(), "GM-READ-011");
    let column = ColumnSpec {
        name: "text".to_owned(),
        kind: ColumnKind::Utf8,
    };
    let both = ReaderConfig {
        columns: vec![column],
        ..ReaderConfig::new(&path)
    };
    assert_eq!(read_all(both).unwrap_err().code(), "GM-READ-011");
    let folder = tempfile::tempdir().unwrap();
    for name in ["d.jsonl", "d.parquet"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
        let error = read_all(ReaderConfig::new(folder.path().join(name))).unwrap_err();
        assert_eq!(
            (error.code(), error.path().ends_with(name)),
            ("GM-READ-001", true)
        );
    }
}
