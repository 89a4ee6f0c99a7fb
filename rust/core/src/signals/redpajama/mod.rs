//! The quality signals of RedPajama-V2 that are rules over text.

mod counts;
mod coverage;
mod distribution;
mod other_word;
mod pass;
#[cfg(test)]
mod reference;
mod signals;
mod source;
mod stop_words;
mod word_set;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[signals::ENTRY];
