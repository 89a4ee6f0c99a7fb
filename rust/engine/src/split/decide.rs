//! The rules by which groups get their sides: by hash, by label, by time, by memory.
//!
//! Groups come in the order of their representatives. Without labels each is decided at once; with labels two sweeps in
//! the order of hashes fill first validation, from below, then test, from above.

use std::collections::BTreeMap;

use super::{Left, Side, side_of_hash};
use crate::dedup::formats::{bytes_at, u64_be};
use crate::error::{EngineError, Result};
use crate::external_sort::{Cancelled, ExternalSorter, SortedRecords};

/// More labels than this are no labels.
const MAX_LABELS: usize = 65_536;

/// What a group's documents say.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct GroupFacts {
    /// Its place in the order of hashes.
    pub(super) hash: u64,
    /// Documents by label; empty without labels.
    pub(super) labels: BTreeMap<u64, u32>,
    /// Bit `side` is set where an earlier run put one of its documents on that side.
    pub(super) known: u8,
    /// The most protected side that the time of one of its documents gives.
    pub(super) latest: u8,
}

/// A decision: a [`Side`], or [`Left::Conflict`].
pub(super) const DECISION_BYTES: usize = 9;

/// Shares, and what decides.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shares {
    pub(super) validation: f64,
    pub(super) test: f64,
    pub(super) by_label: bool,
    pub(super) by_time: bool,
}

/// Hash, representative, label (big-endian), documents (u32).
const ENTRY_BYTES: usize = 28;

/// Decides groups.
pub(super) struct Decider {
    shares: Shares,
    decisions: ExternalSorter<DECISION_BYTES>,
    waiting: ExternalSorter<ENTRY_BYTES>,
    strata: BTreeMap<u64, Stratum>,
    /// Groups with more than one label.
    pub(super) mixed: u64,
    scratch: std::path::PathBuf,
    memory_bytes: u64,
}

/// Documents of a label: all, and by held-out side.
#[derive(Debug, Clone, Copy, Default)]
struct Stratum {
    all: f64,
    placed: [f64; 3],
}

impl Decider {
    pub(super) fn new(shares: Shares, scratch: &std::path::Path, memory_bytes: u64) -> Result<Self> {
        Ok(Self {
            shares,
            decisions: ExternalSorter::new(scratch, memory_bytes / 4)?,
            waiting: ExternalSorter::new(scratch, memory_bytes / 4)?,
            strata: BTreeMap::new(),
            mixed: 0,
            scratch: scratch.to_owned(),
            memory_bytes,
        })
    }

    /// Takes a group.
    pub(super) fn group(&mut self, representative: u64, facts: &GroupFacts) -> Result<()> {
        self.mixed += u64::from(facts.labels.len() > 1);
        if self.shares.by_time {
            return self.decide(representative, facts.latest);
        }
        if self.shares.by_label {
            for (&label, &count) in &facts.labels {
                self.strata.entry(label).or_default().all += f64::from(count);
            }
            if self.strata.len() > MAX_LABELS {
                return Err(EngineError::Split(format!(
                    "the column of `stratify` has more than {MAX_LABELS} different values"
                )));
            }
        }
        match facts.known {
            0 if self.shares.by_label => {
                for (&label, &count) in &facts.labels {
                    self.waiting
                        .push(&entry(facts.hash, representative, label, count))?;
                }
                Ok(())
            }
            0 => {
                let side = side_of_hash(facts.hash, self.shares.validation, self.shares.test);
                self.decide(representative, side as u8)
            }
            known if known.is_power_of_two() => {
                let side = known.trailing_zeros() as u8;
                for (label, &count) in &facts.labels {
                    if let Some(stratum) = self.strata.get_mut(label) {
                        stratum.placed[usize::from(side)] += f64::from(count);
                    }
                }
                self.decide(representative, side)
            }
            _ => self.decide(representative, Left::Conflict as u8),
        }
    }

    fn decide(&mut self, representative: u64, decision: u8) -> Result<()> {
        let mut record = [decision; DECISION_BYTES];
        record[..8].copy_from_slice(&representative.to_be_bytes());
        Ok(self.decisions.push(&record)?)
    }

    /// Returns the decisions in the order of representatives, and by how many documents the fullest or emptiest stratum
    /// misses its share.
    pub(super) fn finish(mut self, cancelled: Cancelled<'_>) -> Result<(SortedRecords<DECISION_BYTES>, f64)> {
        let (scratch, quarter) = (self.scratch.clone(), self.memory_bytes / 4);
        let waiting = std::mem::replace(&mut self.waiting, ExternalSorter::new(&scratch, quarter)?);
        let mut rest = ExternalSorter::new(&scratch, quarter)?;
        self.sweep(
            waiting.finish_unless(cancelled)?,
            Side::Validation,
            |facts, representative| {
                for (&label, &count) in &facts.labels {
                    rest.push(&entry(!facts.hash, representative, label, count))?;
                }
                Ok(None)
            },
        )?;
        self.sweep(rest.finish_unless(cancelled)?, Side::Test, |_, _| {
            Ok(Some(Side::Train))
        })?;
        let shares = [
            (Side::Validation, self.shares.validation),
            (Side::Test, self.shares.test),
        ];
        let misses = self.strata.values().flat_map(|stratum| {
            shares.map(|(side, share)| (stratum.placed[side as usize] - share * stratum.all).abs())
        });
        let most = misses.fold(0.0, f64::max);
        Ok((self.decisions.finish_unless(cancelled)?, most))
    }

    /// Puts groups on `side` while that brings its strata nearer to their shares; `otherwise` says what of the others.
    fn sweep(
        &mut self,
        mut sorted: SortedRecords<ENTRY_BYTES>,
        side: Side,
        mut otherwise: impl FnMut(&GroupFacts, u64) -> Result<Option<Side>>,
    ) -> Result<()> {
        let share = match side {
            Side::Validation => self.shares.validation,
            _ => self.shares.test,
        };
        let mut current: Option<(u64, GroupFacts)> = None;
        loop {
            let next = sorted.next_record()?.copied();
            let is_same = match (&current, &next) {
                (Some((representative, _)), Some(record)) => *representative == u64_be(record, 8),
                _ => false,
            };
            if !is_same && let Some((representative, facts)) = current.take() {
                let decision = if self.gain(&facts, side, share) > 0.0 {
                    for (label, &count) in &facts.labels {
                        if let Some(stratum) = self.strata.get_mut(label) {
                            stratum.placed[side as usize] += f64::from(count);
                        }
                    }
                    Some(side)
                } else {
                    otherwise(&facts, representative)?
                };
                if let Some(side) = decision {
                    self.decide(representative, side as u8)?;
                }
            }
            let Some(record) = next else { return Ok(()) };
            let hash = u64_be(&record, 0);
            let (_, facts) = current.get_or_insert_with(|| {
                let facts = GroupFacts {
                    hash,
                    ..GroupFacts::default()
                };
                (u64_be(&record, 8), facts)
            });
            let count = u32::from_be_bytes(bytes_at(&record, 24));
            facts.labels.insert(u64_be(&record, 16), count);
        }
    }

    /// By how much the squared distances of the strata to their shares fall, each by the size of its stratum.
    fn gain(&self, facts: &GroupFacts, side: Side, share: f64) -> f64 {
        let gains = facts.labels.iter().filter_map(|(label, &count)| {
            let stratum = self.strata.get(label)?;
            let missing = share * stratum.all - stratum.placed[side as usize];
            let count = f64::from(count);
            Some(count * (2.0 * missing - count) / stratum.all)
        });
        gains.sum()
    }
}

fn entry(hash: u64, representative: u64, label: u64, count: u32) -> [u8; ENTRY_BYTES] {
    let mut record = [0; ENTRY_BYTES];
    record[..8].copy_from_slice(&hash.to_be_bytes());
    record[8..16].copy_from_slice(&representative.to_be_bytes());
    record[16..24].copy_from_slice(&label.to_be_bytes());
    record[24..].copy_from_slice(&count.to_be_bytes());
    record
}

#[cfg(test)]
mod tests {
    use gristmill_core::hash::mix64;
    use proptest::prelude::*;

    use super::*;

    fn decide(groups: &[(u64, GroupFacts)], shares: Shares) -> (BTreeMap<u64, u8>, f64) {
        let scratch = tempfile::tempdir().unwrap();
        let mut decider = Decider::new(shares, scratch.path(), 1 << 10).unwrap();
        for (representative, facts) in groups {
            decider.group(*representative, facts).unwrap();
        }
        let (mut sorted, most) = decider.finish(&|| false).unwrap();
        let mut found = BTreeMap::new();
        while let Some(record) = sorted.next_record().unwrap() {
            assert!(found.insert(u64_be(record, 0), record[8]).is_none());
        }
        (found, most)
    }

    const SHARES: Shares = Shares {
        validation: 0.2,
        test: 0.1,
        by_label: true,
        by_time: false,
    };

    proptest! {
        #[test]
        fn strata_hold_their_shares_as_closely_as_groups_allow(
            sizes in prop::collection::vec((1_u32..4, 0_u64..3), 150..300),
        ) {
            let groups: Vec<(u64, GroupFacts)> = (0..)
                .zip(&sizes)
                .map(|(number, &(size, label))| {
                    let labels = BTreeMap::from([(label, size)]);
                    (number, GroupFacts { hash: mix64(number), labels, ..GroupFacts::default() })
                })
                .collect();
            let (found, most) = decide(&groups, SHARES);
            prop_assert_eq!(found.len(), groups.len());
            // Half of the smallest group that was left over, at most the largest one.
            prop_assert!(most <= 1.5, "{most}");
            for label in 0..3 {
                let of = |side: Option<u8>| -> f64 {
                    groups.iter().filter(|(number, facts)| {
                        facts.labels.contains_key(&label) && side.is_none_or(|side| found[number] == side)
                    }).map(|(_, facts)| f64::from(facts.labels[&label])).sum()
                };
                prop_assert!((of(Some(1)) - 0.2 * of(None)).abs() <= 1.5);
                prop_assert!((of(Some(2)) - 0.1 * of(None)).abs() <= 1.5);
            }
        }
    }

    #[test]
    fn memory_wins_over_the_hash_and_two_memories_are_a_conflict() {
        let shares = Shares {
            by_label: false,
            ..SHARES
        };
        let facts = |hash, known| GroupFacts {
            hash,
            known,
            ..GroupFacts::default()
        };
        let groups = [
            (1, facts(0, 0)),
            (2, facts(0, 1)),
            (3, facts(u64::MAX, 2)),
            (4, facts(0, 5)),
            (5, facts(1 << 63, 0)),
        ];
        let (found, _) = decide(&groups, shares);
        assert_eq!(
            found.into_values().collect::<Vec<_>>(),
            [1, 0, 1, Left::Conflict as u8, 0]
        );
    }

    #[test]
    fn old_rows_count_towards_the_shares() {
        let of = |hash, known| GroupFacts {
            hash,
            known,
            labels: BTreeMap::from([(7, 1)]),
            ..GroupFacts::default()
        };
        let mut groups: Vec<(u64, GroupFacts)> = (0..80).map(|n| (n, of(mix64(n), 1))).collect();
        groups.extend((80..100).map(|n| (n, of(mix64(n), 0))));
        let (found, most) = decide(&groups, SHARES);
        // 80 old ones are trained on, so all twenty that validation may have are new: test finds none left.
        assert_eq!(found.values().filter(|&&side| side == 1).count(), 20);
        assert_eq!(most, 10.0);
    }
}
