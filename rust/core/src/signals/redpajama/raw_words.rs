//! The raw words of a text as NLTK's `WordPunctTokenizer` cuts them, `\w+|[^\w\s]+`, and what RedPajama asks of them.

use crate::segment::{HAS_LETTER, HAS_UPPER, NON_ASCII, Segmentation, hash_bytes};
use crate::signals::python_characters::{is_title_case, is_word_character};

/// A set of words that is asked once a word: a table that is three quarters empty, so that one look mostly settles it.
#[derive(Debug, Clone)]
pub(super) struct WordSet {
    /// Hashes of words, or 0, each in the first free slot from its own on.
    slots: Vec<u64>,
    shift: u32,
}

impl WordSet {
    pub(super) fn new(words: &[String]) -> Self {
        let num_slots = (4 * words.len()).next_power_of_two().max(64);
        let mut set = Self {
            slots: vec![0; num_slots],
            shift: 64 - num_slots.trailing_zeros(),
        };
        for word in words {
            let hash = hash_bytes(word.as_bytes());
            let slot = set.slot(hash);
            set.slots[slot] = hash;
        }
        set
    }

    /// Where the hash is, or would be put.
    #[inline(always)]
    fn slot(&self, hash: u64) -> usize {
        let mask = self.slots.len() - 1;
        let mut index = (hash >> self.shift) as usize;
        while self.slots[index & mask] != 0 && self.slots[index & mask] != hash {
            index += 1;
        }
        index & mask
    }

    #[inline(always)]
    fn contains(&self, hash: u64) -> bool {
        self.slots[self.slot(hash)] == hash
    }
}

/// Counts of raw words and of what they hold.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct RawCounts {
    /// Runs of `\w`, and runs of other characters that are not white space.
    pub(super) num_words: usize,
    /// Words with an ASCII letter.
    pub(super) num_alphabetic: usize,
    /// Words with a letter in upper case and none in lower.
    pub(super) num_all_caps: usize,
    /// Stop words, in just that case.
    pub(super) num_stop_words: usize,
    /// Stretches between `.`, `!` and `?` that hold a character of a word.
    pub(super) num_sentences: usize,
    /// `...`, counted from left to right without overlap.
    pub(super) num_dot_ellipses: usize,
    /// `…`.
    pub(super) num_ellipses: usize,
}

/// Counts in one pass over the tokens.
#[derive(Debug, Clone, Copy)]
pub(super) struct RawCounter<'d> {
    pub(super) text: &'d str,
    pub(super) segmentation: &'d Segmentation,
    pub(super) stop_words: &'d WordSet,
}

/// What goes on from token to token.
#[derive(Debug, Default)]
struct State {
    /// Byte after the last token.
    end: u32,
    /// Whether the last token was of punctuation.
    is_punctuation: bool,
    is_in_sentence: bool,
    /// Dots in a row.
    num_dots: usize,
}

impl RawCounter<'_> {
    pub(super) fn count(self) -> RawCounts {
        let (mut counts, mut state) = (RawCounts::default(), State::default());
        let (starts, ends, flags) = (
            self.segmentation.starts(),
            self.segmentation.ends(),
            self.segmentation.flags(),
        );
        let (bytes, mut token) = (self.text.as_bytes(), 0);
        while token < starts.len() {
            if flags[token] & NON_ASCII != 0
                || bytes.get(ends[token] as usize).is_some_and(|&next| next >= 0x80)
            {
                token = self.count_other(token, &mut state, &mut counts);
                continue;
            }
            let (start, end) = (starts[token], ends[token]);
            let first = bytes[start as usize];
            if first.is_ascii_alphanumeric() || first == b'_' {
                counts.num_words += 1;
                state.is_in_sentence = true;
                state.is_punctuation = false;
                state.num_dots = 0;
                let flags = flags[token];
                if flags & HAS_LETTER != 0 {
                    counts.num_alphabetic += 1;
                    if flags & HAS_UPPER != 0 {
                        let word = &bytes[start as usize..end as usize];
                        counts.num_all_caps += usize::from(!word.iter().any(u8::is_ascii_lowercase));
                    }
                }
                counts.num_stop_words +=
                    usize::from(self.stop_words.contains(self.segmentation.hashes()[token]));
            } else {
                let goes_on = state.is_punctuation && state.end == start;
                counts.num_words += usize::from(!goes_on);
                state.is_punctuation = true;
                state.punctuation(first, goes_on, &mut counts);
            }
            state.end = end;
            token += 1;
        }
        counts.num_sentences += usize::from(state.is_in_sentence);
        counts
    }

    /// Counts tokens that touch, some of them not ASCII, character by character; returns the token after them.
    fn count_other(self, first: usize, state: &mut State, counts: &mut RawCounts) -> usize {
        let (starts, ends) = (self.segmentation.starts(), self.segmentation.ends());
        let mut token = first + 1;
        while token < starts.len() && starts[token] == ends[token - 1] {
            token += 1;
        }
        let (start, end) = (starts[first] as usize, ends[token - 1] as usize);
        let stretch = &self.text[start..end];
        let mut goes_on = state.is_punctuation && state.end as usize == start;
        let mut rest = stretch;
        while let Some(character) = rest.chars().next() {
            let is_word = is_word_character(character);
            let length = rest
                .find(|other| is_word_character(other) != is_word)
                .unwrap_or(rest.len());
            let (run, after) = rest.split_at(length);
            counts.num_words += usize::from(is_word || !goes_on);
            counts.num_alphabetic +=
                usize::from(run.bytes().any(|byte| byte.is_ascii_alphabetic()) && is_word);
            counts.num_all_caps += usize::from(is_upper(run));
            if is_word {
                counts.num_stop_words += usize::from(self.stop_words.contains(hash_bytes(run.as_bytes())));
                state.is_in_sentence = true;
                state.num_dots = 0;
            } else {
                for character in run.chars() {
                    counts.num_ellipses += usize::from(character == '…');
                    let ascii = u8::try_from(character).ok().filter(u8::is_ascii).unwrap_or(0x7f);
                    state.punctuation(ascii, goes_on, counts);
                    goes_on = true;
                }
            }
            (state.is_punctuation, goes_on) = (!is_word, false);
            rest = after;
        }
        state.end = end as u32;
        token
    }
}

impl State {
    /// One character of punctuation; whether it stands right behind other punctuation.
    fn punctuation(&mut self, character: u8, goes_on: bool, counts: &mut RawCounts) {
        if matches!(character, b'.' | b'!' | b'?') {
            counts.num_sentences += usize::from(self.is_in_sentence);
            self.is_in_sentence = false;
        }
        if character != b'.' {
            self.num_dots = 0;
            return;
        }
        self.num_dots = if goes_on { self.num_dots + 1 } else { 1 };
        if self.num_dots == 3 {
            counts.num_dot_ellipses += 1;
            self.num_dots = 0;
        }
    }
}

/// Python's `str.isupper`.
fn is_upper(word: &str) -> bool {
    let mut has_upper = false;
    for character in word.chars() {
        if character.is_lowercase() || is_title_case(character) {
            return false;
        }
        has_upper |= character.is_uppercase();
    }
    has_upper
}
