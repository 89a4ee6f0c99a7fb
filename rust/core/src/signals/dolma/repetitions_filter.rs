//! Finds the few stretches of a text in which the regular expression `(.+?)(\s?\1){3,}` can match at all.
//!
//! A match is four copies or more of a string, with white space between some. In the text without its white
//! space the copies, too without theirs, stand side by side: the match is a *run* there, a stretch that
//! repeats with a period of p bytes and has 4p bytes or more. (If the string is nothing but white space, the
//! match is white space only, with four characters other than the line feed, which `.` does not match.) So
//! whichever way the expression could match from a position, the match lies in the window of a run, the white
//! space at both ends included; and what it matches from there in the whole text is what it matches in the
//! window.
//!
//! In a run of period p at least 3p bytes in a row are those p further on. For all periods from P to Q it is
//! enough to look every 3P − 3 bytes whether the four bytes there come again P to Q bytes further on: with Q
//! near 2P, that is one comparison for every three bytes of text, and many are made at a time. Only where
//! they do are the bytes around compared. [`super::repetitions_places`] looks.

use super::repetitions_places::{Agreement, Coincidence, Coincidences, ShortPeriods};
use super::repetitions_squeeze::squeeze;
use crate::dispatch;
use crate::segment::{Segmentation, is_white_space};
use crate::signals::Document;
use crate::signals::facts::ByteKinds;
use std::ops::Range;

/// Bytes that are compared at once with those at the places of a range of periods.
pub(super) const GRAM_BYTES: usize = 4;
/// Places of the first range of periods.
const FIRST_PLACES: usize = 16;
/// Periods below this one are looked for at every position.
pub(super) const FIRST_SPARSE_PERIOD: usize = 4;
/// Zeros behind the bytes, so that blocks can be read at each of them.
pub(super) const PADDING: usize = 80;
/// White-space characters that a match of nothing else has, line feeds apart.
const MIN_SPACES: usize = 4;
/// What comparing around one place costs besides the bytes that agree, in bytes.
const LOOK_COST: usize = 8;
/// Bytes that may be compared around places, for each byte of the text; after that, the whole text is one
/// window.
const COST_PER_BYTE: usize = 8;

/// A stretch of the bytes without white space in which each byte is that `period` further on, while both are
/// in it.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    period: usize,
}

/// The filter; keeps its buffers between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Filter {
    /// The text without white space, and its padding.
    bytes: Vec<u8>,
    /// Of `bytes`, the padding left out.
    num_bytes: usize,
    /// Where each token of the segmentation starts in `bytes`; filled for texts with runs only.
    offsets: Vec<u32>,
    agreements: Vec<Agreement>,
    coincidences: Vec<Coincidence>,
    /// By start, apart from those that were found with the periods of the moment.
    runs: Vec<Run>,
    cost: usize,
    windows: Vec<Range<usize>>,
}

impl Filter {
    /// Ranges of the document's text, in order and without overlap; every match lies in one of them.
    pub(super) fn windows(&mut self, document: Document<'_>) -> &[Range<usize>] {
        let (text, segmentation, kinds) = (document.text(), document.segmentation(), document.byte_kinds());
        self.windows.clear();
        self.num_bytes = squeeze(text, kinds, &mut self.bytes);
        self.find_long_space(text, kinds);
        self.find_runs();
        if self.cost > COST_PER_BYTE * self.num_bytes {
            self.windows.clear();
            self.windows.push(0..text.len());
            return &self.windows;
        }
        if !self.runs.is_empty() {
            self.fill_offsets(segmentation);
        }
        for index in 0..self.runs.len() {
            let window = self.window(text, segmentation, self.runs[index]);
            self.windows.push(window);
        }
        self.windows.sort_unstable_by_key(|window| window.start);
        self.windows.dedup_by(|next, window| {
            let overlap = next.start < window.end;
            if overlap {
                window.end = window.end.max(next.end);
            }
            overlap
        });
        &self.windows
    }

    /// Makes windows of long white space.
    fn find_long_space(&mut self, text: &str, kinds: &ByteKinds) {
        let (mut before, mut done_to) = (0_u64, 0_usize);
        for (index, spaces) in kinds.spaces().enumerate() {
            // The last bytes of white space of as many bytes as a match has characters.
            let mut found = spaces & (spaces << 1 | before >> 63) & (spaces << 2 | before >> 62);
            found &= spaces << 3 | before >> 61;
            before = spaces;
            // Those of the last window are done.
            found &= u64::MAX
                .checked_shl(done_to.saturating_sub(64 * index) as u32)
                .unwrap_or_default();
            while found != 0 {
                let last = 64 * index + found.trailing_zeros() as usize;
                found &= found - 1;
                if last < done_to || last >= text.len() {
                    continue;
                }
                let mut inside = last + 1 - MIN_SPACES;
                while !text.is_char_boundary(inside) {
                    inside -= 1;
                }
                let start = text[..inside].trim_end_matches(is_white_space).len();
                let end = text.len() - text[inside..].trim_start_matches(is_white_space).len();
                add_space(text, start..end, &mut self.windows);
                done_to = end;
            }
        }
    }

    fn fill_offsets(&mut self, segmentation: &Segmentation) {
        self.offsets.clear();
        let mut at = 0;
        let tokens = segmentation.starts().iter().zip(segmentation.ends());
        self.offsets.extend(tokens.map(|(&start, &end)| {
            let offset = at;
            at += end - start;
            offset
        }));
    }

    fn find_runs(&mut self) {
        self.runs.clear();
        self.cost = 0;
        self.find_short_periods();
        let (mut first, mut num_places) = (FIRST_SPARSE_PERIOD, FIRST_PLACES);
        while 4 * first <= self.num_bytes && self.cost <= COST_PER_BYTE * self.num_bytes {
            self.runs.sort_unstable_by_key(|run| run.start);
            self.find_periods(first, num_places);
            first += num_places;
            num_places *= 2;
        }
    }

    /// Finds the runs with a period below [`FIRST_SPARSE_PERIOD`].
    fn find_short_periods(&mut self) {
        let mut agreements = std::mem::take(&mut self.agreements);
        agreements.clear();
        dispatch::run(ShortPeriods {
            bytes: &self.bytes,
            num_bytes: self.num_bytes,
            found: &mut agreements,
        });
        for agreement in &agreements {
            self.look(agreement.start as usize, agreement.period, self.runs.len());
        }
        self.agreements = agreements;
    }

    /// Finds the runs with one of so many periods from the first one on.
    fn find_periods(&mut self, first: usize, num_places: usize) {
        let num_known = self.runs.len();
        let mut coincidences = std::mem::take(&mut self.coincidences);
        coincidences.clear();
        dispatch::run(Coincidences {
            bytes: &self.bytes,
            num_bytes: self.num_bytes,
            first,
            num_places,
            found: &mut coincidences,
        });
        for &Coincidence { at, place } in &coincidences {
            self.look(at as usize, (place - at) as usize, num_known);
            if self.cost > COST_PER_BYTE * self.num_bytes {
                break;
            }
        }
        self.coincidences = coincidences;
    }

    /// Keeps the run of that period around a position at which bytes agree, if there is one.
    fn look(&mut self, at: usize, period: usize, num_sorted: usize) {
        if at + period >= self.num_bytes {
            return;
        }
        self.cost += LOOK_COST;
        // Nothing new: the run as it was found from another position, or a part of one whose period divides
        // this one.
        let covers =
            |run: &Run| run.start <= at && at + period < run.end && period.is_multiple_of(run.period);
        let before = self.runs[..num_sorted].partition_point(|run| run.start <= at);
        if self.runs[..before].iter().rev().take(2).any(covers) || self.runs.last().is_some_and(covers) {
            return;
        }
        let bytes = &self.bytes[..self.num_bytes];
        let same = |(left, right): &(&u8, &u8)| left == right;
        let behind = bytes[at..].iter().zip(&bytes[at + period..]);
        let num_behind = behind.take_while(same).count();
        let ahead = bytes[..at].iter().rev().zip(bytes[..at + period].iter().rev());
        let num_ahead = ahead.take_while(same).count();
        self.cost += num_ahead + num_behind;
        if num_ahead + num_behind >= 3 * period {
            self.runs.push(Run {
                start: at - num_ahead,
                end: at + num_behind + period,
                period,
            });
        }
    }

    /// The part of the text that is a run without its white space, with the white space at its ends.
    fn window(&self, text: &str, segmentation: &Segmentation, run: Run) -> Range<usize> {
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let token_of = |at: usize| self.offsets.partition_point(|&offset| offset as usize <= at) - 1;
        let place_of = |at: usize, token: usize| starts[token] as usize + at - self.offsets[token] as usize;
        let (first, last) = (token_of(run.start), token_of(run.end - 1));
        let mut start = place_of(run.start, first);
        if start == starts[first] as usize {
            start = first.checked_sub(1).map_or(0, |previous| ends[previous] as usize);
        }
        let mut end = place_of(run.end, last);
        if end == ends[last] as usize {
            end = starts.get(last + 1).map_or(text.len(), |&next| next as usize);
        }
        while !text.is_char_boundary(start) {
            start -= 1;
        }
        while !text.is_char_boundary(end) {
            end += 1;
        }
        start..end
    }
}

fn add_space(text: &str, space: Range<usize>, windows: &mut Vec<Range<usize>>) {
    let others = text[space.clone()].chars().filter(|&character| character != '\n');
    if others.count() >= MIN_SPACES {
        windows.push(space);
    }
}
