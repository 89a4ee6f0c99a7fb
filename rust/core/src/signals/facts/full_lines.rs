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
