//! MADLAD-400's "cursed" substrings: 32 regular expressions that mark a sentence as questionable.
//!
//! They are those of the dataset card. Most are fixed strings; the others are written out here.

use super::literals::{Literal, Literals};
use super::marks::Marks;
use crate::segment::is_white_space;
use crate::signals::Document;

/// The fixed strings. Places and buckets are those that few three bytes of English pages fit: 6 in 1000.
pub(super) const LITERALS: [Literal; 24] = [
    literal(" №", 1, 0),
    literal("\u{fffd}\u{fffd}\u{fffd}", 2, 0),
    literal("aute irure dolor ", 6, 4),
    literal(" sunt in culpa qui ", 12, 2),
    literal("orem ipsum ", 5, 1),
    literal(" quis nostrud ", 10, 7),
    literal(" adipisicing ", 3, 3),
    literal(" dolore eu ", 3, 3),
    literal(" cupidatat ", 1, 3),
    literal("autem vel eum", 10, 1),
    literal("wisi enim ad", 3, 7),
    literal(" sex ", 1, 0),
    literal(" porn ", 1, 5),
    literal("黄色电影", 4, 0),
    literal("mp3", 0, 1),
    literal("ownload", 3, 2),
    literal("Vol.", 1, 5),
    literal(" Ep.", 1, 4),
    literal("Episode", 0, 1),
    literal(" шт.", 2, 6),
    literal("Develop", 4, 2),
    literal("Facebook", 2, 3),
    literal(" crusher ", 3, 6),
    literal(" xxx ", 1, 5),
];

const fn literal(text: &'static str, rare: usize, bucket: u8) -> Literal {
    Literal { text, rare, bucket }
}

/// How often a spaced pattern has to come again.
const TIMES: usize = 9;

/// Looks for the substrings in the sentences of one text; keeps its buffers from text to text.
#[derive(Debug, Clone)]
pub(super) struct Cursed {
    literals: Literals,
    hits: Vec<(u32, u32)>,
    next_hit: usize,
    marks: Marks,
    /// A sentence that is not ASCII, a byte a character: space, line feed, or anything else.
    kinds: Vec<u8>,
}

impl Default for Cursed {
    fn default() -> Self {
        Self {
            literals: Literals::new(&LITERALS),
            hits: Vec::new(),
            next_hit: 0,
            marks: Marks::default(),
            kinds: Vec::new(),
        }
    }
}

impl Cursed {
    /// Starts on a text.
    pub(super) fn begin(&mut self, document: Document<'_>) {
        self.literals.find_all(document.text(), &mut self.hits);
        self.next_hit = 0;
        self.marks = Marks::of(document);
    }

    /// Whether the sentence at those bytes holds one of the substrings. Sentences come in the order of the text.
    pub(super) fn is_in(&mut self, text: &str, start: usize, end: usize) -> bool {
        while self
            .hits
            .get(self.next_hit)
            .is_some_and(|hit| (hit.0 as usize) < start)
        {
            self.next_hit += 1;
        }
        let hits = self.hits[self.next_hit..]
            .iter()
            .take_while(|hit| (hit.0 as usize) < end);
        let has_literal = hits.clone().any(|hit| hit.1 as usize <= end);
        let sentence = &text[start..end];
        has_literal
            || ends_cursed(sentence)
            || self.marks.may_have_codes && has_codes(sentence)
            || self.marks.may_be_spaced && self.is_spaced(sentence)
    }

    fn is_spaced(&mut self, sentence: &str) -> bool {
        if sentence.is_ascii() {
            return is_spaced(sentence.as_bytes());
        }
        self.kinds.clear();
        self.kinds
            .extend(sentence.chars().map(|character| match character {
                ' ' | '\n' => character as u8,
                _ => b'x',
            }));
        is_spaced(&self.kinds)
    }
}

/// `\|\s*$`, ` г\.\s*$`, ` кг\.\s*$` and ` nr\.$`.
fn ends_cursed(sentence: &str) -> bool {
    let trimmed = match sentence.as_bytes().last() {
        Some(last) if last.is_ascii_graphic() => sentence,
        _ => sentence.trim_end_matches(is_white_space),
    };
    match trimmed.as_bytes().last() {
        Some(b'|') => true,
        Some(b'.') => {
            trimmed.ends_with(" г.")
                || trimmed.ends_with(" кг.")
                || sentence.strip_suffix('\n').unwrap_or(sentence).ends_with(" nr.")
        }
        _ => false,
    }
}

/// `, ..,,? ..,,? ..,,? ..,,?`: four codes of two characters, such as `, DE, FR, IT, ES,`.
fn has_codes(sentence: &str) -> bool {
    memchr::memchr_iter(b',', sentence.as_bytes()).any(|comma| {
        let mut characters = sentence[comma + 1..].chars().peekable();
        (0..4).all(|_| {
            let has_code = characters.next() == Some(' ')
                && (0..2).all(|_| characters.next().is_some_and(|character| character != '\n'))
                && characters.next() == Some(',');
            characters.next_if_eq(&',');
            has_code
        })
    })
}

/// ` [^ ]`, ` ...` or ` ....`, nine times in a row: `S P A C E D` words and lists of equal length.
fn is_spaced(kinds: &[u8]) -> bool {
    kinds.len() >= TIMES * 2
        && may_be_spaced(kinds)
        && [2, 4, 5].into_iter().any(|period| is_spaced_by(kinds, period))
}

/// Whether nine spaces stand at equal distances of two, four or five.
fn may_be_spaced(kinds: &[u8]) -> bool {
    let (blocks, tail) = kinds.as_chunks::<64>();
    let mut last = [0; 64];
    last[..tail.len()].copy_from_slice(tail);
    let mut before = 0;
    for block in blocks.iter().chain([&last, &[0; 64]]) {
        let spaces = space_bits(block);
        let bits = u128::from(before) | u128::from(spaces) << 64;
        let apart = |bits: u128, period: u32| {
            let two = bits & bits >> period;
            let four = two & two >> (2 * period);
            let eight = four & four >> (4 * period);
            eight & bits >> (8 * period)
        };
        // Of the last one, nothing is known of the space behind.
        let single = bits & (!(bits >> 1) | 1 << 127);
        if apart(single, 2) | apart(bits, 4) | apart(bits, 5) != 0 {
            return true;
        }
        before = spaces;
    }
    false
}

/// A bit for each byte that is a space.
fn space_bits(block: &[u8; 64]) -> u64 {
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let (words, _) = block.as_chunks::<8>();
    words.iter().enumerate().fold(0, |bits, (index, word)| {
        let difference = u64::from_le_bytes(*word) ^ 0x2020_2020_2020_2020;
        // The high bit of each byte that is zero, and of no other.
        let zeros = !(((difference & !HIGH) + !HIGH) | difference) & HIGH;
        bits | ((zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * index)
    })
}

fn is_spaced_by(kinds: &[u8], period: usize) -> bool {
    kinds.windows(TIMES * period).any(|window| {
        window.chunks_exact(period).all(|part| match period {
            2 => part[0] == b' ' && part[1] != b' ',
            _ => part[0] == b' ' && !part.contains(&b'\n'),
        })
    })
}
