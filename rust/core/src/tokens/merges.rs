//! Byte-pair merging: of all neighbours the pair with the lowest rank becomes one symbol, until no pair has a rank.
//!
//! The first of several equal pairs goes first. Ranks are those of the list of merges; different merges may make the
//! same symbol (Sennrich et al. 2016; the order of `tokenizers`).

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::place::{Place, room};

/// No merge.
pub(super) const NONE: u64 = u64::MAX;
/// Up to so many symbols, looking through all pairs for the best one beats a heap; one bit each in a number.
const MAX_SCANNED: usize = 64;

/// Symbols of the longest word whose buffers, 24 bytes a symbol, are kept for the next one.
const MAX_KEPT: u32 = 1 << 20;

/// Bits of a symbol; of a pair twice as many.
const SYMBOL_BITS: u32 = 20;
/// Symbols are below this.
pub(super) const MAX_SYMBOLS: usize = 1 << SYMBOL_BITS;
/// Bits of the distance between the slot of a pair and the one where it would stand alone.
const DISTANCE_BITS: u32 = 5;
const DISTANCE_MASK: u64 = (1 << DISTANCE_BITS) - 1;
/// Longest distance: one more, with the other bits of an empty slot, would look like one.
const MAX_DISTANCE: u64 = DISTANCE_MASK - 1;

/// The merges, by pair: order of the rank in the upper bits, new symbol in the lower [`SYMBOL_BITS`].
///
/// A pair is multiplied by an odd number, modulo 2^40, which loses nothing. The highest bits of the product say where its slot
/// is, so a slot holds the others, how far from there it is, and the merge: eight bytes, of which half are in use at most.
#[derive(Debug, Clone)]
pub(super) struct Merges {
    slots: Vec<u64>,
    mask: usize,
    /// Bits of the number of a slot.
    bits: u32,
    /// Whether merges that make different symbols have one rank, so that a merge alone does not say which goes first.
    has_ties: bool,
}

/// The symbol that a merge makes.
#[inline(always)]
fn made_by(merge: u64) -> u32 {
    (merge & (MAX_SYMBOLS as u64 - 1)) as u32
}

impl Merges {
    /// Of merges (left, right, made) and their ranks, which are their places where none are given; of a pair that stands twice
    /// the last counts, as in `tokenizers`. All symbols are below [`MAX_SYMBOLS`]. `place` is told of the table first.
    pub(super) fn new(merges: &[(u32, u32, u32)], ranks: Option<&[u32]>, place: Place) -> Self {
        let has_ties = ranks.is_some_and(|ranks| has_ties(merges, ranks));
        let orders = ranks.map(orders);
        let mut bits = (merges.len() * 2).next_power_of_two().max(16).trailing_zeros();
        loop {
            let mut table = Self {
                slots: room(1 << bits, NONE, place),
                mask: (1 << bits) - 1,
                bits,
                has_ties,
            };
            let mut numbered = merges.iter().zip(0_u64..);
            let fits = numbered.all(|(&(left, right, made), number)| {
                let order = orders
                    .as_ref()
                    .map_or(number, |orders| u64::from(orders[number as usize]));
                table.insert(left, right, order << SYMBOL_BITS | u64::from(made))
            });
            if fits {
                return table;
            }
            bits += 1;
        }
    }

    /// The slot in which a pair would stand alone, and what the upper bits of that slot would be.
    #[inline(always)]
    fn home(&self, left: u32, right: u32) -> (usize, u64) {
        let pair = u64::from(left) << SYMBOL_BITS | u64::from(right);
        let product = (pair << (64 - 2 * SYMBOL_BITS)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let rest = (product << self.bits) >> (64 - 2 * SYMBOL_BITS + self.bits);
        ((product >> (64 - self.bits)) as usize, rest << DISTANCE_BITS)
    }

    /// Bits of a slot that are a merge: a symbol, and one bit less than the number of a slot, as many as there are merges.
    #[inline(always)]
    fn merge_bits(&self) -> u32 {
        SYMBOL_BITS - 1 + self.bits
    }

    /// False where the table has no room near the slot of the pair.
    fn insert(&mut self, left: u32, right: u32, merge: u64) -> bool {
        let (slot, tag) = self.home(left, right);
        let merge_bits = self.merge_bits();
        for distance in 0..=MAX_DISTANCE {
            let slot = &mut self.slots[(slot + distance as usize) & self.mask];
            if *slot == NONE || *slot >> merge_bits == tag + distance {
                *slot = (tag + distance) << merge_bits | merge;
                return true;
            }
        }
        false
    }

    /// Order and symbol of a pair; [`NONE`] if it does not merge.
    #[inline(always)]
    pub(super) fn of(&self, left: u32, right: u32) -> u64 {
        let (mut slot, mut tag) = self.home(left, right);
        let merge_bits = self.merge_bits();
        loop {
            let found = self.slots[slot & self.mask];
            if found >> merge_bits == tag {
                return found & !(u64::MAX << merge_bits);
            }
            if found == NONE {
                return NONE;
            }
            // No slot is further away than the last one, so this ends there, or at an empty one before.
            if tag & DISTANCE_MASK == MAX_DISTANCE {
                return NONE;
            }
            slot += 1;
            tag += 1;
        }
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
            symbols_left[at] = made_by(best);
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
        // Order of the rank and place: the lowest rank first, and of equal ones the first place.
        let offered = |merge: u64, left: u32| Reverse((merge >> SYMBOL_BITS) << 32 | u64::from(left));
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
            if merge == NONE || merge >> SYMBOL_BITS != offer >> 32 {
                continue;
            }
            let right = next[left as usize];
            symbols[left as usize] = made_by(merge);
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

/// Ranks numbered without gaps: so below the number of merges.
fn orders(ranks: &[u32]) -> Vec<u32> {
    let mut distinct = ranks.to_vec();
    distinct.sort_unstable();
    distinct.dedup();
    let order = |rank: &u32| distinct.partition_point(|other| other < rank) as u32;
    ranks.iter().map(order).collect()
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
    use super::super::place::NOWHERE;
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
        let table = Merges::new(&merges, Some(&[5, 5]), NOWHERE);
        assert!(table.has_ties);
        let mut word = Word {
            symbols: vec![1, 2, 3],
            pairs: vec![table.of(1, 2), table.of(2, 3)],
            ..Word::default()
        };
        table.merge(&mut word);
        assert_eq!(word.symbols, [9, 3]);
        assert!(!Merges::new(&[(1, 2, 9), (3, 4, 9)], Some(&[5, 5]), NOWHERE).has_ties);
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
            let table = Merges::new(&merges, None, NOWHERE);
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
