//! Rendered conversations to token ids, each with the bytes it stands for.
//!
//! A conversation whose contents spell no control token is encoded by the library exactly as `transformers` does it. Where
//! a content spells one, the text is cut at the control tokens that are the template's own, which become their ids, and
//! what lies between is encoded in `plain` mode, so that nobody can speak for another role. Everything goes through the
//! library: our own path gives no offsets, and rendering costs more than either.

use std::path::Path;

use gristmill_core::tokens::AddedTokens;

use super::{Encoding, FileKind, Route, SpecialMode, Tokenizer};
use crate::error::{EngineError, Result};

/// A token and the bytes of the text that it stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The token.
    pub id: u32,
    /// Where its bytes start.
    pub start: u32,
    /// Where they end; a token may stand for none.
    pub end: u32,
}

/// Encodes rendered conversations. Memory: twice that of the vocabulary.
pub struct ChatTokenizer {
    hf: Tokenizer,
    plain: Tokenizer,
    controls: AddedTokens,
    /// Controls that take white space before or behind them along.
    greedy: Vec<(u32, bool, bool)>,
}

impl ChatTokenizer {
    /// Loads a `tokenizer.json`. `mode` says what contents that spell a control token become.
    ///
    /// # Errors
    /// [`EngineError::Tokenizer`] when the file is not a tokenizer.
    pub fn load(path: &Path, mode: &SpecialMode) -> Result<Self> {
        let hf = Tokenizer::load_for(path, &SpecialMode::Hf, Route::Library)?;
        let plain = Tokenizer::load_for(path, mode, Route::Library)?;
        let fail = |detail: String| EngineError::Tokenizer {
            path: path.to_owned(),
            detail,
        };
        if hf.kind() != FileKind::TokenizerJson {
            let detail = format!(
                "conversations need a `tokenizer.json`, and this is a {}",
                hf.kind()
            );
            return Err(fail(detail));
        }
        let json = super::files::read(path).map_err(fail)?.json;
        let greedy = json["added_tokens"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|token| {
                let flag = |name: &str| token[name].as_bool().unwrap_or(false);
                Some((token["id"].as_u64()? as u32, flag("lstrip"), flag("rstrip")))
            })
            .filter(|&(_, before, behind)| before || behind)
            .collect();
        let controls = AddedTokens::new(plain.controls.iter().map(|(text, id)| (text.as_str(), *id)));
        Ok(Self {
            hf,
            plain,
            controls,
            greedy,
        })
    }

    /// Appends the tokens of `text` to `tokens`. In `spelled` are the bytes, ascending, where contents spell control
    /// tokens, which stay text.
    ///
    /// # Errors
    /// When the model refuses the text.
    pub fn encode(&self, text: &str, spelled: &[(u32, u32)], tokens: &mut Vec<Placed>) -> Result<()> {
        if spelled.is_empty() {
            return self.hf.encode_placed(text, 0, tokens);
        }
        let (mut from, mut start) = (0, 0);
        while let Some((begin, end, id)) = self.controls.find(text.as_bytes(), from) {
            from = begin + 1;
            let is_content = spelled
                .iter()
                .any(|&(first, last)| begin < last as usize && first as usize <= end.saturating_sub(1));
            // Nothing of a content is looked at twice: the template's own cannot begin inside it.
            if is_content || !text.is_char_boundary(begin) || !text.is_char_boundary(end) {
                continue;
            }
            let greedy = self.greedy.iter().find(|(other, _, _)| *other == id);
            let before = &text[start..begin];
            let before = match greedy {
                Some((_, true, _)) => before.trim_end(),
                _ => before,
            };
            self.plain_piece(before, start, tokens)?;
            let mut next = end;
            if let Some((_, _, true)) = greedy {
                next = text.len() - text[end..].trim_start().len();
            }
            tokens.push(Placed {
                id,
                start: (start + before.len()) as u32,
                end: next as u32,
            });
            (from, start) = (next, next);
        }
        self.plain_piece(&text[start..], start, tokens)
    }

    fn plain_piece(&self, piece: &str, offset: usize, tokens: &mut Vec<Placed>) -> Result<()> {
        let first = tokens.len();
        self.plain.encode_placed(piece, offset, tokens)?;
        if tokens[first..]
            .iter()
            .any(|token| self.plain.is_control(token.id))
        {
            // A model that spells control tokens by itself: as for plain texts, without places inside the piece.
            tokens.truncate(first);
            let mut ids = Vec::new();
            self.plain.encode_into(piece, &mut ids)?;
            let (start, end) = (offset as u32, (offset + piece.len()) as u32);
            tokens.extend(ids.into_iter().map(|id| Placed { id, start, end }));
        }
        Ok(())
    }
}

impl Tokenizer {
    /// Appends the tokens of `text`, whose bytes are counted from `offset` on. Only for [`Route::Library`].
    fn encode_placed(&self, text: &str, offset: usize, tokens: &mut Vec<Placed>) -> Result<()> {
        if text.is_empty() {
            return Ok(());
        }
        let Encoding::Library(library, _) = &self.encoding else {
            return Err(EngineError::Spec("our own path gives no places".to_owned()));
        };
        let encoding = library
            .encode(text, false)
            .map_err(|error| EngineError::Tokenizer {
                path: self.path.clone(),
                detail: error.to_string(),
            })?;
        let placed = encoding.get_ids().iter().zip(encoding.get_offsets());
        tokens.extend(placed.map(|(&id, &(start, end))| Placed {
            id,
            start: (offset + start) as u32,
            end: (offset + end) as u32,
        }));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(folder: &Path) -> std::path::PathBuf {
        let added = |id: u32, content: &str, rstrip: bool| {
            serde_json::json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": rstrip,
                               "normalized": false, "special": true})
        };
        let json = serde_json::json!({
            "version": "1.0", "truncation": null, "padding": null, "normalizer": null,
            "added_tokens": [added(0, "<s>", false), added(1, "</s>", true)],
            "pre_tokenizer": {"type": "WhitespaceSplit"}, "post_processor": null, "decoder": null,
            "model": {"type": "WordLevel", "unk_token": "?",
                      "vocab": {"<s>": 0, "</s>": 1, "a": 2, "b": 3, "?": 4, "c": 5}}
        });
        let path = folder.join("tokenizer.json");
        std::fs::write(&path, json.to_string()).unwrap();
        path
    }

    fn encode(chat: &ChatTokenizer, text: &str, spelled: &[(u32, u32)]) -> Vec<(u32, u32, u32)> {
        let mut tokens = Vec::new();
        chat.encode(text, spelled, &mut tokens).unwrap();
        tokens
            .iter()
            .map(|token| (token.id, token.start, token.end))
            .collect()
    }

    #[test]
    fn only_the_templates_own_control_tokens_become_ids() {
        let folder = tempfile::tempdir().unwrap();
        let chat = ChatTokenizer::load(&words(folder.path()), &SpecialMode::Plain).unwrap();
        let text = "<s>a </s> b</s>";
        assert_eq!(
            encode(&chat, text, &[]),
            [(0, 0, 3), (2, 3, 4), (1, 5, 10), (3, 10, 11), (1, 11, 15)]
        );
        // The first `</s>` is a content's. This model spells it as one word, so it is broken in two, and the places are
        // those of the whole piece.
        assert_eq!(
            encode(&chat, text, &[(5, 9)]),
            [
                (0, 0, 3),
                (2, 3, 11),
                (4, 3, 11),
                (4, 3, 11),
                (3, 3, 11),
                (1, 11, 15)
            ]
        );
        assert_eq!(encode(&chat, "<s>c", &[(0, 3)]), [(4, 0, 4)]);
        assert_eq!(encode(&chat, "", &[]), []);
    }
}
