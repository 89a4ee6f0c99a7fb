//! Counts how often n-grams of characters or words come again.
//!
//! # How it is fast
//!
//! Most n-grams occur once, and of those only their number matters. A first pass hashes every position and links it to
//! the position before it in the same bucket; it has no branch that depends on the text, because a wrong guess of the
//! processor costs as much as the rest of the work on ten positions. Only positions with one before them (in English
//! one in three) go on to a second pass, which compares the symbols, so the counts are exact. Nearly always the first
//! comparison decides: two different n-grams share a bucket seldom, three hardly ever.
//!
//! Whoever picks the text can make many n-grams share a bucket; after so many comparisons that no other text needs
//! them, positions are sorted instead.
//!
//! Counts are small numbers, so the most frequent n-grams are picked from a histogram.

use crate::dispatch::{self, Kernel};

const SYMBOL_KEY: u64 = 0xa076_1d64_78bd_642f;
const POSITION_KEY: u64 = 0x9e37_79b9_7f4a_7c15;
/// Comparisons beyond the first that are made for each n-gram, on average, before it is given up.
const STEPS_PER_GRAM: usize = 8;
/// The same of short texts, all in all.
const MIN_STEPS: usize = 1024;
/// Counts below are in [`Counts::histogram`].
const NUM_SMALL: usize = 256;

/// What n-grams are made of: bytes, characters or hashes of words.
pub(super) trait Symbol: Copy + Ord {
    fn bits(self) -> u64;
}

impl Symbol for u8 {
    fn bits(self) -> u64 {
        u64::from(self)
    }
}

impl Symbol for char {
    fn bits(self) -> u64 {
        u64::from(u32::from(self))
    }
}

impl Symbol for u64 {
    fn bits(self) -> u64 {
        self
    }
}

/// A position, in as few bytes as it needs: the tables of most texts then fit the nearest caches.
trait Position: Copy + Default {
    /// Buckets a position, at least: more of them tell more n-grams apart, and take more memory.
    const NUM_BUCKETS: usize;

    fn new(position: usize) -> Self;
    fn get(self) -> usize;
}

impl Position for u16 {
    const NUM_BUCKETS: usize = 4;

    fn new(position: usize) -> Self {
        position as Self
    }

    fn get(self) -> usize {
        usize::from(self)
    }
}

impl Position for u32 {
    const NUM_BUCKETS: usize = 2;

    fn new(position: usize) -> Self {
        position as Self
    }

    fn get(self) -> usize {
        self as usize
    }
}

/// Counts the n-grams of one sequence; keeps its tables: at most 1.6 MB for sequences of up to 65 535 n-grams, and 32
/// bytes an n-gram of the longest beyond.
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatedGrams {
    small: Tables<u16>,
    large: Tables<u32>,
    counts: Counts,
    num_grams: usize,
}

/// What is known of positions and buckets.
#[derive(Debug, Clone, Default)]
struct Tables<P> {
    /// The last position of each bucket, plus one; 0 if there is none.
    heads: Vec<P>,
    /// The position before in the same bucket, plus one; 0 if there is none.
    previous: Vec<P>,
    /// Positions that have a previous one; then, in their place, first positions of the n-grams that repeat.
    candidates: Vec<P>,
    /// First position of an equal n-gram; only of positions that have a previous one.
    classes: Vec<P>,
    /// Copies of the n-gram beside the first, at its first position.
    num_others: Vec<P>,
}

impl RepeatedGrams {
    /// Counts the n-grams of `length` symbols.
    pub(super) fn count<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        self.begin(symbols.len(), length);
        if self.num_grams < 2 {
            return;
        }
        let is_counted = self.count_all(rolling_hashes(symbols, length), |one, other| {
            symbols[one..one + length] == symbols[other..other + length]
        });
        if !is_counted {
            self.count_sorted(symbols, length);
        }
    }

    /// The same for bytes: n-grams of 9 to 16 bytes are read as two blocks of eight.
    pub(super) fn count_bytes(&mut self, bytes: &[u8], length: usize) {
        self.begin(bytes.len(), length);
        if self.num_grams < 2 || !(9..=16).contains(&length) {
            return self.count(bytes, length);
        }
        let is_counted = dispatch::run(CountBlocks {
            grams: self,
            bytes,
            length,
        });
        if !is_counted {
            self.count_sorted(bytes, length);
        }
    }

    /// Counts n-grams of bytes that are two blocks of eight.
    #[inline(always)]
    fn count_blocks(&mut self, bytes: &[u8], length: usize) -> bool {
        let behind = length - 8;
        let blocks = bytes.windows(8).zip(bytes[behind..].windows(8));
        let hashes = blocks.map(|(head, tail)| {
            let (head, tail) = (block_of(head), block_of(tail));
            head.wrapping_add(tail.rotate_left(29)).wrapping_mul(SYMBOL_KEY)
        });
        let block = |position: usize| block_of(&bytes[position..position + 8]);
        self.count_all(hashes, |one, other| {
            let (heads, tails) = (
                block(one) ^ block(other),
                block(one + behind) ^ block(other + behind),
            );
            heads | tails == 0
        })
    }

    /// Counts any n-grams, by sorting them.
    fn count_sorted<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        self.counts.clear();
        let gram = |position: usize| &symbols[position..position + length];
        let mut positions: Vec<u32> = (0..self.num_grams as u32).collect();
        positions.sort_unstable_by(|&one, &other| gram(one as usize).cmp(gram(other as usize)));
        let same = positions.chunk_by(|&one, &other| gram(one as usize) == gram(other as usize));
        let numbers: Vec<usize> = same.map(<[u32]>::len).filter(|&number| number > 1).collect();
        self.counts.fill(numbers.into_iter());
    }

    fn begin(&mut self, num_symbols: usize, length: usize) {
        self.num_grams = (num_symbols + 1).saturating_sub(length);
        self.counts.clear();
    }

    /// Counts n-grams of which those are the hashes, and that comparison; false if it takes too many of them.
    #[inline(always)]
    fn count_all(
        &mut self,
        hashes: impl Iterator<Item = u64>,
        is_same: impl Fn(usize, usize) -> bool,
    ) -> bool {
        if self.num_grams <= usize::from(u16::MAX) {
            self.small.link(self.num_grams, hashes);
            self.small.compare(&mut self.counts, is_same)
        } else {
            self.large.link(self.num_grams, hashes);
            self.large.compare(&mut self.counts, is_same)
        }
    }

    /// Number of n-grams.
    pub(super) fn num_grams(&self) -> usize {
        self.num_grams
    }

    /// Number of positions whose n-gram occurs more than once.
    pub(super) fn num_repeated(&self) -> usize {
        self.counts.sum
    }

    /// Number of different n-grams.
    pub(super) fn num_distinct(&self) -> usize {
        self.num_grams - self.counts.sum + self.counts.number
    }

    /// Number of positions that hold one of the `most` most frequent n-grams, of those that occur more than once.
    pub(super) fn num_in_most_frequent(&mut self, most: usize) -> usize {
        self.counts.sum_of_largest(most)
    }
}

impl<P: Position> Tables<P> {
    /// First pass: links positions whose n-grams have the same high bits of the hash.
    #[inline(always)]
    fn link(&mut self, num_grams: usize, hashes: impl Iterator<Item = u64>) {
        let num_buckets = (P::NUM_BUCKETS * num_grams).next_power_of_two();
        let shift = 64 - num_buckets.trailing_zeros();
        self.heads.clear();
        self.heads.resize(num_buckets, P::default());
        self.previous.resize(num_grams, P::default());
        self.candidates.resize(num_grams, P::default());
        let (heads, candidates) = (&mut self.heads[..], &mut self.candidates[..]);
        let mut num_candidates = 0;
        for ((position, previous), hash) in self.previous.iter_mut().enumerate().zip(hashes) {
            let head = &mut heads[(hash >> shift) as usize];
            *previous = std::mem::replace(head, P::new(position + 1));
            // Written always, kept sometimes.
            candidates[num_candidates] = P::new(position);
            num_candidates += usize::from(previous.get() != 0);
        }
        self.candidates.truncate(num_candidates);
    }

    /// Second pass: finds the first position of an equal n-gram for every candidate, and counts there; false if it takes
    /// too many comparisons.
    #[inline(always)]
    fn compare(&mut self, counts: &mut Counts, is_same: impl Fn(usize, usize) -> bool) -> bool {
        let num_grams = self.previous.len();
        self.classes.resize(num_grams, P::default());
        self.num_others.clear();
        self.num_others.resize(num_grams, P::default());
        let (previous, classes) = (&self.previous[..], &mut self.classes[..]);
        let (candidates, num_others) = (&mut self.candidates[..], &mut self.num_others[..]);
        let (mut num_repeated, mut num_steps) = (0, 0);
        for index in 0..candidates.len() {
            let position = candidates[index].get();
            let mut other = previous[position].get() - 1;
            let mut is_copy = is_same(position, other);
            // Taken where three n-grams share a bucket; one condition, so that a mere difference is no branch.
            while !is_copy & (previous[other].get() != 0) {
                other = previous[other].get() - 1;
                is_copy = is_same(position, other);
                num_steps += 1;
            }
            if num_steps > STEPS_PER_GRAM * num_grams + MIN_STEPS {
                return false;
            }
            // The first of a bucket has no class of its own yet.
            let class_of_other = match previous[other].get() {
                0 => other,
                _ => classes[other].get(),
            };
            let class = if is_copy { class_of_other } else { position };
            classes[position] = P::new(class);
            let number = num_others[class].get() + usize::from(is_copy);
            num_others[class] = P::new(number);
            candidates[num_repeated] = P::new(class);
            num_repeated += usize::from(is_copy & (number == 1));
        }
        let firsts = candidates[..num_repeated].iter();
        counts.fill(firsts.map(|first| num_others[first.get()].get() + 1));
        true
    }
}

/// N-grams of bytes to be counted. The wide path differs in the instructions that the compiler may use.
struct CountBlocks<'a> {
    grams: &'a mut RepeatedGrams,
    bytes: &'a [u8],
    length: usize,
}

impl Kernel for CountBlocks<'_> {
    type Output = bool;

    fn portable(self) -> bool {
        self.grams.count_blocks(self.bytes, self.length)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> bool {
        self.grams.count_blocks(self.bytes, self.length)
    }
}

/// The eight bytes of a slice of eight.
#[inline(always)]
fn block_of(bytes: &[u8]) -> u64 {
    u64::from_le_bytes(bytes.try_into().expect("a slice of eight bytes"))
}

/// A hash for each n-gram: a polynomial of its symbols. There must be an n-gram.
fn rolling_hashes<S: Symbol>(symbols: &[S], length: usize) -> impl Iterator<Item = u64> {
    let mix = |symbol: S| symbol.bits().wrapping_mul(SYMBOL_KEY);
    let (head, tail) = symbols.split_at(length);
    let step = |state: u64, symbol: S| state.wrapping_mul(POSITION_KEY).wrapping_add(mix(symbol));
    let mut state = head.iter().fold(0, |state, &symbol| step(state, symbol));
    // What a symbol is multiplied by when it leaves.
    let leaving = head
        .iter()
        .fold(1_u64, |power, _| power.wrapping_mul(POSITION_KEY));
    let others = symbols.iter().zip(tail).map(move |(&old, &new)| {
        let change = mix(new).wrapping_sub(mix(old).wrapping_mul(leaving));
        state = state.wrapping_mul(POSITION_KEY).wrapping_add(change);
        state
    });
    [state].into_iter().chain(others)
}

/// Numbers of copies, from 2.
#[derive(Debug, Clone, Default)]
struct Counts {
    /// How often each small number occurs.
    histogram: Vec<u32>,
    /// Numbers that are not small.
    large: Vec<u32>,
    number: usize,
    sum: usize,
}

impl Counts {
    fn clear(&mut self) {
        self.histogram.clear();
        self.histogram.resize(NUM_SMALL, 0);
        self.large.clear();
        (self.number, self.sum) = (0, 0);
    }

    /// Takes the numbers of a text, after [`Self::clear`].
    #[inline(always)]
    fn fill(&mut self, counts: impl ExactSizeIterator<Item = usize>) {
        self.number = counts.len();
        let mut sum = 0;
        for count in counts {
            sum += count;
            match self.histogram.get_mut(count) {
                Some(number) => *number += 1,
                None => self.large.push(count as u32),
            }
        }
        self.sum = sum;
    }

    fn sum_of_largest(&mut self, most: usize) -> usize {
        if most < self.large.len() {
            self.large
                .select_nth_unstable_by(most, |left, right| right.cmp(left));
        }
        let large = &self.large[..most.min(self.large.len())];
        let (mut left, mut sum) = (
            most - large.len(),
            large.iter().map(|&count| count as usize).sum(),
        );
        for (count, &number) in self.histogram.iter().enumerate().rev() {
            let taken = left.min(number as usize);
            left -= taken;
            sum += taken * count;
        }
        sum
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::hash::Hash;

    fn check_counts<S: Symbol + Hash>(grams: &mut RepeatedGrams, symbols: &[S], length: usize) {
        let mut counts: HashMap<&[S], usize> = HashMap::new();
        for gram in symbols.windows(length) {
            *counts.entry(gram).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        assert_eq!(grams.num_grams(), counts.iter().sum::<usize>());
        assert_eq!(grams.num_distinct(), counts.len());
        let repeated: Vec<usize> = counts.iter().copied().filter(|&number| number > 1).collect();
        assert_eq!(grams.num_repeated(), repeated.iter().sum::<usize>());
        for most in [0, 1, 2, repeated.len() / 2, repeated.len(), repeated.len() + 1] {
            let expected: usize = repeated.iter().take(most).sum();
            assert_eq!(grams.num_in_most_frequent(most), expected);
        }
    }

    fn check(grams: &mut RepeatedGrams, text: &str, length: usize) {
        let characters: Vec<char> = text.chars().collect();
        let numbers: Vec<u64> = text.bytes().map(u64::from).collect();
        grams.count_bytes(text.as_bytes(), length);
        check_counts(grams, text.as_bytes(), length);
        grams.count(text.as_bytes(), length);
        check_counts(grams, text.as_bytes(), length);
        grams.count(&characters, length);
        check_counts(grams, &characters, length);
        grams.count(&numbers, length);
        check_counts(grams, &numbers, length);
    }

    proptest! {
        #[test]
        fn counts_are_those_of_every_n_gram(
            texts in prop::collection::vec(("[ab]{0,60}", "([a-d]{1,9} ){0,9}", 0..5_usize, 1..19_usize), 1..5)
        ) {
            let mut grams = RepeatedGrams::default();
            for (left, block, times, length) in texts {
                check(&mut grams, &format!("{left}{}x{}", block.repeat(times), block.repeat(times)), length);
            }
        }

        #[test]
        fn n_grams_that_share_a_bucket_are_told_apart(symbols in prop::collection::vec(0..9_usize, 0..60)) {
            let mut grams = RepeatedGrams::default();
            grams.begin(symbols.len(), 1);
            // All have one hash, or one of three.
            for hashes in [1, 3] {
                grams.counts.clear();
                if symbols.len() > 1 {
                    let hashes = symbols.iter().map(|symbol| (symbol % hashes) as u64);
                    let is_same = |one: usize, other: usize| symbols[one] == symbols[other];
                    prop_assert!(grams.count_all(hashes, is_same));
                }
                let numbers: Vec<u64> = symbols.iter().map(|&symbol| symbol as u64).collect();
                check_counts(&mut grams, &numbers, 1);
            }
        }
    }

    #[test]
    fn crafted_buckets_are_given_up_and_sorting_counts_the_same() {
        let (mut grams, symbols) = (RepeatedGrams::default(), (0..9000_u64).collect::<Vec<_>>());
        grams.begin(symbols.len(), 1);
        assert!(!grams.count_all(symbols.iter().map(|_| 7), |_, _| false));
        for symbols in [symbols, (0..500).map(|number| number * number % 77).collect()] {
            for length in [1, 3, 10] {
                grams.begin(symbols.len(), length);
                grams.count_sorted(&symbols, length);
                check_counts(&mut grams, &symbols, length);
            }
        }
    }

    #[test]
    fn long_n_grams_and_large_counts_are_right() {
        let mut grams = RepeatedGrams::default();
        let text = "abcdefgh".repeat(40);
        for length in [63, 64, 65, 128, 319, 320, 321] {
            check(&mut grams, &text, length);
        }
        let text = [
            "ab".repeat(254),
            "cd".repeat(255),
            "ef".repeat(256),
            "gh".repeat(1000),
        ]
        .concat();
        for length in [1, 2, 10] {
            check(&mut grams, &text, length);
        }
        // As many n-grams as the small tables hold, and one more.
        let text: String = (0..15_000)
            .map(|number: u32| format!("{},", number * number % 2003))
            .collect();
        for num_grams in [usize::from(u16::MAX), usize::from(u16::MAX) + 1] {
            check(&mut grams, &text[..num_grams + 9], 10);
        }
    }
}
