//! The rule `repeated_ngrams_guard`: the most copies of a short sequence of units that stand one after the other.
//!
//! A unit is what comes nearest to a token of a language model without its vocabulary: a word, or a row of marks such
//! as `------`. A word of more than 128 characters, and a row of more than 2048, is no unit, but each of its
//! characters is: `g4ODg4ODg4OD…` has to be found, a line under a heading not.

use crate::segment::{HAS_LETTER, HAS_NUMBER, Segmentation, fold, hash_bytes};
use crate::signals::runs::for_each_run;
use crate::signals::{Column, Document, Entry, Setup, Signal, Value, count, uint};
use serde::{Deserialize, Serialize};

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

impl RepeatedNgramsGuard {
    /// The most copies; among equals those of the shortest sequence, and then the first.
    ///
    /// `n` equal neighbours at distance `period` make `n / period + 1` copies. To beat `copies` takes
    /// `copies * period` of them, so that many positions are jumped over and looked at only where they may count.
    fn most_repeats(&self) -> Repeats {
        let hashes = &self.hashes;
        let mut best = Repeats::default();
        for period in self.config.min_period..=self.config.max_period.min(hashes.len()) {
            if best.copies == 0 {
                best = Repeats {
                    copies: 1,
                    period,
                    start: 0,
                };
            }
            let num_pairs = hashes.len() - period;
            let is_equal = |at: usize| hashes[at] == hashes[at + period];
            let mut from = 0;
            while from + best.copies * period <= num_pairs {
                let probe = from + best.copies * period - 1;
                if !is_equal(probe) {
                    from = probe + 1;
                    continue;
                }
                let start = probe - (from..probe).rev().take_while(|&at| is_equal(at)).count();
                let end = probe + (probe..num_pairs).take_while(|&at| is_equal(at)).count();
                let copies = (end - start) / period + 1;
                if copies > best.copies {
                    best = Repeats {
                        copies,
                        period,
                        start,
                    };
                }
                from = end + 1;
            }
        }
        best
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
