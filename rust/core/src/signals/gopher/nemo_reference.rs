//! The loops of NeMo Curator's heuristic filters, on strings.

use crate::signals::Value;
use crate::signals::reference::{length, ratio_or_null, space_words, strip};
use std::collections::{BTreeMap, BTreeSet};

fn full_lines(text: &str) -> Vec<&str> {
    text.split('\n').filter(|line| !strip(line).is_empty()).collect()
}

pub(super) fn quality(text: &str, stop_words: &[String]) -> Vec<Value> {
    let ellipses = [
        "...",
        "[...]",
        "…",
        "(...)",
        "[…]",
        "-»",
        "read more..",
        "read more",
    ];
    let words = space_words(text);
    let lines = full_lines(text);
    let num_words = |holds: &dyn Fn(&str) -> bool| words.iter().filter(|word| holds(word)).count();
    let num_lines = |holds: &dyn Fn(&str) -> bool| lines.iter().filter(|line| holds(strip(line))).count();
    let is_symbol = |word: &str| {
        let characters: Vec<char> = word.chars().collect();
        let mut runs = characters.clone();
        runs.dedup_by(|next, previous| *next == '#' && *previous == '#');
        let num_runs = runs.iter().filter(|character| **character == '#').count();
        ellipses.contains(&word) || num_runs as f64 / characters.len() as f64 > 0.5
    };
    vec![
        Value::UInt32(words.len() as u32),
        ratio_or_null(words.iter().map(|word| length(word)).sum(), words.len()),
        ratio_or_null(num_words(&is_symbol), words.len()),
        Value::Null,
        ratio_or_null(
            num_lines(&|line| "•‣⁃⁌⁍∙○●◘◦⦾⦿".chars().any(|bullet| line.starts_with(bullet))),
            lines.len(),
        ),
        ratio_or_null(
            num_lines(&|line| {
                let line = line.to_lowercase();
                ellipses.iter().any(|mark| line.ends_with(mark))
            }),
            lines.len(),
        ),
        ratio_or_null(num_words(&|word| word.contains(char::is_alphabetic)), words.len()),
        Value::UInt32(num_words(&|word| stop_words.iter().any(|stop| stop == word)) as u32),
    ]
}

/// Shares of pieces and of their characters that are gone when every piece stands once.
fn copies(pieces: &[&str]) -> (Value, Value) {
    let unique: BTreeSet<&str> = pieces.iter().copied().collect();
    let num_chars: usize = pieces.iter().map(|piece| length(piece)).sum();
    let num_unique_chars: usize = unique.iter().map(|piece| length(piece)).sum();
    (
        ratio_or_null(pieces.len() - unique.len(), pieces.len()),
        ratio_or_null(num_chars - num_unique_chars, num_chars),
    )
}

pub(super) fn repetition(text: &str) -> Vec<Value> {
    let words = space_words(text);
    let of_lines = copies(&full_lines(text));
    let of_paragraphs = copies(&text.split("\n\n").collect::<Vec<_>>());
    let mut values = vec![of_lines.0, of_paragraphs.0, of_lines.1, of_paragraphs.1];
    for level in 2..=10 {
        if words.len() < level {
            values.push(Value::Float64(1.0));
            continue;
        }
        let chars = if level <= 4 {
            let mut counts = BTreeMap::<&[&str], (usize, usize)>::new();
            for (position, ngram) in words.windows(level).enumerate() {
                counts.entry(ngram).or_insert((0, position)).0 += 1;
            }
            let most = counts
                .iter()
                .max_by_key(|(_, (number, position))| (*number, usize::MAX - position));
            let (most, _) = most.expect("there are enough words");
            length(text) - length(&text.replace(&most.join(" "), ""))
        } else {
            let (mut counts, mut chars, mut num_overlapping) = (BTreeMap::new(), 0, 0_usize);
            for ngram in words.windows(level) {
                let number = counts.entry(ngram).or_insert(0);
                *number += 1;
                if *number > 1 {
                    chars += length(&ngram[num_overlapping..].concat());
                    chars += (level - num_overlapping).min(level - 1);
                    num_overlapping = level;
                }
                num_overlapping = num_overlapping.saturating_sub(1);
            }
            chars
        };
        values.push(ratio_or_null(chars, length(text)));
    }
    values
}
