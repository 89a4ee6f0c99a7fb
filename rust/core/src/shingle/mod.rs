//! Shingles: the sets by which two documents are compared.
//!
//! A shingle is a run of `size` units. What a unit is, [`ShingleUnit`] says: a word, a character, or a token of the
//! recipe's tokenizer. A document with fewer units than that has one shingle, the whole sequence; one without any has
//! none.
//!
//! A shingle is kept as a 64-bit hash. Each unit has one: [`hash_bytes`](crate::segment::hash_bytes) of a word; of the
//! number n of a character or token `low = mix32(n ^ 0x9e3779bb)` and `high = mix32(low + 0x85ebca7b)`
//! ([`mix32`]). The low and the high halves of the units' hashes each make a polynomial modulo 2^32, in the base
//! 0x9e3779bb and 0x85ebca7b, the last unit without a factor; the two of them, mixed by [`mix64`], are the shingle's hash.
//! The same shingle has the same hash on every machine; different ones share it once in 2^64.

mod characters;
mod halves;
mod sort;

use crate::dispatch::{self, Kernel};
use crate::hash::{mix32, mix64};
use crate::segment::{HAS_LETTER, HAS_NUMBER, HAS_UPPER, Segmentation};
pub(crate) use halves::Halves;
use serde::{Deserialize, Serialize};
use sort::HashSorter;

/// Odd, so that multiplying by it loses nothing, and 3 modulo 8, so that changing places is seen by almost all bits.
const LOW_BASE: u32 = 0x9e37_79bb;
const HIGH_BASE: u32 = 0x85eb_ca7b;

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
    /// Hashes of the units that were read, in halves.
    units: Halves,
    polynomials: Halves,
    /// Tokens that lower-casing changes, and the number of each among the units.
    capitals: Vec<(u32, u32)>,
    scratch: String,
    sorter: HashSorter,
}

impl Shingles {
    /// Makes shingles of that kind.
    pub fn new(config: ShingleConfig) -> Self {
        Self {
            config,
            size: config.size.max(1) as usize,
            units: Halves::default(),
            polynomials: Halves::default(),
            capitals: Vec::new(),
            scratch: String::new(),
            sorter: HashSorter::default(),
        }
    }

    /// Replaces the content of `into` by the hash of the shingle at each unit, in the order of the text.
    ///
    /// A text gives no tokens: for [`ShingleUnit::Token`] there is nothing, and [`Self::of_ids`] is to be asked.
    pub fn in_order(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.read(text, segmentation);
        self.write_hashes(into);
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
        self.read_ids(ids);
        self.write_hashes(into);
    }

    /// Replaces the content of `into` by the hashes of the distinct shingles, ascending.
    pub fn sorted_distinct(&mut self, text: &str, segmentation: &Segmentation, into: &mut Vec<u64>) {
        self.in_order(text, segmentation, into);
        self.sorter.sort(into);
        into.dedup();
    }

    /// The same of token ids.
    pub fn sorted_distinct_of_ids(&mut self, ids: &[u32], into: &mut Vec<u64>) {
        self.of_ids(ids, into);
        self.sorter.sort(into);
        into.dedup();
    }

    /// Whether [`Self::in_order`] looks at the segmentation; if not, any will do.
    pub fn reads_segmentation(&self) -> bool {
        self.config.unit == ShingleUnit::Word
    }

    /// Takes over the units of a text.
    pub(crate) fn read(&mut self, text: &str, segmentation: &Segmentation) {
        match self.config.unit {
            ShingleUnit::Word => self.read_words(text, segmentation),
            ShingleUnit::Character => {
                self.units.set_len(0);
                characters::push(text, &mut self.units);
            }
            ShingleUnit::Token => self.units.set_len(0),
        }
    }

    /// Takes over token ids.
    #[inline(always)]
    pub(crate) fn read_ids(&mut self, ids: &[u32]) {
        self.units.set_len(ids.len());
        let (low, high) = self.units.columns_mut();
        for ((low, high), &id) in low.iter_mut().zip(high).zip(ids) {
            (*low, *high) = hash_number(id);
        }
    }

    fn read_words(&mut self, text: &str, segmentation: &Segmentation) {
        let (flags, hashes) = (segmentation.flags(), segmentation.hashes());
        // Whether a token is a word, and in capitals, no processor foretells: so every token is written, and written
        // over by the next one unless it was a word, without a branch.
        self.units.set_len(flags.len());
        if self.capitals.len() < flags.len() {
            self.capitals.resize(flags.len(), (0, 0));
        }
        let (mut num_words, mut num_capitals) = (0, 0);
        for ((&flags, &hash), token) in flags.iter().zip(hashes).zip(0_u32..) {
            self.units.set(num_words, hash);
            if let Some(capital) = self.capitals.get_mut(num_capitals) {
                *capital = (token, num_words as u32);
            }
            num_words += usize::from(flags & (HAS_LETTER | HAS_NUMBER) != 0);
            num_capitals += usize::from(flags & HAS_UPPER != 0);
        }
        for &(token, word) in &self.capitals[..num_capitals] {
            let hash = segmentation.lower_hash(text, token as usize, &mut self.scratch);
            self.units.set(word as usize, hash);
        }
        self.units.set_len(num_words);
    }

    /// The polynomials of the shingles that were read, in order: what hashes are made of.
    #[inline(always)]
    pub(crate) fn polynomials(&mut self) -> &Halves {
        let (low, high) = self.units.columns();
        let size = self.size.min(low.len());
        self.polynomials
            .set_len(if size == 0 { 0 } else { low.len() - size + 1 });
        let (into_low, into_high) = self.polynomials.columns_mut();
        write_polynomials(low, size, LOW_BASE, into_low);
        write_polynomials(high, size, HIGH_BASE, into_high);
        &self.polynomials
    }

    fn write_hashes(&mut self, into: &mut Vec<u64>) {
        dispatch::run(Polynomials(self));
        into.clear();
        into.extend(self.polynomials.numbers().map(mix64));
    }
}

/// The hash of a character's or token's number, low half first: a bijection of the number each.
#[inline(always)]
fn hash_number(number: u32) -> (u32, u32) {
    let low = mix32(number ^ LOW_BASE);
    (low, mix32(low.wrapping_add(HIGH_BASE)))
}

/// The wide path differs in the instructions that the compiler may use.
struct Polynomials<'a>(&'a mut Shingles);

impl Kernel for Polynomials<'_> {
    type Output = ();

    fn portable(self) {
        self.0.polynomials();
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) {
        self.0.polynomials();
    }
}

/// Polynomials that are computed side by side.
const BLOCK: usize = 64;

/// Fills `into` with the polynomials in `base` of each run of `size` units, which end with the units.
#[inline(always)]
fn write_polynomials(units: &[u32], size: usize, base: u32, into: &mut [u32]) {
    let step = |value: &mut u32, unit: u32| *value = value.wrapping_mul(base).wrapping_add(unit);
    let (blocks, rest) = into.as_chunks_mut::<BLOCK>();
    for (block, start) in blocks.iter_mut().zip((0..).step_by(BLOCK)) {
        let mut values = [0_u32; BLOCK];
        for place in start..start + size {
            if let Some(units) = units.get(place..).and_then(<[u32]>::first_chunk::<BLOCK>) {
                values
                    .iter_mut()
                    .zip(units)
                    .for_each(|(value, &unit)| step(value, unit));
            }
        }
        *block = values;
    }
    let start = blocks.len() * BLOCK;
    if let Some(units) = units.get(start..) {
        for (value, units) in rest.iter_mut().zip(units.windows(size.max(1))) {
            *value = 0;
            units.iter().for_each(|&unit| step(value, unit));
        }
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
