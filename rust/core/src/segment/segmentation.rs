//! The result of a segmentation: columns of tokens and lines.

use super::word_hash::{hash_ascii_lower, hash_bytes, hash_short, load};

/// The token has at least one letter (general category L).
pub const HAS_LETTER: u8 = 1;
/// The token has at least one number (general category N).
pub const HAS_NUMBER: u8 = 1 << 1;
/// Every character of the token is a symbol by [`is_symbol`](super::is_symbol).
pub const ALL_SYMBOLS: u8 = 1 << 2;
/// Lower-casing changes the token.
pub const HAS_UPPER: u8 = 1 << 3;
/// The token has a character outside ASCII.
pub const NON_ASCII: u8 = 1 << 4;

/// One line: what stands between two `\n`, in bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Line {
    /// First byte, inclusive.
    pub start: u32,
    /// Last byte, exclusive; the `\n` is not included.
    pub end: u32,
    /// Characters (Unicode scalar values).
    pub num_chars: u32,
    /// Index of the first token that starts at or after `start`.
    pub first_token: u32,
    /// Number of words between white space (tokens that touch are one word) that start before `start`.
    pub first_word: u32,
}

/// The tokens and lines of one text, as columns that are cleared and reused between texts.
///
/// It holds positions, not text: methods that need the text take it again, and it must be the same one.
///
/// ```
/// use gristmill_core::segment::{Segmentation, Segmenter};
/// let text = "Ein Wort,\nzwei Wörter.";
/// let mut segmentation = Segmentation::default();
/// Segmenter::default().segment(text, &mut segmentation);
/// let indices = 0..segmentation.num_tokens();
/// let tokens: Vec<&str> = indices.map(|index| segmentation.token(text, index)).collect();
/// assert_eq!(tokens, ["Ein", "Wort", ",", "zwei", "Wörter", "."]);
/// assert_eq!(segmentation.lines().len(), 2);
/// assert_eq!(segmentation.num_chars(), 22);
/// ```
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Segmentation {
    pub(super) starts: Vec<u32>,
    pub(super) ends: Vec<u32>,
    hashes: Vec<u64>,
    char_counts: Vec<u32>,
    flags: Vec<u8>,
    pub(super) lines: Vec<Line>,
    pub(super) num_chars: usize,
    pub(super) num_space_words: usize,
    pub(super) has_other_line_break: bool,
}

impl Segmentation {
    /// Number of tokens, words and punctuation together.
    pub fn num_tokens(&self) -> usize {
        self.starts.len()
    }

    /// First byte of each token.
    pub fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// Byte after the last of each token.
    pub fn ends(&self) -> &[u32] {
        &self.ends
    }

    /// [`hash_bytes`] of each token, case-sensitive.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Characters (Unicode scalar values) of each token.
    pub fn char_counts(&self) -> &[u32] {
        &self.char_counts
    }

    /// [`HAS_LETTER`], [`HAS_NUMBER`], [`ALL_SYMBOLS`], [`HAS_UPPER`] and [`NON_ASCII`] of each token.
    pub fn flags(&self) -> &[u8] {
        &self.flags
    }

    /// The lines; never empty, because an empty text is one empty line.
    pub fn lines(&self) -> &[Line] {
        &self.lines
    }

    /// Characters (Unicode scalar values) of the text.
    pub fn num_chars(&self) -> usize {
        self.num_chars
    }

    /// Words between white space, as Python's `str.split` gives them.
    pub fn num_space_words(&self) -> usize {
        self.num_space_words
    }

    /// Number of `\n` in the text.
    pub fn num_newlines(&self) -> usize {
        self.lines.len().saturating_sub(1)
    }

    /// True when the text has a line break that Python's `str.splitlines` knows and that is not `\n`.
    pub fn has_other_line_break(&self) -> bool {
        self.has_other_line_break
    }

    /// The token of that index, as it stands in the text.
    pub fn token<'text>(&self, text: &'text str, index: usize) -> &'text str {
        &text[self.starts[index] as usize..self.ends[index] as usize]
    }

    /// Hash of the token in lower case, as [`hash_bytes`] of the lower-cased token gives it.
    ///
    /// Characters are lower-cased one by one (no special final sigma). `scratch` is only used for tokens
    /// outside ASCII; free for the tokens, nine in ten of English, that have no upper-case letter.
    pub fn lower_hash(&self, text: &str, index: usize, scratch: &mut String) -> u64 {
        let flags = self.flags[index];
        if flags & HAS_UPPER == 0 {
            return self.hashes[index];
        }
        let token = self.token(text, index);
        if flags & NON_ASCII == 0 {
            return hash_ascii_lower(token.as_bytes());
        }
        scratch.clear();
        scratch.extend(token.chars().flat_map(char::to_lowercase));
        hash_bytes(scratch.as_bytes())
    }

    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.ends.clear();
        self.hashes.clear();
        self.char_counts.clear();
        self.flags.clear();
        self.lines.clear();
        self.num_chars = 0;
        self.num_space_words = 0;
        self.has_other_line_break = false;
    }

    /// Appends tokens of the text with those bytes, given as columns of one length; `continuations` are bytes that continue a
    /// character. Does the hashes in one go, because a loop without surprises is quicker than one a token here and there.
    #[inline(always)]
    pub(super) fn extend(
        &mut self,
        bytes: &[u8],
        starts: &[u32],
        ends: &[u32],
        continuations: &[u32],
        flags: &[u8],
    ) {
        let first = self.hashes.len();
        self.starts.extend_from_slice(starts);
        self.ends.extend_from_slice(ends);
        self.flags.extend_from_slice(flags);
        // Loops over slices, because closures given to `extend` are compiled by themselves, without what the processor has.
        self.char_counts.resize(first + starts.len(), 0);
        self.hashes.resize(first + starts.len(), 0);
        let positions = starts.iter().zip(ends);
        let char_counts = self.char_counts[first..].iter_mut().zip(continuations);
        for ((&start, &end), (num_chars, &number)) in positions.zip(char_counts) {
            *num_chars = end - start - number;
        }
        // Written always, kept if long: a branch in the loop would often be guessed wrong.
        let (mut long, mut num_long) = ([0_u16; 1 << 9], 0);
        let positions = starts.iter().zip(ends).zip(0_u16..);
        for (((&start, &end), index), hash) in positions.zip(&mut self.hashes[first..]) {
            let length = end - start;
            long[num_long % long.len()] = index;
            num_long += usize::from(length > 8);
            let block = load(bytes, start as usize) & u64::MAX.wrapping_shr((8 * length).wrapping_neg());
            *hash = hash_short(block, u64::from(length));
        }
        for &index in &long[..num_long] {
            let index = usize::from(index);
            let token = &bytes[starts[index] as usize..ends[index] as usize];
            self.hashes[first + index] = hash_bytes(token);
        }
    }

    /// How many of those tokens are the first of a word between white space.
    pub(super) fn count_space_words(&self, tokens: std::ops::Range<usize>) -> usize {
        tokens
            .filter(|&token| token == 0 || self.starts[token] != self.ends[token - 1])
            .count()
    }

    /// Appends what another segmentation says of tokens, but not where they are.
    pub(super) fn extend_other_columns(&mut self, other: &Self, tokens: std::ops::Range<usize>) {
        self.hashes.extend_from_slice(&other.hashes[tokens.clone()]);
        self.char_counts
            .extend_from_slice(&other.char_counts[tokens.clone()]);
        self.flags.extend_from_slice(&other.flags[tokens]);
    }

    #[inline(always)]
    pub(super) fn push(&mut self, start: usize, end: usize, hash: u64, num_chars: u32, flags: u8) {
        self.starts.push(start as u32);
        self.ends.push(end as u32);
        self.hashes.push(hash);
        self.char_counts.push(num_chars);
        self.flags.push(flags);
    }
}
