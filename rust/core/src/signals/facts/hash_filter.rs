//! Which of many hashes may be among a few: most words of a text are in no list, and need not be looked for in its table.

/// Bits of the filter, as a power of two: so few that the nearest cache holds them.
const FILTER_BITS: u32 = 14;
/// Hashes that are looked at together.
const CHUNK: usize = 64;

/// A bit for the highest bits of every hash of a set.
#[derive(Debug, Clone)]
pub(crate) struct HashFilter(Box<[u64; 1 << (FILTER_BITS - 6)]>);

impl Default for HashFilter {
    fn default() -> Self {
        Self(Box::new([0; 1 << (FILTER_BITS - 6)]))
    }
}

impl HashFilter {
    /// The filter of those hashes.
    pub(crate) fn new(hashes: impl IntoIterator<Item = u64>) -> Self {
        let mut filter = Self::default();
        for hash in hashes {
            let bit = hash >> (64 - FILTER_BITS);
            filter.0[(bit >> 6) as usize] |= 1 << (bit & 63);
        }
        filter
    }

    #[inline(always)]
    fn may_have(&self, hash: u64) -> bool {
        let bit = hash >> (64 - FILTER_BITS);
        self.0[(bit >> 6) as usize] >> (bit & 63) & 1 != 0
    }

    /// Calls `visit` with the ascending positions of the hashes that are in the set, and of a few others.
    #[inline(always)]
    pub(crate) fn for_each_candidate(&self, hashes: &[u64], mut visit: impl FnMut(usize)) {
        for (chunk, hashes) in hashes.chunks(CHUNK).enumerate() {
            let (mut places, mut number) = ([0_u8; CHUNK], 0);
            for (place, &hash) in (0..).zip(hashes) {
                // Written always, kept sometimes: which words are in a list cannot be foreseen.
                places[number % CHUNK] = place;
                number += usize::from(self.may_have(hash));
            }
            for &place in &places[..number] {
                visit(CHUNK * chunk + usize::from(place));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix64;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn every_hash_of_the_set_is_a_candidate(
            set in prop::collection::vec(0..400_u64, 0..40),
            numbers in prop::collection::vec(0..400_u64, 0..300),
        ) {
            let filter = HashFilter::new(set.iter().map(|&number| mix64(number)));
            let hashes: Vec<u64> = numbers.iter().map(|&number| mix64(number)).collect();
            let mut candidates = Vec::new();
            filter.for_each_candidate(&hashes, |at| candidates.push(at));
            prop_assert!(candidates.is_sorted_by(|one, other| one < other));
            for (at, number) in numbers.iter().enumerate() {
                prop_assert!(!set.contains(number) || candidates.contains(&at));
            }
            // Of the others, one in 16384 for each of the set.
            let others = candidates.iter().filter(|&&at| !set.contains(&numbers[at]));
            prop_assert!(others.count() <= numbers.len() / 4 + 4);
        }
    }
}
