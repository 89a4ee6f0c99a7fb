//! Records of JSON Lines: what is read, what is not, and why.

use proptest::prelude::*;

use super::*;

fn faults_of(lines: &[&[u8]]) -> Vec<Seen> {
    let content = lines.join(&b'\n');
    read_as("a.jsonl", &content).unwrap().0
}

#[test]
fn every_fault_is_named_and_the_rest_is_read() {
    let deep = format!(
        "{{\"text\":\"x\",\"deep\":{}{}}}",
        "[".repeat(100_000),
        "]".repeat(100_000)
    );
    let deep_text = format!("{{\"text\":{}{}}}", "[".repeat(400), "]".repeat(400));
    let huge = format!("{{\"text\":\"{}\"}}", "x".repeat(1001));
    let lines: [(&[u8], Option<RecordFault>); 22] = [
        (b"{\"text\":\"first\"}", None),
        (b"{\"text\":\"cut", Some(RecordFault::InvalidJson)),
        (b"{\"text\":\"two\"}{}", Some(RecordFault::InvalidJson)),
        (b"{\"text\":\"raw \0 zero\"}", Some(RecordFault::InvalidJson)),
        (b"{\"text\":NaN}", Some(RecordFault::InvalidJson)),
        (b"{\"text\":\"a\",\"b\":01}", Some(RecordFault::InvalidJson)),
        (b"{\"text\":\"\xff\"}", Some(RecordFault::InvalidUtf8)),
        (b"{\"text\":\"a\",\"b\":\"\xc3\"}", Some(RecordFault::InvalidUtf8)),
        (b"{\"text\":\"\\ud800\"}", Some(RecordFault::LoneSurrogate)),
        (b"{\"text\":\"\\ud83d\\u0041\"}", Some(RecordFault::LoneSurrogate)),
        (b"{\"text\":\"\\udc00\"}", Some(RecordFault::LoneSurrogate)),
        (
            b"{\"text\":\"a\",\"b\":\"\\ud800\"}",
            Some(RecordFault::LoneSurrogate),
        ),
        (
            b"{\"\\ud800\":1,\"text\":\"a\"}",
            Some(RecordFault::LoneSurrogate),
        ),
        (b"{\"body\":\"a\"}", Some(RecordFault::MissingText)),
        (b"{\"text\":null}", Some(RecordFault::TextIsNull)),
        (b"{\"text\":7}", Some(RecordFault::TextNotAString)),
        (b"{\"text\":[\"a\"]}", Some(RecordFault::TextNotAString)),
        (b"[\"text\"]", Some(RecordFault::NotAnObject)),
        (b"\"text\"", Some(RecordFault::NotAnObject)),
        (huge.as_bytes(), Some(RecordFault::TooLarge)),
        (deep_text.as_bytes(), Some(RecordFault::TextNotAString)),
        (b"{\"text\":\"last\"}", None),
    ];
    let seen = faults_of(&lines.map(|(line, _)| line));
    for (row, (line, expected)) in lines.iter().enumerate() {
        match (&seen[row], expected) {
            (Seen::Document { .. }, None) => {}
            (Seen::Fault { fault, .. }, Some(expected)) if fault == expected => {}
            (found, _) => panic!("{} gave {found:?}", String::from_utf8_lossy(line)),
        }
    }
    let (_folder, path) = file("deep.jsonl", deep.as_bytes());
    assert_eq!(
        read_all(ReaderConfig::new(path)).unwrap().0,
        [fault(0, RecordFault::TooDeep)]
    );
}

#[test]
fn odd_but_valid_records_are_read_as_they_are() {
    let content = concat!(
        "\u{feff}{\"text\":\"caf\\u00e9 \\ud83d\\ude00 \\u0000 end\"}\r\n",
        "   \t\r\n\n",
        "{ \"n\" : 1e999 , \"m\" : 123456789012345678901234567890, \"text\" : \"\" }\n",
        "{\"text\":\"old\",\"a\":1,\"text\":\"new\",\"a\":2}\n",
        "{\"te\\u0078t\":\"escaped key\",\"o\":{\"x\": [ 1.50, null ], \"s\": \"a b\"}}",
    );
    let (seen, digest) = read_as("a.jsonl", content.as_bytes()).unwrap();
    let with = |row: u64, text: &str, metadata: &str| Seen::Document {
        row,
        id: None,
        text: text.to_owned(),
        metadata: Some(metadata.to_owned()),
    };
    let expected = [
        document(0, "café 😀 \0 end"),
        with(1, "", "{\"n\":1e999,\"m\":123456789012345678901234567890}"),
        with(2, "new", "{\"a\":2}"),
        with(3, "escaped key", "{\"o\":{\"x\":[1.50,null],\"s\":\"a b\"}}"),
    ];
    assert_eq!(seen, expected);
    assert_eq!((digest.records, digest.blank_lines), (4, 2));
}

#[test]
fn identifiers_and_columns_are_taken_from_their_fields() {
    let content = concat!(
        "{\"text\":\"a\",\"id\":\"x\\u00e9\",\"lang\":\"en\",\"score\":0.50}\n",
        "{\"text\":\"b\",\"id\":17,\"lang\":5,\"score\":\"high\"}\n",
        "{\"text\":\"c\",\"id\":null}\n",
    );
    let (_folder, path) = file("a.jsonl", content.as_bytes());
    let column = |name: &str, kind| ColumnSpec {
        name: name.to_owned(),
        kind,
    };
    let columns = vec![
        column("lang", ColumnKind::Utf8),
        column("score", ColumnKind::Float64),
        column("id", ColumnKind::Int64),
        column("none", ColumnKind::Bool),
    ];
    let config = ReaderConfig {
        id_field: Some("id".to_owned()),
        columns,
        ..ReaderConfig::new(path)
    };
    let mut reader = FileReader::open(config).unwrap();
    let mut batch = RawBatch::default();
    assert!(reader.next_batch(&mut batch).unwrap());
    let ids: Vec<_> = (0..3).map(|index| batch.ids.get(index)).collect();
    assert_eq!(ids, [Some("xé"), Some("17"), None]);
    assert_eq!(batch.metadata.get(0), Some("{\"lang\":\"en\",\"score\":0.50}"));
    assert_eq!(batch.metadata.get(2), None);
    let ColumnValues::Utf8(lang) = &batch.columns[0] else {
        panic!("not strings")
    };
    assert_eq!(
        (lang.get(0), lang.get(1), lang.get(2)),
        (Some("en"), Some("5"), None)
    );
    assert_eq!(
        batch.columns[1],
        ColumnValues::Float64(vec![Some(0.5), None, None])
    );
    assert_eq!(batch.columns[2], ColumnValues::Int64(vec![None, Some(17), None]));
    assert_eq!(batch.columns[3], ColumnValues::Bool(vec![None; 3]));
    assert_eq!(reader.finish().unwrap().mismatches, [0, 1, 1, 0]);
}

#[test]
fn an_unreadable_record_tells_where_it_stood_and_what_it_was() {
    let content = b"{\"text\":\"a\"}\n\n{\"text\":\"\xff b\"}\n";
    let (_folder, path) = file("a.jsonl", content);
    let config = ReaderConfig {
        source: "web".into(),
        relative_path: "a.jsonl".into(),
        ..ReaderConfig::new(path)
    };
    let mut reader = FileReader::open(config).unwrap();
    let mut batch = RawBatch::default();
    reader.next_batch(&mut batch).unwrap();
    let raw = b"{\"text\":\"\xff b\"}";
    let expected = Unreadable {
        row: 1,
        key: gristmill_core::hash::document_key("web", "a.jsonl", 1, raw),
        fault: RecordFault::InvalidUtf8,
        detail: "the line is not UTF-8 from its byte 9 on".to_owned(),
        byte_offset: Some(14),
        raw_hash: gristmill_core::hash::content_hash(raw),
        raw_bytes: raw.len() as u64,
        excerpt: "{\"text\":\"\u{fffd} b\"}".to_owned(),
    };
    assert_eq!(batch.unreadable, [expected]);
    assert_eq!(
        batch.keys,
        [gristmill_core::hash::document_key("web", "a.jsonl", 0, b"a")]
    );
}

#[test]
fn a_file_without_content_is_one_record() {
    let empty = [fault(0, RecordFault::EmptyFile)];
    assert_eq!(read_as("a.jsonl", b"").unwrap().0, empty);
    assert_eq!(read_as("a.jsonl.gz", b"").unwrap().0, empty);
    assert_eq!(read_as("a.jsonl.zst", b"").unwrap().0, empty);
    assert_eq!(read_as("a.jsonl.gz", &gzip(b"")).unwrap().0, empty);
    assert_eq!(read_as("a.jsonl.zst", &zstd(b"")).unwrap().0, empty);
    assert_eq!(read_as("a.parquet", b"").unwrap().0, empty);
    let (blank, digest) = read_as("a.jsonl", b"\n  \n").unwrap();
    assert_eq!((blank.len(), digest.blank_lines), (0, 2));
}

#[test]
fn a_line_beyond_the_limit_streams_past_in_bounded_memory() {
    const LONG_BYTES: u64 = 40_000_000;
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    std::fs::write(&path, b"{\"text\":\"before\"}\n").unwrap();
    // A hole in the file: 40 MB of zero bytes without a line feed, which take no disk space.
    let handle = std::fs::OpenOptions::new().write(true).open(&path).unwrap();
    let begin = handle.metadata().unwrap().len();
    handle.set_len(begin + LONG_BYTES).unwrap();
    drop(handle);
    let mut tail = std::fs::OpenOptions::new().append(true).open(&path).unwrap();
    std::io::Write::write_all(&mut tail, b"\n{\"text\":\"after\"}\n").unwrap();
    let max_document_bytes = 300_000;
    let config = ReaderConfig {
        max_document_bytes,
        ..ReaderConfig::new(&path)
    };
    let mut reader = super::super::jsonl::JsonlReader::open(config, Compression::None).unwrap();
    let mut batch = RawBatch::default();
    batch.reset(&[]);
    reader.fill(&mut batch).unwrap();
    assert_eq!((batch.document(0), batch.document(1)), ("before", "after"));
    assert_eq!(batch.rows, [0, 2]);
    let long = &batch.unreadable[0];
    assert_eq!(
        (long.row, long.fault, long.raw_bytes),
        (1, RecordFault::TooLarge, LONG_BYTES)
    );
    assert_eq!(long.excerpt.chars().count(), EXCERPT_CHARACTERS);
    let bound = 2 * max_document_bytes + (64 << 10) + (512 << 10);
    assert!(
        reader.line_buffer_bytes() <= bound,
        "{} bytes",
        reader.line_buffer_bytes()
    );
}

#[test]
fn batches_end_by_rows_and_by_bytes() {
    let content = "{\"text\":\"0123456789\"}\n".repeat(10);
    let (_folder, path) = file("a.jsonl", content.as_bytes());
    let sizes = |batch_rows, batch_bytes| {
        let mut reader = FileReader::open(ReaderConfig {
            batch_rows,
            batch_bytes,
            ..ReaderConfig::new(&path)
        })
        .unwrap();
        let mut batch = RawBatch::default();
        let mut sizes = Vec::new();
        while reader.next_batch(&mut batch).unwrap() {
            sizes.push(batch.len());
        }
        sizes
    };
    assert_eq!(sizes(4, 1000), [4, 4, 2]);
    assert_eq!(sizes(100, 25), [3, 3, 3, 1]);
}

/// Bytes that often are nearly records.
fn nearly_records() -> impl Strategy<Value = Vec<u8>> {
    let pieces: [&[u8]; 20] = [
        b"{",
        b"}",
        b"\"text\":",
        b"\"a\"",
        b"\"",
        b",",
        b":",
        b"[",
        b"]",
        b"\\",
        b"\\u",
        b"d800",
        b"\n",
        b"\r\n",
        b" ",
        b"\xff",
        b"\xc3\xa9",
        b"null",
        b"1e9",
        b"{\"text\":\"x\"}\n",
    ];
    let of_pieces = proptest::collection::vec(proptest::sample::select(pieces.to_vec()), 0..40);
    prop_oneof![any::<Vec<u8>>(), of_pieces.prop_map(|pieces| pieces.concat())]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_line_is_a_record_or_blank(content in nearly_records()) {
        let (seen, digest) = read_as("a.jsonl", &content).unwrap();
        let stripped = content.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&content);
        let lines: Vec<&[u8]> = stripped.split(|&byte| byte == b'\n').collect();
        let num_blank_lines = lines.iter().filter(|line| line.trim_ascii().is_empty()).count();
        if content.is_empty() {
            prop_assert_eq!(&seen, &[fault(0, RecordFault::EmptyFile)]);
        } else {
            // What follows the last line feed is a line only if there is something.
            let num_ends = usize::from(lines.last().is_some_and(|line| line.is_empty()));
            prop_assert_eq!(digest.blank_lines as usize, num_blank_lines - num_ends);
            prop_assert_eq!(seen.len(), lines.len() - num_blank_lines);
        }
        for record in seen {
            if let Seen::Document { metadata: Some(metadata), .. } = record {
                prop_assert!(serde_json::from_str::<serde_json::Value>(&metadata).is_ok());
            }
        }
    }
}
