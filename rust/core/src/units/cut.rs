//! What is left of a text when whole lines go.

use std::ops::Range;

use super::{is_blank, lines};

/// Overwrites `into` with the byte ranges that have to go from `text` for `spans` to go with their separators; false,
/// without a result, when a span does not start and end with a line.
///
/// `spans` are in order and do not overlap. The result is in order, does not overlap, and deleting it leaves:
///
/// - the lines outside of the spans, a `\n` between any two;
/// - without blank lines that would stand next to other blank ones, or at the start, because of a removed line between:
///   those after it go, those before it stay;
/// - without blank lines at the end if lines at the end were removed: the text ends with its last line that is not blank
///   and stayed, and one `\n` if it ended with one before.
///
/// So no blank lines stand together that did not before, and what stays of a text without removed lines is unchanged.
/// Cost: one pass over the lines.
///
/// ```
/// use gristmill_core::units::cut_lines;
/// let mut cuts = Vec::new();
/// assert!(cut_lines("one\n\ncopy\n\ntwo\n", &[5..9], &mut cuts));
/// assert_eq!(cuts, [5..11]);
/// ```
pub fn cut_lines(text: &str, spans: &[Range<usize>], into: &mut Vec<Range<usize>>) -> bool {
    into.clear();
    let mut open = spans.iter().peekable();
    let mut kept_end = None;
    let mut full_end = None;
    let mut was_blank = true;
    let (mut has_gap, mut has_gap_since_full) = (false, false);
    for line in lines(text) {
        while open.next_if(|span| span.end < line.start).is_some() {}
        if let Some(span) = open.peek()
            && span.start <= line.end
        {
            if span.start > line.start || span.end < line.end || span.is_empty() {
                return false;
            }
            (has_gap, has_gap_since_full) = (true, true);
            continue;
        }
        let is_blank = is_blank(&text[line.clone()]);
        if is_blank && has_gap && was_blank {
            continue;
        }
        if std::mem::take(&mut has_gap) {
            into.push(kept_end.map_or(0, |end| end + 1)..line.start);
        }
        kept_end = Some(line.end);
        was_blank = is_blank;
        if !is_blank {
            full_end = Some(line.end);
            has_gap_since_full = false;
        }
    }
    if has_gap_since_full {
        let start = full_end.unwrap_or(0);
        while into.pop_if(|cut| cut.start >= start).is_some() {}
        let keeps_break = full_end.is_some() && text.ends_with('\n');
        let end = text.len() - usize::from(keeps_break);
        if start < end {
            into.push(start..end);
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::units::{UnitKind, for_each_unit};

    /// The definition, line by line.
    fn reference(text: &str, spans: &[Range<usize>]) -> String {
        let mut kept: Vec<&str> = Vec::new();
        let (mut removed, mut removed_since_full) = (false, false);
        for line in lines(text) {
            if spans
                .iter()
                .any(|span| span.start <= line.start && line.end <= span.end)
            {
                (removed, removed_since_full) = (true, true);
                continue;
            }
            let content = &text[line];
            let stands_after_blank = kept.last().is_none_or(|last| is_blank(last));
            if is_blank(content) && removed && stands_after_blank {
                continue;
            }
            removed = false;
            removed_since_full &= is_blank(content);
            kept.push(content);
        }
        if removed_since_full {
            while kept.pop_if(|last| is_blank(last)).is_some() {}
            if text.ends_with('\n') && !kept.is_empty() {
                kept.push("");
            }
        }
        kept.join("\n")
    }

    fn delete(text: &str, cuts: &[Range<usize>]) -> String {
        let mut left = String::new();
        let mut read = 0;
        for cut in cuts {
            assert!(read <= cut.start && cut.start < cut.end, "{cuts:?}");
            left.push_str(&text[read..cut.start]);
            read = cut.end;
        }
        left + &text[read..]
    }

    fn without(text: &str, removed: &str) -> String {
        let mut spans = Vec::new();
        for_each_unit(text, UnitKind::Line, |range| {
            if text[range.clone()] == *removed {
                spans.push(range);
            }
        });
        let mut cuts = Vec::new();
        assert!(cut_lines(text, &spans, &mut cuts));
        delete(text, &cuts)
    }

    #[test]
    fn blank_lines_go_with_what_they_set_apart() {
        for (text, expected) in [
            ("a\nX\nb", "a\nb"),
            ("a\n\nX\n\nb\n", "a\n\nb\n"),
            ("a\n\nX\n\n\nX\n\nb", "a\n\nb"),
            ("a\nX\n\nX\nb", "a\n\nb"),
            ("a\nX\n\nb", "a\n\nb"),
            ("a\n\nX\nb", "a\n\nb"),
            ("X\n\nb\n", "b\n"),
            ("\n\nX\n\nb", "\n\nb"),
            ("a\n\nX", "a"),
            ("a\n\nX\n", "a\n"),
            ("a\nX\n\n\n", "a\n"),
            ("a\n\n\nX\n\nX\n", "a\n"),
            ("X", ""),
            ("\nX\n \nX\n", ""),
            ("a\n\n\n\nb\nX", "a\n\n\n\nb"),
            ("a\n\n\nb", "a\n\n\nb"),
        ] {
            assert_eq!(without(text, "X"), expected, "{text:?}");
        }
    }

    #[test]
    fn spans_that_cut_a_line_are_refused() {
        let mut cuts = Vec::new();
        for span in [1..3, 0..1, 0..3, 3..4, 4..6, 2..2] {
            assert!(
                !cut_lines("ab\ncd", std::slice::from_ref(&span), &mut cuts),
                "{span:?}"
            );
        }
        assert!(cut_lines("ab\ncd", &[0..2, 3..5], &mut cuts));
        assert!(cut_lines("ab\ncd", std::slice::from_ref(&(0..5)), &mut cuts));
    }

    proptest! {
        #[test]
        fn cuts_leave_what_the_definition_leaves(
            parts in prop::collection::vec(("[ab\\u{3000}é]{0,2}", any::<bool>()), 0..14),
            kind in prop::sample::select(vec![UnitKind::Line, UnitKind::Paragraph]),
        ) {
            let text = parts.iter().map(|(part, _)| part.as_str()).collect::<Vec<_>>().join("\n");
            let mut spans = Vec::new();
            let mut number = 0;
            for_each_unit(&text, kind, |range| {
                number += 1;
                if parts.get(number).is_some_and(|(_, is_removed)| *is_removed) {
                    spans.push(range);
                }
            });
            let mut cuts = Vec::new();
            prop_assert!(cut_lines(&text, &spans, &mut cuts));
            let left = delete(&text, &cuts);
            prop_assert_eq!(&left, &reference(&text, &spans));
            prop_assert!(!spans.is_empty() || left == text);
            // Every other unit is still there, in order.
            let mut expected = Vec::new();
            for_each_unit(&text, UnitKind::Line, |line| {
                if !spans.iter().any(|span| span.start <= line.start && line.end <= span.end) {
                    expected.push(text[line].to_owned());
                }
            });
            let mut found = Vec::new();
            for_each_unit(&left, UnitKind::Line, |line| found.push(left[line].to_owned()));
            prop_assert_eq!(found, expected);
        }
    }
}
