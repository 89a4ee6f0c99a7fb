//! How many characters the most frequent word n-grams, and the repeated ones, hold.
//!
//! # How it is fast
//!
//! Most n-grams occur once, and a bound on how often each may occur is quicker than a count: [`frequent`] has the most
//! frequent ones from where the bounds are highest, and few 5-grams have a bound of more than 1. Those are looked up.
//!
//! A longer n-gram can only be the copy of an earlier one if its first n-1 words are. So level n looks at the copies
//! of level n-1, and at nothing else. Most of them go on as the first equal (n-1)-gram went on, which one
//! comparison of words tells. The others need a hash table, and its key is that first position and the new word.
//! Two n-grams are equal only when their words are (as far as 64-bit word hashes tell words apart).
//!
//! What cannot be foreseen (does it go on in its own way? is it new?) is computed without branches, in several light
//! passes: a wrong guess of the processor costs as much as the rest of the work on a token. Runs of copies in place of
//! single ones make fewer steps and more wrong guesses, and came out slower.

mod first_positions;
mod frequent;

pub(super) use first_positions::FirstPositions;

use self::frequent::{Frequent, gram_at, gram_hash};
use crate::dispatch::{self, Kernel};
use crate::segment::fold;

const PAIR_KEY: u64 = 0xd6e8_feb8_6659_fd93;
/// The shortest n-grams of which every copy is found.
const FIRST_LEVEL: usize = 5;
const LAST_LEVEL: usize = 10;

/// What stands for a word: equal ones for equal words.
pub(super) trait Word: Copy + Eq {
    /// A number of which all bits depend on the word, another one for another word.
    fn bits(self) -> u64;
}

impl Word for u64 {
    #[inline(always)]
    fn bits(self) -> u64 {
        self
    }
}

impl Word for u32 {
    #[inline(always)]
    fn bits(self) -> u64 {
        u64::from(self).wrapping_mul(PAIR_KEY)
    }
}

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
    frequent: Frequent,
    first_positions: FirstPositions,
    /// Ascending positions whose n-gram is a copy of an earlier one.
    repeated: Vec<Repeated>,
    /// Which of them need the table.
    undecided: Vec<u32>,
    marks: Marks,
}

/// The words of one text, to be counted. The wide path differs in the instructions that the compiler may use.
struct Count<'a, W> {
    ngrams: &'a mut Ngrams,
    words: &'a [W],
    char_counts: &'a [u32],
}

impl<W: Word> Kernel for Count<'_, W> {
    type Output = NgramChars;

    fn portable(self) -> NgramChars {
        self.ngrams.count_here(self.words, self.char_counts)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> NgramChars {
        self.ngrams.count_here(self.words, self.char_counts)
    }
}

/// The same, with every level shown to a visitor.
struct Visit<'a, W, F> {
    ngrams: &'a mut Ngrams,
    words: &'a [W],
    visit: F,
}

impl<W: Word, F: FnMut(Repeats<'_>)> Kernel for Visit<'_, W, F> {
    type Output = ();

    fn portable(self) {
        self.ngrams.visit_here(self.words, self.visit);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
        self.ngrams.visit_here(self.words, self.visit);
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
    /// The highest level at which the n-gram here is known to occur more than once.
    repeats_at_level: Vec<u8>,
    /// A bit for each position that the scan for duplicates skipped, until it meets a copy of the n-gram there.
    unmet: Vec<u64>,
}

/// What is known of the n-grams of one level.
#[derive(Debug, Clone, Copy)]
pub(super) enum Repeats<'a> {
    /// Of 2 to 4 words: how often the most frequent one occurs, and where first; the first among equals.
    Most {
        level: usize,
        num_copies: usize,
        first: usize,
    },
    /// Of 5 to 10 words: all copies.
    All { level: usize, copies: Copies<'a> },
}

/// Second and later copies.
#[derive(Debug, Clone, Copy)]
pub(super) struct Copies<'a>(&'a [Repeated]);

impl Copies<'_> {
    /// Ascending positions of second and later copies, each with the position of the first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (usize, usize)> {
        let positions = self.0.iter();
        positions.map(|copy| (copy.position as usize, copy.first as usize))
    }
}

impl Ngrams {
    /// Counts characters in the n-grams of those words, which have those lengths.
    pub(super) fn count<W: Word>(&mut self, words: &[W], char_counts: &[u32]) -> NgramChars {
        dispatch::run(Count {
            ngrams: self,
            words,
            char_counts,
        })
    }

    #[inline(always)]
    fn count_here<W: Word>(&mut self, words: &[W], char_counts: &[u32]) -> NgramChars {
        let mut chars = NgramChars::default();
        if words.len() < 2 {
            return chars;
        }
        let tops = self.frequent.find(words);
        for (level, (top, chars)) in (2..=words.len()).zip(tops.iter().zip(&mut chars.top)) {
            let (number, first) = top.copies_and_first();
            *chars = (num_chars(char_counts, first, level) + level - 1) * number;
        }
        for level in FIRST_LEVEL..=LAST_LEVEL {
            if !self.find_level(level, words) {
                break;
            }
            chars.duplicate[level - FIRST_LEVEL] = self.duplicate_chars(level, char_counts);
        }
        chars
    }

    /// Calls `visit` for n-grams of 2 to 4 words, and then of 5 to 10 words, as long as any occurs more than once.
    pub(super) fn each_level<W: Word>(&mut self, words: &[W], visit: impl FnMut(Repeats<'_>)) {
        dispatch::run(Visit {
            ngrams: self,
            words,
            visit,
        });
    }

    #[inline(always)]
    fn visit_here<W: Word>(&mut self, words: &[W], mut visit: impl FnMut(Repeats<'_>)) {
        if words.len() < 2 {
            return;
        }
        let tops = self.frequent.find(words);
        for (level, top) in (2..=words.len()).zip(tops) {
            let (num_copies, first) = top.copies_and_first();
            visit(Repeats::Most {
                level,
                num_copies,
                first,
            });
        }
        for level in FIRST_LEVEL..=LAST_LEVEL {
            if !self.find_level(level, words) {
                break;
            }
            let copies = Copies(&self.repeated);
            visit(Repeats::All { level, copies });
        }
    }

    /// Finds the copies of that level, given those of the level before; false if there is none.
    #[inline(always)]
    fn find_level<W: Word>(&mut self, level: usize, words: &[W]) -> bool {
        if level == FIRST_LEVEL {
            self.find_first_level(words);
        } else if level <= words.len() {
            self.lengthen(level, words);
        } else {
            self.repeated.clear();
        }
        !self.repeated.is_empty()
    }

    /// The first level: looked up only where the n-gram may repeat.
    #[inline(always)]
    fn find_first_level<W: Word>(&mut self, words: &[W]) {
        let candidates = self.frequent.select_fives();
        self.repeated.clear();
        if candidates.is_empty() {
            return;
        }
        self.marks.begin(words.len());
        self.first_positions.begin(candidates.len());
        let mut slots = self.first_positions.slots();
        self.repeated.resize(candidates.len(), Repeated::default());
        let (repeated, repeats_at_level) = (&mut self.repeated[..], &mut self.marks.repeats_at_level[..]);
        let mut num_copies = 0;
        for &position in candidates {
            let gram = gram_at::<W, FIRST_LEVEL>(words, position as usize);
            let is_same = |other: usize| gram_at::<W, FIRST_LEVEL>(words, other) == gram;
            let first = slots.first(gram_hash(gram), position as usize, is_same);
            let is_copy = first != position as usize;
            // Written always, kept sometimes: a branch here would be a coin toss.
            repeated[num_copies] = Repeated {
                position,
                first: first as u32,
            };
            num_copies += usize::from(is_copy);
            // Of a copy, both repeat; of a first one, nothing is known yet.
            let mark = FIRST_LEVEL as u8 * u8::from(is_copy);
            repeats_at_level[position as usize] = mark;
            repeats_at_level[first] = mark;
        }
        self.repeated.truncate(num_copies);
    }

    /// From level n-1 to level n, at the copies; what becomes new drops out.
    #[inline(always)]
    fn lengthen<W: Word>(&mut self, level: usize, words: &[W]) {
        let last_words = &words[level - 1..];
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
            // Nobody asks for the marks up to here at the level before any more.
            for position in [position, copy.first as usize] {
                let mark = &mut repeats_at_level[position];
                *mark = if goes_on { level as u8 } else { *mark };
            }
        }
        self.first_positions.begin(num_undecided);
        let mut slots = self.first_positions.slots();
        let origins = &mut self.marks.origins[..];
        let mut first_new = num_left;
        for &index in &undecided[..num_undecided] {
            let copy = &mut repeated[index as usize];
            let (position, shorter) = (copy.position as usize, copy.first);
            let last_word = last_words[position];
            origins[position] = shorter;
            let is_same = |other: usize| origins[other] == shorter && last_words[other] == last_word;
            let hash = fold(last_word.bits() ^ u64::from(shorter), PAIR_KEY);
            let first = slots.first(hash, position, is_same);
            copy.first = first as u32;
            if first == position {
                first_new = first_new.min(index as usize);
            } else {
                repeats_at_level[position] = level as u8;
                repeats_at_level[first] = level as u8;
            }
        }
        let mut num_copies = first_new;
        for index in first_new..num_left {
            let copy = repeated[index];
            repeated[num_copies] = copy;
            num_copies += usize::from(copy.first != copy.position);
        }
        self.repeated.truncate(num_copies);
    }

    /// Characters of copies, from left to right; a copy's words are skipped, and what starts there is not met.
    #[inline(always)]
    fn duplicate_chars(&mut self, level: usize, char_counts: &[u32]) -> usize {
        let unmet = &mut self.marks.unmet[..];
        unmet.fill(0);
        let (mut chars, mut next) = (0, 0);
        for copy in &self.repeated {
            let (position, first) = (copy.position as usize, copy.first as usize);
            if position < next {
                continue;
            }
            let bit = 1 << (first % 64);
            if unmet[first / 64] & bit != 0 {
                unmet[first / 64] ^= bit;
                continue;
            }
            chars += num_chars(char_counts, position, level);
            next = position + level;
            let skipped = u128::from((1_u64 << level) - 1) << (position % 64);
            unmet[position / 64] |= skipped as u64;
            unmet[position / 64 + 1] |= (skipped >> 64) as u64;
        }
        chars
    }
}

impl Marks {
    fn begin(&mut self, num_words: usize) {
        // One more than there are positions, so that looking one ahead needs no test.
        let length = num_words + 1;
        if self.origins.len() < length {
            self.origins.resize(length, 0);
        }
        self.repeats_at_level.clear();
        self.repeats_at_level.resize(length, 0);
        self.unmet.resize(length / 64 + 2, 0);
    }
}

fn num_chars(char_counts: &[u32], start: usize, length: usize) -> usize {
    char_counts[start..start + length]
        .iter()
        .map(|&number| number as usize)
        .sum()
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
                let ids: Vec<u32> = words.iter().map(|&word| word as u32).collect();
                let expected = by_definition(&words, &char_counts);
                prop_assert_eq!(ngrams.count(&hashes, &char_counts), expected);
                prop_assert_eq!(ngrams.count_here(&hashes, &char_counts), expected);
                prop_assert_eq!(ngrams.count(&ids, &char_counts), expected);
            }
        }
    }
}
