//! Lines that came before in the same text: counted once for all rules that ask for repeated lines.

use crate::signals::Document;
use crate::signals::ngrams::FirstPositions;
use xxhash_rust::xxh3::xxh3_64;

/// The lines between line feeds that are not empty, compared with their white space.
#[derive(Debug, Default)]
pub(crate) struct LineCopies {
    hashes: Vec<u64>,
    first_positions: FirstPositions,
    num_full: usize,
    num_copies: usize,
    num_copy_chars: usize,
    num_blank_copy_chars: usize,
}

impl LineCopies {
    /// A hash of each line of the segmentation, by content; of no use for empty ones.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Lines that are not empty.
    pub(crate) fn num_full(&self) -> usize {
        self.num_full
    }

    /// Second and later copies of lines that are not empty.
    pub(crate) fn num_copies(&self) -> usize {
        self.num_copies
    }

    /// Characters in those copies.
    pub(crate) fn num_copy_chars(&self) -> usize {
        self.num_copy_chars
    }

    /// Characters in those copies that are not blank.
    pub(crate) fn num_copy_chars_not_blank(&self) -> usize {
        self.num_copy_chars - self.num_blank_copy_chars
    }

    /// Overwrites everything with the lines of a document. Cost: one pass over its bytes.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let (text, segmentation) = (document.text().as_bytes(), document.segmentation());
        let lines = segmentation.lines();
        let Self {
            hashes,
            first_positions,
            ..
        } = self;
        hashes.clear();
        first_positions.begin(lines.len());
        let (mut num_full, mut num_copies, mut num_chars, mut num_blank_chars) = (0, 0, 0, 0);
        for (index, line) in lines.iter().enumerate() {
            if line.start == line.end {
                hashes.push(0);
                continue;
            }
            let hash = line_hash(&text[line.start as usize..line.end as usize]);
            hashes.push(hash);
            num_full += 1;
            if first_positions.first(hash, index, |other| hashes[other] == hash) != index {
                num_copies += 1;
                num_chars += line.num_chars as usize;
                // White space is never part of a token, and everything else is part of one.
                let next_token = lines
                    .get(index + 1)
                    .map_or(segmentation.num_tokens(), |next| next.first_token as usize);
                if line.first_token as usize == next_token {
                    num_blank_chars += line.num_chars as usize;
                }
            }
        }
        self.num_full = num_full;
        self.num_copies = num_copies;
        self.num_copy_chars = num_chars;
        self.num_blank_copy_chars = num_blank_chars;
    }
}

/// The hash by which lines are compared.
pub(crate) fn line_hash(line: &[u8]) -> u64 {
    xxh3_64(line)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::Segmentation;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;
    use std::collections::HashSet;

    proptest! {
        #[test]
        fn copies_are_those_of_a_set(pieces in prop::collection::vec((nasty_text(), 1..3_usize), 0..6)) {
            let text: String = pieces.iter().map(|(text, times)| format!("{text}\n \n").repeat(*times)).collect();
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let found = Document::new(&text, &segmentation, &cache, &NoColumns).line_copies();
            let full: Vec<&str> = text.split('\n').filter(|line| !line.is_empty()).collect();
            let mut seen = HashSet::new();
            let copies: Vec<&str> = full.iter().copied().filter(|&line| !seen.insert(line)).collect();
            let chars = |holds: &dyn Fn(&str) -> bool| -> usize {
                copies.iter().filter(|line| holds(line)).map(|line| line.chars().count()).sum()
            };
            prop_assert_eq!(found.num_full(), full.len());
            prop_assert_eq!(found.num_copies(), copies.len());
            prop_assert_eq!(found.num_copy_chars(), chars(&|_| true));
            let is_full = |line: &str| !line.chars().all(crate::segment::is_white_space);
            prop_assert_eq!(found.num_copy_chars_not_blank(), chars(&is_full));
        }
    }
}
