//! The whole of dedup in memory, the slow and obvious way. The passes must agree with it.

use std::collections::{BTreeMap, BTreeSet};

use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::shingle::{ShingleConfig, Shingles, jaccard};

use super::documents::Standing;

/// A document as the map and decide stages would leave it.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) docref: u64,
    pub(super) text: String,
    pub(super) rank: u64,
    pub(super) verdict: u16,
    /// One key a band; empty for a document without a word.
    pub(super) keys: Vec<u64>,
}

impl Document {
    fn standing(&self) -> Standing {
        Standing::new(self.rank, self.docref)
    }
}

/// What dedup decides.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Decision {
    /// Kept twin and similarity of each document that goes.
    pub(super) removals: BTreeMap<u64, (u64, f32)>,
    /// Smallest member of the cluster of each clustered document.
    pub(super) clusters: BTreeMap<u64, u64>,
    pub(super) edges: BTreeMap<(u64, u64), f32>,
}

/// Returns the Jaccard similarity of two texts.
pub(super) fn similarity(left: &str, right: &str, shingle_words: u32) -> f64 {
    let [left, right] = [left, right].map(|text| shingles(text, shingle_words));
    jaccard(&left, &right)
}

/// Returns the shingle set of a text.
pub(super) fn shingles(text: &str, shingle_words: u32) -> Vec<u64> {
    let mut segmentation = Segmentation::default();
    Segmenter::default().segment(text, &mut segmentation);
    let mut hashes = Vec::new();
    Shingles::new(ShingleConfig::words(shingle_words)).sorted_distinct(text, &segmentation, &mut hashes);
    hashes
}

/// Decides over all documents at once.
pub(super) fn decide(
    documents: &[Document],
    min_similarity: f64,
    shingle_words: u32,
    is_rescuing: bool,
) -> Decision {
    let passing: Vec<&Document> = documents
        .iter()
        .filter(|document| document.verdict == 0)
        .collect();
    let mut by_text: BTreeMap<&str, Vec<&Document>> = BTreeMap::new();
    for document in &passing {
        by_text.entry(&document.text).or_default().push(document);
    }
    let mut twins: BTreeMap<u64, u64> = BTreeMap::new();
    let mut distinct: Vec<&Document> = Vec::new();
    for mut group in by_text.into_values() {
        group.sort_by_key(|document| document.standing());
        twins.extend(
            group[1..]
                .iter()
                .map(|document| (document.docref, group[0].docref)),
        );
        distinct.push(group[0]);
    }
    distinct.sort_by_key(|document| document.standing());

    let mut buckets: BTreeMap<(usize, u64), Vec<&Document>> = BTreeMap::new();
    for document in &distinct {
        for (band, &key) in document.keys.iter().enumerate() {
            buckets.entry((band, key)).or_default().push(document);
        }
    }
    let sets: BTreeMap<u64, Vec<u64>> = distinct
        .iter()
        .map(|one| (one.docref, shingles(&one.text, shingle_words)))
        .collect();
    let mut edges: BTreeMap<(u64, u64), f32> = BTreeMap::new();
    for members in buckets.into_values() {
        compare_among(members, &sets, min_similarity, &mut edges);
    }

    let mut removals = survivors(&distinct, &edges);
    let mut is_open = is_rescuing;
    while is_open {
        let mut by_centre: BTreeMap<u64, Vec<&Document>> = BTreeMap::new();
        for document in distinct
            .iter()
            .filter(|document| !removals.contains_key(&document.docref))
        {
            for (better, _) in edges.keys().filter(|(_, worse)| *worse == document.docref) {
                by_centre.entry(*better).or_default().push(document);
            }
        }
        let num_before = edges.len();
        for members in by_centre.into_values() {
            compare_among(members, &sets, min_similarity, &mut edges);
        }
        is_open = edges.len() > num_before;
        removals = survivors(&distinct, &edges);
    }
    for (&twin, stayed) in &twins {
        let target = removals.get(stayed).copied().unwrap_or((*stayed, 1.0));
        removals.insert(twin, target);
    }

    let links: BTreeSet<(u64, u64)> = edges
        .keys()
        .copied()
        .chain(twins.iter().map(|(a, b)| (*a, *b)))
        .collect();
    let mut clusters: BTreeMap<u64, u64> = links.iter().flat_map(|&(a, b)| [(a, a), (b, b)]).collect();
    loop {
        let before = clusters.clone();
        for (left, right) in &links {
            let smallest = clusters[left].min(clusters[right]);
            clusters.insert(*left, smallest);
            clusters.insert(*right, smallest);
        }
        if clusters == before {
            return Decision {
                removals,
                clusters,
                edges,
            };
        }
    }
}

type Edges = BTreeMap<(u64, u64), f32>;

/// Compares the best of `members` with all others, and what fails among itself.
fn compare_among(
    mut members: Vec<&Document>,
    sets: &BTreeMap<u64, Vec<u64>>,
    min_similarity: f64,
    edges: &mut Edges,
) {
    while members.len() > 1 {
        let centre = members.remove(0);
        members.retain(|member| {
            let found = jaccard(&sets[&centre.docref], &sets[&member.docref]);
            if found >= min_similarity {
                edges.insert((centre.docref, member.docref), found as f32);
            }
            found < min_similarity
        });
    }
}

/// What goes, given edges: the kept neighbour and the similarity, by document.
fn survivors(distinct: &[&Document], edges: &Edges) -> BTreeMap<u64, (u64, f32)> {
    let standings: BTreeMap<u64, Standing> =
        distinct.iter().map(|one| (one.docref, one.standing())).collect();
    let mut removals: BTreeMap<u64, (u64, f32)> = BTreeMap::new();
    for document in distinct {
        let kept = edges
            .iter()
            .filter(|((better, worse), _)| *worse == document.docref && !removals.contains_key(better))
            .map(|((better, _), &found)| (found, *better))
            .max_by(|left, right| {
                left.0
                    .total_cmp(&right.0)
                    .then(standings[&right.1].cmp(&standings[&left.1]))
            });
        if let Some((found, better)) = kept {
            removals.insert(document.docref, (better, found));
        }
    }
    removals
}
