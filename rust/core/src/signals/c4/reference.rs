//! C4's rules as their definitions read, on strings.

use super::citations::is_decimal_digit;
use super::quality::C4Config;
use crate::segment::{english_reference_sentences, is_white_space};
use crate::signals::facts::run_of_marks;
use crate::signals::reference::{Expected, length, split_lines, strip};
use crate::signals::{Semantics, Value};
use serde_json::Value as Json;

/// Sentences of a line, looking at each character.
pub(super) fn sentences(text: &str) -> usize {
    let (mut num_sentences, mut sentence_start, mut position) = (0, 0, 0);
    while position < text.len() {
        let (end, ends_sentence) = run_of_marks(text, position);
        if ends_sentence {
            num_sentences += 1;
            sentence_start = end;
        }
        position = end;
    }
    num_sentences + usize::from(!strip(&text[sentence_start..]).is_empty())
}

fn without_citations(line: &str, is_digit: fn(&char) -> bool) -> String {
    let (mut cleaned, mut rest) = (String::new(), line);
    'text: while let Some(first) = rest.chars().next() {
        if first == '[' {
            let digits: String = rest[1..].chars().take_while(is_digit).collect();
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
pub(super) fn c4(config: &Json, text: &str) -> Expected {
    let config: C4Config = serde_json::from_value(config.clone()).unwrap();
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
        let is_datatrove = config.semantics == Semantics::Datatrove;
        let cleaned = match (config.remove_citations, is_datatrove) {
            (false, _) => line.to_owned(),
            (true, false) => without_citations(line, char::is_ascii_digit),
            (true, true) => without_citations(line, |character| is_decimal_digit(*character)),
        };
        let lower = if is_datatrove {
            cleaned.to_lowercase()
        } else {
            cleaned.to_ascii_lowercase()
        };
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
            num_sentences += if is_datatrove {
                english_reference_sentences(&cleaned)
            } else {
                sentences(&cleaned)
            } as u32;
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
    Expected {
        values,
        text: Some(strip(&kept.join("\n")).to_owned()),
    }
}
