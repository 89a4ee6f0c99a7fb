//! Sorting of hashes: their upper bits already say nearly where they belong.

/// Below so many a comparison sort is as fast.
const MIN_HASHES: usize = 128;
/// Most bits that hashes are dealt by: 2^16 counters of 4 bytes stay in a second-level cache.
const MAX_BITS: u32 = 16;
/// Above so many, a place is sorted by itself before all are.
const MAX_INSERTED: u32 = 32;

/// Sorts hashes; keeps its buffers between calls.
///
/// Deals them to as many places as there are hashes, by their upper bits, and sorts what shares a place by insertion:
/// linear in their number for values spread over all 64 bits, as mixed hashes are, and never worse than comparing.
///
/// Memory: as much as the longest input, and 256 KiB.
#[derive(Debug, Clone, Default)]
pub(super) struct HashSorter {
    starts: Vec<u32>,
    dealt: Vec<u64>,
}

impl HashSorter {
    /// Sorts `hashes`, ascending.
    pub(super) fn sort(&mut self, hashes: &mut Vec<u64>) {
        if hashes.len() < MIN_HASHES || u32::try_from(hashes.len()).is_err() {
            hashes.sort_unstable();
            return;
        }
        let bits = hashes.len().ilog2().min(MAX_BITS);
        let place = |hash: u64| (hash >> (64 - bits)) as usize;
        self.starts.clear();
        self.starts.resize((1 << bits) + 1, 0);
        for &hash in hashes.iter() {
            self.starts[place(hash) + 1] += 1;
        }
        let mut largest = 0;
        let mut total = 0;
        for start in &mut self.starts {
            largest = largest.max(*start);
            total += *start;
            *start = total;
        }
        self.dealt.clear();
        self.dealt.resize(hashes.len(), 0);
        for &hash in hashes.iter() {
            let next = &mut self.starts[place(hash)];
            self.dealt[*next as usize] = hash;
            *next += 1;
        }
        if largest > MAX_INSERTED {
            // Dealing moved each start to the next one's place.
            let mut start = 0;
            for &end in &self.starts[..1 << bits] {
                if end - start > MAX_INSERTED {
                    self.dealt[start as usize..end as usize].sort_unstable();
                }
                start = end;
            }
        }
        insert_all(&mut self.dealt);
        std::mem::swap(hashes, &mut self.dealt);
    }
}

/// Insertion sort: cheap where nothing is far from its place.
fn insert_all(hashes: &mut [u64]) {
    for at in 1..hashes.len() {
        let hash = hashes[at];
        let mut to = at;
        while to > 0 && hashes[to - 1] > hash {
            hashes[to] = hashes[to - 1];
            to -= 1;
        }
        hashes[to] = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix64;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn sorted_as_a_comparison_sorts(
            seeds in prop::collection::vec(0_u64..700, 0..2000),
            // From values spread over all bits to such as share all but the last ones.
            kept_bits in prop::sample::select(vec![u64::MAX, 0xffff, 0xff, 3 << 62, 0]),
        ) {
            let mut hashes: Vec<u64> = seeds.iter().map(|&seed| mix64(seed) & kept_bits).collect();
            let mut expected = hashes.clone();
            expected.sort_unstable();
            let mut sorter = HashSorter::default();
            sorter.sort(&mut hashes);
            prop_assert_eq!(&hashes, &expected);
            // Again with the buffers of the first time.
            hashes.reverse();
            sorter.sort(&mut hashes);
            prop_assert_eq!(&hashes, &expected);
        }
    }

    #[test]
    fn many_hashes_and_many_copies_are_sorted() {
        let mut hashes: Vec<u64> = (0..300_000_u64).map(|number| mix64(number % 200_000)).collect();
        hashes.extend([7; 5000]);
        let mut expected = hashes.clone();
        expected.sort_unstable();
        HashSorter::default().sort(&mut hashes);
        assert_eq!(hashes, expected);
    }
}
