//! A set of words that is asked once a word.

use crate::segment::hash_bytes;
use crate::signals::facts::HashFilter;

/// How many slots in a row may hold a word.
const REACH: usize = 4;

/// Hashes of words in a table so empty that each is within reach of its own slot: whether a word of a text is in the
/// set is a coin toss, so that looking at all slots within reach costs less than stopping at the right one.
#[derive(Debug, Clone)]
pub(super) struct WordSet {
    /// Hashes of words, or 0.
    slots: Vec<u64>,
    shift: u32,
    /// Whether a word has a letter that lower-casing changes.
    has_upper: bool,
    filter: HashFilter,
}

impl WordSet {
    pub(super) fn new(words: &[String]) -> Self {
        let mut num_slots = (2 * words.len()).next_power_of_two().max(64);
        loop {
            if let Some(set) = Self::with_slots(words, num_slots) {
                return set;
            }
            num_slots *= 2;
        }
    }

    /// None if the words don't fit.
    fn with_slots(words: &[String], num_slots: usize) -> Option<Self> {
        let mut set = Self {
            slots: vec![0; num_slots + REACH],
            shift: 64 - num_slots.trailing_zeros(),
            has_upper: words.iter().any(|word| {
                let mut characters = word.chars();
                characters.any(|character| !character.to_lowercase().eq([character]))
            }),
            filter: HashFilter::new(words.iter().map(|word| hash_bytes(word.as_bytes()))),
        };
        for word in words {
            let hash = hash_bytes(word.as_bytes());
            let home = (hash >> set.shift) as usize;
            let mut slots = set.slots[home..home + REACH].iter_mut();
            *slots.find(|slot| **slot == 0 || **slot == hash)? = hash;
        }
        Some(set)
    }

    /// Whether a word has a letter that lower-casing changes.
    pub(super) fn has_upper(&self) -> bool {
        self.has_upper
    }

    /// Overwrites `are_in` with 1 for each of the hashes that is that of a word in the set, and 0 for the others.
    pub(super) fn fill(&self, hashes: &[u64], are_in: &mut Vec<u8>) {
        are_in.clear();
        are_in.resize(hashes.len(), 0);
        self.filter.for_each_candidate(hashes, |at| {
            are_in[at] = u8::from(self.contains(hashes[at]));
        });
    }

    #[inline(always)]
    pub(super) fn contains(&self, hash: u64) -> bool {
        let home = (hash >> self.shift) as usize;
        let slots: Option<&[u64; REACH]> = self.slots[home..].first_chunk();
        slots.is_some_and(|slots| slots.iter().fold(false, |found, &slot| found | (slot == hash)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_its_words_and_no_others() {
        let words: Vec<String> = (0..3000).map(|number| format!("word{number}")).collect();
        for number in [0, 1, 15, 16, 17, 570, 3000] {
            let set = WordSet::new(&words[..number]);
            let hashes: Vec<u64> = words.iter().map(|word| hash_bytes(word.as_bytes())).collect();
            let mut are_in = vec![7];
            set.fill(&hashes, &mut are_in);
            let expected = (0..words.len()).map(|index| u8::from(index < number));
            assert_eq!(are_in, expected.collect::<Vec<_>>());
            for (index, word) in words.iter().enumerate() {
                assert_eq!(
                    set.contains(hash_bytes(word.as_bytes())),
                    index < number,
                    "{word}"
                );
            }
        }
    }
}
