//! How many distinct words of a small set occur.

use crate::segment::hash_bytes;

/// A set of words that is asked once a token: a filter on eight bits of the hash, then the exact hashes.
#[derive(Debug, Clone)]
pub(super) struct StopWords {
    filter: Filter,
    /// Sorted, distinct.
    hashes: Vec<u64>,
    is_seen: Vec<bool>,
}

/// One bit for each value of a hash's upper eight bits.
#[derive(Debug, Clone, Copy, Default)]
struct Filter([u64; 4]);

impl Filter {
    fn of<'h>(hashes: impl IntoIterator<Item = &'h u64>) -> Self {
        let mut filter = Self::default();
        for hash in hashes {
            filter.0[(hash >> 62) as usize] |= 1 << (hash >> 56 & 63);
        }
        filter
    }

    #[inline(always)]
    fn may_have(&self, hash: u64) -> bool {
        self.0[(hash >> 62) as usize] >> (hash >> 56 & 63) & 1 == 1
    }
}

impl StopWords {
    pub(super) fn new(words: &[String]) -> Self {
        Self::of_hashes(words.iter().map(|word| hash_bytes(word.as_bytes())).collect())
    }

    /// The words with those hashes.
    pub(super) fn of_hashes(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        Self {
            filter: Filter::of(&hashes),
            is_seen: vec![false; hashes.len()],
            hashes,
        }
    }

    pub(super) fn count_distinct(&mut self, tokens: &[u64]) -> usize {
        self.is_seen.fill(false);
        let (mut num_seen, mut filter) = (0, self.filter);
        for &hash in tokens {
            if !filter.may_have(hash) {
                continue;
            }
            if let Ok(index) = self.hashes.binary_search(&hash)
                && !self.is_seen[index]
            {
                self.is_seen[index] = true;
                num_seen += 1;
                if num_seen == self.hashes.len() {
                    break;
                }
                // Frequent words are asked for once only, so that the branch above is nearly always foreseen.
                let words = self.hashes.iter().zip(&self.is_seen);
                filter = Filter::of(words.filter(|word| !word.1).map(|word| word.0));
            }
        }
        num_seen
    }

    /// How often any of them occurs.
    pub(super) fn count_all(&self, words: &[u64]) -> usize {
        words
            .iter()
            .filter(|&&hash| self.filter.may_have(hash) && self.hashes.binary_search(&hash).is_ok())
            .count()
    }
}
