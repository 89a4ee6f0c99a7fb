//! The rules of the Gopher paper (Rae et al. 2021, Scaling Language Models, arXiv 2112.11446).

#[cfg(test)]
mod dolma_reference;
#[cfg(test)]
mod nemo_reference;
mod quality;
#[cfg(test)]
mod reference;
mod repetition;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[repetition::ENTRY, quality::ENTRY];
