//! The quality signals of RedPajama-V2 that are rules over text.

mod coverage;
mod lines;
mod raw_words;
#[cfg(test)]
mod reference;
mod signals;
mod stop_words;
mod words;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[signals::ENTRY];
