//! Word shingles: the sets by which two documents are compared.
//!
//! A shingle is a run of `shingle_words` words in lower case. Words are the tokens of [`crate::segment`] that
//! have a letter or a number, so punctuation, symbols and emoji are dropped. A document with fewer words than
//! that has one shingle, the whole sequence; one without words has none.
//!
//! A shingle is kept as a 64-bit hash: a polynomial of its words' hashes, mixed. The same shingle has the
//! same hash on every machine; different ones share it once in 2^64.

use crate::hash::mix64;
use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation};

/// Odd, so that multiplying by it loses nothing.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// Makes the shingles of documents; keeps its buffers between them.
///
/// ```
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// use gristmill_core::shingle::{Shingles, jaccard};
/// let segmenter = Segmenter::default();
/// let mut segmentation = Segmentation::default();
/// let mut shingles = Shingles::new(2);
/// let [left, right] = ["One two, three!", "one TWO three four"].map(|text| {
///     segmenter.segment(text, &mut segmentation);
///     let mut hashes = Vec::new();
///     shingles.sorted_distinct(text, &segmentation, &mut hashes);
///     hashes
/// });
/// assert_eq!(jaccard(&left, &right), 2.0 / 3.0);
/// ```
#[derive(Debug, Clone)]
pub struct Shingles {
    shingle_words: usize,
    /// `BASE` to the power of `shingle_words`.
    leaving_weight: u64,
    words: Vec<u64>,
    scratch: String,
}

impl Shingles {
    /// Makes shingles of that many words; 0 is taken as 1.
    pub fn new(shingle_words: usize) -> Self {
        let shingle_words = shingle_words.max(1);
        let leaving_weight = (0..shingle_words).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self {
            shingle_words,
            leaving_weight,
            words: Vec::new(),
            scratch: String::new(),
        }
    }

    /// Replaces the content of `into` by the hash of the shingle at each word, in the order of the text.
    pub fn in_order(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.words.clear();
        for (index, flags) in segmentation.flags().iter().enumerate() {
            if flags & (HAS_LETTER | HAS_NUMBER) != 0 {
                self.words
                    .push(segmentation.lower_hash(text, index, &mut self.scratch));
            }
        }
        into.clear();
        let num_first = self.shingle_words.min(self.words.len());
        let (first, later) = self.words.split_at(num_first);
        if first.is_empty() {
            return;
        }
        let mut polynomial = first
            .iter()
            .fold(0_u64, |value, &word| value.wrapping_mul(BASE).wrapping_add(word));
        into.push(mix64(polynomial));
        into.extend(later.iter().zip(&self.words).map(|(&enters, &leaves)| {
            polynomial = polynomial
                .wrapping_mul(BASE)
                .wrapping_add(enters)
                .wrapping_sub(leaves.wrapping_mul(self.leaving_weight));
            mix64(polynomial)
        }));
    }

    /// Replaces the content of `into` by the hashes of the distinct shingles, ascending.
    pub fn sorted_distinct(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.in_order(text, segmentation, into);
        into.sort_unstable();
        into.dedup();
    }
}

/// Returns the Jaccard similarity of two ascending sets: what they share, by what they hold together.
///
/// In [0, 1]; 0 if both are empty, because documents without words are not alike in any useful sense.
///
/// ```
/// use gristmill_core::shingle::jaccard;
/// assert_eq!(jaccard(&[1, 2, 3], &[2, 3, 4]), 0.5);
/// assert_eq!(jaccard(&[], &[]), 0.0);
/// ```
pub fn jaccard(left: &[u64], right: &[u64]) -> f64 {
    let (mut at_left, mut at_right, mut num_shared) = (0, 0, 0);
    while at_left < left.len() && at_right < right.len() {
        let (one, other) = (left[at_left], right[at_right]);
        num_shared += usize::from(one == other);
        at_left += usize::from(one <= other);
        at_right += usize::from(other <= one);
    }
    match left.len() + right.len() - num_shared {
        0 => 0.0,
        num_together => num_shared as f64 / num_together as f64,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use proptest::prelude::*;
    use std::collections::BTreeSet;

    /// The shingles as strings: words in lower case, joined by a space.
    fn by_definition(text: &str, segmentation: &Segmentation, shingle_words: usize) -> Vec<String> {
        let words: Vec<String> = (0..segmentation.num_tokens())
            .filter(|&index| segmentation.flags()[index] & (HAS_LETTER | HAS_NUMBER) != 0)
            .map(|index| {
                segmentation
                    .token(text, index)
                    .chars()
                    .flat_map(char::to_lowercase)
                    .collect()
            })
            .collect();
        match words.len() {
            0 => Vec::new(),
            number if number < shingle_words => vec![words.join(" ")],
            _ => words
                .windows(shingle_words)
                .map(|shingle| shingle.join(" "))
                .collect(),
        }
    }

    proptest! {
        #[test]
        fn hashes_stand_for_shingles(
            left in nasty_text(), right in nasty_text(), shared in nasty_text(), shingle_words in 1..7_usize,
        ) {
            let mut shingles = Shingles::new(shingle_words);
            let mut segmentation = Segmentation::default();
            let texts = [format!("{shared} {left}"), format!("{} {right}", shared.to_lowercase())];
            let mut sides = texts.map(|text| {
                SEGMENTER.segment(&text, &mut segmentation);
                let strings = by_definition(&text, &segmentation, shingle_words);
                let (mut ordered, mut distinct) = (Vec::new(), Vec::new());
                shingles.in_order(&text, &segmentation, &mut ordered);
                shingles.sorted_distinct(&text, &segmentation, &mut distinct);
                (strings, ordered, distinct)
            });
            // Equal shingles have equal hashes, different ones different hashes, in both texts.
            let strings: Vec<_> = sides.iter().flat_map(|side| &side.0).collect();
            let hashes: Vec<_> = sides.iter().flat_map(|side| &side.1).collect();
            prop_assert_eq!(strings.len(), hashes.len());
            let pairs: BTreeSet<_> = strings.iter().zip(&hashes).collect();
            let distinct_hashes: BTreeSet<_> = hashes.iter().collect();
            prop_assert_eq!(pairs.len(), strings.iter().collect::<BTreeSet<_>>().len());
            prop_assert_eq!(pairs.len(), distinct_hashes.len());
            let [left, right] = sides.each_mut().map(|side| side.0.drain(..).collect::<BTreeSet<_>>());
            prop_assert!(sides.iter().all(|side| side.2.is_sorted_by(|one, other| one < other)));
            let (num_shared, num_together) = (left.intersection(&right).count(), left.union(&right).count());
            let expected = if num_together == 0 { 0.0 } else { num_shared as f64 / num_together as f64 };
            prop_assert_eq!(jaccard(&sides[0].2, &sides[1].2), expected);
        }
    }

    #[test]
    fn a_short_document_is_one_shingle() {
        let mut segmentation = Segmentation::default();
        let mut hashes = Vec::new();
        for (text, number) in [
            ("", 0),
            ("... !", 0),
            ("_ 😀", 0),
            ("One", 1),
            ("a b c, d", 1),
            ("a b c d e", 1),
            ("1 2 3 4 5 6", 2),
        ] {
            SEGMENTER.segment(text, &mut segmentation);
            Shingles::new(5).in_order(text, &segmentation, &mut hashes);
            assert_eq!(hashes.len(), number, "{text:?}");
        }
    }
}
