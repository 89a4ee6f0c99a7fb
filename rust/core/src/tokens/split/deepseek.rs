//! DeepSeek's three patterns, one applied to what the other left.

use super::super::classes::{Classes, LETTER, MARK, NUMBER, PUNCTUATION, SPACE, SYMBOL, decode};
use super::{digits, line_ends, white_space};

/// `[一-龥぀-ゟ゠-ヿ]`
#[inline(always)]
fn is_east_asian(text: &[u8], at: usize) -> Option<usize> {
    // Three bytes each, from U+3040 to U+30FF and from U+4E00 to U+9FA5.
    if !matches!(text.get(at), Some(0xe3..=0xe9)) {
        return None;
    }
    let (code, num_bytes) = decode(text, at);
    matches!(code, 0x3040..=0x30ff | 0x4e00..=0x9fa5).then_some(num_bytes)
}

fn east_asian(text: &[u8], mut at: usize) -> usize {
    while let Some(num_bytes) = is_east_asian(text, at) {
        at += num_bytes;
    }
    at
}

/// The first place from `at` on with a digit or a byte outside ASCII, in steps of eight bytes: a place before it at the end
/// of the text.
#[inline(always)]
fn plain_ascii(text: &[u8], mut at: usize) -> usize {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    const FROM_ZERO: u64 = 0x0101_0101_0101_0101 * (0x80 - b'0' as u64);
    const BEHIND_NINE: u64 = 0x0101_0101_0101_0101 * (0x80 - b'9' as u64 - 1);
    while let Some(bytes) = text.get(at..at + 8).and_then(|bytes| bytes.first_chunk()) {
        let bytes = u64::from_le_bytes(*bytes);
        // A byte outside ASCII may carry into those behind it, never into one before it, and the first one counts.
        let ends = (bytes | (bytes.wrapping_add(FROM_ZERO) & !bytes.wrapping_add(BEHIND_NINE))) & HIGH;
        if ends != 0 {
            return at + ends.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

/// The end of the part that starts at `at`: up to three numbers, a run of Chinese characters and kana, or what lies between.
pub(super) fn part_end(classes: Classes, text: &[u8], at: usize) -> usize {
    if classes.at(text, at).is(NUMBER) {
        return digits(classes, text, at, 3);
    }
    let run_end = east_asian(text, at);
    if run_end > at {
        return run_end;
    }
    let mut end = at;
    loop {
        end = plain_ascii(text, end);
        let found = classes.at(text, end);
        if found.num_bytes == 0 || found.is(NUMBER) || is_east_asian(text, end).is_some() {
            return end;
        }
        end += found.num_bytes;
    }
}

/// The end of the piece that starts at `at`, in a part that ends where `text` ends.
#[inline(always)]
pub(super) fn next(classes: Classes, text: &[u8], at: usize) -> usize {
    if let Some(end) = matched(classes, text, at) {
        return end;
    }
    // What nothing matches is one piece, up to the next match.
    let mut end = at + classes.at(text, at).num_bytes;
    while end < text.len() && matched(classes, text, end).is_none() {
        end += classes.at(text, end).num_bytes;
    }
    end
}

#[inline(always)]
fn matched(classes: Classes, text: &[u8], at: usize) -> Option<usize> {
    const WORD: u8 = LETTER | MARK;
    const SIGN: u8 = PUNCTUATION | SYMBOL;
    let byte = text[at];
    let first = classes.at(text, at);
    let after = at + first.num_bytes;
    if byte.is_ascii_punctuation() && text.get(after).is_some_and(u8::is_ascii_alphabetic) {
        let letters = text[after..].iter().take_while(|byte| byte.is_ascii_alphabetic());
        return Some(after + letters.count());
    }
    let can_lead = !first.is(LETTER | SIGN) && !matches!(byte, b'\r' | b'\n');
    if can_lead {
        let second = classes.at(text, after);
        if second.is(WORD) {
            return Some(classes.letters(text, after + second.num_bytes, WORD));
        }
    }
    if first.is(WORD) {
        return Some(classes.letters(text, after, WORD));
    }
    if first.is(SIGN) {
        return Some(line_ends(text, classes.run(text, after, SIGN)));
    }
    if byte == b' ' && classes.at(text, after).is(SIGN) {
        return Some(line_ends(text, classes.run(text, after, SIGN)));
    }
    first.is(SPACE).then(|| white_space(classes, text, at))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_ascii_stops_at_the_first_digit_or_foreign_byte() {
        // Every byte at every place of two words, after each kind of byte in front.
        for place in 0..16 {
            for byte in 0..=255_u8 {
                for filler in [b'a', b'/', b':', 0x7f, 0x00] {
                    let mut text = [filler; 16];
                    text[place] = byte;
                    let expected = if byte.is_ascii_digit() || !byte.is_ascii() {
                        place
                    } else {
                        16
                    };
                    assert_eq!(plain_ascii(&text, 0), expected, "{byte:#x} at {place}");
                }
            }
        }
        assert_eq!(plain_ascii(b"abc1", 0), 0);
    }
}
