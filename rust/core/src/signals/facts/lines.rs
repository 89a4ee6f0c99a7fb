//! Lines as Python's `str.splitlines` gives them, with what line rules ask of each.

use crate::signals::Document;
use crate::signals::lines::split_lines;

/// One line. All positions are bytes of the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct LineFacts {
    /// First byte.
    pub(crate) start: u32,
    /// Byte after the last, its line break not included.
    pub(crate) end: u32,
    /// First byte that is not white space; `end` for a blank line.
    pub(crate) trimmed_start: u32,
    /// Byte after the last that is not white space; `trimmed_start` for a blank line.
    pub(crate) trimmed_end: u32,
    /// Index of the first word between white space ([`Document::space_words`]) that starts in or after the line.
    pub(crate) first_word: u32,
    /// Words between white space in the line.
    pub(crate) num_words: u32,
}

impl LineFacts {
    /// Whether it holds white space only.
    pub(crate) fn is_blank(self) -> bool {
        self.trimmed_start == self.trimmed_end
    }
}

/// Overwrites `into` with the lines of a document. Cost: one pass over lines; over tokens, too, if some line break is not a
/// line feed.
pub(crate) fn fill_lines(document: Document<'_>, into: &mut Vec<LineFacts>) {
    into.clear();
    let segmentation = document.segmentation();
    if segmentation.has_other_line_break() {
        fill_any_lines(document, into);
        return;
    }
    let (starts, ends) = (segmentation.starts(), segmentation.ends());
    let mut lines = segmentation.lines();
    let mut next = (segmentation.num_tokens(), segmentation.num_space_words() as u32);
    // There is no empty line after a final break.
    if let Some((last, before)) = lines.split_last()
        && last.start == last.end
    {
        lines = before;
        next = (last.first_token as usize, last.first_word);
    }
    let nexts = lines
        .iter()
        .skip(1)
        .map(|line| (line.first_token as usize, line.first_word))
        .chain([next]);
    into.extend(lines.iter().zip(nexts).map(|(line, (next_token, next_word))| {
        let first_token = line.first_token as usize;
        // A line break is white space, so tokens lie within lines, and its first and last are where it is trimmed.
        let (trimmed_start, trimmed_end) = if next_token > first_token {
            (starts[first_token], ends[next_token - 1])
        } else {
            (line.end, line.end)
        };
        LineFacts {
            start: line.start,
            end: line.end,
            trimmed_start,
            trimmed_end,
            first_word: line.first_word,
            num_words: next_word - line.first_word,
        }
    }));
}

/// The same for lines with any break between them.
fn fill_any_lines(document: Document<'_>, into: &mut Vec<LineFacts>) {
    let segmentation = document.segmentation();
    let (starts, ends) = (segmentation.starts(), segmentation.ends());
    let (mut token, mut word) = (0, 0);
    split_lines(document.text(), segmentation, |start, end| {
        let (first_token, first_word) = (token, word);
        // A token that touches the one before belongs to its word; none touches across a line break.
        let mut previous_end = u32::MAX;
        while let (Some(&token_start), Some(&token_end)) = (starts.get(token), ends.get(token))
            && (token_start as usize) < end
        {
            word += u32::from(token_start != previous_end);
            previous_end = token_end;
            token += 1;
        }
        // A line break is white space, so tokens lie within lines, and its first and last are where it is trimmed.
        let (trimmed_start, trimmed_end) = if token > first_token {
            (starts[first_token], previous_end)
        } else {
            (end as u32, end as u32)
        };
        into.push(LineFacts {
            start: start as u32,
            end: end as u32,
            trimmed_start,
            trimmed_end,
            first_word,
            num_words: word - first_word,
        });
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lines_of_line_feeds_are_those_of_any_break(text in nasty_text()) {
            let text = text.replace(['\r', '\u{b}', '\u{c}', '\u{1c}', '\u{85}', '\u{2028}', '\u{2029}'], "\n");
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let document = Document::new(&text, &segmentation, &cache, &NoColumns);
            let (mut quick, mut slow) = (Vec::new(), Vec::new());
            fill_lines(document, &mut quick);
            fill_any_lines(document, &mut slow);
            prop_assert_eq!(quick, slow);
        }
    }
}
