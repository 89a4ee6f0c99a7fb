//! Places where a closer look may pay: marks that may end sentences, and parts of the phrases that C4 looks for.
//!
//! One pass finds all of them, 64 bytes at a time, so that the rules look at one byte in fifty and not at each.

use crate::dispatch::{self, Kernel};

/// Positions in one text, ascending.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Spots {
    /// `.`, `!`, `?`, and first bytes of characters from U+0580 on, among which are all other terminal marks.
    pub(crate) ends: Vec<u32>,
    /// `[`, `{`, and rare parts of the phrases, letters in any case: `ja` of `javascript`, `vac` of `privacy policy`, `kie`
    /// of `cookie`, `ms ` of `terms of use`, `m i` of `lorem ipsum`.
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

/// Whether a part of a phrase starts with these bytes. A bit tells upper from lower case, and harmlessly a space from a
/// zero and `[` from `{`.
fn is_phrase(bytes: [u8; 3]) -> bool {
    match bytes.map(|byte| byte | 0x20) {
        [b'j', b'a', _] | [b'{', _, _] => true,
        part => matches!(&part, b"vac" | b"kie" | b"ms " | b"m i"),
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
            let after = |distance: usize| self.bytes.get(position + distance).copied().unwrap_or_default();
            if is_phrase([byte, after(1), after(2)]) {
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
        while let Some(window) = self.bytes[base..].first_chunk::<66>() {
            let (after_1, after_2) = (&window[1..], &window[2..]);
            let (Some(block), Some(after_1), Some(after_2)) =
                (window.first_chunk(), after_1.first_chunk(), after_2.first_chunk())
            else {
                break;
            };
            let bytes = avx2.load(block);
            let marks = avx2.or(avx2.equal(bytes, b'.'), avx2.equal(bytes, b'!'));
            let others = avx2.or(avx2.equal(bytes, b'?'), avx2.within(bytes, FIRST_LEAD, 0xff));
            push_bits(base, avx2.high_bits(avx2.or(marks, others)), &mut self.spots.ends);
            // No closures here: they would be compiled by themselves, without vector instructions.
            let first = avx2.with_bits(bytes, 0x20);
            let second = avx2.with_bits(avx2.load(after_1), 0x20);
            let third = avx2.with_bits(avx2.load(after_2), 0x20);
            let then_a = avx2.equal(second, b'a');
            let vac = avx2.and(avx2.equal(first, b'v'), avx2.equal(third, b'c'));
            let kie = avx2.and(avx2.equal(second, b'i'), avx2.equal(third, b'e'));
            let ms = avx2.and(avx2.equal(second, b's'), avx2.equal(third, b' '));
            let m_i = avx2.and(avx2.equal(second, b' '), avx2.equal(third, b'i'));
            let with_a = avx2.and(avx2.or(avx2.equal(first, b'j'), vac), then_a);
            let with_k = avx2.and(avx2.equal(first, b'k'), kie);
            let with_m = avx2.and(avx2.equal(first, b'm'), avx2.or(ms, m_i));
            let bracket = avx2.equal(first, b'{');
            let spots = avx2.or(avx2.or(with_a, with_k), avx2.or(with_m, bracket));
            push_bits(base, avx2.high_bits(spots), &mut self.spots.phrases);
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
            let text = format!("{text} lorem ipsum JAVAscript cooKies terMS of privACY {{[1]").repeat(times);
            let (mut spots, mut portable) = (Spots::default(), Spots::default());
            spots.fill(&text);
            Search { bytes: text.as_bytes(), spots: &mut portable }.portable();
            prop_assert_eq!(&spots, &portable);
            let by = |holds: &dyn Fn(usize) -> bool| -> Vec<u32> {
                (0..text.len()).filter(|&at| holds(at)).map(|at| at as u32).collect()
            };
            let bytes = text.as_bytes();
            prop_assert_eq!(spots.ends, by(&|at| is_end(bytes[at])));
            let byte = |at: usize| bytes.get(at).copied().unwrap_or_default();
            prop_assert_eq!(spots.phrases, by(&|at| is_phrase([byte(at), byte(at + 1), byte(at + 2)])));
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
