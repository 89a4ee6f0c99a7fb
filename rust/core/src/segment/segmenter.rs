//! The one pass over a text: eight bytes at a time for ASCII words, character by character for the rest, on machines
//! that cannot do [`super::wide`].

use super::classes::{ALONE, Classes, LETTER, MARK, NUMBER, SPACE, SYMBOL, UPPER, WORD};
use super::segmentation::{ALL_SYMBOLS, HAS_LETTER, HAS_NUMBER, HAS_UPPER, Line, NON_ASCII, Segmentation};
use super::word_hash::{Block, hash_bytes, hash_short, load};
use crate::dispatch::{self, Kernel};

/// Cuts texts into tokens and lines; holds the character tables, so make one and keep it.
#[derive(Debug, Clone, Default)]
pub struct Segmenter {
    classes: Classes,
}

/// Where the pass stands beside the token columns.
struct Pass {
    line_start: usize,
    line_first_token: usize,
    /// Bytes so far that continue a character: position minus this is the number of characters.
    num_continuation_bytes: usize,
    /// The same at the start of the line.
    line_continuation_bytes: usize,
}

impl Pass {
    fn end_line(&mut self, position: usize, into: &mut Segmentation) {
        let continuation_bytes = self.num_continuation_bytes - self.line_continuation_bytes;
        into.lines.push(Line {
            start: self.line_start as u32,
            end: position as u32,
            num_chars: (position - self.line_start - continuation_bytes) as u32,
            first_token: self.line_first_token as u32,
            first_word: into.num_space_words as u32,
        });
        // White space is between lines, so that a word is in one.
        into.num_space_words += into.count_space_words(self.line_first_token..into.num_tokens());
        self.line_start = position + 1;
        self.line_first_token = into.num_tokens();
        self.line_continuation_bytes = self.num_continuation_bytes;
    }
}

/// A text, and where its segmentation goes.
struct Pair<'a> {
    segmenter: &'a Segmenter,
    text: &'a str,
    into: &'a mut Segmentation,
}

impl Kernel for Pair<'_> {
    type Output = ();

    fn portable(self) {
        self.segmenter.segment_portably(self.text, self.into);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: dispatch::Avx2) {
        super::wide::segment(avx2, self.segmenter, self.text, self.into);
    }
}

impl Segmenter {
    /// Writes the tokens and lines of `text` into `into`, whose earlier content is forgotten.
    ///
    /// # Panics
    ///
    /// If the text has 4 GiB or more; readers refuse far shorter records.
    pub fn segment(&self, text: &str, into: &mut Segmentation) {
        assert!(
            u32::try_from(text.len()).is_ok(),
            "positions are 32-bit: readers refuse such records"
        );
        into.clear();
        dispatch::run(Pair {
            segmenter: self,
            text,
            into,
        });
    }

    /// The pass that any machine can make, into an empty segmentation.
    pub(super) fn segment_portably(&self, text: &str, into: &mut Segmentation) {
        let bytes = text.as_bytes();
        let mut pass = Pass {
            line_start: 0,
            line_first_token: 0,
            num_continuation_bytes: 0,
            line_continuation_bytes: 0,
        };
        let mut position = 0;
        while position < bytes.len() {
            let block = load(bytes, position);
            let parts = Block::new(block);
            if parts.breaks & 0x80 == 0 {
                position = self.ascii_word(text, position, block, &parts, &mut pass, into);
                // One space after a word is by far the most frequent case.
                if bytes.get(position) == Some(&b' ') {
                    position += 1;
                }
                continue;
            }
            let byte = bytes[position];
            match byte {
                b'\n' => {
                    pass.end_line(position, into);
                    position += 1;
                }
                b' ' | b'\t' | 0x1f => position += 1,
                b'\r' | 0x0b | 0x0c | 0x1c..=0x1e => {
                    into.has_other_line_break = true;
                    position += 1;
                }
                0x80.. => position = self.any_token(text, position, &mut pass, into),
                _ if self.class_at(bytes, position + 1).0 & MARK != 0 => {
                    position = self.any_token(text, position, &mut pass, into);
                }
                _ => {
                    into.push(
                        position,
                        position + 1,
                        hash_short(u64::from(byte), 1),
                        1,
                        ALL_SYMBOLS,
                    );
                    position += 1;
                }
            }
        }
        pass.end_line(bytes.len(), into);
        into.num_chars = bytes.len() - pass.num_continuation_bytes;
    }

    /// Takes the word that starts with an ASCII character at `start`, eight bytes at a time; returns its end.
    #[inline(always)]
    fn ascii_word(
        &self,
        text: &str,
        start: usize,
        block: u64,
        parts: &Block,
        pass: &mut Pass,
        into: &mut Segmentation,
    ) -> usize {
        let bytes = text.as_bytes();
        let length = (parts.breaks.trailing_zeros() / 8) as usize;
        if length == 8 {
            return self.long_ascii_word(text, start, pass, into);
        }
        let next = block >> (8 * length);
        if next & 0x80 != 0 && self.joins_word(bytes, start + length) {
            return self.any_token(text, start, pass, into);
        }
        let mask = (1 << (8 * length)) - 1;
        let flags = word_flags(parts.letters & mask, parts.numbers & mask, parts.uppers & mask);
        into.push(
            start,
            start + length,
            hash_short(block & mask, length as u64),
            length as u32,
            flags,
        );
        start + length
    }

    /// The same for words of eight bytes and more.
    fn long_ascii_word(&self, text: &str, start: usize, pass: &mut Pass, into: &mut Segmentation) -> usize {
        let bytes = text.as_bytes();
        let (mut letters, mut numbers, mut uppers, mut end) = (0, 0, 0, start);
        loop {
            let parts = Block::new(load(bytes, end));
            let length = parts.breaks.trailing_zeros() / 8;
            let mask = if length == 8 {
                u64::MAX
            } else {
                (1 << (8 * length)) - 1
            };
            letters |= parts.letters & mask;
            numbers |= parts.numbers & mask;
            uppers |= parts.uppers & mask;
            end += length as usize;
            if length < 8 {
                break;
            }
        }
        if self.joins_word(bytes, end) {
            return self.any_token(text, start, pass, into);
        }
        let flags = word_flags(letters, numbers, uppers);
        into.push(
            start,
            end,
            hash_bytes(&bytes[start..end]),
            (end - start) as u32,
            flags,
        );
        end
    }

    /// Takes whatever starts at `start` (white space, a word, punctuation), character by character.
    fn any_token(&self, text: &str, start: usize, pass: &mut Pass, into: &mut Segmentation) -> usize {
        let bytes = text.as_bytes();
        let (mut class, length) = self.class_at(bytes, start);
        if class & SPACE != 0 {
            pass.num_continuation_bytes += length - 1;
            into.has_other_line_break |=
                matches!(&text[start..start + length], "\u{85}" | "\u{2028}" | "\u{2029}");
            return start + length;
        }
        let runs_on = class & (WORD | ALONE) == WORD;
        let (mut all, mut any, mut num_chars, mut end) = (class, class, 1, start + length);
        while end < bytes.len() {
            let (next, length) = self.class_at(bytes, end);
            let joins = if runs_on {
                next & (WORD | ALONE) == WORD
            } else {
                next & MARK != 0
            };
            if !joins {
                break;
            }
            class = next;
            all &= class;
            any |= class;
            num_chars += 1;
            end += length;
        }
        let num_bytes = end - start;
        pass.num_continuation_bytes += num_bytes - num_chars;
        let mut flags = NON_ASCII;
        for (holds, flag) in [
            (any & LETTER != 0, HAS_LETTER),
            (any & NUMBER != 0, HAS_NUMBER),
            (any & UPPER != 0, HAS_UPPER),
            (all & SYMBOL != 0, ALL_SYMBOLS),
        ] {
            flags |= if holds { flag } else { 0 };
        }
        into.push(
            start,
            end,
            hash_bytes(&bytes[start..end]),
            num_chars as u32,
            flags,
        );
        end
    }

    /// True when the character at `position` lengthens the word before it.
    fn joins_word(&self, bytes: &[u8], position: usize) -> bool {
        self.class_at(bytes, position).0 & (WORD | ALONE) == WORD
    }

    /// Class and length in bytes of the character at `position`; a class of 0 beyond the end.
    #[inline(always)]
    pub(super) fn class_at(&self, bytes: &[u8], position: usize) -> (u8, usize) {
        let Some(&first) = bytes.get(position) else {
            return (0, 1);
        };
        // Valid UTF-8 holds every continuation byte asked for here.
        let continuation = |offset: usize| {
            bytes
                .get(position + offset)
                .map_or(0, |byte| u32::from(byte & 0x3f))
        };
        let first = u32::from(first);
        let (code, length) = match first {
            0..0x80 => (first, 1),
            0x80..0xe0 => ((first & 0x1f) << 6 | continuation(1), 2),
            0xe0..0xf0 => ((first & 0xf) << 12 | continuation(1) << 6 | continuation(2), 3),
            _ => (
                (first & 7) << 18 | continuation(1) << 12 | continuation(2) << 6 | continuation(3),
                4,
            ),
        };
        (self.classes.get(code), length)
    }
}

#[inline(always)]
fn word_flags(letters: u64, numbers: u64, uppers: u64) -> u8 {
    let mut flags = 0;
    for (holds, flag) in [
        (letters != 0, HAS_LETTER),
        (numbers != 0, HAS_NUMBER),
        // Only `_` is left when a word has neither letters nor numbers, and `_` is a symbol.
        (letters | numbers == 0, ALL_SYMBOLS),
        (uppers != 0, HAS_UPPER),
    ] {
        flags |= u8::from(holds) * flag;
    }
    flags
}
