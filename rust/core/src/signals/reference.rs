//! What the slow definitions of the rules share, and the texts that the fast ones are held to them with.
//!
//! Every rule's definition stands in a `reference.rs` of its family; `tests.rs` compares all of them.

use super::Value;
use crate::segment::reference::{SEGMENTER, nasty_text};
use crate::segment::{Segmentation, is_white_space};
use proptest::prelude::*;
use std::collections::BTreeSet;

/// What a rule has to say of a text.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Expected {
    /// A value a column.
    pub(super) values: Vec<Value>,
    /// The text that it leaves, for a rule that edits.
    pub(super) text: Option<String>,
}

impl Expected {
    /// Of a rule that only measures.
    pub(super) fn values(values: Vec<Value>) -> Self {
        Self { values, text: None }
    }
}

/// The tokens of a text; the segmentation has a reference of its own.
pub(super) fn tokens(text: &str) -> Vec<&str> {
    let mut segmentation = Segmentation::default();
    SEGMENTER.segment(text, &mut segmentation);
    (0..segmentation.num_tokens())
        .map(|index| segmentation.token(text, index))
        .collect()
}

/// The English tokens of a text as datatrove has them; they, too, have a reference of their own.
pub(super) fn english_tokens(text: &str) -> Vec<&str> {
    crate::segment::english_reference_tokens(text)
}

/// `text.split()`.
pub(super) fn space_words(text: &str) -> Vec<&str> {
    text.split(is_white_space)
        .filter(|word| !word.is_empty())
        .collect()
}

pub(super) fn strip(text: &str) -> &str {
    text.trim_matches(is_white_space)
}

pub(super) fn length(text: &str) -> usize {
    text.chars().count()
}

pub(super) fn ratio(part: usize, whole: usize) -> Value {
    Value::Float64(if whole == 0 {
        0.0
    } else {
        part as f64 / whole as f64
    })
}

pub(super) fn ratio_or_null(part: usize, whole: usize) -> Value {
    if whole == 0 {
        Value::Null
    } else {
        ratio(part, whole)
    }
}

/// Python's `str.splitlines`.
pub(super) fn split_lines(text: &str) -> Vec<String> {
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
pub(super) fn duplicates<'text>(pieces: &[&'text str]) -> (usize, usize) {
    let mut unique = BTreeSet::<&'text str>::new();
    let copies: Vec<_> = pieces.iter().filter(|piece| !unique.insert(piece)).collect();
    (copies.len(), copies.iter().map(|copy| length(copy)).sum())
}

/// Splits at runs of at least `least` times `\n`, as `re.split(r"\n{least,}", text)`.
pub(super) fn split_at_newlines(text: &str, least: usize) -> Vec<&str> {
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

/// Lines that come again, with spaces, marks and citations, so that every rule has something to do.
pub(super) fn page() -> impl Strategy<Value = String> {
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
