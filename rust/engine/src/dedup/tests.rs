//! The passes against the reference, and the disasters that dedup is known for.

use std::collections::BTreeMap;

use gristmill_core::hash::{content_hash, mix64};
use gristmill_core::shingle::ShingleConfig;
use proptest::prelude::*;

use super::formats::{ClusterMember, Edge, Removal, RemovalStep, docref};
use super::reference::{self, Decision, Document, similarity};
use super::*;
use crate::index::IndexRecord;

mod old;

const SHINGLE_WORDS: u32 = 2;
const BANDS: usize = 6;

/// Files of a small corpus.
struct Corpus {
    folder: tempfile::TempDir,
    documents: Vec<Document>,
    partitions: Vec<PartitionFiles>,
    old: Vec<old::OldFiles>,
}

impl Corpus {
    fn new(mut documents: Vec<Document>, per_partition: usize, hash: fn(&[u8]) -> u128) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut partitions = Vec::new();
        for (partition, chunk) in (0..).zip(documents.chunks_mut(per_partition)) {
            let path = |name: &str| folder.path().join(format!("{partition}.{name}"));
            let (mut texts, mut index, mut verdicts) = (Vec::new(), Vec::new(), Vec::new());
            let mut exact = ExactRunWriter::new(folder.path(), 128).unwrap();
            let mut bands = BandRunWriter::new(folder.path(), BANDS, 128).unwrap();
            for (ordinal, document) in (0..).zip(chunk.iter_mut()) {
                document.docref = docref(partition, ordinal);
                let record = IndexRecord {
                    key: u128::from(document.docref),
                    doc: document.docref,
                    text_offset: texts.len() as u64,
                    rank: document.rank,
                    text_bytes: document.text.len() as u32,
                    source: (partition % 2) as u16,
                    flags: 0,
                };
                texts.extend_from_slice(document.text.as_bytes());
                index.extend_from_slice(&record.encode());
                verdicts.extend_from_slice(&document.verdict.to_le_bytes());
                exact.push(hash(document.text.as_bytes()), ordinal).unwrap();
                if !document.keys.is_empty() {
                    bands.push(ordinal, &document.keys).unwrap();
                }
            }
            std::fs::write(path("text"), texts).unwrap();
            std::fs::write(path("index"), index).unwrap();
            std::fs::write(path("verdict"), verdicts).unwrap();
            assert_eq!(exact.finish(&path("exact")).unwrap(), chunk.len() as u64);
            bands.finish(&path("bands")).unwrap();
            partitions.push(PartitionFiles {
                partition,
                source: (partition % 2) as u16,
                num_documents: chunk.len() as u32,
                text: path("text"),
                index: path("index"),
                verdict: path("verdict"),
                exact: Some(path("exact")),
                bands: Some(path("bands")),
            });
        }
        Self {
            folder,
            documents,
            partitions,
            old: Vec::new(),
        }
    }

    fn of(documents: Vec<Document>, per_partition: usize) -> Self {
        Self::new(documents, per_partition, content_hash)
    }

    fn least_memory_bytes(&self) -> u64 {
        8 * ((self.documents.len() as u64).div_ceil(64) + self.partitions.len() as u64 + 1)
            + MIN_WORKING_BYTES
    }
}

/// How a run is divided; must not show in its results.
#[derive(Debug, Clone, Copy)]
struct Division {
    ranges: u32,
    slices: u32,
    memory_bytes: u64,
    is_reversed: bool,
    is_rescuing: bool,
}

const PLAIN: Division = Division {
    ranges: 1,
    slices: 1,
    memory_bytes: 4 << 20,
    is_reversed: false,
    is_rescuing: false,
};

#[derive(Debug, PartialEq)]
struct Outcome {
    removals: Vec<u8>,
    clusters: Vec<u8>,
    edges: Vec<(u64, u64, u32, u16)>,
    settled: SettleStats,
    compared: [u64; 5],
}

fn options(min_similarity: f64) -> VerifyOptions {
    VerifyOptions {
        measure: Measure::Jaccard,
        min_similarity,
        shingles: ShingleConfig::words(SHINGLE_WORDS),
        tokenizer: None,
        retry: RetryLimits::default(),
    }
}

fn run(
    corpus: &Corpus,
    options: &VerifyOptions,
    division: Division,
    sources: Vec<String>,
) -> Result<Outcome> {
    let out = tempfile::tempdir().unwrap();
    let mut partitions = corpus.partitions.clone();
    if division.is_reversed {
        partitions.reverse();
    }
    let context = PassContext::new(partitions, corpus.folder.path(), division.memory_bytes, &|| false)?
        .with_old(corpus.old.clone())?;
    let paths = |name: &str, count: u32| -> Vec<PathBuf> {
        (0..count)
            .map(|index| out.path().join(format!("{name}-{index}")))
            .collect()
    };
    let range = |index: u32, count: u32| KeyRange { index, count };
    let exact_files = paths("exact", division.ranges);
    for (index, path) in (0..).zip(&exact_files) {
        exact(&context, range(index, division.ranges), path)?;
    }
    let row_files = paths("rows", division.ranges);
    for (index, path) in (0..).zip(&row_files) {
        lsh(
            &context,
            range(index, division.ranges),
            BANDS as u16,
            &exact_files,
            path,
        )?;
    }
    let edge_files = paths("edges", division.slices);
    let mut compared = [0; 5];
    for (index, path) in (0..).zip(&edge_files) {
        let stats = verify(&context, range(index, division.slices), &row_files, options, path)?;
        let counts = [
            stats.candidates,
            stats.verified,
            stats.rejected,
            stats.retried,
            stats.capped,
        ];
        compared = std::array::from_fn(|at| compared[at] + counts[at]);
    }
    let mut edge_files = edge_files;
    if division.is_rescuing {
        edge_files.push(out.path().join("rescued"));
        let (last, verified) = edge_files.split_last().unwrap();
        rescue(&context, verified, options, last)?;
    }
    let (removals, clusters) = (out.path().join("removals"), out.path().join("clusters"));
    let inputs = SettleInputs {
        exact_removals: exact_files,
        edges: edge_files.clone(),
        sources,
    };
    let settled = settle(&context, &inputs, &removals, &clusters).inspect_err(|_| {
        assert!(
            !removals.exists() && !clusters.exists(),
            "nothing is written after a refusal"
        );
    })?;
    let mut edges: BTreeMap<(u64, u64), (u32, u16)> = BTreeMap::new();
    for path in &edge_files {
        let records = std::fs::read(path).unwrap();
        for edge in records.as_chunks().0.iter().map(Edge::decode) {
            let entry = edges
                .entry((edge.better, edge.worse))
                .or_insert((edge.similarity.to_bits(), 0));
            entry.1 += edge.shared_bands;
        }
    }
    Ok(Outcome {
        removals: std::fs::read(removals).unwrap(),
        clusters: std::fs::read(clusters).unwrap(),
        edges: edges
            .into_iter()
            .map(|((better, worse), (bits, bands))| (better, worse, bits, bands))
            .collect(),
        settled,
        compared,
    })
}

fn removals_of(outcome: &Outcome) -> BTreeMap<u64, (u64, f32)> {
    let records = outcome
        .removals
        .as_chunks()
        .0
        .iter()
        .map(|record| Removal::decode(record).unwrap());
    records
        .map(|removal| (removal.docref, (removal.duplicate_of, removal.similarity)))
        .collect()
}

fn near_removals_of(outcome: &Outcome) -> Vec<Removal> {
    let records = outcome.removals.as_chunks().0.iter();
    records
        .filter_map(Removal::decode)
        .filter(|removal| removal.step == RemovalStep::Near)
        .collect()
}

fn decision_of(outcome: &Outcome) -> Decision {
    let members = outcome.clusters.as_chunks().0.iter().map(ClusterMember::decode);
    Decision {
        removals: removals_of(outcome),
        clusters: members
            .map(|member| (member.docref, member.representative))
            .collect(),
        edges: outcome
            .edges
            .iter()
            .map(|&(better, worse, bits, _)| ((better, worse), f32::from_bits(bits)))
            .collect(),
    }
}

/// Half of the bands are one MinHash each, half are the first words, so that buckets hold what is not similar too.
fn keys_of(text: &str) -> Vec<u64> {
    let shingles = reference::shingles(text, SHINGLE_WORDS);
    let first = text.split_whitespace().next().unwrap_or_default();
    (0..BANDS as u64)
        .map_while(|band| {
            let smallest = shingles
                .iter()
                .map(|shingle| mix64(shingle ^ mix64(band)))
                .min()?;
            let template = mix64(content_hash(first.as_bytes()) as u64);
            Some(if band % 2 == 0 { smallest } else { template })
        })
        .collect()
}

fn document(text: &str, rank: u64, verdict: u16) -> Document {
    Document {
        docref: 0,
        text: text.to_owned(),
        rank,
        verdict,
        keys: keys_of(text),
    }
}

/// Families of edited copies over a small vocabulary, with ranks that tie and a few documents below a threshold.
fn documents() -> impl Strategy<Value = Vec<Document>> {
    let base = prop::collection::vec(0_u8..30, 0..14);
    let edits = prop::collection::vec((any::<prop::sample::Index>(), 0_u8..30), 0..3);
    let member = (0_usize..6, edits, 0_u64..3, prop::bool::weighted(0.1));
    (
        prop::collection::vec(base, 6),
        prop::collection::vec(member, 0..60),
    )
        .prop_map(|(bases, members)| {
            let one = |(base, edits, rank, fails): (usize, Vec<(prop::sample::Index, u8)>, u64, bool)| {
                let mut words = bases[base].clone();
                for (at, word) in edits {
                    if !words.is_empty() {
                        let at = at.index(words.len());
                        words[at] = word;
                    }
                }
                let text: Vec<String> = words.iter().map(|word| format!("w{word}")).collect();
                document(&text.join(" "), rank, u16::from(fails))
            };
            members.into_iter().map(one).collect()
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(16))]

    #[test]
    fn every_division_decides_as_the_reference_does(
        documents in documents(), per_partition in 1_usize..20, percent in 20_u32..95, is_rescuing in any::<bool>(),
    ) {
        let corpus = Corpus::of(documents, per_partition);
        let min_similarity = f64::from(percent) / 100.0;
        let options = options(min_similarity);
        let sources = || vec!["a".to_owned(), "b".to_owned()];
        let plain = run(&corpus, &options, Division { is_rescuing, ..PLAIN }, sources()).unwrap();
        let expected = reference::decide(&corpus.documents, min_similarity, SHINGLE_WORDS, is_rescuing);
        prop_assert_eq!(&decision_of(&plain), &expected);

        for removal in near_removals_of(&plain) {
            let evidence = (
                removal.duplicate_of, removal.docref, removal.similarity.to_bits(), removal.shared_bands
            );
            prop_assert!(plain.edges.contains(&evidence), "{:?}", removal);
        }
        let texts: BTreeMap<u64, &str> =
            corpus.documents.iter().map(|document| (document.docref, document.text.as_str())).collect();
        for (removed, (kept, found)) in &expected.removals {
            prop_assert!(!expected.removals.contains_key(kept), "a duplicate of what goes itself");
            let exact = similarity(texts[removed], texts[kept], SHINGLE_WORDS);
            prop_assert!(texts[removed] == texts[kept] || exact >= min_similarity);
            prop_assert!(texts[removed] == texts[kept] || (exact as f32).to_bits() == found.to_bits());
        }
        let least = corpus.least_memory_bytes();
        for (ranges, slices, memory_bytes, is_reversed) in
            [(2, 5, least, false), (5, 2, 1 << 20, true), (1, 1, least, true)]
        {
            let division = Division { ranges, slices, memory_bytes, is_reversed, is_rescuing };
            prop_assert_eq!(&run(&corpus, &options, division, sources()).unwrap(), &plain, "{:?}", division);
        }
    }

    #[test]
    fn documents_of_equal_hash_and_different_text_all_stay(documents in documents()) {
        let corpus = Corpus::new(documents, 7, |_| 5);
        let with_hash = run(&corpus, &options(0.9), PLAIN, vec!["a".to_owned(), "b".to_owned()]).unwrap();
        let expected = reference::decide(&corpus.documents, 0.9, SHINGLE_WORDS, false);
        prop_assert_eq!(decision_of(&with_hash), expected);
    }
}

#[test]
fn what_lost_its_centre_is_compared_once_more() {
    // A removes B; C and D resemble B and each other, but not A, and met nobody but B.
    let text = words("w", 26);
    let window = |start: usize| text[start..start + 20].join(" ");
    let mut documents: Vec<Document> = [window(0), window(3), window(6), text[6..25].join(" ")]
        .map(|text| document(&text, 0, 0))
        .into();
    for (number, one) in (0..).zip(&mut documents) {
        one.keys = vec![number; BANDS];
    }
    (documents[0].keys[0], documents[1].keys[0]) = (1 << 40, 1 << 40);
    for one in &mut documents[1..] {
        one.keys[1] = 1 << 41;
    }
    let corpus = Corpus::of(documents, 10);
    let removed = |is_rescuing: bool| -> Vec<u64> {
        let division = Division { is_rescuing, ..PLAIN };
        let outcome = run(&corpus, &options(0.7), division, vec!["a".to_owned()]).unwrap();
        removals_of(&outcome).into_keys().collect()
    };
    assert_eq!(removed(false), [docref(0, 1)]);
    assert_eq!(removed(true), [docref(0, 1), docref(0, 3)]);
}

fn words(prefix: &str, count: usize) -> Vec<String> {
    (0..count).map(|number| format!("{prefix}{number}")).collect()
}

#[test]
fn a_chain_removes_only_what_resembles_a_kept_document() {
    // Three windows over one text: neighbours overlap enough, the ends do not.
    let text = words("w", 26);
    let window = |start: usize| text[start..start + 20].join(" ");
    let [first, middle, last] = [window(0), window(3), window(6)];
    assert!(similarity(&first, &middle, 2) > 0.7 && similarity(&middle, &last, 2) > 0.7);
    assert!(similarity(&first, &last, 2) < 0.7);
    let share_a_bucket = |texts: [&str; 3]| -> Vec<Document> {
        let mut documents: Vec<Document> = texts.iter().map(|text| document(text, 0, 0)).collect();
        documents
            .iter_mut()
            .for_each(|one| one.keys = vec![1 << 63; BANDS]);
        documents
    };
    let budgets = || vec!["a".to_owned(), "b".to_owned()];
    // The first is best: it removes the middle one; the last resembles the middle one only, and stays.
    let corpus = Corpus::of(share_a_bucket([&first, &middle, &last]), 10);
    let outcome = run(&corpus, &options(0.7), PLAIN, budgets()).unwrap();
    assert_eq!(
        removals_of(&outcome).keys().copied().collect::<Vec<_>>(),
        [docref(0, 1)]
    );
    // The middle one is best: both others resemble it.
    let corpus = Corpus::of(share_a_bucket([&middle, &first, &last]), 10);
    let outcome = run(&corpus, &options(0.7), PLAIN, budgets()).unwrap();
    assert_eq!(
        removals_of(&outcome).keys().copied().collect::<Vec<_>>(),
        [docref(0, 1), docref(0, 2)]
    );
    // The same chain over two buckets, all pairs known: the last one is spared, and counted.
    let mut documents = share_a_bucket([&first, &middle, &last]);
    documents[0].keys[1] = 1;
    documents[1].keys[1] = 2;
    documents[2].keys[1] = 2;
    let outcome = run(&Corpus::of(documents, 10), &options(0.7), PLAIN, budgets()).unwrap();
    assert_eq!(
        removals_of(&outcome).keys().copied().collect::<Vec<_>>(),
        [docref(0, 1)]
    );
    assert_eq!((outcome.settled.edges, outcome.settled.spared), (2, 1));
    assert_eq!(outcome.settled.largest_cluster, 3);
}

#[test]
fn one_template_hides_neither_distinct_documents_nor_true_pairs() {
    let template = words("template", 40).join(" ");
    let mut documents: Vec<Document> = (0..300)
        .map(|number| {
            document(
                &format!("{template} {}", words(&format!("own{number}x"), 30).join(" ")),
                0,
                0,
            )
        })
        .collect();
    // Two true pairs deep inside the bucket: a copy with one word more.
    for number in [123, 250] {
        let text = format!("{} extra", documents[number].text);
        documents.push(document(&text, 0, 0));
    }
    for one in &mut documents {
        one.keys = vec![7 << 60; BANDS];
    }
    assert!(similarity(&documents[0].text, &documents[1].text, SHINGLE_WORDS) < 0.6);
    let corpus = Corpus::of(documents, 64);
    let outcome = run(
        &corpus,
        &options(0.7),
        PLAIN,
        vec!["a".to_owned(), "b".to_owned()],
    )
    .unwrap();
    let expected: BTreeMap<u64, u64> = [(300_u32, 123_u32), (301, 250)]
        .map(|(copy, original)| (docref(copy / 64, copy % 64), docref(original / 64, original % 64)))
        .into();
    let found: BTreeMap<u64, u64> = removals_of(&outcome)
        .into_iter()
        .map(|(removed, (kept, _))| (removed, kept))
        .collect();
    assert_eq!(found, expected);
    assert_eq!(outcome.compared[4], 0, "nothing was capped");
    assert!(outcome.edges.iter().all(|edge| usize::from(edge.3) == BANDS));

    let mut capped = options(0.7);
    capped.retry = RetryLimits {
        max_members: 100,
        max_rounds: 50,
    };
    let outcome = run(&corpus, &capped, PLAIN, vec!["a".to_owned(), "b".to_owned()]).unwrap();
    assert!(outcome.removals.is_empty(), "the true pairs lie beyond the cap");
    // 301 documents fail against the centre; 100 are tried, 50 of them become centres.
    assert_eq!(outcome.compared[4], BANDS as u64 * (201 + 50));
}

#[test]
fn removals_are_counted_by_source_and_the_largest_clusters_are_named() {
    let same = "a b c d e f";
    let texts = [
        same,
        same,
        same,
        "g h i j k l",
        "a b c d e g",
        "g h i j k m",
        "x y z",
    ];
    let mut documents: Vec<Document> = texts.iter().map(|text| document(text, 0, 0)).collect();
    for one in &mut documents[..5] {
        one.keys = vec![1 << 60; BANDS];
    }
    for one in [3, 5] {
        documents[one].keys = vec![2 << 60; BANDS];
    }
    let corpus = Corpus::of(documents, 10);
    let outcome = run(&corpus, &options(0.6), PLAIN, vec!["web".to_owned()]).unwrap();
    let settled = &outcome.settled;
    let counts = &settled.sources[0];
    assert_eq!((counts.documents, counts.exact, counts.near), (7, 2, 2));
    assert_eq!((settled.clusters, settled.largest_cluster), (2, 4));
    // Both have two different texts, so the one that comes first counts as the larger.
    let named = |members: &[u64]| -> Vec<NamedMember> {
        let member = |&doc: &u64| NamedMember {
            doc,
            key: format!("{doc:032x}"),
        };
        members.iter().map(member).collect()
    };
    let large = |representative, documents, members: &[u64]| LargeCluster {
        representative,
        documents,
        texts: 2,
        members: named(members),
    };
    assert_eq!(settled.largest, [large(0, 4, &[0, 4]), large(3, 2, &[3, 5])]);
    assert_eq!(near_removals_of(&outcome).len(), 2);
}

#[test]
fn without_verification_a_shared_bucket_is_enough() {
    let texts = ["a b c d e f g", "n o p q r s", "t u v w x", "a b", "n o p q r s"];
    let mut documents: Vec<Document> = texts
        .iter()
        .map(|text| document(text, text.len() as u64, 0))
        .collect();
    // Two keys join the first three, one of them the first two; the fourth is alone; the fifth is the second's twin.
    for (one, keys) in documents.iter_mut().zip([[1, 1], [1, 1], [2, 1], [3, 3], [1, 1]]) {
        one.keys = (0..BANDS as u64)
            .map(|band| keys.get(band as usize).copied().unwrap_or(one.rank + 7 * band))
            .collect();
    }
    documents[4].keys = documents[1].keys.clone();
    let corpus = Corpus::of(documents, 2);
    let outcomes =
        [(1, 1, 1 << 20), (3, 4, corpus.least_memory_bytes())].map(|(ranges, slices, memory_bytes)| {
            let out = tempfile::tempdir().unwrap();
            let context = PassContext::new(
                corpus.partitions.clone(),
                corpus.folder.path(),
                memory_bytes,
                &|| false,
            )
            .unwrap();
            let paths = |name: &str, count: u32| -> Vec<PathBuf> {
                (0..count)
                    .map(|index| out.path().join(format!("{name}-{index}")))
                    .collect()
            };
            let (twins, rows, edges) = (paths("twins", 1), paths("rows", ranges), paths("edges", slices));
            exact(&context, KeyRange::WHOLE, &twins[0]).unwrap();
            for (index, path) in (0..).zip(&rows) {
                lsh(
                    &context,
                    KeyRange { index, count: ranges },
                    BANDS as u16,
                    &twins,
                    path,
                )
                .unwrap();
            }
            let mut num_edges = 0;
            for (index, path) in (0..).zip(&edges) {
                num_edges += propose(&context, KeyRange { index, count: slices }, &rows, path)
                    .unwrap()
                    .edges;
            }
            let inputs = SettleInputs {
                exact_removals: twins,
                edges,
                sources: vec!["a".to_owned(), "b".to_owned()],
            };
            let (removals, clusters) = (out.path().join("removals"), out.path().join("clusters"));
            let stats = settle(&context, &inputs, &removals, &clusters).unwrap();
            (
                num_edges,
                stats,
                std::fs::read(removals).unwrap(),
                std::fs::read(clusters).unwrap(),
            )
        });
    assert_eq!(outcomes[0], outcomes[1]);
    let (num_edges, stats, removals, _) = &outcomes[0];
    assert_eq!(
        (
            *num_edges,
            stats.near_removed,
            stats.exact_removed,
            stats.largest[0].texts
        ),
        (2, 2, 1, 3)
    );
    let found: Vec<(u64, u64, Option<f32>, u16)> = removals
        .as_chunks()
        .0
        .iter()
        .filter_map(Removal::decode)
        .map(|one| {
            (
                one.docref,
                one.duplicate_of,
                one.computed_similarity(),
                one.shared_bands,
            )
        })
        .collect();
    // The twin went with the document that it is equal to, for the same guess.
    let expected = [
        (docref(0, 1), 0, None, 2),
        (docref(1, 0), 0, None, 1),
        (docref(2, 0), 0, None, 2),
    ];
    assert_eq!(found, expected);
}

#[test]
fn faults_are_named() {
    let corpus = Corpus::of((0..100).map(|_| document("a b c d e", 0, 0)).collect(), 50);
    let division = |memory_bytes: u64| Division {
        memory_bytes,
        ..PLAIN
    };
    let budgets = || vec!["a".to_owned(), "b".to_owned()];
    let least = corpus.least_memory_bytes();
    let error = run(&corpus, &options(0.7), division(least - 1), budgets()).unwrap_err();
    assert_eq!(error.code(), "GM-DEDUP-002");
    assert!(error.to_string().contains(&least.to_string()), "{error}");
    assert!(run(&corpus, &options(0.7), division(least), budgets()).is_ok());
    assert_eq!(
        run(&corpus, &options(0.0), PLAIN, budgets()).unwrap_err().code(),
        "GM-DEDUP-004"
    );
    assert_eq!(
        run(&corpus, &options(0.7), PLAIN, vec!["a".to_owned()])
            .unwrap_err()
            .code(),
        "GM-DEDUP-004"
    );

    let context =
        PassContext::new(corpus.partitions.clone(), corpus.folder.path(), 1 << 20, &|| true).unwrap();
    let path = corpus.folder.path().join("out");
    assert!(
        exact(&context, KeyRange::WHOLE, &path)
            .unwrap_err()
            .is_cancelled()
    );
    let gap = vec![corpus.partitions[1].clone()];
    assert!(PassContext::new(gap, corpus.folder.path(), 1 << 20, &|| false).is_err());

    let index = corpus.partitions[0].index.clone();
    let bytes = std::fs::read(&index).unwrap();
    std::fs::write(&index, &bytes[..48]).unwrap();
    let error = run(&corpus, &options(0.7), PLAIN, budgets()).unwrap_err();
    assert_eq!(error.code(), "GM-DEDUP-003");
    assert!(error.to_string().contains("0.index"), "{error}");
}
