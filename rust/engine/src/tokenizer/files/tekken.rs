//! Mistral's Tekken: JSON with ranked byte strings, the pattern, and how many of the ranks count.
//!
//! Ids: the control tokens first, then the ranks (`mistral_common`, `tokens/tokenizers/tekken.py`, Apache-2.0).

use serde_json::Value;

use super::base64;
use super::ranks::Ranked;
use super::{FileKind, TokenizerFile};

/// Control tokens of files that list none.
const DEFAULT_CONTROLS: [&str; 20] = [
    "<unk>",
    "<s>",
    "</s>",
    "[INST]",
    "[/INST]",
    "[AVAILABLE_TOOLS]",
    "[/AVAILABLE_TOOLS]",
    "[TOOL_RESULTS]",
    "[/TOOL_RESULTS]",
    "[TOOL_CALLS]",
    "[IMG]",
    "<pad>",
    "[IMG_BREAK]",
    "[IMG_END]",
    "[PREFIX]",
    "[MIDDLE]",
    "[SUFFIX]",
    "[SYSTEM_PROMPT]",
    "[/SYSTEM_PROMPT]",
    "[TOOL_CONTENT]",
];

/// Whether a JSON file is one.
pub(super) fn is_tekken(json: &Value) -> bool {
    json["config"]["pattern"].is_string() && json["vocab"].is_array()
}

/// Reads one.
///
/// # Errors
/// When a part is missing or wrong.
pub(super) fn read(json: &Value) -> Result<TokenizerFile, String> {
    let config = &json["config"];
    let number = |key: &str| {
        let found = config[key].as_u64().and_then(|value| u32::try_from(value).ok());
        found.ok_or_else(|| format!("`config.{key}` is no number"))
    };
    let num_controls = number("default_num_special_tokens")?;
    let size = number("default_vocab_size")?;
    let num_ranks = size
        .checked_sub(num_controls)
        .ok_or("there are more control tokens than tokens")?;
    let mut ranked = Vec::new();
    for entry in json["vocab"].as_array().map_or(&[][..], Vec::as_slice) {
        let rank = entry["rank"].as_u64().and_then(|rank| u32::try_from(rank).ok());
        let rank = rank.ok_or("a token has no rank")?;
        if rank >= num_ranks {
            continue;
        }
        let bytes = entry["token_bytes"]
            .as_str()
            .and_then(|text| base64::decode(text.as_bytes()));
        ranked.push((bytes.ok_or_else(|| format!("token {rank} has no bytes"))?, rank));
    }
    ranked.sort_by_key(|(_, rank)| *rank);
    if !ranked.iter().map(|(_, rank)| *rank).eq(0..num_ranks) {
        return Err(format!("the ranks are not 0 to {}", num_ranks.saturating_sub(1)));
    }
    let pattern = config["pattern"].as_str().ok_or("there is no pattern")?;
    Ranked {
        tokens: ranked
            .into_iter()
            .map(|(bytes, rank)| (bytes, rank + num_controls))
            .collect(),
        controls: controls(json, num_controls)?,
        pattern,
        nfc: false,
        kind: FileKind::Tekken,
    }
    .into_file()
}

fn controls(json: &Value, num_controls: u32) -> Result<Vec<(String, u32)>, String> {
    let listed: Vec<Option<&str>> = match json["special_tokens"].as_array() {
        Some(tokens) => {
            let mut names = vec![None; num_controls as usize];
            for token in tokens {
                let rank = token["rank"].as_u64().ok_or("a control token has no rank")? as usize;
                *names.get_mut(rank).ok_or("a control token's rank is too high")? =
                    token["token_str"].as_str();
            }
            names
        }
        None => DEFAULT_CONTROLS.into_iter().map(Some).collect(),
    };
    let names = (0..num_controls).map(|rank| {
        let name = listed.get(rank as usize).copied().flatten();
        (
            name.map_or_else(|| format!("<SPECIAL_{rank}>"), str::to_owned),
            rank,
        )
    });
    Ok(names.collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ids_come_behind_the_control_tokens_and_the_rest_is_cut_off() {
        let vocabulary: Vec<Value> = (0..258_u32)
            .map(|rank| {
                let token = if rank < 256 {
                    [rank as u8, 0, 0]
                } else {
                    [b'a', b'a', b'a']
                };
                let text = match rank {
                    256 => "YWE=".to_owned(),
                    257 => "YWFh".to_owned(),
                    _ => encode_byte(token[0]),
                };
                json!({"rank": rank, "token_bytes": text})
            })
            .collect();
        let mut file = json!({
            "config": {"pattern": "x", "default_vocab_size": 260, "default_num_special_tokens": 3},
            "vocab": vocabulary,
        });
        assert!(is_tekken(&file));
        let read_file = read(&file).unwrap();
        assert_eq!(read_file.json["model"]["vocab"]["aa"], 259);
        assert_eq!(read_file.json["model"]["vocab"]["aaa"], Value::Null);
        assert_eq!(read_file.json["added_tokens"][2]["content"], "</s>");
        file["vocab"].as_array_mut().unwrap().remove(3);
        assert_eq!(read(&file).map(|_| ()).unwrap_err(), "the ranks are not 0 to 256");
    }

    fn encode_byte(byte: u8) -> String {
        let digits = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let digit = |value: u8| char::from(digits[usize::from(value)]);
        format!("{}{}==", digit(byte >> 2), digit((byte & 3) << 4))
    }
}
