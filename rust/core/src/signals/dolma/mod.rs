//! Dolma's taggers of text (Soldaini et al. 2024, Dolma, arXiv 2402.00159) that are not another rule's semantics.

mod c4;
mod characters;
mod length;
#[cfg(test)]
mod reference;
mod repetitions;
mod repetitions_filter;
mod repetitions_places;
mod repetitions_search;
mod repetitions_simple;
mod repetitions_squeeze;
mod symbol_paragraphs;

pub(super) use characters::is_regex_word;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[
    c4::ENTRY,
    length::ENTRY,
    repetitions::ENTRY,
    symbol_paragraphs::ENTRY,
];
