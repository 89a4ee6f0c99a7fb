//! The one pass over a text, 64 bytes at a time: what each byte is becomes one bit in a mask, and tokens are where masks
//! begin and end.
//!
//! Bytes outside ASCII are patched into the masks, character by character. The same result as the portable pass.

use super::classes::{ALONE, LETTER, MARK, NUMBER, SPACE, SYMBOL, UPPER, WORD};
use super::segmentation::{ALL_SYMBOLS, HAS_LETTER, HAS_NUMBER, HAS_UPPER, Line, NON_ASCII, Segmentation};
use super::segmenter::Segmenter;
use crate::dispatch::Avx2;

/// What the bytes of a block are, a bit each.
#[derive(Debug, Default, Clone, Copy)]
struct Masks {
    /// Bytes of words that are runs of characters.
    word: u64,
    /// Bytes of tokens of one character, and of marks that joined them.
    single: u64,
    /// First bytes of tokens of one character.
    single_starts: u64,
    /// First bytes of letters, numbers, characters that lower-casing changes, and of what is not a symbol.
    letters: u64,
    numbers: u64,
    uppers: u64,
    not_symbols: u64,
    /// First bytes of characters outside ASCII, and their other bytes.
    non_ascii: u64,
    continuations: u64,
    newlines: u64,
    /// Line breaks that are not `\n`.
    other_breaks: u64,
}

impl Masks {
    /// Of ASCII characters; other bytes are in `non_ascii` only.
    #[inline(always)]
    fn of_ascii(avx2: Avx2, block: &[u8; 64]) -> Self {
        let bytes = avx2.load(block);
        let letters = avx2.high_bits(avx2.within(avx2.with_bits(bytes, 0x20), b'a', b'z'));
        let numbers = avx2.high_bits(avx2.within(bytes, b'0', b'9'));
        let underscores = avx2.high_bits(avx2.equal(bytes, b'_'));
        let controls = avx2.or(avx2.within(bytes, 0x09, 0x0d), avx2.within(bytes, 0x1c, 0x1f));
        let controls = avx2.high_bits(controls);
        let newlines = avx2.high_bits(avx2.equal(bytes, b'\n'));
        let other_spaces = avx2.high_bits(avx2.or(avx2.equal(bytes, b'\t'), avx2.equal(bytes, 0x1f)));
        let spaces = controls | avx2.high_bits(avx2.equal(bytes, b' '));
        let non_ascii = avx2.high_bits(bytes);
        let word = letters | numbers | underscores;
        let single = !(word | spaces | non_ascii);
        Self {
            word,
            single,
            single_starts: single,
            letters,
            numbers,
            uppers: letters & !avx2.case_bits(bytes),
            not_symbols: letters | numbers,
            non_ascii,
            continuations: 0,
            newlines,
            other_breaks: controls & !newlines & !other_spaces,
        }
    }

    /// The flags of a token, or part of one, of `length` bytes at bit `start` of this block; [`NOT_SYMBOL`] in place of
    /// its opposite, so that parts can be joined.
    #[inline(always)]
    fn flags(&self, start: u32, length: u32) -> u8 {
        // Counting zeros is quicker than a test of the range: compilers make vectors of five tests, and unpack them.
        let flag = |mask: u64, flag: u8| u8::from((mask >> start).trailing_zeros() < length) * flag;
        flag(self.letters, HAS_LETTER)
            | flag(self.numbers, HAS_NUMBER)
            | flag(self.not_symbols, NOT_SYMBOL)
            | flag(self.uppers, HAS_UPPER)
            | flag(self.non_ascii, NON_ASCII)
    }
}

/// Stands where [`ALL_SYMBOLS`] will, with the opposite meaning.
const NOT_SYMBOL: u8 = ALL_SYMBOLS;

/// How one block hands over to the next.
#[derive(Debug, Default)]
struct Carry {
    /// Bytes of the next block that continue a character of this one, and whether it is of a word, or of a token.
    num_bytes: u32,
    is_word: bool,
    is_single: bool,
    /// The last byte's bits.
    word: u64,
    token: u64,
}

/// The token that goes on beyond its block.
#[derive(Debug, Default)]
struct OpenToken {
    is_open: bool,
    flags: u8,
    num_continuations: u32,
}

/// Tokens that were not handed over yet. Starts and ends are found apart; the last start may have no end yet.
struct Tokens {
    starts: [u32; Self::ROOM],
    ends: [u32; Self::ROOM],
    flags: [u8; Self::ROOM],
    /// Continuation bytes in each token.
    continuations: [u32; Self::ROOM],
    num_starts: usize,
    num_ends: usize,
}

impl Tokens {
    /// A block has at most 64 starts and 64 ends.
    const ROOM: usize = 320;

    fn new() -> Self {
        Self {
            starts: [0; Self::ROOM],
            ends: [0; Self::ROOM],
            flags: [0; Self::ROOM],
            continuations: [0; Self::ROOM],
            num_starts: 0,
            num_ends: 0,
        }
    }

    /// Hands over the tokens that have ended.
    #[inline(always)]
    fn flush(&mut self, bytes: &[u8], into: &mut Segmentation) {
        let number = self.num_ends;
        for flags in &mut self.flags[..number] {
            *flags ^= NOT_SYMBOL;
        }
        into.extend(
            bytes,
            &self.starts[..number],
            &self.ends[..number],
            &self.continuations[..number],
            &self.flags[..number],
        );
        self.continuations[..number].fill(0);
        if self.num_starts > number {
            self.starts[0] = self.starts[number];
        }
        self.num_starts -= number;
        self.num_ends = 0;
    }
}

/// Calls `take` with the number, from 0 on, and the position of each bit that is set; and now and then with more numbers,
/// for which the position means nothing: a loop of eight at a time ends where the processor expects it.
#[inline(always)]
fn each_bit(mut bits: u64, mut take: impl FnMut(usize, usize)) {
    let number = bits.count_ones() as usize;
    let mut index = 0;
    loop {
        for _ in 0..8 {
            take(index, bits.trailing_zeros() as usize % 64);
            bits &= bits.wrapping_sub(1);
            index += 1;
        }
        if index >= number {
            return;
        }
    }
}

/// What runs of ones in `runs` hold of `mask`, as bits behind the last of each run. `starts` are the first bits of runs and,
/// if one goes on from the block before, the lowest bit. Also returns whether the run that goes on to the next block has any.
#[inline(always)]
fn any_in_runs(runs: u64, starts: u64, mask: u64) -> (u64, bool) {
    // A carry starts with each run and is stopped by the first bit of the mask, so that it arrives where there is none.
    let (without, is_carried) = (runs & !mask).overflowing_add(starts);
    (!without, !is_carried)
}

/// Writes the tokens and lines of `text` into `into`, which is empty.
#[inline(always)]
pub(super) fn segment(avx2: Avx2, segmenter: &Segmenter, text: &str, into: &mut Segmentation) {
    let bytes = text.as_bytes();
    let (mut carry, mut open, mut tokens) = (Carry::default(), OpenToken::default(), Tokens::new());
    let mut line = Line {
        start: 0,
        end: 0,
        num_chars: 0,
        first_token: 0,
        first_word: 0,
    };
    // Continuation bytes so far, and those before the line.
    let (mut num_continuations, mut before_line) = (0, 0);
    // Tokens, and words between white space, that have started.
    let (mut num_starts, mut num_words) = (0, 0);
    let mut base = 0;
    while base < bytes.len() {
        let mut last = [b' '; 64];
        let block = match bytes[base..].first_chunk::<64>() {
            Some(block) => block,
            None => {
                last[..bytes.len() - base].copy_from_slice(&bytes[base..]);
                &last
            }
        };
        let mut masks = Masks::of_ascii(avx2, block);
        let is_ascii = masks.non_ascii | u64::from(carry.num_bytes) == 0;
        if !is_ascii {
            segmenter.patch(bytes, base, &mut masks, &mut carry);
        }
        let token = masks.word | masks.single;
        let word_starts = masks.word & !(masks.word << 1 | carry.word);
        let starts = word_starts | masks.single_starts;
        let ends = (token << 1 | carry.token) & (starts | !token);
        let space_words = token & !(token << 1 | carry.token);
        into.has_other_line_break |= masks.other_breaks != 0;
        let mut newlines = masks.newlines;
        while newlines != 0 {
            let bit = newlines.trailing_zeros();
            newlines &= newlines - 1;
            let before = (1_u64 << bit) - 1;
            let position = base + bit as usize;
            let continuations = num_continuations + (masks.continuations & before).count_ones();
            line.end = position as u32;
            line.num_chars = line.end - line.start - (continuations - before_line);
            into.lines.push(line);
            before_line = continuations;
            line.start = position as u32 + 1;
            line.first_token = num_starts + (starts & before).count_ones();
            line.first_word = num_words + (space_words & before).count_ones();
        }
        num_starts += starts.count_ones();
        num_words += space_words.count_ones();
        num_continuations += masks.continuations.count_ones();
        let room = &mut tokens.starts[tokens.num_starts..][..64];
        each_bit(starts, |index, bit| room[index] = (base + bit) as u32);
        let num_ends = tokens.num_ends;
        let room = &mut tokens.ends[num_ends..][..64];
        let flags = &mut tokens.flags[num_ends..][..64];
        if is_ascii {
            let runs = word_starts | carry.word;
            let (letters, open_letters) = any_in_runs(masks.word, runs, masks.letters);
            let (numbers, open_numbers) = any_in_runs(masks.word, runs, masks.numbers);
            let (uppers, open_uppers) = any_in_runs(masks.word, runs, masks.uppers);
            // All others are marks, which have none of this.
            let word_ends = (masks.word << 1 | carry.word) & !masks.word;
            let (letters, numbers) = (letters & word_ends, numbers & word_ends);
            let all = avx2.or(
                avx2.or(
                    avx2.of_bits(letters, HAS_LETTER),
                    avx2.of_bits(numbers, HAS_NUMBER),
                ),
                avx2.or(
                    avx2.of_bits(uppers & word_ends, HAS_UPPER),
                    avx2.of_bits(letters | numbers, NOT_SYMBOL),
                ),
            );
            let all = avx2.to_array(all);
            each_bit(ends, |index, bit| {
                room[index] = (base + bit) as u32;
                flags[index] = all[bit];
            });
            if open.is_open && ends != 0 {
                flags[0] |= open.flags;
                tokens.continuations[num_ends] = open.num_continuations;
                open = OpenToken::default();
            }
            let is_word = masks.word >> 63 != 0;
            let found = (u8::from(open_letters) * (HAS_LETTER | NOT_SYMBOL))
                | (u8::from(open_numbers) * (HAS_NUMBER | NOT_SYMBOL))
                | (u8::from(open_uppers) * HAS_UPPER);
            open.flags |= u8::from(is_word) * found;
        } else {
            each_bit(ends, |index, bit| room[index] = (base + bit) as u32);
            let (mut left, mut starts) = (ends, starts);
            if open.is_open && ends != 0 {
                let bit = left.trailing_zeros();
                left &= left - 1;
                flags[0] = open.flags | masks.flags(0, bit);
                let range = (1_u64 << bit) - 1;
                tokens.continuations[num_ends] =
                    open.num_continuations + (masks.continuations & range).count_ones();
                open = OpenToken::default();
            }
            let mut index = (ends.count_ones() - left.count_ones()) as usize;
            while left != 0 {
                let (start, end) = (starts.trailing_zeros(), left.trailing_zeros());
                starts &= starts.wrapping_sub(1);
                left &= left - 1;
                let range = (1_u64 << end) - (1_u64 << (start & 63));
                tokens.continuations[num_ends + index] = (masks.continuations & range).count_ones();
                flags[index] = masks.flags(start, end - start);
                index += 1;
            }
            // What is open has started in this block, or is this block.
            let start = if open.is_open { 0 } else { starts.trailing_zeros() };
            if start < 64 {
                open.flags |= masks.flags(start, 64 - start);
                open.num_continuations += (masks.continuations >> start).count_ones();
            }
        }
        open.is_open = token >> 63 != 0;
        (carry.word, carry.token) = (masks.word >> 63, token >> 63);
        tokens.num_starts += starts.count_ones() as usize;
        tokens.num_ends += ends.count_ones() as usize;
        if tokens.num_starts > Tokens::ROOM - 64 {
            tokens.flush(bytes, into);
        }
        base += 64;
    }
    if open.is_open {
        tokens.ends[tokens.num_ends] = bytes.len() as u32;
        tokens.flags[tokens.num_ends] = open.flags;
        tokens.continuations[tokens.num_ends] = open.num_continuations;
        tokens.num_ends += 1;
    }
    tokens.flush(bytes, into);
    line.end = bytes.len() as u32;
    line.num_chars = line.end - line.start - (num_continuations - before_line);
    into.lines.push(line);
    into.num_chars = bytes.len() - num_continuations as usize;
    into.num_space_words = num_words as usize;
}

impl Segmenter {
    /// Puts the characters outside ASCII of the block at `base` into its masks.
    #[inline(never)]
    fn patch(&self, bytes: &[u8], base: usize, masks: &mut Masks, carry: &mut Carry) {
        let mut left = masks.non_ascii;
        masks.non_ascii = 0;
        if carry.num_bytes > 0 {
            let range = (1_u64 << carry.num_bytes) - 1;
            masks.continuations |= range;
            masks.word |= if carry.is_word { range } else { 0 };
            masks.single |= if carry.is_single { range } else { 0 };
            left &= !range;
            carry.num_bytes = 0;
        }
        while left != 0 {
            let bit = left.trailing_zeros();
            let (class, length) = self.class_at(bytes, base + bit as usize);
            let first = 1_u64 << bit;
            // Beyond the block, bits fall off.
            let range = ((1_u64 << length) - 1) << bit;
            left &= !range;
            masks.non_ascii |= first;
            masks.continuations |= range & !first;
            for (holds, mask) in [
                (class & LETTER != 0, &mut masks.letters),
                (class & NUMBER != 0, &mut masks.numbers),
                (class & UPPER != 0, &mut masks.uppers),
                (class & SYMBOL == 0, &mut masks.not_symbols),
            ] {
                *mask |= u64::from(holds) << bit;
            }
            let (is_word, is_single) = if class & SPACE != 0 {
                let is_break = matches!(
                    &bytes[base + bit as usize..][..length],
                    b"\xc2\x85" | b"\xe2\x80\xa8" | b"\xe2\x80\xa9"
                );
                masks.other_breaks |= u64::from(is_break) << bit;
                (false, false)
            } else if class & MARK != 0 {
                // Joins the token before it, whatever it is; without one it begins a word.
                let before = |mask: u64, carried: u64| (mask << 1 | carried) & first != 0;
                let joins_single =
                    before(masks.word | masks.single, carry.token) && !before(masks.word, carry.word);
                (!joins_single, joins_single)
            } else {
                let is_word = class & (WORD | ALONE) == WORD;
                masks.single_starts |= u64::from(!is_word) << bit;
                (is_word, !is_word)
            };
            masks.word |= if is_word { range } else { 0 };
            masks.single |= if is_single { range } else { 0 };
            if bit as usize + length > 64 {
                *carry = Carry {
                    num_bytes: bit + length as u32 - 64,
                    is_word,
                    is_single,
                    ..*carry
                };
            }
        }
    }
}
