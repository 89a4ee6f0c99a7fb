//! Where a word can be cut without changing its ids: between two characters that no token of the vocabulary joins.
//!
//! Merging never crosses a place that lies inside no token, so what stands on both sides merges by itself. A token may
//! begin or end inside a character, so what counts is what it holds of the two characters at the place.

use std::collections::HashSet;

use crate::hash::mix64;

/// What a token holds of two characters: [`packed`] parts, left and right.
type Join = u128;

const NUM_REMEMBERED: usize = 1 << 14;

/// The joins of a vocabulary: what its tokens hold of the characters on both sides of a character boundary.
#[derive(Debug, Clone)]
pub(super) struct Boundaries {
    joined: HashSet<Join>,
    /// Answers for pairs of characters, by hash: the pair, and whether it can be cut.
    remembered: Vec<(Join, bool)>,
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

fn is_continuation(byte: u8) -> bool {
    byte & 0xc0 == 0x80
}

impl Boundaries {
    /// Of the tokens that merging can make, as bytes.
    pub(super) fn new<'t>(tokens: impl Iterator<Item = &'t [u8]>) -> Self {
        let mut joined = HashSet::new();
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
            }
        }
        Self {
            joined,
            remembered: vec![(0, false); NUM_REMEMBERED],
        }
    }

    /// Whether a word of valid UTF-8 can be cut at `at`, a boundary of characters inside it.
    pub(super) fn can_cut(&mut self, word: &[u8], at: usize) -> bool {
        let left = &word[character_start(word, at)..at];
        let mut end = at + 1;
        while end < word.len() && is_continuation(word[end]) {
            end += 1;
        }
        let right = &word[at..end];
        let pair = join(left, right);
        let slot = mix64(packed(left).rotate_left(32) ^ packed(right)) as usize % NUM_REMEMBERED;
        let slot = &mut self.remembered[slot];
        if slot.0 == pair {
            return slot.1;
        }
        // A token holds the end of the left character and the beginning of the right one.
        let is_joined = (0..left.len())
            .any(|from| (1..=right.len()).any(|to| self.joined.contains(&join(&left[from..], &right[..to]))));
        *slot = (pair, !is_joined);
        !is_joined
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
            let places = word.char_indices().map(|(at, _)| at).skip(1);
            places
                .filter(|&at| boundaries.can_cut(word.as_bytes(), at))
                .collect()
        };
        assert_eq!(cuts("abba"), [2, 3]);
        // é ends in 0xa9, 日 begins with 0xe6 0x97, and so does 旦.
        assert_eq!(cuts("é日éxy日y旦zé旦"), [5, 8, 12, 16, 17, 19]);
    }
}
