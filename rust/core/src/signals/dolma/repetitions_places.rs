//! Places at which bytes come again some bytes further on, many of them looked at together.
//!
//! All bytes are followed by [`PADDING`](super::repetitions_filter::PADDING) zeros or more.

use super::repetitions_filter::{FIRST_SPARSE_PERIOD, GRAM_BYTES};
#[cfg(target_arch = "x86_64")]
use crate::dispatch::Avx2;
use crate::dispatch::Kernel;

/// The start of bytes in a row that are those `period` further on, at least three times that many.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Agreement {
    pub(super) start: u32,
    pub(super) period: usize,
}

/// Finds the agreements with a period below [`FIRST_SPARSE_PERIOD`]; for each period they come in order.
pub(super) struct ShortPeriods<'a> {
    pub(super) bytes: &'a [u8],
    /// Without the padding, of which no byte counts.
    pub(super) num_bytes: usize,
    pub(super) found: &'a mut Vec<Agreement>,
}

impl ShortPeriods<'_> {
    /// Finds what starts from `first` on; before it, nothing is known to agree.
    fn find_from(&mut self, first: usize) {
        for period in 1..FIRST_SPARSE_PERIOD {
            let num_pairs = self.num_bytes.saturating_sub(period);
            let mut at = first;
            while at < num_pairs {
                let pairs = self.bytes[at..num_pairs].iter().zip(&self.bytes[at + period..]);
                let length = pairs.take_while(|(left, right)| left == right).count();
                if length >= 3 * period {
                    let start = at as u32;
                    self.found.push(Agreement { start, period });
                }
                at += length + 1;
            }
        }
    }
}

impl Kernel for ShortPeriods<'_> {
    type Output = ();

    fn portable(mut self) {
        self.find_from(0);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(mut self, avx2: Avx2) {
        // The longest agreement that counts, seen from each of the first bytes of a block.
        const STEP: usize = 64 - 3 * (FIRST_SPARSE_PERIOD - 1) + 1;
        let block_at = |at: usize| self.bytes[at..].first_chunk::<64>().map(|block| avx2.load(block));
        let (mut base, mut before) = (0, 0);
        // All that a block is compared with are bytes of the text.
        while base + 64 + FIRST_SPARSE_PERIOD <= self.num_bytes {
            let Some(bytes) = block_at(base) else {
                break;
            };
            let mut of_period = [0_u64; FIRST_SPARSE_PERIOD];
            for (period, starts) in of_period.iter_mut().enumerate().skip(1) {
                let Some(others) = block_at(base + period) else {
                    break;
                };
                let one = avx2.high_bits(avx2.same(bytes, others));
                let three = one & one >> 1 & one >> 2;
                let long = match period {
                    1 => three,
                    2 => three & three >> 3,
                    _ => three & three >> 3 & three >> 6,
                };
                let long = long & u64::MAX >> (64 - STEP);
                // Where it is no stretch that has begun before.
                *starts = long & !(long << 1 | before >> period & 1);
                before = before & !(1 << period) | (long >> (STEP - 1) & 1) << period;
            }
            if of_period.iter().fold(0, |any, starts| any | starts) != 0 {
                for (period, mut starts) in of_period.into_iter().enumerate() {
                    while starts != 0 {
                        let start = base as u32 + starts.trailing_zeros();
                        self.found.push(Agreement { start, period });
                        starts &= starts - 1;
                    }
                }
            }
            base += STEP;
        }
        // A stretch that has begun before is found a second time here, which harms nobody.
        self.find_from(base);
    }
}

/// Bytes at two places that are the same.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Coincidence {
    pub(super) at: u32,
    pub(super) place: u32,
}

/// Compares the gram at every few bytes with those at `num_places` places from `first` bytes further on.
pub(super) struct Coincidences<'a> {
    pub(super) bytes: &'a [u8],
    /// Without the padding; no place is there.
    pub(super) num_bytes: usize,
    pub(super) first: usize,
    pub(super) num_places: usize,
    pub(super) found: &'a mut Vec<Coincidence>,
}

/// Places that are looked at together on any machine.
const PLACES: usize = 16;
/// Bytes that are read for them.
const CHUNK_BYTES: usize = PLACES + GRAM_BYTES - 1;
/// Bytes from a position on that hold those places for the first range of periods.
const WINDOW_BYTES: usize = FIRST_SPARSE_PERIOD + CHUNK_BYTES;

type Gram = [u8; GRAM_BYTES];

impl Coincidences<'_> {
    /// Looks at so many places together, by `comes_in`, which says whether the gram may be at one of those from there on.
    #[inline(always)]
    fn find(self, together: usize, comes_in: impl Fn(&[u8], Gram) -> bool) {
        self.find_from(0, together, comes_in);
    }

    /// The same from a position on.
    #[inline(always)]
    fn find_from(mut self, from: usize, together: usize, comes_in: impl Fn(&[u8], Gram) -> bool) {
        for at in (from..self.num_bytes.saturating_sub(self.first)).step_by(self.step()) {
            let gram = gram_at(self.bytes, at);
            let end = (at + self.first + self.num_places).min(self.num_bytes);
            for start in (at + self.first..end).step_by(together) {
                if comes_in(&self.bytes[start..], gram) {
                    self.take(at, start, (start + together).min(end));
                }
            }
        }
    }

    /// The same for the first range of periods, which is where most of the time goes.
    #[inline(always)]
    fn find_first(mut self) {
        let (step, mut at) = (self.step(), 0);
        while at + FIRST_SPARSE_PERIOD + PLACES <= self.num_bytes {
            let Some(window) = self.bytes[at..].first_chunk::<WINDOW_BYTES>() else {
                break;
            };
            if comes_in(&window[FIRST_SPARSE_PERIOD..], gram_at(window, 0)) {
                let start = at + FIRST_SPARSE_PERIOD;
                self.take(at, start, start + PLACES);
            }
            at += step;
        }
        self.find_from(at, PLACES, comes_in);
    }

    fn step(&self) -> usize {
        3 * self.first - GRAM_BYTES + 1
    }

    /// Keeps the places from `start` to `end` at which the gram at a position stands, and enough more may agree.
    #[inline(never)]
    fn take(&mut self, at: usize, start: usize, end: usize) {
        let gram = gram_at(self.bytes, at);
        let found = (start..end).filter(|&place| gram_at(self.bytes, place) == gram);
        let found = found.filter(|&place| may_agree(self.bytes, at, place));
        self.found.extend(found.map(|place| Coincidence {
            at: at as u32,
            place: place as u32,
        }));
    }
}

/// Whether three times as many bytes in a row as there are between two places may be the same at both, by those eight
/// before them and those eight from them on. What follows the bytes counts as well.
fn may_agree(bytes: &[u8], at: usize, place: usize) -> bool {
    let difference = |at: usize, place: usize| {
        let [left, right] = [at, place].map(|at| bytes[at..].first_chunk().copied().unwrap_or_default());
        u64::from_le_bytes(left) ^ u64::from_le_bytes(right)
    };
    let Some(before) = at.checked_sub(8) else {
        return true;
    };
    let (ahead, behind) = (difference(before, place - 8), difference(at, place));
    let num_bytes = ahead.leading_zeros() / 8 + behind.trailing_zeros() / 8;
    ahead == 0 || behind == 0 || num_bytes as usize >= 3 * (place - at)
}

impl Kernel for Coincidences<'_> {
    type Output = ();

    fn portable(self) {
        self.find(PLACES, comes_in);
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: Avx2) {
        if (self.first, self.num_places) == (FIRST_SPARSE_PERIOD, PLACES) {
            return self.find_first();
        }
        self.find(64, |bytes, gram| {
            let equal = |shift: usize| {
                let block = bytes[shift..].first_chunk().expect("the padding is longer");
                avx2.equal_groups(avx2.load(block), gram)
            };
            let (left, right) = (avx2.or(equal(0), equal(1)), avx2.or(equal(2), equal(3)));
            avx2.high_bits(avx2.or(left, right)) != 0
        });
    }
}

#[inline(always)]
fn gram_at(bytes: &[u8], at: usize) -> Gram {
    *bytes[at..]
        .first_chunk()
        .expect("the padding is longer than a gram")
}

/// Whether a gram stands at one of the first places.
#[inline(always)]
fn comes_in(bytes: &[u8], gram: Gram) -> bool {
    let chunk: &[u8; CHUNK_BYTES] = bytes.first_chunk().expect("the padding is longer than a chunk");
    let mut any = [0_u32; PLACES / GRAM_BYTES];
    for shift in 0..GRAM_BYTES {
        let (grams, _) = chunk[shift..shift + PLACES].as_chunks::<GRAM_BYTES>();
        for (any, other) in any.iter_mut().zip(grams) {
            *any |= u32::from(u32::from_le_bytes(*other) == u32::from_le_bytes(gram));
        }
    }
    any.iter().fold(0, |left, right| left | right) != 0
}

#[cfg(test)]
mod tests {
    use super::super::repetitions_filter::PADDING;
    use super::*;
    use crate::dispatch;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn wide_and_portable_places_are_the_same(
            pieces in prop::collection::vec(("[ab\0]{1,4}", 1..40_usize, "[a-z]{0,20}"), 0..12),
        ) {
            let mut bytes: Vec<u8> = pieces
                .iter()
                .flat_map(|(piece, times, noise)| (piece.repeat(*times) + noise).into_bytes())
                .collect();
            let num_bytes = bytes.len();
            bytes.resize(num_bytes + PADDING, 0);
            let [mut portable, mut wide] = [Vec::new(), Vec::new()];
            ShortPeriods { bytes: &bytes, num_bytes, found: &mut portable }.portable();
            dispatch::run(ShortPeriods { bytes: &bytes, num_bytes, found: &mut wide });
            for agreement in &portable {
                prop_assert!(wide.contains(agreement), "{agreement:?}");
            }
            for Agreement { start, period } in wide {
                let start = start as usize;
                let stretch = start..start + 3 * period;
                prop_assert!(stretch.end + period <= num_bytes);
                prop_assert!(stretch.into_iter().all(|at| bytes[at] == bytes[at + period]));
            }
            for (first, num_places) in [(4, 16), (20, 32), (52, 64), (116, 128)] {
                let [mut portable, mut wide] = [Vec::new(), Vec::new()];
                Coincidences { bytes: &bytes, num_bytes, first, num_places, found: &mut portable }.portable();
                dispatch::run(Coincidences { bytes: &bytes, num_bytes, first, num_places, found: &mut wide });
                prop_assert_eq!(portable, wide);
            }
        }
    }
}
