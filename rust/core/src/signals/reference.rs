//! The rules as their definitions read, on strings, and the properties that hold the fast ones to them.
//!
//! Slow on purpose; tokens come from the segmentation, which has a reference of its own.

use super::*;
use crate::segment::reference::{SEGMENTER, nasty_text};
use crate::segment::{is_symbol, is_terminal_mark, is_white_space};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

fn strip(text: &str) -> &str {
    text.trim_matches(is_white_space)
}

fn length(text: &str) -> usize {
    text.chars().count()
}

fn ratio(part: usize, whole: usize) -> Value {
    Value::Float64(if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    })
}

fn ratio_or_null(part: usize, whole: usize) -> Value {
    if whole == 0 {
        Value::Null
    } else {
        ratio(part, whole)
    }
}

/// Python's `str.splitlines`.
fn split_lines(text: &str) -> Vec<String> {
    let breaks = "\n\r\u{b}\u{c}\u{1c}\u{1d}\u{1e}\u{85}\u{2028}\u{2029}";
    let text = text.replace("\r\n", "\n");
    let mut lines: Vec<String> = text
        .split(|character| breaks.contains(character))
        .map(str::to_owned)
        .collect();
    if lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines
}

/// Number and characters of second and later copies.
fn duplicates<'text>(pieces: &[&'text str]) -> (usize, usize) {
    let mut unique = BTreeSet::<&'text str>::new();
    let copies: Vec<_> = pieces.iter().filter(|piece| !unique.insert(piece)).collect();
    (copies.len(), copies.iter().map(|copy| length(copy)).sum())
}

/// Splits at runs of at least `least` times `\n`, as `re.split(r"\n{least,}", text)`.
fn split_at_newlines(text: &str, least: usize) -> Vec<&str> {
    let (mut pieces, mut start, mut at) = (Vec::new(), 0, 0);
    while at < text.len() {
        let run = text[at..].bytes().take_while(|&byte| byte == b'\n').count();
        if run >= least {
            pieces.push(&text[start..at]);
            start = at + run;
        }
        at += run.max(text[at..].chars().next().map_or(1, char::len_utf8));
    }
    pieces.push(&text[start..]);
    pieces
}

fn repetition(text: &str, tokens: &[&str]) -> Vec<Value> {
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

fn quality(text: &str, tokens: &[&str]) -> Vec<Value> {
    let words: Vec<_> = tokens
        .iter()
        .filter(|token| !token.chars().all(is_symbol))
        .collect();
    let lines = split_lines(text);
    let num_lines = |holds: fn(&str) -> bool| lines.iter().filter(|line| holds(strip(line))).count();
    let stop_words = ["the", "be", "to", "of", "and", "that", "have", "with"];
    let is_alphabetic = |token: &&&str| {
        token.chars().any(|character| {
            character.is_alphabetic()
                && !character.is_numeric()
                && !unicode_normalization::char::is_combining_mark(character)
                && !matches!(character, 'Ⓐ'..='ⓩ' | '\u{1f130}'..='\u{1f189}')
        })
    };
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
        Value::UInt32(stop_words.iter().filter(|word| tokens.contains(word)).count() as u32),
    ]
}

fn fineweb(text: &str, tokens: &[&str]) -> Vec<Value> {
    let lines: Vec<_> = text.split('\n').filter(|line| !strip(line).is_empty()).collect();
    let num_newlines = text.matches('\n').count();
    vec![
        ratio(
            lines
                .iter()
                .filter(|line| line.ends_with(is_terminal_mark))
                .count(),
            lines.len(),
        ),
        ratio(
            lines.iter().filter(|line| length(line) <= 30).count(),
            lines.len(),
        ),
        ratio(duplicates(&lines).1, length(text) - num_newlines),
        ratio_or_null(num_newlines, tokens.len()),
    ]
}

fn without_citations(line: &str) -> String {
    let (mut cleaned, mut rest) = (String::new(), line);
    'text: while let Some(first) = rest.chars().next() {
        if first == '[' {
            let digits: String = rest[1..].chars().take_while(char::is_ascii_digit).collect();
            for citation in [
                format!("[{digits}]"),
                "[edit]".to_owned(),
                "[citation needed]".to_owned(),
            ] {
                if let Some(after) = rest.strip_prefix(&citation) {
                    rest = after;
                    continue 'text;
                }
            }
        }
        cleaned.push(first);
        rest = &rest[first.len_utf8()..];
    }
    cleaned
}

/// The loop of datatrove's `C4QualityFilter.filter`, with facts in place of its early returns.
fn c4(text: &str, config: C4Config) -> (String, Vec<Value>) {
    let policy = [
        "terms of use",
        "privacy policy",
        "cookie policy",
        "uses cookies",
        "use of cookies",
        "use cookies",
    ];
    let (mut kept, mut num_sentences, mut has_lorem, mut has_curly) = (Vec::new(), 0, false, false);
    let (mut num_removed, mut num_kept) = (0, 0);
    for line in split_lines(text) {
        let line = strip(&line);
        let words: Vec<_> = line
            .split(is_white_space)
            .filter(|word| !word.is_empty())
            .collect();
        let cleaned = if config.remove_citations {
            without_citations(line)
        } else {
            line.to_owned()
        };
        let lower = cleaned.to_ascii_lowercase();
        let ends_well = [".", "?", "!", "\"", "'"]
            .iter()
            .any(|mark| cleaned.ends_with(mark))
            && !cleaned.ends_with("...");
        let is_prose = !words
            .iter()
            .any(|word| config.max_word_length > 0 && length(word) > config.max_word_length as usize)
            && (ends_well || !config.require_terminal_punctuation)
            && words.len() >= config.min_words_per_line as usize;
        has_lorem |= is_prose && lower.contains("lorem ipsum");
        let is_prose = is_prose && !(config.remove_javascript && lower.contains("javascript"));
        has_curly |= is_prose && lower.contains('{');
        let is_kept =
            is_prose && !(config.remove_policy && policy.iter().any(|phrase| lower.contains(phrase)));
        num_kept += u32::from(is_kept && !line.is_empty());
        num_removed += u32::from(!is_kept && !line.is_empty());
        if is_kept {
            num_sentences += sentences::count_sentences(&cleaned) as u32;
            kept.push(cleaned);
        }
    }
    let values = vec![
        Value::UInt32(num_sentences),
        Value::Bool(has_lorem),
        Value::Bool(has_curly),
        Value::UInt32(num_removed),
        Value::UInt32(num_kept),
    ];
    (strip(&kept.join("\n")).to_owned(), values)
}

/// Rules that are reused from text to text, as a worker reuses them.
struct Rules {
    segmentation: Segmentation,
    repetition: GopherRepetition,
    quality: GopherQuality,
    fineweb: FinewebQuality,
    c4: Vec<(C4Config, C4Quality)>,
}

impl Rules {
    fn new() -> Self {
        let standard = C4Config::default();
        let configs = [
            standard,
            C4Config {
                require_terminal_punctuation: false,
                max_word_length: 5,
                ..standard
            },
            C4Config {
                require_terminal_punctuation: false,
                min_words_per_line: 0,
                max_word_length: 0,
                remove_javascript: false,
                remove_policy: false,
                remove_citations: true,
            },
            C4Config {
                min_words_per_line: 1,
                remove_citations: false,
                ..standard
            },
        ];
        Self {
            segmentation: Segmentation::default(),
            repetition: GopherRepetition::default(),
            quality: GopherQuality::default(),
            fineweb: FinewebQuality::default(),
            c4: configs.map(|config| (config, C4Quality::new(config))).to_vec(),
        }
    }

    fn check(&mut self, text: &str) {
        SEGMENTER.segment(text, &mut self.segmentation);
        let segmentation = &self.segmentation;
        let tokens: Vec<&str> = (0..segmentation.num_tokens())
            .map(|index| segmentation.token(text, index))
            .collect();
        let signals: [(&mut dyn Signal, Vec<Value>); 3] = [
            (&mut self.repetition, repetition(text, &tokens)),
            (&mut self.quality, quality(text, &tokens)),
            (&mut self.fineweb, fineweb(text, &tokens)),
        ];
        for (signal, expected) in signals {
            let mut values = Vec::new();
            signal.compute(text, segmentation, &mut values);
            assert_eq!(values, expected, "{:?} of {text:?}", signal.columns()[0].name);
            check_kinds(signal.columns(), &values);
        }
        for (config, rule) in &mut self.c4 {
            let (mut edits, mut values) = (EditLog::default(), Vec::new());
            let edited = rule.correct(text, segmentation, &mut edits, &mut values);
            let (expected, expected_values) = c4(text, *config);
            assert_eq!(edited.is_some(), expected != text, "{config:?} on {text:?}");
            assert_eq!(edits.is_empty(), edited.is_none());
            let edited = edited.unwrap_or_else(|| text.to_owned());
            assert_eq!(edited, expected, "{config:?} on {text:?}");
            assert_eq!(edits.undo(&edited), text);
            assert_eq!(values, expected_values, "{config:?} on {text:?}");
            check_kinds(C4Quality::columns(), &values);
        }
    }
}

fn check_kinds(columns: &[Column], values: &[Value]) {
    assert_eq!(columns.len(), values.len());
    for (column, value) in columns.iter().zip(values) {
        let fits = match value {
            Value::Null => true,
            Value::UInt32(_) => column.kind == ColumnType::UInt32,
            Value::Float64(number) => column.kind == ColumnType::Float64 && number.is_finite(),
            Value::Bool(_) => column.kind == ColumnType::Bool,
        };
        assert!(fits, "{} is {value:?}", column.name);
    }
}

/// Lines that come again, with spaces, marks and citations, so that every rule has something to do.
fn page() -> impl Strategy<Value = String> {
    let line = prop_oneof![
        prop::sample::select(vec![
            "",
            " ",
            "- item",
            "• item ...",
            "Home",
            "This is a line.",
            "This is a line.[1]",
            " [2] So is this one. ",
            "“Quoted here,” she said.",
            "We use cookies on this site.",
            "See our Privacy  Policy now.",
            "See our PRIVACY POLICY now.",
            "Enable JavaScript to go on.",
            "java[3]script is cut here.",
            "[1] [2] [3]",
            "Lorem ipsum dolor sit amet.",
            "if (x) { return 1; } now.",
            "The end of the long road…",
            "# heading #",
            "a b c...",
            "the use of cookies is [edit] fine!",
            "terms of[citation needed] use apply here?",
        ])
        .prop_map(str::to_owned),
        nasty_text(),
    ];
    let line_break = prop::sample::select(vec![
        "\n", "\n", "\n", "\n\n", "\n \n", "\r\n", "\r", "\u{2028}", "\u{85}",
    ]);
    prop::collection::vec((line, line_break), 0..14).prop_map(|lines| {
        lines
            .into_iter()
            .flat_map(|(line, line_break)| [line, line_break.to_owned()])
            .collect()
    })
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
        "x".repeat(1 << 14),
        "x ".repeat(1 << 13),
        "a b c d e f g h i j. ".repeat(1 << 10),
        "Same line again.\n".repeat(1 << 10),
        "Paragraph one.\n\nParagraph two.\n\n".repeat(1 << 8),
        "漢字。".repeat(1 << 10),
        "[1]".repeat(1 << 10),
        "#...…".repeat(1 << 10),
        format!("{} words here.", "é".repeat(1000)),
        format!("{} words here.", "é".repeat(1001)),
    ] {
        rules.check(&text);
    }
}

#[test]
fn unknown_configuration_keys_are_refused() {
    use serde::Deserialize;
    use serde::de::value::{Error, MapDeserializer};
    fn refuses<'de, Config: Deserialize<'de>>(key: &'static str) -> bool {
        Config::deserialize(MapDeserializer::<_, Error>::new([(key, 3_u32)].into_iter())).is_err()
    }
    assert!(!refuses::<C4Config>("min_words_per_line") && refuses::<C4Config>("min_words_per_lines"));
    assert!(
        !refuses::<FinewebConfig>("short_line_length") && refuses::<FinewebConfig>("max_short_line_fraction")
    );
    assert!(refuses::<GopherQualityConfig>("min_words") && refuses::<GopherRepetitionConfig>("max_words"));
}

#[test]
fn column_names_are_distinct_and_described() {
    let all = [
        GopherRepetition::columns(),
        GopherQuality::columns(),
        FinewebQuality::columns(),
        C4Quality::columns(),
    ];
    for columns in all {
        let names: BTreeSet<_> = columns.iter().map(|column| column.name).collect();
        assert_eq!(names.len(), columns.len());
        assert!(columns.iter().all(|column| column.description.ends_with('.')));
    }
}
