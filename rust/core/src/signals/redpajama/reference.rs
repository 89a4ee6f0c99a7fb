//! RedPajama's signals as its functions read, on strings.

use std::collections::HashMap;

use serde_json::Value as Json;
use unicode_normalization::UnicodeNormalization;

use super::signals::RedpajamaConfig;
use crate::segment::is_white_space;
use crate::signals::Value;
use crate::signals::python_characters::{is_numeric, is_title_case, is_word_character};
use crate::signals::reference::{Expected, length, ratio, ratio_or_null, space_words, strip};

/// `normalize(text)`.
fn normalise(text: &str) -> String {
    let plain: String = text
        .chars()
        .filter(|character| !character.is_ascii_punctuation())
        .collect();
    space_words(&plain.to_lowercase()).join(" ").nfd().collect()
}

/// `re.findall(r"\w+|[^\w\s]+", text)`.
fn raw_words(text: &str) -> Vec<String> {
    let kind = |character: char| (is_white_space(character), is_word_character(character));
    let (mut words, mut last): (Vec<String>, _) = (Vec::new(), None);
    for character in text.chars() {
        let now = kind(character);
        if now.0 {
            last = None;
            continue;
        }
        match words.last_mut() {
            Some(word) if last == Some(now) => word.push(character),
            _ => words.push(character.into()),
        }
        last = Some(now);
    }
    words
}

/// `len(re.findall(r"\b[^.!?]+[.!?]*", text))`.
fn num_sentences(text: &str) -> usize {
    text.split(['.', '!', '?'])
        .filter(|stretch| stretch.contains(is_word_character))
        .count()
}

fn is_upper(word: &str) -> bool {
    let has = |holds: fn(char) -> bool| word.chars().any(holds);
    has(char::is_uppercase) && !has(char::is_lowercase) && !has(is_title_case)
}

/// Characters in the most frequent n-gram, the first among equals.
fn top(words: &[&str], level: usize) -> usize {
    let mut counts: HashMap<&[&str], usize> = HashMap::new();
    words
        .windows(level)
        .for_each(|ngram| *counts.entry(ngram).or_default() += 1);
    let most = counts.values().copied().max().unwrap_or(0);
    let first = words.windows(level).find(|ngram| counts[ngram] == most);
    first.filter(|_| most > 1).map_or(0, |ngram| {
        ngram.iter().map(|word| length(word)).sum::<usize>() * most
    })
}

fn duplicate(words: &[&str], level: usize) -> usize {
    let mut counts: HashMap<&[&str], usize> = HashMap::new();
    words
        .windows(level)
        .for_each(|ngram| *counts.entry(ngram).or_default() += 1);
    let mut is_covered = vec![false; words.len()];
    for (position, ngram) in words.windows(level).enumerate() {
        if counts[ngram] > 1 {
            is_covered[position..position + level].fill(true);
        }
    }
    words
        .iter()
        .zip(is_covered)
        .filter(|word| word.1)
        .map(|word| length(word.0))
        .sum()
}

fn entropy(words: &[&str]) -> Value {
    let mut counts: HashMap<&str, usize> = HashMap::new();
    words
        .iter()
        .for_each(|word| *counts.entry(word).or_default() += 1);
    let mut sum = 0.0;
    for word in words {
        let number = counts.insert(word, 0).unwrap() as f64;
        sum += if number > 0.0 { number * number.ln() } else { 0.0 };
    }
    let total = words.len() as f64;
    if words.is_empty() {
        Value::Null
    } else {
        Value::Float64((total.ln() - sum / total).max(0.0))
    }
}

pub(super) fn redpajama(config: &Json, text: &str) -> Expected {
    let config: RedpajamaConfig = serde_json::from_value(config.clone()).unwrap();
    let stop_words = config.stop_words();
    let normal = normalise(text);
    let (words, raw) = (space_words(&normal), raw_words(text));
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let normal_lines: Vec<String> = lines.iter().map(|line| normalise(line)).collect();
    let num = |holds: &dyn Fn(&str) -> bool| raw.iter().filter(|word| holds(word)).count();
    let num_lines = |holds: &dyn Fn(&str) -> bool| {
        ratio_or_null(
            lines.iter().filter(|line| holds(strip(line))).count(),
            lines.len(),
        )
    };
    let mean = |fractions: &mut dyn Iterator<Item = f64>| {
        if lines.is_empty() {
            Value::Null
        } else {
            Value::Float64(fractions.sum::<f64>() / lines.len() as f64)
        }
    };
    let fraction = |line: &str, holds: fn(char) -> bool| {
        let number = line.chars().filter(|&character| holds(character)).count();
        if line.is_empty() {
            0.0
        } else {
            number as f64 / length(line) as f64
        }
    };
    let count = |number: usize| Value::UInt32(number as u32);
    let num_word_chars = words.iter().map(|word| length(word)).sum();
    let num_symbols: usize = ["#", "...", "…"]
        .iter()
        .map(|symbol| text.matches(symbol).count())
        .sum();
    let num_stop_words = num(&|word| {
        word.starts_with(is_word_character) && stop_words.iter().any(|stop_word| stop_word == word)
    });
    let distinct = words.iter().collect::<std::collections::HashSet<_>>().len();
    let mut values = vec![
        count(length(text)),
        count(lines.len()),
        count(words.len()),
        ratio_or_null(num_word_chars, words.len()),
        ratio_or_null(num_symbols, raw.len()),
        num_lines(&|line| line.ends_with("...") || line.ends_with('…')),
        ratio_or_null(
            num(&|word| !word.contains(|character: char| character.is_ascii_alphabetic())),
            raw.len(),
        ),
        ratio_or_null(distinct, words.len()),
        entropy(&words),
        ratio_or_null(num(&is_upper), raw.len()),
        count(num_sentences(text)),
        ratio(normal.matches("lorem ipsum").count(), length(&normal)),
        ratio(text.matches(['{', '}']).count(), length(text)),
        ratio(num_stop_words, if words.is_empty() { 0 } else { raw.len() }),
    ];
    values.extend((2..=4).map(|level| ratio(top(&words, level), num_word_chars)));
    values.extend((5..=10).map(|level| ratio(duplicate(&words, level), num_word_chars)));
    let bullets = ['•', '‣', '▶', '◀', '◦', '■', '□', '▪', '▫', '–'];
    values.extend([
        num_lines(&|line| line.ends_with(['.', '!', '?', '”'])),
        num_lines(&|line| line.starts_with(bullets)),
        count(words.iter().filter(|&&word| word == "javascript").count()),
        ratio_or_null(words.len(), lines.len()),
        mean(&mut lines.iter().map(|line| fraction(line, char::is_uppercase))),
        mean(&mut normal_lines.iter().map(|line| fraction(line, is_numeric))),
    ]);
    Expected::values(values)
}
