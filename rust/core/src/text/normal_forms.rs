//! Parts that change the form of letters: normalisation form C and lower case.

use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::canonical_combining_class, is_nfc_quick,
};

use super::rewriter::Rewriter;
use crate::edit::EditLog;

/// The first character that normalisation form C can concern, U+0300, starts with this byte.
const FIRST_CONCERNED_BYTE: u8 = 0xcc;

/// Brings a text into normalisation form C (UAX #15), stretch by stretch.
///
/// A stretch runs from one character that starts anew (combining class 0 and surely not joined to the one before)
/// to the next such character; stretches normalise independently of each other.
pub(super) fn compose(text: &str, edits: &mut EditLog) -> Option<String> {
    let first = text.bytes().position(|byte| byte >= FIRST_CONCERNED_BYTE)?;
    // The character before the first concerned one may be the base of a combining mark.
    let begin = text[..first]
        .char_indices()
        .next_back()
        .map_or(0, |(position, _)| position);
    let mut rewriter = Rewriter::new("nfc", text, edits);
    let (mut stretch_start, mut is_doubtful) = (begin, false);
    let mut composed = String::new();
    for (offset, character) in text[begin..].char_indices() {
        if is_surely_composed(character) {
            if is_doubtful {
                normalise(text, stretch_start, begin + offset, &mut composed, &mut rewriter);
            }
            (stretch_start, is_doubtful) = (begin + offset, false);
        } else {
            is_doubtful = true;
        }
    }
    if is_doubtful {
        normalise(text, stretch_start, text.len(), &mut composed, &mut rewriter);
    }
    rewriter.finish()
}

fn normalise(text: &str, start: usize, end: usize, composed: &mut String, rewriter: &mut Rewriter<'_, '_>) {
    composed.clear();
    composed.extend(text[start..end].nfc());
    rewriter.replace(start, end, composed);
}

fn is_surely_composed(character: char) -> bool {
    match character {
        // Latin, then the large blocks without combining characters: Cyrillic letters, Han, Hangul syllables.
        '\0'..='\u{2ff}' | '\u{400}'..='\u{482}' | '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
        other => {
            canonical_combining_class(other) == 0 && is_nfc_quick(std::iter::once(other)) == IsNormalized::Yes
        }
    }
}

/// Lower-cases by the full Unicode mapping, final sigma included.
pub(super) fn lowercase(text: &str, edits: &mut EditLog) -> Option<String> {
    let lowered = text.to_lowercase();
    let mut rewriter = Rewriter::new("lowercase", text, edits);
    let mut lowered_position = 0;
    for (position, character) in text.char_indices() {
        // Only sigma depends on its surroundings, and both of its lower-case forms take two bytes.
        let length: usize = character.to_lowercase().map(char::len_utf8).sum();
        let after = &lowered[lowered_position..lowered_position + length];
        rewriter.replace(position, position + character.len_utf8(), after);
        lowered_position += length;
    }
    rewriter.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stretches_give_what_the_whole_gives() {
        for text in [
            "Cafe\u{301} und A\u{308}pfel",
            "\u{301}first",
            "q\u{307}\u{323} q\u{323}\u{307}",
            "\u{1112}\u{1161}\u{11ab}\u{ac00}\u{11a8}",
            "\u{2126}\u{212b}\u{958}\u{fb2c}",
            "日本語か\u{3099}",
            "a\u{300}",
        ] {
            let mut edits = EditLog::default();
            let output = compose(text, &mut edits).unwrap_or_else(|| text.to_owned());
            assert_eq!(output, text.nfc().collect::<String>(), "{text:?}");
            assert_eq!(edits.undo(&output), text);
        }
    }

    #[test]
    fn edits_are_as_short_as_the_change() {
        let mut edits = EditLog::default();
        compose("un cafe\u{301} noir", &mut edits);
        let only = edits.iter().next().unwrap();
        assert_eq!((only.start, only.before, only.after), (6, "e\u{301}", "é"));
    }

    #[test]
    fn lower_case_is_that_of_unicode() {
        for text in ["ΌΔΟΣ ΣΑΣ", "İstanbul", "STRASSE ẞ", "ǅ", "already lower ß"] {
            let mut edits = EditLog::default();
            let output = lowercase(text, &mut edits).unwrap_or_else(|| text.to_owned());
            assert_eq!(output, text.to_lowercase());
            assert_eq!(edits.undo(&output), text);
        }
    }
}
