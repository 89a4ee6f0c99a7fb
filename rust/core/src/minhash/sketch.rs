//! Fast similarity sketches (Dahlgaard, Knudsen and Thorup, FOCS 2017): many minima for the price of one hash a shingle.
//!
//! A sketch has t *bins*, each with the least of the values that fell into it. Round i of the first t rounds hashes
//! every shingle to one bin and a value, and a bin that an earlier round has filled is not touched any more. The sketch
//! is done once every bin is filled; what t rounds leave empty, round t + b fills, which sends every shingle to bin b.
//!
//! With n shingles this takes `O(n + t log t)` hashes in place of the `n * t` of independent permutations: a document of
//! more than t log t shingles, 530 with t = 112, needs one round as a rule. Two sketches agree in a bin with a probability
//! that is the Jaccard similarity, as with independent permutations, and the number of bins in which they agree varies
//! less, for within a round a shingle fills one bin only.
//!
//! # The hash
//!
//! Let `low` and `high` be the polynomials of a shingle ([`Shingles`](crate::shingle::Shingles)). A round has four
//! constants; with all numbers modulo 2^32
//!
//! ```text
//! value = a * low + b * high
//! place = c * low + d * high        bin = (place / 2^16) * t / 2^16, rounded down twice
//! ```
//!
//! a and d are odd and c is even, so that each pair of value and place comes from one pair of low and high. The
//! constants follow from the seed, see [`Round::new`]. Vectors of 32-bit numbers do all of this for eight shingles at a
//! time; only the bins are touched one by one.

use crate::hash::mix64;
use crate::shingle::Halves;

const SEED_KEY: u64 = 0x6d69_6e68_6173_6832;

/// A bin in which nothing is yet: above any round and value.
const EMPTY: u64 = u64::MAX;

/// Most bins of a sketch: a place has 16 bits, which share out evenly enough among so many.
pub(super) const MAX_BINS: usize = 4096;

/// Shingles that are hashed side by side.
const BLOCK: usize = 64;

/// The constants of a round.
#[derive(Debug, Clone, Copy)]
struct Round {
    a: u32,
    b: u32,
    c: u32,
    d: u32,
}

impl Round {
    /// The round of that number, counted from 0.
    ///
    /// With `m` for [`mix64`] and x for `m(m(seed ^ "minhash2") + m(number + 1))`, the eight letters as one big-endian
    /// number: a and b are the halves of x, the low one first, and c and d those of `m(x)`, with the lowest bits of a
    /// and d set and that of c cleared.
    fn new(seed: u64, number: u64) -> Self {
        let first = mix64(mix64(seed ^ SEED_KEY).wrapping_add(mix64(number + 1)));
        let second = mix64(first);
        Self {
            a: first as u32 | 1,
            b: (first >> 32) as u32,
            c: second as u32 & !1,
            d: (second >> 32) as u32 | 1,
        }
    }

    #[inline(always)]
    fn value(self, low: u32, high: u32) -> u32 {
        low.wrapping_mul(self.a).wrapping_add(high.wrapping_mul(self.b))
    }

    #[inline(always)]
    fn bin(self, low: u32, high: u32, num_bins: u32) -> u32 {
        let place = low.wrapping_mul(self.c).wrapping_add(high.wrapping_mul(self.d));
        ((place >> 16) * num_bins) >> 16
    }
}

/// Makes the sketch of one document after the other.
#[derive(Debug, Clone)]
pub(super) struct Sketch {
    /// Twice as many as bins.
    rounds: Vec<Round>,
    /// Round in the high half, value in the low one.
    bins: Vec<u64>,
}

impl Sketch {
    /// Makes room for sketches of `num_bins` bins, of which there are 1 to [`MAX_BINS`].
    pub(super) fn new(num_bins: usize, seed: u64) -> Self {
        let num_bins = num_bins.clamp(1, MAX_BINS);
        Self {
            rounds: (0..2 * num_bins as u64)
                .map(|number| Round::new(seed, number))
                .collect(),
            bins: vec![EMPTY; num_bins],
        }
    }

    /// Fills the bins from a document's shingles, of which there is at least one.
    #[inline(always)]
    pub(super) fn fill(&mut self, shingles: &Halves) {
        self.bins.fill(EMPTY);
        let num_bins = self.bins.len();
        let (first, last) = self.rounds.split_at(num_bins);
        for (&round, number) in first.iter().zip(0_u64..) {
            if !self.bins.contains(&EMPTY) {
                return;
            }
            drop_all(&mut self.bins, shingles, round, number);
        }
        for (bin, &round) in self.bins.iter_mut().zip(last) {
            if *bin == EMPTY {
                let (low, high) = shingles.columns();
                let least = low
                    .iter()
                    .zip(high)
                    .map(|(&low, &high)| round.value(low, high))
                    .min();
                *bin = least.map_or(EMPTY, u64::from);
            }
        }
    }

    /// The bins: round in the high half, value in the low one.
    pub(super) fn bins(&self) -> &[u64] {
        &self.bins
    }
}

/// Drops every shingle into its bin of a round.
#[inline(always)]
fn drop_all(bins: &mut [u64], shingles: &Halves, round: Round, number: u64) {
    let num_bins = bins.len() as u32;
    let (mut places, mut values) = ([0_u32; BLOCK], [0_u32; BLOCK]);
    let (all_low, all_high) = shingles.columns();
    for (low, high) in all_low.chunks(BLOCK).zip(all_high.chunks(BLOCK)) {
        let slots = places.iter_mut().zip(&mut values);
        for ((place, value), (&low, &high)) in slots.zip(low.iter().zip(high)) {
            *place = round.bin(low, high, num_bins);
            *value = round.value(low, high);
        }
        for (&place, &value) in places.iter().zip(&values).take(low.len()) {
            if let Some(bin) = bins.get_mut(place as usize) {
                *bin = (*bin).min(number << 32 | u64::from(value));
            }
        }
    }
}

/// The values of the sketch, bin by bin and round by round, by the definition in the module's documentation.
#[cfg(test)]
pub(super) fn by_definition(shingles: &Halves, num_bins: usize, seed: u64) -> Vec<u32> {
    let num_bins = num_bins as u64;
    let (low, high) = shingles.columns();
    let pairs: Vec<(u64, u64)> = low
        .iter()
        .zip(high)
        .map(|(&low, &high)| (u64::from(low), u64::from(high)))
        .collect();
    let least = |bin: u64, round: u64| {
        let x = mix64(mix64(seed ^ u64::from_be_bytes(*b"minhash2")).wrapping_add(mix64(round + 1)));
        let y = mix64(x);
        let modulo = 1_u64 << 32;
        let (a, b, c, d) = ((x % modulo) | 1, x / modulo, y % modulo / 2 * 2, (y / modulo) | 1);
        let sum =
            |one: u64, other: u64, low: u64, high: u64| (one * low % modulo + other * high % modulo) % modulo;
        let is_here = |&&(low, high): &&(u64, u64)| {
            round >= num_bins || sum(c, d, low, high) / 65536 * num_bins / 65536 == bin
        };
        let values = pairs
            .iter()
            .filter(is_here)
            .map(|&(low, high)| sum(a, b, low, high));
        values
            .min()
            .filter(|_| round < num_bins || round == num_bins + bin)
    };
    (0..num_bins)
        .map(|bin| (0..2 * num_bins).find_map(|round| least(bin, round)).unwrap() as u32)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn bins_are_those_of_the_definition(
            shingles in prop::collection::vec(any::<u64>(), 1..200), num_bins in 1..40_usize, seed: u64,
        ) {
            let mut sketch = Sketch::new(num_bins, seed);
            // What the bins held before must not matter.
            sketch.fill(&Halves::from_iter([seed]));
            let shingles = Halves::from_iter(shingles);
            sketch.fill(&shingles);
            let values: Vec<u32> = sketch.bins().iter().map(|&bin| bin as u32).collect();
            prop_assert_eq!(values, by_definition(&shingles, num_bins, seed));
        }

        #[test]
        fn only_the_set_matters(shingles in prop::collection::vec(any::<u64>(), 1..300)) {
            let mut sketch = Sketch::new(112, 1);
            sketch.fill(&shingles.iter().copied().collect());
            let bins = sketch.bins().to_vec();
            sketch.fill(&shingles.iter().rev().chain(&shingles).copied().collect());
            prop_assert_eq!(&bins, sketch.bins());
        }
    }
}
