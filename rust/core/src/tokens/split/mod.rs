//! Splitters: the regular expressions that cut a text into words before merging, written as plain loops.
//!
//! Each gives the same pieces as the `tokenizers` library with the pattern that stands beside it. What a pattern leaves
//! out between two matches is a piece, too.

mod cl100k;
mod deepseek;
mod gpt2;
mod o200k;

use super::classes::{Classes, LETTER, NUMBER, SPACE};

/// A known way to split.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pattern {
    /// cl100k of OpenAI, also of Llama 3 (`max_digits` 3) and Qwen (1).
    Cl100k {
        /// Most digits of a piece.
        max_digits: usize,
    },
    /// o200k of OpenAI (3 digits, contractions), and of Mistral's Tekken (1 digit, none).
    O200k {
        /// Most digits of a piece.
        max_digits: usize,
        /// Whether `'s` and the like belong to the word before.
        contractions: bool,
    },
    /// GPT-2's.
    Gpt2 {
        /// Whether each digit is cut out before the rest is split.
        single_digits: bool,
    },
    /// DeepSeek's: numbers, then Chinese characters and kana, then the rest.
    DeepSeek,
}

/// The expression of each pattern, as a `tokenizer.json` spells it; `deepseek` has three, applied in turn.
pub mod expressions {
    /// [`Pattern::Cl100k`](super::Pattern::Cl100k) with three digits.
    pub const CL100K_3: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    /// [`Pattern::Cl100k`](super::Pattern::Cl100k) with one digit.
    pub const CL100K_1: &str = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    /// [`Pattern::O200k`](super::Pattern::O200k) with three digits and contractions.
    pub const O200K: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    /// [`Pattern::O200k`](super::Pattern::O200k) with one digit and no contractions.
    pub const TEKKEN: &str = r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*|\p{N}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+";
    /// [`Pattern::Gpt2`](super::Pattern::Gpt2), which `ByteLevel` with `use_regex` applies.
    pub const GPT2: &str = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+";
    /// The three of [`Pattern::DeepSeek`](super::Pattern::DeepSeek).
    pub const DEEPSEEK: [&str; 3] = [
        r"\p{N}{1,3}",
        r"[一-龥぀-ゟ゠-ヿ]+",
        concat!(
            r##"[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^"##,
            "\r\n",
            r"\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[",
            "\r\n",
            r"]*|\s*[",
            "\r\n",
            r"]+|\s+(?!\S)|\s+",
        ),
    ];
}

/// Cuts texts by a pattern.
#[derive(Debug, Clone, Copy)]
pub(super) struct Splitter {
    classes: Classes,
    pattern: Pattern,
}

impl Splitter {
    pub(super) fn new(pattern: Pattern) -> Self {
        Self {
            classes: Classes::new(),
            pattern,
        }
    }

    /// Calls `piece` with the start and the end of each piece of a valid UTF-8 text.
    #[inline]
    pub(super) fn split(self, text: &[u8], piece: impl FnMut(usize, usize)) {
        let classes = self.classes;
        match self.pattern {
            Pattern::Cl100k { max_digits } => {
                pieces(text, 0, |at| cl100k::next(classes, text, at, max_digits), piece);
            }
            Pattern::O200k {
                max_digits,
                contractions,
            } => {
                pieces(
                    text,
                    0,
                    |at| o200k::next(classes, text, at, max_digits, contractions),
                    piece,
                );
            }
            Pattern::Gpt2 { single_digits: false } => {
                pieces(text, 0, |at| gpt2::next(classes, text, at), piece);
            }
            Pattern::Gpt2 { single_digits: true } => {
                let part_end = |at| gpt2::part_end(classes, text, at);
                parts(text, part_end, |part, at| gpt2::next(classes, part, at), piece);
            }
            Pattern::DeepSeek => {
                let part_end = |at| deepseek::part_end(classes, text, at);
                parts(
                    text,
                    part_end,
                    |part, at| deepseek::next(classes, part, at),
                    piece,
                );
            }
        }
    }
}

/// Calls `piece` for all pieces from `start` on, each of which ends where `next` says.
#[inline(always)]
fn pieces(
    text: &[u8],
    start: usize,
    mut next: impl FnMut(usize) -> usize,
    mut piece: impl FnMut(usize, usize),
) {
    let mut at = start;
    while at < text.len() {
        let end = next(at);
        piece(at, end);
        at = end;
    }
}

/// The same where parts are cut out first, which `next` sees with what stands before them.
#[inline(always)]
fn parts(
    text: &[u8],
    mut part_end: impl FnMut(usize) -> usize,
    mut next: impl FnMut(&[u8], usize) -> usize,
    mut piece: impl FnMut(usize, usize),
) {
    let mut start = 0;
    while start < text.len() {
        let end = part_end(start);
        let part = &text[..end];
        pieces(part, start, |at| next(part, at), &mut piece);
        start = end;
    }
}

/// What the last three alternatives match at white space: `\s*[\r\n]+|\s+(?!\S)|\s+`.
#[inline]
fn white_space(classes: Classes, text: &[u8], start: usize) -> usize {
    let (mut at, mut last, mut after_line_end) = (start, start, 0);
    loop {
        let found = classes.at(text, at);
        if !found.is(SPACE) {
            break;
        }
        last = at;
        if matches!(text[at], b'\r' | b'\n') {
            after_line_end = at + 1;
        }
        at += found.num_bytes;
    }
    if after_line_end > 0 {
        after_line_end
    } else if at == text.len() || last == start {
        at
    } else {
        last
    }
}

/// The end of the line ends from `at` on.
#[inline(always)]
fn line_ends(text: &[u8], mut at: usize) -> usize {
    while matches!(text.get(at), Some(b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of up to `max_digits` numbers.
#[inline(always)]
fn digits(classes: Classes, text: &[u8], mut at: usize, max_digits: usize) -> usize {
    for _ in 0..max_digits {
        let found = classes.at(text, at);
        if !found.is(NUMBER) {
            break;
        }
        at += found.num_bytes;
    }
    at
}

/// The end of `(?i:'s|'t|'re|'ve|'m|'ll|'d)`, if the text at `at` is that.
#[inline]
fn contraction(text: &[u8], at: usize) -> Option<usize> {
    if text.get(at) != Some(&b'\'') {
        return None;
    }
    let second = text.get(at + 2).map(|byte| byte | 0x20);
    match text.get(at + 1)? | 0x20 {
        b's' | b't' | b'm' | b'd' => Some(at + 2),
        b'r' | b'v' if second == Some(b'e') => Some(at + 3),
        b'l' if second == Some(b'l') => Some(at + 3),
        // The long s, U+017F, is an s in another case.
        _ if text[at + 1..].starts_with("\u{17f}".as_bytes()) => Some(at + 3),
        _ => None,
    }
}

/// What is neither white space nor letter nor number, by its complement.
const NOT_OTHER: u8 = LETTER | NUMBER | SPACE;

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(pattern: Pattern, text: &str) -> Vec<&str> {
        let mut pieces = Vec::new();
        let mut last = 0;
        Splitter::new(pattern).split(text.as_bytes(), |start, end| {
            assert!(start == last && end > start, "{text:?} at {start}");
            pieces.push(&text[start..end]);
            last = end;
        });
        assert_eq!(last, text.len());
        pieces
    }

    #[test]
    fn words_spaces_and_line_ends_are_cut_as_the_patterns_say() {
        let cl100k = Pattern::Cl100k { max_digits: 3 };
        assert_eq!(
            pieces(cl100k, "It's  1234,\n\n  x'LL \u{a0}é"),
            [
                "It", "'s", " ", " ", "123", "4", ",\n\n", " ", " x", "'LL", " ", "\u{a0}é"
            ]
        );
        assert_eq!(pieces(cl100k, "a \n \n  "), ["a", " \n \n", "  "]);
        let o200k = Pattern::O200k {
            max_digits: 3,
            contractions: true,
        };
        assert_eq!(
            pieces(o200k, "HTTPServer's a/b //\n"),
            ["HTTPServer's", " a", "/b", " //\n"]
        );
        assert_eq!(pieces(o200k, "camelCase ABC"), ["camel", "Case", " ABC"]);
        assert_eq!(
            pieces(Pattern::Gpt2 { single_digits: true }, "a  12 's"),
            ["a", "  ", "1", "2", " '", "s"]
        );
        assert_eq!(
            pieces(Pattern::DeepSeek, "ab12345 日本ab\u{1}\u{2}x"),
            ["ab", "123", "45", " ", "日本", "ab", "\u{1}", "\u{2}x"]
        );
    }
}
