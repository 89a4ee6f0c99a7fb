//! spaCy's `_apply_special_cases`: neighbouring tokens that spell a special case become its tokens.
//!
//! spaCy looks for the tokens that the affix rules alone make of each special case, over the whole text, and takes
//! the longest finds first. A find with a space in between changes nothing, and still bars finds that overlap it;
//! so does a find that was barred itself. So each candidate is settled with everything that it overlaps, in a chain.

use super::chunk::push_exception;
use super::exceptions::{EXCEPTIONS, Exception};
use crate::segment::token_columns::TokenColumns;

/// Most tokens of a pattern.
const MAX_PATTERN_TOKENS: usize = 11;

/// Scratch memory of the search.
#[derive(Default)]
pub(super) struct Merges {
    found: Vec<Find>,
    accepted: Vec<Find>,
    is_seen: Vec<bool>,
    spare: TokenColumns,
}

/// Tokens `start..end` spell a special case.
#[derive(Clone, Copy)]
struct Find {
    start: usize,
    end: usize,
    exception: &'static Exception,
}

impl Merges {
    /// Settles the candidates, which are ascending indices of tokens, and rewrites the tokens where that changes them.
    pub(super) fn apply(&mut self, text: &str, candidates: &[u32], tokens: &mut TokenColumns) {
        self.accepted.clear();
        let mut settled = 0;
        for &candidate in candidates {
            let candidate = candidate as usize;
            if candidate < settled || !starts_find(text, candidate, tokens) {
                continue;
            }
            settled = self.settle(text, candidate, tokens);
        }
        if !self.accepted.is_empty() {
            self.rewrite(text, tokens);
        }
    }

    /// Settles every find that overlaps the candidate's, directly or through others; returns where they end.
    fn settle(&mut self, text: &str, candidate: usize, tokens: &TokenColumns) -> usize {
        let mut first = candidate;
        while let Some(before) = (first.saturating_sub(MAX_PATTERN_TOKENS - 1)..first)
            .find(|&start| finds(text, start, tokens).any(|find| find.end > first))
        {
            first = before;
        }
        self.found.clear();
        let (mut end, mut start) = (first + 1, first);
        while start < end {
            for find in finds(text, start, tokens) {
                end = end.max(find.end);
                self.found.push(find);
            }
            start += 1;
        }
        self.found
            .sort_unstable_by_key(|find| (usize::MAX - (find.end - find.start), find.start));
        self.is_seen.clear();
        self.is_seen.resize(end - first, false);
        let num_before = self.accepted.len();
        for find in &self.found {
            let (from, to) = (find.start - first, find.end - first);
            let is_free = !self.is_seen[from] && !self.is_seen[to - 1];
            self.is_seen[from..to].fill(true);
            if is_free && find.exception.is_active() && is_one_string(tokens, find) {
                self.accepted.push(*find);
            }
        }
        self.accepted[num_before..].sort_unstable_by_key(|find| find.start);
        end
    }

    fn rewrite(&mut self, text: &str, tokens: &mut TokenColumns) {
        self.spare.clear();
        let mut read = 0;
        for find in &self.accepted {
            self.spare.extend_from(tokens, read..find.start);
            push_exception(
                text,
                tokens.starts()[find.start] as usize,
                find.exception,
                &mut self.spare,
            );
            read = find.end;
        }
        self.spare.extend_from(tokens, read..tokens.num_tokens());
        // No special case has a line end in it, so that each line starts with the token with which it did.
        let mut finds = self.accepted.iter().peekable();
        let (mut num_before, mut num_after) = (0, 0);
        for &line in tokens.line_first_tokens() {
            while let Some(find) = finds.next_if(|find| find.start < line as usize) {
                num_before += find.end - find.start;
                num_after += find.exception.tokens.len();
            }
            self.spare.push_line_at(line as usize + num_after - num_before);
        }
        std::mem::swap(&mut self.spare, tokens);
    }
}

/// Whether a special case that changes something starts at the token, within one string.
fn starts_find(text: &str, start: usize, tokens: &TokenColumns) -> bool {
    finds(text, start, tokens).any(|find| find.exception.is_active() && is_one_string(tokens, &find))
}

/// Everything that starts at that token, spaces between tokens ignored.
fn finds<'f>(text: &'f str, start: usize, tokens: &'f TokenColumns) -> impl Iterator<Item = Find> + 'f {
    let byte = |index: usize| text.as_bytes()[tokens.starts()[index] as usize];
    let may_start =
        start + 1 < tokens.num_tokens() && EXCEPTIONS.pairs().may_start(byte(start), byte(start + 1));
    let exceptions = may_start.then(|| EXCEPTIONS.starting_with(byte(start), byte(start + 1)));
    exceptions.into_iter().flatten().filter_map(move |exception| {
        let end = start + exception.pattern.len();
        let is_find = end <= tokens.num_tokens()
            && (start..end).all(|index| {
                tokens.token(text, index) == exception.pattern[index - start]
                    && (index == start || are_neighbours(text, index, tokens))
            });
        is_find.then_some(Find {
            start,
            end,
            exception,
        })
    })
}

/// Whether spaCy has no token of white space before that token: it makes none of one space.
fn are_neighbours(text: &str, index: usize, tokens: &TokenColumns) -> bool {
    let gap = &text[tokens.ends()[index - 1] as usize..tokens.starts()[index] as usize];
    matches!(gap, "" | " ")
}

fn is_one_string(tokens: &TokenColumns, find: &Find) -> bool {
    let num_bytes = tokens.ends()[find.end - 1] - tokens.starts()[find.start];
    num_bytes as usize == find.exception.string.len()
}
