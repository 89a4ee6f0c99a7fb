//! Encoded data between code: base64, hexadecimal numbers, Unicode escapes, by the expressions of The Stack v2
//! (Lozhkov et al. 2024, section 3.2), found without an engine for expressions:
//!
//! * `[a-zA-Z0-9+/\n=]{64,}`
//! * `(?:\b(?:0x|\\x)?[0-9a-fA-F]{2}(?:,|\b\s*)){8,}`
//! * `(?:\\u[0-9a-fA-F]{4}){8,}`
//!
//! Each is matched from left to right without overlap; `\b` and `\s` know all scripts, as in Python.

use super::encoded_probes::{Probes, find_probes};
use crate::segment::{CharacterClass, is_white_space};
use memchr::memmem;

const BASE64_BYTES: usize = 64;
const NUM_UNITS: usize = 8;
/// Bytes of the shortest eight hexadecimal numbers, `00,` seven times and `00`.
const HEX_BYTES: usize = 3 * NUM_UNITS - 1;

/// Characters of one text that the expressions match.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct EncodedChars {
    /// In all matches; one that two expressions match counts twice.
    pub(super) all: usize,
    /// In the longest match.
    pub(super) longest: usize,
}

impl EncodedChars {
    fn add(&mut self, num_chars: usize) {
        self.all += num_chars;
        self.longest = self.longest.max(num_chars);
    }
}

/// Finds; keeps its buffers between texts.
#[derive(Debug, Clone)]
pub(super) struct EncodedCounter {
    probes: Probes,
    escapes: memmem::Finder<'static>,
}

/// Bytes of `[a-zA-Z0-9+/\n=]`.
pub(super) fn is_base64(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+/\n=".contains(&byte)
}

/// Bytes that hexadecimal numbers and what stands between them are made of; white space outside ASCII is.
pub(super) fn is_hex(byte: u8) -> bool {
    byte.is_ascii_hexdigit()
        || matches!(byte, b'x' | b'\\' | b',' | b' ' | b'\t'..=b'\r' | 0x1c..=0x1f | 0x80..)
}

impl Default for EncodedCounter {
    fn default() -> Self {
        Self {
            probes: Probes::default(),
            escapes: memmem::Finder::new(b"\\u"),
        }
    }
}

impl EncodedCounter {
    /// Counts characters in matches. Cost: one pass, 64 bytes at a time, and a look at runs that could match.
    pub(super) fn count(&mut self, text: &str) -> EncodedChars {
        let mut found = EncodedChars::default();
        find_probes(text.as_bytes(), &mut self.probes);
        let Probes { base64, hex } = &self.probes;
        for_runs(text.as_bytes(), base64, is_base64, BASE64_BYTES, |start, end| {
            found.add(end - start)
        });
        for_runs(text.as_bytes(), hex, is_hex, HEX_BYTES, |start, end| {
            let mut at = start;
            while at < end {
                let (match_end, num_units) = hex_units(text, at);
                if num_units >= NUM_UNITS {
                    found.add(text[at..match_end].chars().count());
                }
                // A match can only begin where a number begins, and each of those in between has fewer to follow.
                at = match_end.max(at + 1);
            }
        });
        let bytes = text.as_bytes();
        let mut at = 0;
        while let Some(start) = self.escapes.find(&bytes[at..]).map(|start| at + start) {
            let mut end = start;
            while is_escape(bytes, end) {
                end += 6;
            }
            if end - start >= 6 * NUM_UNITS {
                found.add(end - start);
            }
            at = end.max(start + 2);
        }
        found
    }
}

/// Calls `run` with every maximal run of such bytes that is at least `least` long; each holds one of the probes.
fn for_runs(
    bytes: &[u8],
    probes: &[u32],
    is_such: impl Fn(u8) -> bool,
    least: usize,
    mut run: impl FnMut(usize, usize),
) {
    let mut done_to = 0;
    for probe in probes.iter().map(|&probe| probe as usize) {
        if probe < done_to {
            continue;
        }
        let before = bytes[done_to..probe].iter().rev();
        let start = probe - before.take_while(|byte| is_such(**byte)).count();
        let end = probe + bytes[probe..].iter().take_while(|byte| is_such(**byte)).count();
        if end - start >= least {
            run(start, end);
        }
        done_to = end;
    }
}

fn is_escape(bytes: &[u8], at: usize) -> bool {
    bytes
        .get(at..at + 6)
        .is_some_and(|escape| escape.starts_with(b"\\u") && escape[2..].iter().all(u8::is_ascii_hexdigit))
}

/// Byte after as many hexadecimal numbers as follow each other from `at`, and how many those are.
fn hex_units(text: &str, at: usize) -> (usize, usize) {
    let bytes = text.as_bytes();
    let (mut end, mut num_units) = (at, 0);
    loop {
        // Of the two characters at a boundary one belongs to a word, and a number's own ends are ASCII.
        let digits = match bytes.get(end..end + 2) {
            Some(b"\\x") => end + 2,
            Some(b"0x") if bytes.get(end + 2).is_some_and(u8::is_ascii_hexdigit) => end + 2,
            Some(_) => end,
            None => break,
        };
        let is_number = bytes
            .get(digits..digits + 2)
            .is_some_and(|pair| pair.iter().all(u8::is_ascii_hexdigit));
        if !is_number || !is_boundary(text, end) {
            break;
        }
        let after = digits + 2;
        if bytes.get(after) == Some(&b',') {
            end = after + 1;
        } else if is_boundary(text, after) {
            let rest = &text[after..];
            end = after + rest.len() - rest.trim_start_matches(is_white_space).len();
        } else {
            break;
        }
        num_units += 1;
    }
    (end, num_units)
}

/// Whether a word begins or ends there. `at` is a boundary of characters.
fn is_boundary(text: &str, at: usize) -> bool {
    let is_word = |character: char| {
        if character.is_ascii() {
            return character.is_ascii_alphanumeric() || character == '_';
        }
        let class = CharacterClass::of(character);
        class.is_letter() || class.is_number()
    };
    let before = text[..at].chars().next_back().is_some_and(is_word);
    let after = text[at..].chars().next().is_some_and(is_word);
    before != after
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chars(text: &str) -> (usize, usize) {
        let found = EncodedCounter::default().count(text);
        (found.all, found.longest)
    }

    /// Values that Python's `re.findall` gives for the three expressions.
    #[test]
    fn expressions_match_as_pythons_do() {
        let base64 = "QUJD".repeat(16);
        for (text, expected) in [
            (base64.as_str(), (64, 64)),
            (&base64[1..], (0, 0)),
            (&format!("x = \"{base64}\"; y = \"{base64}=\""), (129, 65)),
            ("0x41,0x42,0x43,0x44,0x45,0x46,0x47,0x48", (39, 39)),
            ("0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47, 0x48", (0, 0)),
            ("41 42 43 44 45 46 47 48 49 zz", (27, 27)),
            ("\"\\x41\\x42\\x43\\x44\\x45\\x46\\x47\\x48\\x49\"", (32, 32)),
            ("é41 42 43 44 45 46 47 48 49", (23, 23)),
            ("41\u{3000}42 43 44 45 46 47 48", (23, 23)),
            (&"\\u00e9".repeat(8), (48, 48)),
            (&"\\u00e9".repeat(7), (0, 0)),
        ] {
            assert_eq!(chars(text), expected, "{text:?}");
        }
    }
}
