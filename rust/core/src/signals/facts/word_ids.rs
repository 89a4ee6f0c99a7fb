//! A number for each different word of a text, so that rules over words count numbers, not strings.

use super::select_with_bits;
use crate::segment::{ALL_SYMBOLS, HAS_UPPER};
use crate::signals::Document;

/// The tokens of one text as numbers: equal tokens, without regard to case, have equal ones.
#[derive(Debug, Default)]
pub(crate) struct WordIds {
    table: HashIds,
    /// For each token.
    ids: Vec<u32>,
    /// The same without the tokens that are all symbols.
    words: Vec<u32>,
    /// For each number, how many of those words have it.
    num_copies: Vec<u32>,
    /// The hash of each token in lower case, and which tokens have something to lower.
    lower_hashes: Vec<u64>,
    upper: Vec<u32>,
    scratch: String,
}

impl WordIds {
    /// Overwrites everything with the words of a document. Cost: one look-up a token.
    pub(crate) fn fill(&mut self, document: Document<'_>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let num_tokens = segmentation.num_tokens();
        // Apart from the rest, because nobody can foresee which words have a capital.
        self.lower_hashes.clear();
        self.lower_hashes.extend_from_slice(segmentation.hashes());
        select_with_bits(segmentation.flags(), HAS_UPPER, &mut self.upper);
        for &token in &self.upper {
            let hash = segmentation.lower_hash(text, token as usize, &mut self.scratch);
            self.lower_hashes[token as usize] = hash;
        }
        self.table.begin(0, num_tokens);
        self.ids.resize(num_tokens, 0);
        self.words.resize(num_tokens, 0);
        self.num_copies.clear();
        self.num_copies.resize(num_tokens, 0);
        let (words, num_copies) = (&mut self.words[..], &mut self.num_copies[..]);
        let (mut slots, mut num_words) = (self.table.slots(), 0);
        let tokens = self.lower_hashes.iter().zip(segmentation.flags());
        for (id, (&hash, flags)) in self.ids.iter_mut().zip(tokens) {
            *id = slots.add(hash);
            let is_word = flags & ALL_SYMBOLS == 0;
            // Written always, kept sometimes.
            words[num_words] = *id;
            num_words += usize::from(is_word);
            num_copies[*id as usize] += u32::from(is_word);
        }
        self.table.len = slots.len;
        self.words.truncate(num_words);
        self.num_copies.truncate(self.table.len());
    }

    /// The number of each token of the segmentation.
    pub(crate) fn of_tokens(&self) -> &[u32] {
        &self.ids
    }

    /// The numbers of the tokens that are not all symbols, in the order of the text.
    pub(crate) fn of_words(&self) -> &[u32] {
        &self.words
    }

    /// For each number how many of those words have it: 0 for symbols. Numbers rise in the order in which they come first.
    pub(crate) fn num_copies(&self) -> &[u32] {
        &self.num_copies
    }

    /// [`hash_bytes`](crate::segment::hash_bytes) of the lower case of the token of each number.
    pub(crate) fn hashes(&self) -> &[u64] {
        self.table.hashes()
    }

    /// [`hash_bytes`](crate::segment::hash_bytes) of the lower case of each token of the segmentation.
    pub(crate) fn hashes_of_tokens(&self) -> &[u64] {
        &self.lower_hashes
    }

    /// The number of the token that has this hash in lower case.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        self.table.find(hash)
    }
}

/// Numbers for the hashes of one text, in the order in which they come.
#[derive(Debug, Default, Clone)]
pub(crate) struct HashIds {
    /// One more than the index of a hash, or 0, in the first free slot from that of its highest bits on.
    slots: Vec<u32>,
    shift: u32,
    /// As long as the longest text needed; the first `len` are the text's.
    hashes: Vec<u64>,
    len: usize,
    first_id: u32,
}

impl HashIds {
    /// Forgets everything, and makes room for so many hashes, whose numbers start with `first_id`.
    pub(crate) fn begin(&mut self, first_id: u32, most: usize) {
        let num_slots = (2 * most).next_power_of_two().max(64);
        self.shift = 64 - num_slots.trailing_zeros();
        self.slots.clear();
        self.slots.resize(num_slots, 0);
        if self.hashes.len() < most + 1 {
            self.hashes.resize(most + 1, 0);
        }
        (self.len, self.first_id) = (0, first_id);
    }

    /// How many hashes there are.
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    /// The hash of each number.
    pub(crate) fn hashes(&self) -> &[u64] {
        &self.hashes[..self.len]
    }

    /// The number of the hash, which is a new one if it has none yet.
    pub(crate) fn add(&mut self, hash: u64) -> u32 {
        let mut slots = self.slots();
        let id = slots.add(hash);
        self.len = slots.len;
        id
    }

    /// The table for a loop of many hashes: its place and size stay in registers, whatever else the loop writes.
    #[inline(always)]
    fn slots(&mut self) -> IdSlots<'_> {
        IdSlots {
            slots: &mut self.slots,
            hashes: &mut self.hashes,
            shift: self.shift,
            len: self.len,
            first_id: self.first_id,
        }
    }
    /// The number of the hash, if it has one.
    pub(crate) fn find(&self, hash: u64) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut index = (hash >> self.shift) as usize;
        loop {
            let found = self.slots[index & mask].checked_sub(1)?;
            if self.hashes[found as usize] == hash {
                return Some(self.first_id + found);
            }
            index += 1;
        }
    }
}

/// The slots of [`HashIds`], and how many hashes there are now.
struct IdSlots<'a> {
    slots: &'a mut [u32],
    hashes: &'a mut [u64],
    shift: u32,
    len: usize,
    first_id: u32,
}

impl IdSlots<'_> {
    #[inline(always)]
    fn add(&mut self, hash: u64) -> u32 {
        let (slots, hashes) = (&mut *self.slots, &mut *self.hashes);
        let (mask, next) = (slots.len() - 1, self.len);
        // New or known is a coin toss, so both are done alike.
        hashes[next] = hash;
        let mut index = (hash >> self.shift) as usize;
        loop {
            let slot = &mut slots[index & mask];
            let number = if *slot == 0 { next as u32 + 1 } else { *slot };
            let found = (number - 1) as usize;
            if hashes[found] == hash {
                *slot = number;
                self.len += usize::from(found == next);
                return self.first_id + found as u32;
            }
            index += 1;
        }
    }
}

/// Numbers for words that are made otherwise than by cutting the text into tokens: those of [`WordIds`] where the word
/// is a token in lower case, and further ones.
#[derive(Debug, Default, Clone)]
pub(crate) struct FurtherIds {
    table: HashIds,
}

impl FurtherIds {
    /// Forgets everything, and makes room for so many words beside those.
    pub(crate) fn begin(&mut self, words: &WordIds, most: usize) {
        self.table.begin(words.hashes().len() as u32, most);
    }

    /// The number of a word with that hash.
    pub(crate) fn add(&mut self, words: &WordIds, hash: u64) -> u32 {
        match words.find(hash) {
            Some(id) => id,
            None => self.table.add(hash),
        }
    }

    /// The number of a word with that hash, if it has one.
    pub(crate) fn find(&self, words: &WordIds, hash: u64) -> Option<u32> {
        words.find(hash).or_else(|| self.table.find(hash))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::{SEGMENTER, nasty_text};
    use crate::segment::{Segmentation, hash_bytes, is_symbol};
    use crate::signals::{Cache, NoColumns};
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn ids_tell_words_apart_and_nothing_else(text in nasty_text(), times in 1..4_usize) {
            let text = format!("{text} A word, a WORD; {text}").repeat(times);
            let mut segmentation = Segmentation::default();
            SEGMENTER.segment(&text, &mut segmentation);
            let cache = Cache::default();
            let ids = Document::new(&text, &segmentation, &cache, &NoColumns).word_ids();
            let tokens = (0..segmentation.num_tokens()).map(|token| segmentation.token(&text, token));
            let lower: Vec<String> = tokens.map(|token| token.chars().flat_map(char::to_lowercase).collect()).collect();
            let mut different: Vec<&String> = Vec::new();
            for token in &lower {
                if !different.contains(&token) {
                    different.push(token);
                }
            }
            let id_of = |token: &String| different.iter().position(|other| *other == token).unwrap() as u32;
            let expected: Vec<u32> = lower.iter().map(id_of).collect();
            prop_assert_eq!(ids.of_tokens(), &expected[..]);
            let all_symbols = |token: usize| segmentation.token(&text, token).chars().all(is_symbol);
            let words = (0..lower.len()).filter(|&token| !all_symbols(token));
            let words: Vec<u32> = words.map(|token| expected[token]).collect();
            prop_assert_eq!(ids.of_words(), &words[..]);
            let mut further = FurtherIds::default();
            further.begin(ids, 2);
            for (id, token) in different.iter().enumerate() {
                let hash = hash_bytes(token.as_bytes());
                prop_assert_eq!(ids.hashes()[id], hash);
                prop_assert_eq!(further.add(ids, hash), id as u32);
                let copies = words.iter().filter(|&&word| word == id as u32).count();
                prop_assert_eq!(ids.num_copies()[id] as usize, copies);
            }
            prop_assert_eq!(further.find(ids, 7), None);
            for (hash, id) in [(7, 0), (0, 1), (7, 0), (0, 1)] {
                let id = id + different.len() as u32;
                prop_assert_eq!(further.add(ids, hash), id);
                prop_assert_eq!(further.find(ids, hash), Some(id));
            }
        }
    }
}
