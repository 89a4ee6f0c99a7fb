//! Deliveries one after the other, each checked against what the earlier ones kept.

use std::collections::BTreeSet;
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeBinaryArray, RecordBatch, StringArray, UInt64Array};
use arrow_ipc::writer::FileWriter;

use super::*;
use crate::commit::{Artefact, digest_file};
use crate::dedup::old::text_checksum;
pub(super) use crate::dedup::old::{MAX_OLD_MEMBERS, OldFiles};
use crate::dedup_index::build::{SegmentSpec, build};
use crate::dedup_index::names::{NamedPartSpec, OldNames};
use crate::task::Session;

/// The slow, obvious way to write a part of an index: every kept document again, and everything sorted again.
fn old_part(folder: &Path, kept: &[Document]) -> OldFiles {
    std::fs::create_dir_all(folder).unwrap();
    let (mut texts, mut index) = (Vec::new(), Vec::new());
    let mut exact = ExactRunWriter::new(folder, 1 << 20).unwrap();
    let mut bands = BandRunWriter::new(folder, BANDS, 1 << 20).unwrap();
    for (ordinal, document) in (0..).zip(kept) {
        let record = IndexRecord {
            key: u128::from(document.docref),
            doc: document.docref,
            text_offset: texts.len() as u64,
            rank: text_checksum(document.text.as_bytes()),
            text_bytes: document.text.len() as u32,
            source: (split(document.docref).0 % 2) as u16,
            flags: 0,
        };
        texts.extend_from_slice(document.text.as_bytes());
        index.extend_from_slice(&record.encode());
        exact
            .push(content_hash(document.text.as_bytes()), ordinal)
            .unwrap();
        if !document.keys.is_empty() {
            bands.push(ordinal, &document.keys).unwrap();
        }
    }
    std::fs::write(folder.join("text"), texts).unwrap();
    std::fs::write(folder.join("index"), index).unwrap();
    exact.finish(&folder.join("exact")).unwrap();
    bands.finish(&folder.join("bands")).unwrap();
    OldFiles {
        num_documents: kept.len() as u32,
        text: folder.join("text"),
        index: folder.join("index"),
        exact: Some(folder.join("exact")),
        bands: Some(folder.join("bands")),
    }
}

fn split(docref: u64) -> (u32, u32) {
    formats::split_docref(docref)
}

fn kept_of(corpus: &Corpus, outcome: &Outcome) -> Vec<Document> {
    let removed = removals_of(outcome);
    let stays = |one: &&Document| one.verdict == 0 && !removed.contains_key(&one.docref);
    corpus.documents.iter().filter(stays).cloned().collect()
}

/// A delivery after others: its documents, and behind them the old ones as the reference takes them.
fn with_old(corpus: &Corpus, earlier: &[Vec<Document>]) -> Vec<Document> {
    let mut all = corpus.documents.clone();
    for (partition, kept) in (corpus.partitions.len() as u32..).zip(earlier) {
        for (ordinal, document) in (0..).zip(kept) {
            let (docref, rank) = (docref(partition, ordinal), u64::MAX);
            all.push(Document {
                docref,
                rank,
                verdict: 0,
                ..document.clone()
            });
        }
    }
    all
}

/// Clusters as the passes list them: new documents only, and a first old document before all new ones.
fn listed_clusters(expected: &Decision, num_own: usize) -> BTreeMap<u64, u64> {
    let is_old = |docref: u64| split(docref).0 as usize >= num_own;
    let mut members: BTreeMap<u64, Vec<u64>> = BTreeMap::new();
    for (&docref, &representative) in &expected.clusters {
        members.entry(representative).or_default().push(docref);
    }
    let mut listed = BTreeMap::new();
    for cluster in members.into_values() {
        let first = cluster
            .iter()
            .copied()
            .find(|&docref| is_old(docref))
            .unwrap_or(cluster[0]);
        listed.extend(
            cluster
                .into_iter()
                .filter(|&docref| !is_old(docref))
                .map(|docref| (docref, first)),
        );
    }
    listed
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn deliveries_are_checked_against_all_that_was_kept(
        deliveries in prop::collection::vec(documents(), 2..4), per_partition in 1_usize..20, percent in 20_u32..95,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let min_similarity = f64::from(percent) / 100.0;
        let options = options(min_similarity);
        let mut earlier: Vec<Vec<Document>> = Vec::new();
        let mut parts: Vec<OldFiles> = Vec::new();
        for documents in deliveries {
            let mut corpus = Corpus::of(documents, per_partition);
            corpus.old.clone_from(&parts);
            let division = Division { is_rescuing: true, ..PLAIN };
            let sources = || vec!["a".to_owned(), "b".to_owned()];
            let plain = run(&corpus, &options, division, sources()).unwrap();
            let least = corpus.least_memory_bytes();
            for (ranges, slices, memory_bytes, is_reversed) in [(3, 4, least, true), (1, 2, 1 << 20, false)] {
                let division = Division { ranges, slices, memory_bytes, is_reversed, ..division };
                prop_assert_eq!(&run(&corpus, &options, division, sources()).unwrap(), &plain);
            }

            let all = with_old(&corpus, &earlier);
            let num_own = corpus.partitions.len();
            let is_old = |docref: u64| split(docref).0 as usize >= num_own;
            let by_reference: BTreeMap<u64, &Document> = all.iter().map(|one| (one.docref, one)).collect();
            let removals = removals_of(&plain);
            for (removed, (stayed, found)) in &removals {
                prop_assert!(!is_old(*removed) && !removals.contains_key(stayed));
                let [left, right] = [removed, stayed].map(|docref| by_reference[docref].text.as_str());
                let exact = similarity(left, right, SHINGLE_WORDS);
                prop_assert!(left == right || (exact >= min_similarity && (exact as f32) == *found));
            }
            let kept = kept_of(&corpus, &plain);
            for document in &kept {
                for old in earlier.iter().flatten() {
                    let share = document.keys.iter().zip(&old.keys).any(|(left, right)| left == right);
                    prop_assert!(document.text != old.text);
                    prop_assert!(!share || similarity(&document.text, &old.text, SHINGLE_WORDS) < min_similarity);
                }
            }

            // The reference compares old documents, too. Where none of them are alike it must say the same.
            let expected = reference::decide(&all, min_similarity, SHINGLE_WORDS, true);
            if !expected.edges.keys().any(|&(better, worse)| is_old(better) && is_old(worse)) {
                let found = decision_of(&plain);
                prop_assert_eq!(&found.removals, &expected.removals);
                prop_assert_eq!(&found.edges, &expected.edges);
                prop_assert_eq!(&found.clusters, &listed_clusters(&expected, num_own));
            }
            parts.push(old_part(&folder.path().join(parts.len().to_string()), &kept));
            earlier.push(kept);
        }
    }

    #[test]
    fn exact_duplicates_go_as_in_one_run_over_all(
        deliveries in prop::collection::vec(documents(), 3), per_partition in 1_usize..20,
    ) {
        let folder = tempfile::tempdir().unwrap();
        let mut parts: Vec<OldFiles> = Vec::new();
        let mut kept_texts: Vec<String> = Vec::new();
        let mut in_order: Vec<String> = Vec::new();
        for mut documents in deliveries {
            documents.iter_mut().for_each(|one| {
                one.rank = 0;
                one.keys.clear();
            });
            let mut corpus = Corpus::of(documents, per_partition);
            corpus.old.clone_from(&parts);
            let outcome = run(&corpus, &options(0.8), PLAIN, vec!["a".to_owned(), "b".to_owned()]).unwrap();
            let kept = kept_of(&corpus, &outcome);
            let passing = corpus.documents.iter().filter(|one| one.verdict == 0);
            in_order.extend(passing.map(|one| one.text.clone()));
            kept_texts.extend(kept.iter().map(|one| one.text.clone()));
            parts.push(old_part(&folder.path().join(parts.len().to_string()), &kept));
        }
        let mut seen = BTreeSet::new();
        in_order.retain(|text| seen.insert(text.clone()));
        prop_assert_eq!(kept_texts, in_order);
    }

    #[test]
    fn a_part_is_what_sorting_everything_again_gives(
        documents in documents(), earlier in documents(), per_partition in 1_usize..20, cut in any::<prop::sample::Index>(),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let before = Corpus::of(earlier, per_partition);
        let mut corpus = Corpus::of(documents, per_partition);
        let sources = || vec!["a".to_owned(), "b".to_owned()];
        let kept_before = kept_of(&before, &run(&before, &options(0.5), PLAIN, sources()).unwrap());
        let old = old_part(&folder.path().join("old"), &kept_before);
        let groups: Vec<u8> = kept_before.iter().flat_map(|one| (u128::from(one.docref) + 7).to_le_bytes()).collect();
        corpus.old.push(old.clone());
        let outcome = run(&corpus, &options(0.5), PLAIN, sources()).unwrap();
        let kept = kept_of(&corpus, &outcome);
        let num_own = corpus.partitions.len() as u32;
        let middle = if num_own == 0 { 0 } else { cut.index(num_own as usize + 1) as u32 };
        for (first, end) in [(0, middle), (middle, num_own), (0, num_own)] {
            let name = format!("{first}-{end}");
            let spec = segment_spec(&corpus, &outcome, &old, &groups, (first, end), &folder.path().join(&name));
            let manifest = build(&spec, &Session::default()).unwrap();
            let mine: Vec<Document> =
                kept.iter().filter(|one| (first..end).contains(&split(one.docref).0)).cloned().collect();
            let expected = old_part(&folder.path().join(format!("{name}-again")), &mine);
            let written = |name: &str| std::fs::read(spec.place.data.join(&manifest.outputs[name].file)).unwrap();
            for (name, path) in [
                ("text", &expected.text),
                ("index", &expected.index),
                ("exact", expected.exact.as_ref().unwrap()),
                ("bands", expected.bands.as_ref().unwrap()),
            ] {
                prop_assert_eq!(&written(name), &std::fs::read(path).unwrap(), "{}", name);
            }
            prop_assert_eq!(manifest.counts["documents"].as_u64(), Some(mine.len() as u64));
            check_names(&spec, &manifest.outputs, &mine, &decision_of(&outcome), &groups)?;
        }
    }
}

fn artefact(path: &Path, rows: u64) -> Artefact {
    let (bytes, digest) = digest_file(path).unwrap();
    Artefact {
        file: path.to_str().unwrap().to_owned(),
        bytes,
        rows,
        digest,
    }
}

/// The identifier that a document has in these tests; some have none.
fn id_of(docref: u64) -> Option<String> {
    (!docref.is_multiple_of(3)).then(|| format!("näme-{docref}"))
}

fn segment_spec(
    corpus: &Corpus,
    outcome: &Outcome,
    old: &OldFiles,
    groups: &[u8],
    (first, end): (u32, u32),
    folder: &Path,
) -> SegmentSpec {
    std::fs::create_dir_all(folder).unwrap();
    let put = |name: &str, content: &[u8]| {
        std::fs::write(folder.join(name), content).unwrap();
        artefact(&folder.join(name), 0)
    };
    let partitions: Vec<serde_json::Value> = corpus
        .partitions
        .iter()
        .map(|files| {
            let open = |path: &Path| artefact(path, u64::from(files.num_documents));
            serde_json::json!({
                "source": files.source,
                "num_documents": files.num_documents,
                "text": open(&files.text),
                "index": open(&files.index),
                "verdict": open(&files.verdict),
                "exact": open(files.exact.as_ref().unwrap()),
                "bands": open(files.bands.as_ref().unwrap()),
            })
        })
        .collect();
    let carried: Vec<Artefact> = corpus
        .partitions
        .iter()
        .map(|files| {
            let path = folder.join(format!("carried-{}", files.partition));
            let references = (0..files.num_documents).map(|ordinal| docref(files.partition, ordinal));
            let columns: Vec<ArrayRef> = vec![
                Arc::new(UInt64Array::from_iter_values(references.clone())),
                Arc::new(
                    FixedSizeBinaryArray::try_from_sparse_iter_with_size(
                        references
                            .clone()
                            .map(|docref| Some(u128::from(docref).to_be_bytes())),
                        16,
                    )
                    .unwrap(),
                ),
                Arc::new(references.clone().map(id_of).collect::<StringArray>()),
                Arc::new(references.map(|_| None::<String>).collect::<StringArray>()),
            ];
            let schema = crate::schema::carried(false, false);
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns).unwrap();
            let mut writer = FileWriter::try_new(std::fs::File::create(&path).unwrap(), &schema).unwrap();
            writer.write(&batch).unwrap();
            writer.finish().unwrap();
            artefact(&path, u64::from(files.num_documents))
        })
        .collect();
    let ends: Vec<u8> = (0..old.num_documents).flat_map(|_| 0_u64.to_le_bytes()).collect();
    let place = serde_json::json!({
        "stage": "segment", "index": 0, "fingerprint": "f", "attempt": "a1",
        "data": folder, "scratch": folder, "manifest": folder.join("segment.json"),
    });
    let spec = serde_json::json!({
        "place": place,
        "partitions": partitions,
        "carried": carried,
        "first": first,
        "end": end,
        "scratch_memory_bytes": 1 << 20,
        "removals": put("removals", &outcome.removals),
        "clusters": put("clusters", &outcome.clusters),
        "num_bands": BANDS,
        "old": [{
            "segment": 1, "sources": ["web", "books"], "index": artefact(&old.index, 0),
            "groups": put("old-groups", groups), "ids": put("old-ids", b""), "id_ends": put("old-ends", &ends),
        }],
    });
    serde_json::from_value(spec).unwrap()
}

/// Keys, groups and descriptions of a part are those of the documents in it.
fn check_names(
    spec: &SegmentSpec,
    outputs: &BTreeMap<String, Artefact>,
    documents: &[Document],
    decision: &Decision,
    groups_before: &[u8],
) -> std::result::Result<(), TestCaseError> {
    let file = |name: &str| {
        let path = spec.place.data.join(&outputs[name].file);
        Artefact {
            file: path.to_str().unwrap().to_owned(),
            ..outputs[name].clone()
        }
    };
    let part = NamedPartSpec {
        segment: 4,
        sources: vec!["web".to_owned(), "books".to_owned()],
        index: file("index"),
        groups: file("groups"),
        ids: file("ids"),
        id_ends: file("id_ends"),
    };
    let parts = [part];
    let mut names = OldNames::new(&parts, 1);
    let num_own = spec.partitions.len();
    for (ordinal, document) in (0..).zip(documents) {
        let reference = docref(1, ordinal);
        prop_assert!(names.is_old(reference) && !names.is_old(docref(0, ordinal)));
        prop_assert_eq!(names.key(reference).unwrap(), u128::from(document.docref));
        let expected = match decision.clusters.get(&document.docref) {
            None => u128::from(document.docref),
            Some(&first) if split(first).0 as usize >= num_own => {
                let at = split(first).1 as usize * 16;
                u128::from_le_bytes(groups_before[at..at + 16].try_into().unwrap())
            }
            Some(&first) => u128::from(first),
        };
        prop_assert_eq!(names.group(reference).unwrap(), expected);
        let words = names.describe(reference).unwrap();
        let source = parts[0].sources[split(document.docref).0 as usize % 2].as_str();
        let id = id_of(document.docref).map_or(String::new(), |id| format!(", id `{id}`"));
        prop_assert_eq!(
            words,
            format!("kept by an earlier run: segment 4, source `{source}`{id}")
        );
    }
    prop_assert!(names.key(docref(2, 0)).is_err());
    Ok(())
}

#[test]
fn old_documents_are_not_counted_take_no_memory_and_no_more_than_their_share_of_a_bucket() {
    // Many old documents share a template with one another and with two new ones, and resemble nobody.
    let folder = tempfile::tempdir().unwrap();
    let count = MAX_OLD_MEMBERS + 40;
    let text = |number: u32| words(&format!("old{number}x"), 6).join(" ");
    let one = |text: &str| Document {
        keys: vec![9; BANDS],
        ..document(text, 0, 0)
    };
    let old: Vec<Document> = (0..count).map(|number| one(&text(number))).collect();
    let kept_last = text(count - 1);
    let mut corpus = Corpus::of(
        vec![
            one("new here and there a b"),
            one(&text(3)),
            one(&format!("{} z", text(5))),
        ],
        2,
    );
    corpus.old.push(old_part(folder.path(), &old));
    let division = Division {
        memory_bytes: corpus.least_memory_bytes(),
        is_rescuing: true,
        ..PLAIN
    };
    let outcome = run(
        &corpus,
        &options(0.8),
        division,
        vec!["a".to_owned(), "b".to_owned()],
    )
    .unwrap();
    let expected = BTreeMap::from([
        (docref(0, 1), (docref(2, 3), 1.0)),
        (
            docref(1, 0),
            (
                docref(2, 5),
                similarity(&text(5), &format!("{} z", text(5)), SHINGLE_WORDS) as f32,
            ),
        ),
    ]);
    assert_eq!(removals_of(&outcome), expected);
    assert_eq!(
        outcome
            .settled
            .sources
            .iter()
            .map(|source| source.documents)
            .sum::<u64>(),
        3
    );
    assert_eq!((outcome.settled.clusters, outcome.settled.clustered), (2, 2));

    let context = PassContext::new(corpus.partitions.clone(), folder.path(), 1 << 20, &|| false).unwrap();
    let context = context.with_old(corpus.old.clone()).unwrap();
    let path = folder.path().join("rows");
    let stats = lsh(&context, KeyRange::WHOLE, BANDS as u16, &[] as &[PathBuf], &path).unwrap();
    assert_eq!(stats.buckets, BANDS as u64);
    // A centre, 512 more and three new ones in each band.
    assert_eq!(stats.largest_bucket, u64::from(MAX_OLD_MEMBERS) + 4);
    assert_eq!(stats.capped_old, BANDS as u64 * 39);
    assert!(!kept_last.is_empty());
}

#[test]
fn a_damaged_text_of_an_index_is_found_where_it_is_compared() {
    let folder = tempfile::tempdir().unwrap();
    let old = [
        document("a b c d e f g h", 0, 0),
        document("other words stand here for once", 0, 0),
    ];
    let mut corpus = Corpus::of(vec![document("a b c d e f g h", 0, 0)], 5);
    corpus.old.push(old_part(folder.path(), &old));
    let mut texts = std::fs::read(&corpus.old[0].text).unwrap();
    let last = texts.len() - 1;
    texts[last] ^= 1;
    std::fs::write(&corpus.old[0].text, &texts).unwrap();
    // Nothing resembles the second text: it is never read.
    let outcome = run(&corpus, &options(0.8), PLAIN, vec!["a".to_owned()]).unwrap();
    assert_eq!(removals_of(&outcome).len(), 1);
    texts[0] ^= 1;
    std::fs::write(&corpus.old[0].text, &texts).unwrap();
    let error = run(&corpus, &options(0.8), PLAIN, vec!["a".to_owned()]).unwrap_err();
    assert_eq!(error.code(), "GM-INDEX-003");
    corpus.documents.clear();
}
