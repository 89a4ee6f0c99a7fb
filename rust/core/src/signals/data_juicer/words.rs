//! Words as Data-Juicer has them: cut at spaces, tabs and line feeds only, without special characters at the ends.

use super::special::{SpecialCharacters, is_special_ascii};
use crate::segment::{HAS_LETTER, HAS_UPPER, hash_bytes};
use crate::signals::Document;

/// Calls `piece` with the byte range of every piece between spaces, tabs and line feeds, and with the index of the word
/// between white space that it is, if it is one.
///
/// Other white space stays in the pieces, so they are put together from the words between all white space.
fn for_each_piece(document: Document<'_>, mut piece: impl FnMut(usize, usize, Option<usize>)) {
    let bytes = document.text().as_bytes();
    let words = document.space_words();
    let (starts, ends) = (words.starts(), words.ends());
    let mut start = 0;
    // The gap before each word, and the one after the last.
    for word in 0..=starts.len() {
        let before = word.checked_sub(1);
        let (word_start, gap_start) =
            before.map_or((0, 0), |word| (starts[word] as usize, ends[word] as usize));
        let gap_end = starts.get(word).map_or(bytes.len(), |&start| start as usize);
        for (offset, byte) in bytes[gap_start..gap_end].iter().enumerate() {
            if matches!(byte, b' ' | b'\t' | b'\n') {
                if offset == 0 && start == word_start && before.is_some() {
                    piece(start, gap_start, before);
                } else if gap_start + offset > start {
                    piece(start, gap_start + offset, None);
                }
                start = gap_start + offset + 1;
            }
        }
    }
    if bytes.len() > start {
        piece(start, bytes.len(), None);
    }
}

/// The words of one text.
#[derive(Debug, Clone, Default)]
pub(super) struct RefinedWords {
    /// Hash of each word in lower case; words of special characters only are left out.
    hashes: Vec<u64>,
    /// Words that are left without lower-casing first: a few capital letters are special and their small ones are not.
    num_words: usize,
    lower: String,
}

impl RefinedWords {
    /// Overwrites everything with the words of a document. Cost: one pass over its words.
    pub(super) fn fill(&mut self, document: Document<'_>, special: &SpecialCharacters) {
        self.hashes.clear();
        self.num_words = 0;
        let (text, segmentation) = (document.text(), document.segmentation());
        let first_tokens = document.space_words().first_tokens();
        let Self {
            hashes,
            num_words,
            lower,
        } = self;
        for_each_piece(document, |start, end, word| {
            // Most words are one token, or one and a mark, and the hash of a token is known.
            if let Some(token) =
                word.and_then(|word| plain_token(document, first_tokens[word] as usize, start, end))
            {
                *num_words += 1;
                hashes.push(segmentation.lower_hash(text, token, lower));
                return;
            }
            let piece = &text[start..end];
            *num_words += usize::from(!special.strip(piece).is_empty());
            lower_case(piece, lower);
            let word = special.strip(lower);
            if !word.is_empty() {
                hashes.push(hash_bytes(word.as_bytes()));
            }
        });
    }

    /// Hashes of the words in lower case.
    pub(super) fn hashes(&self) -> &[u64] {
        &self.hashes
    }

    /// Number of words, counted before lower-casing.
    pub(super) fn num_words(&self) -> usize {
        self.num_words
    }
}

/// The given token, if it is all that is left of a word that starts with it when special characters are stripped:
/// ASCII letters, and behind it nothing or one token of ASCII marks.
fn plain_token(document: Document<'_>, token: usize, start: usize, end: usize) -> Option<usize> {
    let (bytes, segmentation) = (document.text().as_bytes(), document.segmentation());
    let (ends, flags) = (segmentation.ends(), segmentation.flags());
    let token_end = ends[token] as usize;
    let is_plain = flags[token] & !HAS_UPPER == HAS_LETTER
        && bytes[start].is_ascii_alphabetic()
        && bytes[token_end - 1].is_ascii_alphabetic();
    let is_all = token_end == end || token_end + 1 == end && is_special_ascii(bytes[token_end]);
    (is_plain && is_all).then_some(token)
}

/// Overwrites `lower` with the text in lower case, as Python's `str.lower` has it.
fn lower_case(text: &str, lower: &mut String) {
    lower.clear();
    if text.is_ascii() {
        lower.push_str(text);
        lower.make_ascii_lowercase();
    } else if text.contains('Σ') {
        // Its lower case depends on what stands around it.
        lower.push_str(&text.to_lowercase());
    } else {
        lower.extend(text.chars().flat_map(char::to_lowercase));
    }
}

/// A set of words, asked by hash once a word.
#[derive(Debug, Clone, Default)]
pub(super) struct WordSet {
    /// Open addressing; 0 is free. The hash 0 belongs to no word that anybody has found.
    slots: Vec<u64>,
}

impl WordSet {
    pub(super) fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let hashes: Vec<u64> = words
            .into_iter()
            .map(|word| hash_bytes(word.as_bytes()))
            .collect();
        let mut slots = vec![0; (4 * hashes.len()).next_power_of_two().max(16)];
        for hash in hashes {
            let place = place_of(&slots, hash);
            slots[place] = hash;
        }
        Self { slots }
    }

    /// How many of the hashes are those of words in the set.
    pub(super) fn count(&self, hashes: &[u64]) -> usize {
        let is_in = |hash: &&u64| self.slots[place_of(&self.slots, **hash)] == **hash;
        hashes.iter().filter(is_in).count()
    }
}

/// The slot that holds the hash, or the free one where it would be.
fn place_of(slots: &[u64], hash: u64) -> usize {
    let mask = slots.len() - 1;
    let mut place = hash as usize & mask;
    while slots[place] != 0 && slots[place] != hash {
        place = (place + 1) & mask;
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_set_holds_its_words_only() {
        let set = WordSet::new(["the", "a", "the", "über"]);
        let hashes = ["the", "The", "a", "", "über", "b"].map(|word| hash_bytes(word.as_bytes()));
        assert_eq!(set.count(&hashes), 3);
        assert_eq!(WordSet::new([]).count(&hashes), 0);
    }
}
