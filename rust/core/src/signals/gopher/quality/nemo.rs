//! NeMo Curator's definition: the filters of its English heuristic pipeline that stem from Gopher.

use super::stop_words::StopWords;
use crate::segment::{HAS_LETTER, NON_ASCII};
use crate::signals::facts::{full_lines, word_hash};
use crate::signals::{Document, Signal, Value, count, share};

/// What a line or a word that is an ellipsis ends with, or is.
const ELLIPSES: [&str; 8] = [
    "...",
    "[...]",
    "…",
    "(...)",
    "[…]",
    "-»",
    "read more..",
    "read more",
];
/// Those of them that can stand between white space.
const ELLIPSIS_WORDS: [&str; 6] = ["...", "[...]", "…", "(...)", "[…]", "-»"];
const BULLETS: [char; 12] = ['•', '‣', '⁃', '⁌', '⁍', '∙', '○', '●', '◘', '◦', '⦾', '⦿'];

/// Gopher's quality numbers as NeMo Curator takes them, on words between white space.
///
/// * `hash_ratio` is the share of words that are an ellipsis, or in which runs of `#` are more than half as many as
///   characters (so `#` and `#a#` count, `##` and `#a` do not); `ellipsis_ratio` is null.
/// * `alphabetic_word_fraction`: words with a character of the property Alphabetic, which some marks have.
/// * Lines stand between two `\n`; blank ones do not count, and the others are stripped. There are twelve bullets,
///   `-` and `*` not among them; an ellipsis may also be `(...)`, `[...]`, `[…]`, `-»`, `read more` or `read more..`.
/// * Stop words count as often as they occur. Curator stops counting at its threshold.
/// * Shares and means are null where Curator divides by zero: without words, or without lines that are not blank.
pub(super) struct NemoQuality {
    stop_words: StopWords,
}

impl NemoQuality {
    /// Makes the rule.
    pub(super) fn new(stop_words: &[String]) -> Self {
        let hashes = stop_words.iter().filter_map(|word| word_hash(word)).collect();
        Self {
            stop_words: StopWords::of_hashes(hashes),
        }
    }
}

/// How many words are an ellipsis, or mostly number signs.
fn num_symbol_words(document: Document<'_>) -> usize {
    let (text, words) = (document.text(), document.space_words());
    let (bytes, starts) = (text.as_bytes(), words.starts());
    let (mut number, mut next_word) = (0, 0);
    for at in memchr::memchr_iter(b'#', bytes) {
        let index = starts.partition_point(|&start| start as usize <= at) - 1;
        if index < next_word {
            continue;
        }
        next_word = index + 1;
        let word = words.word(text, index).as_bytes();
        let is_start = |at: usize| word[at] == b'#' && (at == 0 || word[at - 1] != b'#');
        let num_runs = (0..word.len()).filter(|&at| is_start(at)).count();
        number += usize::from(2 * num_runs > words.num_chars()[index] as usize);
    }
    for (index, &start) in starts.iter().enumerate() {
        if matches!(bytes[start as usize], b'.' | b'[' | b'(' | b'-' | 0xe2) {
            number += usize::from(ELLIPSIS_WORDS.contains(&words.word(text, index)));
        }
    }
    number
}

/// How many words have a character of the property Alphabetic.
fn num_alphabetic_words(document: Document<'_>) -> usize {
    let flags = document.segmentation().flags();
    let words = document.space_words();
    let first_tokens = words.first_tokens();
    let ends = first_tokens
        .iter()
        .skip(1)
        .map(|&token| token as usize)
        .chain([flags.len()]);
    let mut number = 0;
    for (index, (&first, end)) in first_tokens.iter().zip(ends).enumerate() {
        let all = flags[first as usize..end]
            .iter()
            .fold(0, |all, flags| all | flags);
        let is_alphabetic = all & HAS_LETTER != 0
            || all & NON_ASCII != 0 && words.word(document.text(), index).contains(char::is_alphabetic);
        number += usize::from(is_alphabetic);
    }
    number
}

fn ends_with_ellipsis(line: &str) -> bool {
    // Every mark ends in one of these.
    matches!(
        line.as_bytes().last(),
        Some(b'.' | b']' | b')' | b'e' | b'E' | 0xa6 | 0xbb)
    ) && ELLIPSES.iter().any(|mark| {
        let (line, mark) = (line.as_bytes(), mark.as_bytes());
        line.len() >= mark.len() && line[line.len() - mark.len()..].eq_ignore_ascii_case(mark)
    })
}

/// Shares of the lines that are not blank; null if all are.
fn line_fractions(document: Document<'_>) -> [Value; 2] {
    let (mut num_lines, mut num_bullets, mut num_ellipses) = (0, 0, 0);
    for line in full_lines(document) {
        let line = line.trimmed;
        num_lines += 1;
        // All bullets are in the plane's block from U+2000, so most lines are done after a byte.
        if line.as_bytes()[0] == 0xe2 {
            num_bullets += usize::from(line.starts_with(BULLETS));
        }
        num_ellipses += usize::from(ends_with_ellipsis(line));
    }
    if num_lines == 0 {
        return [Value::Null; 2];
    }
    [num_bullets, num_ellipses].map(|number| Value::Float64(share(number, num_lines)))
}

impl Signal for NemoQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let words = document.space_words();
        let by_words = |number: usize| match words.len() {
            0 => Value::Null,
            num_words => Value::Float64(share(number, num_words)),
        };
        let num_word_chars = words.num_chars().iter().map(|&number| number as usize).sum();
        out.extend([
            count(words.len()),
            by_words(num_word_chars),
            by_words(num_symbol_words(document)),
            Value::Null,
        ]);
        out.extend(line_fractions(document));
        out.extend([
            by_words(num_alphabetic_words(document)),
            count(self.stop_words.count_all(document.word_hashes())),
        ]);
    }
}
