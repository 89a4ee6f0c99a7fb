//! The split: which kept documents are held out, so that no near duplicate of them is trained on, and the proof of it.
//!
//! ```text
//! text, columns ─> keys[p]   ─> band keys; entity and parent keys; labels and times
//! band keys     ─> lsh[r]    ─> who might resemble whom (the pass of dedup, on bands of its own)
//! rows, keys    ─> group     ─> groups: what must stay together; large ones are verified and grouped again
//! groups        ─> assign    ─> one byte a document: its side, or why it is on none
//! held-out text ─> index     ─> shingle sets of the held-out documents, and their prefixes
//! all text      ─> prove[t]  ─> every pair across sides that is similar after all, by an exact join
//! ```
//! A side is decided by a salted hash of the group's identity, the key of its first document in input order: documents
//! that are added behind the others move none of them, unless they join two groups. Banding may miss a pair; the join
//! does not, and `tokenise` drops what it finds from the side that matters less.
//!
//! Not here: what is written of it ([`crate::tokenise`]), and who reads the proof.

pub mod assign;
mod decide;
pub mod group;
pub mod join;
pub mod keys;
mod previous;
pub mod prove;
pub mod recheck;
pub mod time;

use gristmill_core::hash::{content_hash, seeded_order};
use gristmill_core::segment::{Segmentation, Segmenter};
use gristmill_core::shingle::{ShingleConfig, Shingles};

/// Distinguishes the random numbers of the split from those of the shuffle.
pub const PURPOSE_SPLIT: u64 = 1;
/// Those by which held-out documents are chosen where not all of them are checked.
pub(crate) const PURPOSE_SAMPLE: u64 = 3;

/// Where a document goes. The larger of two sides is protected from the smaller one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Side {
    /// Trained on.
    Train = 0,
    /// Held out, looked at while training.
    Validation = 1,
    /// Held out, looked at once.
    Test = 2,
}

impl Side {
    /// All sides, in the order of their numbers.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The name in `documents/` and of the folder of shards.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The side with that number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.get(usize::from(byte)).copied()
    }

    /// The side with that name.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|side| side.name() == name)
    }
}

/// What a byte of `sides.bin` says beside a side: why a document that passed everything else is on none.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Left {
    /// Its time lies in the embargo before a cut.
    Embargo = 3,
    /// It has no time that can be read.
    Undated = 4,
    /// Its group has documents on a side that is protected from its own.
    Purged = 5,
    /// It joins groups that an earlier run put on different sides.
    Conflict = 6,
}

impl Left {
    /// All of them, in the order of their numbers.
    pub const ALL: [Self; 4] = [Self::Embargo, Self::Undated, Self::Purged, Self::Conflict];

    /// The rule in `rejects/`.
    pub fn rule(self) -> &'static str {
        match self {
            Self::Embargo => "embargo",
            Self::Undated => "undated",
            Self::Purged => "group_is_held_out",
            Self::Conflict => "joins_two_sides",
        }
    }

    /// The reason with that number.
    pub fn from_byte(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|left| *left as u8 == byte)
    }
}

/// A byte of `sides.bin` for a document that an earlier stage dropped.
pub const NOT_KEPT: u8 = 255;

/// What `rejects/` calls the split, where that leaves a document out.
pub const SPLIT_STEP: &str = "split";

/// Whether the split has such a rule in `rejects/`.
pub fn is_rule(rule: &str) -> bool {
    rule == STRADDLES || Left::ALL.into_iter().any(|left| left.rule() == rule)
}

/// The rule in `rejects/` of a document that the join found similar to one on a protected side.
pub const STRADDLES: &str = "straddles";

/// Which side a hash falls on: validation below its share, test above what its share leaves, train between.
///
/// So a share can be raised, or a second side be added, without moving what is held out already.
///
/// ```
/// use gristmill_engine::split::{Side, side_of_hash};
/// assert_eq!(side_of_hash(0, 0.1, 0.1), Side::Validation);
/// assert_eq!(side_of_hash(u64::MAX / 2, 0.1, 0.1), Side::Train);
/// assert_eq!(side_of_hash(u64::MAX, 0.1, 0.1), Side::Test);
/// assert_eq!(side_of_hash(u64::MAX, 0.1, 0.0), Side::Train);
/// ```
pub fn side_of_hash(hash: u64, validation: f64, test: f64) -> Side {
    let whole = 2_f64.powi(64);
    if (hash as f64) < validation * whole {
        Side::Validation
    } else if (!hash as f64) < test * whole {
        Side::Test
    } else {
        Side::Train
    }
}

/// The place of a document or group in the order of held-out candidates.
pub(crate) fn group_hash(salt: u64, key: u128) -> u64 {
    seeded_order(salt, PURPOSE_SPLIT, key)
}

/// What of an assignment does not depend on the order of documents: `(key, side)`, hashed; sums of it tell two
/// assignments apart.
///
/// ```
/// use gristmill_engine::split::{Side, assignment_hash};
/// assert_eq!(assignment_hash(1, Side::Test), 0x41c1833619f7168b8ae7f231084132ab);
/// ```
pub fn assignment_hash(key: u128, side: Side) -> u128 {
    let mut record = [side as u8; 17];
    record[..16].copy_from_slice(&key.to_be_bytes());
    content_hash(&record)
}

/// Makes the sets by which documents are compared. A text without words has one element, the whole text.
pub(crate) struct SetMaker {
    shingles: Shingles,
    segmenter: Segmenter,
    segmentation: Segmentation,
}

impl SetMaker {
    pub(crate) fn new(shingles: ShingleConfig) -> Self {
        Self {
            shingles: Shingles::new(shingles),
            segmenter: Segmenter::default(),
            segmentation: Segmentation::default(),
        }
    }

    /// Replaces the content of `into` by the ascending set of a text; never empty.
    pub(crate) fn set_of(&mut self, text: &str, into: &mut Vec<u64>) {
        self.segmenter.segment(text, &mut self.segmentation);
        self.shingles.sorted_distinct(text, &self.segmentation, into);
        if into.is_empty() {
            into.push(whole_text(text));
        }
    }
}

/// The one element of a text without words.
pub(crate) fn whole_text(text: &str) -> u64 {
    content_hash(text.as_bytes()) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_numbers_go_both_ways() {
        for side in Side::ALL {
            assert_eq!(Side::from_byte(side as u8), Some(side));
            assert_eq!(Side::from_name(side.name()), Some(side));
        }
        for left in Left::ALL {
            assert_eq!(Left::from_byte(left as u8), Some(left));
            assert_eq!(Side::from_byte(left as u8), None);
        }
        assert_eq!(Left::from_byte(NOT_KEPT), None);
    }

    #[test]
    fn shares_are_met_and_raising_one_moves_nothing_out() {
        let sides = |validation, test| -> Vec<Side> {
            (0..20_000_u64)
                .map(|number| side_of_hash(gristmill_core::hash::mix64(number), validation, test))
                .collect()
        };
        let (small, large) = (sides(0.01, 0.0), sides(0.03, 0.05));
        for (before, after) in small.iter().zip(&large) {
            assert!(*before == Side::Train || before == after);
        }
        let count = |side| large.iter().filter(|&&found| found == side).count();
        assert!((500..700).contains(&count(Side::Validation)));
        assert!((850..1150).contains(&count(Side::Test)));
    }
}
