//! Millions of strings as their 64-bit hashes: a set that says "perhaps" with odds that can be forgotten.
//!
//! A string that is not in the set is taken for one that is with a probability of entries / 2^64: with five million
//! entries and four look-ups a document, once in 10^12 documents.

use xxhash_rust::xxh3::xxh3_64;

/// Hashes to a bucket, on average.
const BUCKET_LOAD: usize = 4;

/// A set of strings that never changes. Memory: 9 bytes an entry.
#[derive(Debug, Clone, Default)]
pub(super) struct HashSet64 {
    /// All hashes, sorted.
    hashes: Vec<u64>,
    /// For each value of the leading bits, the position of the first hash that has it or a larger one.
    bucket_starts: Vec<u32>,
    shift: u32,
}

impl HashSet64 {
    /// The set of what was hashed; [`Self::hash`] says how.
    pub(super) fn new(mut hashes: Vec<u64>) -> Self {
        hashes.sort_unstable();
        hashes.dedup();
        hashes.shrink_to_fit();
        let num_buckets = (hashes.len() / BUCKET_LOAD).next_power_of_two().max(2);
        let shift = 64 - num_buckets.trailing_zeros();
        let mut bucket_starts = vec![0_u32; num_buckets + 1];
        for hash in &hashes {
            bucket_starts[(hash >> shift) as usize + 1] += 1;
        }
        for bucket in 0..num_buckets {
            bucket_starts[bucket + 1] += bucket_starts[bucket];
        }
        Self {
            hashes,
            bucket_starts,
            shift,
        }
    }

    /// The hash of an entry.
    pub(super) fn hash(entry: &str) -> u64 {
        xxh3_64(entry.as_bytes())
    }

    /// Whether there are no entries.
    pub(super) fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Whether an entry is there.
    pub(super) fn contains(&self, entry: &str) -> bool {
        if self.is_empty() {
            return false;
        }
        let hash = Self::hash(entry);
        let bucket = (hash >> self.shift) as usize;
        let (start, end) = (
            self.bucket_starts[bucket] as usize,
            self.bucket_starts[bucket + 1] as usize,
        );
        self.hashes[start..end].contains(&hash)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holds_what_was_put_in_and_nothing_else() {
        for number in [0, 1, 2, 7, 1000, 5000] {
            let names: Vec<String> = (0..2 * number)
                .map(|name| format!("site-{name}.example"))
                .collect();
            let (inside, outside) = names.split_at(number);
            let twice = inside.iter().chain(inside);
            let set = HashSet64::new(twice.map(|name| HashSet64::hash(name)).collect());
            assert_eq!(set.is_empty(), number == 0);
            assert!(inside.iter().all(|name| set.contains(name)));
            assert!(!outside.iter().any(|name| set.contains(name)));
        }
    }
}
