//! The rules of C4 (Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2).

mod phrases;
mod quality;
#[cfg(test)]
mod reference;
mod sentences;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[quality::ENTRY];
