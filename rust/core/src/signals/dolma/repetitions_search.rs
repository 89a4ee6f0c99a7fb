//! Finds what the regular expression `(.+?)(\s?\1){3,}` finds, without trying every length at every position.
//!
//! The first two copies of a repeated string stand at a distance of its length, or one white-space character more. So
//! for every distance the bytes are compared with those that far behind, at checkpoints so close that the first copy
//! cannot lie between two; only where a checkpoint agrees is the stretch of agreement measured, and each start in it
//! tried as the expression would. Distances are at most the length of a line, as the string has no line feed. With n
//! bytes in lines of m that is about n · log m comparisons, of which hardly any agree.

use crate::segment::is_white_space;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Bytes behind the text that can be read in one piece with its last ones.
const PADDING: usize = 8;
/// Only runs of so many bytes are remembered, so that there are few.
const MIN_RUN_BYTES: usize = 512;

/// One match: bytes of the text, and of the string that is repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Repetition {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Bytes of the repeated string, which stands at `start`.
    pub(super) period: usize,
}

/// A stretch within one line whose bytes are those `distance` further on: `start..end`.
#[derive(Debug, Clone, Copy)]
struct Stretch {
    start: usize,
    end: usize,
    distance: usize,
}

/// A long stretch of one period, up to the last byte of its last copy.
#[derive(Debug, Clone, Copy)]
struct Run {
    start: usize,
    end: usize,
    period: usize,
}

/// The search; keeps its buffers between texts.
#[derive(Debug, Clone, Default)]
pub(super) struct Search {
    /// The text and its padding.
    bytes: Vec<u8>,
    stretches: Vec<Stretch>,
    runs: Vec<Run>,
    /// Start, period, and index of the stretch that gave them.
    next: BinaryHeap<Reverse<(usize, usize, usize)>>,
    found: Vec<Repetition>,
}

impl Search {
    /// The matches from left to right, as `re.finditer` gives them.
    pub(super) fn find(&mut self, text: &str) -> &[Repetition] {
        self.bytes.clear();
        self.bytes.extend_from_slice(text.as_bytes());
        self.bytes.extend([0; PADDING]);
        self.stretches.clear();
        self.next.clear();
        self.found.clear();
        let max_space = longest_space(text);
        let mut start = 0;
        for line in text.split('\n') {
            self.search_line(text, (start, start + line.len()), max_space);
            start += line.len() + 1;
        }
        let mut done_to = 0;
        while let Some(Reverse((start, period, index))) = self.next.pop() {
            if start < done_to {
                self.enqueue(text, index, done_to);
                continue;
            }
            if let Some(end) = match_end(text, start, period) {
                self.found.push(Repetition { start, end, period });
                done_to = end;
            }
            self.enqueue(text, index, done_to);
        }
        &self.found
    }

    /// Tries every distance for strings that start in a line.
    fn search_line(&mut self, text: &str, (start, end): (usize, usize), max_space: usize) {
        self.runs.clear();
        // Three more copies have to follow the first.
        let max_distance = (end - start).min((text.len() - start) / 4) + max_space;
        for distance in 1..=max_distance {
            let shortest = distance.saturating_sub(max_space).max(1);
            // So many bytes are compared at once, and two checkpoints are so far apart, that every first copy has one.
            let width = match shortest {
                1 => 1,
                2..=3 => 2,
                4..=9 => 4,
                _ => 8,
            };
            let step = shortest - width.min(shortest) + 1;
            let mut at = start;
            while at < end && at + distance < text.len() {
                if !self.agree(at, at + distance, width) {
                    at += step;
                    continue;
                }
                if let Some(run_end) = self.covering_run(at, distance) {
                    at = run_end - distance;
                    continue;
                }
                let stretch = self.measure(text.len(), (start, end), at, distance);
                at += step * ((stretch.end.max(at + 1) - at).div_ceil(step));
                if stretch.end - stretch.start < shortest {
                    continue;
                }
                self.remember_run(stretch, end);
                self.stretches.push(stretch);
                self.enqueue(text, self.stretches.len() - 1, stretch.start);
            }
        }
    }

    /// Whether that many bytes at two places are the same; at most eight.
    #[inline(always)]
    fn agree(&self, left: usize, right: usize, width: usize) -> bool {
        let mask = u64::MAX >> (64 - 8 * width);
        (self.load(left) ^ self.load(right)) & mask == 0
    }

    #[inline(always)]
    fn load(&self, at: usize) -> u64 {
        let eight = self.bytes[at..at + 8]
            .try_into()
            .expect("the padding is eight bytes");
        u64::from_le_bytes(eight)
    }

    /// The whole stretch around a position at which bytes agree, as far as the line goes.
    fn measure(
        &self,
        length: usize,
        (line_start, line_end): (usize, usize),
        at: usize,
        distance: usize,
    ) -> Stretch {
        let bytes = &self.bytes[..length];
        let before = bytes[line_start..at]
            .iter()
            .rev()
            .zip(bytes[line_start + distance..at + distance].iter().rev());
        let after = bytes[at..line_end].iter().zip(&bytes[at + distance..]);
        Stretch {
            start: at - before.take_while(|(left, right)| left == right).count(),
            end: at + after.take_while(|(left, right)| left == right).count(),
            distance,
        }
    }

    /// Keeps a long run within its line, which makes larger distances of the same period pointless in it.
    fn remember_run(&mut self, stretch: Stretch, line_end: usize) {
        let end = stretch.end + stretch.distance;
        if end <= line_end && end - stretch.start >= MIN_RUN_BYTES.max(8 * stretch.distance) {
            self.runs.push(Run {
                start: stretch.start,
                end,
                period: stretch.distance,
            });
        }
    }

    /// The end of a run in which the agreement at this distance says nothing new: a multiple of its period.
    ///
    /// Where the string would start in the run, four copies of the run's own period start, too, and the shorter string
    /// wins. It cannot start before the run, because the run would then go on to the left.
    fn covering_run(&self, at: usize, distance: usize) -> Option<usize> {
        let covers = |run: &&Run| {
            distance.is_multiple_of(run.period)
                && distance >= 4 * run.period
                && at >= run.start
                && at + distance < run.end
                && (at >= run.start + run.period || at + distance + run.period <= run.end)
        };
        self.runs.iter().find(covers).map(|run| run.end)
    }

    /// Puts the first match of a stretch from a position on in the queue.
    fn enqueue(&mut self, text: &str, index: usize, from: usize) {
        let stretch = self.stretches[index];
        for start in from.max(stretch.start)..stretch.end {
            if let Some(period) = period_at(text, start, stretch) {
                self.next.push(Reverse((start, period, index)));
                return;
            }
        }
    }
}

/// Bytes of the longest white-space character of a text; at least 1.
fn longest_space(text: &str) -> usize {
    if text.is_ascii() {
        return 1;
    }
    let spaces = text
        .chars()
        .filter(|character| !character.is_ascii() && is_white_space(*character));
    spaces.map(char::len_utf8).max().unwrap_or(1)
}

/// The length of the shortest string that is repeated from `start` on, with its second copy at the stretch's distance.
fn period_at(text: &str, start: usize, stretch: Stretch) -> Option<usize> {
    let next = start + stretch.distance;
    if !text.is_char_boundary(start) || !text.is_char_boundary(next) {
        return None;
    }
    let fits = |period: usize| {
        period > 0
            && start + period <= stretch.end
            && nth_copy_end(text, &text[start..start + period], start + period, 3).is_some()
    };
    let space = text[start..next]
        .chars()
        .next_back()
        .filter(|character| is_white_space(*character));
    let behind_space = space.map(|character| stretch.distance - character.len_utf8());
    behind_space
        .filter(|&period| fits(period))
        .or_else(|| Some(stretch.distance).filter(|&period| fits(period)))
}

/// Where the expression's match ends whose string has that many bytes; none with fewer than three further copies.
pub(super) fn match_end(text: &str, start: usize, period: usize) -> Option<usize> {
    let string = &text[start..start + period];
    let mut end = nth_copy_end(text, string, start + period, 3)?;
    while let Some(further) = copy_ends(text, string, end).into_iter().flatten().next() {
        end = further;
    }
    Some(end)
}

/// Where copies end that start at `at`: behind a white-space character, which the expression tries first, and right there.
fn copy_ends(text: &str, string: &str, at: usize) -> [Option<usize>; 2] {
    let rest = &text[at..];
    let space = rest.chars().next().filter(|character| is_white_space(*character));
    [space.map_or(0, char::len_utf8), 0].map(|skipped| {
        rest[skipped..]
            .starts_with(string)
            .then_some(at + skipped + string.len())
    })
}

/// The end of the last of that many copies, in the order in which the expression backtracks.
fn nth_copy_end(text: &str, string: &str, at: usize, num_copies: usize) -> Option<usize> {
    if num_copies == 0 {
        return Some(at);
    }
    copy_ends(text, string, at)
        .into_iter()
        .flatten()
        .find_map(|end| nth_copy_end(text, string, end, num_copies - 1))
}
