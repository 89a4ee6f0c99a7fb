//! Shingles: the sets by which two documents are compared.
//!
//! A shingle is a run of `size` units. What a unit is, [`ShingleUnit`] says: a word, a character, or a token of the
//! recipe's tokenizer. A document with fewer units than that has one shingle, the whole sequence; one without any has
//! none.
//!
//! A shingle is kept as a 64-bit hash: a polynomial of its units' hashes, mixed. The same shingle has the
//! same hash on every machine; different ones share it once in 2^64.

mod characters;
mod sort;

use crate::hash::mix64;
use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation};
use serde::{Deserialize, Serialize};
use sort::HashSorter;

/// Odd, so that multiplying by it loses nothing.
const BASE: u64 = 0x9e37_79b9_7f4a_7c15;

/// What shingles are made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ShingleUnit {
    /// The tokens of [`crate::segment`] that have a letter or a number, in lower case: punctuation, symbols and emoji
    /// are dropped.
    #[default]
    Word,
    /// The characters (Unicode scalar values) of the text in lower case, each run of white space as one space, none
    /// at either end.
    Character,
    /// Ids that a tokenizer gives; [`Shingles::of_ids`] takes them.
    Token,
}

/// Which shingles a document has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct ShingleConfig {
    /// What they are made of.
    pub unit: ShingleUnit,
    /// Units in a shingle; 0 is taken as 1.
    pub size: u32,
}

impl Default for ShingleConfig {
    /// Five words.
    fn default() -> Self {
        Self::words(5)
    }
}

impl ShingleConfig {
    /// Shingles of that many words.
    ///
    /// ```
    /// use gristmill_core::shingle::ShingleConfig;
    /// assert_eq!(ShingleConfig::words(5), ShingleConfig::default());
    /// ```
    pub const fn words(size: u32) -> Self {
        Self {
            unit: ShingleUnit::Word,
            size,
        }
    }
}

/// Makes the shingles of documents; keeps its buffers between them.
///
/// ```
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// use gristmill_core::shingle::{ShingleConfig, Shingles, jaccard};
/// let segmenter = Segmenter::default();
/// let mut segmentation = Segmentation::default();
/// let mut shingles = Shingles::new(ShingleConfig::words(2));
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
    config: ShingleConfig,
    size: usize,
    /// `BASE` to the power of `size`.
    leaving_weight: u64,
    units: Vec<u64>,
    scratch: String,
    sorter: HashSorter,
}

impl Shingles {
    /// Makes shingles of that kind.
    pub fn new(config: ShingleConfig) -> Self {
        let size = config.size.max(1) as usize;
        let leaving_weight = (0..size).fold(1_u64, |power, _| power.wrapping_mul(BASE));
        Self {
            config,
            size,
            leaving_weight,
            units: Vec::new(),
            scratch: String::new(),
            sorter: HashSorter::default(),
        }
    }

    /// Replaces the content of `into` by the hash of the shingle at each unit, in the order of the text.
    ///
    /// A text gives no tokens: for [`ShingleUnit::Token`] there is nothing, and [`Self::of_ids`] is to be asked.
    pub fn in_order(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.units.clear();
        match self.config.unit {
            ShingleUnit::Word => self.push_words(text, segmentation),
            ShingleUnit::Character => characters::push(text, &mut self.units),
            ShingleUnit::Token => {}
        }
        self.roll(into);
    }

    /// Replaces the content of `into` by the hash of the shingle at each token id, in order, whatever the unit.
    ///
    /// ```
    /// use gristmill_core::shingle::{ShingleConfig, ShingleUnit, Shingles};
    /// let mut shingles = Shingles::new(ShingleConfig { unit: ShingleUnit::Token, size: 2 });
    /// let mut hashes = Vec::new();
    /// shingles.of_ids(&[7, 8, 7, 8], &mut hashes);
    /// assert_eq!(hashes.len(), 3);
    /// assert_eq!(hashes[0], hashes[2]);
    /// ```
    pub fn of_ids(&mut self, ids: &[u32], into: &mut Vec<u64>) {
        self.units.clear();
        self.units.extend(ids.iter().map(|&id| mix64(u64::from(id) + 1)));
        self.roll(into);
    }

    /// Replaces the content of `into` by the hashes of the distinct shingles, ascending.
    pub fn sorted_distinct(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.in_order(text, segmentation, into);
        self.sorter.sort(into);
        into.dedup();
    }

    fn push_words(&mut self, text: &str, segmentation: &Segmentation) {
        for (index, flags) in segmentation.flags().iter().enumerate() {
            if flags & (HAS_LETTER | HAS_NUMBER) != 0 {
                self.units
                    .push(segmentation.lower_hash(text, index, &mut self.scratch));
            }
        }
    }

    /// The polynomials of all runs of units.
    fn roll(&self, into: &mut Vec<u64>) {
        into.clear();
        let num_first = self.size.min(self.units.len());
        let (first, later) = self.units.split_at(num_first);
        if first.is_empty() {
            return;
        }
        let mut polynomial = first
            .iter()
            .fold(0_u64, |value, &unit| value.wrapping_mul(BASE).wrapping_add(unit));
        into.push(mix64(polynomial));
        into.extend(later.iter().zip(&self.units).map(|(&enters, &leaves)| {
            polynomial = polynomial
                .wrapping_mul(BASE)
                .wrapping_add(enters)
                .wrapping_sub(leaves.wrapping_mul(self.leaving_weight));
            mix64(polynomial)
        }));
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
    fn by_definition(text: &str, segmentation: &Segmentation, size: usize) -> Vec<String> {
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
            number if number < size => vec![words.join(" ")],
            _ => words.windows(size).map(|shingle| shingle.join(" ")).collect(),
        }
    }

    proptest! {
        #[test]
        fn hashes_stand_for_shingles(
            left in nasty_text(), right in nasty_text(), shared in nasty_text(), size in 1..7_u32,
        ) {
            let mut shingles = Shingles::new(ShingleConfig::words(size));
            let mut segmentation = Segmentation::default();
            let texts = [format!("{shared} {left}"), format!("{} {right}", shared.to_lowercase())];
            let mut sides = texts.map(|text| {
                SEGMENTER.segment(&text, &mut segmentation);
                let strings = by_definition(&text, &segmentation, size as usize);
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
            Shingles::new(ShingleConfig::default()).in_order(text, &segmentation, &mut hashes);
            assert_eq!(hashes.len(), number, "{text:?}");
        }
    }
}
