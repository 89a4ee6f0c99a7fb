//! Classes of characters as the regular expressions of `tokenizers` know them.

use std::sync::LazyLock;

use super::class_ranges::RANGES;

/// Upper-case and title-case letters.
pub(super) const UPPER: u8 = 1;
/// Lower-case letters.
pub(super) const LOWER: u8 = 1 << 1;
/// Modifier and other letters.
pub(super) const OTHER_LETTER: u8 = 1 << 2;
/// Combining marks.
pub(super) const MARK: u8 = 1 << 3;
/// Numbers of every kind.
pub(super) const NUMBER: u8 = 1 << 4;
/// What `\s` matches.
pub(super) const SPACE: u8 = 1 << 5;
/// Punctuation.
pub(super) const PUNCTUATION: u8 = 1 << 6;
/// Symbols.
pub(super) const SYMBOL: u8 = 1 << 7;
/// `\p{L}`.
pub(super) const LETTER: u8 = UPPER | LOWER | OTHER_LETTER;

const BLOCK: usize = 256;
const NUM_BLOCKS: usize = 0x11_0000 / BLOCK;

/// The class of every code point, in two levels.
#[derive(Debug)]
struct Table {
    /// Start of the block of each 256 code points.
    starts: Vec<u32>,
    /// Blocks, equal ones once.
    blocks: Vec<u8>,
}

static TABLE: LazyLock<Table> = LazyLock::new(|| {
    let mut flat = vec![0; NUM_BLOCKS * BLOCK];
    for &(first, last, class) in &RANGES {
        flat[first as usize..=last as usize].fill(class);
    }
    let mut table = Table {
        starts: Vec::with_capacity(NUM_BLOCKS),
        blocks: Vec::new(),
    };
    for block in flat.chunks_exact(BLOCK) {
        let known = table.blocks.chunks_exact(BLOCK).position(|other| other == block);
        let number = known.unwrap_or_else(|| {
            table.blocks.extend_from_slice(block);
            table.blocks.len() / BLOCK - 1
        });
        table.starts.push((number * BLOCK) as u32);
    }
    table
});

/// Classes of the ASCII characters; those above stand for none and must not be asked for.
const ASCII: [u8; 256] = {
    let mut classes = [0; 256];
    let mut range = 0;
    while RANGES[range].0 < 128 {
        let (first, last, class) = RANGES[range];
        let mut code = first;
        while code <= last && code < 128 {
            classes[code as usize] = class;
            code += 1;
        }
        range += 1;
    }
    classes
};

/// Looks characters of a text up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Classes(&'static Table);

/// The class of a character, and its bytes; no bytes at the end of the text.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Classed {
    pub(super) class: u8,
    pub(super) num_bytes: usize,
}

impl Classed {
    /// Whether this is a character of one of the classes.
    #[inline(always)]
    pub(super) fn is(self, classes: u8) -> bool {
        self.class & classes != 0
    }

    /// Whether this is a character, and of none of the classes.
    #[inline(always)]
    pub(super) fn is_none_of(self, classes: u8) -> bool {
        self.num_bytes > 0 && self.class & classes == 0
    }
}

impl Classes {
    pub(super) fn new() -> Self {
        Self(&TABLE)
    }

    /// The class of a code point.
    pub(super) fn of(self, code: u32) -> u8 {
        let start = self.0.starts[code as usize / BLOCK] as usize;
        self.0.blocks[start + code as usize % BLOCK]
    }

    /// The character at a boundary of characters in valid UTF-8.
    #[inline(always)]
    pub(super) fn at(self, text: &[u8], at: usize) -> Classed {
        match text.get(at) {
            None => Classed {
                class: 0,
                num_bytes: 0,
            },
            Some(&byte) if byte < 128 => Classed {
                class: ASCII[usize::from(byte)],
                num_bytes: 1,
            },
            Some(_) => self.at_wide(text, at),
        }
    }

    fn at_wide(self, text: &[u8], at: usize) -> Classed {
        let (code, num_bytes) = decode(text, at);
        Classed {
            class: self.of(code),
            num_bytes,
        }
    }

    /// The end of the run of characters of the given classes from `at` on.
    #[inline(always)]
    pub(super) fn run(self, text: &[u8], mut at: usize, classes: u8) -> usize {
        loop {
            let found = self.at(text, at);
            if !found.is(classes) {
                return at;
            }
            at += found.num_bytes;
        }
    }

    /// [`Self::run`] of letters, with other classes that ASCII does not have.
    #[inline(always)]
    pub(super) fn letters(self, text: &[u8], at: usize, classes: u8) -> usize {
        self.run(text, ascii_letters(text, at, CASE), classes)
    }

    /// [`Self::run`] of small letters, with other classes that ASCII does not have.
    #[inline(always)]
    pub(super) fn small_letters(self, text: &[u8], at: usize, classes: u8) -> usize {
        self.run(text, ascii_letters(text, at, 0), classes)
    }

    /// The end of the run of characters of none of the given classes from `at` on.
    #[inline(always)]
    pub(super) fn run_without(self, text: &[u8], mut at: usize, classes: u8) -> usize {
        loop {
            let found = self.at(text, at);
            if !found.is_none_of(classes) {
                return at;
            }
            at += found.num_bytes;
        }
    }
}

/// The same byte eight times.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

/// The bit by which ASCII letters differ in case.
const CASE: u64 = eight(0x20);

/// The end of the ASCII letters from `at` on that are small with the given bits set, or an earlier place among them.
///
/// Eight bytes at a time: one guess where a loop over bytes has one a byte.
#[inline(always)]
fn ascii_letters(text: &[u8], mut at: usize, case: u64) -> usize {
    while let Some(bytes) = text.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        let bytes = u64::from_le_bytes(*bytes);
        // Sums below 256, so no byte reaches into the next: the highest bit says that it is at least `a`, or above `z`.
        let low = (bytes | case) & eight(0x7f);
        let from_a = low + eight(0x80 - b'a');
        let above_z = low + eight(0x7f - b'z');
        let others = !(from_a & !above_z & !bytes) & eight(0x80);
        if others != 0 {
            return at + others.trailing_zeros() as usize / 8;
        }
        at += 8;
    }
    at
}

/// The code point that starts at `at` in valid UTF-8, outside ASCII, and its bytes.
#[inline]
pub(super) fn decode(text: &[u8], at: usize) -> (u32, usize) {
    let low = |offset: usize| u32::from(text[at + offset]) & 0x3f;
    let first = u32::from(text[at]);
    if first < 0xe0 {
        ((first & 0x1f) << 6 | low(1), 2)
    } else if first < 0xf0 {
        ((first & 0xf) << 12 | low(1) << 6 | low(2), 3)
    } else {
        ((first & 7) << 18 | low(1) << 12 | low(2) << 6 | low(3), 4)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn eight_bytes_at_a_time_find_the_ends_that_one_finds() {
        let classes = Classes::new();
        // Each byte behind and among letters, near the end and far from it.
        for byte in 0..128_u8 {
            for (before, behind) in [(0, 20), (3, 20), (7, 1), (8, 9), (9, 0), (17, 7)] {
                let mut text = vec![b'q'; before];
                text.push(byte);
                text.extend_from_slice("zZaAé{`@[".repeat(behind).as_bytes());
                for at in 0..=before {
                    let letters = classes.letters(&text, at, LETTER);
                    assert_eq!(
                        letters,
                        classes.run(&text, at, LETTER),
                        "{byte} {before} {behind}"
                    );
                    let small = classes.small_letters(&text, at, LOWER | MARK);
                    assert_eq!(
                        small,
                        classes.run(&text, at, LOWER | MARK),
                        "{byte} {before} {behind}"
                    );
                }
            }
        }
    }

    #[test]
    fn both_tables_hold_the_ranges() {
        let classes = Classes::new();
        let mut at_range = 0;
        for code in 0..0x11_0000 {
            while at_range < RANGES.len() && RANGES[at_range].1 < code {
                at_range += 1;
            }
            let expected = RANGES
                .get(at_range)
                .filter(|range| range.0 <= code)
                .map_or(0, |range| range.2);
            assert_eq!(classes.of(code), expected, "{code:x}");
            if let Some(character) = char::from_u32(code) {
                let mut buffer = [0; 4];
                let text = character.encode_utf8(&mut buffer).as_bytes();
                let found = classes.at(text, 0);
                assert_eq!((found.class, found.num_bytes), (expected, text.len()), "{code:x}");
            }
        }
    }
}
