//! The words of a text as RedPajama normalises it: no ASCII punctuation, lower case, Unicode form NFD, cut at white space.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;

use crate::segment::{HAS_NUMBER, NON_ASCII, Segmentation, hash_bytes};
use crate::signals::Document;
use crate::signals::python_characters::is_numeric;

/// Normalised words, as columns. Words that were nothing but ASCII punctuation are not among them.
#[derive(Debug, Clone, Default)]
pub(super) struct PlainWords {
    pub(super) hashes: Vec<u64>,
    /// Characters (Unicode scalar values), of which a letter with an accent has two.
    pub(super) num_chars: Vec<u32>,
    /// Characters with a numeric value.
    pub(super) num_numeric: Vec<u32>,
    /// How many words start before the word between white space of that index; one more entry than there are.
    pub(super) before: Vec<u32>,
    /// Places where a word ends in `lorem` and the next starts with `ipsum`.
    pub(super) num_lorem_ipsum: usize,
    lower: String,
    plain: String,
    plain_ascii: Vec<u8>,
}

impl PlainWords {
    /// Overwrites everything with the words of a document. Cost: one pass over its tokens.
    pub(super) fn fill(&mut self, document: Document<'_>) {
        for column in [&mut self.num_chars, &mut self.num_numeric, &mut self.before] {
            column.clear();
        }
        self.hashes.clear();
        self.num_lorem_ipsum = 0;
        let (text, segmentation) = (document.text(), document.segmentation());
        let has_underscore = memchr::memchr(b'_', text.as_bytes()).is_some();
        let words = document.space_words();
        let (first_tokens, num_tokens) = (words.first_tokens(), segmentation.num_tokens());
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let bytes_of = |token: usize| &text.as_bytes()[starts[token] as usize..ends[token] as usize];
        let mut ends_in_lorem = false;
        for (word, &token) in first_tokens.iter().enumerate() {
            self.before.push(self.hashes.len() as u32);
            let next_token = first_tokens
                .get(word + 1)
                .map_or(num_tokens, |&next| next as usize);
            let only = only_word_token(text, segmentation, token as usize..next_token)
                .filter(|&token| !has_underscore || !bytes_of(token).contains(&b'_'));
            let hash;
            let bytes = if let Some(token) = only {
                hash = segmentation.lower_hash(text, token, &mut self.lower);
                let bytes = bytes_of(token);
                self.num_chars.push(bytes.len() as u32);
                self.num_numeric
                    .push(match segmentation.flags()[token] & HAS_NUMBER {
                        0 => 0,
                        _ => count_digits(bytes),
                    });
                bytes
            } else if self.normalise(words.word(text, word)) {
                hash = hash_bytes(&self.plain_ascii);
                self.num_chars.push(self.plain_ascii.len() as u32);
                self.num_numeric.push(count_digits(&self.plain_ascii));
                &self.plain_ascii[..]
            } else {
                hash = hash_bytes(self.plain.as_bytes());
                self.num_chars.push(self.plain.chars().count() as u32);
                let num_numeric = self
                    .plain
                    .chars()
                    .filter(|&character| is_numeric(character))
                    .count();
                self.num_numeric.push(num_numeric as u32);
                self.plain.as_bytes()
            };
            if bytes.is_empty() {
                self.num_chars.pop();
                self.num_numeric.pop();
                continue;
            }
            self.hashes.push(hash);
            self.num_lorem_ipsum += usize::from(ends_in_lorem && has_prefix(bytes, b"ipsum"));
            ends_in_lorem = matches!(bytes.last(), Some(b'm' | b'M')) && has_suffix(bytes, b"lorem");
        }
        self.before.push(self.hashes.len() as u32);
    }

    /// Makes `plain_ascii`, and then returns true, or `plain` the normal form of a word.
    fn normalise(&mut self, word: &str) -> bool {
        if word.is_ascii() {
            self.plain_ascii.clear();
            let kept = word.bytes().filter(|byte| !byte.is_ascii_punctuation());
            self.plain_ascii
                .extend(kept.map(|byte| byte.to_ascii_lowercase()));
            return true;
        }
        self.plain.clear();
        self.lower.clear();
        self.lower
            .extend(word.chars().filter(|character| !character.is_ascii_punctuation()));
        if self.lower.contains('Σ') {
            // The only letter whose lower case hangs on its neighbours.
            self.lower = self.lower.to_lowercase();
            self.plain.extend(self.lower.nfd());
        } else {
            self.plain
                .extend(self.lower.chars().flat_map(char::to_lowercase).nfd());
        }
        false
    }
}

/// The one ASCII word among the tokens, if the others are ASCII punctuation.
#[inline(always)]
fn only_word_token(text: &str, segmentation: &Segmentation, tokens: Range<usize>) -> Option<usize> {
    let (starts, flags) = (
        &segmentation.starts()[tokens.clone()],
        &segmentation.flags()[tokens.clone()],
    );
    let is_word = |start: u32| text.as_bytes()[start as usize].is_ascii_alphanumeric();
    if let ([start], [flags]) = (starts, flags) {
        // Most words of prose.
        return (is_word(*start) && flags & NON_ASCII == 0).then_some(tokens.start);
    }
    // A token that starts with `_` may go on with letters.
    let is_mark = |start: u32| {
        let first = text.as_bytes()[start as usize];
        first.is_ascii_punctuation() && first != b'_'
    };
    let mut only = None;
    for ((token, &start), &flags) in tokens.zip(starts).zip(flags) {
        if flags & NON_ASCII != 0 || is_word(start) && only.is_some() {
            return None;
        }
        if is_word(start) {
            only = Some(token);
        } else if !is_mark(start) {
            return None;
        }
    }
    only
}

fn count_digits(word: &[u8]) -> u32 {
    word.iter().filter(|byte| byte.is_ascii_digit()).count() as u32
}

fn has_prefix(word: &[u8], prefix: &[u8]) -> bool {
    word.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}

fn has_suffix(word: &[u8], suffix: &[u8]) -> bool {
    word.len() >= suffix.len() && word[word.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
}
