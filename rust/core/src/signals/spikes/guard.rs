//! The rule `repeated_ngrams_guard`: the most copies of a short sequence of units that stand one after the other.
//!
//! A unit is what comes nearest to a token of a language model without its vocabulary: a word, or a row of marks such
//! as `------`. A word of more than 128 characters, and a row of more than 2048, is no unit, but each of its
//! characters is: `g4ODg4ODg4OD…` has to be found, a line under a heading not.

use crate::dispatch::{self, Kernel};
use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, fold, hash_bytes};
use crate::signals::runs::for_each_run;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, uint};
use serde::{Deserialize, Serialize};
use std::ops::RangeInclusive;

const COLUMNS: [Column; 4] = [
    uint(
        "num_repeats",
        "Most copies of a sequence of `min_period` to `max_period` units that follow each other; 0 if there is none.",
    ),
    uint("repeat_period", "Units in that sequence; 0 if there is none."),
    uint(
        "repeat_start",
        "Byte of the text at which the first copy begins; 0 if there is none.",
    ),
    uint(
        "repeat_bytes",
        "Bytes from there to the end of the last whole copy; 0 if there is none.",
    ),
];

/// What the rule computes with; thresholds are not part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Config {
    /// Units of the shortest sequence; at least one.
    pub(super) min_period: usize,
    /// Units of the longest sequence.
    pub(super) max_period: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            min_period: 1,
            max_period: 13,
        }
    }
}

/// Copies of a sequence that follow each other, in units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
struct Repeats {
    copies: usize,
    period: usize,
    start: usize,
}

struct RepeatedNgramsGuard {
    config: Config,
    /// Hash of each unit.
    hashes: Vec<u64>,
    /// First token of each unit; only of texts without long units.
    first_tokens: Vec<u32>,
    /// Bytes at which each unit starts and ends; only of texts with long units.
    bounds: Vec<(u32, u32)>,
    /// Eight bits of each hash, and zeros behind.
    fingerprints: Vec<u8>,
}

/// Overwrites both with what the units of a text have, each of which is one run; false if one is too long for that.
fn read_short_units(segmentation: &Segmentation, hashes: &mut Vec<u64>, first_tokens: &mut Vec<u32>) -> bool {
    let (starts, ends) = (segmentation.starts(), segmentation.ends());
    let lengths = starts.iter().zip(ends).map(|(start, end)| end - start);
    if lengths
        .max()
        .is_some_and(|longest| longest as usize > LONG_WORD_CHARS)
    {
        return false;
    }
    hashes.resize(segmentation.num_tokens(), 0);
    first_tokens.resize(segmentation.num_tokens(), 0);
    let (mut num_units, mut row_start, mut row_end) = (0, 0, u32::MAX);
    let tokens = starts
        .iter()
        .zip(ends)
        .zip(segmentation.flags())
        .zip(segmentation.hashes());
    for (token, (((&start, &end), &flags), &hash)) in tokens.enumerate() {
        let is_mark = flags & (HAS_LETTER | HAS_NUMBER) == 0;
        if is_mark & (start == row_end) {
            hashes[num_units - 1] = fold(hashes[num_units - 1] ^ JOIN_KEY, hash);
            if (end - row_start) as usize > LONG_ROW_CHARS {
                return false;
            }
        } else {
            hashes[num_units] = hash;
            first_tokens[num_units] = token as u32;
            num_units += 1;
            row_start = start;
        }
        row_end = if is_mark { end } else { u32::MAX };
    }
    hashes.truncate(num_units);
    first_tokens.truncate(num_units);
    true
}

/// A search for the most copies; among equals those of the shortest sequence, and then the first.
struct Search<'a> {
    config: Config,
    hashes: &'a [u64],
    fingerprints: &'a [u8],
}

impl Search<'_> {
    /// The periods, and one copy of the shortest sequence if there is any.
    fn begin(&self) -> (RangeInclusive<usize>, Repeats) {
        let Config {
            min_period,
            max_period,
        } = self.config;
        let best = Repeats {
            copies: 1,
            period: min_period,
            start: 0,
        };
        if self.hashes.len() < min_period {
            return (RangeInclusive::new(1, 0), Repeats::default());
        }
        (min_period..=max_period.min(self.hashes.len()), best)
    }

    /// `n` equal neighbours at distance `period` make `n / period + 1` copies. To beat `copies` takes
    /// `copies * period` of them, so that many positions are jumped over and looked at only where they may count.
    fn search_by_jumps(&self, period: usize, best: &mut Repeats) {
        let num_pairs = self.hashes.len() - period;
        let mut from = 0;
        while from + best.copies * period <= num_pairs {
            let probe = from + best.copies * period - 1;
            from = match self.is_equal(probe, period) {
                true => self.meet_run(probe, from, period, best),
                false => probe + 1,
            };
        }
    }

    /// Looks at all neighbours, 64 at a time, and closer where two in a row have equal fingerprints.
    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn search_by_blocks(&self, avx2: dispatch::Avx2, period: usize, best: &mut Repeats) {
        let num_pairs = self.hashes.len() - period;
        // Where the last run ended, and whether the last neighbours of the block before are equal.
        let (mut from, mut carry, mut base) = (0, 0, 0);
        while base < num_pairs {
            let (left, right) = (&self.fingerprints[base..], &self.fingerprints[base + period..]);
            let (Some(left), Some(right)) = (left.first_chunk(), right.first_chunk()) else {
                break;
            };
            let equal = avx2.high_bits(avx2.same(avx2.load(left), avx2.load(right)));
            let equal = equal & (u64::MAX >> (64 - (num_pairs - base).min(64)));
            // One pair of neighbours is enough to beat a single copy of one unit only.
            let is_single = best.copies * period == 1;
            let mut places = if is_single {
                equal
            } else {
                equal & (equal << 1 | carry)
            };
            carry = equal >> 63;
            while places != 0 {
                let at = base + places.trailing_zeros() as usize;
                places &= places - 1;
                if at >= from && self.is_equal(at, period) {
                    from = self.meet_run(at, from, period, best);
                }
            }
            base += 64;
        }
    }

    #[inline(always)]
    fn is_equal(&self, at: usize, period: usize) -> bool {
        self.hashes[at] == self.hashes[at + period]
    }

    /// Takes the run of equal neighbours around `at`, not before `from`, and returns where none of it is any more.
    fn meet_run(&self, at: usize, from: usize, period: usize, best: &mut Repeats) -> usize {
        let is_equal = |at: &usize| self.is_equal(*at, period);
        let start = at - (from..at).rev().take_while(is_equal).count();
        let end = at + (at..self.hashes.len() - period).take_while(is_equal).count();
        let copies = (end - start) / period + 1;
        if copies > best.copies {
            *best = Repeats {
                copies,
                period,
                start,
            };
        }
        end + 1
    }
}

impl Kernel for Search<'_> {
    type Output = Repeats;

    fn portable(self) -> Repeats {
        let (periods, mut best) = self.begin();
        for period in periods {
            self.search_by_jumps(period, &mut best);
        }
        best
    }

    #[cfg(target_arch = "x86_64")]
    #[inline(always)]
    fn wide(self, avx2: dispatch::Avx2) -> Repeats {
        let (periods, mut best) = self.begin();
        for period in periods {
            self.search_by_blocks(avx2, period, &mut best);
        }
        best
    }
}

impl RepeatedNgramsGuard {
    fn most_repeats(&mut self) -> Repeats {
        self.fingerprints.clear();
        self.fingerprints
            .extend(self.hashes.iter().map(|hash| (hash >> 56) as u8));
        self.fingerprints.resize(self.hashes.len() + 64, 0);
        let search = Search {
            config: self.config,
            hashes: &self.hashes,
            fingerprints: &self.fingerprints,
        };
        dispatch::run(search)
    }
}

impl RepeatedNgramsGuard {
    /// Fills `hashes` and `bounds` with the units of any text.
    fn read_units(&mut self, text: &str, segmentation: &Segmentation) {
        self.hashes.clear();
        self.bounds.clear();
        let (starts, ends) = (segmentation.starts(), segmentation.ends());
        let (token_hashes, flags) = (segmentation.hashes(), segmentation.flags());
        for_each_run(segmentation, |first, end| {
            let (start, stop) = (starts[first], ends[end - 1]);
            let is_word = flags[first] & (HAS_LETTER | HAS_NUMBER) != 0;
            let most = if is_word { LONG_WORD_CHARS } else { LONG_ROW_CHARS };
            // As many bytes as characters at least.
            if (stop - start) as usize > most && text[start as usize..stop as usize].chars().count() > most {
                for (at, character) in text[start as usize..stop as usize].char_indices() {
                    let bytes = character.len_utf8() as u32;
                    self.hashes
                        .push(hash_bytes(character.encode_utf8(&mut [0; 4]).as_bytes()));
                    self.bounds.push((start + at as u32, start + at as u32 + bytes));
                }
                return;
            }
            let joined = token_hashes[first + 1..end].iter();
            self.hashes
                .push(joined.fold(token_hashes[first], |hash, &token| fold(hash ^ JOIN_KEY, token)));
            self.bounds.push((start, stop));
        });
    }
}

impl Signal for RepeatedNgramsGuard {
    fn compute(&mut self, document: Document<'_>, out: &mut Vec<Value>) {
        let (text, segmentation) = (document.text(), document.segmentation());
        let is_short = read_short_units(segmentation, &mut self.hashes, &mut self.first_tokens);
        if !is_short {
            self.read_units(text, segmentation);
        }
        let best = self.most_repeats();
        let num_units = best.copies * best.period;
        let (start, end) = if best.copies == 0 {
            (0, 0)
        } else if is_short {
            let next = self.first_tokens.get(best.start + num_units);
            let last = next.map_or(segmentation.num_tokens(), |&next| next as usize) - 1;
            let first = self.first_tokens[best.start] as usize;
            (segmentation.starts()[first], segmentation.ends()[last])
        } else {
            (
                self.bounds[best.start].0,
                self.bounds[best.start + num_units - 1].1,
            )
        };
        out.extend([
            count(best.copies),
            count(best.period),
            Value::UInt32(start),
            Value::UInt32(end - start),
        ]);
    }
}

/// Words with more characters are read character by character.
pub(super) const LONG_WORD_CHARS: usize = 128;

/// Rows of marks with more characters are read character by character.
pub(super) const LONG_ROW_CHARS: usize = 2048;

/// Keeps a joined run apart from its tokens.
const JOIN_KEY: u64 = 0x5851_f42d_4c95_7f2d;

/// The rule's entry.
pub(super) const ENTRY: Entry = Entry {
    name: "repeated_ngrams_guard",
    columns: &COLUMNS,
    make: |setup| {
        let config: Config = setup.config()?;
        if config.min_period == 0 || config.min_period > config.max_period {
            return Err("`min_period` must be at least 1 and at most `max_period`".to_owned());
        }
        Setup::signal(RepeatedNgramsGuard {
            config,
            hashes: Vec::new(),
            first_tokens: Vec::new(),
            bounds: Vec::new(),
            fingerprints: Vec::new(),
        })
    },
    #[cfg(test)]
    reference: super::reference::guard,
    #[cfg(test)]
    variants: &[
        "{}",
        r#"{"min_period": 2, "max_period": 3}"#,
        r#"{"max_period": 1}"#,
    ],
};

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn blocks_and_jumps_find_the_same(
            parts in prop::collection::vec((prop::collection::vec(0..4_u64, 1..9), 1..60_usize), 0..6),
            min_period in 1..4_usize,
            num_periods in 0..14_usize,
        ) {
            let units: Vec<u64> = parts.iter().flat_map(|(unit, times)| unit.repeat(*times)).collect();
            // Two of the four units have the same fingerprint.
            let hashes: Vec<u64> = units.iter().map(|unit| (unit / 2) << 56 | unit).collect();
            let mut guard = RepeatedNgramsGuard {
                config: Config { min_period, max_period: min_period + num_periods },
                hashes,
                first_tokens: Vec::new(),
                bounds: Vec::new(),
                fingerprints: Vec::new(),
            };
            let found = guard.most_repeats();
            let search = Search {
                config: guard.config,
                hashes: &guard.hashes,
                fingerprints: &guard.fingerprints,
            };
            prop_assert_eq!(found, search.portable());
        }
    }
}
