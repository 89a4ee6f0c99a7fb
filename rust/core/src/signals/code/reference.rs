//! The rule as its definition reads, on strings and vectors of characters.

use super::quality::Config;
use super::styles::Marks;
use crate::segment::{CharacterClass, is_white_space};
use crate::signals::Value;
use crate::signals::measure;
use crate::signals::reference::{Expected, length, ratio_or_null, split_lines};
use proptest::prelude::*;
use serde::Deserialize;
use serde_json::Value as Json;

pub(super) fn code_quality(config: &Json, text: &str) -> Expected {
    let config = Config::deserialize(config).unwrap();
    let chars: Vec<char> = text.chars().collect();
    let lines = split_lines(text);
    let by = |holds: &dyn Fn(char) -> bool| {
        ratio_or_null(
            chars.iter().filter(|&&character| holds(character)).count(),
            chars.len(),
        )
    };
    let class = CharacterClass::of;
    let newlines: Vec<&str> = text.split('\n').collect();
    let asserts = ["assert", "Assert", "ASSERT"];
    let num_assert_lines = newlines
        .iter()
        .filter(|line| asserts.iter().any(|word| line.contains(word)))
        .count();
    let head = lines
        .iter()
        .take(config.generated_lines)
        .map(|line| line.to_ascii_lowercase());
    let head = head.collect::<Vec<_>>().join("\n");
    let is_generated = |marker: &String| head.contains(&marker.to_ascii_lowercase());
    let encoded = encoded(&chars);
    let num_runs = crate::signals::runs::runs(text).len();
    let num_letters = chars
        .iter()
        .filter(|&&character| class(character).is_letter())
        .count();
    let num_hex_chars = crate::signals::reference::tokens(text)
        .into_iter()
        .filter(|token| {
            let digits = token.strip_prefix("0x").or(token.strip_prefix("0X"));
            digits.is_some_and(|digits| {
                !digits.is_empty() && digits.chars().all(|digit| digit.is_ascii_hexdigit())
            })
        })
        .map(length)
        .sum();
    let num_visible = visible(&chars);
    let head_chars: String = chars.iter().take(100).collect();
    let mut values = vec![
        Value::UInt32(newlines.len() as u32),
        Value::UInt32(chars.len() as u32),
        ratio_or_null(lines.iter().map(|line| length(line)).sum(), lines.len()),
        Value::UInt32(lines.iter().map(|line| length(line)).max().unwrap_or(0) as u32),
        by(&|character| class(character).is_letter() || class(character).is_number()),
        by(&|character| class(character).is_letter()),
        by(&|character| character.is_ascii_digit()),
        by(&is_white_space),
        by(&|character| character == '\u{fffd}'),
        ratio_or_null(num_letters, num_runs),
        ratio_or_null(num_hex_chars, chars.len()),
        ratio_or_null(encoded.iter().sum(), chars.len()),
        Value::UInt32(encoded.iter().max().copied().unwrap_or(0) as u32),
        Value::Float64(num_assert_lines as f64 / newlines.len() as f64),
        Value::Bool(config.generated_markers.iter().any(is_generated)),
        Value::Bool(head_chars.contains("<?xml version=")),
        ratio_or_null(num_visible, chars.len()),
        Value::UInt32(num_visible as u32),
    ];
    values.extend(match config.comment_style.marks() {
        Some(marks) => parts(&chars, &marks).map(|part| ratio_or_null(part, chars.len())),
        None => [Value::Null; 3],
    });
    Expected::values(values)
}

fn starts(chars: &[char], at: usize, mark: &[u8]) -> bool {
    !mark.is_empty()
        && mark
            .iter()
            .enumerate()
            .all(|(i, &byte)| chars.get(at + i) == Some(&char::from(byte)))
}

/// Position of a mark at or after `from`.
fn find(chars: &[char], from: usize, mark: &[u8]) -> Option<usize> {
    (from..chars.len()).find(|&at| starts(chars, at, mark))
}

/// Lengths of the matches of the three expressions.
fn encoded(chars: &[char]) -> Vec<usize> {
    let is_base64 = |character: &char| character.is_ascii_alphanumeric() || "+/\n=".contains(*character);
    let mut found: Vec<usize> = chars
        .split(|character| !is_base64(character))
        .map(<[char]>::len)
        .filter(|&run| run >= 64)
        .collect();
    for unit in [hex_unit as fn(&[char], usize) -> Option<usize>, escape_unit] {
        let mut at = 0;
        while at < chars.len() {
            let (mut end, mut num_units) = (at, 0);
            while let Some(next) = unit(chars, end) {
                (end, num_units) = (next, num_units + 1);
            }
            if num_units >= 8 {
                found.push(end - at);
                at = end;
            } else {
                at += 1;
            }
        }
    }
    found
}

fn escape_unit(chars: &[char], at: usize) -> Option<usize> {
    let digits = chars.get(at + 2..at + 6)?;
    (starts(chars, at, b"\\u") && digits.iter().all(char::is_ascii_hexdigit)).then_some(at + 6)
}

fn hex_unit(chars: &[char], at: usize) -> Option<usize> {
    let is_word = |at: Option<usize>| {
        at.and_then(|at| chars.get(at)).is_some_and(|&character| {
            let class = CharacterClass::of(character);
            class.is_letter() || class.is_number() || character == '_'
        })
    };
    let is_boundary = |at: usize| is_word(at.checked_sub(1)) != is_word(Some(at));
    for prefix in [&b"0x"[..], b"\\x", b""] {
        if !(prefix.is_empty() || starts(chars, at, prefix)) || !is_boundary(at) {
            continue;
        }
        let start = at + prefix.len();
        if !chars
            .get(start..start + 2)
            .is_some_and(|pair| pair.iter().all(char::is_ascii_hexdigit))
        {
            continue;
        }
        if chars.get(start + 2) == Some(&',') {
            return Some(start + 3);
        }
        if is_boundary(start + 2) {
            return Some(
                start
                    + 2
                    + chars[start + 2..]
                        .iter()
                        .take_while(|&&c| is_white_space(c))
                        .count(),
            );
        }
    }
    None
}

/// Comment characters, string characters, characters of long words in strings.
fn parts(chars: &[char], marks: &Marks) -> [usize; 3] {
    let (mut comment, mut strings, mut long) = (0, 0, 0);
    let (mut at, mut depth) = (0, 0_usize);
    while at < chars.len() {
        let line_end = find(chars, at, b"\n").unwrap_or(chars.len());
        let is_after_space = at == 0 || chars[at - 1].is_ascii_whitespace();
        if starts(chars, at, marks.block.0) {
            let from = at + marks.block.0.len();
            let end = find(chars, from, marks.block.1).map_or(chars.len(), |end| end + marks.block.1.len());
            comment += end - at;
            at = end;
        } else if starts(chars, at, marks.line) && (is_after_space || !marks.after_white_space) {
            comment += line_end - at;
            at = line_end;
        } else if let Some((quote_length, close)) = string(chars, at, line_end, marks) {
            let end = (close + quote_length).min(chars.len());
            let content: String = chars[(at + quote_length).min(close)..close].iter().collect();
            let before: String = chars[..at].iter().collect();
            let line = before.rsplit('\n').next().unwrap();
            let prefix = line.trim_start_matches([' ', '\t']);
            let is_first = prefix.len() <= 2 && prefix.chars().all(|c| "rRbBuU".contains(c));
            if marks.documentation_strings && depth == 0 && is_first {
                comment += end - at;
            } else {
                strings += length(&content);
                let words = content.split(is_white_space).filter(|word| length(word) > 20);
                let words = words.filter(|word| !word.contains("http://") && !word.contains("https://"));
                long += words.map(length).sum::<usize>();
            }
            at = end;
        } else if chars[at] == '\\' {
            at += if chars.get(at + 1).is_some_and(char::is_ascii) {
                2
            } else {
                1
            };
        } else {
            if "([{".contains(chars[at]) {
                depth += 1;
            } else if ")]}".contains(chars[at]) {
                depth = depth.saturating_sub(1);
            }
            at += 1;
        }
    }
    [comment, strings, long]
}

/// Length of the quote and position of the closing one, or of the end of the text.
fn string(chars: &[char], at: usize, line_end: usize, marks: &Marks) -> Option<(usize, usize)> {
    if let Some(quote) = marks.long_quotes.iter().find(|quote| starts(chars, at, quote)) {
        let mut close = at + quote.len();
        while close < chars.len() && !starts(chars, close, quote) {
            close += if chars[close] == '\\' { 2 } else { 1 };
        }
        return Some((quote.len(), close.min(chars.len())));
    }
    if !marks.quotes.iter().any(|&quote| chars[at] == char::from(quote)) {
        return None;
    }
    let mut close = at + 1;
    while close < line_end && chars[close] != chars[at] {
        close += if chars[close] == '\\' && close + 1 < line_end {
            2
        } else {
            1
        };
    }
    (close < line_end).then_some((1, close))
}

/// Visible characters of a text as HTML.
fn visible(chars: &[char]) -> usize {
    let letter = |at: usize| chars.get(at).is_some_and(char::is_ascii_alphabetic);
    let (mut at, mut visible) = (0, 0);
    // What stands between two pieces of markup: its visible characters, and whether all are white space.
    let (mut between, mut is_blank) = (0, true);
    let all = |between: usize, is_blank: bool| if is_blank { between.min(1) } else { between };
    while at < chars.len() {
        let end = if starts(chars, at, b"<!--") {
            Some(find(chars, at + 4, b"-->").map_or(chars.len(), |end| end + 3))
        } else if starts(chars, at, b"<!")
            || starts(chars, at, b"<?")
            || starts(chars, at, b"</") && letter(at + 2)
        {
            find(chars, at, b">").map(|end| end + 1)
        } else if chars[at] == '<' && letter(at + 1) {
            start_tag_end(chars, at)
        } else if chars[at] == '&' {
            let digits = at + 1 + usize::from(chars.get(at + 1) == Some(&'#'));
            let name = chars[digits.min(chars.len())..]
                .iter()
                .take_while(|c| c.is_ascii_alphanumeric())
                .count();
            if (1..=32).contains(&name) && chars.get(digits + name) == Some(&';') {
                at = digits + name;
            }
            None
        } else {
            None
        };
        match end {
            Some(end) => {
                visible += all(between, is_blank);
                (between, is_blank) = (0, true);
                at = end;
            }
            None => {
                between += 1;
                is_blank &= " \t\n\u{c}\r".contains(chars[at]);
                at += 1;
            }
        }
    }
    visible + all(between, is_blank)
}

fn start_tag_end(chars: &[char], at: usize) -> Option<usize> {
    let mut end = at + 1;
    let mut is_value = false;
    loop {
        let character = *chars.get(end)?;
        end += 1;
        if character == '>' {
            break;
        }
        if is_value && (character == '"' || character == '\'') {
            end = find(chars, end, &[character as u8]).map_or(end, |close| close + 1);
            is_value = false;
        } else if !character.is_ascii_whitespace() {
            is_value = character == '=';
        }
    }
    let ends_name = |at: usize| {
        chars
            .get(at)
            .is_some_and(|c| c.is_ascii_whitespace() || *c == '>' || *c == '/')
    };
    let is_name = |at: usize, name: &str| {
        let found: Option<String> = chars.get(at..at + name.len()).map(|name| name.iter().collect());
        found.is_some_and(|found| found.eq_ignore_ascii_case(name)) && ends_name(at + name.len())
    };
    let Some(name) = ["script", "style"].into_iter().find(|name| is_name(at + 1, name)) else {
        return Some(end);
    };
    if chars[end - 2] == '/' {
        return Some(end);
    }
    let close = (end..chars.len()).find(|&at| starts(chars, at, b"</") && is_name(at + 2, name));
    Some(
        close
            .and_then(|close| find(chars, close, b">"))
            .map_or(chars.len(), |close| close + 1),
    )
}

/// Marks of comments, strings, markup and encoded data, in any order.
fn code() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "\n",
        "\n",
        " ",
        " ",
        "\t",
        "\\",
        "\"",
        "'",
        "`",
        "\"\"\"",
        "'''",
        "//",
        "/*",
        "*/",
        "#",
        "--",
        ";",
        "%",
        "<!--",
        "-->",
        "<b>",
        "</b>",
        "<script>",
        "</script>",
        "<STYLE x='>'>",
        "</style>",
        "<br/>",
        "<?",
        "&amp;",
        "&#",
        "=",
        "(",
        ")",
        "{",
        "]",
        "r",
        "x",
        "é",
        "漢",
        "\u{2028}",
        "\r\n",
        "\u{fffd}",
        "0x41,",
        "0x",
        "0X1f",
        "41 ",
        "ff,",
        "\\x41",
        "\\u00e9",
        "\u{3000}",
        "assert",
        "ASSERT_EQ",
        "Assert",
        "<?xml version=",
        "Auto-Generated",
        "a_long_identifier_of_letters",
        "http://a.example/",
        "_",
    ]);
    let many = (piece, prop_oneof![8 => Just(1_usize), 1 => 8..20_usize]);
    let repeated = many.prop_map(|(piece, times)| piece.repeat(times));
    let base64 = "[a-zA-Z0-9+/=\n]{60,70}";
    let pieces = prop::collection::vec(prop_oneof![12 => repeated, 1 => base64], 0..40);
    pieces.prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn odd_code_is_measured_by_definition(text in code()) {
        for variant in super::quality::ENTRY.variants {
            let config: Json = serde_json::from_str(variant).unwrap();
            let found = measure("code_quality", &config, &text).unwrap();
            prop_assert_eq!(found.values, code_quality(&config, &text).values, "{} of {:?}", variant, text);
        }
    }
}
