//! Finds any of a few fixed strings in a text, in one pass.
//!
//! Three bytes in a row are looked for of each string, its rarest ones. Strings share eight buckets: a byte is allowed at
//! one of the three places of a bucket if the bucket has its low half there, and its high half. Of 64 positions at a time
//! six look-ups tell which buckets they fit (Teddy, as in Hyperscan), and only those are compared with strings.

#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::{self, Kernel};

/// A string, where its three rare bytes start, and its bucket: a number below 8.
#[derive(Debug, Clone, Copy)]
pub(super) struct Literal {
    pub(super) text: &'static str,
    pub(super) rare: usize,
    pub(super) bucket: u8,
}

/// Bytes that are looked for.
const RARE_BYTES: usize = 3;

/// Strings, ready to be looked for.
#[derive(Debug, Clone)]
pub(super) struct Literals {
    /// For each of the three bytes the buckets, a bit each, by its low half, and by its high half.
    low: [[u8; 16]; RARE_BYTES],
    high: [[u8; 16]; RARE_BYTES],
    literals: Vec<Literal>,
    /// The rare bytes of each.
    rare: Vec<[u8; RARE_BYTES]>,
}

impl Literals {
    /// Strings of three bytes or more.
    pub(super) fn new(literals: &[Literal]) -> Self {
        let (mut low, mut high) = ([[0; 16]; RARE_BYTES], [[0; 16]; RARE_BYTES]);
        for literal in literals {
            let rare = literal.text.as_bytes()[literal.rare..].iter();
            for (byte, (low, high)) in rare.zip(low.iter_mut().zip(&mut high)) {
                low[usize::from(byte & 0xf)] |= 1 << literal.bucket;
                high[usize::from(byte >> 4)] |= 1 << literal.bucket;
            }
        }
        Self {
            low,
            high,
            literals: literals.to_vec(),
            rare: literals
                .iter()
                .map(|literal| std::array::from_fn(|at| literal.text.as_bytes()[literal.rare + at]))
                .collect(),
        }
    }

    /// Overwrites `hits` with the byte ranges at which strings stand, sorted by their starts.
    pub(super) fn find_all(&self, text: &str, hits: &mut Vec<(u32, u32)>) {
        hits.clear();
        dispatch::run(Search {
            literals: self,
            bytes: text.as_bytes(),
            hits,
        });
        hits.sort_unstable();
    }

    /// The buckets that three bytes fit.
    #[inline(always)]
    fn buckets(&self, bytes: [u8; RARE_BYTES]) -> u8 {
        let tables = self.low.iter().zip(&self.high);
        bytes
            .iter()
            .zip(tables)
            .fold(u8::MAX, |all, (byte, (low, high))| {
                all & low[usize::from(byte & 0xf)] & high[usize::from(byte >> 4)]
            })
    }

    /// Pushes the strings whose rare bytes stand at a position.
    #[inline(never)]
    fn verify(&self, bytes: &[u8], position: usize, hits: &mut Vec<(u32, u32)>) {
        let Some(found) = bytes[position..].first_chunk() else {
            return;
        };
        let literals = self.literals.iter().zip(&self.rare);
        for (literal, _) in literals.filter(|(_, rare)| *rare == found) {
            if let Some(start) = position.checked_sub(literal.rare)
                && bytes[start..].starts_with(literal.text.as_bytes())
            {
                hits.push((start as u32, (start + literal.text.len()) as u32));
            }
        }
    }
}

struct Search<'a> {
    literals: &'a Literals,
    bytes: &'a [u8],
    hits: &'a mut Vec<(u32, u32)>,
}

impl Search<'_> {
    /// From a position on, one by one.
    fn find_from(self, start: usize) {
        let windows = self.bytes[start..].windows(RARE_BYTES);
        for (position, window) in (start..).zip(windows) {
            if window
                .first_chunk()
                .is_some_and(|&rare| self.literals.buckets(rare) != 0)
            {
                self.literals.verify(self.bytes, position, self.hits);
            }
        }
    }
}

impl Kernel for Search<'_> {
    type Output = ();

    fn portable(self) {
        self.find_from(0);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: Avx2) {
        let Literals { low, high, .. } = self.literals;
        let mut base = 0;
        while let Some(window) = self.bytes[base..].first_chunk::<66>() {
            let (after_1, after_2) = (&window[1..], &window[2..]);
            let (Some(block), Some(after_1), Some(after_2)) =
                (window.first_chunk(), after_1.first_chunk(), after_2.first_chunk())
            else {
                break;
            };
            let first = avx2.look_up(avx2.load(block), &low[0], &high[0]);
            let second = avx2.look_up(avx2.load(after_1), &low[1], &high[1]);
            let third = avx2.look_up(avx2.load(after_2), &low[2], &high[2]);
            let none = avx2.equal(avx2.and(avx2.and(first, second), third), 0);
            let mut places = !avx2.high_bits(none);
            while places != 0 {
                let position = base + places.trailing_zeros() as usize;
                places &= places - 1;
                self.literals.verify(self.bytes, position, self.hits);
            }
            base += 64;
        }
        self.find_from(base);
    }
}

#[cfg(test)]
mod tests {
    use super::super::cursed::LITERALS;
    use super::*;
    use crate::segment::reference::nasty_text;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn strings_are_found_wherever_they_stand(
            noise in nasty_text(),
            pieces in prop::collection::vec((prop::sample::select(LITERALS.to_vec()), "[a-z .]{0,40}", 0..9_usize), 0..12),
        ) {
            let pieces: String = pieces
                .iter()
                .map(|(literal, noise, cut)| {
                    // Whole, or without its first characters.
                    let first = literal.text.char_indices().nth(cut.saturating_sub(5)).map_or(0, |(at, _)| at);
                    format!("{}{noise}", &literal.text[first..])
                })
                .collect();
            let text = pieces + &noise;
            let literals = Literals::new(&LITERALS);
            let (mut hits, mut portable) = (Vec::new(), Vec::new());
            literals.find_all(&text, &mut hits);
            Search { literals: &literals, bytes: text.as_bytes(), hits: &mut portable }.portable();
            portable.sort_unstable();
            prop_assert_eq!(&hits, &portable);
            let mut expected: Vec<(u32, u32)> = LITERALS
                .iter()
                .flat_map(|literal| {
                    let starts = (0..text.len()).filter(|&at| text.as_bytes()[at..].starts_with(literal.text.as_bytes()));
                    starts.map(|at| (at as u32, (at + literal.text.len()) as u32))
                })
                .collect();
            expected.sort_unstable();
            prop_assert_eq!(hits, expected);
        }
    }
}
