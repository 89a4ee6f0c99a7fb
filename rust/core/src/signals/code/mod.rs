//! What tells source code worth training on from data, machine output and minified text: the filters of The Stack
//! (Kocetkov et al. 2022), StarCoder (Li et al. 2023), The Stack v2 (Lozhkov et al. 2024) and OpenCoder (Huang et
//! al. 2024), as columns of one rule.
//!
//! Not here: anything that needs a parser, a language model's tokenizer or the file's name.

mod comments;
mod encoded;
mod encoded_probes;
mod generated;
mod html;
mod quality;
#[cfg(test)]
mod reference;
mod styles;

use super::Entry;

/// The rules of this family.
pub(super) const ENTRIES: &[Entry] = &[quality::ENTRY];
