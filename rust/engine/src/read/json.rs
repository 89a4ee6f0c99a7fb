//! JSON text as text: compacting what a record holds, and writing strings.

use super::RecordFault;

/// Lists and objects inside each other that a record may have, itself included.
pub const MAX_DEPTH: usize = 128;

/// Appends a valid JSON value without the white space between its parts; digits, escapes and order stay.
///
/// serde_json has checked the grammar; what it lets pass unread is checked here: depth and lone surrogates.
pub(super) fn push_compact(raw: &str, into: &mut String) -> Result<(), RecordFault> {
    match raw.as_bytes().first() {
        Some(b'{' | b'[') => push_nested(raw, into),
        Some(b'"') => {
            check_surrogates(raw)?;
            into.push_str(raw);
            Ok(())
        }
        _ => {
            into.push_str(raw);
            Ok(())
        }
    }
}

fn push_nested(raw: &str, into: &mut String) -> Result<(), RecordFault> {
    let bytes = raw.as_bytes();
    // The record itself is the outermost object.
    let mut depth = 1;
    let (mut position, mut copied) = (0, 0);
    while let Some(&byte) = bytes.get(position) {
        match byte {
            b'"' => {
                let end = position + string_bytes(&bytes[position..]);
                check_surrogates(&raw[position..end])?;
                position = end;
                continue;
            }
            b'{' | b'[' => {
                depth += 1;
                if depth > MAX_DEPTH {
                    return Err(RecordFault::TooDeep);
                }
            }
            b'}' | b']' => depth -= 1,
            b' ' | b'\t' | b'\r' | b'\n' => {
                into.push_str(&raw[copied..position]);
                copied = position + 1;
            }
            _ => {}
        }
        position += 1;
    }
    into.push_str(&raw[copied..]);
    Ok(())
}

/// Length of the string that `bytes` begins with, quotes included.
fn string_bytes(bytes: &[u8]) -> usize {
    let mut position = 1;
    while let Some(found) = bytes
        .get(position..)
        .and_then(|rest| memchr::memchr2(b'"', b'\\', rest))
    {
        position += found;
        if bytes[position] == b'"' {
            return position + 1;
        }
        position += 2;
    }
    bytes.len()
}

fn check_surrogates(string: &str) -> Result<(), RecordFault> {
    match lone_surrogate(string) {
        Some(_) => Err(RecordFault::LoneSurrogate),
        None => Ok(()),
    }
}

/// Returns the position of the first escape in `json` that is half of a surrogate pair without the other
/// half.
pub(super) fn lone_surrogate(json: &str) -> Option<usize> {
    let bytes = json.as_bytes();
    let mut position = 0;
    while let Some(found) = bytes.get(position..).and_then(|rest| memchr::memchr(b'\\', rest)) {
        position += found;
        match escaped_unit(&bytes[position..]) {
            Some(0xd800..=0xdbff) => match escaped_unit(&bytes[position + 6..]) {
                Some(0xdc00..=0xdfff) => position += 12,
                _ => return Some(position),
            },
            Some(0xdc00..=0xdfff) => return Some(position),
            Some(_) => position += 6,
            None => position += 2,
        }
    }
    None
}

/// Decodes the `\uXXXX` that `bytes` begins with.
fn escaped_unit(bytes: &[u8]) -> Option<u16> {
    let digits = bytes.get(..6)?.strip_prefix(b"\\u")?;
    u16::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
}

/// Appends `text` as a JSON string.
pub(super) fn push_string(text: &str, into: &mut String) {
    into.push('"');
    let mut copied = 0;
    for (position, byte) in text.bytes().enumerate() {
        if byte != b'"' && byte != b'\\' && byte >= 0x20 {
            continue;
        }
        into.push_str(&text[copied..position]);
        copied = position + 1;
        match byte {
            b'"' => into.push_str("\\\""),
            b'\\' => into.push_str("\\\\"),
            b'\n' => into.push_str("\\n"),
            b'\r' => into.push_str("\\r"),
            b'\t' => into.push_str("\\t"),
            _ => {
                let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
                into.push_str("\\u00");
                into.extend([digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    into.push_str(&text[copied..]);
    into.push('"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn compact(raw: &str) -> Result<String, RecordFault> {
        let mut output = String::new();
        push_compact(raw, &mut output).map(|()| output)
    }

    #[test]
    fn only_white_space_outside_strings_goes() {
        let raw = r#"{ "a b" : [ 1.50 , 1e999, "x \" y" ],	"c\\": { } }"#;
        assert_eq!(compact(raw).unwrap(), r#"{"a b":[1.50,1e999,"x \" y"],"c\\":{}}"#);
        assert_eq!(compact("-0.0").unwrap(), "-0.0");
    }

    #[test]
    fn surrogates_need_their_partner() {
        for raw in [
            r#""\ud83d\ude00""#,
            r#""\\ud800""#,
            r#""\u00e9\n""#,
            r#"["\uD83D\uDE00"]"#,
        ] {
            assert_eq!(compact(raw).unwrap(), raw);
        }
        for raw in [
            r#""\ud800""#,
            r#""\udc00x""#,
            r#""\ud83d\u0041""#,
            r#"{"a":"\ud83dx"}"#,
            r#"{"\udfff":1}"#,
        ] {
            assert_eq!(compact(raw), Err(RecordFault::LoneSurrogate), "{raw}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| "[".repeat(depth) + &"]".repeat(depth);
        assert!(compact(&nested(MAX_DEPTH - 1)).is_ok());
        assert_eq!(compact(&nested(MAX_DEPTH)), Err(RecordFault::TooDeep));
    }

    proptest! {
        #[test]
        fn strings_read_back(text in any::<String>()) {
            let mut json = String::new();
            push_string(&text, &mut json);
            prop_assert_eq!(serde_json::from_str::<String>(&json).unwrap(), text);
        }
    }
}
