//! A blocked Bloom filter: a set of 64-bit hashes that may say *seen* of what was never added, and never the reverse.
//!
//! All bits of an element lie in one block of 512 bits, a cache line, so that a look-up costs one miss (Putze, Sanders,
//! Singler 2007, "Cache-, hash- and space-efficient Bloom filters"). Blocks fill unevenly, so for the same rate of false
//! positives it takes more bits than a plain filter: [`BloomShape::plan`] counts them in.
//!
//! Not here: what an element is, and hashing it; hashes must be uniform.

use crate::hash::mix64;

/// Bits of a block.
const BLOCK_BITS: u64 = 512;
/// 64-bit words of a block.
const BLOCK_WORDS: usize = 8;
/// Positions of nine bits that one mixed 64-bit number yields.
const POSITIONS_A_WORD: u32 = 7;
/// More bits an element gain nothing at rates that anyone asks for.
const MAX_HASHES: u32 = 16;

/// Size of a filter.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BloomShape {
    /// Blocks of 64 bytes.
    pub num_blocks: u64,
    /// Bits that each element sets, at most.
    pub num_hashes: u32,
}

impl BloomShape {
    /// The smallest filter that, with `expected` elements, says *seen* of at most a share of `false_positive_rate` of
    /// those that were never added.
    ///
    /// With c bits an element, the number i of elements of a block is Poisson with mean 512 / c, and a block of i elements
    /// answers wrongly with (1 - (1 - 1/512)^(i k))^k for k bits an element. The rate is the mean of that over i; c grows
    /// in steps of 1/8 and k is the best of 1 to 16. `None` for rates that no c up to 128 reaches, rates outside (0, 1),
    /// and filters of more than 2^64 bits.
    ///
    /// ```
    /// use gristmill_core::bloom::BloomShape;
    /// let shape = BloomShape::plan(1_000_000, 0.01).unwrap();
    /// // A plain filter: 9.59 bits an element and 7 hashes.
    /// assert_eq!((shape.num_bytes() * 8 / 1_000_000, shape.num_hashes), (10, 7));
    /// ```
    pub fn plan(expected: u64, false_positive_rate: f64) -> Option<Self> {
        if !(false_positive_rate > 0.0 && false_positive_rate < 1.0) {
            return None;
        }
        let expected = expected.max(1);
        for eighths in 1..=1024_u32 {
            let bits = f64::from(eighths) / 8.0;
            let load = BLOCK_BITS as f64 / bits;
            let best = (1..=MAX_HASHES)
                .map(|num_hashes| (blocked_rate(load, num_hashes), num_hashes))
                .min_by(|left, right| left.0.total_cmp(&right.0));
            let Some((rate, num_hashes)) = best else { continue };
            if rate <= false_positive_rate {
                let all = u128::from(expected) * u128::from(eighths);
                let num_blocks = u64::try_from(all.div_ceil(8 * u128::from(BLOCK_BITS))).ok()?;
                return Some(Self {
                    num_blocks: num_blocks.max(1),
                    num_hashes,
                });
            }
        }
        None
    }

    /// Bytes of the filter.
    pub fn num_bytes(self) -> u64 {
        self.num_blocks.saturating_mul(BLOCK_BITS / 8)
    }

    /// Share of never added elements that are called *seen* once `num_added` different ones were added, in [0, 1].
    ///
    /// ```
    /// use gristmill_core::bloom::BloomShape;
    /// let shape = BloomShape::plan(1_000_000, 0.01).unwrap();
    /// assert!(shape.false_positive_rate(1_000_000) <= 0.01);
    /// assert_eq!(shape.false_positive_rate(0), 0.0);
    /// ```
    pub fn false_positive_rate(self, num_added: u64) -> f64 {
        blocked_rate(num_added as f64 / self.num_blocks as f64, self.num_hashes)
    }
}

/// Mean over blocks of the rate of false positives, for a mean of `load` elements a block.
fn blocked_rate(load: f64, num_hashes: u32) -> f64 {
    if load <= 0.0 {
        return 0.0;
    }
    // Outside of ten standard deviations nothing counts.
    let spread = 10.0 * load.sqrt() + 10.0;
    let (first, last) = (
        (load - spread).max(0.0).floor() as u64,
        (load + spread).ceil() as u64,
    );
    let clear = 1.0 - 1.0 / BLOCK_BITS as f64;
    let mut log_factorial: f64 = (1..=first).map(|number| (number as f64).ln()).sum();
    let mut rate = 0.0;
    for elements in first..=last {
        if elements > first {
            log_factorial += (elements as f64).ln();
        }
        let probability = (elements as f64 * load.ln() - load - log_factorial).exp();
        let still_clear = clear.powf(elements as f64 * f64::from(num_hashes));
        rate += probability * (1.0 - still_clear).powi(num_hashes as i32);
    }
    rate.min(1.0)
}

/// The filter. Memory: [`BloomShape::num_bytes`].
///
/// ```
/// use gristmill_core::bloom::{BloomFilter, BloomShape};
/// use gristmill_core::segment::hash_bytes;
/// let mut seen = BloomFilter::new(BloomShape::plan(1000, 0.001).unwrap());
/// assert!(seen.insert(hash_bytes(b"one")));
/// assert!(seen.contains(hash_bytes(b"one")) && !seen.contains(hash_bytes(b"two")));
/// assert!(!seen.insert(hash_bytes(b"one")));
/// ```
#[derive(Debug, Clone)]
pub struct BloomFilter {
    shape: BloomShape,
    blocks: Vec<[u64; BLOCK_WORDS]>,
}

impl BloomFilter {
    /// An empty filter.
    pub fn new(shape: BloomShape) -> Self {
        let num_blocks =
            usize::try_from(shape.num_blocks).expect("the caller checked that it fits in memory");
        Self {
            shape,
            blocks: vec![[0; BLOCK_WORDS]; num_blocks],
        }
    }

    /// Its size.
    pub fn shape(&self) -> BloomShape {
        self.shape
    }

    /// The block of a hash: its upper bits, scaled; and what its bits are made of: all of it.
    fn block_of(&self, hash: u64) -> usize {
        let product = u128::from(hash) * u128::from(self.shape.num_blocks);
        (product >> 64) as usize
    }

    /// The bits of a hash, as a mask of its block.
    fn mask(&self, hash: u64) -> [u64; BLOCK_WORDS] {
        let mut mask = [0; BLOCK_WORDS];
        let mut source = 0_u64;
        for number in 0..self.shape.num_hashes {
            if number % POSITIONS_A_WORD == 0 {
                // Mixed anew, for the upper bits chose the block and are alike in all that is in it.
                let round = u64::from(number / POSITIONS_A_WORD) + 1;
                source = mix64(hash ^ round.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            }
            mask[(source & 7) as usize] |= 1 << (source >> 3 & 63);
            source >>= 9;
        }
        mask
    }

    /// Whether the hash was added, or looks as if.
    pub fn contains(&self, hash: u64) -> bool {
        let mask = self.mask(hash);
        let block = &self.blocks[self.block_of(hash)];
        block.iter().zip(mask).all(|(word, bits)| word & bits == bits)
    }

    /// Adds a hash; returns whether a bit changed: false means that it was there, or looked as if.
    pub fn insert(&mut self, hash: u64) -> bool {
        let mask = self.mask(hash);
        let number = self.block_of(hash);
        let mut has_changed = false;
        for (word, bits) in self.blocks[number].iter_mut().zip(mask) {
            has_changed |= *word & bits != bits;
            *word |= bits;
        }
        has_changed
    }
}

/// Probability that of `trials` look-ups, each wrong with probability `rate`, at least `least` are wrong.
///
/// Exact up to rounding; cost: at most `trials - least` steps, few where the tail falls fast.
///
/// ```
/// use gristmill_core::bloom::chance_of_at_least;
/// assert!((chance_of_at_least(1, 1, 0.01) - 0.01).abs() < 1e-12);
/// assert!((chance_of_at_least(2, 1, 0.1) - 0.19).abs() < 1e-12);
/// assert_eq!(chance_of_at_least(2, 3, 0.1), 0.0);
/// ```
pub fn chance_of_at_least(trials: u64, least: u64, rate: f64) -> f64 {
    if least > trials || rate <= 0.0 {
        return f64::from(u8::from(least == 0));
    }
    if least == 0 || rate >= 1.0 {
        return 1.0;
    }
    if least as f64 <= trials as f64 * rate {
        // Below the mean the first terms are tiny; the other side falls from its first term on.
        return 1.0 - chance_of_at_least(trials, trials - least + 1, 1.0 - rate);
    }
    let mut log_term = least as f64 * rate.ln() + (trials - least) as f64 * (-rate).ln_1p();
    for number in 0..least {
        log_term += ((trials - number) as f64).ln() - ((least - number) as f64).ln();
    }
    let mut term = log_term.exp();
    let mut sum = 0.0;
    for wrong in least..=trials {
        sum += term;
        if term < sum * 1e-16 {
            break;
        }
        term *= (trials - wrong) as f64 / (wrong + 1) as f64 * rate / (1.0 - rate);
    }
    sum.min(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn hash(number: u64) -> u64 {
        mix64(number.wrapping_mul(0x2545_f491_4f6c_dd1d).wrapping_add(77))
    }

    #[test]
    fn the_rate_of_false_positives_is_the_planned_one() {
        let num_added = 200_000;
        for wanted in [0.1, 0.01, 0.001] {
            let shape = BloomShape::plan(num_added, wanted).unwrap();
            let mut filter = BloomFilter::new(shape);
            for number in 0..num_added {
                filter.insert(hash(number));
            }
            assert!((0..num_added).all(|number| filter.contains(hash(number))));
            let trials = 2_000_000;
            let wrong = (num_added..num_added + trials)
                .filter(|&number| filter.contains(hash(number)))
                .count() as f64;
            let expected = shape.false_positive_rate(num_added);
            assert!(
                expected <= wanted && expected > 0.9 * wanted,
                "{wanted}: {expected}"
            );
            // Five standard deviations of that many trials, and a tenth for what the formula leaves out: two of the bits
            // of one element may be the same.
            let allowed = 5.0 * (expected * trials as f64).sqrt() + 0.1 * expected * trials as f64;
            assert!(
                (wrong - expected * trials as f64).abs() < allowed,
                "{wanted}: {wrong} of {trials}, expected {expected}"
            );
        }
    }

    #[test]
    fn half_full_filters_err_less_and_overfull_ones_more() {
        let shape = BloomShape::plan(10_000, 0.01).unwrap();
        assert!(shape.false_positive_rate(5_000) < 0.002);
        assert!(shape.false_positive_rate(40_000) > 0.2);
    }

    #[test]
    fn shapes_grow_with_elements_and_shrink_with_the_rate() {
        let bits = |rate: f64| {
            BloomShape::plan(1 << 20, rate).unwrap().num_bytes() as f64 * 8.0 / f64::from(1 << 20)
        };
        for rate in [0.5_f64, 0.1, 0.01, 1e-3, 1e-4] {
            let plain = -rate.ln() / std::f64::consts::LN_2.powi(2);
            assert!(bits(rate) >= plain && bits(rate) < 1.5 * plain + 1.0, "{rate}");
        }
        for impossible in [0.0, 1.0, -1.0, f64::NAN, 1e-300] {
            assert_eq!(BloomShape::plan(10, impossible), None);
        }
        assert_eq!(BloomShape::plan(0, 0.01).unwrap().num_blocks, 1);
    }

    proptest! {
        #[test]
        fn what_was_added_is_seen(numbers in prop::collection::vec(any::<u64>(), 0..200), rate in 1e-3..0.5_f64) {
            let mut filter = BloomFilter::new(BloomShape::plan(50, rate).unwrap());
            for &number in &numbers {
                filter.insert(number);
                prop_assert!(!filter.insert(number));
            }
            prop_assert!(numbers.iter().all(|&number| filter.contains(number)));
        }

        #[test]
        fn the_tail_is_the_sum_of_its_terms(trials in 0..40_u64, least in 0..42_u64, rate in 0.0..1.0_f64) {
            let mut expected = 0.0;
            for wrong in least..=trials {
                let ways: f64 = (0..wrong).map(|number| (trials - number) as f64 / (wrong - number) as f64).product();
                expected += ways * rate.powi(wrong as i32) * (1.0 - rate).powi((trials - wrong) as i32);
            }
            prop_assert!((chance_of_at_least(trials, least, rate) - expected).abs() < 1e-9);
        }
    }
}
