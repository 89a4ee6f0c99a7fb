//! The records of a choice: candidates in the order of choosing, and what became of those that are left out.

use crate::dedup::formats::{bytes_at, u64_be};

/// Bytes of a [`Candidate`].
pub(super) const CANDIDATE_BYTES: usize = 32;
/// Bytes of a record of `choices.bin`: document reference (u64 LE), value and threshold (f64 LE, NaN for none), place in
/// the order of choosing (u64 LE, from 1; 0 for none); sorted by document.
pub const CHOICE_BYTES: usize = 32;
/// Bytes of a [`LeftOut`] while it is sorted.
pub(super) const LEFT_OUT_BYTES: usize = 33;

/// Place of documents without a score: behind all others.
const NO_SCORE: u64 = u64::MAX;

/// A document in the flow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    /// Number of its stratum.
    pub(super) stratum: u32,
    /// What it is sorted by within the stratum: its score as [`place_of`] gives it, or a position.
    pub(super) order: u64,
    /// Salted hash of its key.
    pub(super) tie: u64,
    /// The document.
    pub(super) docref: u64,
    /// What it amounts to.
    pub(super) amount: u32,
}

impl Candidate {
    /// Big-endian in the order of the fields, so that byte order is the order of choosing.
    pub(super) fn encode(&self) -> [u8; CANDIDATE_BYTES] {
        let mut record = [0; CANDIDATE_BYTES];
        record[..4].copy_from_slice(&self.stratum.to_be_bytes());
        record[4..12].copy_from_slice(&self.order.to_be_bytes());
        record[12..20].copy_from_slice(&self.tie.to_be_bytes());
        record[20..28].copy_from_slice(&self.docref.to_be_bytes());
        record[28..].copy_from_slice(&self.amount.to_be_bytes());
        record
    }

    /// Sorted across strata: the stratum stands last.
    pub(super) fn encode_across(&self) -> [u8; CANDIDATE_BYTES] {
        let mut record = self.encode();
        record.rotate_left(4);
        record
    }

    /// The inverse of [`Self::encode_across`].
    pub(super) fn decode_across(record: &[u8; CANDIDATE_BYTES]) -> Self {
        let mut record = *record;
        record.rotate_right(4);
        Self::decode(&record)
    }

    /// The inverse of [`Self::encode`].
    pub(super) fn decode(record: &[u8; CANDIDATE_BYTES]) -> Self {
        Self {
            stratum: u32::from_be_bytes(bytes_at(record, 0)),
            order: u64_be(record, 4),
            tie: u64_be(record, 12),
            docref: u64_be(record, 20),
            amount: u32::from_be_bytes(bytes_at(record, 28)),
        }
    }
}

/// Returns a number that sorts as scores are wanted; documents without a score (or with NaN) come last either way.
pub(super) fn place_of(score: Option<f64>, is_highest_first: bool) -> u64 {
    let Some(score) = score.filter(|score| !score.is_nan()) else {
        return NO_SCORE;
    };
    // -0 and 0 are one number.
    let bits = (score + 0.0).to_bits();
    let ascending = if bits >> 63 == 1 { !bits } else { bits | 1 << 63 };
    if is_highest_first { !ascending } else { ascending }
}

/// The inverse of [`place_of`]; NaN for none.
pub(super) fn score_at(place: u64, is_highest_first: bool) -> f64 {
    if place == NO_SCORE {
        return f64::NAN;
    }
    let ascending = if is_highest_first { !place } else { place };
    f64::from_bits(if ascending >> 63 == 1 {
        ascending & !(1 << 63)
    } else {
        !ascending
    })
}

/// A document that a step leaves out.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct LeftOut {
    pub(super) docref: u64,
    /// What was measured; NaN for nothing.
    pub(super) value: f64,
    /// What it was compared with; NaN for nothing.
    pub(super) threshold: f64,
    /// Place in the order of choosing, from 1.
    pub(super) rank: u64,
    /// 0: beyond the cut-off; 1: nothing new; for a plugin's decision the number of its reason.
    pub(super) rule: u8,
}

impl LeftOut {
    /// The record while it is sorted by document.
    pub(super) fn encode(&self) -> [u8; LEFT_OUT_BYTES] {
        let mut record = [0; LEFT_OUT_BYTES];
        record[..8].copy_from_slice(&self.docref.to_be_bytes());
        record[8..32].copy_from_slice(&self.choice()[8..]);
        record[32] = self.rule;
        record
    }

    /// The inverse of [`Self::encode`].
    pub(super) fn decode(record: &[u8; LEFT_OUT_BYTES]) -> Self {
        Self {
            docref: u64_be(record, 0),
            value: f64::from_le_bytes(bytes_at(record, 8)),
            threshold: f64::from_le_bytes(bytes_at(record, 16)),
            rank: u64::from_le_bytes(bytes_at(record, 24)),
            rule: record[32],
        }
    }

    /// The record of `choices.bin`.
    pub(super) fn choice(&self) -> [u8; CHOICE_BYTES] {
        let mut record = [0; CHOICE_BYTES];
        record[..8].copy_from_slice(&self.docref.to_le_bytes());
        record[8..16].copy_from_slice(&self.value.to_le_bytes());
        record[16..24].copy_from_slice(&self.threshold.to_le_bytes());
        record[24..].copy_from_slice(&self.rank.to_le_bytes());
        record
    }
}

/// Value, threshold and rank of a record of `choices.bin`, each where there is one.
pub(crate) fn choice_facts(record: &[u8; CHOICE_BYTES]) -> (Option<f64>, Option<f64>, Option<u64>) {
    let number = |at: usize| Some(f64::from_le_bytes(bytes_at(record, at))).filter(|value| !value.is_nan());
    let rank = u64::from_le_bytes(bytes_at(record, 24));
    (number(8), number(16), (rank > 0).then_some(rank))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_sort_as_scores_and_give_them_back() {
        let scores = [
            f64::NEG_INFINITY,
            -1e300,
            -2.5,
            -1e-300,
            0.0,
            1e-300,
            1.0,
            7e20,
            f64::INFINITY,
        ];
        for pair in scores.windows(2) {
            assert!(place_of(Some(pair[0]), false) < place_of(Some(pair[1]), false));
            assert!(place_of(Some(pair[0]), true) > place_of(Some(pair[1]), true));
        }
        for is_highest_first in [true, false] {
            for score in scores {
                let place = place_of(Some(score), is_highest_first);
                assert!(place < NO_SCORE);
                assert_eq!(score_at(place, is_highest_first), score);
            }
            assert_eq!(place_of(None, is_highest_first), NO_SCORE);
            assert_eq!(place_of(Some(f64::NAN), is_highest_first), NO_SCORE);
            assert!(score_at(NO_SCORE, is_highest_first).is_nan());
            assert_eq!(
                place_of(Some(-0.0), is_highest_first),
                place_of(Some(0.0), is_highest_first)
            );
        }
    }

    #[test]
    fn records_round_trip_in_the_published_layout() {
        let candidate = Candidate {
            stratum: 3,
            order: 1 << 50,
            tie: 9,
            docref: 5 << 32 | 7,
            amount: 12,
        };
        assert_eq!(Candidate::decode(&candidate.encode()), candidate);
        assert_eq!(Candidate::decode_across(&candidate.encode_across()), candidate);
        let left_out = LeftOut {
            docref: 258,
            value: 0.5,
            threshold: 1.0,
            rank: 3,
            rule: 1,
        };
        assert_eq!(LeftOut::decode(&left_out.encode()), left_out);
        let mut expected = [0; CHOICE_BYTES];
        (expected[0], expected[1], expected[24]) = (2, 1, 3);
        expected[14..16].copy_from_slice(&[0xe0, 0x3f]);
        expected[22..24].copy_from_slice(&[0xf0, 0x3f]);
        assert_eq!(left_out.choice(), expected);
        assert_eq!(choice_facts(&expected), (Some(0.5), Some(1.0), Some(3)));
        let nothing = LeftOut {
            value: f64::NAN,
            threshold: f64::NAN,
            rank: 0,
            ..left_out
        };
        assert_eq!(choice_facts(&nothing.choice()), (None, None, None));
    }
}
