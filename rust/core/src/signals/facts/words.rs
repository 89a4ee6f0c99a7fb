//! Words between white space, as Python's `text.split()` gives them, from the tokens of the segmentation.

use crate::signals::Document;

/// The words of one text, as columns.
#[derive(Debug, Default)]
pub(crate) struct Words {
    starts: Vec<u32>,
    ends: Vec<u32>,
    num_chars: Vec<u32>,
    first_tokens: Vec<u32>,
}

impl Words {
    fn clear(&mut self) {
        self.starts.clear();
        self.ends.clear();
        self.num_chars.clear();
        self.first_tokens.clear();
    }

    /// Overwrites everything with the words of a document. Cost: one pass over its tokens.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        self.clear();
        let segmentation = document.segmentation();
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let char_counts = segmentation.char_counts();
        let mut token = 0;
        while token < starts.len() {
            let (first, start) = (token, starts[token]);
            let mut num_chars = char_counts[token];
            // White space is never part of a token, so tokens that touch are one word.
            while token + 1 < starts.len() && starts[token + 1] == ends[token] {
                token += 1;
                num_chars += char_counts[token];
            }
            self.starts.push(start);
            self.ends.push(ends[token]);
            self.num_chars.push(num_chars);
            self.first_tokens.push(first as u32);
            token += 1;
        }
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.starts.len()
    }

    /// First byte of each word.
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts
    }

    /// Characters (Unicode scalar values) of each word.
    pub(crate) fn num_chars(&self) -> &[u32] {
        &self.num_chars
    }

    /// Index of the first token of each word; its tokens go on to the first of the next word.
    pub(crate) fn first_tokens(&self) -> &[u32] {
        &self.first_tokens
    }

    /// The word of that index, as it stands in the text.
    pub(crate) fn word<'text>(&self, text: &'text str, index: usize) -> &'text str {
        &text[self.starts[index] as usize..self.ends[index] as usize]
    }
}
