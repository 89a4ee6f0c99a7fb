//! Compares our own path with the library once, before anybody relies on it: fixed texts, and every token of the vocabulary.

use std::path::Path;

use gristmill_core::tokens::decode_byte_level;

use super::{FileKind, Route, SpecialMode, Tokenizer, files, vocabulary_entries};
use crate::error::{EngineError, Result};

/// Tokens that stand together in one text.
const TOKENS_A_TEXT: usize = 12;

/// Texts at which implementations are known to differ: white space before line ends, contractions, digits, marks, scripts
/// without spaces, emoji sequences, control strings of several families.
const TEXTS: [&str; 16] = [
    "",
    " ",
    "a  b   c\t\td\n\n  e \r\n f\u{a0}g",
    "\n  \n x  \n\n",
    "don't I'LL we'\u{17f} they'Re 'tis O'Neil's",
    "1 12 123 1234567 3.14 \u{664}\u{665}\u{666} \u{2167}\u{bd}",
    "caf\u{e9} cafe\u{301} \u{212b} \u{fb01} a\u{301}\u{328} x\u{897}",
    "\u{4f60}\u{597d}\u{ff0c}\u{4e16}\u{754c}\u{3002}\u{3053}\u{3093}\u{306b}\u{3061}\u{306f}\u{d55c}\u{ad6d}\u{c5b4}",
    "\u{645}\u{631}\u{62d}\u{628}\u{627} \u{5e9}\u{5dc}\u{5d5}\u{5dd} \u{928}\u{92e}\u{938}\u{94d}\u{924}\u{947} \u{e2a}\u{e27}\u{e31}\u{e2a}\u{e14}\u{e35}",
    "\u{1f469}\u{200d}\u{1f469}\u{200d}\u{1f467} \u{1f1e9}\u{1f1ea} \u{263a}\u{fe0f}",
    "<|endoftext|> </s> <s>[INST] <think> <|im_start|> \u{ff5c}<\u{ff5c}User\u{ff5c}>",
    "\u{2581}a \u{2581}\u{2581}b \u{2581}",
    "fn main() { println!(\"{:?}\", x[0] += 1); } // --> ==== ####",
    "HTTPServer camelCase snake_case SCREAMING_CASE \u{1c5}abc",
    "\0\u{1}\u{7f}\u{85}\u{2028}\u{feff}\u{ffff}\u{10ffff}",
    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
];

/// Says where the two ways differ; nothing where they do not, or where there is one only.
///
/// Time: some seconds for vocabularies of 250,000 entries, most of it loading. Memory: both ways at once, some 500 MB for those.
///
/// # Errors
/// When the file is not a tokenizer.
pub fn self_check(path: &Path, mode: &SpecialMode) -> Result<Option<String>> {
    let own = Tokenizer::load(path, mode)?;
    if own.path_taken().is_some() || own.kind() != FileKind::TokenizerJson {
        return Ok(None);
    }
    let library = Tokenizer::load_for(path, mode, Route::Library)?;
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    let mut differs = |text: &str| -> Result<bool> {
        ours.clear();
        theirs.clear();
        own.encode_into(text, &mut ours)?;
        library.encode_into(text, &mut theirs)?;
        Ok(ours != theirs)
    };
    for text in TEXTS {
        if differs(text)? {
            return Ok(Some(format!("{text:?}")));
        }
    }
    for tokens in spelt_tokens(path)?.chunks(TOKENS_A_TEXT) {
        if differs(&tokens.concat())? {
            let apart = tokens
                .iter()
                .map(|token| Ok((token, differs(token)?)))
                .collect::<Result<Vec<_>>>()?;
            let one = apart
                .into_iter()
                .find(|(_, differ)| *differ)
                .map(|(token, _)| token.clone());
            return Ok(Some(format!("{:?}", one.unwrap_or_else(|| tokens.concat()))));
        }
    }
    Ok(None)
}

/// The text of every token, in the order of their ids; what is no text by itself is left out.
fn spelt_tokens(path: &Path) -> Result<Vec<String>> {
    let file = files::read(path).map_err(|detail| EngineError::Tokenizer {
        path: path.to_owned(),
        detail,
    })?;
    let mut tokens: Vec<(String, u32)> = vocabulary_entries(&file.json).into_iter().flatten().collect();
    tokens.sort_unstable_by_key(|(_, id)| *id);
    let is_byte_level = !file.json["pre_tokenizer"].is_null()
        && !file.json["model"]["byte_fallback"].as_bool().unwrap_or(false);
    let spelt = |token: String| {
        if is_byte_level {
            String::from_utf8(decode_byte_level(&token)?).ok()
        } else {
            Some(token.replace('\u{2581}', " "))
        }
    };
    Ok(tokens.into_iter().filter_map(|(token, _)| spelt(token)).collect())
}
