//! The part that tidies white space: Unicode spaces, trailing blanks, blank lines.
//!
//! It does not touch indentation or runs of spaces inside a line: in code and tables those carry meaning.

use super::leads;
use super::rewriter::Rewriter;
use crate::edit::EditLog;

/// Tidies white space:
/// - NO-BREAK SPACE and the other Unicode spaces become one ASCII space each;
/// - spaces and tabs at the end of a line go;
/// - blank lines at the start and the end of the document go (a last line keeps its `\n` if it had one);
/// - two or more blank lines in a row become one.
pub(super) fn tidy(text: &str, edits: &mut EditLog) -> Option<String> {
    let mut rewriter = Rewriter::new("whitespace", text, edits);
    let mut replacement = String::new();
    let mut position = 0;
    let is_ascii = text.is_ascii();
    while let Some(found) = next_candidate(text, is_ascii, position) {
        let start = start_of_run(text, position, found);
        let end = end_of_run(text, found);
        replacement.clear();
        tidy_run(&text[start..end], start == 0, end == text.len(), &mut replacement);
        rewriter.replace(start, end, &replacement);
        position = end;
    }
    rewriter.finish()
}

/// Returns the next position at or after `from` that lies in a run which may have to change.
///
/// A line feed alone between two other characters is no such run; nor is one before indentation.
fn next_candidate(text: &str, is_ascii: bool, from: usize) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut position = from;
    while let Some(found) = next_space(bytes, is_ascii, position) {
        let is_candidate = match bytes[found] {
            b'\n' => found == 0 || matches!(bytes[found - 1], b' ' | b'\t' | b'\n'),
            _ => is_unicode_space(leads::character_at(text, found)),
        };
        if is_candidate {
            return Some(found);
        }
        position = found + 1;
    }
    // The document's end is the end of a line too.
    let has_trailing_blank = bytes.len() > from && matches!(bytes.last(), Some(b' ' | b'\t'));
    has_trailing_blank.then(|| bytes.len() - 1)
}

fn next_space(bytes: &[u8], is_ascii: bool, from: usize) -> Option<usize> {
    match is_ascii {
        true => memchr::memchr(b'\n', bytes.get(from..)?).map(|found| from + found),
        false => leads::next(bytes, from, leads::SPACES),
    }
}

fn is_unicode_space(character: char) -> bool {
    matches!(
        character,
        '\u{a0}' | '\u{1680}' | '\u{2000}'..='\u{200a}' | '\u{202f}' | '\u{205f}' | '\u{3000}'
    )
}

fn is_white(character: char) -> bool {
    matches!(character, ' ' | '\t' | '\n') || is_unicode_space(character)
}

fn start_of_run(text: &str, from: usize, inside: usize) -> usize {
    from + text[from..inside].trim_end_matches(is_white).len()
}

fn end_of_run(text: &str, inside: usize) -> usize {
    text.len() - text[inside..].trim_start_matches(is_white).len()
}

/// Writes what a maximal run of white space becomes.
fn tidy_run(run: &str, is_document_start: bool, is_document_end: bool, into: &mut String) {
    let num_newlines = run.bytes().filter(|&byte| byte == b'\n').count();
    let indentation = run.rsplit('\n').next().unwrap_or_default();
    if !(is_document_start || num_newlines == 0) {
        let kept = if is_document_end { 1 } else { num_newlines.min(2) };
        into.extend(std::iter::repeat_n('\n', kept));
    }
    if !is_document_end {
        into.extend(
            indentation
                .chars()
                .map(|character| if character == '\t' { '\t' } else { ' ' }),
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &str) {
        let mut edits = EditLog::default();
        let output = tidy(text, &mut edits).unwrap_or_else(|| text.to_owned());
        assert_eq!(output, expected, "{text:?}");
        assert_eq!(edits.undo(&output), text);
        assert_eq!(edits.is_empty(), text == expected);
        assert_eq!(
            tidy(&output, &mut EditLog::default()),
            None,
            "{text:?} is not settled"
        );
    }

    #[test]
    fn the_table_holds() {
        check("", "");
        check("plain text", "plain text");
        check("plain line\n", "plain line\n");
        check("a \t\nb", "a\nb");
        check("a  ", "a");
        check("a\u{a0}b\u{3000}c\u{2009}d", "a b c d");
        check("a\u{a0}\nb", "a\nb");
        check("\n \n  a", "  a");
        check("  a", "  a");
        check("a\n\n\n\nb", "a\n\nb");
        check("a\n\nb", "a\n\nb");
        check("a\n \t\n\n\tb", "a\n\n\tb");
        check("a\n\n\n", "a\n");
        check("a\n  ", "a\n");
        check(" \n\t ", "");
        check("\n", "");
        check("if x:\n    y  =  1\n", "if x:\n    y  =  1\n");
        check("日本\u{3000}語’s", "日本 語’s");
    }
}
