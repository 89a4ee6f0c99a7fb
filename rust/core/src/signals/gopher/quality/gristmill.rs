//! gristmill's own definition: datatrove's, on the words of [`crate::segment`].

use super::stop_words::StopWords;
use crate::dispatch::{self, Kernel};
use crate::segment::{ALL_SYMBOLS, HAS_LETTER};
use crate::signals::{Document, Signal, Value, count, share};

/// Word counts, word lengths, symbols, bullets and stop words.
///
/// Differs from datatrove in the word tokens only (spaCy splits clitics and keeps hyphenated words and paths
/// together), which moves `alphabetic_word_fraction` by a few hundredths either way.
pub(super) struct GopherQuality {
    stop_words: StopWords,
}

impl GopherQuality {
    /// Makes the rule; every stop word should be a single token.
    pub(super) fn new(stop_words: &[String]) -> Self {
        Self {
            stop_words: StopWords::new(stop_words),
        }
    }
}

const BULLET: &[u8; 3] = b"\xe2\x80\xa2";
const ELLIPSIS: &[u8; 3] = b"\xe2\x80\xa6";

/// How often `...`, without overlap, and `…` occur.
fn num_ellipses(document: Document<'_>) -> usize {
    let bytes = document.text().as_bytes();
    let (mut number, mut num_dots, mut next) = (0, 0, 0);
    for &position in &document.spots().ends {
        let position = position as usize;
        if bytes[position] == b'.' {
            num_dots = if position == next { num_dots + 1 } else { 1 };
            number += usize::from(num_dots % 3 == 0);
            next = position + 1;
        } else {
            number += usize::from(bytes[position..].starts_with(ELLIPSIS));
        }
    }
    number
}

/// Shares of lines that start with a bullet and that end with an ellipsis; null without lines.
fn line_fractions(document: Document<'_>) -> [Value; 2] {
    let lines = document.split_lines();
    if lines.is_empty() {
        return [Value::Null; 2];
    }
    let bytes = document.text().as_bytes();
    let (mut num_bullets, mut num_ellipses) = (0, 0);
    for line in lines {
        let line = &bytes[line.trimmed_start as usize..line.trimmed_end as usize];
        let (Some(&first), Some(&last)) = (line.first(), line.last()) else {
            continue;
        };
        num_bullets += usize::from(first == b'-' || first == BULLET[0] && line.starts_with(BULLET));
        num_ellipses += usize::from(
            last == b'.' && line.ends_with(b"...") || last == ELLIPSIS[2] && line.ends_with(ELLIPSIS),
        );
    }
    [num_bullets, num_ellipses].map(|number| Value::Float64(share(number, lines.len())))
}

impl Signal for GopherQuality {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let segmentation = document.segmentation();
        let tokens = Tokens {
            hashes: segmentation.hashes(),
            char_counts: segmentation.char_counts(),
            flags: segmentation.flags(),
        };
        self.measure(document, tokens, out);
    }
}

/// Columns of word tokens: those of a segmentation, or of another tokenizer.
#[derive(Clone, Copy)]
pub(super) struct Tokens<'t> {
    pub(super) hashes: &'t [u64],
    pub(super) char_counts: &'t [u32],
    pub(super) flags: &'t [u8],
}

/// What the flags and lengths of tokens add up to.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Sums {
    /// Tokens that are not all symbols, and their characters.
    num_words: usize,
    num_word_chars: usize,
    /// Tokens with a letter.
    num_alphabetic: usize,
}

impl Tokens<'_> {
    #[inline(always)]
    fn sums(self) -> Sums {
        let mut sums = Sums::default();
        // Numbers of so few fit into eight bits, and the loops become vectors.
        let chunks = self.flags.chunks(128).zip(self.char_counts.chunks(128));
        for (flags, char_counts) in chunks {
            let (mut num_words, mut num_alphabetic) = (0_u8, 0_u8);
            for flags in flags {
                num_words += u8::from(flags & ALL_SYMBOLS == 0);
                num_alphabetic += flags & HAS_LETTER;
            }
            let num_chars: u64 = flags
                .iter()
                .zip(char_counts)
                .map(|(flags, &number)| match flags & ALL_SYMBOLS {
                    0 => u64::from(number),
                    _ => 0,
                })
                .sum();
            sums.num_words += usize::from(num_words);
            sums.num_alphabetic += usize::from(num_alphabetic);
            sums.num_word_chars += num_chars as usize;
        }
        sums
    }
}

impl Kernel for Tokens<'_> {
    type Output = Sums;

    fn portable(self) -> Sums {
        self.sums()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: dispatch::Avx2) -> Sums {
        self.sums()
    }
}

impl GopherQuality {
    /// Pushes the values of a document with those tokens.
    pub(super) fn measure(&mut self, document: Document<'_>, tokens: Tokens<'_>, out: &mut Vec<Value>) {
        let Sums {
            num_words,
            num_word_chars,
            num_alphabetic,
        } = dispatch::run(tokens);
        let num_tokens = tokens.hashes.len();
        let per_token = |number: usize| match num_tokens {
            0 => Value::Null,
            _ => Value::Float64(share(number, num_tokens)),
        };
        let bytes = document.text().as_bytes();
        let num_hashes = memchr::memchr_iter(b'#', bytes).count();
        let num_ellipses = num_ellipses(document);
        let mean_length = match num_words {
            0 => Value::Null,
            _ => Value::Float64(share(num_word_chars, num_words)),
        };
        out.extend([
            count(num_words),
            mean_length,
            per_token(num_hashes),
            per_token(num_ellipses),
        ]);
        out.extend(line_fractions(document));
        out.extend([
            per_token(num_alphabetic),
            count(self.stop_words.count_distinct(tokens.hashes)),
        ]);
    }
}
