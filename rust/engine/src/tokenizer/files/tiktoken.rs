//! tiktoken's files: one token a line, as base64, and its rank.
//!
//! Such a file says neither how texts are cut into words nor which control tokens there are. Both follow from the name of
//! the encoding, which is that of the file, or else from the number of ranks. Names, patterns and control tokens:
//! `tiktoken_ext/openai_public.py` of tiktoken 0.14.0 (MIT), the `tokenizer.json` of Llama 3.1, and `qwen.tiktoken` of Qwen 1.

use std::path::Path;

use gristmill_core::tokens::expressions;

use super::base64;
use super::ranks::Ranked;
use super::{FileKind, TokenizerFile};

/// An encoding whose pattern is known.
struct Encoding {
    name: &'static str,
    /// Number of ranks.
    num_ranks: usize,
    pattern: &'static str,
    nfc: bool,
    controls: &'static [(&'static str, u32)],
    /// Further control tokens: what stands before and behind the number, the first number, and the ids.
    numbered: Option<Numbered>,
}

struct Numbered {
    before: &'static str,
    behind: &'static str,
    first_number: u32,
    ids: std::ops::Range<u32>,
}

/// Known encodings. Of two with as many ranks the first is meant, unless the file's name says otherwise.
static ENCODINGS: [Encoding; 9] = [
    Encoding {
        name: "cl100k_base",
        num_ranks: 100_256,
        pattern: expressions::CL100K_3,
        nfc: false,
        controls: &[
            ("<|endoftext|>", 100_257),
            ("<|fim_prefix|>", 100_258),
            ("<|fim_middle|>", 100_259),
            ("<|fim_suffix|>", 100_260),
            ("<|endofprompt|>", 100_276),
        ],
        numbered: None,
    },
    Encoding {
        name: "o200k_base",
        num_ranks: 199_998,
        pattern: expressions::O200K,
        nfc: false,
        controls: &[("<|endoftext|>", 199_999), ("<|endofprompt|>", 200_018)],
        numbered: None,
    },
    Encoding {
        name: "o200k_harmony",
        num_ranks: 199_998,
        pattern: expressions::O200K,
        nfc: false,
        controls: &[
            ("<|startoftext|>", 199_998),
            ("<|endoftext|>", 199_999),
            ("<|reserved_200000|>", 200_000),
            ("<|reserved_200001|>", 200_001),
            ("<|return|>", 200_002),
            ("<|constrain|>", 200_003),
            ("<|reserved_200004|>", 200_004),
            ("<|channel|>", 200_005),
            ("<|start|>", 200_006),
            ("<|end|>", 200_007),
            ("<|message|>", 200_008),
            ("<|reserved_200009|>", 200_009),
            ("<|reserved_200010|>", 200_010),
            ("<|reserved_200011|>", 200_011),
            ("<|call|>", 200_012),
            ("<|endofprompt|>", 200_018),
        ],
        numbered: Some(Numbered {
            before: "<|reserved_",
            behind: "|>",
            first_number: 200_013,
            ids: 200_013..201_088,
        }),
    },
    Encoding {
        name: "r50k_base",
        num_ranks: 50_256,
        pattern: expressions::GPT2,
        nfc: false,
        controls: &[("<|endoftext|>", 50_256)],
        numbered: None,
    },
    Encoding {
        name: "gpt2",
        num_ranks: 50_256,
        pattern: expressions::GPT2,
        nfc: false,
        controls: &[("<|endoftext|>", 50_256)],
        numbered: None,
    },
    Encoding {
        name: "p50k_base",
        num_ranks: 50_280,
        pattern: expressions::GPT2,
        nfc: false,
        controls: &[("<|endoftext|>", 50_256)],
        numbered: None,
    },
    Encoding {
        name: "p50k_edit",
        num_ranks: 50_280,
        pattern: expressions::GPT2,
        nfc: false,
        controls: &[
            ("<|endoftext|>", 50_256),
            ("<|fim_prefix|>", 50_281),
            ("<|fim_middle|>", 50_282),
            ("<|fim_suffix|>", 50_283),
        ],
        numbered: None,
    },
    Encoding {
        name: "llama3",
        num_ranks: 128_000,
        pattern: expressions::CL100K_3,
        nfc: false,
        controls: &[
            ("<|begin_of_text|>", 128_000),
            ("<|end_of_text|>", 128_001),
            ("<|reserved_special_token_0|>", 128_002),
            ("<|reserved_special_token_1|>", 128_003),
            ("<|reserved_special_token_2|>", 128_004),
            ("<|reserved_special_token_3|>", 128_005),
            ("<|start_header_id|>", 128_006),
            ("<|end_header_id|>", 128_007),
            ("<|reserved_special_token_4|>", 128_008),
            ("<|eot_id|>", 128_009),
        ],
        numbered: Some(Numbered {
            before: "<|reserved_special_token_",
            behind: "|>",
            first_number: 5,
            ids: 128_010..128_256,
        }),
    },
    Encoding {
        name: "qwen",
        num_ranks: 151_643,
        pattern: expressions::CL100K_1,
        nfc: true,
        controls: &[
            ("<|endoftext|>", 151_643),
            ("<|im_start|>", 151_644),
            ("<|im_end|>", 151_645),
        ],
        numbered: Some(Numbered {
            before: "<|extra_",
            behind: "|>",
            first_number: 0,
            ids: 151_646..151_851,
        }),
    },
];

impl Encoding {
    fn controls(&self) -> Vec<(String, u32)> {
        let mut controls: Vec<(String, u32)> = self
            .controls
            .iter()
            .map(|&(name, id)| (name.to_owned(), id))
            .collect();
        if let Some(Numbered {
            before,
            behind,
            first_number,
            ids,
        }) = &self.numbered
        {
            let numbers = *first_number..;
            for (id, number) in ids.clone().zip(numbers) {
                if !controls.iter().any(|(_, other)| *other == id) {
                    controls.push((format!("{before}{number}{behind}"), id));
                }
            }
        }
        controls
    }
}

/// Whether the first line is a token and its rank.
pub(super) fn is_tiktoken(bytes: &[u8]) -> bool {
    bytes
        .split(|&byte| byte == b'\n')
        .next()
        .is_some_and(|line| parse_line(line).is_some())
}

fn parse_line(line: &[u8]) -> Option<(Vec<u8>, u32)> {
    let text = std::str::from_utf8(line).ok()?.trim_end();
    let (token, rank) = text.split_once(' ')?;
    Some((base64::decode(token.as_bytes())?, rank.parse().ok()?))
}

/// Reads a file of ranks.
///
/// # Errors
/// When a line is none, or the encoding is not known.
pub(super) fn read(bytes: &[u8], path: &Path) -> Result<TokenizerFile, String> {
    let mut tokens = Vec::new();
    for (number, line) in bytes.split(|&byte| byte == b'\n').enumerate() {
        if line.trim_ascii().is_empty() {
            continue;
        }
        let token = parse_line(line);
        tokens.push(token.ok_or_else(|| format!("line {} is no token and rank", number + 1))?);
    }
    tokens.sort_by_key(|(_, rank)| *rank);
    if let Some(pair) = tokens.windows(2).find(|pair| pair[0].1 == pair[1].1) {
        return Err(format!("two tokens have the rank {}", pair[0].1));
    }
    let stem = path
        .file_stem()
        .and_then(|stem| stem.to_str())
        .unwrap_or_default();
    let named = ENCODINGS
        .iter()
        .find(|encoding| encoding.name == stem && encoding.num_ranks == tokens.len());
    let counted = || {
        ENCODINGS
            .iter()
            .find(|encoding| encoding.num_ranks == tokens.len())
    };
    let encoding = named.or_else(counted).ok_or_else(|| {
        let known: Vec<&str> = ENCODINGS.iter().map(|encoding| encoding.name).collect();
        format!(
            "a tiktoken file does not say how it splits text, and {} ranks are those of no known encoding ({}); \
             use a `tokenizer.json`",
            tokens.len(),
            known.join(", ")
        )
    })?;
    Ranked {
        tokens,
        controls: encoding.controls(),
        pattern: encoding.pattern,
        nfc: encoding.nfc,
        kind: FileKind::Tiktoken(encoding.name),
    }
    .into_file()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_tokens_have_the_ids_behind_the_ranks() {
        for encoding in &ENCODINGS {
            let mut ids: Vec<u32> = encoding.controls().into_iter().map(|(_, id)| id).collect();
            let count = ids.len();
            ids.sort_unstable();
            ids.dedup();
            assert_eq!(ids.len(), count, "{}", encoding.name);
        }
        let harmony = ENCODINGS
            .iter()
            .find(|encoding| encoding.name == "o200k_harmony")
            .unwrap()
            .controls();
        assert_eq!(harmony.len(), 1090);
        let llama = ENCODINGS
            .iter()
            .find(|encoding| encoding.name == "llama3")
            .unwrap()
            .controls();
        assert_eq!(
            llama.last(),
            Some(&("<|reserved_special_token_250|>".to_owned(), 128_255))
        );
    }

    #[test]
    fn unknown_and_damaged_files_are_refused() {
        let read = |text: &str| {
            read(text.as_bytes(), Path::new("x.tiktoken"))
                .map(|_| ())
                .unwrap_err()
        };
        assert!(is_tiktoken(b"IQ== 0\nIg== 1\n"));
        assert!(!is_tiktoken(b"{}") && !is_tiktoken(b"") && !is_tiktoken(b"words 1"));
        assert!(read("IQ== 0\nIg== 1\n").contains("2 ranks are those of no known encoding"));
        assert_eq!(read("IQ== 0\nIg== 0\n"), "two tokens have the rank 0");
        assert_eq!(read("IQ== 0\nIg==\n"), "line 2 is no token and rank");
    }
}
