//! Gopher's rules as their definitions read, on strings.

use crate::segment::{is_python_alphabetic, is_symbol};
use crate::signals::Value;
use crate::signals::reference::{
    Expected, duplicates, english_tokens, length, ratio, ratio_or_null, split_at_newlines, split_lines,
    strip, tokens,
};
use serde_json::Value as Json;
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn repetition(config: &Json, text: &str) -> Expected {
    match config.get("semantics").and_then(Json::as_str) {
        Some("dolma") => return Expected::values(super::dolma_reference::repetition(text)),
        Some("nemo") => return Expected::values(super::nemo_reference::repetition(text)),
        Some("datatrove") if text.is_empty() => return Expected::values(vec![Value::Float64(1.0); 13]),
        Some("datatrove") => return Expected::values(repetition_values(text, &english_tokens(text))),
        _ => {}
    }
    Expected::values(repetition_values(text, &tokens(text)))
}

pub(super) fn quality(config: &Json, text: &str) -> Expected {
    let stop_words: Vec<String> = match config.get("stop_words") {
        Some(words) => serde_json::from_value(words.clone()).unwrap(),
        None => ["the", "be", "to", "of", "and", "that", "have", "with"]
            .map(str::to_owned)
            .to_vec(),
    };
    match config.get("semantics").and_then(Json::as_str) {
        Some("dolma") => return Expected::values(super::dolma_reference::quality(text, &stop_words)),
        Some("nemo") => return Expected::values(super::nemo_reference::quality(text, &stop_words)),
        Some("datatrove") => {
            let tokens = english_tokens(text);
            return Expected::values(quality_values(text, &tokens, &stop_words, is_python_alphabetic));
        }
        _ => {}
    }
    Expected::values(quality_values(text, &tokens(text), &stop_words, is_letter))
}

fn repetition_values(text: &str, tokens: &[&str]) -> Vec<Value> {
    if text.is_empty() {
        return vec![Value::Null; 13];
    }
    let all = length(text);
    let lines = split_at_newlines(text, 1);
    let paragraphs = split_at_newlines(strip(text), 2);
    let (of_lines, of_paragraphs) = (duplicates(&lines), duplicates(&paragraphs));
    let mut values = vec![
        ratio(of_lines.0, lines.len()),
        ratio(of_paragraphs.0, paragraphs.len()),
        ratio(of_lines.1, all),
        ratio(of_paragraphs.1, all),
    ];
    for level in 2..=4 {
        let mut counts = BTreeMap::<String, (usize, usize)>::new();
        for (position, ngram) in tokens.windows(level).enumerate() {
            counts.entry(ngram.join(" ")).or_insert((0, position)).0 += 1;
        }
        let most = counts
            .iter()
            .max_by_key(|(_, (number, position))| (*number, usize::MAX - position));
        values.push(ratio(
            most.map_or(0, |(ngram, (number, _))| length(ngram) * number),
            all,
        ));
    }
    for level in 5..=10 {
        let (mut unique, mut at, mut chars) = (BTreeSet::new(), 0, 0);
        while at + level <= tokens.len() {
            let ngram = &tokens[at..at + level];
            if unique.insert(ngram) {
                at += 1;
            } else {
                chars += length(&ngram.concat());
                at += level;
            }
        }
        values.push(ratio(chars, all));
    }
    values
}

fn is_letter(character: char) -> bool {
    character.is_alphabetic()
        && !character.is_numeric()
        && !unicode_normalization::char::is_combining_mark(character)
        && !matches!(character, 'Ⓐ'..='ⓩ' | '\u{1f130}'..='\u{1f189}')
}

fn quality_values(
    text: &str,
    tokens: &[&str],
    stop_words: &[String],
    is_letter: fn(char) -> bool,
) -> Vec<Value> {
    let words: Vec<_> = tokens
        .iter()
        .filter(|token| !token.chars().all(is_symbol))
        .collect();
    let lines = split_lines(text);
    let num_lines = |holds: fn(&str) -> bool| lines.iter().filter(|line| holds(strip(line))).count();
    let is_alphabetic = |token: &&&str| token.chars().any(is_letter);
    vec![
        Value::UInt32(words.len() as u32),
        ratio_or_null(words.iter().map(|word| length(word)).sum(), words.len()),
        ratio_or_null(text.matches('#').count(), tokens.len()),
        ratio_or_null(
            text.matches("...").count() + text.matches('…').count(),
            tokens.len(),
        ),
        ratio_or_null(
            num_lines(|line| line.starts_with('•') || line.starts_with('-')),
            lines.len(),
        ),
        ratio_or_null(
            num_lines(|line| line.ends_with("...") || line.ends_with('…')),
            lines.len(),
        ),
        ratio_or_null(tokens.iter().filter(is_alphabetic).count(), tokens.len()),
        Value::UInt32(
            stop_words
                .iter()
                .filter(|word| tokens.contains(&word.as_str()))
                .count() as u32,
        ),
    ]
}
