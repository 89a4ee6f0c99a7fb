//! MADLAD-400's rules over sentences.

mod capitals;
mod cursed;
mod literals;
mod marks;
mod quality;
#[cfg(test)]
mod reference;
mod sentences;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[quality::ENTRY];
