//! The pattern of o200k: words that end where a capital follows, with one character before and a contraction behind.

use super::super::classes::{Classes, LETTER, LOWER, MARK, NUMBER, OTHER_LETTER, SPACE, UPPER};
use super::{NOT_OTHER, contraction, digits, white_space};

/// `[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]`
const HEAD: u8 = UPPER | OTHER_LETTER | MARK;
/// `[\p{Ll}\p{Lm}\p{Lo}\p{M}]`
const TAIL: u8 = LOWER | OTHER_LETTER | MARK;

/// The end of the piece that starts at `at`.
#[inline(always)]
pub(super) fn next(classes: Classes, text: &[u8], at: usize, max_digits: usize, contractions: bool) -> usize {
    let first = classes.at(text, at);
    let after = at + first.num_bytes;
    let byte = text[at];
    let can_lead = !first.is(LETTER | NUMBER) && !matches!(byte, b'\r' | b'\n');
    if can_lead || first.is(HEAD | TAIL) {
        let mut end = None;
        if can_lead {
            end = with_tail(classes, text, after);
        }
        if end.is_none() {
            end = with_tail(classes, text, at);
        }
        // No small or caseless letter in the run, so only capitals are left for the second alternative.
        if end.is_none() && can_lead {
            end = capitals(classes, text, after);
        }
        if end.is_none() {
            end = capitals(classes, text, at);
        }
        if let Some(end) = end {
            return match contractions.then(|| contraction(text, end)) {
                Some(Some(with_contraction)) => with_contraction,
                _ => end,
            };
        }
    }
    if first.is(NUMBER) {
        return digits(classes, text, at, max_digits);
    }
    if !first.is(SPACE) || (byte == b' ' && classes.at(text, after).is_none_of(NOT_OTHER)) {
        let mut end = classes.run_without(text, after, NOT_OTHER);
        while matches!(text.get(end), Some(b'\r' | b'\n' | b'/')) {
            end += 1;
        }
        return end;
    }
    white_space(classes, text, at)
}

/// The end of `HEAD* TAIL+` from `at` on, if it matches.
#[inline(always)]
fn with_tail(classes: Classes, text: &[u8], start: usize) -> Option<usize> {
    let (mut at, mut after_both) = (start, None);
    loop {
        let found = classes.at(text, at);
        if !found.is(HEAD) {
            break;
        }
        at += found.num_bytes;
        if found.is(TAIL) {
            after_both = Some(at);
        }
    }
    let end = classes.small_letters(text, at, TAIL);
    // Where no small letter follows, HEAD gives back as far as the last character that is TAIL, too.
    if end > at { Some(end) } else { after_both }
}

/// The end of the capitals from `at` on, if there is one.
#[inline(always)]
fn capitals(classes: Classes, text: &[u8], start: usize) -> Option<usize> {
    let end = classes.run(text, start, UPPER);
    (end > start).then_some(end)
}
