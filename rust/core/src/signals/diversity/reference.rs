//! Diversity as its definitions read, on lists of words.

use super::{compression, lexical as rule};
use crate::segment::is_symbol;
use crate::signals::reference::{Expected, length, ratio_or_null, tokens};
use crate::signals::{Value, measure};
use serde::Deserialize;
use serde_json::{Value as Json, json};
use std::collections::BTreeSet;

pub(super) fn compression(config: &Json, text: &str) -> Expected {
    let config = compression::Config::deserialize(config).unwrap();
    // All at once, into a buffer with room to spare.
    let mut stream = Vec::with_capacity(4 * text.len() + 4096);
    let mut compress = flate2::Compress::new(flate2::Compression::new(config.level), true);
    let status = compress
        .compress_vec(text.as_bytes(), &mut stream, flate2::FlushCompress::Finish)
        .unwrap();
    assert_eq!(status, flate2::Status::StreamEnd);
    let ratio = ratio_or_null(stream.len(), text.len());
    Expected::values(vec![ratio, ratio_or_null(length(text), text.len())])
}

pub(super) fn lexical(config: &Json, text: &str) -> Expected {
    let config = rule::Config::deserialize(config).unwrap();
    let words: Vec<String> = tokens(text)
        .into_iter()
        .filter(|token| !token.chars().all(is_symbol))
        .map(|token| token.chars().flat_map(char::to_lowercase).collect())
        .collect();
    let mut different: Vec<&String> = Vec::new();
    for word in &words {
        if !different.contains(&word) {
            different.push(word);
        }
    }
    let copies = |word: &String| words.iter().filter(|other| *other == word).count();
    let copies: Vec<usize> = different.iter().map(|word| copies(word)).collect();
    let mut frequent = copies.clone();
    frequent.sort_by(|left, right| right.cmp(left));
    let num_words = words.len();
    let distinct = |words: &[String]| words.iter().collect::<BTreeSet<_>>().len();
    let windows: Vec<usize> = words.windows(config.window).map(distinct).collect();
    let terms: f64 = copies
        .iter()
        .filter(|&&copies| copies > 1)
        .map(|&copies| rule::entropy_term(copies))
        .sum();
    let entropy = ((num_words as f64).ln() - terms / num_words as f64).max(0.0);
    let backward: Vec<&String> = words.iter().rev().collect();
    let forward: Vec<&String> = words.iter().collect();
    let mtld = |words: &[&String]| words.len() as f64 / factors(words, config.mtld_ratio);
    let if_any = |value: f64| {
        if num_words == 0 {
            Value::Null
        } else {
            Value::Float64(value)
        }
    };
    Expected::values(vec![
        Value::UInt32(different.len() as u32),
        ratio_or_null(different.len(), num_words),
        match windows.len() {
            0 => Value::Null,
            num_windows => {
                let all: usize = windows.iter().sum();
                Value::Float64(all as f64 / (config.window as f64 * num_windows as f64))
            }
        },
        if_any(entropy),
        ratio_or_null(copies.iter().filter(|&&copies| copies == 1).count(), num_words),
        if_any((mtld(&forward) + mtld(&backward)) / 2.0),
        ratio_or_null(frequent.iter().take(1).sum(), num_words),
        ratio_or_null(frequent.iter().take(2).sum(), num_words),
    ])
}

fn factors(words: &[&String], limit: f64) -> f64 {
    let mut num_factors = 0.0;
    let mut from = 0;
    for end in 1..=words.len() {
        let stretch = &words[from..end];
        let ratio = stretch.iter().collect::<BTreeSet<_>>().len() as f64 / stretch.len() as f64;
        if ratio <= limit {
            num_factors += 1.0;
            from = end;
        } else if end == words.len() {
            num_factors += (1.0 - ratio) / (1.0 - limit);
        }
    }
    if num_factors == 0.0 { 1.0 } else { num_factors }
}

#[test]
fn noise_and_repetition_are_told_apart_by_their_streams() {
    let noise: String = (0..60_000_u32)
        .map(|number| format!("{:x} ", number.wrapping_mul(2_654_435_761)))
        .collect();
    let repetition = "again and ".repeat(60_000);
    let config = json!({});
    let ratio = |text: &str| {
        let found = measure("compression_ratio", &config, text).unwrap().values;
        assert_eq!(found, compression(&config, text).values);
        match found[0] {
            Value::Float64(ratio) => ratio,
            other => panic!("{other:?}"),
        }
    };
    assert!(ratio(&noise) > 0.5);
    assert!(ratio(&repetition) < 0.01);
    // A header of two bytes, a checksum of four, and a byte that cannot be made smaller.
    assert_eq!(ratio("a"), 9.0);
}
