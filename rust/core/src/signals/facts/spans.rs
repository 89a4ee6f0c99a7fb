//! Paragraphs and sentences, from the lines and tokens of the one segmentation.

use crate::segment::{is_terminal_mark, is_white_space};
use crate::signals::Document;

/// Bytes of a text, on boundaries of characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// First byte, inclusive.
    pub start: u32,
    /// Last byte, exclusive.
    pub end: u32,
}

/// Overwrites `into` with the paragraphs of a document.
pub(crate) fn fill_paragraphs(document: Document<'_>, into: &mut Vec<Span>) {
    into.clear();
    let segmentation = document.segmentation();
    let lines = segmentation.lines();
    let next_tokens = lines.iter().skip(1).map(|line| line.first_token);
    let next_tokens = next_tokens.chain([segmentation.num_tokens() as u32]);
    let mut is_open = false;
    for (line, next_token) in lines.iter().zip(next_tokens) {
        // White space is never part of a token, and everything else is.
        let is_blank = line.first_token == next_token;
        match into.last_mut() {
            Some(paragraph) if is_open && !is_blank => paragraph.end = line.end,
            _ if !is_blank => into.push(Span {
                start: line.start,
                end: line.end,
            }),
            _ => {}
        }
        is_open = !is_blank;
    }
}

/// Overwrites `into` with the sentences of a document.
pub(crate) fn fill_sentences(document: Document<'_>, into: &mut Vec<Span>) {
    into.clear();
    let text = document.text();
    let mut marks = &document.spots().ends[..];
    for line in document.segmentation().lines() {
        let (of_line, others) = marks.split_at(marks.partition_point(|&mark| mark < line.end));
        marks = others;
        let mut start = line.start as usize;
        let mut push = |start: usize, end: usize| {
            let sentence = text[start..end].trim_end_matches(is_white_space);
            let start = start + sentence.len() - sentence.trim_start_matches(is_white_space).len();
            let end = start + sentence.trim_start_matches(is_white_space).len();
            if start < end {
                into.push(Span {
                    start: start as u32,
                    end: end as u32,
                });
            }
        };
        for_each_sentence_end(text, line.start as usize, line.end as usize, of_line, |end| {
            push(start, end);
            start = end;
        });
        push(start, line.end as usize);
    }
}

/// Calls `visit` with the byte after each sentence that ends in bytes `start..end` of a text, which are of one line.
///
/// `marks` are the positions there at which a terminal mark may stand, as [`Spots::ends`](super::Spots) has them.
#[inline(always)]
pub(crate) fn for_each_sentence_end(
    text: &str,
    start: usize,
    end: usize,
    marks: &[u32],
    mut visit: impl FnMut(usize),
) {
    let bytes = &text.as_bytes()[..end];
    let mut next = start;
    for &mark in marks {
        let mark = mark as usize;
        if mark < next {
            continue;
        }
        next = mark + 1;
        let ends_sentence = match (bytes[mark], bytes.get(next)) {
            // Nearly all marks are one of these two.
            (..0x80, Some(b' ')) => true,
            (..0x80, Some(following)) if following.is_ascii_alphanumeric() => false,
            _ => {
                let (run_end, ends_sentence) = run_of_marks(&text[..end], mark);
                next = run_end;
                ends_sentence
            }
        };
        if ends_sentence {
            visit(next);
        }
    }
}

/// The end of the marks that start at `start` (at least one character on), and whether a sentence ends there.
pub(crate) fn run_of_marks(text: &str, start: usize) -> (usize, bool) {
    let mut characters = text[start..].chars();
    let first = characters.next().unwrap_or_default();
    let mut end = start + first.len_utf8();
    if !is_terminal_mark(first) {
        return (end, false);
    }
    let mut stands_alone = !first.is_ascii();
    for character in characters {
        if is_terminal_mark(character) {
            stands_alone |= !character.is_ascii();
        } else if !is_closing_mark(character) {
            return (end, stands_alone || is_white_space(character));
        }
        end += character.len_utf8();
    }
    (end, true)
}

fn is_closing_mark(character: char) -> bool {
    matches!(
        character,
        '"' | '\'' | ')' | ']' | '}' | '»' | '’' | '”' | '›' | '」' | '』' | '】' | '）' | '〉' | '》'
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::reference::{page, strip};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    fn spans(text: &str) -> (Vec<&str>, Vec<&str>) {
        let (mut segmentation, cache) = (Segmentation::default(), Cache::default());
        SEGMENTER.segment(text, &mut segmentation);
        let document = Document::new(text, &segmentation, &cache, &NoColumns);
        let texts = |spans: &[Span]| {
            let texts = spans
                .iter()
                .map(|span| &text[span.start as usize..span.end as usize]);
            texts.collect::<Vec<_>>()
        };
        (texts(document.paragraphs()), texts(document.sentences()))
    }

    /// Lines up to a blank one, joined.
    fn paragraphs(text: &str) -> Vec<String> {
        let (mut paragraphs, mut lines): (Vec<String>, Vec<&str>) = (Vec::new(), Vec::new());
        for line in text.split('\n').chain([""]) {
            if !strip(line).is_empty() {
                lines.push(line);
            } else if !lines.is_empty() {
                paragraphs.push(lines.join("\n"));
                lines.clear();
            }
        }
        paragraphs
    }

    /// Looks at each character of each line.
    fn sentences(text: &str) -> Vec<&str> {
        let mut sentences = Vec::new();
        for line in text.split('\n') {
            let (mut start, mut at) = (0, 0);
            while at < line.len() {
                let (end, ends_sentence) = run_of_marks(line, at);
                if ends_sentence {
                    sentences.push(strip(&line[start..end]));
                    start = end;
                }
                at = end;
            }
            sentences.push(strip(&line[start..]));
        }
        sentences.retain(|sentence| !sentence.is_empty());
        sentences
    }

    proptest! {
        #[test]
        fn spans_are_those_of_the_definitions(text in prop_oneof![page(), nasty_text()], other in page()) {
            for text in [&text, &format!("{text}\n \u{a0}\n{other} One. Two?! (Three.) 漢字。文")] {
                let (found_paragraphs, found_sentences) = spans(text);
                prop_assert_eq!(found_paragraphs, paragraphs(text));
                prop_assert_eq!(found_sentences, sentences(text));
            }
        }
    }
}
