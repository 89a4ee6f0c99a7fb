//! What each byte of a text is, a bit each, 64 bytes at a time: lines and sentences are measured by counting bits.
//!
//! A byte outside ASCII is what its character is; a character counts at its first byte. Case and words are those of
//! Python's `regex` package; white space is the segmentation's.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};
use crate::segment::is_white_space;
use crate::signals::dolma::is_regex_word;
use std::sync::LazyLock;

/// What 64 bytes are.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
struct Block {
    /// Bytes of white space, and of word characters (`\w`).
    spaces: u64,
    words: u64,
    /// First bytes of runs of word characters.
    word_starts: u64,
    /// First bytes of upper-case characters.
    uppers: u64,
    /// `_`, and those among `'.,:;` between word characters.
    joints: u64,
    /// Those among `0123456789{}+/()>`; spaces; commas.
    technical: u64,
    blanks: u64,
    commas: u64,
    /// ASCII white space but for U+001C to U+001F, and NUL: what fastText splits words at.
    separators: u64,
    /// First bytes of what stands between those, if they are ASCII letters or digits, or of other characters.
    begins: u64,
    /// Bytes that go on with a character, and first bytes of characters outside ASCII.
    continuations: u64,
    others: u64,
}

/// The kinds of one text's bytes; keeps its buffers from text to text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct ByteKinds {
    /// The last one ends in white space, if it is not full.
    blocks: Vec<Block>,
    num_runs: usize,
    has_separators: bool,
}

/// Counts of a part of a text.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct KindCounts {
    /// Characters.
    pub(crate) num_chars: u32,
    /// Runs of word characters that begin there, and those whose first character is an upper-case ASCII letter.
    pub(crate) num_word_runs: u32,
    pub(crate) num_capital_runs: u32,
    /// `_`, and those among `'.,:;` that follow a word character, and perhaps have another one behind.
    pub(crate) num_joints: u32,
    /// Those among `0123456789{}+/()>`.
    pub(crate) num_technical: u32,
    /// Characters outside ASCII, and those of them that are word characters.
    pub(crate) num_others: u32,
    pub(crate) num_word_others: u32,
}

impl ByteKinds {
    /// Overwrites everything with the kinds of `text`. Cost: one pass; a look-up for each character outside ASCII.
    pub(crate) fn fill(&mut self, text: &str) {
        // Each block is written over.
        self.blocks.resize(text.len().div_ceil(64), Block::default());
        (self.num_runs, self.has_separators) = (0, false);
        dispatch::run(Pass { text, kinds: self });
    }

    /// Maximal runs of word characters, and of characters that are neither those nor white space.
    pub(crate) fn num_runs(&self) -> usize {
        self.num_runs
    }

    /// Whether U+001C to U+001F occur, which are white space for Python only.
    pub(crate) fn has_separators(&self) -> bool {
        self.has_separators
    }

    /// White space, a bit a byte, the first at the lowest bit; what follows the text is white space.
    pub(crate) fn spaces(&self) -> impl ExactSizeIterator<Item = u64> {
        self.blocks.iter().map(|block| block.spaces)
    }

    /// Spaces (U+0020), commas, and bytes that go on with a character, likewise.
    pub(crate) fn blanks_and_commas(&self) -> impl ExactSizeIterator<Item = (u64, u64, u64)> {
        let bits = |block: &Block| (block.blanks, block.commas, block.continuations);
        self.blocks.iter().map(bits)
    }

    /// Words as fastText cuts them, at ASCII white space but for U+001C to U+001F and at NUL, that begin in those bytes and
    /// whose first character is an ASCII letter or digit, or another one for which the predicate holds.
    pub(crate) fn num_words_by_first(
        &self,
        text: &str,
        start: usize,
        end: usize,
        is_such: impl Fn(char) -> bool,
    ) -> usize {
        let (mut number, mut base) = (0, start / 64 * 64);
        self.each(start, end, |block, range| {
            let begins = block.begins & range;
            number += (begins & !block.others).count_ones() as usize;
            let mut others = begins & block.others;
            while others != 0 {
                let at = base + others.trailing_zeros() as usize;
                others &= others - 1;
                number += usize::from(text[at..].starts_with(&is_such));
            }
            base += 64;
        });
        number
    }

    /// Characters in those bytes for which Python's `isupper` holds.
    pub(crate) fn num_upper(&self, start: usize, end: usize) -> u32 {
        let mut number = 0;
        self.each(start, end, |block, range| {
            number += (block.uppers & range).count_ones()
        });
        number
    }

    /// Counts of the characters in those bytes, which begin and end with a character.
    pub(crate) fn count(&self, start: usize, end: usize) -> KindCounts {
        dispatch::run(Count {
            kinds: self,
            start,
            end,
        })
    }

    /// Calls `visit` with each block of which some of those bytes are, and with their bits.
    #[inline(always)]
    fn each(&self, start: usize, end: usize, mut visit: impl FnMut(&Block, u64)) {
        if start >= end {
            return;
        }
        let (first, last) = (start / 64, (end - 1) / 64);
        // Bits before the first byte, and those behind the last.
        let (from, to) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
        if first == last {
            visit(&self.blocks[first], from & to);
            return;
        }
        visit(&self.blocks[first], from);
        for block in &self.blocks[first + 1..last] {
            visit(block, u64::MAX);
        }
        visit(&self.blocks[last], to);
    }
}

struct Count<'a> {
    kinds: &'a ByteKinds,
    start: usize,
    end: usize,
}

impl Count<'_> {
    #[inline(always)]
    fn count(self) -> KindCounts {
        let mut counts = KindCounts::default();
        self.kinds.each(self.start, self.end, |block, range| {
            let number = |bits: u64| (bits & range).count_ones();
            counts.num_chars += number(!block.continuations);
            counts.num_word_runs += number(block.word_starts);
            counts.num_capital_runs += number(block.word_starts & block.uppers & !block.others);
            counts.num_joints += number(block.joints);
            counts.num_technical += number(block.technical);
            counts.num_others += number(block.others);
            counts.num_word_others += number(block.others & block.words);
        });
        counts
    }
}

impl Kernel for Count<'_> {
    type Output = KindCounts;

    fn portable(self) -> KindCounts {
        self.count()
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, _avx2: Avx2) -> KindCounts {
        self.count()
    }
}

/// What a character outside ASCII is.
const WORD: u8 = 1;
const SPACE: u8 = 1 << 1;
const UPPER: u8 = 1 << 2;

/// Of the basic plane, made once a process.
static BASIC_PLANE: LazyLock<Box<[u8]>> = LazyLock::new(|| {
    (0..=0xffff)
        .map(|code| char::from_u32(code).map_or(0, kind_of))
        .collect()
});

fn kind_of(character: char) -> u8 {
    let is_word = match character {
        '\0'..='\u{7f}' => character.is_ascii_alphanumeric() || character == '_',
        _ => is_regex_word(character),
    };
    [
        (is_word, WORD),
        (is_white_space(character), SPACE),
        (character.is_uppercase(), UPPER),
    ]
    .into_iter()
    .fold(0, |kind, (holds, bit)| kind | if holds { bit } else { 0 })
}

fn is_technical(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'{' | b'}' | b'+' | b'/' | b'(' | b')' | b'>')
}

fn is_separator(byte: u8) -> bool {
    matches!(byte, b'\t'..=b'\r' | b' ' | 0)
}

impl Block {
    /// Of ASCII characters, all by their definitions.
    fn of_ascii(block: &[u8; 64]) -> Self {
        let bits = |holds: fn(u8) -> bool| {
            let bytes = block.iter().rev();
            bytes.fold(0, |bits, &byte| bits << 1 | u64::from(holds(byte)))
        };
        Self {
            spaces: bits(|byte| matches!(byte, b'\t'..=b'\r' | 0x1c..=0x1f | b' ')),
            words: bits(|byte| byte.is_ascii_alphanumeric() || byte == b'_'),
            word_starts: 0,
            uppers: bits(|byte| byte.is_ascii_uppercase()),
            joints: bits(|byte| b"_'.,:;".contains(&byte)),
            technical: bits(is_technical),
            blanks: bits(|byte| byte == b' '),
            commas: bits(|byte| byte == b','),
            separators: bits(is_separator),
            begins: 0,
            continuations: bits(|byte| byte & 0xc0 == 0x80),
            others: bits(|byte| byte >= 0xc0),
        }
    }

    /// The same, all at once.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn of_ascii_wide(avx2: Avx2, block: &[u8; 64]) -> Self {
        let bytes = avx2.load(block);
        let letters = avx2.high_bits(avx2.within(avx2.with_bits(bytes, 0x20), b'a', b'z'));
        let slash_digits = avx2.within(bytes, b'/', b'9');
        let slashes = avx2.high_bits(avx2.equal(bytes, b'/'));
        let digits = avx2.high_bits(slash_digits) & !slashes;
        let underscores = avx2.high_bits(avx2.equal(bytes, b'_'));
        let blanks = avx2.equal(bytes, b' ');
        let spaces = avx2.or(avx2.within(bytes, b'\t', b'\r'), blanks);
        let separators = avx2.high_bits(avx2.or(spaces, avx2.equal(bytes, 0)));
        let spaces = avx2.high_bits(avx2.or(spaces, avx2.within(bytes, 0x1c, 0x1f)));
        let commas = avx2.equal(bytes, b',');
        let quotes = avx2.or(avx2.equal(bytes, b'\''), avx2.equal(bytes, b'.'));
        let joints = avx2.or(avx2.or(commas, quotes), avx2.within(bytes, b':', b';'));
        // `{` and `}`, `(` and `)`, `+` and `>`.
        let round = avx2.within(bytes, b'(', b')');
        let curly = avx2.or(avx2.equal(bytes, b'{'), avx2.equal(bytes, b'}'));
        let marks = avx2.or(avx2.equal(bytes, b'+'), avx2.equal(bytes, b'>'));
        let technical = avx2.or(avx2.or(slash_digits, round), avx2.or(curly, marks));
        let outside = avx2.high_bits(bytes);
        let others = outside & avx2.high_bits(avx2.within(bytes, 0xc0, 0xff));
        Self {
            spaces,
            words: letters | digits | underscores,
            word_starts: 0,
            uppers: letters & !avx2.case_bits(bytes),
            joints: avx2.high_bits(joints) | underscores,
            technical: avx2.high_bits(technical),
            blanks: avx2.high_bits(blanks),
            commas: avx2.high_bits(commas),
            separators,
            begins: 0,
            continuations: outside & !others,
            others,
        }
    }
}

/// How one block hands over to the next.
#[derive(Debug, Default)]
struct Carry {
    /// Bytes of the next block that continue a character of this one, and what it is.
    num_bytes: u32,
    kind: u8,
    /// The last byte's bits.
    word: u64,
    mark: u64,
    not_separator: u64,
}

struct Pass<'a> {
    text: &'a str,
    kinds: &'a mut ByteKinds,
}

impl Pass<'_> {
    #[inline(always)]
    fn run(self, block_of: impl Fn(&[u8; 64]) -> Block) {
        let bytes = self.text.as_bytes();
        let mut carry = Carry::default();
        let (mut num_runs, mut has_separators) = (0, false);
        for (index, into) in self.kinds.blocks.iter_mut().enumerate() {
            let base = 64 * index;
            let mut last = [b' '; 64];
            let (chunk, padding) = match bytes[base..].first_chunk() {
                Some(chunk) => (chunk, 0),
                None => {
                    let rest = &bytes[base..];
                    last[..rest.len()].copy_from_slice(rest);
                    (&last, u64::MAX << rest.len())
                }
            };
            let mut block = block_of(chunk);
            block.blanks &= !padding;
            let underscores = block.joints & block.words;
            let alphanumeric = block.words & !underscores;
            has_separators |= block.spaces & !block.separators != 0;
            if block.others | u64::from(carry.num_bytes) != 0 {
                patch(bytes, base, &mut block, &mut carry);
            }
            let runs = !(block.words | block.spaces);
            block.word_starts = block.words & !(block.words << 1 | carry.word);
            let run_starts = runs & !(runs << 1 | carry.mark);
            num_runs += (block.word_starts.count_ones() + run_starts.count_ones()) as usize;
            // Of the last byte's neighbour nothing is known.
            let is_between = (block.words << 1 | carry.word) & (block.words >> 1 | 1 << 63);
            block.joints = underscores | block.joints & is_between;
            let begins = !block.separators & !(!block.separators << 1 | carry.not_separator);
            block.begins = begins & (alphanumeric | block.others);
            (carry.word, carry.mark) = (block.words >> 63, runs >> 63);
            carry.not_separator = !block.separators >> 63;
            *into = block;
        }
        (self.kinds.num_runs, self.kinds.has_separators) = (num_runs, has_separators);
    }
}

/// Puts the characters outside ASCII of the block at `base` into its bits.
#[inline(never)]
fn patch(bytes: &[u8], base: usize, block: &mut Block, carry: &mut Carry) {
    let mut put = |kind: u8, range: u64| {
        block.words |= if kind & WORD != 0 { range } else { 0 };
        block.spaces |= if kind & SPACE != 0 { range } else { 0 };
    };
    put(carry.kind, (1_u64 << carry.num_bytes) - 1);
    carry.num_bytes = 0;
    let (mut left, mut uppers) = (block.others, 0);
    while left != 0 {
        let bit = left.trailing_zeros();
        left &= left - 1;
        let (code, length) = decode(&bytes[base + bit as usize..]);
        let kind = match BASIC_PLANE.get(code as usize) {
            Some(&kind) => kind,
            None => char::from_u32(code).map_or(0, kind_of),
        };
        // Beyond the block, bits fall off.
        put(kind, ((1_u64 << length) - 1) << bit);
        uppers |= u64::from(kind & UPPER != 0) << bit;
        if bit + length > 64 {
            (carry.num_bytes, carry.kind) = (bit + length - 64, kind);
        }
    }
    block.uppers |= uppers;
}

/// The scalar value of the character outside ASCII that starts there, and its bytes.
#[inline(always)]
fn decode(bytes: &[u8]) -> (u32, u32) {
    let part = |at: usize| u32::from(bytes.get(at).copied().unwrap_or_default() & 0x3f);
    match bytes[0] {
        first @ ..0xe0 => (u32::from(first & 0x1f) << 6 | part(1), 2),
        first @ ..0xf0 => (u32::from(first & 0xf) << 12 | part(1) << 6 | part(2), 3),
        first => (
            u32::from(first & 7) << 18 | part(1) << 12 | part(2) << 6 | part(3),
            4,
        ),
    }
}

impl Kernel for Pass<'_> {
    type Output = ();

    fn portable(self) {
        self.run(Block::of_ascii);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: Avx2) {
        self.run(|block| Block::of_ascii_wide(avx2, block));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    /// What a kind of run a character belongs to: of words, of white space, or another one.
    fn run_of(character: char) -> u8 {
        kind_of(character) & (WORD | SPACE)
    }

    proptest! {
        #[test]
        fn bits_are_those_of_each_character(text in nasty_text(), noise in "[ -~éÉ漢\u{3000}😀\n]{0,90}") {
            let text = noise + &text.repeat(2);
            let (mut kinds, mut portable) = (ByteKinds::default(), ByteKinds::default());
            kinds.fill("forgotten\u{1c}");
            kinds.fill(&text);
            portable.blocks.resize(text.len().div_ceil(64), Block::default());
            Pass { text: &text, kinds: &mut portable }.portable();
            prop_assert_eq!(&kinds, &portable);
            let is_start = |at: usize| {
                let before = text[..at].chars().next_back().map(run_of);
                let this = text[at..].chars().next().map(run_of);
                this != Some(SPACE) && before != this
            };
            let num_runs = text.char_indices().filter(|&(at, _)| is_start(at)).count();
            prop_assert_eq!(kinds.num_runs(), num_runs);
            prop_assert_eq!(kinds.has_separators(), text.contains(['\u{1c}', '\u{1d}', '\u{1e}', '\u{1f}']));
            let spaces: Vec<u64> = kinds.spaces().collect();
            let all: Vec<(u64, u64, u64)> = kinds.blanks_and_commas().collect();
            let bits_of = |holds: &dyn Fn(u8) -> bool, block: usize| -> u64 {
                let bytes = text.as_bytes()[64 * block..].iter().take(64).enumerate();
                bytes.map(|(bit, &byte)| u64::from(holds(byte)) << bit).sum()
            };
            for (block, &(blanks, commas, continuations)) in all.iter().enumerate() {
                prop_assert_eq!(blanks, bits_of(&|byte| byte == b' ', block));
                prop_assert_eq!(commas, bits_of(&|byte| byte == b',', block));
                prop_assert_eq!(continuations, bits_of(&|byte| byte & 0xc0 == 0x80, block));
            }
            for (at, character) in text.char_indices() {
                for at in at..at + character.len_utf8() {
                    prop_assert_eq!(spaces[at / 64] >> (at % 64) & 1 == 1, is_white_space(character));
                }
            }
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            for (index, &start) in places.iter().enumerate().step_by(7) {
                for &end in places[index..].iter().step_by(11) {
                    let part = &text[start..end];
                    let by = |holds: &dyn Fn(char) -> bool| part.chars().filter(|&character| holds(character)).count() as u32;
                    prop_assert_eq!(kinds.num_upper(start, end), by(&char::is_uppercase));
                    let starts = || part.char_indices().map(|(at, _)| at).filter(|&at| {
                        is_start(start + at) && part[at..].starts_with(|character| run_of(character) == WORD)
                    });
                    let is_technical = |character: char| u8::try_from(character).is_ok_and(is_technical);
                    let expected = KindCounts {
                        num_chars: by(&|_| true),
                        num_word_runs: starts().count() as u32,
                        num_capital_runs: starts().filter(|&at| part.as_bytes()[at].is_ascii_uppercase()).count() as u32,
                        num_joints: kinds.count(start, end).num_joints,
                        num_technical: by(&is_technical),
                        num_others: by(&|character| !character.is_ascii()),
                        num_word_others: by(&|character| !character.is_ascii() && run_of(character) == WORD),
                    };
                    prop_assert_eq!(kinds.count(start, end), expected);
                    let is_word = |character: Option<char>| character.is_some_and(|character| run_of(character) == WORD);
                    let is_joint = |at: usize, character: char| {
                        let (before, after) = (text[..at].chars().next_back(), text[at + 1..].chars().next());
                        character == '_' || "'.,:;".contains(character) && is_word(before) && (is_word(after) || at % 64 == 63)
                    };
                    let ascii = part.char_indices().filter(|(_, character)| character.is_ascii());
                    let joints = ascii.filter(|&(at, character)| is_joint(start + at, character));
                    prop_assert_eq!(kinds.count(start, end).num_joints as usize, joints.count());
                    let is_such = |character: char| character == 'é' || character.is_ascii_alphanumeric();
                    let is_separator = |character: char| u8::try_from(character).is_ok_and(is_separator);
                    let begins = part.char_indices().filter(|&(at, character)| {
                        is_such(character) && text[..start + at].chars().next_back().is_none_or(is_separator)
                    });
                    prop_assert_eq!(kinds.num_words_by_first(&text, start, end, is_such), begins.count());
                }
            }
        }
    }
}
