//! Comments and strings, told apart by their marks alone; no grammar.
//!
//! Text is read from left to right. At each position, in this order: a block comment, which goes on to its end mark
//! or to the end of the text; a comment to the end of its line; a string in long quotes, likewise to the end of the
//! text when it is not closed; a string in quotes, if the same quote comes again on the line (a backslash makes the
//! next character plain), and else the quote is any character. A line ends at `\n`. A backslash before a mark, outside
//! strings, makes the mark plain.

use super::styles::{CommentStyle, Marks};
use crate::segment::is_white_space;
use memchr::memmem;

/// Words of strings with more characters than this are long.
const LONG_WORD_CHARS: usize = 20;

/// Characters of one text by what they belong to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct CodeParts {
    /// In comments and documentation strings, their marks included, the line's end not.
    pub(super) comment_chars: usize,
    /// In other strings, without their quotes.
    pub(super) string_chars: usize,
    /// In words of those strings that have more than 20 characters and are no URL.
    pub(super) long_word_chars: usize,
}

/// Counts; holds the marks of a style and which bytes can begin one.
#[derive(Debug, Clone)]
pub(super) struct CommentCounter {
    marks: Marks,
    is_plain: [bool; 256],
}

impl CommentCounter {
    /// For a style; none when it is the one that measures nothing.
    pub(super) fn new(style: CommentStyle) -> Option<Self> {
        let marks = style.marks()?;
        let mut is_plain = [true; 256];
        let mut stop = |byte: Option<&u8>| {
            if let Some(&byte) = byte {
                is_plain[usize::from(byte)] = false;
            }
        };
        stop(Some(&b'\\'));
        stop(marks.line.first());
        stop(marks.block.0.first());
        marks.quotes.iter().for_each(|quote| stop(Some(quote)));
        for quote in marks.long_quotes {
            stop(quote.first());
        }
        if marks.documentation_strings {
            b"()[]{}".iter().for_each(|bracket| stop(Some(bracket)));
        }
        Some(Self { marks, is_plain })
    }

    /// Counts the parts of a text. Cost: one pass.
    pub(super) fn count(&self, text: &str) -> CodeParts {
        let mut parts = CodeParts::default();
        let bytes = text.as_bytes();
        let (mut at, mut depth) = (0, 0_usize);
        while at < bytes.len() {
            let byte = bytes[at];
            if self.is_plain[usize::from(byte)] {
                at += 1;
                continue;
            }
            let rest = &bytes[at..];
            let (open, close) = self.marks.block;
            if !open.is_empty() && rest.starts_with(open) {
                let end = memmem::find(&rest[open.len()..], close)
                    .map_or(bytes.len(), |found| at + open.len() + found + close.len());
                parts.comment_chars += num_chars(text, at, end);
                at = end;
            } else if self.begins_line_comment(bytes, at) {
                let end = line_end(bytes, at);
                parts.comment_chars += num_chars(text, at, end);
                at = end;
            } else if let Some((start, close, end)) = self.string(bytes, at) {
                if self.marks.documentation_strings && depth == 0 && begins_its_line(bytes, at) {
                    parts.comment_chars += num_chars(text, at, end);
                } else {
                    add_string(&text[start..close], &mut parts);
                }
                at = end;
            } else {
                match byte {
                    b'\\' => at += 1 + usize::from(bytes.get(at + 1).is_some_and(u8::is_ascii)),
                    _ => {
                        match byte {
                            b'(' | b'[' | b'{' => depth += 1,
                            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                            _ => {}
                        }
                        at += 1;
                    }
                }
            }
        }
        parts
    }

    fn begins_line_comment(&self, bytes: &[u8], at: usize) -> bool {
        let line = self.marks.line;
        !line.is_empty()
            && bytes[at..].starts_with(line)
            && (!self.marks.after_white_space || at == 0 || bytes[at - 1].is_ascii_whitespace())
    }

    /// First byte of a string's content, byte after the last, and byte after the string.
    fn string(&self, bytes: &[u8], at: usize) -> Option<(usize, usize, usize)> {
        let is_quote = |quote: &&&[u8]| bytes[at..].starts_with(quote);
        if let Some(quote) = self.marks.long_quotes.iter().find(is_quote) {
            let start = at + quote.len();
            let mut close = start;
            while close < bytes.len() {
                if bytes[close] == b'\\' {
                    close += 2;
                } else if bytes[close..].starts_with(quote) {
                    return Some((start, close, close + quote.len()));
                } else {
                    close += 1;
                }
            }
            return Some((start, bytes.len(), bytes.len()));
        }
        let quote = bytes[at];
        if !self.marks.quotes.contains(&quote) {
            return None;
        }
        let mut close = at + 1;
        while close < bytes.len() && bytes[close] != b'\n' {
            match bytes[close] {
                b'\\' if bytes.get(close + 1) != Some(&b'\n') => close += 2,
                byte if byte == quote => return Some((at + 1, close, close + 1)),
                _ => close += 1,
            }
        }
        None
    }
}

fn line_end(bytes: &[u8], at: usize) -> usize {
    memchr::memchr(b'\n', &bytes[at..]).map_or(bytes.len(), |found| at + found)
}

/// Whether nothing but white space and the letters of a prefix such as `r` stands before it on its line.
fn begins_its_line(bytes: &[u8], at: usize) -> bool {
    let mut before = at;
    while before > 0 && at - before < 2 && b"rRbBuU".contains(&bytes[before - 1]) {
        before -= 1;
    }
    while before > 0 && matches!(bytes[before - 1], b' ' | b'\t') {
        before -= 1;
    }
    before == 0 || bytes[before - 1] == b'\n'
}

fn num_chars(text: &str, start: usize, end: usize) -> usize {
    text[start..end].chars().count()
}

fn add_string(content: &str, parts: &mut CodeParts) {
    parts.string_chars += content.chars().count();
    if content.len() <= LONG_WORD_CHARS {
        return;
    }
    for word in content.split(is_white_space) {
        if word.len() > LONG_WORD_CHARS {
            let chars = word.chars().count();
            if chars > LONG_WORD_CHARS && !word.contains("http://") && !word.contains("https://") {
                parts.long_word_chars += chars;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(style: CommentStyle, text: &str) -> (usize, usize, usize) {
        let parts = CommentCounter::new(style).unwrap().count(text);
        (parts.comment_chars, parts.string_chars, parts.long_word_chars)
    }

    #[test]
    fn comments_and_strings_of_each_style() {
        for (style, text, expected) in [
            (CommentStyle::C, "int a; // höre\n/* b */ c", (14, 0, 0)),
            (
                CommentStyle::C,
                "s = \"// no\"; t = '/* no'; u = `a\n//b`;",
                (0, 15, 0),
            ),
            (CommentStyle::C, "don't // but this", (11, 0, 0)),
            (CommentStyle::C, "fn f<'a>(x: &'a str) {} // c", (4, 7, 0)),
            (CommentStyle::C, "\"a\\\"b\" /* open", (7, 4, 0)),
            (
                CommentStyle::Python,
                "\"\"\"Doc.\"\"\"\nx = '''a\nb''' # c",
                (13, 3, 0),
            ),
            (CommentStyle::Python, "f(\n  \"arg\",\n)\n  r'doc'\n", (5, 3, 0)),
            (CommentStyle::Hash, "a#b # c\n#d", (5, 0, 0)),
            (CommentStyle::Sql, "select 1 -- one\n/* two */", (15, 0, 0)),
            (CommentStyle::Dash, "--a\n\"--b\"", (3, 3, 0)),
            (CommentStyle::Semicolon, "(a ; b\n)", (3, 0, 0)),
            (CommentStyle::Percent, "5\\% % rest", (6, 0, 0)),
            (CommentStyle::Markup, "<p><!-- a --></p>", (10, 0, 0)),
            (
                CommentStyle::C,
                "x = \"aaaaaaaaaaaaaaaaaaaaa http://aaaaaaaaaaaaaaaaaaaaaa\";",
                (0, 51, 21),
            ),
        ] {
            assert_eq!(parts(style, text), expected, "{style:?} {text:?}");
        }
        assert!(CommentCounter::new(CommentStyle::None).is_none());
    }
}
