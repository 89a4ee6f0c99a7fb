//! Byte-level BPE (GPT-2, Llama 3, Qwen, GPT-4, DeepSeek): a text is cut into words by a pattern, and the bytes of each word
//! are merged.

use std::collections::HashMap;

use super::boundaries::Boundaries;
use super::cache::{Key, MAX_SHORT_BYTES, WordCache, key_of};
use super::merges::{MergeScratch, Merges};
use super::split::{Pattern, Splitter};
use super::{BpeModel, CACHE_SETS, ModelError};

/// Words that are found before the first of them is looked up.
const BATCH: usize = 256;
/// Marks the key of a piece of a word, which may have other ids than the same bytes as a word.
const PIECE: u8 = 0x80;

/// Encodes text without added tokens. See [`super::Encoder`].
#[derive(Debug, Clone)]
pub(super) struct ByteLevelBpe {
    splitter: Splitter,
    merging: Merging,
    /// Words that are a token whatever the merges say; nothing unless the model asks for that.
    whole_words: HashMap<Box<[u8]>, u32>,
    boundaries: Boundaries,
    cache: WordCache,
    spans: Vec<Span>,
}

#[derive(Debug, Clone, Copy)]
struct Span {
    key: Key,
    start: usize,
    end: usize,
    set: usize,
}

/// What turns the bytes of a word into ids.
#[derive(Debug, Clone)]
struct Merging {
    byte_ids: [u32; 256],
    merges: Merges,
    symbols: Vec<u32>,
    scratch: MergeScratch,
}

impl Merging {
    /// Leaves the ids of `word` in `symbols`.
    fn merge(&mut self, word: &[u8]) {
        self.symbols.clear();
        self.symbols
            .extend(word.iter().map(|&byte| self.byte_ids[usize::from(byte)]));
        self.merges.merge(&mut self.symbols, &mut self.scratch);
    }
}

impl ByteLevelBpe {
    pub(super) fn new(model: &BpeModel, pattern: Pattern) -> Result<Self, ModelError> {
        let mut byte_ids = [None; 256];
        let mut bytes_of = HashMap::with_capacity(model.tokens.len());
        for (bytes, id) in &model.tokens {
            if let [byte] = bytes.as_slice() {
                byte_ids[usize::from(*byte)] = Some(*id);
            }
            bytes_of.insert(*id, bytes.as_slice());
        }
        let mut ids = [0; 256];
        for (id, found) in ids.iter_mut().zip(byte_ids) {
            *id = found.ok_or(ModelError::NoByteToken)?;
        }
        let made = model
            .merges
            .iter()
            .filter_map(|(_, _, made)| bytes_of.get(made).copied());
        let whole_words = if model.ignore_merges {
            let words = model.tokens.iter();
            words.map(|(bytes, id)| (bytes.as_slice().into(), *id)).collect()
        } else {
            HashMap::new()
        };
        Ok(Self {
            splitter: Splitter::new(pattern),
            boundaries: Boundaries::new(made),
            merging: Merging {
                byte_ids: ids,
                merges: Merges::new(&model.merges, model.merge_ranks.as_deref()),
                symbols: Vec::new(),
                scratch: MergeScratch::default(),
            },
            whole_words,
            cache: WordCache::new(CACHE_SETS),
            spans: Vec::with_capacity(BATCH),
        })
    }

    pub(super) fn encode(&mut self, text: &[u8], ids: &mut Vec<u32>) {
        self.splitter.start();
        let mut at = 0;
        while at < text.len() {
            self.spans.clear();
            let mut nearby = 0;
            while at < text.len() && self.spans.len() < BATCH {
                let end = self.splitter.next(text, at);
                let (mut key, mut set) = (0, 0);
                if end - at <= MAX_SHORT_BYTES {
                    key = key_of(text, at, end, 0);
                    set = self.cache.set_of(key);
                    nearby |= self.cache.touch(set);
                }
                self.spans.push(Span {
                    key,
                    start: at,
                    end,
                    set,
                });
                at = end;
            }
            std::hint::black_box(nearby);
            for index in 0..self.spans.len() {
                let Span { key, start, end, set } = self.spans[index];
                if key != 0 {
                    if !self.cache.get(set, key, ids) {
                        self.short_word(&text[start..end], key, set, ids);
                    }
                } else {
                    self.long_word(&text[start..end], ids);
                }
            }
        }
    }

    #[cold]
    fn short_word(&mut self, word: &[u8], key: Key, set: usize, ids: &mut Vec<u32>) {
        if let Some(&id) = self.whole_words.get(word) {
            self.cache.put(set, key, &[id]);
            ids.push(id);
            return;
        }
        self.merging.merge(word);
        self.cache.put(set, key, &self.merging.symbols);
        ids.extend_from_slice(&self.merging.symbols);
    }

    #[cold]
    fn long_word(&mut self, word: &[u8], ids: &mut Vec<u32>) {
        if self.cache.get_long(word, ids) {
            return;
        }
        let before = ids.len();
        if let Some(&id) = self.whole_words.get(word) {
            ids.push(id);
        } else if word.is_ascii() {
            self.merging.merge(word);
            ids.extend_from_slice(&self.merging.symbols);
        } else {
            let mut start = 0;
            for at in 1..word.len() {
                let is_boundary = word[at] & 0xc0 != 0x80;
                if is_boundary && self.boundaries.can_cut(word, at) {
                    self.piece(&word[start..at], ids);
                    start = at;
                }
            }
            self.piece(&word[start..], ids);
        }
        self.cache.put_long(word, &ids[before..]);
    }

    /// Appends the ids of a part of a word, which merges alone decide.
    fn piece(&mut self, piece: &[u8], ids: &mut Vec<u32>) {
        if piece.len() > MAX_SHORT_BYTES {
            self.merging.merge(piece);
            ids.extend_from_slice(&self.merging.symbols);
            return;
        }
        let key = key_of(piece, 0, piece.len(), PIECE);
        let set = self.cache.set_of(key);
        if !self.cache.get(set, key, ids) {
            self.merging.merge(piece);
            self.cache.put(set, key, &self.merging.symbols);
            ids.extend_from_slice(&self.merging.symbols);
        }
    }
}

/// The bytes that a byte-level token stands for; nothing for a string that holds other characters.
///
/// GPT-2's alphabet: printable Latin-1 characters are their own bytes, and the other 68 bytes are U+0100 and so on.
///
/// ```
/// use gristmill_core::tokens::decode_byte_level;
/// assert_eq!(decode_byte_level("Ġaé").as_deref(), Some(&b" a\xe9"[..]));
/// assert_eq!(decode_byte_level("a b"), None);
/// ```
pub fn decode_byte_level(token: &str) -> Option<Vec<u8>> {
    token.chars().map(byte_of).collect()
}

fn byte_of(character: char) -> Option<u8> {
    let code = u32::from(character);
    let is_itself = |byte: u32| matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
    if is_itself(code) {
        return u8::try_from(code).ok();
    }
    let shifted = code.checked_sub(0x100)? as usize;
    let byte = (0..=0xff).filter(|&byte| !is_itself(byte)).nth(shifted)?;
    u8::try_from(byte).ok()
}
