//! Repeated passages: which bytes of which documents go, so that each passage stands once and none is lost.
//!
//! # What is cut
//! Documents are judged in the order in which they are given, each from its start. A passage of at least `min_length`
//! symbols is cut if the same passage **stands**: it lies, whole, in text that is kept already. So
//!
//! 1. *Nothing is lost.* Every [`Cut`] names its origin, a place where the same symbols stand. What is kept stays kept,
//!    for the judgement never goes back; hence the origin is never cut itself, whatever else is.
//! 2. *Nothing stands twice.* After the cut no passage of `min_length` stands at two places, not even at places that
//!    overlap: of text with a period less than `min_length` and one period stay. Passages that run over a place where
//!    something was cut are not counted: they were not in the input.
//!
//! The simpler rule, "cut all but the first occurrence in the input", has neither property. Where documents read
//! `A`, `B`, `AB`, `AB`, it takes the passage in the middle of the last for a repetition of the third, whose parts
//! are cut as repetitions of the first two; and of `aaaa…` it leaves one letter.
//!
//! Passages lie on boundaries ([`Units::is_boundary`]): characters of a text, or words. Two windows of `min_length`
//! bytes may end inside a character; what is cut then ends with the last whole one, up to 3 bytes earlier.
//!
//! # How
//! The suffix array brings windows of `min_length` symbols that are equal together. [`classes`] numbers those that
//! occur at least twice, [`cut`] goes through the text once and remembers for each number the window that stands.
//! All steps are linear but for comparing neighbours, which costs up to `min_length` a position.
//!
//! Memory beside the text, in bytes, for n symbols: the suffix array 4 n, turned into numbers of classes in place; while
//! that is done, 3 bits and a bit more a symbol, below n / 2 in all; then 4 a class. See [`crate::suffix_array`] for
//! what tables the array may need.
//!
//! Not here: reading documents, and cutting itself.

mod bits;
mod classes;
mod cut;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod tests;
mod words;

pub use words::{Words, WordsBuilder};

use crate::suffix_array::{Poll, SuffixError, Symbol, suffix_array};

/// How passages are found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RepeatOptions {
    /// Least length of a passage, in symbols; at least [`MIN_LENGTH`].
    pub min_length: usize,
    /// Cut whole lines only: of a repeated passage, those that lie in it with their line end.
    pub whole_lines: bool,
    /// Most entries of 4 bytes beside 5.5 bytes a symbol: one for each distinct repeated window, and before that the
    /// tables of the suffix array.
    pub max_entries: usize,
}

/// Least `min_length`: longer than any character, so that every passage holds a whole one.
pub const MIN_LENGTH: usize = 5;

/// A repeated passage that goes. Positions are those of the text of all documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    /// Which document, in the order given.
    pub document: usize,
    /// Its first symbol.
    pub start: usize,
    /// The symbol behind its last.
    pub end: usize,
    /// Where the same symbols stand, in this or an earlier document, and stay.
    pub origin: usize,
}

/// What was counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RepeatCounts {
    /// Distinct windows of `min_length` symbols that occur at least twice.
    pub classes: u64,
    /// Symbols cut.
    pub cut_symbols: u64,
    /// Symbols that would go too if not whole lines alone were cut.
    pub spared_symbols: u64,
}

/// Why passages were not found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RepeatError {
    /// There is no suffix array.
    #[error(transparent)]
    Suffix(#[from] SuffixError),
    /// There are more repeated windows than the caller has memory for.
    #[error("{classes} windows are repeated, there is room for {max_entries}")]
    TooManyClasses {
        /// Distinct windows that occur at least twice.
        classes: usize,
        /// The limit.
        max_entries: usize,
    },
}

/// What the symbols of a text are.
pub trait Units {
    /// Whether a passage may start or end before the symbol at `position`; always true at the end of the text.
    fn is_boundary(&self, position: usize) -> bool;
    /// Whether a line starts at `position` because one ends before it; not asked at the start of a document.
    fn is_line_start(&self, position: usize) -> bool;
}

/// Bytes of UTF-8 text; boundaries are those of characters.
#[derive(Debug, Clone, Copy)]
pub struct Bytes<'text>(pub &'text [u8]);

impl Units for Bytes<'_> {
    fn is_boundary(&self, position: usize) -> bool {
        // Bytes 0x80 to 0xbf go on with a character.
        self.0.get(position).is_none_or(|byte| byte & 0xc0 != 0x80)
    }

    fn is_line_start(&self, position: usize) -> bool {
        self.0[position - 1] == b'\n'
    }
}

/// Finds what goes and calls `emit` with it, document by document and in ascending order; ranges do not overlap.
///
/// `bounds` are the ends of the documents in the text, from 0 to its length, one more than there are documents.
/// Adjacent cuts of different origin are told apart. Memory and time: see [the module](self).
///
/// ```
/// use gristmill_core::repeats::{Bytes, Cut, RepeatError, RepeatOptions, cut_repeats};
/// use gristmill_core::suffix_array::Poll;
/// let text = "say it once more. why not say it once?";
/// let options = RepeatOptions { min_length: 10, whole_lines: false, max_entries: 1000 };
/// let mut cuts = Vec::new();
/// let bounds = [0, 18, 38]; // two documents
/// cut_repeats(text.as_bytes(), 256, &Bytes(text.as_bytes()), &bounds, options, Poll::new(&|| false), |cut| {
///     cuts.push(cut);
///     Ok::<(), RepeatError>(())
/// })?;
/// assert_eq!(cuts, [Cut { document: 1, start: 26, end: 37, origin: 0 }]);
/// assert_eq!(&text[26..37], "say it once");
/// # Ok::<(), RepeatError>(())
/// ```
///
/// # Errors
/// When the text is too long or has too many repeated windows, once the caller asks to stop, and what `emit` returns.
///
/// # Panics
/// When `bounds` do not ascend from 0 to the length of the text, or `min_length` is below [`MIN_LENGTH`].
pub fn cut_repeats<S: Symbol, U: Units, E: From<RepeatError>>(
    text: &[S],
    alphabet: usize,
    units: &U,
    bounds: &[u32],
    options: RepeatOptions,
    poll: Poll<'_>,
    emit: impl FnMut(Cut) -> Result<(), E>,
) -> Result<RepeatCounts, E> {
    assert!(
        options.min_length >= MIN_LENGTH,
        "passages are longer than a character"
    );
    assert!(
        bounds.first() == Some(&0)
            && bounds.last().is_some_and(|&end| end as usize == text.len())
            && bounds.is_sorted(),
        "documents lie in the text one after the other"
    );
    let array = suffix_array(text, alphabet, options.max_entries, poll).map_err(RepeatError::from)?;
    let windows = classes::windows(units, bounds, options.min_length);
    let classes = classes::classify(text, array, &windows, options.min_length, poll)?;
    drop(windows);
    if classes.num_classes > options.max_entries {
        return Err(E::from(RepeatError::TooManyClasses {
            classes: classes.num_classes,
            max_entries: options.max_entries,
        }));
    }
    cut::cut(units, &classes, bounds, options, poll, emit)
}
