//! Dolma's taggers as their definitions read, on strings.

use super::c4::C4Config;
use super::characters::{is_digit, is_joiner, is_punctuation};
use super::repetitions::RepetitionsConfig;
use super::symbol_paragraphs::is_emoji;
use crate::segment::is_white_space;
use crate::signals::Value;
use crate::signals::facts::latest_english_entries;
use crate::signals::reference::{Expected, length as num_chars, ratio, ratio_or_null, space_words, strip};
use serde_json::Value as Json;
use std::collections::BTreeSet;
use unicode_normalization::char::is_combining_mark;

fn counts(numbers: &[usize]) -> Vec<Value> {
    numbers
        .iter()
        .map(|&number| Value::UInt32(number as u32))
        .collect()
}

/// Python's `split_paragraphs(text)`: lines with their line feeds, blank ones left out.
fn paragraphs(text: &str) -> Vec<&str> {
    text.split_inclusive('\n')
        .filter(|line| !strip(line).is_empty())
        .collect()
}

/// `len(regex.split(r"\w+|[^\w\s]+", text))`.
fn num_pieces(text: &str) -> usize {
    let is_word = |character: char| {
        character.is_alphabetic()
            || is_combining_mark(character)
            || is_digit(character)
            || character == '_'
            || is_joiner(character)
    };
    let (mut number, mut rest) = (1, text);
    while let Some(first) = rest.chars().next() {
        let end = if first.is_whitespace() {
            Some(first.len_utf8())
        } else {
            number += 1;
            rest.find(|character: char| character.is_whitespace() || is_word(character) != is_word(first))
        };
        rest = &rest[end.unwrap_or(rest.len())..];
    }
    number
}

pub(super) fn length(_config: &Json, text: &str) -> Expected {
    let paragraphs = paragraphs(text);
    Expected::values(counts(&[
        text.len(),
        num_chars(text),
        num_chars(strip(text)),
        num_pieces(text),
        paragraphs.len(),
        paragraphs.iter().map(|paragraph| num_pieces(paragraph)).sum(),
    ]))
}

pub(super) fn symbol_paragraphs(_config: &Json, text: &str) -> Expected {
    let paragraphs = paragraphs(text);
    let is_symbol =
        |character: char| character.is_whitespace() || is_punctuation(character) || is_emoji(character);
    let number = paragraphs
        .iter()
        .filter(|paragraph| paragraph.chars().all(is_symbol))
        .count();
    Expected::values(vec![
        Value::UInt32(number as u32),
        ratio_or_null(number, paragraphs.len()),
    ])
}

pub(super) fn c4(config: &Json, text: &str) -> Expected {
    let config: C4Config = serde_json::from_value(config.clone()).unwrap();
    let lower = text.to_lowercase();
    let words: BTreeSet<&str> = space_words(&lower).into_iter().collect();
    let has_naughty_word = latest_english_entries().any(|entry| {
        if entry.contains(' ') {
            lower.contains(entry)
        } else {
            words.contains(entry)
        }
    });
    let is_ended = |line: &str| {
        [".", "?", "!", "\""]
            .iter()
            .any(|mark| strip(line).ends_with(mark))
    };
    let is_short = |line: &str| space_words(line).len() < 3;
    let lines: Vec<&str> = text.split('\n').collect();
    let mut values = vec![
        Value::Bool(lower.contains('{')),
        Value::Bool(lower.contains("lorem ipsum")),
        Value::Bool(lower.contains("javascript")),
        Value::Bool(has_naughty_word),
    ];
    values.extend(counts(&[
        lines.len(),
        lines.iter().filter(|line| !is_ended(line)).count(),
        lines.iter().filter(|line| is_short(line)).count(),
    ]));
    let kept: String = text
        .split_inclusive('\n')
        .filter(|line| !config.remove_lines || is_ended(line) && !is_short(line))
        .collect();
    Expected {
        values,
        text: Some(kept),
    }
}

/// Start, end and length of the string, in bytes, of every match of `(.+?)(\s?\1){3,}`: the expression tried at every
/// position with every length.
pub(super) fn matches(text: &str) -> Vec<(usize, usize, usize)> {
    let (mut found, mut start) = (Vec::new(), 0);
    'starts: while let Some(first) = text[start..].chars().next() {
        for (offset, character) in text[start..].char_indices() {
            if character == '\n' {
                break;
            }
            let end = start + offset + character.len_utf8();
            if let Some(after) = after_copies(text, &text[start..end], end, 0) {
                found.push((start, after, end - start));
                start = after;
                continue 'starts;
            }
        }
        start += first.len_utf8();
    }
    found
}

/// Where the greedy, backtracking `(\s?\1){3,}` ends, after so many copies.
fn after_copies(text: &str, string: &str, at: usize, num_copies: usize) -> Option<usize> {
    let next_copies = |at: usize| {
        let rest = &text[at..];
        let space = rest.chars().next().filter(|character| is_white_space(*character));
        let with_space = space.and_then(|space| rest[space.len_utf8()..].strip_prefix(string));
        let afters = [with_space, rest.strip_prefix(string)].into_iter().flatten();
        afters.map(|after| text.len() - after.len()).collect::<Vec<_>>()
    };
    if num_copies < 3 {
        let mut tried = next_copies(at).into_iter();
        return tried.find_map(|end| after_copies(text, string, end, num_copies + 1));
    }
    // From here on the expression can stop anywhere, so it never has to come back.
    let mut end = at;
    while let Some(&further) = next_copies(end).first() {
        end = further;
    }
    Some(end)
}

pub(super) fn repetitions(config: &Json, text: &str) -> Expected {
    let config: RepetitionsConfig = serde_json::from_value(config.clone()).unwrap();
    let parts: Vec<&str> = if config.by_paragraph {
        text.split_inclusive('\n').collect()
    } else {
        vec![text]
    };
    let mut places = Vec::new();
    for part in parts {
        for (start, end, period) in matches(part) {
            let place = &part[start..end];
            places.push((place.matches(&place[..period]).count(), num_chars(place)));
        }
    }
    let mut values = counts(&[
        places.len(),
        places.iter().map(|place| place.0).max().unwrap_or(0),
        places.iter().map(|place| place.1).max().unwrap_or(0),
    ]);
    values.push(ratio(places.iter().map(|place| place.1).sum(), num_chars(text)));
    Expected::values(values)
}
