//! Text to token ids by byte-pair encoding, with the ids of the `tokenizers` library and several times its speed.
//!
//! Two families have a path here: byte-level BPE behind a known [`Pattern`], and SentencePiece-like BPE with byte fallback.
//! Whoever loads a tokenizer decides whether it is exactly one of them; everything else belongs to the library.
//!
//! A word that was seen before is looked up, and merged else. Long words are cut where no token can reach across, which
//! changes no id and lets their parts be looked up, too. Nothing here is quadratic in the length of a word.

mod added;
mod boundaries;
mod byte_level;
mod cache;
mod class_ranges;
mod classes;
mod merges;
mod normal_form;
mod place;
mod sentence_piece;
mod sentence_piece_form;
mod split;
mod unigram;
mod words;

pub use added::AddedTokens;
pub use byte_level::decode_byte_level;
pub use place::Place;
pub use sentence_piece_form::{DamagedMap, FormSettings, SentencePieceForm};
pub use split::{Pattern, expressions};
pub use unigram::{PieceKind, UnigramEncoder, UnigramModel};

use byte_level::ByteLevelBpe;
use normal_form::NormalForm;
use sentence_piece::SentencePieceBpe;

/// Sets of two words that a cache holds: 32 MiB.
const CACHE_SETS: usize = 1 << 19;

/// A vocabulary and its merges.
#[derive(Debug, Clone, Default)]
pub struct BpeModel {
    /// Bytes and id of every token of the model; of a byte-level model the bytes that it stands for.
    pub tokens: Vec<(Vec<u8>, u32)>,
    /// Left, right and made id, in the order of their ranks.
    pub merges: Vec<(u32, u32, u32)>,
    /// Their ranks, where several merges have one: of tiktoken's vocabularies and SentencePiece's. None: their places.
    pub merge_ranks: Option<Vec<u32>>,
    /// Whether a word that is a token is that token, whatever the merges make of it.
    pub ignore_merges: bool,
    /// Ids that spell bytes of characters outside the vocabulary; of a SentencePiece-like model only.
    pub byte_fallback: Option<[u32; 256]>,
}

/// Which family a model is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    /// Bytes of words that a pattern cuts.
    ByteLevel(Pattern),
    /// Characters of the whole text, with `▁` for a space.
    SentencePiece {
        /// Whether a `▁` is put before each text.
        prepends_space: bool,
    },
}

/// A model that cannot be encoded here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// Some byte has no token of its own.
    #[error("a byte has no token")]
    NoByteToken,
    /// There is no token for a space.
    #[error("the vocabulary has no space mark")]
    NoSpaceToken,
    /// An id is 2^20 or more, for which the table of merges has no room.
    #[error("the vocabulary has ids above 1,048,575")]
    TooManyTokens,
}

/// Encodes texts. Keeps a cache between them, which changes no result.
///
/// Memory: the merges (32 bytes each at most), the vocabulary, and a cache of some 50 MiB that does not grow.
///
/// ```
/// use gristmill_core::tokens::{AddedTokens, BpeModel, Encoder, Family, Pattern};
/// let mut model = BpeModel { tokens: (0..=255).map(|byte| (vec![byte], u32::from(byte))).collect(), ..Default::default() };
/// model.tokens.push((b"ab".to_vec(), 256));
/// model.merges.push((97, 98, 256));
/// let family = Family::ByteLevel(Pattern::Gpt2 { single_digits: false });
/// let mut encoder = Encoder::new(&model, family, false)?;
/// encoder.add_tokens(AddedTokens::new([("<end>", 300)]), AddedTokens::new([]));
/// let mut ids = Vec::new();
/// encoder.encode("abc<end>", &mut ids);
/// assert_eq!(ids, [256, 99, 300]);
/// # Ok::<(), gristmill_core::tokens::ModelError>(())
/// ```
#[derive(Debug, Clone)]
pub struct Encoder {
    /// Added tokens that are found in the text as it is, and those found in the normalised text.
    raw: AddedTokens,
    normalised: AddedTokens,
    normal_form: Option<NormalForm>,
    kind: Kind,
}

#[derive(Debug, Clone)]
enum Kind {
    ByteLevel(Box<ByteLevelBpe>),
    SentencePiece(Box<SentencePieceBpe>),
}

impl Encoder {
    /// Makes the encoder of a model; `nfc` brings text to that normal form first.
    ///
    /// # Errors
    /// When the model lacks what its family needs.
    pub fn new(model: &BpeModel, family: Family, nfc: bool) -> Result<Self, ModelError> {
        Self::new_at(model, family, nfc, place::NOWHERE)
    }

    /// [`Self::new`], with somebody told of the large tables before they are filled.
    ///
    /// # Errors
    /// When the model lacks what its family needs.
    pub fn new_at(model: &BpeModel, family: Family, nfc: bool, place: Place) -> Result<Self, ModelError> {
        let merged = model
            .merges
            .iter()
            .map(|&(left, right, made)| left | right | made);
        let others = model.byte_fallback.iter().flatten().copied();
        let mut symbols = merged.chain(others).chain(model.tokens.iter().map(|(_, id)| *id));
        if symbols.any(|id| id as usize >= merges::MAX_SYMBOLS) {
            return Err(ModelError::TooManyTokens);
        }
        let kind = match family {
            Family::ByteLevel(pattern) => {
                Kind::ByteLevel(Box::new(ByteLevelBpe::new(model, pattern, place)?))
            }
            Family::SentencePiece { prepends_space } => {
                Kind::SentencePiece(Box::new(SentencePieceBpe::new(model, prepends_space, place)?))
            }
        };
        Ok(Self {
            raw: AddedTokens::new([]),
            normalised: AddedTokens::new([]),
            normal_form: nfc.then(NormalForm::new),
            kind,
        })
    }

    /// Sets the added tokens: those found in the text as it is, and those found in the normalised text.
    pub fn add_tokens(&mut self, raw: AddedTokens, normalised: AddedTokens) {
        self.raw = raw;
        self.normalised = normalised;
    }

    /// Appends the ids of `text`.
    ///
    /// Time: linear, apart from words without any place to cut, whose merging takes `n log n`.
    pub fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        let mut start = 0;
        while let Some((found, end, id)) = self.raw.find(text.as_bytes(), start) {
            self.segment(&text[start..found], ids);
            ids.push(id);
            start = end;
        }
        self.segment(&text[start..], ids);
    }

    fn segment(&mut self, text: &str, ids: &mut Vec<u32>) {
        if text.is_empty() {
            return;
        }
        let text = match &self.normal_form {
            Some(form) => &*form.apply(text),
            None => text,
        };
        let mut start = 0;
        while let Some((found, end, id)) = self.normalised.find(text.as_bytes(), start) {
            self.kind.encode(&text[start..found], ids);
            ids.push(id);
            start = end;
        }
        self.kind.encode(&text[start..], ids);
    }
}

impl Kind {
    fn encode(&mut self, text: &str, ids: &mut Vec<u32>) {
        match self {
            Self::ByteLevel(model) => model.encode(text.as_bytes(), ids),
            Self::SentencePiece(model) => model.encode(text, ids),
        }
    }
}
