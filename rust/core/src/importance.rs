//! How much more likely a document is under one collection of texts than under another: DSIR.
//!
//! After Xie et al. 2023, *Data Selection for Language Models via Importance Resampling*: words and pairs of
//! neighbouring words are hashed into buckets, a collection is the distribution of its buckets, and the log importance
//! weight of a document is the sum over its features of `ln(target) - ln(raw)`. Top-k of the weights plus Gumbel noise
//! is sampling without replacement in proportion to the weights.
//!
//! Logarithms are kept as whole multiples of 2^-20, so that a sum does not depend on its order and a weight is the same
//! number on every machine. Not here: what a word is, files, and the choice of documents.

use crate::hash::mix64;

/// Buckets of the paper.
pub const NUM_BUCKETS: u32 = 10_000;
/// What one is in fixed point.
pub const ONE: i64 = 1 << 20;
/// Added to every probability, as in the code of the paper's authors (`data-selection` 1.0): an empty bucket is rare, not
/// impossible.
pub const EPSILON: f64 = 1e-8;

/// Distinguishes hashes of words from those of pairs.
const WORD: u64 = 0x6a09_e667_f3bc_c908;
const PAIR: u64 = 0xbb67_ae85_84ca_a73b;

/// Calls `each` with the bucket of every word and of every pair of neighbours: `2 * words - 1` times.
///
/// `words` are hashes of words in the order of the text; `num_buckets` is at least 1.
///
/// ```
/// use gristmill_core::importance::for_each_feature;
/// let mut buckets = Vec::new();
/// for_each_feature(&[7, 8], 10_000, |bucket| buckets.push(bucket));
/// assert_eq!(buckets.len(), 3);
/// assert!(buckets.iter().all(|&bucket| bucket < 10_000));
/// ```
pub fn for_each_feature(words: &[u64], num_buckets: u32, mut each: impl FnMut(u32)) {
    let bucket = |hash: u64| ((u128::from(hash) * u128::from(num_buckets)) >> 64) as u32;
    for &word in words {
        each(bucket(mix64(word ^ WORD)));
    }
    for (&first, &second) in words.iter().zip(words.iter().skip(1)) {
        each(bucket(mix64(mix64(first ^ PAIR).wrapping_add(second))));
    }
}

/// How often each bucket occurs in a collection.
///
/// ```
/// use gristmill_core::importance::FeatureCounts;
/// let mut counts = FeatureCounts::new(100);
/// counts.add(&[1, 2, 3]);
/// assert_eq!(counts.total(), 5);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FeatureCounts {
    counts: Vec<u64>,
}

impl FeatureCounts {
    /// No feature yet.
    pub fn new(num_buckets: u32) -> Self {
        Self {
            counts: vec![0; num_buckets.max(1) as usize],
        }
    }

    /// Takes over counts, one a bucket.
    pub fn of(counts: Vec<u64>) -> Self {
        Self { counts }
    }

    /// Counts the features of a text, given by the hashes of its words.
    pub fn add(&mut self, words: &[u64]) {
        let counts = &mut self.counts;
        for_each_feature(words, counts.len() as u32, |bucket| counts[bucket as usize] += 1);
    }

    /// Adds the counts of another collection with as many buckets.
    pub fn merge(&mut self, other: &[u64]) {
        for (count, more) in self.counts.iter_mut().zip(other) {
            *count += more;
        }
    }

    /// Counts by bucket.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// Features in all.
    pub fn total(&self) -> u64 {
        self.counts.iter().sum()
    }
}

/// Returns `ln(p_target + 1e-8) - ln(p_raw + 1e-8)` of each bucket, as multiples of 2^-20.
///
/// `smoothing` is added to every count of the target: 1 is Laplace's rule, for targets of few texts. A collection without
/// features has probability 0 everywhere. Both have as many buckets.
///
/// ```
/// use gristmill_core::importance::{FeatureCounts, ONE, log_ratios};
/// let target = FeatureCounts::of(vec![3, 1]);
/// let raw = FeatureCounts::of(vec![1, 1]);
/// let ratios = log_ratios(&target, &raw, 0.0);
/// assert!((ratios[0] as f64 / ONE as f64 - 1.5_f64.ln()).abs() < 1e-6);
/// assert!((ratios[1] as f64 / ONE as f64 - 0.5_f64.ln()).abs() < 1e-6);
/// ```
pub fn log_ratios(target: &FeatureCounts, raw: &FeatureCounts, smoothing: f64) -> Vec<i64> {
    let share = |count: u64, total: u64, smoothing: f64, buckets: usize| {
        let total = total as f64 + smoothing * buckets as f64;
        if total > 0.0 {
            (count as f64 + smoothing) / total
        } else {
            0.0
        }
    };
    let (of_target, of_raw, buckets) = (target.total(), raw.total(), raw.counts.len());
    target
        .counts
        .iter()
        .zip(&raw.counts)
        .map(|(&wanted, &present)| {
            let wanted = share(wanted, of_target, smoothing, buckets) + EPSILON;
            let present = share(present, of_raw, 0.0, buckets) + EPSILON;
            to_fixed(wanted.ln() - present.ln())
        })
        .collect()
}

/// Returns the log importance weight of a text, in multiples of 2^-20: the sum of the ratios of its features.
///
/// `ratios` are those of [`log_ratios`]. Cost: two look-ups a word.
///
/// ```
/// use gristmill_core::importance::{FeatureCounts, log_ratios, log_weight};
/// let (mut target, mut raw) = (FeatureCounts::new(1000), FeatureCounts::new(1000));
/// target.add(&[1, 2, 3]);
/// raw.add(&[1, 2, 3]);
/// raw.add(&[7, 8, 9]);
/// let ratios = log_ratios(&target, &raw, 0.0);
/// assert!(log_weight(&[1, 2, 3], &ratios) > log_weight(&[7, 8, 9], &ratios));
/// ```
pub fn log_weight(words: &[u64], ratios: &[i64]) -> i64 {
    let mut sum = 0_i64;
    for_each_feature(words, ratios.len() as u32, |bucket| {
        sum = sum.saturating_add(ratios[bucket as usize]);
    });
    sum
}

/// Returns the weight that a text of `words` words would have if it went on like that for `length` words, rounded towards
/// negative infinity; 0 for one without words.
///
/// The texts of the paper are pieces of 128 words. Sums over texts of any length do not compare: where most features are
/// rarer in the target, the shortest texts weigh most.
///
/// ```
/// use gristmill_core::importance::at_length;
/// assert_eq!(at_length(-300, 30, 10), -100);
/// assert_eq!(at_length(5, 0, 10), 0);
/// ```
pub fn at_length(weight: i64, words: usize, length: u32) -> i64 {
    if words == 0 {
        return 0;
    }
    let scaled = (i128::from(weight) * i128::from(length)).div_euclid(words as i128);
    i64::try_from(scaled).unwrap_or(if weight < 0 { i64::MIN } else { i64::MAX })
}

/// Returns standard Gumbel noise, `-ln(-ln u)`, in multiples of 2^-20, for a uniform 64-bit number.
///
/// The largest of `weight + noise` over documents is each document with a probability in proportion to
/// `exp(weight)`, and the k largest are k draws without replacement (Vieira 2014, Kool et al. 2019).
///
/// ```
/// use gristmill_core::importance::{ONE, gumbel};
/// assert!(gumbel(0) < gumbel(u64::MAX));
/// assert!((gumbel(u64::MAX / 2) as f64 / ONE as f64 - 0.366_513).abs() < 1e-5);
/// ```
pub fn gumbel(uniform: u64) -> i64 {
    let share = ((uniform >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    to_fixed(-(-share.ln()).ln())
}

/// Returns the number that a multiple of 2^-20 is; exact below 2^33.
///
/// ```
/// use gristmill_core::importance::{ONE, from_fixed};
/// assert_eq!(from_fixed(ONE / 2), 0.5);
/// ```
pub fn from_fixed(value: i64) -> f64 {
    value as f64 / ONE as f64
}

fn to_fixed(value: f64) -> i64 {
    (value * ONE as f64).round() as i64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    /// The features of a text, spelt out.
    fn features(words: &[u64], num_buckets: u32) -> BTreeMap<u32, u64> {
        let mut found = BTreeMap::new();
        for_each_feature(words, num_buckets, |bucket| {
            *found.entry(bucket).or_default() += 1
        });
        found
    }

    /// The definition in floating point: distributions, their logarithms, a dot product.
    fn plain_weight(
        document: &[u64],
        target: &[Vec<u64>],
        raw: &[Vec<u64>],
        buckets: u32,
        smoothing: f64,
    ) -> f64 {
        let counted = |texts: &[Vec<u64>]| {
            let mut counts = vec![0.0; buckets as usize];
            for text in texts {
                for (bucket, count) in features(text, buckets) {
                    counts[bucket as usize] += count as f64;
                }
            }
            counts
        };
        let distribution = |counts: Vec<f64>, smoothing: f64| {
            let total: f64 = counts.iter().map(|count| count + smoothing).sum();
            counts
                .iter()
                .map(|count| {
                    if total > 0.0 {
                        (count + smoothing) / total
                    } else {
                        0.0
                    }
                })
                .collect::<Vec<f64>>()
        };
        let wanted = distribution(counted(target), smoothing);
        let present = distribution(counted(raw), 0.0);
        features(document, buckets)
            .into_iter()
            .map(|(bucket, count)| {
                let (wanted, present) = (wanted[bucket as usize], present[bucket as usize]);
                count as f64 * ((wanted + 1e-8).ln() - (present + 1e-8).ln())
            })
            .sum()
    }

    fn texts() -> impl Strategy<Value = Vec<Vec<u64>>> {
        prop::collection::vec(prop::collection::vec(0..40_u64, 0..30), 0..8)
    }

    proptest! {
        #[test]
        fn a_weight_is_the_dot_product_of_the_definition(
            document in prop::collection::vec(0..40_u64, 0..60),
            target in texts(),
            raw in texts(),
            buckets in 1..50_u32,
            smoothing in prop::sample::select(vec![0.0, 0.5, 1.0]),
        ) {
            let count = |texts: &[Vec<u64>]| {
                let mut counts = FeatureCounts::new(buckets);
                texts.iter().for_each(|text| counts.add(text));
                counts
            };
            let ratios = log_ratios(&count(&target), &count(&raw), smoothing);
            let found = from_fixed(log_weight(&document, &ratios));
            let plain = plain_weight(&document, &target, &raw, buckets, smoothing);
            // Half a unit of the last place for each feature.
            let error = (2 * document.len()).max(1) as f64 / ONE as f64;
            prop_assert!((found - plain).abs() <= error, "{found} {plain}");
        }

        #[test]
        fn counts_do_not_depend_on_how_texts_are_divided(first in texts(), second in texts()) {
            let (mut together, mut one, mut other) =
                (FeatureCounts::new(64), FeatureCounts::new(64), FeatureCounts::new(64));
            first.iter().chain(&second).for_each(|text| together.add(text));
            first.iter().for_each(|text| one.add(text));
            second.iter().for_each(|text| other.add(text));
            one.merge(other.counts());
            prop_assert_eq!(one, together);
        }
    }

    #[test]
    fn noise_has_the_mean_and_spread_of_a_gumbel_distribution() {
        let draws: Vec<f64> = (0..200_000_u64)
            .map(|number| from_fixed(gumbel(mix64(number.wrapping_mul(0x9e37_79b9_7f4a_7c15)))))
            .collect();
        let mean = draws.iter().sum::<f64>() / draws.len() as f64;
        let variance = draws.iter().map(|draw| (draw - mean).powi(2)).sum::<f64>() / draws.len() as f64;
        // Euler's constant and pi^2 / 6; five standard errors.
        assert!((mean - 0.577_215_66).abs() < 0.015, "{mean}");
        assert!((variance - 1.644_934).abs() < 0.06, "{variance}");
    }

    #[test]
    fn a_text_said_twice_weighs_the_same_at_one_length() {
        let ratios: Vec<i64> = (0..10).map(|bucket| (bucket - 5) * ONE).collect();
        let once: Vec<u64> = (0..50).collect();
        let twice: Vec<u64> = once.iter().chain(&once).copied().collect();
        let weight = |words: &[u64]| at_length(log_weight(words, &ratios), words.len(), 128);
        // But for the pair where the second copy begins.
        assert!((weight(&once) - weight(&twice)).abs() <= 128 * 10 * ONE / 100 + 2);
        assert_eq!(at_length(i64::MIN, 1, 128), i64::MIN);
    }

    #[test]
    fn features_are_the_published_ones() {
        let mut buckets = Vec::new();
        for_each_feature(&[1, 2, 3], NUM_BUCKETS, |bucket| buckets.push(bucket));
        assert_eq!(buckets.len(), 5);
        assert_eq!(buckets, GOLDEN);
        for_each_feature(&[], NUM_BUCKETS, |_| {
            panic!("a text without words has no features")
        });
    }

    /// Selections of earlier runs stay the same only while these do.
    const GOLDEN: [u32; 5] = [2085, 5645, 1038, 4345, 7979];
}
