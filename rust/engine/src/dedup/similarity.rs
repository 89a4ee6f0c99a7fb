//! The similarity of two documents, computed on their texts.
//!
//! It is the Jaccard index of their sets of shingles, the same that signatures estimate, or how much of the document that
//! would go is in the one that would stay. Caches make repeated questions cheap and change no answer.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;
use std::sync::Arc;

use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::shingle::Shingles;
use serde::{Deserialize, Serialize};

use super::documents::DocumentStore;
use super::error::{DedupError, Result};
use super::formats::scatter;
use super::verify::VerifyOptions;
use crate::shingle_ids::ShingleIds;
use crate::tokenizer::loaded::load_tokenizer;

/// What counts as similarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// What two sets share, by what they hold together.
    #[default]
    Jaccard,
    /// What they share, by what the document that would go holds: the share of it that the one that stays has, too.
    Containment,
}

impl Measure {
    /// Returns the similarity of two ascending sets, the worse document's second, if it is at least `min_similarity`.
    ///
    /// Nothing is similar to an empty set. Stops as soon as too many elements of either set are known to be missing from
    /// the other; sets whose sizes alone exclude it are not read at all.
    pub(crate) fn at_least(self, better: &[u64], worse: &[u64], min_similarity: f64) -> Option<f64> {
        let total = better.len() + worse.len();
        // Jaccard: o / (total - o) >= t  <=>  o >= t * total / (1 + t).
        let needed = match self {
            Self::Jaccard => min_similarity * total as f64 / (1.0 + min_similarity),
            Self::Containment => min_similarity * worse.len() as f64,
        };
        // One less, so that rounding never refuses a pair.
        let needed = (needed.floor() as usize).saturating_sub(1);
        let shared = shared_at_least(better, worse, needed)?;
        let whole = match self {
            Self::Jaccard => total - shared,
            Self::Containment => worse.len(),
        };
        let similarity = if whole == 0 {
            0.0
        } else {
            shared as f64 / whole as f64
        };
        (similarity >= min_similarity).then_some(similarity)
    }
}

/// Steps between two looks at what is missing: enough that looking costs nothing.
const STRIDE: usize = 32;

/// Returns how many elements two ascending sets share, or nothing once that must be less than `needed`.
///
/// Which set is to go on is as good as random, so no branch depends on it.
fn shared_at_least(left: &[u64], right: &[u64], needed: usize) -> Option<usize> {
    let most_left_misses = left.len().checked_sub(needed)?;
    let most_right_misses = right.len().checked_sub(needed)?;
    let (mut left_next, mut right_next, mut shared) = (0, 0, 0_usize);
    loop {
        let steps = STRIDE.min(left.len() - left_next).min(right.len() - right_next);
        if steps == 0 {
            return Some(shared);
        }
        // Each step goes on by one at most in either set.
        for _ in 0..steps {
            let (one, other) = (left[left_next], right[right_next]);
            shared += usize::from(one == other);
            left_next += usize::from(one <= other);
            right_next += usize::from(other <= one);
        }
        // What was passed and not shared is missing from the other set.
        if left_next - shared > most_left_misses || right_next - shared > most_right_misses {
            return None;
        }
    }
}

/// Shingle sets by document; the least recently used ones go first.
struct ShingleCache {
    capacity_bytes: u64,
    held_bytes: u64,
    clock: u64,
    sets: HashMap<u64, (Rc<[u64]>, u64)>,
    by_use: BTreeMap<u64, u64>,
}

impl ShingleCache {
    /// What an entry takes beside its shingles, in both maps.
    const ENTRY_BYTES: u64 = 128;

    fn get(&mut self, docref: u64) -> Option<Rc<[u64]>> {
        let (set, used) = self.sets.get_mut(&docref)?;
        self.by_use.remove(used);
        self.clock += 1;
        *used = self.clock;
        self.by_use.insert(self.clock, docref);
        Some(Rc::clone(set))
    }

    fn insert(&mut self, docref: u64, set: &Rc<[u64]>) {
        let bytes = Self::ENTRY_BYTES + 8 * set.len() as u64;
        if bytes > self.capacity_bytes {
            return;
        }
        while self.held_bytes + bytes > self.capacity_bytes {
            let Some((_, oldest)) = self.by_use.pop_first() else {
                break;
            };
            if let Some((old, _)) = self.sets.remove(&oldest) {
                self.held_bytes -= Self::ENTRY_BYTES + 8 * old.len() as u64;
            }
        }
        self.clock += 1;
        self.held_bytes += bytes;
        self.sets.insert(docref, (Rc::clone(set), self.clock));
        self.by_use.insert(self.clock, docref);
    }
}

/// An answer that was given before: the pair, and its similarity if that was high enough.
type KnownPair = (u64, u64, Option<f32>);

/// Answers how similar two documents are.
pub(super) struct Similarities<'task> {
    pub(super) store: DocumentStore<'task>,
    ids: Option<ShingleIds>,
    measure: Measure,
    min_similarity: f64,
    segmenter: Segmenter,
    segmentation: Segmentation,
    shingles: Shingles,
    text: Vec<u8>,
    hashes: Vec<u64>,
    sets: ShingleCache,
    known: Vec<KnownPair>,
}

impl<'task> Similarities<'task> {
    /// Memory: `memory_bytes` for caches; beside it one document as text, segmentation and shingles, and the shingles
    /// of the pair at hand.
    pub(super) fn new(
        store: DocumentStore<'task>,
        options: &VerifyOptions,
        memory_bytes: u64,
    ) -> Result<Self> {
        let pair_bytes = size_of::<KnownPair>() as u64;
        let num_pairs = usize::try_from(memory_bytes / 8 / pair_bytes)
            .unwrap_or(1)
            .clamp(1, 1 << 20);
        let sets = ShingleCache {
            capacity_bytes: memory_bytes - memory_bytes / 8,
            held_bytes: 0,
            clock: 0,
            sets: HashMap::new(),
            by_use: BTreeMap::new(),
        };
        let ids = ShingleIds::for_unit(options.shingles.unit, options.tokenizer.as_ref(), |tokenizer| {
            load_tokenizer(tokenizer).map(Arc::new)
        });
        Ok(Self {
            store,
            ids: ids.map_err(|error| DedupError::Tokenizer(error.to_string()))?,
            measure: options.measure,
            min_similarity: options.min_similarity,
            segmenter: Segmenter::default(),
            segmentation: Segmentation::default(),
            shingles: Shingles::new(options.shingles),
            text: Vec::new(),
            hashes: Vec::new(),
            sets,
            known: vec![(u64::MAX, u64::MAX, None); num_pairs],
        })
    }

    fn set_of(&mut self, docref: u64) -> Result<Rc<[u64]>> {
        if let Some(set) = self.sets.get(docref) {
            return Ok(set);
        }
        let text = self.store.text(docref, &mut self.text)?;
        if let Some(ids) = &mut self.ids {
            let ids = ids
                .of(text)
                .map_err(|error| DedupError::Tokenizer(error.to_string()))?;
            self.shingles.sorted_distinct_of_ids(ids, &mut self.hashes);
        } else {
            if self.shingles.reads_segmentation() {
                self.segmenter.segment(text, &mut self.segmentation);
            }
            self.shingles
                .sorted_distinct(text, &self.segmentation, &mut self.hashes);
        }
        let set: Rc<[u64]> = self.hashes.as_slice().into();
        self.sets.insert(docref, &set);
        Ok(set)
    }

    /// Returns the similarity of two documents if it is high enough; which of them is better is a fact of the pair.
    pub(super) fn compare(&mut self, better: u64, worse: u64) -> Result<Option<f32>> {
        let (first, second) = (better.min(worse), better.max(worse));
        let slot = (scatter(first ^ scatter(second)) % self.known.len() as u64) as usize;
        let (known_first, known_second, similarity) = self.known[slot];
        if (known_first, known_second) == (first, second) {
            return Ok(similarity);
        }
        let better_set = self.set_of(better)?;
        let worse_set = self.set_of(worse)?;
        let similarity = self
            .measure
            .at_least(&better_set, &worse_set, self.min_similarity);
        let similarity = similarity.map(|value| value as f32);
        self.known[slot] = (first, second, similarity);
        Ok(similarity)
    }
}

#[cfg(test)]
mod tests {
    use gristmill_core::shingle::jaccard;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn stopping_early_changes_no_answer(
            left in prop::collection::btree_set(0_u64..30, 0..25),
            right in prop::collection::btree_set(0_u64..30, 0..25),
            // What both have, beyond the reach of the others: long enough that stopping early happens.
            num_common in 0_u64..150,
            is_common_first: bool,
            percent in 1_u32..=100,
        ) {
            let common = |set: std::collections::BTreeSet<u64>| -> Vec<u64> {
                let from = if is_common_first { 0 } else { 1000 };
                let mut all: Vec<u64> =
                    set.into_iter().map(|value| value + 500).chain(from..from + num_common).collect();
                all.sort_unstable();
                all
            };
            let num_shared = left.intersection(&right).count() + num_common as usize;
            let (left, right) = (common(left), common(right));
            let min_similarity = f64::from(percent) / 100.0;
            let index = jaccard(&left, &right);
            let expected = (index >= min_similarity).then_some(index);
            prop_assert_eq!(Measure::Jaccard.at_least(&left, &right, min_similarity), expected);
            let share = num_shared as f64 / right.len().max(1) as f64;
            let expected = (share >= min_similarity).then_some(share);
            prop_assert_eq!(Measure::Containment.at_least(&left, &right, min_similarity), expected);
        }
    }

    #[test]
    fn an_excerpt_is_contained_in_the_whole_and_not_the_other_way_round() {
        let (whole, excerpt) = ([1, 2, 3, 4, 5, 6, 7, 8], [3, 4, 5]);
        assert_eq!(Measure::Containment.at_least(&whole, &excerpt, 0.9), Some(1.0));
        assert_eq!(Measure::Containment.at_least(&excerpt, &whole, 0.9), None);
        assert_eq!(Measure::Jaccard.at_least(&whole, &excerpt, 0.3), Some(0.375));
    }

    #[test]
    fn a_full_cache_forgets_what_was_not_used_for_longest() {
        let mut cache = ShingleCache {
            capacity_bytes: 2 * (ShingleCache::ENTRY_BYTES + 8),
            held_bytes: 0,
            clock: 0,
            sets: HashMap::new(),
            by_use: BTreeMap::new(),
        };
        let set: Rc<[u64]> = [1].as_slice().into();
        cache.insert(1, &set);
        cache.insert(2, &set);
        assert!(cache.get(1).is_some());
        cache.insert(3, &set);
        assert!(cache.get(2).is_none() && cache.get(1).is_some() && cache.get(3).is_some());
        assert!(cache.held_bytes <= cache.capacity_bytes);
        assert_eq!(cache.by_use.len(), cache.sets.len());
    }
}
