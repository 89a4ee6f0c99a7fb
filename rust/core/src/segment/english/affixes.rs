//! spaCy's prefix, suffix and infix expressions for English, by hand. Positions are bytes of the whole text.

use super::characters::{
    AFTER_DIGIT, ALPHA, BEFORE_DOT, CHARACTERS, ICON, LOWER, PREFIX, QUOTE, SUFFIX, UPPER,
};

/// Units and currencies of several characters (spaCy's `_units` and `_currency`, with its slip of the pen where
/// the Russian ones meet the Arabic), sorted by bytes.
const UNITS: [&str; 95] = [
    "A$",
    "C$",
    "GB",
    "KB",
    "MB",
    "Pa",
    "TB",
    "US$",
    "cm",
    "cm²",
    "cm³",
    "dm",
    "dm²",
    "dm³",
    "ft",
    "gb",
    "hPa",
    "ha",
    "in",
    "kb",
    "kg",
    "km",
    "km/h",
    "kmh",
    "km²",
    "km³",
    "lb",
    "m/s",
    "mb",
    "mbar",
    "mg",
    "mm",
    "mm²",
    "mm³",
    "mph",
    "m²",
    "m³",
    "nm",
    "oz",
    "tb",
    "yd",
    "µg",
    "µm",
    "ГБ",
    "Гб",
    "КБ",
    "Кб",
    "МБ",
    "Мб",
    "Па",
    "ТБ",
    "Тб",
    "гб",
    "дм",
    "дм²",
    "дм³",
    "кПа",
    "кб",
    "кг",
    "км",
    "км/ч",
    "км²",
    "км³",
    "м/с",
    "м²",
    "м³",
    "мб",
    "мбар",
    "мг",
    "мм",
    "мм²",
    "мм³",
    "нм",
    "см",
    "см²",
    "см³",
    "тбكم",
    "اكواب",
    "جرام",
    "جم",
    "سم",
    "سم²",
    "سم³",
    "غرام",
    "كغ",
    "كم",
    "كم²",
    "كم³",
    "كوب",
    "م²",
    "م³",
    "ملغ",
    "مم",
    "مم²",
    "مم³",
];

/// Longest of them, in bytes.
const MAX_UNIT_BYTES: usize = 10;

/// Bytes of the prefix of `text[start..end]`, which isn't empty; 0 if there is none.
#[inline]
pub(super) fn prefix_length(text: &str, start: usize, end: usize) -> usize {
    let bytes = &text.as_bytes()[..end];
    match bytes[start] {
        b'.' => match run_length(bytes, start) {
            1 => 0,
            length => length,
        },
        b'+' => usize::from(!bytes.get(start + 1).is_some_and(u8::is_ascii_digit)),
        b'A' | b'C' if bytes.get(start + 1) == Some(&b'$') => 2,
        b'U' if bytes[start..].starts_with(b"US$") => 3,
        _ => {
            let (bits, length) = CHARACTERS.at(text, start);
            if bits & PREFIX != 0 { length } else { 0 }
        }
    }
}

/// Bytes of the suffix of `text[start..end]`, which may be empty; 0 if there is none.
///
/// As Python's `search` takes the leftmost match, it is the longest one.
#[inline]
pub(super) fn suffix_length(text: &str, start: usize, end: usize) -> usize {
    let part = &text[start..end];
    let bytes = part.as_bytes();
    let Some(&last) = bytes.last() else { return 0 };
    match last {
        b'.' => return dot_length(part),
        b's' | b'S' => {
            let quote = &part[..part.len() - 1];
            if quote.ends_with('\'') {
                return 2;
            }
            if quote.ends_with('’') {
                return 1 + '’'.len_utf8();
            }
        }
        _ => {}
    }
    let (bits, length) = CHARACTERS.before(part, part.len());
    if bits & SUFFIX != 0 {
        return if part.ends_with("……") {
            2 * length
        } else {
            length
        };
    }
    let tail = &bytes[bytes.len().saturating_sub(MAX_UNIT_BYTES + 1)..];
    // A unit holds no digit and stands right behind one, so there is one candidate only.
    let Some(digit) = tail.iter().rposition(u8::is_ascii_digit) else {
        return 0;
    };
    let unit = tail.len() - digit - 1;
    let is_unit = unit > 0 && {
        let unit = &part[part.len() - unit..];
        (unit.len() == length && bits & AFTER_DIGIT != 0) || UNITS.binary_search(&unit).is_ok()
    };
    if is_unit { unit } else { 0 }
}

/// Bytes of the suffix of a string that ends with `.`.
fn dot_length(part: &str) -> usize {
    let dots = part.bytes().rev().take_while(|&byte| byte == b'.').count();
    if dots > 1 {
        return dots;
    }
    let stem = part.len() - 1;
    let (bits, length) = CHARACTERS.before(part, stem);
    let (bits_before, _) = CHARACTERS.before(part, stem - length);
    let is_suffix = bits & BEFORE_DOT != 0
        || bits & bits_before & UPPER != 0
        || part[..stem]
            .strip_suffix(['F', 'f', 'C', 'c', 'K', 'k'])
            .is_some_and(|rest| rest.ends_with('°'));
    usize::from(is_suffix)
}

/// Bytes of the infix of `text[start..end]` that starts at `position`; 0 if there is none.
pub(super) fn infix_length(text: &str, start: usize, end: usize, position: usize) -> usize {
    let bytes = &text.as_bytes()[..end];
    let part = &text[start..end];
    let before = || CHARACTERS.before(part, position - start).0;
    let after = |length: usize| match position + length {
        next if next < end => CHARACTERS.at(text, next).0,
        _ => 0,
    };
    let has_digit_before = || position > start && bytes[position - 1].is_ascii_digit();
    let follows_word = || before() & ALPHA != 0 || has_digit_before();
    let is_operator = || {
        has_digit_before()
            && bytes
                .get(position + 1)
                .is_some_and(|next| next.is_ascii_digit() || *next == b'-')
    };
    match bytes[position] {
        b'.' => match run_length(bytes, position) {
            1 => usize::from(before() & (LOWER | QUOTE) != 0 && after(1) & (UPPER | QUOTE) != 0),
            length => length,
        },
        b',' => usize::from(before() & ALPHA != 0 && after(1) & ALPHA != 0),
        b'+' | b'*' | b'^' => usize::from(is_operator()),
        b'-' if is_operator() => 1,
        b'-' => match run_length(bytes, position) {
            length @ 1..=3 if after(length) & ALPHA != 0 && follows_word() => length,
            _ => 0,
        },
        b'~' | b':' | b'<' | b'>' | b'=' | b'/' => usize::from(after(1) & ALPHA != 0 && follows_word()),
        0..0x80 => 0,
        _ => match text[position..end].chars().next() {
            Some('…') => '…'.len_utf8(),
            Some(dash @ ('–' | '—')) => {
                let one = dash.len_utf8();
                let length = if text[position..end].starts_with("——") {
                    2 * one
                } else {
                    one
                };
                let is_infix = after(length) & ALPHA != 0 && follows_word();
                if is_infix { length } else { 0 }
            }
            Some(other) if CHARACTERS.of(u32::from(other)) & ICON != 0 => other.len_utf8(),
            _ => 0,
        },
    }
}

/// How often the byte at `position` stands there in a row.
fn run_length(bytes: &[u8], position: usize) -> usize {
    let first = bytes[position];
    bytes[position..]
        .iter()
        .take_while(|&&byte| byte == first)
        .count()
}
