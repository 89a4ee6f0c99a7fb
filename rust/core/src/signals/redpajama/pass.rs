//! The one pass over a document's tokens, which gives raw words, normalised words and sums over lines.
//!
//! A word between white space is, normalised, without its ASCII punctuation, in lower case and Unicode form NFD. Most
//! words are one ASCII token: the segmentation knows its hash and what it holds, so that no character is looked at.

use std::ops::Range;

use super::counts::{LineSums, Marks, RawCounts};
use super::other_word::OtherWord;
use super::source::{NormalWord, Source, count_digits};
use super::word_set::WordSet;
use crate::segment::{ALL_SYMBOLS, NON_ASCII, hash_bytes};
use crate::signals::Document;

/// What the pass finds; keeps its buffers between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Pass {
    /// As long as the longest text needed; the first [`Self::num_words`] are the document's.
    hashes: Vec<u64>,
    num_chars: Vec<u32>,
    pub(super) num_words: usize,
    pub(super) raw: RawCounts,
    pub(super) lines: LineSums,
    /// Characters of all normalised words.
    pub(super) num_word_chars: usize,
    rare: RareWords,
}

/// For words that are not one ASCII word, with or without a mark behind it.
#[derive(Debug, Clone, Default)]
struct RareWords {
    /// Places where a normalised word ends in `lorem` and the next starts with `ipsum`.
    num_lorem_ipsum: usize,
    /// Where the first `_` stands that is not before the current token; a `_` is never white space.
    underscore: usize,
    other: OtherWord,
    plain: Vec<u8>,
}

/// What a line holds, white space aside.
struct Line {
    num_upper: u32,
    /// Numeric characters of normalised words.
    num_numeric: u32,
    /// Characters of normalised words.
    num_word_chars: usize,
    num_words: usize,
}

impl Pass {
    /// Hashes of the normalised words.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes[..self.num_words]
    }

    /// Characters of each normalised word.
    pub(super) fn num_chars(&self) -> &[u32] {
        &self.num_chars[..self.num_words]
    }

    /// Places where a normalised word ends in `lorem` and the next starts with `ipsum`.
    pub(super) fn num_lorem_ipsum(&self) -> usize {
        self.rare.num_lorem_ipsum
    }

    /// Overwrites everything with what the document has.
    pub(super) fn run(&mut self, document: Document<'_>, stop_words: &WordSet) {
        let source = &Source::new(document, stop_words);
        let num_tokens = source.starts.len();
        if self.hashes.len() < num_tokens {
            self.hashes.resize(num_tokens, 0);
            self.num_chars.resize(num_tokens, 0);
        }
        self.num_words = 0;
        self.num_word_chars = 0;
        self.raw = RawCounts::default();
        self.lines = LineSums::default();
        self.rare.num_lorem_ipsum = 0;
        self.rare.underscore = source.underscore_from(0);
        let lines = source.segmentation.lines();
        for (index, line) in lines.iter().enumerate() {
            let next = lines.get(index + 1);
            if next.is_none() && line.start == line.end {
                break;
            }
            self.lines.num_lines += 1;
            let end = next.map_or(num_tokens, |next| next.first_token as usize);
            let tokens = line.first_token as usize..end;
            if tokens.is_empty() {
                continue;
            }
            self.lines.add_content(source.stretch(tokens.clone()));
            let found = self.run_line(source, tokens);
            self.num_words += found.num_words;
            self.num_word_chars += found.num_word_chars;
            let num_chars = line.num_chars + u32::from(next.is_some());
            self.lines.uppercase_fractions += f64::from(found.num_upper) / f64::from(num_chars);
            if found.num_numeric > 0 {
                let num_chars = found.num_word_chars + found.num_words - 1;
                self.lines.numeric_fractions += f64::from(found.num_numeric) / num_chars as f64;
            }
        }
        self.raw.num_sentences += usize::from(self.raw.is_in_sentence);
    }

    /// The words of a line, which go behind those that there are.
    #[inline(always)]
    fn run_line(&mut self, source: &Source<'_>, tokens: Range<usize>) -> Line {
        let bytes = source.text.as_bytes();
        let num_left = source.starts.len() - tokens.start;
        let hashes = &mut self.hashes[self.num_words..][..num_left];
        let num_chars = &mut self.num_chars[self.num_words..][..num_left];
        let (mut raw, mut num_words, mut token) = (self.raw, 0, tokens.start);
        let (mut num_upper, mut num_numeric) = (0, 0);
        while token < tokens.end {
            let (start, end) = (source.starts[token] as usize, source.ends[token] as usize);
            let is_word = source.flags[token] & (NON_ASCII | ALL_SYMBOLS) == 0;
            let is_alone = source.ends_word(token);
            // Of words that are not alone, the most frequent by far have one mark behind them.
            let is_marked = !is_alone && source.is_last_mark(token + 1);
            let word = if is_word & (is_alone | is_marked) & (self.rare.underscore > end) {
                num_upper += source.count_word(token, &mut raw);
                let word = source.normal_word(token);
                // Few words start like this one.
                let may_be_ipsum = bytes[start..]
                    .first_chunk()
                    .is_some_and(|pair| u16::from_ne_bytes(*pair) | 0x2020 == u16::from_ne_bytes(*b"ip"));
                if may_be_ipsum && has_prefix(source.bytes_of(token), b"ipsum") {
                    self.rare.meet_ipsum(source, token);
                }
                token += 1;
                if is_marked {
                    Marks::default().push(bytes[end], false, &mut raw);
                    token += 1;
                }
                word
            } else {
                let next = (token + 1..)
                    .find(|&next| source.ends_word(next - 1))
                    .unwrap_or(tokens.end);
                let found = self.rare.run_word(source, token..next, raw);
                raw = found.raw;
                num_upper += found.num_upper;
                token = next;
                let Some(word) = found.word else {
                    continue;
                };
                word
            };
            num_numeric += word.num_numeric;
            hashes[num_words] = word.hash;
            num_chars[num_words] = word.num_chars;
            num_words += 1;
        }
        self.raw = raw;
        Line {
            num_upper,
            num_numeric,
            num_word_chars: num_chars[..num_words].iter().map(|&number| number as usize).sum(),
            num_words,
        }
    }
}

/// What there is in a word between white space.
struct Found {
    word: Option<NormalWord>,
    num_upper: u32,
    /// The counts from before, and what the word adds.
    raw: RawCounts,
}

impl RareWords {
    /// The word of those tokens.
    #[inline(never)]
    fn run_word(&mut self, source: &Source<'_>, tokens: Range<usize>, before: RawCounts) -> Found {
        let end = source.ends[tokens.end - 1] as usize;
        let has_underscore = self.underscore < end;
        if has_underscore {
            self.underscore = source.underscore_from(end);
        }
        let (mut num_words, mut last, mut num_upper, mut marks) = (0, tokens.start, 0, Marks::default());
        let (mut raw, mut is_joined) = (before, has_underscore);
        for token in tokens.clone() {
            let first = source.text.as_bytes()[source.starts[token] as usize];
            let flags = source.flags[token];
            if flags & NON_ASCII != 0 {
                if !source.is_general_punctuation(token) {
                    return self.run_other_word(source, tokens, before);
                }
                marks.push(0, source.bytes_of(token) == "…".as_bytes(), &mut raw);
                is_joined = true;
            } else if flags & ALL_SYMBOLS == 0 || first == b'_' {
                num_upper += source.count_word(token, &mut raw);
                (num_words, last, marks) = (num_words + 1, token, Marks::default());
            } else {
                marks.push(first, false, &mut raw);
                // A control character is part of the normal form.
                is_joined |= !first.is_ascii_punctuation();
            }
        }
        is_joined |= num_words > 1;
        let word = if is_joined {
            self.join(source, tokens.clone());
            (!self.plain.is_empty()).then(|| NormalWord {
                hash: hash_bytes(&self.plain),
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
            self.meet_ipsum(source, tokens.start);
        }
        Found { word, num_upper, raw }
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
    fn run_other_word(&mut self, source: &Source<'_>, tokens: Range<usize>, mut raw: RawCounts) -> Found {
        let text = source.stretch(tokens.clone());
        self.other.count(text, source.stop_words, &mut raw);
        let word = self.other.normalise(text);
        if self.other.plain().starts_with("ipsum") {
            self.meet_ipsum(source, tokens.start);
        }
        let num_upper = text.chars().filter(|character| character.is_uppercase()).count() as u32;
        Found { word, num_upper, raw }
    }

    /// The word from that token on starts, normalised, with `ipsum`: counts if the one before ends in `lorem`.
    #[cold]
    fn meet_ipsum(&mut self, source: &Source<'_>, token: usize) {
        let mut end = token;
        while end > 0 {
            let start = (0..end)
                .rfind(|&first| first == 0 || source.ends_word(first - 1))
                .unwrap_or(0);
            if self.other.normalise(source.stretch(start..end)).is_some() {
                self.num_lorem_ipsum += usize::from(self.other.plain().ends_with("lorem"));
                return;
            }
            end = start;
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
