//! Suffix arrays: the start of every suffix of a text, in the order of the suffixes.
//!
//! Equal passages stand next to each other in that order, so whoever looks for repeated text compares neighbours
//! ([`crate::repeats`]). Not here: documents and their bounds. A suffix runs to the end of the whole text.
//!
//! # Method
//! SA-IS of Nong, Zhang and Chan ("Linear suffix array construction by almost pure induced-sorting", DCC 2009), without
//! a sentinel symbol, since a text may hold any byte: the end of the text counts as smaller than every symbol. Working
//! memory is the array itself, as in Yuta Mori's sais: names, the reduced text and the reduced array lie in the part of
//! it that is free at that moment.
//!
//! # Cost
//! Time: linear. Memory beside the text: 4 bytes a symbol for the array, and a table of 4 bytes for each symbol of the
//! alphabet. The levels of the recursion find room for their tables in the array where less than one symbol in three is
//! a local minimum of the text, as in prose, or where enough minima look alike; else they take up to 2 bytes a symbol
//! more. The caller says how many entries all tables may have together.

mod induced;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;

use std::ops::Range;

/// A symbol of a text: its number is its place in the alphabet.
pub trait Symbol: Copy + Ord {
    /// The number of the symbol.
    fn number(self) -> usize;
}

impl Symbol for u8 {
    fn number(self) -> usize {
        usize::from(self)
    }
}

impl Symbol for u32 {
    fn number(self) -> usize {
        self as usize
    }
}

/// Most symbols of a text: positions take 31 bits, for one bit marks those that a later pass has seen.
pub const MAX_SYMBOLS: usize = (1 << 31) - 1;

/// Why there is no suffix array.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum SuffixError {
    /// The text has more than [`MAX_SYMBOLS`] symbols.
    #[error("{symbols} symbols, a suffix array holds at most {MAX_SYMBOLS}")]
    TooLong {
        /// Symbols of the text.
        symbols: usize,
    },
    /// A table takes more memory than the caller allows.
    #[error("tables of {entries} entries are needed, {max_entries} are allowed")]
    Memory {
        /// Entries of 4 bytes.
        entries: usize,
        /// The limit.
        max_entries: usize,
    },
    /// The caller asked to stop.
    #[error("stopped")]
    Stopped,
}

/// Looks at the request to stop, and goes through positions in blocks so that this happens often enough.
#[derive(Clone, Copy)]
pub struct Poll<'task> {
    cancelled: &'task dyn Fn() -> bool,
}

impl<'task> Poll<'task> {
    /// Positions between two looks: some milliseconds.
    const BLOCK: usize = 1 << 18;

    /// Asks `cancelled`, which returns true once the caller wants to stop.
    pub fn new(cancelled: &'task dyn Fn() -> bool) -> Self {
        Self { cancelled }
    }

    /// Returns an error once the caller has asked to stop.
    ///
    /// # Errors
    /// [`SuffixError::Stopped`].
    pub fn check(self) -> Result<(), SuffixError> {
        if (self.cancelled)() {
            Err(SuffixError::Stopped)
        } else {
            Ok(())
        }
    }

    /// Cuts `range` into blocks; look with [`Self::check`] before each.
    pub fn blocks(range: Range<usize>) -> impl DoubleEndedIterator<Item = Range<usize>> {
        let num_blocks = range.len().div_ceil(Self::BLOCK);
        (0..num_blocks).map(move |block| {
            let start = range.start + block * Self::BLOCK;
            start..(start + Self::BLOCK).min(range.end)
        })
    }
}

/// Returns the suffix array of a text: `0..text.len()`, ordered by the suffixes that start there.
///
/// Every symbol's number must be below `alphabet`: 256 for bytes. All tables together have at most `max_entries` entries
/// of 4 bytes; `usize::MAX` where that does not matter.
///
/// ```
/// use gristmill_core::suffix_array::{Poll, suffix_array};
/// let array = suffix_array(b"banana", 256, usize::MAX, Poll::new(&|| false))?;
/// assert_eq!(array, [5, 3, 1, 0, 4, 2]); // a, ana, anana, banana, na, nana
/// # Ok::<(), gristmill_core::suffix_array::SuffixError>(())
/// ```
///
/// # Errors
/// When the text is too long or tables are too large, or once the caller asks to stop.
///
/// # Panics
/// When a symbol's number is not below `alphabet`.
pub fn suffix_array<S: Symbol>(
    text: &[S],
    alphabet: usize,
    max_entries: usize,
    poll: Poll<'_>,
) -> Result<Vec<u32>, SuffixError> {
    if text.len() > MAX_SYMBOLS {
        return Err(SuffixError::TooLong { symbols: text.len() });
    }
    let mut array = vec![0; text.len()];
    let tables = induced::Tables { held: 0, max_entries };
    induced::sort(text, alphabet, &mut array, &mut [], tables, poll)?;
    Ok(array)
}

/// Turns a suffix array into its inverse in place: the rank of the suffix that starts at each position.
///
/// Time: linear, in random order. Memory: none.
///
/// # Errors
/// Once the caller asks to stop; the array is of no use then.
pub fn invert(array: &mut [u32], poll: Poll<'_>) -> Result<(), SuffixError> {
    // Positions take 31 bits; the 32nd marks what is turned already.
    const TURNED: u32 = 1 << 31;
    for block in Poll::blocks(0..array.len()) {
        poll.check()?;
        for start in block {
            let mut from = start;
            let mut to = array[start];
            if to & TURNED != 0 {
                continue;
            }
            // A cycle of the permutation, each step turned round.
            loop {
                let following = std::mem::replace(&mut array[to as usize], from as u32 | TURNED);
                if to as usize == start {
                    break;
                }
                from = to as usize;
                to = following;
            }
        }
    }
    for rank in array {
        *rank &= !TURNED;
    }
    Ok(())
}
