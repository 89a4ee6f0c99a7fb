//! The guard as its definition reads: every start, every period, copy by copy.

use super::guard::{Config, LONG_ROW_CHARS, LONG_WORD_CHARS};
use crate::segment::CharacterClass;
use crate::signals::reference::{Expected, length};
use crate::signals::runs::runs;
use crate::signals::{Value, measure};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

pub(super) fn guard(config: &Json, text: &str) -> Expected {
    let config = Config::deserialize(config).unwrap();
    let runs: Vec<String> = runs(text).into_iter().flat_map(units).collect();
    let mut bounds = Vec::new();
    let mut at = 0;
    for run in &runs {
        let start = at + text[at..].find(run.as_str()).unwrap();
        at = start + run.len();
        bounds.push((start, at));
    }
    let (mut copies, mut period, mut first) = (0, 0, 0);
    for length in config.min_period..=config.max_period {
        for start in 0..(runs.len() + 1).saturating_sub(length) {
            // No later start can do better than all that is left.
            if (runs.len() - start) / length <= copies {
                break;
            }
            let sequence = &runs[start..start + length];
            let found = runs[start..]
                .chunks_exact(length)
                .take_while(|copy| *copy == sequence)
                .count();
            if found > copies {
                (copies, period, first) = (found, length, start);
            }
        }
    }
    let (start, end) = match copies {
        0 => (0, 0),
        _ => (bounds[first].0, bounds[first + copies * period - 1].1),
    };
    let values = [copies, period, start, end - start];
    Expected::values(values.map(|value| Value::UInt32(value as u32)).to_vec())
}

/// A run, or its characters if it is long.
fn units(run: String) -> Vec<String> {
    let has =
        |holds: fn(CharacterClass) -> bool| run.chars().any(|character| holds(CharacterClass::of(character)));
    let is_word = has(CharacterClass::is_letter) || has(CharacterClass::is_number);
    let most = if is_word { LONG_WORD_CHARS } else { LONG_ROW_CHARS };
    if length(&run) > most {
        run.chars().map(String::from).collect()
    } else {
        vec![run]
    }
}

#[test]
fn long_words_are_read_by_characters_and_lines_under_headings_are_not() {
    let repeats = |text: &str| {
        measure("repeated_ngrams_guard", &serde_json::json!({}), text)
            .unwrap()
            .values
    };
    let values = |numbers: [u32; 4]| numbers.map(Value::UInt32).to_vec();
    assert_eq!(
        repeats(&format!("x = {}", "g4OD".repeat(40))),
        values([40, 4, 4, 160])
    );
    assert_eq!(
        repeats(&format!("Title\n{}", "=".repeat(2048))),
        values([1, 1, 0, 5])
    );
    assert_eq!(repeats(&"é".repeat(129)), values([129, 1, 0, 258]));
    assert_eq!(repeats(&"-".repeat(2049)), values([2049, 1, 0, 2049]));
    assert_eq!(repeats(&"no, ".repeat(32)), values([32, 2, 0, 127]));
    assert_eq!(repeats(" "), values([0; 4]));
}

proptest! {
    #[test]
    fn repeats_are_found_wherever_they_are(
        before in "[ab ]{0,20}",
        sequence in "[ab -]{1,8}",
        times in prop_oneof![9 => 1..40_usize, 1 => 100..400_usize],
        after in "[ab ]{0,20}",
    ) {
        let text = format!("{before} {} {after}", sequence.repeat(times));
        for variant in super::guard::ENTRY.variants {
            let config: Json = serde_json::from_str(variant).unwrap();
            let found = measure("repeated_ngrams_guard", &config, &text).unwrap();
            prop_assert_eq!(found.values, guard(&config, &text).values, "{} of {:?}", variant, text);
        }
    }
}
