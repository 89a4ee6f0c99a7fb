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

/// Walks through the tokens of a text, sentence by sentence.
pub(super) struct TokenKinds<'d> {
    segmentation: &'d Segmentation,
    next: usize,
}

/// The tokens of a sentence, by what their flags say.
pub(super) struct SentenceTokens {
    pub(super) tokens: Range<usize>,
    num_words: usize,
    /// Words that may start with a capital.
    num_capital: usize,
}

impl<'d> TokenKinds<'d> {
    pub(super) fn new(segmentation: &'d Segmentation) -> Self {
        Self {
            segmentation,
            next: 0,
        }
    }

    /// The tokens that start in those bytes, which don't start before the end of the last ones.
    pub(super) fn between(&mut self, start: usize, end: usize) -> SentenceTokens {
        let (starts, flags) = (self.segmentation.starts(), self.segmentation.flags());
        let flags = &flags[..starts.len()];
        let mut next = self.next;
        while next < starts.len() && (starts[next] as usize) < start {
            next += 1;
        }
        let (first, mut num_words, mut num_capital) = (next, 0, 0);
        while next < starts.len() && (starts[next] as usize) < end {
            let is_word = flags[next] & (HAS_LETTER | HAS_NUMBER) != 0;
            num_words += usize::from(is_word);
            num_capital += usize::from(is_word & (flags[next] & (HAS_UPPER | NON_ASCII) != 0));
            next += 1;
        }
        self.next = next;
        SentenceTokens {
            tokens: first..next,
            num_words,
            num_capital,
        }
    }
}

impl SentenceTokens {
    /// Whether it may have so many words of which a larger share starts with a capital; seldom for prose.
    pub(super) fn may_be_list_case(&self, min_words: u32, max_fraction: f64) -> bool {
        // Two words are one only over a mark between them.
        let num_marks = self.tokens.len() - self.num_words;
        let fewest_words = self.num_words.saturating_sub(num_marks) as f64;
        // Room for what rounding does.
        let is_below = (self.num_capital as f64) < max_fraction * fewest_words * (1.0 - 1e-9);
        self.num_words >= min_words as usize && !is_below
    }
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
