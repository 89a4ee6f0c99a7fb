//! Words as Data-Juicer has them: cut at spaces, tabs and line feeds only, without special characters at the ends.

use super::special::SpecialCharacters;
use crate::segment::{HAS_LETTER, HAS_UPPER, hash_bytes};
use crate::signals::Document;
use crate::signals::facts::{HashFilter, MARKS};

/// A space, tab or line feed.
const SEPARATOR: u8 = 1;
/// An ASCII character that is special and not white space.
const MARK: u8 = 2;
/// An ASCII letter.
const LETTER: u8 = 4;

/// What each byte is, as bits.
const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b' ' | b'\t' | b'\n' => SEPARATOR,
            b'A'..=b'Z' | b'a'..=b'z' => LETTER,
            other if other.is_ascii_punctuation() || other.is_ascii_digit() => MARK,
            _ => 0,
        };
        byte += 1;
    }
    kinds
};

/// What the byte at a position is; the end of the text separates.
#[inline(always)]
fn kind_at(bytes: &[u8], position: usize) -> u8 {
    bytes
        .get(position)
        .map_or(SEPARATOR, |&byte| KINDS[usize::from(byte)])
}

/// The words of one text.
#[derive(Debug, Clone, Default)]
pub(super) struct RefinedWords {
    /// The hash of each word in lower case; words of special characters only are left out.
    hashes: Vec<u64>,
    /// For each number of a token, how many of the words are that token and marks.
    num_copies: Vec<u32>,
    /// The hashes of the other words.
    others: Vec<u64>,
    /// Number of words whose hash falls in the bucket, up to 255.
    bucket_counts: Vec<u8>,
    shift: u32,
    /// Words that are left without lower-casing first: a few capital letters are special and their small ones are not.
    num_words: usize,
    lower: String,
}

impl RefinedWords {
    /// Overwrites everything with the words of a document. Cost: one pass over its tokens.
    pub(super) fn fill(&mut self, document: Document<'_>, special: &SpecialCharacters) {
        self.hashes.clear();
        self.others.clear();
        self.num_words = 0;
        let (segmentation, words) = (document.segmentation(), document.word_ids());
        self.num_copies.clear();
        self.num_copies.resize(words.hashes().len(), 0);
        // A word has a token, or white space that separates none.
        let characters = document.characters();
        let num_separators: usize = b" \t\n".iter().map(|&byte| characters.of_ascii(byte)).sum();
        let most = segmentation.num_tokens() + characters.white_space() - num_separators;
        if most == segmentation.num_tokens() {
            self.fill_plain(document, special);
        } else {
            self.fill_any(document, special);
        }
        self.count_buckets();
    }

    /// Bounds how often each word occurs.
    fn count_buckets(&mut self) {
        let num_buckets = (4 * self.hashes.len()).next_power_of_two().max(64);
        self.shift = 64 - num_buckets.trailing_zeros();
        self.bucket_counts.clear();
        self.bucket_counts.resize(num_buckets, 0);
        let counts = &mut self.bucket_counts[..];
        for hash in &self.hashes {
            let count = &mut counts[(hash >> self.shift) as usize];
            *count = count.saturating_add(1);
        }
    }

    /// Whether the word there may occur more than once; of one that does not, that is seldom said.
    #[inline(always)]
    fn may_be_repeated(&self, at: usize) -> bool {
        self.bucket_counts[(self.hashes[at] >> self.shift) as usize] > 1
    }

    /// Adds the words of a text without other white space than separators: they are those between white space.
    fn fill_plain(&mut self, document: Document<'_>, special: &SpecialCharacters) {
        let (text, words) = (document.text(), document.word_ids());
        let (flags, ids) = (document.segmentation().flags(), words.of_tokens());
        let (token_hashes, starts) = (words.hashes_of_tokens(), document.space_words().starts());
        for (&token, &start) in document.plain_words().tokens().iter().zip(starts) {
            if token == MARKS {
                continue;
            }
            // The hash of a token is known.
            match flags.get(token as usize) {
                Some(flags) if flags & !HAS_UPPER == HAS_LETTER => {
                    self.num_words += 1;
                    self.hashes.push(token_hashes[token as usize]);
                    self.num_copies[ids[token as usize] as usize] += 1;
                }
                _ => {
                    self.add_at(text, start as usize, special);
                }
            }
        }
    }

    /// Adds the words of any text.
    fn fill_any(&mut self, document: Document<'_>, special: &SpecialCharacters) {
        let (text, segmentation, words) = (document.text(), document.segmentation(), document.word_ids());
        let bytes = text.as_bytes();
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let (flags, ids) = (segmentation.flags(), words.of_tokens());
        let token_hashes = words.hashes_of_tokens();
        // Where the next piece may start. Only compared with, so that no token waits for the one before.
        let mut next = 0;
        for (token, &start) in starts.iter().enumerate() {
            let start = start as usize;
            if start < next {
                continue;
            }
            if start > next {
                next = self.add_between(text, (next, start), special);
            }
            // Most words are one token, or one and a mark, and the hash of a token is known.
            let end = ends[token] as usize;
            if start == next && flags[token] & !HAS_UPPER == HAS_LETTER {
                let is_plain = kind_at(bytes, start) & kind_at(bytes, end - 1) & LETTER != 0;
                let end = end + usize::from(kind_at(bytes, end) == MARK);
                if is_plain && kind_at(bytes, end) == SEPARATOR {
                    self.num_words += 1;
                    self.hashes.push(token_hashes[token]);
                    self.num_copies[ids[token] as usize] += 1;
                    next = end + 1;
                    continue;
                }
            }
            next = self.add_at(text, next, special) + 1;
        }
        let last = self.add_between(text, (next, bytes.len()), special);
        if last < bytes.len() {
            self.add_at(text, last, special);
        }
    }

    /// Adds the pieces between separators that end before a token, and returns where the piece with the token starts.
    fn add_between(
        &mut self,
        text: &str,
        (start, token_start): (usize, usize),
        special: &SpecialCharacters,
    ) -> usize {
        let bytes = text.as_bytes();
        let mut next = start;
        while next < token_start {
            if KINDS[usize::from(bytes[next])] != SEPARATOR {
                if !bytes[next..token_start]
                    .iter()
                    .any(|&byte| KINDS[usize::from(byte)] == SEPARATOR)
                {
                    break;
                }
                next = self.add_at(text, next, special);
            }
            next += 1;
        }
        next
    }

    /// Adds the piece that starts there, and returns where it ends.
    fn add_at(&mut self, text: &str, start: usize, special: &SpecialCharacters) -> usize {
        let piece = &text.as_bytes()[start..];
        if let Some(piece) = piece.first_chunk().and_then(ShortPiece::read) {
            self.add_short(&piece);
            return start + piece.length;
        }
        let is_inside = |byte: &&u8| KINDS[usize::from(**byte)] != SEPARATOR;
        let end = start + piece.iter().take_while(is_inside).count();
        self.add(&text[start..end], special);
        end
    }

    /// Adds what is left of a short piece, if anything.
    fn add_short(&mut self, piece: &ShortPiece) {
        if piece.letters == 0 {
            return;
        }
        let first = piece.letters.trailing_zeros() / 8;
        let last = 15 - piece.letters.leading_zeros() / 8;
        let word = (piece.lower >> (8 * first)).to_le_bytes();
        self.num_words += 1;
        let hash = hash_bytes(&word[..(last - first + 1) as usize]);
        self.add_other(hash);
    }

    /// Adds what is left of any piece.
    fn add(&mut self, piece: &str, special: &SpecialCharacters) {
        self.num_words += usize::from(!special.strip(piece).is_empty());
        lower_case(piece, &mut self.lower);
        let word = special.strip(&self.lower);
        if !word.is_empty() {
            let hash = hash_bytes(word.as_bytes());
            self.add_other(hash);
        }
    }

    /// Adds a word that is not a token and marks.
    fn add_other(&mut self, hash: u64) {
        self.hashes.push(hash);
        self.others.push(hash);
    }

    /// Number of words in lower case that have something.
    pub(super) fn len(&self) -> usize {
        self.hashes.len()
    }

    /// How many of them are in a set.
    pub(super) fn num_in(&self, document: Document<'_>, set: &WordSet) -> usize {
        let (hashes, mut number) = (document.word_ids().hashes(), 0);
        set.filter.for_each_candidate(hashes, |id| {
            number += usize::from(set.contains(hashes[id])) * self.num_copies[id] as usize;
        });
        set.filter.for_each_candidate(&self.others, |other| {
            number += usize::from(set.contains(self.others[other]));
        });
        number
    }

    /// Overwrites `symbols` with the words of which n-grams of that length may come again: runs of words that may all
    /// occur more than once. Between two runs stands a symbol that no other place has.
    pub(super) fn repeated_runs(&self, length: usize, symbols: &mut Vec<u64>) {
        symbols.clear();
        let is_repeated = |&at: &usize| self.may_be_repeated(at);
        // In prose, hardly any is that long: one word in a few is enough to tell. Words from `known` on up to the last one
        // looked at are repeated.
        let (mut start, mut known) = (0, 0);
        while start + length <= self.hashes.len() {
            let last = start + length - 1;
            if let Some(single) = (known..=last).rev().find(|at| !is_repeated(at)) {
                (start, known) = (single + 1, last + 1);
                continue;
            }
            let end = last + 1 + (last + 1..self.hashes.len()).take_while(is_repeated).count();
            symbols.extend_from_slice(&self.hashes[start..end]);
            symbols.push(u64::MAX - end as u64);
            (start, known) = (end + 1, end + 1);
        }
    }

    /// Number of words, counted before lower-casing.
    pub(super) fn num_words(&self) -> usize {
        self.num_words
    }
}

/// A piece between separators of at most 15 bytes: ASCII letters, digits and marks.
struct ShortPiece {
    /// Its bytes in lower case, and others behind.
    lower: u128,
    /// The high bit of each of its bytes that is a letter; the others are special.
    letters: u128,
    length: usize,
}

/// A byte in each of sixteen.
const EACH: u128 = u128::MAX / 0xff;
const HIGH: u128 = 0x80 * EACH;

impl ShortPiece {
    /// The piece at the start of a block, if it is one; sixteen bytes are looked at together, because the length of
    /// a loop over bytes cannot be foreseen.
    fn read(block: &[u8; 16]) -> Option<Self> {
        let block = u128::from_le_bytes(*block);
        let low = block & !HIGH;
        // Adding 0x80 - c to a byte below 0x80 sets its high bit exactly when it is at least c.
        let at_least = |low: u128, byte: u8| low + u128::from(0x80 - byte) * EACH;
        let others = |byte: u8| ((low ^ (u128::from(byte) * EACH)) + 0x7f * EACH) | block;
        let separators = !(others(b' ') & others(b'\t') & others(b'\n')) & HIGH;
        let inside = (separators & separators.wrapping_neg()).wrapping_sub(1) & HIGH;
        let (control, delete) = (!at_least(low, 0x20), at_least(low, 0x7f));
        if separators == 0 || (block | control | delete) & inside != 0 {
            return None;
        }
        let folded = low | (0x20 * EACH);
        let letters = at_least(folded, b'a') & !at_least(folded, b'z' + 1) & inside;
        Some(Self {
            lower: block | (letters & !(block << 2)) >> 2,
            letters,
            length: separators.trailing_zeros() as usize / 8,
        })
    }
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
    /// Open addressing by buckets, from the left; 0 is free. The hash 0 belongs to no word that anybody has found.
    buckets: Vec<[u64; BUCKET]>,
    filter: HashFilter,
}

/// Hashes that are compared at once.
const BUCKET: usize = 4;

impl WordSet {
    pub(super) fn new<'w>(words: impl IntoIterator<Item = &'w str>) -> Self {
        let mut hashes: Vec<u64> = words
            .into_iter()
            .map(|word| hash_bytes(word.as_bytes()))
            .collect();
        hashes.sort_unstable();
        hashes.dedup();
        let mut buckets = vec![[0; BUCKET]; (2 * hashes.len()).next_power_of_two()];
        for &hash in &hashes {
            let mut index = hash as usize % buckets.len();
            loop {
                // The word itself, if it is there already.
                if let Some(slot) = buckets[index]
                    .iter_mut()
                    .find(|slot| **slot == 0 || **slot == hash)
                {
                    *slot = hash;
                    break;
                }
                index = (index + 1) % buckets.len();
            }
        }
        Self {
            buckets,
            filter: HashFilter::new(hashes),
        }
    }

    /// Whether the hash is that of a word in the set.
    #[inline(always)]
    pub(super) fn contains(&self, hash: u64) -> bool {
        let buckets = &self.buckets[..];
        let mask = buckets.len() - 1;
        let mut index = hash as usize & mask;
        let (mut is_in, mut is_full) = look_up(&buckets[index], hash);
        // Whether a word is in the set is a coin toss; a full bucket is rare.
        while is_full & !is_in {
            index = (index + 1) & mask;
            (is_in, is_full) = look_up(&buckets[index], hash);
        }
        is_in
    }
}

/// Whether the hash is in the bucket, and whether the bucket is full.
#[inline(always)]
fn look_up(bucket: &[u64; BUCKET], hash: u64) -> (bool, bool) {
    let is_in = bucket.iter().fold(false, |is_in, &slot| is_in | (slot == hash));
    (is_in, bucket[BUCKET - 1] != 0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hash::mix64;

    fn count(set: &WordSet, hashes: &[u64]) -> usize {
        hashes.iter().filter(|&&hash| set.contains(hash)).count()
    }

    #[test]
    fn a_word_set_holds_its_words_only() {
        let set = WordSet::new(["the", "a", "the", "über"]);
        let hashes = ["the", "The", "a", "", "über", "b"].map(|word| hash_bytes(word.as_bytes()));
        assert_eq!(count(&set, &hashes), 3);
        assert_eq!(count(&WordSet::new([]), &hashes), 0);
    }

    #[test]
    fn repeated_runs_are_those_of_every_word() {
        for (length, ids) in [
            (3, "aabcabdefabc"),
            (1, "abcabd"),
            (2, "xabyabzab"),
            (4, "abcd"),
            (3, "aaa"),
            (3, "bxaaaycaaaacz"),
            (5, "aaaaxaaaabaaaaabyaaaa"),
        ] {
            let mut words = RefinedWords {
                hashes: ids.bytes().map(|id| mix64(u64::from(id))).collect(),
                ..RefinedWords::default()
            };
            words.count_buckets();
            // As far as buckets tell words apart.
            let bucket = |hash: u64| hash >> words.shift;
            let is_repeated = |hash: u64| {
                let same = words
                    .hashes
                    .iter()
                    .filter(|&&other| bucket(other) == bucket(hash));
                same.count() > 1
            };
            let (mut expected, mut start) = (Vec::new(), 0);
            for end in 0..=words.hashes.len() {
                if words.hashes.get(end).is_some_and(|&hash| is_repeated(hash)) {
                    continue;
                }
                if end - start >= length {
                    expected.extend(&words.hashes[start..end]);
                    expected.push(u64::MAX - end as u64);
                }
                start = end + 1;
            }
            let mut symbols = vec![5];
            words.repeated_runs(length, &mut symbols);
            assert_eq!(symbols, expected);
        }
    }

    #[test]
    fn buckets_that_are_full_go_on_in_the_next() {
        // Of 2^14 words, some share a bucket with five others.
        let words: Vec<String> = (0..1 << 15).map(|number: u32| format!("w{number}")).collect();
        let hashes: Vec<u64> = words.iter().map(|word| hash_bytes(word.as_bytes())).collect();
        let set = WordSet::new(words[..1 << 14].iter().map(String::as_str));
        assert!(set.buckets.iter().any(|bucket| !bucket.contains(&0)));
        assert_eq!(count(&set, &hashes[..1 << 14]), 1 << 14);
        assert_eq!(count(&set, &hashes[1 << 14..]), 0);
    }
}
