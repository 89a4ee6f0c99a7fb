//! Places that every long row of encoded data has, found 64 bytes at a time.

use super::encoded::{is_base64, is_hex};
#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};

/// Bytes of which every row of 64 or more holds an aligned chunk, and of which every row of 23 does.
const BASE64_CHUNK: usize = 32;
const HEX_CHUNK: usize = 8;

/// First bytes of aligned chunks of such bytes only, ascending.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Probes {
    pub(super) base64: Vec<u32>,
    pub(super) hex: Vec<u32>,
}

/// Overwrites everything with the probes of a text.
pub(super) fn find_probes(bytes: &[u8], probes: &mut Probes) {
    probes.base64.clear();
    probes.hex.clear();
    dispatch::run(Search { bytes, probes });
}

struct Search<'a> {
    bytes: &'a [u8],
    probes: &'a mut Probes,
}

impl Search<'_> {
    fn find_from(&mut self, base: usize) {
        let of_kind = |chunk_bytes: usize, is_such: fn(u8) -> bool, into: &mut Vec<u32>| {
            let chunks = self.bytes[base..].chunks_exact(chunk_bytes).enumerate();
            let full = chunks.filter(|(_, chunk)| chunk.iter().all(|&byte| is_such(byte)));
            into.extend(full.map(|(index, _)| (base + index * chunk_bytes) as u32));
        };
        of_kind(BASE64_CHUNK, is_base64, &mut self.probes.base64);
        of_kind(HEX_CHUNK, is_hex, &mut self.probes.hex);
    }
}

impl Kernel for Search<'_> {
    type Output = ();

    fn portable(mut self) {
        self.find_from(0);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(mut self, avx2: Avx2) {
        let (blocks, _) = self.bytes.as_chunks::<64>();
        for (index, block) in blocks.iter().enumerate() {
            let base = 64 * index as u32;
            let bytes = avx2.load(block);
            let folded = avx2.with_bits(bytes, 0x20);
            let digits = avx2.within(bytes, b'0', b'9');
            let letters = avx2.within(folded, b'a', b'z');
            let marks = avx2.or(avx2.equal(bytes, b'+'), avx2.equal(bytes, b'='));
            let others = avx2.or(avx2.equal(bytes, b'/'), avx2.equal(bytes, b'\n'));
            let base64 = avx2.high_bits(avx2.or(avx2.or(digits, letters), avx2.or(marks, others)));
            for half in [0, 32] {
                if (base64 >> half) as u32 == u32::MAX {
                    self.probes.base64.push(base + half);
                }
            }
            let letters = avx2.or(avx2.within(folded, b'a', b'f'), avx2.equal(bytes, b'x'));
            let marks = avx2.or(avx2.equal(bytes, b'\\'), avx2.equal(bytes, b','));
            let controls = avx2.or(avx2.within(bytes, b'\t', b'\r'), avx2.within(bytes, 0x1c, b' '));
            // What is not ASCII has its highest bit set.
            let others = avx2.or(controls, bytes);
            let hex = avx2.high_bits(avx2.or(avx2.or(digits, letters), avx2.or(marks, others)));
            let two = hex & hex >> 1;
            let four = two & two >> 2;
            let mut eight = four & four >> 4 & 0x0101_0101_0101_0101;
            while eight != 0 {
                self.probes.hex.push(base + eight.trailing_zeros());
                eight &= eight - 1;
            }
        }
        self.find_from(64 * blocks.len());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_and_portable_probes_are_the_same(
            text in nasty_text(),
            pieces in prop::collection::vec(("[ -~]{0,3}", "[0-9a-zA-Z+/=,x \\\\]{1,2}", 0..50_usize), 0..9),
        ) {
            let pieces = pieces.iter().map(|(noise, piece, times)| format!("{noise}{}", piece.repeat(*times)));
            let text = text + &pieces.collect::<String>();
            let (mut probes, mut portable) = (Probes::default(), Probes::default());
            find_probes(text.as_bytes(), &mut probes);
            Search { bytes: text.as_bytes(), probes: &mut portable }.portable();
            prop_assert_eq!(probes, portable);
        }
    }
}
