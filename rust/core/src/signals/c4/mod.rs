//! The rules of C4 (Raffel et al. 2020, T5, arXiv 1910.10683, section 2.2).

pub(super) mod bad_words;
mod citations;
mod paragraphs;
pub(super) mod phrases;
mod quality;
#[cfg(test)]
mod reference;
#[cfg(test)]
mod reference_words;
mod sentences;
mod word_list;

use super::Entry;
pub(super) use word_list::{Filters, Flanks, WordList};

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[quality::ENTRY, bad_words::ENTRY, paragraphs::ENTRY];
