//! Hashes of the word n-grams of a unit.

use crate::hash::mix64;

/// Odd, so that no word's part of a hash is lost.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Overwrites `into` with a 64-bit hash of each run of `size` words, in order; of nothing when there are fewer words.
///
/// `words` are hashes of the words, in order. A hash is the polynomial of the mixed hashes of its words, mixed, so that it
/// depends on their order. Cost: a few operations a word, whatever the size.
///
/// ```
/// use gristmill_core::units::ngram_hashes;
/// let mut hashes = Vec::new();
/// ngram_hashes(&[1, 2, 3, 1, 2], 2, &mut hashes);
/// assert_eq!(hashes.len(), 4);
/// assert_eq!(hashes[0], hashes[3]);
/// ngram_hashes(&[1, 2], 3, &mut hashes);
/// assert!(hashes.is_empty());
/// ```
pub fn ngram_hashes(words: &[u64], size: usize, into: &mut Vec<u64>) {
    into.clear();
    if size == 0 || words.len() < size {
        return;
    }
    let leading = (0..size).fold(1_u64, |power, _| power.wrapping_mul(BASE));
    let mut sum = 0_u64;
    for (position, &word) in words.iter().enumerate() {
        sum = sum.wrapping_mul(BASE).wrapping_add(mix64(word));
        if let Some(gone) = position.checked_sub(size) {
            sum = sum.wrapping_sub(mix64(words[gone]).wrapping_mul(leading));
        }
        if position + 1 >= size {
            into.push(mix64(sum));
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn rolling_is_what_each_run_gives_alone(words in prop::collection::vec(0..5_u64, 0..40), size in 1..16_usize) {
            let (mut rolled, mut alone) = (Vec::new(), Vec::new());
            ngram_hashes(&words, size, &mut rolled);
            prop_assert_eq!(rolled.len(), (words.len() + 1).saturating_sub(size));
            for (run, &hash) in words.windows(size).zip(&rolled) {
                ngram_hashes(run, size, &mut alone);
                prop_assert_eq!(&alone, &vec![hash]);
            }
            for (left, &left_hash) in words.windows(size).zip(&rolled) {
                for (right, &right_hash) in words.windows(size).zip(&rolled) {
                    prop_assert_eq!(left == right, left_hash == right_hash);
                }
            }
        }
    }
}
