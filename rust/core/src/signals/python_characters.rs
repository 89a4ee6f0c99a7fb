//! Predicates of Python's `str` for single characters (tables), where neither Rust's nor the segmentation's are theirs.
//!
//! Published rules were computed with Python: `isdigit`, `isnumeric`, `\w` and `isupper` decide what counts. The tables
//! are Unicode 14's, as in Python 3.11.

use crate::segment::CharacterClass;

/// `str.isdecimal` (general category Nd), and `\d`.
pub(crate) fn is_decimal(character: char) -> bool {
    match character {
        '\0'..='\u{7f}' => character.is_ascii_digit(),
        '\u{1d7ce}'..='\u{1d7ff}' => true,
        _ => {
            let code = character as u32;
            match DECADES.binary_search(&code) {
                Ok(_) => true,
                Err(0) => false,
                Err(next) => code - DECADES[next - 1] < 10,
            }
        }
    }
}

/// `str.isdigit`: decimals, superscripts, circled digits and the like.
pub(super) fn is_digit(character: char) -> bool {
    is_decimal(character) || !character.is_ascii() && is_in(&OTHER_DIGITS, character)
}

/// `str.isnumeric`: whatever has a numeric value, Han numerals included.
pub(super) fn is_numeric(character: char) -> bool {
    match character {
        '\0'..='\u{7f}' => character.is_ascii_digit(),
        '\u{3400}'..='\u{4dbf}'
        | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}'
        | '\u{20000}'..='\u{3ffff}' => is_in(&HAN_NUMERALS, character),
        _ => character.is_numeric(),
    }
}

/// `str.isalnum`.
pub(super) fn is_alphanumeric(character: char) -> bool {
    if character.is_ascii() {
        return character.is_ascii_alphanumeric();
    }
    let class = CharacterClass::of(character);
    class.is_letter() || class.is_number()
}

/// `\w`: `isalnum`, or `_`. Combining marks are not.
pub(super) fn is_word_character(character: char) -> bool {
    character == '_' || is_alphanumeric(character)
}

/// `str.istitle` (general category Lt), for which neither `isupper` nor `islower` holds.
pub(super) fn is_title_case(character: char) -> bool {
    !character.is_ascii() && is_in(&TITLE_CASE, character)
}

fn is_in(ranges: &[(u32, u32)], character: char) -> bool {
    let code = character as u32;
    let next = ranges.partition_point(|range| range.0 <= code);
    next > 0 && code <= ranges[next - 1].1
}

/// First of ten decimal digits in a row, sorted.
const DECADES: [u32; 60] = [
    0x660, 0x6f0, 0x7c0, 0x966, 0x9e6, 0xa66, 0xae6, 0xb66, 0xbe6, 0xc66, 0xce6, 0xd66, 0xde6, 0xe50, 0xed0,
    0xf20, 0x1040, 0x1090, 0x17e0, 0x1810, 0x1946, 0x19d0, 0x1a80, 0x1a90, 0x1b50, 0x1bb0, 0x1c40, 0x1c50,
    0xa620, 0xa8d0, 0xa900, 0xa9d0, 0xa9f0, 0xaa50, 0xabf0, 0xff10, 0x104a0, 0x10d30, 0x11066, 0x110f0,
    0x11136, 0x111d0, 0x112f0, 0x11450, 0x114d0, 0x11650, 0x116c0, 0x11730, 0x118e0, 0x11950, 0x11c50,
    0x11d50, 0x11da0, 0x16a60, 0x16ac0, 0x16b50, 0x1e140, 0x1e2f0, 0x1e950, 0x1fbf0,
];

/// Digits that are not decimal, as ranges, sorted.
const OTHER_DIGITS: [(u32, u32); 20] = [
    (0xb2, 0xb3),
    (0xb9, 0xb9),
    (0x1369, 0x1371),
    (0x19da, 0x19da),
    (0x2070, 0x2070),
    (0x2074, 0x2079),
    (0x2080, 0x2089),
    (0x2460, 0x2468),
    (0x2474, 0x247c),
    (0x2488, 0x2490),
    (0x24ea, 0x24ea),
    (0x24f5, 0x24fd),
    (0x24ff, 0x24ff),
    (0x2776, 0x277e),
    (0x2780, 0x2788),
    (0x278a, 0x2792),
    (0x10a40, 0x10a43),
    (0x10e60, 0x10e68),
    (0x11052, 0x1105a),
    (0x1f100, 0x1f10a),
];

/// Han letters with a numeric value, as ranges, sorted.
const HAN_NUMERALS: [(u32, u32); 72] = [
    (0x3405, 0x3405),
    (0x3483, 0x3483),
    (0x382a, 0x382a),
    (0x3b4d, 0x3b4d),
    (0x4e00, 0x4e00),
    (0x4e03, 0x4e03),
    (0x4e07, 0x4e07),
    (0x4e09, 0x4e09),
    (0x4e5d, 0x4e5d),
    (0x4e8c, 0x4e8c),
    (0x4e94, 0x4e94),
    (0x4e96, 0x4e96),
    (0x4ebf, 0x4ec0),
    (0x4edf, 0x4edf),
    (0x4ee8, 0x4ee8),
    (0x4f0d, 0x4f0d),
    (0x4f70, 0x4f70),
    (0x5104, 0x5104),
    (0x5146, 0x5146),
    (0x5169, 0x5169),
    (0x516b, 0x516b),
    (0x516d, 0x516d),
    (0x5341, 0x5341),
    (0x5343, 0x5345),
    (0x534c, 0x534c),
    (0x53c1, 0x53c4),
    (0x56db, 0x56db),
    (0x58f1, 0x58f1),
    (0x58f9, 0x58f9),
    (0x5e7a, 0x5e7a),
    (0x5efe, 0x5eff),
    (0x5f0c, 0x5f0e),
    (0x5f10, 0x5f10),
    (0x62fe, 0x62fe),
    (0x634c, 0x634c),
    (0x67d2, 0x67d2),
    (0x6f06, 0x6f06),
    (0x7396, 0x7396),
    (0x767e, 0x767e),
    (0x8086, 0x8086),
    (0x842c, 0x842c),
    (0x8cae, 0x8cae),
    (0x8cb3, 0x8cb3),
    (0x8d30, 0x8d30),
    (0x9621, 0x9621),
    (0x9646, 0x9646),
    (0x964c, 0x964c),
    (0x9678, 0x9678),
    (0x96f6, 0x96f6),
    (0xf96b, 0xf96b),
    (0xf973, 0xf973),
    (0xf978, 0xf978),
    (0xf9b2, 0xf9b2),
    (0xf9d1, 0xf9d1),
    (0xf9d3, 0xf9d3),
    (0xf9fd, 0xf9fd),
    (0x20001, 0x20001),
    (0x20064, 0x20064),
    (0x200e2, 0x200e2),
    (0x20121, 0x20121),
    (0x2092a, 0x2092a),
    (0x20983, 0x20983),
    (0x2098c, 0x2098c),
    (0x2099c, 0x2099c),
    (0x20aea, 0x20aea),
    (0x20afd, 0x20afd),
    (0x20b19, 0x20b19),
    (0x22390, 0x22390),
    (0x22998, 0x22998),
    (0x23b1b, 0x23b1b),
    (0x2626d, 0x2626d),
    (0x2f890, 0x2f890),
];

/// Title-case letters, as ranges, sorted.
const TITLE_CASE: [(u32, u32); 10] = [
    (0x1c5, 0x1c5),
    (0x1c8, 0x1c8),
    (0x1cb, 0x1cb),
    (0x1f2, 0x1f2),
    (0x1f88, 0x1f8f),
    (0x1f98, 0x1f9f),
    (0x1fa8, 0x1faf),
    (0x1fbc, 0x1fbc),
    (0x1fcc, 0x1fcc),
    (0x1ffc, 0x1ffc),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn predicates_are_pythons() {
        // Left: character. Right: what CPython 3.11 says: isdecimal, isdigit, isnumeric, `\w`, istitle.
        for (character, expected) in [
            ('7', [true, true, true, true, false]),
            ('٣', [true, true, true, true, false]),
            ('９', [true, true, true, true, false]),
            ('𝟘', [true, true, true, true, false]),
            ('²', [false, true, true, true, false]),
            ('①', [false, true, true, true, false]),
            ('½', [false, false, true, true, false]),
            ('Ⅷ', [false, false, true, true, false]),
            ('三', [false, false, true, true, false]),
            ('漢', [false, false, false, true, false]),
            ('a', [false, false, false, true, false]),
            ('_', [false, false, false, true, false]),
            ('ǅ', [false, false, false, true, true]),
            ('\u{301}', [false, false, false, false, false]),
            ('\u{93e}', [false, false, false, false, false]),
            ('Ⓐ', [false, false, false, false, false]),
            ('-', [false, false, false, false, false]),
            ('\u{66a}', [false, false, false, false, false]),
        ] {
            let found = [
                is_decimal(character),
                is_digit(character),
                is_numeric(character),
                is_word_character(character),
                is_title_case(character),
            ];
            assert_eq!(found, expected, "{character:?}");
        }
    }

    #[test]
    fn tables_are_sorted() {
        assert!(DECADES.is_sorted_by(|left, right| left + 10 <= *right));
        for ranges in [&OTHER_DIGITS[..], &HAN_NUMERALS, &TITLE_CASE] {
            assert!(ranges.is_sorted_by(|left, right| left.1 < right.0));
        }
    }
}
