//! Copies a text without its white space, eight bytes at a time.

use super::repetitions_filter::PADDING;
#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};
use crate::signals::facts::ByteKinds;

/// Overwrites the start of `into` with the bytes of a text that are no white space, and [`PADDING`] zeros; returns how many
/// bytes those are.
pub(super) fn squeeze(text: &str, kinds: &ByteKinds, into: &mut Vec<u8>) -> usize {
    let max_bytes = text.len() + PADDING;
    if into.len() < max_bytes {
        into.resize(max_bytes, 0);
    }
    let number = dispatch::run(Squeeze {
        bytes: text.as_bytes(),
        kinds,
        into: &mut into[..max_bytes],
    });
    into[number..number + PADDING].fill(0);
    number
}

/// For each eight bits which bytes of eight have theirs set, in order.
const PLACES: [[u8; 8]; 256] = {
    let mut all = [[0; 8]; 256];
    let mut bits = 0;
    while bits < 256 {
        let (mut bit, mut number) = (0, 0);
        while bit < 8 {
            if bits >> bit & 1 != 0 {
                all[bits][number] = bit;
                number += 1;
            }
            bit += 1;
        }
        bits += 1;
    }
    all
};

struct Squeeze<'a> {
    bytes: &'a [u8],
    kinds: &'a ByteKinds,
    into: &'a mut [u8],
}

impl Squeeze<'_> {
    /// Copies, with what puts the bytes of eight that are asked for first.
    #[inline(always)]
    fn run(self, shuffle: impl Fn(u64, [u8; 8]) -> u64) -> usize {
        let mut number = 0;
        for (index, spaces) in self.kinds.spaces().enumerate() {
            let rest = &self.bytes[64 * index..];
            let mut last = [0; 64];
            let block = match rest.first_chunk() {
                Some(block) => block,
                None => {
                    last[..rest.len()].copy_from_slice(rest);
                    &last
                }
            };
            let (words, _) = block.as_chunks::<8>();
            for (word, kept) in words.iter().zip((!spaces).to_le_bytes()) {
                if let Some(place) = self.into[number..].first_chunk_mut() {
                    let word = u64::from_le_bytes(*word);
                    *place = shuffle(word, PLACES[usize::from(kept)]).to_le_bytes();
                }
                number += kept.count_ones() as usize;
            }
        }
        number
    }
}

impl Kernel for Squeeze<'_> {
    type Output = usize;

    fn portable(self) -> usize {
        self.run(|word, places| {
            let bytes = word.to_le_bytes();
            u64::from_le_bytes(places.map(|place| bytes[usize::from(place)]))
        })
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: Avx2) -> usize {
        self.run(|word, places| avx2.shuffle_word(word, places))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::is_white_space;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn only_white_space_goes(text in nasty_text(), words in "[a-zé\u{a0}\u{3000} \n]{0,150}") {
            let (mut kinds, mut squeezed) = (ByteKinds::default(), vec![1; 40]);
            for text in [words.clone(), text.clone(), words + &text] {
                kinds.fill(&text);
                let number = squeeze(&text, &kinds, &mut squeezed);
                let expected = text.replace(is_white_space, "");
                prop_assert_eq!(&squeezed[..number], expected.as_bytes());
                prop_assert_eq!(&squeezed[number..number + PADDING], &[0; PADDING]);
                let mut portable = vec![0; text.len() + PADDING];
                let number = Squeeze { bytes: text.as_bytes(), kinds: &kinds, into: &mut portable }.portable();
                prop_assert_eq!(&portable[..number], expected.as_bytes());
            }
        }
    }
}
