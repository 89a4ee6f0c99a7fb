//! Byte-pair merging: of all neighbours the pair with the lowest rank becomes one symbol, until no pair has a rank.
//!
//! The first of several equal pairs goes first. Ranks are those of the list of merges; different merges may make the
//! same symbol (Sennrich et al. 2016; the order of `tokenizers`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use crate::hash::mix64;

/// No merge.
const NONE: u64 = u64::MAX;
/// Up to so many symbols, looking through all pairs for the best one beats a heap.
const MAX_SCANNED: usize = 64;

/// The merges, by pair: rank in the upper half, new symbol in the lower one.
#[derive(Debug, Clone)]
pub(super) struct Merges {
    slots: Vec<Slot>,
    mask: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    pair: u64,
    merge: u64,
}

fn pair_of(left: u32, right: u32) -> u64 {
    u64::from(left) << 32 | u64::from(right)
}

impl Merges {
    /// Of merges (left, right, made) and their ranks, which are their places where none are given; of a pair that stands twice
    /// the last counts, as in `tokenizers`.
    pub(super) fn new(merges: &[(u32, u32, u32)], ranks: Option<&[u32]>) -> Self {
        let num_slots = (merges.len() * 2).next_power_of_two().max(16);
        let empty = Slot {
            pair: NONE,
            merge: NONE,
        };
        let mut table = Self {
            slots: vec![empty; num_slots],
            mask: num_slots - 1,
        };
        for (place, &(left, right, made)) in merges.iter().enumerate() {
            let rank = ranks.map_or(place as u64, |ranks| u64::from(ranks[place]));
            let slot = table.slot_of(pair_of(left, right));
            table.slots[slot] = Slot {
                pair: pair_of(left, right),
                merge: rank << 32 | u64::from(made),
            };
        }
        table
    }

    #[inline(always)]
    fn slot_of(&self, pair: u64) -> usize {
        let mut slot = mix64(pair) as usize & self.mask;
        while self.slots[slot].pair != pair && self.slots[slot].pair != NONE {
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    /// Rank and symbol of a pair; [`NONE`] if it does not merge.
    #[inline(always)]
    fn of(&self, left: u32, right: u32) -> u64 {
        self.slots[self.slot_of(pair_of(left, right))].merge
    }

    /// Merges `symbols` as far as it goes. Time: linear for common words, `n log n` for long ones.
    pub(super) fn merge(&self, symbols: &mut Vec<u32>, scratch: &mut MergeScratch) {
        if symbols.len() <= MAX_SCANNED {
            self.merge_scanning(symbols, &mut scratch.pairs);
        } else {
            self.merge_by_heap(symbols, scratch);
        }
    }

    fn merge_scanning(&self, symbols: &mut Vec<u32>, pairs: &mut Vec<u64>) {
        pairs.clear();
        pairs.extend(symbols.windows(2).map(|pair| self.of(pair[0], pair[1])));
        loop {
            let (mut best, mut at) = (NONE, 0);
            for (index, &pair) in pairs.iter().enumerate() {
                // By rank alone: of equal ranks the first goes first, whatever it makes.
                if pair >> 32 < best >> 32 {
                    (best, at) = (pair, index);
                }
            }
            if best == NONE {
                return;
            }
            symbols[at] = best as u32;
            symbols.remove(at + 1);
            pairs.remove(at);
            if at > 0 {
                pairs[at - 1] = self.of(symbols[at - 1], symbols[at]);
            }
            if at < pairs.len() {
                pairs[at] = self.of(symbols[at], symbols[at + 1]);
            }
        }
    }

    fn merge_by_heap(&self, symbols: &mut Vec<u32>, scratch: &mut MergeScratch) {
        let MergeScratch {
            heap, next, previous, ..
        } = scratch;
        let count = symbols.len() as u32;
        next.clear();
        next.extend(1..=count);
        previous.clear();
        previous.extend((0..count).map(|index| index.wrapping_sub(1)));
        let mut found = Vec::with_capacity(symbols.len());
        let offer = |symbols: &[u32], left: u32, right: u32| {
            let merge = self.of(symbols[left as usize], symbols[right as usize]);
            (merge != NONE).then(|| {
                let pair = pair_of(symbols[left as usize], symbols[right as usize]);
                Reverse(((merge >> 32) as u32, left, merge as u32, pair))
            })
        };
        for left in 0..count.saturating_sub(1) {
            found.extend(offer(symbols, left, left + 1));
        }
        heap.clear();
        heap.extend(found);
        while let Some(Reverse((_, left, made, pair))) = heap.pop() {
            let right = next[left as usize];
            // Out of date where one of the two has become part of another symbol since.
            let stands = right < count
                && symbols[left as usize] != GONE
                && pair_of(symbols[left as usize], symbols[right as usize]) == pair;
            if !stands {
                continue;
            }
            symbols[left as usize] = made;
            symbols[right as usize] = GONE;
            let after = next[right as usize];
            next[left as usize] = after;
            if after < count {
                previous[after as usize] = left;
                heap.extend(offer(symbols, left, after));
            }
            let before = previous[left as usize];
            if before != u32::MAX {
                heap.extend(offer(symbols, before, left));
            }
        }
        symbols.retain(|&symbol| symbol != GONE);
    }
}

/// Stands for a symbol that was merged into the one before it.
const GONE: u32 = u32::MAX;

/// Buffers of merging.
#[derive(Debug, Clone, Default)]
pub(super) struct MergeScratch {
    pairs: Vec<u64>,
    heap: BinaryHeap<Reverse<(u32, u32, u32, u64)>>,
    next: Vec<u32>,
    previous: Vec<u32>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// The definition, with nothing remembered between rounds.
    fn by_definition(merges: &[(u32, u32, u32)], symbols: &[u32]) -> Vec<u32> {
        let ranks: HashMap<(u32, u32), (usize, u32)> = merges
            .iter()
            .enumerate()
            .map(|(rank, &(left, right, made))| ((left, right), (rank, made)))
            .collect();
        let mut symbols = symbols.to_vec();
        loop {
            let best = symbols
                .windows(2)
                .enumerate()
                .filter_map(|(at, pair)| {
                    ranks
                        .get(&(pair[0], pair[1]))
                        .map(|&(rank, made)| (rank, at, made))
                })
                .min();
            let Some((_, at, made)) = best else {
                return symbols;
            };
            symbols.splice(at..at + 2, [made]);
        }
    }

    proptest! {
        #[test]
        fn both_ways_follow_the_definition(
            merges in prop::collection::vec((0_u32..12, 0_u32..12), 0..40),
            symbols in prop::collection::vec(0_u32..4, 0..150),
        ) {
            let merges: Vec<(u32, u32, u32)> = merges
                .into_iter()
                .enumerate()
                .map(|(index, (left, right))| (left, right, 4 + index as u32 % 8))
                .collect();
            let table = Merges::new(&merges, None);
            let expected = by_definition(&merges, &symbols);
            let mut scratch = MergeScratch::default();
            let mut scanned = symbols.clone();
            table.merge_scanning(&mut scanned, &mut scratch.pairs);
            prop_assert_eq!(&scanned, &expected);
            let mut heaped = symbols;
            table.merge_by_heap(&mut heaped, &mut scratch);
            prop_assert_eq!(&heaped, &expected);
        }

    }
}
