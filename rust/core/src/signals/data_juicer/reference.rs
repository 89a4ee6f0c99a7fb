//! Data-Juicer's filters as its source reads, on strings.

use super::Config;
use super::special_table::SPECIAL_RANGES;
use super::word_lists::{ENGLISH_FLAGGED_WORDS, ENGLISH_STOP_WORDS};
use crate::segment::reference::SEGMENTER;
use crate::segment::{CharacterClass, Segmentation};
use crate::signals::reference::{Expected, length, ratio, split_lines};
use crate::signals::{Cache, Document, NoColumns, Rule, Value, make};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;
use std::collections::HashMap;
use std::hash::Hash;

pub(super) fn data_juicer_text(config: &Json, text: &str) -> Expected {
    let config = Config::deserialize(config).unwrap();
    let characters: Vec<char> = text.chars().collect();
    let pieces: Vec<&str> = text
        .split([' ', '\n', '\t'])
        .filter(|piece| !piece.is_empty())
        .collect();
    let lower: Vec<String> = pieces.iter().map(|piece| piece.to_lowercase()).collect();
    let words: Vec<&str> = lower
        .iter()
        .map(|piece| strip(piece))
        .filter(|word| !word.is_empty())
        .collect();
    let lines = split_lines(text);
    let is_alphanumeric = |character: &&char| {
        let class = CharacterClass::of(**character);
        class.is_letter() || class.is_number()
    };
    let character_counts = gram_counts(&characters, config.character_repetition_length.get() as usize);
    let most = (character_counts.len() as f64).sqrt() as usize;
    let repeated = character_counts.iter().copied().filter(|&number| number > 1);
    let word_counts = gram_counts(&words, config.word_repetition_length.get() as usize);
    let repeated_words = word_counts.iter().copied().filter(|&number| number > 1);
    let listed = |list: &Option<Vec<String>>, english: &[&str]| {
        let is_listed = |word: &&&str| match list {
            Some(list) => list.iter().any(|listed| listed == **word),
            None => english.contains(*word),
        };
        ratio(words.iter().filter(is_listed).count(), words.len())
    };
    Expected::values(vec![
        Value::UInt32(characters.len() as u32),
        Value::UInt32(pieces.iter().filter(|piece| !strip(piece).is_empty()).count() as u32),
        ratio(
            characters.iter().filter(is_alphanumeric).count(),
            characters.len(),
        ),
        ratio(
            characters
                .iter()
                .filter(|&&character| is_special(character))
                .count(),
            characters.len(),
        ),
        ratio(characters.len(), lines.len()),
        Value::UInt32(lines.iter().map(|line| length(line)).max().unwrap_or(0) as u32),
        ratio(repeated.take(most).sum(), character_counts.iter().sum()),
        ratio(repeated_words.sum(), word_counts.iter().sum()),
        listed(&config.stop_words, &ENGLISH_STOP_WORDS),
        listed(&config.flagged_words, &ENGLISH_FLAGGED_WORDS),
    ])
}

fn is_special(character: char) -> bool {
    let is_in = |&(first, last): &(u32, u32)| (first..=last).contains(&u32::from(character));
    SPECIAL_RANGES.iter().any(is_in)
}

fn strip(word: &str) -> &str {
    word.trim_matches(is_special)
}

/// How often each n-gram occurs, most frequent first.
fn gram_counts<T: Eq + Hash>(items: &[T], length: usize) -> Vec<usize> {
    let mut counts: HashMap<&[T], usize> = HashMap::new();
    for gram in items.windows(length) {
        *counts.entry(gram).or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|left, right| right.cmp(left));
    counts
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(32))]
    #[test]
    fn words_are_cut_and_stripped_as_defined(texts in prop::collection::vec(marked_text(), 16)) {
        let (mut segmentation, mut cache) = (Segmentation::default(), Cache::default());
        for config in [
            serde_json::json!({"word_repetition_length": 1, "character_repetition_length": 2}),
            serde_json::json!({"word_repetition_length": 2, "character_repetition_length": 5}),
            serde_json::json!({"stop_words": ["σας", "don't", "г", "a1b"], "flagged_words": ["the\u{a0}the"]}),
        ] {
            let Ok(Rule::Signal(mut rule)) = make("data_juicer_text", &config) else {
                panic!("a rule that measures");
            };
            for text in &texts {
                SEGMENTER.segment(text, &mut segmentation);
                cache.forget();
                let mut values = Vec::new();
                rule.compute(Document::new(text, &segmentation, &cache, &NoColumns), &mut values);
                prop_assert_eq!(values, data_juicer_text(&config, text).values, "{:?}", text);
            }
        }
    }
}

/// Words with special characters around, inside and in place of them, and with letters that lower-casing makes special.
fn marked_text() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "the", "The", "don't", "a1b", "3rd", "_x_", "A_", "Г", "ΣΑΣ", "Σ", "Ø", "Π", "Ⓜ", "ı", "İ", "🙂",
        "👍🏽", "漢字", "一", "ー", "-", "(", "…", "”", "1", "\u{7f}", "\u{85}", "\u{a0}", "\r", "\u{1c}",
        "\u{3000}", "\u{2028}", " ", " ", " ", "\n", "\t", "porn", "Porn!",
    ]);
    prop::collection::vec(piece, 0..40).prop_map(|pieces| pieces.concat())
}
