//! The result of a segmentation: columns of tokens and lines.

use super::word_hash::{hash_ascii_lower, hash_bytes};

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
        self.has_other_line_break = false;
    }

    /// Appends columns of tokens, all of one length.
    pub(super) fn extend(
        &mut self,
        starts: &[u32],
        ends: &[u32],
        hashes: &[u64],
        char_counts: &[u32],
        flags: &[u8],
    ) {
        self.starts.extend_from_slice(starts);
        self.ends.extend_from_slice(ends);
        self.hashes.extend_from_slice(hashes);
        self.char_counts.extend_from_slice(char_counts);
        self.flags.extend_from_slice(flags);
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
