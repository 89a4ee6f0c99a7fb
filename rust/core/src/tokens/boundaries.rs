//! Where a word can be cut without changing its ids: between two characters that no token of the vocabulary joins.
//!
//! Merging never crosses a place that lies inside no token, so what stands on both sides merges by itself. A token may
//! begin or end inside a character, so what counts is what it holds of the two characters at the place.

use std::collections::HashSet;
use std::hash::{BuildHasherDefault, Hasher};

use super::classes::decode;
use crate::hash::mix64;

/// What a token holds of two characters: [`packed`] parts, left and right.
type Join = u128;
type Joins = HashSet<Join, BuildHasherDefault<JoinHasher>>;

/// Pairs of characters whose answer is kept: 512 KiB.
const NUM_REMEMBERED: usize = 1 << 16;
/// Of a remembered pair: that it can be cut.
const CAN_CUT: u64 = 1 << 63;

/// The joins of a vocabulary: what its tokens hold of the characters on both sides of a character boundary.
#[derive(Debug, Clone)]
pub(super) struct Boundaries {
    joined: Joins,
    /// By last byte of the left part and first byte of the right one: whether a join holds less than both characters.
    partial: Vec<bool>,
    /// For each ASCII character one bit for each that it can be cut from when that follows.
    ascii: Box<[u128; 128]>,
    /// Answers for pairs of other characters, by hash: both code points and [`CAN_CUT`].
    remembered: Vec<u64>,
}

/// Folds a join, which is made of few and well-spread bytes; it decides nothing but speed.
#[derive(Debug, Clone, Copy, Default)]
struct JoinHasher(u64);

impl Hasher for JoinHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0 = mix64(self.0 ^ u64::from(byte));
        }
    }

    fn write_u128(&mut self, join: u128) {
        self.0 = mix64(((join >> 64) as u64).rotate_left(29) ^ join as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Up to four bytes and their number.
fn packed(bytes: &[u8]) -> u64 {
    let mut value = bytes.len() as u64;
    for &byte in bytes {
        value = value << 8 | u64::from(byte);
    }
    value
}

fn join(left: &[u8], right: &[u8]) -> Join {
    Join::from(packed(left)) << 64 | Join::from(packed(right))
}

/// The bytes next to the place, as one number.
fn ends(left: &[u8], right: &[u8]) -> usize {
    let last = left.last().copied().unwrap_or_default();
    usize::from(last) << 8 | usize::from(right.first().copied().unwrap_or_default())
}

/// How many bytes a character has that begins with this one.
fn num_bytes_of(first: u8) -> usize {
    match first {
        0..0xe0 => 1 + usize::from(first >= 0x80),
        0xe0..0xf0 => 3,
        _ => 4,
    }
}

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

/// A character at a boundary of characters of valid UTF-8, and its bytes.
#[inline(always)]
fn character_at(text: &[u8], at: usize) -> (u32, usize) {
    match text[at] {
        byte @ 0..128 => (u32::from(byte), 1),
        _ => decode(text, at),
    }
}

impl Boundaries {
    /// Of the tokens that merging can make, as bytes.
    pub(super) fn new<'t>(tokens: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut joined = Joins::default();
        let mut partial = vec![false; 1 << 16];
        for token in tokens {
            for at in 1..token.len() {
                if is_continuation(token[at]) {
                    continue;
                }
                let start = character_start(token, at);
                let mut end = at + 1;
                while end < token.len() && is_continuation(token[end]) && end - at < 4 {
                    end += 1;
                }
                joined.insert(join(&token[start..at], &token[at..end]));
                let is_whole = !is_continuation(token[start]) && end - at == num_bytes_of(token[at]);
                partial[ends(&token[start..at], &token[at..end])] |= !is_whole;
            }
        }
        let mut boundaries = Self {
            joined,
            partial,
            ascii: Box::new([0; 128]),
            remembered: vec![0; NUM_REMEMBERED],
        };
        for left in 0..128_u8 {
            for right in 0..128_u8 {
                let is_joined = boundaries.is_joined(&[left], &[right]);
                boundaries.ascii[usize::from(left)] |= u128::from(!is_joined) << right;
            }
        }
        boundaries
    }

    /// The first place behind `start`, a boundary of characters, where a word of valid UTF-8 can be cut; its end if
    /// there is none.
    #[inline]
    pub(super) fn next_cut(&mut self, word: &[u8], start: usize) -> usize {
        if start >= word.len() {
            return word.len();
        }
        let (mut left, num_bytes) = character_at(word, start);
        let (mut left_at, mut at) = (start, start + num_bytes);
        while at < word.len() {
            let (right, num_bytes) = character_at(word, at);
            let can_cut = match self.ascii.get(left as usize) {
                Some(row) if right < 128 => row >> right & 1 == 1,
                _ => self.can_cut(left, right, || (&word[left_at..at], &word[at..at + num_bytes])),
            };
            if can_cut {
                return at;
            }
            (left, left_at) = (right, at);
            at += num_bytes;
        }
        word.len()
    }

    /// For each byte, whether a word can be cut behind any character that ends in it when that ASCII character follows.
    pub(super) fn cuts_before(&self, character: u8) -> [bool; 256] {
        let mut cuts = [true; 256];
        let followed = self
            .joined
            .iter()
            .filter(|&&join| join as u64 == packed(&[character]));
        for &join in followed {
            // The last byte of what is left of the place.
            cuts[(join >> 64) as usize & 0xff] = false;
        }
        cuts
    }

    #[inline(always)]
    fn can_cut<'w>(&mut self, left: u32, right: u32, bytes: impl FnOnce() -> (&'w [u8], &'w [u8])) -> bool {
        // No pair of ASCII characters comes here, so no pair is 0, which is an empty slot.
        let pair = u64::from(left) << 21 | u64::from(right);
        let slot = mix64(pair) as usize % NUM_REMEMBERED;
        let known = self.remembered[slot];
        if known & !CAN_CUT == pair {
            return known & CAN_CUT != 0;
        }
        let (left, right) = bytes();
        let is_joined = self.is_joined(left, right);
        self.remembered[slot] = if is_joined { pair } else { pair | CAN_CUT };
        !is_joined
    }

    /// Whether a token holds the end of the left character and the beginning of the right one.
    #[cold]
    fn is_joined(&self, left: &[u8], right: &[u8]) -> bool {
        let has = |left: &[u8], right: &[u8]| self.joined.contains(&join(left, right));
        has(left, right)
            || (self.partial[ends(left, right)]
                && (0..left.len()).any(|from| (1..=right.len()).any(|to| has(&left[from..], &right[..to]))))
    }
}

/// Where the character starts that ends at `end`; at most four bytes before it.
fn character_start(bytes: &[u8], end: usize) -> usize {
    let mut start = end - 1;
    while start > 0 && is_continuation(bytes[start]) && end - start < 4 {
        start -= 1;
    }
    start
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_inside_a_token_is_never_cut() {
        let tokens: [&[u8]; 4] = [
            "ab".as_bytes(),
            "é日".as_bytes(),
            &[0xa9, b'x'],
            &[b'y', 0xe6, 0x97],
        ];
        let mut boundaries = Boundaries::new(tokens.into_iter());
        let mut cuts = |word: &str| -> Vec<usize> {
            let mut cuts = Vec::new();
            let mut at = boundaries.next_cut(word.as_bytes(), 0);
            while at < word.len() {
                cuts.push(at);
                at = boundaries.next_cut(word.as_bytes(), at);
            }
            cuts
        };
        for _ in 0..2 {
            assert_eq!(cuts("abba"), [2, 3]);
            // é ends in 0xa9, 日 begins with 0xe6 0x97, and so does 旦.
            assert_eq!(cuts("é日éxy日y旦zé旦"), [5, 8, 12, 16, 17, 19]);
        }
        assert_eq!(cuts(""), [0; 0]);
        let cuts = boundaries.cuts_before(b'x');
        let places: Vec<usize> = (0..256).filter(|&byte| !cuts[byte]).collect();
        assert_eq!(places, [0xa9]);
    }
}
