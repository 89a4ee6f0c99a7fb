//! Holds every rule of the registry to its slow definition, in every variant, on odd and nasty texts.

use super::reference::{Expected, page};
use super::*;
use crate::segment::reference::{SEGMENTER, nasty_text};
use crate::segment::{KeptLine, Segmentation};
use proptest::prelude::*;
use serde_json::Value as Json;
use std::collections::BTreeSet;

/// A rule in one variant; reused from text to text, as a worker reuses it.
struct Variant {
    entry: &'static Entry,
    config: Json,
    rule: Rule,
    /// The same rule, asked for one column in three only.
    partial: (Rule, Wanted),
}

/// All rules in all variants, and what they share.
struct Rules {
    segmentation: Segmentation,
    cache: Cache,
    variants: Vec<Variant>,
}

impl Rules {
    fn new() -> Self {
        let mut variants = Vec::new();
        for entry in entries() {
            for (number, variant) in entry.variants.iter().enumerate() {
                let config: Json = serde_json::from_str(variant).unwrap();
                let make = |wanted| {
                    let setup = Setup {
                        config: &config,
                        wanted,
                        files: &ListFiles::new(),
                    };
                    (entry.make)(&setup).unwrap_or_else(|error| panic!("{} {variant}: {error}", entry.name))
                };
                let wanted = Wanted::of((number % 3..entry.columns.len()).step_by(3));
                let (rule, partial) = (make(Wanted::ALL), (make(wanted), wanted));
                variants.push(Variant {
                    entry,
                    config,
                    rule,
                    partial,
                });
            }
        }
        Self {
            segmentation: Segmentation::default(),
            cache: Cache::default(),
            variants,
        }
    }

    fn check(&mut self, text: &str) {
        SEGMENTER.segment(text, &mut self.segmentation);
        self.cache.forget();
        let document = Document::new(text, &self.segmentation, &self.cache, &NoColumns);
        for variant in &mut self.variants {
            let (entry, config) = (variant.entry, &variant.config);
            let expected = (entry.reference)(config, text);
            let values = run(&mut variant.rule, document, &expected);
            assert_eq!(values.len(), entry.columns.len(), "{}", entry.name);
            for ((column, value), expected) in entry.columns.iter().zip(&values).zip(&expected.values) {
                assert_eq!(
                    value, expected,
                    "{}.{} {config} of {text:?}",
                    entry.name, column.name
                );
                check_kind(column, value);
            }
            assert_eq!(values.len(), expected.values.len(), "{}", entry.name);
            let (rule, wanted) = &mut variant.partial;
            let partial = run(rule, document, &expected);
            for position in (0..values.len()).filter(|&position| wanted.has(position)) {
                assert_eq!(
                    partial[position], values[position],
                    "{} alone",
                    entry.columns[position].name
                );
            }
        }
    }
}

/// Runs a rule; checks the text that it leaves and that its edits can be undone.
fn run(rule: &mut Rule, document: Document<'_>, expected: &Expected) -> Vec<Value> {
    let mut values = Vec::new();
    match rule {
        Rule::Signal(signal) => {
            signal.compute(document, &mut values);
            assert!(expected.text.is_none(), "a signal edits nothing");
        }
        Rule::Corrector(corrector) => {
            let (text, mut edits) = (document.text(), EditLog::default());
            corrector.measure(document, &mut values);
            let measured = std::mem::take(&mut values);
            let edited = corrector.correct(document, &mut edits, &mut values);
            assert_eq!(measured, values, "{text:?}");
            let expected = expected
                .text
                .as_deref()
                .expect("a corrector's definition says what is left");
            assert_eq!(edited.is_some(), expected != text, "{text:?}");
            assert_eq!(edits.is_empty(), edited.is_none(), "{text:?}");
            if let (Some(edited), Some(lines)) = (&edited, corrector.kept_lines()) {
                check_kept(document, edited, lines);
            }
            let edited = edited.unwrap_or_else(|| text.to_owned());
            assert_eq!(edited, expected, "{text:?}");
            assert_eq!(edits.undo(&edited), text);
        }
    }
    values
}

/// What is carried over from line to line is what the edited text gives from scratch.
fn check_kept(document: Document<'_>, edited: &str, lines: &[KeptLine]) {
    let [mut expected, mut found, mut scratch] = [(); 3].map(|()| Segmentation::default());
    SEGMENTER.segment(edited, &mut expected);
    SEGMENTER.segment_kept(edited, document.segmentation(), lines, &mut scratch, &mut found);
    assert_eq!(found, expected, "{edited:?}");
    let (mut cache, fresh) = (Cache::default(), Cache::default());
    Document::new(document.text(), document.segmentation(), &cache, &NoColumns).english_tokens();
    cache.keep_lines(edited, &found, lines);
    let [found, expected] =
        [&cache, &fresh].map(|cache| Document::new(edited, &found, cache, &NoColumns).english_tokens());
    assert_eq!(found, expected, "{edited:?}");
}

fn check_kind(column: &Column, value: &Value) {
    let fits = match value {
        Value::Null => true,
        Value::UInt32(_) => column.kind == ColumnType::UInt32,
        Value::Float64(number) => column.kind == ColumnType::Float64 && number.is_finite(),
        Value::Bool(_) => column.kind == ColumnType::Bool,
    };
    assert!(fits, "{} is {value:?}", column.name);
}

proptest! {
    #[test]
    fn rules_are_their_definitions(texts in prop::collection::vec(prop_oneof![page(), nasty_text()], 1..4)) {
        let mut rules = Rules::new();
        for text in texts {
            rules.check(&text);
        }
    }
}

#[test]
fn odd_and_long_texts_agree_with_the_definitions() {
    let mut rules = Rules::new();
    for text in [
        String::new(),
        " ".into(),
        "\n".into(),
        "\n\n\n".into(),
        "\n \n".into(),
        "\r\n\r\n".into(),
        "\0".into(),
        "a".into(),
        "word".into(),
        "e\u{301}\u{302}\u{303}".repeat(50),
        "שלום עולם. مرحبا بالعالم؟".into(),
        "👩‍👩‍👧‍👦 🏳️‍🌈 👍🏽".repeat(20),
        "abc где 漢字 ไทย.".repeat(20),
        "x".repeat(1 << 14),
        "x ".repeat(1 << 13),
        "a b c d e f g h i j. ".repeat(1 << 8),
        "Same line again.\n".repeat(1 << 8),
        "Paragraph one.\n\nParagraph two.\n\n".repeat(1 << 6),
        "漢字。".repeat(1 << 8),
        "[1]".repeat(1 << 8),
        "#...…".repeat(1 << 8),
        format!("{} words here.", "é".repeat(1000)),
        format!("{} words here.", "é".repeat(1001)),
    ] {
        rules.check(&text);
    }
}

#[test]
fn names_are_distinct_and_columns_described() {
    let names: Vec<_> = entries().map(|entry| entry.name).collect();
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len());
    for entry in entries() {
        let columns: BTreeSet<_> = entry.columns.iter().map(|column| column.name).collect();
        assert_eq!(columns.len(), entry.columns.len(), "{}", entry.name);
        assert!(entry.columns.len() <= 128, "{}", entry.name);
        for column in entry.columns {
            assert!(
                column.description.ends_with('.'),
                "{}.{}",
                entry.name,
                column.name
            );
        }
        assert!(
            entry.variants.contains(&"{}"),
            "{} is tested with its defaults",
            entry.name
        );
    }
}

#[test]
fn unknown_configuration_keys_are_refused() {
    for entry in entries() {
        assert!(
            make(entry.name, &serde_json::json!({ "no_such_key": 3 })).is_err(),
            "{}",
            entry.name
        );
    }
    assert!(make("no_such_rule", &serde_json::json!({})).is_err());
}
