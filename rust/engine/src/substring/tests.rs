use std::path::{Path, PathBuf};

use proptest::prelude::*;

use super::pass::{PassageLength, SubstringOptions, SubstringStats, find_passages};
use crate::cut::{Origin, SPAN_BYTES, Span};
use crate::dedup::PartitionFiles;
use crate::dedup::formats::{docref, split_docref};
use crate::error::EngineError;
use crate::index::IndexRecord;

const MEMORY_BYTES: u64 = 64 << 20;

#[derive(Debug, Clone)]
struct Document {
    text: String,
    rank: u64,
    passes: bool,
}

fn document(text: &str) -> Document {
    Document {
        text: text.to_owned(),
        rank: 0,
        passes: true,
    }
}

/// Files of a small corpus; documents are numbered through all partitions.
struct Corpus {
    folder: tempfile::TempDir,
    documents: Vec<Document>,
    per_partition: usize,
    partitions: Vec<PartitionFiles>,
}

impl Corpus {
    fn new(documents: &[Document], per_partition: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut partitions = Vec::new();
        for (partition, chunk) in (0..).zip(documents.chunks(per_partition)) {
            let path = |name: &str| folder.path().join(format!("{partition}.{name}"));
            let (mut texts, mut index, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
            for (ordinal, document) in (0..).zip(chunk) {
                let record = IndexRecord {
                    key: 0,
                    doc: docref(partition, ordinal),
                    text_offset: texts.len() as u64,
                    rank: document.rank,
                    text_bytes: document.text.len() as u32,
                    source: 0,
                    flags: 0,
                };
                texts.extend_from_slice(document.text.as_bytes());
                index.extend_from_slice(&record.encode());
                verdicts.extend_from_slice(&u16::from(!document.passes).to_le_bytes());
            }
            std::fs::write(path("text"), texts).unwrap();
            std::fs::write(path("index"), index).unwrap();
            std::fs::write(path("verdict"), verdicts).unwrap();
            partitions.push(PartitionFiles {
                partition,
                source: 0,
                num_documents: chunk.len() as u32,
                text: path("text"),
                index: path("index"),
                verdict: path("verdict"),
                exact: None,
                bands: None,
            });
        }
        Self {
            folder,
            documents: documents.to_vec(),
            per_partition,
            partitions,
        }
    }

    fn output(&self) -> PathBuf {
        self.folder.path().join("spans.bin")
    }

    fn find(&self, options: SubstringOptions, memory_bytes: u64) -> Result<SubstringStats, EngineError> {
        let scratch: &Path = self.folder.path();
        find_passages(
            &self.partitions,
            options,
            scratch,
            memory_bytes,
            &|| false,
            &self.output(),
        )
    }

    /// Spans as the file has them.
    fn spans(&self) -> Vec<Span> {
        let bytes = std::fs::read(self.output()).unwrap();
        let (records, rest) = bytes.as_chunks::<SPAN_BYTES>();
        assert!(rest.is_empty());
        records.iter().map(Span::decode).collect()
    }

    fn number(&self, docref: u64) -> usize {
        let (partition, ordinal) = split_docref(docref);
        partition as usize * self.per_partition + ordinal as usize
    }

    /// Document, range, and document and start of the origin, of each span.
    fn found(&self) -> Vec<(usize, u32, u32, usize, u32)> {
        let origin = |span: &Span| span.origin.unwrap();
        self.spans()
            .iter()
            .map(|span| {
                let number = self.number(span.docref);
                let origin = origin(span);
                (
                    number,
                    span.start,
                    span.end,
                    self.number(origin.docref),
                    origin.start,
                )
            })
            .collect()
    }
}

fn options(length: PassageLength) -> SubstringOptions {
    SubstringOptions {
        length,
        whole_lines: false,
    }
}

fn bytes(length: u32) -> SubstringOptions {
    options(PassageLength::MinBytes(length))
}

fn words(length: u32) -> SubstringOptions {
    options(PassageLength::MinWords(length))
}

#[test]
fn a_passage_is_cut_across_partitions_and_not_from_the_first() {
    let documents = [
        document("alpha: this passage repeats."),
        document("beta"),
        document("gamma: this passage repeats, twice: this passage repeats"),
    ];
    for per_partition in 1..=3 {
        let corpus = Corpus::new(&documents, per_partition);
        let stats = corpus.find(bytes(12), MEMORY_BYTES).unwrap();
        assert_eq!(corpus.found(), [(2, 4, 27, 0, 4), (2, 34, 56, 0, 5)]);
        assert_eq!(
            stats,
            SubstringStats {
                documents: 2,
                text_bytes: 84,
                words: 0,
                repeated_passages: 12,
                documents_cut: 1,
                spans: 2,
                cut_bytes: 45,
                spared: 0,
            }
        );
    }
}

#[test]
fn the_file_is_the_published_one() {
    let corpus = Corpus::new(&[document("0123456789"), document("ab0123456789")], 1);
    corpus.find(bytes(8), MEMORY_BYTES).unwrap();
    let expected = [
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
    ];
    assert_eq!(std::fs::read(corpus.output()).unwrap(), expected);
}

#[test]
fn the_better_document_keeps_and_what_does_not_pass_takes_no_part() {
    let mut documents = [
        document("the same passage here"),
        document("the same passage here"),
        document("the same passage here"),
    ];
    documents[0].passes = false;
    documents[2].rank = 9;
    let corpus = Corpus::new(&documents, 2);
    corpus.find(bytes(10), MEMORY_BYTES).unwrap();
    assert_eq!(corpus.found(), [(1, 0, 21, 2, 0)]);
}

#[test]
fn passages_in_words_end_where_words_do() {
    let documents = [
        document("one two, three four five. Six"),
        document("zero; one two, three four five. Seven one two, three four five!"),
    ];
    let corpus = Corpus::new(&documents, 1);
    let stats = corpus.find(words(5), MEMORY_BYTES).unwrap();
    assert_eq!(corpus.found(), [(1, 6, 32, 0, 0)]);
    assert_eq!((stats.words, stats.repeated_passages), (18, 1));
    assert_eq!(&documents[1].text[6..32], "one two, three four five. ");
}

#[test]
fn nothing_is_a_file_of_nothing() {
    for documents in [
        vec![],
        vec![document("short")],
        vec![document("long enough to be taken part of")],
    ] {
        for options in [bytes(10), words(5)] {
            let corpus = Corpus::new(&documents, 1);
            assert_eq!(corpus.find(options, MEMORY_BYTES).unwrap().spans, 0);
            assert!(std::fs::read(corpus.output()).unwrap().is_empty());
        }
    }
}

#[test]
fn too_little_memory_is_refused_with_what_it_takes() {
    let text: String = (0..30_000).map(|number| format!("{number} ")).collect();
    let documents = [document(&text), document(&text)];
    let corpus = Corpus::new(&documents, 1);
    for options in [bytes(50), words(10)] {
        let mut memory_bytes = 1 << 20;
        let mut refusals = 0;
        // What the message asks for is a step ahead each time, and in the end it is enough.
        while let Err(error) = corpus.find(options, memory_bytes) {
            assert_eq!(error.code(), "GM-SUBSTRING-001");
            let EngineError::Substring(super::SubstringError::Memory { needed_bytes, .. }) = error else {
                panic!("{error}");
            };
            assert!(needed_bytes > memory_bytes);
            memory_bytes = needed_bytes;
            refusals += 1;
        }
        assert!(refusals >= 2);
        assert!(memory_bytes < (3 << 20) + 8 * 2 * text.len() as u64);
        assert_eq!(corpus.found(), [(1, 0, text.len() as u32, 0, 0)]);
    }
}

#[test]
fn stops_when_asked_and_tells_damage() {
    let corpus = Corpus::new(&[document("some text"), document("some text")], 1);
    let stopped = find_passages(
        &corpus.partitions,
        bytes(5),
        corpus.folder.path(),
        MEMORY_BYTES,
        &|| true,
        &corpus.output(),
    );
    assert_eq!(stopped.unwrap_err().code(), "GM-RUN-130");
    std::fs::write(&corpus.partitions[1].verdict, []).unwrap();
    let damaged = corpus.find(bytes(5), MEMORY_BYTES);
    assert_eq!(damaged.unwrap_err().code(), "GM-IO-003");
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let piece = prop::sample::select(vec![
        "A common passage, with words. ",
        "Ein häufiger Absatz über Wörter\n",
        "中文的段落也會重複",
        "aaaaaaaaaa",
        "x",
        "\n",
        "😀 ",
    ]);
    let text = prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat());
    let document = (text, 0_u64..3, prop::bool::weighted(0.8)).prop_map(|(text, rank, passes)| Document {
        text,
        rank,
        passes,
    });
    prop::collection::vec(document, 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    #[test]
    fn every_span_stays_somewhere_and_division_does_not_show(
        documents in documents(),
        options in prop::sample::select(vec![bytes(8), bytes(21), words(5), words(9)]),
        whole_lines: bool,
    ) {
        let options = SubstringOptions { whole_lines, ..options };
        let corpus = Corpus::new(&documents, documents.len());
        let stats = corpus.find(options, MEMORY_BYTES).unwrap();
        let found = corpus.found();
        let mut kept: Vec<Vec<bool>> = documents.iter().map(|document| vec![document.passes; document.text.len()]).collect();
        let mut cut_bytes = 0;
        for &(number, start, end, ..) in &found {
            prop_assert!(start < end && documents[number].passes);
            prop_assert!(documents[number].text.get(start as usize..end as usize).is_some());
            for kept in &mut kept[number][start as usize..end as usize] {
                prop_assert!(std::mem::replace(kept, false));
                cut_bytes += 1;
            }
        }
        prop_assert_eq!(stats.cut_bytes, cut_bytes);
        prop_assert_eq!(stats.spans as usize, found.len());
        for &(number, start, end, origin, origin_start) in &found {
            let stays = origin_start as usize..(origin_start + end - start) as usize;
            prop_assert_eq!(
                &documents[number].text[start as usize..end as usize],
                documents[origin].text.get(stays.clone()).unwrap_or("not on characters")
            );
            prop_assert!(kept[origin][stays].iter().all(|&kept| kept));
            let better = |at: usize| (std::cmp::Reverse(documents[at].rank), at);
            prop_assert!(better(origin) <= better(number));
        }
        for per_partition in [1, 3] {
            let divided = Corpus::new(&corpus.documents, per_partition);
            prop_assert_eq!(divided.find(options, MEMORY_BYTES).unwrap(), stats);
            prop_assert_eq!(&divided.found(), &found);
        }
    }
}

#[test]
fn an_origin_is_named_even_where_documents_are_read_out_of_order() {
    let mut documents = [document("0123456789"), document("zz0123456789")];
    documents[1].rank = 1;
    let corpus = Corpus::new(&documents, 1);
    corpus.find(bytes(10), MEMORY_BYTES).unwrap();
    let origin = Origin {
        docref: docref(1, 0),
        start: 2,
    };
    assert_eq!(corpus.spans()[0].origin, Some(origin));
}
