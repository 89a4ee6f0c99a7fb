//! Text that a reader of an HTML page would see, without building a tree.
//!
//! Left out are: comments, from `<!--` to `-->`; declarations and instructions, from `<!` or `<?` to `>`; tags, from
//! `<` or `</` before an ASCII letter to the next `>` outside quotes of an attribute; and what stands in `script` and
//! `style`, up to their end tag. A comment, script or style that is never closed goes on to the end of the text; a tag
//! or declaration that is never closed is text. A character reference such as `&amp;` or `&#8212;` counts as one
//! character. ASCII white space that alone fills the place between two pieces of markup counts as one character too,
//! and all other white space as it is.

use memchr::{memchr, memchr2, memmem};

/// Longest name or number of a character reference.
const MAX_REFERENCE_BYTES: usize = 32;

/// Number of visible characters of an HTML text. Cost: a jump from `<` or `&` to the next.
pub(super) fn num_visible_characters(text: &str, num_characters: usize) -> usize {
    let bytes = text.as_bytes();
    let (mut at, mut num_hidden) = (0, 0);
    // Where the text after the last markup begins.
    let mut text_start = 0;
    while let Some(found) = memchr2(b'<', b'&', &bytes[at..]) {
        at += found;
        let end = match bytes[at] {
            b'&' => match reference_end(bytes, at) {
                Some(end) => {
                    num_hidden += end - at - 1;
                    at = end;
                    continue;
                }
                None => None,
            },
            _ => markup_end(bytes, at),
        };
        match end {
            Some(end) => {
                num_hidden += text[at..end].chars().count() + surplus_white_space(&bytes[text_start..at]);
                at = end;
                text_start = end;
            }
            None => at += 1,
        }
    }
    num_characters - num_hidden - surplus_white_space(&bytes[text_start..])
}

/// Characters beyond the first of a text that is all white space.
fn surplus_white_space(text: &[u8]) -> usize {
    let is_blank = text.iter().all(|byte| b" \t\n\x0c\r".contains(byte));
    if is_blank { text.len().saturating_sub(1) } else { 0 }
}

/// Byte after a character reference, whose bytes are all ASCII.
fn reference_end(bytes: &[u8], at: usize) -> Option<usize> {
    let start = at + 1 + usize::from(bytes.get(at + 1) == Some(&b'#'));
    let name = bytes[start..].iter().take(MAX_REFERENCE_BYTES + 1);
    let length = name.take_while(|byte| byte.is_ascii_alphanumeric()).count();
    let is_reference =
        length > 0 && length <= MAX_REFERENCE_BYTES && bytes.get(start + length) == Some(&b';');
    is_reference.then_some(start + length + 1)
}

/// Byte after the markup that begins at a `<`; none when it is text.
fn markup_end(bytes: &[u8], at: usize) -> Option<usize> {
    let rest = &bytes[at..];
    if rest.starts_with(b"<!--") {
        return Some(memmem::find(&rest[4..], b"-->").map_or(bytes.len(), |found| at + 4 + found + 3));
    }
    match rest.get(1)? {
        b'!' | b'?' => memchr(b'>', rest).map(|found| at + found + 1),
        b'/' if rest.get(2)?.is_ascii_alphabetic() => memchr(b'>', rest).map(|found| at + found + 1),
        byte if byte.is_ascii_alphabetic() => {
            let end = at + tag_length(rest)?;
            let is_closed = bytes[..end].ends_with(b"/>");
            match raw_name(rest) {
                Some(name) if !is_closed => Some(raw_end(bytes, end, name)),
                _ => Some(end),
            }
        }
        _ => None,
    }
}

/// Bytes of a start tag: up to the first `>` that is not between quotes that follow a `=`.
fn tag_length(tag: &[u8]) -> Option<usize> {
    let mut at = 1;
    let mut is_value = false;
    while let Some(&byte) = tag.get(at) {
        at += 1;
        match byte {
            b'>' => return Some(at),
            b'=' => is_value = true,
            b'"' | b'\'' if is_value => {
                // A quote that is never closed holds nothing.
                if let Some(found) = memchr(byte, &tag[at..]) {
                    at += found + 1;
                }
                is_value = false;
            }
            _ if byte.is_ascii_whitespace() => {}
            _ => is_value = false,
        }
    }
    None
}

/// `script` or `style`, when it is the name of the tag.
fn raw_name(tag: &[u8]) -> Option<&'static [u8]> {
    [&b"script"[..], b"style"].into_iter().find(|name| {
        let follows = tag.get(1 + name.len());
        tag.get(1..=name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name))
            && follows.is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/'))
    })
}

/// Byte after the end tag of that name, or the end of the text.
fn raw_end(bytes: &[u8], start: usize, name: &[u8]) -> usize {
    let mut at = start;
    while let Some(found) = memmem::find(&bytes[at..], b"</") {
        at += found + 2;
        let rest = &bytes[at..];
        let is_name = rest
            .get(..name.len())
            .is_some_and(|start| start.eq_ignore_ascii_case(name));
        let follows = rest.get(name.len());
        if is_name && follows.is_some_and(|byte| byte.is_ascii_whitespace() || matches!(byte, b'>' | b'/')) {
            return memchr(b'>', rest).map_or(bytes.len(), |found| at + found + 1);
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_reader_sees_counts() {
        for (text, visible) in [
            ("", ""),
            ("plain < text & more", "plain < text & more"),
            ("<p class=\"a>b\">Hi</p>", "Hi"),
            ("<!doctype html><!-- <b> -->x<?php y ?>z", "xz"),
            (
                "a<script>if (a < b) {}</SCRIPT >b<style media='x'>p{}</style>c",
                "abc",
            ),
            ("<scripted>kept</scripted>", "kept"),
            ("<script src='x'/>kept", "kept"),
            ("a<script>never closed", "a"),
            ("a<!-- never closed", "a"),
            ("never <b closed", "never <b closed"),
            ("&amp;&#8212;&nosemicolon &;", "&—&nosemicolon &;"),
            ("ä<b>ö</b>", "äö"),
            ("<p>a  b</p>\n\n  <p> </p><!-- -->\t\t", "a  b\n \t"),
            ("<a title=\"it's\" x='>'>t</a>", "t"),
        ] {
            let found = num_visible_characters(text, text.chars().count());
            assert_eq!(found, visible.chars().count(), "{text:?}");
        }
    }
}
