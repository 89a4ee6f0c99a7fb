//! Counts sentences in a line.
//!
//! A run of terminal marks, with the quotes and brackets that close behind it, ends a sentence if white space or the
//! end of the line follows. A terminal mark outside ASCII (`。` `？` `؟` …) ends a sentence without white space, too.
//! What is left at the end counts as a sentence if it has anything but white space. There is no list of
//! abbreviations: `Dr. No` is two.

use crate::segment::{is_terminal_mark, is_white_space};

/// The number of sentences in bytes `start..end` of `text`; 0 if they are only white space.
///
/// `marks` are the positions there at which a terminal mark may stand, as
/// [`Spots::ends`](crate::signals::facts::Spots) has them.
pub(super) fn count_sentences(text: &str, start: usize, end: usize, marks: &[u32]) -> usize {
    let bytes = &text.as_bytes()[..end];
    let (mut num_sentences, mut sentence_start, mut next) = (0, start, start);
    for &mark in marks {
        let mark = mark as usize;
        if mark < next {
            continue;
        }
        next = mark + 1;
        let ends_sentence = match (bytes[mark], bytes.get(next)) {
            // Nearly all marks are one of these two.
            (..0x80, Some(b' ')) => true,
            (..0x80, Some(following)) if following.is_ascii_alphanumeric() => false,
            _ => {
                let (run_end, ends_sentence) = run_of_marks(&text[..end], mark);
                next = run_end;
                ends_sentence
            }
        };
        if ends_sentence {
            num_sentences += 1;
            sentence_start = next;
        }
    }
    num_sentences + usize::from(text[sentence_start..end].contains(|character| !is_white_space(character)))
}

/// The end of the marks that start at `start` (at least one character on), and whether a sentence ends there.
pub(super) fn run_of_marks(text: &str, start: usize) -> (usize, bool) {
    let mut characters = text[start..].chars();
    let first = characters.next().unwrap_or_default();
    let mut end = start + first.len_utf8();
    if !is_terminal_mark(first) {
        return (end, false);
    }
    let mut stands_alone = !first.is_ascii();
    for character in characters {
        if is_terminal_mark(character) {
            stands_alone |= !character.is_ascii();
        } else if !is_closing_mark(character) {
            return (end, stands_alone || is_white_space(character));
        }
        end += character.len_utf8();
    }
    (end, true)
}

fn is_closing_mark(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | ')' | ']' | '}' | '»' | '’' | '”' | '›' | '」' | '』' | '】' | '）' | '〉' | '》'
    )
}

#[cfg(test)]
mod tests {
    use super::super::reference::sentences;
    use super::count_sentences;
    use crate::signals::facts::Spots;

    #[test]
    fn counts_as_documented() {
        for (text, expected) in [
            ("", 0),
            (" \t ", 0),
            ("no mark", 1),
            ("One.", 1),
            ("One. Two! Three? four", 4),
            ("He said “Go.” Then he went.", 2),
            ("\"Stop!\" (Now.) ok", 3),
            ("version 3.14 of example.com", 1),
            ("Dr. No", 2),
            ("Wait... what?!", 2),
            ("...", 1),
            ("これは文です。これも文です！はい", 3),
            ("「はい。」と言った。", 2),
            ("ما هذا؟ كتاب.", 2),
            ("What!？Yes", 2),
            ("é è", 1),
            (". . .", 3),
        ] {
            let mut spots = Spots::default();
            spots.fill(text);
            assert_eq!(
                count_sentences(text, 0, text.len(), &spots.ends),
                expected,
                "{text:?}"
            );
            assert_eq!(sentences(text), expected, "{text:?}");
        }
    }
}
