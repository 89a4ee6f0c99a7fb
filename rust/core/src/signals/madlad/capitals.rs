//! Words of a sentence, and how many start with a capital: what tells a list of names or titles.
//!
//! Words are those of Unicode's default word boundaries (UAX #29), as datamap-rs counts them, from the tokens of the
//! segmentation: letters stay together over one `'`, `.` or `:`, digits over one `'`, `.`, `,` or `;`.

use std::ops::Range;

use crate::segment::{HAS_LETTER, HAS_NUMBER, HAS_UPPER, NON_ASCII, Segmentation};

/// What two letters stay together over (`MidLetter` and `MidNumLet`).
fn joins_letters(character: char) -> bool {
    matches!(
        character,
        '\'' | '.' | ':' | '·' | '‘' | '’' | '․' | '‧' | '\u{5f4}' | '\u{387}' | '：' | '．' | '＇'
    )
}

/// What two digits stay together over (`MidNum` and `MidNumLet`).
fn joins_digits(character: char) -> bool {
    matches!(
        character,
        '\'' | '.' | ',' | ';' | '‘' | '’' | '․' | '⁄' | '٬' | '，' | '；' | '．' | '＇'
    )
}

/// Number of words among those tokens, and of words that start with an upper-case character.
pub(super) fn count_words(text: &str, segmentation: &Segmentation, tokens: Range<usize>) -> (usize, usize) {
    let (starts, ends, flags) = (segmentation.starts(), segmentation.ends(), segmentation.flags());
    let (mut num_words, mut num_capital) = (0, 0);
    for token in tokens.clone() {
        if flags[token] & (HAS_LETTER | HAS_NUMBER) == 0 {
            continue;
        }
        // A word, one character and a word that touch: perhaps one word.
        let touches = token >= tokens.start + 2
            && ends[token - 1] == starts[token]
            && ends[token - 2] == starts[token - 1];
        if touches
            && flags[token - 2] & (HAS_LETTER | HAS_NUMBER) != 0
            && joins(
                segmentation.token(text, token - 2),
                segmentation.token(text, token - 1),
                segmentation.token(text, token),
            )
        {
            continue;
        }
        num_words += 1;
        if flags[token] & (HAS_UPPER | NON_ASCII) != 0 {
            num_capital += usize::from(segmentation.token(text, token).starts_with(char::is_uppercase));
        }
    }
    (num_words, num_capital)
}

fn joins(left: &str, between: &str, right: &str) -> bool {
    let mut middle = between.chars();
    let (Some(middle), None) = (middle.next(), middle.next()) else {
        return false;
    };
    let before = left
        .chars()
        .rev()
        .find(|character| character.is_alphanumeric() || *character == '_');
    let (Some(before), Some(after)) = (before, right.chars().next()) else {
        return false;
    };
    joins_letters(middle) && before.is_alphabetic() && after.is_alphabetic()
        || joins_digits(middle) && before.is_numeric() && after.is_numeric()
}
