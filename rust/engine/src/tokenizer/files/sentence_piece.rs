//! SentencePiece models (`sentencepiece_model.proto`): BPE and Unigram.
//!
//! BPE merges the neighbours whose piece has the highest score, whichever two they are; so, as with tiktoken's ranks, each
//! way to cut a piece in two is a merge, with the rank of its piece. Unigram has an encoder of its own.

use std::collections::HashMap;

use gristmill_core::tokens::{FormSettings, PieceKind, SentencePieceForm, UnigramModel};
use serde_json::{Value, json};

use super::protobuf::{FieldValue, Fields};
use super::{FileKind, TokenizerFile};

/// Kinds of a piece (`ModelProto.SentencePiece.Type`).
const NORMAL: u64 = 1;
const UNKNOWN: u64 = 2;
const CONTROL: u64 = 3;
const USER_DEFINED: u64 = 4;
const UNUSED: u64 = 5;
const BYTE: u64 = 6;

struct Piece<'m> {
    text: &'m str,
    score: f32,
    kind: u64,
}

/// What a model says, with the defaults of its format.
struct Model<'m> {
    pieces: Vec<Piece<'m>>,
    is_unigram: bool,
    has_byte_fallback: bool,
    settings: FormSettings,
    map: &'m [u8],
}

const DAMAGED: &str = "the SentencePiece model is damaged";

/// Whether bytes may be one: they begin with a piece, and the first fields can be read.
pub(super) fn is_model(bytes: &[u8]) -> bool {
    matches!(Fields::new(bytes).next(), Some(Ok((1, FieldValue::Bytes(piece)))) if read_piece(piece).is_ok())
}

fn read_piece(message: &[u8]) -> Result<Piece<'_>, String> {
    let mut piece = Piece {
        text: "",
        score: 0.0,
        kind: NORMAL,
    };
    for field in Fields::new(message) {
        let (number, value) = field.map_err(|_| DAMAGED)?;
        match number {
            1 => piece.text = text_of(value)?,
            2 => piece.score = value.as_float().ok_or(DAMAGED)?,
            3 => piece.kind = value.as_integer().ok_or(DAMAGED)?,
            _ => {}
        }
    }
    Ok(piece)
}

fn text_of(value: FieldValue<'_>) -> Result<&str, String> {
    let bytes = value.as_bytes().ok_or(DAMAGED)?;
    std::str::from_utf8(bytes).map_err(|_| DAMAGED.to_owned())
}

fn read_model(bytes: &[u8]) -> Result<Model<'_>, String> {
    let mut model = Model {
        pieces: Vec::new(),
        is_unigram: true,
        has_byte_fallback: false,
        settings: FormSettings {
            adds_dummy_prefix: true,
            removes_extra_spaces: true,
            escapes_spaces: true,
        },
        map: &[],
    };
    for field in Fields::new(bytes) {
        let (number, value) = field.map_err(|_| DAMAGED)?;
        match number {
            1 => model.pieces.push(read_piece(value.as_bytes().ok_or(DAMAGED)?)?),
            2 => model.read_trainer(value.as_bytes().ok_or(DAMAGED)?)?,
            3 => model.read_normaliser(value.as_bytes().ok_or(DAMAGED)?)?,
            _ => {}
        }
    }
    Ok(model)
}

impl<'m> Model<'m> {
    fn read_trainer(&mut self, message: &[u8]) -> Result<(), String> {
        for field in Fields::new(message) {
            let (number, value) = field.map_err(|_| DAMAGED)?;
            match number {
                3 => match value.as_integer() {
                    Some(1) => self.is_unigram = true,
                    Some(2) => self.is_unigram = false,
                    _ => {
                        return Err(
                            "the SentencePiece model is of words or characters, not BPE or Unigram"
                                .to_owned(),
                        );
                    }
                },
                24 if value.as_bool() == Some(true) => {
                    return Err("the SentencePiece model puts spaces behind words".to_owned());
                }
                35 => self.has_byte_fallback = value.as_bool().ok_or(DAMAGED)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_normaliser(&mut self, message: &'m [u8]) -> Result<(), String> {
        for field in Fields::new(message) {
            let (number, value) = field.map_err(|_| DAMAGED)?;
            let setting = match number {
                2 => {
                    self.map = value.as_bytes().ok_or(DAMAGED)?;
                    continue;
                }
                3 => &mut self.settings.adds_dummy_prefix,
                4 => &mut self.settings.removes_extra_spaces,
                5 => &mut self.settings.escapes_spaces,
                _ => continue,
            };
            *setting = value.as_bool().ok_or(DAMAGED)?;
        }
        Ok(())
    }

    /// The one piece that stands for what is unknown.
    fn unknown(&self) -> Result<usize, String> {
        let mut found = self
            .pieces
            .iter()
            .enumerate()
            .filter(|(_, piece)| piece.kind == UNKNOWN);
        match (found.next(), found.next()) {
            (Some((id, _)), None) => Ok(id),
            _ => Err("the SentencePiece model has not one piece for the unknown".to_owned()),
        }
    }
}

/// Reads a model.
///
/// # Errors
/// When it is damaged, or asks for what is not known here.
pub(super) fn read(bytes: &[u8]) -> Result<TokenizerFile, String> {
    let model = read_model(bytes)?;
    let unknown = model.unknown()?;
    let kept: Vec<&str> = model
        .pieces
        .iter()
        .filter(|piece| piece.kind == USER_DEFINED)
        .map(|piece| piece.text)
        .collect();
    let form = SentencePieceForm::new(model.settings, model.map, &kept).map_err(|error| error.to_string())?;
    let mut added = Vec::new();
    for (id, piece) in model.pieces.iter().enumerate() {
        // A Unigram model prefers the user's strings by itself.
        if piece.kind == CONTROL || (piece.kind == USER_DEFINED && !model.is_unigram) {
            let is_control = piece.kind == CONTROL;
            added.push(
                json!({"id": id, "content": piece.text, "single_word": false, "lstrip": false, "rstrip": false,
                              "normalized": !is_control, "special": is_control}),
            );
        }
    }
    let (parts, merge_ranks, unigram) = if model.is_unigram {
        let (parts, unigram) = unigram(&model, unknown)?;
        (parts, None, Some(unigram))
    } else {
        let (parts, ranks) = bpe(&model, unknown)?;
        (parts, Some(ranks), None)
    };
    let fused = (!model.is_unigram && !model.has_byte_fallback).then_some(unknown as u32);
    Ok(TokenizerFile {
        json: json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added, "normalizer": null,
            "pre_tokenizer": null, "post_processor": null, "decoder": decoder(&model), "model": parts,
        }),
        merge_ranks,
        unigram,
        form: Some(form),
        fused_unknown: fused,
        kind: FileKind::SentencePiece,
    })
}

/// How ids become text again.
fn decoder(model: &Model<'_>) -> Value {
    let mut parts = vec![
        json!({"type": "Replace", "pattern": {"String": "\u{2581}"}, "content": " "}),
        json!({"type": "ByteFallback"}),
        json!({"type": "Fuse"}),
    ];
    if model.settings.adds_dummy_prefix {
        parts.push(json!({"type": "Strip", "content": " ", "start": 1, "stop": 0}));
    }
    json!({"type": "Sequence", "decoders": parts})
}

/// A name that no text spells by chance, for a piece that text never becomes.
fn out_of_reach(id: usize) -> String {
    format!("\u{fdd0}\u{fdd2}{id}\u{fdd0}")
}

/// The vocabulary for what names tokens, and the model itself.
fn unigram(model: &Model<'_>, unknown: usize) -> Result<(Value, UnigramModel), String> {
    let vocabulary: Vec<Value> = model
        .pieces
        .iter()
        .map(|piece| json!([piece.text, piece.score]))
        .collect();
    let falls_back = model.has_byte_fallback;
    let parts =
        json!({"type": "Unigram", "unk_id": unknown, "vocab": vocabulary, "byte_fallback": falls_back});
    let of_text = model.pieces.iter().zip(0..).filter_map(|(piece, id)| {
        let kind = match piece.kind {
            NORMAL => PieceKind::Normal,
            USER_DEFINED => PieceKind::UserDefined,
            _ => return None,
        };
        Some((piece.text.to_owned(), piece.score, kind, id))
    });
    let unigram = UnigramModel {
        pieces: of_text.collect(),
        unknown: unknown as u32,
        byte_fallback: falls_back.then(|| byte_ids(model)).transpose()?,
    };
    Ok((parts, unigram))
}

fn byte_ids(model: &Model<'_>) -> Result<[u32; 256], String> {
    let mut found = [None; 256];
    for (piece, id) in model.pieces.iter().zip(0..) {
        let digits = piece
            .text
            .strip_prefix("<0x")
            .and_then(|text| text.strip_suffix('>'));
        if let Some(byte) = digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())
            && piece.kind == BYTE
        {
            found[usize::from(byte)] = Some(id);
        }
    }
    let mut ids = [0; 256];
    for (id, found) in ids.iter_mut().zip(found) {
        *id = found.ok_or("the SentencePiece model falls back to bytes that it lacks")?;
    }
    Ok(ids)
}

fn bpe(model: &Model<'_>, unknown: usize) -> Result<(Value, Vec<u32>), String> {
    if model.pieces.iter().any(|piece| piece.kind == UNUSED) {
        return Err("the SentencePiece model has unused pieces".to_owned());
    }
    let mut ids: HashMap<&str, usize> = HashMap::with_capacity(model.pieces.len());
    let mut vocabulary = serde_json::Map::new();
    for (id, piece) in model.pieces.iter().enumerate() {
        let name = match piece.kind {
            CONTROL | UNKNOWN => out_of_reach(id),
            _ => piece.text.to_owned(),
        };
        vocabulary.insert(name, id.into());
        if piece.kind == NORMAL {
            ids.insert(piece.text, id);
        }
    }
    // Ranks by score, the highest first; equal scores are equal ranks, among which the leftmost pair goes first.
    let mut by_score: Vec<&Piece<'_>> = model.pieces.iter().filter(|piece| piece.kind == NORMAL).collect();
    by_score.sort_by(|one, other| other.score.total_cmp(&one.score));
    let (mut merges, mut ranks) = (Vec::new(), Vec::new());
    let (mut rank, mut score) = (0_u32, f32::NAN);
    for piece in by_score {
        if piece.score != score {
            rank += 1;
            score = piece.score;
        }
        // Characters merge even where they are no pieces by themselves. Trained models have them all, and without them
        // there would be nothing to merge from.
        let mut buffer = [0; 4];
        if let Some(missing) = piece
            .text
            .chars()
            .find(|c| !ids.contains_key(&*c.encode_utf8(&mut buffer)))
        {
            return Err(format!(
                "the piece `{}` has a character that is no piece: `{missing}`",
                piece.text
            ));
        }
        for (at, _) in piece.text.char_indices().skip(1) {
            let (left, right) = piece.text.split_at(at);
            if ids.contains_key(left) && ids.contains_key(right) {
                merges.push(json!([left, right]));
                ranks.push(rank);
            }
        }
    }
    let mut parts = json!({
        "type": "BPE", "dropout": null, "continuing_subword_prefix": null, "end_of_word_suffix": null,
        "unk_token": out_of_reach(unknown), "fuse_unk": true, "byte_fallback": model.has_byte_fallback,
        "ignore_merges": false,
    });
    parts["vocab"] = vocabulary.into();
    parts["merges"] = merges.into();
    if model.has_byte_fallback {
        byte_ids(model)?;
    }
    Ok((parts, ranks))
}
