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
    /// The line without white space at its ends.
    pub(crate) fn trimmed(self, text: &str) -> &str {
        &text[self.trimmed_start as usize..self.trimmed_end as usize]
    }

    /// Whether it holds white space only.
    pub(crate) fn is_blank(self) -> bool {
        self.trimmed_start == self.trimmed_end
    }
}

/// Overwrites `into` with the lines of a document. Cost: one pass over lines and tokens.
pub(crate) fn fill_lines(document: Document<'_>, into: &mut Vec<LineFacts>) {
    into.clear();
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
