//! BPE over characters as SentencePiece writes it (Llama 2, Gemma): a space is a character of words, what the vocabulary
//! does not hold is spelt by bytes, and there is no pattern that cuts words.
//!
//! Inside, a space stands for `▁`, which the model calls it: one byte in place of three. A text in which `▁` stands itself
//! means the same.

use std::collections::HashMap;

use memchr::memmem::Finder;

use super::boundaries::Boundaries;
use super::merges::{Merges, NONE, Word};
use super::place::Place;
use super::words::{Alphabet, Words};
use super::{BpeModel, CACHE_SETS, ModelError};

/// How SentencePiece writes a space.
const SPACE_MARK: &str = "\u{2581}";

/// Encodes text without added tokens. See [`super::Encoder`].
#[derive(Debug, Clone)]
pub(super) struct SentencePieceBpe {
    /// Whether a space is put before each text.
    prepends_space: bool,
    /// For each byte, whether a text can be cut between a character that ends in it and a space behind that.
    cut_before_space: [bool; 256],
    space_marks: Finder<'static>,
    words: Words<Characters>,
    buffer: Vec<u8>,
}

/// The token of each character, and of the bytes of those that have none.
#[derive(Debug, Clone)]
struct Characters {
    ascii_ids: [Option<u32>; 128],
    character_ids: HashMap<char, u32>,
    byte_ids: [u32; 256],
    /// The merge of each pair of ASCII characters that have a token: most questions, and few enough answers to stay near.
    ascii_pairs: Vec<u64>,
}

impl Characters {
    fn new(character_ids: HashMap<char, u32>, byte_ids: [u32; 256], merges: &Merges) -> Self {
        let ascii_ids = std::array::from_fn(|code| character_ids.get(&char::from(code as u8)).copied());
        let ids: &[Option<u32>; 128] = &ascii_ids;
        let ascii_pairs = ids.iter().flat_map(|&left| {
            let of = move |right| Some(merges.of(left?, right?));
            ids.iter().map(move |&right| of(right).unwrap_or(NONE))
        });
        Self {
            ascii_pairs: ascii_pairs.collect(),
            ascii_ids,
            character_ids,
            byte_ids,
        }
    }

    fn push(&self, character: char, symbols: &mut Vec<u32>) {
        let known = match self.ascii_ids.get(character as usize) {
            Some(&id) => id,
            None => self.character_ids.get(&character).copied(),
        };
        if let Some(id) = known {
            symbols.push(id);
            return;
        }
        let mut bytes = [0; 4];
        let bytes = character.encode_utf8(&mut bytes).bytes();
        symbols.extend(bytes.map(|byte| self.byte_ids[usize::from(byte)]));
    }
}

impl Alphabet for Characters {
    fn spell(&self, merges: &Merges, bytes: &[u8], word: &mut Word) {
        word.symbols.clear();
        word.pairs.clear();
        if bytes.is_ascii()
            && bytes
                .iter()
                .all(|&byte| self.ascii_ids[usize::from(byte)].is_some())
        {
            let id = |&byte: &u8| self.ascii_ids[usize::from(byte)];
            word.symbols.extend(bytes.iter().filter_map(id));
            let pair = |pair: &[u8]| usize::from(pair[0]) << 7 | usize::from(pair[1]);
            word.pairs
                .extend(bytes.windows(2).map(|bytes| self.ascii_pairs[pair(bytes)]));
            return;
        }
        for chunk in bytes.utf8_chunks() {
            for character in chunk.valid().chars() {
                self.push(character, &mut word.symbols);
            }
        }
        word.pairs
            .extend(word.symbols.windows(2).map(|pair| merges.of(pair[0], pair[1])));
    }
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
    pub(super) fn new(model: &BpeModel, prepends_space: bool, place: Place) -> Result<Self, ModelError> {
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
        let byte_ids = model.byte_fallback.ok_or(ModelError::NoByteToken)?;
        let mut made: Vec<u32> = model.merges.iter().map(|(_, _, made)| *made).collect();
        made.sort_unstable();
        made.dedup();
        let made = made
            .iter()
            .filter_map(|made| bytes_of.get(made).map(Vec::as_slice));
        let boundaries = Boundaries::new(made);
        let mut cut_before_space = boundaries.cuts_before(b' ');
        cut_before_space[usize::from(b' ')] = false;
        let merges = Merges::new(&model.merges, model.merge_ranks.as_deref(), place);
        let mut words = Words::new(
            Characters::new(character_ids, byte_ids, &merges),
            merges,
            boundaries,
            CACHE_SETS,
            place,
        );
        let tokens = model.tokens.iter().rev();
        words.remember(tokens.filter_map(|(_, id)| bytes_of.get(id).map(Vec::as_slice)));
        Ok(Self {
            prepends_space,
            cut_before_space,
            space_marks: Finder::new(SPACE_MARK).into_owned(),
            words,
            buffer: Vec::new(),
        })
    }

    pub(super) fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let text = text.as_bytes();
        let mut mark = self.space_marks.find(text);
        if mark.is_none() && !self.prepends_space {
            self.encode_with_spaces(text, ids);
            return;
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.clear();
        if self.prepends_space {
            buffer.push(b' ');
        }
        let mut start = 0;
        while let Some(offset) = mark {
            buffer.extend_from_slice(&text[start..start + offset]);
            buffer.push(b' ');
            start += offset + SPACE_MARK.len();
            mark = self.space_marks.find(&text[start..]);
        }
        buffer.extend_from_slice(&text[start..]);
        self.encode_with_spaces(&buffer, ids);
        self.buffer = buffer;
    }

    /// Encodes a text that has spaces for `▁`.
    fn encode_with_spaces(&mut self, text: &[u8], ids: &mut Vec<u32>) {
        let mut start = 0;
        self.words.start(0);
        while start < text.len() {
            let end = self.word_end(text, start);
            self.words.push(text, start, end, ids);
            start = end;
        }
        self.words.finish(text, ids);
    }

    /// The next place behind `start` where a run of spaces begins and the text can be cut, or its end.
    #[inline(always)]
    fn word_end(&self, text: &[u8], start: usize) -> usize {
        let mut from = start;
        // Spaces at the start belong to the word.
        while text.get(from) == Some(&b' ') {
            from += 1;
        }
        while let Some(offset) = memchr::memchr(b' ', text.get(from..).unwrap_or_default()) {
            let at = from + offset;
            if self.cut_before_space[usize::from(text[at - 1])] {
                return at;
            }
            from = at + 1;
        }
        text.len()
    }
}
