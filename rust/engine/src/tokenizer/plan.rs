//! Which tokenizers have a path of our own: those whose every part is exactly one that the core knows, by value.

use gristmill_core::tokens::{
    AddedTokens, BpeModel, Encoder, Family, Pattern, decode_byte_level, expressions,
};
use serde_json::{Value, json};

use super::files::{Merge, Parts, Vocabulary};
use crate::interop::ask_for_large_pages;

/// Why a tokenizer goes through the library.
pub(super) type Reason = String;

/// Makes the encoder of a tokenizer, without truncation, padding, post-processing and decoding.
///
/// `merge_ranks` are those of the merges where they are not the places in the list. `is_formed` says that texts come in the form
/// that a SentencePiece model knows, spaces written as `▁`.
///
/// # Errors
/// The first part that is not known.
pub(super) fn recognise(
    parts: Parts,
    merge_ranks: Option<Vec<u32>>,
    is_formed: bool,
) -> Result<Encoder, Reason> {
    let Parts {
        frame,
        vocabulary,
        merges,
    } = parts;
    let model = &frame["model"];
    check_model(model, merges.is_some())?;
    let normaliser = Normaliser::of(&frame["normalizer"])?;
    let family = if is_formed {
        Family::SentencePiece {
            prepends_space: false,
        }
    } else {
        family(&frame, normaliser)?
    };
    let vocabulary = vocabulary.filter(|vocabulary| vocabulary.is_table);
    let vocabulary = vocabulary.ok_or("the vocabulary is no table")?;
    let (raw, normalised) = added_tokens(&frame, &vocabulary, normaliser)?;
    let bpe = BpeModel {
        merge_ranks,
        ..read_model(
            model,
            family,
            &vocabulary,
            merges.unwrap_or_else(|| Ok(Vec::new()))?,
        )?
    };
    // Gone before the large tables are there.
    drop(vocabulary);
    let nfc = normaliser == Normaliser::Nfc;
    let encoder = Encoder::new_at(&bpe, family, nfc, ask_for_large_pages);
    let mut encoder = encoder.map_err(|error| error.to_string())?;
    encoder.add_tokens(raw, normalised);
    Ok(encoder)
}

fn check_model(model: &Value, has_merges: bool) -> Result<(), Reason> {
    // Files of early versions name no type.
    if !matches!(model["type"].as_str(), Some("BPE") | None) || !has_merges {
        let kind = model["type"].as_str().unwrap_or("unnamed");
        return Err(format!("the model is of type {kind}, not BPE"));
    }
    if !model["dropout"].is_null() {
        return Err("the model has dropout".to_owned());
    }
    for key in ["continuing_subword_prefix", "end_of_word_suffix"] {
        if !matches!(model[key].as_str(), None | Some("")) {
            return Err(format!("the model has `{key}`"));
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Normaliser {
    Identity,
    Nfc,
    Spaces { prepends: bool },
}

impl Normaliser {
    fn of(value: &Value) -> Result<Self, Reason> {
        let replaces = json!({"type": "Replace", "pattern": {"String": " "}, "content": "▁"});
        let prepends = json!({"type": "Prepend", "prepend": "▁"});
        let sequence = |parts: &[&Value]| json!({"type": "Sequence", "normalizers": parts});
        if value.is_null() || *value == sequence(&[]) {
            Ok(Self::Identity)
        } else if *value == json!({"type": "NFC"}) {
            Ok(Self::Nfc)
        } else if *value == replaces {
            Ok(Self::Spaces { prepends: false })
        } else if *value == sequence(&[&prepends, &replaces]) {
            Ok(Self::Spaces { prepends: true })
        } else {
            Err(format!("the normaliser {} is not known", short(value)))
        }
    }
}

fn family(tokenizer: &Value, normaliser: Normaliser) -> Result<Family, Reason> {
    let pre_tokenizer = &tokenizer["pre_tokenizer"];
    let falls_back = tokenizer["model"]["byte_fallback"].as_bool().unwrap_or(false);
    let unknown = || format!("the pre-tokenizer {} is not known", short(pre_tokenizer));
    if let Normaliser::Spaces { prepends } = normaliser {
        // There is no space left that this one could split at.
        let at_spaces = json!({
            "type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious", "invert": false
        });
        if !falls_back {
            return Err("the model has no byte fallback".to_owned());
        }
        return if pre_tokenizer.is_null() || *pre_tokenizer == at_spaces {
            Ok(Family::SentencePiece {
                prepends_space: prepends,
            })
        } else {
            Err(unknown())
        };
    }
    if falls_back {
        return Err("a byte-level model has byte fallback".to_owned());
    }
    pattern(pre_tokenizer).map(Family::ByteLevel).ok_or_else(unknown)
}

fn pattern(pre_tokenizer: &Value) -> Option<Pattern> {
    if is_byte_level(pre_tokenizer, true) {
        return Some(Pattern::Gpt2 { single_digits: false });
    }
    if pre_tokenizer["type"] != "Sequence" {
        return None;
    }
    let (last, splits) = pre_tokenizer["pretokenizers"].as_array()?.split_last()?;
    if is_byte_level(last, true) {
        let digits = json!({"type": "Digits", "individual_digits": true});
        return (*splits == [digits]).then_some(Pattern::Gpt2 { single_digits: true });
    }
    if !is_byte_level(last, false) {
        return None;
    }
    let expressions: Vec<&str> = splits.iter().map(isolating).collect::<Option<_>>()?;
    match expressions.as_slice() {
        [expressions::CL100K_3] => Some(Pattern::Cl100k { max_digits: 3 }),
        [expressions::CL100K_1] => Some(Pattern::Cl100k { max_digits: 1 }),
        [expressions::O200K] => Some(Pattern::O200k {
            max_digits: 3,
            contractions: true,
        }),
        [expressions::TEKKEN] => Some(Pattern::O200k {
            max_digits: 1,
            contractions: false,
        }),
        three if *three == expressions::DEEPSEEK => Some(Pattern::DeepSeek),
        _ => None,
    }
}

/// The expression of a split that keeps every piece: matches and what is between them.
fn isolating(split: &Value) -> Option<&str> {
    let keeps_all = split["behavior"] == "Isolated" && split["invert"] == false;
    // These keep the matches alone, and the patterns in question match everything.
    let keeps_matches = split["behavior"] == "Removed" && split["invert"] == true;
    let expression = split["pattern"]["Regex"].as_str()?;
    let matches_everything = !expressions::DEEPSEEK.contains(&expression);
    (split["type"] == "Split" && (keeps_all || (keeps_matches && matches_everything))).then_some(expression)
}

fn is_byte_level(value: &Value, uses_pattern: bool) -> bool {
    let default_pattern = value["use_regex"].as_bool().unwrap_or(true);
    value["type"] == "ByteLevel" && value["add_prefix_space"] == false && default_pattern == uses_pattern
}

fn read_model(
    model: &Value,
    family: Family,
    vocabulary: &Vocabulary,
    merges: Vec<Merge>,
) -> Result<BpeModel, Reason> {
    let is_byte_level = matches!(family, Family::ByteLevel(_));
    let mut tokens: Vec<(Vec<u8>, u32)> = vocabulary
        .iter()
        .filter_map(|(token, id)| {
            let bytes = if is_byte_level {
                decode_byte_level(token)?
            } else {
                token.as_bytes().to_vec()
            };
            Some((bytes, id))
        })
        .collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    let mut byte_fallback = None;
    if !is_byte_level && !model["byte_fallback"].as_bool().unwrap_or(false) {
        // Whoever asked for this fuses the ids of a character's bytes.
        let unknown = model["unk_token"]
            .as_str()
            .and_then(|token| vocabulary.get(token));
        byte_fallback = Some([unknown.ok_or("there is no unknown token")?; 256]);
    } else if !is_byte_level {
        let mut ids = [0; 256];
        for (byte, id) in ids.iter_mut().enumerate() {
            let token = format!("<0x{byte:02X}>");
            *id = vocabulary
                .get(&token)
                .ok_or_else(|| format!("there is no token `{token}`"))?;
        }
        byte_fallback = Some(ids);
    }
    Ok(BpeModel {
        tokens,
        merges,
        merge_ranks: None,
        ignore_merges: model["ignore_merges"].as_bool().unwrap_or(false),
        byte_fallback,
    })
}

fn added_tokens(
    frame: &Value,
    vocabulary: &Vocabulary,
    normaliser: Normaliser,
) -> Result<(AddedTokens, AddedTokens), Reason> {
    let (mut raw, mut normalised) = (Vec::new(), Vec::new());
    for token in frame["added_tokens"].as_array().map_or(&[][..], Vec::as_slice) {
        let content = token["content"].as_str().ok_or("an added token has no content")?;
        for key in ["single_word", "lstrip", "rstrip"] {
            if token[key].as_bool().unwrap_or(false) {
                return Err(format!("the added token `{content}` has `{key}`"));
            }
        }
        // The model's own id comes first, as in the library.
        let own = || token["id"].as_u64().and_then(|id| u32::try_from(id).ok());
        let id = vocabulary.get(content).or_else(own);
        let id = id.ok_or_else(|| format!("the added token `{content}` has no id"))?;
        if token["normalized"].as_bool().unwrap_or(false) {
            if normaliser != Normaliser::Identity {
                return Err(format!("the added token `{content}` is normalised"));
            }
            normalised.push((content, id));
        } else {
            raw.push((content, id));
        }
    }
    Ok((AddedTokens::new(raw), AddedTokens::new(normalised)))
}

/// A value for a sentence, at most 80 characters of it.
fn short(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(80) {
        Some((end, _)) => format!("`{}…`", &text[..end]),
        None => format!("`{text}`"),
    }
}
