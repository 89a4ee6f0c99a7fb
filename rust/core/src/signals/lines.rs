//! Lines as Python has them, because the published rules were computed with Python.

use crate::segment::Segmentation;

/// `text.splitlines()`: calls `line` with byte ranges without their line breaks; no empty line after a final break.
pub(super) fn split_lines(text: &str, segmentation: &Segmentation, mut line: impl FnMut(usize, usize)) {
    if segmentation.has_other_line_break() {
        split_at_any_break(text, line);
        return;
    }
    let mut lines = segmentation.lines();
    if let Some((last, before)) = lines.split_last()
        && last.start == last.end
    {
        lines = before;
    }
    for range in lines {
        line(range.start as usize, range.end as usize);
    }
}

fn split_at_any_break(text: &str, mut line: impl FnMut(usize, usize)) {
    let mut start = 0;
    for (at, character) in text.char_indices() {
        if at < start || !is_line_break(character) {
            continue;
        }
        line(start, at);
        start = at + character.len_utf8();
        if character == '\r' && text[start..].starts_with('\n') {
            start += 1;
        }
    }
    if start < text.len() {
        line(start, text.len());
    }
}

/// The line breaks that `str.splitlines` knows.
fn is_line_break(character: char) -> bool {
    matches!(character, '\n'..='\r' | '\u{1c}'..='\u{1e}' | '\u{85}' | '\u{2028}' | '\u{2029}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmenter;

    #[test]
    fn split_lines_is_pythons() {
        // Left: text. Right: what CPython 3.11's `str.splitlines` returns.
        for (text, expected) in [
            ("", vec![]),
            ("\n", vec![""]),
            ("a", vec!["a"]),
            ("a\nb\n", vec!["a", "b"]),
            ("\n\na\n\n", vec!["", "", "a", ""]),
            ("a\r\nb\rc\n\rd", vec!["a", "b", "c", "", "d"]),
            (
                "a\u{b}b\u{c}c\u{1c}d\u{1d}e\u{1e}f\u{1f}g\u{85}h\u{2028}i\u{2029}",
                vec!["a", "b", "c", "d", "e", "f\u{1f}g", "h", "i"],
            ),
            ("a\r\n", vec!["a"]),
            ("\r\r\n", vec!["", ""]),
        ] {
            let mut segmentation = Segmentation::default();
            Segmenter::default().segment(text, &mut segmentation);
            let mut lines = Vec::new();
            split_lines(text, &segmentation, |start, end| lines.push(&text[start..end]));
            assert_eq!(lines, expected, "{text:?}");
        }
    }
}
