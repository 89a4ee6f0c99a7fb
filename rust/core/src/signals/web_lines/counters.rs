//! Lines that are counters of a social network, such as `3.5k likes`.
//!
//! DCLM's regular expression on the lower-cased line,
//! `^\W*\d(?:,|\.|\d)*(?:K|k|M|m|B|b)?\s+(?:likes|shares|…)\W*$`, as a parser: no alternative of it can match where
//! another one has, so that it never needs to go back.

use crate::segment::is_white_space;
use crate::signals::python_characters::{is_decimal, is_word_character};

/// What is counted.
const COUNTED: [&str; 12] = [
    "likes",
    "shares",
    "comments",
    "retweets",
    "reposts",
    "quotes",
    "bookmarks",
    "upvotes",
    "downvotes",
    "downloads",
    "views",
    "followers",
];

/// Whether the line is a counter.
pub(super) fn is_counter(line: &str) -> bool {
    // The first word character of nearly every line is a letter, which settles it; often it is the first of all.
    if line.as_bytes().first().is_some_and(u8::is_ascii_alphabetic) {
        return false;
    }
    let start = line
        .bytes()
        .position(|byte| byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80);
    if start.is_none_or(|start| line.as_bytes()[start].is_ascii_alphabetic()) {
        return false;
    }
    let number = line.trim_start_matches(|character| !is_word_character(character));
    if !number.starts_with(is_decimal) {
        return false;
    }
    let unit = number.trim_start_matches(|character| matches!(character, ',' | '.') || is_decimal(character));
    let gap = unit
        .strip_prefix(['k', 'm', 'b', 'K', 'M', 'B', '\u{212a}'])
        .unwrap_or(unit);
    let counted = gap.trim_start_matches(is_white_space);
    counted.len() < gap.len()
        && COUNTED.iter().any(|word| {
            let rest = without_prefix(counted, word);
            rest.is_some_and(|rest| !rest.contains(is_word_character))
        })
}

/// What follows a word, compared without case, at the start of a text.
fn without_prefix<'text>(text: &'text str, word: &str) -> Option<&'text str> {
    let mut rest = text.chars();
    for letter in word.chars() {
        let found = rest.next()?;
        // The Kelvin sign is the one character outside ASCII whose lower case is one of the letters here.
        if found.to_ascii_lowercase() != letter && !(found == '\u{212a}' && letter == 'k') {
            return None;
        }
    }
    Some(rest.as_str())
}

#[cfg(test)]
mod tests {
    use super::is_counter;

    #[test]
    fn counters_are_those_of_the_regular_expression() {
        for (line, expected) in [
            ("3 likes", true),
            ("1,234 Views", true),
            ("  * 3.5K   Followers! ", true),
            ("12m downloads ->", true),
            ("٣ likes", true),
            ("7.,7. shares", true),
            ("5\u{a0}comments", true),
            ("3 likes 4 shares", false),
            ("3likes", false),
            ("3kk likes", false),
            ("3 like", false),
            ("3 likes_", false),
            ("_3 likes", false),
            ("² likes", false),
            ("likes: 3", false),
            ("-", false),
            ("", false),
            ("3", false),
            ("…3 likes…", true),
            ("3 \u{212a} likes", false),
            ("3\u{212a} likes", true),
        ] {
            assert_eq!(is_counter(line), expected, "{line:?}");
        }
    }
}
