//! The tasks against the definition, over nasty texts; what goes to disk; and what must be refused.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use gristmill_core::hash::content_hash;
use gristmill_core::minhash::{MinHashConfig, MinHasher};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::units::{Normalisation, UnitKind, cut_lines, for_each_unit, is_blank};
use proptest::prelude::*;
use serde_json::{Value, json};

use super::bloom::{BloomOptions, Pass};
use super::units::UNIT_BYTES;
use super::*;
use crate::commit::{Artefact, TaskManifest, TaskPlace};
use crate::dedup::formats::{docref, split_docref};
use crate::dedup::{BandRunWriter, ExactRunWriter};
use crate::index::{IndexRecord, RECORD_BYTES};
use crate::task::{self, Session};

const MINHASH: &str = r#"{"bands": 3, "rows": 2, "seed": 1, "shingles": {"unit": "word", "size": 2}}"#;

#[derive(Debug, Clone)]
struct Document {
    text: String,
    rank: u64,
    verdict: u16,
}

fn document(text: &str) -> Document {
    Document {
        text: text.to_owned(),
        rank: 0,
        verdict: 0,
    }
}

/// A folder of committed files, and tasks over them.
struct World {
    folder: tempfile::TempDir,
    session: Session,
    partitions: Vec<Value>,
}

impl World {
    fn new(documents: &[Document], per_partition: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut world = Self {
            folder,
            session: Session::default(),
            partitions: Vec::new(),
        };
        for (number, chunk) in (0..).zip(documents.chunks(per_partition)) {
            let place = world.place("map", number, "");
            let names = ["text.bin", "index.bin", "verdict.bin"];
            let mut files = names.map(|name| place.create(name).unwrap());
            for (ordinal, one) in (0..).zip(chunk) {
                let record = IndexRecord {
                    key: u128::from(docref(number, ordinal)) | 1 << 100,
                    doc: docref(number, ordinal),
                    text_offset: files[0].position(),
                    rank: one.rank,
                    text_bytes: one.text.len() as u32,
                    source: 0,
                    flags: 0,
                };
                files[0].append(one.text.as_bytes()).unwrap();
                files[1].append(&record.encode()).unwrap();
                files[2].append(&one.verdict.to_le_bytes()).unwrap();
            }
            let [text, index, verdict] = files.map(|file| file.finish(chunk.len() as u64).unwrap());
            let texts: Vec<&str> = chunk.iter().map(|one| one.text.as_str()).collect();
            let [exact, bands] = world.keys(&place, &texts);
            world.partitions.push(json!({
                "source": 0, "num_documents": chunk.len(), "text": text, "index": index, "verdict": verdict,
                "exact": exact, "bands": bands,
            }));
        }
        world
    }

    fn place(&self, stage: &str, index: u32, fingerprint: &str) -> TaskPlace {
        let folder = self.folder.path();
        serde_json::from_value(json!({
            "stage": stage, "index": index, "fingerprint": fingerprint, "attempt": format!("a{fingerprint}"),
            "data": folder, "scratch": folder, "manifest": folder.join(format!("{stage}-{index}-{fingerprint}.json")),
        }))
        .unwrap()
    }

    /// The key files that the map stage would write for these texts.
    fn keys(&self, place: &TaskPlace, texts: &[&str]) -> [Artefact; 2] {
        let config: MinHashConfig = serde_json::from_str(MINHASH).unwrap();
        let mut exact = ExactRunWriter::new(self.folder.path(), 256).unwrap();
        let mut bands = BandRunWriter::new(self.folder.path(), config.bands as usize, 256).unwrap();
        let (mut hasher, mut keys) = (MinHasher::new(config).unwrap(), Vec::new());
        let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
        for (ordinal, text) in (0..).zip(texts) {
            exact.push(content_hash(text.as_bytes()), ordinal).unwrap();
            segmenter.segment(text, &mut segmentation);
            keys.clear();
            if hasher.band_keys(text, &segmentation, &mut keys) {
                bands.push(ordinal, &keys).unwrap();
            }
        }
        let rows = exact.finish(&place.path("exact.bin")).unwrap();
        let exact = place.adopt("exact.bin", rows).unwrap();
        let rows = bands.finish(&place.path("bands.bin")).unwrap();
        [exact, place.adopt("bands.bin", rows).unwrap()]
    }

    fn run(&self, stage: &str, index: u32, fingerprint: &str, spec: Value) -> crate::Result<TaskManifest> {
        let place = self.place(stage, index, fingerprint);
        let mut spec = spec;
        spec["task"] = json!(stage);
        spec["place"] = json!({
            "stage": place.stage, "index": index, "fingerprint": fingerprint, "attempt": place.attempt,
            "data": place.data, "scratch": place.scratch, "manifest": place.manifest,
        });
        task::run(&spec.to_string(), &self.session)
    }

    fn spans(&self, options: &Value, ranges: u32, memory: u64) -> Vec<TaskManifest> {
        let units: Vec<Artefact> = (0..)
            .zip(&self.partitions)
            .map(|(index, partition)| {
                let spec =
                    json!({"partition": partition, "options": options, "scratch_memory_bytes": memory});
                let done = self.run("units", index, &format!("{memory}"), spec).unwrap();
                done.outputs["units"].clone()
            })
            .collect();
        (0..ranges)
            .map(|index| {
                let spec = json!({
                    "partitions": self.partitions, "units": units, "options": options,
                    "scratch_memory_bytes": memory, "range": {"index": index, "count": ranges},
                });
                self.run("copies", index, &format!("{ranges}x{memory}"), spec)
                    .unwrap()
            })
            .collect()
    }

    fn cut(&self, index: u32, spans: &[Artefact], more: Value) -> crate::Result<TaskManifest> {
        let mut spec = json!({
            "partition": self.partitions[index as usize], "step": "lines", "separators": "lines",
            "min_words_left": null, "first_verdict": 8, "spans": spans, "rank_is_length": false,
            "keys": {"minhash": serde_json::from_str::<Value>(MINHASH).unwrap()}, "scratch_memory_bytes": 4096,
        });
        for (key, value) in more.as_object().unwrap() {
            spec[key] = value.clone();
        }
        self.run("cut", index, "c", spec)
    }

    fn read(&self, artefact: &Artefact) -> Vec<u8> {
        std::fs::read(self.folder.path().join(&artefact.file)).unwrap()
    }

    /// Texts, ranks and verdicts of a version.
    fn documents(&self, done: &TaskManifest) -> Vec<Document> {
        let texts = self.read(&done.outputs["text"]);
        let verdicts = self.read(&done.outputs["verdict"]);
        self.read(&done.outputs["index"])
            .as_chunks::<RECORD_BYTES>()
            .0
            .iter()
            .zip(verdicts.as_chunks::<2>().0)
            .map(|(record, verdict)| {
                let record = IndexRecord::decode(record);
                let start = record.text_offset as usize;
                let bytes = &texts[start..start + record.text_bytes as usize];
                Document {
                    text: String::from_utf8(bytes.to_vec()).unwrap(),
                    rank: record.rank,
                    verdict: u16::from_le_bytes(*verdict),
                }
            })
            .collect()
    }
}

fn decode(bytes: &[u8]) -> Vec<Span> {
    bytes
        .as_chunks::<SPAN_BYTES>()
        .0
        .iter()
        .map(Span::decode)
        .collect()
}

/// What goes, by the definition: of equal units all but the one in the best document, and there the first.
fn copies(
    documents: &[Document],
    per_partition: usize,
    unit: UnitKind,
    normalise: Normalisation,
    least: usize,
) -> Vec<(u64, u32, u32)> {
    let mut groups: HashMap<String, Vec<(u64, u64, u32, u32)>> = HashMap::new();
    for (position, one) in documents.iter().enumerate().filter(|(_, one)| one.verdict == 0) {
        let reference = docref(
            (position / per_partition) as u32,
            (position % per_partition) as u32,
        );
        for_each_unit(&one.text, unit, |range| {
            let compared = normalise
                .apply(&one.text[range.clone()], &mut String::new())
                .to_owned();
            if normalise.num_characters(&compared) >= least {
                let member = (!one.rank, reference, range.start as u32, range.end as u32);
                groups.entry(compared).or_default().push(member);
            }
        });
    }
    let mut found = Vec::new();
    for mut members in groups.into_values() {
        members.sort_unstable();
        found.extend(
            members
                .into_iter()
                .skip(1)
                .map(|(_, reference, start, end)| (reference, start, end)),
        );
    }
    found.sort_unstable();
    found
}

fn nasty_text() -> impl Strategy<Value = String> {
    let line = prop::sample::select(vec![
        "",
        " ",
        "}",
        "a",
        "A ",
        " a",
        "two words",
        "Two  words!",
        "two\twords",
        "é\u{301}",
        "\u{3000}",
        "漢字 かな",
        "9 lives",
        "7 lives",
        "\r",
        "a\r",
    ]);
    prop::collection::vec(line, 0..12).prop_map(|lines| lines.join("\n"))
}

fn nasty_documents() -> impl Strategy<Value = Vec<Document>> {
    let one = (nasty_text(), 0..3_u64, prop::sample::select(vec![0, 0, 0, 2]));
    let one = one.prop_map(|(text, rank, verdict)| Document { text, rank, verdict });
    prop::collection::vec(one, 1..9)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn tasks_do_what_the_definition_says(
        documents in nasty_documents(),
        per_partition in 1..5_usize,
        ranges in 1..4_u32,
        memory in prop::sample::select(vec![0, 4096, 1 << 20]),
        unit in prop::sample::select(vec![(UnitKind::Line, "line"), (UnitKind::Paragraph, "paragraph")]),
        normalise in prop::sample::select(vec![
            (Normalisation::None, "none"), (Normalisation::Whitespace, "whitespace"), (Normalisation::Words, "words"),
        ]),
        least in 1..4_usize,
        min_words_left in prop::option::of(1..4_u32),
        rank_is_length in any::<bool>(),
    ) {
        let world = World::new(&documents, per_partition);
        let options = json!({"unit": unit.1, "normalise": normalise.1, "min_characters": least});
        let tasks = world.spans(&options, ranges, memory);
        let files: Vec<Artefact> = tasks.iter().map(|done| done.outputs["spans"].clone()).collect();
        let mut found: Vec<Span> = files.iter().flat_map(|file| decode(&world.read(file))).collect();
        found.sort_unstable_by_key(|span| (span.docref, span.start));
        let expected = copies(&documents, per_partition, unit.0, normalise.0, least);
        let places: Vec<_> = found.iter().map(|span| (span.docref, span.start, span.end)).collect();
        prop_assert_eq!(&places, &expected);
        let text_of = |reference: u64| {
            let (partition, ordinal) = split_docref(reference);
            documents[partition as usize * per_partition + ordinal as usize].text.as_str()
        };
        let gone: HashSet<(u64, u32)> = found.iter().map(|span| (span.docref, span.start)).collect();
        for span in &found {
            // The same stands where the span says, and stays there.
            let origin = span.origin.unwrap();
            prop_assert!(!gone.contains(&(origin.docref, origin.start)));
            let mut kept = None;
            for_each_unit(text_of(origin.docref), unit.0, |range| {
                if range.start == origin.start as usize {
                    kept = Some(range);
                }
            });
            let compared = |text: &str| normalise.0.apply(text, &mut String::new()).to_owned();
            let cut = &text_of(span.docref)[span.start as usize..span.end as usize];
            prop_assert_eq!(compared(&text_of(origin.docref)[kept.unwrap()]), compared(cut));
        }
        for (number, chunk) in (0..).zip(documents.chunks(per_partition)) {
            let more = json!({"min_words_left": min_words_left, "rank_is_length": rank_is_length});
            let done = world.cut(number, &files, more).unwrap();
            let after = world.documents(&done);
            prop_assert_eq!(after.len(), chunk.len());
            let mut drops = Vec::new();
            for (ordinal, (old, new)) in (0..).zip(chunk.iter().zip(&after)) {
                let reference = docref(number, ordinal);
                let spans: Vec<_> = expected
                    .iter()
                    .filter(|span| span.0 == reference)
                    .map(|&(_, start, end)| start as usize..end as usize)
                    .collect();
                let mut cuts = Vec::new();
                prop_assert!(cut_lines(&old.text, &spans, &mut cuts));
                let mut left = old.text.clone();
                cuts.iter().rev().for_each(|cut| left.replace_range(cut.clone(), ""));
                let words = words(&left);
                let (text, verdict) = if spans.is_empty() {
                    (&old.text, old.verdict)
                } else if is_blank(&left) {
                    (&old.text, 8)
                } else if min_words_left.is_some_and(|least| words < least) {
                    (&old.text, 9)
                } else {
                    (&left, 0)
                };
                if verdict >= 8 {
                    drops.extend_from_slice(&reference.to_le_bytes());
                    drops.extend_from_slice(&(if verdict == 8 { 0 } else { words }).to_le_bytes());
                }
                prop_assert_eq!((&new.text, new.verdict), (text, verdict));
                let rank = if rank_is_length && !spans.is_empty() && verdict == 0 { text.len() as u64 } else { old.rank };
                prop_assert_eq!(new.rank, rank);
            }
            prop_assert_eq!(world.read(&done.outputs["drops"]), drops);
            // Keys are those that the map stage would make of the new texts.
            let texts: Vec<&str> = after.iter().map(|one| one.text.as_str()).collect();
            let fresh = world.keys(&world.place("fresh", number, ""), &texts);
            for (name, artefact) in ["exact", "bands"].into_iter().zip(&fresh) {
                prop_assert_eq!(&done.outputs[name].digest, &artefact.digest, "{}", name);
            }
            undo_edits(&world, &done, chunk, &after);
        }
    }

    #[test]
    fn a_filter_without_errors_does_what_a_set_does(
        texts in prop::collection::vec("([ab]( [abc]){0,6}\n{0,2}){0,6}", 1..12),
        ngram_words in 1..4_usize,
        min_overlap in prop::sample::select(vec![0.5, 0.8, 1.0]),
        unit in prop::sample::select(vec![UnitKind::Line, UnitKind::Paragraph]),
        whole_documents in any::<bool>(),
    ) {
        let options = BloomOptions {
            unit, ngram_words, min_overlap, whole_documents, expected_ngrams: 1000, false_positive_rate: 1e-9,
        };
        let mut pass = Pass::new(options, 1 << 20).unwrap();
        let mut seen: HashSet<Vec<String>> = HashSet::new();
        for text in &texts {
            let expected = seen_before(text, &options, &mut seen);
            prop_assert_eq!(pass.document(text), expected.as_slice(), "{:?}", text);
        }
        let stats = pass.finish();
        prop_assert_eq!(stats.ngrams_added, seen.len() as u64);
        prop_assert_eq!(stats.documents, texts.len() as u64);
    }
}

fn words(text: &str) -> u32 {
    let (segmenter, mut segmentation) = (Segmenter::default(), Segmentation::default());
    segmenter.segment(text, &mut segmentation);
    segmentation
        .flags()
        .iter()
        .filter(|&&flags| flags & 3 != 0)
        .count() as u32
}

/// Edits put the old texts together again, and there is one for each span.
fn undo_edits(world: &World, done: &TaskManifest, before: &[Document], after: &[Document]) {
    use arrow_array::{Array, StringArray, UInt32Array, UInt64Array};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    let path = world.folder.path().join(&done.outputs["edits"].file);
    let file = std::fs::File::open(path).unwrap();
    let mut edits: BTreeMap<u64, Vec<(u32, u32, String)>> = BTreeMap::new();
    let mut rows = 0;
    for batch in ParquetRecordBatchReaderBuilder::try_new(file)
        .unwrap()
        .build()
        .unwrap()
    {
        let batch = batch.unwrap();
        let docs: &UInt64Array = batch
            .column_by_name("doc")
            .unwrap()
            .as_any()
            .downcast_ref()
            .unwrap();
        let number = |name: &str| -> UInt32Array {
            batch
                .column_by_name(name)
                .unwrap()
                .as_any()
                .downcast_ref::<UInt32Array>()
                .unwrap()
                .clone()
        };
        let string = |name: &str| -> StringArray {
            batch
                .column_by_name(name)
                .unwrap()
                .as_any()
                .downcast_ref::<StringArray>()
                .unwrap()
                .clone()
        };
        let (starts, ends, gone, come, steps) = (
            number("start"),
            number("end"),
            string("before"),
            string("after"),
            string("step"),
        );
        for row in 0..batch.num_rows() {
            assert_eq!((come.value(row), steps.value(row)), ("", "lines"));
            let edit = (starts.value(row), ends.value(row), gone.value(row).to_owned());
            edits.entry(docs.value(row)).or_default().push(edit);
            rows += 1;
        }
    }
    for (ordinal, (old, new)) in (0..).zip(before.iter().zip(after)) {
        let mut text = new.text.clone();
        for (start, end, gone) in edits.remove(&docref(done.index, ordinal)).unwrap_or_default() {
            assert_eq!(&old.text[start as usize..end as usize], gone);
            text.insert_str(start as usize, &gone);
        }
        assert_eq!(text, old.text);
    }
    assert!(edits.is_empty());
    assert_eq!(done.counts["spans"].as_u64(), Some(rows));
}

/// The Bloom pass with a set in place of the filter.
fn seen_before(text: &str, options: &BloomOptions, seen: &mut HashSet<Vec<String>>) -> Vec<(u32, u32)> {
    let mut units = Vec::new();
    for_each_unit(text, options.unit, |range| {
        let words: Vec<String> = text[range.clone()]
            .split_whitespace()
            .map(str::to_owned)
            .collect();
        let ngrams: Vec<Vec<String>> = words
            .windows(options.ngram_words)
            .map(<[String]>::to_vec)
            .collect();
        units.push((range.start as u32, range.end as u32, ngrams));
    });
    let is_seen = |ngrams: &[Vec<String>], seen: &HashSet<Vec<String>>| {
        let found = ngrams.iter().filter(|&ngram| seen.contains(ngram)).count();
        !ngrams.is_empty() && found as f64 >= ngrams.len() as f64 * options.min_overlap
    };
    let all: Vec<Vec<String>> = units.iter().flat_map(|unit| unit.2.clone()).collect();
    if options.whole_documents && is_seen(&all, seen) {
        return vec![(0, text.len() as u32)];
    }
    let mut gone = Vec::new();
    for (start, end, ngrams) in units {
        if is_seen(&ngrams, seen) {
            gone.push((start, end));
        } else {
            seen.extend(ngrams);
        }
    }
    gone
}

#[test]
fn units_and_spans_have_the_published_layout() {
    let documents = [
        document("first line\n\nsecond line"),
        document("}\nsecond line\nx"),
    ];
    let world = World::new(&documents, 1);
    let options = json!({"unit": "line", "normalise": "none", "min_characters": 5});
    let tasks = world.spans(&options, 1, 0);
    let units = std::fs::read(world.folder.path().join("units-00001-a0.units.bin")).unwrap();
    let mut expected = content_hash(b"second line").to_be_bytes().to_vec();
    expected.extend([0xff; 8]);
    expected.extend([0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 13]);
    assert_eq!((units.len(), units), (UNIT_BYTES, expected));
    let spans = world.read(&tasks[0].outputs["spans"]);
    let expected = [
        0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 13, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12,
    ];
    assert_eq!(spans, expected);
    assert_eq!(
        tasks[0].counts,
        json!({"units": 3, "groups": 1, "spans": 1, "bytes": 11, "hash_collisions": 0})
    );
}

#[test]
fn units_of_one_hash_that_differ_are_kept_and_counted() {
    let documents = [document("one"), document("two"), document("one")];
    let world = World::new(&documents, 3);
    let place = world.place("units", 0, "forged");
    let mut file = place.create("units.bin").unwrap();
    for ordinal in 0..3_u32 {
        let mut record = [7; UNIT_BYTES];
        record[24..28].copy_from_slice(&ordinal.to_be_bytes());
        record[28..].copy_from_slice(&[0, 0, 0, 0, 0, 0, 0, 3]);
        file.append(&record).unwrap();
    }
    let spec = json!({
        "partitions": world.partitions, "units": [file.finish(3).unwrap()],
        "options": {"unit": "line", "normalise": "none", "min_characters": 1},
        "scratch_memory_bytes": 0, "range": {"index": 0, "count": 1},
    });
    let done = world.run("copies", 0, "forged", spec).unwrap();
    assert_eq!(
        done.counts,
        json!({"units": 3, "groups": 1, "spans": 1, "bytes": 3, "hash_collisions": 1})
    );
    assert_eq!(decode(&world.read(&done.outputs["spans"]))[0].docref, 2);
}

fn span_file(world: &World, spans: &[Span]) -> Artefact {
    let place = world.place("copies", 0, "byhand");
    let mut writer = SpanWriter::new(world.folder.path(), 0).unwrap();
    spans.iter().for_each(|span| writer.push(span).unwrap());
    let rows = writer.finish(&place.path("spans.bin"), &|| false).unwrap();
    place.adopt("spans.bin", rows).unwrap()
}

fn span(docref: u64, start: u32, end: u32) -> Span {
    Span {
        docref,
        start,
        end,
        origin: None,
    }
}

#[test]
fn spans_without_separators_take_their_bytes_alone() {
    let world = World::new(&[document("a passage twice\nand more é"), document("other")], 2);
    let spans = span_file(&world, &[span(0, 1, 9), span(0, 9, 15), span(0, 20, 24)]);
    let done = world.cut(0, &[spans], json!({"separators": "none"})).unwrap();
    let after = world.documents(&done);
    assert_eq!(
        (after[0].text.as_str(), after[1].text.as_str()),
        ("a\nand  é", "other")
    );
    assert_eq!(done.counts["spans"], 3);
    undo_edits(
        &world,
        &done,
        &[document("a passage twice\nand more é"), document("other")],
        &after,
    );
}

#[test]
fn white_space_is_nothing_and_a_brace_is_too_little_where_words_are_asked_for() {
    let documents = [document(" \nsame line"), document("}\nsame line")];
    let world = World::new(&documents, 2);
    let spans = span_file(&world, &[span(0, 2, 11), span(1, 2, 11)]);
    let done = world.cut(0, &[spans], json!({"min_words_left": 1})).unwrap();
    let after = world.documents(&done);
    assert_eq!((after[0].verdict, after[1].verdict), (8, 9));
    assert_eq!(after[1].text, documents[1].text);
    assert_eq!(
        (
            done.counts["nothing_left"].as_u64(),
            done.counts["too_little_left"].as_u64()
        ),
        (Some(1), Some(1))
    );
}

#[test]
fn spans_that_do_not_fit_are_damage_and_commit_nothing() {
    let world = World::new(&[document("one é\ntwo")], 1);
    for (separators, start, end) in [("none", 0, 99), ("none", 0, 5), ("lines", 0, 3), ("none", 3, 3)] {
        let spans = span_file(&world, &[span(0, start, end)]);
        let error = world
            .cut(0, &[spans], json!({"separators": separators}))
            .unwrap_err();
        assert_eq!(error.code(), "GM-DEDUP-003", "{separators} {start}..{end}");
        assert!(!world.place("cut", 0, "c").manifest.exists());
    }
}

#[test]
fn a_filter_larger_than_scratch_memory_is_refused() {
    let options = BloomOptions {
        unit: UnitKind::Line,
        ngram_words: 13,
        min_overlap: 0.8,
        whole_documents: true,
        expected_ngrams: 1_000_000,
        false_positive_rate: 0.01,
    };
    assert!(Pass::new(options, 1_251_000).is_ok());
    for (refused, memory) in [
        (options, 1_000_000),
        (
            BloomOptions {
                false_positive_rate: 0.0,
                ..options
            },
            u64::MAX,
        ),
        (
            BloomOptions {
                expected_ngrams: u64::MAX,
                ..options
            },
            1 << 40,
        ),
    ] {
        let error = Pass::new(refused, memory).err().unwrap();
        assert_eq!(error.code(), "GM-CUT-001");
    }
}

#[test]
fn a_small_filter_says_what_its_errors_are_expected_to_cost() {
    let options = BloomOptions {
        unit: UnitKind::Line,
        ngram_words: 2,
        min_overlap: 1.0,
        whole_documents: false,
        expected_ngrams: 100_000,
        false_positive_rate: 0.05,
    };
    let mut pass = Pass::new(options, 1 << 20).unwrap();
    let mut lost = 0;
    // No n-gram comes twice; every line of two words is one n-gram, those of three are two.
    for number in 0..60_000_u32 {
        let text = if number % 2 == 0 {
            format!("w{number} x")
        } else {
            format!("v{number} y{number} z{number}")
        };
        lost += pass.document(&text).len();
    }
    let stats = pass.finish();
    assert!(
        stats.false_positive_rate > 0.02 && stats.false_positive_rate < 0.05,
        "{stats:?}"
    );
    // Some 400 are lost, with a standard deviation of 20; units of two n-grams are counted up to three times.
    let expected = stats.expected_false_units;
    assert!(
        lost > 100 && (lost as f64 - expected).abs() < 0.25 * expected,
        "{lost} lost, {expected} expected"
    );
}

#[test]
fn the_bloom_task_reads_partitions_in_plan_order_and_writes_spans_by_document() {
    let line = "one two three four";
    let mut documents: Vec<Document> = (0..5)
        .map(|number| document(&format!("{line}\nonly {number} here")))
        .collect();
    documents[0].verdict = 3;
    let world = World::new(&documents, 2);
    let spec = json!({
        "partitions": world.partitions, "scratch_memory_bytes": 1 << 20,
        "options": {"unit": "line", "ngram_words": 3, "min_overlap": 0.8, "whole_documents": false,
            "expected_ngrams": 1000, "false_positive_rate": 1e-6},
    });
    let done = world.run("bloom", 0, "b", spec).unwrap();
    let found: Vec<_> = decode(&world.read(&done.outputs["spans"]))
        .iter()
        .map(|span| (split_docref(span.docref), span.start, span.end, span.origin))
        .collect();
    let end = line.len() as u32;
    assert_eq!(
        found,
        [
            ((1, 0), 0, end, None),
            ((1, 1), 0, end, None),
            ((2, 0), 0, end, None)
        ]
    );
    assert_eq!(done.counts["documents"], 4);
    assert!(Path::new(&world.place("bloom", 0, "b").manifest).exists());
}
