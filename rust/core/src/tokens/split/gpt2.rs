//! GPT-2's pattern: words, numbers and marks with one space before, and white space.

use super::super::classes::{Classes, LETTER, NUMBER, SPACE};
use super::NOT_OTHER;

/// The end of the piece that starts at `at`.
#[inline(always)]
pub(super) fn next(classes: Classes, text: &[u8], at: usize) -> usize {
    let first = classes.at(text, at);
    if text[at] == b'\''
        && let Some(end) = contraction(text, at)
    {
        return end;
    }
    let (kind, from) = if text[at] == b' ' {
        (classes.at(text, at + 1), at + 1)
    } else {
        (first, at)
    };
    if kind.is(LETTER) {
        return classes.letters(text, from, LETTER);
    }
    if kind.is(NUMBER) {
        return classes.run(text, from, NUMBER);
    }
    if kind.is_none_of(NOT_OTHER) {
        return classes.run_without(text, from, NOT_OTHER);
    }
    white_space(classes, text, at)
}

/// `'s|'t|'re|'ve|'m|'ll|'d`, in small letters only.
fn contraction(text: &[u8], at: usize) -> Option<usize> {
    match (text.get(at + 1)?, text.get(at + 2)) {
        (b's' | b't' | b'm' | b'd', _) => Some(at + 2),
        (b'r' | b'v', Some(b'e')) | (b'l', Some(b'l')) => Some(at + 3),
        _ => None,
    }
}

/// `\s+(?!\S)|\s+`: line ends are nothing special here.
fn white_space(classes: Classes, text: &[u8], start: usize) -> usize {
    let (mut at, mut last) = (start, start);
    loop {
        let found = classes.at(text, at);
        if !found.is(SPACE) {
            break;
        }
        last = at;
        at += found.num_bytes;
    }
    if at == text.len() || last == start {
        at
    } else {
        last
    }
}

/// Where `Digits` with single digits cuts: behind one number, or before the next one.
pub(super) fn part_end(classes: Classes, text: &[u8], at: usize) -> usize {
    let first = classes.at(text, at);
    if first.is(NUMBER) {
        at + first.num_bytes
    } else {
        classes.run_without(text, at, NUMBER)
    }
}
