//! Where the cut-off lies: candidates in order become kept or left out.
//!
//! A budget is met as closely as whole documents allow: a prefix of the order whose sum is nearest to it, the shorter one
//! of two equally near. So a smaller budget keeps a subset of what a larger one keeps.

use std::collections::BTreeMap;

use gristmill_core::allotment::{by_weights, temperature_weights, unimax};

use super::error::ChooseError;
use super::novelty::Novelty;
use super::records::{CANDIDATE_BYTES, Candidate, LEFT_OUT_BYTES, LeftOut, score_at};
use super::spec::MixTarget;
use super::strata::{Strata, Stratum};
use crate::error::Result;
use crate::external_sort::{ExternalSorter, SortedSource};
use crate::task::Session;

/// Documents beyond the cut-off.
const BEYOND: u8 = 0;
/// Documents that bring nothing new.
const NOTHING_NEW: u8 = 1;

/// Takes documents while a sum comes nearer to a budget.
#[derive(Debug)]
pub(super) struct Budget {
    target: f64,
    taken: u64,
    is_over: bool,
}

impl Budget {
    pub(super) fn new(target: f64) -> Self {
        Self {
            target,
            taken: 0,
            is_over: target <= 0.0,
        }
    }

    /// Whether the next document in order stays; once one does not, none behind it does.
    pub(super) fn takes(&mut self, amount: u32) -> bool {
        if self.is_over {
            return false;
        }
        let with = self.taken + u64::from(amount);
        if with as f64 <= self.target {
            self.taken = with;
            return true;
        }
        self.is_over = true;
        let is_nearer = with as f64 - self.target < self.target - self.taken as f64;
        if is_nearer {
            self.taken = with;
        }
        is_nearer
    }
}

/// What became of the candidates.
pub(super) struct Judged<'task> {
    /// Of each stratum.
    pub(super) strata: Strata,
    /// Left out, by reason.
    pub(super) left_out: Vec<u64>,
    /// Where the order was cut, as a value like those of the documents; NaN where nothing was.
    pub(super) cut_off: f64,
    /// Targets of a mixture, by number of the stratum.
    pub(super) targets: Vec<f64>,
    /// To be sorted by document.
    pub(super) sorter: ExternalSorter<LEFT_OUT_BYTES>,
    session: &'task Session,
}

impl<'task> Judged<'task> {
    /// Nothing is judged yet.
    pub(super) fn new(
        strata: Strata,
        sorter: ExternalSorter<LEFT_OUT_BYTES>,
        session: &'task Session,
    ) -> Self {
        Self {
            strata,
            left_out: vec![0; 2],
            cut_off: f64::NAN,
            targets: Vec::new(),
            sorter,
            session,
        }
    }

    /// What shall be kept: an amount, or a share of the documents.
    pub(super) fn amount_or_share(&self, amount: Option<u64>, fraction: Option<f64>) -> f64 {
        let documents: u64 = self.strata.list().iter().map(|stratum| stratum.documents).sum();
        match (amount, fraction) {
            (Some(amount), _) => amount as f64,
            (None, share) => share.unwrap_or(1.0) * documents as f64,
        }
    }

    pub(super) fn keep(&mut self, candidate: &Candidate) {
        self.strata.keep(candidate.stratum, candidate.amount);
    }

    /// Asks for a stop where the caller wants one.
    pub(super) fn check(&self) -> Result<()> {
        self.session.check()
    }

    pub(super) fn leave_out(&mut self, left_out: &LeftOut) -> Result<()> {
        self.left_out[usize::from(left_out.rule)] += 1;
        if left_out.rule == BEYOND {
            self.cut_off = left_out.threshold;
        }
        Ok(self.sorter.push(&left_out.encode())?)
    }

    fn stratum(&self, number: u32) -> Stratum {
        self.strata
            .list()
            .get(number as usize)
            .cloned()
            .unwrap_or_default()
    }
}

/// Keeps a share of the documents of each stratum.
pub(super) fn sample_shares(
    mut candidates: impl SortedSource<CANDIDATE_BYTES>,
    share_of: impl Fn(&Stratum) -> f64,
    judged: &mut Judged<'_>,
) -> Result<()> {
    let mut of = PerStratum::default();
    let mut share = 0.0;
    while let Some(record) = candidates.next_record()? {
        judged.session.check()?;
        let candidate = Candidate::decode(record);
        if of.enter(candidate.stratum, judged) {
            share = share_of(&of.stratum);
        }
        of.rank += 1;
        let position = (of.rank as f64 - 0.5) / of.stratum.documents as f64;
        if position < share {
            judged.keep(&candidate);
        } else {
            judged.leave_out(&LeftOut {
                docref: candidate.docref,
                value: position,
                threshold: share,
                rank: of.rank,
                rule: BEYOND,
            })?;
        }
    }
    Ok(())
}

/// Keeps a total that is spread over strata by what they amount to.
///
/// All documents are put in one order by their position in their stratum, the middle of what they take of it from 0 to 1,
/// and a prefix stays: so each stratum keeps its share within a document, and a smaller total is part of a larger one,
/// which rounding shares to quotas would not give.
pub(super) fn sample_amount(
    mut candidates: impl SortedSource<CANDIDATE_BYTES>,
    amount: u64,
    mut across: ExternalSorter<CANDIDATE_BYTES>,
    judged: &mut Judged<'_>,
) -> Result<()> {
    let mut of = PerStratum::default();
    while let Some(record) = candidates.next_record()? {
        judged.session.check()?;
        let mut candidate = Candidate::decode(record);
        of.enter(candidate.stratum, judged);
        // Positive numbers sort as their bits do.
        candidate.order = of.position(candidate.amount).to_bits();
        across.push(&candidate.encode_across())?;
    }
    let mut across = across.finish_unless(&|| judged.session.is_cancelled())?;
    let mut budget = Budget::new(amount as f64);
    let (mut rank, mut last) = (0, 0.0);
    while let Some(record) = across.next_record()? {
        judged.session.check()?;
        let candidate = Candidate::decode_across(record);
        let position = f64::from_bits(candidate.order);
        rank += 1;
        if budget.takes(candidate.amount) {
            last = position;
            judged.keep(&candidate);
        } else {
            judged.leave_out(&LeftOut {
                docref: candidate.docref,
                value: position,
                threshold: last,
                rank,
                rule: BEYOND,
            })?;
        }
    }
    Ok(())
}

/// Brings strata to target shares.
pub(super) fn mix(
    mut candidates: impl SortedSource<CANDIDATE_BYTES>,
    target: &MixTarget,
    judged: &mut Judged<'_>,
) -> Result<()> {
    judged.targets = targets(target, judged.strata.list())?;
    let mut of = PerStratum::default();
    let mut budget = Budget::new(0.0);
    while let Some(record) = candidates.next_record()? {
        judged.session.check()?;
        let candidate = Candidate::decode(record);
        if of.enter(candidate.stratum, judged) {
            let target = judged.targets.get(candidate.stratum as usize).copied();
            budget = Budget::new(target.unwrap_or(0.0));
        }
        of.rank += 1;
        let position = of.position(candidate.amount);
        if budget.takes(candidate.amount) {
            judged.keep(&candidate);
        } else {
            let share = budget.target / of.stratum.amount as f64;
            judged.leave_out(&LeftOut {
                docref: candidate.docref,
                value: position,
                threshold: share,
                rank: of.rank,
                rule: BEYOND,
            })?;
        }
    }
    // Every stratum has a cut-off of its own.
    judged.cut_off = f64::NAN;
    Ok(())
}

/// The targets of a mixture, by number of the stratum.
fn targets(target: &MixTarget, strata: &[Stratum]) -> Result<Vec<f64>> {
    let sizes: Vec<u64> = strata.iter().map(|stratum| stratum.amount).collect();
    Ok(match target {
        MixTarget::Weights { weights, total } => {
            check_parts(weights, strata)?;
            let weights: Vec<f64> = strata.iter().map(|stratum| weight_of(weights, stratum)).collect();
            by_weights(&sizes, &weights, *total)
        }
        MixTarget::Temperature { temperature, total } => {
            by_weights(&sizes, &temperature_weights(&sizes, *temperature), *total)
        }
        MixTarget::Unimax { budget, max_epochs } => unimax(&sizes, *budget, *max_epochs),
    })
}

fn weight_of(weights: &BTreeMap<String, f64>, stratum: &Stratum) -> f64 {
    let name = stratum.name.as_ref();
    name.and_then(|name| weights.get(name)).copied().unwrap_or(0.0)
}

fn check_parts(weights: &BTreeMap<String, f64>, strata: &[Stratum]) -> Result<()> {
    let is_empty = |name: &String| {
        !strata
            .iter()
            .any(|stratum| stratum.amount > 0 && stratum.name.as_ref() == Some(name))
    };
    let empty = weights
        .iter()
        .find(|&(name, &weight)| weight > 0.0 && is_empty(name));
    match empty {
        Some((name, _)) if !strata.is_empty() => Err(ChooseError::EmptyPart { name: name.clone() }.into()),
        _ => Ok(()),
    }
}

/// Keeps the first in the order of a score, as long as they bring something new.
pub(super) fn select(
    mut candidates: impl SortedSource<CANDIDATE_BYTES>,
    target: f64,
    is_highest_first: bool,
    mut novelty: Option<&mut Novelty<'_>>,
    judged: &mut Judged<'_>,
) -> Result<()> {
    let mut budget = Budget::new(target);
    let (mut rank, mut last) = (0, f64::NAN);
    while let Some(record) = candidates.next_record()? {
        judged.session.check()?;
        let candidate = Candidate::decode(record);
        let score = score_at(candidate.order, is_highest_first);
        rank += 1;
        if let Some(novelty) = novelty.as_deref_mut().filter(|_| !budget.is_over) {
            let share = novelty.share_new(candidate.docref)?;
            if !novelty.is_enough(share) {
                judged.leave_out(&LeftOut {
                    docref: candidate.docref,
                    value: share,
                    threshold: novelty.min_new(),
                    rank,
                    rule: NOTHING_NEW,
                })?;
                continue;
            }
        }
        if budget.takes(candidate.amount) {
            if let Some(novelty) = novelty.as_deref_mut() {
                novelty.remember();
            }
            last = score;
            judged.keep(&candidate);
        } else {
            judged.leave_out(&LeftOut {
                docref: candidate.docref,
                value: score,
                threshold: last,
                rank,
                rule: BEYOND,
            })?;
        }
    }
    Ok(())
}

/// Walks through candidates stratum by stratum.
#[derive(Default)]
struct PerStratum {
    number: Option<u32>,
    stratum: Stratum,
    rank: u64,
    before: u64,
}

impl PerStratum {
    /// Says whether a new stratum begins.
    fn enter(&mut self, number: u32, judged: &Judged<'_>) -> bool {
        if self.number == Some(number) {
            return false;
        }
        *self = Self {
            number: Some(number),
            stratum: judged.stratum(number),
            ..Self::default()
        };
        true
    }

    /// Where the middle of the next document lies in what the stratum amounts to, in [0, 1].
    fn position(&mut self, amount: u32) -> f64 {
        let middle = self.before as f64 + f64::from(amount) / 2.0;
        self.before += u64::from(amount);
        if self.stratum.amount == 0 {
            0.5
        } else {
            middle / self.stratum.amount as f64
        }
    }
}
