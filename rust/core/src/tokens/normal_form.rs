//! Normal form C, as the library that `tokenizers` uses has it.

use std::borrow::Cow;
use std::sync::LazyLock;

use unicode_normalization_alignments::UnicodeNormalization;
use unicode_normalization_alignments::char::{canonical_combining_class, compose, decompose_canonical};

/// One bit a code point: whether a text that holds it may change.
static MAY_CHANGE: LazyLock<Vec<u64>> = LazyLock::new(|| {
    let mut bits = vec![0; 0x11_0000 / 64];
    let mut set = |character: char| bits[character as usize / 64] |= 1 << (character as usize % 64);
    for character in '\u{80}'..=char::MAX {
        let mut parts = Vec::new();
        decompose_canonical(character, |part| parts.push(part));
        let composes = parts
            .iter()
            .skip(1)
            .any(|&part| compose(parts[0], part).is_some());
        let is_stable = || {
            character
                .to_string()
                .chars()
                .nfc()
                .map(|(part, _)| part)
                .eq([character])
        };
        if canonical_combining_class(character) != 0 || !is_stable() {
            set(character);
        }
        // What stands behind another character in a decomposition may combine with it.
        if composes || parts.len() > 1 {
            parts.iter().skip(1).for_each(|&part| set(part));
        }
    }
    // Vowels and finals of Hangul combine by rule, in no table.
    ('\u{1161}'..='\u{1175}')
        .chain('\u{11a8}'..='\u{11c2}')
        .for_each(set);
    bits
});

/// Brings text to normal form C.
#[derive(Debug, Clone, Copy)]
pub(super) struct NormalForm(&'static [u64]);

impl NormalForm {
    pub(super) fn new() -> Self {
        Self(&MAY_CHANGE)
    }

    /// The text in normal form C; borrowed where no character could change.
    pub(super) fn apply(self, text: &str) -> Cow<'_, str> {
        if self.is_normal(text) {
            return Cow::Borrowed(text);
        }
        Cow::Owned(text.chars().nfc().map(|(character, _)| character).collect())
    }

    fn is_normal(self, text: &str) -> bool {
        // Below U+0300 there are no marks: bytes below 0xcc begin all characters there.
        if text.bytes().all(|byte| byte < 0xcc) {
            return true;
        }
        text.chars()
            .all(|character| self.0[character as usize / 64] >> (character as usize % 64) & 1 == 0)
    }
}
