//! A vector of bits that can be ranked.

/// Bits, all zero at first: `n / 8` bytes, and `n / 128` more once ranked.
#[derive(Debug)]
pub(super) struct Bits {
    words: Vec<u64>,
    /// Number of ones before each block of [`BLOCK_WORDS`] words.
    before: Vec<u32>,
}

const BLOCK_WORDS: usize = 4;

impl Bits {
    pub(super) fn new(length: usize) -> Self {
        Self {
            words: vec![0; length.div_ceil(64)],
            before: Vec::new(),
        }
    }

    pub(super) fn set(&mut self, index: usize) {
        self.words[index / 64] |= 1 << (index % 64);
    }

    pub(super) fn get(&self, index: usize) -> bool {
        self.words[index / 64] >> (index % 64) & 1 == 1
    }

    /// Counts the ones, block by block, and returns how many there are; [`Self::rank`] works from then on.
    pub(super) fn count(&mut self) -> u32 {
        let mut ones = 0;
        self.before = self
            .words
            .chunks(BLOCK_WORDS)
            .map(|block| {
                let before = ones;
                ones += block.iter().map(|word| word.count_ones()).sum::<u32>();
                before
            })
            .collect();
        ones
    }

    /// Number of ones at `index` and before.
    pub(super) fn rank(&self, index: usize) -> u32 {
        let word = index / 64;
        let block = word / BLOCK_WORDS;
        let whole: u32 = self.words[block * BLOCK_WORDS..word]
            .iter()
            .map(|word| word.count_ones())
            .sum();
        let last = self.words[word] & (u64::MAX >> (63 - index % 64));
        self.before[block] + whole + last.count_ones()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::Bits;

    proptest! {
        #[test]
        fn ranks_are_counts(ones in prop::collection::vec(any::<bool>(), 1..900)) {
            let mut bits = Bits::new(ones.len());
            for (index, _) in ones.iter().enumerate().filter(|&(_, &one)| one) {
                bits.set(index);
            }
            let mut count = 0;
            prop_assert_eq!(bits.count() as usize, ones.iter().filter(|&&one| one).count());
            for (index, &one) in ones.iter().enumerate() {
                count += u32::from(one);
                prop_assert_eq!((bits.get(index), bits.rank(index)), (one, count));
            }
        }
    }
}
