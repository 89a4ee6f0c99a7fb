//! How many characters the most frequent word n-grams, and the repeated ones, hold.
//!
//! # How it is fast
//!
//! An n-gram can only repeat where the (n-1)-grams at its position and the next both repeat. So level n looks
//! at the positions that survived level n-1, and its key is the exact pair of their classes (a class is the
//! first position of an equal n-gram): no n-gram is ever hashed as a whole, and two keys are equal only when
//! the n-grams are (as far as 64-bit word hashes tell words apart). In technical English half of the
//! positions repeat at level 2, and one in fifteen at level 10.

use crate::segment::fold;

const PAIR_KEY: u64 = 0xd6e8_feb8_6659_fd93;

/// Characters in n-grams of one text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct NgramChars {
    /// Of all copies of the most frequent 2-, 3- and 4-gram, the spaces between their words included; 0 if
    /// shorter.
    pub(super) top: [usize; 3],
    /// Of second and later copies of 5- to 10-grams, found from left to right without overlap, without
    /// spaces.
    pub(super) duplicate: [usize; 6],
}

/// Counts n-grams; keeps its tables between texts (at most 70 bytes a token of the longest).
#[derive(Debug, Clone, Default)]
pub(super) struct Ngrams {
    first_positions: FirstPositions,
    /// Saturating number of positions whose 2-gram falls in the bucket.
    bucket_counts: Vec<u8>,
    /// Hash of the 2-gram at each position.
    pair_hashes: Vec<u64>,
    /// First position of an equal (n-1)-gram, for candidates of level n-1.
    classes: Vec<u32>,
    /// The same for n-grams.
    next_classes: Vec<u32>,
    /// Copies of the n-gram, at its first position.
    num_copies: Vec<u32>,
    /// Whether the n-gram at a position occurs more than once.
    repeats: Vec<bool>,
    /// Ascending positions whose n-gram may repeat.
    candidates: Vec<u32>,
    next_candidates: Vec<u32>,
    /// Level at which the class of that first position was last met by the scan for duplicates.
    met_at_level: Vec<u8>,
}

impl Ngrams {
    /// Counts characters in the n-grams of the words with those hashes and lengths.
    pub(super) fn count(&mut self, hashes: &[u64], char_counts: &[u32]) -> NgramChars {
        let mut chars = NgramChars::default();
        let num_words = hashes.len();
        if num_words < 2 {
            return chars;
        }
        self.begin(num_words);
        for level in 2..=10_usize.min(num_words) {
            if level == 2 {
                self.find_pairs(hashes);
            } else {
                self.lengthen();
            }
            if level <= 4 {
                chars.top[level - 2] = self.top_chars(level, char_counts);
            } else if self.candidates.is_empty() {
                break;
            } else {
                chars.duplicate[level - 5] = self.duplicate_chars(level, char_counts);
            }
            self.keep_repeating();
        }
        chars
    }

    fn begin(&mut self, num_words: usize) {
        // One more than there are positions, so that looking one ahead needs no test.
        let length = num_words + 1;
        for column in [&mut self.classes, &mut self.next_classes, &mut self.num_copies] {
            column.resize(length, 0);
        }
        self.num_copies.fill(0);
        self.repeats.clear();
        self.repeats.resize(length, false);
        self.met_at_level.clear();
        self.met_at_level.resize(length, 0);
        self.candidates.clear();
    }

    /// Level 2: classes of the 2-grams, looked up only where a small table of counters lets them repeat.
    fn find_pairs(&mut self, hashes: &[u64]) {
        let num_buckets = (4 * hashes.len()).next_power_of_two().max(64);
        let shift = 64 - num_buckets.trailing_zeros();
        self.bucket_counts.clear();
        self.bucket_counts.resize(num_buckets, 0);
        self.pair_hashes.clear();
        self.pair_hashes
            .extend(hashes.windows(2).map(|pair| fold(pair[0] ^ PAIR_KEY, pair[1])));
        for hash in &self.pair_hashes {
            let bucket = &mut self.bucket_counts[(hash >> shift) as usize];
            *bucket = bucket.saturating_add(1);
        }
        self.candidates.resize(self.pair_hashes.len(), 0);
        let mut num_candidates = 0;
        for (position, hash) in self.pair_hashes.iter().enumerate() {
            // Written always, kept sometimes: a branch here would be a coin toss.
            self.candidates[num_candidates] = position as u32;
            num_candidates += usize::from(self.bucket_counts[(hash >> shift) as usize] >= 2);
        }
        self.candidates.truncate(num_candidates);
        self.first_positions.begin(num_candidates);
        let (classes, num_copies) = (&mut self.next_classes[..], &mut self.num_copies[..]);
        for &candidate in &self.candidates {
            let position = candidate as usize;
            let pair = (hashes[position], hashes[position + 1]);
            let is_same = |other: usize| (hashes[other], hashes[other + 1]) == pair;
            let first = self
                .first_positions
                .first(self.pair_hashes[position], position, is_same);
            classes[position] = first as u32;
            num_copies[first] += 1;
        }
        self.settle_classes();
    }

    /// From level n-1 to level n, at the candidates.
    fn lengthen(&mut self) {
        self.first_positions.begin(self.candidates.len());
        let (classes, next_classes) = (&self.classes[..], &mut self.next_classes[..]);
        let num_copies = &mut self.num_copies[..];
        for &candidate in &self.candidates {
            num_copies[candidate as usize] = 0;
        }
        for &candidate in &self.candidates {
            let position = candidate as usize;
            let pair = (classes[position], classes[position + 1]);
            let hash = fold(u64::from(pair.0) << 32 | u64::from(pair.1), PAIR_KEY);
            // The table holds candidates of this level only, and their classes are all of level n-1.
            let is_same = |other: usize| (classes[other], classes[other + 1]) == pair;
            let first = self.first_positions.first(hash, position, is_same);
            next_classes[position] = first as u32;
            num_copies[first] += 1;
        }
        self.settle_classes();
    }

    /// Makes the new classes the current ones, and marks where the n-gram has copies.
    fn settle_classes(&mut self) {
        let (classes, next_classes) = (&mut self.classes[..], &self.next_classes[..]);
        let (num_copies, repeats) = (&self.num_copies[..], &mut self.repeats[..]);
        repeats.fill(false);
        for &candidate in &self.candidates {
            let position = candidate as usize;
            let class = next_classes[position];
            classes[position] = class;
            repeats[position] = num_copies[class as usize] > 1;
        }
    }

    /// Leaves as candidates the positions at which, and after which, the n-gram repeats.
    fn keep_repeating(&mut self) {
        self.next_candidates.clear();
        self.next_candidates.resize(self.candidates.len(), 0);
        let mut num_candidates = 0;
        for &candidate in &self.candidates {
            let position = candidate as usize;
            self.next_candidates[num_candidates] = candidate;
            num_candidates += usize::from(self.repeats[position] & self.repeats[position + 1]);
        }
        self.next_candidates.truncate(num_candidates);
        std::mem::swap(&mut self.candidates, &mut self.next_candidates);
    }

    /// Characters of all copies of the most frequent n-gram, the first among equals; spaces included.
    fn top_chars(&self, level: usize, char_counts: &[u32]) -> usize {
        // Without any repeat the first n-gram of the text is the first among equals.
        let (mut most, mut first) = (1, 0);
        for &candidate in &self.candidates {
            let num_copies = self.num_copies[candidate as usize];
            if num_copies > most {
                (most, first) = (num_copies, candidate as usize);
            }
        }
        (num_chars(char_counts, first, level) + level - 1) * most as usize
    }

    /// Characters of copies, from left to right; a copy's words are skipped.
    fn duplicate_chars(&mut self, level: usize, char_counts: &[u32]) -> usize {
        let (mut chars, mut next) = (0, 0);
        for &candidate in &self.candidates {
            let position = candidate as usize;
            if position < next {
                continue;
            }
            let met = &mut self.met_at_level[self.classes[position] as usize];
            if usize::from(*met) == level {
                chars += num_chars(char_counts, position, level);
                next = position + level;
            }
            *met = level as u8;
        }
        chars
    }
}

fn num_chars(char_counts: &[u32], start: usize, length: usize) -> usize {
    char_counts[start..start + length]
        .iter()
        .map(|&number| number as usize)
        .sum()
}

/// A hash table from keys that the caller holds to the first position at which each was met.
///
/// A slot is 32 bits of the key's hash beside the position, so that clearing is a fill and most probes touch
/// eight bytes; the caller's comparison makes it exact.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstPositions {
    /// `hash << 32 | position + 1`, or 0.
    slots: Vec<u64>,
    shift: u32,
}

impl FirstPositions {
    /// Forgets everything and makes room for that many keys.
    pub(super) fn begin(&mut self, num_keys: usize) {
        let num_slots = (2 * num_keys).next_power_of_two().max(64);
        self.slots.clear();
        self.slots.resize(num_slots, 0);
        self.shift = 64 - num_slots.trailing_zeros();
    }

    /// Returns the first position at which this key was met, and that is `position` if it is new.
    ///
    /// `is_same` says whether the key at an earlier position is this one.
    #[inline(always)]
    pub(super) fn first(&mut self, hash: u64, position: usize, is_same: impl Fn(usize) -> bool) -> usize {
        let mask = self.slots.len() - 1;
        let entry = hash << 32 | (position as u64 + 1);
        let mut index = (hash >> self.shift) as usize;
        loop {
            let slot = &mut self.slots[index & mask];
            if *slot == 0 {
                *slot = entry;
                return position;
            }
            let other = (*slot as u32 - 1) as usize;
            if (*slot ^ entry) >> 32 == 0 && is_same(other) {
                return other;
            }
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::{HashMap, HashSet};

    /// datatrove's loops, on numbers in place of words.
    fn by_definition(words: &[u64], char_counts: &[u32]) -> NgramChars {
        let mut chars = NgramChars::default();
        for level in 2..=4 {
            let mut counts: HashMap<&[u64], (usize, usize)> = HashMap::new();
            for (position, ngram) in words.windows(level).enumerate() {
                counts.entry(ngram).or_insert((0, position)).0 += 1;
            }
            let top = counts
                .values()
                .max_by_key(|(number, position)| (*number, usize::MAX - position));
            chars.top[level - 2] = top.map_or(0, |&(number, position)| {
                let length: u32 = char_counts[position..position + level].iter().sum();
                (length as usize + level - 1) * number
            });
        }
        for level in 5..=10 {
            let (mut unique, mut position) = (HashSet::new(), 0);
            while position + level <= words.len() {
                if unique.insert(&words[position..position + level]) {
                    position += 1;
                } else {
                    let length: u32 = char_counts[position..position + level].iter().sum();
                    chars.duplicate[level - 5] += length as usize;
                    position += level;
                }
            }
        }
        chars
    }

    /// Sequences with few words, or with blocks that come again.
    fn words() -> impl Strategy<Value = Vec<u64>> {
        let block = prop::collection::vec(0..40_u64, 1..14);
        let repeated = (block, 1..4_usize).prop_map(|(block, times)| block.repeat(times));
        prop_oneof![
            prop::collection::vec(0..3_u64, 0..80),
            prop::collection::vec(repeated.clone(), 0..12).prop_map(|blocks| blocks.concat()),
            (repeated.clone(), repeated.clone(), 0..90_u64).prop_map(|(left, right, middle)| {
                [
                    left.clone(),
                    (100..100 + middle).collect(),
                    right.clone(),
                    left,
                    right,
                ]
                .concat()
            }),
        ]
    }

    proptest! {
        #[test]
        fn chained_counts_are_those_of_the_definition(texts in prop::collection::vec(words(), 1..5)) {
            let mut ngrams = Ngrams::default();
            for words in texts {
                let char_counts: Vec<u32> = words.iter().map(|word| 1 + (word % 7) as u32).collect();
                let hashes: Vec<u64> = words.iter().map(|&word| crate::hash::mix64(word + 1)).collect();
                prop_assert_eq!(ngrams.count(&hashes, &char_counts), by_definition(&words, &char_counts));
            }
        }
    }

    #[test]
    fn equal_tags_are_told_apart() {
        let keys = [1_u64, 2, 1, 3, 2];
        let mut first_positions = FirstPositions::default();
        first_positions.begin(keys.len());
        // One hash for all keys: only the comparison can tell them apart.
        let firsts: Vec<usize> = (0..keys.len())
            .map(|position| first_positions.first(7, position, |other| keys[other] == keys[position]))
            .collect();
        assert_eq!(firsts, [0, 1, 0, 3, 1]);
    }
}
