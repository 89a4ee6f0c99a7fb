//! How many distinct words of a small set occur.

use crate::segment::hash_bytes;

/// A set of words that is asked once a token: a filter on six bits of the hash, then the exact hashes.
#[derive(Debug, Clone)]
pub(super) struct StopWords {
    /// Bit `hash >> 58` is set for every stop word.
    filter: u64,
    /// Sorted, distinct.
    hashes: Vec<u64>,
    is_seen: Vec<bool>,
}

impl StopWords {
    pub(super) fn new(words: &[String]) -> Self {
        Self::of_hashes(words.iter().map(|word| hash_bytes(word.as_bytes())).collect())
    }

    /// The words with those hashes.
    pub(super) fn of_hashes(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        let filter = hashes.iter().fold(0, |filter, hash| filter | 1 << (hash >> 58));
        Self {
            filter,
            is_seen: vec![false; hashes.len()],
            hashes,
        }
    }

    pub(super) fn count_distinct(&mut self, tokens: &[u64]) -> usize {
        self.is_seen.fill(false);
        let mut num_seen = 0;
        for &hash in tokens {
            if self.filter >> (hash >> 58) & 1 == 0 {
                continue;
            }
            if let Ok(index) = self.hashes.binary_search(&hash) {
                num_seen += usize::from(!self.is_seen[index]);
                self.is_seen[index] = true;
                if num_seen == self.hashes.len() {
                    break;
                }
            }
        }
        num_seen
    }

    /// How often any of them occurs.
    pub(super) fn count_all(&self, words: &[u64]) -> usize {
        words
            .iter()
            .filter(|&hash| self.filter >> (hash >> 58) & 1 == 1 && self.hashes.binary_search(hash).is_ok())
            .count()
    }
}
