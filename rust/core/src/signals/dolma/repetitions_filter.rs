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
//! near 2P, that is one comparison for every three bytes of text, and sixteen are made at a time. Only where
//! they do are the bytes around compared.

use crate::segment::Segmentation;
use std::ops::Range;

/// Bytes that are compared at once with those at sixteen places.
const GRAM_BYTES: usize = 4;
/// Places at which a chunk is compared.
const CHUNK_PLACES: usize = 16;
/// Bytes of a chunk.
const CHUNK_BYTES: usize = CHUNK_PLACES + GRAM_BYTES - 1;
/// Positions that are looked at together for the shortest periods.
const BLOCK_BYTES: usize = 32;
/// Periods below this one are looked for at every position.
const FIRST_SPARSE_PERIOD: usize = 4;
/// Zeros behind the bytes, so that blocks and chunks can be read at each of them.
const PADDING: usize = 48;
/// White-space characters that a match of nothing else has, line feeds apart.
const MIN_SPACES: usize = 4;
/// A word is copied in pieces of so many bytes.
const PIECE_BYTES: usize = 16;
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
    /// Where each token of the segmentation starts in `bytes`.
    offsets: Vec<u32>,
    /// By start, apart from those that were found with the periods of the moment.
    runs: Vec<Run>,
    cost: usize,
    windows: Vec<Range<usize>>,
}

impl Filter {
    /// Ranges of the text, in order and without overlap; every match lies in one of them.
    pub(super) fn windows(&mut self, text: &str, segmentation: &Segmentation) -> &[Range<usize>] {
        self.windows.clear();
        self.squeeze(text, segmentation);
        self.find_runs();
        if self.cost > COST_PER_BYTE * self.num_bytes {
            self.windows.clear();
            self.windows.push(0..text.len());
            return &self.windows;
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

    /// Copies the text without its white space, and makes windows of long white space.
    fn squeeze(&mut self, text: &str, segmentation: &Segmentation) {
        let bytes = text.as_bytes();
        self.offsets.clear();
        let max_bytes = bytes.len() + PADDING;
        if self.bytes.len() < max_bytes {
            self.bytes.resize(max_bytes, 0);
        }
        let (mut at, mut done_to) = (0, 0);
        // White space is never part of a token, and everything else is.
        for (&start, &end) in segmentation.starts().iter().zip(segmentation.ends()) {
            let (start, end) = (start as usize, end as usize);
            if start - done_to >= MIN_SPACES {
                self.add_space(text, done_to..start);
            }
            done_to = end;
            self.offsets.push(at as u32);
            let length = end - start;
            match bytes.get(start..start + PIECE_BYTES) {
                Some(piece) if length <= PIECE_BYTES => {
                    self.bytes[at..at + PIECE_BYTES].copy_from_slice(piece);
                }
                _ => self.bytes[at..at + length].copy_from_slice(&bytes[start..end]),
            }
            at += length;
        }
        if bytes.len() - done_to >= MIN_SPACES {
            self.add_space(text, done_to..bytes.len());
        }
        self.num_bytes = at;
        self.bytes[at..at + PADDING].fill(0);
    }

    fn add_space(&mut self, text: &str, space: Range<usize>) {
        let others = text[space.clone()].chars().filter(|&character| character != '\n');
        if others.count() >= MIN_SPACES {
            self.windows.push(space);
        }
    }

    fn find_runs(&mut self) {
        self.runs.clear();
        self.cost = 0;
        self.find_short_periods();
        let (mut first, mut num_places) = (FIRST_SPARSE_PERIOD, CHUNK_PLACES);
        while 4 * first <= self.num_bytes && self.cost <= COST_PER_BYTE * self.num_bytes {
            self.runs.sort_unstable_by_key(|run| run.start);
            self.find_periods(first, num_places);
            first += num_places;
            num_places *= 2;
        }
    }

    /// Finds the runs with a period below [`FIRST_SPARSE_PERIOD`].
    fn find_short_periods(&mut self) {
        for start in (0..self.num_bytes).step_by(BLOCK_BYTES) {
            let block = self.bytes[start..]
                .first_chunk()
                .expect("the padding is longer than a block");
            if !has_short_period(block) {
                continue;
            }
            for at in start..(start + BLOCK_BYTES).min(self.num_bytes) {
                for period in 1..FIRST_SPARSE_PERIOD {
                    let agree = (at..at + 3).all(|at| self.bytes[at] == self.bytes[at + period]);
                    if agree {
                        self.look(at, period, self.runs.len());
                    }
                }
            }
        }
    }

    /// Finds the runs with one of so many periods from the first one on.
    fn find_periods(&mut self, first: usize, num_places: usize) {
        let num_known = self.runs.len();
        let step = 3 * first - GRAM_BYTES + 1;
        for at in (0..self.num_bytes.saturating_sub(first)).step_by(step) {
            let gram = self.gram(at);
            let places_end = (at + first + num_places).min(self.num_bytes);
            for chunk_start in (at + first..places_end).step_by(CHUNK_PLACES) {
                let chunk = self.bytes[chunk_start..]
                    .first_chunk()
                    .expect("the padding is longer than a chunk");
                if !comes_in(gram, chunk) {
                    continue;
                }
                for place in chunk_start..(chunk_start + CHUNK_PLACES).min(places_end) {
                    if self.gram(place) == gram {
                        self.look(at, place - at, num_known);
                    }
                }
                if self.cost > COST_PER_BYTE * self.num_bytes {
                    return;
                }
            }
        }
    }

    #[inline(always)]
    fn gram(&self, at: usize) -> u32 {
        let gram = self.bytes[at..]
            .first_chunk()
            .expect("the padding is longer than a gram");
        u32::from_le_bytes(*gram)
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

/// Whether three bytes in a row are those one further on, or four are those two or three further on.
///
/// Runs have at least three for period 1, six for 2 and nine for 3.
fn has_short_period(block: &[u8; BLOCK_BYTES + 2 * FIRST_SPARSE_PERIOD]) -> bool {
    let mut any = [false; BLOCK_BYTES];
    for (at, any) in any.iter_mut().enumerate() {
        let [one, two, three] = [1, 2, 3].map(|period| {
            let differences = [0, 1, 2].map(|next| block[at + next] ^ block[at + next + period]);
            differences[0] | differences[1] | differences[2]
        });
        *any = one == 0 || two == 0 || three == 0;
    }
    any.contains(&true)
}

/// Whether four bytes stand at one of the places of a chunk.
#[inline(always)]
fn comes_in(gram: u32, chunk: &[u8; CHUNK_BYTES]) -> bool {
    let mut any = [0_u32; CHUNK_PLACES / GRAM_BYTES];
    for shift in 0..GRAM_BYTES {
        let (grams, _) = chunk[shift..shift + CHUNK_PLACES].as_chunks::<GRAM_BYTES>();
        for (any, other) in any.iter_mut().zip(grams) {
            *any |= u32::from(u32::from_le_bytes(*other) == gram);
        }
    }
    any.iter().fold(0, |left, right| left | right) != 0
}
