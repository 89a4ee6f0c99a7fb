//! Text to token ids with a Hugging Face `tokenizer.json`, exactly as the `tokenizers` crate gives them; or with a file of
//! tiktoken, Tekken or SentencePiece, exactly as those libraries give them.
//!
//! Known families go through [`gristmill_core::tokens`], which is several times faster; everything else goes through the
//! crate itself. [`Tokenizer::path_taken`] says which, and why.
//!
//! Three modes. `plain` (the default of recipes): text never becomes a control token, whatever it spells. `hf`: as
//! `Tokenizer.encode(text, add_special_tokens=False)`. A list: `plain`, apart from the tokens it names. No mode adds
//! beginning- or end-of-text ids; the shard writer does that by id.

mod arrays;
pub mod chat;
mod decode;
mod files;
pub(crate) mod loaded;
mod plan;
mod self_check;

use std::path::Path;
use std::sync::{Mutex, PoisonError};

pub use files::FileKind;
use files::Vocabulary;
use gristmill_core::tokens::{AddedTokens, Encoder, SentencePieceForm, UnigramEncoder};
pub use self_check::self_check;
use serde::{Deserialize, Serialize};
use tokenizers::Tokenizer as HfTokenizer;

use crate::error::{EngineError, Result};

pub use decode::Decoder;

/// The library behind every id, with the version that the workspace pins.
pub const LIBRARY: &str = "tokenizers 0.23.2";

/// What text that spells a control token becomes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpecialMode {
    /// Ordinary text, always.
    Plain,
    /// The control token.
    Hf,
    /// The control token if it is one of these, else ordinary text.
    Allow(Vec<String>),
}

/// A loaded tokenizer. Memory: that of the vocabulary, up to some 200 MB for 250,000 entries.
pub struct Tokenizer {
    encoding: Encoding,
    /// Strings whose ids ordinary text must not produce, with those ids.
    controls: Vec<(String, u32)>,
    /// One bit an id: whether it is one of those, and not the unknown token's. Empty where no text can have one of those ids.
    control_bits: Vec<u64>,
    vocabulary_size: u32,
    /// How text is brought to the form that the model knows.
    form: Option<Form>,
    /// What runs of this id become: one of it.
    fused_unknown: Option<u32>,
    /// The id that stands for unknown text, if the model has one.
    unknown: Option<u32>,
    kind: FileKind,
    path: std::path::PathBuf,
}

/// The form that a SentencePiece model knows text in, and the control tokens found before a text is brought to it.
struct Form {
    form: SentencePieceForm,
    controls: AddedTokens,
}

enum Encoding {
    /// Our own path. A cache changes with each text, so one text is encoded at a time.
    Own(Box<Mutex<Encoder>>),
    /// Unigram pieces as SentencePiece finds them.
    Unigram(Box<UnigramEncoder>),
    /// The library, and why.
    Library(Box<HfTokenizer>, String),
}

/// Whether to look for our own path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Route {
    /// Our own path where there is one.
    Fastest,
    /// The library, always.
    Library,
}

impl Tokenizer {
    /// Loads `tokenizer.json` for the fastest path. See [`Self::load_for`].
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] when the file is not a tokenizer.
    pub fn load(path: &Path, mode: &SpecialMode) -> Result<Self> {
        Self::load_for(path, mode, Route::Fastest)
    }

    /// Loads `tokenizer.json`.
    ///
    /// In `plain` mode the added tokens that are special, or that are no entry of the model's own vocabulary, are taken
    /// out before loading. Added tokens that are ordinary vocabulary (Gemma's runs of newlines) stay.
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] when the file is not a tokenizer.
    pub fn load_for(path: &Path, mode: &SpecialMode, route: Route) -> Result<Self> {
        let fail = |detail: String| EngineError::Tokenizer {
            path: path.to_owned(),
            detail,
        };
        let (mut parts, file) = files::read_parts(path).map_err(&fail)?;
        let vocabulary = parts
            .vocabulary
            .as_ref()
            .ok_or_else(|| fail("it has no `model.vocab`".to_owned()))?;
        let vocabulary_size = vocabulary_size(&parts.frame, vocabulary);
        let unknown = unknown_id(&parts.frame, vocabulary);
        let controls = match mode {
            SpecialMode::Hf => Vec::new(),
            SpecialMode::Plain => remove_controls(&mut parts.frame, vocabulary, &[]),
            SpecialMode::Allow(allowed) => remove_controls(&mut parts.frame, vocabulary, allowed),
        };
        let kind = file.as_ref().map_or(FileKind::TokenizerJson, |file| file.kind);
        let mut whole = None;
        let (mut merge_ranks, mut unigram, mut form, mut fused_unknown) = (None, None, None, None);
        if let Some(file) = file {
            whole = Some(file.json);
            (merge_ranks, unigram, fused_unknown) = (file.merge_ranks, file.unigram, file.fused_unknown);
            form = file.form.map(|form| Form {
                form,
                controls: take_controls(&mut parts.frame),
            });
        }
        let mut watches = !controls.is_empty();
        let added = parts.frame["added_tokens"].clone();
        let recognised = match route {
            Route::Fastest => match &unigram {
                Some(model) => Ok(Encoding::Unigram(Box::new(UnigramEncoder::new(model)))),
                None => {
                    // With a list, controls stay under other names, which a text could hold.
                    let has_names = matches!(mode, SpecialMode::Allow(allowed) if !allowed.is_empty());
                    let can_spell = has_names || can_spell(&parts, &controls);
                    plan::recognise(parts, merge_ranks, form.is_some()).map(|encoder| {
                        watches &= can_spell;
                        Encoding::Own(Box::new(Mutex::new(encoder)))
                    })
                }
            },
            Route::Library => Err("it was asked for".to_owned()),
        };
        let encoding = match recognised {
            Ok(encoding) => encoding,
            Err(reason) => {
                let mut json = match whole {
                    Some(json) => json,
                    None => files::read(path).map_err(&fail)?.json,
                };
                if !added.is_null() {
                    json["added_tokens"] = added;
                }
                for key in ["truncation", "padding"] {
                    json[key] = serde_json::Value::Null;
                }
                let text = json.to_string();
                drop(json);
                let parsed: std::result::Result<HfTokenizer, tokenizers::Error> = text.parse();
                Encoding::Library(Box::new(parsed.map_err(|error| fail(error.to_string()))?), reason)
            }
        };
        let mut control_bits = Vec::new();
        if watches {
            control_bits.resize(vocabulary_size as usize / 64 + 1, 0);
            // What the model makes of text that it does not know is no control token, though files list it among them.
            for (_, id) in controls.iter().filter(|(_, id)| Some(*id) != unknown) {
                control_bits[*id as usize / 64] |= 1 << (id % 64);
            }
        }
        Ok(Self {
            encoding,
            controls,
            control_bits,
            vocabulary_size,
            form,
            fused_unknown,
            unknown,
            kind,
            path: path.to_owned(),
        })
    }

    /// Whether texts take our own path (`None`), or why they go through the library.
    pub fn path_taken(&self) -> Option<&str> {
        match &self.encoding {
            Encoding::Own(_) | Encoding::Unigram(_) => None,
            Encoding::Library(_, reason) => Some(reason),
        }
    }

    /// What kind of file it was loaded from.
    pub fn kind(&self) -> FileKind {
        self.kind
    }

    /// The id that stands for unknown text, if the model has one.
    pub fn unknown(&self) -> Option<u32> {
        self.unknown
    }

    /// One more than the largest id, added tokens included.
    pub fn vocabulary_size(&self) -> u32 {
        self.vocabulary_size
    }

    /// Appends the ids of `text` to `ids`.
    ///
    /// # Errors
    /// When the model refuses the text, for example an unknown word without an unknown token.
    pub fn encode_into(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let start = ids.len();
        self.encode_piece(text, ids)?;
        if !self.control_bits.is_empty() && ids[start..].iter().any(|&id| self.is_control(id)) {
            ids.truncate(start);
            self.encode_broken(text, ids)?;
        }
        Ok(())
    }

    fn is_control(&self, id: u32) -> bool {
        self.control_bits[id as usize / 64] >> (id % 64) & 1 == 1
    }

    fn encode_piece(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let Some(Form { form, controls }) = &self.form else {
            return self.encode_formed(text, ids);
        };
        let mut start = 0;
        while let Some((found, end, id)) = controls.find(text.as_bytes(), start) {
            self.encode_run(&form.apply(&text[start..found]), ids)?;
            ids.push(id);
            start = end;
        }
        self.encode_run(&form.apply(&text[start..]), ids)
    }

    /// Encodes text in the model's form; runs of the unknown become one.
    fn encode_run(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let start = ids.len();
        self.encode_formed(text, ids)?;
        if let Some(unknown) = self.fused_unknown {
            let mut kept = start;
            for at in start..ids.len() {
                let repeats = kept > start && ids[at] == unknown && ids[kept - 1] == unknown;
                if !repeats {
                    ids[kept] = ids[at];
                    kept += 1;
                }
            }
            ids.truncate(kept);
        }
        Ok(())
    }

    fn encode_formed(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let library = match &self.encoding {
            Encoding::Own(encoder) => {
                // A panic in between leaves a cache, which holds no half-written answer.
                let mut encoder = encoder.lock().unwrap_or_else(PoisonError::into_inner);
                encoder.encode(text, ids);
                return Ok(());
            }
            Encoding::Unigram(encoder) => {
                encoder.encode(text, ids);
                return Ok(());
            }
            Encoding::Library(library, _) => library,
        };
        let encoding = library
            .encode_fast(text, false)
            .map_err(|error| EngineError::Tokenizer {
                path: self.path.clone(),
                detail: error.to_string(),
            })?;
        ids.extend_from_slice(encoding.get_ids());
        Ok(())
    }

    /// Encodes a text whose model can spell a control token by itself (Unigram, word-level): the text is cut behind
    /// the first character of each control string, so that no piece holds a whole one.
    fn encode_broken(&self, text: &str, ids: &mut Vec<u32>) -> Result<()> {
        let mut cuts: Vec<usize> = self
            .controls
            .iter()
            .flat_map(|(control, _)| {
                let first = control.chars().next().map_or(0, char::len_utf8);
                text.match_indices(control.as_str())
                    .map(move |(at, _)| at + first)
            })
            .collect();
        cuts.sort_unstable();
        cuts.dedup();
        let mut start = 0;
        for end in cuts.into_iter().chain([text.len()]) {
            let before = ids.len();
            self.encode_piece(&text[start..end], ids)?;
            // A one-character control cannot be cut: its ids are left out rather than let through.
            let mut kept = before;
            for at in before..ids.len() {
                if !self.is_control(ids[at]) {
                    ids[kept] = ids[at];
                    kept += 1;
                }
            }
            ids.truncate(kept);
            start = end;
        }
        Ok(())
    }
}

/// What a vocabulary says of names.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NamedTokens {
    /// Ids of the names asked for, added tokens first; none for what is no token.
    pub ids: Vec<Option<u32>>,
    /// Special tokens and their ids, in the order of the file.
    pub special: Vec<(String, u32)>,
}

/// Looks names up in a tokenizer's file, and lists its special tokens.
///
/// # Errors
/// When the file is not a tokenizer.
pub fn look_up(path: &Path, names: &[String]) -> Result<NamedTokens> {
    let fail = |detail: String| EngineError::Tokenizer {
        path: path.to_owned(),
        detail,
    };
    let json = files::read(path).map_err(fail)?.json;
    let mut ids: std::collections::HashMap<String, u32> =
        vocabulary_entries(&json).into_iter().flatten().collect();
    let mut special = Vec::new();
    for token in json["added_tokens"].as_array().map_or(&[][..], Vec::as_slice) {
        if let (Some(content), Some(id)) = (token["content"].as_str(), token["id"].as_u64()) {
            ids.insert(content.to_owned(), id as u32);
            if token["special"] == true {
                special.push((content.to_owned(), id as u32));
            }
        }
    }
    Ok(NamedTokens {
        ids: names.iter().map(|name| ids.get(name).copied()).collect(),
        special,
    })
}

fn vocabulary_entries(json: &serde_json::Value) -> Option<Box<dyn Iterator<Item = (String, u32)> + '_>> {
    match &json["model"]["vocab"] {
        serde_json::Value::Object(vocabulary) => {
            Some(Box::new(vocabulary.iter().filter_map(|(token, id)| {
                Some((token.clone(), id.as_u64()? as u32))
            })))
        }
        serde_json::Value::Array(pieces) => {
            Some(Box::new(pieces.iter().enumerate().filter_map(|(id, piece)| {
                Some((piece[0].as_str()?.to_owned(), id as u32))
            })))
        }
        _ => None,
    }
}

fn vocabulary_size(frame: &serde_json::Value, vocabulary: &Vocabulary) -> u32 {
    let of_model = vocabulary.iter().map(|(_, id)| id + 1).max().unwrap_or(0);
    let added = frame["added_tokens"].as_array().map_or(&[][..], Vec::as_slice);
    let of_added = added
        .iter()
        .filter_map(|token| token["id"].as_u64())
        .map(|id| id as u32 + 1)
        .max();
    of_model.max(of_added.unwrap_or(0))
}

/// Takes the added tokens that stand for themselves in any form of a text out of the file.
fn take_controls(json: &mut serde_json::Value) -> AddedTokens {
    let mut taken = Vec::new();
    if let Some(added) = json["added_tokens"].as_array_mut() {
        added.retain(|token| {
            let is_found_first = token["normalized"] == false;
            if is_found_first
                && let (Some(content), Some(id)) = (token["content"].as_str(), token["id"].as_u64())
            {
                taken.push((content.to_owned(), id as u32));
            }
            !is_found_first
        });
    }
    AddedTokens::new(taken.iter().map(|(content, id)| (content.as_str(), *id)))
}

/// The id of the token that the model calls unknown.
fn unknown_id(frame: &serde_json::Value, vocabulary: &Vocabulary) -> Option<u32> {
    let model = &frame["model"];
    let by_number = model["unk_id"].as_u64().and_then(|id| u32::try_from(id).ok());
    let by_name = || {
        vocabulary
            .is_table
            .then(|| vocabulary.get(model["unk_token"].as_str()?))?
    };
    by_number.or_else(by_name)
}

/// Whether a BPE model can make a control token of text: it has it in its vocabulary, and a merge makes it, or it is one
/// character or byte, or words that are tokens stay whole.
fn can_spell(parts: &files::Parts, controls: &[(String, u32)]) -> bool {
    let in_vocabulary = |control: &str| {
        parts
            .vocabulary
            .as_ref()
            .and_then(|vocabulary| vocabulary.get(control))
    };
    let known: std::collections::HashMap<u32, &str> = controls
        .iter()
        .filter_map(|(control, _)| Some((in_vocabulary(control)?, control.as_str())))
        .collect();
    if parts.frame["model"]["ignore_merges"].as_bool().unwrap_or(false) {
        return !known.is_empty();
    }
    // Bytes are spelt `<0x0A>`, and one character in the alphabet of bytes.
    let is_symbol = |control: &&str| control.chars().nth(1).is_none() || control.starts_with("<0x");
    let merges = match &parts.merges {
        Some(Ok(merges)) => merges.as_slice(),
        _ => &[],
    };
    !known.is_empty()
        && (known.values().any(is_symbol) || merges.iter().any(|(_, _, made)| known.contains_key(made)))
}

/// Takes control tokens out of `added_tokens` and returns them.
fn remove_controls(
    frame: &mut serde_json::Value,
    vocabulary: &Vocabulary,
    allowed: &[String],
) -> Vec<(String, u32)> {
    let mut controls = Vec::new();
    if let Some(added) = frame["added_tokens"].as_array_mut() {
        added.retain_mut(|token| {
            let content = token["content"].as_str().unwrap_or_default().to_owned();
            let is_special = token["special"].as_bool().unwrap_or(false);
            let is_in_vocabulary = vocabulary.get(&content).is_some();
            let is_control = is_special || !is_in_vocabulary;
            if !is_control || allowed.contains(&content) {
                return true;
            }
            controls.push((content.clone(), token["id"].as_u64().unwrap_or(0) as u32));
            if allowed.is_empty() || is_in_vocabulary {
                return false;
            }
            // The library numbers added tokens in order, so one that is left out would move the ids behind it: it stays
            // under a name of noncharacters, which no text holds by chance, and which is caught by its id if one does.
            let number = controls.len();
            token["content"] = format!("\u{fdd0}\u{fdd1}{number}\u{fdd0}").into();
            true
        });
    }
    controls
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow_array::{Array, LargeStringArray};

    fn word_level(folder: &Path) -> std::path::PathBuf {
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [{"id": 0, "content": "<eos>", "single_word": false, "lstrip": false, "rstrip": false,
                              "normalized": false, "special": true}],
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "vocab": {"<eos>": 0, "a": 1, "b": 2, "<unk>": 3}, "unk_token": "<unk>"}
        });
        let path = folder.join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        path
    }

    fn ids(tokenizer: &Tokenizer, text: &str) -> Vec<u32> {
        let mut ids = Vec::new();
        tokenizer.encode_into(text, &mut ids).unwrap();
        ids
    }

    #[test]
    fn plain_text_never_becomes_a_control_token() {
        let folder = tempfile::tempdir().unwrap();
        let path = word_level(folder.path());
        let plain = Tokenizer::load(&path, &SpecialMode::Plain).unwrap();
        assert_eq!(ids(&plain, "a b"), [1, 2]);
        assert!(!ids(&plain, "a <eos> b <eos>").contains(&0));
        let hf = Tokenizer::load(&path, &SpecialMode::Hf).unwrap();
        assert_eq!(ids(&hf, "a <eos> b"), [1, 0, 2]);
        let allow = Tokenizer::load(&path, &SpecialMode::Allow(vec!["<eos>".to_owned()])).unwrap();
        assert_eq!(ids(&allow, "a <eos> b"), [1, 0, 2]);
        assert_eq!(plain.vocabulary_size(), 4);
    }

    #[test]
    fn an_array_of_texts_becomes_an_array_of_lists() {
        let folder = tempfile::tempdir().unwrap();
        let tokenizer = Tokenizer::load(&word_level(folder.path()), &SpecialMode::Plain).unwrap();
        let texts = LargeStringArray::from(vec![Some("a b"), None, Some(""), Some("b")]);
        let lists = tokenizer.encode_array(&texts, || Ok(())).unwrap();
        let rows: Vec<_> = lists.iter().map(|row| row.map(|ids| ids.len())).collect();
        assert_eq!(rows, [Some(2), None, Some(0), Some(1)]);
        assert_eq!(lists.values().len(), 3);
        let stop = || Err(EngineError::Cancelled);
        assert!(tokenizer.encode_array(&texts, stop).is_err());
    }

    #[test]
    fn a_control_is_watched_for_where_the_model_can_make_it() {
        let controls = [("<s>".to_owned(), 3)];
        let can_spell = |json: &serde_json::Value, controls: &[(String, u32)]| {
            can_spell(&files::Parts::of(json).unwrap(), controls)
        };
        let model = |vocabulary: serde_json::Value, merges: serde_json::Value, ignore_merges: bool| serde_json::json!({"model": {"vocab": vocabulary, "merges": merges, "ignore_merges": ignore_merges}});
        let (without, with) = (
            serde_json::json!({"a": 0, "b": 1, "ab": 2, "<": 4, "s>": 5}),
            serde_json::json!({"a": 0, "b": 1, "ab": 2, "<": 4, "s>": 5, "<s>": 3}),
        );
        let none = serde_json::json!([]);
        for merges in [
            serde_json::json!(["a b", "< s>"]),
            serde_json::json!([["<", "s>"]]),
        ] {
            assert!(can_spell(&model(with.clone(), merges.clone(), false), &controls));
            assert!(!can_spell(&model(without.clone(), merges, true), &controls));
        }
        assert!(!can_spell(&model(with.clone(), none.clone(), false), &controls));
        assert!(can_spell(&model(with, none.clone(), true), &controls));
        let bytes = serde_json::json!({"<0x0A>": 3, "a": 0});
        assert!(can_spell(
            &model(bytes.clone(), none.clone(), false),
            &[("<0x0A>".to_owned(), 3)]
        ));
        assert!(can_spell(&model(bytes, none, false), &[("a".to_owned(), 0)]));
    }

    #[test]
    fn the_named_library_is_the_one_that_is_linked() {
        let lock = include_str!("../../../../Cargo.lock");
        let (name, version) = LIBRARY.split_once(' ').unwrap();
        assert!(lock.contains(&format!("name = \"{name}\"\nversion = \"{version}\"")));
    }

    #[test]
    fn a_file_that_is_no_tokenizer_is_refused_with_a_code() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("tokenizer.json");
        for content in ["", "{}", "{\"model\": {\"vocab\": 3}}"] {
            std::fs::write(&path, content).unwrap();
            let error = Tokenizer::load(&path, &SpecialMode::Plain)
                .map(|_| ())
                .unwrap_err();
            assert_eq!(error.code(), "GM-TOKENS-001");
        }
    }
}
