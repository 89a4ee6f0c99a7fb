//! One pass over the classes that decides what goes.
//!
//! The pass goes from boundary to boundary. What it has kept stays. A window *stands* once its last whole unit is kept,
//! and its class then has a place. What comes next goes in two cases:
//!
//! - *Ahead*: the window that starts here has a class with a place. All of it goes.
//! - *Behind*: with the unit that starts here a window would be complete whose class has a place already. That place
//!   overlaps the window, else its start would have been a case of the first kind. The unit goes.
//!
//! A cut grows as long as windows that start in it, or at its end, have a class with a place. No window is completed that
//! stands elsewhere, so no class has two places: property 2 of the module. Every unit that goes lies in a window whose
//! class has a place, and there it is kept: property 1.

use std::ops::Range;

use super::classes::{Classes, NONE};
use super::{Cut, RepeatCounts, RepeatError, RepeatOptions, Units};
use crate::suffix_array::Poll;

/// Decides all documents; see [`super::cut_repeats`].
pub(super) fn cut<U: Units, E: From<RepeatError>>(
    units: &U,
    classes: &Classes,
    bounds: &[u32],
    options: RepeatOptions,
    poll: Poll<'_>,
    mut emit: impl FnMut(Cut) -> Result<(), E>,
) -> Result<RepeatCounts, E> {
    let mut pass = Pass {
        units,
        classes: &classes.of,
        bounds,
        places: vec![NONE; classes.num_classes],
        length: options.min_length,
        end: 0,
        pending: 0,
    };
    let mut counts = RepeatCounts {
        classes: classes.num_classes as u64,
        ..RepeatCounts::default()
    };
    let mut pieces = Vec::new();
    for (document, pair) in bounds.windows(2).enumerate() {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        (pass.end, pass.pending) = (end, start);
        let mut here = start;
        let mut next_look = start;
        while here < end {
            if here >= next_look {
                poll.check().map_err(RepeatError::from)?;
                next_look = here + POLL_SYMBOLS;
            }
            let Some((first, next)) = pass.repetition(here) else {
                here = pass.keep(here);
                continue;
            };
            pieces.clear();
            pieces.push(first);
            let whole = here..pass.grow(&mut pieces, next);
            let gone = if options.whole_lines {
                pass.whole_lines(start, &whole)
            } else {
                whole.clone()
            };
            counts.cut_symbols += gone.len() as u64;
            counts.spared_symbols += (whole.len() - gone.len()) as u64;
            if gone.is_empty() {
                pass.keep_range(whole.clone());
            } else {
                pass.keep_range(whole.start..gone.start);
                for piece in &pieces {
                    let (from, to) = (piece.start.max(gone.start), piece.end.min(gone.end));
                    if from < to {
                        let origin = piece.origin + (from - piece.start);
                        emit(Cut {
                            document,
                            start: from,
                            end: to,
                            origin,
                        })?;
                    }
                }
                pass.pending = gone.end;
                pass.keep_range(gone.end..whole.end);
            }
            here = whole.end;
        }
    }
    Ok(counts)
}

const POLL_SYMBOLS: usize = 1 << 18;

/// A part of a cut with one origin.
#[derive(Debug, Clone, Copy)]
struct Piece {
    start: usize,
    end: usize,
    origin: usize,
}

struct Pass<'a, U> {
    units: &'a U,
    classes: &'a [u32],
    bounds: &'a [u32],
    /// Where the window of each class stands, or [`NONE`].
    places: Vec<u32>,
    length: usize,
    /// End of the document.
    end: usize,
    /// First window of the kept text since the last cut that is not complete yet.
    pending: usize,
}

impl<U: Units> Pass<'_, U> {
    /// Where the window at `position` stands already.
    fn place(&self, position: usize) -> Option<usize> {
        let class = *self.classes.get(position)?;
        if class == NONE {
            return None;
        }
        let place = self.places[class as usize];
        (place != NONE).then_some(place as usize)
    }

    fn next_boundary(&self, position: usize) -> usize {
        let mut next = position + 1;
        while next < self.end && !self.units.is_boundary(next) {
            next += 1;
        }
        next
    }

    /// The last boundary at or before `position`.
    fn boundary_before(&self, mut position: usize) -> usize {
        while position < self.end && !self.units.is_boundary(position) {
            position -= 1;
        }
        position
    }

    /// The last end of a window that has no more whole units than one that ends at the boundary `end`.
    fn last_end(&self, end: usize) -> usize {
        if end == self.end {
            end
        } else {
            self.next_boundary(end) - 1
        }
    }

    /// What goes at `here`, and the next window that may make it grow.
    fn repetition(&self, here: usize) -> Option<(Piece, usize)> {
        if let Some(origin) = self.place(here) {
            let end = self.boundary_before(here + self.length);
            let piece = Piece {
                start: here,
                end,
                origin,
            };
            return Some((piece, self.next_boundary(here)));
        }
        let end = self.next_boundary(here);
        let last_end = self.last_end(end);
        let mut window = self.pending;
        while window + self.length <= last_end {
            if let Some(place) = self.place(window) {
                let piece = Piece {
                    start: here,
                    end,
                    origin: place + (here - window),
                };
                return Some((piece, self.next_boundary(window)));
            }
            window = self.next_boundary(window);
        }
        None
    }

    /// Lets a cut grow by the windows from `next` on, and returns its end.
    fn grow(&self, pieces: &mut Vec<Piece>, mut next: usize) -> usize {
        let mut end = pieces[0].end;
        while next <= end && next + self.length <= self.end {
            if let Some(place) = self.place(next) {
                let reach = self.boundary_before(next + self.length);
                if reach > end {
                    let origin = place + (end - next);
                    // An origin lies in one document. Windows that overlap do; adjacent ones may not.
                    let is_one_document = next < end || self.bounds.binary_search(&(origin as u32)).is_err();
                    match pieces.last_mut() {
                        Some(last) if last.origin + (end - last.start) == origin && is_one_document => {
                            last.end = reach;
                        }
                        _ => pieces.push(Piece {
                            start: end,
                            end: reach,
                            origin,
                        }),
                    }
                    end = reach;
                }
            }
            next = self.next_boundary(next);
        }
        end
    }

    /// Keeps the unit at `here` and returns where the next starts. Windows that it completes get a place.
    fn keep(&mut self, here: usize) -> usize {
        let end = self.next_boundary(here);
        let last_end = self.last_end(end);
        while self.pending + self.length <= last_end {
            let class = self.classes[self.pending];
            if class != NONE && self.places[class as usize] == NONE {
                self.places[class as usize] = self.pending as u32;
            }
            self.pending = self.next_boundary(self.pending);
        }
        end
    }

    fn keep_range(&mut self, range: Range<usize>) {
        let mut here = range.start;
        while here < range.end {
            here = self.keep(here);
        }
    }

    /// The whole lines of `range`, in a document that starts at `document`; empty if there is none.
    fn whole_lines(&self, document: usize, range: &Range<usize>) -> Range<usize> {
        let is_edge =
            |place: usize| place == document || place == self.end || self.units.is_line_start(place);
        let start = range.clone().find(|&place| is_edge(place)).unwrap_or(range.end);
        let mut end = range.end;
        while end > start && !is_edge(end) {
            end -= 1;
        }
        start..end
    }
}
