//! One pass over bits and columns: which documents other thresholds would keep.
//!
//! Parts are cut into ranges of rows that threads take one after the other. Memory: for each thread one batch of the
//! columns read and the metadata of one part, beside 2 bytes a document on disk where verdicts are wanted.

use std::fs::File;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use arrow_array::{Array, RecordBatch, UInt64Array};
use serde::{Deserialize, Serialize};

use super::examples::{Candidate, Example, Nearest};
use super::program::Program;
use super::rows::{BATCH_ROWS, Rows, VerdictFile, verdict_path};
use super::write::ChangesFile;
use crate::decide::{Threshold, mark_failures, word_column, words_for};
use crate::error::{EngineError, Result};
use crate::map::column::array_number;
use crate::task::Session;

/// Rows that a thread takes at a time: a whole number of full row groups.
const RANGE_ROWS: u64 = 16 * 65_536;

/// What is asked.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhatIfSpec {
    /// The tables of the run, in order.
    pub parts: Vec<Part>,
    /// Names of the sources, in plan order.
    pub sources: Vec<String>,
    /// Thresholds that the run applied, in order.
    pub before: Vec<Threshold>,
    /// Thresholds that would be applied, in order.
    pub after: Vec<Threshold>,
    /// Threads that read.
    pub threads: usize,
    /// Examples to show of each direction.
    pub num_examples: usize,
    /// Where all documents that change sides are written, as Parquet; this is done by one thread.
    pub write: Option<PathBuf>,
    /// Folder for the new verdicts, a file `<part>.bin` each, as the dedup passes read them.
    pub verdicts: Option<PathBuf>,
}

/// The tables of one partition.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Part {
    /// Its signals.
    pub signals: PathBuf,
    /// Its bits; none in a run that has none.
    pub decisions: Option<PathBuf>,
    /// Readable documents.
    pub rows: u64,
    /// Ordinal of its source.
    pub source: usize,
}

/// What the thresholds do to one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct SourceOutcome {
    /// Readable documents.
    pub documents: u64,
    /// Documents that pass every old threshold.
    pub passed_before: u64,
    /// Documents that pass every new threshold.
    pub passed_after: u64,
    /// Documents that each old threshold is the first one to drop.
    pub first_before: Vec<u64>,
    /// Documents that each new threshold is the first one to drop.
    pub first_after: Vec<u64>,
    /// Dropped before, kept after.
    pub enters: u64,
    /// Kept before, dropped after.
    pub leaves: u64,
}

impl SourceOutcome {
    fn add(&mut self, other: &Self) {
        let sum = |into: &mut Vec<u64>, from: &[u64]| {
            into.resize(from.len().max(into.len()), 0);
            into.iter_mut().zip(from).for_each(|(into, from)| *into += from);
        };
        self.documents += other.documents;
        self.passed_before += other.passed_before;
        self.passed_after += other.passed_after;
        sum(&mut self.first_before, &other.first_before);
        sum(&mut self.first_after, &other.first_after);
        self.enters += other.enters;
        self.leaves += other.leaves;
    }
}

/// The answer.
#[derive(Debug, Default, Serialize)]
pub struct Outcome {
    /// By source, in plan order.
    pub sources: Vec<SourceOutcome>,
    /// Examples of documents that would be kept, nearest to the limit first.
    pub enters: Vec<Example>,
    /// Examples of documents that would be dropped, nearest to the limit first.
    pub leaves: Vec<Example>,
}

/// A document that changes sides: the threshold that decides (an old one if it enters, a new one if it leaves), as an
/// atom, and what was measured.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) is_entering: bool,
    pub(super) atom: usize,
    pub(super) value: f64,
}

/// Answers. Cost: decoding a word of bits and the changed columns of every row.
///
/// # Errors
/// When a table cannot be read or has other rows than it should, or on cancellation.
pub fn what_if(spec: &WhatIfSpec, session: &Session) -> Result<Outcome> {
    let has_masks = spec.parts.iter().all(|part| part.decisions.is_some());
    let program = Program::new(&spec.before, &spec.after, has_masks);
    let scan = Scan {
        spec,
        program: &program,
        session,
        has_masks,
        has_values: spec.num_examples > 0 || spec.write.is_some(),
    };
    if let Some(folder) = &spec.verdicts {
        for (number, part) in spec.parts.iter().enumerate() {
            let path = verdict_path(folder, number);
            let file = File::create(&path).map_err(EngineError::io("create", &path))?;
            file.set_len(2 * part.rows)
                .map_err(EngineError::io("write", &path))?;
        }
    }
    let ranges: Vec<(usize, u64, u64)> = spec
        .parts
        .iter()
        .enumerate()
        .flat_map(|(number, part)| {
            (0..part.rows.div_ceil(RANGE_ROWS)).map(move |range| {
                let start = range * RANGE_ROWS;
                (number, start, part.rows.min(start + RANGE_ROWS))
            })
        })
        .collect();
    let mut found = if let Some(path) = &spec.write {
        let mut file = ChangesFile::create(path)?;
        let mut found = Found::new(spec);
        for &(part, start, end) in &ranges {
            scan.range(part, start, end, &mut found, Some(&mut file))?;
        }
        file.finish()?;
        found
    } else {
        in_parallel(spec, &ranges, |(part, start, end), found| {
            scan.range(part, start, end, found, None)
        })?
    };
    for source in &mut found.sources {
        source.first_before.resize(spec.before.len(), 0);
        source.first_after.resize(spec.after.len(), 0);
    }
    let limits = |change: Change| {
        let atom = &program.atoms[change.atom];
        let (before, after) = program.limits(change.atom);
        (atom.step.clone(), atom.rule.clone(), before, after)
    };
    Ok(Outcome {
        sources: found.sources,
        enters: found.enters.resolve(&spec.parts, limits)?,
        leaves: found.leaves.resolve(&spec.parts, limits)?,
    })
}

/// Lets threads take ranges until none is left, and adds up what they found; the sum does not depend on who took what.
fn in_parallel(
    spec: &WhatIfSpec,
    ranges: &[(usize, u64, u64)],
    work: impl Fn((usize, u64, u64), &mut Found) -> Result<()> + Sync,
) -> Result<Found> {
    let next = AtomicUsize::new(0);
    let take = || -> Result<Found> {
        let mut found = Found::new(spec);
        while let Some(&range) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
            work(range, &mut found).inspect_err(|_| next.store(ranges.len(), Ordering::Relaxed))?;
        }
        Ok(found)
    };
    let outcomes: Vec<Result<Found>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..spec.threads.max(1)).map(|_| scope.spawn(take)).collect();
        threads
            .into_iter()
            .map(|thread| {
                thread
                    .join()
                    .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            })
            .collect()
    });
    let mut sum = Found::new(spec);
    for outcome in outcomes {
        sum.merge(outcome?);
    }
    Ok(sum)
}

/// What one thread found.
struct Found {
    sources: Vec<SourceOutcome>,
    enters: Nearest,
    leaves: Nearest,
}

impl Found {
    fn new(spec: &WhatIfSpec) -> Self {
        Self {
            sources: vec![SourceOutcome::default(); spec.sources.len()],
            enters: Nearest::new(spec.num_examples),
            leaves: Nearest::new(spec.num_examples),
        }
    }

    fn merge(&mut self, other: Self) {
        for (into, from) in self.sources.iter_mut().zip(&other.sources) {
            into.add(from);
        }
        self.enters.merge(other.enters);
        self.leaves.merge(other.leaves);
    }
}

struct Scan<'spec> {
    spec: &'spec WhatIfSpec,
    program: &'spec Program,
    session: &'spec Session,
    has_masks: bool,
    has_values: bool,
}

impl Scan<'_> {
    /// Looks at rows `start..end` of a part.
    fn range(
        &self,
        number: usize,
        start: u64,
        end: u64,
        found: &mut Found,
        mut write: Option<&mut ChangesFile>,
    ) -> Result<()> {
        let (spec, program) = (self.spec, self.program);
        let part = &spec.parts[number];
        let mut names = program.columns(self.has_values);
        if write.is_some() {
            names.extend(["doc", "key", "id"]);
        }
        let mut signals = (!names.is_empty())
            .then(|| Rows::open(&part.signals, &names, start, end))
            .transpose()?;
        let word_names: Vec<String> = (0..words_for(program.num_before)).map(word_column).collect();
        let mut decisions = match &part.decisions {
            Some(path) if self.has_masks && !word_names.is_empty() => {
                let names: Vec<&str> = word_names.iter().map(String::as_str).collect();
                Some(Rows::open(path, &names, start, end)?)
            }
            _ => None,
        };
        let verdicts = spec
            .verdicts
            .as_deref()
            .map(|folder| VerdictFile::open(folder, number))
            .transpose()?;
        let mut block = Block::new(program);
        let mut tally = Tally::new(spec);
        let mut row = start;
        while row < end {
            self.session.check()?;
            let mut rows = usize::try_from(end - row).unwrap_or(BATCH_ROWS).min(BATCH_ROWS);
            for table in [&mut signals, &mut decisions].into_iter().flatten() {
                rows = table.available()?.min(rows);
            }
            let signals = signals.as_mut().map(|table| table.take(rows));
            let decisions = decisions.as_mut().map(|table| table.take(rows));
            block.fill(program, rows, signals.as_ref(), decisions.as_ref())?;
            let changes = tally.add(program, &block, rows);
            if self.has_values {
                let mut listed = Vec::with_capacity(changes.len());
                for &(at, is_entering, atom) in changes {
                    let value = signals
                        .as_ref()
                        .and_then(|batch| batch.column_by_name(&program.atoms[atom].column))
                        .and_then(|column| array_number(column, at))
                        .unwrap_or(f64::NAN);
                    let change = Change {
                        is_entering,
                        atom,
                        value,
                    };
                    let (before, after) = program.limits(atom);
                    let limit = after.or(before).unwrap_or(0.0);
                    let side = if is_entering {
                        &mut found.enters
                    } else {
                        &mut found.leaves
                    };
                    side.offer(Candidate::new(change, number, row + at as u64, limit));
                    listed.push((at, change));
                }
                if let (Some(file), Some(batch)) = (&mut write, &signals) {
                    file.append(&spec.sources[part.source], batch, &listed, program)?;
                }
            }
            if let Some(file) = &verdicts {
                file.write(row, &tally.verdicts)?;
            }
            row += rows as u64;
        }
        found.sources[part.source].add(&tally.outcome);
        Ok(())
    }
}

/// The bits of some rows, atom by atom, words of a row together.
struct Block {
    words: Vec<Vec<u64>>,
}

impl Block {
    fn new(program: &Program) -> Self {
        Self {
            words: vec![vec![0; BATCH_ROWS]; program.num_words()],
        }
    }

    /// Takes the known bits and computes the others.
    fn fill(
        &mut self,
        program: &Program,
        rows: usize,
        signals: Option<&RecordBatch>,
        decisions: Option<&RecordBatch>,
    ) -> Result<()> {
        for (number, word) in self.words.iter_mut().enumerate() {
            let known = decisions.and_then(|batch| batch.column_by_name(&word_column(number)));
            match known.and_then(|column| column.as_any().downcast_ref::<UInt64Array>()) {
                Some(bits) => word[..rows].copy_from_slice(bits.values()),
                None => word[..rows].fill(0),
            }
        }
        if let Some(batch) = signals {
            let computed = program.computed.iter().map(|&atom| (atom, &program.atoms[atom]));
            mark_failures(computed, batch, &mut self.words, |_, _| ())?;
        }
        Ok(())
    }
}

/// Counts of one range, and what its last rows were found to be.
struct Tally {
    outcome: SourceOutcome,
    verdicts: Vec<u16>,
    changes: Vec<(usize, bool, usize)>,
    atoms: Vec<u64>,
    new: Vec<u64>,
    has_verdicts: bool,
    has_changes: bool,
}

impl Tally {
    fn new(spec: &WhatIfSpec) -> Self {
        Self {
            outcome: SourceOutcome {
                first_before: vec![0; spec.before.len()],
                first_after: vec![0; spec.after.len()],
                ..SourceOutcome::default()
            },
            verdicts: Vec::new(),
            changes: Vec::new(),
            atoms: Vec::new(),
            new: vec![0; words_for(spec.after.len())],
            has_verdicts: spec.verdicts.is_some(),
            has_changes: spec.num_examples > 0 || spec.write.is_some(),
        }
    }

    /// Counts rows and returns those that change sides: row, direction, deciding atom.
    fn add(&mut self, program: &Program, block: &Block, rows: usize) -> &[(usize, bool, usize)] {
        self.verdicts.clear();
        self.changes.clear();
        self.outcome.documents += rows as u64;
        for row in 0..rows {
            self.atoms.clear();
            self.atoms.extend(block.words.iter().map(|word| word[row]));
            if self.atoms.iter().all(|&word| word == 0) {
                self.outcome.passed_before += 1;
                self.outcome.passed_after += 1;
                if self.has_verdicts {
                    self.verdicts.push(0);
                }
                continue;
            }
            let before = program.first_before(&self.atoms);
            let after = program.first_after(&self.atoms, &mut self.new);
            match before {
                Some(first) => self.outcome.first_before[first] += 1,
                None => self.outcome.passed_before += 1,
            }
            match after {
                Some(first) => self.outcome.first_after[first] += 1,
                None => self.outcome.passed_after += 1,
            }
            let change = match (before, after) {
                (Some(first), None) => {
                    self.outcome.enters += 1;
                    Some((row, true, first))
                }
                (None, Some(first)) => {
                    self.outcome.leaves += 1;
                    Some((row, false, program.after[first]))
                }
                _ => None,
            };
            if self.has_changes {
                self.changes.extend(change);
            }
            if self.has_verdicts {
                self.verdicts.push(after.map_or(0, |first| first as u16 + 1));
            }
        }
        &self.changes
    }
}
