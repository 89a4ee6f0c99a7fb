//! How many characters the most frequent word n-grams, and the repeated ones, hold.
//!
//! # How it is fast
//!
//! An n-gram can only be the copy of an earlier one if its first n-1 words are. So level n looks at the copies
//! of level n-1, and at nothing else. Most of them go on as the first equal (n-1)-gram went on, which one
//! comparison of words tells. The others need a hash table, and its key is that first position and the new word.
//! So no n-gram is ever hashed as a whole, and two are equal only when their words are (as far as 64-bit word
//! hashes tell words apart). In technical English four in ten positions are copies at level 2, and one in
//! thirteen at level 10.
//!
//! What cannot be foreseen (does it go on in its own way? is it new?) is computed without branches, in several light
//! passes: a wrong guess of the processor costs as much as the rest of the work on a token. Runs of copies in place of
//! single ones make fewer steps and more wrong guesses, and came out slower.

use crate::dispatch::{self, Kernel};
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

/// Counts n-grams; keeps its tables between texts (at most 60 bytes a token of the longest).
#[derive(Debug, Clone, Default)]
pub(super) struct Ngrams {
    first_positions: FirstPositions,
    /// Saturating number of positions whose 2-gram falls in the bucket.
    bucket_counts: Vec<u8>,
    /// Hash of the 2-gram at each position.
    pair_hashes: Vec<u64>,
    /// Ascending positions whose n-gram is a copy of an earlier one.
    repeated: Vec<Repeated>,
    /// Which of them need the table.
    undecided: Vec<u32>,
    marks: Marks,
}

/// The words of one text, to be counted. The wide path differs in the instructions that the compiler may use.
struct Count<'a> {
    ngrams: &'a mut Ngrams,
    hashes: &'a [u64],
    char_counts: &'a [u32],
}

impl Kernel for Count<'_> {
    type Output = NgramChars;

    fn portable(self) -> NgramChars {
        self.ngrams.count_here(self.hashes, self.char_counts)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> NgramChars {
        self.ngrams.count_here(self.hashes, self.char_counts)
    }
}

/// A position, and the first position of an equal n-gram.
#[derive(Debug, Clone, Copy, Default)]
struct Repeated {
    position: u32,
    first: u32,
}

/// What is known of each position.
#[derive(Debug, Clone, Default)]
struct Marks {
    /// For an n-gram that the table holds: the first position of its first n-1 words.
    origins: Vec<u32>,
    /// Copies so far of the n-gram of which this is the first position.
    num_copies: Vec<u32>,
    /// The highest level at which the n-gram here is known to occur more than once.
    repeats_at_level: Vec<u8>,
    /// The level at which the scan for duplicates skipped this first position, until it meets a copy.
    unmet_at_level: Vec<u8>,
}

/// What repeats at one level.
#[derive(Debug, Clone, Copy)]
pub(super) struct Repeats<'a> {
    level: usize,
    top: Top,
    repeated: &'a [Repeated],
}

impl Repeats<'_> {
    /// Words in an n-gram.
    pub(super) fn level(&self) -> usize {
        self.level
    }

    /// How often the most frequent n-gram occurs, and where first; the first among equals.
    pub(super) fn most_frequent(&self) -> (usize, usize) {
        self.top.copies_and_first()
    }

    /// Ascending positions of second and later copies, each with the position of the first.
    pub(super) fn copies(&self) -> impl Iterator<Item = (usize, usize)> {
        let positions = self.repeated.iter();
        positions.map(|copy| (copy.position as usize, copy.first as usize))
    }
}

impl Ngrams {
    /// Counts characters in the n-grams of the words with those hashes and lengths.
    pub(super) fn count(&mut self, hashes: &[u64], char_counts: &[u32]) -> NgramChars {
        dispatch::run(Count {
            ngrams: self,
            hashes,
            char_counts,
        })
    }

    #[inline(always)]
    fn count_here(&mut self, hashes: &[u64], char_counts: &[u32]) -> NgramChars {
        let mut chars = NgramChars::default();
        let num_words = hashes.len();
        if num_words < 2 {
            return chars;
        }
        self.marks.begin(num_words);
        for level in 2..=10_usize.min(num_words) {
            self.find_level(level, hashes);
            if level <= 4 {
                let (number, first) = self.most_frequent(num_words).copies_and_first();
                chars.top[level - 2] = (num_chars(char_counts, first, level) + level - 1) * number;
            } else if self.repeated.is_empty() {
                break;
            } else {
                chars.duplicate[level - 5] = self.duplicate_chars(level, char_counts);
            }
        }
        chars
    }

    /// Calls `visit` for n-grams of 2 to 10 words, as long as any occurs more than once; for 2-grams always.
    pub(super) fn each_level(&mut self, hashes: &[u64], mut visit: impl FnMut(Repeats<'_>)) {
        let num_words = hashes.len();
        if num_words < 2 {
            return;
        }
        self.marks.begin(num_words);
        for level in 2..=10_usize.min(num_words) {
            if level > 2 && self.repeated.is_empty() {
                break;
            }
            self.find_level(level, hashes);
            let top = self.most_frequent(num_words);
            visit(Repeats {
                level,
                top,
                repeated: &self.repeated,
            });
        }
    }

    /// Finds the copies of that level, given those of the level before.
    #[inline(always)]
    fn find_level(&mut self, level: usize, hashes: &[u64]) {
        if level == 2 {
            self.find_pairs(hashes);
        } else {
            self.lengthen(level, hashes);
        }
    }

    /// Level 2: looked up only where a small table of counters lets a 2-gram repeat.
    #[inline(always)]
    fn find_pairs(&mut self, hashes: &[u64]) {
        let num_buckets = (4 * hashes.len()).next_power_of_two().max(64);
        let shift = 64 - num_buckets.trailing_zeros();
        self.bucket_counts.clear();
        self.bucket_counts.resize(num_buckets, 0);
        let buckets = &mut self.bucket_counts[..];
        self.pair_hashes.clear();
        self.pair_hashes.extend(hashes.windows(2).map(|pair| {
            let hash = fold(pair[0] ^ PAIR_KEY, pair[1]);
            let bucket = &mut buckets[(hash >> shift) as usize];
            *bucket = bucket.saturating_add(1);
            hash
        }));
        self.repeated.resize(hashes.len(), Repeated::default());
        let repeated = &mut self.repeated[..];
        let mut num_candidates = 0;
        for (position, hash) in self.pair_hashes.iter().enumerate() {
            // Written always, kept sometimes: a branch here would be a coin toss.
            repeated[num_candidates].position = position as u32;
            num_candidates += usize::from(buckets[(hash >> shift) as usize] >= 2);
        }
        self.first_positions.begin(num_candidates);
        let repeats_at_level = &mut self.marks.repeats_at_level[..];
        let mut num_copies = 0;
        for index in 0..num_candidates {
            let position = repeated[index].position as usize;
            let pair = (hashes[position], hashes[position + 1]);
            let is_same = |other: usize| (hashes[other], hashes[other + 1]) == pair;
            let hash = self.pair_hashes[position];
            let first = self.first_positions.first(hash, position, is_same);
            let is_copy = first != position;
            repeated[num_copies] = Repeated {
                position: position as u32,
                first: first as u32,
            };
            num_copies += usize::from(is_copy);
            // Of a copy, both repeat; of a first one, nothing is known yet.
            repeats_at_level[position] = 2 * u8::from(is_copy);
            repeats_at_level[first] = 2 * u8::from(is_copy);
        }
        self.repeated.truncate(num_copies);
    }

    /// From level n-1 to level n, at the copies; what becomes new drops out.
    #[inline(always)]
    fn lengthen(&mut self, level: usize, hashes: &[u64]) {
        let last_words = &hashes[level - 1..];
        // Only the last copy can be too close to the end.
        if let Some(last) = self.repeated.last()
            && last.position as usize >= last_words.len()
        {
            self.repeated.pop();
        }
        if self.undecided.len() < self.repeated.len() {
            self.undecided.resize(self.repeated.len(), 0);
        }
        let repeated = &mut self.repeated[..];
        let undecided = &mut self.undecided[..repeated.len()];
        // Slices, because a vector's place would be loaded again and again.
        let repeats_at_level = &mut self.marks.repeats_at_level[..];
        let (mut num_left, mut num_undecided) = (0, 0);
        for index in 0..repeated.len() {
            let copy = repeated[index];
            let position = copy.position as usize;
            let goes_on = last_words[copy.first as usize] == last_words[position];
            // Going on in its own way, it can only come again if the next words do.
            let may_repeat = usize::from(repeats_at_level[position + 1]) == level - 1;
            repeated[num_left] = copy;
            undecided[num_undecided] = num_left as u32;
            num_undecided += usize::from(!goes_on & may_repeat);
            num_left += usize::from(goes_on | may_repeat);
        }
        self.first_positions.begin(num_undecided);
        let origins = &mut self.marks.origins[..];
        for &index in &undecided[..num_undecided] {
            let copy = &mut repeated[index as usize];
            let (position, shorter) = (copy.position as usize, copy.first);
            let last_word = last_words[position];
            origins[position] = shorter;
            let is_same = |other: usize| origins[other] == shorter && last_words[other] == last_word;
            let hash = fold(last_word ^ u64::from(shorter), PAIR_KEY);
            copy.first = self.first_positions.first(hash, position, is_same) as u32;
        }
        let mut num_copies = 0;
        for index in 0..num_left {
            let copy = repeated[index];
            repeated[num_copies] = copy;
            let is_copy = copy.first != copy.position;
            num_copies += usize::from(is_copy);
            for position in [copy.position, copy.first] {
                let mark = &mut repeats_at_level[position as usize];
                *mark = if is_copy { level as u8 } else { *mark };
            }
        }
        self.repeated.truncate(num_copies);
    }

    /// The most frequent of the repeated n-grams.
    #[inline(always)]
    fn most_frequent(&mut self, num_words: usize) -> Top {
        let num_copies = &mut self.marks.num_copies[..num_words];
        num_copies.fill(0);
        let mut top = Top::default();
        for copy in &self.repeated {
            let number = &mut num_copies[copy.first as usize];
            *number += 1;
            top.0 = top
                .0
                .max(u64::from(*number) << 32 | u64::from(u32::MAX - copy.first));
        }
        top
    }

    /// Characters of copies, from left to right; a copy's words are skipped, and what starts there is not met.
    #[inline(always)]
    fn duplicate_chars(&mut self, level: usize, char_counts: &[u32]) -> usize {
        let (mut chars, mut next) = (0, 0);
        for copy in &self.repeated {
            let position = copy.position as usize;
            if position < next {
                continue;
            }
            let unmet = &mut self.marks.unmet_at_level[copy.first as usize];
            if usize::from(*unmet) == level {
                *unmet = 0;
                continue;
            }
            chars += num_chars(char_counts, position, level);
            next = position + level;
            self.marks.unmet_at_level[position..next].fill(level as u8);
        }
        chars
    }
}

impl Marks {
    fn begin(&mut self, num_words: usize) {
        // One more than there are positions, so that looking one ahead needs no test.
        let length = num_words + 1;
        for column in [&mut self.origins, &mut self.num_copies] {
            if column.len() < length {
                column.resize(length, 0);
            }
        }
        for column in [&mut self.repeats_at_level, &mut self.unmet_at_level] {
            column.clear();
            column.resize(length, 0);
        }
    }
}

/// The most frequent n-gram so far, the first among equals: copies beside the first one, and how early it is.
#[derive(Debug, Clone, Copy)]
struct Top(u64);

impl Default for Top {
    /// Without any copy the first n-gram of the text is the first among equals.
    fn default() -> Self {
        Self(u64::from(u32::MAX))
    }
}

impl Top {
    /// How often it occurs, and where first.
    fn copies_and_first(self) -> (usize, usize) {
        ((self.0 >> 32) as usize + 1, (u32::MAX - self.0 as u32) as usize)
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
    /// `is_same` says whether the key at an earlier position, or at this one, is this one.
    #[inline(always)]
    pub(super) fn first(&mut self, hash: u64, position: usize, is_same: impl Fn(usize) -> bool) -> usize {
        let slots = &mut self.slots[..];
        let mask = slots.len() - 1;
        let entry = hash << 32 | (position as u64 + 1);
        let mut index = (hash >> self.shift) as usize;
        loop {
            let slot = &mut slots[index & mask];
            let old = *slot;
            let is_free = old == 0;
            // New or known is a coin toss, so both are done alike.
            if is_free | ((old ^ entry) >> 32 == 0) {
                let kept = old | (entry & u64::from(is_free).wrapping_neg());
                *slot = kept;
                let first = (kept as u32).wrapping_sub(1) as usize;
                if is_same(first) {
                    return first;
                }
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
                let expected = by_definition(&words, &char_counts);
                prop_assert_eq!(ngrams.count(&hashes, &char_counts), expected);
                prop_assert_eq!(ngrams.count_here(&hashes, &char_counts), expected);
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
