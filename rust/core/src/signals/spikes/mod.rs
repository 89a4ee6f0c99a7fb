//! What makes the training loss jump: the same few tokens, over and over (OLMo 2, Walsh et al. 2024, section 3.1).

mod guard;
#[cfg(test)]
mod reference;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[guard::ENTRY];
