//! What a text has of the characters that the rules look for, a bit a byte, found 64 bytes at a time.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};

/// Marks of one text; keeps its buffers from text to text.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(super) struct Marks {
    /// For each 64 bytes: those among `0123456789{}+/()>`.
    technical: Vec<u64>,
    /// For each 64 bytes: those that go on with a character.
    continuations: Vec<u64>,
    /// Whether nine spaces stand at equal distances of four or five characters, or of two with other ones between.
    pub(super) may_be_spaced: bool,
    /// Whether two codes of two characters such as `, DE, FR,` stand side by side.
    pub(super) may_have_codes: bool,
}

impl Marks {
    /// Overwrites everything with the marks of a text.
    pub(super) fn fill(&mut self, text: &str) {
        self.technical.clear();
        self.continuations.clear();
        let stream = dispatch::run(Search {
            bytes: text.as_bytes(),
            marks: self,
        });
        self.may_be_spaced = stream.may_be_spaced;
        self.may_have_codes = stream.may_have_codes;
    }

    /// Technical characters in those bytes.
    pub(super) fn num_technical(&self, start: usize, end: usize) -> usize {
        count_bits(&self.technical, start, end)
    }

    /// Characters in those bytes, which begin and end with a character.
    pub(super) fn num_chars(&self, start: usize, end: usize) -> usize {
        end - start - count_bits(&self.continuations, start, end)
    }
}

fn count_bits(bits: &[u64], start: usize, end: usize) -> usize {
    if start == end {
        return 0;
    }
    let (first, last) = (start / 64, (end - 1) / 64);
    // Bits before the first byte, and those behind the last.
    let (from, to) = (u64::MAX << (start % 64), u64::MAX >> (63 - (end - 1) % 64));
    if first == last {
        return (bits[first] & from & to).count_ones() as usize;
    }
    let between: u32 = bits[first + 1..last].iter().map(|bits| bits.count_ones()).sum();
    ((bits[first] & from).count_ones() + between + (bits[last] & to).count_ones()) as usize
}

/// What 64 bytes are, a bit each.
#[derive(Debug, Clone, Copy)]
struct Block {
    technical: u64,
    continuations: u64,
    spaces: u64,
    commas: u64,
}

impl Block {
    fn portable(block: &[u8; 64]) -> Self {
        let bits = |holds: fn(u8) -> bool| {
            let bytes = block.iter().rev();
            bytes.fold(0, |bits, &byte| bits << 1 | u64::from(holds(byte)))
        };
        Self {
            technical: bits(is_technical),
            continuations: bits(|byte| byte & 0xc0 == 0x80),
            spaces: bits(|byte| byte == b' '),
            commas: bits(|byte| byte == b','),
        }
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(avx2: Avx2, block: &[u8; 64]) -> Self {
        let bytes = avx2.load(block);
        let equal = |byte: u8| avx2.equal(bytes, byte);
        let digits = avx2.or(avx2.within(bytes, b'/', b'9'), avx2.within(bytes, b'(', b')'));
        let brackets = avx2.or(equal(b'{'), equal(b'}'));
        let others = avx2.or(equal(b'+'), equal(b'>'));
        Self {
            technical: avx2.high_bits(avx2.or(digits, avx2.or(brackets, others))),
            continuations: avx2.high_bits(avx2.within(bytes, 0x80, 0xbf)),
            spaces: avx2.high_bits(equal(b' ')),
            commas: avx2.high_bits(equal(b',')),
        }
    }
}

fn is_technical(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'{' | b'}' | b'+' | b'/' | b'(' | b')' | b'>')
}

/// Spaces and commas, a bit a character.
#[derive(Debug, Default)]
struct Stream {
    /// The last 64 that are complete, and those behind them.
    spaces: [u64; 2],
    commas: [u64; 2],
    num_behind: u32,
    may_be_spaced: bool,
    may_have_codes: bool,
}

impl Stream {
    #[inline(always)]
    fn push(&mut self, block: &Block) {
        let (mut spaces, mut commas, mut number) = (block.spaces, block.commas, 64);
        let mut continuations = block.continuations;
        // From the last on, so that the others stay where they are.
        while continuations != 0 {
            let bit = 63 - continuations.leading_zeros();
            let before = (1_u64 << bit) - 1;
            spaces = spaces & before | spaces >> 1 & !before;
            commas = commas & before | commas >> 1 & !before;
            continuations &= before;
            number -= 1;
        }
        self.spaces[1] |= spaces << self.num_behind;
        self.commas[1] |= commas << self.num_behind;
        let num_behind = self.num_behind + number;
        if num_behind < 64 {
            self.num_behind = num_behind;
            return;
        }
        self.look();
        // Of the block, this many bits have found room.
        let num_taken = 64 - self.num_behind;
        self.num_behind = num_behind - 64;
        let rest = |bits: u64| if num_taken < 64 { bits >> num_taken } else { 0 };
        self.spaces = [self.spaces[1], rest(spaces)];
        self.commas = [self.commas[1], rest(commas)];
    }

    /// Looks at what starts in the last 64 characters.
    #[inline(always)]
    fn look(&mut self) {
        let join = |halves: [u64; 2]| u128::from(halves[0]) | u128::from(halves[1]) << 64;
        let (spaces, commas) = (join(self.spaces), join(self.commas));
        let single = spaces & !(spaces >> 1);
        for (spaces, period) in [(single, 2), (spaces, 4), (spaces, 5)] {
            let two = spaces & spaces >> period;
            let four = two & two >> (2 * period);
            if four as u64 != 0 {
                let eight = four & four >> (4 * period);
                self.may_be_spaced |= (eight & spaces >> (8 * period)) as u64 != 0;
            }
        }
        let codes = commas & spaces >> 1 & commas >> 4;
        self.may_have_codes |= (codes & (codes >> 4 | codes >> 5)) as u64 != 0;
    }

    fn finish(mut self) -> Self {
        for _ in 0..2 {
            self.look();
            self.spaces = [self.spaces[1], 0];
            self.commas = [self.commas[1], 0];
        }
        self
    }
}

struct Search<'a> {
    bytes: &'a [u8],
    marks: &'a mut Marks,
}

impl Search<'_> {
    #[inline(always)]
    fn run(self, block_of: impl Fn(&[u8; 64]) -> Block) -> Stream {
        let (blocks, tail) = self.bytes.as_chunks::<64>();
        let mut last = [0; 64];
        last[..tail.len()].copy_from_slice(tail);
        let mut stream = Stream::default();
        for block in blocks.iter().chain([&last]) {
            let block = block_of(block);
            self.marks.technical.push(block.technical);
            self.marks.continuations.push(block.continuations);
            stream.push(&block);
        }
        stream.finish()
    }
}

impl Kernel for Search<'_> {
    type Output = Stream;

    fn portable(self) -> Stream {
        self.run(Block::portable)
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: Avx2) -> Stream {
        self.run(|block| Block::wide(avx2, block))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    fn is_spaced(characters: &[char]) -> bool {
        let is_at = |start: usize, period: usize| {
            (0..9).all(|index| {
                let at = |offset: usize| characters.get(start + index * period + offset);
                at(0) == Some(&' ') && (period > 2 || at(1) != Some(&' '))
            })
        };
        (0..characters.len()).any(|start| [2, 4, 5].iter().any(|&period| is_at(start, period)))
    }

    fn has_codes(characters: &[char]) -> bool {
        let is_code = |start: usize| {
            let at = |offset: usize| characters.get(start + offset);
            at(0) == Some(&',') && at(1) == Some(&' ') && at(4) == Some(&',')
        };
        (0..characters.len()).any(|start| is_code(start) && (is_code(start + 4) || is_code(start + 5)))
    }

    proptest! {
        #[test]
        fn marks_are_those_of_each_character(
            text in nasty_text(),
            pieces in prop::collection::vec(("[a-z, é漢]{0,90}", "( [aé漢]| [bé]{3}| [c漢]{4}|, [DÉ][E漢],?)", 1..12_usize), 0..5),
        ) {
            let pieces = pieces.iter().map(|(noise, piece, times)| format!("{noise}{}", piece.repeat(*times)));
            let text = text + &pieces.collect::<String>();
            let mut marks = Marks::default();
            marks.fill(&text);
            let mut portable = Marks::default();
            let stream = Search { bytes: text.as_bytes(), marks: &mut portable }.portable();
            prop_assert_eq!(&marks.technical, &portable.technical);
            prop_assert_eq!(&marks.continuations, &portable.continuations);
            let characters: Vec<char> = text.chars().collect();
            prop_assert_eq!(marks.may_be_spaced, is_spaced(&characters));
            prop_assert_eq!(stream.may_be_spaced, is_spaced(&characters));
            prop_assert_eq!(marks.may_have_codes, has_codes(&characters));
            prop_assert_eq!(stream.may_have_codes, has_codes(&characters));
            let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
            for (index, &start) in places.iter().enumerate().step_by(7) {
                for &end in places[index..].iter().step_by(11) {
                    let part = &text[start..end];
                    prop_assert_eq!(marks.num_chars(start, end), part.chars().count());
                    let num_technical = part.bytes().filter(|&byte| is_technical(byte)).count();
                    prop_assert_eq!(marks.num_technical(start, end), num_technical);
                }
            }
        }
    }
}
