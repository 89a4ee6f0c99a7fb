//! Counts how often n-grams of characters or words come again.
//!
//! # How it is fast
//!
//! Most n-grams occur once, and of those only their number matters. A first pass hashes every position: the first one of
//! a bucket owns it, and a later one is a candidate. It has no branch that depends on the text, because a wrong guess of
//! the processor costs as much as the rest of the work on ten positions. Only candidates (in English one position in
//! three) go on to a second pass, which compares their symbols with the owner's, so the counts are exact. Copies are
//! counted at the owner; the others, one position in ten, have a bucket of another n-gram, as all copies of theirs have:
//! they are counted in the same way with another hash and a table of their own. What has no bucket of its own after some
//! rounds is sorted. In a usual text that is next to nothing; whoever picks the text can make it all.
//!
//! Counts are small numbers, so the most frequent n-grams are picked from a histogram.

use std::cmp::Ordering;
use std::hint::select_unpredictable;

use crate::dispatch::{self, Kernel};

const SYMBOL_KEY: u64 = 0xa076_1d64_78bd_642f;
const POSITION_KEY: u64 = 0x9e37_79b9_7f4a_7c15;
/// Buckets a position, at least: more of them tell more n-grams apart, and take more memory.
const BUCKETS_PER_POSITION: usize = 2;
/// Rounds after which the n-grams without a bucket are sorted.
const MAX_ROUNDS: u32 = 6;
/// So few are sorted at once.
const MAX_SORTED: usize = 24;
/// Positions of which a small table has indices.
const MAX_SMALL: usize = u16::MAX as usize;
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

/// An index of a position, in as few bytes as it needs: the tables of most texts then fit the nearest caches.
trait Index: Copy + Default {
    /// Two of them.
    type Pair: Copy + Default;

    fn new(index: usize) -> Self;
    fn get(self) -> usize;
    fn pair(self, other: Self) -> Self::Pair;
    fn both(pair: Self::Pair) -> (Self, Self);
}

impl Index for u16 {
    type Pair = u32;

    #[inline(always)]
    fn new(index: usize) -> Self {
        index as Self
    }

    #[inline(always)]
    fn get(self) -> usize {
        usize::from(self)
    }

    #[inline(always)]
    fn pair(self, other: Self) -> u32 {
        u32::from(self) << 16 | u32::from(other)
    }

    #[inline(always)]
    fn both(pair: u32) -> (Self, Self) {
        ((pair >> 16) as Self, pair as Self)
    }
}

impl Index for u32 {
    type Pair = u64;

    #[inline(always)]
    fn new(index: usize) -> Self {
        index as Self
    }

    #[inline(always)]
    fn get(self) -> usize {
        self as usize
    }

    #[inline(always)]
    fn pair(self, other: Self) -> u64 {
        u64::from(self) << 32 | u64::from(other)
    }

    #[inline(always)]
    fn both(pair: u64) -> (Self, Self) {
        ((pair >> 32) as Self, pair as Self)
    }
}

/// Counts the n-grams of one sequence; keeps its tables: at most 1.4 MB for sequences of up to 65 535 n-grams, and 41
/// bytes an n-gram of the longest beyond.
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatedGrams {
    small: Tables<u16>,
    large: Tables<u32>,
    /// The bytes of the text between zeros, for [`Blocks`].
    padded: Vec<u8>,
    /// Places whose n-gram has no bucket yet, and those of the next round.
    left: Vec<u32>,
    next: Vec<u32>,
    counts: Counts,
    num_grams: usize,
}

/// What is known of positions and buckets.
#[derive(Debug, Clone, Default)]
struct Tables<I: Index> {
    /// The first place of each bucket; 0 if there is none.
    owners: Vec<I>,
    /// Places that come later in a bucket, and its owner; as long as the longest text needed.
    candidates: Vec<I::Pair>,
    /// Copies of the n-gram beside the first, at its first place.
    num_others: Vec<I>,
    num_candidates: usize,
    /// First places of n-grams that repeat; as long as the longest text needed.
    firsts: Vec<I>,
}

/// The n-grams of a sequence, by their places: a place is one more than the position, so that 0 is none.
trait Grams {
    /// The hash of the n-gram at a place; another one each round. The high bits are the better ones.
    fn hash(&self, place: usize, round: u32) -> u64;

    /// Whether the n-grams at two places are equal.
    fn is_same(&self, one: usize, other: usize) -> bool;

    /// Which of two n-grams comes first in some order.
    fn compare(&self, one: usize, other: usize) -> Ordering;
}

/// N-grams of any symbols.
struct Slices<'a, S> {
    symbols: &'a [S],
    length: usize,
}

impl<S: Symbol> Slices<'_, S> {
    fn gram(&self, place: usize) -> &[S] {
        &self.symbols[place - 1..place - 1 + self.length]
    }
}

impl<S: Symbol> Grams for Slices<'_, S> {
    fn hash(&self, place: usize, round: u32) -> u64 {
        let key = POSITION_KEY.rotate_left(2 * round) | 1;
        let symbols = self.gram(place).iter();
        symbols.fold(0, |state: u64, symbol| {
            let mixed = symbol.bits().wrapping_add(key).wrapping_mul(SYMBOL_KEY);
            (state.rotate_left(23) ^ mixed).wrapping_mul(key)
        })
    }

    fn is_same(&self, one: usize, other: usize) -> bool {
        self.gram(one) == self.gram(other)
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        self.gram(one).cmp(self.gram(other))
    }
}

/// N-grams of 9 to 16 bytes.
struct Blocks<'a> {
    /// A zero, the bytes, and [`BLOCK`] zeros, so that a block can be read at each place.
    padded: &'a [u8],
    /// The bits of the second half of a block that belong to its n-gram.
    mask: u64,
}

/// Bytes of a block.
const BLOCK: usize = 16;

impl Blocks<'_> {
    /// The bytes of an n-gram, in halves: as one number they would go through a vector and back.
    #[inline(always)]
    fn halves(&self, place: usize) -> (u64, u64) {
        let (head, tail) = self.padded[place..place + BLOCK].split_at(BLOCK / 2);
        (block_of(head), block_of(tail) & self.mask)
    }
}

impl Grams for Blocks<'_> {
    #[inline(always)]
    fn hash(&self, place: usize, round: u32) -> u64 {
        let (head, tail) = self.halves(place);
        let key = POSITION_KEY.rotate_left(2 * round) | 1;
        (head.wrapping_mul(key) ^ tail.rotate_left(32)).wrapping_mul(SYMBOL_KEY)
    }

    #[inline(always)]
    fn is_same(&self, one: usize, other: usize) -> bool {
        let (one, other) = (self.halves(one), self.halves(other));
        (one.0 ^ other.0) | (one.1 ^ other.1) == 0
    }

    fn compare(&self, one: usize, other: usize) -> Ordering {
        self.halves(one).cmp(&self.halves(other))
    }
}

impl RepeatedGrams {
    /// Counts the n-grams of `length` symbols.
    pub(super) fn count<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        self.begin(symbols.len(), length);
        if self.num_grams >= 2 {
            self.count_all(rolling_hashes(symbols, length), &Slices { symbols, length });
        }
    }

    /// The same for bytes: n-grams of 9 to 16 bytes are compared as blocks.
    pub(super) fn count_bytes(&mut self, bytes: &[u8], length: usize) {
        self.begin(bytes.len(), length);
        if self.num_grams < 2 || !(9..=16).contains(&length) {
            return self.count(bytes, length);
        }
        dispatch::run(CountBlocks {
            grams: self,
            bytes,
            length,
        });
    }

    /// Counts n-grams of 9 to 16 bytes.
    #[inline(always)]
    fn count_blocks(&mut self, bytes: &[u8], length: usize) {
        let mut padded = std::mem::take(&mut self.padded);
        padded.clear();
        padded.push(0);
        padded.extend_from_slice(bytes);
        padded.extend_from_slice(&[0; BLOCK]);
        let mask = u64::MAX >> (8 * (BLOCK - length));
        let blocks = bytes.windows(8).zip(bytes[length - 8..].windows(8));
        let hashes = blocks.map(|(head, tail)| {
            let (head, tail) = (block_of(head), block_of(tail));
            head.wrapping_add(tail.rotate_left(29)).wrapping_mul(SYMBOL_KEY)
        });
        let grams = Blocks {
            padded: &padded,
            mask,
        };
        self.count_all(hashes, &grams);
        self.padded = padded;
    }

    fn begin(&mut self, num_symbols: usize, length: usize) {
        self.num_grams = (num_symbols + 1).saturating_sub(length);
        self.counts.clear();
    }

    /// Counts n-grams of which those are the hashes of the first round.
    #[inline(always)]
    fn count_all(&mut self, hashes: impl Iterator<Item = u64>, grams: &impl Grams) {
        self.left.clear();
        let num_grams = self.num_grams;
        if num_grams <= MAX_SMALL {
            self.small.link(num_grams, hashes);
            self.small
                .compare(|at| at, grams, &mut self.counts, &mut self.left);
        } else {
            self.large.link(num_grams, hashes);
            self.large
                .compare(|at| at, grams, &mut self.counts, &mut self.left);
        }
        let mut round = 1;
        while self.left.len() > MAX_SORTED && round < MAX_ROUNDS {
            self.next.clear();
            let left = &self.left[..];
            let hashes = left.iter().map(|&place| grams.hash(place as usize, round));
            let place = |index: usize| left[index - 1] as usize;
            if left.len() <= MAX_SMALL {
                self.small.link(left.len(), hashes);
                self.small.compare(place, grams, &mut self.counts, &mut self.next);
            } else {
                self.large.link(left.len(), hashes);
                self.large.compare(place, grams, &mut self.counts, &mut self.next);
            }
            std::mem::swap(&mut self.left, &mut self.next);
            round += 1;
        }
        let compare = |one: &u32, other: &u32| grams.compare(*one as usize, *other as usize);
        self.left.sort_unstable_by(compare);
        let same = self.left.chunk_by(|one, other| compare(one, other).is_eq());
        self.counts
            .add(same.map(<[u32]>::len).filter(|&number| number > 1));
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

impl<I: Index> Tables<I> {
    /// First pass: finds positions with one before them that has the same high bits of the hash.
    #[inline(always)]
    fn link(&mut self, num_positions: usize, hashes: impl Iterator<Item = u64>) {
        let num_buckets = (BUCKETS_PER_POSITION * num_positions).next_power_of_two().max(2);
        let shift = 64 - num_buckets.trailing_zeros();
        self.owners.clear();
        self.owners.resize(num_buckets, I::default());
        self.num_others.clear();
        self.num_others.resize(num_positions + 1, I::default());
        if self.candidates.len() < num_positions {
            self.candidates.resize(num_positions, I::Pair::default());
            self.firsts.resize(num_positions, I::default());
        }
        let (owners, candidates) = (&mut self.owners[..], &mut self.candidates[..num_positions]);
        let mut num_candidates = 0;
        for (index, hash) in (1..num_positions + 1).zip(hashes) {
            let owner = &mut owners[(hash >> shift) as usize];
            let (index, before) = (I::new(index), *owner);
            let is_free = before.get() == 0;
            *owner = select_unpredictable(is_free, index, before);
            // Written always, kept sometimes.
            candidates[num_candidates] = index.pair(before);
            num_candidates += usize::from(!is_free);
        }
        self.num_candidates = num_candidates;
    }

    /// Second pass: counts candidates that are copies of their bucket's owner; adds the places of the others to `left`.
    /// `place` says where the n-gram of an index is.
    #[inline(always)]
    fn compare(
        &mut self,
        place: impl Fn(usize) -> usize,
        grams: &impl Grams,
        counts: &mut Counts,
        left: &mut Vec<u32>,
    ) {
        let candidates = &self.candidates[..self.num_candidates];
        let (firsts, num_others) = (&mut self.firsts[..], &mut self.num_others[..]);
        let num_before = left.len();
        left.resize(num_before + candidates.len() + 1, 0);
        let others = &mut left[num_before..];
        let (mut num_firsts, mut num_left) = (0, 0);
        for &pair in candidates {
            let (candidate, owner) = I::both(pair);
            let (at, owner) = (place(candidate.get()), owner.get());
            let is_copy = grams.is_same(at, place(owner));
            others[num_left] = at as u32;
            num_left += usize::from(!is_copy);
            let number = num_others[owner].get() + usize::from(is_copy);
            num_others[owner] = I::new(number);
            firsts[num_firsts] = I::new(owner);
            num_firsts += usize::from(is_copy & (number == 1));
        }
        left.truncate(num_before + num_left);
        let firsts = firsts[..num_firsts].iter();
        counts.add(firsts.map(|first| num_others[first.get()].get() + 1));
    }
}

/// N-grams of bytes to be counted. The wide path differs in the instructions that the compiler may use.
struct CountBlocks<'a> {
    grams: &'a mut RepeatedGrams,
    bytes: &'a [u8],
    length: usize,
}

impl Kernel for CountBlocks<'_> {
    type Output = ();

    fn portable(self) {
        self.grams.count_blocks(self.bytes, self.length)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
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

    /// Takes the numbers of copies of further n-grams.
    #[inline(always)]
    fn add(&mut self, counts: impl Iterator<Item = usize>) {
        let (mut number, mut sum) = (0, 0);
        for count in counts {
            number += 1;
            sum += count;
            match self.histogram.get_mut(count) {
                Some(number) => *number += 1,
                None => self.large.push(count as u32),
            }
        }
        self.number += number;
        self.sum += sum;
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
                let numbers: Vec<u64> = symbols.iter().map(|&symbol| symbol as u64).collect();
                if symbols.len() > 1 {
                    let hashes = symbols.iter().map(|symbol| (symbol % hashes) as u64);
                    grams.count_all(hashes, &Slices { symbols: &numbers, length: 1 });
                }
                check_counts(&mut grams, &numbers, 1);
            }
        }
    }

    /// Numbers with one hash in every round.
    struct Alike<'a>(&'a [u64]);

    impl Grams for Alike<'_> {
        fn hash(&self, _place: usize, _round: u32) -> u64 {
            7
        }

        fn is_same(&self, one: usize, other: usize) -> bool {
            self.0[one - 1] == self.0[other - 1]
        }

        fn compare(&self, one: usize, other: usize) -> Ordering {
            self.0[one - 1].cmp(&self.0[other - 1])
        }
    }

    #[test]
    fn crafted_buckets_are_given_up_and_sorting_counts_the_same() {
        let mut grams = RepeatedGrams::default();
        for num_symbols in [500, 9000, 70_000, 300_000] {
            let symbols: Vec<u64> = (0..num_symbols).map(|number| number * number % 7777).collect();
            grams.begin(symbols.len(), 1);
            grams.count_all(symbols.iter().map(|_| 7), &Alike(&symbols));
            check_counts(&mut grams, &symbols, 1);
        }
    }

    #[test]
    fn long_texts_are_counted_alike() {
        let mut grams = RepeatedGrams::default();
        for (most, times) in [(5, 1), (50, 2), (3000, 1), (40_000, 3)] {
            let symbols: Vec<u64> = (0..150_000).map(|number| number * number % most).collect();
            let bytes: Vec<u8> = symbols.iter().map(|&symbol| (symbol % 251) as u8).collect();
            let (symbols, bytes) = (symbols.repeat(times), bytes.repeat(times));
            grams.count(&symbols, 3);
            check_counts(&mut grams, &symbols, 3);
            grams.count_bytes(&bytes, 10);
            check_counts(&mut grams, &bytes, 10);
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
