//! Words between white space, as Python's `text.split()` gives them, from the tokens of the segmentation.

use crate::signals::Document;

/// The words of one text, as columns: as long as the longest text needed, the first `len` are the text's.
#[derive(Debug, Default)]
pub(crate) struct Words {
    starts: Vec<u32>,
    ends: Vec<u32>,
    num_chars: Vec<u32>,
    first_tokens: Vec<u32>,
    len: usize,
}

impl Words {
    /// Overwrites everything with the words of a document. Cost: one pass over its tokens.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let segmentation = document.segmentation();
        let max_words = segmentation.num_tokens();
        if self.starts.len() <= max_words {
            for column in [
                &mut self.starts,
                &mut self.ends,
                &mut self.num_chars,
                &mut self.first_tokens,
            ] {
                column.resize(max_words + 1, 0);
            }
        }
        let (starts, first_tokens) = (
            &mut self.starts[..=max_words],
            &mut self.first_tokens[..=max_words],
        );
        let (ends, word_chars) = (&mut self.ends[..=max_words], &mut self.num_chars[..=max_words]);
        let tokens = segmentation.starts().iter().zip(segmentation.ends());
        // No end comes before the first start.
        let (mut number, mut end_before, mut num_chars) = (0, u32::MAX, 0);
        for ((&start, &end), (token, &token_chars)) in tokens.zip((0..).zip(segmentation.char_counts())) {
            // White space is never part of a token, so tokens that touch are one word. Whether they do is a coin toss, so
            // everything is written, and what the next token writes again does not count.
            let is_first = start != end_before;
            end_before = end;
            num_chars = if is_first { 0 } else { num_chars } + token_chars;
            (starts[number], first_tokens[number]) = (start, token);
            number += usize::from(is_first);
            (ends[number - 1], word_chars[number - 1]) = (end, num_chars);
        }
        self.len = number;
    }

    /// Number of words.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// First byte of each word.
    pub(crate) fn starts(&self) -> &[u32] {
        &self.starts[..self.len]
    }

    /// Characters (Unicode scalar values) of each word.
    pub(crate) fn num_chars(&self) -> &[u32] {
        &self.num_chars[..self.len]
    }

    /// Index of the first token of each word; its tokens go on to the first of the next word.
    pub(crate) fn first_tokens(&self) -> &[u32] {
        &self.first_tokens[..self.len]
    }

    /// The word of that index, as it stands in the text.
    pub(crate) fn word<'text>(&self, text: &'text str, index: usize) -> &'text str {
        &text[self.starts[index] as usize..self.ends[index] as usize]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::segment::{Segmentation, is_white_space};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn words_are_those_of_split(text in nasty_text(), other in nasty_text()) {
            let mut words = Words::default();
            for text in [&text, &other, &format!("{text}, ({other})!")] {
                let mut segmentation = Segmentation::default();
                SEGMENTER.segment(text, &mut segmentation);
                let cache = Cache::default();
                words.fill(Document::new(text, &segmentation, &cache, &NoColumns));
                let expected: Vec<_> = text.split(is_white_space).filter(|word| !word.is_empty()).collect();
                let found: Vec<_> = (0..words.len()).map(|index| words.word(text, index)).collect();
                prop_assert_eq!(&found, &expected);
                let num_chars: Vec<_> = expected.iter().map(|word| word.chars().count() as u32).collect();
                prop_assert_eq!(words.num_chars(), &num_chars);
                let starts = words.first_tokens().iter().map(|&token| segmentation.starts()[token as usize]);
                prop_assert_eq!(starts.collect::<Vec<_>>(), words.starts());
            }
        }
    }
}
