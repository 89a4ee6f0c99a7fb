//! Rules over the lines of web pages that edit them: RefinedWeb's, as DCLM implements them.

mod counters;
mod phrases;
#[cfg(test)]
mod reference;
mod refinedweb;
mod words;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[refinedweb::ENTRY];
