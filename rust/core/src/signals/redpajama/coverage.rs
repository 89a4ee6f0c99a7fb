//! Characters in repeated n-grams as RedPajama counts them: each word once, and first copies too.
//!
//! Gopher's repetition as datatrove computes it counts second and later copies only, and skips a copy's words.

use crate::signals::ngrams::{Ngrams, Repeats};

/// Characters in n-grams of one text, without the spaces between words.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct CoveredChars {
    /// Of all copies of the most frequent 2-, 3- and 4-gram, copies that overlap included; 0 if none repeats.
    pub(super) top: [usize; 3],
    /// Of the words that are in a 5- to 10-gram that occurs more than once.
    pub(super) repeated: [usize; 6],
}

/// Counts; keeps its tables between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Coverage {
    ngrams: Ngrams,
    /// A bit a word: an n-gram that occurs more than once starts there. All zero between levels.
    starts: Vec<u64>,
}

impl Coverage {
    /// Counts characters in the n-grams of the words with those numbers and lengths.
    pub(super) fn count(&mut self, words: &[u32], char_counts: &[u32]) -> CoveredChars {
        let mut chars = CoveredChars::default();
        let starts = &mut self.starts;
        starts.clear();
        starts.resize(words.len().div_ceil(64), 0);
        self.ngrams.each_level(words, |repeats| match repeats {
            Repeats::Most {
                level,
                num_copies,
                first,
            } => {
                let lengths = char_counts[first..first + level].iter();
                let length = lengths.map(|&chars| chars as usize).sum::<usize>();
                chars.top[level - 2] = if num_copies > 1 { length * num_copies } else { 0 };
            }
            Repeats::All { level, copies } => {
                for (position, first) in copies.iter() {
                    starts[position / 64] |= 1 << (position % 64);
                    starts[first / 64] |= 1 << (first % 64);
                }
                chars.repeated[level - 5] = take_covered(starts, level, char_counts);
            }
        });
        chars
    }
}

/// Characters of the words that n-grams with those starts cover; leaves the bits at zero.
fn take_covered(starts: &mut [u64], level: usize, char_counts: &[u32]) -> usize {
    let (mut chars, mut next) = (0, 0);
    for (index, bits) in starts.iter_mut().enumerate() {
        while *bits != 0 {
            let position = 64 * index + bits.trailing_zeros() as usize;
            *bits &= *bits - 1;
            let covered = &char_counts[position.max(next)..position + level];
            chars += covered.iter().map(|&chars| chars as usize).sum::<usize>();
            next = position + level;
        }
    }
    chars
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// RedPajama's loops, on numbers in place of words.
    fn by_definition(words: &[u64], char_counts: &[u32]) -> CoveredChars {
        let mut chars = CoveredChars::default();
        for level in 2..=10 {
            let mut counts: HashMap<&[u64], (usize, usize)> = HashMap::new();
            for (position, ngram) in words.windows(level).enumerate() {
                counts.entry(ngram).or_insert((0, position)).0 += 1;
            }
            if level <= 4 {
                let top = counts
                    .values()
                    .max_by_key(|(number, position)| (*number, usize::MAX - position));
                chars.top[level - 2] = top.filter(|top| top.0 > 1).map_or(0, |&(number, position)| {
                    char_counts[position..position + level].iter().sum::<u32>() as usize * number
                });
                continue;
            }
            let mut is_covered = vec![false; words.len()];
            for (position, ngram) in words.windows(level).enumerate() {
                if counts[ngram].0 > 1 {
                    is_covered[position..position + level].fill(true);
                }
            }
            let covered = char_counts.iter().zip(&is_covered).filter(|word| *word.1);
            chars.repeated[level - 5] = covered.map(|word| *word.0 as usize).sum();
        }
        chars
    }

    /// Sequences with few words, or with blocks that come again.
    fn words() -> impl Strategy<Value = Vec<u64>> {
        let block = prop::collection::vec(0..40_u64, 1..14);
        let repeated = (block, 1..4_usize).prop_map(|(block, times)| block.repeat(times));
        prop_oneof![
            prop::collection::vec(0..3_u64, 0..80),
            prop::collection::vec(repeated, 0..12).prop_map(|blocks| blocks.concat()),
        ]
    }

    proptest! {
        #[test]
        fn covered_characters_are_those_of_the_definition(texts in prop::collection::vec(words(), 1..5)) {
            let mut coverage = Coverage::default();
            for words in texts {
                let char_counts: Vec<u32> = words.iter().map(|word| 1 + (word % 7) as u32).collect();
                let ids: Vec<u32> = words.iter().map(|&word| word as u32).collect();
                prop_assert_eq!(coverage.count(&ids, &char_counts), by_definition(&words, &char_counts));
            }
        }
    }
}
