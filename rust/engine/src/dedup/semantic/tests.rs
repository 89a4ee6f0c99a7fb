//! The passes over vectors against a comparison of all pairs, for any division of the work.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_core::hash::mix64;
use gristmill_core::hyperplanes::{HyperplaneConfig, Hyperplanes, recall};
use gristmill_core::vectors::{cosine, inner_product};
use proptest::prelude::*;

use super::*;
use crate::dedup::documents::Standing;
use crate::dedup::formats::{Edge, Removal, RemovalStep, docref};
use crate::dedup::{BandRunWriter, Measures, PartitionFiles, SettleInputs, lsh, rescue_by, settle};
use crate::index::IndexRecord;

const DIMENSION: usize = 12;
const BANDS: HyperplaneConfig = HyperplaneConfig {
    dimension: DIMENSION as u32,
    bands: 10,
    width: 6,
    seed: 3,
};

#[derive(Debug, Clone)]
struct Document {
    docref: u64,
    rank: u64,
    verdict: u16,
    /// Empty for a document without one.
    vector: Vec<f32>,
}

impl Document {
    fn takes_part(&self) -> bool {
        self.verdict == 0 && !self.vector.is_empty()
    }

    fn standing(&self) -> Standing {
        Standing::new(self.rank, self.docref)
    }
}

struct Corpus {
    folder: tempfile::TempDir,
    documents: Vec<Document>,
    partitions: Vec<PartitionFiles>,
    options: VectorOptions,
    planes: HyperplaneConfig,
}

impl Corpus {
    fn new(documents: Vec<Document>, per_partition: usize, min_similarity: f64) -> Self {
        Self::with_planes(documents, per_partition, min_similarity, BANDS)
    }

    fn with_planes(
        mut documents: Vec<Document>,
        per_partition: usize,
        min_similarity: f64,
        config: HyperplaneConfig,
    ) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (mut partitions, mut vectors) = (Vec::new(), Vec::new());
        for (partition, chunk) in (0..).zip(documents.chunks_mut(per_partition)) {
            let path = |name: &str| folder.path().join(format!("{partition}.{name}"));
            let (mut index, mut verdicts, mut numbers) = (Vec::new(), Vec::new(), Vec::new());
            let mut planes = Hyperplanes::new(config);
            let mut bands = BandRunWriter::new(folder.path(), config.bands as usize, 128).unwrap();
            for (ordinal, document) in (0..).zip(chunk.iter_mut()) {
                document.docref = docref(partition, ordinal);
                let record = IndexRecord {
                    key: u128::from(document.docref),
                    doc: document.docref,
                    text_offset: 0,
                    rank: document.rank,
                    text_bytes: 0,
                    source: 0,
                    flags: 0,
                };
                index.extend_from_slice(&record.encode());
                verdicts.extend_from_slice(&document.verdict.to_le_bytes());
                if document.vector.is_empty() {
                    numbers.extend_from_slice(&[0; 4 * DIMENSION]);
                } else {
                    numbers.extend(document.vector.iter().flat_map(|value| value.to_le_bytes()));
                    let mut keys = Vec::new();
                    planes.band_keys(&document.vector, &mut keys);
                    bands.push(ordinal, &keys).unwrap();
                }
            }
            std::fs::write(path("index"), index).unwrap();
            std::fs::write(path("verdict"), verdicts).unwrap();
            std::fs::write(path("vectors"), numbers).unwrap();
            bands.finish(&path("bands")).unwrap();
            vectors.push(path("vectors"));
            partitions.push(PartitionFiles {
                partition,
                source: 0,
                num_documents: chunk.len() as u32,
                text: path("index"),
                index: path("index"),
                verdict: path("verdict"),
                exact: None,
                bands: Some(path("bands")),
            });
        }
        let options = VectorOptions {
            min_similarity,
            dimension: DIMENSION,
            vectors,
            retry: RetryLimits::default(),
        };
        Self {
            folder,
            documents,
            partitions,
            options,
            planes: config,
        }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn context(&self, memory_bytes: u64) -> PassContext<'static> {
        PassContext::new(self.partitions.clone(), self.folder.path(), memory_bytes, &|| {
            false
        })
        .unwrap()
    }

    /// Every pair that is similar enough, by the definition: better, worse, and the bits of the similarity.
    fn all_edges(&self) -> BTreeMap<(u64, u64), u32> {
        let square = |vector: &[f32]| inner_product(vector, vector);
        let mut edges = BTreeMap::new();
        let members: Vec<&Document> = self.documents.iter().filter(|one| one.takes_part()).collect();
        for (at, left) in members.iter().enumerate() {
            for right in &members[at + 1..] {
                let found = cosine(
                    (&left.vector, square(&left.vector)),
                    (&right.vector, square(&right.vector)),
                );
                if found >= self.options.min_similarity {
                    let (better, worse) = if left.standing() < right.standing() {
                        (left.docref, right.docref)
                    } else {
                        (right.docref, left.docref)
                    };
                    edges.insert((better, worse), (found as f32).to_bits());
                }
            }
        }
        edges
    }

    /// What goes, given edges: the kept one and the bits of the similarity.
    fn removals(&self, edges: &BTreeMap<(u64, u64), u32>) -> BTreeMap<u64, (u64, u32)> {
        let mut order: Vec<Standing> = self.documents.iter().map(Document::standing).collect();
        order.sort_unstable();
        let place: BTreeMap<u64, usize> = order
            .iter()
            .enumerate()
            .map(|(at, one)| (one.docref(), at))
            .collect();
        let mut removed: BTreeMap<u64, (u64, u32)> = BTreeMap::new();
        for one in &order {
            let kept = edges
                .iter()
                .filter(|((better, worse), _)| *worse == one.docref() && !removed.contains_key(better))
                .map(|((better, _), &bits)| (bits, std::cmp::Reverse(place[better]), *better))
                .max();
            if let Some((bits, _, better)) = kept {
                removed.insert(one.docref(), (better, bits));
            }
        }
        removed
    }

    fn joined(&self, tasks: u32, memory_bytes: u64) -> (Vec<PathBuf>, [u64; 3]) {
        let context = self.context(memory_bytes);
        let mut sums = [0; 3];
        let none: [&Path; 0] = [];
        let files = (0..tasks)
            .map(|index| {
                let path = self.path(&format!("joined-{tasks}-{memory_bytes}-{index}"));
                let range = KeyRange { index, count: tasks };
                let stats = join(&context, range, &none, &self.options, &path).unwrap();
                assert!(stats.edges <= stats.compared && stats.compared <= stats.candidates);
                sums = [
                    sums[0] + stats.candidates,
                    sums[1] + stats.compared,
                    sums[2] + stats.edges,
                ];
                path
            })
            .collect();
        (files, sums)
    }

    fn banded(&self, tasks: u32, memory_bytes: u64) -> Vec<PathBuf> {
        let context = self.context(memory_bytes);
        let none: [&Path; 0] = [];
        let name = |kind: &str, index: u32| self.path(&format!("{kind}-{tasks}-{memory_bytes}-{index}"));
        let range = |index| KeyRange { index, count: tasks };
        let rows: Vec<PathBuf> = (0..tasks).map(|index| name("rows", index)).collect();
        for (index, path) in (0..).zip(&rows) {
            lsh(&context, range(index), self.planes.bands as u16, &none, path).unwrap();
        }
        let edges: Vec<PathBuf> = (0..tasks).map(|index| name("edges", index)).collect();
        for (index, path) in (0..).zip(&edges) {
            verify_vectors(&context, range(index), &rows, &self.options, path).unwrap();
        }
        edges
    }

    /// Removals of the settle pass, after the second looks.
    fn settled(&self, mut edges: Vec<PathBuf>, memory_bytes: u64) -> Vec<Removal> {
        let context = self.context(memory_bytes);
        let measures = Measures {
            text: None,
            semantic: Some(&self.options),
        };
        let rescued = self.path("rescued");
        rescue_by(&context, &edges, &measures, &rescued).unwrap();
        edges.push(rescued);
        let inputs = SettleInputs {
            exact_removals: Vec::new(),
            edges,
            sources: vec!["one".to_owned()],
        };
        let stats = settle(&context, &inputs, &self.path("removals"), &self.path("clusters")).unwrap();
        assert_eq!((stats.near_removed, stats.exact_removed), (0, 0));
        let removals = read(&self.path("removals"), |record| Removal::decode(record).unwrap());
        assert_eq!(stats.semantic_removed, removals.len() as u64);
        assert_eq!(stats.sources[0].semantic, removals.len() as u64);
        assert!(
            removals
                .iter()
                .all(|removal| removal.step == RemovalStep::Semantic)
        );
        removals
    }
}

fn read<Record>(path: &Path, decode: impl Fn(&[u8; 24]) -> Record) -> Vec<Record> {
    let content = std::fs::read(path).unwrap();
    content.as_chunks().0.iter().map(decode).collect()
}

fn edges_of(files: &[PathBuf]) -> BTreeMap<(u64, u64), u32> {
    let edges: Vec<Edge> = files.iter().flat_map(|path| read(path, Edge::decode)).collect();
    assert!(edges.iter().all(|edge| edge.kind == EdgeKind::Semantic));
    let bits = |edge: &Edge| ((edge.better, edge.worse), edge.similarity.to_bits());
    edges.iter().map(bits).collect()
}

fn pairs_of(removals: &[Removal]) -> BTreeMap<u64, (u64, u32)> {
    let pair = |removal: &Removal| {
        (
            removal.docref,
            (removal.duplicate_of, removal.similarity.to_bits()),
        )
    };
    removals.iter().map(pair).collect()
}

fn number(seed: u64) -> f32 {
    (mix64(seed) >> 40) as f32 / (1 << 23) as f32 - 1.0
}

/// Members of a family lie around one direction; `spread` says how far.
fn family_member(family: u64, member: u64, spread: f32) -> Vec<f32> {
    (0..DIMENSION as u64)
        .map(|at| number(family * 1000 + at) + spread * number(mix64(family + 77) ^ mix64(member * 131 + at)))
        .collect()
}

fn documents() -> impl Strategy<Value = Vec<Document>> {
    let document = (0_u64..6, 0_u64..40, 0_u64..4, 0_u32..12, 0_u32..8).prop_map(
        |(family, member, rank, failing, missing)| Document {
            docref: 0,
            rank,
            verdict: u16::from(failing == 0),
            vector: if missing == 0 {
                Vec::new()
            } else {
                family_member(family, member, 0.4)
            },
        },
    );
    prop::collection::vec(document, 1..90)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn all_pairs_are_those_of_the_definition(
        documents in documents(),
        per_partition in 1_usize..40,
        percent in 60_u32..=100,
    ) {
        let corpus = Corpus::new(documents, per_partition, f64::from(percent) / 100.0);
        let expected = corpus.all_edges();
        let (plain, sums) = corpus.joined(1, 4 << 20);
        prop_assert_eq!(&edges_of(&plain), &expected);
        let (divided, other) = corpus.joined(3, 160 << 10);
        prop_assert_eq!(&edges_of(&divided), &expected);
        prop_assert_eq!(sums, other);
        let removals = pairs_of(&corpus.settled(divided, 64 << 10));
        prop_assert_eq!(removals, corpus.removals(&expected));
    }

    #[test]
    fn hyperplanes_find_some_of_all_pairs_whatever_the_division(
        documents in documents(),
        per_partition in 1_usize..40,
        percent in 80_u32..=100,
    ) {
        let corpus = Corpus::new(documents, per_partition, f64::from(percent) / 100.0);
        let all = corpus.all_edges();
        let plain = corpus.banded(1, 4 << 20);
        let found = edges_of(&plain);
        for (pair, bits) in &found {
            prop_assert_eq!(all.get(pair), Some(bits));
        }
        let divided = corpus.banded(4, 24 << 10);
        prop_assert_eq!(&edges_of(&divided), &found);
        let removals = pairs_of(&corpus.settled(plain, 4 << 20));
        prop_assert_eq!(&pairs_of(&corpus.settled(divided, 24 << 10)), &removals);
        for (removed, (kept, bits)) in &removals {
            prop_assert_eq!(all.get(&(*kept, *removed)), Some(bits));
            prop_assert!(!removals.contains_key(kept));
        }
        // What stays is not the same vector as anything else that stays: equal vectors share all keys.
        let stays: Vec<&Document> = corpus
            .documents
            .iter()
            .filter(|one| one.takes_part() && !removals.contains_key(&one.docref))
            .collect();
        let distinct: BTreeSet<Vec<u32>> =
            stays.iter().map(|one| one.vector.iter().map(|value| value.to_bits()).collect()).collect();
        prop_assert_eq!(distinct.len(), stays.len());
    }
}

#[test]
fn planted_families_are_found_as_often_as_the_formula_says() {
    // Pairs: of each, the second goes if both share a bucket. Nothing else is similar.
    let documents: Vec<Document> = (0..800)
        .map(|number| Document {
            docref: 0,
            rank: 0,
            verdict: 0,
            vector: family_member(number / 2, number % 2, 0.2),
        })
        .collect();
    let planes = HyperplaneConfig {
        bands: 2,
        width: 12,
        ..BANDS
    };
    let corpus = Corpus::with_planes(documents, 300, 0.95, planes);
    let all = corpus.all_edges();
    let expected: f64 = all
        .values()
        .map(|&bits| recall(f64::from(f32::from_bits(bits)), planes.bands, planes.width))
        .sum();
    let found = edges_of(&corpus.banded(2, 1 << 20)).len() as f64;
    assert!(
        all.len() > 200 && expected < 0.7 * all.len() as f64,
        "{} pairs",
        all.len()
    );
    // The pairs share their hyperplanes, but hardly their bits: the deviation of independent ones, three times over.
    let deviation = (expected * (1.0 - expected / all.len() as f64)).sqrt().max(1.0);
    assert!(
        (found - expected).abs() < 3.0 * deviation,
        "{found} of {} found, {expected} expected",
        all.len()
    );
}

#[test]
fn an_edge_on_texts_comes_before_a_stronger_one_on_vectors() {
    let documents: Vec<Document> = (0..4)
        .map(|number| Document {
            docref: 0,
            rank: 9 - number,
            verdict: 0,
            vector: family_member(1, 1, 0.0),
        })
        .collect();
    let corpus = Corpus::new(documents, 9, 0.9);
    let context = corpus.context(1 << 20);
    let edge = |better, worse, similarity, kind| Edge {
        better,
        worse,
        similarity,
        shared_bands: 1,
        kind,
    };
    let edges = [
        edge(0, 1, 0.99, EdgeKind::Semantic),
        // Both kinds between two documents are one pair, and the text decides.
        edge(0, 2, 0.85, EdgeKind::Text),
        edge(0, 2, 1.0, EdgeKind::Semantic),
        // The better one by text goes itself; by vector, document 0 stays.
        edge(0, 3, 0.95, EdgeKind::Semantic),
        edge(1, 3, 0.8, EdgeKind::Text),
    ];
    let content: Vec<u8> = edges.iter().flat_map(Edge::encode).collect();
    std::fs::write(corpus.path("mixed"), content).unwrap();
    let inputs = SettleInputs {
        exact_removals: Vec::new(),
        edges: vec![corpus.path("mixed")],
        sources: vec!["one".to_owned()],
    };
    let stats = settle(
        &context,
        &inputs,
        &corpus.path("removals"),
        &corpus.path("clusters"),
    )
    .unwrap();
    assert_eq!(
        (stats.edges, stats.near_removed, stats.semantic_removed),
        (4, 1, 2)
    );
    let removals = read(&corpus.path("removals"), |record| {
        Removal::decode(record).unwrap()
    });
    let found: Vec<(u64, u64, f32, RemovalStep)> = removals
        .iter()
        .map(|removal| {
            (
                removal.docref,
                removal.duplicate_of,
                removal.similarity,
                removal.step,
            )
        })
        .collect();
    let expected = [
        (1, 0, 0.99, RemovalStep::Semantic),
        (2, 0, 0.85, RemovalStep::Near),
        (3, 0, 0.95, RemovalStep::Semantic),
    ];
    assert_eq!(found, expected);
}

#[test]
fn a_file_of_another_length_is_damaged() {
    let vector = family_member(1, 1, 0.0);
    let one = Document {
        docref: 0,
        rank: 0,
        verdict: 0,
        vector,
    };
    let corpus = Corpus::new(vec![one.clone(), one], 9, 0.9);
    let edges = corpus.banded(1, 1 << 20);
    assert_eq!(edges_of(&edges).len(), 1);
    let content = std::fs::read(&corpus.options.vectors[0]).unwrap();
    std::fs::write(&corpus.options.vectors[0], &content[4..]).unwrap();
    let context = corpus.context(1 << 20);
    let rows = corpus.path("rows-1-1048576-0");
    let verified = verify_vectors(
        &context,
        KeyRange::WHOLE,
        &[rows],
        &corpus.options,
        &corpus.path("again"),
    );
    let none: [&Path; 0] = [];
    let joined = join(
        &context,
        KeyRange::WHOLE,
        &none,
        &corpus.options,
        &corpus.path("again"),
    );
    for error in [verified.unwrap_err(), joined.unwrap_err()] {
        assert_eq!(error.code(), "GM-DEDUP-003", "{error}");
    }
    let options = VectorOptions {
        vectors: Vec::new(),
        ..corpus.options.clone()
    };
    let refused = join(&context, KeyRange::WHOLE, &none, &options, &corpus.path("again"));
    assert_eq!(refused.unwrap_err().code(), "GM-DEDUP-004");
}

#[test]
fn too_many_documents_for_all_pairs_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let documents = MAX_JOINED as usize + 2;
    let mut vectors: Vec<u8> = 1.0_f32.to_le_bytes().repeat(documents);
    std::fs::write(path("verdict"), vec![0; 2 * documents]).unwrap();
    let partition = PartitionFiles {
        partition: 0,
        source: 0,
        num_documents: documents as u32,
        text: path("index"),
        index: path("index"),
        verdict: path("verdict"),
        exact: None,
        bands: None,
    };
    let context = PassContext::new(vec![partition], folder.path(), 8 << 20, &|| false).unwrap();
    let options = VectorOptions {
        min_similarity: 0.9,
        dimension: 1,
        vectors: vec![path("vectors")],
        retry: RetryLimits::default(),
    };
    // One without a vector does not count.
    vectors[..4].fill(0);
    std::fs::write(path("vectors"), &vectors).unwrap();
    let none: [&Path; 0] = [];
    let refused = join(&context, KeyRange::WHOLE, &none, &options, &path("edges")).unwrap_err();
    assert!(
        matches!(refused, DedupError::TooManyPairs { documents, most } if documents == most + 1),
        "{refused}"
    );
    assert!(!path("edges").exists());
}

#[test]
fn memory_for_two_stripes_is_asked_for() {
    let one = Document {
        docref: 0,
        rank: 0,
        verdict: 0,
        vector: family_member(1, 1, 0.0),
    };
    let corpus = Corpus::new(vec![one], 9, 0.9);
    let none: [&Path; 0] = [];
    let context = corpus.context(20 << 10);
    let refused = join(
        &context,
        KeyRange::WHOLE,
        &none,
        &corpus.options,
        &corpus.path("edges"),
    );
    assert_eq!(refused.unwrap_err().code(), "GM-DEDUP-002");
}
