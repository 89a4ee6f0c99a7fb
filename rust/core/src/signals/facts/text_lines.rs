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

/// Overwrites `into` with the lines of a document. Cost: one pass over its words, and a count of its upper-case letters.
pub(crate) fn fill_text_lines(document: Document<'_>, into: &mut Vec<TextLine>) {
    into.clear();
    let text = document.text();
    let starts = document.space_words().starts();
    let mut word = 0;
    into.extend(document.segmentation().lines().iter().map(|line| {
        let first_word = word;
        while starts.get(word).is_some_and(|&start| start < line.end) {
            word += 1;
        }
        TextLine {
            start: line.start,
            end: line.end,
            num_chars: line.num_chars,
            num_upper: count_upper(&text[line.start as usize..line.end as usize], line.num_chars),
            first_word: first_word as u32,
            num_words: (word - first_word) as u32,
        }
    }));
}

/// Characters for which `isupper` holds, of a line of that many characters.
fn count_upper(line: &str, num_chars: u32) -> u32 {
    let bytes = line.as_bytes();
    // Sums of at most 255 ones fit a byte, so that the loop over them runs in byte lanes.
    let num_ascii: u32 = bytes
        .chunks(255)
        .map(|chunk| {
            u32::from(
                chunk
                    .iter()
                    .map(|byte| u8::from(byte.is_ascii_uppercase()))
                    .sum::<u8>(),
            )
        })
        .sum();
    if bytes.len() == num_chars as usize {
        return num_ascii;
    }
    let (mut num_other, mut rest) = (0, line);
    while let Some(at) = rest.bytes().position(|byte| byte >= 0x80) {
        let mut characters = rest[at..].chars();
        num_other += characters
            .by_ref()
            .take_while(|character| !character.is_ascii())
            .filter(|character| character.is_uppercase())
            .count();
        rest = characters.as_str();
    }
    num_ascii + num_other as u32
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
