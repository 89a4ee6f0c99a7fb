//! Numbers by chance that are the same on every machine and in every version: checkpoints rely on them.

use crate::hash::mix64;

/// Weyl constant of `SplitMix64`: 2^64 divided by the golden ratio.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// Returns 64 bits that depend on every part and on their order.
///
/// ```
/// use gristmill_core::packing::derive_key;
/// assert_eq!(derive_key(&[7, 0]), derive_key(&[7, 0]));
/// assert_ne!(derive_key(&[7, 0]), derive_key(&[0, 7]));
/// ```
pub fn derive_key(parts: &[u64]) -> u64 {
    parts.iter().fold(0_u64, |state, &part| {
        mix64(state.wrapping_add(GOLDEN).wrapping_add(part))
    })
}

/// `SplitMix64` (Steele, Lea and Flood 2014).
///
/// ```
/// use gristmill_core::packing::Random;
/// let mut items: Vec<u32> = (0..10).collect();
/// Random::new(3).shuffle(&mut items);
/// let mut sorted = items.clone();
/// sorted.sort_unstable();
/// assert_eq!(sorted, (0..10).collect::<Vec<_>>());
/// ```
#[derive(Debug, Clone)]
pub struct Random {
    state: u64,
}

impl Random {
    /// A sequence of numbers given by `key`.
    pub fn new(key: u64) -> Self {
        Self { state: key }
    }

    /// The next 64 bits.
    pub fn next_bits(&mut self) -> u64 {
        self.state = self.state.wrapping_add(GOLDEN);
        mix64(self.state)
    }

    /// A number below `bound`, by the upper half of a product; its bias is below `bound` / 2^64.
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.next_bits()) * u128::from(bound)) >> 64) as u64
    }

    /// Permutes `items` (Fisher and Yates, from the end). Time: some nanoseconds an item.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last as u64 + 1) as usize;
            items.swap(last, other);
        }
    }
}
