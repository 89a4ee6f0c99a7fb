//! The one match of a text that is little more than a row of one character: most of what is searched at all.

use super::repetitions_search::Repetition;
use crate::segment::is_white_space;

/// Fewer white-space characters than these are no match by themselves.
const MIN_COPIES: usize = 4;

/// What the regular expression `(.+?)(\s?\1){3,}` matches, if the text is of one of two kinds and has exactly one match; a
/// search finds the same.
///
/// * Spaces between line feeds: they are the match.
/// * One ASCII character in a row, perhaps with single white-space characters between, and fewer than four at each end. The
///   match goes from the first to the last. It could begin before that, with white space as a part of what is repeated, only
///   if there is white space between the copies, too.
pub(super) fn only_match(text: &str) -> Option<Repetition> {
    let found = |start: usize, end: usize| Repetition {
        start,
        end,
        period: 1,
    };
    let content = text.trim_matches(is_white_space);
    let Some(&byte) = content.as_bytes().first() else {
        let spaces = text.trim_matches('\n');
        let is_row = spaces.len() >= MIN_COPIES && spaces.bytes().all(|byte| byte == b' ');
        let start = text.len() - text.trim_start_matches('\n').len();
        return is_row.then(|| found(start, start + spaces.len()));
    };
    let start = text.len() - text.trim_start_matches(is_white_space).len();
    let end = start + content.len();
    let num_copies = memchr::memchr_iter(byte, content.as_bytes()).count();
    let is_short = |space: &str| space.len() < MIN_COPIES;
    if !byte.is_ascii() || num_copies < MIN_COPIES || !is_short(&text[..start]) || !is_short(&text[end..]) {
        return None;
    }
    let has_space = num_copies < content.len();
    if has_space {
        let mut rest = content.chars();
        let mut before_is_space = false;
        let is_simple = rest.all(|character| {
            let is_space = character != char::from(byte);
            let fits = !is_space || !before_is_space && is_white_space(character);
            before_is_space = is_space;
            fits
        });
        // A line feed cannot be a part of what is repeated.
        if !is_simple || !matches!(text.as_bytes()[..start].last(), None | Some(b'\n')) {
            return None;
        }
    }
    Some(found(start, end))
}

#[cfg(test)]
mod tests {
    use super::super::reference::matches;
    use super::only_match;
    use proptest::prelude::*;

    #[test]
    fn rows_are_simple() {
        for text in [
            "----",
            " ------\n",
            "- - - -",
            "\n=\n=\n==",
            "\n\n      \n",
            "    ",
        ] {
            assert!(only_match(text).is_some(), "{text:?}");
        }
        for text in [
            "---",
            " - - - -",
            "-- --  --",
            "    ----",
            "\t\t\t\t",
            "éééé",
            "--x--",
            "",
        ] {
            assert_eq!(only_match(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn the_only_match_is_what_the_expression_finds(
            text in "[ \n\t\u{a0}\u{2003}]{0,5}([-]{1,5}[ \n\u{a0}\u{1f}]?){1,6}[-a]{0,4}[ \n\t\u{2003}]{0,5}",
            spaces in "\n{0,3} {0,12}\n{0,3}\t?",
        ) {
            for text in [&text, &spaces] {
                if let Some(found) = only_match(text) {
                    prop_assert_eq!(matches(text), [(found.start, found.end, found.period)], "{:?}", text);
                }
            }
        }
    }
}
