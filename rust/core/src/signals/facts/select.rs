//! Positions of the bytes of a column that matter, 64 bytes at a time: most columns are about one token in ten.

use crate::dispatch::{self, Kernel};

/// Overwrites `into` with the ascending positions of the bytes that are at least `least`.
pub(crate) fn select_at_least(bytes: &[u8], least: u8, into: &mut Vec<u32>) {
    into.clear();
    let which = Which::AtLeast(least);
    dispatch::run(Select { bytes, which, into });
}

/// Overwrites `into` with the ascending positions of the bytes that have all those bits.
pub(crate) fn select_with_bits(bytes: &[u8], bits: u8, into: &mut Vec<u32>) {
    into.clear();
    let which = Which::WithBits(bits);
    dispatch::run(Select { bytes, which, into });
}

#[derive(Debug, Clone, Copy)]
enum Which {
    AtLeast(u8),
    WithBits(u8),
}

impl Which {
    fn holds(self, byte: u8) -> bool {
        match self {
            Self::AtLeast(least) => byte >= least,
            Self::WithBits(bits) => byte & bits == bits,
        }
    }

    /// A bit for each byte of a block.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn bits(self, avx2: dispatch::Avx2, block: &[u8; 64]) -> u64 {
        let block = avx2.load(block);
        avx2.high_bits(match self {
            Self::AtLeast(least) => avx2.within(block, least, 0xff),
            Self::WithBits(bits) => avx2.equal(avx2.with_bits(block, !bits), 0xff),
        })
    }
}

struct Select<'a> {
    bytes: &'a [u8],
    which: Which,
    into: &'a mut Vec<u32>,
}

impl Select<'_> {
    fn select_from(self, start: usize) {
        for (position, &byte) in self.bytes.iter().enumerate().skip(start) {
            if self.which.holds(byte) {
                self.into.push(position as u32);
            }
        }
    }
}

impl Kernel for Select<'_> {
    type Output = ();

    fn portable(self) {
        self.select_from(0);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: dispatch::Avx2) {
        let (blocks, _) = self.bytes.as_chunks::<64>();
        // Room for all at once, so that no step asks whether there is some.
        let mut number = 0;
        for block in blocks {
            number += self.which.bits(avx2, block).count_ones() as usize;
        }
        self.into.resize(number, 0);
        let mut into = self.into.iter_mut();
        let mut base = 0;
        for block in blocks {
            let mut bits = self.which.bits(avx2, block);
            while bits != 0
                && let Some(position) = into.next()
            {
                *position = base as u32 + bits.trailing_zeros();
                bits &= bits - 1;
            }
            base += 64;
        }
        self.select_from(base);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn selected_positions_are_those_of_each_byte(
            bytes in prop::collection::vec(prop_oneof![0..4_u8, any::<u8>()], 0..300),
            least in 1..=255_u8,
        ) {
            for which in [Which::AtLeast(least), Which::WithBits(1 << (least % 8))] {
                let positions = (0..bytes.len()).filter(|&position| which.holds(bytes[position]));
                let expected: Vec<u32> = positions.map(|position| position as u32).collect();
                let (mut wide, mut portable) = (vec![7], Vec::new());
                match which {
                    Which::AtLeast(least) => select_at_least(&bytes, least, &mut wide),
                    Which::WithBits(bits) => select_with_bits(&bytes, bits, &mut wide),
                }
                Select { bytes: &bytes, which, into: &mut portable }.portable();
                prop_assert_eq!(&wide, &expected);
                prop_assert_eq!(&portable, &expected);
            }
        }
    }
}
