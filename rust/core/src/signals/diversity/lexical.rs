//! The rule `lexical_diversity`: how many different words a text has, by several measures.

use crate::segment::ALL_SYMBOLS;
use crate::signals::ngrams::FirstPositions;
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
    first_positions: FirstPositions,
    hashes: Vec<u64>,
    /// For each word, the position at which it occurs first.
    classes: Vec<u32>,
    /// For the first position of each word: how often it occurs, all in all or in the window.
    num_copies: Vec<u32>,
    /// For the first position of each word: in which stretch of MTLD it was met last.
    met_in: Vec<u32>,
    scratch: String,
    logarithms: Vec<f64>,
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
            first_positions: FirstPositions::default(),
            hashes: Vec::new(),
            classes: Vec::new(),
            num_copies: Vec::new(),
            met_in: Vec::new(),
            scratch: String::new(),
            logarithms: std::iter::once(0.0)
                .chain((1..NUM_LOGARITHMS).map(entropy_term))
                .collect(),
        }
    }

    /// Fills `classes` and `num_copies`.
    fn read(&mut self, document: Document<'_>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        self.hashes.clear();
        for (token, flags) in segmentation.flags().iter().enumerate() {
            if flags & ALL_SYMBOLS == 0 {
                self.hashes
                    .push(segmentation.lower_hash(text, token, &mut self.scratch));
            }
        }
        self.first_positions.begin(self.hashes.len());
        self.classes.clear();
        self.num_copies.clear();
        self.num_copies.resize(self.hashes.len(), 0);
        let hashes = &self.hashes;
        for (position, &hash) in hashes.iter().enumerate() {
            let first = self
                .first_positions
                .first(hash, position, |other| hashes[other] == hash);
            self.classes.push(first as u32);
            self.num_copies[first] += 1;
        }
    }

    /// Sums in the order in which words occur first, so that the value is the same whoever computes it.
    fn entropy(&self) -> f64 {
        let term = |&number: &u32| match self.logarithms.get(number as usize) {
            Some(&term) => term,
            None => entropy_term(number as usize),
        };
        let num_words = self.classes.len();
        let sum: f64 = self
            .num_copies
            .iter()
            .filter(|&&number| number > 1)
            .map(term)
            .sum();
        ((num_words as f64).ln() - sum / num_words as f64).max(0.0)
    }

    /// Overwrites `num_copies`.
    fn moving_average(&mut self) -> Value {
        let window = self.config.window;
        let num_words = self.classes.len();
        if num_words < window {
            return Value::Null;
        }
        self.num_copies.fill(0);
        let (mut num_distinct, mut sum) = (0, 0);
        for (position, &class) in self.classes.iter().enumerate() {
            let copies = &mut self.num_copies[class as usize];
            num_distinct += usize::from(*copies == 0);
            *copies += 1;
            if let Some(left) = position.checked_sub(window) {
                let copies = &mut self.num_copies[self.classes[left] as usize];
                *copies -= 1;
                num_distinct -= usize::from(*copies == 0);
            }
            if position + 1 >= window {
                sum += num_distinct;
            }
        }
        Value::Float64(sum as f64 / (window as f64 * (num_words - window + 1) as f64))
    }

    fn mtld(&mut self) -> Value {
        if self.classes.is_empty() {
            return Value::Null;
        }
        self.met_in.clear();
        self.met_in.resize(self.classes.len(), 0);
        let (met_in, limit) = (&mut self.met_in, self.config.mtld_ratio);
        let mut stretch = 0;
        let num_words = self.classes.len() as f64;
        let forward = factors(self.classes.iter(), met_in, &mut stretch, limit);
        let backward = factors(self.classes.iter().rev(), met_in, &mut stretch, limit);
        Value::Float64((num_words / forward + num_words / backward) / 2.0)
    }
}

/// How often the ratio falls to the limit, the rest of the text counted in part; 1 if no word comes twice.
fn factors<'c>(
    classes: impl Iterator<Item = &'c u32>,
    met_in: &mut [u32],
    stretch: &mut u32,
    limit: f64,
) -> f64 {
    let (mut num_words, mut num_distinct, mut num_factors, mut ratio) = (0_u32, 0_u32, 0.0, 1.0);
    *stretch += 1;
    for &class in classes {
        let met = &mut met_in[class as usize];
        num_words += 1;
        num_distinct += u32::from(*met != *stretch);
        *met = *stretch;
        ratio = f64::from(num_distinct) / f64::from(num_words);
        if ratio <= limit {
            (num_words, num_distinct) = (0, 0);
            num_factors += 1.0;
            *stretch += 1;
        }
    }
    if num_words > 0 {
        num_factors += (1.0 - ratio) / (1.0 - limit);
    }
    if num_factors == 0.0 { 1.0 } else { num_factors }
}

impl Signal for LexicalDiversity {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        self.read(document);
        let num_words = self.classes.len();
        let (mut num_distinct, mut num_hapaxes, mut top, mut second) = (0, 0, 0, 0);
        for &copies in &self.num_copies {
            num_distinct += usize::from(copies > 0);
            num_hapaxes += usize::from(copies == 1);
            second = second.max(top.min(copies as usize));
            top = top.max(copies as usize);
        }
        let by_words = |part: usize| match num_words {
            0 => Value::Null,
            _ => Value::Float64(share(part, num_words)),
        };
        let entropy = match num_words {
            0 => Value::Null,
            _ if self.wanted.has(ENTROPY) => Value::Float64(self.entropy()),
            _ => Value::Null,
        };
        let moving_average = match self.wanted.has(MOVING_AVERAGE) {
            true => self.moving_average(),
            false => Value::Null,
        };
        let mtld = match self.wanted.has(MTLD) {
            true => self.mtld(),
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
