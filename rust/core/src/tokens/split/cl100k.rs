//! The pattern of cl100k: contractions, words with one character before, short numbers, marks, white space.

use super::super::classes::{Classes, LETTER, NUMBER, SPACE};
use super::{NOT_OTHER, contraction, digits, line_ends, white_space};

/// The end of the piece that starts at `at`.
#[inline(always)]
pub(super) fn next(classes: Classes, text: &[u8], at: usize, max_digits: usize) -> usize {
    let first = classes.at(text, at);
    let after = at + first.num_bytes;
    if first.is(LETTER) {
        return classes.letters(text, after, LETTER);
    }
    if first.is(NUMBER) {
        return digits(classes, text, at, max_digits);
    }
    let byte = text[at];
    if byte == b'\''
        && let Some(end) = contraction(text, at)
    {
        return end;
    }
    let second = classes.at(text, after);
    if second.is(LETTER) && !matches!(byte, b'\r' | b'\n') {
        return classes.letters(text, after + second.num_bytes, LETTER);
    }
    if !first.is(SPACE) || (byte == b' ' && second.is_none_of(NOT_OTHER)) {
        return line_ends(text, classes.run_without(text, after, NOT_OTHER));
    }
    white_space(classes, text, at)
}
