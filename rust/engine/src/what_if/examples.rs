//! A few documents that change sides, those nearest to the new limit first.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::scan::{Change, Part};
use super::write::{Identity, identities};
use crate::error::Result;

/// A document that changes sides, and why.
#[derive(Debug, Clone, Serialize)]
pub struct Example {
    /// Its number in the run.
    pub doc: u64,
    /// Its key as hexadecimal digits.
    pub key: String,
    /// What its source calls it.
    pub id: Option<String>,
    /// Ordinal of its source.
    pub source: usize,
    /// Step of the rule that decides.
    pub step: String,
    /// The rule.
    pub rule: String,
    /// What was measured.
    pub value: f64,
    /// The limit that the run applied, if it did.
    pub before: Option<f64>,
    /// The limit that would be applied, if one would be.
    pub after: Option<f64>,
}

/// A change with its place: part and row.
#[derive(Debug, Clone, Copy)]
pub(super) struct Candidate {
    distance: f64,
    part: usize,
    row: u64,
    pub(super) change: Change,
}

impl Candidate {
    pub(super) fn new(change: Change, part: usize, row: u64, limit: f64) -> Self {
        let scale = if limit == 0.0 { 1.0 } else { limit.abs() };
        Self {
            distance: (change.value - limit).abs() / scale,
            part,
            row,
            change,
        }
    }

    fn compare(&self, other: &Self) -> Ordering {
        self.distance
            .total_cmp(&other.distance)
            .then((self.part, self.row).cmp(&(other.part, other.row)))
    }
}

/// The nearest candidates of one direction, at most `limit`.
#[derive(Debug, Clone)]
pub(super) struct Nearest {
    limit: usize,
    found: Vec<Candidate>,
}

impl Nearest {
    pub(super) fn new(limit: usize) -> Self {
        Self {
            limit,
            found: Vec::new(),
        }
    }

    pub(super) fn offer(&mut self, candidate: Candidate) {
        if self.limit == 0 {
            return;
        }
        if self.found.len() == self.limit
            && self
                .found
                .last()
                .is_some_and(|last| last.compare(&candidate).is_le())
        {
            return;
        }
        let at = self
            .found
            .partition_point(|known| known.compare(&candidate).is_lt());
        self.found.insert(at, candidate);
        self.found.truncate(self.limit);
    }

    pub(super) fn merge(&mut self, other: Self) {
        for candidate in other.found {
            self.offer(candidate);
        }
    }

    /// Looks up who the candidates are.
    pub(super) fn resolve(
        self,
        parts: &[Part],
        limits: impl Fn(Change) -> (String, String, Option<f64>, Option<f64>),
    ) -> Result<Vec<Example>> {
        let mut rows: BTreeMap<usize, Vec<u64>> = BTreeMap::new();
        for candidate in &self.found {
            rows.entry(candidate.part).or_default().push(candidate.row);
        }
        let mut known: BTreeMap<(usize, u64), Identity> = BTreeMap::new();
        for (part, mut rows) in rows {
            rows.sort_unstable();
            let found = identities(&parts[part].signals, &rows)?;
            known.extend(rows.into_iter().map(|row| (part, row)).zip(found));
        }
        let example = |candidate: &Candidate| {
            let identity = known
                .get(&(candidate.part, candidate.row))
                .cloned()
                .unwrap_or_default();
            let (step, rule, before, after) = limits(candidate.change);
            Example {
                doc: identity.doc,
                key: identity.key,
                id: identity.id,
                source: parts[candidate.part].source,
                step,
                rule,
                value: candidate.change.value,
                before,
                after,
            }
        };
        Ok(self.found.iter().map(example).collect())
    }
}
