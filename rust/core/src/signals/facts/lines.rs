//! Lines as Python's `str.splitlines` gives them, with what line rules ask of each.

use crate::segment::is_white_space;
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
    /// The line as it stands in the text.
    pub(crate) fn text(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// The line without white space at its ends.
    pub(crate) fn trimmed(self, text: &str) -> &str {
        &text[self.trimmed_start as usize..self.trimmed_end as usize]
    }

    /// Whether it holds white space only.
    pub(crate) fn is_blank(self) -> bool {
        self.trimmed_start == self.trimmed_end
    }
}

/// Overwrites `into` with the lines of a document. Cost: one pass over lines and words.
pub(crate) fn fill_lines(document: Document<'_>, into: &mut Vec<LineFacts>) {
    into.clear();
    let text = document.text();
    let words = document.space_words();
    let starts = words.starts();
    let mut word = 0;
    split_lines(text, document.segmentation(), |start, end| {
        let first_word = word;
        while starts.get(word).is_some_and(|&at| (at as usize) < end) {
            word += 1;
        }
        // A line break is white space, so words lie within lines, and its first and last word are where it is trimmed.
        let (trimmed_start, trimmed_end) = if word > first_word {
            (starts[first_word], words.ends()[word - 1])
        } else {
            (end as u32, end as u32)
        };
        debug_assert!(!text[start..end].starts_with(is_white_space) || trimmed_start > start as u32 || start == end);
        into.push(LineFacts {
            start: start as u32,
            end: end as u32,
            trimmed_start,
            trimmed_end,
            first_word: first_word as u32,
            num_words: (word - first_word) as u32,
        });
    });
}
