//! Dolma's definition: its tagger `gopher_v1`.

use super::stop_words::StopWords;
use crate::segment::HAS_LETTER;
use crate::signals::facts::word_hash;
use crate::signals::{Document, Signal, Value, count, share};
use memchr::memmem::Finder;

/// Lengths below this are counted in a table; longer words are sorted.
const NUM_SHORT_LENGTHS: usize = 64;

/// Gopher's quality numbers as Dolma takes them, on words between white space.
///
/// * `mean_word_length` is the **median** length of the words; 0 if there is none.
/// * `hash_ratio` is the share of words with `#` or `…` anywhere in them, so one number is what the paper has two for;
///   `ellipsis_ratio` is null. Three dots are no ellipsis.
/// * Lines stand between two `\n` and are not stripped. A bullet is `*` or `-`; an ellipsis is `…`.
/// * Stop words count as often as they occur.
/// * Nothing else is null: what has no words or lines has 0.
pub(super) struct DolmaQuality {
    stop_words: StopWords,
    ellipsis: Finder<'static>,
    /// Index of the word of each symbol.
    symbol_words: Vec<usize>,
    num_of_length: [u32; NUM_SHORT_LENGTHS],
    long_lengths: Vec<u32>,
}

impl DolmaQuality {
    /// Makes the rule.
    pub(super) fn new(stop_words: &[String]) -> Self {
        let hashes = stop_words.iter().filter_map(|word| word_hash(word)).collect();
        Self {
            stop_words: StopWords::of_hashes(hashes),
            ellipsis: Finder::new("…"),
            symbol_words: Vec::new(),
            num_of_length: [0; NUM_SHORT_LENGTHS],
            long_lengths: Vec::new(),
        }
    }

    /// The median, or the mean of the two lengths in the middle; 0 without words.
    fn median_length(&mut self, lengths: &[u32]) -> f64 {
        if lengths.is_empty() {
            return 0.0;
        }
        self.num_of_length.fill(0);
        self.long_lengths.clear();
        for &length in lengths {
            match self.num_of_length.get_mut(length as usize) {
                Some(number) => *number += 1,
                None => self.long_lengths.push(length),
            }
        }
        self.long_lengths.sort_unstable();
        let (low, high) = ((lengths.len() - 1) / 2, lengths.len() / 2);
        let (low, high) = (self.length_of_rank(low), self.length_of_rank(high));
        (f64::from(low) + f64::from(high)) / 2.0
    }

    /// The length that stands at that place when all are sorted.
    fn length_of_rank(&self, mut rank: usize) -> u32 {
        for (length, &number) in (0..).zip(&self.num_of_length) {
            match rank.checked_sub(number as usize) {
                Some(further) => rank = further,
                None => return length,
            }
        }
        self.long_lengths[rank]
    }

    /// How many words have a `#` or a `…`.
    fn num_symbol_words(&mut self, document: Document<'_>) -> usize {
        let (bytes, starts) = (document.text().as_bytes(), document.space_words().starts());
        let word_of = |at: usize| starts.partition_point(|&start| start as usize <= at);
        self.symbol_words.clear();
        let hashes = memchr::memchr_iter(b'#', bytes).map(word_of);
        self.symbol_words.extend(hashes);
        let ellipses = self.ellipsis.find_iter(bytes).map(word_of);
        self.symbol_words.extend(ellipses);
        self.symbol_words.sort_unstable();
        self.symbol_words.dedup();
        self.symbol_words.len()
    }
}

/// How many words have a letter.
fn num_alphabetic_words(document: Document<'_>) -> usize {
    let flags = document.segmentation().flags();
    let first_tokens = document.space_words().first_tokens();
    let ends = first_tokens
        .iter()
        .skip(1)
        .map(|&token| token as usize)
        .chain([flags.len()]);
    first_tokens
        .iter()
        .zip(ends)
        .filter(|&(&first, end)| {
            flags[first as usize..end]
                .iter()
                .fold(0, |all, flags| all | flags)
                & HAS_LETTER
                != 0
        })
        .count()
}

impl Signal for DolmaQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let bytes = document.text().as_bytes();
        let words = document.space_words();
        let lines = document.segmentation().lines();
        let (mut num_bullets, mut num_ellipses) = (0, 0);
        for line in lines {
            let line = &bytes[line.start as usize..line.end as usize];
            num_bullets += usize::from(matches!(line.first(), Some(b'*' | b'-')));
            num_ellipses += usize::from(line.ends_with("…".as_bytes()));
        }
        let by_words = |number: usize| Value::Float64(share(number, words.len()));
        let by_lines = |number: usize| Value::Float64(share(number, lines.len()));
        out.extend([
            count(words.len()),
            Value::Float64(self.median_length(words.num_chars())),
            by_words(self.num_symbol_words(document)),
            Value::Null,
            by_lines(num_bullets),
            by_lines(num_ellipses),
            by_words(num_alphabetic_words(document)),
            count(self.stop_words.count_all(document.word_hashes())),
        ]);
    }
}
