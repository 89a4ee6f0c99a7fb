//! Marks of references, as encyclopedias have them: `[12]`, `[]`, `[edit]`, `[citation needed]`.

/// Bytes of the citation that `text` starts with: `[`, ASCII digits, `]`, or two fixed ones.
pub(super) fn citation_length(text: &str) -> Option<usize> {
    let num_digits = text.bytes().skip(1).take_while(u8::is_ascii_digit).count();
    if text.as_bytes().get(num_digits + 1) == Some(&b']') {
        return Some(num_digits + 2);
    }
    fixed_length(text)
}

/// The same with the digits of every script, as Python's `\d` has them.
pub(super) fn citation_length_in_python(text: &str) -> Option<usize> {
    let inner = text.get(1..)?;
    let after = inner.trim_start_matches(is_decimal_digit);
    if after.starts_with(']') {
        return Some(text.len() - after.len() + 1);
    }
    fixed_length(text)
}

fn fixed_length(text: &str) -> Option<usize> {
    ["[edit]", "[citation needed]"]
        .into_iter()
        .find(|fixed| text.starts_with(fixed))
        .map(str::len)
}

/// General category Nd of Unicode 14, the version of CPython 3.11.
pub(super) fn is_decimal_digit(character: char) -> bool {
    let before = ZEROS.partition_point(|&zero| zero <= character);
    before > 0 && character as u32 - ZEROS[before - 1] as u32 <= 9
}

/// The zeros of all scripts; their nine other digits follow them.
const ZEROS: [char; 66] = [
    '\u{30}',
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{ff10}',
    '\u{104a0}',
    '\u{10d30}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{112f0}',
    '\u{11450}',
    '\u{114d0}',
    '\u{11650}',
    '\u{116c0}',
    '\u{11730}',
    '\u{118e0}',
    '\u{11950}',
    '\u{11c50}',
    '\u{11d50}',
    '\u{11da0}',
    '\u{16a60}',
    '\u{16ac0}',
    '\u{16b50}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e140}',
    '\u{1e2f0}',
    '\u{1e950}',
    '\u{1fbf0}',
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn citations_are_found_at_the_start() {
        for (text, own, in_python) in [
            ("[12] a", Some(4), Some(4)),
            ("[]", Some(2), Some(2)),
            ("[edit]", Some(6), Some(6)),
            ("[citation needed]!", Some(17), Some(17)),
            ("[1", None, None),
            ("[a]", None, None),
            ("[", None, None),
            ("[\u{661}\u{662}]", None, Some(6)),
            ("[1\u{ff12}]", None, Some(6)),
            ("[²]", None, None),
        ] {
            assert_eq!(citation_length(text), own, "{text}");
            assert_eq!(citation_length_in_python(text), in_python, "{text}");
        }
        assert!(ZEROS.is_sorted_by(|left, right| left < right));
        assert_eq!(
            ('\0'..=char::MAX)
                .filter(|&character| is_decimal_digit(character))
                .count(),
            660
        );
    }
}
