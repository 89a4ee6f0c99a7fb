//! Byte-pair merging: of all neighbours the pair with the lowest rank becomes one symbol, until no pair has a rank.
//!
//! The first of several equal pairs goes first. Ranks are those of the list of merges; different merges may make the
//! same symbol (Sennrich et al. 2016; the order of `tokenizers`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// No merge.
pub(super) const NONE: u64 = u64::MAX;
/// Up to so many symbols, looking through all pairs for the best one beats a heap; one bit each in a number.
const MAX_SCANNED: usize = 64;

/// Symbols of the longest word whose buffers, 24 bytes a symbol, are kept for the next one.
const MAX_KEPT: u32 = 1 << 20;

/// The merges, by pair: rank in the upper half, new symbol in the lower one.
#[derive(Debug, Clone)]
pub(super) struct Merges {
    slots: Vec<Slot>,
    mask: usize,
    /// By how much a product is shifted to leave the number of a slot.
    shift: u32,
    /// Whether merges that make different symbols have one rank, so that a merge alone does not say which goes first.
    has_ties: bool,
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
            shift: 64 - num_slots.trailing_zeros(),
            has_ties: ranks.is_some_and(|ranks| has_ties(merges, ranks)),
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
        // The highest bits of a product depend on all bits of the pair.
        let mut slot = (pair.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> self.shift) as usize;
        while self.slots[slot].pair != pair && self.slots[slot].pair != NONE {
            slot = (slot + 1) & self.mask;
        }
        slot
    }

    /// Rank and symbol of a pair; [`NONE`] if it does not merge.
    #[inline(always)]
    pub(super) fn of(&self, left: u32, right: u32) -> u64 {
        self.slots[self.slot_of(pair_of(left, right))].merge
    }

    /// Merges the symbols as far as it goes. Time: linear for common words, `n log n` for long ones.
    pub(super) fn merge(&self, word: &mut Word) {
        if word.symbols.len() <= MAX_SCANNED && !self.has_ties {
            self.merge_scanning(&mut word.symbols, &mut word.pairs);
        } else {
            self.merge_by_heap(word);
        }
    }

    fn merge_scanning(&self, symbols: &mut Vec<u32>, pairs: &mut Vec<u64>) {
        let count = symbols.len();
        // One bit for each symbol that stands; one that was merged into the symbol before it stands no longer.
        let mut standing = u64::MAX.checked_shr(64 - count as u32).unwrap_or(0);
        pairs.resize(count, NONE);
        let (symbols_left, pairs) = (&mut symbols[..], &mut pairs[..count]);
        loop {
            let (mut best, mut at) = (NONE, 0);
            for (index, &pair) in pairs.iter().enumerate() {
                if pair < best {
                    (best, at) = (pair, index);
                }
            }
            if best == NONE {
                break;
            }
            symbols_left[at] = best as u32;
            let behind = standing & (u64::MAX << at) & !(1 << at);
            let right = behind.trailing_zeros() as usize;
            standing &= !(1 << right);
            pairs[right] = NONE;
            let after = behind & (behind - 1);
            pairs[at] = if after == 0 {
                NONE
            } else {
                self.of(symbols_left[at], symbols_left[after.trailing_zeros() as usize])
            };
            let before = standing & !(u64::MAX << at);
            if before != 0 {
                let left = 63 - before.leading_zeros() as usize;
                pairs[left] = self.of(symbols_left[left], symbols_left[at]);
            }
        }
        let mut kept = 0;
        while standing != 0 {
            symbols_left[kept] = symbols_left[standing.trailing_zeros() as usize];
            standing &= standing - 1;
            kept += 1;
        }
        symbols.truncate(kept);
    }

    fn merge_by_heap(&self, word: &mut Word) {
        let Word {
            symbols,
            pairs,
            heap,
            next,
            previous,
        } = word;
        let count = symbols.len() as u32;
        pairs.resize(symbols.len(), NONE);
        next.clear();
        next.extend(1..=count);
        previous.clear();
        previous.extend((0..count).map(|index| index.wrapping_sub(1)));
        // Rank and place: the lowest rank first, and of equal ones the first place.
        let offered = |merge: u64, left: u32| Reverse((merge >> 32) << 32 | u64::from(left));
        let mut found = std::mem::take(heap).into_vec();
        found.clear();
        found.extend(
            (0..count)
                .zip(pairs.iter())
                .filter(|&(_, &merge)| merge != NONE)
                .map(|(left, &merge)| offered(merge, left)),
        );
        *heap = BinaryHeap::from(found);
        while let Some(Reverse(offer)) = heap.pop() {
            let left = offer as u32;
            let merge = pairs[left as usize];
            // Out of date where one of the two has become part of another symbol since.
            if merge == NONE || merge >> 32 != offer >> 32 {
                continue;
            }
            let right = next[left as usize];
            symbols[left as usize] = merge as u32;
            symbols[right as usize] = GONE;
            pairs[right as usize] = NONE;
            let after = next[right as usize];
            next[left as usize] = after;
            pairs[left as usize] = NONE;
            if after < count {
                previous[after as usize] = left;
                let merge = self.of(symbols[left as usize], symbols[after as usize]);
                pairs[left as usize] = merge;
                heap.extend((merge != NONE).then(|| offered(merge, left)));
            }
            let before = previous[left as usize];
            if before != u32::MAX {
                let merge = self.of(symbols[before as usize], symbols[left as usize]);
                pairs[before as usize] = merge;
                heap.extend((merge != NONE).then(|| offered(merge, before)));
            }
        }
        symbols.retain(|&symbol| symbol != GONE);
        if count > MAX_KEPT {
            let symbols = std::mem::take(symbols);
            *word = Word {
                symbols,
                ..Word::default()
            };
        }
    }
}

/// Whether two symbols are made with the same rank.
fn has_ties(merges: &[(u32, u32, u32)], ranks: &[u32]) -> bool {
    let mut made: Vec<(u32, u32)> = ranks
        .iter()
        .zip(merges)
        .map(|(&rank, merge)| (rank, merge.2))
        .collect();
    made.sort_unstable();
    made.dedup();
    made.windows(2).any(|pair| pair[0].0 == pair[1].0)
}

/// Stands for a symbol that was merged into the one before it.
const GONE: u32 = u32::MAX;

/// A word while it is merged, and the buffers for that.
#[derive(Debug, Clone, Default)]
pub(super) struct Word {
    /// What it is made of; after merging, its ids.
    pub(super) symbols: Vec<u32>,
    /// For each symbol and the next one the merge of both, before merging.
    pub(super) pairs: Vec<u64>,
    heap: BinaryHeap<Reverse<u64>>,
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

    #[test]
    fn of_equal_ranks_the_first_pair_goes_first_whatever_it_makes() {
        // "ab" makes 9 and "bc" 8, both of rank 5: by the merge alone "bc" would go first.
        let merges = [(1, 2, 9), (2, 3, 8)];
        let table = Merges::new(&merges, Some(&[5, 5]));
        assert!(table.has_ties);
        let mut word = Word {
            symbols: vec![1, 2, 3],
            pairs: vec![table.of(1, 2), table.of(2, 3)],
            ..Word::default()
        };
        table.merge(&mut word);
        assert_eq!(word.symbols, [9, 3]);
        assert!(!Merges::new(&[(1, 2, 9), (3, 4, 9)], Some(&[5, 5])).has_ties);
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
            let mut word = Word::default();
            for length in [0, 1, 2, 63, 64, 65, symbols.len()] {
                let symbols = &symbols[..length.min(symbols.len())];
                let expected = by_definition(&merges, symbols);
                let begin = |word: &mut Word| {
                    word.symbols = symbols.to_vec();
                    word.pairs = symbols.windows(2).map(|pair| table.of(pair[0], pair[1])).collect();
                };
                if symbols.len() <= MAX_SCANNED {
                    begin(&mut word);
                    table.merge_scanning(&mut word.symbols, &mut word.pairs);
                    prop_assert_eq!(&word.symbols, &expected);
                }
                begin(&mut word);
                table.merge_by_heap(&mut word);
                prop_assert_eq!(&word.symbols, &expected);
            }
        }
    }
}
