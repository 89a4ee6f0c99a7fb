//! Counts sentences with one plain rule; only C4 asks for them.
//!
//! A sentence ends after a run of terminal marks ([`is_terminal_mark`]) and closing marks (quotes and
//! brackets), if the run starts with a terminal mark and white space or the end of the text follows. A run
//! with a terminal mark outside ASCII (`。`, `！`, `؟`, ...) ends a sentence without white space, too. What is
//! left at the end counts as a sentence if it has anything but white space. There is no list of
//! abbreviations: `Dr. No` is two.

use crate::segment::{is_terminal_mark, is_white_space};

/// The number of sentences in `text`; 0 if it has only white space.
pub(super) fn count_sentences(text: &str) -> usize {
    let is_ascii = text.is_ascii();
    let (mut num_sentences, mut sentence_start, mut position) = (0, 0, 0);
    while let Some(offset) = next_mark(&text.as_bytes()[position..], is_ascii) {
        let mark = position + offset;
        let (end, ends_sentence) = run_of_marks(text, mark);
        if ends_sentence {
            num_sentences += 1;
            sentence_start = end;
        }
        position = end;
    }
    num_sentences + usize::from(text[sentence_start..].contains(|character| !is_white_space(character)))
}

/// Where the next character that may be a terminal mark starts: an ASCII one, or any outside ASCII.
fn next_mark(bytes: &[u8], is_ascii: bool) -> Option<usize> {
    if is_ascii {
        return memchr::memchr3(b'.', b'!', b'?', bytes);
    }
    bytes
        .iter()
        .position(|byte| matches!(byte, b'.' | b'!' | b'?' | 0xc0..))
}

/// The end of the marks that start at `start` (at least one character on), and whether a sentence ends there.
fn run_of_marks(text: &str, start: usize) -> (usize, bool) {
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
    use super::count_sentences;

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
            assert_eq!(count_sentences(text), expected, "{text:?}");
        }
    }
}
