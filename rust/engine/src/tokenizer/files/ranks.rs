//! A vocabulary of ranked byte strings, as tiktoken means it, as the parts of a `tokenizer.json`.
//!
//! tiktoken merges those neighbours whose bytes together are the token of lowest rank, whichever two they are; so each way
//! to cut a token in two known parts is a merge, and all merges that make one token have one rank.

use std::collections::HashMap;

use serde_json::{Value, json};

use super::{FileKind, TokenizerFile};

/// A vocabulary of ranked byte strings.
pub(super) struct Ranked<'v> {
    /// Bytes and id of each token, in the order of their ranks.
    pub tokens: Vec<(Vec<u8>, u32)>,
    /// Names and ids of control tokens.
    pub controls: Vec<(String, u32)>,
    /// The expression that cuts texts into words.
    pub pattern: &'v str,
    /// Whether texts are brought to NFC first.
    pub nfc: bool,
    /// What the file is.
    pub kind: FileKind,
}

impl Ranked<'_> {
    /// The parts of a `tokenizer.json`, and the ranks of its merges.
    ///
    /// # Errors
    /// When a byte has no token, or two tokens are alike.
    pub(super) fn into_file(self) -> Result<TokenizerFile, String> {
        let mut ids = HashMap::with_capacity(self.tokens.len());
        for (bytes, id) in &self.tokens {
            if bytes.is_empty() {
                return Err(format!("token {id} is empty"));
            }
            if let Some(other) = ids.insert(bytes.as_slice(), *id) {
                return Err(format!("tokens {other} and {id} are the same"));
            }
        }
        if let Some(byte) = (0..=u8::MAX).find(|byte| !ids.contains_key([*byte].as_slice())) {
            return Err(format!("there is no token for the byte {byte:#04x}"));
        }
        let alphabet = alphabet();
        let spelt =
            |bytes: &[u8]| -> String { bytes.iter().map(|&byte| alphabet[usize::from(byte)]).collect() };
        let mut merges = Vec::new();
        let mut merge_ranks = Vec::new();
        for (rank, (bytes, _)) in (0_u32..).zip(&self.tokens) {
            for (left, right) in (1..bytes.len()).map(|at| bytes.split_at(at)) {
                if ids.contains_key(left) && ids.contains_key(right) {
                    merges.push(json!([spelt(left), spelt(right)]));
                    merge_ranks.push(rank);
                }
            }
        }
        let mut vocabulary: serde_json::Map<String, Value> = self
            .tokens
            .iter()
            .map(|(bytes, id)| (spelt(bytes), (*id).into()))
            .collect();
        // The library numbers added tokens anew unless the vocabulary has them. No pattern cuts out one as a word.
        for (content, id) in &self.controls {
            vocabulary.entry(content.as_str()).or_insert_with(|| (*id).into());
        }
        let added: Vec<Value> = self
            .controls
            .iter()
            .map(|(content, id)| {
                json!({"id": id, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
                   "normalized": false, "special": true})
            })
            .collect();
        let split = json!({"type": "Split", "pattern": {"Regex": self.pattern}, "behavior": "Isolated", "invert": false});
        let to_bytes =
            json!({"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false});
        let mut file = json!({
            "version": "1.0", "truncation": null, "padding": null, "added_tokens": added,
            "normalizer": if self.nfc { json!({"type": "NFC"}) } else { Value::Null },
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split, to_bytes.clone()]},
            "post_processor": null, "decoder": to_bytes,
            "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
                      "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": true},
        });
        file["model"]["vocab"] = vocabulary.into();
        file["model"]["merges"] = merges.into();
        Ok(TokenizerFile {
            json: file,
            merge_ranks: Some(merge_ranks),
            unigram: None,
            form: None,
            fused_unknown: None,
            kind: self.kind,
        })
    }
}

/// GPT-2's characters for bytes: printable Latin-1 is itself, the other 68 bytes are U+0100 and so on.
fn alphabet() -> [char; 256] {
    let mut shifted = 0x100..;
    std::array::from_fn(|byte| {
        let is_itself = matches!(byte, 0x21..=0x7e | 0xa1..=0xac | 0xae..=0xff);
        let code = if is_itself {
            byte as u32
        } else {
            shifted.next().unwrap_or(0)
        };
        char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use gristmill_core::tokens::decode_byte_level;

    #[test]
    fn the_alphabet_is_the_one_that_is_decoded() {
        for (byte, character) in (0_u8..=255).zip(alphabet()) {
            assert_eq!(decode_byte_level(&character.to_string()), Some(vec![byte]));
        }
    }

    #[test]
    fn each_way_to_make_a_token_is_a_merge_of_its_rank() {
        let mut tokens: Vec<(Vec<u8>, u32)> = (0..=255).map(|byte| (vec![byte], u32::from(byte))).collect();
        tokens.push((b"aa".to_vec(), 256));
        tokens.push((b"aaa".to_vec(), 257));
        let ranked = Ranked {
            tokens: tokens.clone(),
            controls: Vec::new(),
            pattern: "x",
            nfc: false,
            kind: FileKind::Tekken,
        };
        let file = ranked.into_file().unwrap();
        assert_eq!(
            file.json["model"]["merges"],
            json!([["a", "a"], ["a", "aa"], ["aa", "a"]])
        );
        assert_eq!(file.merge_ranks, Some(vec![256, 257, 257]));
        tokens.remove(7);
        let ranked = Ranked {
            tokens,
            controls: Vec::new(),
            pattern: "x",
            nfc: false,
            kind: FileKind::Tekken,
        };
        assert_eq!(
            ranked.into_file().map(|_| ()).unwrap_err(),
            "there is no token for the byte 0x07"
        );
    }
}
