//! Signatures of datatrove 0.10's `MinhashDedupSignature`, bit for bit, for English and its default text normalisation.
//!
//! The text is [simplified](simplify), cut into spaCy's English tokens ([`EnglishTokenizer`]), and each run of
//! `shingles.size` tokens, joined by spaces, is hashed with seed 0 (xxHash) or by the first bytes of SHA-1. Minimum number
//! i is the least `(a_i * hash + b_i modulo 2^64) modulo 2^61 - 1` over all runs, of which 32-bit signatures take the low
//! half first; `a` and `b` are drawn by [numpy's legacy generator](mersenne_twister).
//!
//! Not the same: texts in which spaCy's tokens differ from [`EnglishTokenizer`]'s, one in thousands. A document of fewer
//! than `shingles.size` tokens has no signature, as there.

mod mersenne_twister;
mod sha1;
mod simplify;

use serde::{Deserialize, Serialize};
use xxhash_rust::xxh32::xxh32;
use xxhash_rust::xxh64::xxh64;

use crate::dispatch::{self, Kernel};
use crate::segment::{EnglishTokenizer, Segmentation, Segmenter, TokenColumns};
use mersenne_twister::MersenneTwister;
use sha1::push_sha1_64;
use simplify::Simplifier;

const PRIME: u64 = (1 << 61) - 1;

/// Minima that are taken side by side.
const LANES: usize = 16;

/// datatrove's `hash_fc`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum HashFunction {
    /// xxHash, its default.
    #[default]
    Xxhash,
    /// SHA-1, as in FineWeb.
    Sha1,
}

/// datatrove's `precision`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(try_from = "u32", into = "u32")]
pub enum Precision {
    /// 64 bits, its default.
    #[default]
    Bits64,
    /// 32 bits.
    Bits32,
}

impl TryFrom<u32> for Precision {
    type Error = String;

    fn try_from(bits: u32) -> Result<Self, String> {
        match bits {
            64 => Ok(Self::Bits64),
            32 => Ok(Self::Bits32),
            _ => Err(format!("a precision of {bits} bits: 32 and 64 are there")),
        }
    }
}

impl From<Precision> for u32 {
    fn from(precision: Precision) -> Self {
        match precision {
            Precision::Bits64 => 64,
            Precision::Bits32 => 32,
        }
    }
}

/// datatrove's `HashConfig`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct HashConfig {
    /// What hashes a shingle.
    pub function: HashFunction,
    /// How much of it.
    pub precision: Precision,
}

/// Signs one document after the other.
#[derive(Default)]
pub(super) struct Signer {
    config: HashConfig,
    size: usize,
    /// `a` and `b`, in rows of [`LANES`], the last one filled up.
    multipliers: Vec<[u64; LANES]>,
    offsets: Vec<[u64; LANES]>,
    minima: Vec<[u64; LANES]>,
    simplifier: Simplifier,
    segmenter: Segmenter,
    segmentation: Segmentation,
    tokenizer: EnglishTokenizer,
    tokens: TokenColumns,
    /// The tokens, each with a space behind it.
    joined: String,
    /// First byte of each token in `joined`, and the length of that.
    starts: Vec<usize>,
    hashes: Vec<u64>,
}

impl Signer {
    /// Draws the constants of `num_minima` permutations.
    pub(super) fn new(num_minima: usize, seed: u32, size: usize, config: HashConfig) -> Self {
        let mut generator = MersenneTwister::new(seed);
        let mut drawn = |low: u64| {
            let mut rows = vec![[0; LANES]; num_minima.div_ceil(LANES)];
            let places = rows.as_flattened_mut().iter_mut().take(num_minima);
            places.for_each(|place| *place = generator.below(low, PRIME));
            rows
        };
        let (multipliers, offsets) = (drawn(1), drawn(0));
        Self {
            config,
            size: size.max(1),
            minima: vec![[0; LANES]; offsets.len()],
            multipliers,
            offsets,
            ..Self::default()
        }
    }

    /// The minima; those behind the last that was asked for mean nothing.
    pub(super) fn minima(&self) -> &[u64] {
        self.minima.as_flattened()
    }

    /// Fills the minima from a text; false if it is too short to have any.
    pub(super) fn sign(&mut self, text: &str) -> bool {
        self.hash_runs(text);
        dispatch::run(Minima(self));
        !self.hashes.is_empty()
    }

    fn hash_runs(&mut self, text: &str) {
        let simple = self.simplifier.simplify(text);
        self.segmenter.segment(simple, &mut self.segmentation);
        self.tokenizer
            .tokenize(simple, &self.segmentation, &mut self.tokens);
        self.joined.clear();
        self.starts.clear();
        for index in 0..self.tokens.num_tokens() {
            self.starts.push(self.joined.len());
            self.joined.push_str(self.tokens.token(simple, index));
            self.joined.push(' ');
        }
        self.starts.push(self.joined.len());
        let bytes = self.joined.as_bytes();
        let ends = self.starts.get(self.size..).unwrap_or_default();
        let runs = self
            .starts
            .iter()
            .zip(ends)
            .filter_map(|(&start, &end)| bytes.get(start..end - 1));
        self.hashes.clear();
        match (self.config.function, self.config.precision) {
            (HashFunction::Xxhash, Precision::Bits64) => self.hashes.extend(runs.map(|run| xxh64(run, 0))),
            (HashFunction::Xxhash, Precision::Bits32) => {
                self.hashes.extend(runs.map(|run| u64::from(xxh32(run, 0))));
            }
            (HashFunction::Sha1, precision) => {
                push_sha1_64(runs, &mut self.hashes);
                if precision == Precision::Bits32 {
                    self.hashes.iter_mut().for_each(|hash| *hash &= 0xffff_ffff);
                }
            }
        }
    }

    #[inline(always)]
    fn take_minima(&mut self) {
        let mask = match self.config.precision {
            Precision::Bits64 => u64::MAX,
            Precision::Bits32 => 0xffff_ffff,
        };
        let constants = self.multipliers.iter().zip(&self.offsets);
        for (minima, (multipliers, offsets)) in self.minima.iter_mut().zip(constants) {
            // Signed, whose order old vector instructions know; no value comes near the sign.
            let mut least = [i64::MAX; LANES];
            for &hash in &self.hashes {
                let lanes = least.iter_mut().zip(multipliers.iter().zip(offsets));
                for (least, (multiplier, offset)) in lanes {
                    let sum = hash.wrapping_mul(*multiplier).wrapping_add(*offset);
                    // Modulo 2^61 - 1: the bits above count as ones, and the prime itself is zero.
                    let folded = ((sum & PRIME) + (sum >> 61)) as i64;
                    let prime = PRIME as i64;
                    let value = if folded >= prime { folded - prime } else { folded };
                    *least = (*least).min(value & mask as i64);
                }
            }
            *minima = least.map(|value| value as u64);
        }
    }
}

/// The hot loop. The wide path differs in the instructions that the compiler may use.
struct Minima<'a>(&'a mut Signer);

impl Kernel for Minima<'_> {
    type Output = ();

    fn portable(self) {
        self.0.take_minima();
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
        self.0.take_minima();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;
    use serde_json::Value as Json;

    proptest! {
        #[test]
        fn minima_are_those_of_the_formula(
            text in nasty_text(), num_minima in 1..40_usize, seed: u32, is_short: bool, is_sha1: bool,
        ) {
            let config = HashConfig {
                function: if is_sha1 { HashFunction::Sha1 } else { HashFunction::Xxhash },
                precision: if is_short { Precision::Bits32 } else { Precision::Bits64 },
            };
            let mut signer = Signer::new(num_minima, seed, 2, config);
            if signer.sign(&text.repeat(3)) {
                let value = |hash: u64, index: usize| {
                    let (row, lane) = (index / LANES, index % LANES);
                    let sum = hash.wrapping_mul(signer.multipliers[row][lane]);
                    let value = sum.wrapping_add(signer.offsets[row][lane]) % PRIME;
                    if is_short { value & 0xffff_ffff } else { value }
                };
                for index in 0..num_minima {
                    let least = signer.hashes.iter().map(|&hash| value(hash, index)).min();
                    prop_assert_eq!(least, Some(signer.minima()[index]));
                }
                let wide = signer.minima().to_vec();
                signer.take_minima();
                prop_assert_eq!(&wide, signer.minima());
            }
        }
    }

    #[test]
    fn signatures_are_datatroves() {
        let golden: Json = serde_json::from_str(include_str!("golden.json")).unwrap();
        let mut num_compared = 0;
        for kind in golden["kinds"].as_array().unwrap() {
            let number = |name: &str| kind[name].as_u64().unwrap() as usize;
            let config: HashConfig = serde_json::from_value(kind["hash"].clone()).unwrap();
            let (bands, rows) = (number("bands"), number("rows"));
            let mut signer = Signer::new(bands * rows, number("seed") as u32, number("n_grams"), config);
            let signatures = kind["signatures"].as_array().unwrap();
            for (text, expected) in golden["texts"].as_array().unwrap().iter().zip(signatures) {
                let text = text.as_str().unwrap();
                let expected: Vec<u64> = serde_json::from_value(expected.clone()).unwrap();
                assert_eq!(signer.sign(text), !expected.is_empty(), "{text}");
                if !expected.is_empty() {
                    assert_eq!(&signer.minima()[..expected.len()], expected, "{text}");
                    num_compared += 1;
                }
            }
        }
        assert!(num_compared > 40);
    }
}
