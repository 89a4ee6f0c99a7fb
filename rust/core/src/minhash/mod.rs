//! MinHash band keys: documents that share one are candidates for being near-duplicates.
//!
//! # The family
//!
//! A signature has `bands * rows` minima, one for each permutation of the shingle hashes (Broder 1997).
//! Permutation (b, r) maps a 64-bit shingle hash with halves `high` and `low` to
//!
//! ```text
//! (a_b * high + c_b) + (d_r * low + e_r)   modulo 2^32
//! ```
//!
//! with `a_b` and `d_r` odd; all constants come from the seed. It is a multiply-add of both halves whose two
//! products are shared by a band and by a row: `bands + rows` multiplications a shingle in place of `bands *
//! rows`, the rest being additions and minima that compilers turn into vector instructions on any machine.
//! The rows of a band differ by independent hashes of `low`, so a band matches with probability close to
//! `J^rows`, as it should; a test holds it to that.
//!
//! A band's key is a 64-bit hash of its index and its minima. Two documents with Jaccard similarity J share
//! at least one key with probability `1 - (1 - J^rows)^bands`.
//!
//! Not bit-compatible with any other tool's signatures, by intent: what they hash differs, too.

use crate::dispatch::{self, Kernel};
use crate::hash::mix64;
use crate::segment::{Segmentation, fold};
use crate::shingle::{ShingleConfig, ShingleUnit, Shingles};
use serde::{Deserialize, Serialize};

/// Shingles that are hashed together; also the number of lanes a minimum is taken over at once.
const BLOCK: usize = 64;

/// Whose signatures are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Family {
    /// Our own: fast, on any shingles.
    #[default]
    Gristmill,
    /// Those of datatrove's `MinhashDedupSignature`, bit for bit.
    Datatrove,
}

/// How near-duplicate candidates are found. Numbers of 0 are taken as 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct MinHashConfig {
    /// Keys a document; more find more pairs.
    pub bands: u32,
    /// Minima a key; more demand more similarity.
    pub rows: u32,
    /// Chooses the hash functions.
    pub seed: u64,
    /// What is hashed.
    pub shingles: ShingleConfig,
    /// Whose signatures are made.
    pub family: Family,
}

impl Default for MinHashConfig {
    fn default() -> Self {
        Self {
            bands: 14,
            rows: 8,
            seed: 1,
            shingles: ShingleConfig::default(),
            family: Family::default(),
        }
    }
}

/// A configuration for which there are no signatures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MinHashError {
    /// The family hashes other shingles only.
    #[error("signatures of the family {family:?} are not made of shingles of the unit {unit:?}")]
    Unit {
        /// The family.
        family: Family,
        /// The unit.
        unit: ShingleUnit,
    },
}

/// `multiplier * half + offset` modulo 2^32.
#[derive(Debug, Clone, Copy)]
struct MultiplyAdd {
    multiplier: u32,
    offset: u32,
}

impl MultiplyAdd {
    /// The `index`-th of a seed.
    fn new(seed: u64, index: u64) -> Self {
        let bits = mix64(mix64(seed ^ 0x6d69_6e68_6173_6821).wrapping_add(mix64(index + 1)));
        Self {
            multiplier: (bits >> 32) as u32 | 1,
            offset: bits as u32,
        }
    }

    #[inline(always)]
    fn apply(self, halves: &[u32; BLOCK], into: &mut [u32; BLOCK]) {
        for (value, half) in into.iter_mut().zip(halves) {
            *value = half.wrapping_mul(self.multiplier).wrapping_add(self.offset);
        }
    }
}

/// Computes the band keys of documents; keeps its buffers between them.
///
/// Cost: `bands * rows` additions and minima a word; 8 bytes of memory a word of the longest document.
///
/// ```
/// use gristmill_core::minhash::{MinHashConfig, MinHasher};
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// let text = "The same words, whatever the marks and the case.";
/// let mut segmentation = Segmentation::default();
/// Segmenter::default().segment(text, &mut segmentation);
/// let mut hasher = MinHasher::new(MinHashConfig::default())?;
/// let mut keys = Vec::new();
/// assert!(hasher.band_keys(text, &segmentation, &mut keys));
/// assert_eq!(keys.len(), 14);
/// # Ok::<(), gristmill_core::minhash::MinHashError>(())
/// ```
#[derive(Debug, Clone)]
pub struct MinHasher {
    rows: usize,
    of_band: Vec<MultiplyAdd>,
    of_row: Vec<MultiplyAdd>,
    shingles: Shingles,
    hashes: Vec<u64>,
    /// `d_r * low + e_r` of the current block, row by row.
    row_values: Vec<[u32; BLOCK]>,
    /// The signature: minima, band by band. Kept as signed numbers, whose order old vector instructions know.
    minima: Vec<i32>,
}

impl MinHasher {
    /// Makes the hasher with the permutations of the configuration's seed.
    ///
    /// # Errors
    /// When the family does not go with the shingles.
    pub fn new(config: MinHashConfig) -> Result<Self, MinHashError> {
        if config.family != Family::Gristmill {
            return Err(MinHashError::Unit {
                family: config.family,
                unit: config.shingles.unit,
            });
        }
        let (bands, rows) = (config.bands.max(1), config.rows.max(1));
        let constants = |from: u64, number: u32| -> Vec<MultiplyAdd> {
            (from..from + u64::from(number))
                .map(|index| MultiplyAdd::new(config.seed, index))
                .collect()
        };
        Ok(Self {
            rows: rows as usize,
            // Rows first: adding bands leaves the keys of the earlier ones as they were.
            of_row: constants(0, rows),
            of_band: constants(1 << 32, bands),
            shingles: Shingles::new(config.shingles),
            hashes: Vec::new(),
            row_values: vec![[0; BLOCK]; rows as usize],
            minima: vec![i32::MAX; bands as usize * rows as usize],
        })
    }

    /// Pushes the `bands` keys of the document to `out`; false, and nothing is pushed, if it has no shingle.
    pub fn band_keys(&mut self, text: &str, segmentation: &Segmentation, out: &mut Vec<u64>) -> bool {
        self.shingles.in_order(text, segmentation, &mut self.hashes);
        self.push_keys(out)
    }

    /// The same of a document that is given as token ids, for [`ShingleUnit::Token`].
    pub fn band_keys_of_ids(&mut self, ids: &[u32], out: &mut Vec<u64>) -> bool {
        self.shingles.of_ids(ids, &mut self.hashes);
        self.push_keys(out)
    }

    fn push_keys(&mut self, out: &mut Vec<u64>) -> bool {
        if self.hashes.is_empty() {
            return false;
        }
        dispatch::run(Signing(self));
        let keys = self
            .minima
            .chunks_exact(self.rows)
            .zip(1_u64..)
            .map(|(minima, band)| {
                minima.iter().fold(mix64(band), |key, &minimum| {
                    mix64(fold(key, BAND_KEY) ^ u64::from(minimum as u32))
                })
            });
        out.extend(keys);
        true
    }

    /// Fills `minima` from `hashes`.
    #[inline(always)]
    fn sign(&mut self) {
        self.minima.fill(i32::MAX);
        let (mut high, mut low, mut band_values) = ([0; BLOCK], [0; BLOCK], [0; BLOCK]);
        for block in self.hashes.chunks(BLOCK) {
            // A short last block is filled up with its first shingle, which changes no minimum.
            high.fill((block[0] >> 32) as u32);
            low.fill(block[0] as u32);
            for (index, &hash) in block.iter().enumerate() {
                high[index] = (hash >> 32) as u32;
                low[index] = hash as u32;
            }
            for (row, values) in self.of_row.iter().zip(&mut self.row_values) {
                row.apply(&low, values);
            }
            for (band, minima) in self.of_band.iter().zip(self.minima.chunks_exact_mut(self.rows)) {
                band.apply(&high, &mut band_values);
                for (minimum, row_values) in minima.iter_mut().zip(&self.row_values) {
                    *minimum = (*minimum).min(minimum_of_sums(&band_values, row_values));
                }
            }
        }
    }
}

/// The hot loop. The wide path differs in the instructions that the compiler may use.
struct Signing<'a>(&'a mut MinHasher);

impl Kernel for Signing<'_> {
    type Output = ();

    fn portable(self) {
        self.0.sign();
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
        self.0.sign();
    }
}

const BAND_KEY: u64 = 0xa076_1d64_78bd_642f;

/// The least of the sums, in the order of signed numbers.
#[inline(always)]
fn minimum_of_sums(left: &[u32; BLOCK], right: &[u32; BLOCK]) -> i32 {
    left.iter()
        .zip(right)
        .map(|(left, right)| left.wrapping_add(*right) as i32)
        .fold(i32::MAX, i32::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use proptest::prelude::*;

    /// The keys, permutation by permutation, by the formula in the module's documentation.
    fn by_definition(hasher: &MinHasher, hashes: &[u64]) -> Vec<u64> {
        let value = |hash: u64, band: MultiplyAdd, row: MultiplyAdd| {
            let high = band
                .multiplier
                .wrapping_mul((hash >> 32) as u32)
                .wrapping_add(band.offset);
            high.wrapping_add(row.multiplier.wrapping_mul(hash as u32).wrapping_add(row.offset)) as i32
        };
        let bands = hasher.of_band.iter().enumerate();
        bands
            .map(|(index, &band)| {
                hasher.of_row.iter().fold(mix64(index as u64 + 1), |key, &row| {
                    let minimum = hashes.iter().map(|&hash| value(hash, band, row)).min().unwrap();
                    mix64(fold(key, BAND_KEY) ^ u64::from(minimum as u32))
                })
            })
            .collect()
    }

    fn keys_of(hasher: &mut MinHasher, text: &str) -> Vec<u64> {
        let (mut segmentation, mut keys) = (Segmentation::default(), Vec::new());
        SEGMENTER.segment(text, &mut segmentation);
        let has_words = hasher.band_keys(text, &segmentation, &mut keys);
        assert_eq!(has_words, !keys.is_empty());
        keys
    }

    proptest! {
        #[test]
        fn keys_are_those_of_the_formula(
            texts in prop::collection::vec(nasty_text(), 1..4),
            bands in 1..20_u32,
            rows in 1..14_u32,
            seed: u64,
        ) {
            let mut hasher = MinHasher::new(MinHashConfig { bands, rows, seed, shingles: ShingleConfig::words(2), ..MinHashConfig::default() }).unwrap();
            for text in texts {
                let text = text.repeat(3);
                let keys = keys_of(&mut hasher, &text);
                if !keys.is_empty() {
                    prop_assert_eq!(keys, by_definition(&hasher, &hasher.hashes));
                    let wide = hasher.minima.clone();
                    hasher.sign();
                    prop_assert_eq!(&wide, &hasher.minima);
                }
            }
        }
    }

    #[test]
    fn keys_never_change() {
        let mut hasher = MinHasher::new(MinHashConfig {
            bands: 2,
            rows: 3,
            seed: 7,
            shingles: ShingleConfig::words(2),
            ..MinHashConfig::default()
        })
        .unwrap();
        assert_eq!(keys_of(&mut hasher, "The quick brown fox, the lazy dog."), GOLDEN);
    }

    /// Computed once by another program, from the documentation of this module and of the hashes.
    const GOLDEN: [u64; 2] = [14910980049741285512, 18230758771786996462];

    #[test]
    fn case_and_punctuation_do_not_matter_and_words_do() {
        let mut hasher = MinHasher::new(MinHashConfig::default()).unwrap();
        let keys = keys_of(
            &mut hasher,
            "Über den Wolken muss die Freiheit wohl grenzenlos sein.",
        );
        assert_eq!(
            keys,
            keys_of(
                &mut hasher,
                "über den WOLKEN - muss die Freiheit, wohl grenzenlos, sein"
            )
        );
        assert_ne!(
            keys,
            keys_of(
                &mut hasher,
                "über den Wolken muss die Freiheit wohl grenzenlos bleiben"
            )
        );
        assert!(keys_of(&mut hasher, "...\n!").is_empty());
        assert_eq!(keys_of(&mut hasher, "one word").len(), 14);
    }

    #[test]
    fn more_bands_keep_the_keys_of_fewer() {
        let text = "some words that are hashed twice with another number of bands";
        let few = keys_of(
            &mut MinHasher::new(MinHashConfig {
                bands: 3,
                ..MinHashConfig::default()
            })
            .unwrap(),
            text,
        );
        let more = keys_of(
            &mut MinHasher::new(MinHashConfig {
                bands: 9,
                ..MinHashConfig::default()
            })
            .unwrap(),
            text,
        );
        assert_eq!(few, more[..3]);
    }

    /// Shares of rows, of bands, and of pairs with a band in common, over pairs of random sets.
    fn measured_shares(
        config: MinHashConfig,
        num_shared: u64,
        num_together: u64,
        num_pairs: u64,
    ) -> [f64; 3] {
        let mut hasher = MinHasher::new(config).unwrap();
        let (mut num_rows, mut num_bands, mut num_candidates) = (0, 0, 0);
        for pair in 0..num_pairs {
            let hash = |element: u64| mix64(mix64(pair + 1) ^ element);
            let num_own = (num_together - num_shared) / 2;
            let [left, right] = [0, num_own].map(|from| {
                hasher.hashes.clear();
                hasher.hashes.extend((0..num_shared).map(hash));
                hasher
                    .hashes
                    .extend((num_shared + from..num_shared + from + num_own).map(hash));
                hasher.sign();
                hasher.minima.clone()
            });
            num_rows += left
                .iter()
                .zip(&right)
                .filter(|(left, right)| left == right)
                .count();
            let rows = config.rows as usize;
            let equal = left
                .chunks(rows)
                .zip(right.chunks(rows))
                .filter(|(left, right)| left == right)
                .count();
            num_bands += equal;
            num_candidates += usize::from(equal > 0);
        }
        let pairs = num_pairs as f64;
        let bands = pairs * f64::from(config.bands);
        [
            num_rows as f64 / (bands * f64::from(config.rows)),
            num_bands as f64 / bands,
            num_candidates as f64 / pairs,
        ]
    }

    #[test]
    fn shares_are_those_of_independent_permutations() {
        let config = MinHashConfig::default();
        // Sizes from a tweet to a long page. With 14 bands of 8 rows and J = 0.8: 16.8 % of bands, 92.4 % of
        // pairs.
        for (num_shared, num_together, num_pairs) in
            [(16, 20, 4000), (80, 100, 2000), (800, 1000, 500), (10, 20, 4000)]
        {
            let similarity = num_shared as f64 / num_together as f64;
            let of_band = similarity.powi(8);
            let of_pair = 1.0 - (1.0 - of_band).powi(14);
            let measured = measured_shares(config, num_shared, num_together, num_pairs);
            // Pairs are independent; the share of pairs has the largest deviation of the three.
            let deviation = (of_pair * (1.0 - of_pair) / num_pairs as f64).sqrt();
            for (share, expected) in measured.iter().zip([similarity, of_band, of_pair]) {
                assert!(
                    (share - expected).abs() < 4.0 * deviation,
                    "{num_together}: {share} for {expected}"
                );
            }
        }
    }
}
