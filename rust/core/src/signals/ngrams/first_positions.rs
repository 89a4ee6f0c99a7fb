//! A hash table from keys that the caller holds to where each was met first.

/// A hash table from keys that the caller holds to the first position at which each was met.
///
/// A slot is 32 bits of the key's hash beside the position, so that clearing is a fill and most probes touch
/// eight bytes; the caller's comparison makes it exact. Counting positions on from text to text, so that nothing need be
/// cleared, is slower: the fill brings the table into the nearest caches.
#[derive(Debug, Clone, Default)]
pub(in crate::signals) struct FirstPositions {
    /// `hash << 32 | position + 1`, or 0.
    slots: Vec<u64>,
    shift: u32,
}

impl FirstPositions {
    /// Forgets everything and makes room for that many keys.
    pub(in crate::signals) fn begin(&mut self, num_keys: usize) {
        let num_slots = (2 * num_keys).next_power_of_two().max(64);
        self.slots.clear();
        self.slots.resize(num_slots, 0);
        self.shift = 64 - num_slots.trailing_zeros();
    }

    /// Returns the first position at which this key was met, see [`FirstSlots::first`].
    #[inline(always)]
    pub(in crate::signals) fn first(
        &mut self,
        hash: u64,
        position: usize,
        is_same: impl Fn(usize) -> bool,
    ) -> usize {
        self.slots().first(hash, position, is_same)
    }

    /// The table for a loop of many keys: its place and size stay in registers, whatever else the loop writes.
    #[inline(always)]
    pub(in crate::signals) fn slots(&mut self) -> FirstSlots<'_> {
        FirstSlots {
            slots: &mut self.slots,
            shift: self.shift,
        }
    }
}

/// The slots of [`FirstPositions`].
#[derive(Debug)]
pub(in crate::signals) struct FirstSlots<'a> {
    slots: &'a mut [u64],
    shift: u32,
}

impl FirstSlots<'_> {
    /// Returns the first position at which this key was met, and that is `position` if it is new.
    ///
    /// `is_same` says whether the key at an earlier position, or at this one, is this one.
    #[inline(always)]
    pub(in crate::signals) fn first(
        &mut self,
        hash: u64,
        position: usize,
        is_same: impl Fn(usize) -> bool,
    ) -> usize {
        let slots = &mut *self.slots;
        let mask = slots.len() - 1;
        let entry = hash << 32 | (position as u64 + 1);
        let mut index = (hash >> self.shift) as usize;
        loop {
            let slot = &mut slots[index & mask];
            let old = *slot;
            let is_free = old == 0;
            // New or known is a coin toss, so both are done alike.
            if is_free | ((old ^ entry) >> 32 == 0) {
                let kept = old | (entry & u64::from(is_free).wrapping_neg());
                *slot = kept;
                let first = (kept as u32).wrapping_sub(1) as usize;
                if is_same(first) {
                    return first;
                }
            }
            index += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_tags_are_told_apart() {
        let keys = [1_u64, 2, 1, 3, 2];
        let mut first_positions = FirstPositions::default();
        first_positions.begin(keys.len());
        // One hash for all keys: only the comparison can tell them apart.
        let firsts: Vec<usize> = (0..keys.len())
            .map(|position| first_positions.first(7, position, |other| keys[other] == keys[position]))
            .collect();
        assert_eq!(firsts, [0, 1, 0, 3, 1]);
    }
}
