//! Word tokens that a tool's own tokenizer gives, as columns like those of a segmentation.

use std::ops::Range;

use super::kept::{KeptLine, Walk};
use super::segmentation::{ALL_SYMBOLS, HAS_LETTER, Segmentation};

/// Every character of the token has a general category P.
pub const ALL_PUNCTUATION: u8 = 1 << 5;
/// The token is one character, and it ends sentences by the tool's list.
pub const ENDS_SENTENCE: u8 = 1 << 6;

/// The tokens of one text, as columns that are cleared and reused between texts; about 21 bytes a token.
///
/// It holds positions, not text: methods that need the text take it again, and it must be the same one.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct TokenColumns {
    starts: Vec<u32>,
    ends: Vec<u32>,
    hashes: Vec<u64>,
    char_counts: Vec<u32>,
    flags: Vec<u8>,
    line_first_tokens: Vec<u32>,
}

/// One row of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) hash: u64,
    pub(super) num_chars: u32,
    pub(super) flags: u8,
}

impl TokenColumns {
    /// Number of tokens.
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

    /// [`hash_bytes`](super::hash_bytes) of each token, case-sensitive.
    pub fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Characters (Unicode scalar values) of each token.
    pub fn char_counts(&self) -> &[u32] {
        &self.char_counts
    }

    /// [`HAS_LETTER`] (a character for which Python's `str.isalpha` holds), [`ALL_SYMBOLS`], [`ALL_PUNCTUATION`]
    /// and [`ENDS_SENTENCE`] of each token.
    pub fn flags(&self) -> &[u8] {
        &self.flags
    }

    /// Index of the first token of each line of the segmentation, at or after its start.
    pub fn line_first_tokens(&self) -> &[u32] {
        &self.line_first_tokens
    }

    /// The token of that index, as it stands in the text.
    pub fn token<'text>(&self, text: &'text str, index: usize) -> &'text str {
        &text[self.starts[index] as usize..self.ends[index] as usize]
    }

    /// Indices of the tokens that start in that range of bytes.
    pub fn indices_in(&self, bytes: Range<usize>) -> Range<usize> {
        let index_of = |byte: usize| self.starts.partition_point(|&start| (start as usize) < byte);
        index_of(bytes.start)..index_of(bytes.end)
    }

    pub(super) fn clear(&mut self) {
        self.starts.clear();
        self.ends.clear();
        self.hashes.clear();
        self.char_counts.clear();
        self.flags.clear();
        self.line_first_tokens.clear();
    }

    #[inline(always)]
    pub(super) fn push(&mut self, token: Token) {
        self.starts.push(token.start);
        self.ends.push(token.end);
        self.hashes.push(token.hash);
        self.char_counts.push(token.num_chars);
        self.flags
            .push(token.flags & (HAS_LETTER | ALL_SYMBOLS | ALL_PUNCTUATION | ENDS_SENTENCE));
    }

    /// Appends tokens of a segmentation. `other_flags` are the flags of some of them, by their index there; of the others,
    /// those of words hold here, too.
    pub(super) fn extend_from_segmentation(
        &mut self,
        segmentation: &Segmentation,
        tokens: Range<usize>,
        other_flags: &[(u32, u8)],
    ) {
        let first = self.flags.len();
        self.starts
            .extend_from_slice(&segmentation.starts()[tokens.clone()]);
        self.ends.extend_from_slice(&segmentation.ends()[tokens.clone()]);
        self.hashes
            .extend_from_slice(&segmentation.hashes()[tokens.clone()]);
        self.char_counts
            .extend_from_slice(&segmentation.char_counts()[tokens.clone()]);
        self.flags
            .extend_from_slice(&segmentation.flags()[tokens.clone()]);
        let flags = &mut self.flags[first..];
        for flags in &mut *flags {
            *flags &= HAS_LETTER | ALL_SYMBOLS;
        }
        for &(index, other) in other_flags {
            flags[index as usize - tokens.start] = other;
        }
    }

    /// A line starts with the next token.
    pub(super) fn push_line(&mut self) {
        self.push_line_at(self.starts.len());
    }

    /// A line starts with the token of that index.
    pub(super) fn push_line_at(&mut self, index: usize) {
        self.line_first_tokens.push(index as u32);
    }

    /// Overwrites everything with the tokens of the lines that are left of the text of `before`. `cut` overwrites its
    /// columns with the tokens of the line of that index; `scratch` is a buffer for them.
    pub(crate) fn keep_lines(
        &mut self,
        before: &Self,
        lines: &[KeptLine],
        scratch: &mut Self,
        mut cut: impl FnMut(usize, &mut Self),
    ) {
        self.clear();
        let mut walk = Walk::new(&before.starts, &before.ends);
        let mut start = 0;
        for (index, &line) in lines.iter().enumerate() {
            self.push_line();
            if line.is_whole {
                if let Some(tokens) = walk.line(line, start, &mut self.starts, &mut self.ends) {
                    self.extend_other_columns(before, tokens);
                }
            } else {
                let tokens = walk.finish();
                self.extend_other_columns(before, tokens);
                cut(index, scratch);
                self.extend_from(scratch, 0..scratch.num_tokens());
            }
            start += line.num_bytes + 1;
        }
        let tokens = walk.finish();
        self.extend_other_columns(before, tokens);
    }

    fn extend_other_columns(&mut self, other: &Self, tokens: Range<usize>) {
        self.hashes.extend_from_slice(&other.hashes[tokens.clone()]);
        self.char_counts
            .extend_from_slice(&other.char_counts[tokens.clone()]);
        self.flags.extend_from_slice(&other.flags[tokens]);
    }

    /// Appends tokens of other columns.
    pub(super) fn extend_from(&mut self, other: &Self, tokens: Range<usize>) {
        self.starts.extend_from_slice(&other.starts[tokens.clone()]);
        self.ends.extend_from_slice(&other.ends[tokens.clone()]);
        self.hashes.extend_from_slice(&other.hashes[tokens.clone()]);
        self.char_counts
            .extend_from_slice(&other.char_counts[tokens.clone()]);
        self.flags.extend_from_slice(&other.flags[tokens]);
    }
}
