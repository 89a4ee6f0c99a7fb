//! The rule `lexical_diversity`: how many different words a text has, by several measures.

use crate::dispatch::{self, Kernel};
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, Wanted, count, float, share, uint};
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 8] = [
    uint(
        "num_distinct_words",
        "Different words, lower-cased; 0 if there is none.",
    ),
    float(
        "type_token_ratio",
        "Different words by words, above 0 to 1; null if there is no word.",
    ),
    float(
        "moving_average_type_token_ratio",
        "Mean of that ratio over every `window` words in a row, above 0 to 1; null if there are fewer words.",
    ),
    float(
        "word_entropy",
        "Entropy of the distribution of words, in nats, at least 0; null if there is no word.",
    ),
    float(
        "hapax_fraction",
        "Words that occur once, by words, in [0, 1]; null if there is no word.",
    ),
    float(
        "mtld",
        "Mean number of words in a row whose ratio stays above `mtld_ratio`, read both ways; null if there is no word.",
    ),
    float(
        "top_word_fraction",
        "Copies of the most frequent word, by words, above 0 to 1; null if there is no word.",
    ),
    float(
        "top_two_words_fraction",
        "Copies of the two most frequent words, by words, above 0 to 1; null if there is no word.",
    ),
];
const MOVING_AVERAGE: usize = 2;
const ENTROPY: usize = 3;
const MTLD: usize = 5;

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Words of which the moving average looks at once; at least one.
    pub(super) window: usize,
    /// Ratio at which MTLD begins anew, between 0 and 1.
    pub(super) mtld_ratio: f64,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            window: 50,
            mtld_ratio: 0.72,
        }
    }
}

/// Numbers up to this have `n ln n` in a table.
const NUM_LOGARITHMS: usize = 256;

struct LexicalDiversity {
    config: Config,
    wanted: Wanted,
    copies: Copies,
    limits: RatioLimits,
    logarithms: Vec<f64>,
}

/// For each word of a text, where its nearest copies are.
#[derive(Debug, Default)]
struct Copies {
    /// Position after the last copy before it; 0 if there is none.
    after_previous: Vec<u32>,
    /// Behind the first, which is that of no word: position of the first copy behind it; [`u32::MAX`] if there is none.
    next: Vec<u32>,
    /// For each number of a word: position after its last copy so far.
    after_last: Vec<u32>,
}

impl Copies {
    /// Overwrites everything with the copies among those words, whose numbers are below `num_ids`.
    fn fill(&mut self, words: &[u32], num_ids: usize) {
        self.after_last.clear();
        self.after_last.resize(num_ids, 0);
        self.after_previous.resize(words.len(), 0);
        self.next.clear();
        self.next.resize(words.len() + 1, u32::MAX);
        let next = &mut self.next[..];
        for (position, (&id, after_previous)) in words.iter().zip(&mut self.after_previous).enumerate() {
            let after_last = &mut self.after_last[id as usize];
            *after_previous = *after_last;
            next[*after_last as usize] = position as u32;
            *after_last = position as u32 + 1;
        }
    }
}

/// Adds up, over all windows, the words that are the first of their kind in them.
struct FirstsInWindows<'a> {
    after_previous: &'a [u32],
    /// At most as many as there are words.
    window: u32,
}

impl FirstsInWindows<'_> {
    #[inline(always)]
    fn sum(self) -> u64 {
        let num_words = self.after_previous.len() as u32;
        let num_windows = num_words - self.window + 1;
        // A word is the first of its kind in the windows that hold it and not its last copy before.
        let num_firsts = |position: u32, after_previous: u32| {
            let first = (position + 1).saturating_sub(self.window).max(after_previous);
            u64::from((position + 1).min(num_windows).saturating_sub(first))
        };
        let mut sum = 0;
        for (position, &after_previous) in (0..num_words).zip(self.after_previous) {
            sum += num_firsts(position, after_previous);
        }
        sum
    }
}

impl Kernel for FirstsInWindows<'_> {
    type Output = u64;

    fn portable(self) -> u64 {
        self.sum()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> u64 {
        self.sum()
    }
}

/// For numbers of words, how many different ones they have when their ratio is at the limit.
#[derive(Debug)]
struct RatioLimits {
    limit: f64,
    most_distinct: Vec<u32>,
}

/// Stretches of fewer words have their limit in a table.
const NUM_LIMITS: usize = 1024;

impl RatioLimits {
    fn new(limit: f64) -> Self {
        let most_distinct = (0..NUM_LIMITS as u32).map(|num_words| {
            let is_below = |num_distinct: &u32| f64::from(*num_distinct) / f64::from(num_words) <= limit;
            // 0 by 0 is no number; a stretch has a word.
            (0..=num_words).rev().find(is_below).unwrap_or(0)
        });
        Self {
            limit,
            most_distinct: most_distinct.collect(),
        }
    }

    /// Whether the ratio is at the limit or below.
    #[inline(always)]
    fn is_reached(&self, num_distinct: u32, num_words: u32) -> bool {
        match self.most_distinct.get(num_words as usize) {
            Some(&most) => num_distinct <= most,
            None => f64::from(num_distinct) / f64::from(num_words) <= self.limit,
        }
    }

    /// How often the ratio falls to the limit when words are read forward, and backward.
    ///
    /// Both in one loop, because neither has to wait for the other.
    #[inline(always)]
    fn num_factors(&self, after_previous: &[u32], next: &[u32]) -> [f64; 2] {
        let num_words = after_previous.len() as u32;
        let (mut forward, mut backward) = (Stretch::default(), Stretch::default());
        let words = after_previous.iter().zip(next.iter().rev());
        for (position, (&after_previous, &next)) in (0..num_words).zip(words) {
            // A word is the first of its kind in the stretch if its copy before is not in it.
            forward.add(after_previous <= forward.start, position, self);
            // Read from the end, the stretch began before the word at `num_words - start`.
            backward.add(next >= num_words - backward.start, position, self);
        }
        [forward, backward].map(|stretch| stretch.num_factors(num_words, self.limit))
    }
}

/// A stretch of words whose ratio is above the limit.
#[derive(Debug, Clone, Copy, Default)]
struct Stretch {
    /// How many words were read before it.
    start: u32,
    num_distinct: u32,
    /// How many stretches ended before it.
    num_before: u32,
}

impl Stretch {
    /// Adds the word that is read after `position` others.
    #[inline(always)]
    fn add(&mut self, is_new: bool, position: u32, limits: &RatioLimits) {
        self.num_distinct += u32::from(is_new);
        if limits.is_reached(self.num_distinct, position + 1 - self.start) {
            (self.start, self.num_distinct) = (position + 1, 0);
            self.num_before += 1;
        }
    }

    /// How many stretches there are, the last one counted in part; 1 if no word comes twice.
    fn num_factors(self, num_words: u32, limit: f64) -> f64 {
        let mut num_factors = f64::from(self.num_before);
        if self.start < num_words {
            let ratio = f64::from(self.num_distinct) / f64::from(num_words - self.start);
            num_factors += (1.0 - ratio) / (1.0 - limit);
        }
        if num_factors == 0.0 { 1.0 } else { num_factors }
    }
}

/// `n ln n`.
pub(super) fn entropy_term(number: usize) -> f64 {
    number as f64 * (number as f64).ln()
}

impl LexicalDiversity {
    fn new(config: Config, wanted: Wanted) -> Self {
        Self {
            config,
            wanted,
            copies: Copies::default(),
            limits: RatioLimits::new(config.mtld_ratio),
            logarithms: std::iter::once(0.0)
                .chain((1..NUM_LOGARITHMS).map(entropy_term))
                .collect(),
        }
    }

    /// Sums in the order in which words occur first, so that the value is the same whoever computes it.
    fn entropy(&self, num_copies: &[u32], num_words: usize) -> f64 {
        // The terms of 0 and 1 are zero.
        let term = |&number: &u32| match self.logarithms.get(number as usize) {
            Some(&term) => term,
            None => entropy_term(number as usize),
        };
        let sum: f64 = num_copies.iter().map(term).sum();
        ((num_words as f64).ln() - sum / num_words as f64).max(0.0)
    }

    fn moving_average(&self, num_words: usize) -> Value {
        let window = self.config.window;
        if num_words < window {
            return Value::Null;
        }
        let sum = dispatch::run(FirstsInWindows {
            after_previous: &self.copies.after_previous[..num_words],
            window: window as u32,
        });
        let num_windows = num_words - window + 1;
        Value::Float64(sum as f64 / (window as f64 * num_windows as f64))
    }

    fn mtld(&self, num_words: usize) -> Value {
        if num_words == 0 {
            return Value::Null;
        }
        let (after_previous, next) = (
            &self.copies.after_previous[..num_words],
            &self.copies.next[1..=num_words],
        );
        let [forward, backward] = self.limits.num_factors(after_previous, next);
        let num_words = num_words as f64;
        Value::Float64((num_words / forward + num_words / backward) / 2.0)
    }
}

impl Signal for LexicalDiversity {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let ids = document.word_ids();
        let (words, num_copies) = (ids.of_words(), ids.num_copies());
        let num_words = words.len();
        if self.wanted.has(MOVING_AVERAGE) || self.wanted.has(MTLD) {
            self.copies.fill(words, num_copies.len());
        }
        let (mut num_distinct, mut num_hapaxes, mut top, mut second) = (0, 0, 0, 0);
        for &copies in num_copies {
            num_distinct += usize::from(copies > 0);
            num_hapaxes += usize::from(copies == 1);
            second = second.max(top.min(copies));
            top = top.max(copies);
        }
        let (top, second) = (top as usize, second as usize);
        let by_words = |part: usize| match num_words {
            0 => Value::Null,
            _ => Value::Float64(share(part, num_words)),
        };
        let entropy = match num_words {
            0 => Value::Null,
            _ if self.wanted.has(ENTROPY) => Value::Float64(self.entropy(num_copies, num_words)),
            _ => Value::Null,
        };
        let moving_average = match self.wanted.has(MOVING_AVERAGE) {
            true => self.moving_average(num_words),
            false => Value::Null,
        };
        let mtld = match self.wanted.has(MTLD) {
            true => self.mtld(num_words),
            false => Value::Null,
        };
        let (ratio, hapaxes) = (by_words(num_distinct), by_words(num_hapaxes));
        let (top, top_two) = (by_words(top), by_words(top + second));
        out.extend([
            count(num_distinct),
            ratio,
            moving_average,
            entropy,
            hapaxes,
            mtld,
            top,
            top_two,
        ]);
    }
}

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "lexical_diversity",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        if config.window == 0 {
            return Err("`window` must be at least 1".to_owned());
        }
        if !(config.mtld_ratio > 0.0 && config.mtld_ratio < 1.0) {
            return Err("`mtld_ratio` must be above 0 and below 1".to_owned());
        }
        Setup::signal(LexicalDiversity::new(config, setup.wanted))
    },
    #[cfg(test)]
    reference: super::reference::lexical,
    #[cfg(test)]
    variants: &["{}", r#"{"window": 3, "mtld_ratio": 0.8}"#, r#"{"window": 1}"#],
};
