//! Counts how often n-grams of characters or words come again.
//!
//! # How it is fast
//!
//! Most n-grams occur once, and of those only their number matters. So all positions are hashed (a rotating hash, two
//! operations from one position to the next) into a small table of saturating counters, and only positions whose
//! counter has seen two go on. A repeated n-gram is mostly followed by another: if the n-gram at a position equals that
//! at an earlier one, one comparison of the symbols behind both settles the next position. What is left is looked up
//! and compared symbol by symbol, so the counts are exact.

use crate::signals::ngrams::FirstPositions;

const SYMBOL_KEY: u64 = 0xa076_1d64_78bd_642f;
/// Counters in a byte of [`RepeatedGrams::counters`].
const COUNTERS_A_BYTE: u32 = 4;
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

/// What n-grams are made of: bytes, characters or hashes of words.
pub(super) trait Symbol: Copy + Eq {
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

/// Counts the n-grams of one sequence; keeps its tables (about 30 bytes a symbol of the longest).
#[derive(Debug, Clone, Default)]
pub(super) struct RepeatedGrams {
    /// Two bits a counter: none, one (low bit) or several (high bit) positions with a hash of that counter.
    counters: Vec<u8>,
    hashes: Vec<u32>,
    first_positions: FirstPositions,
    /// First position of an equal n-gram, where the n-gram may repeat.
    classes: Vec<u32>,
    /// Copies of the n-gram, at its first position.
    num_copies: Vec<u32>,
    /// First positions of the n-grams that may repeat.
    firsts: Vec<u32>,
    /// Copies of each n-gram that has several.
    repeated: Vec<u32>,
    num_grams: usize,
}

impl RepeatedGrams {
    /// Counts the n-grams of `length` symbols.
    pub(super) fn count<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        self.num_grams = (symbols.len() + 1).saturating_sub(length);
        self.repeated.clear();
        self.firsts.clear();
        if self.num_grams < 2 {
            return;
        }
        self.hash_all(symbols, length);
        self.find_classes(symbols, length);
        let copies = self.firsts.iter().map(|&first| self.num_copies[first as usize]);
        self.repeated.extend(copies.filter(|&number| number > 1));
    }

    /// Number of n-grams.
    pub(super) fn num_grams(&self) -> usize {
        self.num_grams
    }

    /// Number of positions whose n-gram occurs more than once.
    pub(super) fn num_repeated(&self) -> usize {
        self.repeated.iter().map(|&number| number as usize).sum()
    }

    /// Number of different n-grams.
    pub(super) fn num_distinct(&self) -> usize {
        self.num_grams - self.num_repeated() + self.repeated.len()
    }

    /// Number of positions that hold one of the `most` most frequent n-grams, of those that occur more than once.
    pub(super) fn num_in_most_frequent(&mut self, most: usize) -> usize {
        if most < self.repeated.len() {
            self.repeated
                .select_nth_unstable_by(most, |left, right| right.cmp(left));
        }
        self.repeated
            .iter()
            .take(most)
            .map(|&number| number as usize)
            .sum()
    }

    /// Hashes the n-gram at every position and counts positions by hash, as far as "several".
    fn hash_all<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        let num_bytes = (2 * self.num_grams).next_power_of_two().max(64);
        let shift = shift_of(num_bytes);
        self.counters.clear();
        self.counters.resize(num_bytes, 0);
        self.hashes.clear();
        self.hashes.reserve(self.num_grams);
        let rotation = (length % 64) as u32;
        let mix = |symbol: S| symbol.bits().wrapping_mul(SYMBOL_KEY);
        let (head, tail) = symbols.split_at(length);
        let mut state = head
            .iter()
            .fold(0_u64, |state, &symbol| state.rotate_left(1) ^ mix(symbol));
        let counters = &mut self.counters[..];
        let mut note = |state: u64| {
            let hash = (state.wrapping_mul(SPREAD) >> 32) as u32;
            let byte = &mut counters[(hash >> shift) as usize];
            let low = low_bit(hash);
            *byte |= 1 << (low + u32::from(*byte >> low & 1));
            hash
        };
        self.hashes.push(note(state));
        self.hashes.extend(symbols.iter().zip(tail).map(|(&old, &new)| {
            state = state.rotate_left(1) ^ mix(old).rotate_left(rotation) ^ mix(new);
            note(state)
        }));
    }

    /// Finds the first position of an equal n-gram wherever the n-gram may repeat, and counts copies there.
    fn find_classes<S: Symbol>(&mut self, symbols: &[S], length: usize) {
        let num_grams = self.num_grams;
        self.classes.resize(num_grams, 0);
        self.num_copies.resize(num_grams, 0);
        let shift = shift_of(self.counters.len());
        // A table that grows with what is in it stays in the cache; few n-grams repeat, and most by following another.
        let mut capacity = (num_grams / 16).max(32);
        self.first_positions.begin(capacity);
        let mut position = 0;
        while let Some(&hash) = self.hashes.get(position) {
            let counters = self.counters[(hash >> shift) as usize];
            if counters >> low_bit(hash) & 2 == 0 {
                position += 1;
                continue;
            }
            let gram = &symbols[position..position + length];
            let is_same = |other: usize| other == position || &symbols[other..other + length] == gram;
            let first = self.first_positions.first(spread(hash), position, is_same);
            self.classes[position] = first as u32;
            if first == position {
                self.num_copies[position] = 1;
                self.firsts.push(position as u32);
                position += 1;
                if self.firsts.len() == capacity {
                    capacity *= 4;
                    self.make_room(capacity);
                }
                continue;
            }
            self.num_copies[first] += 1;
            position += 1;
            // While the symbols behind both are the same, so are the n-grams.
            let mut twin = first + 1;
            while position < num_grams && symbols[twin + length - 1] == symbols[position + length - 1] {
                let class = self.classes[twin];
                self.classes[position] = class;
                self.num_copies[class as usize] += 1;
                position += 1;
                twin += 1;
            }
        }
    }

    /// Enlarges the table of first positions.
    fn make_room(&mut self, capacity: usize) {
        self.first_positions.begin(capacity);
        for &first in &self.firsts {
            let hash = spread(self.hashes[first as usize]);
            let is_itself = |other| other == first as usize;
            self.first_positions.first(hash, first as usize, is_itself);
        }
    }
}

/// The hash as the table wants it: 64 bits, the high ones well mixed.
fn spread(hash: u32) -> u64 {
    u64::from(hash).wrapping_mul(SPREAD)
}

/// The place of a hash's counter in its byte.
fn low_bit(hash: u32) -> u32 {
    2 * (hash % COUNTERS_A_BYTE)
}

/// How far a hash is shifted to become the index of a byte; a text that needs more than 32 bits shares counters.
fn shift_of(num_bytes: usize) -> u32 {
    32_u32.saturating_sub(num_bytes.trailing_zeros())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    fn check<S: Symbol + std::hash::Hash>(grams: &mut RepeatedGrams, symbols: &[S], length: usize) {
        let mut counts: HashMap<&[S], usize> = HashMap::new();
        for gram in symbols.windows(length) {
            *counts.entry(gram).or_default() += 1;
        }
        let mut counts: Vec<usize> = counts.into_values().collect();
        counts.sort_unstable_by(|left, right| right.cmp(left));
        grams.count(symbols, length);
        assert_eq!(grams.num_grams(), counts.iter().sum::<usize>());
        assert_eq!(grams.num_distinct(), counts.len());
        let repeated: Vec<usize> = counts.iter().copied().filter(|&number| number > 1).collect();
        assert_eq!(grams.num_repeated(), repeated.iter().sum::<usize>());
        for most in [0, 1, 2, repeated.len() / 2, repeated.len()] {
            assert_eq!(
                grams.num_in_most_frequent(most),
                repeated.iter().take(most).sum::<usize>()
            );
        }
    }

    proptest! {
        #[test]
        fn counts_are_those_of_every_n_gram(
            texts in prop::collection::vec(("[ab]{0,60}", "([a-d]{1,9} ){0,9}", 0..5_usize, 1..13_usize), 1..5)
        ) {
            let mut grams = RepeatedGrams::default();
            for (left, block, times, length) in texts {
                let text = format!("{left}{}x{}", block.repeat(times), block.repeat(times));
                check(&mut grams, text.as_bytes(), length);
                check(&mut grams, &text.chars().collect::<Vec<_>>(), length);
                check(&mut grams, &text.bytes().map(u64::from).collect::<Vec<_>>(), length);
            }
        }
    }

    #[test]
    fn n_grams_longer_than_a_rotation_are_told_apart() {
        let text = "abcdefgh".repeat(40);
        for length in [63, 64, 65, 128, 319, 320, 321] {
            check(&mut RepeatedGrams::default(), text.as_bytes(), length);
        }
    }
}
