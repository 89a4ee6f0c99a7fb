//! Byte-level BPE (GPT-2, Llama 3, Qwen, GPT-4, DeepSeek): a text is cut into words by a pattern, and the bytes of each word
//! are merged.

use std::collections::HashMap;

use super::boundaries::Boundaries;
use super::merges::{Merges, NONE, Word};
use super::place::Place;
use super::split::{Pattern, Splitter};
use super::words::{Alphabet, Words};
use super::{BpeModel, CACHE_SETS, ModelError};

/// Encodes text without added tokens. See [`super::Encoder`].
#[derive(Debug, Clone)]
pub(super) struct ByteLevelBpe {
    splitter: Splitter,
    words: Words<Bytes>,
}

/// The token of each byte.
#[derive(Debug, Clone)]
struct Bytes {
    ids: [u32; 256],
    /// The merge of each pair of bytes: half of all questions, and few enough answers to stay near.
    pairs: Vec<u64>,
}

impl Bytes {
    fn new(ids: [u32; 256], merges: &Merges) -> Self {
        let pairs = ids
            .iter()
            .flat_map(|&left| ids.iter().map(move |&right| merges.of(left, right)));
        Self {
            ids,
            pairs: pairs.collect(),
        }
    }
}

impl Alphabet for Bytes {
    #[inline]
    fn spell(&self, _: &Merges, bytes: &[u8], word: &mut Word) {
        word.symbols.clear();
        word.symbols
            .extend(bytes.iter().map(|&byte| self.ids[usize::from(byte)]));
        word.pairs.clear();
        let pair = |pair: &[u8]| usize::from(pair[0]) << 8 | usize::from(pair[1]);
        word.pairs.extend(
            bytes
                .windows(2)
                .map(|bytes| self.pairs.get(pair(bytes)).copied().unwrap_or(NONE)),
        );
    }
}

impl ByteLevelBpe {
    pub(super) fn new(model: &BpeModel, pattern: Pattern, place: Place) -> Result<Self, ModelError> {
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
        let mut made: Vec<u32> = model.merges.iter().map(|(_, _, made)| *made).collect();
        made.sort_unstable();
        made.dedup();
        let boundaries = Boundaries::new(made.iter().filter_map(|made| bytes_of.get(made).copied()));
        let merges = Merges::new(&model.merges, model.merge_ranks.as_deref(), place);
        let mut words = Words::new(Bytes::new(ids, &merges), merges, boundaries, CACHE_SETS, place);
        let tokens = model.tokens.iter().map(|(bytes, id)| (bytes.as_slice(), *id));
        if model.ignore_merges {
            words.keep_whole(tokens.clone());
        }
        words.remember(tokens.rev().map(|(bytes, _)| bytes));
        Ok(Self {
            splitter: Splitter::new(pattern),
            words,
        })
    }

    pub(super) fn encode(&mut self, text: &[u8], ids: &mut Vec<u32>) {
        let words = &mut self.words;
        words.start(0);
        self.splitter
            .split(text, |start, end| words.push(text, start, end, ids));
        self.words.finish(text, ids);
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
