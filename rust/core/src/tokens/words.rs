//! Words to ids: looked up, cut into pieces that are looked up, or merged.
//!
//! Words are collected first and looked up together, so that the memory of many is on its way at the same time.

use std::collections::HashMap;

use super::boundaries::Boundaries;
use super::cache::{INLINE_IDS, Key, MAX_MIDDLE_BYTES, MAX_SHORT_BYTES, WordCache, key_of};
use super::merges::{Merges, Word};
use super::place::Place;
use crate::hash::mix64;

/// Words that are collected before the first of them is looked up.
const BATCH: usize = 256;
/// Marks a piece of a word, which may have other ids than the same bytes as a word.
const PIECE: u8 = 0x80;

/// How the bytes of a word become the symbols that merging starts with.
pub(super) trait Alphabet {
    /// Sets `word.symbols` and `word.pairs` for the bytes of a word, which are whole characters.
    fn spell(&self, merges: &Merges, bytes: &[u8], word: &mut Word);
}

/// What turns words into ids. Keeps a cache, which changes no result.
#[derive(Debug, Clone)]
pub(super) struct Words<A> {
    batch: Box<Batch>,
    book: Book<A>,
}

#[derive(Debug, Clone)]
struct Batch {
    count: usize,
    /// Where the first word starts; each other one starts where the last one ends.
    start: usize,
    ends: [usize; BATCH],
    /// [`PIECE`] for a piece, 0 for a word.
    kinds: [u8; BATCH],
    /// Of a word that is too long for a key, 0.
    keys: [Key; BATCH],
    /// Of a word of middle length its place in that table.
    sets: [u32; BATCH],
    /// Ids on their way to the caller's.
    ids: [u32; BATCH * (INLINE_IDS + 1)],
}

#[derive(Debug, Clone)]
struct Book<A> {
    alphabet: A,
    merges: Merges,
    boundaries: Boundaries,
    /// Words that are a token though merging makes other tokens of them.
    whole_words: WholeWords,
    /// What keeps pieces apart from words in the cache: nothing, unless some word is such a token.
    piece_space: u8,
    cache: WordCache,
    word: Word,
}

/// Words with an id of their own: few, so most others are told apart by length and ends.
#[derive(Debug, Clone, Default)]
struct WholeWords {
    ids: HashMap<Box<[u8]>, u32>,
    /// One bit for each [`WholeWords::outline`] there is.
    outlines: Vec<u64>,
    max_bytes: usize,
}

impl WholeWords {
    const NUM_OUTLINES: usize = 1 << 14;

    fn outline(word: &[u8]) -> usize {
        let byte = |at: usize| u64::from(word.get(at).copied().unwrap_or_default());
        let ends = byte(1) << 24 | byte(2) << 16 | byte(word.len().wrapping_sub(2)) << 8;
        let ends = ends | byte(word.len().wrapping_sub(1));
        mix64(ends << 16 | word.len() as u64) as usize % Self::NUM_OUTLINES
    }

    fn insert(&mut self, word: &[u8], id: u32) {
        self.outlines.resize(Self::NUM_OUTLINES / 64, 0);
        let outline = Self::outline(word);
        self.outlines[outline / 64] |= 1 << (outline % 64);
        self.max_bytes = self.max_bytes.max(word.len());
        self.ids.insert(word.into(), id);
    }

    fn get(&self, word: &[u8]) -> Option<u32> {
        if word.len() > self.max_bytes {
            return None;
        }
        let outline = Self::outline(word);
        let may_be = self.outlines[outline / 64] >> (outline % 64) & 1 == 1;
        may_be.then(|| self.ids.get(word).copied()).flatten()
    }
}

impl<A: Alphabet> Words<A> {
    /// Of a vocabulary, with a cache of so many sets.
    pub(super) fn new(
        alphabet: A,
        merges: Merges,
        boundaries: Boundaries,
        cache_sets: usize,
        place: Place,
    ) -> Self {
        Self {
            batch: Box::new(Batch {
                count: 0,
                start: 0,
                ends: [0; BATCH],
                kinds: [0; BATCH],
                keys: [0; BATCH],
                sets: [0; BATCH],
                ids: [0; BATCH * (INLINE_IDS + 1)],
            }),
            book: Book {
                alphabet,
                merges,
                boundaries,
                whole_words: WholeWords::default(),
                piece_space: 0,
                cache: WordCache::new(cache_sets, place),
                word: Word::default(),
            },
        }
    }

    /// Makes each of these words the given token, whatever merging makes of it.
    pub(super) fn keep_whole<'t>(&mut self, tokens: impl Iterator<Item = (&'t [u8], u32)>) {
        for (bytes, id) in tokens {
            self.book.merge(bytes);
            if self.book.word.symbols != [id] {
                self.book.whole_words.insert(bytes, id);
                self.book.piece_space = PIECE;
            }
        }
    }

    /// Looks the tokens up, so that they are in the cache; the last ones stay longest.
    pub(super) fn remember<'t>(&mut self, tokens: impl Iterator<Item = &'t [u8]>) {
        let mut ids = Vec::new();
        for token in
            tokens.filter(|token| token.len() <= MAX_MIDDLE_BYTES && std::str::from_utf8(token).is_ok())
        {
            ids.clear();
            self.start(0);
            self.push(token, 0, token.len(), &mut ids);
            self.finish(token, &mut ids);
        }
    }

    /// Says where the first word starts. Words that an earlier call took and did not finish, as after a panic, are gone.
    #[inline(always)]
    pub(super) fn start(&mut self, start: usize) {
        self.batch.start = start;
        self.batch.count = 0;
    }

    /// Takes the word that starts where the last one ended; its ids are appended some time before [`Self::finish`]
    /// returns. All words in between are of the same text.
    #[inline(always)]
    pub(super) fn push(&mut self, text: &[u8], start: usize, end: usize, ids: &mut Vec<u32>) {
        if end - start <= MAX_MIDDLE_BYTES {
            self.put(text, end, 0, ids);
        } else {
            self.push_long(text, start, end, ids);
        }
    }

    #[inline(never)]
    fn push_long(&mut self, text: &[u8], start: usize, end: usize, ids: &mut Vec<u32>) {
        let word = &text[start..end];
        if word.len() <= self.book.whole_words.max_bytes || word.is_ascii() {
            self.put(text, end, 0, ids);
            return;
        }
        // Such a word is rarely written twice, but its pieces are.
        let mut at = 0;
        while at < word.len() {
            at = self.book.boundaries.next_cut(word, at);
            self.put(text, start + at, PIECE, ids);
        }
    }

    #[inline(always)]
    fn put(&mut self, text: &[u8], end: usize, kind: u8, ids: &mut Vec<u32>) {
        let batch = &mut *self.batch;
        let index = batch.count % BATCH;
        batch.ends[index] = end;
        batch.kinds[index] = kind;
        batch.count = index + 1;
        if batch.count == BATCH {
            self.finish(text, ids);
        }
    }

    /// Appends the ids of all words that were taken.
    #[inline(never)]
    pub(super) fn finish(&mut self, text: &[u8], ids: &mut Vec<u32>) {
        let Self { batch, book } = self;
        let taken = std::mem::take(&mut batch.count);
        let Batch {
            start: first,
            ends,
            kinds,
            keys,
            sets,
            ids: made,
            ..
        } = &mut **batch;
        let mut start = *first;
        let words = ends.iter().zip(kinds.iter()).take(taken);
        for ((&end, &kind), (key, set)) in words.clone().zip(keys.iter_mut().zip(sets.iter_mut())) {
            (*key, *set) = if end - start <= MAX_SHORT_BYTES {
                let key = key_of(text, start, end, kind & book.piece_space);
                let set = book.cache.set_of(key);
                book.cache.fetch(set);
                (key, set as u32)
            } else {
                (0, book.place_of_longer(text, start, end))
            };
            start = end;
        }
        start = std::mem::replace(first, start);
        let mut num_made = 0;
        for ((&end, &kind), (&key, &set)) in words.zip(keys.iter().zip(sets.iter())) {
            let set = set as usize;
            if key != 0
                && let Some(entry) = book.cache.find(set, key)
                && entry[INLINE_IDS] as usize <= INLINE_IDS
            {
                // All four are copied: quicker than to ask how many, and the next word overwrites the rest.
                made[num_made..num_made + INLINE_IDS + 1].copy_from_slice(entry);
                num_made += entry[INLINE_IDS] as usize;
            } else {
                ids.extend_from_slice(&made[..num_made]);
                num_made = 0;
                if kind == PIECE {
                    book.piece(text, start, end, ids);
                } else {
                    book.look_up(text, start, end, key, set, ids);
                }
            }
            start = end;
        }
        ids.extend_from_slice(&made[..num_made]);
    }
}

impl<A: Alphabet> Book<A> {
    #[inline(never)]
    fn place_of_longer(&self, text: &[u8], start: usize, end: usize) -> u32 {
        if end - start <= MAX_MIDDLE_BYTES {
            self.cache.middle_place(text, start, end)
        } else {
            0
        }
    }

    /// Appends the ids of a word.
    #[inline(never)]
    fn look_up(&mut self, text: &[u8], start: usize, end: usize, key: Key, set: usize, ids: &mut Vec<u32>) {
        let length = end - start;
        let word = &text[start..end];
        let is_known = if length <= MAX_SHORT_BYTES {
            self.cache.get(set, key, ids)
        } else if length <= MAX_MIDDLE_BYTES {
            self.cache.get_middle(set, text, start, end, 0, ids)
        } else {
            word.is_ascii() && self.cache.get_long(word, ids)
        };
        if is_known {
            return;
        }
        let before = ids.len();
        if let Some(id) = self.whole_words.get(word) {
            ids.push(id);
        } else {
            self.cut(text, start, end, ids);
        }
        let word_ids = &ids[before..];
        if length <= MAX_SHORT_BYTES {
            self.cache.put(set, key, word_ids);
        } else if length <= MAX_MIDDLE_BYTES {
            self.cache.put_middle(set, text, start, end, 0, word_ids);
        } else if word.is_ascii() {
            // Others are rarely written twice, and their pieces are known.
            self.cache.put_long(word, word_ids);
        }
    }

    /// Appends the ids of the pieces of a word.
    fn cut(&mut self, text: &[u8], start: usize, end: usize, ids: &mut Vec<u32>) {
        let word = &text[start..end];
        let first = self.boundaries.next_cut(word, 0);
        if first == word.len() {
            self.merge(word);
            ids.extend_from_slice(&self.word.symbols);
            return;
        }
        let (mut at, mut next) = (0, first);
        while at < word.len() {
            self.piece(text, start + at, start + next, ids);
            at = next;
            next = self.boundaries.next_cut(word, at);
        }
    }

    /// Appends the ids of a part of a word, which merges alone decide.
    fn piece(&mut self, text: &[u8], start: usize, end: usize, ids: &mut Vec<u32>) {
        let length = end - start;
        if length <= MAX_SHORT_BYTES {
            let key = key_of(text, start, end, self.piece_space);
            let set = self.cache.set_of(key);
            if !self.cache.get(set, key, ids) {
                self.merge(&text[start..end]);
                self.cache.put(set, key, &self.word.symbols);
                ids.extend_from_slice(&self.word.symbols);
            }
        } else if length <= MAX_MIDDLE_BYTES {
            let place = self.cache.middle_place(text, start, end) as usize;
            let space = self.piece_space;
            if !self.cache.get_middle(place, text, start, end, space, ids) {
                self.merge(&text[start..end]);
                let word_ids = &self.word.symbols;
                self.cache.put_middle(place, text, start, end, space, word_ids);
                ids.extend_from_slice(word_ids);
            }
        } else {
            self.merge(&text[start..end]);
            ids.extend_from_slice(&self.word.symbols);
        }
    }

    /// Leaves the ids of `word` in `self.word`.
    fn merge(&mut self, word: &[u8]) {
        self.alphabet.spell(&self.merges, word, &mut self.word);
        self.merges.merge(&mut self.word);
    }
}

#[cfg(test)]
mod tests {
    use super::super::place::NOWHERE;
    use super::*;
    use proptest::prelude::*;

    /// Each byte is its own symbol.
    struct Bytes;

    impl Alphabet for Bytes {
        fn spell(&self, merges: &Merges, bytes: &[u8], word: &mut Word) {
            word.symbols = bytes.iter().map(|&byte| u32::from(byte)).collect();
            word.pairs = word
                .symbols
                .windows(2)
                .map(|pair| merges.of(pair[0], pair[1]))
                .collect();
        }
    }

    /// The bytes of 40 tokens and the merges that make them, of bytes and tokens before them that the numbers choose.
    #[allow(clippy::type_complexity, reason = "two lists that belong together in a test")]
    fn vocabulary(choices: &[(usize, usize)]) -> (Vec<Vec<u8>>, Vec<(u32, u32, u32)>) {
        let alphabet: Vec<u8> = "ab é日本".bytes().collect();
        let mut tokens: Vec<(Vec<u8>, u32)> =
            alphabet.iter().map(|&byte| (vec![byte], byte.into())).collect();
        let mut merges = Vec::new();
        for (made, &(left, right)) in (256..).zip(choices) {
            let (left, right) = (&tokens[left % tokens.len()], &tokens[right % tokens.len()]);
            merges.push((left.1, right.1, made));
            tokens.push(([&left.0[..], &right.0[..]].concat(), made));
        }
        let made = tokens.split_off(alphabet.len());
        (made.into_iter().map(|(bytes, _)| bytes).collect(), merges)
    }

    proptest! {
        #[test]
        fn cuts_and_a_tiny_cache_change_nothing(
            choices in prop::collection::vec((0_usize..100, 0_usize..100), 40),
            words in prop::collection::vec("[ab é日本]{1,6}|[ab é日本]{6,80}|(日本){20,100}|a{1,300}", 1..400),
            num_whole in 0_usize..20,
        ) {
            let (tokens, merges) = vocabulary(&choices);
            let table = Merges::new(&merges, None, NOWHERE);
            let boundaries = Boundaries::new(tokens.iter().map(Vec::as_slice));
            let mut tested = Words::new(Bytes, table.clone(), boundaries, 8, NOWHERE);
            // Some tokens stand for themselves as words, under a number of their own.
            let whole: Vec<(&[u8], u32)> = tokens.iter().rev().map(Vec::as_slice).zip(1000..).take(num_whole).collect();
            tested.keep_whole(whole.iter().copied());
            tested.remember(tokens.iter().map(Vec::as_slice));
            let text = words.concat();
            let (mut ids, mut expected, mut word) = (Vec::new(), Vec::new(), Word::default());
            for _ in 0..2 {
                let mut at = 0;
                tested.start(0);
                for piece in &words {
                    tested.push(text.as_bytes(), at, at + piece.len(), &mut ids);
                    at += piece.len();
                    // Of equal tokens the last one stands, as in a table.
                    if let Some((_, id)) = whole.iter().rev().find(|(bytes, _)| *bytes == piece.as_bytes()) {
                        expected.push(*id);
                    } else {
                        Bytes.spell(&table, piece.as_bytes(), &mut word);
                        table.merge(&mut word);
                        expected.extend_from_slice(&word.symbols);
                    }
                }
                tested.finish(text.as_bytes(), &mut ids);
            }
            prop_assert_eq!(ids, expected);
        }
    }
}
