//! BPE over characters as SentencePiece writes it (Llama 2, Gemma): a space is a character of words, what the vocabulary
//! does not hold is spelt by bytes, and there is no pattern that cuts words.
//!
//! Inside, a space stands for `▁`, which the model calls it: one byte in place of three. A text in which `▁` stands itself
//! means the same.

use std::collections::HashMap;

use super::boundaries::Boundaries;
use super::cache::{MAX_SHORT_BYTES, WordCache, key_of};
use super::merges::{MergeScratch, Merges};
use super::{BpeModel, CACHE_SETS, ModelError};

/// How SentencePiece writes a space.
const SPACE_MARK: &str = "\u{2581}";

/// Encodes text without added tokens. See [`super::Encoder`].
#[derive(Debug, Clone)]
pub(super) struct SentencePieceBpe {
    /// Whether a space is put before each text.
    prepends_space: bool,
    ascii_ids: [Option<u32>; 128],
    character_ids: HashMap<char, u32>,
    byte_ids: [u32; 256],
    /// Whether a word can be cut between a character and a space behind it, for ASCII characters.
    cut_before_space: [bool; 128],
    boundaries: Boundaries,
    merges: Merges,
    symbols: Vec<u32>,
    scratch: MergeScratch,
    cache: WordCache,
    buffer: Vec<u8>,
}

/// A token's bytes with spaces for `▁`.
fn with_spaces(token: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(token.len());
    let mut rest = token;
    while let Some((&first, tail)) = rest.split_first() {
        if let Some(behind) = rest.strip_prefix(SPACE_MARK.as_bytes()) {
            bytes.push(b' ');
            rest = behind;
        } else {
            bytes.push(first);
            rest = tail;
        }
    }
    bytes
}

impl SentencePieceBpe {
    pub(super) fn new(model: &BpeModel, prepends_space: bool) -> Result<Self, ModelError> {
        let mut character_ids = HashMap::new();
        let mut bytes_of = HashMap::with_capacity(model.tokens.len());
        for (bytes, id) in &model.tokens {
            let Ok(token) = std::str::from_utf8(bytes) else {
                continue;
            };
            let mut characters = token.chars();
            if let (Some(character), None) = (characters.next(), characters.next()) {
                character_ids.insert(if token == SPACE_MARK { ' ' } else { character }, *id);
            }
            bytes_of.insert(*id, with_spaces(bytes));
        }
        // The model never sees a space, so a token that is one is out of reach; `▁` has its place.
        let space = model
            .tokens
            .iter()
            .find(|(bytes, _)| bytes == SPACE_MARK.as_bytes());
        let &(_, space_id) = space.ok_or(ModelError::NoSpaceToken)?;
        character_ids.insert(' ', space_id);
        let made = model.merges.iter();
        let made = made.filter_map(|(_, _, made)| bytes_of.get(made).map(Vec::as_slice));
        let mut boundaries = Boundaries::new(made);
        let mut ascii_ids = [None; 128];
        let mut cut_before_space = [false; 128];
        for code in 0..128_u8 {
            ascii_ids[usize::from(code)] = character_ids.get(&char::from(code)).copied();
            cut_before_space[usize::from(code)] = code != b' ' && boundaries.can_cut(&[code, b' '], 1);
        }
        Ok(Self {
            prepends_space,
            ascii_ids,
            character_ids,
            byte_ids: model.byte_fallback.ok_or(ModelError::NoByteToken)?,
            cut_before_space,
            boundaries,
            merges: Merges::new(&model.merges, model.merge_ranks.as_deref()),
            symbols: Vec::new(),
            scratch: MergeScratch::default(),
            cache: WordCache::new(CACHE_SETS),
            buffer: Vec::new(),
        })
    }

    pub(super) fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if self.prepends_space {
            buffer.push(b' ');
        }
        for (number, part) in text.split(SPACE_MARK).enumerate() {
            if number > 0 {
                buffer.push(b' ');
            }
            buffer.extend_from_slice(part.as_bytes());
        }
        let mut start = 0;
        while start < buffer.len() {
            let end = self.word_end(&buffer, start);
            if end - start <= MAX_SHORT_BYTES {
                self.short(&buffer, start, end, ids);
            } else {
                self.long(&buffer[start..end], ids);
            }
            start = end;
        }
        self.buffer = buffer;
    }

    /// The next place behind `start` where a run of spaces begins and the text can be cut, or its end.
    #[inline]
    fn word_end(&mut self, text: &[u8], start: usize) -> usize {
        let mut from = start;
        // Spaces at the start belong to the word.
        while text.get(from) == Some(&b' ') {
            from += 1;
        }
        while let Some(offset) = memchr::memchr(b' ', text.get(from..).unwrap_or_default()) {
            let at = from + offset;
            let before = text[at - 1];
            let can_cut = match self.cut_before_space.get(usize::from(before)) {
                Some(&can_cut) => can_cut,
                None => self.boundaries.can_cut(text, at),
            };
            if can_cut {
                return at;
            }
            from = at + 1;
        }
        text.len()
    }

    fn short(&mut self, text: &[u8], start: usize, end: usize, ids: &mut Vec<u32>) {
        let key = key_of(text, start, end, 0);
        let set = self.cache.set_of(key);
        if !self.cache.get(set, key, ids) {
            self.merge(&text[start..end]);
            self.cache.put(set, key, &self.symbols);
            ids.extend_from_slice(&self.symbols);
        }
    }

    fn long(&mut self, word: &[u8], ids: &mut Vec<u32>) {
        if self.cache.get_long(word, ids) {
            return;
        }
        let before = ids.len();
        let mut start = 0;
        for at in 1..=word.len() {
            let is_boundary = at == word.len() || word[at] & 0xc0 != 0x80;
            if !is_boundary || (at < word.len() && !self.boundaries.can_cut(word, at)) {
                continue;
            }
            if at - start <= MAX_SHORT_BYTES {
                self.short(word, start, at, ids);
            } else {
                self.merge(&word[start..at]);
                ids.extend_from_slice(&self.symbols);
            }
            start = at;
        }
        self.cache.put_long(word, &ids[before..]);
    }

    /// Leaves the ids of `word`, whole characters, in `symbols`.
    fn merge(&mut self, word: &[u8]) {
        self.symbols.clear();
        for chunk in word.utf8_chunks() {
            for character in chunk.valid().chars() {
                let known = match self.ascii_ids.get(character as usize) {
                    Some(&id) => id,
                    None => self.character_ids.get(&character).copied(),
                };
                if let Some(id) = known {
                    self.symbols.push(id);
                } else {
                    let mut bytes = [0; 4];
                    let bytes = character.encode_utf8(&mut bytes).bytes();
                    self.symbols
                        .extend(bytes.map(|byte| self.byte_ids[usize::from(byte)]));
                }
            }
        }
        self.merges.merge(&mut self.symbols, &mut self.scratch);
    }
}
