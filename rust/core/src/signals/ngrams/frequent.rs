//! The most frequent 2-, 3- and 4-gram, and which longer ones may repeat.
//!
//! A small table counts 2-grams by their hash. What it says of a 2-gram is never less than how often that occurs, and a
//! longer n-gram occurs at most as often as each 2-gram in it. So only where these bounds are high may the most frequent
//! n-gram be, and there is where n-grams are counted one by one; if the bounds promised too much, once again where they
//! are as high as what was found. Bounds that are 1 say that an n-gram is the only one of its kind.

use super::Word;
use super::first_positions::FirstPositions;
use crate::signals::facts::select_at_least;

/// The most frequent n-gram so far, the first among equals: copies beside the first one, and how early it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Top(u64);

impl Default for Top {
    /// Without any copy the first n-gram of the text is the first among equals.
    fn default() -> Self {
        Self(u64::from(u32::MAX))
    }
}

impl Top {
    /// How often it occurs, and where first.
    pub(super) fn copies_and_first(self) -> (usize, usize) {
        ((self.0 >> 32) as usize + 1, (u32::MAX - self.0 as u32) as usize)
    }

    /// Takes an n-gram of which there are so many beside the first one.
    #[inline(always)]
    fn meet(&mut self, num_others: u32, first: u32) {
        self.0 = self
            .0
            .max(u64::from(num_others) << 32 | u64::from(u32::MAX - first));
    }
}

/// Finds them; keeps its tables between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Frequent {
    /// Number of positions whose 2-gram falls in the bucket, up to 255.
    bucket_counts: Vec<u8>,
    /// Bucket of the 2-gram at each position.
    buckets: Vec<u32>,
    /// How often the n-gram at each position occurs at most, up to 255; n is that of the last level.
    bounds: Vec<u8>,
    /// Positions under consideration, where the n-gram there is met first, and copies beside the first there.
    selected: Vec<u32>,
    firsts: Vec<u32>,
    num_others: Vec<u32>,
    first_positions: FirstPositions,
}

impl Frequent {
    /// The most frequent 2-, 3- and 4-gram of at least two words; those without copies if the text is shorter.
    #[inline(always)]
    pub(super) fn find<W: Word>(&mut self, words: &[W]) -> [Top; 3] {
        self.bound_pairs(words);
        if self.num_others.len() < words.len() {
            self.num_others.resize(words.len(), 0);
        }
        let mut tops = [Top::default(); 3];
        for (level, top) in (2..=words.len()).zip(&mut tops) {
            if level > 2 {
                self.lengthen();
            }
            let most = self.bounds.iter().copied().max().unwrap_or(0);
            if most < 2 {
                self.bounds.clear();
                break;
            }
            *top = match level {
                2 => self.top::<W, 2>(words, most - most / 4),
                3 => self.top::<W, 3>(words, most - most / 2),
                _ => self.top::<W, 4>(words, most - most / 2),
            };
        }
        tops
    }

    /// After [`Self::find`]: ascending positions of all 5-grams that may occur more than once, and of some others.
    #[inline(always)]
    pub(super) fn select_fives(&mut self) -> &[u32] {
        self.lengthen();
        select_at_least(&self.bounds, 2, &mut self.selected);
        &self.selected
    }

    /// Bounds of 2-grams.
    #[inline(always)]
    fn bound_pairs<W: Word>(&mut self, words: &[W]) {
        let num_buckets = (4 * words.len()).next_power_of_two().max(64);
        let shift = 64 - num_buckets.trailing_zeros();
        self.bucket_counts.clear();
        self.bucket_counts.resize(num_buckets, 0);
        let counts = &mut self.bucket_counts[..];
        self.buckets.resize(words.len() - 1, 0);
        for ((&word, &next), bucket) in words.iter().zip(&words[1..]).zip(&mut self.buckets) {
            let index = gram_hash([word, next]) >> shift;
            *bucket = index as u32;
            let count = &mut counts[index as usize];
            *count = count.saturating_add(1);
        }
        self.bounds.resize(self.buckets.len(), 0);
        for (bound, &bucket) in self.bounds.iter_mut().zip(&self.buckets) {
            *bound = counts[bucket as usize];
        }
    }

    /// Makes the bounds those of n-grams of one word more.
    #[inline(always)]
    fn lengthen(&mut self) {
        let num_grams = self.bounds.len().saturating_sub(1);
        let bounds = &mut self.bounds[..];
        for position in 0..num_grams {
            bounds[position] = bounds[position].min(bounds[position + 1]);
        }
        self.bounds.truncate(num_grams);
    }

    /// The most frequent n-gram of `LEVEL` words; looks where the bounds are at least `least` first.
    #[inline(always)]
    fn top<W: Word, const LEVEL: usize>(&mut self, words: &[W], least: u8) -> Top {
        let mut least = least.max(2);
        loop {
            select_at_least(&self.bounds, least, &mut self.selected);
            let top = self.top_of_selected::<W, LEVEL>(words);
            let (num_copies, _) = top.copies_and_first();
            // All copies of an n-gram have the same bound, so those that were not selected occur less often.
            if num_copies >= usize::from(least) || least == 2 {
                return top;
            }
            least = (num_copies as u8).max(2);
        }
    }

    /// The most frequent of the n-grams at the selected positions, whose bounds become exact.
    #[inline(always)]
    fn top_of_selected<W: Word, const LEVEL: usize>(&mut self, words: &[W]) -> Top {
        let num_selected = self.selected.len();
        if self.firsts.len() < num_selected {
            self.firsts.resize(num_selected, 0);
        }
        self.first_positions.begin(num_selected);
        let mut slots = self.first_positions.slots();
        let (firsts, num_others) = (&mut self.firsts[..num_selected], &mut self.num_others[..]);
        let mut top = Top::default();
        for (&position, first) in self.selected.iter().zip(&mut *firsts) {
            let gram = gram_at::<W, LEVEL>(words, position as usize);
            let is_same = |other: usize| gram_at::<W, LEVEL>(words, other) == gram;
            let found = slots.first(gram_hash(gram), position as usize, is_same);
            *first = found as u32;
            // A first one has whatever an earlier text has left there.
            let before = num_others[found] & u32::from(found != position as usize).wrapping_neg();
            let number = before + u32::from(found != position as usize);
            num_others[found] = number;
            top.meet(number, found as u32);
        }
        let bounds = &mut self.bounds[..];
        for (&position, &first) in self.selected.iter().zip(&*firsts) {
            bounds[position as usize] = (num_others[first as usize] + 1).min(255) as u8;
        }
        top
    }
}

/// The n-gram at a position.
#[inline(always)]
pub(super) fn gram_at<W: Word, const LEVEL: usize>(words: &[W], position: usize) -> [W; LEVEL] {
    *words[position..].first_chunk().expect("a position of an n-gram")
}

/// A hash of an n-gram, of which the high bits are the better ones.
#[inline(always)]
pub(super) fn gram_hash<W: Word, const LEVEL: usize>(gram: [W; LEVEL]) -> u64 {
    const KEY: u64 = 0x9e37_79b9_7f4a_7c15;
    let sum = gram
        .into_iter()
        .fold(0, |sum: u64, word| sum.rotate_left(11).wrapping_add(word.bits()));
    sum.wrapping_mul(KEY)
}
