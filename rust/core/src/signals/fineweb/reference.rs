//! FineWeb's rules as their definitions read, on strings.

use crate::segment::is_terminal_mark;
use crate::signals::Value;
use crate::signals::reference::{
    Expected, duplicates, english_tokens, length, ratio, ratio_or_null, strip, tokens,
};
use serde_json::Value as Json;

pub(super) fn fineweb(config: &Json, text: &str) -> Expected {
    let short_line_length = config
        .get("short_line_length")
        .map_or(30, |length| length.as_u64().unwrap());
    let tokens = match config.get("semantics").and_then(Json::as_str) {
        Some("datatrove") => english_tokens(text),
        _ => tokens(text),
    };
    Expected::values(fineweb_values(text, &tokens, short_line_length as usize))
}

fn fineweb_values(text: &str, tokens: &[&str], short_line_length: usize) -> Vec<Value> {
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
            lines
                .iter()
                .filter(|line| length(line) <= short_line_length)
                .count(),
            lines.len(),
        ),
        ratio(duplicates(&lines).1, length(text) - num_newlines),
        ratio_or_null(num_newlines, tokens.len()),
    ]
}
