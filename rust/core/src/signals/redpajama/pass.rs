//! The one pass over a document's tokens, which gives raw words, normalised words and sums over lines.
//!
//! A word between white space is, normalised, without its ASCII punctuation, in lower case and Unicode form NFD. Most
//! words are one ASCII token: the segmentation knows its hash and what it holds, so that no character is looked at.

use std::ops::Range;

use super::counts::{LineSums, MarkCounts, RawCounts};
use super::other_word::OtherWord;
use super::source::{NormalWord, Source, count_digits};
use super::word_set::WordSet;
use crate::segment::{ALL_SYMBOLS, NON_ASCII, hash_bytes};
use crate::signals::Document;
use crate::signals::facts::{FurtherIds, MARKS};

/// What the pass finds; keeps its buffers between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    /// As long as the longest text needed; the first [`Self::num_words`] are the document's.
    ids: Vec<u32>,
    num_chars: Vec<u32>,
    pub(super) num_words: usize,
    /// For each number of a word, how many words have it.
    num_copies: Vec<u32>,
    /// For each number of a token, whether it is a stop word.
    is_stop: Vec<u8>,
    /// As long as the longest text needed; the first [`Self::num_upper`] are tokens with a capital, for a loop of their own.
    upper: Vec<u32>,
    num_upper: usize,
    pub(super) raw: RawCounts,
    pub(super) marks: MarkCounts,
    pub(super) lines: LineSums,
    /// Characters of all normalised words.
    pub(super) num_word_chars: usize,
    rare: RareWords,
}

/// For words that are not one ASCII word, with or without a mark beside it.
#[derive(Debug, Clone, Default)]
struct RareWords {
    /// Places where a normalised word ends in `lorem` and the next starts with `ipsum`.
    num_lorem_ipsum: usize,
    /// Where the first `_` stands that is not before the current token; a `_` is never white space.
    underscore: usize,
    further: FurtherIds,
    other: OtherWord,
    plain: Vec<u8>,
}

/// What a line holds, white space aside.
struct Line {
    /// Numeric characters of normalised words.
    num_numeric: u32,
    /// Characters of normalised words.
    num_word_chars: usize,
    num_words: usize,
}

impl Pass {
    /// Numbers of the normalised words.
    pub(super) fn ids(&self) -> &[u32] {
        &self.ids[..self.num_words]
    }

    /// Characters of each normalised word.
    pub(super) fn num_chars(&self) -> &[u32] {
        &self.num_chars[..self.num_words]
    }

    /// For each number of a word, how many words have it.
    pub(super) fn num_copies(&self) -> &[u32] {
        &self.num_copies
    }

    /// Places where a normalised word ends in `lorem` and the next starts with `ipsum`.
    pub(super) fn num_lorem_ipsum(&self) -> usize {
        self.rare.num_lorem_ipsum
    }

    /// How many normalised words have that hash.
    pub(super) fn num_copies_of(&self, document: Document<'_>, hash: u64) -> usize {
        let id = self.rare.further.find(document.word_ids(), hash);
        id.and_then(|id| self.num_copies.get(id as usize))
            .map_or(0, |&number| number as usize)
    }

    /// Overwrites everything with what the document has.
    pub(super) fn run(&mut self, document: Document<'_>, stop_words: &WordSet) {
        let source = &Source::new(document, stop_words);
        let (num_tokens, num_words) = (source.starts.len(), source.first_tokens.len());
        if self.ids.len() < num_words {
            self.ids.resize(num_words, 0);
            self.num_chars.resize(num_words, 0);
            self.upper.resize(num_words + 1, 0);
        }
        self.num_upper = 0;
        self.num_words = 0;
        self.num_word_chars = 0;
        self.num_copies.clear();
        self.num_copies.resize(source.words.hashes().len(), 0);
        stop_words.fill(source.words.hashes(), &mut self.is_stop);
        self.raw = RawCounts::default();
        self.lines = LineSums::default();
        self.rare.num_lorem_ipsum = 0;
        self.rare.underscore = source.underscore_from(0);
        let num_others = source
            .plain
            .iter()
            .map(|&token| u32::from(token > MARKS))
            .sum::<u32>();
        self.rare.further.begin(source.words, num_others as usize);
        self.marks = MarkCounts::of(document, &self.rare.other);
        let lines = document.text_lines();
        let segmentation_lines = document.segmentation().lines();
        for (index, line) in lines.iter().enumerate() {
            let is_last = index + 1 == lines.len();
            if is_last && line.start == line.end {
                break;
            }
            self.lines.num_lines += 1;
            if line.num_words == 0 {
                continue;
            }
            let next = segmentation_lines.get(index + 1);
            let end = next.map_or(num_tokens, |next| next.first_token as usize);
            let tokens = segmentation_lines[index].first_token as usize..end;
            self.lines.add_content(source.stretch(tokens));
            let first_word = line.first_word as usize;
            let found = self.run_line(source, first_word..first_word + line.num_words as usize);
            self.num_words += found.num_words;
            self.num_word_chars += found.num_word_chars;
            let num_chars = line.num_chars + u32::from(!is_last);
            self.lines.uppercase_fractions += f64::from(line.num_upper) / f64::from(num_chars);
            if found.num_numeric > 0 {
                let num_chars = found.num_word_chars + found.num_words - 1;
                self.lines.numeric_fractions += f64::from(found.num_numeric) / num_chars as f64;
            }
        }
        for &token in &self.upper[..self.num_upper] {
            source.count_upper(token as usize, &mut self.raw);
        }
    }

    /// The words of a line, which go behind those that there are.
    #[inline(always)]
    fn run_line(&mut self, source: &Source<'_>, words: Range<usize>) -> Line {
        let bytes = source.text.as_bytes();
        let ids = &mut self.ids[self.num_words..];
        let num_chars = &mut self.num_chars[self.num_words..];
        let upper = &mut self.upper[..];
        let mut num_upper = self.num_upper;
        let (mut raw, mut num_words, mut num_numeric, mut num_word_chars) = (self.raw, 0, 0, 0);
        for word in words {
            let tokens = source.tokens_of(word);
            // Most words are one ASCII word, perhaps with marks before and behind it.
            let token = source.plain[word];
            let found = if token < MARKS {
                let token = token as usize;
                raw.num_words +=
                    1 + usize::from(tokens.start != token) + usize::from(tokens.end - 1 != token);
                // Written always, kept sometimes.
                let has_upper = source.count_as_lower(token, &self.is_stop, &mut raw);
                upper[num_upper] = token as u32;
                num_upper += usize::from(has_upper);
                // Few words start like this one.
                let may_be_ipsum = bytes[source.starts[token] as usize..]
                    .first_chunk()
                    .is_some_and(|pair| u16::from_ne_bytes(*pair) | 0x2020 == u16::from_ne_bytes(*b"ip"));
                if may_be_ipsum && has_prefix(source.bytes_of(token), b"ipsum") {
                    self.rare.meet_ipsum(source, word);
                }
                source.normal_word(token)
            } else if token == MARKS {
                raw.num_words += 1;
                continue;
            } else {
                let found = self.rare.run_word(source, word, &self.is_stop, raw);
                raw = found.raw;
                let Some(found) = found.word else {
                    continue;
                };
                if found.id as usize >= self.num_copies.len() {
                    self.num_copies.resize(found.id as usize + 1, 0);
                }
                found
            };
            num_numeric += found.num_numeric;
            num_word_chars += found.num_chars as usize;
            ids[num_words] = found.id;
            num_chars[num_words] = found.num_chars;
            self.num_copies[found.id as usize] += 1;
            num_words += 1;
        }
        self.raw = raw;
        self.num_upper = num_upper;
        Line {
            num_numeric,
            num_word_chars,
            num_words,
        }
    }
}

/// What there is in a word between white space.
struct Found {
    word: Option<NormalWord>,
    /// The counts from before, and what the word adds.
    raw: RawCounts,
}

impl RareWords {
    /// The word of that index.
    #[inline(never)]
    fn run_word(&mut self, source: &Source<'_>, word: usize, is_stop: &[u8], before: RawCounts) -> Found {
        let tokens = source.tokens_of(word);
        let end = source.ends[tokens.end - 1] as usize;
        let has_underscore = self.underscore < end;
        if has_underscore {
            self.underscore = source.underscore_from(end);
        }
        let (mut num_words, mut last, mut is_in_marks) = (0, tokens.start, false);
        let (mut raw, mut is_joined) = (before, has_underscore);
        for token in tokens.clone() {
            let first = source.text.as_bytes()[source.starts[token] as usize];
            let flags = source.flags[token];
            if flags & (NON_ASCII | ALL_SYMBOLS) == 0 || first == b'_' && flags & NON_ASCII == 0 {
                raw.num_words += 1;
                source.count_word(token, is_stop, &mut raw);
                (num_words, last, is_in_marks) = (num_words + 1, token, false);
                continue;
            }
            if flags & NON_ASCII != 0 {
                if !source.is_general_punctuation(token) {
                    return self.run_other_word(source, word, before);
                }
                is_joined = true;
            } else {
                // A control character is part of the normal form.
                is_joined |= !first.is_ascii_punctuation();
            }
            raw.num_words += usize::from(!is_in_marks);
            is_in_marks = true;
        }
        is_joined |= num_words > 1;
        let found = if is_joined {
            self.join(source, tokens.clone());
            (!self.plain.is_empty()).then(|| NormalWord {
                id: self.further.add(source.words, hash_bytes(&self.plain)),
                num_chars: self.plain.iter().map(|byte| u32::from(byte & 0xc0 != 0x80)).sum(),
                num_numeric: count_digits(&self.plain),
            })
        } else {
            (num_words == 1).then(|| source.normal_word(last))
        };
        let start = match is_joined {
            true => &self.plain[..],
            false => source.bytes_of(last),
        };
        if has_prefix(start, b"ipsum") {
            self.meet_ipsum(source, word);
        }
        Found { word: found, raw }
    }

    /// Makes `plain` the normal form of tokens of ASCII and general punctuation.
    fn join(&mut self, source: &Source<'_>, tokens: Range<usize>) {
        let word = source.stretch(tokens).as_bytes();
        self.plain.resize(word.len(), 0);
        let mut length = 0;
        for byte in word {
            // Written always, kept sometimes.
            self.plain[length] = byte.to_ascii_lowercase();
            length += usize::from(IS_KEPT[usize::from(*byte)]);
        }
        self.plain.truncate(length);
    }

    /// A word with characters that need a closer look.
    fn run_other_word(&mut self, source: &Source<'_>, word: usize, mut raw: RawCounts) -> Found {
        let text = source.stretch(source.tokens_of(word));
        self.other.count(text, source.stop_words, &mut raw);
        let found = self.other.normalise(text).map(|found| NormalWord {
            id: self.further.add(source.words, found.hash),
            num_chars: found.num_chars,
            num_numeric: found.num_numeric,
        });
        if self.other.plain().starts_with("ipsum") {
            self.meet_ipsum(source, word);
        }
        Found { word: found, raw }
    }

    /// The word of that index starts, normalised, with `ipsum`: counts if the one before ends in `lorem`.
    #[cold]
    fn meet_ipsum(&mut self, source: &Source<'_>, word: usize) {
        for before in (0..word).rev() {
            if self
                .other
                .normalise(source.stretch(source.tokens_of(before)))
                .is_some()
            {
                self.num_lorem_ipsum += usize::from(self.other.plain().ends_with("lorem"));
                return;
            }
        }
    }
}

/// Bytes that are no ASCII punctuation.
const IS_KEPT: [bool; 256] = {
    let mut is_kept = [true; 256];
    let mut byte = 0_u8;
    while byte < 0x80 {
        is_kept[byte as usize] = !byte.is_ascii_punctuation();
        byte += 1;
    }
    is_kept
};

fn has_prefix(word: &[u8], prefix: &[u8]) -> bool {
    word.get(..prefix.len())
        .is_some_and(|start| start.eq_ignore_ascii_case(prefix))
}
