//! Windows that are equal get one number, by comparing neighbours in the suffix array.

use super::Units;
use super::bits::Bits;
use crate::suffix_array::{Poll, SuffixError, Symbol, invert};

/// The class of a position whose window occurs once, crosses the end of its document or starts inside a character.
pub(super) const NONE: u32 = u32::MAX;

/// Which windows are equal.
#[derive(Debug)]
pub(super) struct Classes {
    /// Number of the class of the window at each position, or [`NONE`].
    pub(super) of: Vec<u32>,
    /// How many there are.
    pub(super) num_classes: usize,
}

/// Marks the positions where a window starts: on a boundary, and with its end in the same document.
pub(super) fn windows(units: &impl Units, bounds: &[u32], length: usize) -> Bits {
    let mut windows = Bits::new(bounds.last().map_or(0, |&end| end as usize));
    for pair in bounds.windows(2) {
        let (start, end) = (pair[0] as usize, pair[1] as usize);
        for position in start..(end + 1).saturating_sub(length).max(start) {
            if units.is_boundary(position) {
                windows.set(position);
            }
        }
    }
    windows
}

/// Numbers the classes of at least two windows, in the order of the suffixes. The array becomes [`Classes::of`].
pub(super) fn classify<S: Symbol>(
    text: &[S],
    mut array: Vec<u32>,
    windows: &Bits,
    length: usize,
    poll: Poll<'_>,
) -> Result<Classes, super::RepeatError> {
    // By rank: whether the window has an equal, and whether it is the first of its class.
    let mut has_equal = Bits::new(array.len());
    let mut is_first = Bits::new(array.len());
    let mut previous: Option<(usize, &[S])> = None;
    for block in Poll::blocks(0..array.len()) {
        poll.check()?;
        for rank in block {
            let position = array[rank] as usize;
            if !windows.get(position) {
                continue;
            }
            let window = &text[position..position + length];
            if let Some((before, equal)) = previous
                && equal == window
            {
                if !has_equal.get(before) {
                    has_equal.set(before);
                    is_first.set(before);
                }
                has_equal.set(rank);
            }
            previous = Some((rank, window));
        }
    }
    let num_classes = is_first.count() as usize;
    invert(&mut array, poll)?;
    number(&mut array, &has_equal, &is_first, poll)?;
    Ok(Classes {
        of: array,
        num_classes,
    })
}

/// Replaces ranks by numbers of classes. A class is a run of ranks, apart from ranks without a window.
fn number(ranks: &mut [u32], has_equal: &Bits, is_first: &Bits, poll: Poll<'_>) -> Result<(), SuffixError> {
    for block in Poll::blocks(0..ranks.len()) {
        poll.check()?;
        for rank in &mut ranks[block] {
            let index = *rank as usize;
            *rank = if has_equal.get(index) {
                is_first.rank(index) - 1
            } else {
                NONE
            };
        }
    }
    Ok(())
}
