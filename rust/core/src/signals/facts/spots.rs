//! Places where a closer look may pay: marks that may end sentences, and parts of the phrases that C4 looks for.
//!
//! One pass finds all of them, 64 bytes at a time, so that the rules look at one byte in fifty and not at each.

use crate::dispatch::{self, Kernel};

/// Positions in one text, ascending.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Spots {
    /// `.`, `!`, `?`, and first bytes of characters from U+0580 on, among which are all other terminal marks.
    pub(crate) ends: Vec<u32>,
    /// `[`, `{`, and pairs of letters, in any case, that are in every phrase: `ja` and `va` of `javascript`, `va` of
    /// `privacy policy`, `ki` of `cookie`, `ms` of `terms of use`, `m` and a space of `lorem ipsum`.
    pub(crate) phrases: Vec<u32>,
}

impl Spots {
    /// Overwrites everything with the spots of `text`.
    pub(crate) fn fill(&mut self, text: &str) {
        self.ends.clear();
        self.phrases.clear();
        dispatch::run(Search {
            bytes: text.as_bytes(),
            spots: self,
        });
    }
}

fn is_end(byte: u8) -> bool {
    matches!(byte, b'.' | b'!' | b'?' | FIRST_LEAD..)
}

/// First byte of U+0580.
const FIRST_LEAD: u8 = 0xd6;

fn is_phrase(byte: u8, next: u8) -> bool {
    match byte | 0x20 {
        b'j' | b'v' => next | 0x20 == b'a',
        b'k' => next | 0x20 == b'i',
        b'm' => next | 0x20 == b's' || next == b' ',
        _ => matches!(byte, b'{' | b'['),
    }
}

struct Search<'a> {
    bytes: &'a [u8],
    spots: &'a mut Spots,
}

impl Search<'_> {
    /// From that position on, byte by byte.
    fn find_from(self, start: usize) {
        for (position, &byte) in self.bytes.iter().enumerate().skip(start) {
            if is_end(byte) {
                self.spots.ends.push(position as u32);
            }
            let next = self.bytes.get(position + 1).copied().unwrap_or_default();
            if is_phrase(byte, next) {
                self.spots.phrases.push(position as u32);
            }
        }
    }
}

impl Kernel for Search<'_> {
    type Output = ();

    fn portable(self) {
        self.find_from(0);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: dispatch::Avx2) {
        let mut base = 0;
        while let Some((block, next)) = self.bytes[base..].split_first_chunk::<64>() {
            let Some(&after) = next.first() else {
                break;
            };
            let bytes = avx2.load(block);
            let marks = avx2.or(avx2.equal(bytes, b'.'), avx2.equal(bytes, b'!'));
            let others = avx2.or(avx2.equal(bytes, b'?'), avx2.within(bytes, FIRST_LEAD, 0xff));
            push_bits(base, avx2.high_bits(avx2.or(marks, others)), &mut self.spots.ends);
            let folded = avx2.with_bits(bytes, 0x20);
            let letter = |letter: u8| avx2.high_bits(avx2.equal(folded, letter));
            // Bit n is about the byte after byte n.
            let then = |mask: u64, of_after: bool| mask >> 1 | u64::from(of_after) << 63;
            let then_letter = |value: u8| then(letter(value), after | 0x20 == value);
            let then_space = then(avx2.high_bits(avx2.equal(bytes, b' ')), after == b' ');
            let brackets = avx2.high_bits(avx2.or(avx2.equal(bytes, b'{'), avx2.equal(bytes, b'[')));
            let spots = (letter(b'j') | letter(b'v')) & then_letter(b'a')
                | letter(b'k') & then_letter(b'i')
                | letter(b'm') & (then_letter(b's') | then_space)
                | brackets;
            push_bits(base, spots, &mut self.spots.phrases);
            base += 64;
        }
        self.find_from(base);
    }
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn push_bits(base: usize, mut bits: u64, into: &mut Vec<u32>) {
    while bits != 0 {
        into.push(base as u32 + bits.trailing_zeros());
        bits &= bits - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn spots_are_those_of_each_byte(text in nasty_text(), times in 1..9_usize) {
            let text = format!("{text} lorem ipsum JAVAscript cooKies {{[1]").repeat(times);
            let (mut spots, mut portable) = (Spots::default(), Spots::default());
            spots.fill(&text);
            Search { bytes: text.as_bytes(), spots: &mut portable }.portable();
            prop_assert_eq!(&spots, &portable);
            let by = |holds: &dyn Fn(usize) -> bool| -> Vec<u32> {
                (0..text.len()).filter(|&at| holds(at)).map(|at| at as u32).collect()
            };
            let bytes = text.as_bytes();
            prop_assert_eq!(spots.ends, by(&|at| is_end(bytes[at])));
            let next = |at: usize| bytes.get(at + 1).copied().unwrap_or_default();
            prop_assert_eq!(spots.phrases, by(&|at| is_phrase(bytes[at], next(at))));
        }
    }

    #[test]
    fn all_terminal_marks_are_spots() {
        for character in ('\0'..=char::MAX).filter(|&character| crate::segment::is_terminal_mark(character)) {
            let mut buffer = [0; 4];
            assert!(
                is_end(character.encode_utf8(&mut buffer).as_bytes()[0]),
                "{character:?}"
            );
        }
    }
}
