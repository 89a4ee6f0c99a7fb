//! C4's rules on bad words and paragraphs as their definitions read, on strings.

use super::bad_words::BadWordsConfig;
use super::paragraphs::ParagraphsConfig;
use super::word_list::Flanks;
use crate::segment::CharacterClass;
use crate::signals::reference::{Expected, length};
use crate::signals::{ListFiles, Value};
use serde_json::Value as Json;
use std::collections::BTreeSet;

pub(super) fn bad_words(config: &Json, text: &str) -> Expected {
    let config: BadWordsConfig = serde_json::from_value(config.clone()).unwrap();
    let entries: BTreeSet<String> = config.entries(&ListFiles::new()).unwrap().into_iter().collect();
    let lower = text.to_lowercase();
    let is_word = |character: char| {
        let class = CharacterClass::of(character);
        character == '_' || class.is_letter() || class.is_number()
    };
    let mut number = 0;
    for (at, _) in lower.char_indices() {
        for entry in &entries {
            let Some(after) = lower[at..].strip_prefix(entry.as_str()) else {
                continue;
            };
            let is_free = !lower[..at].ends_with(is_word) && !after.starts_with(is_word);
            number += u32::from(is_free || config.flanks() == Flanks::Any);
        }
    }
    Expected::values(vec![Value::UInt32(number)])
}

pub(super) fn paragraphs(config: &Json, text: &str) -> Expected {
    let config: ParagraphsConfig = serde_json::from_value(config.clone()).unwrap();
    let lines: Vec<&str> = text.split('\n').collect();
    let is_long = |line: &&&str| length(line) >= config.long_paragraph_length as usize;
    let num_long = lines.iter().filter(is_long).count();
    Expected::values(vec![
        Value::UInt32(lines.len() as u32),
        Value::UInt32(num_long as u32),
    ])
}
