//! Gopher's quality rules (Rae et al. 2021, section A1.1), as datatrove's `GopherQualityFilter` computes
//! them.

use super::lines::{split_lines, trim};
use super::{Column, Signal, Value, count, float, share, uint};
use crate::segment::{ALL_SYMBOLS, HAS_LETTER, Segmentation, hash_bytes};
use memchr::memmem::Finder;
use serde::{Deserialize, Serialize};

const COLUMNS: [Column; 8] = [
    uint(
        "num_words",
        "Tokens that are not all symbols; 0 for an empty text.",
    ),
    float(
        "mean_word_length",
        "Mean characters of those words; null if there is none.",
    ),
    float(
        "hash_ratio",
        "`#` characters per token, punctuation included; null if there is no token.",
    ),
    float(
        "ellipsis_ratio",
        "`...` and `…` per token, punctuation included; null if there is no token.",
    ),
    float(
        "bullet_line_fraction",
        "Lines that start with `•` or `-`, in [0, 1]; null if there is no line.",
    ),
    float(
        "ellipsis_line_fraction",
        "Lines that end with `...` or `…`, in [0, 1]; null if there is no line.",
    ),
    float(
        "alphabetic_word_fraction",
        "Tokens with a letter, punctuation included; null if there is no token.",
    ),
    uint(
        "num_stop_words",
        "Distinct stop words that occur, compared with case.",
    ),
];

/// What [`GopherQuality`] computes with; thresholds are not part of it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub struct GopherQualityConfig {
    /// Words of which a text in the wanted language has several. Compared with case, as single tokens.
    pub stop_words: Vec<String>,
}

impl Default for GopherQualityConfig {
    fn default() -> Self {
        let stop_words = ["the", "be", "to", "of", "and", "that", "have", "with"]
            .map(str::to_owned)
            .to_vec();
        Self { stop_words }
    }
}

/// Word counts, word lengths, symbols, bullets and stop words.
///
/// Differs from datatrove in the word tokens only (spaCy splits clitics and keeps hyphenated words and paths
/// together), which moves `alphabetic_word_fraction` by a few hundredths either way.
///
/// ```
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// use gristmill_core::signals::{GopherQuality, Signal, Value};
/// let text = "- The cat sat on the mat...";
/// let mut segmentation = Segmentation::default();
/// Segmenter::default().segment(text, &mut segmentation);
/// let mut values = Vec::new();
/// GopherQuality::default().compute(text, &segmentation, &mut values);
/// assert_eq!(values[0], Value::UInt32(6));
/// assert_eq!(values[7], Value::UInt32(1));
/// ```
#[derive(Debug, Clone)]
pub struct GopherQuality {
    stop_words: StopWords,
    ellipsis: Finder<'static>,
    ellipsis_character: Finder<'static>,
    lines: Vec<(usize, usize)>,
}

impl Default for GopherQuality {
    fn default() -> Self {
        Self::new(GopherQualityConfig::default())
    }
}

impl GopherQuality {
    /// Makes the rule; every stop word should be a single token.
    pub fn new(config: GopherQualityConfig) -> Self {
        Self {
            stop_words: StopWords::new(&config.stop_words),
            ellipsis: Finder::new("..."),
            ellipsis_character: Finder::new("…"),
            lines: Vec::new(),
        }
    }

    /// The columns, in order.
    pub fn columns() -> &'static [Column] {
        &COLUMNS
    }

    /// Shares of lines that start with a bullet and that end with an ellipsis; null without lines.
    fn line_fractions(&mut self, text: &str, segmentation: &Segmentation) -> [Value; 2] {
        split_lines(text, segmentation, &mut self.lines);
        if self.lines.is_empty() {
            return [Value::Null; 2];
        }
        let (mut num_bullets, mut num_ellipses) = (0, 0);
        for &line in &self.lines {
            let (start, end) = trim(text, line);
            let line = &text[start..end];
            num_bullets += usize::from(line.starts_with(['•', '-']));
            num_ellipses += usize::from(line.ends_with("...") || line.ends_with('…'));
        }
        [num_bullets, num_ellipses].map(|number| Value::Float64(share(number, self.lines.len())))
    }
}

impl Signal for GopherQuality {
    fn columns(&self) -> &'static [Column] {
        &COLUMNS
    }

    fn compute(&mut self, text: &str, segmentation: &Segmentation, out: &mut Vec<Value>) {
        let (mut num_words, mut num_word_chars, mut num_alphabetic) = (0, 0, 0);
        for (&flags, &num_chars) in segmentation.flags().iter().zip(segmentation.char_counts()) {
            let is_word = usize::from(flags & ALL_SYMBOLS == 0);
            num_words += is_word;
            num_word_chars += is_word * num_chars as usize;
            num_alphabetic += usize::from(flags & HAS_LETTER != 0);
        }
        let num_tokens = segmentation.num_tokens();
        let per_token = |number: usize| match num_tokens {
            0 => Value::Null,
            _ => Value::Float64(share(number, num_tokens)),
        };
        let bytes = text.as_bytes();
        let num_hashes = memchr::memchr_iter(b'#', bytes).count();
        let num_ellipses =
            self.ellipsis.find_iter(bytes).count() + self.ellipsis_character.find_iter(bytes).count();
        let mean_length = match num_words {
            0 => Value::Null,
            _ => Value::Float64(share(num_word_chars, num_words)),
        };
        out.extend([
            count(num_words),
            mean_length,
            per_token(num_hashes),
            per_token(num_ellipses),
        ]);
        out.extend(self.line_fractions(text, segmentation));
        out.extend([
            per_token(num_alphabetic),
            count(self.stop_words.count_distinct(segmentation.hashes())),
        ]);
    }
}

/// A set of words that is asked once a token: a filter on six bits of the hash, then the exact hashes.
#[derive(Debug, Clone)]
struct StopWords {
    /// Bit `hash >> 58` is set for every stop word.
    filter: u64,
    /// Sorted, distinct.
    hashes: Vec<u64>,
    is_seen: Vec<bool>,
}

impl StopWords {
    fn new(words: &[String]) -> Self {
        let mut hashes: Vec<u64> = words.iter().map(|word| hash_bytes(word.as_bytes())).collect();
        hashes.sort_unstable();
        hashes.dedup();
        let filter = hashes.iter().fold(0, |filter, hash| filter | 1 << (hash >> 58));
        Self {
            filter,
            is_seen: vec![false; hashes.len()],
            hashes,
        }
    }

    fn count_distinct(&mut self, tokens: &[u64]) -> usize {
        self.is_seen.fill(false);
        let mut num_seen = 0;
        for &hash in tokens {
            if self.filter >> (hash >> 58) & 1 == 0 {
                continue;
            }
            if let Ok(index) = self.hashes.binary_search(&hash) {
                num_seen += usize::from(!self.is_seen[index]);
                self.is_seen[index] = true;
                if num_seen == self.hashes.len() {
                    break;
                }
            }
        }
        num_seen
    }
}
