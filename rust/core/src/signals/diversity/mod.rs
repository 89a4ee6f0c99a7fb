//! How varied a text is: its vocabulary, and how far it can be compressed.

mod compression;
mod lexical;
#[cfg(test)]
mod reference;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[lexical::ENTRY, compression::ENTRY];
