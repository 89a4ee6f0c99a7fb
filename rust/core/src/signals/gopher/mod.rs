//! The rules of the Gopher paper (Rae et al. 2021, Scaling Language Models, arXiv 2112.11446).

mod quality;
#[cfg(test)]
mod reference;
mod repetition;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[repetition::ENTRY, quality::ENTRY];
