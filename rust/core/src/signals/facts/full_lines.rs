//! Lines between two `\n` that are not blank.

use crate::signals::Document;

/// One line that is not blank.
#[derive(Debug, Clone, Copy)]
pub(crate) struct FullLine<'d> {
    /// As it stands in the text, without its line feed.
    pub(crate) whole: &'d str,
    /// Without white space at its ends.
    pub(crate) trimmed: &'d str,
    /// Characters of the whole line.
    pub(crate) num_chars: u32,
}

/// The lines of Python's `text.split("\n")` of which `strip()` leaves something.
pub(crate) fn full_lines(document: Document<'_>) -> impl Iterator<Item = FullLine<'_>> {
    let (text, segmentation) = (document.text(), document.segmentation());
    let (starts, ends) = (segmentation.starts(), segmentation.ends());
    let lines = segmentation.lines();
    let next_tokens = lines
        .iter()
        .skip(1)
        .map(|line| line.first_token)
        .chain([starts.len() as u32]);
    // White space is never part of a token, and everything else is part of one.
    lines
        .iter()
        .zip(next_tokens)
        .filter(|(line, next_token)| line.first_token < *next_token)
        .map(move |(line, next_token)| FullLine {
            whole: &text[line.start as usize..line.end as usize],
            trimmed: &text
                [starts[line.first_token as usize] as usize..ends[next_token as usize - 1] as usize],
            num_chars: line.num_chars,
        })
}

/// The last byte of each of those lines that is no part of white space. Quicker than to cut the lines.
pub(crate) fn full_line_ends(document: Document<'_>) -> impl Iterator<Item = u8> {
    let (bytes, segmentation) = (document.text().as_bytes(), document.segmentation());
    let (lines, ends) = (segmentation.lines(), segmentation.ends());
    let next_tokens = lines.iter().skip(1).map(|line| line.first_token);
    let next_tokens = next_tokens.chain([ends.len() as u32]);
    lines
        .iter()
        .zip(next_tokens)
        .filter(|(line, next_token)| line.first_token < *next_token)
        .map(move |(_, next_token)| bytes[ends[next_token as usize - 1] as usize - 1])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::reference::strip;
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn full_lines_are_those_that_strip_leaves_something_of(text in nasty_text()) {
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let document = Document::new(&text, &segmentation, &cache, &NoColumns);
            let expected: Vec<&str> = text.split('\n').map(strip).filter(|line| !line.is_empty()).collect();
            prop_assert_eq!(full_lines(document).map(|line| line.trimmed).collect::<Vec<_>>(), expected.clone());
            let ends: Vec<u8> = expected.iter().map(|line| line.as_bytes()[line.len() - 1]).collect();
            prop_assert_eq!(full_line_ends(document).collect::<Vec<_>>(), ends);
        }
    }
}
