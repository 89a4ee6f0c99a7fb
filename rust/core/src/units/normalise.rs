//! What of a unit is compared.

use serde::Deserialize;

use crate::segment::{CharacterClass, Classes, is_white_space};

/// What two texts must have in common to be equal.
///
/// `Words` is in the spirit of `normalize_for_dedup` of CCNet (Wenzek et al. 2020: trim, lower case, digits to 0, some
/// non-ASCII marks and control characters dropped) and of `TextNormConfig` of datatrove. It goes further than CCNet, which
/// keeps ASCII punctuation, and less far than datatrove, which also drops accents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Normalisation {
    /// Every byte.
    #[default]
    None,
    /// Everything but the amount and kind of white space: trimmed, and every run of it as one space.
    Whitespace,
    /// As `Whitespace`, of the letters, marks and numbers alone: letters in lower case, every number character as `0`.
    Words,
}

impl Normalisation {
    /// Returns what of `text` is compared; `buffer` holds it where it is not the text itself.
    ///
    /// Letters are lower-cased one by one (no special final sigma). Cost: one pass.
    ///
    /// ```
    /// use gristmill_core::units::Normalisation;
    /// let mut buffer = String::new();
    /// assert_eq!(Normalisation::None.apply(" A  b ", &mut buffer), " A  b ");
    /// assert_eq!(Normalisation::Whitespace.apply(" A \n b ", &mut buffer), "A b");
    /// assert_eq!(Normalisation::Words.apply("On 12 May, well-known.", &mut buffer), "on 00 may wellknown");
    /// ```
    pub fn apply<'text>(self, text: &'text str, buffer: &'text mut String) -> &'text str {
        if self == Self::None {
            return text;
        }
        buffer.clear();
        let classes = Classes::new();
        let mut has_gap = false;
        for character in text.chars() {
            let class = CharacterClass(classes.get(character as u32));
            if class.is_white_space() {
                has_gap = !buffer.is_empty();
                continue;
            }
            if self == Self::Words && !class.is_of_words() {
                continue;
            }
            if std::mem::take(&mut has_gap) {
                buffer.push(' ');
            }
            if self == Self::Whitespace {
                buffer.push(character);
            } else if class.is_number() {
                buffer.push('0');
            } else if character.is_ascii() {
                buffer.push(character.to_ascii_lowercase());
            } else {
                buffer.extend(character.to_lowercase());
            }
        }
        buffer
    }

    /// Characters of a compared text, without white space at its ends.
    ///
    /// ```
    /// use gristmill_core::units::Normalisation;
    /// assert_eq!(Normalisation::None.num_characters("    }\r"), 1);
    /// ```
    pub fn num_characters(self, compared: &str) -> usize {
        compared.trim_matches(is_white_space).chars().count()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn apply(how: Normalisation, text: &str) -> String {
        how.apply(text, &mut String::new()).to_owned()
    }

    #[test]
    fn words_are_letters_marks_and_numbers_between_single_spaces() {
        for (text, expected) in [
            ("", ""),
            (" \u{3000}", ""),
            ("--- * ---", ""),
            ("— a_b —\tC ", "ab c"),
            ("Ⅷ ² 7٣ §", "0 0 00"),
            ("ÀÉ e\u{301} İ", "àé e\u{301} i\u{307}"),
            ("漢字、かな。", "漢字かな"),
            ("x\u{200b}y\u{7}z", "xyz"),
        ] {
            assert_eq!(apply(Normalisation::Words, text), expected, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn white_space_is_what_splitting_and_joining_gives(text in "(\\PC|[ \t\r\n\u{1f}\u{85}\u{a0}\u{2028}]){0,40}") {
            let words: Vec<&str> = text.split(is_white_space).filter(|word| !word.is_empty()).collect();
            prop_assert_eq!(apply(Normalisation::Whitespace, &text), words.join(" "));
        }

        #[test]
        fn what_is_compared_is_its_own_comparison(text in "(\\PC|[ \t\n0-9A-Zß]){0,40}") {
            for how in [Normalisation::None, Normalisation::Whitespace] {
                let once = apply(how, &text);
                prop_assert_eq!(apply(how, &once), once);
            }
            // Lower-casing twice may change a character once more, such as a letter that turns into letter and mark.
            let once = apply(Normalisation::Words, &text);
            prop_assert!(!once.starts_with(' ') && !once.ends_with(' ') && !once.contains("  "));
            let kept = |character: char| character == ' ' || CharacterClass::of(character).is_of_words();
            prop_assert!(once.chars().all(kept));
        }
    }
}
