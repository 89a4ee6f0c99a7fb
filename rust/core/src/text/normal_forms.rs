//! Parts that change the form of letters: normalisation form C and lower case.

use unicode_normalization::{
    IsNormalized, UnicodeNormalization, char::canonical_combining_class, is_nfc_quick,
};

use super::leads;
use super::rewriter::Rewriter;
use crate::edit::EditLog;

/// Brings a text into normalisation form C (UAX #15), stretch by stretch.
///
/// A stretch runs from one character that starts anew (combining class 0 and surely not joined to the one
/// before) to the next such character; stretches normalise independently of each other.
pub(super) fn compose(text: &str, edits: &mut EditLog) -> Option<String> {
    let mut rewriter = Rewriter::new("nfc", text, edits);
    let mut composed = String::new();
    let mut position = 0;
    while let Some(found) = leads::next(text.as_bytes(), position, leads::NFC) {
        let character = leads::character_at(text, found);
        if is_surely_composed(character) {
            position = found + character.len_utf8();
            continue;
        }
        // The character before the first doubtful one is surely composed, and may be the base of a mark.
        let start = text[..found]
            .char_indices()
            .next_back()
            .map_or(0, |(base, _)| base);
        let end = text.len()
            - text[found..]
                .trim_start_matches(|other| !is_surely_composed(other))
                .len();
        composed.clear();
        composed.extend(text[start..end].nfc());
        rewriter.replace(start, end, &composed);
        position = end;
    }
    rewriter.finish()
}

fn is_surely_composed(character: char) -> bool {
    match character {
        // Latin, then large blocks without combining characters: Cyrillic letters, punctuation, Han, Hangul
        // syllables.
        '\0'..='\u{2ff}' | '\u{400}'..='\u{482}' | '\u{2010}'..='\u{20cf}' => true,
        '\u{3400}'..='\u{9fff}' | '\u{ac00}'..='\u{d7a3}' => true,
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
