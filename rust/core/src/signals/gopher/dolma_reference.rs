//! The loops of Dolma's `dolma.taggers.gopher`, on strings.

use crate::segment::CharacterClass;
use crate::signals::Value;
use crate::signals::reference::{length, ratio, space_words};
use std::collections::BTreeMap;

pub(super) fn quality(text: &str, stop_words: &[String]) -> Vec<Value> {
    let words = space_words(text);
    let lines: Vec<&str> = text.split('\n').collect();
    let num_words = |holds: &dyn Fn(&str) -> bool| words.iter().filter(|word| holds(word)).count();
    let mut lengths: Vec<usize> = words.iter().map(|word| length(word)).collect();
    lengths.sort_unstable();
    let median = match lengths.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => lengths[odd / 2] as f64,
        even => (lengths[even / 2 - 1] + lengths[even / 2]) as f64 / 2.0,
    };
    let is_letter = |character: char| CharacterClass::of(character).is_letter();
    vec![
        Value::UInt32(words.len() as u32),
        Value::Float64(median),
        ratio(num_words(&|word| word.contains(['#', '…'])), words.len()),
        Value::Null,
        ratio(
            lines.iter().filter(|line| line.starts_with(['*', '-'])).count(),
            lines.len(),
        ),
        ratio(
            lines.iter().filter(|line| line.ends_with('…')).count(),
            lines.len(),
        ),
        ratio(num_words(&|word| word.contains(is_letter)), words.len()),
        Value::UInt32(num_words(&|word| stop_words.iter().any(|stop| stop == word)) as u32),
    ]
}

pub(super) fn repetition(text: &str) -> Vec<Value> {
    let words = space_words(text);
    let num_chars: usize = words.iter().map(|word| length(word)).sum();
    let lines: Vec<&str> = text.split('\n').collect();
    let mut line_counts = BTreeMap::<&str, usize>::new();
    for line in &lines {
        *line_counts.entry(line).or_default() += 1;
    }
    let repeated = line_counts.iter().filter(|(_, number)| **number > 1);
    let (num_repeated, num_repeated_chars) = repeated.fold((0, 0), |(lines, chars), (line, number)| {
        (lines + number, chars + number * length(line))
    });
    let mut values = vec![
        ratio(num_repeated, lines.len()),
        Value::Null,
        Value::Float64(num_repeated_chars as f64 / num_chars.max(1) as f64),
        Value::Null,
    ];
    for level in 2..=10 {
        let mut ngrams = BTreeMap::<&[&str], (usize, usize)>::new();
        for (position, ngram) in words.windows(level).enumerate() {
            ngrams.entry(ngram).or_insert((0, position)).0 += 1;
        }
        let chars = |ngram: &[&str]| ngram.iter().map(|word| length(word)).sum::<usize>();
        let most = ngrams
            .iter()
            .max_by_key(|(_, (number, position))| (*number, usize::MAX - position));
        let Some((most, (number, _))) = most else {
            values.push(Value::Null);
            continue;
        };
        let mass = |least: usize| -> usize {
            let counted = ngrams.iter().filter(|(_, (number, _))| *number >= least);
            counted.map(|(ngram, (number, _))| number * chars(ngram)).sum()
        };
        values.push(match level {
            2..=4 => ratio(number * chars(most), num_chars),
            _ => ratio(mass(2), mass(1)),
        });
    }
    values
}
