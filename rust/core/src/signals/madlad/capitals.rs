//! Words of a sentence, and how many start with a capital: what tells a list of names or titles.
//!
//! Words are those of Unicode's default word boundaries (UAX #29), as datamap-rs counts them, from the tokens of the
//! segmentation: letters stay together over one `'`, `.` or `:`, digits over one `'`, `.`, `,` or `;`.

use std::ops::Range;

use crate::segment::{HAS_LETTER, HAS_NUMBER, HAS_UPPER, NON_ASCII, Segmentation};
use crate::signals::facts::KindCounts;

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

/// Whether a sentence of those kinds has so many words of which a larger share starts with a capital; none if only a look
/// at its words can tell, which is seldom.
pub(super) fn is_list_case(kinds: &KindCounts, min_words: u32, max_fraction: f64) -> Option<bool> {
    // A run of ASCII is one word, but for a row of `_`; with other characters it may be none, or one for each of them and
    // for each stretch between. Two words are one only over one character between them.
    let KindCounts {
        num_word_runs,
        num_capital_runs,
        num_joints,
        num_others,
        num_word_others,
        ..
    } = *kinds;
    let most_words = num_word_runs + 2 * num_others;
    let fewest_words = num_word_runs.saturating_sub(num_joints + num_others + num_word_others);
    // A word begins where a run does, or beside a word character outside ASCII.
    let most_capitals = num_capital_runs + 2 * num_word_others;
    let fewest_capitals = num_capital_runs.saturating_sub(num_joints + num_others);
    // Room for what rounding does.
    let is_below = f64::from(most_capitals) < max_fraction * f64::from(fewest_words) * (1.0 - 1e-9);
    let is_above = f64::from(fewest_capitals) > max_fraction * f64::from(most_words) * (1.0 + 1e-9);
    if most_words < min_words || is_below {
        return Some(false);
    }
    (fewest_words >= min_words.max(1) && is_above).then_some(true)
}

/// The tokens that start in those bytes, of which none is before `from`.
pub(super) fn tokens_between(
    segmentation: &Segmentation,
    from: usize,
    start: usize,
    end: usize,
) -> Range<usize> {
    let later = &segmentation.starts()[from..];
    let first = from + later.partition_point(|&token| (token as usize) < start);
    let last = from + later.partition_point(|&token| (token as usize) < end);
    first..last
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::facts::ByteKinds;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn what_is_told_without_words_is_so(
            noise in nasty_text(),
            words in prop::collection::vec("[A-Za-z_é漢½Ⅷ’'.,:; -]{1,6} ?", 0..30),
            min_words in 0..15_u32,
            max_fraction in prop::sample::select(vec![-0.5, 0.0, 0.25, 0.5, 1.0, 1.5]),
        ) {
            for text in [words.concat(), words.concat() + &noise] {
                let (mut segmentation, mut kinds) = (Segmentation::default(), ByteKinds::default());
                SEGMENTER.segment(&text, &mut segmentation);
                kinds.fill(&text);
                let found = is_list_case(&kinds.count(0, text.len()), min_words, max_fraction);
                let (num_words, num_capital) = count_words(&text, &segmentation, 0..segmentation.num_tokens());
                let share = if num_words == 0 { 0.0 } else { num_capital as f64 / num_words as f64 };
                let is_so = num_words >= min_words as usize && share > max_fraction;
                prop_assert!(found.is_none_or(|found| found == is_so), "{:?} {}/{}", text, num_capital, num_words);
            }
        }
    }
}
