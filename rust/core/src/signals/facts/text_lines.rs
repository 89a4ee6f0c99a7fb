//! Lines between line feeds, as Python's `text.split("\n")` gives them, with what line rules ask of each.

use crate::signals::Document;

/// One line. Its bytes and characters are those of the segmentation's line with the same index.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TextLine {
    /// First byte.
    pub(crate) start: u32,
    /// Byte after the last, its line feed not included.
    pub(crate) end: u32,
    /// Characters (Unicode scalar values).
    pub(crate) num_chars: u32,
    /// Characters with the property Uppercase: Python's `isupper`.
    pub(crate) num_upper: u32,
    /// Index of the first word between white space ([`Document::space_words`]) that starts in or after the line.
    pub(crate) first_word: u32,
    /// Words between white space in the line.
    pub(crate) num_words: u32,
}

/// Overwrites `into` with the lines of a document. Cost: one pass over its lines, and over what its bytes are.
pub(crate) fn fill_text_lines(document: Document<'_>, into: &mut Vec<TextLine>) {
    into.clear();
    let (segmentation, kinds) = (document.segmentation(), document.byte_kinds());
    let lines = segmentation.lines();
    let next_words = lines.iter().skip(1).map(|line| line.first_word);
    let next_words = next_words.chain([segmentation.num_space_words() as u32]);
    into.extend(lines.iter().zip(next_words).map(|(line, next_word)| TextLine {
        start: line.start,
        end: line.end,
        num_chars: line.num_chars,
        num_upper: kinds.num_upper(line.start as usize, line.end as usize),
        first_word: line.first_word,
        num_words: next_word - line.first_word,
    }));
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
        fn lines_are_those_of_split(text in nasty_text()) {
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let document = Document::new(&text, &segmentation, &cache, &NoColumns);
            let lines = document.text_lines();
            prop_assert_eq!(lines.len(), text.split('\n').count());
            let words: Vec<_> = text.split(is_white_space).filter(|word| !word.is_empty()).collect();
            for (line, expected) in lines.iter().zip(text.split('\n')) {
                prop_assert_eq!(&text[line.start as usize..line.end as usize], expected);
                let num_upper = expected.chars().filter(|character| character.is_uppercase()).count();
                prop_assert_eq!(line.num_upper as usize, num_upper, "{:?}", expected);
                let expected: Vec<_> = expected.split(is_white_space).filter(|word| !word.is_empty()).collect();
                let first = line.first_word as usize;
                prop_assert_eq!(&words[first..first + line.num_words as usize], &expected[..]);
            }
        }
    }
}
