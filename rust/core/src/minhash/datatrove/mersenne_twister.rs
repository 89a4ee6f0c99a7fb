//! numpy's legacy generator, as far as datatrove draws from it: `RandomState(seed).randint(low, high, dtype=uint64)`.
//!
//! MT19937 (Matsumoto and Nishimura 1998); two 32-bit outputs make a 64-bit one, the first as the high half, and numbers
//! beyond the range are drawn again after masking.

const SIZE: usize = 624;
const SHIFT: usize = 397;

/// The generator's state.
pub(super) struct MersenneTwister {
    state: [u32; SIZE],
    next: usize,
}

impl MersenneTwister {
    /// Seeds as `RandomState(seed)` does with a 32-bit number.
    pub(super) fn new(seed: u32) -> Self {
        let mut state = [0; SIZE];
        let mut word = seed;
        for (place, number) in state.iter_mut().zip(1_u32..) {
            *place = word;
            word = 1_812_433_253_u32
                .wrapping_mul(word ^ (word >> 30))
                .wrapping_add(number);
        }
        Self { state, next: SIZE }
    }

    /// A uniform number in `low..high`.
    pub(super) fn below(&mut self, low: u64, high: u64) -> u64 {
        let range = high - 1 - low;
        let mask = u64::MAX.checked_shr(range.leading_zeros()).unwrap_or(0);
        loop {
            let first = u64::from(self.word());
            let drawn = (first << 32 | u64::from(self.word())) & mask;
            if drawn <= range {
                return low + drawn;
            }
        }
    }

    fn word(&mut self) -> u32 {
        if self.next == SIZE {
            self.refill();
        }
        let mut word = self.state[self.next];
        self.next += 1;
        word ^= word >> 11;
        word ^= (word << 7) & 0x9d2c_5680;
        word ^= (word << 15) & 0xefc6_0000;
        word ^ (word >> 18)
    }

    fn refill(&mut self) {
        for index in 0..SIZE {
            let next = self.state[(index + 1) % SIZE];
            let joined = (self.state[index] & 0x8000_0000) | (next & 0x7fff_ffff);
            let twist = if joined & 1 == 1 { 0x9908_b0df } else { 0 };
            self.state[index] = self.state[(index + SHIFT) % SIZE] ^ (joined >> 1) ^ twist;
        }
        self.next = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_numpys() {
        let prime = (1 << 61) - 1;
        let mut generator = MersenneTwister::new(1);
        let drawn: Vec<u64> = (0..4).map(|_| generator.below(1, prime)).collect();
        // numpy.random.RandomState(1).randint(1, 2**61 - 1, dtype=numpy.uint64, size=4)
        let expected = [
            775169054918279404,
            1758426461858698313,
            2109959069025162,
            965365488286768774,
        ];
        assert_eq!(drawn, expected);
    }

    #[test]
    fn numbers_beyond_a_refill_are_numpys() {
        let mut generator = MersenneTwister::new(123_456_789);
        let last = (0..2000).map(|_| generator.below(0, (1 << 61) - 2)).last();
        assert_eq!(last, Some(LAST_OF_2000));
    }

    /// The last of `RandomState(123456789).randint(0, 2**61 - 2, dtype=numpy.uint64, size=2000)`.
    const LAST_OF_2000: u64 = 2508308643911138;
}
