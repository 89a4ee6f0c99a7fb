//! Parquet: the same records as JSON Lines would give, and damage noticed.

use std::sync::Arc;

use ::parquet::arrow::ArrowWriter;
use ::parquet::basic::{Compression as Codec, ZstdLevel};
use ::parquet::file::properties::WriterProperties;
use arrow_array::builder::{Int32Builder, ListBuilder, StringDictionaryBuilder};
use arrow_array::types::Int32Type;
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, Date32Array, Decimal128Array, Float32Array, Float64Array,
    Int64Array, LargeStringArray, RecordBatch, StringArray, StructArray, TimestampMicrosecondArray,
    UInt8Array,
};
use arrow_schema::{DataType, Field};

use super::*;

fn written(columns: Vec<(&str, ArrayRef)>, codec: Codec) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, column)| (name, column, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_compression(codec)
        .set_max_row_group_row_count(Some(64));
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn strings(values: &[Option<&str>]) -> ArrayRef {
    Arc::new(StringArray::from(values.to_vec()))
}

#[test]
fn rows_become_records_and_other_columns_metadata() {
    let mut list = ListBuilder::new(Int32Builder::new());
    list.append_value([Some(1), None]);
    list.append_null();
    let field = Arc::new(Field::new("inner", DataType::Utf8, true));
    let record = StructArray::from(vec![(field, strings(&[Some("q\"x"), None]))]);
    let mut dictionary = StringDictionaryBuilder::<Int32Type>::new();
    dictionary.append_value("en");
    dictionary.append_value("fr");
    let content = written(
        vec![
            ("key", Arc::new(Int64Array::from(vec![Some(7), None]))),
            (
                "text",
                Arc::new(LargeStringArray::from(vec![Some("one é"), Some("two")])),
            ),
            ("lang", Arc::new(dictionary.finish())),
            ("wide", Arc::new(Float64Array::from(vec![0.1, f64::NAN]))),
            (
                "narrow",
                Arc::new(Float32Array::from(vec![0.1, f32::NEG_INFINITY])),
            ),
            ("flag", Arc::new(BooleanArray::from(vec![Some(true), None]))),
            ("byte", Arc::new(UInt8Array::from(vec![255, 0]))),
            ("day", Arc::new(Date32Array::from(vec![0, 18_262]))),
            (
                "at",
                Arc::new(TimestampMicrosecondArray::from(vec![1_500_000, 0])),
            ),
            (
                "price",
                Arc::new(
                    Decimal128Array::from(vec![1250, -5])
                        .with_precision_and_scale(9, 2)
                        .unwrap(),
                ),
            ),
            (
                "raw",
                Arc::new(BinaryArray::from(vec![&b"ok"[..], &b"\xff\x00"[..]])),
            ),
            ("list", Arc::new(list.finish())),
            ("record", Arc::new(record)),
        ],
        Codec::SNAPPY,
    );
    let (_folder, path) = file("a.parquet", &content);
    let column = |name: &str, kind| ColumnSpec {
        name: name.to_owned(),
        kind,
    };
    let columns = vec![
        column("lang", ColumnKind::Utf8),
        column("narrow", ColumnKind::Float64),
    ];
    let config = ReaderConfig {
        id_field: Some("key".to_owned()),
        columns,
        ..ReaderConfig::new(path)
    };
    let mut reader = FileReader::open(config).unwrap();
    let mut batch = RawBatch::default();
    assert!(reader.next_batch(&mut batch).unwrap());
    assert_eq!((batch.document(0), batch.document(1)), ("one é", "two"));
    assert_eq!((batch.ids.get(0), batch.ids.get(1)), (Some("7"), None));
    let first = concat!(
        r#"{"lang":"en","wide":0.1,"narrow":0.1,"flag":true,"byte":255,"day":"1970-01-01","#,
        r#""at":"1970-01-01T00:00:01.500","price":"12.50","raw":"ok","list":[1,null],"record":{"inner":"q\"x"}}"#,
    );
    let second = concat!(
        r#"{"lang":"fr","wide":"NaN","narrow":"-Infinity","flag":null,"byte":0,"day":"2020-01-01","#,
        r#""at":"1970-01-01T00:00:00","price":"-0.05","raw":"ff00","list":null,"record":{"inner":null}}"#,
    );
    assert_eq!(
        (batch.metadata.get(0), batch.metadata.get(1)),
        (Some(first), Some(second))
    );
    for row in 0..2 {
        serde_json::from_str::<serde_json::Value>(batch.metadata.get(row).unwrap()).unwrap();
    }
    assert_eq!(batch.columns[1], ColumnValues::Float64(vec![Some(0.1), None]));
    let digest = reader.finish().unwrap();
    assert_eq!((digest.records, digest.mismatches), (2, vec![0, 1]));
    assert_eq!(digest.blake3_hex, blake3::hash(&content).to_hex().as_str());
}

#[test]
fn faults_of_single_rows_are_named() {
    let long = "x".repeat(1001);
    let text = strings(&[Some("a"), None, Some(&long), Some("")]);
    let (seen, _) = read_as("a.parquet", &written(vec![("text", text)], Codec::UNCOMPRESSED)).unwrap();
    let expected = [
        document(0, "a"),
        fault(1, RecordFault::TextIsNull),
        fault(2, RecordFault::TooLarge),
        document(3, ""),
    ];
    assert_eq!(seen, expected);
    let bytes = BinaryArray::from(vec![&b"fine"[..], &b"\xc3("[..]]);
    let (seen, _) = read_as(
        "a.parquet",
        &written(vec![("text", Arc::new(bytes))], Codec::UNCOMPRESSED),
    )
    .unwrap();
    assert_eq!(seen, [document(0, "fine"), fault(1, RecordFault::InvalidUtf8)]);
}

#[test]
fn a_text_column_that_is_none_is_an_error() {
    let content = written(vec![("body", strings(&[Some("a")]))], Codec::UNCOMPRESSED);
    let error = read_as("a.parquet", &content).unwrap_err();
    assert_eq!(error.code(), "GM-READ-008");
    assert!(error.to_string().contains("it has body"));
    let content = written(
        vec![("text", Arc::new(Int64Array::from(vec![1])))],
        Codec::UNCOMPRESSED,
    );
    assert_eq!(read_as("a.parquet", &content).unwrap_err().code(), "GM-READ-009");
}

fn sample() -> Vec<(&'static str, ArrayRef)> {
    let texts: Vec<String> = noise(300, 11)
        .map(|number| format!("{number:x} {}", number % 1000))
        .collect();
    let numbers: Vec<i64> = noise(300, 12).map(|number| (number % 5000) as i64).collect();
    vec![
        ("text", Arc::new(StringArray::from(texts)) as ArrayRef),
        ("number", Arc::new(Int64Array::from(numbers))),
    ]
}

#[test]
fn row_groups_are_read_in_order_whatever_the_batch_size() {
    let content = written(sample(), Codec::ZSTD(ZstdLevel::default()));
    let (_folder, path) = file("a.parquet", &content);
    let read = |batch_rows, batch_bytes| {
        read_all(ReaderConfig {
            batch_rows,
            batch_bytes,
            ..ReaderConfig::new(&path)
        })
        .unwrap()
        .0
    };
    let expected = read(8192, 16 << 20);
    assert_eq!(expected.len(), 300);
    assert_eq!(read(7, 16 << 20), expected);
    assert_eq!(read(8192, 50), expected);
}

#[test]
fn a_cut_file_is_an_error() {
    let content = written(sample(), Codec::SNAPPY);
    for cut in (1..content.len()).step_by(61) {
        let error = read_as("a.parquet", &content[..cut]).expect_err("a cut file was read");
        assert!(["GM-READ-007", "GM-READ-010"].contains(&error.code()), "{error}");
    }
}

/// The Rust writer makes no page checksums, so the file comes from pyarrow 26: 200 rows of `text` and
/// `number`, two row groups, `write_table(..., compression="NONE", write_page_checksum=True)`: no codec helps
/// to notice the damage.
#[test]
fn a_flipped_bit_in_a_page_gives_the_same_or_an_error() {
    let stored = include_bytes!("page-checksums.parquet").to_vec();
    let (whole, _) = read_as("a.parquet", &stored).unwrap();
    assert_eq!(whole.len(), 200);
    let (mut num_errors, num_flips) = (0, 600);
    for place in noise(num_flips, 13) {
        let bit = (place % (stored.len() as u64 * 8)) as usize;
        let mut damaged = stored.clone();
        damaged[bit / 8] ^= 1 << (bit % 8);
        match read_as("a.parquet", &damaged) {
            Ok((seen, _)) => assert_eq!(seen, whole, "bit {bit} flipped was read as something else"),
            Err(_) => num_errors += 1,
        }
    }
    assert!(
        num_errors > num_flips / 2,
        "only {num_errors} of {num_flips} flips were noticed"
    );
}
